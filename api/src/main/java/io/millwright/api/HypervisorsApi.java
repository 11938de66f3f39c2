package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Places where virtual machines run. */
@RestController
@RequestMapping("/api/v1/projects/{project}/hypervisors")
@Tag(name = "hypervisors", description = "Places where virtual machines run.")
final class HypervisorsApi extends Collection {
  HypervisorsApi(Backend backend, LiveStreams live) {
    super(Kind.HYPERVISOR, backend, live);
  }
}

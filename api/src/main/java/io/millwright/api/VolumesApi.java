package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Data disks with a life of their own. */
@RestController
@RequestMapping("/api/v1/projects/{project}/volumes")
@Tag(name = "volumes", description = "Data disks with a life of their own.")
final class VolumesApi extends Collection {
  VolumesApi(Backend backend, LiveStreams live) {
    super(Kind.VOLUME, backend, live);
  }
}

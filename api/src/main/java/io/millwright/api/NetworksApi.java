package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Layer-2 segments and the address ranges in them. */
@RestController
@RequestMapping("/api/v1/projects/{project}/networks")
@Tag(name = "networks", description = "Layer-2 segments and the address ranges in them.")
final class NetworksApi extends Collection {
  NetworksApi(Backend backend, OnceOnly once, LiveStreams live) {
    super(Kind.NETWORK, backend, once, live);
  }
}

package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shapes of machines. */
@RestController
@RequestMapping("/api/v1/projects/{project}/sizes")
@Tag(name = "sizes", description = "Shapes of machines.")
final class SizesApi extends Collection {
  SizesApi(Backend backend, LiveStreams live) {
    super(Kind.SIZE, backend, live);
  }
}

package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Operating system releases that machines can have. */
@RestController
@RequestMapping("/api/v1/projects/{project}/images")
@Tag(name = "images", description = "Operating system releases that machines can have.")
final class ImagesApi extends Collection {
  ImagesApi(Backend backend, OnceOnly once, LiveStreams live) {
    super(Kind.IMAGE, backend, once, live);
  }
}

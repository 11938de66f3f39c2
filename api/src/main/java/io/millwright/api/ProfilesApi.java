package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Named layers of customisation. */
@RestController
@RequestMapping("/api/v1/projects/{project}/profiles")
@Tag(name = "profiles", description = "Named layers of customisation.")
final class ProfilesApi extends Collection {
  ProfilesApi(Backend backend, LiveStreams live) {
    super(Kind.PROFILE, backend, live);
  }
}

package io.millwright.api;

import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** What machines' system disks were. */
@RestController
@RequestMapping("/api/v1/projects/{project}/snapshots")
@Tag(name = "snapshots", description = "What machines' system disks were at one moment.")
final class SnapshotsApi extends Collection {
  SnapshotsApi(Backend backend, OnceOnly once, LiveStreams live) {
    super(Kind.SNAPSHOT, backend, once, live);
  }
}

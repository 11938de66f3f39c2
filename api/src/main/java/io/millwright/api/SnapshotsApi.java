package io.millwright.api;

import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Snapshots;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** What machines' system disks were. */
@RestController
@RequestMapping("/api/v1/projects/{project}/snapshots")
@Tag(name = "snapshots", description = "What machines' system disks were at one moment.")
final class SnapshotsApi extends Collection {
  SnapshotsApi(Backend backend, LiveStreams live) {
    super(Kind.SNAPSHOT, backend, live);
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    String wanted =
        Snapshots.keptFor(tx, found.as(SnapshotSpec.class, SnapshotStatus.class)).orElse("");
    return super.actions(tx, found).stream()
        .map(a ->
            a.allowed() && a.action().equals("delete")
                ? new ActionView(a.action(), wanted.isEmpty(), wanted)
                : a)
        .toList();
  }
}

package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Orphans.What;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.engine.request.Apply;
import io.millwright.model.ByteSize;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Objects with our mark to which nothing declared belongs. */
@RestController
@RequestMapping("/api/v1/orphans")
@Tag(name = "orphans", description = "Objects on hypervisors to which nothing declared belongs.")
final class OrphansApi {

  private final Backend backend;
  private final LiveStreams live;

  OrphansApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  /**
   * One object.
   *
   * @param hypervisor where it is
   * @param object its name there; of a machine its uid
   * @param uid in its mark
   * @param size of a disk
   * @param foundAt when it was listed first
   * @param objection why it cannot be purged yet; left out if it can
   */
  record OrphanView(
      String hypervisor,
      String object,
      What what,
      UUID uid,
      @Nullable ByteSize size,
      Instant foundAt,
      @Nullable String objection) {
    static OrphanView of(Sweep.Finding f) {
      return new OrphanView(
          f.hypervisor(),
          f.orphan().object(),
          f.orphan().what(),
          f.orphan().uid(),
          f.orphan().size(),
          f.orphan().foundAt(),
          f.objection());
    }
  }

  /** All of them. */
  record OrphansView(List<OrphanView> items) {}

  @Operation(
      operationId = "listOrphans",
      summary = "Lists objects with our mark to which nothing declared belongs",
      description =
          "Also what a purge would do: what has no objection can be purged. What a deleted machine"
              + " left is not here, because it is taken away by itself. "
              + Watched.DESCRIPTION)
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @GetMapping
  OrphansView list() {
    return new OrphansView(backend.engine().sweep().list().stream().map(OrphanView::of).toList());
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response,
        () -> list().items(),
        orphan -> orphan.hypervisor() + " " + orphan.object(),
        lastEventId);
  }

  @Operation(
      operationId = "purgeOrphan",
      summary = "Takes an orphan away for ever",
      description =
          "Only what was in two complete listings, and without an owner for ten minutes. A data"
              + " disk is put into quarantine for seven days.")
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @Again(refused = "it is done outside of the database, and a second one finds nothing")
  @PostMapping("/{name}:purge")
  ResponseEntity<Void> purge(@PathVariable String name, Principal who) {
    backend.engine().sweep().purge(Callers.now(), name);
    return ResponseEntity.noContent().build();
  }

  @Operation(
      operationId = "adoptOrphan",
      summary = "Makes a data disk that nobody has a Volume",
      description = "With all that is on it.")
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @PostMapping("/{name}:adopt")
  ResponseEntity<byte[]> adopt(
      @PathVariable String name,
      @Parameter(description = "the Volume's name") @RequestParam(name = "as") String as,
      @Parameter(description = "the Volume's project")
          @RequestParam(defaultValue = Apply.DEFAULT_PROJECT)
          String project,
      Once once) {
    Caller caller = Callers.now();
    return once.answer(
        tx -> Answer.accepted(backend.engine().sweep().adopt(tx, caller, name, project, as)));
  }
}

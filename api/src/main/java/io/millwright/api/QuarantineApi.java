package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Quarantine;
import io.millwright.model.ByteSize;
import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
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

/** Volumes that were deleted, and whose disks are kept for a while. */
@RestController
@RequestMapping("/api/v1/projects/{project}/quarantine")
@Tag(name = "quarantine", description = "Deleted volumes whose disks are kept for a while.")
final class QuarantineApi {

  private final Backend backend;
  private final LiveStreams live;

  QuarantineApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  /**
   * A deleted volume.
   *
   * @param hypervisor where its disk is
   * @param disk object name of its disk
   * @param since when it was deleted
   * @param until when its disk is deleted, too
   * @param emptying true if its disk is being deleted, so that it cannot be restored any more
   */
  record QuarantinedVolumeView(
      String project,
      String name,
      UUID uid,
      ByteSize size,
      String hypervisor,
      String disk,
      Instant since,
      Instant until,
      boolean emptying) {
    static QuarantinedVolumeView of(Quarantine.Entry e) {
      return new QuarantinedVolumeView(
          e.volume().project(),
          e.volume().name(),
          e.uid(),
          e.volume().spec().size(),
          e.volume().spec().hypervisor(),
          e.disk(),
          e.since(),
          e.until(),
          e.emptying());
    }
  }

  /** All of them, the oldest first. */
  record QuarantineView(List<QuarantinedVolumeView> items) {}

  @Operation(
      operationId = "listQuarantine",
      summary = "Lists deleted volumes whose disks are kept",
      description = "The project `-` stands for all. " + Watched.DESCRIPTION)
  @Needs(value = Verb.VIEW, of = Kind.VOLUME, where = Needs.Where.PROJECTS)
  @GetMapping
  QuarantineView list(@PathVariable String project) {
    return new QuarantineView(
        backend.engine().restore().list(Inputs.projectOrAll(project)).stream()
            .filter(e -> Callers.sees(e.volume().project()))
            .map(QuarantinedVolumeView::of)
            .toList());
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, of = Kind.VOLUME, where = Needs.Where.PROJECTS)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @PathVariable String project,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response, () -> list(project).items(), volume -> volume.uid().toString(), lastEventId);
  }

  @Operation(
      operationId = "restoreVolume",
      summary = "Takes a deleted volume out of quarantine",
      description =
          "It is declared again as it was, with the same uid, serial and disk. The name may also be"
              + " its uid, where several of a name were deleted.")
  @Needs(value = Verb.OPERATE, of = Kind.VOLUME)
  @PostMapping("/{name}:restore")
  ResponseEntity<byte[]> restore(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "the name that it gets; the one that it had if not given")
          @RequestParam(name = "as", required = false)
          @Nullable String as,
      Once once) {
    Caller caller = Callers.now();
    return once.answer(
        tx -> Answer.accepted(backend.engine().restore().restore(tx, caller, project, name, as)));
  }
}

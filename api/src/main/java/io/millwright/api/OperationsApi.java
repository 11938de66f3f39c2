package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Operations.LogLine;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** The records of work. */
@RestController
@RequestMapping("/api/v1/operations")
@Tag(name = "operations", description = "The records of work.")
final class OperationsApi {
  /** Log lines have no bell of their own. */
  private static final Duration LOG_INTERVAL = Duration.ofMillis(500);

  /** So many of these make one keep-alive. */
  private static final int QUIET_ROUNDS = 30;

  private static final int LOG_BATCH = 500;

  private static final List<String> STATES =
      Stream.concat(
              Arrays.stream(OperationView.State.values()).map(Json::word),
              Stream.of(Operations.OPEN))
          .toList();

  private final Backend backend;
  private final LiveStreams live;

  OperationsApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  static String location(UUID uid) {
    return "/api/v1/operations/" + uid;
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "listOperations",
      summary = "Lists operations, newest first",
      description =
          Watched.DESCRIPTION
              + " With a limit, a watch begins with the newest ones only. One that got into another"
              + " state than the one asked for is `deleted`.")
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping
  OperationView.ListView list(
      @RequestParam(required = false) @Nullable String project,
      @Parameter(description = "of the target, such as Machine") @RequestParam(required = false)
          @Nullable String kind,
      @Parameter(description = "of the target") @RequestParam(required = false)
          @Nullable String name,
      @Parameter(
              description =
                  "pending, running, waiting, undoing, succeeded, failed, cancelled or superseded;"
                      + " or open for all that have not ended")
          @RequestParam(required = false)
          @Nullable String state,
      @Parameter(description = Inputs.WORDS) @RequestParam(required = false) @Nullable String q,
      @RequestParam(defaultValue = "100") int limit,
      @RequestParam(required = false) @Nullable String cursor) {
    Operations.Query query =
        new Operations.Query(
            project == null ? null : Inputs.projectOrAll(project),
            Inputs.kind(kind),
            name,
            Inputs.word("state", state, STATES),
            null,
            Inputs.limit(limit),
            cursor,
            Callers.visible(),
            Inputs.words(q));
    return OperationView.ListView.of(backend.store().read(tx -> tx.operations().list(query)));
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @RequestParam(required = false) @Nullable String project,
      @RequestParam(required = false) @Nullable String kind,
      @RequestParam(required = false) @Nullable String name,
      @RequestParam(required = false) @Nullable String state,
      @RequestParam(required = false) @Nullable Integer limit,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response,
        backend.store(),
        new Watched.OfWork(
            project == null ? null : Inputs.projectOrAll(project),
            Inputs.kind(kind),
            name,
            Inputs.word("state", state, STATES),
            Callers.visible(),
            limit == null ? null : Inputs.limit(limit)),
        lastEventId);
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "getOperation",
      summary = "Shows an operation",
      description =
          "As text/event-stream: `operation` events with the operation whenever it changes, and"
              + " `log` events with a line each; ends after the operation has. Last-Event-ID skips"
              + " log lines that were seen already.")
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping("/{uid}")
  OperationView get(@PathVariable UUID uid) {
    return OperationView.of(find(uid));
  }

  /** Tells how an operation goes on. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping(path = "/{uid}", produces = TEXT_EVENT_STREAM_VALUE)
  void follow(
      @PathVariable UUID uid,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    long seen = seq(LiveStreams.cursor(lastEventId));
    find(uid);
    live.serve(
        response,
        entry -> entry.kind() == null && entry.uid().equals(uid),
        stream -> tell(stream, uid, seen));
  }

  private record Seen(OperationView operation, List<LogLine> lines) {}

  private void tell(LiveStreams.Stream stream, UUID uid, long from)
      throws IOException, InterruptedException {
    long seq = from;
    OperationView shown = null;
    int quiet = 0;
    while (!stream.ended()) {
      long after = seq;
      Seen seen =
          backend
              .store()
              .read(tx ->
                  new Seen(
                      OperationView.of(tx.operations().find(uid).orElseThrow(() -> none(uid))),
                      tx.operations().logs(uid, after, LOG_BATCH)));
      boolean news = !seen.lines().isEmpty() || !seen.operation().equals(shown);
      if (news && !stream.inForce()) {
        return;
      }
      boolean more = seen.lines().size() == LOG_BATCH;
      for (LogLine line : seen.lines()) {
        stream.send("log", Long.toString(line.seq()), OperationView.LineView.of(line));
        seq = line.seq();
      }
      // The end comes behind the last line, so that who stops reading there has all lines.
      if (!seen.operation().equals(shown) && !(more && ended(seen.operation()))) {
        shown = seen.operation();
        stream.send("operation", null, shown);
        quiet = 0;
      }
      if (more) {
        continue;
      }
      if (ended(seen.operation())) {
        return;
      }
      quiet = seen.lines().isEmpty() ? quiet + 1 : 0;
      if (quiet >= QUIET_ROUNDS) {
        quiet = 0;
        if (!stream.inForce()) {
          return;
        }
        stream.keepAlive();
      }
      stream.await(LOG_INTERVAL);
    }
  }

  private static boolean ended(OperationView operation) {
    return switch (operation.status().state()) {
      case PENDING, RUNNING, WAITING, UNDOING -> false;
      case SUCCEEDED, FAILED, CANCELLED, SUPERSEDED -> true;
    };
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "getOperationLog",
      summary = "Shows what the steps of an operation said")
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping("/{uid}/logs")
  OperationView.LogView logs(
      @PathVariable UUID uid,
      @Parameter(description = "number of the last line that was read")
          @RequestParam(defaultValue = "0")
          long after,
      @RequestParam(defaultValue = "1000") int limit) {
    Inputs.limit(limit);
    List<LogLine> lines =
        backend
            .store()
            .read(tx -> {
              Operation of = visible(tx.operations().find(uid), uid);
              return tx.operations().logs(of.uid(), after, limit);
            });
    return new OperationView.LogView(
        lines.stream().map(OperationView.LineView::of).toList(),
        lines.isEmpty() ? after : lines.getLast().seq());
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "cancelOperation",
      summary = "Asks an operation to stop",
      description = "What it had begun is undone; that is done when the operation has ended.")
  @Needs(value = Verb.OPERATE, where = Needs.Where.HANDLER)
  @PostMapping("/{uid}:cancel")
  ResponseEntity<byte[]> cancel(@PathVariable UUID uid, Once once) {
    return once.answer(tx -> {
      Operation of = visible(tx.operations().find(uid), uid);
      Callers.require(Verb.OPERATE, of.target().kind(), of.project(), () -> none(uid));
      return Answer.accepted(backend.engine().cancel().cancel(tx, uid));
    });
  }

  private Operation find(UUID uid) {
    return visible(backend.store().read(tx -> tx.operations().find(uid)), uid);
  }

  /** What is in a project of which the caller may not know is not there. */
  private static Operation visible(Optional<Operation> found, UUID uid) {
    return found
        .filter(o -> Callers.allowed(Verb.VIEW, o.target().kind(), o.project()).allowed())
        .orElseThrow(() -> none(uid));
  }

  private static ProblemException none(UUID uid) {
    return ProblemException.of(Problem.Type.NOT_FOUND, "there is no operation " + uid);
  }

  private static long seq(@Nullable String lastEventId) {
    if (lastEventId == null) {
      return 0;
    }
    if (!lastEventId.matches("[0-9]{1,18}")) {
      throw ProblemException.invalid("Last-Event-ID", "must be the id of a log event");
    }
    return Long.parseLong(lastEventId);
  }
}

package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Journal.Entry;
import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What happened, for people. */
@RestController
@RequestMapping("/api/v1/projects/{project}/events")
@Tag(name = "events", description = "What happened, for people.")
final class EventsApi {
  private static final int BATCH = 500;

  private final Backend backend;
  private final LiveStreams live;

  EventsApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  /**
   * Something that happened.
   *
   * @param cursor its place, to resume behind it
   * @param kind of the resource; left out for operations and for acts
   * @param project where; empty for an act that is in none
   * @param name of the resource or operation; empty for a change that says only that somebody did
   *     something: of people, roles, tokens, sessions, limits and prices nothing else is told
   * @param reason one word in CamelCase, for programs
   * @param message one sentence, for people
   */
  record EventView(
      String cursor,
      Instant at,
      @Nullable Kind kind,
      String project,
      String name,
      String reason,
      String message) {
    static EventView of(Entry e) {
      return new EventView(
          e.cursor(), e.at(), e.kind(), e.project(), e.name(), e.reason(), e.message());
    }
  }

  /**
   * The last events, oldest first.
   *
   * @param next to be given as {@code before} for those that were before; left out at the beginning
   */
  record ListView(List<EventView> items, @Nullable String next) {}

  @Operation(
      operationId = "listEvents",
      summary = "Lists what happened last, oldest first",
      description =
          "As text/event-stream: `event` events, first the last ones, then each as it happens; with"
              + " Last-Event-ID only those behind it.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping
  ListView list(
      @PathVariable String project,
      @Parameter(description = "of the resource, such as Machine") @RequestParam(required = false)
          @Nullable String kind,
      @Parameter(description = "of the resource") @RequestParam(required = false)
          @Nullable String name,
      @Parameter(
              description =
                  "true to be told by a stream of every change, also of those that are not worth a"
                      + " sentence; a listing does not have these")
          @RequestParam(defaultValue = "false")
          boolean changes,
      @Parameter(description = Inputs.WORDS) @RequestParam(required = false) @Nullable String q,
      @RequestParam(defaultValue = "100") int limit,
      @Parameter(description = "cursor of an event: only what was before it")
          @RequestParam(required = false)
          @Nullable String before) {
    String in = Inputs.projectOrAll(project);
    Kind of = Inputs.kind(kind);
    List<String> words = Inputs.words(q);
    Inputs.limit(limit);
    Set<String> among = Callers.visible();
    List<Entry> found =
        backend.store().read(tx -> tx.journal().told(in, of, name, words, limit, among, before));
    return new ListView(
        found.stream().map(EventView::of).toList(),
        found.size() < limit ? null : found.getFirst().cursor());
  }

  /** Tells what happened, and then what happens. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void follow(
      @PathVariable String project,
      @RequestParam(required = false) @Nullable String kind,
      @RequestParam(required = false) @Nullable String name,
      @RequestParam(defaultValue = "false") boolean changes,
      @RequestParam(defaultValue = "100") int limit,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    Filter filter =
        new Filter(
            Inputs.projectOrAll(project),
            Inputs.kind(kind),
            name,
            changes,
            Callers.visible(),
            Callers.now().account());
    Inputs.limit(limit);
    live.serve(
        response,
        filter::takes,
        stream -> tell(stream, filter, limit, LiveStreams.cursor(lastEventId)));
  }

  private record Filter(
      @Nullable String project,
      @Nullable Kind kind,
      @Nullable String name,
      boolean changes,
      @Nullable Set<String> among,
      @Nullable UUID account) {
    boolean takes(Entry e) {
      return (changes || !e.message().isEmpty())
          && (project == null || project.equals(e.project()))
          && (among == null || among.contains(e.project()) || isMine(e))
          && (kind == null || kind == e.kind())
          && (name == null || name.equals(e.name()));
    }

    /** What is in no project is for those who may see all of them, and for whose it is. */
    private boolean isMine(Entry e) {
      return e.project().isEmpty()
          && (e.uid().equals(account) || e.uid().equals(Journal.OF_EVERYBODY));
    }
  }

  private void tell(LiveStreams.Stream stream, Filter filter, int limit, @Nullable String since)
      throws IOException, InterruptedException {
    String cursor;
    Set<String> told = new HashSet<>();
    if (since == null) {
      String head = backend.store().read(tx -> tx.journal().head());
      List<Entry> last =
          backend
              .store()
              .read(tx ->
                  tx.journal()
                      .told(
                          filter.project(),
                          filter.kind(),
                          filter.name(),
                          List.of(),
                          limit,
                          filter.among(),
                          null));
      for (int i = 0; i < last.size(); i++) {
        // They stand by their time. Whoever resumed behind one of them would miss what an older
        // transaction, which ends later, had to tell; so only behind all of them.
        stream.send("event", i == last.size() - 1 ? head : null, EventView.of(last.get(i)));
        told.add(last.get(i).cursor());
      }
      cursor = head;
    } else {
      cursor = since;
    }
    while (!stream.ended()) {
      String behind = cursor;
      List<Entry> lines = backend.store().read(tx -> tx.journal().after(behind, BATCH));
      stream.begin();
      for (Entry e : lines) {
        if (filter.takes(e) && !told.remove(e.cursor())) {
          stream.send("event", e.cursor(), EventView.of(e));
        }
      }
      cursor = LiveStreams.end(lines, behind);
      if (lines.size() < BATCH ? !stream.await() : !stream.inForce()) {
        return;
      }
    }
  }
}

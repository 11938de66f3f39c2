package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Missing;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Hidden;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;

/** What the collections of all kinds have in common. */
abstract class Collection {
  /** What a body is called in messages. */
  static final String SOURCE = "the request's body";

  final Backend backend;
  private final Kind kind;
  private final LiveStreams live;

  Collection(Kind kind, Backend backend, LiveStreams live) {
    this.kind = kind;
    this.backend = backend;
    this.live = live;
  }

  Kind kind() {
    return kind;
  }

  /** Lists. */
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping
  ResourceView.ListView list(
      @PathVariable String project,
      @RequestParam(required = false) @Nullable String labelSelector,
      @RequestParam(required = false) @Nullable String fieldSelector,
      @RequestParam(defaultValue = "100") int limit,
      @RequestParam(required = false) @Nullable String cursor) {
    Resources.Query query =
        new Resources.Query(
            kind,
            Inputs.projectOrAll(project),
            labels(labelSelector),
            Inputs.fields(fieldSelector),
            Inputs.limit(limit),
            cursor,
            Callers.visible());
    return ResourceView.ListView.of(kind, backend.store().read(tx -> tx.resources().list(query)));
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @PathVariable String project,
      @RequestParam(required = false) @Nullable String labelSelector,
      @RequestParam(required = false) @Nullable String fieldSelector,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response,
        backend.store(),
        new Watched.OfKind(
            kind,
            Inputs.projectOrAll(project),
            labels(labelSelector),
            Inputs.fields(fieldSelector),
            Callers.visible()),
        lastEventId);
  }

  /** Declares a new one. */
  @Needs(Verb.DECLARE)
  @PostMapping
  ResponseEntity<byte[]> create(@PathVariable String project, @RequestBody Body body, Once once) {
    Caller caller = Callers.now();
    Draft draft = draft(body, project, null);
    Acts.about(draft.name());
    Function<Tx, Answer> create =
        tx -> {
          Applied applied = apply(tx, caller, draft, new Apply.Expectation(true, null));
          Operation operation = applied.operation();
          return operation != null
              ? Answer.accepted(operation)
              : Answer.of(201, applied.resource())
                  .with(HttpHeaders.LOCATION, location(applied.resource()));
        };
    return once.answer(body, create);
  }

  /** Shows one. */
  @Needs(Verb.VIEW)
  @GetMapping("/{name}")
  ResponseEntity<ResourceView> get(
      @PathVariable String project,
      @PathVariable String name,
      @RequestHeader(name = HttpHeaders.IF_NONE_MATCH, required = false)
          @Nullable String ifNoneMatch) {
    Resource<?, ?> found = find(project, name);
    String etag = Precondition.etag(found);
    return new Precondition(null, ifNoneMatch).unchanged(found)
        ? ResponseEntity.status(304).eTag(etag).build()
        : ResponseEntity.ok().eTag(etag).body(ResourceView.of(found));
  }

  /** Declares one, new or not. */
  @Needs(Verb.DECLARE)
  @PutMapping("/{name}")
  ResponseEntity<byte[]> put(
      @PathVariable String project,
      @PathVariable String name,
      @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch,
      @RequestHeader(name = HttpHeaders.IF_NONE_MATCH, required = false)
          @Nullable String ifNoneMatch,
      @RequestBody Body body) {
    Draft draft = draft(body, project, name);
    Caller caller = Callers.now();
    Applied applied =
        provided(
            new Precondition(ifMatch, ifNoneMatch),
            project,
            name,
            tx -> apply(tx, caller, draft, Apply.Expectation.NONE));
    Operation operation = applied.operation();
    return (operation != null ? Answer.accepted(operation) : Answer.of(200, applied.resource()))
        .entity();
  }

  /** Has one go. */
  @Needs(Verb.DELETE)
  @DeleteMapping("/{name}")
  ResponseEntity<byte[]> delete(
      @PathVariable String project,
      @PathVariable String name,
      @RequestHeader(name = HttpHeaders.IF_MATCH, required = false) @Nullable String ifMatch) {
    Caller caller = Callers.now();
    Optional<Operation> operation =
        provided(
            new Precondition(ifMatch, null),
            project,
            name,
            tx -> backend.engine().delete().delete(tx, caller, kind, project, name, null));
    return operation.map(Answer::accepted).orElseGet(Answer::gone).entity();
  }

  /** Says what can be done with one. */
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/actions")
  ActionsView actions(@PathVariable String project, @PathVariable String name) {
    return backend.store().read(tx -> new ActionsView(actions(tx, find(tx, project, name))));
  }

  /** What can be done with this one, allowed or not; kinds that can do more add to it. */
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    String going = found.deleting() ? "it is being deleted" : "";
    return List.of(
        ActionView.of("change", Verb.DECLARE, found, going),
        ActionView.of("delete", Verb.DELETE, found, going));
  }

  Resource<?, ?> find(String project, String name) {
    return backend.store().read(tx -> find(tx, project, name));
  }

  Resource<?, ?> find(Tx tx, String project, String name) {
    return tx.resources()
        .find(kind, project, name)
        .orElseThrow(() -> Missing.of(tx, kind, project, name));
  }

  /** Does {@code act} if the resource is as expected, and nobody changes it in between. */
  private <R> R provided(Precondition expected, String project, String name, Function<Tx, R> act) {
    return backend
        .store()
        .inTransaction(tx -> {
          if (!expected.isNone()) {
            expected.require(kind + " " + name, tx.resources().lock(kind, project, name));
          }
          return act.apply(tx);
        });
  }

  private Applied apply(Tx tx, Caller caller, Draft draft, Apply.Expectation expected) {
    // The list has what follows from the change as well, such as restarts of other machines.
    return backend.engine().apply().apply(tx, caller, List.of(draft), expected).stream()
        .filter(a -> a.resource().kind() == kind && a.resource().name().equals(draft.name()))
        .findFirst()
        .orElseThrow();
  }

  private Draft draft(Body body, String project, @Nullable String name) {
    List<Draft> drafts = Manifests.parse(body.bytes(), SOURCE);
    Draft draft = drafts.getFirst();
    if (drafts.size() > 1) {
      throw ProblemException.invalid(
          "", SOURCE + " has " + drafts.size() + " resources; send one, or all to /api/v1/apply");
    }
    require(draft.kind() == kind, draft.field("kind"), "must be " + kind + " here");
    String given = draft.project();
    require(
        given == null || given.equals(project),
        draft.field("metadata.project"),
        "must be " + Names.quote(project) + " as in the path, or left out");
    require(
        name == null || draft.name().equals(name),
        draft.field("metadata.name"),
        "must be " + Names.quote(String.valueOf(name)) + " as in the path");
    return draft.orProject(project);
  }

  private static void require(boolean ok, String field, String message) {
    if (!ok) {
      throw ProblemException.invalid(field, message);
    }
  }

  private static Selector labels(@Nullable String text) {
    return text == null ? Selector.ALL : Selector.parse("labelSelector", text);
  }

  private String location(Resource<?, ?> resource) {
    return "/api/v1/projects/" + resource.project() + "/" + kind.plural() + "/" + resource.name();
  }
}

package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Decision;
import io.millwright.engine.access.Policy;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Projects.Quota;
import io.millwright.engine.port.Projects.Usage;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Apply;
import io.millwright.model.Expiry;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Projects; one is there as soon as something is declared in it. */
@RestController
@RequestMapping("/api/v1/projects")
@Tag(name = "projects", description = "Projects, which own everything else.")
final class ProjectsApi {
  private final Backend backend;
  private final LiveStreams live;

  ProjectsApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  /** Names of projects, sorted. */
  record ListView(List<String> items) {}

  @Operation(
      operationId = "listProjects",
      summary = "Lists projects",
      description =
          "Those that the caller may see: all that were made, or have a resource or a member, and"
              + " `default` and `shared`, which are always there. "
              + Watched.DESCRIPTION)
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping
  ListView list() {
    Set<String> among = Callers.visible();
    TreeSet<String> names =
        backend
            .store()
            .read(tx -> {
              TreeSet<String> all = new TreeSet<>(tx.resources().projects());
              all.addAll(tx.people().projects());
              all.addAll(tx.projects().names());
              return all;
            });
    names.add(Apply.DEFAULT_PROJECT);
    names.add(Projects.SHARED);
    names.removeIf(project -> among != null && !among.contains(project));
    return new ListView(List.copyOf(names));
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(response, () -> list().items(), name -> name, lastEventId);
  }

  /**
   * Something that may or may not be done in a project.
   *
   * @param verb what
   * @param kind with resources of which kind; left out where it is about none
   * @param reason why not; empty if allowed
   */
  record PermissionView(Verb verb, @Nullable Kind kind, boolean allowed, String reason) {
    static PermissionView of(Verb verb, @Nullable Kind kind, @Nullable String project) {
      Decision decision =
          project == null
              ? Policy.anywhere(Callers.now(), verb, kind)
              : Callers.allowed(verb, kind, project);
      return new PermissionView(verb, kind, decision.allowed(), decision.reason());
    }
  }

  /**
   * What the caller may do in a project, or in any.
   *
   * @param role of the caller there, or in all projects
   */
  record AccessView(String project, @Nullable Role role, List<PermissionView> items) {}

  @Operation(
      operationId = "listAccess",
      summary = "Tells what the caller may do in a project",
      description =
          "So that a page can offer what is allowed, and say why the rest is not. The project `-`"
              + " stands for all: allowed is what is allowed in any.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping("/{project}/access")
  AccessView access(@PathVariable String project) {
    String one = Inputs.projectOrAll(project);
    List<PermissionView> out = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      for (Verb verb : List.of(Verb.DECLARE, Verb.DELETE, Verb.OPERATE)) {
        out.add(PermissionView.of(verb, kind, one));
      }
    }
    out.add(PermissionView.of(Verb.CONSOLE, Kind.MACHINE, one));
    for (Verb verb : List.of(Verb.APPROVE, Verb.TEND, Verb.GOVERN, Verb.LIMIT, Verb.AUDIT)) {
      out.add(PermissionView.of(verb, null, one));
    }
    return new AccessView(project, Callers.now().rights().in(one), out);
  }

  /** A project that is wanted. */
  record ProjectParams(String name) {}

  /**
   * A project.
   *
   * @param quota what it may have; what is left out has no limit
   * @param used what it has; what is being deleted counts until it is gone
   */
  record ProjectView(String name, Quota quota, Usage used) {}

  @Operation(
      operationId = "createProject",
      summary = "Makes a project",
      description = "So that it can have members and a quota before it has anything else.")
  @Needs(value = Verb.LIMIT, where = Needs.Where.HOUSE)
  @PostMapping
  ResponseEntity<byte[]> create(@RequestBody Body body, Once once) {
    String name = Inputs.project(Manifests.decode(body.bytes(), ProjectParams.class).name());
    return once.answer(
        body,
        tx -> {
          if (!tx.projects().insert(name)) {
            throw ProblemException.of(
                Problem.Type.CONFLICT, "there is a project " + name + " already");
          }
          return Answer.of(201, view(tx, name));
        });
  }

  @Operation(
      operationId = "getProject",
      summary = "Shows a project: what it may have, and what it has")
  @Needs(Verb.VIEW)
  @GetMapping("/{project}")
  ProjectView get(@PathVariable String project) {
    return backend.store().read(tx -> view(tx, project));
  }

  @Operation(
      operationId = "putQuota",
      summary = "Says what a project may have",
      description =
          "In place of what was said before; what is left out has no limit. What a project has"
              + " already stays, though it be more: it only gets nothing more.")
  @Needs(Verb.LIMIT)
  @PutMapping("/{project}/quota")
  ProjectView limit(@PathVariable String project, @RequestBody Body body) {
    Quota quota = Manifests.decode(body.bytes(), Quota.class);
    for (Integer most : Arrays.asList(quota.machines(), quota.cores(), quota.addresses())) {
      if (most != null && most < 0) {
        throw ProblemException.invalid("", "a limit cannot be negative");
      }
    }
    TimeSpan ttl = quota.ttl();
    if (ttl != null) {
      Violations at = Violations.at("ttl");
      Expiry.checkTtl(ttl, at);
      at.raise();
    }
    return backend
        .store()
        .inTransaction(tx -> {
          tx.projects().limit(project, quota);
          return view(tx, project);
        });
  }

  private static ProjectView view(Tx tx, String project) {
    return new ProjectView(
        project, tx.projects().find(project).orElse(Quota.NONE), tx.projects().usage(project));
  }
}

package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Projects; one is there as soon as something is declared in it. */
@RestController
@RequestMapping("/api/v1/projects")
@Tag(name = "projects", description = "Projects, which own everything else.")
final class ProjectsApi {
  private final Backend backend;

  ProjectsApi(Backend backend) {
    this.backend = backend;
  }

  /** Names of projects, sorted. */
  record ListView(List<String> items) {}

  @Operation(
      operationId = "listProjects",
      summary = "Lists projects",
      description =
          "Those that the caller may see: all that have a resource or a member, and `default` and"
              + " `shared`, which are always there.")
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
              return all;
            });
    names.add(io.millwright.engine.Apply.DEFAULT_PROJECT);
    names.add(io.millwright.engine.Lookup.SHARED);
    names.removeIf(project -> among != null && !among.contains(project));
    return new ListView(List.copyOf(names));
  }
}

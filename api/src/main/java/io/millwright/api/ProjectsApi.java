package io.millwright.api;

import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
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
      description = "All that have a resource, and `default` and `shared`, which are always there.")
  @GetMapping
  ListView list() {
    List<String> declared = backend.store().read(tx -> tx.resources().projects());
    TreeSet<String> names = new TreeSet<>(declared);
    names.add(io.millwright.engine.Apply.DEFAULT_PROJECT);
    names.add(io.millwright.engine.Lookup.SHARED);
    return new ListView(List.copyOf(names));
  }
}

package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
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
          "All that have a resource, and `default` and `shared`, which are always there. "
              + Watched.DESCRIPTION)
  @GetMapping
  ListView list() {
    List<String> declared = backend.store().read(tx -> tx.resources().projects());
    TreeSet<String> names = new TreeSet<>(declared);
    names.add(io.millwright.engine.Apply.DEFAULT_PROJECT);
    names.add(io.millwright.engine.Lookup.SHARED);
    return new ListView(List.copyOf(names));
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(response, () -> list().items(), name -> name, lastEventId);
  }
}

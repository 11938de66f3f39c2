package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/**
 * The project of manifests that name none. A project is there as soon as something is declared in
 * it, so a slip of the pen would be one, too: a new one is asked for by its own option.
 */
final class IntoProject {
  /** There always. */
  private static final Set<String> GIVEN = Set.of("default", "shared");

  @Option(
      names = "--new-project",
      description = "Begin the project that -p names, if there is none of that name.")
  boolean begin;

  String project(Cli cli, MillwrightApi api) {
    String project = cli.project();
    if (begin || GIVEN.contains(project)) {
      return project;
    }
    List<String> there =
        api.listProjects().body().path("items").valueStream().map(JsonNode::asString).toList();
    if (!there.contains(project)) {
      throw Failure.usage(
          "there is no project '"
              + Safe.line(project)
              + "'"
              + Cli.meant(project, there)
              + "; to begin one of that name give --new-project, too");
    }
    return project;
  }
}

package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** Declares what manifests say. */
@Command(
    name = "apply",
    description = {
      "Declare what manifests say: all of it, or nothing if anything is wrong.",
      "The same again changes nothing."
    })
final class ApplyCommand extends Waiting {
  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      required = true,
      description = "A file, a directory with *.yaml, *.yml and *.json, or - for standard input.")
  List<String> files = new ArrayList<>();

  @Mixin IntoProject into = new IntoProject();

  @Option(names = "--dry-run", description = "Say what would be done, and do nothing.")
  boolean dryRun;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json, yaml or name.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    Bundle bundle = Bundle.read(files, shell().in());
    MillwrightApi api = api();
    String project = into.project(cli(), api);
    // With it, an apply whose answer was lost can be sent again.
    String key = dryRun ? null : UUID.randomUUID().toString();
    JsonNode answer =
        Manifests.located(
                bundle, () -> api.apply(key, Bundle.SOURCE, dryRun, project, bundle.body()))
            .body();
    List<String> operations = new ArrayList<>();
    for (JsonNode item : answer.path("items")) {
      String uid = Trees.text(item, "operation");
      if (!uid.isEmpty()) {
        operations.add(uid);
      }
      if (format.human()) {
        print(line(item));
      } else if (format == Format.NAME) {
        print(Plan.reference(item));
      }
    }
    if (!format.human() && format != Format.NAME) {
      Listing.one(shell(), format, answer);
    }
    if (!dryRun) {
      goOn(operations, format.human());
    }
    return 0;
  }

  private String line(JsonNode item) {
    String action = Trees.text(item, "action");
    Style style =
        switch (action) {
          case "created" -> Style.GREEN;
          case "changed" -> Style.YELLOW;
          default -> Style.NONE;
        };
    String project = Trees.text(item, "project");
    return Plan.reference(item)
        + " "
        + style.apply(
            (dryRun && !action.equals("unchanged") ? "would be " : "") + action, shell().coloured())
        + (project.equals(cli().project()) ? "" : " (project " + Safe.line(project) + ")");
  }
}

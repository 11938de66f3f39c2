package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** Shows what an apply would do. */
@Command(
    name = "plan",
    description = {
      "Show what applying manifests would do, and change nothing.",
      "It is the very plan that would run. Exit code 0 if there is nothing to do, 2 if there is, 1"
          + " on any error."
    })
final class PlanCommand extends Listed {
  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      required = true,
      description = "A file, a directory with *.yaml, *.yml and *.json, or - for standard input.")
  List<String> files = new ArrayList<>();

  @Mixin IntoProject into = new IntoProject();

  @Override
  public Integer call() {
    Bundle bundle = Bundle.read(files, shell().in());
    MillwrightApi api = api();
    String project = into.project(cli(), api);
    JsonNode answer =
        Manifests.located(
                bundle, () -> api.apply(null, Bundle.SOURCE, true, project, bundle.body()))
            .body();
    Plan plan = new Plan(answer, shell().coloured());
    switch (format) {
      case TABLE, WIDE -> plan.lines().forEach(this::print);
      case JSON, YAML -> Listing.one(shell(), format, answer);
      case NAME -> answer.path("items").forEach(i -> print(Plan.reference(i)));
    }
    return plan.changes() ? 2 : 0;
  }
}

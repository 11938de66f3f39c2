package io.millwright.cli;

import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** How machines differ from what is declared of them. */
@Command(
    name = "drift",
    description = {
      "Compare machines with what is declared of them, and change nothing.",
      "Exit code 0 if nothing differs, 2 if something does or could not be compared, 1 on any"
          + " error."
    })
final class DriftCommand extends Listed {
  @Parameters(arity = "0..*", paramLabel = "NAME", description = "Only these machines.")
  List<String> names = new ArrayList<>();

  @Option(
      names = {"-A", "--all-projects"},
      description = "From all projects.")
  boolean allProjects;

  @Option(
      names = "--policy",
      paramLabel = "POLICY",
      description =
          "Set what is done in the project when a machine is not as declared, and compare nothing:"
              + " report, repair or rebuild.")
  @Nullable String policy;

  @Override
  public Integer call() {
    if (policy != null) {
      JsonNode set = api().putDriftPolicy(cli().project(), policy).body();
      print(
          Safe.line(
              "project "
                  + Trees.text(set, "project")
                  + " drift policy: "
                  + Trees.text(set, "policy")));
      return 0;
    }
    List<String> wanted = names.stream().map(Kind.MACHINE::bare).toList();
    String only = wanted.size() == 1 ? wanted.getFirst() : null;
    JsonNode answer = api().getDrift(allProjects ? "-" : cli().project(), true, null, only).body();
    List<JsonNode> items = new ArrayList<>();
    answer.path("items").forEach(items::add);
    if (!names.isEmpty()) {
      items.removeIf(i -> !wanted.contains(Trees.text(i, "name")));
    }
    switch (format) {
      case TABLE, WIDE -> {
        items.forEach(this::show);
        int compared = answer.path("compared").asInt(0);
        print(
            items.isEmpty()
                ? "No drift: " + compared + " machines compared."
                : "Drift: " + items.size() + " of " + compared + " machines.");
      }
      case JSON, YAML -> {
        ObjectNode out = Trees.object();
        out.set("compared", answer.path("compared"));
        out.putArray("items").addAll(items);
        Listing.one(shell(), format, out);
      }
      case NAME -> items.forEach(i -> print(Safe.line("machine/" + Trees.text(i, "name"))));
    }
    return items.isEmpty() ? 0 : 2;
  }

  private void show(JsonNode item) {
    boolean coloured = shell().coloured();
    String project = allProjects ? Trees.text(item, "project") + "/" : "";
    print(
        Style.YELLOW.apply(
            Safe.line("~ " + project + "machine/" + Trees.text(item, "name")), coloured));
    String note = Trees.text(item, "note");
    if (!note.isEmpty()) {
      print("    " + Safe.line(note));
    }
    for (JsonNode d : item.path("differences")) {
      String field = Trees.text(d, "field");
      print(
          Style.RED.apply(
              Safe.line("    - " + field + ": " + Trees.text(d, "declared")), coloured));
      print(
          Style.GREEN.apply(
              Safe.line("    + " + field + ": " + Trees.text(d, "observed")), coloured));
    }
    if (!item.path("repair").isEmpty()) {
      print("    repair" + (Trees.text(item, "policy").equals("report") ? ", not done" : "") + ":");
    }
    int n = 1;
    for (JsonNode step : item.path("repair")) {
      print("%7d. %s".formatted(n++, Safe.line(step.asString(""))));
    }
  }
}

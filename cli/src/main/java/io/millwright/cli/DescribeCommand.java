package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Tells everything about a resource. */
@Command(
    name = "describe",
    description =
        "Tell everything about a resource: conditions, addresses, events, last operation.")
final class DescribeCommand extends Part {
  private static final int EVENTS = 20;

  /** Of what a script printed; its last lines, as a rule, say how it ended. */
  private static final int SCRIPT_LINES = 20;

  @Parameters(
      arity = "1..*",
      paramLabel = "KIND NAME",
      completionCandidates = Kind.Words.class,
      description = "As KIND NAME, or KIND/NAME; or operation UID, for its timeline.")
  List<String> words = new ArrayList<>();

  @Override
  public Integer call() {
    MillwrightApi api = api();
    Optional<List<String>> operations = Operations.uids(words);
    if (operations.isPresent()) {
      operations(api, operations.get());
      return 0;
    }
    String separator = "";
    for (Target each : Target.parse(words)) {
      shell().out().print(separator);
      separator = "\n";
      describe(api, each);
    }
    return 0;
  }

  private void operations(MillwrightApi api, List<String> uids) {
    if (uids.isEmpty()) {
      throw Failure.usage("which operation? write operation UID");
    }
    for (String uid : uids) {
      new Timeline(api.getOperation(uid).body())
          .lines(shell().clock().instant(), shell().coloured())
          .forEach(this::print);
    }
  }

  private void describe(MillwrightApi api, Target target) {
    View view = new View(target.kind().find(api, cli().project(), target.name()).body());
    Instant now = shell().clock().instant();
    field("Name", view.name());
    field("Kind", view.kind());
    field("Project", view.project());
    String state = view.state();
    if (!state.isEmpty()) {
      field("Status", view.stateStyle().apply(Safe.line(state), shell().coloured()));
    }
    field("Labels", Safe.line(Columns.labels(view)));
    view.tree()
        .path("metadata")
        .path("annotations")
        .properties()
        .forEach(e -> field("Annotation", Safe.line(e.getKey() + "=" + e.getValue().asString(""))));
    field("UID", view.uid());
    field("Generation", Trees.text(view.tree().path("metadata"), "generation"));
    field("Created", view.createdAt() + " (" + Durations.age(view.createdAt(), now) + " ago)");
    block("Spec", view.spec());
    conditions(view, now);
    interfaces(view);
    if (target.kind() == Kind.MACHINE) {
      customisation(api, view);
    }
    rest(view);
    scripts(view);
    events(api, view, target, now);
    Timeline latest = Follow.latest(api, view.project(), target);
    if (latest != null) {
      heading("Latest operation");
      field("  UID", latest.uid());
      latest.lines(now, shell().coloured()).forEach(l -> print("  " + l));
    }
  }

  private void field(String name, String value) {
    if (!value.isEmpty()) {
      print(String.format("%-13s%s", name + ":", value));
    }
  }

  private void heading(String title) {
    print(Style.BOLD.apply(title + ":", shell().coloured()));
  }

  private void block(String title, JsonNode tree) {
    if (!tree.isEmpty()) {
      heading(title);
      Yaml.write(tree).lines().forEach(l -> print("  " + visible(l)));
    }
  }

  /** Line breaks are taken care of already. */
  private static String visible(String line) {
    return Safe.line(line);
  }

  private void table(Table table) {
    StringBuilder indented = new StringBuilder();
    java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
    try (java.io.PrintStream to =
        new java.io.PrintStream(bytes, false, java.nio.charset.StandardCharsets.UTF_8)) {
      table.print(to, shell().coloured());
    }
    bytes
        .toString(java.nio.charset.StandardCharsets.UTF_8)
        .lines()
        .forEach(l -> indented.append("  ").append(l).append('\n'));
    shell().out().print(indented);
  }

  private void conditions(View view, Instant now) {
    Table table = new Table(List.of("TYPE", "VALUE", "REASON", "SINCE", "MESSAGE"));
    for (JsonNode c : view.status().path("conditions")) {
      String value = Trees.text(c, "value");
      table.add(
          List.of(
              Cell.of(Trees.text(c, "type")),
              new Cell(value, value.equals("true") ? Style.GREEN : Style.YELLOW),
              Cell.of(Trees.text(c, "reason")),
              Cell.of(Durations.age(Trees.text(c, "since"), now)),
              Cell.of(Trees.text(c, "message"))));
    }
    if (!table.empty()) {
      heading("Conditions");
      table(table);
    }
  }

  private void interfaces(View view) {
    Table table = new Table(List.of("NAME", "NETWORK", "MAC", "ADDRESSES"));
    for (JsonNode each : view.status().path("interfaces")) {
      table.add(
          List.of(
              Cell.of(Trees.text(each, "name")),
              Cell.of(Trees.text(each, "network")),
              Cell.of(Trees.text(each, "mac")),
              Cell.of(String.join(", ", View.texts(each.path("addresses"))))));
    }
    if (!table.empty()) {
      heading("Addresses");
      table(table);
    }
  }

  /** Which layer sets what its next system has. */
  private void customisation(MillwrightApi api, View view) {
    Table table = new Table(List.of("FIELD", "FROM"));
    for (JsonNode each :
        api.getMachineCustomisation(view.project(), view.name()).body().path("items")) {
      table.add(List.of(Cell.of(Trees.text(each, "field")), Cell.of(Trees.text(each, "from"))));
    }
    if (!table.empty()) {
      heading("Customisation");
      table(table);
    }
  }

  /** What of the status is not shown elsewhere, known to this program or not. */
  private void rest(View view) {
    ObjectNode rest = Trees.object();
    view.status()
        .properties()
        .forEach(e -> {
          if (!List.of("conditions", "interfaces", "scripts").contains(e.getKey())
              && !(e.getValue().isContainer() && e.getValue().isEmpty())) {
            rest.set(e.getKey(), e.getValue());
          }
        });
    block("Status", rest);
  }

  private void scripts(View view) {
    for (JsonNode script : view.status().path("scripts")) {
      String exit = Trees.text(script, "exitCode");
      heading("Script " + Safe.line(Trees.text(script, "name")) + " exit " + exit);
      List<String> lines = Trees.text(script, "output").lines().toList();
      int before = Math.max(0, lines.size() - SCRIPT_LINES);
      if (before > 0) {
        print(
            "  ... "
                + before
                + " lines before, see: millwright get "
                + view.reference()
                + " -o yaml");
      }
      lines.stream().skip(before).forEach(l -> print("  " + Safe.line(l)));
    }
  }

  private void events(MillwrightApi api, View view, Target target, Instant now) {
    JsonNode items =
        api.listEvents(
                view.project(), null, null, target.kind().title(), EVENTS, target.name(), null)
            .body()
            .path("items");
    Table table = new Table(List.of("AGE", "REASON", "MESSAGE"));
    for (JsonNode e : items) {
      table.add(
          List.of(
              Cell.of(Durations.age(Trees.text(e, "at"), now)),
              Cell.of(Trees.text(e, "reason")),
              Cell.of(Trees.text(e, "message"))));
    }
    if (!table.empty()) {
      heading("Events");
      table(table);
    }
  }
}

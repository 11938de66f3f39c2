package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.Event;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Shows resources. */
@Command(name = "get", description = "Show resources.")
final class GetCommand extends Part {
  @Parameters(
      index = "0",
      paramLabel = "KIND",
      completionCandidates = Kind.Words.class,
      description = "machine, volume, operation, ..., singular or plural; or KIND/NAME.")
  String kind = "";

  @Parameters(index = "1..*", paramLabel = "NAME", description = "Only these.")
  List<String> names = new ArrayList<>();

  @Option(
      names = {"-l", "--selector"},
      paramLabel = "SELECTOR",
      description = "Only with these labels: app=web,tier!=test,owner,!old.")
  @Nullable String selector;

  @Option(
      names = "--field-selector",
      paramLabel = "SELECTOR",
      description = "Only with these fields: spec.image=debian-12.")
  @Nullable String fieldSelector;

  @Option(
      names = {"-A", "--all-projects"},
      description = "From all projects.")
  boolean allProjects;

  @Option(
      names = {"-w", "--watch"},
      description = "Go on showing what changes, until interrupted.")
  boolean watch;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, wide, json, yaml or name.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    List<String> words = new ArrayList<>(List.of(kind));
    words.addAll(names);
    Optional<List<String>> operations = Operations.uids(words);
    if (operations.isPresent()) {
      return operations(operations.get());
    }
    boolean named = words.size() > 1 || kind.contains("/");
    if (named && (selector != null || fieldSelector != null || allProjects)) {
      throw Failure.usage("a selector or -A chooses among all; leave it out, or the names");
    }
    if (watch) {
      return watch(named ? Target.parse(words) : List.of());
    }
    return named ? byName(Target.parse(words)) : all(Kind.parse(kind));
  }

  private int operations(List<String> uids) {
    if (selector != null || fieldSelector != null || (allProjects && !uids.isEmpty())) {
      throw Failure.usage("operations are chosen by: millwright operation list KIND NAME --state");
    }
    if (watch) {
      throw Failure.usage("an operation is followed by: millwright logs -f UID");
    }
    MillwrightApi api = api();
    if (uids.isEmpty()) {
      About.Filter all = new About.Filter(project(), null, null);
      Operations.print(
          shell(), format, allProjects, Operations.list(api, all, null, Operations.USUAL));
      return 0;
    }
    List<JsonNode> found = uids.stream().map(uid -> api.getOperation(uid).body()).toList();
    if (found.size() == 1 && (format == Format.JSON || format == Format.YAML)) {
      Listing.one(shell(), format, found.getFirst());
    } else {
      Operations.print(shell(), format, false, found);
    }
    return 0;
  }

  private int byName(List<Target> targets) {
    MillwrightApi api = api();
    List<JsonNode> found = new ArrayList<>();
    for (Target each : targets) {
      found.add(each.kind().get(api, cli().project(), each.name()).body());
    }
    if (found.size() == 1 && (format == Format.JSON || format == Format.YAML)) {
      Listing.one(shell(), format, found.getFirst());
    } else {
      for (Kind each : Kind.values()) {
        List<JsonNode> same = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
          if (targets.get(i).kind() == each) {
            same.add(found.get(i));
          }
        }
        if (format == Format.JSON || format == Format.YAML) {
          Listing.list(shell(), format, found);
          break;
        }
        Listing.resources(shell(), format, false, each, same);
      }
    }
    return 0;
  }

  private int all(Kind of) {
    List<JsonNode> items = list(api(), of, project(), selector, fieldSelector);
    if (items.isEmpty() && format.human()) {
      shell()
          .err()
          .println("no " + of.plural() + (allProjects ? "" : " in project " + cli().project()));
    }
    Listing.resources(shell(), format, allProjects, of, items);
    return 0;
  }

  private String project() {
    return allProjects ? "-" : cli().project();
  }

  /** All pages. */
  static List<JsonNode> list(
      MillwrightApi api,
      Kind kind,
      String project,
      @Nullable String labels,
      @Nullable String fields) {
    List<JsonNode> out = new ArrayList<>();
    String cursor = null;
    do {
      Answer page = kind.list(api, project, labels, fields, cursor);
      page.body().path("items").forEach(out::add);
      String next = Trees.text(page.body(), "next");
      cursor = next.isEmpty() ? null : next;
    } while (cursor != null);
    return out;
  }

  private int watch(List<Target> targets) {
    Kind of = targets.isEmpty() ? Kind.parse(kind) : targets.getFirst().kind();
    if (targets.size() > 1) {
      throw Failure.usage("watch one resource, or a whole kind");
    }
    String fields =
        targets.isEmpty() ? fieldSelector : "metadata.name=" + targets.getFirst().name();
    MillwrightApi api = api();
    Columns columns = new Columns(of, format == Format.WIDE, allProjects);
    Table table = new Table(columns.titles());
    Map<String, String> shown = new HashMap<>();
    boolean synced = false;
    try (Resumed events =
        new Resumed(
            last -> of.watch(api, project(), selector, fields, last), Duration.ofMinutes(1))) {
      for (Event event = events.next(); event != null; event = events.next()) {
        if (event.name().equals("synced")) {
          if (!synced && format.human()) {
            table.print(shell().out(), shell().coloured());
          }
          synced = true;
        } else {
          View view = new View(event.data());
          boolean gone = event.name().equals("deleted");
          // After a break everything is told again.
          String now = gone ? "deleted" : view.revision();
          if (!now.equals(shown.put(view.uid(), now)) || now.isEmpty()) {
            show(columns, table, view, gone);
            if (synced && format.human()) {
              table.printRows(shell().out(), shell().coloured());
            }
          }
        }
        if (shell().out().checkError()) {
          return 0; // nobody reads any more
        }
      }
    }
    return 0;
  }

  private void show(Columns columns, Table table, View view, boolean gone) {
    switch (format) {
      case TABLE, WIDE -> {
        if (gone) {
          List<Table.Cell> row = new ArrayList<>(columns.row(view, shell().clock().instant()));
          int status = columns.titles().indexOf("STATUS");
          if (status >= 0) {
            row.set(status, new Table.Cell("Deleted", Style.RED));
          }
          table.add(row);
        } else {
          table.add(columns.row(view, shell().clock().instant()));
        }
      }
      case JSON -> Listing.one(shell(), format, view.tree());
      case YAML -> {
        print("---");
        Listing.one(shell(), format, view.tree());
      }
      case NAME -> print(Safe.line(view.reference()));
    }
  }
}

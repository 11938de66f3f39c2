package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Work: what goes on, what went on. */
@Command(
    name = "operation",
    description = "Show or cancel operations, the records of work.",
    subcommands = {
      OperationCommand.ListOf.class,
      OperationCommand.Show.class,
      OperationCommand.Cancel.class
    })
final class OperationCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright operation list, show or cancel");
  }

  /** Lists. */
  @Command(name = "list", description = "List operations, newest first.")
  static final class ListOf extends Part {
    private static final int PAGE = 100;

    @Parameters(
        arity = "0..2",
        paramLabel = "KIND NAME",
        completionCandidates = Kind.Words.class,
        description = "Only of this kind, or of this resource; as KIND, KIND NAME or KIND/NAME.")
    List<String> words = new ArrayList<>();

    @Option(
        names = "--state",
        paramLabel = "STATE",
        description =
            "Only pending, running, waiting, succeeded, failed, cancelled or superseded ones.")
    @Nullable String state;

    @Option(
        names = {"-A", "--all-projects"},
        description = "From all projects.")
    boolean allProjects;

    @Option(names = "--limit", paramLabel = "N", description = "At most so many; 50.")
    int limit = 50;

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, wide, json, yaml or name.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      @Nullable String kind = null;
      @Nullable String name = null;
      if (words.size() == 1 && !words.getFirst().contains("/")) {
        kind = Kind.parse(words.getFirst()).title();
      } else if (!words.isEmpty()) {
        Target target = Target.parse(words).getFirst();
        kind = target.kind().title();
        name = target.name();
      }
      List<JsonNode> items = new ArrayList<>();
      String cursor = null;
      MillwrightApi api = api();
      String project = allProjects ? "-" : cli().project();
      do {
        int page = Math.min(PAGE, limit - items.size());
        JsonNode body = api.listOperations(cursor, kind, page, name, project, state).body();
        body.path("items").forEach(items::add);
        String next = Trees.text(body, "next");
        cursor = next.isEmpty() ? null : next;
      } while (cursor != null && items.size() < limit);
      List<String> titles =
          new ArrayList<>(List.of("UID", "OPERATION", "STATE", "PERCENT", "TOOK", "AGE"));
      if (allProjects) {
        titles.addFirst("PROJECT");
      }
      if (format == Format.WIDE) {
        titles.add("BY");
      }
      titles.add("MESSAGE");
      Listing.rows(shell(), format, items, titles, this::row, o -> Trees.text(o, "uid"));
      return 0;
    }

    private List<Cell> row(JsonNode o) {
      Instant now = shell().clock().instant();
      Timeline timeline = new Timeline(o);
      List<Cell> out = new ArrayList<>();
      if (allProjects) {
        out.add(Cell.of(Trees.text(o, "project")));
      }
      out.add(Cell.of(timeline.uid()));
      out.add(Cell.of(timeline.title()));
      out.add(new Cell(timeline.state(), timeline.style()));
      out.add(Cell.of(Trees.text(o, "percent")));
      out.add(Cell.of(Durations.seconds(timeline.length(now))));
      out.add(Cell.of(Durations.age(Trees.text(o, "createdAt"), now)));
      if (format == Format.WIDE) {
        out.add(Cell.of(Trees.text(o, "requestedBy")));
      }
      out.add(Cell.of(timeline.message()));
      return out;
    }
  }

  /** Shows one. */
  @Command(name = "show", description = "Show an operation with its timeline.")
  static final class Show extends Part {
    @Parameters(paramLabel = "UID", description = "The operation.")
    String uid = "";

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, json or yaml.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      JsonNode found = api().getOperation(uid).body();
      if (format == Format.JSON || format == Format.YAML) {
        Listing.one(shell(), format, found);
        return 0;
      }
      new Timeline(found).lines(shell().clock().instant(), shell().coloured()).forEach(this::print);
      return 0;
    }
  }

  /** Cancels one. */
  @Command(name = "cancel", description = "Ask an operation to stop; what it had begun is undone.")
  static final class Cancel extends Part {
    @Parameters(paramLabel = "UID", description = "The operation.")
    String uid = "";

    @Option(names = "--wait", description = "Wait for it to end.")
    boolean wait;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      Answer answer = api.cancelOperation(uid, UUID.randomUUID().toString());
      print(Safe.line(new Timeline(answer.body()).title()) + ": asked to stop");
      if (wait) {
        Timeline end = new Follow(shell(), api, null, false).end(uid);
        if (!end.state().equals("cancelled")) {
          throw Failure.failed(end.title() + " had already " + end.state());
        }
      }
      return 0;
    }
  }
}

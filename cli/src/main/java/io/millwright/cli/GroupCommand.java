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

/** What can be done with groups besides declaring them. */
@Command(
    name = "group",
    description = "Scale groups of machines, and control how changes are rolled out to them.",
    subcommands = {
      GroupCommand.Scale.class,
      GroupCommand.Rollout.class,
      GroupCommand.History.class,
      GroupCommand.Diff.class
    })
final class GroupCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright group scale, rollout, history or diff");
  }

  /** Scales. */
  @Command(
      name = "scale",
      description = {
        "Declare how many machines a group has.",
        "Of more than needed those leave first that are marked with millwright.io/leave-first, then"
            + " those of the highest numbers. With --dry-run, exit code 2: there is something to"
            + " do."
      })
  static final class Scale extends Planned {
    @Parameters(index = "0", paramLabel = "NAME", description = "The group.")
    String name = "";

    @Parameters(index = "1", paramLabel = "COUNT", description = "How many machines.")
    int count;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String group = Kind.GROUP.bare(name);
      String key = UUID.randomUUID().toString();
      Answer answer = api.scaleGroup(cli().project(), group, count, key, dryRun);
      return showOrConclude("group/" + group + " scale to " + count, answer);
    }
  }

  /** Rollouts. */
  @Command(
      name = "rollout",
      description = "Show and control how a change reaches the machines of a group.",
      subcommands = {Status.class, Pause.class, Continue.class, Rollback.class})
  static final class Rollout extends Part {
    @Override
    public Integer call() {
      throw Failure.usage(
          "say what to do: millwright group rollout status, pause, continue or rollback");
    }
  }

  /** Shows. */
  @Command(
      name = "status",
      description = {
        "Show how far the rollout of a group is, and each of its machines.",
        "With --wait it follows the rollout to its end."
      })
  static final class Status extends Waiting {
    private static final List<String> TITLES =
        List.of("NAME", "STATE", "REVISION", "HYPERVISOR", "SINCE", "MESSAGE");

    @Parameters(paramLabel = "NAME", description = "The group.")
    String name = "";

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, json, yaml or name; of the machines.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String group = Kind.GROUP.bare(name);
      if (wait) {
        Timeline latest = Follow.latest(api, cli().project(), new Target(Kind.GROUP, group));
        if (latest != null && !latest.ended()) {
          new Follow(shell(), api, timeout, false).all(List.of(latest.uid()));
        }
      }
      View view = new View(api.getGroup(cli().project(), group, null).body());
      List<JsonNode> items = new ArrayList<>();
      api.listGroupMembers(cli().project(), group).body().path("items").forEach(items::add);
      if (format == Format.TABLE || format == Format.WIDE) {
        JsonNode ready = view.condition("Ready");
        print(Safe.line("group/" + group + ": " + Trees.text(ready, "message")));
        print(
            "%s of %s members healthy, %s of revision %s%s"
                .formatted(
                    view.status("healthy"),
                    view.spec("count"),
                    view.status("updated"),
                    view.status("revision"),
                    view.status("paused").equals("true") ? ", paused" : ""));
      }
      Instant now = shell().clock().instant();
      Listing.rows(
          shell(),
          format,
          items,
          TITLES,
          i -> row(i, now),
          i -> "machine/" + Trees.text(i, "name"));
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      String state = Trees.text(item, "state");
      String since = Trees.text(item, "since");
      return List.of(
          Cell.of(Trees.text(item, "name")),
          new Cell(state, state.equals("healthy") ? Style.GREEN : Style.YELLOW),
          Cell.of(Trees.text(item, "revision")),
          Cell.of(Trees.text(item, "hypervisor")),
          Cell.of(since.isEmpty() ? "" : Durations.age(since, now)),
          Cell.of(Trees.text(item, "message")));
    }
  }

  /** Pauses. */
  @Command(
      name = "pause",
      description = "Have the rollouts of a group wait: no more machines are changed.")
  static final class Pause extends Part {
    @Parameters(paramLabel = "NAME", description = "The group.")
    String name = "";

    @Override
    public Integer call() {
      String group = Kind.GROUP.bare(name);
      api().pauseGroup(cli().project(), group, UUID.randomUUID().toString());
      print("group/" + group + " paused");
      return 0;
    }
  }

  /** Continues. */
  @Command(
      name = "continue",
      description =
          "Have the rollout of a group go on after a pause, or try one again that failed.")
  static final class Continue extends Waiting {
    @Parameters(paramLabel = "NAME", description = "The group.")
    String name = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String group = Kind.GROUP.bare(name);
      String key = UUID.randomUUID().toString();
      conclude("group/" + group + " continue", api.continueGroup(cli().project(), group, key));
      return 0;
    }
  }

  /** Goes back. */
  @Command(
      name = "rollback",
      description = {
        "Declare of a group's machines what was declared before, and roll that out.",
        "With --dry-run, exit code 2: there is something to do."
      })
  static final class Rollback extends Planned {
    @Parameters(paramLabel = "NAME", description = "The group.")
    String name = "";

    @Option(
        names = "--to",
        paramLabel = "REVISION",
        description =
            "Number of a revision, see: millwright group history; the former if not given.")
    @Nullable Integer to;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String group = Kind.GROUP.bare(name);
      String key = UUID.randomUUID().toString();
      Answer answer = api.rollbackGroup(cli().project(), group, key, dryRun, to);
      return showOrConclude("group/" + group + " rollback", answer);
    }
  }

  /** Lists revisions. */
  @Command(name = "history", description = "List what was ever declared of a group's machines.")
  static final class History extends Listed {
    private static final List<String> TITLES =
        List.of("REVISION", "IMAGE", "SIZE", "BY", "AGE", "STATE");

    @Parameters(paramLabel = "NAME", description = "The group.")
    String name = "";

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      api()
          .listGroupRevisions(cli().project(), Kind.GROUP.bare(name))
          .body()
          .path("items")
          .forEach(items::add);
      Instant now = shell().clock().instant();
      Listing.rows(shell(), format, items, TITLES, i -> row(i, now), i -> Trees.text(i, "number"));
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      List<String> notes = new ArrayList<>();
      if (item.path("declared").asBoolean(false)) {
        notes.add("declared");
      }
      if (item.path("stable").asBoolean(false)) {
        notes.add("rolled out");
      }
      return List.of(
          Cell.of(Trees.text(item, "number")),
          Cell.of(Trees.text(item.path("machine"), "image")),
          Cell.of(Trees.text(item.path("machine"), "size")),
          Cell.of(Trees.text(item, "by")),
          Cell.of(Durations.age(Trees.text(item, "at"), now)),
          Cell.of(String.join(", ", notes)));
    }
  }

  /** Compares. */
  @Command(name = "diff", description = "Show what is different between two revisions of a group.")
  static final class Diff extends Part {
    @Parameters(index = "0", paramLabel = "NAME", description = "The group.")
    String name = "";

    @Parameters(index = "1", paramLabel = "REVISION", description = "Number of a revision.")
    int from;

    @Parameters(index = "2", paramLabel = "REVISION", description = "Number of another.")
    int to;

    @Override
    public Integer call() {
      JsonNode changes =
          api()
              .getGroupDiff(cli().project(), Kind.GROUP.bare(name), from, to)
              .body()
              .path("changes");
      if (changes.isEmpty()) {
        print("There is no difference.");
      }
      new Plan(changes, shell().coloured()).changesOf(changes).forEach(this::print);
      return 0;
    }
  }
}

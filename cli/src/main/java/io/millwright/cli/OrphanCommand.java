package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** What of ours is on hypervisors and belongs to nothing declared. */
@Command(
    name = "orphan",
    description = "Show, adopt or purge objects of ours to which nothing declared belongs.",
    subcommands = {
      OrphanCommand.ListOf.class,
      OrphanCommand.Adopt.class,
      OrphanCommand.Purge.class
    })
final class OrphanCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright orphan list, adopt or purge");
  }

  /** Lists. */
  @Command(
      name = "list",
      description = {
        "List them, with the reason if one cannot be purged yet.",
        "What is the other way round, declared and not there, is told by millwright drift -A."
      })
  static final class ListOf extends Listed {
    private static final List<String> TITLES =
        List.of("HYPERVISOR", "WHAT", "OBJECT", "SIZE", "FOUND", "PURGE");

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      api().listOrphans().body().path("items").forEach(items::add);
      Instant now = shell().clock().instant();
      Listing.rows(shell(), format, items, TITLES, i -> row(i, now), i -> Trees.text(i, "object"));
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      String objection = Trees.text(item, "objection");
      return List.of(
          Cell.of(Trees.text(item, "hypervisor")),
          Cell.of(Trees.text(item, "what")),
          Cell.of(Trees.text(item, "object")),
          Cell.of(Trees.text(item, "size")),
          Cell.of(Durations.age(Trees.text(item, "foundAt"), now)),
          Cell.of(objection.isEmpty() ? "possible" : objection));
    }
  }

  /** Adopts. */
  @Command(name = "adopt", description = "Make a data disk that nobody has a Volume.")
  static final class Adopt extends Part {
    @Parameters(paramLabel = "OBJECT", description = "The disk, as listed.")
    String object = "";

    @Option(
        names = "--as",
        paramLabel = "NAME",
        required = true,
        description = "The Volume's name.")
    String as = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String key = UUID.randomUUID().toString();
      JsonNode operation = api.adoptOrphan(object, as, key, cli().project()).body();
      print("volume/" + as + " adopted: operation " + Trees.text(operation, "uid"));
      return 0;
    }
  }

  /** Purges. */
  @Command(
      name = "purge",
      description = {
        "Take orphans away for ever; data disks are put into quarantine instead.",
        "Without --yes it only shows what would be done."
      })
  static final class Purge extends Part {
    @Parameters(
        arity = "0..*",
        paramLabel = "OBJECT",
        description = "Only these; all if not given.")
    List<String> objects = new ArrayList<>();

    @Option(names = "--yes", description = "Do it.")
    boolean yes;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      List<JsonNode> items = new ArrayList<>();
      api.listOrphans().body().path("items").forEach(items::add);
      for (String object : objects) {
        if (items.stream().noneMatch(i -> Trees.text(i, "object").equals(object))) {
          throw Failure.usage("no orphan is called " + object + "; see: millwright orphan list");
        }
      }
      for (JsonNode item : items) {
        String object = Trees.text(item, "object");
        if (!objects.isEmpty() && !objects.contains(object)) {
          continue;
        }
        String objection = Trees.text(item, "objection");
        if (!objection.isEmpty()) {
          print(Safe.line(object + " stays: " + objection));
        } else if (!yes) {
          print(Safe.line(object + " would be purged; say --yes to do it"));
        } else {
          api.purgeOrphan(object);
          print(Safe.line(object + " purged"));
        }
      }
      return 0;
    }
  }
}

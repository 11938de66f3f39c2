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

/** Volumes, and what becomes of those that were deleted. */
@Command(
    name = "volume",
    description = "List volumes, also deleted ones that are still kept, and restore these.",
    subcommands = {VolumeCommand.ListOf.class, VolumeCommand.Restore.class})
final class VolumeCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright volume list or restore");
  }

  /** Lists. */
  @Command(
      name = "list",
      description = "List volumes, or with --quarantined deleted ones whose disks are kept.")
  static final class ListOf extends ListedAcross {
    private static final List<String> TITLES =
        List.of("PROJECT", "NAME", "SIZE", "HYPERVISOR", "DELETED", "KEPT-UNTIL", "UID");

    @Option(
        names = "--quarantined",
        description = "Deleted ones, which can be restored until their days are over.")
    boolean quarantined;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String project = allProjects ? "-" : cli().project();
      List<JsonNode> items = new ArrayList<>();
      if (quarantined) {
        api.getQuarantine(project).body().path("items").forEach(items::add);
        Instant now = shell().clock().instant();
        Listing.rows(
            shell(),
            format,
            items,
            TITLES,
            i -> row(i, now),
            i -> "volume/" + Trees.text(i, "name"));
      } else {
        String cursor = null;
        do {
          JsonNode page = Kind.VOLUME.list(api, project, null, null, cursor).body();
          page.path("items").forEach(items::add);
          cursor = Trees.text(page, "next");
        } while (!cursor.isEmpty());
        Listing.resources(shell(), format, allProjects, Kind.VOLUME, items);
      }
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      String until =
          item.path("emptying").asBoolean(false) ? "being deleted" : Trees.text(item, "until");
      return List.of(
          Cell.of(Trees.text(item, "project")),
          Cell.of(Trees.text(item, "name")),
          Cell.of(Trees.text(item, "size")),
          Cell.of(Trees.text(item, "hypervisor")),
          Cell.of(Durations.age(Trees.text(item, "since"), now)),
          Cell.of(until),
          Cell.of(Trees.text(item, "uid")));
    }
  }

  /** Restores. */
  @Command(
      name = "restore",
      description = "Take a deleted volume out of quarantine: it is declared again as it was.")
  static final class Restore extends Waiting {
    @Parameters(
        paramLabel = "NAME",
        description = "The volume, or its uid where several of a name were deleted.")
    String name = "";

    @Option(
        names = "--as",
        paramLabel = "NAME",
        description = "Another name for it; the one that it had if not given.")
    @Nullable String as;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String key = UUID.randomUUID().toString();
      String volume = Kind.VOLUME.bare(name);
      Answer answer = api.restoreQuarantine(cli().project(), volume, key, as);
      conclude("volume/" + (as == null ? volume : as) + " restored", answer);
      return 0;
    }
  }
}

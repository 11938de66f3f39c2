package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.Body;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What machines' system disks were, and how they become that again. */
@Command(
    name = "snapshot",
    description = {
      "Take snapshots of machines' system disks, and revert machines to them.",
      "Volumes are in no snapshot, and a revert leaves them as they are."
    },
    subcommands = {
      SnapshotCommand.Create.class,
      SnapshotCommand.ListOf.class,
      SnapshotCommand.Revert.class,
      SnapshotCommand.Delete.class
    })
final class SnapshotCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright snapshot create, list, revert or delete");
  }

  /** Takes one. */
  @Command(
      name = "create",
      description = {
        "Take a snapshot of a machine's system disk.",
        "The machine has to be off, and stays off until the snapshot is taken."
      })
  static final class Create extends Waiting {
    private static final DateTimeFormatter STAMP =
        DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").withZone(ZoneOffset.UTC);

    @Parameters(paramLabel = "MACHINE", description = "The machine.")
    String machine = "";

    @Option(
        names = "--name",
        paramLabel = "NAME",
        description = "What the snapshot is called; the machine's name and the time if not given.")
    @Nullable String name;

    @Option(
        names = "--description",
        paramLabel = "TEXT",
        description = "What it is made for, in one line.")
    @Nullable String description;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String of = Kind.MACHINE.bare(machine);
      String called = name == null ? of + "-" + STAMP.format(shell().clock().instant()) : name;
      ObjectNode manifest = Trees.object();
      manifest.put("apiVersion", "millwright/v1");
      manifest.put("kind", "Snapshot");
      manifest.putObject("metadata").put("name", called);
      ObjectNode spec = manifest.putObject("spec");
      spec.put("machine", of);
      if (description != null) {
        spec.put("description", description);
      }
      String key = UUID.randomUUID().toString();
      Answer answer = api.createSnapshot(cli().project(), key, Body.json(manifest));
      conclude("snapshot/" + called + " of machine/" + of, answer);
      return 0;
    }
  }

  /** Lists. */
  @Command(name = "list", description = "List snapshots.")
  static final class ListOf extends ListedAcross {
    @Parameters(
        arity = "0..1",
        paramLabel = "MACHINE",
        description = "Only of this machine; of all if not given.")
    @Nullable String machine;

    @Override
    public Integer call() {
      String project = allProjects ? "-" : cli().project();
      String fields = machine == null ? null : "spec.machine=" + Kind.MACHINE.bare(machine);
      List<JsonNode> items = new ArrayList<>();
      GetCommand.list(api(), Kind.SNAPSHOT, project, null, fields).forEach(items::add);
      Listing.resources(shell(), format, allProjects, Kind.SNAPSHOT, items);
      return 0;
    }
  }

  /** Reverts. */
  @Command(
      name = "revert",
      description = {
        "Give a machine the system disk of one of its snapshots.",
        "Name, UUID, MACs, addresses, DNS and volumes stay. If the machine does not come up with"
            + " it, it goes back to the disk that it has now. The plan is shown first; with"
            + " --dry-run that is all, and the exit code is 2: there is something to do."
      })
  static final class Revert extends Planned {
    @Parameters(paramLabel = "SNAPSHOT", description = "The snapshot, which knows its machine.")
    String name = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String project = cli().project();
      String snapshot = Kind.SNAPSHOT.bare(name);
      String machine = new View(api.getSnapshot(project, snapshot, null).body()).spec("machine");
      // Also shown if it is done: what it destroys cannot be brought back.
      int found = show(api.revertMachine(project, machine, snapshot, null, true));
      if (dryRun) {
        return found;
      }
      String key = UUID.randomUUID().toString();
      conclude(
          "machine/" + machine + " revert to " + snapshot,
          api.revertMachine(project, machine, snapshot, key, false));
      return 0;
    }
  }

  /** Deletes. */
  @Command(name = "delete", description = "Delete a snapshot for ever.")
  static final class Delete extends Waiting {
    @Parameters(paramLabel = "SNAPSHOT", description = "The snapshot.")
    String name = "";

    @Override
    public Integer call() {
      String snapshot = Kind.SNAPSHOT.bare(name);
      conclude(
          "snapshot/" + snapshot + " delete",
          api().deleteSnapshot(cli().project(), snapshot, null));
      return 0;
    }
  }
}

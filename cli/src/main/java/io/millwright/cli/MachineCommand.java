package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** What can be done with machines besides declaring and switching them. */
@Command(
    name = "machine",
    description = "Rebuild and move machines, and let them live longer.",
    subcommands = {
      MachineCommand.Rebuild.class,
      MachineCommand.Move.class,
      MachineCommand.Extend.class
    })
final class MachineCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright machine rebuild, move or extend");
  }

  /** Moves the end of a machine. */
  @Command(
      name = "extend",
      description = {
        "Let a machine live longer that is deleted by itself.",
        "From now on it has as long as --ttl says. What its manifest says of its end stays."
      })
  static final class Extend extends Part {
    @Parameters(paramLabel = "NAME", description = "The machine.")
    String name = "";

    @Option(
        names = "--ttl",
        required = true,
        paramLabel = "TIME",
        description = "How long it lives from now on, such as 4h; at most 365d.")
    String ttl = "";

    @Override
    public Integer call() {
      String machine = name.startsWith("machine/") ? name.substring(8) : name;
      View view =
          new View(
              api()
                  .extendMachine(cli().project(), machine, UUID.randomUUID().toString(), ttl)
                  .body());
      print("machine/" + machine + " lives until " + view.status("expiresAt"));
      return 0;
    }
  }

  /** Moves. */
  @Command(
      name = "move",
      description = {
        "Move a machine to another hypervisor.",
        "It gets a new system there, with the same name, UUID, MACs, addresses and DNS; its volumes"
            + " are carried there and compared. It is down meanwhile. If the new system does not"
            + " come up, the machine goes back. The plan is shown first; with --dry-run that is"
            + " all, and the exit code is 2: there is something to do."
      })
  static final class Move extends Part {
    @Parameters(paramLabel = "NAME", description = "The machine.")
    String name = "";

    @Option(
        names = "--to",
        required = true,
        paramLabel = "HYPERVISOR",
        description = "Where it goes.")
    String to = "";

    @Option(
        names = "--dry-run",
        description = "Show what would be done, destroyed and kept, and do nothing.")
    boolean dryRun;

    @Option(names = "--wait", description = "Wait for the work to end, and show how it goes.")
    boolean wait;

    @Option(
        names = "--timeout",
        paramLabel = "DURATION",
        description = "How long to wait, such as 10m; for ever if not given.")
    @Nullable Duration timeout;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String machine = name.startsWith("machine/") ? name.substring(8) : name;
      // Also shown if it is done: what it destroys cannot be brought back.
      JsonNode plan = api.moveMachine(cli().project(), machine, to, null, true).body();
      new Plan(plan, shell().coloured()).lines().forEach(this::print);
      if (dryRun) {
        return 2;
      }
      shell().out().flush();
      String key = UUID.randomUUID().toString();
      String uid = new View(api.moveMachine(cli().project(), machine, to, key, false).body()).uid();
      print("machine/" + machine + " move to " + to + ": operation " + uid);
      if (wait) {
        new Follow(shell(), api, timeout, false).all(List.of(uid));
      }
      return 0;
    }
  }

  /** Rebuilds. */
  @Command(
      name = "rebuild",
      description = {
        "Give a machine a new system disk.",
        "Name, UUID, MACs, addresses, DNS and volumes stay. If the new system does not come up, the"
            + " machine goes back to the disk that it has now. With --dry-run, exit code 2: there"
            + " is something to do."
      })
  static final class Rebuild extends Part {
    @Parameters(paramLabel = "NAME", description = "The machine.")
    String name = "";

    @Option(
        names = "--image",
        paramLabel = "IMAGE",
        description = "Another image; the one that it has if not given.")
    @Nullable String image;

    @Option(
        names = "--dry-run",
        description = "Show what would be done, destroyed and kept, and do nothing.")
    boolean dryRun;

    @Option(names = "--wait", description = "Wait for the work to end, and show how it goes.")
    boolean wait;

    @Option(
        names = "--timeout",
        paramLabel = "DURATION",
        description = "How long to wait, such as 10m; for ever if not given.")
    @Nullable Duration timeout;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String machine = name.startsWith("machine/") ? name.substring(8) : name;
      String key = UUID.randomUUID().toString();
      Answer answer = api.rebuildMachine(cli().project(), machine, key, dryRun, image);
      JsonNode body = answer.body();
      if (dryRun) {
        new Plan(body, shell().coloured()).lines().forEach(this::print);
        return 2;
      }
      String uid = new View(body).uid();
      print("machine/" + machine + " rebuild: operation " + uid);
      if (wait) {
        new Follow(shell(), api, timeout, false).all(List.of(uid));
      }
      return 0;
    }
  }
}

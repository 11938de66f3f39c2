package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

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
      String machine = Kind.MACHINE.bare(name);
      View view =
          new View(
              api()
                  .extendMachine(cli().project(), machine, ttl, UUID.randomUUID().toString())
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
  static final class Move extends Planned {
    @Parameters(paramLabel = "NAME", description = "The machine.")
    String name = "";

    @Option(
        names = "--to",
        required = true,
        paramLabel = "HYPERVISOR",
        description = "Where it goes.")
    String to = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String machine = Kind.MACHINE.bare(name);
      // Also shown if it is done: what it destroys cannot be brought back.
      int found = show(api.moveMachine(cli().project(), machine, to, null, true));
      if (dryRun) {
        return found;
      }
      String key = UUID.randomUUID().toString();
      conclude(
          "machine/" + machine + " move to " + to,
          api.moveMachine(cli().project(), machine, to, key, false));
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
  static final class Rebuild extends Planned {
    @Parameters(paramLabel = "NAME", description = "The machine.")
    String name = "";

    @Option(
        names = "--image",
        paramLabel = "IMAGE",
        description = "Another image; the one that it has if not given.")
    @Nullable String image;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String machine = Kind.MACHINE.bare(name);
      String key = UUID.randomUUID().toString();
      Answer answer = api.rebuildMachine(cli().project(), machine, key, dryRun, image);
      return showOrConclude("machine/" + machine + " rebuild", answer);
    }
  }
}

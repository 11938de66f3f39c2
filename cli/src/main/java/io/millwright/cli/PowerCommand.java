package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Switches machines. */
@Command(name = "power", description = "Switch machines on or off, or reset them.")
final class PowerCommand extends Waiting {
  /** What can be done with a switch. */
  enum Act {
    ON,
    OFF,
    RESET;

    /** As it is written, and as the completion offers it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Parameters(index = "0", paramLabel = "on|off|reset", description = "What to do.")
  Act act = Act.ON;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "NAME", description = "The machines.")
  List<String> names = List.of();

  @Override
  public Integer call() {
    MillwrightApi api = api();
    List<String> operations = new java.util.ArrayList<>();
    for (String name : names) {
      String machine = Kind.MACHINE.bare(name);
      Answer answer = act(api, machine);
      String word = "machine/" + machine + " power " + act;
      if (answer.accepted()) {
        String uid = new View(answer.body()).uid();
        operations.add(uid);
        print(word + ": operation " + uid);
      } else {
        print(word + ": nothing to do");
      }
    }
    await(operations);
    return 0;
  }

  private Answer act(MillwrightApi api, String name) {
    String key = UUID.randomUUID().toString();
    return switch (act) {
      case ON -> api.powerOnMachine(cli().project(), name, key);
      case OFF -> api.powerOffMachine(cli().project(), name, key);
      case RESET -> api.resetMachine(cli().project(), name, key);
    };
  }
}

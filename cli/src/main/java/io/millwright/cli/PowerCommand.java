package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.UnreachableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.Collectors;
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
    List<String> operations = new ArrayList<>();
    List<Complaint> wrong = new ArrayList<>();
    String unasked = "";
    for (int i = 0; i < names.size(); i++) {
      String machine = Kind.MACHINE.bare(names.get(i));
      try {
        begin(machine, act(api, machine), operations);
      } catch (ApiException | UnreachableException e) {
        if (names.size() == 1) {
          throw e;
        }
        Complaint why = Complaint.of(e);
        wrong.add(new Complaint(why.code(), "machine/" + machine + ": " + why.line()));
        if (e instanceof UnreachableException) {
          // The others would not be heard of either.
          List<String> left = names.subList(i + 1, names.size());
          unasked = left.isEmpty() ? "" : "; not asked for: " + String.join(", ", left);
          break;
        }
      }
    }
    try {
      await(operations);
    } catch (Failure | ApiException | UnreachableException e) {
      if (wrong.isEmpty()) {
        throw e;
      }
      wrong.add(Complaint.of(e));
    }
    if (!wrong.isEmpty()) {
      throw new Failure(
          wrong.getFirst().code(),
          wrong.stream().map(Complaint::line).collect(Collectors.joining("; ")) + unasked);
    }
    return 0;
  }

  private void begin(String machine, Answer answer, List<String> operations) {
    String word = "machine/" + machine + " power " + act;
    if (answer.accepted()) {
      String uid = new View(answer.body()).uid();
      operations.add(uid);
      print(word + ": operation " + uid);
    } else {
      print(word + ": nothing to do");
    }
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

package io.millwright.cli;

import io.millwright.client.Answer;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A command whose work takes long, and which waits for it if it is asked to. */
abstract class Waiting extends Part {
  @Option(names = "--wait", description = "Wait for the work to end, and show how it goes.")
  boolean wait;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      description = "How long to wait, such as 10m; for ever if not given.")
  @Nullable Duration timeout;

  /** Tells what became of a request, and waits for it if that was asked for. */
  final void conclude(String what, Answer answer) {
    View operation = new View(answer.body());
    if (!operation.kind().equals("Operation")) {
      print(what + ": " + deleted(answer, "nothing to do"));
      return;
    }
    print(what + ": operation " + operation.uid());
    await(List.of(operation.uid()));
  }

  /** Waits for these operations if that was asked for. */
  final void await(List<String> operations) {
    if (wait) {
      new Follow(shell(), api(), timeout, false).all(operations);
    }
  }

  /**
   * As {@link #await}, or says where to see them; for who was told all else.
   *
   * @param human whether people read the output
   */
  final void goOn(List<String> operations, boolean human) {
    shell().out().flush();
    if (wait) {
      new Follow(shell(), api(), timeout, !human).all(operations);
    } else if (human && !operations.isEmpty()) {
      print("The work goes on; see it with: millwright logs -f " + operations.getFirst());
    }
  }

  /**
   * Shows a plan.
   *
   * @return the exit code: 2 if there is something to do
   */
  final int show(Answer planned) {
    Plan plan = new Plan(planned.body(), shell().coloured());
    plan.lines().forEach(this::print);
    shell().out().flush();
    return plan.changes() ? 2 : 0;
  }
}

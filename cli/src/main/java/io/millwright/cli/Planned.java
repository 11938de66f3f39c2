package io.millwright.cli;

import io.millwright.client.Answer;
import picocli.CommandLine.Option;

/** A command whose work can be shown before it is done. */
abstract class Planned extends Waiting {
  @Option(
      names = "--dry-run",
      description = "Show what would be done, destroyed and kept, and do nothing.")
  boolean dryRun;

  /**
   * Shows the plan if the request was sent with {@link #dryRun}; concludes it if not.
   *
   * @return the exit code
   */
  final int showOrConclude(String what, Answer answer) {
    if (dryRun) {
      return show(answer);
    }
    conclude(what, answer);
    return 0;
  }
}

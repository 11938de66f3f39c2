package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What every command starts from. */
abstract class Part implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  final Cli cli() {
    return (Cli) spec.root().userObject();
  }

  final Shell shell() {
    return cli().shell();
  }

  final MillwrightApi api() {
    return cli().api();
  }

  final void print(String line) {
    shell().out().println(line);
  }

  /** What became of something that was to be deleted; who mistypes a name shall not be told so. */
  static String deleted(Answer answer, String done) {
    return answer.presumed() ? "is gone (the first answer was lost)" : done;
  }
}

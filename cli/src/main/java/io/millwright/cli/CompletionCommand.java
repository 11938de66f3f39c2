package io.millwright.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Prints the completion script of a shell. */
@Command(
    name = "completion",
    description = {
      "Print the completion script of a shell.",
      "For bash: source <(millwright completion bash)"
    })
final class CompletionCommand extends Part {
  @Parameters(paramLabel = "SHELL", description = "bash.")
  String of = "";

  @Override
  public Integer call() {
    if (!of.equals("bash")) {
      throw Failure.usage("completion is there for bash only, not for '" + of + "'");
    }
    print(AutoComplete.bash("millwright", spec.root().commandLine()));
    return 0;
  }
}

package io.millwright.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;

/** Prints the completion script of a shell. */
@Command(
    name = "completion",
    description = {
      "Print the completion script of a shell.",
      "For bash: source <(millwright completion bash)"
    })
final class CompletionCommand extends Part {
  /** How picocli finds out which command a line is about. */
  private static final Pattern WHICH =
      Pattern.compile("function CompWordsContainsArray\\(\\) \\{.*?\n}\n", Pattern.DOTALL);

  /**
   * In its place, for picocli takes any word of the line for a command, and kinds are commands as
   * well: {@code get machine} is not {@code machine}.
   */
  private static final String IN_ORDER =
      """
      function CompWordsContainsArray() {
        local word value='' wanted=("$@")
        for word in "${COMP_WORDS[@]:1}"; do
          if [[ -n $value ]]; then value=''
          elif [[ $word == @(%s) ]]; then value=1
          elif [[ $word == -* ]]; then continue
          elif [[ $word != "${wanted[0]}" ]]; then return 1
          else
            wanted=("${wanted[@]:1}")
            ((${#wanted[@]})) || return 0
          fi
        done
        return 1
      }
      """;

  @Parameters(paramLabel = "SHELL", description = "bash.")
  String of = "";

  @Override
  public Integer call() {
    if (!of.equals("bash")) {
      throw Failure.usage("completion is there for bash only, not for '" + of + "'");
    }
    CommandSpec root = spec.root();
    String takingValues =
        root.options().stream()
            .filter(o -> o.arity().max() > 0)
            .flatMap(o -> Stream.of(o.names()))
            .collect(Collectors.joining("|"));
    print(
        WHICH
            .matcher(AutoComplete.bash("millwright", root.commandLine()))
            .replaceFirst(Matcher.quoteReplacement(IN_ORDER.formatted(takingValues))));
    return 0;
  }
}

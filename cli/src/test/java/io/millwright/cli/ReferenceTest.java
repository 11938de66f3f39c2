package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** docs/cli.md says what the command line says; {@code -Ddocs.update=true} writes it. */
class ReferenceTest extends CliTestCase {
  private static final Path REFERENCE = Path.of("..", "docs", "cli.md");

  @Test
  void theReferenceIsUpToDate() throws IOException {
    String text = reference();
    if (Boolean.getBoolean("docs.update")) {
      Files.createDirectories(REFERENCE.getParent());
      Files.writeString(REFERENCE, text);
    }
    assertThat(REFERENCE)
        .as("run: mvn -pl cli -am test -Dtest=ReferenceTest -Ddocs.update=true")
        .hasContent(text);
  }

  @Test
  void everyCommandHasHelp() {
    for (String name : Cli.COMMANDS) {
      assertThat(run(name, "--help").done().out()).startsWith("Usage: millwright " + name);
    }
    assertThat(run("operation", "list", "-h").done().out())
        .startsWith("Usage: millwright operation list");
  }

  @Test
  void theCompletionScriptIsBash() throws IOException, InterruptedException {
    Path script = file("completion", run("completion", "bash").done().out());
    Process bash = new ProcessBuilder("bash", "-n", script.toString()).start();
    assertThat(new String(bash.getErrorStream().readAllBytes(), StandardCharsets.UTF_8)).isEmpty();
    assertThat(bash.waitFor()).isZero();
    assertThat(script)
        .content()
        .contains("complete -F")
        .contains("describe")
        .contains("hypervisor")
        .contains("\"table\" \"wide\" \"json\" \"yaml\" \"name\"", "\"on\" \"off\" \"reset\"")
        .doesNotContain("\"TABLE\"");
  }

  /** As bash does it when somebody presses the tab key behind this. */
  private String completed(String... words) throws IOException, InterruptedException {
    Path script = file("completion", run("completion", "bash").done().out());
    List<String> command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                """
                compopt() { :; } # the shell has it only while somebody types
                source "$0"
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
                declared=$(complete -p millwright)
                [[ $declared =~ -F\\ ([^ ]+) ]]
                ${BASH_REMATCH[1]} millwright "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
                echo "${COMPREPLY[@]}"
                """,
                script.toString()));
    command.addAll(List.of(words));
    Process bash = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(bash.waitFor()).as(said).isZero();
    return said.strip();
  }

  @Test
  void wordsAreCompleted() throws IOException, InterruptedException {
    assertThat(completed("millwright", "des")).isEqualTo("describe");
    assertThat(completed("millwright", "op")).isEqualTo("operation");
    assertThat(completed("millwright", "operation", "c")).isEqualTo("cancel");
    assertThat(completed("millwright", "power", "re")).isEqualTo("reset");
    assertThat(completed("millwright", "get", "mach")).isEqualTo("machine");
    assertThat(completed("millwright", "get", "-o", "w")).isEqualTo("wide");
    assertThat(completed("millwright", "apply", "--w")).isEqualTo("--wait");
    assertThat(completed("millwright", "nothing-like-it")).isEmpty();
    // A kind is no command here, though some commands are called as kinds are.
    assertThat(completed("millwright", "get", "machine", "-")).contains("--watch", "--output");
    assertThat(completed("millwright", "delete", "machine", "a", "--al")).startsWith("--all");
    assertThat(completed("millwright", "-p", "machine", "get", "imag")).isEqualTo("image");
    assertThat(completed("millwright", "machine", "reb")).isEqualTo("rebuild");
    assertThat(completed("millwright", "--debug", "group", "-p", "a", "rollout", "pau"))
        .isEqualTo("pause");
  }

  private static String reference() {
    CommandLine line =
        Cli.complete(
            new Shell(
                java.util.Map.of(),
                System.in,
                new Output(System.out),
                System.err,
                false,
                false,
                () -> NOW));
    StringBuilder out = new StringBuilder();
    out.append(
        """
        # The command line

        Generated from the commands themselves by `ReferenceTest`; do not edit.

        `millwright COMMAND --help` says the same. Exit codes: 0 done, 1 failed, 2 wrong usage or
        input; `plan` ends with 0 if there is nothing to do, 2 if there is, 1 on any error; `ssh`
        with the code of ssh. What goes wrong is said in one line on standard error. Colours are
        for terminals only; `NO_COLOR` turns them off.

        `KIND`, in singular or plural and any case, is one of
        %s.

        ## Options of every command

        """
            .formatted(String.join(", ", Kind.words())));
    options(line.getCommandSpec(), false, out);
    for (CommandLine each : line.getSubcommands().values()) {
      command(each, 2, out);
    }
    return out.toString();
  }

  private static void command(CommandLine line, int level, StringBuilder out) {
    CommandSpec spec = line.getCommandSpec();
    out.append('\n')
        .append("#".repeat(level))
        .append(' ')
        .append(spec.qualifiedName())
        .append("\n\n");
    out.append(String.join(" ", spec.usageMessage().description())).append("\n\n");
    if (!line.getSubcommands().isEmpty()) {
      line.getSubcommands().values().forEach(each -> command(each, level + 1, out));
      return;
    }
    out.append("    ").append(synopsis(spec)).append("\n");
    options(spec, true, out);
  }

  private static String synopsis(CommandSpec spec) {
    StringBuilder out = new StringBuilder(spec.qualifiedName());
    for (OptionSpec option : spec.options()) {
      if (option.required()) {
        out.append(' ').append(option.shortestName()).append(' ').append(option.paramLabel());
      }
    }
    out.append(" [OPTIONS]");
    for (PositionalParamSpec each : spec.positionalParameters()) {
      boolean needed = each.arity().min() > 0 || each.required();
      String dots = each.index().max() == Integer.MAX_VALUE || each.arity().max() > 1 ? "..." : "";
      out.append(needed ? " " : " [")
          .append(each.paramLabel())
          .append(dots)
          .append(needed ? "" : "]");
    }
    return out.toString();
  }

  private static void options(CommandSpec spec, boolean own, StringBuilder out) {
    List<PositionalParamSpec> positional = own ? spec.positionalParameters() : List.of();
    List<OptionSpec> options = spec.options().stream().filter(o -> !own || !o.inherited()).toList();
    if (positional.isEmpty() && options.isEmpty()) {
      return;
    }
    out.append(own ? "\n" : "").append("| | |\n|---|---|\n");
    positional.forEach(p -> row("`" + p.paramLabel() + "`", p, out));
    options.forEach(o ->
        row(
            "`"
                + String.join("`, `", o.names())
                + "`"
                + (o.arity().max() == 0 ? "" : " `" + o.paramLabel() + "`"),
            o,
            out));
  }

  private static void row(String name, ArgSpec arg, StringBuilder out) {
    String about = String.join(" ", arg.description()).replace("|", "\\|");
    out.append("| ").append(name.replace("|", "\\|")).append(" | ").append(about).append(" |\n");
  }
}

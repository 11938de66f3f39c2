package io.millwright.cli;

import io.millwright.client.Console;
import io.millwright.client.Trees;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Joins the terminal with a machine's serial console. */
@Command(
    name = "console",
    description =
        "Open a machine's serial console; leave it with Ctrl-]. It goes on when the input ends,"
            + " until the console closes or nobody reads the output any more.")
final class ConsoleCommand extends Part {
  private static final int CTRL_BRACKET = 0x1d;

  @Parameters(paramLabel = "NAME", description = "The machine.")
  String name = "";

  @Option(
      names = "--screen",
      description = {
        "Print the address of the machine's screen: in the page, or where the hypervisor shows it"
            + " itself, of a kind that stderr names, and good once."
      })
  boolean screen;

  @Override
  public Integer call() throws IOException, InterruptedException {
    String machine = Kind.MACHINE.bare(name);
    if (screen) {
      JsonNode ticket = api().createMachineScreenTicket(cli().project(), machine).body();
      String url = Safe.line(Trees.text(ticket, "url"));
      if (url.startsWith("/")) {
        shell().err().println("open this in a browser; the page shows the screen of " + machine);
        print(
            cli().server()
                + "/p/"
                + cli().project()
                + "/machines/"
                + machine
                + "/console?show=screen");
        return 0;
      }
      String thumbprint = Trees.text(ticket, "thumbprint");
      shell()
          .err()
          .println(
              "a viewer of "
                  + Safe.line(Trees.text(ticket, "protocol"))
                  + " opens this once"
                  + (thumbprint.isEmpty()
                      ? ""
                      : "; the certificate there has the thumbprint " + Safe.line(thumbprint)));
      print(url);
      return 0;
    }
    try (Console console =
        api().openMachineConsole(cli().project(), machine, null, shell().out())) {
      shell().err().println("console of " + machine + "; leave it with Ctrl-]");
      shell().out().onceUnread(console::leave);
      @Nullable String saved = raw();
      boolean left;
      try {
        left = console.attach(shell().in(), CTRL_BRACKET);
      } finally {
        if (saved != null) {
          stty(saved);
          shell().err().println();
        }
      }
      if (!left) {
        String why = console.farewell();
        throw Failure.failed(
            "the console of " + machine + " was closed" + (why.isEmpty() ? "" : ": " + why));
      }
      return 0;
    }
  }

  /** Passes each key on as it is. Returns how to set the terminal back, or null if it is none. */
  private @Nullable String raw() throws IOException, InterruptedException {
    if (!shell().inTerminal()) {
      return null;
    }
    String saved = stty("-g").strip();
    // Also when a signal ends this process: a terminal without echo is hard to leave.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> restore(saved)));
    stty("raw", "-echo");
    return saved;
  }

  private void restore(String saved) {
    try {
      stty(saved);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String stty(String... arguments) throws IOException, InterruptedException {
    Path program =
        shell()
            .program("stty")
            .orElseThrow(() -> Failure.failed("there is no stty; install coreutils"));
    List<String> line = new ArrayList<>(List.of(program.toString()));
    line.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(line)
            .redirectInput(ProcessBuilder.Redirect.INHERIT)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    byte[] said = process.getInputStream().readAllBytes();
    if (process.waitFor() != 0) {
      throw Failure.failed("stty " + String.join(" ", arguments) + " failed; is this a terminal?");
    }
    return new String(said, StandardCharsets.UTF_8);
  }
}

package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Logs in to a machine by name, with the host key checked against what the machine reported. */
@Command(
    name = "ssh",
    description = {
      "Log in to a machine by its name.",
      "Its host key must be one that it reported at its first boot. Ends with ssh's exit code."
    })
final class SshCommand extends Part {
  @Parameters(index = "0", paramLabel = "[USER@]NAME", description = "The machine.")
  String machine = "";

  @Parameters(
      index = "1..*",
      paramLabel = "COMMAND",
      description = "Run this instead of a shell; put -- before it.")
  List<String> command = new ArrayList<>();

  @Mixin LoginOptions login = new LoginOptions();

  @Override
  public Integer call() throws IOException, InterruptedException {
    int at = machine.lastIndexOf('@');
    String name = Kind.MACHINE.bare(machine.substring(at + 1));
    MillwrightApi api = api();
    View view = new View(Kind.MACHINE.get(api, cli().project(), name).body());
    String user = login.user != null ? login.user : at >= 0 ? machine.substring(0, at) : null;
    try (Login way =
        Login.open(shell(), api, cli().project(), view, user, login.identity, login.port)) {
      return run(way.command(List.of(), command));
    }
  }

  private int run(List<String> arguments) throws IOException, InterruptedException {
    shell().out().flush();
    return new ProcessBuilder(arguments).inheritIO().start().waitFor();
  }
}

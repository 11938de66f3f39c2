package io.millwright.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How to log in to a machine, for each command that does. */
final class LoginOptions {
  @Option(
      names = {"-l", "--login"},
      paramLabel = "USER",
      description =
          "Log in as; if not given the first user of the machine's profiles, or else of its own, or"
              + " else of its networks.")
  @Nullable String user;

  @Option(
      names = {"-i", "--identity"},
      paramLabel = "FILE",
      description = "Private key; MILLWRIGHT_IDENTITY, or what ssh does by itself.")
  @Nullable String identity;

  @Option(names = "--port", paramLabel = "PORT", description = "Of the machine's SSH server; 22.")
  int port = 22;
}

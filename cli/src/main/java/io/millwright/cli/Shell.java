package io.millwright.cli;

import java.io.File;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;

/**
 * What a command sees of the process that it runs in.
 *
 * @param environment variables
 * @param inTerminal true if {@code in} is a terminal
 * @param outTerminal true if {@code out} is a terminal
 * @param clock for ages and durations
 */
record Shell(
    Map<String, String> environment,
    InputStream in,
    Output out,
    PrintStream err,
    boolean inTerminal,
    boolean outTerminal,
    InstantSource clock) {

  Optional<String> variable(String name) {
    String value = environment.get(name);
    return value == null || value.isEmpty() ? Optional.empty() : Optional.of(value);
  }

  /** Colours are for terminals, unless somebody said no. */
  boolean coloured() {
    return outTerminal
        && variable("NO_COLOR").isEmpty()
        && !variable("TERM").orElse("").equals("dumb");
  }

  /** A program, as a shell would find it. */
  Optional<Path> program(String name) {
    for (String directory : variable("PATH").orElse("").split(File.pathSeparator, -1)) {
      Path candidate = Path.of(directory.isEmpty() ? "." : directory, name);
      if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }
}

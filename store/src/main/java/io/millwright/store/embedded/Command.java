package io.millwright.store.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Runs the short-lived programs around PostgreSQL. */
final class Command {
  private Command() {}

  /** How a program ended, and all that it printed. */
  record Result(int exit, String output) {
    boolean succeeded() {
      return exit == 0;
    }
  }

  /**
   * A command that sees none of our environment: no PG*, no library path, no language, no secrets.
   */
  static ProcessBuilder builder(List<String> command, Path directory) {
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    Map<String, String> environment = builder.environment();
    environment.clear();
    environment.put("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    environment.put("LC_ALL", "C"); // messages that we look into stay in English
    return builder.redirectErrorStream(true);
  }

  /** Runs to the end. The input is small enough to fit a pipe. */
  static Result run(List<String> command, Path directory, String input) throws IOException {
    Process process = builder(command, directory).start();
    try (var stdin = process.getOutputStream()) {
      stdin.write(input.getBytes(UTF_8));
    } catch (IOException e) {
      // It ended without reading; its exit and output say more than a broken pipe does.
    }
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Result(exit(process), output);
  }

  /** Waits out an interrupt: all these programs end within a second or two, half done is worse. */
  private static int exit(Process process) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return process.waitFor();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}

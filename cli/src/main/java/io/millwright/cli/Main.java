package io.millwright.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;

/** Starts the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    int code = Cli.run(shell(), args);
    // Without shutdown hooks a hundredth of a second is saved; with a temporary file they matter.
    System.exit(code);
  }

  static Shell shell() {
    // The launcher knows which of them is a terminal; asking from here would cost a process.
    List<String> terminals = List.of(System.getProperty("millwright.terminals", "").split(","));
    return new Shell(
        System.getenv(),
        System.in,
        Output.standard(),
        errors(),
        terminals.contains("0"),
        terminals.contains("1"),
        Clock.systemUTC());
  }

  private static PrintStream errors() {
    return new PrintStream(
        new BufferedOutputStream(new FileOutputStream(FileDescriptor.err), 1 << 13),
        false,
        StandardCharsets.UTF_8);
  }
}

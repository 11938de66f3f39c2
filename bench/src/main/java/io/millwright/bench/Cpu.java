package io.millwright.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * CPU seconds of this process and of PostgreSQL. Unlike the clock they say nearly the same on a
 * machine that has other things to do.
 */
record Cpu(double java, double postgres) {
  private static final double TICKS = 100; // of Linux, for what is told to users

  /** Until now, of the database whose data is here. */
  static Cpu now(Path postgres) {
    try {
      long own = ticks(ProcessHandle.current().pid());
      return new Cpu(own / TICKS, family(postmaster(postgres)) / TICKS);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  Cpu since(Cpu before) {
    return new Cpu(java - before.java, postgres - before.postgres);
  }

  double sum() {
    return java + postgres;
  }

  private static long postmaster(Path postgres) throws IOException {
    try (var files = Files.walk(postgres, 3)) {
      Path file =
          files
              .filter(p -> p.endsWith("postmaster.pid"))
              .findFirst()
              .orElseThrow(() -> new IOException("no PostgreSQL runs in " + postgres));
      return Long.parseLong(Files.readAllLines(file).getFirst().strip());
    }
  }

  /** A process, its children, and those that have ended. */
  private static long family(long pid) throws IOException {
    long sum = ticks(pid);
    for (ProcessHandle child :
        ProcessHandle.of(pid).map(p -> p.children().toList()).orElse(List.of())) {
      sum += ticks(child.pid());
    }
    return sum;
  }

  private static long ticks(long pid) throws IOException {
    String stat;
    try {
      stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    } catch (IOException e) {
      return 0; // it has ended, and its parent counts it
    }
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    long sum = 0;
    for (int i = 11; i <= 14; i++) { // user, system, and both of ended children
      sum += Long.parseLong(fields[i]);
    }
    return sum;
  }
}

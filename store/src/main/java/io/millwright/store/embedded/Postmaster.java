package io.millwright.store.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A running PostgreSQL server as its own files and the kernel tell of it.
 *
 * @param executable the program it was started from
 * @param status in its own word: starting, ready, stopping
 */
record Postmaster(long pid, int port, String executable, String status) {
  /** How Java turned the name of the directory into the bytes that the kernel shows us again. */
  private static final Charset FILE_NAMES =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private static final int PORT_LINE = 3;
  private static final int STATUS_LINE = 7;

  /**
   * The server that runs on the cluster, if one does. What postmaster.pid says is believed only
   * when the process with that number was really started on this directory, as numbers are used
   * again.
   */
  static Optional<Postmaster> on(Path cluster) throws IOException {
    List<String> lines;
    try {
      lines = Files.readString(pidFile(cluster), UTF_8).lines().map(String::strip).toList();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    if (lines.size() <= PORT_LINE
        || !isNumber(lines.getFirst())
        || !isNumber(lines.get(PORT_LINE))) {
      return Optional.empty(); // it has only begun to write, or the power failed while it did
    }
    long pid = Long.parseLong(lines.getFirst());
    List<String> arguments = arguments(pid);
    if (!serves(arguments, cluster)) {
      return Optional.empty();
    }
    String status = lines.size() > STATUS_LINE ? lines.get(STATUS_LINE) : "starting";
    return Optional.of(
        new Postmaster(pid, Integer.parseInt(lines.get(PORT_LINE)), arguments.getFirst(), status));
  }

  boolean ready() {
    return status.equals("ready");
  }

  boolean starting() {
    return status.equals("starting");
  }

  static Path pidFile(Path cluster) {
    return cluster.resolve("postmaster.pid");
  }

  /** Whether the process is there and is a server on the cluster; false for a zombie. */
  static boolean alive(long pid, Path cluster) {
    return serves(arguments(pid), cluster);
  }

  /** The server processes of a cluster other than the postmaster, which they may have outlived. */
  static List<ProcessHandle> children(String clusterName) throws IOException {
    List<ProcessHandle> found = new ArrayList<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        long pid = Long.parseLong(process.getFileName().toString());
        List<String> arguments = arguments(pid);
        // A child of the postmaster says what it does in place of its arguments.
        if (!arguments.isEmpty()
            && arguments.getFirst().startsWith("postgres: " + clusterName + ": ")) {
          ProcessHandle.of(pid).ifPresent(found::add);
        }
      }
    }
    return found;
  }

  private static boolean serves(List<String> arguments, Path cluster) {
    int at = arguments.indexOf("-D");
    return at >= 0 && at + 1 < arguments.size() && arguments.get(at + 1).equals(cluster.toString());
  }

  /** Of all that /proc tells of a process, the arguments are what needs no privilege to read. */
  private static List<String> arguments(long pid) {
    try {
      byte[] raw = Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline"));
      String text = new String(raw, FILE_NAMES);
      return text.isEmpty() ? List.of() : List.of(text.split("\0"));
    } catch (IOException e) {
      return List.of(); // ended meanwhile
    }
  }

  private static boolean isNumber(String text) {
    return text.matches("[0-9]{1,18}");
  }
}

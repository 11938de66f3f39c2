package io.millwright.driver.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * The arguments of all processes of this machine, as anybody on it can read them, for as long as it
 * is open: a process that lives for some milliseconds is seen as well.
 */
public final class ProcessArguments implements AutoCloseable {
  private static final Path PROCESSES = Path.of("/proc");

  /** Shorter than any program takes to start and end, and leaves the processor to others. */
  private static final Duration PAUSE = Duration.ofMillis(1);

  /** A process first has its parent's arguments, and after so many looks its own. */
  private static final int LOOKS = 100;

  private final Map<Path, Integer> looks = new HashMap<>();
  private final Set<String> seen = ConcurrentHashMap.newKeySet();
  private final Thread watch;
  private volatile boolean closed;

  private ProcessArguments() {
    watch = Thread.ofPlatform().daemon().name("process-arguments").start(this::watch);
  }

  public static ProcessArguments watching() {
    return new ProcessArguments();
  }

  /** What was seen so far, a process each, its arguments with spaces between them. */
  public List<String> seen() {
    return List.copyOf(seen);
  }

  private void watch() {
    while (!closed) {
      look();
      LockSupport.parkNanos(PAUSE.toNanos());
    }
  }

  private void look() {
    try (DirectoryStream<Path> all = Files.newDirectoryStream(PROCESSES, "[0-9]*")) {
      Set<Path> there = new HashSet<>();
      for (Path process : all) {
        there.add(process);
        if (looks.merge(process, 1, Integer::sum) <= LOOKS) {
          look(process);
        }
      }
      looks.keySet().retainAll(there);
    } catch (IOException e) {
      throw new IllegalStateException("the processes cannot be listed", e);
    }
  }

  private void look(Path process) {
    try {
      String line =
          new String(Files.readAllBytes(process.resolve("cmdline")), StandardCharsets.ISO_8859_1);
      if (!line.isEmpty()) {
        seen.add(line.replace('\0', ' ').stripTrailing());
      }
    } catch (IOException e) {
      // It has ended.
    }
  }

  @Override
  public void close() throws InterruptedException {
    closed = true;
    watch.join();
  }
}

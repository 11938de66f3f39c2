package io.millwright.drivers.mmdebstrap;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** A command and all processes that it starts, which end no later than this is closed. */
final class ProcessTree implements AutoCloseable {
  /** A server's own path often lacks the directories of root's tools. */
  static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  /** After the command's end, for a reader to catch up; a stray child may hold its output open. */
  private static final Duration DRAIN = Duration.ofSeconds(2);

  /** A killed process ends at once, unless a disk or the parent that is to bury it keeps it. */
  private static final Duration KILLED = Duration.ofSeconds(5);

  private final Process process;
  private final Duration grace;

  private ProcessTree(Process process, Duration grace) {
    this.process = process;
    this.grace = grace;
  }

  /**
   * @param grace how long processes that were asked to end may take
   */
  static ProcessTree start(List<String> command, Path directory, Duration grace)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
    // Scripts of packages run in there: of our environment they get the way to the archive only.
    builder.environment().keySet().removeIf(k -> !k.toLowerCase(Locale.ROOT).endsWith("_proxy"));
    builder.environment().put("PATH", PATH);
    builder.environment().put("LC_ALL", "C.UTF-8");
    builder.environment().put("HOME", directory.toString());
    Process process = builder.start();
    process.getOutputStream().close();
    return new ProcessTree(process, grace);
  }

  long pid() {
    return process.pid();
  }

  /**
   * Waits for the end, passing on each line of output, from one thread and not after this returns.
   * What whoever is given the lines throws ends the wait at once, and is thrown here: so somebody
   * says that they are to stop.
   *
   * @return the exit code
   * @throws InterruptedException if the thread was interrupted; close ends the processes then
   */
  int follow(Consumer<String> lines) throws InterruptedException {
    Relay relay = new Relay(lines);
    CompletableFuture<Void> read = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("build log")
        .start(() -> {
          try (BufferedReader in =
              new BufferedReader(
                  new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
              relay.pass(line);
            }
            read.complete(null);
          } catch (IOException e) {
            read.complete(null); // the pipe was closed under us: that is its end
          } catch (RuntimeException | Error e) {
            read.completeExceptionally(e);
          }
        });
    try {
      // Output may end before the process does, and with an error nobody reads it any more.
      CompletableFuture.anyOf(process.onExit(), read).get();
      if (read.isCompletedExceptionally()) {
        read.get();
      }
      int code = process.waitFor();
      read.get(DRAIN.toMillis(), TimeUnit.MILLISECONDS);
      return code;
    } catch (TimeoutException e) {
      return process.exitValue();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException why) {
        throw why;
      }
      throw new IllegalStateException("whoever follows the build failed", e.getCause());
    } finally {
      relay.shut();
    }
  }

  /** Passes lines on until it is shut. */
  private static final class Relay {
    private final Consumer<String> lines;
    private boolean open = true;

    Relay(Consumer<String> lines) {
      this.lines = lines;
    }

    synchronized void pass(String line) {
      if (open) {
        lines.accept(line);
      }
    }

    synchronized void shut() {
      open = false;
    }
  }

  /** Asks every process to end, waits, and kills what is left. */
  @Override
  public void close() {
    Set<ProcessHandle> tree = new LinkedHashSet<>();
    // Children first, and all that are known now: a child whose parent has ended is found no more.
    process.descendants().forEach(tree::add);
    tree.add(process.toHandle());
    tree.removeIf(p -> !p.isAlive());
    if (tree.isEmpty()) {
      return;
    }
    tree.forEach(ProcessHandle::destroy);
    awaitEnd(tree, grace);
    process.descendants().forEach(tree::add);
    tree.forEach(ProcessHandle::destroyForcibly);
    awaitEnd(tree, KILLED);
  }

  private static void awaitEnd(Set<ProcessHandle> tree, Duration limit) {
    try {
      // Goes on waiting though the thread is interrupted, for that is when it is needed.
      CompletableFuture.allOf(
              tree.stream().map(ProcessHandle::onExit).toArray(CompletableFuture[]::new))
          .orTimeout(limit.toMillis(), TimeUnit.MILLISECONDS)
          .join();
    } catch (java.util.concurrent.CompletionException e) {
      // out of time
    }
  }
}

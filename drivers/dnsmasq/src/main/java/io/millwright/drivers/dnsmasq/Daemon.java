package io.millwright.drivers.dnsmasq;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A running dnsmasq, known by its pid file.
 *
 * <p>Requests to reload that come together share one SIGHUP, because dnsmasq works off each signal
 * on its own however many there are, and serves nobody while it does.
 */
final class Daemon {
  private static final Duration LEAST = Duration.ofMillis(100);

  /**
   * Reading n reservations takes dnsmasq about 17 ns x n x n. A third of its time may go into that
   * when machines change without a pause.
   */
  private static final long NANOS_PER_SQUARE = 50;

  private final Path pidFile;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition passed = lock.newCondition();

  /** Those who wait for the next signal; null if nobody does. */
  private @Nullable CompletableFuture<Void> next;

  private long notBefore = System.nanoTime();

  Daemon(Path pidFile) {
    this.pidFile = pidFile;
  }

  /** The process, if it runs. */
  OptionalLong pid() throws DriverException {
    try {
      String text = Files.readString(pidFile, StandardCharsets.ISO_8859_1).strip();
      if (!text.matches("[1-9][0-9]{0,9}")) {
        return OptionalLong.empty();
      }
      // A pid file outlives a crash, and its number may belong to anybody by now.
      String name = Files.readString(Path.of("/proc", text, "comm"), StandardCharsets.ISO_8859_1);
      return name.strip().equals("dnsmasq")
          ? OptionalLong.of(Long.parseLong(text))
          : OptionalLong.empty();
    } catch (NoSuchFileException e) {
      return OptionalLong.empty();
    } catch (IOException e) {
      // Reading /proc of a process that just ended fails in several ways; all mean the same.
      if (Files.isReadable(pidFile)) {
        return OptionalLong.empty();
      }
      throw new DriverException(
          FaultKind.REFUSED,
          "The pid file of dnsmasq cannot be read; let Millwright's user read it.",
          pidFile + ": " + e,
          e);
    }
  }

  /** Fails if it does not run. */
  void requireRunning() throws DriverException {
    if (pid().isEmpty()) {
      throw absent();
    }
  }

  /**
   * Makes dnsmasq read everything again. When this returns, a signal is on its way that was sent
   * after the call began, and a signal is not lost: dnsmasq acts upon it within milliseconds, or as
   * soon as it has finished what it is doing.
   *
   * @param reservations asked at the time of the signal, how many dnsmasq will read
   * @throws DriverException UNREACHABLE if it does not run
   */
  void reload(IntSupplier reservations) throws DriverException {
    CompletableFuture<Void> mine = new CompletableFuture<>();
    CompletableFuture<Void> waiting = join(mine);
    if (waiting == null) {
      lead(mine, reservations);
    } else {
      mine = waiting;
    }
    try {
      mine.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof DriverException failed
          ? new DriverException(failed.kind(), failed.forUser(), failed.forOperator(), e)
          : new DriverException(FaultKind.BUG, "The driver failed.", String.valueOf(e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted(e);
    }
  }

  /** Those who wait for the next signal; if nobody does, null, and these here do from now on. */
  private @Nullable CompletableFuture<Void> join(CompletableFuture<Void> fresh) {
    lock.lock();
    try {
      CompletableFuture<Void> waiting = next;
      if (waiting == null) {
        next = fresh;
      }
      return waiting;
    } finally {
      lock.unlock();
    }
  }

  private void lead(CompletableFuture<Void> batch, IntSupplier reservations) {
    try {
      lock.lockInterruptibly();
      try {
        long left = notBefore - System.nanoTime();
        while (left > 0) {
          left = passed.awaitNanos(left);
        }
      } finally {
        lock.unlock();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      close();
      batch.completeExceptionally(interrupted(e));
      return;
    }
    // Who comes from here on may have written after the signal, and gets the next one.
    close();
    try {
      long n = reservations.getAsInt();
      signal();
      lock.lock();
      try {
        notBefore = System.nanoTime() + Math.max(LEAST.toNanos(), n * n * NANOS_PER_SQUARE);
      } finally {
        lock.unlock();
      }
      batch.complete(null);
    } catch (DriverException | RuntimeException e) {
      batch.completeExceptionally(e);
    }
  }

  private void close() {
    lock.lock();
    try {
      next = null;
    } finally {
      lock.unlock();
    }
  }

  /** Java can only end processes; the shell that is on every machine can send any signal. */
  private void signal() throws DriverException {
    long pid = pid().orElseThrow(this::absent);
    try {
      Process kill =
          new ProcessBuilder("/bin/sh", "-c", "kill -HUP \"$1\"", "sh", Long.toString(pid))
              .redirectErrorStream(true)
              .start();
      kill.getOutputStream().close();
      String said = new String(kill.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!kill.waitFor(10, TimeUnit.SECONDS)) {
        kill.destroyForcibly();
        throw new DriverException(FaultKind.UNREACHABLE, "dnsmasq could not be signalled.");
      }
      if (kill.exitValue() != 0) {
        if (pid().isEmpty()) {
          throw absent();
        }
        throw new DriverException(
            FaultKind.REFUSED,
            "dnsmasq may not be signalled; run it and Millwright as the same user, or as root.",
            said.strip(),
            null);
      }
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.UNREACHABLE, "dnsmasq could not be signalled.", String.valueOf(e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted(e);
    }
  }

  private DriverException absent() {
    return new DriverException(
        FaultKind.UNREACHABLE,
        "The records are written, but dnsmasq does not run, so nobody is served; start dnsmasq.",
        "no process named dnsmasq by " + pidFile,
        null);
  }

  private static DriverException interrupted(InterruptedException e) {
    return new DriverException(
        FaultKind.UNREACHABLE, "Interrupted while dnsmasq was told of a change.", "interrupted", e);
  }
}

package io.millwright.engine.outside;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bulkhead, deadline and breaker of one outside system, so that one which hangs delays nobody else.
 *
 * <p>A call that overran its deadline keeps its place until its thread really ends: threads that
 * hang in an outside system never pile up beyond the limit.
 */
final class Gate {
  /** After so many unanswered calls in a row nobody is let through for a while. */
  private static final int TRIP = 3;

  private static final Duration LONGEST_BREAK = Duration.ofSeconds(20);

  private final String name;
  private final InstantSource clock;
  private final Semaphore places;
  private final AtomicInteger waiting = new AtomicInteger();
  private volatile Limits limits;

  /** Places that are to go, and are still taken. */
  private int surplus;

  private int unanswered;
  private Instant closedUntil = Instant.MIN;
  private boolean probed;

  Gate(String name, int concurrency, Duration deadline, InstantSource clock) {
    this.name = name;
    this.clock = clock;
    this.places = new Semaphore(concurrency, true);
    this.limits = new Limits(concurrency, deadline);
  }

  private record Limits(int concurrency, Duration deadline) {
    /** Enough to keep the places busy, few enough to leave the workers to other hypervisors. */
    int maxWaiting() {
      return Math.min(2 * concurrency, 8);
    }
  }

  /** Other limits from now on; whoever is inside stays, for as long as was given then. */
  synchronized void limit(int concurrency, Duration deadline) {
    int more = concurrency - limits.concurrency() - surplus;
    surplus = 0;
    if (more > 0) {
      places.release(more);
    }
    for (int i = more; i < 0; i++) {
      if (!places.tryAcquire()) {
        surplus++;
      }
    }
    limits = new Limits(concurrency, deadline);
  }

  private synchronized void leave() {
    if (surplus > 0) {
      surplus--;
    } else {
      places.release();
    }
  }

  /** An act that may fail. */
  interface Act<T> {
    T run() throws DriverException;
  }

  /**
   * Runs an act in its own thread and waits for it until the deadline.
   *
   * @throws Busy if there is no place
   * @throws DriverException what the act threw, or UNREACHABLE if it did not answer in time
   */
  <T> T pass(Act<T> act) throws DriverException {
    return pass(act, limits.deadline());
  }

  /** As {@link #pass(Act)}, for a caller who waits no longer than this, if that is sooner. */
  <T> T pass(Act<T> act, Duration patience) throws DriverException {
    boolean probe = refuseWhileBroken();
    try {
      Duration deadline = limits.deadline();
      boolean all = patience.compareTo(deadline) >= 0;
      return go(act, all ? deadline : patience, all);
    } finally {
      if (probe) {
        probeEnded();
      }
    }
  }

  /**
   * @param all true if that is its whole deadline
   */
  private <T> T go(Act<T> act, Duration patience, boolean all) throws DriverException {
    enter(patience);
    CompletableFuture<T> answer = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .name("call " + name)
            .start(() -> {
              try {
                answer.complete(act.run());
              } catch (Throwable t) { // handed to the caller below, whatever it is
                answer.completeExceptionally(t);
              } finally {
                leave();
              }
            });
    try {
      T value = answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      answered();
      return value;
    } catch (TimeoutException e) {
      thread.interrupt();
      if (all) { // else it may only be slow
        unanswered();
      }
      throw new DriverException(
          FaultKind.UNREACHABLE,
          name + " did not answer within " + patience.toSeconds() + " s",
          name + " did not answer within " + patience.toSeconds() + " s",
          e);
    } catch (InterruptedException e) {
      thread.interrupt();
      Thread.currentThread().interrupt();
      throw new DriverException(FaultKind.UNREACHABLE, "Millwright is shutting down");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw failure(cause == null ? e : cause);
    }
  }

  private DriverException failure(Throwable cause) {
    if (cause instanceof DriverException fault) {
      if (fault.kind() == FaultKind.UNREACHABLE) {
        unanswered();
      } else {
        answered();
      }
      return fault;
    }
    answered();
    return new DriverException(
        FaultKind.BUG,
        "the driver of " + name + " failed; see the server's log",
        String.valueOf(cause),
        cause);
  }

  private void enter(Duration patience) throws DriverException {
    if (places.tryAcquire()) {
      return;
    }
    if (waiting.incrementAndGet() > limits.maxWaiting()) {
      waiting.decrementAndGet();
      throw new Busy(Duration.ofMillis(250));
    }
    try {
      if (!places.tryAcquire(patience.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new Busy(Duration.ofSeconds(1));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(FaultKind.UNREACHABLE, "Millwright is shutting down");
    } finally {
      waiting.decrementAndGet();
    }
  }

  /**
   * Lets nobody through while it is broken, and after that one call first, so that not everybody
   * hangs anew in what still does not answer.
   *
   * @return true if this is the one
   */
  private synchronized boolean refuseWhileBroken() throws DriverException {
    if (unanswered < TRIP) {
      return false;
    }
    if (probed || clock.instant().isBefore(closedUntil)) {
      throw new DriverException(FaultKind.UNREACHABLE, name + " does not answer");
    }
    probed = true;
    return true;
  }

  private synchronized void probeEnded() {
    probed = false;
  }

  private synchronized void answered() {
    unanswered = 0;
    closedUntil = Instant.MIN;
  }

  private synchronized void unanswered() {
    unanswered++;
    if (unanswered >= TRIP) {
      long seconds = Math.min(LONGEST_BREAK.toSeconds(), 1L << Math.min(10, unanswered - TRIP + 1));
      closedUntil = clock.instant().plusSeconds(seconds);
    }
  }
}

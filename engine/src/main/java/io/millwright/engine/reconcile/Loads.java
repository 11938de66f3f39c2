package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Outcome;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;

/**
 * What may last hours, and so goes on while nobody waits for it. It stops by itself when whoever
 * wants it has not come again for a while: he asks only as long as the work is his.
 */
final class Loads {
  private static final Duration POLL = Duration.ofSeconds(1);

  private final String what;
  private final Duration abandoned;
  private final Executor carriers;
  private final InstantSource clock;
  private final Map<Object, Load> loads = new ConcurrentHashMap<>();

  /**
   * @param what is done, for people
   * @param abandoned without being asked for so long, it ends
   * @param carriers what has a thread for each
   */
  Loads(String what, Duration abandoned, Executor carriers, InstantSource clock) {
    this.what = what;
    this.abandoned = abandoned;
    this.carriers = carriers;
    this.clock = clock;
  }

  /** The work itself. */
  interface Work {
    void run(Load load) throws DriverException;
  }

  /** One that goes on. */
  final class Load {
    private final CompletableFuture<Optional<DriverException>> end = new CompletableFuture<>();
    private volatile Instant askedAt = clock.instant();
    private volatile boolean unwanted;
    private volatile String doing = "begins";

    void doing(String now) {
      doing = now;
    }

    /**
     * Asked by the work between its pieces. A clock that was set leads to one more try, whichever
     * way it went.
     */
    void proceed() throws DriverException {
      if (unwanted || Duration.between(askedAt, clock.instant()).abs().compareTo(abandoned) > 0) {
        throw new DriverException(
            FaultKind.UNREACHABLE, what + " was given up, since nobody asked for it any more");
      }
    }
  }

  /**
   * Begins it, or tells how far it is.
   *
   * @param key what there is one of
   * @throws DriverException what went wrong; asked again, it begins anew
   */
  Outcome follow(Object key, Work work) throws DriverException {
    Load load = loads.computeIfAbsent(key, _ -> begin(work));
    load.askedAt = clock.instant();
    if (!load.end.isDone()) {
      return new Outcome.Running(load.doing, POLL);
    }
    loads.remove(key, load);
    try {
      Optional<DriverException> failure = load.end.get();
      if (failure.isPresent()) {
        throw failure.get();
      }
      return Outcome.DONE;
    } catch (ExecutionException e) {
      throw new DriverException(
          FaultKind.BUG, what + " failed; the operation's log says why", e.toString(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(FaultKind.UNREACHABLE, "Millwright is shutting down");
    }
  }

  /** It is not wanted any more: done when it has ended. */
  Outcome end(Object key) {
    Load load = loads.get(key);
    if (load == null) {
      return Outcome.DONE;
    }
    load.unwanted = true;
    if (!load.end.isDone()) {
      return new Outcome.Running("waits for the end of what goes on: " + load.doing, POLL);
    }
    loads.remove(key, load);
    return Outcome.DONE;
  }

  private Load begin(Work work) {
    Load load = new Load();
    carriers.execute(() -> {
      try {
        work.run(load);
        load.end.complete(Optional.empty());
      } catch (DriverException e) {
        load.end.complete(Optional.of(e));
      } catch (Throwable t) { // handed to whoever asks, whatever it is
        load.end.completeExceptionally(t);
      }
    });
    return load;
  }
}

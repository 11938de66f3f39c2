package io.millwright.driver;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Work that takes minutes, for drivers: it goes on in the background when the one who asked gives
 * up, and is found by the next one who asks for the same.
 *
 * @param <K> what tells one work from another
 */
public final class Background<K> implements AutoCloseable {
  /** What is to be done. */
  @FunctionalInterface
  public interface Work {
    void run() throws DriverException;
  }

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  /** The failure is the result, for whoever asks next. */
  private final Map<K, CompletableFuture<Optional<DriverException>>> begun =
      new ConcurrentHashMap<>();

  private final Duration patience;
  private final Duration poll;

  /**
   * @param patience how long whoever asks waits for the end
   * @param poll after which time they are to ask again
   */
  public Background(Duration patience, Duration poll) {
    this.patience = patience;
    this.poll = poll;
  }

  /** True if it goes on, or if it ended and nobody has heard how. */
  public boolean has(K key) {
    return begun.containsKey(key);
  }

  /** True if it goes on; one that ended is forgotten, for whoever undoes what it did. */
  public boolean goesOn(K key) {
    return begun.computeIfPresent(key, (_, one) -> one.isDone() ? null : one) != null;
  }

  /**
   * Begins it, unless it was begun, and waits a little for its end.
   *
   * @param title of what goes on, such as {@code copy to} and a name
   * @param failed what to say if the driver itself fails at it, as a sentence
   */
  public Outcome ask(K key, String title, String failed, Work work) throws DriverException {
    CompletableFuture<Optional<DriverException>> mine =
        begun.computeIfAbsent(key, _ -> begin(work));
    try {
      Optional<DriverException> failure = mine.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      begun.remove(key, mine);
      if (failure.isPresent()) {
        throw failure.get();
      }
      return Outcome.DONE;
    } catch (TimeoutException e) {
      return new Outcome.Running(title, poll);
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    } catch (ExecutionException e) {
      begun.remove(key, mine);
      throw new DriverException(FaultKind.BUG, failed, e.toString(), e);
    }
  }

  private CompletableFuture<Optional<DriverException>> begin(Work work) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            work.run();
            return Optional.empty();
          } catch (DriverException e) {
            return Optional.of(e);
          }
        },
        threads);
  }

  /** Interrupts all that goes on. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}

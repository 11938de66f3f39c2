package io.millwright.engine;

import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Store;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the journal along, once for everybody who watches.
 *
 * <p>While nobody watches nothing is read.
 */
public final class Watch implements AutoCloseable {
  private static final int BATCH = 1000;

  private final Store store;
  private final Duration interval;
  private final CopyOnWriteArrayList<Consumer<List<Entry>>> listeners = new CopyOnWriteArrayList<>();
  private final AtomicBoolean open = new AtomicBoolean(true);
  private final Object bell = new Object();
  private final Thread reader;

  /**
   * @param interval between two readings
   */
  public Watch(Store store, Duration interval) {
    this.store = store;
    this.interval = interval;
    this.reader = Thread.ofPlatform().daemon().name("watch").start(this::run);
  }

  /** Ends when closed. */
  public interface Subscription extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Hears of every line from now on. The listener must not block for long; it gets lines in order,
   * in batches, with no line twice.
   */
  public Subscription subscribe(Consumer<List<Entry>> listener) {
    listeners.add(listener);
    synchronized (bell) {
      bell.notifyAll();
    }
    return () -> listeners.remove(listener);
  }

  private void run() {
    String cursor = null;
    while (open.get()) {
      try {
        synchronized (bell) {
          while (listeners.isEmpty() && open.get()) {
            cursor = null;
            bell.wait();
          }
          bell.wait(interval.toMillis());
        }
        cursor = read(cursor);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        // The database is away for a moment: go on from the same place when it is back.
        org.slf4j.LoggerFactory.getLogger(Watch.class).debug("journal not read: {}", e.toString());
      }
    }
  }

  private String read(@Nullable String from) {
    String cursor = from == null ? store.read(tx -> tx.journal().head()) : from;
    while (true) {
      String behind = cursor;
      List<Entry> batch = store.read(tx -> tx.journal().after(behind, BATCH));
      if (!batch.isEmpty()) {
        cursor = batch.getLast().cursor();
        listeners.forEach(listener -> listener.accept(batch));
      }
      if (batch.size() < BATCH) {
        return cursor;
      }
    }
  }

  @Override
  public void close() {
    open.set(false);
    reader.interrupt();
  }
}

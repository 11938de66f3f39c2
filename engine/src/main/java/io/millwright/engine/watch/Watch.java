package io.millwright.engine.watch;

import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Store;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the journal along, once for everybody who watches.
 *
 * <p>While nobody watches nothing is read.
 */
public final class Watch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Watch.class);
  private static final int BATCH = 1000;

  private final Store store;
  private final Duration interval;
  private final CopyOnWriteArrayList<Consumer<List<Entry>>> listeners =
      new CopyOnWriteArrayList<>();
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
   * Hears of every line from some moment after this call on. The listener must not block for long;
   * it gets lines in order, in batches, with no line twice. An empty batch says that reading begins
   * now: whoever needs to know what was written between the call and this moment looks for it then.
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
      } catch (ProblemException e) {
        if (e.problem().type() == Problem.Type.GONE) {
          cursor = null; // away for so long that lines were dropped: begin anew, and say so
        }
        LOG.debug("journal not read: {}", e.toString());
      } catch (RuntimeException e) {
        // The database is away for a moment: go on from the same place when it is back.
        LOG.debug("journal not read: {}", e.toString());
      }
    }
  }

  private String read(@Nullable String from) {
    String cursor = from;
    if (cursor == null) {
      cursor = store.read(tx -> tx.journal().head());
      listeners.forEach(listener -> listener.accept(List.of()));
    }
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

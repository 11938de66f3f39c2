package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.Event;
import io.millwright.client.EventStream;
import io.millwright.client.UnreachableException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A stream of events that goes on after a break: the server may be started anew, the network may
 * hiccup.
 */
final class Resumed implements AutoCloseable {
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 2_000;

  private final Opener opener;
  private final Duration patience;
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile @Nullable EventStream stream;
  private @Nullable String last;

  /** Opens the stream, behind the event of this id if there was one. */
  interface Opener {
    EventStream open(@Nullable String last);
  }

  /**
   * @param patience how long the server may be away
   */
  Resumed(Opener opener, Duration patience) {
    this.opener = opener;
    this.patience = patience;
  }

  /**
   * The next event, or null once closed.
   *
   * @throws ApiException if the server refuses
   * @throws UnreachableException if it is away for too long
   */
  @Nullable Event next() {
    long since = System.nanoTime();
    long pause = FIRST_PAUSE_MILLIS;
    while (closed.getCount() > 0) {
      RuntimeException trouble = null;
      try {
        EventStream open = stream;
        if (open == null) {
          open = opener.open(last);
          stream = open;
          if (closed.getCount() == 0) {
            open.close();
          }
        }
        Event event = open.next();
        if (event != null) {
          last = event.id().isEmpty() ? last : event.id();
          return event;
        }
      } catch (UnreachableException e) {
        trouble = e;
      } catch (ApiException e) {
        if (e.status() == 410 && last != null) {
          last = null; // too much happened meanwhile: begin with what there is
        } else if (e.status() == 503 || e.status() == 429 || e.ofProxy()) {
          trouble = e;
        } else {
          throw e;
        }
      }
      drop();
      if (trouble != null && System.nanoTime() - since > patience.toNanos()) {
        throw trouble;
      }
      pause(pause);
      pause = Math.min(LONGEST_PAUSE_MILLIS, pause * 2);
    }
    return null;
  }

  private void drop() {
    EventStream open = stream;
    stream = null;
    if (open != null) {
      open.close();
    }
  }

  private void pause(long millis) {
    try {
      if (closed.await(millis, TimeUnit.MILLISECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      closed.countDown();
    }
  }

  /** Ends a {@link #next} that waits; by anybody. */
  @Override
  public void close() {
    closed.countDown();
    EventStream open = stream;
    if (open != null) {
      open.close();
    }
  }

  /** Closes after this time, unless it is null. */
  void closeAfter(@Nullable Duration timeout) {
    if (timeout != null) {
      Thread.ofVirtual().name("deadline").start(() -> closeWhenOver(timeout));
    }
  }

  private void closeWhenOver(Duration timeout) {
    try {
      if (!closed.await(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        close();
      }
    } catch (InterruptedException e) {
      close();
    }
  }
}

package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The way to one libvirt daemon, over lost and renewed connections.
 *
 * <p>A call into the C library cannot be interrupted, and a daemon that accepts and never answers
 * would keep its caller for ever. So each piece of work runs on a thread of this line's own while
 * the caller waits for it in Java, where a deadline and an interrupt count: who gives up leaves the
 * thread behind. Keepalives end the calls of a dead connection after 20 seconds or so, and with
 * them the threads left behind; opening a connection knows no keepalive, so that is done by one
 * thread for all who wait. Threads that are stuck nevertheless are counted, and past a number of
 * them the line refuses work at once instead of collecting more.
 */
final class Line implements AutoCloseable {
  /** Something to be asked over a connection; may throw what the user is to hear, or libvirt's. */
  interface Work<T extends @Nullable Object> {
    T on(Connection connection) throws LibvirtError, DriverException;
  }

  /** Makes connections. */
  interface Opener {
    Connection open(Consumer<UUID> events, Runnable lost) throws LibvirtError;
  }

  /** How long work may take: the outermost bound, for callers have deadlines of their own. */
  static final Duration DEADLINE = Duration.ofMinutes(2);

  /** For what moves much data, whose caller sees to its end. */
  static final Duration UNBOUNDED = Duration.ofDays(1);

  private static final Duration OPEN_DEADLINE = Duration.ofSeconds(30);
  private static final int MOST_STUCK = 16;
  private static final int MOST_STUCK_OPENING = 3;
  private static final long FIRST_PAUSE_MILLIS = 500;
  private static final long LONGEST_PAUSE_MILLIS = 30_000;

  private final Opener opener;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(Thread.ofPlatform().name("libvirt-", 0).daemon().factory());
  private final Set<Job<?>> jobs = ConcurrentHashMap.newKeySet();
  private final CopyOnWriteArrayList<Consumer<UUID>> listeners = new CopyOnWriteArrayList<>();
  private final ExecutorService telling =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("libvirt-nudges").daemon().factory());
  private final AtomicInteger stuck = new AtomicInteger();
  private final AtomicInteger opening = new AtomicInteger();
  private final Object lock = new Object();
  private @Nullable CompletableFuture<Connection> current;
  private boolean closed;
  private boolean reconnecting;

  Line(Opener opener) {
    this.opener = opener;
  }

  <T extends @Nullable Object> T call(Work<T> work) throws DriverException {
    return call(DEADLINE, work);
  }

  <T extends @Nullable Object> T call(Duration deadline, Work<T> work) throws DriverException {
    if (stuck.get() >= MOST_STUCK) {
      throw unreachable(stuck + " calls were given up and have not returned yet", null);
    }
    Job<T> job = new Job<>(work);
    synchronized (lock) {
      if (closed) {
        throw unreachable("the driver was closed", null);
      }
      jobs.add(job);
      threads.execute(job.task);
    }
    try {
      return job.task.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      job.abandon();
      Thread.currentThread().interrupt();
      throw unreachable("the caller gave up", e);
    } catch (TimeoutException e) {
      job.abandon();
      // Whoever hangs there for so long does so for the next caller as well.
      retire(job.connection);
      throw unreachable("no answer within " + deadline.toSeconds() + " s", e);
    } catch (CancellationException e) {
      throw unreachable("the driver was closed", e);
    } catch (ExecutionException e) {
      throw fault(e.getCause());
    } finally {
      jobs.remove(job);
    }
  }

  private static DriverException fault(@Nullable Throwable cause) {
    return switch (cause) {
      case DriverException told -> told;
      case LibvirtError error -> FaultKinds.translate(error);
      case UnsatisfiedLinkError e -> missingLibrary(e);
      case NoClassDefFoundError e -> missingLibrary(e);
      case null, default ->
          new DriverException(
              FaultKind.BUG,
              "The libvirt driver failed; this is a fault in Millwright.",
              String.valueOf(cause),
              cause);
    };
  }

  private static DriverException missingLibrary(Throwable cause) {
    return new DriverException(
        FaultKind.UNSUPPORTED,
        "The server lacks the libvirt client library; install it (on Debian: libvirt0).",
        String.valueOf(cause.getMessage()),
        cause);
  }

  private static DriverException unreachable(String why, @Nullable Throwable cause) {
    return new DriverException(
        FaultKind.UNREACHABLE, "The hypervisor does not answer.", why, cause);
  }

  /** Work on a thread of the line's own, which its caller may leave behind. */
  private final class Job<T extends @Nullable Object> implements Callable<T> {
    final FutureTask<T> task = new FutureTask<>(this);
    private final Work<T> work;
    private volatile @Nullable Connection connection;
    private boolean runs;
    private boolean abandoned;

    Job(Work<T> work) {
      this.work = work;
    }

    @Override
    public T call() throws DriverException, LibvirtError, InterruptedException {
      synchronized (this) {
        runs = true;
      }
      try {
        Connection used = connection();
        connection = used;
        try {
          return work.on(used);
        } catch (LibvirtError e) {
          if (used.alive()) {
            throw e;
          }
          throw lost(e);
        } finally {
          used.release();
        }
      } finally {
        synchronized (this) {
          runs = false;
          if (abandoned) {
            stuck.decrementAndGet();
          }
        }
      }
    }

    void abandon() {
      synchronized (this) {
        if (runs && !abandoned) {
          abandoned = true;
          stuck.incrementAndGet();
        }
      }
      // Does nothing to a call of C, but ends an upload at its next piece.
      task.cancel(true);
    }
  }

  private static DriverException lost(LibvirtError e) {
    return unreachable("the connection was lost: " + e.words(), e);
  }

  // -------------------------------------------------------------------------------- connections

  /** A live connection, in use; opened if there is none. */
  private Connection connection() throws DriverException, LibvirtError, InterruptedException {
    while (true) {
      CompletableFuture<Connection> future = opened();
      Connection connection;
      try {
        connection = future.get(OPEN_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        forget(future);
        throw unreachable("it accepts no connection", e);
      } catch (ExecutionException e) {
        forget(future);
        if (e.getCause() instanceof LibvirtError error) {
          throw error;
        }
        throw fault(e.getCause());
      }
      if (connection.use()) {
        return connection;
      }
      forget(future);
    }
  }

  private CompletableFuture<Connection> opened() throws DriverException {
    synchronized (lock) {
      if (closed) {
        throw unreachable("the driver was closed", null);
      }
      CompletableFuture<Connection> now = current;
      if (now == null) {
        if (opening.get() >= MOST_STUCK_OPENING) {
          throw unreachable("it accepts no connection, nor did it before", null);
        }
        CompletableFuture<Connection> next = new CompletableFuture<>();
        current = next;
        now = next;
        opening.incrementAndGet();
        Thread.ofPlatform().name("libvirt-open").daemon().start(() -> open(next));
      }
      return now;
    }
  }

  private void open(CompletableFuture<Connection> next) {
    try {
      Connection connection = opener.open(this::tell, () -> lost(next));
      boolean late;
      synchronized (lock) {
        late = closed || current != next;
      }
      if (late) {
        connection.retire(); // nobody waits any more
      }
      next.complete(connection);
    } catch (LibvirtError | RuntimeException | LinkageError e) {
      next.completeExceptionally(e);
    } finally {
      opening.decrementAndGet();
    }
  }

  /** The next one who asks opens another connection. */
  private void forget(CompletableFuture<Connection> future) {
    synchronized (lock) {
      if (current == future) {
        current = null;
      }
    }
    retire(future.isDone() && !future.isCompletedExceptionally() ? future.join() : null);
  }

  private void retire(@Nullable Connection connection) {
    if (connection == null) {
      return;
    }
    synchronized (lock) {
      CompletableFuture<Connection> now = current;
      if (now != null && now.isDone() && !now.isCompletedExceptionally()
          && now.join() == connection) {
        current = null;
      }
    }
    // To close it is a call to the daemon, which may hang.
    Thread.ofPlatform().name("libvirt-close").daemon().start(connection::retire);
  }

  // ------------------------------------------------------------------------------------- events

  void subscribe(Consumer<UUID> listener) {
    synchronized (lock) {
      if (closed) {
        return;
      }
      listeners.add(listener);
    }
    reconnect();
  }

  /** On the event loop, where nothing may block: so a listener runs elsewhere. */
  private void tell(UUID uid) {
    if (!listeners.isEmpty()) {
      telling.execute(() -> listeners.forEach(listener -> listener.accept(uid)));
    }
  }

  private void lost(CompletableFuture<Connection> which) {
    synchronized (lock) {
      if (closed) {
        return;
      }
      if (current == which) {
        current = null;
      }
    }
    if (which.isDone() && !which.isCompletedExceptionally()) {
      Thread.ofPlatform().name("libvirt-close").daemon().start(which.join()::retire);
    }
    if (!listeners.isEmpty()) {
      reconnect();
    }
  }

  /** Who listens needs a connection although nobody calls. */
  private void reconnect() {
    synchronized (lock) {
      if (closed || reconnecting) {
        return;
      }
      reconnecting = true;
    }
    Thread.ofPlatform().name("libvirt-reconnect").daemon().start(this::keepTrying);
  }

  private void keepTrying() {
    long pause = FIRST_PAUSE_MILLIS;
    while (true) {
      synchronized (lock) {
        if (closed) {
          return;
        }
      }
      try {
        call(OPEN_DEADLINE.multipliedBy(2), connection -> true);
        synchronized (lock) {
          reconnecting = false;
        }
        return;
      } catch (DriverException e) {
        // tried again below
      }
      synchronized (lock) {
        try {
          if (!closed) {
            lock.wait(pause);
          }
        } catch (InterruptedException e) {
          return; // nobody else knows this thread
        }
      }
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  @Override
  public void close() {
    CompletableFuture<Connection> last;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      last = current;
      current = null;
      lock.notifyAll();
    }
    listeners.clear();
    jobs.forEach(Job::abandon);
    if (last != null && last.isDone() && !last.isCompletedExceptionally()) {
      retire(last.join());
    }
    threads.shutdown();
    telling.shutdownNow();
  }
}

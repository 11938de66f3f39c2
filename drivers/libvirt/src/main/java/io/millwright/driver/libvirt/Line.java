package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
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
 * thread behind. Keepalives end the call of a dead connection after 20 seconds or so, and with it
 * the thread left behind; opening a connection knows no keepalive, so one thread does that for all
 * who wait. Threads that are stuck nevertheless are counted, and past a number of them the line
 * refuses work at once instead of collecting more.
 *
 * <p>A connection serves one piece of work at a time; idle ones are kept for the next.
 */
final class Line implements AutoCloseable {
  /** Something to be asked over a connection; may throw what the user is to hear, or libvirt's. */
  interface Work<T extends @Nullable Object> {
    T on(Connection connection) throws LibvirtError, DriverException;
  }

  /** Makes connections. */
  interface Opener {
    Connection open(Runnable lost) throws LibvirtError;
  }

  /** How long work may take: the outermost bound, for callers have deadlines of their own. */
  static final Duration DEADLINE = Duration.ofMinutes(2);

  /** For what moves much data, whose caller sees to its end. */
  static final Duration UNBOUNDED = Duration.ofDays(1);

  private static final Duration LISTEN_PATIENCE = Duration.ofSeconds(2);
  private static final int MOST_STUCK = 16;
  private static final int MOST_STUCK_OPENING = 3;
  private static final int MOST_IDLE = 4;
  private static final long FIRST_PAUSE_MILLIS = 500;
  private static final long LONGEST_PAUSE_MILLIS = 30_000;

  private final Opener opener;
  private final Duration openDeadline;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(Thread.ofPlatform().name("libvirt-", 0).daemon().factory());
  private final Set<Job<?>> jobs = ConcurrentHashMap.newKeySet();
  private final CopyOnWriteArrayList<Consumer<UUID>> listeners = new CopyOnWriteArrayList<>();
  private final ExecutorService telling =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("libvirt-nudges").daemon().factory());
  private final AtomicInteger stuck = new AtomicInteger();

  private final Object lock = new Object();
  private final Deque<Connection> idle = new ArrayDeque<>();
  private @Nullable Opening opening;
  private int openers;
  private boolean closed;
  private boolean listening;
  private boolean hears;

  Line(Opener opener) {
    this(opener, Connection.Patience.USUAL.opening());
  }

  /**
   * @param openDeadline how long a connection is waited for
   */
  Line(Opener opener, Duration openDeadline) {
    this.opener = opener;
    this.openDeadline = openDeadline;
  }

  <T extends @Nullable Object> T call(Work<T> work) throws DriverException {
    return call(DEADLINE, work);
  }

  <T extends @Nullable Object> T call(Duration deadline, Work<T> work) throws DriverException {
    return call(deadline, new Job<>(work, false));
  }

  /** Runs work whose result keeps the connection, and closes it when it is closed itself. */
  <T extends Closeable> T take(Work<T> work) throws DriverException {
    return call(DEADLINE, new Job<>(work, true));
  }

  private <T extends @Nullable Object> T call(Duration deadline, Job<T> job)
      throws DriverException {
    if (stuck.get() >= MOST_STUCK) {
      throw unreachable(stuck + " calls were given up and have not returned yet", null);
    }
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
    private final boolean keeps;
    private boolean runs;
    private boolean abandoned;
    private @Nullable Closeable kept;

    Job(Work<T> work, boolean keeps) {
      this.work = work;
      this.keeps = keeps;
    }

    @Override
    public T call() throws DriverException, LibvirtError, InterruptedException {
      synchronized (this) {
        runs = true;
      }
      try {
        return onConnection();
      } finally {
        synchronized (this) {
          runs = false;
          if (abandoned) {
            stuck.decrementAndGet();
          }
        }
      }
    }

    private T onConnection() throws DriverException, LibvirtError, InterruptedException {
      Connection connection = acquire();
      boolean passedOn = false;
      try {
        T result = work.on(connection);
        if (keeps && result instanceof Closeable closeable) {
          passedOn = true;
          keep(closeable);
        }
        return result;
      } catch (LibvirtError e) {
        if (connection.alive()) {
          throw e;
        }
        throw unreachable("the connection was lost: " + e.words(), e);
      } finally {
        if (!passedOn) {
          release(connection);
        }
      }
    }

    /** Who has gone meanwhile does not close it. */
    private void keep(Closeable result) {
      boolean late;
      synchronized (this) {
        late = abandoned;
        kept = result;
      }
      if (late) {
        closeQuietly(result);
      }
    }

    void abandon() {
      Closeable nobodys;
      synchronized (this) {
        if (runs && !abandoned) {
          stuck.incrementAndGet();
        }
        abandoned |= runs;
        nobodys = kept;
      }
      if (nobodys != null) {
        closeQuietly(nobodys);
      }
      // Does nothing to a call of C, but ends an upload at its next piece.
      task.cancel(true);
    }
  }

  private static void closeQuietly(Closeable closeable) {
    try {
      closeable.close();
    } catch (IOException e) {
      // nobody is there to hear of it
    }
  }

  // -------------------------------------------------------------------------------- connections

  /** One attempt to connect, for all who wait. */
  private static final class Opening {
    private @Nullable Throwable failure;
  }

  /** A live connection for the caller alone; opened if none is idle. */
  private Connection acquire() throws DriverException, LibvirtError, InterruptedException {
    long deadline = System.nanoTime() + openDeadline.toNanos();
    while (true) {
      Connection candidate;
      synchronized (lock) {
        if (closed) {
          throw unreachable("the driver was closed", null);
        }
        candidate = idle.poll();
        if (candidate == null) {
          await(opening(), deadline);
          continue;
        }
      }
      if (candidate.alive()) {
        return candidate;
      }
      candidate.close();
    }
  }

  private Opening opening() throws DriverException {
    Opening now = opening;
    if (now == null) {
      if (openers >= MOST_STUCK_OPENING) {
        throw unreachable("it accepts no connection, nor did it before", null);
      }
      Opening next = new Opening();
      now = next;
      opening = next;
      openers++;
      Thread.ofPlatform().name("libvirt-open").daemon().start(() -> open(next));
    }
    return now;
  }

  /** Waits, holding the lock, until there may be an idle connection. */
  private void await(Opening attempt, long deadline)
      throws DriverException, LibvirtError, InterruptedException {
    while (!closed && idle.isEmpty() && opening == attempt) {
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (left <= 0) {
        opening = null; // the next one who asks tries anew
        throw unreachable("it accepts no connection", null);
      }
      lock.wait(left);
    }
    Throwable failure = attempt.failure;
    if (failure instanceof LibvirtError error) {
      throw error;
    }
    if (failure != null) {
      throw fault(failure);
    }
  }

  private void open(Opening attempt) {
    Connection connection = null;
    Throwable failure = null;
    try {
      connection = opener.open(() -> {});
    } catch (LibvirtError | RuntimeException | LinkageError e) {
      failure = e;
    }
    synchronized (lock) {
      openers--;
      attempt.failure = failure;
      if (opening == attempt) {
        opening = null;
      }
      if (connection != null && !closed) {
        idle.add(connection); // a late one serves as well
        connection = null;
      }
      lock.notifyAll();
    }
    if (connection != null) {
      connection.close();
    }
  }

  private void release(Connection connection) {
    synchronized (lock) {
      if (!closed && idle.size() < MOST_IDLE && connection.alive()) {
        idle.push(connection);
        lock.notifyAll();
        return;
      }
    }
    connection.close();
  }

  // ------------------------------------------------------------------------------------- events

  void subscribe(Consumer<UUID> listener) {
    synchronized (lock) {
      if (closed) {
        return;
      }
      listeners.add(listener);
      if (!listening) {
        listening = true;
        Thread.ofPlatform().name("libvirt-listen").daemon().start(this::listen);
        // So that the listener hears of what its subscriber does next, as a rule.
        long deadline = System.nanoTime() + LISTEN_PATIENCE.toNanos();
        long left = LISTEN_PATIENCE.toMillis();
        try {
          while (!closed && !hears && left > 0) {
            lock.wait(left);
            left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
          }
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }

  /** On the event loop, where nothing may block: so a listener runs elsewhere. */
  private void tell(UUID uid) {
    try {
      telling.execute(() -> listeners.forEach(listener -> listener.accept(uid)));
    } catch (RejectedExecutionException e) {
      // closed meanwhile
    }
  }

  /** Keeps one connection that nobody else uses, for what the daemon tells by itself. */
  private void listen() {
    long pause = FIRST_PAUSE_MILLIS;
    while (true) {
      try (Connection connection = opener.open(this::wakeListening)) {
        connection.listen(this::tell);
        pause = FIRST_PAUSE_MILLIS;
        synchronized (lock) {
          hears = true;
          lock.notifyAll();
          while (!closed && connection.alive()) {
            lock.wait(LONGEST_PAUSE_MILLIS);
          }
        }
      } catch (LibvirtError | RuntimeException | LinkageError e) {
        // Whoever calls hears of it; here it is tried again.
      } catch (InterruptedException e) {
        return; // nobody knows this thread
      }
      synchronized (lock) {
        try {
          if (!closed) {
            lock.wait(pause);
          }
        } catch (InterruptedException e) {
          return;
        }
        if (closed) {
          return;
        }
      }
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  private void wakeListening() {
    synchronized (lock) {
      lock.notifyAll();
    }
  }

  @Override
  public void close() {
    List<Connection> unused;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      unused = List.copyOf(idle);
      idle.clear();
      lock.notifyAll();
    }
    listeners.clear();
    jobs.forEach(Job::abandon);
    threads.execute(() -> unused.forEach(Connection::close)); // each may block
    threads.shutdown();
    telling.shutdownNow();
  }
}

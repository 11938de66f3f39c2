package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.Event;
import io.millwright.client.MillwrightApi;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Follows operations to their ends, and tells about it. */
final class Follow {
  /** Streams at once; the others are looked at when one of these has ended. */
  private static final int STREAMS = 16;

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final long TICK_MILLIS = 500;

  private final Shell shell;
  private final MillwrightApi api;
  private final @Nullable Duration timeout;
  private final boolean quiet;

  /**
   * @param timeout for all of it; null to wait for ever
   * @param quiet true if what is printed is for a program
   */
  Follow(Shell shell, MillwrightApi api, @Nullable Duration timeout, boolean quiet) {
    this.shell = shell;
    this.api = api;
    this.timeout = timeout;
    this.quiet = quiet;
  }

  /**
   * Waits for all of them to end and prints their timelines.
   *
   * @throws Failure if one did not succeed, or time ran out
   */
  void all(List<String> uids) {
    if (uids.isEmpty()) {
      return;
    }
    PrintStream out = quiet ? shell.err() : shell.out();
    Progress progress = new Progress(shell, out, !quiet && shell.outTerminal());
    Map<String, Timeline> ended = new LinkedHashMap<>();
    AtomicReference<@Nullable RuntimeException> trouble = new AtomicReference<>();
    CountDownLatch open = new CountDownLatch(uids.size());
    Semaphore streams = new Semaphore(STREAMS);
    List<Resumed> started = new ArrayList<>();
    for (String uid : uids) {
      Resumed events = new Resumed(last -> api.streamOperation(uid, last), PATIENCE);
      started.add(events);
      Thread.ofVirtual()
          .name("follow " + uid)
          .start(() -> {
            streams.acquireUninterruptibly();
            try {
              Timeline end = one(events, quiet ? null : progress);
              if (end != null) {
                synchronized (ended) {
                  ended.put(uid, end);
                }
              }
            } catch (RuntimeException e) {
              trouble.compareAndSet(null, e);
            } finally {
              streams.release();
              open.countDown();
            }
          });
    }
    boolean inTime = await(open, quiet ? null : progress);
    started.forEach(Resumed::close);
    progress.end();
    RuntimeException e = trouble.get();
    if (e != null) {
      throw e;
    }
    synchronized (ended) {
      conclude(uids, ended, inTime);
    }
  }

  private void conclude(List<String> uids, Map<String, Timeline> ended, boolean inTime) {
    List<String> wrong = new ArrayList<>();
    for (String uid : uids) {
      Timeline end = ended.get(uid);
      if (end == null) {
        wrong.add("operation " + uid + " goes on; see: millwright logs -f " + uid);
        continue;
      }
      if (!quiet) {
        end.lines(shell.clock().instant(), shell.coloured()).forEach(shell.out()::println);
      }
      if (!end.succeeded()) {
        wrong.add(reason(end));
      }
    }
    shell.out().flush();
    if (!wrong.isEmpty()) {
      String more = wrong.size() > 1 ? " (and " + (wrong.size() - 1) + " more like that)" : "";
      String first = inTime ? "" : "time is up: ";
      throw Failure.failed(first + wrong.getFirst() + more);
    }
  }

  /** Why an operation that ended is no success, and where to read on. */
  static String reason(Timeline end) {
    return end.title()
        + (end.state().equals("failed") ? " failed" : " was " + end.state())
        + (end.message().isEmpty() ? "" : ": " + end.message())
        + "; see: millwright logs "
        + end.uid();
  }

  /** Waits for one to end, in whichever way. */
  Timeline end(String uid) {
    try (Resumed events = new Resumed(last -> api.streamOperation(uid, last), PATIENCE)) {
      events.closeAfter(timeout);
      Timeline end = one(events, null);
      if (end == null) {
        throw Failure.failed("operation " + uid + " goes on; see: millwright logs -f " + uid);
      }
      return end;
    }
  }

  private @Nullable Timeline one(Resumed events, @Nullable Progress progress) {
    for (Event event = events.next(); event != null; event = events.next()) {
      if (event.name().equals("operation")) {
        Timeline now = new Timeline(event.data());
        if (progress != null) {
          progress.update(now);
        }
        if (now.ended()) {
          events.close();
          return now;
        }
      }
    }
    return null;
  }

  private boolean await(CountDownLatch open, @Nullable Progress progress) {
    long end = timeout == null ? Long.MAX_VALUE : System.nanoTime() + timeout.toNanos();
    try {
      while (true) {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (open.await(Math.max(1, Math.min(left, TICK_MILLIS)), TimeUnit.MILLISECONDS)) {
          return true;
        }
        if (left <= 0) {
          return false;
        }
        if (progress != null) {
          progress.tick();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** The operation that concerned a resource last, or null if none ever did. */
  static @Nullable Timeline latest(MillwrightApi api, String project, Target target) {
    var items =
        api.listOperations(null, target.kind().title(), 1, target.name(), project, null, null)
            .body()
            .path("items");
    return items.isEmpty() ? null : new Timeline(items.get(0));
  }

  /** Whether an exception says that the thing is not there. */
  static boolean notFound(ApiException e) {
    return e.status() == 404;
  }
}

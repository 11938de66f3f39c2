package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Audit;
import io.millwright.engine.port.Store;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what was not done into the audit, right after it was answered. While the database cannot
 * be had the rows wait here and are written when it is back; who is refused on that account does
 * not wait for it a second time.
 */
final class LateRows implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LateRows.class);

  /** So many wait at most: about a megabyte. What comes beyond them is in the log only. */
  static final int MOST = 2_000;

  private static final int LONGEST_CALL = 300;

  private record Row(Audit.Act act, Instant when) {}

  private final Store store;
  private final InstantSource clock;
  private final Duration pause;
  private final Deque<Row> waiting = new ArrayDeque<>();
  private @Nullable Thread writer;
  private boolean closed;

  /**
   * @param pause how long the database is left alone after a row could not be written
   */
  LateRows(Store store, InstantSource clock, Duration pause) {
    this.store = store;
    this.clock = clock;
    this.pause = pause;
  }

  /**
   * Writes one.
   *
   * @param away true if the database is known to be out of reach, so that it is not tried now
   */
  void write(Audit.Act act, boolean away) {
    Row row = new Row(act, clock.instant());
    if (away || behind() || !written(act)) {
      await(row);
    }
  }

  /**
   * Writes that a request was refused before it was known what it would do.
   *
   * @param who has shown who they are, all the same
   * @param project where that is known, or empty
   * @param name of what it is about, where that is known, or empty
   */
  void refused(
      Caller who,
      HttpServletRequest request,
      Verb verb,
      String project,
      String name,
      Problem problem) {
    String call = request.getMethod() + " " + request.getRequestURI();
    write(
        new Audit.Act(
            who.name(),
            who.id(),
            request.getRemoteAddr(),
            verb.word(),
            call.substring(0, Math.min(LONGEST_CALL, call.length())),
            "",
            project,
            name,
            problem.type().slug(),
            ""),
        false);
  }

  /** True if others wait: rows keep their order. */
  private synchronized boolean behind() {
    return !waiting.isEmpty();
  }

  private synchronized void await(Row row) {
    if (waiting.size() >= MOST) {
      LOG.error("{} rows wait for the audit; not written: {}", MOST, words(row.act));
      return;
    }
    waiting.add(row);
    if (writer == null && !closed) {
      LOG.warn("the database is away; what is refused is written into the audit when it is back");
      writer = Thread.ofVirtual().name("late audit rows").start(this::catchUp);
    }
  }

  private void catchUp() {
    try {
      for (Row row = next(); row != null; row = next()) {
        if (written(late(row))) {
          done(row);
        } else {
          Thread.sleep(pause);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  private synchronized @Nullable Row next() {
    Row row = waiting.peek();
    if (row == null || closed) {
      writer = null;
      return null;
    }
    return row;
  }

  private synchronized void done(Row row) {
    waiting.remove(row);
  }

  /** The row tells when it is written; its detail tells when it was asked for. */
  private static Audit.Act late(Row row) {
    Audit.Act a = row.act;
    String note = "written late; answered at " + row.when.truncatedTo(ChronoUnit.SECONDS);
    return new Audit.Act(
        a.who(),
        a.caller(),
        a.origin(),
        a.verb(),
        a.call(),
        a.kind(),
        a.project(),
        a.name(),
        a.result(),
        a.detail().isEmpty() ? note : a.detail() + " (" + note + ")");
  }

  /** False if it is to be tried again. */
  private boolean written(Audit.Act act) {
    try {
      store.write(tx -> tx.audit().append(act));
      return true;
    } catch (ProblemException e) {
      if (e.problem().type() == Problem.Type.UNAVAILABLE) {
        return false;
      }
      return given(act, e);
    } catch (RuntimeException e) {
      return given(act, e);
    }
  }

  /** Tried again it would fail again, and those behind it would wait for ever. */
  private static boolean given(Audit.Act act, RuntimeException why) {
    LOG.error("what was refused could not be written into the audit: {}", words(act), why);
    return true;
  }

  private static String words(Audit.Act act) {
    return String.join(
        " ", act.who(), act.verb(), act.kind(), act.project(), act.name(), act.result());
  }

  /** Tries once more what waits, and no longer. */
  @Override
  public void close() {
    Thread running;
    synchronized (this) {
      closed = true;
      running = writer;
    }
    if (running != null) {
      running.interrupt();
    }
    Row row;
    while ((row = first()) != null && written(late(row))) {
      done(row);
    }
  }

  private synchronized @Nullable Row first() {
    return waiting.peek();
  }
}

package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What the store promises of transactions. */
@NullUnmarked
abstract class StoreContract extends DatabaseTest {
  private boolean there(Resource<?, ?> resource) {
    return store.read(tx -> tx.resources().find(resource.uid()).isPresent());
  }

  @Test
  void whatThrowsLeavesNothing() {
    Resource<?, ?> r = machine("tx", "thrown");
    assertThatThrownBy(() ->
            store.write(tx -> {
              tx.resources().insert(r);
              tx.nudges().nudge(r.uid());
              throw new IllegalArgumentException("no");
            }))
        .hasMessage("no");
    assertThat(there(r)).isFalse();
    assertThat(nudged(r)).isFalse();
  }

  private boolean nudged(Resource<?, ?> r) {
    return jdbc.sql("SELECT count(*) FROM scheduled_tasks WHERE task_instance = :uid")
            .param("uid", r.uid().toString())
            .query(Integer.class)
            .single()
        == 1;
  }

  @Test
  void aDryRunShowsWhatWouldBeAndLeavesNothing() {
    Resource<?, ?> r = machine("tx", "dry");
    boolean seen =
        store.dryRun(tx -> {
          tx.resources().insert(r);
          tx.nudges().nudge(r.uid());
          return tx.resources().find(r.uid()).isPresent();
        });
    assertThat(seen).isTrue();
    assertThat(there(r)).isFalse();
    assertThat(nudged(r)).isFalse();
  }

  @Test
  void aReadSeesOneMomentAndCannotWrite() {
    Resource<?, ?> later = machine("tx", "later");
    store.read(tx -> {
      assertThat(tx.resources().find(later.uid()).isPresent()).isFalse();
      Thread other = Thread.ofVirtual().start(() -> add(later));
      join(other);
      assertThat(tx.resources().find(later.uid()).isPresent()).isFalse();
      return 0;
    });
    assertThat(there(later)).isTrue();
    assertThatThrownBy(() ->
            store.read(tx -> {
              tx.resources().remove(later.uid());
              return 0;
            }))
        .isNotInstanceOf(ProblemException.class)
        .hasStackTraceContaining("read-only transaction");
    assertThat(there(later)).isTrue();
  }

  /** Or else the database takes who is busy with thousands of rows for one that is frozen. */
  @Test
  void whatIsLongIsTakenPieceByPiece() {
    jdbc.sql(
            """
            INSERT INTO operation_log (operation, seq, step, line)
            SELECT CAST(:operation AS uuid), n, 'step', 'line' FROM generate_series(1, 2000) n
            """)
        .param("operation", uid())
        .update();
    Set<String> heard = new HashSet<>();
    store.read(tx -> {
      tx.written().each((place, text) -> heard.addAll(waiting()));
      return 0;
    });
    assertThat(heard).hasSizeGreaterThanOrEqualTo(4);
  }

  /** Since when transactions are waited for here. */
  private List<String> waiting() {
    return jdbc.sql(
            """
            SELECT state_change::text FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'idle in transaction'
            """)
        .query(String.class)
        .list();
  }

  @Test
  void aTransactionIsUsedInItsTimeAndAlone() {
    AtomicReference<Tx> kept = new AtomicReference<>();
    store.write(kept::set);
    assertThatThrownBy(() -> kept.get().resources()).hasMessageContaining("has ended");
    assertThatThrownBy(() -> kept.get().nudges()).hasMessageContaining("has ended");
    assertThatThrownBy(() -> store.write(tx -> store.write(inner -> {})))
        .hasMessageContaining("inside a transaction");
    assertThatThrownBy(() -> store.read(tx -> store.dryRun(inner -> 0)))
        .hasMessageContaining("inside a transaction");
  }

  @Test
  void theInstallationHasItsNameForEver() {
    String name = store.read(Tx::installation);
    assertThat(name).matches("[0-9a-f]{8}");
    try (Database again = Database.open(settings)) {
      assertThat(again.store().<String>read(Tx::installation)).isEqualTo(name);
    }
  }

  @Test
  void whoLosesADeadlockRunsAgain() throws Exception {
    Resource<?, ?> a = add(machine("tx", "dead-a"));
    Resource<?, ?> b = add(machine("tx", "dead-b"));
    CyclicBarrier both = new CyclicBarrier(2);
    AtomicInteger runs = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    List<Throwable> thrown = new ArrayList<>();
    for (List<Resource<?, ?>> order : List.of(List.of(a, b), List.of(b, a))) {
      threads.add(
          Thread.ofPlatform()
              .uncaughtExceptionHandler((t, e) -> thrown.add(e))
              .start(() ->
                  store.write(tx -> {
                    assertThat(tx.resources().lock(order.get(0).uid()).isPresent()).isTrue();
                    if (runs.incrementAndGet() <= 2) {
                      meet(both);
                    }
                    assertThat(tx.resources().lock(order.get(1).uid()).isPresent()).isTrue();
                  })));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(thrown).isEmpty();
    // On a busy machine one may lose to the other's second try, too.
    assertThat(runs).hasValueGreaterThan(2);
  }

  private static void meet(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aLostConnectionIsToldAsSuchAndTheNextOneWorks() {
    Resource<?, ?> r = machine("tx", "lost");
    ProblemException problem =
        catchThrowableOfType(
            ProblemException.class,
            () ->
                store.write(tx -> {
                  tx.resources().insert(r);
                  jdbc.sql("SELECT pg_terminate_backend(pg_backend_pid())")
                      .query(Boolean.class)
                      .single();
                }));
    assertThat(problem.problem().type()).isEqualTo(Problem.Type.UNAVAILABLE);
    assertThat(problem).hasMessage("the database is not reachable, try again in a few seconds");
    assertThat(there(r)).isFalse();
  }

  @Test
  void noFreeConnectionIsToldAsSuch() {
    Database.Settings one =
        new Database.Settings(settings.url(), settings.user(), settings.password(), 1);
    try (Database small = Database.open(one, Duration.ofMillis(300))) {
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      small
          .store()
          .write(tx ->
              join(
                  Thread.ofPlatform()
                      .uncaughtExceptionHandler((t, e) -> thrown.set(e))
                      .start(() -> small.store().write(it -> {}))));
      assertThat(thrown.get())
          .hasMessage("no connection to the database was free in time, try again in a few seconds");
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aFullDiskIsToldAsSuch() {
    ProblemException problem =
        catchThrowableOfType(
            ProblemException.class,
            () ->
                store.write(tx ->
                    jdbc.sql("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$")
                        .update()));
    assertThat(problem).hasMessageContaining("disk");
  }

  @Test
  void whoCommittedANudgeIsToldAndWhoDidNotIsNot() {
    List<Duration> heard = new ArrayList<>();
    try (Database other = Database.open(settings)) {
      SqlStore its = other.store();
      its.afterNudge(heard::add);
      its.write(tx -> tx.nudges().nudgeIn(uid(), Duration.ofSeconds(9)));
      its.write(tx -> tx.nudges().nudgeAll(List.of(uid(), uid())));
      its.write(tx -> {});
      its.dryRun(tx -> {
        tx.nudges().nudge(uid());
        return 0;
      });
      jdbc.sql("DELETE FROM scheduled_tasks").update();
    }
    assertThat(heard).containsExactly(Duration.ofSeconds(9), Duration.ZERO);
  }
}

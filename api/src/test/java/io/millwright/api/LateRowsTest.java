package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Audit;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What was refused is in the audit, even if the database was away in that moment. */
@Tag("database")
class LateRowsTest {
  private static final Instant THEN = Instant.parse("2026-01-02T03:04:05.678Z");

  private final Rig rig = Rig.shared();

  /** The rig's database, which can be out of reach. */
  private final class Flaky implements Store {
    final AtomicBoolean away = new AtomicBoolean(true);

    @Override
    public <T> T inTransaction(Function<Tx, T> work) {
      if (away.get()) {
        throw ProblemException.of(Problem.Type.UNAVAILABLE, "away");
      }
      return rig.store.inTransaction(work);
    }

    @Override
    public <T> T read(Function<Tx, T> work) {
      return rig.store.read(work);
    }

    @Override
    public <T> T dryRun(Function<Tx, T> work) {
      return rig.store.dryRun(work);
    }
  }

  private static Audit.Act act(String project, String name, String detail) {
    return new Audit.Act(
        "anna",
        "id",
        "192.0.2.1",
        "declare",
        "PUT /x",
        "Size",
        project,
        name,
        "unavailable",
        detail);
  }

  private List<String> rows(String project) {
    return rig
        .store
        .<List<Audit.Row>>read(tx -> tx.audit().list(project, null, null, List.of(), 1000, null))
        .reversed()
        .stream()
        .map(r -> r.act().name() + ": " + r.act().detail())
        .toList();
  }

  @Test
  void rowsWaitUntilTheDatabaseIsBackAndKeepTheirOrder() {
    Flaky store = new Flaky();
    try (LateRows late = new LateRows(store, () -> THEN, Duration.ofMillis(10))) {
      late.write(act("late-1", "a", ""), true);
      late.write(act("late-1", "b", "not allowed"), false);
      assertThat(rows("late-1")).isEmpty();
      store.away.set(false);
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(() ->
              assertThat(rows("late-1"))
                  .containsExactly(
                      "a: written late; answered at 2026-01-02T03:04:05Z",
                      "b: not allowed (written late; answered at 2026-01-02T03:04:05Z)"));
      // The writer may not have ended yet; what comes now is written all the same.
      late.write(act("late-1", "c", ""), false);
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(() -> assertThat(rows("late-1")).hasSize(3));
    }
    assertThat(rig.get("audit/verification").json().has("altered")).isFalse();
  }

  @Test
  void whatWaitsAtTheEndIsTriedOnceMoreAndNoMoreThanSoManyWait() {
    Flaky store = new Flaky();
    LateRows late = new LateRows(store, () -> THEN, Duration.ofDays(1));
    IntStream.range(0, LateRows.MOST).forEach(n -> late.write(act("late-2", "n", ""), true));
    late.write(act("late-3", "too-many", ""), true);
    late.close();
    assertThat(rows("late-2")).isEmpty();
    store.away.set(false);
    late.close();
    assertThat(rows("late-2")).hasSize(1000);
    assertThat(rows("late-3")).isEmpty();
  }
}

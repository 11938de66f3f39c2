package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Call;
import io.millwright.driver.testkit.Verb;
import io.millwright.model.Operation;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Machines that do not change cost no writes and no calls of their own. */
@Tag("slow")
class IdleTest {
  /** Rows that three rounds and a node's start may write, however many machines. */
  private static final long FEW = 150;

  /** {@code ./millwright test --many N} says how many: whole batches. */
  private static final int MANY = Integer.getInteger("many", 800);

  private static final int BATCH = 400;

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST.withRound(Duration.ofSeconds(5)));
    // Whoever hears nothing must look.
    world.hypervisor.tellsEvents(false);
    world.apply(World.BASE);
  }

  @AfterEach
  void end() {
    world.close();
  }

  @Test
  void manyMachinesAtRest() {
    for (int first = 0; first < MANY; first += BATCH) {
      StringBuilder all = new StringBuilder();
      for (int i = first; i < first + BATCH; i++) {
        all.append(World.machine("m" + i, "")).append("---\n");
      }
      world.apply(all.toString());
    }
    awaitRest();
    // Only now, because a round looks at all of them, and would do so twice a second while they
    // came.
    world.stop();
    world.start(World.Pace.FAST);
    // A round that saw some of them before they were up has them looked at once more.
    AtomicInteger rounds = new AtomicInteger();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.OBSERVE && call.uid() == null) {
            rounds.incrementAndGet();
          }
        });
    world.await("two rounds pass", 5, () -> rounds.get() >= 3);
    awaitRest();
    assertThat(world.number("SELECT count(*) FROM operation WHERE word = 'succeeded'"))
        .isEqualTo(MANY + 1);

    // The server counts what a session wrote for certain only when the session has ended.
    world.stop();
    Map<String, Long> before = written();
    Queue<Call> looks = new ConcurrentLinkedQueue<>();
    AtomicInteger measured = new AtomicInteger();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.OBSERVE) {
            looks.add(call);
          } else if (call.verb() == Verb.MEASURE) {
            measured.incrementAndGet();
          }
        });
    world.start();
    // A round measures last.
    world.await("three rounds pass", 5, () -> looks.size() >= 3 && measured.get() > 0);
    world.stop();
    assertThat(looks).allSatisfy(call -> assertThat(call.uid()).isNull());
    // Without heartbeats, which go by time: a round takes as long as the computer is busy.
    Map<String, Long> more = written();
    more.remove("scheduled_tasks");
    // What they use is one call and one row a round.
    assertThat(measured.get()).isLessThanOrEqualTo(looks.size());
    assertThat(world.number("SELECT count(DISTINCT m) FROM measurement, unnest(machines) AS m"))
        .isEqualTo(MANY);
    more.replaceAll((table, rows) -> rows - before.getOrDefault(table, 0L));
    assertThat(more.values().stream().mapToLong(rows -> rows).sum())
        .as("rows written by table: %s", more)
        .isLessThan(FEW);

    world.start();
    UUID one = world.machine("m7").uid();
    looks.clear();
    world.hypervisor.powerOff(one);
    world.await(
        "it runs again",
        5,
        () -> world.hypervisor.state(one).equals(java.util.Optional.of(Observation.State.RUNNING)));
    assertThat(world.awaitEnd(one).verb()).isEqualTo(Operation.Verb.REPAIR);
    assertThat(world.number("SELECT count(*) FROM operation WHERE verb = 'REPAIR'")).isEqualTo(1);
    assertThat(looks)
        .allSatisfy(call -> {
          if (call.uid() != null) {
            assertThat(call.uid()).isEqualTo(one);
          }
        });
  }

  private void awaitRest() {
    world.await(
        "nothing is left to do",
        10,
        () ->
            world.number("SELECT count(*) FROM operation WHERE ended_at IS NULL") == 0
                && world.number("SELECT count(*) FROM scheduled_tasks") <= 2);
  }

  /** Rows written so far, by table. */
  private Map<String, Long> written() {
    return world.numbers(
        "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables");
  }
}

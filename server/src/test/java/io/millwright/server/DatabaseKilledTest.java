package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * PostgreSQL is killed again and again while people make and delete machines, and is started again
 * as the server does it. {@code -Dkills=20} says how often.
 */
@Tag("slow")
@Isolated("it kills the PostgreSQL that all worlds have in common")
class DatabaseKilledTest {
  private static final int KILLS = Integer.getInteger("kills", 5);

  @Test
  void whatWasAcknowledgedHolds() throws Exception {
    try (World world = new World()) {
      // The other tests' databases need not outlive a crash; here an answer is a promise.
      world.sql("ALTER ROLE CURRENT_USER IN DATABASE " + world.name + " SET synchronous_commit = on");
      world.stop();
      world.start();
      world.apply(World.BASE);
      Invariants invariants = new Invariants(world);
      AtomicLong back = new AtomicLong();
      List<Long> millis = new ArrayList<>();
      Load load = new Load(world);
      Thread people = Thread.ofPlatform().name("people").start(load);
      try (Every watchdog =
          new Every(
              "watchdog",
              Duration.ofMillis(500),
              () -> {
                if (World.ensureDatabase()) {
                  back.set(System.nanoTime());
                }
              })) {
        Random random = new Random(KILLS);
        for (int kill = 0; kill < KILLS; kill++) {
          LockSupport.parkNanos(Duration.ofMillis(200 + random.nextInt(1500)).toNanos());
          back.set(0);
          World.killDatabase();
          world.await("PostgreSQL is started again", () -> back.get() != 0);
          long answered = load.answered.get();
          world.await("somebody is answered again", () -> load.answered.get() > answered);
          millis.add((System.nanoTime() - back.get()) / 1_000_000);
        }
        load.over = true;
        people.join();
        world.await(
            "all is done",
            10,
            () -> world.number("SELECT count(*) FROM operation WHERE ended_at IS NULL") == 0);
      } finally {
        load.over = true;
        people.join();
      }
      invariants.await();
      assertThat(load.unexpected).isEmpty();
      assertThat(load.unanswered).isPositive();
      assertThat(world.strings("SELECT name FROM resource WHERE kind = 'MACHINE'"))
          .containsExactlyInAnyOrderElementsOf(load.declared);
      System.out.printf(
          "PostgreSQL killed %d times, %d requests answered, %d not; answers again after %s ms%n",
          KILLS, load.answered.get(), load.unanswered, millis.stream().sorted().toList());
    }
  }

  /** Somebody who asks until there is an answer, and writes down what was promised. */
  private static final class Load implements Runnable {
    private final World world;
    private final Set<String> declared = new HashSet<>();
    private final Deque<String> mine = new ArrayDeque<>();
    private final List<String> unexpected = new ArrayList<>();
    private final AtomicLong answered = new AtomicLong();
    private int unanswered;
    private volatile boolean over;

    Load(World world) {
      this.world = world;
    }

    @Override
    public void run() {
      for (int i = 0; !over; i++) {
        String name = "m" + i;
        insist(() -> world.apply(World.machine(name, "")), null);
        declared.add(name);
        mine.add(name);
        if (i % 2 == 1) {
          String gone = mine.remove();
          // Deleted by an attempt that was not answered, it may be gone already.
          insist(
              () ->
                  world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", gone, null),
              Problem.Type.NOT_FOUND);
          declared.remove(gone);
        }
      }
    }

    /** Asks until the answer is yes; the only other one may be that there is none now. */
    private void insist(Runnable request, Problem.@org.jspecify.annotations.Nullable Type done) {
      while (true) {
        try {
          request.run();
          answered.incrementAndGet();
          return;
        } catch (ProblemException e) {
          if (e.problem().type() == done) {
            return;
          }
          if (e.problem().type() != Problem.Type.UNAVAILABLE) {
            unexpected.add(e.toString());
            return;
          }
          unanswered++;
        }
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    }
  }
}

package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Reconcile;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** What the work loop promises. */
@NullUnmarked
abstract class WorkLoopContract extends DatabaseTest {
  private static final Duration SOON = Duration.ofSeconds(20);

  private final List<AutoCloseable> opened = new ArrayList<>();

  /** A loop of a node that hears of its own nudges at once, and polls too seldom for that. */
  private WorkLoop loop(Reconcile reconcile) {
    return loop(database, reconcile, Duration.ofMinutes(1));
  }

  private WorkLoop loop(Database database, Reconcile reconcile, Duration poll) {
    WorkLoop loop =
        new WorkLoop(
            database, reconcile, new WorkLoop.Settings("test", 20, Duration.ofMillis(200), poll));
    database.store().afterNudge(loop::wake);
    loop.start();
    opened.addFirst(loop);
    return loop;
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : opened) {
      each.close();
    }
    opened.clear();
    jdbc.sql("DELETE FROM scheduled_tasks").update();
  }

  private void nudge(UUID uid) {
    store.write(tx -> tx.nudges().nudge(uid));
  }

  private int rows() {
    return jdbc.sql("SELECT count(*) FROM scheduled_tasks").query(Integer.class).single();
  }

  private static void pause(Duration duration) {
    LockSupport.parkNanos(duration.toNanos());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aNudgeIsFollowedAtOnceAndLeavesNothing() throws Exception {
    AtomicLong began = new AtomicLong();
    AtomicReference<UUID> seen = new AtomicReference<>();
    loop(uid -> {
      began.set(System.nanoTime());
      seen.set(uid);
      return Optional.empty();
    });
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 20; i++) {
      UUID uid = uid();
      long committed = System.nanoTime();
      nudge(uid);
      eventually(SOON, () -> uid.equals(seen.get()));
      best = Math.min(best, began.get() - committed);
    }
    assertThat(Duration.ofNanos(best)).isLessThan(Duration.ofMillis(100));
    eventually(SOON, () -> rows() == 0);
  }

  @Test
  void nudgesOfOtherNodesAreFoundByPolling() throws Exception {
    AtomicReference<UUID> seen = new AtomicReference<>();
    Database other = Database.open(settings);
    opened.add(other);
    loop(
        other,
        uid -> {
          seen.set(uid);
          return Optional.empty();
        },
        Duration.ofMillis(100));
    UUID uid = uid();
    nudge(uid);
    eventually(SOON, () -> uid.equals(seen.get()));
  }

  @Test
  void aResourceIsLookedAtAgainWhenItWasSaid() throws Exception {
    List<Long> times = new ArrayList<>();
    loop(uid -> {
      synchronized (times) {
        times.add(System.nanoTime());
        return times.size() < 3 ? Optional.of(Duration.ofMillis(150)) : Optional.empty();
      }
    });
    nudge(uid());
    eventually(SOON, () -> times.size() == 3 && rows() == 0);
    for (int i = 1; i < 3; i++) {
      assertThat(times.get(i) - times.get(i - 1))
          .isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(145));
    }
  }

  @Test
  void aDelayedNudgeWaitsAndAnEarlierOneWins() throws Exception {
    AtomicReference<Long> at = new AtomicReference<>();
    loop(uid -> {
      at.set(System.nanoTime());
      return Optional.empty();
    });
    UUID uid = uid();
    long begun = System.nanoTime();
    store.write(tx -> tx.nudges().nudgeIn(uid, Duration.ofHours(1)));
    store.write(tx -> tx.nudges().nudgeIn(uid, Duration.ofMillis(200)));
    store.write(tx -> {
      tx.nudges().nudgeIn(uid, Duration.ofHours(2));
      tx.nudges().nudgeIn(uid, Duration.ofHours(1));
    });
    eventually(SOON, () -> at.get() != null);
    assertThat(at.get() - begun).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(190));
    eventually(SOON, () -> rows() == 0);
  }

  @Test
  void aNudgeInTheMiddleLeadsToOneMoreLook() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    CountDownLatch looking = new CountDownLatch(1);
    CountDownLatch nudged = new CountDownLatch(1);
    loop(uid -> {
      if (looks.incrementAndGet() == 1) {
        looking.countDown();
        await(nudged);
      }
      return looks.get() < 3 ? Optional.of(Duration.ofHours(1)) : Optional.empty();
    });
    UUID uid = uid();
    nudge(uid);
    looking.await();
    nudge(uid);
    nudge(uid);
    nudged.countDown();
    eventually(SOON, () -> looks.get() == 2);
    // What is due in an hour is due at once when it is nudged.
    eventually(SOON, () -> count("NOT picked") == 1);
    nudge(uid);
    eventually(SOON, () -> looks.get() == 3 && rows() == 0);
  }

  private int count(String condition) {
    return jdbc.sql("SELECT count(*) FROM scheduled_tasks WHERE " + condition)
        .query(Integer.class)
        .single();
  }

  @Test
  void noNudgeIsLostAndNobodyLooksTwiceAtOnce() throws Exception {
    List<UUID> uids = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      uids.add(uid());
    }
    Map<UUID, AtomicLong> lastBegun = new ConcurrentHashMap<>();
    Map<UUID, AtomicInteger> inside = new ConcurrentHashMap<>();
    AtomicInteger overlaps = new AtomicInteger();
    AtomicInteger looks = new AtomicInteger();
    uids.forEach(uid -> {
      lastBegun.put(uid, new AtomicLong());
      inside.put(uid, new AtomicInteger());
    });
    Reconcile slow =
        uid -> {
          if (inside.get(uid).incrementAndGet() > 1) {
            overlaps.incrementAndGet();
          }
          lastBegun.get(uid).set(System.nanoTime());
          looks.incrementAndGet();
          ThreadLocalRandom random = ThreadLocalRandom.current();
          pause(Duration.ofNanos(random.nextLong(4_000_000)));
          inside.get(uid).decrementAndGet();
          if (random.nextInt(10) == 0) {
            throw new IllegalStateException("now and then");
          }
          return random.nextBoolean() ? Optional.empty() : Optional.of(Duration.ofHours(1));
        };
    Database second = Database.open(settings);
    opened.add(second);
    loop(database, slow, Duration.ofMillis(100));
    loop(second, slow, Duration.ofMillis(100));
    AtomicInteger turn = new AtomicInteger();
    together(
        8,
        1200,
        () -> {
          ThreadLocalRandom random = ThreadLocalRandom.current();
          SqlStore node = turn.incrementAndGet() % 2 == 0 ? store : second.store();
          node.write(tx -> {
            tx.nudges().nudge(uids.get(random.nextInt(uids.size())));
            if (random.nextInt(3) == 0) {
              tx.nudges().nudge(uids.get(random.nextInt(uids.size())));
            }
            if (random.nextInt(20) == 0) {
              tx.nudges().nudgeAll(uids);
            }
          });
          return 0;
        });
    Map<UUID, Long> lastNudge = new ConcurrentHashMap<>();
    together(
        8,
        uids.size(),
        () -> {
          UUID uid = uids.get(turn.incrementAndGet() % uids.size());
          lastNudge.put(uid, System.nanoTime());
          nudge(uid);
          return 0;
        });
    assertThat(lastNudge).hasSize(uids.size());
    eventually(
        SOON, () -> uids.stream().allMatch(uid -> lastBegun.get(uid).get() > lastNudge.get(uid)));
    assertThat(overlaps).hasValue(0);
    assertThat(looks.get()).isGreaterThan(uids.size());
  }

  @Test
  void whatThrowsIsTriedAgainLaterAndLater() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    loop(uid -> {
      if (looks.incrementAndGet() < 3) {
        throw new IllegalStateException("not yet");
      }
      return Optional.empty();
    });
    nudge(uid());
    eventually(SOON, () -> looks.get() == 3 && rows() == 0);
  }

  @Test
  void theWorkOfADeadNodeGoesOnElsewhere() throws Exception {
    AtomicReference<UUID> seen = new AtomicReference<>();
    UUID uid = uid();
    nudge(uid);
    jdbc.sql(
            """
            UPDATE scheduled_tasks SET picked = true, picked_by = 'dead', version = 7,
              last_heartbeat = now()
            """)
        .update();
    loop(
        database,
        it -> {
          seen.set(it);
          return Optional.empty();
        },
        Duration.ofMillis(100));
    eventually(Duration.ofSeconds(5), () -> uid.equals(seen.get()) && rows() == 0);
  }

  @Test
  void whoWasTakenForDeadAndGoesOnDoesNoHarm() throws Exception {
    UUID uid = uid();
    AtomicInteger looks = new AtomicInteger();
    List<CountDownLatch> release = List.of(new CountDownLatch(1), new CountDownLatch(1));
    AtomicInteger ended = new AtomicInteger();
    loop(
        database,
        it -> {
          int n = looks.getAndIncrement();
          if (n < 2) {
            await(release.get(n));
          }
          ended.incrementAndGet();
          return Optional.empty();
        },
        Duration.ofMillis(100));
    nudge(uid);
    eventually(SOON, () -> looks.get() == 1);
    // As another node does it that got no heartbeat.
    jdbc.sql(
            """
            UPDATE scheduled_tasks SET picked = false, execution_time = now(),
              version = version + 1
            """)
        .update();
    eventually(SOON, () -> looks.get() == 2);
    String row = row();
    release.get(0).countDown();
    eventually(SOON, () -> ended.get() == 1);
    store.write(tx -> tx.nudges().nudge(uid)); // the row is there, picked, and takes the mark
    assertThat(row()).isEqualTo(row);
    assertThat(count("picked AND again IS NOT NULL")).isOne();
    release.get(1).countDown();
    eventually(SOON, () -> looks.get() == 3 && rows() == 0);
  }

  private String row() {
    return jdbc.sql("SELECT picked || ' ' || version FROM scheduled_tasks")
        .query((row, n) -> row.getString(1))
        .single();
  }

  @Test
  void anIdleLoopWritesNothing() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    AtomicInteger polls = new AtomicInteger();
    DataSource counted =
        new DelegatingDataSource(database.dataSource()) {
          @Override
          public Connection getConnection() throws SQLException {
            polls.incrementAndGet();
            return super.getConnection();
          }
        };
    WorkLoop loop =
        new WorkLoop(
            counted,
            database.databaseClock(),
            uid -> {
              looks.incrementAndGet();
              return Optional.of(Duration.ofHours(1));
            },
            new WorkLoop.Settings("test", 20, Duration.ofMillis(50), Duration.ofMillis(10)));
    opened.add(loop);
    loop.start();
    nudge(uid());
    eventually(SOON, () -> looks.get() == 1 && count("NOT picked") == 1);
    String before = xid();
    int begin = polls.get();
    eventually(SOON, () -> polls.get() > begin + 30);
    assertThat(xid()).isEqualTo(before);
  }

  /** The next transaction that writes gets this number. */
  private String xid() {
    return jdbc.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        .query((row, n) -> row.getString(1))
        .single();
  }
}

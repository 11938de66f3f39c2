package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Journal.Change;
import io.millwright.engine.port.Journal.Entry;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What the store promises of the journal. */
@NullUnmarked
abstract class JournalContract extends DatabaseTest {
  private void note(UUID uid, String message) {
    store.write(tx -> tx.journal().note(Kind.IMAGE, "shop", uid, "debian", "Said", message));
  }

  private List<Entry> after(String cursor) {
    return store.read(tx -> tx.journal().after(cursor, 1000));
  }

  /** So many of them, which come once nothing older goes on in any of the server's databases. */
  private List<Entry> after(String cursor, int many) {
    eventually(Duration.ofSeconds(30), () -> after(cursor).size() >= many);
    return after(cursor);
  }

  private String head() {
    return store.read(tx -> tx.journal().head());
  }

  private static ProblemException problem(Runnable work) {
    return catchThrowableOfType(ProblemException.class, work::run);
  }

  @Test
  void whatComesAfterTheHeadIsReadOnce() {
    String head = head();
    UUID uid = uid();
    note(uid, "one");
    note(uid, "two");
    List<Entry> lines = after(head, 2);
    assertThat(lines).extracting(Entry::message).containsExactly("one", "two");
    assertThat(lines.getFirst())
        .extracting("kind", "project", "uid", "name", "change", "reason")
        .containsExactly(Kind.IMAGE, "shop", uid, "debian", Change.NOTE, "Said");
    assertThat(after(lines.getFirst().cursor())).extracting(Entry::message).containsExactly("two");
    assertThat(after(lines.getLast().cursor())).isEmpty();
    assertThat(after(head())).isEmpty();
    assertThat(store.<List<Entry>>read(tx -> tx.journal().after(head, 1))).hasSize(1);
  }

  @Test
  void nothingIsPassedOverThatIsCommittedLate() throws Exception {
    String head = head();
    CountDownLatch written = new CountDownLatch(1);
    CountDownLatch seen = new CountDownLatch(1);
    Thread slow =
        Thread.ofVirtual()
            .start(() ->
                store.write(tx -> {
                  tx.journal().note(Kind.IMAGE, "late", uid(), "x", "Said", "slow");
                  written.countDown();
                  try {
                    seen.await();
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                }));
    written.await();
    note(uid(), "fast");
    assertThat(after(head)).isEmpty(); // it must wait for the slow one, which is before it
    seen.countDown();
    slow.join();
    assertThat(after(head, 2)).extracting(Entry::message).containsExactly("slow", "fast");
  }

  @Test
  void aReaderMissesNothingAndSeesNothingTwice() throws Exception {
    AtomicBoolean writing = new AtomicBoolean(true);
    String head = head();
    Map<String, Integer> seen = new HashMap<>();
    List<Throwable> thrown = new ArrayList<>();
    Thread reader =
        Thread.ofPlatform()
            .uncaughtExceptionHandler((t, e) -> thrown.add(e))
            .start(() -> {
              String cursor = head;
              boolean last;
              do {
                last = !writing.get();
                List<Entry> batch;
                do {
                  String from = cursor;
                  batch = store.read(tx -> tx.journal().after(from, 7));
                  for (Entry e : batch) {
                    seen.merge(e.message(), 1, Integer::sum);
                    cursor = e.cursor();
                  }
                } while (!batch.isEmpty());
              } while (!last);
            });
    AtomicInteger number = new AtomicInteger();
    together(
        8,
        200,
        () -> {
          int n = number.incrementAndGet();
          store.dryRun(tx -> {
            tx.journal().note(Kind.IMAGE, "many", uid(), "x", "Said", "never " + n);
            return 0;
          });
          store.write(tx -> {
            tx.journal().note(Kind.IMAGE, "many", uid(), "x", "Said", "a" + n);
            LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(3_000_000));
            tx.journal().note(Kind.IMAGE, "many", uid(), "x", "Said", "b" + n);
          });
          return 0;
        });
    assertThat(after(head, 400)).hasSize(400);
    writing.set(false);
    reader.join();
    assertThat(thrown).isEmpty();
    assertThat(seen.values()).containsOnly(1);
    assertThat(seen).hasSize(400);
  }

  @Test
  void toldAreTheLastOnesWithAMessage() {
    add(machine("told", "silent"));
    UUID uid = uid();
    for (int i = 0; i < 5; i++) {
      String message = "m" + i;
      store.write(
          tx -> tx.journal().note(Kind.MACHINE, "told", uid, message, "Said", message + "\0"));
    }
    assertThat(told("told", null, null, 3)).containsExactly("m2\ufffd", "m3\ufffd", "m4\ufffd");
    assertThat(told("told", Kind.MACHINE, "m1", 3)).containsExactly("m1\ufffd");
    assertThat(told("told", Kind.IMAGE, null, 3)).isEmpty();
    assertThat(told(null, null, "m4", 3)).containsExactly("m4\ufffd");
    String third =
        store.<List<Entry>>read(tx -> tx.journal().told("told", null, null, 3)).getFirst().cursor();
    assertThat(
            store.<List<Entry>>read(
                tx -> tx.journal().told("told", null, null, List.of(), 9, null, third)))
        .extracting(Entry::message)
        .containsExactly("m0\ufffd", "m1\ufffd");
    assertThat(
            problem(() ->
                store.read(tx -> tx.journal().told(null, null, null, List.of(), 9, null, "none"))))
        .isNotNull();
  }

  private List<String> told(String project, Kind kind, String name, int limit) {
    return store.<List<Entry>>read(tx -> tx.journal().told(project, kind, name, limit)).stream()
        .map(Entry::message)
        .toList();
  }

  @Test
  void whoReadsAProjectAlongIsPastWhatIsOfOthers() {
    try (Database own = Database.open(server().create(4))) {
      SqlStore its = own.store();
      String first = its.read(tx -> tx.journal().head());
      for (String project : List.of("mine", "other", "mine", "other")) {
        its.write(tx -> tx.journal().note(Kind.IMAGE, project, uid(), "x", "Said", "words"));
      }
      its.write(tx -> tx.journal().note(Kind.IMAGE, "mine", uid(), "x", "", "no reason"));
      Journal.Along one = its.read(tx -> tx.journal().along(first, 1, "mine"));
      assertThat(one.entries()).hasSize(1);
      assertThat(one.cursor()).isEqualTo(one.entries().getFirst().cursor());
      Journal.Along rest = its.read(tx -> tx.journal().along(one.cursor(), 10, "mine"));
      assertThat(rest.entries()).extracting(Entry::project).containsExactly("mine");
      assertThat(its.<List<Entry>>read(tx -> tx.journal().after(rest.cursor(), 10)))
          .as("nothing is read twice, of whatever project")
          .isEmpty();
      its.write(tx -> tx.journal().note(Kind.IMAGE, "mine", uid(), "x", "Said", "later"));
      assertThat(
              its.<Journal.Along>read(tx -> tx.journal().along(rest.cursor(), 10, "mine"))
                  .entries())
          .extracting(Entry::message)
          .containsExactly("later");
    }
  }

  @Test
  void howFarReadersAreBehindIsTold() throws Exception {
    try (Database own = Database.open(server().create(4))) {
      SqlStore its = own.store();
      JdbcClient jdbc = JdbcClient.create(own.pool());
      String line =
          """
          INSERT INTO journal (project, uid, name, change, at)
          VALUES ('p', gen_random_uuid(), 'x', 'ADDED', now() - interval '1 minute')
          """;
      jdbc.sql(line).update();
      assertThat(its.<Duration>read(tx -> tx.journal().behind())).isZero();
      try (Connection writing = own.pool().getConnection()) {
        writing.setAutoCommit(false);
        writing.createStatement().execute(line);
        assertThat(its.<Duration>read(tx -> tx.journal().behind()))
            .as("nobody waits for what is not written yet")
            .isZero();
        jdbc.sql(line).update();
        assertThat(its.<Duration>read(tx -> tx.journal().behind()))
            .isGreaterThan(Duration.ofSeconds(59));
        writing.rollback();
      }
      assertThat(its.<Duration>read(tx -> tx.journal().behind())).isZero();
    }
  }

  @Test
  void whatIsOldIsDroppedInParts() {
    try (Database own = Database.open(server().create(4))) {
      SqlStore its = own.store();
      JdbcClient.create(own.pool())
          .sql(
              """
              INSERT INTO journal (project, uid, name, change, at)
              SELECT 'p', gen_random_uuid(), 'x', 'ADDED',
                     now() - CASE WHEN n = :young THEN interval '0' ELSE interval '2 hours' END
              FROM generate_series(1, :young + 10) n
              """)
          .param("young", SqlJournal.BATCH + 21)
          .update();
      List<Integer> dropped = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        dropped.add(its.<Integer>inTransaction(tx -> tx.journal().prune(Duration.ofHours(1))));
      }
      assertThat(dropped)
          .as("what is behind a young one stays")
          .containsExactly(SqlJournal.BATCH, 20, 0);
    }
  }

  @Test
  void whoseLinesWereDroppedHearsSo() {
    try (Database own = Database.open(server().create(4))) {
      SqlStore its = own.store();
      String first = its.read(tx -> tx.journal().head());
      its.write(tx -> tx.journal().note(Kind.IMAGE, "p", uid(), "x", "Said", "old"));
      its.write(tx -> tx.journal().note(Kind.IMAGE, "p", uid(), "x", "Said", "young"));
      List<Entry> both = its.read(tx -> tx.journal().after(first, 10));
      assertThat(both).hasSize(2);
      assertThat(its.<Integer>inTransaction(tx -> tx.journal().prune(Duration.ofHours(1))))
          .isZero();
      JdbcClient.create(own.pool())
          .sql("UPDATE journal SET at = at - interval '2 hours' WHERE message = 'old'")
          .update();
      assertThat(its.<Integer>inTransaction(tx -> tx.journal().prune(Duration.ofHours(1)))).isOne();
      assertThat(problem(() -> its.read(tx -> tx.journal().after(first, 10))).problem().type())
          .isEqualTo(Problem.Type.GONE);
      String kept = both.getFirst().cursor();
      assertThat(its.<List<Entry>>read(tx -> tx.journal().after(kept, 10))).hasSize(1);
      assertThat(its.<Integer>inTransaction(tx -> tx.journal().prune(Duration.ZERO))).isOne();
      String head = its.read(tx -> tx.journal().head());
      assertThat(its.<List<Entry>>read(tx -> tx.journal().after(head, 10))).isEmpty();
    }
  }

  @Test
  void whatIsNoCursorIsRefused() {
    for (String bad :
        List.of(
            "",
            "1",
            "x.y",
            "\0",
            Cursors.encode("1"),
            Cursors.encode("-1", "0"),
            Cursors.encode("1", "0x"),
            Cursors.encode("1); DROP TABLE journal", "0"),
            Cursors.encode("99999999999999999999", "0"))) {
      assertThat(problem(() -> after(bad)).problem().errors().getFirst().field())
          .isEqualTo("cursor");
    }
    // Of another database, whose transactions count from elsewhere.
    assertThat(problem(() -> after(Cursors.encode("9999999999", "1"))).problem().type())
        .isEqualTo(Problem.Type.GONE);
  }
}

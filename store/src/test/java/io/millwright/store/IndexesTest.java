package io.millwright.store;

import io.millwright.engine.port.Approvals;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Tx;
import io.millwright.model.Operation.State;
import java.time.Duration;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Where there is a lot, what asks for a little is answered by the index that was made for it. */
@NullUnmarked
class IndexesTest extends DatabaseTest {
  @BeforeAll
  void fill() {
    jdbc.sql(
            """
            INSERT INTO operation (uid, project, verb, kind, target, name, generation, word, state,
                                   requested_by, created_at, ended_at, steps)
            SELECT gen_random_uuid(), 'p' || n % 20, 'CREATE', 'MACHINE', gen_random_uuid(),
                   'm' || n % 5000, 1, word,
                   CAST(:state AS jsonb),
                   'ann', now(), CASE WHEN word <> 'running' THEN now() END, '[]'
            FROM (SELECT n, CASE WHEN n % 4000 = 1 THEN 'running' WHEN n % 4000 = 2 THEN 'failed'
                                 ELSE 'succeeded' END AS word
                  FROM generate_series(1, 40000) n) as made
            """)
        .param("state", StoredJson.write(new State.Running()))
        .update();
    jdbc.sql(
            """
            INSERT INTO audit (seq, at, who, caller, origin, verb, call, kind, project, name, result,
                               detail, hash)
            SELECT n, now(), CASE n % 1000 WHEN 1 THEN 'ann' WHEN 2 THEN 'ann/ci' ELSE 'bob' END,
                   '', '', '', '', '', 'p' || n % 20, '',
                   CASE WHEN n % 2000 = 3 THEN 'forbidden' ELSE 'done' END, '', ''
            FROM generate_series(1, 40000) n
            """)
        .update();
    jdbc.sql(
            """
            INSERT INTO approval (uid, project, requester, asker, kind, name, people, because, plan,
                                  fingerprint, wish, state, detail, created_at, expires_at)
            SELECT gen_random_uuid(), 'p' || n % 20, 'ann', 'a' || n, 'MACHINE', 'm', 1, '{}', '[]',
                   'f', '', CASE n % 1000 WHEN 1 THEN 'WAITING' ELSE 'DONE' END, '', now(),
                   now() + interval '1 hour'
            FROM generate_series(1, 20000) n
            """)
        .update();
    jdbc.sql(
            """
            INSERT INTO machine_time (machine, project, size, since, until)
            SELECT gen_random_uuid(), 'p' || n % 20, 's', now() - n * interval '1 hour',
                   now() - (n - 1) * interval '1 hour'
            FROM generate_series(1, 40000) n
            """)
        .update();
    jdbc.sql(
            """
            INSERT INTO journal (kind, project, uid, name, change, reason, message)
            SELECT 'MACHINE', 'p' || n % 20, gen_random_uuid(), 'm' || n, 'NOTE', 'Told',
                   'the machine number ' || n
            FROM generate_series(1, 20000) n
            """)
        .update();
    jdbc.sql("ANALYZE").update();
  }

  private void uses(String index, Consumer<Tx> question) {
    long before = scans(index);
    // Asked again, for a connection tells of its scans once a second.
    eventually(
        Duration.ofSeconds(30),
        () -> {
          store.read(tx -> {
            question.accept(tx);
            return true;
          });
          return scans(index) > before;
        });
  }

  private long scans(String index) {
    return jdbc.sql("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = :index")
        .param("index", index)
        .query(Long.class)
        .single();
  }

  private static Consumer<Tx> operations(String project, String name, String state) {
    return tx ->
        tx.operations().list(new Operations.Query(project, null, name, state, null, 50, null));
  }

  @Test
  void whatIsOpenIsFoundAmongTheOpen() {
    uses("operation_open", operations("p1", null, "running"));
    uses("operation_open", operations(null, null, "running"));
    uses("operation_open", operations("p1", null, "open"));
    uses("operation_open", operations(null, null, "open"));
  }

  @Test
  void whatHasANameIsFoundByIt() {
    uses("operation_name", operations("p7", "m7", null));
  }

  @Test
  void whatFailedIsFoundAmongTheFailed() {
    uses("operation_word", operations(null, null, "failed"));
  }

  @Test
  void whatSomebodyDidIsFoundByWhoItWas() {
    uses("audit_who", tx -> tx.audit().list(null, "ann", null, List.of(), 50, null));
    uses("audit_project_who", tx -> tx.audit().list("p2", "ann", null, List.of(), 50, null));
  }

  @Test
  void whatWaitsIsFoundAmongWhatWaits() {
    uses(
        "approval_once",
        tx -> tx.approvals().list("p1", null, Approvals.State.WAITING, List.of(), null, 50));
    uses(
        "approval_once",
        tx -> tx.approvals().list(null, null, Approvals.State.WAITING, List.of(), null, 50));
  }

  @Test
  void whatWasRefusedIsFoundAmongWhatWasNotDone() {
    uses("audit_result", tx -> tx.audit().list(null, null, "forbidden", List.of(), 10, null));
  }

  /** However rare words are thought to be: nothing but as much as is needed is read. */
  @Test
  void whatIsSearchedIsReadBackFromTheNewest() {
    List<String> words = List.of("ma", "ne", "m");
    uses(
        "operation_seq",
        tx ->
            tx.operations()
                .list(new Operations.Query(null, null, null, null, null, 50, null, null, words)));
    uses("journal_told", tx -> tx.journal().told(null, null, null, words, 50, null, null));
    uses("audit_pkey", tx -> tx.audit().list(null, null, null, List.of("b", "ob", "o"), 50, null));
  }

  @Test
  void whatWasAskedForLastIsFoundByWhoAskedForWhat() {
    uses("approval_asked", tx -> tx.approvals().last("a7", "p7", "f"));
  }

  @Test
  void aMonthIsToldOfWhatWasThereInIt() {
    uses(
        "machine_time_until", tx -> tx.showback().month(YearMonth.now(ZoneOffset.UTC), null, null));
  }
}

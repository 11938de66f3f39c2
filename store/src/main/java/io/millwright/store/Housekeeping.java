package io.millwright.store;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Drops what nobody needs any more. Nodes may do so at the same time. */
public final class Housekeeping {
  private static final Logger LOG = LoggerFactory.getLogger(Housekeeping.class);

  /** Small, so that nothing is locked for long. */
  private static final int BATCH = 1000;

  private final SqlStore store;
  private final JdbcClient jdbc;
  private final Kept kept;

  /**
   * How long to keep what.
   *
   * @param journal lines of the journal
   * @param operations that have ended, with their logs
   */
  public record Kept(Duration journal, Duration operations) {
    public static final Kept DEFAULT = new Kept(Duration.ofDays(7), Duration.ofDays(90));
  }

  public Housekeeping(Database database, Kept kept) {
    this.store = database.store();
    this.jdbc = JdbcClient.create(database.pool());
    this.kept = kept;
  }

  /** Something to drop, a batch at a time; it says how many it dropped. */
  private record Task(String what, IntSupplier batch) {}

  /**
   * Does all of it once; for every hour. What fails keeps nothing else from being dropped.
   *
   * @throws RuntimeException of the first that failed, after the others were done
   */
  public void run() {
    List<String> dropped = new ArrayList<>();
    RuntimeException failed = null;
    for (Task task :
        List.of(
            new Task(
                "lines of the journal",
                () -> store.inTransaction(tx -> tx.journal().prune(kept.journal()))),
            new Task("operations", this::operations),
            new Task("answered requests", this::requests),
            new Task("leases", this::addresses),
            new Task("sessions", () -> store.inTransaction(tx -> tx.sessions().prune())))) {
      try {
        int count = inBatches(task.batch());
        if (count > 0) {
          dropped.add(count + " " + task.what());
        }
      } catch (RuntimeException e) {
        if (failed == null) {
          failed =
              new IllegalStateException(
                  task.what() + " that are old could not be dropped: " + e.getMessage(), e);
        } else {
          failed.addSuppressed(e);
        }
      }
    }
    if (!dropped.isEmpty()) {
      LOG.info("Dropped {}", String.join(", ", dropped));
    }
    if (failed != null) {
      throw failed;
    }
  }

  private static int inBatches(IntSupplier batch) {
    int sum = 0;
    int last;
    do {
      last = batch.getAsInt();
      sum += last;
    } while (last > 0);
    return sum;
  }

  private int operations() {
    return jdbc.sql(
            """
            WITH gone AS (
              DELETE FROM operation WHERE uid IN (
                SELECT uid FROM operation
                WHERE ended_at < now() - :seconds * interval '1 second' LIMIT :batch)
              RETURNING uid),
            logs AS (DELETE FROM operation_log WHERE operation IN (SELECT uid FROM gone))
            SELECT count(*) FROM gone
            """)
        .param("seconds", kept.operations().toSeconds())
        .param("batch", BATCH)
        .query(Integer.class)
        .single();
  }

  private int requests() {
    return jdbc.sql(
            """
            DELETE FROM request WHERE (token, key) IN (
              SELECT token, key FROM request
              WHERE at < now() - interval '24 hours' LIMIT :batch)
            """)
        .param("batch", BATCH)
        .update();
  }

  /** Free for a day already; that its machine might come back for it is no matter any more. */
  private int addresses() {
    return jdbc.sql(
            """
            DELETE FROM address WHERE (network, ip) IN (
              SELECT network, ip FROM address
              WHERE cooling_until < now() - interval '1 day' LIMIT :batch)
            """)
        .param("batch", BATCH)
        .update();
  }
}

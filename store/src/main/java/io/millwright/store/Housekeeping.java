package io.millwright.store;

import java.time.Duration;
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

  /** Does all of it once; for every hour. */
  public void run() {
    int lines = store.inTransaction(tx -> tx.journal().prune(kept.journal()));
    int operations = inBatches(this::operations);
    int requests = inBatches(this::requests);
    int addresses = inBatches(this::addresses);
    store.inTransaction(tx -> tx.sessions().prune());
    if (lines + operations + requests + addresses > 0) {
      LOG.info(
          "Dropped {} lines of the journal, {} operations, {} answered requests, {} old leases",
          lines,
          operations,
          requests,
          addresses);
    }
  }

  private static int inBatches(IntSupplier batch) {
    int sum = 0;
    int last;
    do {
      last = batch.getAsInt();
      sum += last;
    } while (last == BATCH);
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

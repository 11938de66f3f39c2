package io.millwright.store;

import io.millwright.engine.port.Lifetimes;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** When machines are deleted by themselves. */
final class SqlLifetimes implements Lifetimes {
  private final JdbcClient jdbc;

  SqlLifetimes(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Optional<Lifetime> find(UUID machine) {
    return read(machine, "");
  }

  @Override
  public Optional<Lifetime> lock(UUID machine) {
    return read(machine, " FOR UPDATE");
  }

  private Optional<Lifetime> read(UUID machine, String lock) {
    return jdbc.sql("SELECT * FROM lifetime WHERE machine = :machine" + lock)
        .param("machine", machine)
        .query((row, n) ->
            new Lifetime(
                Columns.instant(row, "expires_at"),
                seconds(row, "warned"),
                seconds(row, "leash_seconds"),
                row.getInt("missed"),
                Columns.instant(row, "counted_at"),
                Columns.instant(row, "claimed_at")))
        .optional();
  }

  private static @Nullable Duration seconds(ResultSet row, String column) throws SQLException {
    int seconds = row.getInt(column);
    return row.wasNull() ? null : Duration.ofSeconds(seconds);
  }

  @Override
  public void put(UUID machine, Lifetime l) {
    // A machine that is seen anew by its end is seen anew by those who watch it, too.
    jdbc.sql(
            """
            WITH before AS (
              SELECT (SELECT expires_at FROM lifetime WHERE machine = :machine) AS expires_at),
            put AS (
              INSERT INTO lifetime
                (machine, expires_at, warned, leash_seconds, missed, counted_at, claimed_at)
              VALUES (:machine, :expiresAt, :warned, :leash, :missed, :countedAt, :claimedAt)
              ON CONFLICT (machine) DO UPDATE SET
                expires_at = excluded.expires_at, warned = excluded.warned,
                leash_seconds = excluded.leash_seconds, missed = excluded.missed,
                counted_at = excluded.counted_at, claimed_at = excluded.claimed_at),
            changed AS (
              UPDATE resource r SET revision = revision + 1 FROM before
              WHERE r.uid = :machine AND before.expires_at IS DISTINCT FROM :expiresAt
              RETURNING r.uid, r.kind, r.project, r.name)
            INSERT INTO journal (kind, project, uid, name, change)
            SELECT kind, project, uid, name, 'MODIFIED' FROM changed
            """)
        .param("machine", machine)
        .param("expiresAt", Columns.time(l.expiresAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("warned", seconds(l.warned()), Types.INTEGER)
        .param("leash", seconds(l.leash()), Types.INTEGER)
        .param("missed", l.missed())
        .param("countedAt", Columns.time(l.countedAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("claimedAt", Columns.time(l.claimedAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .update();
  }

  private static @Nullable Integer seconds(@Nullable Duration span) {
    return span == null ? null : Math.toIntExact(span.toSeconds());
  }

  @Override
  public void remove(UUID machine) {
    jdbc.sql(
            """
            WITH gone AS (DELETE FROM lifetime WHERE machine = :machine RETURNING expires_at),
            changed AS (
              UPDATE resource r SET revision = revision + 1 FROM gone
              WHERE r.uid = :machine AND gone.expires_at IS NOT NULL
              RETURNING r.uid, r.kind, r.project, r.name)
            INSERT INTO journal (kind, project, uid, name, change)
            SELECT kind, project, uid, name, 'MODIFIED' FROM changed
            """)
        .param("machine", machine)
        .update();
  }

  @Override
  public boolean beat(UUID machine) {
    return jdbc.sql(
                """
                UPDATE lifetime SET missed = 0, counted_at = NULL
                WHERE machine = :machine AND leash_seconds IS NOT NULL
                """)
            .param("machine", machine)
            .update()
        > 0;
  }
}

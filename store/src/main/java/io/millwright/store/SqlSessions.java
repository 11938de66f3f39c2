package io.millwright.store;

import io.millwright.engine.port.Sessions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Sessions; only the database's clock says whether one is over. */
final class SqlSessions implements Sessions {
  /** So many wrong passwords cost nothing; each one more doubles the time to wait. */
  private static final int FREE = 5;

  private static final int LONGEST_LOCK_SECONDS = 900;

  private static final String IN_FORCE =
      " seen_at > now() - interval '%d seconds' AND created_at > now() - interval '%d seconds'"
          .formatted(IDLE.toSeconds(), LONGEST.toSeconds());

  private final JdbcClient jdbc;

  SqlSessions(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void insert(UUID uid, UUID account, byte[] sha256, String origin, String agent) {
    jdbc.sql(
            """
            INSERT INTO session (uid, account, sha256, origin, agent)
            VALUES (:uid, :account, :sha256, :origin, :agent)
            """)
        .param("uid", uid)
        .param("account", account)
        .param("sha256", sha256)
        .param("origin", StoredJson.text(origin))
        .param("agent", StoredJson.text(agent))
        .update();
  }

  @Override
  public Optional<Session> find(byte[] sha256) {
    return jdbc.sql("SELECT * FROM session WHERE sha256 = :sha256 AND" + IN_FORCE)
        .param("sha256", sha256)
        .query(SqlSessions::session)
        .optional();
  }

  @Override
  public List<Session> list() {
    return jdbc.sql("SELECT * FROM session WHERE" + IN_FORCE + " ORDER BY created_at DESC, uid")
        .query(SqlSessions::session)
        .list();
  }

  @Override
  public void seen(UUID uid) {
    jdbc.sql("UPDATE session SET seen_at = now() WHERE uid = :uid").param("uid", uid).update();
  }

  @Override
  public boolean remove(UUID uid) {
    return jdbc.sql("DELETE FROM session WHERE uid = :uid").param("uid", uid).update() == 1;
  }

  @Override
  public int removeAll(UUID account, @Nullable UUID but) {
    return jdbc.sql(
            "DELETE FROM session WHERE account = :account AND uid IS DISTINCT FROM CAST(:but AS"
                + " uuid)")
        .param("account", account)
        .param("but", but, Types.OTHER)
        .update();
  }

  @Override
  public int prune() {
    int old = jdbc.sql("DELETE FROM session WHERE NOT (" + IN_FORCE + ")").update();
    return old
        + jdbc.sql("DELETE FROM attempt WHERE at < now() - interval '1 day' AND until < now()")
            .update();
  }

  @Override
  public Optional<Duration> attempt(String name) {
    // Counted and measured by one statement, which locks the name's row: none slips through.
    Double wait =
        jdbc.sql(
                """
                INSERT INTO attempt AS a (name, failed, until, at)
                VALUES (:name, 1, clock_timestamp(), clock_timestamp())
                ON CONFLICT (name) DO UPDATE SET
                  failed = a.failed + 1,
                  until = CASE WHEN a.failed + 1 < :free THEN clock_timestamp()
                          ELSE clock_timestamp() + interval '1 second'
                            * least(:longest, power(2, least(a.failed + 1 - :free, 12))) END,
                  at = clock_timestamp()
                WHERE a.until <= clock_timestamp()
                RETURNING 0::float8
                """)
            .param("name", StoredJson.text(name))
            .param("free", FREE)
            .param("longest", LONGEST_LOCK_SECONDS)
            .query(Double.class)
            .optional()
            .orElseGet(() ->
                jdbc.sql(
                        """
                        SELECT greatest(1, ceil(extract(epoch FROM until - clock_timestamp())))
                        FROM attempt WHERE name = :name
                        """)
                    .param("name", StoredJson.text(name))
                    .query(Double.class)
                    .optional()
                    .orElse(1.0));
    return wait > 0 ? Optional.of(Duration.ofSeconds(wait.longValue())) : Optional.empty();
  }

  @Override
  public void succeeded(String name) {
    jdbc.sql("DELETE FROM attempt WHERE name = :name").param("name", name).update();
  }

  private static Session session(ResultSet row, int n) throws SQLException {
    return new Session(
        Columns.uuid(row, "uid"),
        Columns.uuid(row, "account"),
        Columns.instantOf(row, "created_at"),
        Columns.instantOf(row, "seen_at"),
        row.getString("origin"),
        row.getString("agent"));
  }
}

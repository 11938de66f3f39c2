package io.millwright.store;

import io.millwright.engine.port.Deliveries;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Deliveries of webhooks; what is due says the database's clock. */
final class SqlDeliveries implements Deliveries {
  private final JdbcClient jdbc;

  SqlDeliveries(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Optional<String> cursor(UUID webhook) {
    return jdbc.sql("SELECT cursor FROM webhook_cursor WHERE webhook = :webhook")
        .param("webhook", webhook)
        .query(String.class)
        .optional();
  }

  @Override
  public boolean advance(UUID webhook, @Nullable String before, String now) {
    String sql =
        before == null
            ? "INSERT INTO webhook_cursor (webhook, cursor) VALUES (:webhook, :now)"
                + " ON CONFLICT DO NOTHING"
            : "UPDATE webhook_cursor SET cursor = :now"
                + " WHERE webhook = :webhook AND cursor = :before";
    return jdbc.sql(sql)
            .param("webhook", webhook)
            .param("now", now)
            .param("before", before, Types.VARCHAR)
            .update()
        == 1;
  }

  @Override
  public void insert(UUID uid, UUID webhook, String event, String type, String body) {
    jdbc.sql(
            """
            INSERT INTO delivery (uid, webhook, event, type, body)
            VALUES (:uid, :webhook, :event, :type, :body)
            ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING
            """)
        .param("uid", uid)
        .param("webhook", webhook)
        .param("event", event)
        .param("type", type)
        .param("body", StoredJson.text(body))
        .update();
  }

  @Override
  public int pending(UUID webhook) {
    return jdbc.sql("SELECT count(*) FROM delivery WHERE webhook = :webhook AND state = 'PENDING'")
        .param("webhook", webhook)
        .query(Integer.class)
        .single();
  }

  @Override
  public List<Delivery> due(UUID webhook, int limit) {
    return jdbc.sql(
            """
            SELECT * FROM delivery
            WHERE webhook = :webhook AND state = 'PENDING' AND due_at <= clock_timestamp()
            ORDER BY uid LIMIT :limit
            """)
        .param("webhook", webhook)
        .param("limit", limit)
        .query(SqlDeliveries::delivery)
        .list();
  }

  @Override
  public Optional<Duration> next(UUID webhook) {
    return jdbc.sql(
            """
            SELECT greatest(0, ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000))
            FROM delivery WHERE webhook = :webhook AND state = 'PENDING'
            HAVING min(due_at) IS NOT NULL
            """)
        .param("webhook", webhook)
        .query(Double.class)
        .optional()
        .map(millis -> Duration.ofMillis(millis.longValue()));
  }

  @Override
  public void tried(
      Delivery tried,
      State state,
      @Nullable Duration again,
      @Nullable Integer status,
      String detail) {
    // Whoever wants it told once more sets the time, also of one that was tried never before.
    jdbc.sql(
            """
            UPDATE delivery SET state = :state, attempts = attempts + 1,
              tried_at = clock_timestamp(), status = :status, detail = :detail,
              due_at = clock_timestamp() + CAST(:millis AS bigint) * interval '1 millisecond'
            WHERE uid = :uid AND state = 'PENDING' AND attempts = :attempts AND due_at = :due
            """)
        .param("uid", tried.uid())
        .param("attempts", tried.attempts())
        .param("due", Columns.time(tried.dueAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("state", state.name())
        .param("status", status, Types.INTEGER)
        .param("detail", StoredJson.text(detail))
        .param("millis", again == null ? null : again.toMillis(), Types.BIGINT)
        .update();
  }

  @Override
  public List<Delivery> list(UUID webhook, int limit) {
    return jdbc.sql(
            "SELECT * FROM delivery WHERE webhook = :webhook ORDER BY uid DESC LIMIT :limit")
        .param("webhook", webhook)
        .param("limit", limit)
        .query(SqlDeliveries::delivery)
        .list();
  }

  @Override
  public boolean redeliver(UUID webhook, UUID uid) {
    return jdbc.sql(
                """
                UPDATE delivery SET state = 'PENDING', attempts = 0, due_at = clock_timestamp()
                WHERE uid = :uid AND webhook = :webhook
                """)
            .param("uid", uid)
            .param("webhook", webhook)
            .update()
        == 1;
  }

  @Override
  public void prune(UUID webhook) {
    jdbc.sql(
            """
            DELETE FROM delivery WHERE webhook = :webhook AND state <> 'PENDING' AND uid <= (
              SELECT uid FROM delivery WHERE webhook = :webhook AND state <> 'PENDING'
              ORDER BY uid DESC OFFSET :kept LIMIT 1)
            """)
        .param("webhook", webhook)
        .param("kept", KEPT)
        .update();
  }

  private static Delivery delivery(ResultSet row, int n) throws SQLException {
    return new Delivery(
        Columns.uuid(row, "uid"),
        Columns.uuid(row, "webhook"),
        row.getString("event"),
        row.getString("type"),
        row.getString("body"),
        Columns.instantOf(row, "created_at"),
        State.valueOf(row.getString("state")),
        row.getInt("attempts"),
        Columns.instant(row, "due_at"),
        Columns.instant(row, "tried_at"),
        row.getObject("status", Integer.class),
        row.getString("detail"));
  }
}

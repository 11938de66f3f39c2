package io.millwright.store;

import io.millwright.engine.port.Journal;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** The journal; see its table for why its order has two parts. */
final class SqlJournal implements Journal {
  /** So many lines are dropped at once. */
  static final int BATCH = 5000;

  private final JdbcClient jdbc;

  SqlJournal(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void note(
      Kind kind, String project, UUID uid, String name, String reason, String message) {
    jdbc.sql(
            """
            INSERT INTO journal (kind, project, uid, name, change, reason, message)
            VALUES (:kind, :project, :uid, :name, 'NOTE', :reason, :message)
            """)
        .param("kind", kind.name())
        .param("project", project)
        .param("uid", uid)
        .param("name", name)
        .param("reason", StoredJson.text(reason))
        .param("message", StoredJson.text(message))
        .update();
  }

  @Override
  public List<Entry> after(String cursor, int limit) {
    return read(cursor, limit, null).entries();
  }

  @Override
  public Along along(String cursor, int limit, String project) {
    return read(cursor, limit, project);
  }

  private Along read(String cursor, int limit, @Nullable String project) {
    List<String> at = Cursors.decode(cursor, 2);
    String xid = Long.toString(Cursors.number(at.get(0)));
    long seq = Cursors.number(at.get(1));
    List<Entry> out = new ArrayList<>();
    List<String> horizon = new ArrayList<>();
    StatementSpec statement =
        jdbc.sql(
                """
                SELECT gone.it AS gone,
                       CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS horizon, j.*
                FROM (SELECT (f.xid, f.seq) > (CAST(:xid AS xid8), :seq)
                               -- of another database, from which this one was restored
                               OR CAST(:xid AS xid8) > pg_snapshot_xmax(pg_current_snapshot()) AS it
                      FROM journal_floor f) gone
                LEFT JOIN LATERAL (
                  SELECT * FROM journal
                  WHERE (xid, seq) > (CAST(:xid AS xid8), :seq)
                    AND xid < pg_snapshot_xmin(pg_current_snapshot())%s
                  ORDER BY xid, seq LIMIT :limit) j ON true
                """
                    .formatted(project == null ? "" : " AND project = :project AND reason <> ''"))
            .param("xid", xid)
            .param("seq", seq)
            .param("limit", limit);
    if (project != null) {
      statement = statement.param("project", project);
    }
    statement.query(row -> {
      if (row.getBoolean("gone")) {
        throw ProblemException.of(
            Problem.Type.GONE,
            "what happened after this cursor is not kept any more; list anew and go on"
                + " from there");
      }
      horizon.add(Cursors.encode(row.getString("horizon"), "0"));
      if (row.getString("xid") != null) {
        out.add(entry(row));
      }
    });
    // All of older transactions was read, of whatever project.
    return new Along(out, out.size() < limit ? horizon.getLast() : out.getLast().cursor());
  }

  @Override
  public Duration behind() {
    return jdbc.sql(
            """
            SELECT CAST(coalesce(extract(epoch FROM clock_timestamp() - min(at)) * 1000, 0) AS bigint)
            FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())
            """)
        .query((row, n) -> Duration.ofMillis(Math.max(0, row.getLong(1))))
        .single();
  }

  @Override
  public String head() {
    // Every line of an older transaction is visible to whoever reads along in this snapshot.
    return Cursors.encode(
        jdbc.sql("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
            .query(String.class)
            .single(),
        "0");
  }

  @Override
  public List<Entry> told(
      @Nullable String project,
      @Nullable Kind kind,
      @Nullable String name,
      List<String> words,
      int limit,
      @Nullable Set<String> among,
      @Nullable String before) {
    StringBuilder sql = new StringBuilder("SELECT * FROM journal WHERE message <> ''");
    if (project != null) {
      sql.append(" AND project = :project");
    }
    if (kind != null) {
      sql.append(" AND kind = :kind");
    }
    if (name != null) {
      sql.append(" AND name = :name");
    }
    if (among != null) {
      sql.append(" AND project = ANY (:among)");
    }
    if (before != null) {
      sql.append(" AND seq < :before");
    }
    sql.append(
        Words.condition(
            words,
            "concat_ws(' ', kind, name)",
            project == null ? "project" : "''",
            "reason",
            "message"));
    sql.append(" ORDER BY seq DESC LIMIT :limit");
    StatementSpec statement =
        jdbc.sql(sql.toString()).param("limit", limit).params(Words.params(words));
    if (project != null) {
      statement = statement.param("project", project);
    }
    if (kind != null) {
      statement = statement.param("kind", kind.name());
    }
    if (name != null) {
      statement = statement.param("name", name);
    }
    if (among != null) {
      statement = statement.param("among", Columns.texts(among));
    }
    if (before != null) {
      statement = statement.param("before", Cursors.number(Cursors.decode(before, 2).get(1)));
    }
    return statement.query((row, n) -> entry(row)).list().reversed();
  }

  @Override
  public int prune(Duration age) {
    // Only lines before the first that is young enough, from the beginning: one floor tells it all.
    return jdbc.sql(
            """
            WITH first AS (
              SELECT xid, seq, at < now() - :seconds * interval '1 second' AS old FROM journal
              WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
              ORDER BY xid, seq LIMIT :batch),
            gone AS (
              DELETE FROM journal j
              USING (SELECT xid, seq, bool_and(old) OVER (ORDER BY xid, seq) AS goes FROM first) f
              WHERE f.goes AND j.xid = f.xid AND j.seq = f.seq
              RETURNING j.xid, j.seq),
            floor AS (
              UPDATE journal_floor f SET xid = last.xid, seq = last.seq
              FROM (SELECT xid, seq FROM gone ORDER BY xid DESC, seq DESC LIMIT 1) last
              WHERE (f.xid, f.seq) < (last.xid, last.seq))
            SELECT count(*) FROM gone
            """)
        .param("batch", BATCH)
        .param("seconds", age.toSeconds())
        .query(Integer.class)
        .single();
  }

  private static Entry entry(ResultSet row) throws SQLException {
    String kind = row.getString("kind");
    return new Entry(
        Cursors.encode(row.getString("xid"), row.getString("seq")),
        Columns.instantOf(row, "at"),
        kind == null ? null : Kind.valueOf(kind),
        row.getString("project"),
        Columns.uuid(row, "uid"),
        row.getString("name"),
        Change.valueOf(row.getString("change")),
        row.getString("reason"),
        row.getString("message"));
  }
}

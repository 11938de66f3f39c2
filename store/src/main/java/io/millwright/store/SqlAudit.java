package io.millwright.store;

import io.millwright.engine.port.Audit;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The audit and its chain of hashes. */
final class SqlAudit implements Audit {
  /** What of row {@code a} is hashed, behind the hash of the one before. */
  private static final String SEALED =
      """
      convert_to(jsonb_build_array(a.seq, CAST(extract(epoch FROM a.at) * 1000000 AS bigint), a.who,
        a.caller, a.origin, a.verb, a.call, a.kind, a.project, a.name, a.result, a.detail)::text,
        'UTF8')\
      """;

  private final JdbcClient jdbc;

  SqlAudit(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void append(Act act) {
    record Head(long seq, byte[] hash) {}
    // Two statements: only one that begins after the lock was given sees what its holder wrote.
    Head head =
        jdbc.sql("SELECT seq, hash FROM audit_head FOR UPDATE")
            .query((row, n) -> new Head(row.getLong("seq"), row.getBytes("hash")))
            .single();
    jdbc.sql(
            """
            WITH a AS (
              SELECT CAST(:seq AS bigint) AS seq, clock_timestamp() AS at, CAST(:who AS text) AS who,
                CAST(:caller AS text) AS caller, CAST(:origin AS text) AS origin,
                CAST(:verb AS text) AS verb, CAST(:call AS text) AS call, CAST(:kind AS text) AS kind,
                CAST(:project AS text) AS project, CAST(:name AS text) AS name,
                CAST(:result AS text) AS result, CAST(:detail AS text) AS detail),
            added AS (
              INSERT INTO audit (seq, at, who, caller, origin, verb, call, kind, project, name,
                                 result, detail, hash)
              SELECT a.*, sha256(CAST(:before AS bytea) || %s) FROM a
              RETURNING seq, hash),
            told AS (
              INSERT INTO journal (project, uid, name, change)
              SELECT a.project, coalesce(CAST(:account AS uuid),
                  (SELECT owner FROM token WHERE uid = CAST(:token AS uuid)), gen_random_uuid()),
                '', 'NOTE' FROM a WHERE a.result IN ('done', 'held'))
            UPDATE audit_head SET seq = added.seq, hash = added.hash FROM added
            """
                .formatted(SEALED))
        // Whoever has it on their screen looks again: people, tokens, sessions and limits have no
        // journal of their own. The line says where, and by its uid whose act it was. Of what was
        // refused nobody hears: a page that may not read would read again for its own refusal.
        .param("account", identity(act, "user:"), Types.OTHER)
        .param("token", identity(act, "token:"), Types.OTHER)
        .param("seq", head.seq() + 1)
        .param("before", head.hash())
        .param("who", StoredJson.text(act.who()))
        .param("caller", StoredJson.text(act.caller()))
        .param("origin", StoredJson.text(act.origin()))
        .param("verb", act.verb())
        .param("call", StoredJson.text(act.call()))
        .param("kind", act.kind())
        .param("project", StoredJson.text(act.project()))
        .param("name", StoredJson.text(act.name()))
        .param("result", act.result())
        .param("detail", StoredJson.text(act.detail()))
        .update();
  }

  private static @Nullable UUID identity(Act act, String of) {
    return act.caller().startsWith(of)
        ? UUID.fromString(act.caller().substring(of.length()))
        : null;
  }

  @Override
  public List<Row> list(
      @Nullable String project,
      @Nullable String who,
      @Nullable String result,
      List<String> words,
      int limit,
      @Nullable Long before) {
    StringBuilder sql = new StringBuilder("SELECT * FROM audit WHERE true");
    Map<String, Object> params = new LinkedHashMap<>();
    if (project != null) {
      sql.append(" AND project = :project");
      params.put("project", project);
    }
    if (who != null) {
      sql.append(" AND (who = :who OR starts_with(who, :who || '/'))"); // by a token of theirs
      params.put("who", StoredJson.text(who));
    }
    if (result != null) {
      // Said of all others, so that they are found by the index that holds only these.
      sql.append(result.equals("done") ? "" : " AND result <> 'done'")
          .append(" AND result = :result");
      params.put("result", result);
    }
    sql.append(
        Words.condition(
            words,
            "who",
            "CASE WHEN starts_with(caller, 'token:') THEN '(token)' END",
            "verb",
            "kind || ' ' || name",
            project == null ? "project" : "''",
            "call",
            "result",
            "detail",
            "origin"));
    params.putAll(Words.params(words));
    if (before != null) {
      sql.append(" AND seq < :before");
      params.put("before", before);
    }
    sql.append(" ORDER BY seq DESC LIMIT :limit");
    params.put("limit", limit);
    return jdbc.sql(sql.toString()).params(params).query(SqlAudit::row).list();
  }

  @Override
  public Part part(@Nullable Noted from, int rows) {
    return jdbc.sql(
            """
            WITH chain AS (
              SELECT a.seq, a.hash, lag(a.seq, 1, CAST(:seq AS bigint)) OVER w + 1 AS due,
                sha256(lag(a.hash, 1, CAST(:hash AS bytea)) OVER w || %s) AS computed
              FROM (SELECT * FROM audit WHERE seq > :after ORDER BY seq LIMIT :rows) a
              WINDOW w AS (ORDER BY a.seq))
            SELECT count(*) AS rows, coalesce(max(seq), :seq) AS seq,
              coalesce((SELECT hash FROM chain ORDER BY seq DESC LIMIT 1), CAST(:hash AS bytea))
                AS hash,
              min(least(seq, due)) FILTER (WHERE hash <> computed OR seq <> due) AS altered,
              (SELECT seq FROM audit_head) AS head_seq, (SELECT hash FROM audit_head) AS head_hash
            FROM chain
            """
                .formatted(SEALED))
        .param("seq", from == null ? 0 : from.seq())
        .param("hash", from == null ? new byte[0] : HexFormat.of().parseHex(from.hash()))
        // What was put before the first one is wrong, too.
        .param("after", from == null ? Long.MIN_VALUE : from.seq())
        .param("rows", rows)
        .query((row, n) -> {
          byte[] head = row.getBytes("head_hash");
          return new Part(
              row.getLong("rows"),
              noted(row.getLong("seq"), row.getBytes("hash")),
              row.getObject("altered", Long.class),
              head == null ? null : noted(row.getLong("head_seq"), head));
        })
        .single();
  }

  private static Noted noted(long seq, byte[] hash) {
    return new Noted(seq, HexFormat.of().formatHex(hash));
  }

  @Override
  public boolean has(Noted noted) {
    return jdbc.sql("SELECT EXISTS (SELECT FROM audit WHERE seq = :seq AND hash = :hash)")
        .param("seq", noted.seq())
        .param("hash", HexFormat.of().parseHex(noted.hash()))
        .query(Boolean.class)
        .single();
  }

  private static Row row(ResultSet row, int n) throws SQLException {
    return new Row(
        row.getLong("seq"),
        Columns.instantOf(row, "at"),
        new Act(
            row.getString("who"),
            row.getString("caller"),
            row.getString("origin"),
            row.getString("verb"),
            row.getString("call"),
            row.getString("kind"),
            row.getString("project"),
            row.getString("name"),
            row.getString("result"),
            row.getString("detail")),
        HexFormat.of().formatHex(row.getBytes("hash")));
  }
}

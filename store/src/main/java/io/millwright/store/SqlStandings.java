package io.millwright.store;

import io.millwright.engine.port.Standings;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** How resources stand, counted by PostgreSQL. */
final class SqlStandings implements Standings {
  private static final List<String> TYPES = List.of(Condition.READY, "Held");

  private final JdbcClient jdbc;
  private final Parsed parsed;

  SqlStandings(JdbcClient jdbc, Parsed parsed) {
    this.jdbc = jdbc;
    this.parsed = parsed;
  }

  @Override
  public List<Alike> alike(@Nullable String project, @Nullable Set<String> among) {
    return asked(
            """
            -- Apart, so that the conditions are taken out of what may be a large status once.
            WITH said AS MATERIALIZED (
              SELECT kind, project, name, deleted_at IS NOT NULL AS deleting,
                     kind = 'MACHINE' AND coalesce(spec ->> 'power' = 'off', false) AS off,
                     status -> 'conditions' AS conditions
              FROM resource r
              WHERE (CAST(:project AS text) IS NULL OR project = :project OR kind = 'HYPERVISOR')
                AND (CAST(:among AS text[]) IS NULL OR project = ANY (:among))),
            found AS (
              SELECT kind, project, name, deleting, off,
                     -- A network is ready as soon as it is declared, whoever serves it.
                     coalesce(
                       jsonb_path_query_first(
                         conditions, '$[*] ? (@.type == "Serving" && @.value == "false")'),
                       jsonb_path_query_first(conditions, '$[*] ? (@.type == "Ready")')) AS ready,
                     jsonb_path_query_first(
                       conditions, '$[*] ? (@.type == "Held" && @.value == "true")') AS held
              FROM said),
            -- What is held says why, and nothing else counts; what is to go or to be off has no say.
            told AS (
              SELECT kind, project, name, deleting, off,
                     '\\y' || replace(name, '.', '\\.') || '\\y' AS called,
                     CASE WHEN NOT deleting THEN held END AS held,
                     CASE WHEN NOT deleting AND NOT off AND held IS NULL THEN ready END AS ready,
                     deleting OR off OR held IS NOT NULL OR coalesce(ready ->> 'value' = 'true', true)
                       AS fine
              FROM found)
            SELECT kind, deleting, off,
                   held ->> 'value' AS held, held ->> 'reason' AS held_reason,
                   min(held ->> 'message') AS held_message,
                   min(CAST(held ->> 'since' AS timestamptz)) AS held_since,
                   ready ->> 'value' AS ready,
                   CASE WHEN fine THEN '' ELSE ready ->> 'reason' END AS ready_reason,
                   min(CASE WHEN fine THEN '' ELSE ready ->> 'message' END) AS ready_message,
                   min(CAST(ready ->> 'since' AS timestamptz)) AS ready_since,
                   count(*) AS n,
                   (array_agg(project || '/' || name ORDER BY project, name))[1\\:4] AS first
            FROM told
            GROUP BY kind, deleting, off, held ->> 'value', held ->> 'reason', ready ->> 'value', CASE WHEN fine THEN '' ELSE ready ->> 'reason' END,
                     regexp_replace(held ->> 'message', called, '…', 'g'),
                     CASE WHEN fine THEN '' ELSE regexp_replace(ready ->> 'message', called, '…', 'g') END
            ORDER BY n DESC, kind, first
            """,
            project,
            among)
        .query((row, n) -> alike(row))
        .list();
  }

  private static Alike alike(ResultSet row) throws SQLException {
    List<Condition> conditions = new ArrayList<>();
    for (String type : TYPES) {
      String column = type.toLowerCase(Locale.ROOT);
      String value = row.getString(column);
      if (value != null) {
        conditions.add(
            new Condition(
                type,
                Condition.Value.valueOf(value.toUpperCase(Locale.ROOT)),
                row.getString(column + "_reason"),
                row.getString(column + "_message"),
                Columns.instantOf(row, column + "_since")));
      }
    }
    return new Alike(
        Kind.valueOf(row.getString("kind")),
        row.getBoolean("deleting"),
        row.getBoolean("off"),
        conditions,
        row.getLong("n"),
        Columns.texts(row, "first").stream()
            .map(s -> new Named(s.substring(0, s.indexOf('/')), s.substring(s.indexOf('/') + 1)))
            .toList());
  }

  @Override
  public Endings ending(
      @Nullable String project, @Nullable Set<String> among, Duration ahead, int limit) {
    List<Long> count = new ArrayList<>();
    List<Ending> first =
        asked(
                """
                SELECT r.project, r.name, l.expires_at, count(*) OVER () AS n
                FROM lifetime l JOIN resource r ON r.uid = l.machine
                WHERE l.expires_at < now() + CAST(:ahead AS double precision) * interval '1 second'
                  AND r.deleted_at IS NULL
                """
                    + OF_THEM
                    + " ORDER BY l.expires_at, r.project, r.name LIMIT :limit",
                project,
                among)
            .param("ahead", ahead.toSeconds())
            .param("limit", limit)
            .query((row, n) -> {
              count.add(row.getLong("n"));
              return new Ending(
                  row.getString("project"),
                  row.getString("name"),
                  Columns.instantOf(row, "expires_at"));
            })
            .list();
    return new Endings(count.isEmpty() ? 0 : count.getFirst(), first);
  }

  @Override
  public List<Resource<?, ?>> newest(
      @Nullable String project, @Nullable Set<String> among, @Nullable UUID owner, int limit) {
    StatementSpec statement =
        asked(
                "SELECT "
                    + Parsed.COLUMNS
                    + " FROM resource r WHERE kind = 'MACHINE'"
                    + (owner == null ? "" : OWNED)
                    + OF_THEM
                    + " ORDER BY created_at DESC, uid DESC LIMIT :limit",
                project,
                among)
            .param("limit", limit);
    if (owner != null) {
      statement = statement.param("owner", owner);
    }
    return statement.<Resource<?, ?>>query((row, n) -> parsed.resource(row)).list();
  }

  @Override
  public long owned(@Nullable String project, @Nullable Set<String> among, UUID owner) {
    return asked(
            "SELECT count(*) FROM resource r WHERE kind = 'MACHINE'" + OWNED + OF_THEM,
            project,
            among)
        .param("owner", owner)
        .query(Long.class)
        .single();
  }

  private static final String OWNED =
      " AND r.uid IN (SELECT o.uid FROM owned o WHERE o.account = :owner)";

  private static final String OF_THEM =
      " AND (CAST(:project AS text) IS NULL OR r.project = :project)"
          + " AND (CAST(:among AS text[]) IS NULL OR r.project = ANY (:among))";

  private StatementSpec asked(String sql, @Nullable String project, @Nullable Set<String> among) {
    return jdbc.sql(sql)
        .param("project", project, Types.VARCHAR)
        .param("among", among == null ? null : Columns.texts(among), Types.ARRAY);
  }
}

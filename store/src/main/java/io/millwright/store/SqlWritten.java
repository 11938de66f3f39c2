package io.millwright.store;

import io.millwright.engine.port.Written;
import java.util.List;
import java.util.function.BiConsumer;
import org.springframework.jdbc.core.simple.JdbcClient;

/** All that is kept in words; see {@link Written}. */
final class SqlWritten implements Written {
  private final JdbcClient jdbc;

  SqlWritten(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public List<String> declared(String prefix) {
    String path = "strict $.** ? (@.type() == \"string\" && @ starts with \"" + prefix + "\")";
    return jdbc.sql(
            """
            SELECT DISTINCT value #>> '{}' AS text
            FROM (SELECT spec FROM resource UNION ALL SELECT machine FROM revision) kept (spec),
                 jsonb_path_query(spec, CAST(:path AS jsonpath)) value
            """)
        .param("path", path)
        .query((row, _) -> row.getString("text"))
        .list();
  }

  @Override
  public void each(BiConsumer<String, String> text) {
    jdbc.sql(
            """
            SELECT 'the log of operation ' || operation AS place, line AS text FROM operation_log
            UNION ALL
            SELECT 'operation ' || uid, concat_ws(' ', state, steps) FROM operation
            UNION ALL
            SELECT 'an event of ' || name || ' in project ' || project, message
            FROM journal WHERE message <> ''
            UNION ALL
            SELECT 'the status of ' || lower(kind) || ' ' || name || ' in project ' || project,
                   status::text
            FROM resource
            UNION ALL
            SELECT 'line ' || seq || ' of the audit', concat_ws(' ', call, name, detail) FROM audit
            UNION ALL
            SELECT 'what a webhook tells of ' || event, concat_ws(' ', body, detail) FROM delivery
            UNION ALL
            SELECT 'the request for approval ' || uid, concat_ws(' ', plan, detail, because)
            FROM approval
            """)
        .query(row -> {
          text.accept(row.getString("place"), row.getString("text"));
        });
  }
}

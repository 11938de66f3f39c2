package io.millwright.store;

import io.millwright.engine.port.Reports;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Reports of first boots. */
final class SqlReports implements Reports {
  private final JdbcClient jdbc;

  SqlReports(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public boolean add(UUID machine, String disk, String body) {
    return jdbc.sql(
                """
                INSERT INTO report (machine, disk, body) VALUES (:machine, :disk, :body)
                ON CONFLICT (machine, disk)
                DO UPDATE SET body = excluded.body, at = excluded.at, ended = true
                WHERE NOT report.ended
                """)
            .param("machine", machine)
            .param("disk", disk)
            .param("body", StoredJson.text(body))
            .update()
        == 1;
  }

  @Override
  public boolean tell(UUID machine, String disk, String body, Instant at) {
    return jdbc.sql(
                """
                INSERT INTO report (machine, disk, body, at, ended)
                VALUES (:machine, :disk, :body, :at, false)
                ON CONFLICT (machine, disk) DO UPDATE SET body = excluded.body, at = excluded.at
                WHERE NOT report.ended AND report.at < excluded.at - interval '0.5 s'
                """)
            .param("machine", machine)
            .param("disk", disk)
            .param("body", StoredJson.text(body))
            .param("at", Columns.time(at))
            .update()
        == 1;
  }

  @Override
  public void remove(UUID machine, String disk) {
    jdbc.sql("DELETE FROM report WHERE machine = :machine AND disk = :disk")
        .param("machine", machine)
        .param("disk", disk)
        .update();
  }

  @Override
  public Optional<Report> find(UUID machine, String disk) {
    return jdbc.sql("SELECT at, ended, body FROM report WHERE machine = :machine AND disk = :disk")
        .param("machine", machine)
        .param("disk", disk)
        .query((row, n) ->
            new Report(
                machine,
                disk,
                Columns.instantOf(row, "at"),
                row.getBoolean("ended"),
                row.getString("body")))
        .optional();
  }
}

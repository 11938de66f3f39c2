package io.millwright.store;

import io.millwright.engine.access.ApprovalRule;
import io.millwright.engine.port.Projects;
import io.millwright.model.ByteSize;
import io.millwright.model.SizeSpec;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Projects and what is used in them. */
final class SqlProjects implements Projects {
  private final JdbcClient jdbc;

  SqlProjects(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public boolean insert(String name) {
    return jdbc.sql("INSERT INTO project (name) VALUES (:name) ON CONFLICT DO NOTHING")
            .param("name", name)
            .update()
        == 1;
  }

  @Override
  public Optional<Quota> find(String name) {
    return quota(name, "");
  }

  @Override
  public Optional<Quota> lock(String name) {
    return quota(name, " FOR UPDATE");
  }

  private Optional<Quota> quota(String name, String how) {
    return jdbc.sql("SELECT quota FROM project WHERE name = :name" + how)
        .param("name", name)
        .query(String.class)
        .optional()
        .map(json -> StoredJson.read(json, Quota.class));
  }

  @Override
  public void limit(String name, Quota quota) {
    jdbc.sql(
            """
            INSERT INTO project (name, quota) VALUES (:name, CAST(:quota AS jsonb))
            ON CONFLICT (name) DO UPDATE SET quota = excluded.quota
            """)
        .param("name", name)
        .param("quota", StoredJson.write(quota))
        .update();
  }

  @Override
  public List<ApprovalRule> approvalRules(Collection<String> names) {
    return jdbc
        .sql("SELECT approvals FROM project WHERE name = ANY (:names)")
        .param("names", Columns.texts(names))
        .query((row, _) -> StoredJson.read(row.getString("approvals"), ApprovalRule[].class))
        .stream()
        .flatMap(Stream::of)
        .toList();
  }

  @Override
  public void approvalRules(String name, List<ApprovalRule> rules) {
    jdbc.sql(
            """
            INSERT INTO project (name, approvals) VALUES (:name, CAST(:rules AS jsonb))
            ON CONFLICT (name) DO UPDATE SET approvals = excluded.approvals
            """)
        .param("name", name)
        .param("rules", StoredJson.write(rules))
        .update();
  }

  @Override
  public Usage usage(String name) {
    record Sized(SizeSpec size, long machines) {}
    // Sizes are few: one line for each is read, not one for each machine.
    List<Sized> sized =
        jdbc.sql(
                """
                SELECT s.spec, count(*) AS machines
                FROM resource m JOIN placement p ON p.uid = m.uid JOIN resource s ON s.uid = p.size
                WHERE m.kind = 'MACHINE' AND m.project = :name
                GROUP BY s.uid
                """)
            .param("name", name)
            .query((row, n) ->
                new Sized(
                    StoredJson.read(row.getString("spec"), SizeSpec.class),
                    row.getLong("machines")))
            .list();
    long machines =
        count("SELECT count(*) FROM resource WHERE kind = 'MACHINE' AND project = :name", name);
    long addresses =
        count(
            """
            SELECT count(*) FROM address a JOIN resource m ON m.uid = a.machine
            WHERE m.project = :name AND a.cooling_until IS NULL
            """,
            name);
    long cores = 0;
    long memory = 0;
    long disk = 0;
    for (Sized each : sized) {
      cores += each.machines() * each.size().cores();
      memory += each.machines() * each.size().memory().mib();
      disk += each.machines() * each.size().disk().mib();
    }
    // Disks are of few sizes, too.
    record Disks(String size, long count) {}
    for (Disks each :
        jdbc.sql(
                """
                SELECT size, count(*) AS disks
                FROM (SELECT CASE kind WHEN 'VOLUME' THEN spec ->> 'size'
                                  ELSE status ->> 'size' END AS size
                      FROM resource WHERE kind IN ('VOLUME', 'SNAPSHOT') AND project = :name) sized
                WHERE size IS NOT NULL GROUP BY size
                """)
            .param("name", name)
            .query((row, n) -> new Disks(row.getString("size"), row.getLong("disks")))
            .list()) {
      disk += each.count() * ByteSize.parse(each.size()).mib();
    }
    return new Usage(machines, cores, ByteSize.ofMib(memory), ByteSize.ofMib(disk), addresses);
  }

  private long count(String sql, String name) {
    return jdbc.sql(sql).param("name", name).query(Long.class).single();
  }

  @Override
  public List<String> names() {
    return jdbc.sql("SELECT name FROM project ORDER BY name")
        .query((row, n) -> row.getString("name"))
        .list();
  }
}

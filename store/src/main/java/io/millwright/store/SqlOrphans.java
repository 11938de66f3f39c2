package io.millwright.store;

import io.millwright.engine.port.Orphans;
import io.millwright.model.ByteSize;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What the sweep found. */
final class SqlOrphans implements Orphans {
  private final JdbcClient jdbc;

  SqlOrphans(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public List<Orphan> on(UUID hypervisor) {
    return jdbc.sql("SELECT * FROM orphan WHERE hypervisor = :hypervisor ORDER BY object")
        .param("hypervisor", hypervisor)
        .query((row, n) -> orphan(row))
        .list();
  }

  @Override
  public Set<String> onNeighbours(UUID hypervisor, String endpoint) {
    return Set.copyOf(
        jdbc.sql(
                """
                SELECT o.object FROM orphan o JOIN resource h ON h.uid = o.hypervisor
                WHERE h.uid < :hypervisor AND h.status ->> 'endpoint' = :endpoint
                """)
            .param("hypervisor", hypervisor)
            .param("endpoint", endpoint)
            .query(String.class)
            .list());
  }

  @Override
  public List<Orphan> list() {
    return jdbc.sql("SELECT * FROM orphan ORDER BY hypervisor, object")
        .query((row, n) -> orphan(row))
        .list();
  }

  @Override
  public void found(UUID hypervisor, Collection<Orphan> all) {
    jdbc.sql(
            """
            DELETE FROM orphan
            WHERE hypervisor = :hypervisor AND object <> ALL (CAST(:objects AS text[]))
            """)
        .param("hypervisor", hypervisor)
        .param("objects", Columns.texts(all.stream().map(Orphan::object).toList()))
        .update();
    for (Orphan o : all) {
      ByteSize size = o.size();
      jdbc.sql(
              """
              INSERT INTO orphan AS o
                (hypervisor, object, what, uid, size_mib, found_at, listings)
              VALUES (:hypervisor, :object, :what, :uid, :size, :foundAt, 1)
              ON CONFLICT (hypervisor, object) DO UPDATE
                SET listings = least(o.listings + 1, 2), size_mib = excluded.size_mib
              """)
          .param("hypervisor", hypervisor)
          .param("object", o.object())
          .param("what", o.what().name())
          .param("uid", o.uid())
          .param("size", size == null ? null : size.mib(), Types.BIGINT)
          .param("foundAt", Columns.time(o.foundAt()))
          .update();
    }
  }

  @Override
  public boolean remove(UUID hypervisor, String object) {
    return jdbc.sql("DELETE FROM orphan WHERE hypervisor = :hypervisor AND object = :object")
            .param("hypervisor", hypervisor)
            .param("object", object)
            .update()
        == 1;
  }

  @Override
  public void purge(UUID machine) {
    jdbc.sql("INSERT INTO purged (machine) VALUES (:machine) ON CONFLICT DO NOTHING")
        .param("machine", machine)
        .update();
  }

  @Override
  public Set<UUID> purged(Collection<UUID> machines) {
    return Set.copyOf(
        jdbc.sql(
                """
                SELECT p.machine FROM purged p
                WHERE p.machine = ANY (CAST(:machines AS uuid[]))
                  AND NOT EXISTS (
                    SELECT FROM orphan o WHERE o.what = 'MACHINE' AND o.uid = p.machine)
                """)
            .param("machines", Columns.texts(machines))
            .query(UUID.class)
            .list());
  }

  @Override
  public List<Unneeded> images(UUID hypervisor) {
    return jdbc.sql("SELECT * FROM unneeded_image WHERE hypervisor = :hypervisor ORDER BY sha256")
        .param("hypervisor", hypervisor)
        .query((row, n) -> unneeded(row))
        .list();
  }

  @Override
  public List<Unneeded> images() {
    return jdbc.sql("SELECT * FROM unneeded_image ORDER BY hypervisor, sha256")
        .query((row, n) -> unneeded(row))
        .list();
  }

  @Override
  public void unneeded(UUID hypervisor, Collection<String> sha256, Instant now) {
    jdbc.sql(
            """
            DELETE FROM unneeded_image
            WHERE hypervisor = :hypervisor AND sha256 <> ALL (CAST(:sha256 AS text[]))
            """)
        .param("hypervisor", hypervisor)
        .param("sha256", Columns.texts(List.copyOf(sha256)))
        .update();
    jdbc.sql(
            """
            INSERT INTO unneeded_image AS u (hypervisor, sha256, found_at, listings)
            SELECT :hypervisor, each, :now, 1 FROM unnest(CAST(:sha256 AS text[])) each
            ON CONFLICT (hypervisor, sha256) DO UPDATE SET listings = least(u.listings + 1, 2)
            """)
        .param("hypervisor", hypervisor)
        .param("sha256", Columns.texts(List.copyOf(sha256)))
        .param("now", Columns.time(now))
        .update();
  }

  private static Unneeded unneeded(ResultSet row) throws SQLException {
    return new Unneeded(
        row.getString("sha256"), Columns.instantOf(row, "found_at"), row.getInt("listings"));
  }

  private static Orphan orphan(ResultSet row) throws SQLException {
    long size = row.getLong("size_mib");
    ByteSize known = row.wasNull() ? null : ByteSize.ofMib(size);
    return new Orphan(
        Columns.uuid(row, "hypervisor"),
        row.getString("object"),
        What.valueOf(row.getString("what")),
        Columns.uuid(row, "uid"),
        known,
        Columns.instantOf(row, "found_at"),
        row.getInt("listings"));
  }
}

package io.millwright.store;

import io.millwright.engine.port.Quarantine;
import io.millwright.model.Kind;
import io.millwright.model.Metadata;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Disks that are kept for a while. */
final class SqlQuarantine implements Quarantine {
  private final JdbcClient jdbc;

  SqlQuarantine(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void put(Entry entry) {
    Metadata m = entry.volume().metadata();
    jdbc.sql(
            """
            INSERT INTO quarantine
              (uid, project, name, generation, labels, annotations, spec, status, created_at,
               hypervisor, disk, since, until, emptying)
            VALUES (:uid, :project, :name, :generation, CAST(:labels AS jsonb),
                    CAST(:annotations AS jsonb), CAST(:spec AS jsonb), CAST(:status AS jsonb),
                    :createdAt, :hypervisor, :disk, :since, :until, :emptying)
            ON CONFLICT (uid) DO UPDATE SET since = excluded.since, until = excluded.until
            """)
        .param("uid", m.uid())
        .param("project", m.project())
        .param("name", m.name())
        .param("generation", m.generation())
        .param("labels", StoredJson.write(m.labels()))
        .param("annotations", StoredJson.write(m.annotations()))
        .param("spec", StoredJson.write(entry.volume().spec()))
        .param("status", StoredJson.write(entry.volume().status()))
        .param("createdAt", Columns.time(m.createdAt()))
        .param("hypervisor", entry.hypervisor())
        .param("disk", entry.disk())
        .param("since", Columns.time(entry.since()))
        .param("until", Columns.time(entry.until()))
        .param("emptying", entry.emptying())
        .update();
  }

  @Override
  public Optional<Entry> find(UUID uid) {
    return one(uid, "");
  }

  @Override
  public Optional<Entry> ofDisk(String disk) {
    return jdbc.sql("SELECT * FROM quarantine WHERE disk = :disk")
        .param("disk", disk)
        .query((row, n) -> entry(row))
        .optional();
  }

  @Override
  public Optional<Entry> lock(UUID uid) {
    return one(uid, " FOR UPDATE");
  }

  private Optional<Entry> one(UUID uid, String how) {
    return jdbc.sql("SELECT * FROM quarantine WHERE uid = :uid" + how)
        .param("uid", uid)
        .query((row, n) -> entry(row))
        .optional();
  }

  @Override
  public List<Entry> list(@Nullable String project) {
    return jdbc.sql(
            """
            SELECT * FROM quarantine
            WHERE CAST(:project AS text) IS NULL OR project = :project
            ORDER BY since, uid
            """)
        .param("project", project, java.sql.Types.VARCHAR)
        .query((row, n) -> entry(row))
        .list();
  }

  @Override
  public List<Entry> on(UUID hypervisor) {
    return jdbc.sql("SELECT * FROM quarantine WHERE hypervisor = :hypervisor ORDER BY since, uid")
        .param("hypervisor", hypervisor)
        .query((row, n) -> entry(row))
        .list();
  }

  @Override
  public void empty(UUID uid) {
    jdbc.sql("UPDATE quarantine SET emptying = true WHERE uid = :uid").param("uid", uid).update();
  }

  @Override
  public void remove(UUID uid) {
    jdbc.sql("DELETE FROM quarantine WHERE uid = :uid").param("uid", uid).update();
  }

  private static Entry entry(ResultSet row) throws SQLException {
    Metadata metadata =
        new Metadata(
            row.getString("name"),
            row.getString("project"),
            texts(row.getString("labels")),
            texts(row.getString("annotations")),
            Columns.uuid(row, "uid"),
            row.getLong("generation"),
            1,
            Columns.instantOf(row, "created_at"),
            null);
    return new Entry(
        new Resource<>(
            Kind.VOLUME,
            metadata,
            StoredJson.read(row.getString("spec"), VolumeSpec.class),
            StoredJson.read(row.getString("status"), VolumeStatus.class)),
        Columns.uuid(row, "hypervisor"),
        row.getString("disk"),
        Columns.instantOf(row, "since"),
        Columns.instantOf(row, "until"),
        row.getBoolean("emptying"));
  }

  @SuppressWarnings("unchecked") // written from such maps only
  private static Map<String, String> texts(String json) {
    return StoredJson.read(json, Map.class);
  }
}

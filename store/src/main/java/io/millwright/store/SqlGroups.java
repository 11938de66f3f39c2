package io.millwright.store;

import io.millwright.engine.port.Groups;
import io.millwright.model.MachineTemplate;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Members and revisions of groups. */
final class SqlGroups implements Groups {
  private final JdbcClient jdbc;

  SqlGroups(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public List<Member> members(UUID group) {
    return jdbc.sql(
            """
            SELECT * FROM member WHERE "group" = :group ORDER BY ordinal, volume NULLS FIRST
            """)
        .param("group", group)
        .query((row, n) -> member(row))
        .list();
  }

  @Override
  public Optional<Member> find(UUID uid) {
    return jdbc.sql("SELECT * FROM member WHERE uid = :uid")
        .param("uid", uid)
        .query((row, n) -> member(row))
        .optional();
  }

  @Override
  public Optional<Member> vacant(UUID pool, int revision, @Nullable String sha256) {
    // Both rows are locked: whoever waited for a claim finds that the member is gone, and whoever
    // changes the machine meanwhile is waited for by nobody.
    return jdbc.sql(
            """
            SELECT m.* FROM member m JOIN resource r ON r.uid = m.uid
              JOIN placement p ON p.uid = r.uid JOIN resource h ON h.uid = p.hypervisor
            WHERE m."group" = :pool AND m.volume IS NULL AND NOT m.due AND r.deleted_at IS NULL
              AND r.status -> 'conditions' @> '[{"type": "Ready", "value": "true"}]'
              AND NOT r.status -> 'conditions' @> '[{"type": "Held", "value": "true"}]'
              AND NOT h.status -> 'conditions' @> '[{"type": "Ready", "value": "false"}]'
              AND NOT EXISTS (SELECT FROM operation o WHERE o.target = m.uid AND o.ended_at IS NULL)
            ORDER BY (m.revision = :revision
                      AND coalesce(r.status ->> 'imageSha256' = :sha256, true)) DESC, m.ordinal
            LIMIT 1
            FOR NO KEY UPDATE OF m, r SKIP LOCKED
            """)
        .param("pool", pool)
        .param("revision", revision)
        .param("sha256", sha256, Types.VARCHAR)
        .query((row, n) -> member(row))
        .optional();
  }

  private static Member member(ResultSet row) throws SQLException {
    return new Member(
        Columns.uuid(row, "uid"),
        Columns.uuid(row, "group"),
        row.getInt("ordinal"),
        row.getString("volume"),
        row.getInt("revision"),
        Columns.instant(row, "healthy_since"),
        Columns.instant(row, "trouble_since"),
        row.getString("trouble"),
        row.getBoolean("due"));
  }

  @Override
  public void put(Member member) {
    jdbc.sql(
            """
            INSERT INTO member
              (uid, "group", ordinal, volume, revision, healthy_since, trouble_since, trouble)
            VALUES (:uid, :group, :ordinal, :volume, :revision, :healthySince, :troubleSince,
                    :trouble)
            ON CONFLICT (uid) DO UPDATE
              SET "group" = excluded."group", ordinal = excluded.ordinal, volume = excluded.volume,
                  revision = excluded.revision, healthy_since = excluded.healthy_since,
                  trouble_since = excluded.trouble_since, trouble = excluded.trouble
            """)
        .param("uid", member.uid())
        .param("group", member.group())
        .param("ordinal", member.ordinal())
        .param("volume", member.volume(), Types.VARCHAR)
        .param("revision", member.revision())
        .param("healthySince", Columns.time(member.healthySince()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("troubleSince", Columns.time(member.troubleSince()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("trouble", StoredJson.text(member.trouble()))
        .update();
  }

  @Override
  public void due(UUID uid, boolean due) {
    jdbc.sql("UPDATE member SET due = :due WHERE uid = :uid")
        .param("uid", uid)
        .param("due", due)
        .update();
  }

  @Override
  public void release(UUID uid) {
    jdbc.sql("DELETE FROM member WHERE uid = :uid").param("uid", uid).update();
  }

  @Override
  public List<Revision> revisions(UUID group) {
    return jdbc.sql("SELECT * FROM revision WHERE \"group\" = :group ORDER BY number")
        .param("group", group)
        .query(SqlGroups::revision)
        .list();
  }

  @Override
  public Optional<Revision> revision(UUID group, int number) {
    return jdbc.sql("SELECT * FROM revision WHERE \"group\" = :group AND number = :number")
        .param("group", group)
        .param("number", number)
        .query(SqlGroups::revision)
        .optional();
  }

  @Override
  public Optional<Integer> same(UUID group, MachineTemplate machine) {
    return jdbc.sql(
            """
            SELECT number FROM revision
            WHERE "group" = :group AND machine = CAST(:machine AS jsonb) ORDER BY number LIMIT 1
            """)
        .param("group", group)
        .param("machine", StoredJson.write(machine))
        .query(Integer.class)
        .optional();
  }

  private static Revision revision(ResultSet row, int n) throws SQLException {
    return new Revision(
        row.getInt("number"),
        StoredJson.read(row.getString("machine"), MachineTemplate.class),
        Columns.instantOf(row, "at"),
        row.getString("by"));
  }

  @Override
  public void add(UUID group, Revision revision) {
    jdbc.sql(
            """
            INSERT INTO revision ("group", number, machine, at, by)
            VALUES (:group, :number, CAST(:machine AS jsonb), :at, :by)
            """)
        .param("group", group)
        .param("number", revision.number())
        .param("machine", StoredJson.write(revision.machine()))
        .param("at", Columns.time(revision.at()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("by", StoredJson.text(revision.by()))
        .update();
    jdbc.sql(
            """
            DELETE FROM revision v USING resource r
            WHERE v."group" = :group AND v.number <= :number - :kept AND r.uid = v."group"
              AND NOT EXISTS (
                SELECT FROM member m WHERE m."group" = v."group" AND m.revision = v.number)
              AND CAST(v.number AS text) NOT IN (
                coalesce(r.status ->> 'revision', ''), coalesce(r.status ->> 'previous', ''),
                coalesce(r.status ->> 'stable', ''), coalesce(r.status ->> 'failed', ''))
            """)
        .param("group", group)
        .param("number", revision.number())
        .param("kept", REVISIONS)
        .update();
  }

  @Override
  public void forget(UUID group) {
    jdbc.sql("DELETE FROM member WHERE \"group\" = :group AND volume IS NOT NULL")
        .param("group", group)
        .update();
  }
}

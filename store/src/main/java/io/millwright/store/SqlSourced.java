package io.millwright.store;

import io.millwright.engine.port.Sourced;
import io.millwright.model.Kind;
import java.sql.Types;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Which resources are declared by which source. */
final class SqlSourced implements Sourced {
  private final JdbcClient jdbc;

  SqlSourced(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public List<Entry> of(UUID source) {
    return jdbc
        .sql(
            """
            SELECT r.uid, r.kind, r.project, r.name, s.going
              FROM sourced s JOIN resource r ON r.uid = s.uid
             WHERE s.source = :source
            """)
        .param("source", source)
        .query((row, n) ->
            new Entry(
                Columns.uuid(row, "uid"),
                Kind.valueOf(row.getString("kind")),
                row.getString("project"),
                row.getString("name"),
                row.getBoolean("going")))
        .list()
        .stream()
        .sorted(
            Comparator.comparing(Entry::kind)
                .thenComparing(Entry::project)
                .thenComparing(Entry::name))
        .toList();
  }

  @Override
  public Map<UUID, UUID> sources(Collection<UUID> uids) {
    Map<UUID, UUID> out = new HashMap<>();
    jdbc.sql("SELECT uid, source FROM sourced WHERE uid = ANY (CAST(:uids AS uuid[]))")
        .param("uids", Columns.texts(uids))
        .query(row -> {
          out.put(Columns.uuid(row, "uid"), Columns.uuid(row, "source"));
        });
    return out;
  }

  @Override
  public void put(UUID source, Collection<UUID> uids) {
    jdbc.sql(
            """
            INSERT INTO sourced (uid, source, going)
            SELECT uid, CAST(:source AS uuid), false FROM unnest(CAST(:uids AS uuid[])) AS uid
            ON CONFLICT (uid) DO UPDATE SET source = excluded.source, going = false
              WHERE sourced.source <> excluded.source OR sourced.going
            """)
        .param("source", source)
        .param("uids", Columns.texts(uids))
        .update();
  }

  @Override
  public void leave(UUID source, Collection<UUID> uids) {
    jdbc.sql(
            "UPDATE sourced SET going = true WHERE source = :source AND uid = ANY (CAST(:uids AS"
                + " uuid[]))")
        .param("source", source)
        .param("uids", Columns.texts(uids))
        .update();
  }

  @Override
  public void release(UUID uid) {
    jdbc.sql("DELETE FROM sourced WHERE uid = :uid").param("uid", uid).update();
  }

  @Override
  public void declaredBy(UUID source, @Nullable UUID account) {
    person(source, "declared", account);
  }

  @Override
  public void approvedBy(UUID source, @Nullable UUID account) {
    person(source, "approved", account);
  }

  private void person(UUID source, String how, @Nullable UUID account) {
    jdbc.sql(
            """
            INSERT INTO source_person (source, %1$s) VALUES (:source, :account)
            ON CONFLICT (source) DO UPDATE SET %1$s = excluded.%1$s
            """
                .formatted(how))
        .param("source", source)
        .param("account", account, Types.OTHER)
        .update();
  }

  @Override
  public Optional<UUID> person(UUID source, boolean approved) {
    return jdbc.sql("SELECT declared, approved FROM source_person WHERE source = :source")
        .param("source", source)
        .query((row, n) ->
            Optional.ofNullable(row.getObject(approved ? "approved" : "declared", UUID.class)))
        .optional()
        .flatMap(found -> found);
  }
}

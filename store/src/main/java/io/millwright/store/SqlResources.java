package io.millwright.store;

import io.millwright.engine.port.Page;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Resources;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Selector.Requirement;
import io.millwright.model.SizeSpec;
import io.millwright.model.Status;
import io.millwright.model.manifest.Json;
import java.sql.Types;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.jdbc.core.RowMapper;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** Resources; what they hold is JSON, what is searched and joined stands in columns. */
final class SqlResources implements Resources {
  private static final int MAX_LIMIT = 1000;
  private static final String SELECT = "SELECT " + Parsed.COLUMNS + " FROM resource r ";

  private final JdbcClient jdbc;
  private final Parsed parsed;
  private final RowMapper<Resource<?, ?>> resource;

  SqlResources(JdbcClient jdbc, Parsed parsed) {
    this.jdbc = jdbc;
    this.parsed = parsed;
    this.resource = (row, n) -> parsed.resource(row);
  }

  @Override
  public Optional<Resource<?, ?>> find(Kind kind, String project, String name) {
    return named(kind, project, name, "");
  }

  @Override
  public List<Resource<?, ?>> find(Collection<Name> names) {
    if (names.isEmpty()) {
      return List.of();
    }
    List<Name> wanted = names.stream().distinct().toList();
    return jdbc.sql(
            "SELECT "
                + Parsed.COLUMNS
                + """

                FROM unnest(CAST(:kinds AS text[]), CAST(:projects AS text[]), CAST(:names AS text[]))
                    AS w(kind, project, name)
                JOIN resource r ON r.kind = w.kind AND r.project = w.project COLLATE "C"
                  AND r.name = w.name COLLATE "C"
                """)
        .param("kinds", Columns.texts(wanted.stream().map(n -> n.kind().name()).toList()))
        .param("projects", Columns.texts(wanted.stream().map(Name::project).toList()))
        .param("names", Columns.texts(wanted.stream().map(Name::name).toList()))
        .query(resource)
        .list();
  }

  @Override
  public Optional<Resource<?, ?>> find(UUID uid) {
    return known(uid, "");
  }

  @Override
  public List<Resource<?, ?>> known(Collection<UUID> uids) {
    return jdbc.sql(SELECT + "WHERE uid = ANY (CAST(:uids AS uuid[]))")
        .param("uids", Columns.texts(uids))
        .query(resource)
        .list();
  }

  @Override
  public Set<UUID> declared(Collection<UUID> uids) {
    return Set.copyOf(
        jdbc.sql("SELECT uid FROM resource WHERE uid = ANY (CAST(:uids AS uuid[]))")
            .param("uids", Columns.texts(uids))
            .query((row, n) -> Columns.uuid(row, "uid"))
            .list());
  }

  @Override
  public Optional<Resource<?, ?>> lock(Kind kind, String project, String name) {
    return named(kind, project, name, LOCK);
  }

  @Override
  public Optional<Resource<?, ?>> lock(UUID uid) {
    return known(uid, LOCK);
  }

  @Override
  public Optional<Resource<?, ?>> hold(UUID uid) {
    return known(uid, " FOR SHARE");
  }

  @Override
  public boolean lock(UUID uid, long generation) {
    return jdbc.sql(
            "SELECT true FROM resource WHERE uid = :uid AND generation = :generation" + LOCK)
        .param("uid", uid)
        .param("generation", generation)
        .query(Boolean.class)
        .optional()
        .isPresent();
  }

  /** Lets others refer to it meanwhile: they only need that it is not removed. */
  static final String LOCK = " FOR NO KEY UPDATE";

  @Override
  public Optional<Resource<?, ?>> lockAlone(Kind kind, String project, String name) {
    return named(kind, project, name, " FOR UPDATE");
  }

  private Optional<Resource<?, ?>> named(Kind kind, String project, String name, String lock) {
    return jdbc.sql(SELECT + "WHERE kind = :kind AND project = :project AND name = :name" + lock)
        .param("kind", kind.name())
        .param("project", project)
        .param("name", name)
        .query(resource)
        .optional();
  }

  private Optional<Resource<?, ?>> known(UUID uid, String lock) {
    return jdbc.sql(SELECT + "WHERE uid = :uid" + lock)
        .param("uid", uid)
        .query(resource)
        .optional();
  }

  @Override
  public Page<Resource<?, ?>> list(Query query) {
    if (query.limit() < 1 || query.limit() > MAX_LIMIT) {
      throw ProblemException.invalid("limit", "must be 1 to " + MAX_LIMIT);
    }
    Map<String, Object> params = new LinkedHashMap<>();
    StringBuilder sql = new StringBuilder("FROM resource r WHERE kind = :kind");
    params.put("kind", query.kind().name());
    if (query.project() != null) {
      sql.append(" AND project = :project");
      params.put("project", query.project());
    }
    if (query.among() != null) {
      sql.append(" AND project = ANY (:among)");
      params.put("among", Columns.texts(query.among()));
    }
    for (Requirement requirement : query.labels().requirements()) {
      sql.append(" AND ").append(condition(requirement, params));
    }
    query
        .fields()
        .forEach((path, value) ->
            sql.append(" AND ").append(condition(query.kind(), path, value, params)));
    if (query.cursor() != null) {
      List<String> last = Cursors.decode(query.cursor(), 2);
      sql.append(" AND (project, name) > (:lastProject, :lastName)");
      params.put("lastProject", last.get(0));
      params.put("lastName", last.get(1));
    }
    sql.append(" ORDER BY project, name LIMIT :limit");
    params.put("limit", query.limit() + 1); // the one too many tells that there is more
    List<Resource<?, ?>> found =
        Parsed.isFew(query.kind())
            ? known(sql.toString(), params)
            : jdbc.sql("SELECT " + Parsed.COLUMNS + " " + sql)
                .params(params)
                .query(resource)
                .list();
    if (found.size() <= query.limit()) {
      return new Page<>(found, null);
    }
    List<Resource<?, ?>> items = found.subList(0, query.limit());
    Resource<?, ?> last = items.getLast();
    return new Page<>(items, Cursors.encode(last.project(), last.name()));
  }

  /** What is known is not read again, for the status of a hypervisor, say, is large. */
  private List<Resource<?, ?>> known(String from, Map<String, Object> params) {
    List<Optional<Resource<?, ?>>> known =
        jdbc.sql("SELECT " + Parsed.VERSION + " " + from)
            .params(params)
            .query((row, n) -> parsed.known(row))
            .list();
    return known.stream().allMatch(Optional::isPresent)
        ? known.stream().<Resource<?, ?>>map(Optional::get).toList()
        : jdbc.sql("SELECT " + Parsed.COLUMNS + " " + from).params(params).query(resource).list();
  }

  private static String bind(Map<String, Object> params, Object value) {
    String name = "p" + params.size();
    params.put(name, value);
    return ":" + name;
  }

  private static String condition(Requirement requirement, Map<String, Object> params) {
    return switch (requirement) {
      case Requirement.In i -> has(i.key(), i.values(), params);
      case Requirement.NotIn n -> "NOT " + has(n.key(), n.values(), params);
      case Requirement.Present p -> "jsonb_exists(labels, " + bind(params, p.key()) + ")";
      case Requirement.Absent a -> "NOT jsonb_exists(labels, " + bind(params, a.key()) + ")";
    };
  }

  private static String has(String key, List<String> values, Map<String, Object> params) {
    return values.stream()
        .map(v -> "labels @> CAST(" + bind(params, StoredJson.write(Map.of(key, v))) + " AS jsonb)")
        .collect(Collectors.joining(" OR ", "(", ")"));
  }

  private static String condition(
      Kind kind, String path, String value, Map<String, Object> params) {
    if (path.equals("metadata.name")) {
      return "name = " + bind(params, StoredJson.text(value));
    }
    if (path.equals("metadata.owner")) {
      return "EXISTS (SELECT FROM owned o JOIN account a ON a.uid = o.account"
          + " WHERE o.uid = r.uid AND a.name = "
          + bind(params, StoredJson.text(value))
          + ")";
    }
    if (path.equals("status.ready")) {
      return ready(value, params);
    }
    FieldPath field = FieldPath.parse(kind, path);
    return field.column()
        + " #>> CAST("
        + bind(params, field.keys().toArray(String[]::new))
        + " AS text[]) = "
        + bind(params, StoredJson.text(value));
  }

  private static String ready(String word, Map<String, Object> params) {
    return switch (word) {
      case "true" -> ready(Condition.Value.TRUE, params);
      case "false" -> ready(Condition.Value.FALSE, params);
      // Where nobody has said anything yet, it is unknown as well.
      case "unknown" ->
          "NOT ("
              + ready(Condition.Value.TRUE, params)
              + " OR "
              + ready(Condition.Value.FALSE, params)
              + ")";
      default -> throw ProblemException.invalid("status.ready", "is true, false or unknown");
    };
  }

  private static String ready(Condition.Value value, Map<String, Object> params) {
    String wanted =
        StoredJson.write(List.of(Map.of("type", Condition.READY, "value", Json.word(value))));
    // Without conditions there is no list to look into.
    return "coalesce(status -> 'conditions' @> CAST(" + bind(params, wanted) + " AS jsonb), false)";
  }

  @Override
  public Map<Kind, Long> count() {
    Map<Kind, Long> out = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      out.put(kind, 0L);
    }
    jdbc.sql("SELECT kind, count(*) AS n FROM resource GROUP BY kind")
        .query(row -> {
          out.put(Kind.valueOf(row.getString("kind")), row.getLong("n"));
        });
    return out;
  }

  @Override
  public List<String> projects() {
    return jdbc.sql("SELECT DISTINCT project FROM resource ORDER BY project")
        .query((row, n) -> row.getString("project"))
        .list();
  }

  @Override
  public void own(UUID uid, @Nullable UUID account) {
    if (account == null) {
      jdbc.sql("DELETE FROM owner WHERE uid = :uid").param("uid", uid).update();
    } else {
      jdbc.sql(
              """
              INSERT INTO owner (uid, account) VALUES (:uid, :account)
              ON CONFLICT (uid) DO UPDATE SET account = EXCLUDED.account
              """)
          .param("uid", uid)
          .param("account", account)
          .update();
    }
  }

  @Override
  public void insert(Resource<?, ?> resource) {
    Metadata metadata = resource.metadata();
    int added =
        declaration(
                jdbc.sql(
                    """
                    WITH added AS (
                      INSERT INTO resource (uid, kind, project, name, generation, revision, labels,
                                            annotations, spec, status, created_at, deleted_at)
                      VALUES (:uid, :kind, :project, :name, :generation, :revision,
                              CAST(:labels AS jsonb), CAST(:annotations AS jsonb),
                              CAST(:spec AS jsonb), CAST(:status AS jsonb),
                              :createdAt, :deletedAt)
                      ON CONFLICT ON CONSTRAINT resource_name DO NOTHING
                      RETURNING uid, kind, project, name)
                    INSERT INTO journal (kind, project, uid, name, change)
                    SELECT kind, project, uid, name, 'ADDED' FROM added
                    """),
                resource)
            .param("kind", resource.kind().name())
            .param("project", resource.project())
            .param("name", resource.name())
            .param("revision", metadata.revision())
            .param("status", StoredJson.write(stored(resource.status())))
            .param("createdAt", Columns.time(metadata.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE)
            .update();
    if (added == 0) {
      boolean going =
          find(resource.kind(), resource.project(), resource.name())
              .map(Resource::deleting)
              .orElse(false);
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "there is a "
              + resource.title()
              + " in project "
              + resource.project()
              + " already"
              + (going ? ", which is being deleted; try again when it is gone" : ""));
    }
  }

  @Override
  public void update(Resource<?, ?> resource) {
    declaration(
            jdbc.sql(
                """
                WITH changed AS (
                  UPDATE resource SET generation = :generation, revision = revision + 1,
                    labels = CAST(:labels AS jsonb), annotations = CAST(:annotations AS jsonb),
                    spec = CAST(:spec AS jsonb), deleted_at = :deletedAt
                  WHERE uid = :uid
                    AND (generation, labels, annotations, spec, deleted_at) IS DISTINCT FROM
                        (:generation, CAST(:labels AS jsonb), CAST(:annotations AS jsonb),
                         CAST(:spec AS jsonb), :deletedAt)
                  RETURNING uid, kind, project, name)
                INSERT INTO journal (kind, project, uid, name, change)
                SELECT kind, project, uid, name, 'MODIFIED' FROM changed
                """),
            resource)
        .update();
  }

  private static StatementSpec declaration(StatementSpec statement, Resource<?, ?> resource) {
    Metadata metadata = resource.metadata();
    return statement
        .param("uid", metadata.uid())
        .param("generation", metadata.generation())
        .param("labels", StoredJson.write(metadata.labels()))
        .param("annotations", StoredJson.write(metadata.annotations()))
        .param("spec", StoredJson.write(resource.spec()))
        .param("deletedAt", Columns.time(metadata.deletedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
  }

  @Override
  public void updateStatus(UUID uid, Status status, String reason, String message) {
    jdbc.sql(
            """
            WITH changed AS (
              UPDATE resource SET status = CAST(:status AS jsonb), revision = revision + 1
              WHERE uid = :uid AND status <> CAST(:status AS jsonb)
              RETURNING uid, kind, project, name)
            INSERT INTO journal (kind, project, uid, name, change, reason, message)
            SELECT kind, project, uid, name, 'MODIFIED', :reason, :message FROM changed
            """)
        .param("uid", uid)
        .param("status", StoredJson.write(stored(status)))
        .param("reason", StoredJson.text(reason))
        .param("message", StoredJson.text(message))
        .update();
  }

  /** The end of a machine has its own table: who writes the rest need not know of it. */
  private static Status stored(Status status) {
    return status instanceof MachineStatus machine ? machine.withExpiresAt(null) : status;
  }

  @Override
  public void remove(UUID uid) {
    int gone;
    try {
      // The condition keeps the transaction usable for whoever catches the refusal; the constraints
      // stand behind it for what is inserted at the same moment.
      gone =
          jdbc.sql(
                  """
                  WITH gone AS (
                    DELETE FROM resource
                    WHERE uid = :uid
                      AND NOT EXISTS (SELECT FROM reference WHERE to_uid = :uid)
                      AND NOT EXISTS (SELECT FROM placement WHERE hypervisor = :uid)
                      AND NOT EXISTS (SELECT FROM quarantine WHERE hypervisor = :uid)
                    RETURNING uid, kind, project, name),
                  lived AS (
                    DELETE FROM placement WHERE uid IN (SELECT uid FROM gone)
                    RETURNING hypervisor, size),
                  stone AS (
                    INSERT INTO tombstone (uid, kind, project, name, hypervisor)
                    SELECT uid, kind, project, name, (SELECT hypervisor FROM lived) FROM gone
                    -- A Volume that was restored has one from before.
                    ON CONFLICT (uid) DO UPDATE
                      SET name = excluded.name, hypervisor = excluded.hypervisor,
                          deleted_at = excluded.deleted_at),
                  fewer AS (
                    INSERT INTO promise AS p (hypervisor, size, shard, machines)
                    SELECT hypervisor, size, pg_backend_pid() % 16, -1 FROM lived
                    WHERE size IS NOT NULL
                    ON CONFLICT (hypervisor, size, shard) DO UPDATE
                      SET machines = p.machines + excluded.machines),
                  -- By their kinds, for machines go most often, and a plan that is for all of
                  -- them reads the whole table.
                  none AS (
                    DELETE FROM promise p USING gone g
                    WHERE (g.kind = 'HYPERVISOR' AND p.hypervisor = g.uid)
                      OR (g.kind = 'SIZE' AND p.size = g.uid)),
                  cards AS (DELETE FROM mac WHERE machine IN (SELECT uid FROM gone)),
                  reports AS (DELETE FROM report WHERE machine IN (SELECT uid FROM gone)),
                  -- Whoever removes a machine has released these; should one be left, it would
                  -- never be free again.
                  cooling AS (
                    UPDATE address SET cooling_until = now() + interval '300 seconds'
                    WHERE machine IN (SELECT uid FROM gone) AND cooling_until IS NULL),
                  network AS (
                    DELETE FROM address
                    WHERE network IN (SELECT uid FROM gone WHERE kind = 'NETWORK'))
                  INSERT INTO journal (kind, project, uid, name, change)
                  SELECT kind, project, uid, name, 'DELETED' FROM gone
                  """)
              .param("uid", uid)
              .update();
    } catch (DataIntegrityViolationException e) {
      ProblemException problem =
          ProblemException.of(Problem.Type.CONFLICT, "it came into use just now");
      problem.initCause(e);
      throw problem;
    }
    if (gone == 0) {
      find(uid)
          .ifPresent(there -> {
            throw ProblemException.of(Problem.Type.CONFLICT, there.title() + inUse(uid));
          });
    }
  }

  private String inUse(UUID uid) {
    List<Resource<?, ?>> users = referrers(uid, 4);
    if (users.isEmpty()) {
      return " still has machines, volumes or disks in quarantine";
    }
    return " is used by "
        + users.stream().limit(3).map(Resource::title).collect(Collectors.joining(", "))
        + (users.size() > 3 ? " and others" : "");
  }

  @Override
  public void turnedUp(UUID uid, UUID hypervisor) {
    jdbc.sql(
            """
            UPDATE tombstone SET hypervisor = :hypervisor
            WHERE uid = :uid AND hypervisor IS DISTINCT FROM :hypervisor
            """)
        .param("uid", uid)
        .param("hypervisor", hypervisor)
        .update();
  }

  @Override
  public Optional<Tombstone> tombstone(UUID uid) {
    return jdbc.sql("SELECT * FROM tombstone WHERE uid = :uid")
        .param("uid", uid)
        .query((row, n) ->
            new Tombstone(
                uid,
                Kind.valueOf(row.getString("kind")),
                row.getString("project"),
                row.getString("name"),
                row.getObject("hypervisor", UUID.class),
                Columns.instantOf(row, "deleted_at")))
        .optional();
  }

  @Override
  public void refer(UUID from, Collection<UUID> to) {
    List<UUID> added;
    try {
      added =
          jdbc.sql(
                  """
                  WITH gone AS (
                    DELETE FROM reference
                    WHERE from_uid = :from AND to_uid <> ALL (CAST(:to AS uuid[]))),
                  old AS (SELECT hypervisor, size FROM placement WHERE uid = :from),
                  sized AS (
                    UPDATE placement p SET size = s.uid
                    FROM resource s
                    WHERE p.uid = :from AND s.kind = 'SIZE' AND s.uid = ANY (CAST(:to AS uuid[]))
                      AND p.size IS DISTINCT FROM s.uid
                    RETURNING p.hypervisor, p.size),
                  counted AS (
                    INSERT INTO promise AS p (hypervisor, size, shard, machines)
                    SELECT hypervisor, size, pg_backend_pid() % 16, n
                    FROM (SELECT hypervisor, size, 1 AS n FROM sized
                          UNION ALL
                          SELECT hypervisor, size, -1 FROM old WHERE EXISTS (SELECT FROM sized)) c
                    WHERE size IS NOT NULL
                    ORDER BY hypervisor, size
                    ON CONFLICT (hypervisor, size, shard) DO UPDATE
                      SET machines = p.machines + excluded.machines)
                  INSERT INTO reference (from_uid, to_uid)
                  SELECT DISTINCT CAST(:from AS uuid), t FROM unnest(CAST(:to AS uuid[])) t
                  ORDER BY t
                  ON CONFLICT DO NOTHING
                  RETURNING to_uid
                  """)
              .param("from", from)
              .param("to", Columns.texts(to))
              .query((row, n) -> Columns.uuid(row, "to_uid"))
              .list();
    } catch (DataIntegrityViolationException e) {
      ProblemException problem =
          ProblemException.of(
              Problem.Type.CONFLICT, "something that it names was deleted just now; try again");
      problem.initCause(e);
      throw problem;
    }
    if (!added.isEmpty()) {
      refuseGoing(added);
    }
  }

  @Override
  public void unrefer(UUID from, Collection<UUID> to) {
    jdbc.sql(
            """
            DELETE FROM reference
            WHERE from_uid = :from AND to_uid = ANY (CAST(:to AS uuid[]))
            """)
        .param("from", from)
        .param("to", Columns.texts(to))
        .update();
  }

  /**
   * Only now, for whoever was deleting one of these has held up the insertion: what that did is
   * seen by a statement that begins after it.
   */
  private void refuseGoing(List<UUID> added) {
    jdbc.sql(
            SELECT
                + """
                WHERE uid = ANY (CAST(:uids AS uuid[])) AND deleted_at IS NOT NULL
                ORDER BY uid LIMIT 1
                """)
        .param("uids", Columns.texts(added))
        .query(resource)
        .optional()
        .ifPresent(going -> {
          throw ProblemException.of(
              Problem.Type.CONFLICT, going.title() + " is being deleted; take another one");
        });
  }

  @Override
  public List<Resource<?, ?>> referrers(UUID to, int limit) {
    return jdbc.sql(
            SELECT
                + """
                -- As an array: of an image there are thousands, of a machine none, and by their
                -- average all resources would be read.
                WHERE r.uid = ANY (ARRAY(SELECT from_uid FROM reference WHERE to_uid = :to))
                ORDER BY r.kind, r.project, r.name LIMIT :limit
                """)
        .param("to", to)
        .param("limit", limit)
        .query(resource)
        .list();
  }

  @Override
  public List<Sized> sized(@Nullable String project, @Nullable Set<String> among) {
    Map<String, SizeSpec> sizes = new HashMap<>();
    StatementSpec statement =
        jdbc.sql(
            """
            SELECT m.uid, m.project, m.name, m.status ->> 'hypervisor' AS hypervisor, s.spec
            FROM resource m JOIN LATERAL (
              -- its project's own, or else the shared one
              SELECT spec FROM resource s
              WHERE s.kind = 'SIZE' AND s.name = m.spec ->> 'size' COLLATE "C"
                AND s.project IN (m.project, :shared)
              ORDER BY s.project = m.project DESC LIMIT 1) s ON true
            WHERE m.kind = 'MACHINE'%s%s
            ORDER BY m.project, m.name
            """
                .formatted(
                    project == null ? "" : " AND m.project = :project",
                    among == null ? "" : " AND m.project = ANY (:among)"));
    statement = statement.param("shared", Projects.SHARED);
    if (project != null) {
      statement = statement.param("project", project);
    }
    if (among != null) {
      statement = statement.param("among", Columns.texts(among));
    }
    return statement
        .query((row, n) ->
            new Sized(
                Columns.uuid(row, "uid"),
                row.getString("project"),
                row.getString("name"),
                row.getString("hypervisor"),
                sizes.computeIfAbsent(
                    row.getString("spec"), s -> StoredJson.read(s, SizeSpec.class))))
        .list();
  }

  @Override
  public Set<UUID> served(NetworkSpec.Services services, Collection<UUID> among) {
    return Set.copyOf(
        jdbc.sql(
                """
                SELECT DISTINCT m.uid
                FROM resource n JOIN reference f ON f.to_uid = n.uid
                  JOIN resource m ON m.uid = f.from_uid
                WHERE n.kind = 'NETWORK' AND n.spec -> 'services' = CAST(:services AS jsonb)
                  AND m.uid = ANY (CAST(:among AS uuid[]))
                  AND m.kind = 'MACHINE' AND m.status ->> 'hypervisor' IS NOT NULL
                """)
            .param("services", StoredJson.write(services))
            .param("among", Columns.texts(among))
            .query((row, n) -> Columns.uuid(row, "uid"))
            .list());
  }

  @Override
  public boolean hasDisk(String object) {
    return exists("kind = 'VOLUME' AND status ->> 'object' = :value", object);
  }

  @Override
  public Map<UUID, Set<String>> disks(Collection<UUID> volumes) {
    Map<UUID, Set<String>> out = new HashMap<>();
    jdbc.sql(
            """
            SELECT uid, status ->> 'object' AS disk, status -> 'copy' ->> 'object' AS copy
            FROM resource
            WHERE kind = 'VOLUME' AND uid = ANY (CAST(:uids AS uuid[]))
              AND status ->> 'object' IS NOT NULL
            """)
        .param("uids", Columns.texts(volumes))
        .query(row -> {
          Set<String> names = new HashSet<>(List.of(row.getString("disk")));
          String copy = row.getString("copy");
          if (copy != null) {
            names.add(copy);
          }
          out.put(Columns.uuid(row, "uid"), names);
        });
    return out;
  }

  @Override
  public boolean elsewhere(String hypervisor) {
    return exists("kind = 'MACHINE' AND status ->> 'elsewhere' = :value", hypervisor);
  }

  private boolean exists(String condition, String value) {
    return jdbc.sql("SELECT EXISTS (SELECT FROM resource WHERE " + condition + ")")
        .param("value", value)
        .query(Boolean.class)
        .single();
  }

  @Override
  public void place(UUID uid, @Nullable UUID hypervisor) {
    jdbc.sql(
            """
            WITH old AS (SELECT hypervisor, size FROM placement WHERE uid = :uid),
            gone AS (
              DELETE FROM placement
              WHERE uid = :uid AND CAST(:hypervisor AS uuid) IS NULL
              RETURNING 1),
            put AS (
              INSERT INTO placement AS p (uid, hypervisor, size)
              SELECT :uid, CAST(:hypervisor AS uuid),
                     (SELECT s.uid FROM reference f JOIN resource s ON s.uid = f.to_uid
                      WHERE f.from_uid = :uid AND s.kind = 'SIZE' LIMIT 1)
              WHERE CAST(:hypervisor AS uuid) IS NOT NULL
              ON CONFLICT (uid) DO UPDATE
                SET hypervisor = excluded.hypervisor, size = excluded.size
              WHERE (p.hypervisor, p.size) IS DISTINCT FROM (excluded.hypervisor, excluded.size)
              RETURNING p.hypervisor, p.size)
            INSERT INTO promise AS p (hypervisor, size, shard, machines)
            SELECT hypervisor, size, pg_backend_pid() % 16, sum(n)
            FROM (SELECT hypervisor, size, 1 AS n FROM put
                  UNION ALL
                  SELECT hypervisor, size, -1 FROM old
                  WHERE EXISTS (SELECT FROM put) OR EXISTS (SELECT FROM gone)) c
            WHERE size IS NOT NULL
            GROUP BY hypervisor, size
            ORDER BY hypervisor, size
            ON CONFLICT (hypervisor, size, shard) DO UPDATE
              SET machines = p.machines + excluded.machines
            """)
        .param("uid", uid)
        .param("hypervisor", Columns.text(hypervisor), Types.VARCHAR)
        .update();
  }

  @Override
  public List<Resource<?, ?>> on(UUID hypervisor) {
    return jdbc.sql(SELECT + "JOIN placement p ON p.uid = r.uid WHERE p.hypervisor = :hypervisor")
        .param("hypervisor", hypervisor)
        .query(resource)
        .list();
  }

  @Override
  public Set<UUID> onNeighbours(UUID hypervisor, String endpoint) {
    return Set.copyOf(
        jdbc.sql(
                """
                SELECT p.uid FROM resource h JOIN placement p ON p.hypervisor = h.uid
                WHERE h.kind = 'HYPERVISOR' AND h.uid <> :hypervisor
                  AND h.status ->> 'endpoint' = :endpoint
                """)
            .param("hypervisor", hypervisor)
            .param("endpoint", endpoint)
            .query(UUID.class)
            .list());
  }

  @Override
  public Map<UUID, long[]> committed() {
    Map<UUID, long[]> out = new HashMap<>();
    Map<String, SizeSpec> sizes = new HashMap<>(); // few, on many hypervisors
    jdbc.sql(
            """
            SELECT p.hypervisor, p.machines, s.spec
            FROM (SELECT hypervisor, size, sum(machines) AS machines FROM promise
                  GROUP BY hypervisor, size) p
            JOIN resource s ON s.uid = p.size
            WHERE p.machines > 0
            """)
        .query(row -> {
          SizeSpec size =
              sizes.computeIfAbsent(
                  row.getString("spec"), json -> StoredJson.read(json, SizeSpec.class));
          long machines = row.getLong("machines");
          long[] sum = out.computeIfAbsent(Columns.uuid(row, "hypervisor"), h -> new long[] {0, 0});
          sum[0] += machines * size.cores();
          sum[1] += machines * size.memory().mib();
        });
    return out;
  }
}

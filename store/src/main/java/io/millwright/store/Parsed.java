package io.millwright.store;

import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.Resource;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Rows of resources, each version parsed once: ten thousand machines have three sizes, and a
 * machine is read many times for each change of it.
 *
 * <p>A row says itself which version it is, by its revision and by the transaction that wrote it;
 * the latter tells apart what was rolled back from what came in its place. So nothing old is ever
 * answered, and nobody need be told of a change.
 */
final class Parsed {
  /** The columns that {@link #resource} reads. */
  static final String COLUMNS =
      "r.*, r.xmin::text AS writer, CASE WHEN r.kind = 'MACHINE' THEN"
          + " (SELECT l.expires_at FROM lifetime l WHERE l.machine = r.uid) END AS expires_at";

  /** The columns that {@link #known} reads. */
  static final String VERSION = "r.uid, r.revision, r.xmin::text AS writer";

  private static final int MOST = 1000;

  private record Version(String writer, Resource<?, ?> resource) {}

  private final ConcurrentHashMap<UUID, Version> few = new ConcurrentHashMap<>();

  /** By themselves, so that whoever reads ten thousand machines drives out no hypervisor. */
  private final ConcurrentHashMap<UUID, Version> many = new ConcurrentHashMap<>();

  /** The resource in this row. */
  Resource<?, ?> resource(ResultSet row) throws SQLException {
    Kind kind = Kind.valueOf(row.getString("kind"));
    ConcurrentHashMap<UUID, Version> versions = isFew(kind) ? few : many;
    Optional<Resource<?, ?>> known = known(versions, row);
    if (known.isPresent()) {
      return ending(known.get(), row);
    }
    Resource<?, ?> resource = parse(kind, row);
    if (versions.size() >= MOST) {
      versions.clear();
    }
    versions.put(resource.uid(), new Version(row.getString("writer"), resource));
    return ending(resource, row);
  }

  /**
   * With a machine's end, which is of another row: one that waited for a lock may read it older.
   */
  private static Resource<?, ?> ending(Resource<?, ?> resource, ResultSet row) throws SQLException {
    if (!(resource.status() instanceof MachineStatus status)) {
      return resource;
    }
    Instant end = Columns.instant(row, "expires_at");
    return end == null
        ? resource
        : new Resource<>(
            resource.kind(), resource.metadata(), resource.spec(), status.withExpiresAt(end));
  }

  /** False of those of which there are so many that it is not worth asking which are known. */
  static boolean isFew(Kind kind) {
    return kind != Kind.MACHINE && kind != Kind.VOLUME;
  }

  /**
   * The resource in this row, of a kind that {@link #isFew}, if it is known; only the columns
   * {@link #VERSION} are read.
   */
  Optional<Resource<?, ?>> known(ResultSet row) throws SQLException {
    return known(few, row);
  }

  private static Optional<Resource<?, ?>> known(
      ConcurrentHashMap<UUID, Version> versions, ResultSet row) throws SQLException {
    Version known = versions.get(Columns.uuid(row, "uid"));
    return known != null
            && known.writer.equals(row.getString("writer"))
            && known.resource.metadata().revision() == row.getLong("revision")
        ? Optional.of(known.resource)
        : Optional.empty();
  }

  private static Resource<?, ?> parse(Kind kind, ResultSet row) throws SQLException {
    Metadata metadata =
        new Metadata(
            row.getString("name"),
            row.getString("project"),
            texts(row.getString("labels")),
            texts(row.getString("annotations")),
            Columns.uuid(row, "uid"),
            row.getLong("generation"),
            row.getLong("revision"),
            Columns.instantOf(row, "created_at"),
            Columns.instant(row, "deleted_at"));
    return new Resource<>(
        kind,
        metadata,
        StoredJson.read(row.getString("spec"), kind.specType()),
        StoredJson.read(row.getString("status"), kind.statusType()));
  }

  @SuppressWarnings("unchecked") // labels and annotations are written from such maps only
  private static Map<String, String> texts(String json) {
    return json.equals("{}")
        ? Map.of()
        : Map.copyOf((Map<String, String>) StoredJson.read(json, Map.class));
  }
}

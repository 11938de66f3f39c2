package io.millwright.store;

import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.Resource;
import io.millwright.model.Status;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Rows of resources that many others name, each parsed once: ten thousand machines have three
 * sizes.
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

  private final ConcurrentHashMap<UUID, Version> versions = new ConcurrentHashMap<>();

  /** The resource in this row. */
  Resource<?, ?> resource(ResultSet row) throws SQLException {
    Kind kind = Kind.valueOf(row.getString("kind"));
    if (!keeps(kind)) {
      return parse(kind, row);
    }
    Optional<Resource<?, ?>> known = known(row);
    if (known.isPresent()) {
      return known.get();
    }
    Resource<?, ?> resource = parse(kind, row);
    if (versions.size() >= MOST) {
      versions.clear();
    }
    versions.put(resource.uid(), new Version(row.getString("writer"), resource));
    return resource;
  }

  /** False of those of which there are many, and which are seldom read twice the same. */
  static boolean keeps(Kind kind) {
    return kind != Kind.MACHINE && kind != Kind.VOLUME;
  }

  /** The resource in this row if it is known; only the columns {@link #VERSION} are read. */
  Optional<Resource<?, ?>> known(ResultSet row) throws SQLException {
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
    Status status = StoredJson.read(row.getString("status"), kind.statusType());
    return new Resource<>(
        kind,
        metadata,
        StoredJson.read(row.getString("spec"), kind.specType()),
        status instanceof MachineStatus machine
            ? machine.withExpiresAt(Columns.instant(row, "expires_at"))
            : status);
  }

  @SuppressWarnings("unchecked") // labels and annotations are written from such maps only
  private static Map<String, String> texts(String json) {
    return json.equals("{}")
        ? Map.of()
        : Map.copyOf((Map<String, String>) StoredJson.read(json, Map.class));
  }
}

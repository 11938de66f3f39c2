package io.millwright.api;

import io.millwright.model.Metadata;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What every resource carries.
 *
 * @param uid identity for ever; a new resource of an old name has another one
 * @param generation grows with each change of what is declared
 * @param revision grows with each change of anything, status included; the ETag
 * @param deletedAt when its deletion was asked for
 */
record MetadataView(
    String name,
    String project,
    Map<String, String> labels,
    Map<String, String> annotations,
    UUID uid,
    long generation,
    long revision,
    Instant createdAt,
    @Nullable Instant deletedAt) {

  static MetadataView of(Metadata m) {
    return new MetadataView(
        m.name(),
        m.project(),
        new TreeMap<>(m.labels()),
        new TreeMap<>(m.annotations()),
        m.uid(),
        m.generation(),
        m.revision(),
        m.createdAt(),
        m.deletedAt());
  }
}

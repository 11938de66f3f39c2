package io.millwright.model;

import java.time.Instant;
import java.util.Collections;
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
 * @param deletedAt when its deletion was asked for, or null
 */
public record Metadata(
    String name,
    String project,
    Map<String, String> labels,
    Map<String, String> annotations,
    UUID uid,
    long generation,
    long revision,
    Instant createdAt,
    @Nullable Instant deletedAt) {
  public Metadata {
    // Sorted and kept so: Map.copyOf would shuffle them anew in every process.
    labels = Collections.unmodifiableMap(new TreeMap<>(labels));
    annotations = Collections.unmodifiableMap(new TreeMap<>(annotations));
  }

  /** The same with the next generation, and from this moment on being deleted. */
  public Metadata deleted(Instant now) {
    return new Metadata(
        name, project, labels, annotations, uid, generation + 1, revision, createdAt, now);
  }

  /** The same with the next generation. */
  public Metadata raised() {
    return new Metadata(
        name, project, labels, annotations, uid, generation + 1, revision, createdAt, deletedAt);
  }
}

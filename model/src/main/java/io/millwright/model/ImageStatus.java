package io.millwright.model;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an image.
 *
 * @param sha256 of the disk image, which is also its name in every store
 * @param fileSize in bytes
 * @param virtualSize what a machine's disk must at least have
 * @param finishedAt when it was built or fetched
 * @param generation of the spec that it was made from
 */
public record ImageStatus(
    @Default List<Condition> conditions,
    @Nullable String sha256,
    @Nullable Long fileSize,
    @Nullable ByteSize virtualSize,
    @Nullable Instant finishedAt,
    @Nullable Long generation)
    implements Status {
  public static final ImageStatus EMPTY = new ImageStatus(List.of(), null, null, null, null, null);

  public ImageStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public ImageStatus withConditions(List<Condition> next) {
    return new ImageStatus(next, sha256, fileSize, virtualSize, finishedAt, generation);
  }
}

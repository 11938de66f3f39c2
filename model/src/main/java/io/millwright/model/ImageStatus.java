package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an image.
 *
 * @param sha256 of the disk image, which is also its name in every store
 * @param fileSize in bytes
 * @param virtualSize what a machine's disk must at least have
 * @param finishedAt when it was built or fetched
 * @param generation of the spec that it was made from
 * @param holdsPackages whether an installation medium has what its installer always installs; null
 *     where that is not known, or does not matter
 * @param builds each time that it was made, as far as something of that is left, the first one
 *     first
 */
@RecordBuilder
public record ImageStatus(
    @Default List<Condition> conditions,
    @Nullable String sha256,
    @Nullable Long fileSize,
    @Nullable ByteSize virtualSize,
    @Nullable Instant finishedAt,
    @Nullable Long generation,
    @Nullable Boolean holdsPackages,
    @Default List<ImageBuild> builds)
    implements Status, ImageStatusBuilder.With {
  public static final ImageStatus EMPTY =
      new ImageStatus(List.of(), null, null, null, null, null, null, List.of());

  public ImageStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    // One that was made before builds were counted is its own first build.
    builds =
        builds != null && !builds.isEmpty()
            ? List.copyOf(builds)
            : sha256 == null
                ? List.of()
                : List.of(
                    new ImageBuild(
                        1,
                        null,
                        Objects.requireNonNullElse(finishedAt, Instant.EPOCH),
                        ImageBuild.State.CURRENT,
                        sha256,
                        fileSize,
                        virtualSize,
                        null,
                        null));
  }

  /** New machines are made from this build, of this generation of the spec, from now on. */
  public ImageStatus made(ImageBuild build, long of, Instant now) {
    return with(s ->
        s.sha256(build.sha256())
            .fileSize(build.fileSize())
            .virtualSize(build.virtualSize())
            .finishedAt(now)
            .generation(of));
  }
}

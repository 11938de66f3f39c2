package io.millwright.model;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a volume.
 *
 * @param object its name on the hypervisor
 * @param serial under which the guest sees it, as in /dev/disk/by-id
 * @param size that it really has
 * @param filesystemSince when a guest first told that there is something on it; null before that
 * @param copy what it is carried into while its machine is moved to another hypervisor, or null
 */
public record VolumeStatus(
    @Default List<Condition> conditions,
    @Nullable String object,
    @Nullable String serial,
    @Nullable ByteSize size,
    @Nullable Instant filesystemSince,
    @Nullable Copy copy)
    implements Status {
  public static final VolumeStatus EMPTY =
      new VolumeStatus(List.of(), null, null, null, null, null);

  public VolumeStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public VolumeStatus withConditions(List<Condition> next) {
    return new VolumeStatus(next, object, serial, size, filesystemSince, copy);
  }

  /** Something is on it since then. */
  public VolumeStatus withFilesystem(Instant since) {
    return new VolumeStatus(conditions, object, serial, size, since, copy);
  }

  public VolumeStatus withCopy(@Nullable Copy next) {
    return new VolumeStatus(conditions, object, serial, size, filesystemSince, next);
  }

  /** It is this disk from now on. */
  public VolumeStatus withObject(String next) {
    return new VolumeStatus(conditions, next, serial, size, filesystemSince, null);
  }

  /** How a copy stands. */
  public enum Stage {
    /** It is being written, and nobody uses it. */
    BEGUN,
    /** It was compared with its original and is used by the machine in its new place. */
    WHOLE,
    /** Nobody shall use it, and it is to be deleted. */
    DROPPED
  }

  /**
   * A copy of a volume on another hypervisor. The volume itself is the one in {@link #object} until
   * the machine in its new place is ready.
   *
   * @param hypervisor where it is made
   * @param object its name there
   */
  public record Copy(String hypervisor, String object, Stage stage) {
    public Copy at(Stage next) {
      return new Copy(hypervisor, object, next);
    }
  }
}

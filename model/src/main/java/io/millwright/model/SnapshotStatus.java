package io.millwright.model;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a snapshot.
 *
 * @param stage how far it has come
 * @param hypervisor where it is
 * @param object its disk's name there
 * @param size of that disk
 * @param system that is on it, and whose disk it was copied from
 * @param takenAt when it was whole, or null before that
 */
public record SnapshotStatus(
    @Default List<Condition> conditions,
    @Nullable Stage stage,
    @Nullable String hypervisor,
    @Nullable String object,
    @Nullable ByteSize size,
    MachineStatus.@Nullable Former system,
    @Nullable Instant takenAt)
    implements Status {
  public static final SnapshotStatus EMPTY =
      new SnapshotStatus(List.of(), null, null, null, null, null, null);

  public SnapshotStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  /** How far a snapshot has come. */
  public enum Stage {
    /** It is being copied, and its machine stays off for so long. */
    TAKING,
    /** It is whole. */
    TAKEN,
    /** There is nothing of it that could be used. */
    FAILED
  }

  public SnapshotStatus withConditions(List<Condition> next) {
    return new SnapshotStatus(next, stage, hypervisor, object, size, system, takenAt);
  }

  /** From here on it is copied from the disk of this system. */
  public SnapshotStatus taking(
      String place, String disk, ByteSize diskSize, MachineStatus.Former from) {
    return new SnapshotStatus(conditions, Stage.TAKING, place, disk, diskSize, from, null);
  }

  /** It is whole. */
  public SnapshotStatus taken(Instant at) {
    return new SnapshotStatus(conditions, Stage.TAKEN, hypervisor, object, size, system, at);
  }

  /** It could not be taken. */
  public SnapshotStatus failed() {
    return new SnapshotStatus(conditions, Stage.FAILED, hypervisor, object, size, system, null);
  }
}

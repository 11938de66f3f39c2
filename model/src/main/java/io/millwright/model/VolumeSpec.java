package io.millwright.model;

import java.util.List;

/**
 * A data disk with a life of its own.
 *
 * @param size at least 1 MiB; it can grow, never shrink
 * @param hypervisor where it lives
 * @param reclaim what becomes of it when it is deleted; retain if not given
 * @param quarantineDays how long a deleted one can be restored, 0 to 3650 days; 7 if not given
 */
public record VolumeSpec(
    ByteSize size,
    String hypervisor,
    @Default("retain") Reclaim reclaim,
    @Default("7") Integer quarantineDays)
    implements Spec {
  public VolumeSpec {
    reclaim = reclaim == null ? Reclaim.RETAIN : reclaim;
    quarantineDays = quarantineDays == null ? Integer.valueOf(7) : quarantineDays;
  }

  /** What becomes of the disk when its Volume is deleted. */
  public enum Reclaim {
    /** The deletion is refused; set the policy to delete first. */
    RETAIN,
    /** It goes into quarantine, from where it can be restored until its days are over. */
    DELETE
  }

  @Override
  public void check(Violations at) {
    at.field("size").require(size.mib() >= 1, "must be at least 1MiB");
    at.field("quarantineDays")
        .require(quarantineDays >= 0 && quarantineDays <= 3650, "must be 0 to 3650 days");
  }

  @Override
  public List<Ref> references() {
    return List.of(new Ref(Kind.HYPERVISOR, hypervisor, "spec.hypervisor"));
  }
}

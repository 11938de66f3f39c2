package io.millwright.model;

import java.util.List;

/**
 * A data disk with a life of its own.
 *
 * @param size at least 1 MiB; it can grow, never shrink
 * @param hypervisor where it lives
 * @param reclaim what becomes of it when it is deleted; retain if not given
 */
public record VolumeSpec(ByteSize size, String hypervisor, @Default("retain") Reclaim reclaim)
    implements Spec {
  public VolumeSpec {
    reclaim = reclaim == null ? Reclaim.RETAIN : reclaim;
  }

  /** What becomes of the disk when its Volume is deleted. */
  public enum Reclaim {
    /** The deletion is refused; set the policy to delete first. */
    RETAIN,
    /** It goes into quarantine. */
    DELETE
  }

  @Override
  public void check(Violations at) {
    at.field("size").require(size.mib() >= 1, "must be at least 1MiB");
  }

  @Override
  public List<Ref> references() {
    return List.of(new Ref(Kind.HYPERVISOR, hypervisor, "spec.hypervisor"));
  }
}

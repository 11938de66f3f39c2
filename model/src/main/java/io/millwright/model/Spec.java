package io.millwright.model;

import java.util.List;

/** What was declared of one resource. */
public sealed interface Spec
    permits HypervisorSpec,
        NetworkSpec,
        ImageSpec,
        SizeSpec,
        ProfileSpec,
        VolumeSpec,
        MachineSpec,
        SnapshotSpec,
        OwnerSpec,
        SourceSpec,
        WebhookSpec,
        OfferSpec {

  /**
   * Reports everything that is wrong with this spec taken by itself; what depends on other
   * resources is checked where they are known.
   */
  void check(Violations at);

  /** The other resources that this one names. */
  default List<Ref> references() {
    return List.of();
  }
}

package io.millwright.model;

/** What declares machines of one shape by its own hand: a group, or a pool. */
public sealed interface OwnerSpec extends Spec permits GroupSpec, PoolSpec {
  /** What each of its machines is. */
  MachineTemplate machine();

  /** Where they may run. */
  GroupSpec.Spread spread();
}

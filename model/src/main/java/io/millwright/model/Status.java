package io.millwright.model;

import java.util.List;

/** What is known of one resource. */
public sealed interface Status
    permits HypervisorStatus,
        NetworkStatus,
        ImageStatus,
        VolumeStatus,
        MachineStatus,
        SnapshotStatus,
        GroupStatus,
        PoolStatus,
        SourceStatus,
        PlainStatus {
  List<Condition> conditions();
}

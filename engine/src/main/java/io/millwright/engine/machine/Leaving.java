package io.millwright.engine.machine;

import io.millwright.driver.ObjectName;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Which disks a machine has that are no longer its own and may leave it while it runs.
 *
 * <p>Its declaration does not name them any more, so what they promise is looked up by the disks
 * that were seen: those of volumes, also of one that was deleted meanwhile.
 */
public final class Leaving {
  private Leaving() {}

  /**
   * The goal with what its disks promise.
   *
   * @param declared volumes that are declared otherwise than the store knows, for a plan
   */
  public static MachineGoal promised(
      Store store, Map<UUID, VolumeSpec> declared, MachineGoal goal, MachineFacts facts) {
    if (facts.vm() == null || !goal.hotPlug() || goal.imported()) {
      return goal;
    }
    List<ObjectName> surplus =
        facts.vm().disks().stream()
            .filter(disk -> !goal.volumes().contains(disk))
            .flatMap(disk -> ObjectName.parse(disk).stream())
            .filter(name -> name.role().equals(ObjectName.DATA))
            .toList();
    if (surplus.isEmpty()) {
      return goal;
    }
    Set<String> leaving =
        surplus.stream()
            .filter(disk ->
                Optional.ofNullable(declared.get(disk.mark().uid()))
                    .or(() -> spec(store, disk))
                    .filter(spec -> spec.detach() == VolumeSpec.Detach.LIVE)
                    .isPresent())
            .map(ObjectName::toString)
            .collect(Collectors.toUnmodifiableSet());
    return goal.withLeaving(leaving);
  }

  private static Optional<VolumeSpec> spec(Store store, ObjectName disk) {
    return store.read(tx ->
        tx.resources()
            .find(disk.mark().uid())
            .filter(r -> r.kind() == Kind.VOLUME)
            .map(Resource::spec)
            .map(VolumeSpec.class::cast)
            .or(() ->
                tx.quarantine()
                    .ofDisk(disk.toString())
                    .map(Quarantine.Entry::volume)
                    .map(Resource::spec)));
  }
}

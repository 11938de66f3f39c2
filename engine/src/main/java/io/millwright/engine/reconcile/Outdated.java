package io.millwright.engine.reconcile;

import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Resource;
import io.millwright.planner.ImagePlanner;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/**
 * Says of machines that their image has a newer build than the one that they were made from.
 *
 * <p>It is said in the rounds of their hypervisor, from what is in the database: a machine need not
 * be looked at for that.
 */
final class Outdated {
  /** Condition of a machine, as long as it is so. */
  static final String OUTDATED = "Outdated";

  /** So many are told in one transaction. */
  private static final int TOGETHER = 100;

  private Outdated() {}

  /** The number of the build that a machine would be made from now, if it has another one. */
  static Optional<Integer> newer(Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
    String has = machine.status().imageSha256();
    // A machine that checks a build is made from that very build, so it is never outdated.
    if (has == null || machine.metadata().labels().containsKey(Names.TRIAL)) {
      return Optional.empty();
    }
    return lookup
        .find(Kind.IMAGE, machine.project(), machine.spec().image())
        .map(i -> (ImageStatus) i.status())
        .filter(i -> i.sha256() != null && !Objects.equals(i.sha256(), has))
        .flatMap(i -> ImagePlanner.current(i.builds()))
        .map(b -> b.number());
  }

  /** Tells these machines, unless something is at work on them: then the next round does. */
  static void tell(Store store, List<UUID> untold, Instant now) {
    for (int i = 0; i < untold.size(); i += TOGETHER) {
      List<UUID> some = untold.subList(i, Math.min(untold.size(), i + TOGETHER));
      store.write(tx -> some.forEach(uid -> tell(tx, uid, now)));
    }
  }

  /** True if it says what is so. */
  static boolean told(Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
    return newer(lookup, machine).isPresent()
        == Condition.holds(machine.status().conditions(), OUTDATED);
  }

  private static void tell(Tx tx, UUID uid, Instant now) {
    Lookup lookup = new Lookup(tx);
    tx.resources()
        .lock(uid)
        .filter(r -> !r.deleting() && tx.operations().active(uid).isEmpty())
        .map(r -> r.as(MachineSpec.class, MachineStatus.class))
        .filter(m -> !told(lookup, m))
        .ifPresent(machine -> {
          MachineStatus status = machine.status();
          Optional<Integer> newer = newer(lookup, machine);
          String message =
              newer
                  .map(n ->
                      "Image "
                          + machine.spec().image()
                          + " has a newer build, "
                          + n
                          + "; a rebuild brings it.")
                  .orElse("");
          List<Condition> conditions =
              newer.isPresent()
                  ? Condition.set(
                      status.conditions(),
                      MachineReconciler.condition(OUTDATED, true, "NewerBuild", message, now))
                  : Condition.drop(status.conditions(), OUTDATED);
          tx.resources()
              .updateStatus(
                  uid,
                  status.withConditions(conditions),
                  newer.isPresent() ? OUTDATED : "",
                  message);
        });
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.Leaving;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachinePlanner;
import io.millwright.planner.MovePlanner;
import io.millwright.planner.Plan;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What there is of a machine, as far as it was seen, and the plan from there. */
final class MachineSight {
  private final Store store;
  private final Outside outside;
  private final InstallationWatch installations;

  MachineSight(Store store, Outside outside, InstallationWatch installations) {
    this.store = store;
    this.outside = outside;
    this.installations = installations;
  }

  Plan plan(ResolvedMachine r, String installation, MachineFacts facts) throws DriverException {
    MachineGoal goal = MachineGoals.goal(r, installation);
    if (r.elsewhere() == null) {
      return MachinePlanner.plan(Leaving.promised(store, Map.of(), goal, facts), facts);
    }
    MachineFacts there = observeThere(r);
    MachineStatus.Former former = r.machine().status().former();
    if (r.machine().status().moving()
        && former != null
        && facts.vm() != null
        && facts.vm().disks().contains(former.disk())) {
      throw new DriverException(
          FaultKind.REFUSED,
          r.hypervisor().title()
              + " and "
              + r.elsewhere().title()
              + " are the same one, and the machine is there already");
    }
    return MovePlanner.plan(goal, facts, MachineGoals.elsewhere(r), there);
  }

  /** What there is of a machine on the other hypervisor. */
  MachineFacts observeThere(ResolvedMachine r) throws DriverException {
    return MachineGoals.facts(
        r.uid(), look(r.there().hypervisor(), new Scope.One(r.uid())), null, Map.of(), false);
  }

  /**
   * The machine with the cards that it has, if it is where a network of those that are declared is
   * not attached: it was declared for the hypervisor to which it was to move.
   */
  ResolvedMachine withCardsThatCanBe(ResolvedMachine r) throws DriverException {
    return r.nics().stream().allMatch(nic -> nic.bridge() != null || nic.network() != null)
        ? r
        : look(r.hypervisor(), new Scope.One(r.uid()))
            .machine(r.uid())
            .map(vm -> r.withCards(vm.nics()))
            .orElse(r);
  }

  /**
   * Those of its volumes that another machine still has on the hypervisor, with that one. Declared
   * they are this one's alone already; but two machines that write to one disk destroy what is on
   * it.
   */
  Map<Resource<VolumeSpec, VolumeStatus>, Observation.Machine> heldElsewhere(
      ResolvedMachine r, MachineFacts facts) throws DriverException {
    List<String> has = facts.vm() == null ? List.of() : facts.vm().disks();
    List<Resource<VolumeSpec, VolumeStatus>> coming =
        r.volumes().stream().filter(v -> !has.contains(r.disk(v))).toList();
    Map<Resource<VolumeSpec, VolumeStatus>, Observation.Machine> held = new LinkedHashMap<>();
    if (coming.isEmpty()) {
      return held;
    }
    Observation all = look(r.hypervisor(), new Scope.All());
    for (Resource<VolumeSpec, VolumeStatus> volume : coming) {
      for (Observation.Machine other : all.machines()) {
        if (!other.uid().equals(r.uid()) && other.disks().contains(r.disk(volume))) {
          held.putIfAbsent(volume, other);
        }
      }
    }
    return held;
  }

  /** True if the volume's disk is there, and not smaller than it was. */
  boolean hasWhole(ResolvedMachine r, Resource<VolumeSpec, VolumeStatus> volume)
      throws DriverException {
    ObjectName name = ObjectName.parse(String.valueOf(volume.status().object())).orElseThrow();
    ByteSize size = volume.status().size();
    return look(r.hypervisor(), new Scope.One(name.mark().uid())).disks().stream()
        .filter(disk -> disk.name().equals(name))
        .anyMatch(disk -> size == null || disk.size().compareTo(size) >= 0);
  }

  /** True if it has a data disk that is declared of another machine. */
  boolean letsGo(ResolvedMachine r, MachineFacts facts) {
    if (facts.vm() == null) {
      return false;
    }
    Set<String> own = r.volumes().stream().map(r::disk).collect(Collectors.toSet());
    return facts.vm().disks().stream()
        .filter(disk -> !own.contains(disk))
        .flatMap(disk -> ObjectName.parse(disk).stream())
        .filter(name -> name.role().equals(ObjectName.DATA))
        .anyMatch(name ->
            store.read(tx -> tx.resources().referrers(name.mark().uid(), 1)).stream()
                .anyMatch(other -> !other.uid().equals(r.uid())));
  }

  private Observation look(Resource<HypervisorSpec, HypervisorStatus> hypervisor, Scope scope)
      throws DriverException {
    Observation seen = outside.call(hypervisor, d -> d.observe(scope));
    if (!seen.complete()) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          hypervisor.title() + " could not be seen completely: " + String.join("; ", seen.gaps()));
    }
    return seen;
  }

  MachineFacts observe(ResolvedMachine r, String installation) throws DriverException {
    Observation seen = look(r.hypervisor(), new Scope.One(r.uid()));
    Map<String, Records> published = new LinkedHashMap<>();
    for (Map.Entry<String, Resource<NetworkSpec, NetworkStatus>> network :
        r.networks().entrySet()) {
      if (network.getValue().spec().services() != null) {
        outside
            .callServices(network.getValue(), s -> s.find(r.uid()))
            .ifPresent(records -> published.put(network.getKey(), records));
      }
    }
    Optional<Observation.Machine> vm = seen.machine(r.uid()).filter(m -> m.mark() != null);
    return MachineGoals.facts(
        r.uid(),
        seen,
        MachineGoals.goal(r, installation).sha256(),
        published,
        byKernel(r) && vm.isPresent() && installations.ended(r, vm.get()));
  }

  /** Only such an installer is followed, and ends before its system boots. */
  private static boolean byKernel(ResolvedMachine r) {
    Installers.Start start = Installers.start(r);
    return start != null && start.byKernel();
  }
}

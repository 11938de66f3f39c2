package io.millwright.server;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.engine.Lookup;
import io.millwright.engine.MachineGoals;
import io.millwright.engine.ResolvedMachine;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

/**
 * What must hold in a world whenever nothing is left to do in it, whatever happened before.
 *
 * <p>It compares the database with the outside world by itself and asks neither the planner nor any
 * reconciler, so that a mistake of theirs cannot hide here.
 */
final class Invariants {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final World world;

  /** Every data disk that was ever seen, with the most that it ever held. */
  private final Set<String> dataDisks = new HashSet<>();

  Invariants(World world) {
    this.world = world;
  }

  /** Waits until all of them hold; fails with those that still do not. */
  void await() {
    Instant until = Instant.now().plus(PATIENCE);
    List<String> broken = broken();
    while (!broken.isEmpty() && Instant.now().isBefore(until)) {
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      broken = broken();
    }
    if (!broken.isEmpty()) {
      throw new AssertionError("broken invariants:\n  " + String.join("\n  ", broken));
    }
  }

  /** What does not hold now, in words. */
  List<String> broken() {
    Observation outside = world.outside();
    Map<UUID, Records> published = world.published();
    return world.store.read(tx -> new Look(tx, outside, published).all());
  }

  /** What may not be at any moment, also in the midst of work, in words. */
  List<String> unsafe() {
    Observation outside = world.outside();
    return world.store.read(tx -> new Look(tx, outside, Map.of()).unsafe());
  }

  /** One look at everything. */
  private final class Look {
    private final Tx tx;
    private final List<String> broken = new ArrayList<>();
    private final Observation outside;
    private final Map<UUID, Records> published;
    private final Map<UUID, Resource<MachineSpec, MachineStatus>> machines = new HashMap<>();
    private final Set<String> declaredDisks = new HashSet<>();

    Look(Tx tx, Observation outside, Map<UUID, Records> published) {
      this.tx = tx;
      this.outside = outside;
      this.published = published;
    }

    List<String> all() {
      for (Resource<?, ?> r : list(Kind.MACHINE)) {
        machines.put(r.uid(), r.as(MachineSpec.class, MachineStatus.class));
      }
      operations();
      machines.values().forEach(this::machine);
      volumes();
      owned();
      addresses();
      return broken;
    }

    List<String> unsafe() {
      Map<String, String> writers = new HashMap<>();
      Set<String> names = new HashSet<>();
      Set<Mac> macs = new HashSet<>();
      for (Observation.Machine vm : outside.machines()) {
        require(names.add(vm.name()), "two machines are called " + vm.name());
        vm.nics().forEach(nic -> require(macs.add(nic.mac()), "two cards have " + nic.mac()));
        if (vm.state() == Observation.State.RUNNING) {
          for (String disk : vm.disks()) {
            String other = writers.put(disk, vm.name());
            require(other == null, vm.name() + " and " + other + " write to " + disk);
          }
        }
      }
      Set<String> there = new HashSet<>();
      for (Observation.Disk disk : outside.disks()) {
        if (disk.name().role().equals(ObjectName.DATA)) {
          there.add(disk.name().toString());
        }
      }
      dataDisks.addAll(there);
      dataDisks.forEach(
          disk -> require(there.contains(disk), "the data disk " + disk + " is lost"));
      Set<String> bound = new HashSet<>();
      for (Resource<?, ?> m : list(Kind.MACHINE)) {
        for (MachineStatus.Interface face : ((MachineStatus) m.status()).interfaces()) {
          for (Ip ip : face.addresses()) {
            require(bound.add(face.network() + ip), ip + " belongs to two");
          }
        }
      }
      return broken;
    }

    private List<Resource<?, ?>> list(Kind kind) {
      return tx.resources()
          .list(new Resources.Query(kind, null, Selector.ALL, Map.of(), 1000, null))
          .items();
    }

    private void require(boolean holds, String otherwise) {
      if (!holds) {
        broken.add(otherwise);
      }
    }

    /** Every operation has ended, or says what it waits for. */
    private void operations() {
      for (Operation o :
          tx.operations()
              .list(new Operations.Query(null, null, null, null, null, 1000, null))
              .items()) {
        switch (o.state()) {
          case Operation.State.Waiting w ->
              require(!w.message().isBlank(), o.title() + " waits and does not say for what");
          case Operation.State.Undoing _, Operation.State.Pending _, Operation.State.Running _ ->
              broken.add(o.title() + " is " + o.state() + " at " + o.steps());
          default -> {}
        }
      }
    }

    private void machine(Resource<MachineSpec, MachineStatus> m) {
      require(!m.deleting(), m.title() + " is being deleted and still there");
      MachineStatus status = m.status();
      boolean held = Condition.holds(status.conditions(), "Held");
      boolean succeeded =
          tx.operations()
              .latest(m.uid())
              .map(o -> o.state() instanceof Operation.State.Succeeded)
              .orElse(false);
      declaredDisks.add(String.valueOf(status.disk()));
      MachineStatus.Former former = status.former();
      if (former != null) {
        declaredDisks.add(former.disk());
      }
      if (held || !succeeded) {
        require(
            !Condition.holds(status.conditions(), Condition.READY)
                || outside
                    .machine(m.uid())
                    .filter(vm -> vm.state() == Observation.State.RUNNING)
                    .isPresent(),
            m.title() + " is ready and does not run");
        return;
      }
      ResolvedMachine resolved = ResolvedMachine.of(new Lookup(tx), m);
      List<String> disks = new ArrayList<>();
      disks.add(status.disk());
      resolved.volumes().forEach(v -> disks.add(v.status().object()));
      Observation.Machine vm = outside.machine(m.uid()).orElse(null);
      if (vm == null) {
        broken.add(m.title() + " is not there");
        return;
      }
      boolean on = m.spec().power() == Power.ON;
      require((vm.state() == Observation.State.RUNNING) == on, m.title() + " is " + vm.state());
      require(
          Condition.holds(status.conditions(), Condition.READY) == on,
          m.title() + " says " + status.conditions());
      require(vm.cores() == resolved.size().cores(), m.title() + " has " + vm.cores() + " cores");
      require(vm.memory().equals(resolved.size().memory()), m.title() + " has " + vm.memory());
      require(vm.disks().equals(disks), m.title() + " has " + vm.disks() + ", not " + disks);
      List<Mac> macs =
          status.interfaces().stream()
              .map(MachineStatus.Interface::mac)
              .filter(Objects::nonNull)
              .toList();
      require(
          vm.nics().equals(resolved.nics()),
          m.title() + " has " + vm.nics() + ", not " + resolved.nics());
      require(
          vm.nics().stream().map(MachineDefinition.Nic::mac).toList().equals(macs),
          m.title() + " has " + vm.nics() + " and says " + macs);
      Observation.Disk system =
          outside.disks().stream()
              .filter(d -> d.name().toString().equals(status.disk()))
              .findFirst()
              .orElse(null);
      require(
          system != null && system.size().compareTo(resolved.size().disk()) >= 0,
          m.title() + " has the system disk " + system);
      if (status.readyBy() != null) {
        require(vm.medium() == null, m.title() + " still has its seed");
        require(
            outside.media().stream().noneMatch(s -> s.name().mark().uid().equals(m.uid())),
            m.title() + " has left its seed behind");
      }
      Map<String, Records> wanted = MachineGoals.records(resolved);
      if (wanted.size() == 1) {
        require(
            wanted.values().iterator().next().equals(published.get(m.uid())),
            m.title() + " has published " + published.get(m.uid()));
      }
    }

    /** Every volume that was made has its disk, and no data disk was ever lost. */
    private void volumes() {
      Map<String, Observation.Disk> there = new HashMap<>();
      for (Observation.Disk disk : outside.disks()) {
        if (disk.name().role().equals(ObjectName.DATA)) {
          there.put(disk.name().toString(), disk);
        }
      }
      dataDisks.addAll(there.keySet());
      Set<String> kept = new HashSet<>();
      list(Kind.VOLUME)
          .forEach(v -> kept.add(String.valueOf(((VolumeStatus) v.status()).object())));
      tx.quarantine().list(null).forEach(e -> kept.add(e.disk()));
      for (String disk : there.keySet()) {
        require(kept.contains(disk), "the data disk " + disk + " is nobody's");
      }
      for (String disk : dataDisks) {
        require(there.containsKey(disk), "the data disk " + disk + " is lost");
      }
      for (Resource<?, ?> volume : list(Kind.VOLUME)) {
        require(!volume.deleting(), volume.title() + " is being deleted and still there");
        VolumeStatus status = (VolumeStatus) volume.status();
        if (status.object() != null) {
          Observation.Disk disk = there.get(status.object());
          require(
              disk != null && disk.size().equals(status.size()),
              volume.title() + " has " + disk + " and says " + status.size());
        }
      }
    }

    /** Nothing is ours out there that was not declared. */
    private void owned() {
      String ours = tx.installation();
      Set<String> names = new HashSet<>();
      Set<Mac> macs = new HashSet<>();
      for (Observation.Machine vm : outside.machines()) {
        require(names.add(vm.name()), "two machines are called " + vm.name());
        vm.nics().forEach(nic -> require(macs.add(nic.mac()), "two cards have " + nic.mac()));
        if (vm.mark() != null && vm.mark().installation().equals(ours)) {
          require(machines.containsKey(vm.uid()), "the machine " + vm.name() + " is nobody's");
        }
      }
      for (Observation.Disk disk : outside.disks()) {
        if (disk.name().role().equals(ObjectName.SYSTEM)) {
          Resource<MachineSpec, MachineStatus> owner = machines.get(disk.name().mark().uid());
          boolean held = owner != null && Condition.holds(owner.status().conditions(), "Held");
          require(
              owner != null && (held || declaredDisks.contains(disk.name().toString())),
              "the system disk " + disk.name() + " is nobody's");
        }
      }
      for (Observation.Medium seed : outside.media()) {
        require(
            machines.containsKey(seed.name().mark().uid()),
            "the seed " + seed.name() + " is nobody's");
      }
      for (UUID uid : published.keySet()) {
        require(machines.containsKey(uid), "records of " + published.get(uid) + " are nobody's");
      }
    }

    /** Whatever an interface was given is bound to it and to nobody else, and nothing else is. */
    private void addresses() {
      Map<String, String> holders = new HashMap<>();
      for (Resource<MachineSpec, MachineStatus> m : machines.values()) {
        List<Ip> leased =
            tx.addresses().leases(m.uid()).stream()
                .filter(l -> l.coolingUntil() == null)
                .map(Lease::ip)
                .toList();
        for (Ip ip : leased) {
          // A change that failed keeps what it was to let go: the guest may still have it.
          require(
              Condition.holds(m.status().conditions(), "Held")
                  || m.status().addresses().contains(ip),
              ip + " is bound to " + m.title() + " in vain");
        }
        for (MachineStatus.Interface face : m.status().interfaces()) {
          for (Ip ip : face.addresses()) {
            require(leased.contains(ip), m.title() + " has " + ip + ", which is not bound to it");
            String before = holders.put(face.network() + " " + ip, m.title());
            require(before == null, ip + " belongs to " + before + " and to " + m.title());
          }
          if (face.mac() != null) {
            String before = holders.put(face.mac().toString(), m.title());
            require(before == null, face.mac() + " belongs to " + before + " and " + m.title());
          }
        }
      }
      for (Resource<?, ?> network : list(Kind.NETWORK)) {
        for (Lease lease : tx.addresses().leasesOf(network.uid())) {
          require(
              lease.coolingUntil() != null || machines.containsKey(lease.machine()),
              lease.ip() + " is bound to a machine that is gone");
        }
      }
    }
  }
}

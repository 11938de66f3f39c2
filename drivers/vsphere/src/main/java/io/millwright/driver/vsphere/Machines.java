package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Locks;
import io.millwright.driver.Mark;
import io.millwright.driver.Outcome;
import io.millwright.model.Names;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Finds machines by their uid, and says whose they are. */
final class Machines {
  /** So many names of snapshots are told. */
  private static final int SHOWN = 5;

  private final Vim vim;
  private final Collector collector;
  private final Tasks tasks;
  private final Options options;
  private final String installation;
  private final Map<UUID, Ref> known = new ConcurrentHashMap<>();
  private final Locks<UUID> locks = new Locks<>();

  Machines(Vim vim, Tasks tasks, Options options, String installation) {
    this.vim = vim;
    this.collector = new Collector(vim);
    this.tasks = tasks;
    this.options = options;
    this.installation = installation;
  }

  /**
   * Acts on one machine, one after the other, and after all that was begun for it is over; what
   * takes long goes on meanwhile.
   */
  Outcome act(UUID uid, Vim.Work<Outcome> work) throws DriverException {
    return alone(uid, () -> tasks.act(uid, work));
  }

  /** As {@link #act}, for whoever needs it done: what takes long is a failure. */
  <T> T inTurn(UUID uid, Vim.Work<T> work) throws DriverException {
    return alone(uid, () -> tasks.inTurn(uid, work));
  }

  /** As {@link #inTurn}, for whoever can wait as long as it takes. */
  <T> T atLeisure(UUID uid, Vim.Work<T> work) throws DriverException {
    return alone(uid, () -> tasks.inTurn(uid, Tasks.LEISURE, work));
  }

  /** Looks at one machine while nobody acts on it. */
  <T> T alone(UUID uid, Vim.Work<T> work) throws DriverException {
    try (Locks.Held _ = locks.take(uid)) {
      return vim.act(work);
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    }
  }

  /** Whoever it belongs to; where it was the last time is looked at first. */
  Optional<VmFacts> at(UUID uid) throws DriverException, VimFault {
    Ref last = known.get(uid);
    if (last != null) {
      Optional<VmFacts> there = at(last).filter(machine -> machine.uid().equals(uid));
      if (there.isPresent()) {
        return there;
      }
      known.remove(uid, last);
    }
    Element answer =
        Vim.value(
            vim.call(
                vim.content().search(),
                "FindByUuid",
                new Element("uuid").holding(uid.toString()),
                new Element("vmSearch").holding("true"),
                new Element("instanceUuid").holding("true")));
    if (answer.text().isEmpty()) {
      return Optional.empty();
    }
    Optional<VmFacts> found = at(answer.ref());
    if (found.isPresent()) {
      known.put(uid, answer.ref());
    }
    return found;
  }

  /** All that have this UUID: a vCenter sees to it that it is one, a host without does not. */
  List<Ref> all(UUID uid) throws DriverException, VimFault {
    return vim.call(
            vim.content().search(),
            "FindAllByUuid",
            new Element("uuid").holding(uid.toString()),
            new Element("vmSearch").holding("true"),
            new Element("instanceUuid").holding("true"))
        .all("returnval")
        .map(Element::ref)
        .toList();
  }

  Optional<VmFacts> at(Ref ref) throws DriverException, VimFault {
    try {
      return Optional.of(VmFacts.of(options.read(ref), installation));
    } catch (VimFault e) {
      if (e.is("ManagedObjectNotFound")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The machine, if it is there and ours. */
  Optional<VmFacts> find(Mark mark) throws DriverException, VimFault {
    if (!mark.installation().equals(installation)) {
      throw conflict("It belongs to another installation of Millwright.", mark.toString());
    }
    Optional<VmFacts> there = at(mark.uid());
    if (there.isPresent()) {
      Mark found = there.get().mark();
      if (found == null || !found.sameOwner(mark)) {
        throw conflict("The machine there is not ours.", there.get().ref().toString());
      }
    }
    return there;
  }

  VmFacts need(Mark mark) throws DriverException, VimFault {
    return find(mark)
        .orElseThrow(
            () -> conflict("There is no such machine on the hypervisor.", mark.uid().toString()));
  }

  void powerOff(Ref machine) throws DriverException, VimFault {
    try {
      tasks.run(machine, "PowerOffVM_Task");
    } catch (VimFault e) {
      // It does not run any more, which is as was asked.
      if (!e.is("ManagedObjectNotFound")
          && !(e.is("InvalidPowerState")
              && e.detail().text("existingState").equals("poweredOff"))) {
        throw e;
      }
    }
  }

  /**
   * Refuses to unplug disks of a machine that has snapshots of vSphere's own. It is not done by
   * vSphere; and of a disk that were unplugged all the same nobody could say whether it was deleted
   * with the snapshots that know it. They are not removed here, for somebody may need them, and
   * because of that. So it is for people to do, and nothing is stopped or changed before.
   */
  void requireNoSnapshots(VmFacts machine) throws DriverException, VimFault {
    List<String> names = new ArrayList<>();
    collector
        .read(machine.ref(), "snapshot")
        .get("snapshot")
        .ifPresent(tree -> tree.all("rootSnapshotList").forEach(root -> snapshots(root, names)));
    if (!names.isEmpty()) {
      throw conflict(
          "The machine has snapshots of vSphere's own, which keep its disks where they are: "
              + names.stream().limit(SHOWN).map(Names::quote).collect(Collectors.joining(", "))
              + (names.size() > SHOWN ? " and " + (names.size() - SHOWN) + " more" : "")
              + "; delete them in vSphere.",
          machine.ref().toString());
    }
    // Backup software that broke off leaves such files without a snapshot.
    Optional<VmFacts.Disk> snapped =
        machine.disks().stream()
            .filter(VmFacts.Disk::snapped)
            // What others have plugged in is theirs.
            .filter(disk ->
                VmFacts.objectName(disk.file(), DatastoreFiles.DISK, installation).isPresent())
            .findFirst();
    if (snapped.isPresent()) {
      throw snapped(
          machine.ref() + " writes to " + snapped.get().device().text("backing", "fileName"));
    }
  }

  private static void snapshots(Element tree, List<String> names) {
    names.add(tree.text("name"));
    tree.all("childSnapshotList").forEach(child -> snapshots(child, names));
  }

  /** Removes a machine, and none of its disks: vSphere deletes those that are plugged in. */
  void destroy(VmFacts machine) throws DriverException, VimFault {
    try {
      requireNoSnapshots(machine);
      if (!machine.off()) {
        powerOff(machine.ref());
      }
      Element spec = new Element("spec");
      machine.disks().forEach(d -> spec.add(VmCompute.removed(d.device())));
      if (!machine.disks().isEmpty()) {
        tasks.run(machine.ref(), "ReconfigVM_Task", spec);
      }
      Optional<VmFacts> now = at(machine.ref());
      if (now.isPresent()) {
        if (!now.get().disks().isEmpty()) {
          throw conflict(
              "The machine's disks cannot be unplugged, so it is not removed.",
              now.get().disks().getFirst().file());
        }
        tasks.run(machine.ref(), "Destroy_Task");
      }
    } catch (VimFault e) {
      if (!e.is("ManagedObjectNotFound")) {
        throw e;
      }
    }
    known.remove(machine.uid(), machine.ref());
  }

  static DriverException snapped(String forOperator) {
    return conflict(
        "The machine has snapshots of vSphere's own; remove or consolidate them.", forOperator);
  }

  static DriverException conflict(String forUser, String forOperator) {
    return new DriverException(FaultKind.CONFLICT, forUser, forOperator, null);
  }
}

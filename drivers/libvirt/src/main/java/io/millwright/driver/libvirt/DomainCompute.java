package io.millwright.driver.libvirt;

import io.millwright.driver.Compute;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HotPlug;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import io.millwright.model.Devices;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/** Machines as libvirt domains, whose UUID is the machine's uid. */
final class DomainCompute implements Compute, HotPlug {
  private static final Libvirt C = Libvirt.get();

  /** Also what libvirt keeps beside a definition: saved memory, firmware variables, snapshots. */
  private static final int UNDEFINE_ALL = 1 | 2 | 4 | 16;

  /** More than libvirt gives a machine slots for. */
  private static final int MOST_DISKS = 1000;

  private static final Duration SHUTDOWN_POLL = Duration.ofSeconds(2);

  private final Line line;
  private final Settings settings;
  private final Acceleration acceleration;
  private final PoolFiles files;
  private final String installation;

  DomainCompute(
      Line line,
      Settings settings,
      Acceleration acceleration,
      PoolFiles files,
      String installation) {
    this.line = line;
    this.settings = settings;
    this.acceleration = acceleration;
    this.files = files;
    this.installation = installation;
  }

  // ---------------------------------------------------------------------------------- ownership

  private static DriverException conflict(String forUser, String forOperator) {
    return new DriverException(FaultKind.CONFLICT, forUser, forOperator, null);
  }

  /** The domain, if it is there and ours. */
  static @Nullable Domain find(Connection connection, Mark mark, String installation)
      throws LibvirtError, DriverException {
    if (!mark.installation().equals(installation)) {
      throw conflict("It belongs to another installation of Millwright.", mark.toString());
    }
    Domain domain = connection.domain(mark.uid());
    if (domain == null) {
      return null;
    }
    boolean ours = false;
    try {
      ours = markOf(domain).map(there -> there.sameOwner(mark)).orElse(false);
      if (!ours) {
        throw conflict("The machine there is not ours.", mark.uid().toString());
      }
      return domain;
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_DOMAIN)) {
        return null;
      }
      throw e;
    } finally {
      if (!ours) {
        domain.close();
      }
    }
  }

  /** What somebody else made and was taken over is neither given a definition nor removed. */
  private static void requireMade(@Nullable Domain domain) throws LibvirtError, DriverException {
    if (domain != null && markOf(domain).filter(Mark::imported).isPresent()) {
      throw conflict(
          "The machine was imported: it is neither defined anew nor removed.",
          domain.uuid().toString());
    }
  }

  static Optional<Mark> markOf(Domain domain) throws LibvirtError {
    try {
      return DomainFacts.mark(domain.metadata());
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_DOMAIN_METADATA)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  static Domain need(Connection connection, Mark mark, String installation)
      throws LibvirtError, DriverException {
    Domain domain = find(connection, mark, installation);
    if (domain == null) {
      throw conflict("There is no such machine on the hypervisor.", mark.uid().toString());
    }
    return domain;
  }

  // ------------------------------------------------------------------------------------- define

  @Override
  public void check(MachineDefinition machine) throws DriverException {
    DomainXml.check(machine, settings.openvswitch());
    line.call(connection -> {
      TrialGuest.plug(connection, machine.nics(), settings.openvswitch());
      try (Domain there = find(connection, machine.mark(), installation)) {
        requireNoSnapshot(there);
      }
      return Outcome.DONE;
    });
  }

  @Override
  public Outcome define(MachineDefinition machine) throws DriverException {
    return line.call(connection -> {
      try (Domain there = find(connection, machine.mark(), installation)) {
        requireMade(there);
        requireNoSnapshot(there);
        requireFreeName(connection, machine);
        DomainXml.Placed placed = place(connection, machine, there);
        String xml = DomainXml.of(machine, placed);
        if (there != null) {
          rename(there, machine.name());
        }
        try (Domain defined = connection.define(xml)) {
          if (defined.state().active()) {
            changeMedia(defined, placed);
          }
        }
        return Outcome.DONE;
      }
    });
  }

  /**
   * A disk of ours that somebody has snapshotted by libvirt's own means is written to no more: what
   * came since is in a file of theirs before it, and the machine cannot have both.
   */
  private void requireNoSnapshot(@Nullable Domain there) throws LibvirtError, DriverException {
    if (there == null) {
      return;
    }
    for (Element disk : DomainFacts.foreign(there.xml(Domain.XML_INACTIVE), installation)) {
      String file = DomainFacts.fileName(disk);
      if (file.startsWith("mw-" + installation + "-")) {
        throw conflict(
            "The machine writes to "
                + file
                + ", which a snapshot of libvirt's own has put before its disk; merge it into that"
                + " (virsh blockcommit --active --pivot).",
            there.uuid().toString());
      }
    }
  }

  private static void requireFreeName(Connection connection, MachineDefinition machine)
      throws LibvirtError, DriverException {
    try (Domain holder = connection.domain(machine.name())) {
      if (holder != null && !holder.uuid().equals(machine.mark().uid())) {
        throw conflict(
            "The name " + machine.name() + " is taken on the hypervisor by another machine.",
            holder.uuid().toString());
      }
    }
  }

  private DomainXml.Placed place(
      Connection connection, MachineDefinition machine, @Nullable Domain there)
      throws LibvirtError, DriverException {
    List<String> paths = new ArrayList<>();
    String medium = null;
    DomainXml.PlacedInstaller installer = null;
    try (Pool pool = files.pool(connection)) {
      for (MachineDefinition.Disk disk : machine.disks()) {
        try (Volume volume = files.find(pool, disk.name() + PoolFiles.DISK)) {
          paths.add(existing(volume, "disk", disk.name()).path());
        }
      }
      if (machine.medium() != null) {
        Optional<ObjectName> name = ObjectName.parse(machine.medium());
        try (Volume volume = name.isPresent() ? files.medium(pool, name.get()) : null) {
          medium = existing(volume, "medium", machine.medium()).path();
        }
      }
      if (machine.installer() != null) {
        installer = place(pool, machine.mark(), machine.installer());
      }
    }
    return new DomainXml.Placed(
        acceleration.kvm(connection),
        settings.machineType(),
        settings.openvswitch(),
        paths,
        medium,
        installer,
        there == null
            ? List.of()
            : DomainFacts.foreign(there.xml(Domain.XML_INACTIVE), installation));
  }

  private DomainXml.PlacedInstaller place(
      Pool pool, Mark mark, MachineDefinition.Installer installer)
      throws LibvirtError, DriverException {
    String medium = null;
    if (installer.medium() != null) {
      try (Volume volume = files.image(pool, installer.medium())) {
        medium = existing(volume, "installation medium", installer.medium()).path();
      }
    }
    if (installer.kernel() == null) {
      return new DomainXml.PlacedInstaller(medium, null, null, null);
    }
    String kernel = bootFile(pool, installer.kernel().file());
    String initrd = bootFile(pool, installer.kernel().initrd());
    try (Volume log = files.needLog(pool, mark)) {
      return new DomainXml.PlacedInstaller(medium, kernel, initrd, log.path());
    }
  }

  private String bootFile(Pool pool, String name) throws LibvirtError, DriverException {
    Optional<ObjectName> object = ObjectName.parse(name);
    try (Volume volume = object.isPresent() ? files.bootFile(pool, object.get()) : null) {
      return existing(volume, "file to boot", name).path();
    }
  }

  private static Volume existing(@Nullable Volume volume, String what, String name)
      throws DriverException {
    if (volume == null) {
      throw conflict("There is no " + what + " of this name on the hypervisor.", name);
    }
    return volume;
  }

  private static void rename(Domain domain, String name) throws LibvirtError, DriverException {
    DomainFacts facts = DomainFacts.read(domain.xml(Domain.XML_INACTIVE), "");
    if (facts.name().equals(name)) {
      return;
    }
    if (domain.state().active()) {
      throw conflict("A machine can be renamed only when it is powered off.", facts.name());
    }
    LibvirtError.check(C.virDomainRename(domain.pointer, name, 0));
  }

  private static void changeMedia(Domain domain, DomainXml.Placed placed) throws LibvirtError {
    DomainFacts live = DomainFacts.read(domain.xml(0), "");
    if (!Objects.equals(live.mediumFile(), placed.medium())) {
      change(domain, DomainXml.drive(placed.medium(), live.driveBus()));
    }
    if (placed.installer() == null && live.uses(DomainXml.INSTALLER_TARGET)) {
      change(domain, DomainXml.emptyInstallerDrive(live.driveBus()));
    }
  }

  /**
   * By force: a guest that has much to do opens its tray too late for libvirt, or has locked it.
   */
  private static void change(Domain domain, String drive) throws LibvirtError {
    LibvirtError.check(
        C.virDomainUpdateDeviceFlags(
            domain.pointer, drive, Domain.AFFECT_LIVE | Domain.MODIFY_FORCE));
  }

  @Override
  public Outcome attach(Mark mark, MachineDefinition.Disk disk) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = need(connection, mark, installation)) {
        if (!domain.state().active()) {
          throw conflict("The machine does not run.", mark.uid().toString());
        }
        String path;
        try (Pool pool = files.pool(connection);
            Volume volume = files.find(pool, disk.name() + PoolFiles.DISK)) {
          path = existing(volume, "disk", disk.name()).path();
        }
        // Each of the two may have it already, if somebody died between them.
        DomainFacts live = DomainFacts.read(domain.xml(0), "");
        DomainFacts next = DomainFacts.read(domain.xml(Domain.XML_INACTIVE), "");
        if (live.devices() == Devices.EMULATED) {
          throw new DriverException(
              FaultKind.UNSUPPORTED,
              "The machine's disks are on SATA ports, which take none while it runs; stop it for"
                  + " that.");
        }
        int where =
            (live.files().contains(path) ? 0 : Domain.AFFECT_LIVE)
                | (next.files().contains(path) ? 0 : Domain.AFFECT_CONFIG);
        if (where != 0) {
          // Behind all that it has: libvirt lists them by these names, and one of them may be gone.
          int index = 1 + Math.max(last(domain.xml(0)), last(domain.xml(Domain.XML_INACTIVE)));
          LibvirtError.check(
              C.virDomainAttachDeviceFlags(
                  domain.pointer, DomainXml.disk(disk, path, index), where));
        }
        return Outcome.DONE;
      }
    });
  }

  /** Index of the last one of its disks, whoever's they are; -1 if it has none. */
  private static int last(String xml) throws LibvirtError {
    Set<String> used =
        DomainFacts.allDisks(xml).stream()
            .map(DomainFacts.Target::device)
            .collect(Collectors.toSet());
    int found = -1;
    for (int index = 0; index < MOST_DISKS; index++) {
      found = used.contains(DomainXml.target(index)) ? index : found;
    }
    return found;
  }

  /**
   * First from the machine as it runs, then from its definition, by which it is observed: so it has
   * the disk until its guest has really let go, whoever dies in between.
   */
  @Override
  public Outcome detach(Mark mark, String disk) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = need(connection, mark, installation)) {
        if (!domain.state().active()) {
          throw conflict("The machine does not run.", mark.uid().toString());
        }
        DomainFacts live = DomainFacts.read(domain.xml(0), installation);
        if (live.devices() == Devices.EMULATED) {
          throw new DriverException(
              FaultKind.UNSUPPORTED,
              "The machine's disks are on SATA ports, which let none go while it runs; stop it for"
                  + " that.");
        }
        Optional<DomainFacts.Target> there = live.target(disk, installation);
        if (there.isPresent()) {
          unplug(domain, disk, there.get());
        }
        Optional<DomainFacts.Target> next =
            DomainFacts.read(domain.xml(Domain.XML_INACTIVE), installation)
                .target(disk, installation);
        if (next.isPresent()) {
          LibvirtError.check(
              C.virDomainDetachDeviceFlags(
                  domain.pointer, DomainXml.plugged(next.get()), Domain.AFFECT_CONFIG));
        }
        return Outcome.DONE;
      }
    });
  }

  private void unplug(Domain domain, String disk, DomainFacts.Target there)
      throws LibvirtError, DriverException {
    Optional<String> mounted = QemuAgent.mounted(domain, there.serial());
    if (mounted.isPresent()) {
      throw HotPlug.mounted(mounted.get(), there.toString());
    }
    String said = "";
    try {
      // It waits some seconds for the guest, and says nothing if that takes longer.
      LibvirtError.check(
          C.virDomainDetachDeviceFlags(
              domain.pointer, DomainXml.plugged(there), Domain.AFFECT_LIVE));
    } catch (LibvirtError e) {
      // QEMU says no, too, while the guest that was asked before has not answered.
      if (!e.is(
          LibvirtError.INTERNAL_ERROR,
          LibvirtError.OPERATION_FAILED,
          LibvirtError.OPERATION_INVALID,
          LibvirtError.OPERATION_TIMEOUT,
          LibvirtError.DEVICE_MISSING)) {
        throw e;
      }
      said = FaultKinds.operator(e);
    }
    if (DomainFacts.read(domain.xml(0), installation).target(disk, installation).isPresent()) {
      throw conflict(
          "The guest has not let go of the volume yet; if it is booting, or uses it, that may take"
              + " its time.",
          said.isEmpty() ? "no DEVICE_DELETED for " + there : said);
    }
  }

  // -------------------------------------------------------------------------------------- power

  @Override
  public Outcome start(Mark mark) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = need(connection, mark, installation)) {
        return start(domain);
      }
    });
  }

  private static Outcome start(Domain domain) throws LibvirtError, DriverException {
    Domain.State state = domain.state();
    switch (state.state()) {
      case Domain.PAUSED -> LibvirtError.check(C.virDomainResume(domain.pointer));
      case Domain.PMSUSPENDED -> LibvirtError.check(C.virDomainPMWakeup(domain.pointer, 0));
      case Domain.SHUTDOWN -> throw conflict("The machine is shutting down.", state.toString());
      case Domain.CRASHED -> {
        destroy(domain);
        LibvirtError.check(C.virDomainCreate(domain.pointer));
      }
      case Domain.SHUTOFF -> {
        try {
          LibvirtError.check(C.virDomainCreate(domain.pointer));
        } catch (LibvirtError e) {
          // Somebody else was faster.
          if (!e.is(LibvirtError.OPERATION_INVALID) || !domain.state().active()) {
            throw e;
          }
        }
      }
      default -> {} // it runs
    }
    return Outcome.DONE;
  }

  @Override
  public Outcome stop(Mark mark, boolean force) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = find(connection, mark, installation)) {
        if (domain == null || !Survey.stateOf(domain).active()) {
          return Outcome.DONE;
        }
        if (force) {
          destroy(domain);
          return Outcome.DONE;
        }
        if (domain.state().state() == Domain.PAUSED) {
          // It could not hear.
          LibvirtError.check(C.virDomainResume(domain.pointer));
        }
        try {
          LibvirtError.check(C.virDomainShutdownFlags(domain.pointer, 0));
        } catch (LibvirtError e) {
          Domain.State now = Survey.stateOf(domain);
          if (!now.active()) {
            return Outcome.DONE; // it has stopped meanwhile
          }
          if (now.state() != Domain.SHUTDOWN) {
            throw e;
          }
        }
        return new Outcome.Running("shutdown of " + mark.uid(), SHUTDOWN_POLL);
      }
    });
  }

  private static void destroy(Domain domain) throws LibvirtError {
    try {
      LibvirtError.check(C.virDomainDestroyFlags(domain.pointer, 0));
    } catch (LibvirtError e) {
      // OPERATION_INVALID: it does not run any more, which is as was asked.
      if (!e.is(LibvirtError.OPERATION_INVALID, LibvirtError.NO_DOMAIN)) {
        throw e;
      }
    }
  }

  @Override
  public Outcome reset(Mark mark) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = need(connection, mark, installation)) {
        LibvirtError.check(C.virDomainReset(domain.pointer, 0));
        return Outcome.DONE;
      }
    });
  }

  @Override
  public Outcome remove(Mark mark) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = find(connection, mark, installation)) {
        requireMade(domain);
        if (domain != null && Survey.stateOf(domain).active()) {
          destroy(domain);
        }
        // Before its definition: who dies in between finds that, and begins once more.
        try (Pool pool = files.pool(connection)) {
          files.deleteLogs(pool, mark);
        }
        if (domain != null) {
          undefine(domain);
        }
      }
      return Outcome.DONE;
    });
  }

  private static void undefine(Domain domain) throws LibvirtError {
    if (Survey.stateOf(domain).active()) {
      destroy(domain);
    }
    try {
      LibvirtError.check(C.virDomainUndefineFlags(domain.pointer, UNDEFINE_ALL));
    } catch (LibvirtError e) {
      if (!e.is(LibvirtError.NO_DOMAIN)) {
        throw e;
      }
    }
  }
}

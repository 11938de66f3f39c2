package io.millwright.driver.vsphere;

import io.millwright.driver.Compute;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HotPlug;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.Trust;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.GuestFamily;
import io.millwright.model.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Machines, whose uid is vSphere's instance UUID.
 *
 * <p>vSphere changes what runs at once or not at all; what the contract has count from the next
 * start is noted with the machine ({@link Wanted}) and put into effect when we start it.
 */
final class VmCompute implements Compute, HotPlug {
  private static final Duration SHUTDOWN_POLL = Duration.ofSeconds(2);

  /** Disks of one controller; 7 is its own number. */
  private static final int DISKS = 15;

  private static final int OWN_NUMBER = 7;

  private static final int LARGEST_SOCKET = 64;

  /** After this long vSphere may be waiting for an answer of ours. */
  private static final Duration EJECT = Duration.ofSeconds(3);

  /** Its first two numbers on its SATA controller are drives. */
  private static final int DRIVES = 2;

  /** Keys of the controllers of a machine that is new. */
  private static final long SCSI = -100;

  private static final long AHCI = -200;

  private final Vim vim;
  private final Tasks tasks;
  private final Place.Finder places;
  private final Machines machines;
  private final DatastoreFiles files;
  private final Networks networks;
  private final LinkedDisks links;
  private final boolean linked;
  private final boolean guestInfo;

  /**
   * @param linked true if system disks are linked to their images
   * @param guestInfo true if a machine's seed is to be in its options as well
   */
  VmCompute(
      Vim vim,
      Tasks tasks,
      Place.Finder places,
      Machines machines,
      DatastoreFiles files,
      LinkedDisks links,
      boolean linked,
      boolean guestInfo) {
    this.vim = vim;
    this.tasks = tasks;
    this.places = places;
    this.machines = machines;
    this.files = files;
    this.networks = new Networks(new Collector(vim));
    this.links = links;
    this.linked = linked;
    this.guestInfo = guestInfo;
  }

  // ------------------------------------------------------------------------------------- define

  /** Also whether its disks can be unplugged, if they would have to be. */
  @Override
  public void check(MachineDefinition machine) throws DriverException {
    requirePossible(machine);
    var _ =
        vim.act(() -> {
          Optional<VmFacts> there = machines.find(machine.mark());
          if (there.isPresent() && unplugs(there.get(), Wanted.of(machine))) {
            machines.requireNoSnapshots(there.get());
          }
          return there;
        });
  }

  private static void requirePossible(MachineDefinition machine) throws DriverException {
    if (machine.installer() != null && machine.installer().kernel() != null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED,
          "vSphere starts no kernels by itself; a machine there boots a medium.");
    }
    if (machine.memory().mib() % 4 != 0 || machine.memory().bytes() % (1 << 20) != 0) {
      throw new DriverException(
          FaultKind.REFUSED,
          "vSphere takes memory in multiples of 4MiB, and " + machine.memory() + " is none.");
    }
    if (machine.disks().size() > DISKS) {
      throw new DriverException(
          FaultKind.REFUSED, "A machine on vSphere can have " + DISKS + " disks here, not more.");
    }
    for (MachineDefinition.Nic nic : machine.nics()) {
      if (nic.network() == null) {
        throw new DriverException(
            FaultKind.UNSUPPORTED,
            "vSphere has no bridges; attach the network to a port group, with network: NAME.");
      }
    }
  }

  @Override
  public Outcome define(MachineDefinition machine) throws DriverException {
    Outcome outcome = machines.act(machine.mark().uid(), () -> defined(machine));
    if (outcome instanceof Outcome.Running) {
      vim.act(() -> {
        Optional<VmFacts> there = machines.at(machine.mark().uid());
        if (there.isPresent()) {
          answerEject(there.get().ref());
        }
        return outcome;
      });
    }
    return outcome;
  }

  private Outcome defined(MachineDefinition machine) throws DriverException, VimFault {
    Optional<VmFacts> there = findMade(machine.mark());
    requirePossible(machine);
    Place place = places.get();
    requireFreeName(place, machine, there);
    Map<String, Long> capacities = capacities(place, machine, there);
    if (there.isEmpty()) {
      if (linked) {
        releaseBearers(machine);
      }
      create(place, machine, capacities);
    } else {
      change(place, machine, capacities, there.get());
    }
    return Outcome.DONE;
  }

  /** Of a server that died when it had made the disk. */
  private void releaseBearers(MachineDefinition machine) throws DriverException, VimFault {
    for (MachineDefinition.Disk disk : machine.disks()) {
      Optional<ObjectName> name = ObjectName.parse(disk.name());
      if (name.isPresent() && name.get().role().equals(ObjectName.SYSTEM)) {
        links.release(name.get());
      }
    }
  }

  /** The machine, if it is there; never one that somebody else made. */
  private Optional<VmFacts> findMade(Mark mark) throws DriverException, VimFault {
    Optional<VmFacts> there = machines.find(mark);
    if (there.map(VmFacts::mark).filter(Mark::imported).isPresent()) {
      throw Machines.conflict(
          "The machine was imported: it is neither defined anew nor removed.", mark.toString());
    }
    return there;
  }

  /** vSphere itself minds names within a folder only. */
  private void requireFreeName(Place place, MachineDefinition machine, Optional<VmFacts> there)
      throws DriverException, VimFault {
    if (there.isPresent() && there.get().name().equals(machine.name())) {
      return;
    }
    Element holder =
        Vim.value(
            vim.call(
                vim.content().search(),
                "FindChild",
                place.folder().as("entity"),
                new Element("name").holding(machine.name())));
    if (!holder.text().isEmpty() && (there.isEmpty() || !holder.ref().equals(there.get().ref()))) {
      throw Machines.conflict(
          "The name " + machine.name() + " is taken on the hypervisor by another machine.",
          holder.ref().toString());
    }
  }

  /**
   * Of the disks that are to be plugged in, in KiB; fails if one of them or the medium is not
   * there.
   */
  private Map<String, Long> capacities(
      Place place, MachineDefinition machine, Optional<VmFacts> there)
      throws DriverException, VimFault {
    List<String> patterns = new ArrayList<>();
    List<String> names = machine.disks().stream().map(MachineDefinition.Disk::name).toList();
    List<MachineDefinition.Disk> disks =
        there.isPresent()
                && plugged(there.get()).equals(names)
                && there.get().hardware(files.installation()).models() == machine.devices()
            ? List.of()
            : machine.disks();
    disks.forEach(d -> patterns.add(d.name() + DatastoreFiles.DISK));
    String medium = machine.medium();
    if (there.isPresent() && there.get().mediumFile().equals(medium(place, medium))) {
      medium = null; // it is in the drive already
    }
    if (medium != null) {
      patterns.add(medium + DatastoreFiles.MEDIUM);
    }
    String vendors = vendors(machine);
    if (vendors != null) {
      patterns.add(vendors);
    }
    Map<String, Long> out = new HashMap<>();
    if (patterns.isEmpty()) {
      return out;
    }
    Map<String, DatastoreFiles.Entry> found = files.search(place, patterns);
    for (MachineDefinition.Disk disk : disks) {
      DatastoreFiles.Entry entry = found.get(disk.name() + DatastoreFiles.DISK);
      if (entry == null) {
        throw Machines.conflict("There is no disk of this name on the hypervisor.", disk.name());
      }
      out.put(disk.name(), entry.capacityKib());
    }
    if (medium != null && !found.containsKey(medium + DatastoreFiles.MEDIUM)) {
      throw Machines.conflict("There is no medium of this name on the hypervisor.", medium);
    }
    if (vendors != null && !found.containsKey(vendors)) {
      throw Machines.conflict("The installation medium is not on the hypervisor.", vendors);
    }
    return out;
  }

  /** The file of the vendor's medium that it boots, or null. */
  private @Nullable String vendors(MachineDefinition machine) {
    MachineDefinition.Installer installer = machine.installer();
    return installer == null || installer.medium() == null
        ? null
        : files.image(installer.medium()) + DatastoreFiles.MEDIUM;
  }

  /** A seed for an installer is none for cloud-init. */
  private static @Nullable String seedOf(MachineDefinition machine) {
    return machine.installer() == null ? machine.medium() : null;
  }

  private void create(Place place, MachineDefinition machine, Map<String, Long> capacities)
      throws DriverException, VimFault {
    Element config =
        new Element("config")
            .add("name", machine.name())
            // The guest reads the one, vSphere keeps the other one unique.
            .add("uuid", machine.mark().uid().toString())
            .add("instanceUuid", machine.mark().uid().toString())
            .add("guestId", guestId(machine.guest()))
            .add("annotation", "Managed by Millwright; changes made here are put right again.")
            .add(new Element("files").add("vmPathName", "[" + place.datastoreName() + "]"))
            .add("numCPUs", machine.cores())
            .add("numCoresPerSocket", coresPerSocket(machine.cores()))
            .add("memoryMB", machine.memory().mib());
    Wanted wanted = Wanted.of(machine);
    if (wanted.devices() == Devices.PARAVIRTUAL) {
      config.add(added(controllerOfDisks()));
    }
    config.add(
        added(
            new Element("device")
                .type(VmFacts.controllerType(Devices.EMULATED))
                .add("key", AHCI)
                .add("busNumber", 0)));
    config.add(added(drive(-300, AHCI, 0, medium(place, machine.medium()))));
    String vendors = vendors(machine);
    if (vendors != null) {
      config.add(added(drive(-301, AHCI, 1, files.path(place, vendors))));
    }
    for (Element change :
        disks(
            place,
            wanted,
            capacities,
            wanted.devices() == Devices.EMULATED ? AHCI : SCSI,
            Set.of())) {
      config.add(change);
    }
    for (Element change : nics(place, wanted)) {
      config.add(change);
    }
    notes(config, machine, false);
    seed(place, seedOf(machine)).forEach((key, value) -> Options.note(config, key, value));
    config.add("firmware", firmware(machine.firmware()));
    try {
      tasks.run(place.folder(), "CreateVM_Task", config, place.pool().as("pool"));
    } catch (VimFault e) {
      // Another node was as fast as this one, or an earlier request took effect after all.
      if (!e.is("DuplicateName") || machines.find(machine.mark()).isEmpty()) {
        throw ofHosts(e, place);
      }
    }
  }

  private void change(
      Place place, MachineDefinition machine, Map<String, Long> capacities, VmFacts there)
      throws DriverException, VimFault {
    Element spec = new Element("spec");
    if (!there.name().equals(machine.name())) {
      spec.add("name", machine.name());
    }
    Wanted wanted = Wanted.of(machine);
    boolean later = !there.off();
    if (!later) {
      spec.add("guestId", guestId(machine.guest()));
      sizes(spec, wanted);
    }
    String medium = medium(place, machine.medium());
    boolean changesMedium = !there.mediumFile().equals(medium);
    if (changesMedium) {
      spec.add(changed(driveWith(drive(there), medium)));
    }
    changeVendors(spec, place, vendors(machine), there);
    if (!later) {
      plugs(spec, place, wanted, capacities, there);
    } else if (there.wanted() == null || !there.wanted().nics().equals(wanted.nics())) {
      // What cannot be done at all is refused now and not at the next start.
      var _ = nics(place, wanted);
    }
    notes(spec, machine, later && !matches(there, wanted, place));
    seed(place, seedOf(machine)).forEach((key, value) -> Options.note(spec, key, value));
    if (!later) {
      spec.add("firmware", firmware(wanted.firmware()));
    }
    try {
      tasks.run(EJECT, there.ref(), "ReconfigVM_Task", spec);
    } catch (Tasks.GoesOn e) {
      // A guest that has locked its drive makes vSphere ask whether to eject all the same.
      answerEject(there.ref());
      tasks.finish(e);
    }
  }

  /** True if what runs is what was defined, so that nothing waits for the next start. */
  private boolean matches(VmFacts there, Wanted wanted, Place place) {
    Hardware hardware = there.hardware(files.installation());
    return there.wanted() != null
        && !there.pending()
        && there.cores() == wanted.cores()
        && there.memoryMib() == wanted.memoryMib()
        && there.wanted().firmware() == wanted.firmware()
        && hardware.models() == wanted.devices()
        && there.nics(hardware, place).equals(wanted.nics())
        && plugged(there)
            .equals(wanted.disks().stream().map(MachineDefinition.Disk::name).toList());
  }

  /** True if it has other disks than it shall have, or on another controller. */
  private boolean unplugs(VmFacts there, Wanted wanted) {
    return there.hardware(files.installation()).models() != wanted.devices()
        || !plugged(there)
            .equals(wanted.disks().stream().map(MachineDefinition.Disk::name).toList());
  }

  /** Those of its disks that are ours; what else somebody has plugged in is left as it is. */
  private List<String> plugged(VmFacts there) {
    return ours(there).stream().map(VmFacts.Disk::name).toList();
  }

  private List<VmFacts.Disk> ours(VmFacts there) {
    return there.disks().stream()
        .filter(d ->
            VmFacts.objectName(d.file(), DatastoreFiles.DISK, files.installation()).isPresent())
        .toList();
  }

  /** What is plugged into a controller, but for our disks. */
  private Set<Long> taken(VmFacts there, long controller) {
    Set<Element> ours = Collections.newSetFromMap(new IdentityHashMap<>());
    ours(there).forEach(d -> ours.add(d.device()));
    return there.devices().stream()
        .filter(d -> !ours.contains(d) && d.number("controllerKey") == controller)
        .filter(d -> !d.text("unitNumber").isEmpty())
        .map(d -> d.number("unitNumber"))
        .collect(Collectors.toSet());
  }

  private static void sizes(Element spec, Wanted wanted) {
    spec.add("numCPUs", wanted.cores())
        .add("numCoresPerSocket", coresPerSocket(wanted.cores()))
        .add("memoryMB", wanted.memoryMib());
  }

  /** One socket, where there is none so large a few alike: some systems use two and no more. */
  static int coresPerSocket(int cores) {
    int out = Math.min(cores, LARGEST_SOCKET);
    while (cores % out != 0) {
      out--;
    }
    return out;
  }

  private void plugs(
      Element spec, Place place, Wanted wanted, Map<String, Long> capacities, VmFacts there)
      throws DriverException, VimFault {
    Hardware hardware = there.hardware(files.installation());
    boolean others = hardware.models() != wanted.devices();
    if (unplugs(there, wanted)) {
      machines.requireNoSnapshots(there);
      ours(there).forEach(d -> spec.add(removed(d.device())));
      long controller =
          wanted.devices() == Devices.EMULATED
              ? drive(there).number("controllerKey")
              : there.controller().orElse(SCSI);
      if (controller == SCSI) {
        spec.add(added(controllerOfDisks()));
      }
      disks(place, wanted, capacities, controller, taken(there, controller)).forEach(spec::add);
    }
    if (others || !there.nics(hardware, place).equals(wanted.nics())) {
      there.cards().forEach(card -> spec.add(removed(card)));
      nics(place, wanted).forEach(spec::add);
    }
  }

  // ------------------------------------------------------------------------------------ devices

  static Element added(Element device) {
    return new Element("deviceChange")
        .type("VirtualDeviceConfigSpec")
        .add("operation", "add")
        .add(device);
  }

  /** Of a machine that is new, by the key -100. */
  static Element controllerOfDisks() {
    return new Element("device")
        .type(VmFacts.controllerType(Devices.PARAVIRTUAL))
        .add("key", SCSI)
        .add("busNumber", 0)
        .add("sharedBus", "noSharing");
  }

  private static Element changed(Element device) {
    return new Element("deviceChange")
        .type("VirtualDeviceConfigSpec")
        .add("operation", "edit")
        .add(device);
  }

  /** Unplugs a device; a disk's file stays. */
  static Element removed(Element device) {
    return new Element("deviceChange")
        .type("VirtualDeviceConfigSpec")
        .add("operation", "remove")
        .add(device.named("device").type(device.type()));
  }

  /**
   * @param taken numbers of the controller that somebody else's devices have
   */
  private List<Element> disks(
      Place place, Wanted wanted, Map<String, Long> capacities, long controller, Set<Long> taken)
      throws DriverException, VimFault {
    List<Element> out = new ArrayList<>();
    int at = 0;
    for (MachineDefinition.Disk disk : wanted.disks()) {
      at = free(wanted.devices(), at, taken);
      out.add(
          disk(
              place,
              disk,
              out.size(),
              unit(wanted.devices(), at++),
              controller,
              capacities.getOrDefault(disk.name(), 0L)));
    }
    return out;
  }

  /** The first place from this one on that nothing is plugged into. */
  private static int free(Devices devices, int from, Set<Long> taken) throws DriverException {
    int at = from;
    while (taken.contains((long) unit(devices, at))) {
      at++;
    }
    if (at >= DISKS) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The machine's controller has no place for a further disk; somebody has plugged in disks"
              + " of their own.");
    }
    return at;
  }

  /**
   * @param index 0 for the system disk, then on
   */
  private Element disk(
      Place place,
      MachineDefinition.Disk disk,
      int index,
      int unit,
      long controller,
      long capacityKib)
      throws DriverException, VimFault {
    String path = files.path(place, disk.name() + DatastoreFiles.DISK);
    if (index > 0) {
      nameForGuest(place, path, disk.serial());
    }
    return added(
        new Element("device")
            .type("VirtualDisk")
            .add("key", -400 - index)
            .add(
                new Element("backing")
                    .type("VirtualDiskFlatVer2BackingInfo")
                    .add("fileName", path)
                    // A snapshot that somebody makes leaves data disks alone.
                    .add("diskMode", index == 0 ? "persistent" : "independent_persistent"))
            .add("controllerKey", controller)
            .add("unitNumber", unit)
            .add("capacityInKB", capacityKib));
  }

  /** Of a disk's place, for its controller, whose own number is left out; behind drives on SATA. */
  private static int unit(Devices devices, int index) {
    return switch (devices) {
      case PARAVIRTUAL -> index < OWN_NUMBER ? index : index + 1;
      case EMULATED -> index + DRIVES;
    };
  }

  /**
   * vSphere's disks have no serials, but world wide names that can be set: the guest finds a data
   * disk by the one that is made of its serial.
   */
  private void nameForGuest(Place place, String path, String serial)
      throws DriverException, VimFault {
    vim.call(
        vim.content().disks(),
        "SetVirtualDiskUuid",
        new Element("name").holding(path),
        place.datacenter().as("datacenter"),
        new Element("uuid").holding(diskUuid(serial)));
  }

  /** In vSphere's way of writing: 16 pairs of digits, the first seven digits being its maker's. */
  static String diskUuid(String serial) {
    String digits = "6000c29" + Sha256.hex(serial).substring(0, 25);
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 32; i += 2) {
      out.append(i == 0 ? "" : i == 16 ? "-" : " ").append(digits, i, i + 2);
    }
    return out.toString();
  }

  private List<Element> nics(Place place, Wanted wanted) throws DriverException, VimFault {
    List<Element> out = new ArrayList<>();
    for (MachineDefinition.Nic nic : wanted.nics()) {
      out.add(
          added(
              new Element("device")
                  .type(VmFacts.cardType(wanted.devices()))
                  .add("key", -500 - out.size())
                  .add(networks.backing(place, nic))
                  .add(
                      new Element("connectable")
                          .add("startConnected", true)
                          .add("allowGuestControl", true)
                          .add("connected", true))
                  .add("addressType", "manual")
                  .add("macAddress", nic.mac().text())));
    }
    return out;
  }

  private String medium(Place place, @Nullable String name) {
    return name == null ? "" : files.path(place, name + DatastoreFiles.MEDIUM);
  }

  /** The seed as options; without a medium what an earlier one left there is taken away. */
  private Map<String, String> seed(Place place, @Nullable String medium)
      throws DriverException, VimFault {
    boolean seed =
        medium != null
            && ObjectName.parse(medium).filter(n -> n.role().equals(ObjectName.SEED)).isPresent();
    if (!guestInfo || !seed) {
      return GuestInfo.none();
    }
    try (InputStream in = files.download(place, medium + DatastoreFiles.MEDIUM)) {
      return GuestInfo.of(in.readAllBytes());
    } catch (IOException e) {
      throw Trust.failed(e, "ca or thumbprint");
    }
  }

  /**
   * The second drive is there while a vendor's medium is in it; of a machine that runs it is only
   * emptied.
   */
  private void changeVendors(Element spec, Place place, @Nullable String file, VmFacts there)
      throws DriverException {
    Optional<Element> drive = there.vendorsDrive();
    String path = file == null ? "" : files.path(place, file);
    if (there.vendorsFile().equals(path) && (drive.isEmpty() || !path.isEmpty() || !there.off())) {
      return;
    }
    if (path.isEmpty() && there.off()) {
      spec.add(removed(drive.orElseThrow()));
    } else if (drive.isPresent()) {
      spec.add(changed(driveWith(drive.get(), path)));
    } else if (there.off()) {
      spec.add(added(drive(-301, drive(there).number("controllerKey"), 1, path)));
    } else {
      throw Machines.conflict(
          "A machine gets a second drive only when it is powered off.", there.ref().toString());
    }
  }

  private static Element drive(VmFacts there) throws DriverException {
    return there
        .drive()
        .orElseThrow(() ->
            Machines.conflict(
                "Somebody has removed the machine's drive; rebuild the machine.",
                there.ref().toString()));
  }

  private static Element drive(long key, long controller, int unit, String file) {
    return new Element("device")
        .type("VirtualCdrom")
        .add("key", key)
        .add(driveBacking(file))
        .add(driveState(file))
        .add("controllerKey", controller)
        .add("unitNumber", unit);
  }

  private static Element driveWith(Element drive, String file) {
    Element out = drive.named("device").type("VirtualCdrom");
    out.with(driveBacking(file));
    out.with(driveState(file));
    return out;
  }

  private static Element driveBacking(String file) {
    return file.isEmpty()
        ? new Element("backing")
            .type("VirtualCdromRemotePassthroughBackingInfo")
            .add("deviceName", "")
            .add("exclusive", false)
        : new Element("backing").type("VirtualCdromIsoBackingInfo").add("fileName", file);
  }

  private static Element driveState(String file) {
    return new Element("connectable")
        .add("startConnected", !file.isEmpty())
        .add("allowGuestControl", true)
        .add("connected", !file.isEmpty());
  }

  private static void notes(Element spec, MachineDefinition machine, boolean pending) {
    Options.note(spec, VmFacts.MARK, VmFacts.note(machine.mark()));
    Options.note(spec, VmFacts.DEFINITION, Wanted.of(machine).encode());
    Options.note(spec, VmFacts.PENDING, pending ? "true" : "");
    Options.note(spec, "disk.EnableUUID", "TRUE");
    for (int i = 0; i < machine.nics().size(); i++) {
      // vSphere has a range of its own for addresses that are not its own.
      Options.note(spec, "ethernet" + i + ".checkMACAddress", "false");
    }
  }

  /** Names that vSphere 6.5 knows, and all later ones. */
  private static String guestId(GuestFamily guest) {
    return switch (guest) {
      case LINUX -> "otherLinux64Guest";
      case WINDOWS -> "windows9Server64Guest";
    };
  }

  private static String firmware(Firmware firmware) {
    return switch (firmware) {
      case BIOS -> "bios";
      case UEFI -> "efi";
    };
  }

  private void answerEject(Ref machine) throws DriverException, VimFault {
    Element question =
        new Collector(vim)
            .read(machine, "runtime.question")
            .get("runtime.question")
            .orElse(new Element("question"));
    String text = (question.text("text") + question.text("message", "id")).toLowerCase(Locale.ROOT);
    if (text.contains("cdrom") || text.contains("cd-rom")) {
      vim.call(
          machine,
          "AnswerVM",
          new Element("questionId").holding(question.text("id")),
          new Element("answerChoice").holding("0"));
    }
  }

  // ----------------------------------------------------------------------------------- hot plug

  @Override
  public Outcome attach(Mark mark, MachineDefinition.Disk disk) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          VmFacts there = machines.need(mark);
          if (!there.power().equals("poweredOn")) {
            throw Machines.conflict("The machine does not run.", there.power());
          }
          if (there.hardware(files.installation()).models() == Devices.EMULATED) {
            throw new DriverException(
                FaultKind.UNSUPPORTED,
                "The machine's disks are on SATA ports, which take none while it runs; stop it for"
                    + " that.");
          }
          Place place = places.get();
          String file = disk.name() + DatastoreFiles.DISK;
          if (there.disks().stream().anyMatch(d -> d.file().equals(files.path(place, file)))) {
            return Outcome.DONE;
          }
          DatastoreFiles.Entry entry = files.search(place, List.of(file)).get(file);
          if (entry == null) {
            throw Machines.conflict(
                "There is no disk of this name on the hypervisor.", disk.name());
          }
          Element spec = new Element("spec");
          spec.add(
              disk(
                  place,
                  disk,
                  Math.max(1, ours(there).size()),
                  behind(there, controller(there)),
                  controller(there),
                  entry.capacityKib()));
          // In one request with the plug, so that the next start knows of it in any case.
          Wanted wanted = there.wanted();
          if (wanted != null) {
            Options.note(spec, VmFacts.DEFINITION, wanted.with(disk).encode());
          }
          tasks.run(there.ref(), "ReconfigVM_Task", spec);
          return Outcome.DONE;
        });
  }

  @Override
  public Outcome detach(Mark mark, String disk) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          VmFacts there = machines.need(mark);
          if (!there.power().equals("poweredOn")) {
            throw Machines.conflict("The machine does not run.", there.power());
          }
          if (there.hardware(files.installation()).models() == Devices.EMULATED) {
            throw new DriverException(
                FaultKind.UNSUPPORTED,
                "The machine's disks are on SATA ports, which let none go while it runs; stop it"
                    + " for that.");
          }
          Optional<Element> device =
              there.disks().stream()
                  .filter(d ->
                      VmFacts.objectName(d.file(), DatastoreFiles.DISK, files.installation())
                          .filter(disk::equals)
                          .isPresent())
                  .map(VmFacts.Disk::device)
                  .findFirst();
          Wanted wanted = there.wanted();
          boolean noted =
              wanted != null && wanted.disks().stream().anyMatch(d -> d.name().equals(disk));
          if (device.isEmpty() && !noted) {
            return Outcome.DONE;
          }
          Element spec = new Element("spec");
          if (device.isPresent()) {
            machines.requireNoSnapshots(there);
            requireUnmounted(there, device.get());
            spec.add(removed(device.get()));
          }
          if (wanted != null) {
            Options.note(spec, VmFacts.DEFINITION, wanted.without(disk).encode());
          }
          tasks.run(there.ref(), "ReconfigVM_Task", spec);
          return Outcome.DONE;
        });
  }

  /**
   * vSphere pulls a disk out without asking the guest. Tools of vSphere 7 and later tell which disk
   * a file system is on; others do not, and then the promise has to do with which this is asked.
   */
  private void requireUnmounted(VmFacts there, Element device) throws DriverException, VimFault {
    Collector.Found guest =
        new Collector(vim).read(there.ref(), "guest.toolsRunningStatus", "guest.disk");
    if (!guest.text("guest.toolsRunningStatus").equals("guestToolsRunning")) {
      return;
    }
    for (Element system : guest.get("guest.disk").map(Element::children).orElse(List.of())) {
      if (system.all("mappings").anyMatch(m -> m.text("key").equals(device.text("key")))) {
        throw HotPlug.mounted(system.text("diskPath"), device.text("key"));
      }
    }
  }

  /** A free number of this controller behind all disks of ours. */
  private int behind(VmFacts there, long controller) throws DriverException {
    long unit =
        ours(there).stream().mapToLong(d -> d.device().number("unitNumber")).max().orElse(-1);
    int at = Math.toIntExact(unit < OWN_NUMBER ? unit + 1 : unit);
    if (at >= DISKS) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The machine has no place for a further disk while it runs; stop it for that.");
    }
    return unit(Devices.PARAVIRTUAL, free(Devices.PARAVIRTUAL, at, taken(there, controller)));
  }

  private static long controller(VmFacts there) throws DriverException {
    return there
        .controller()
        .orElseThrow(() ->
            Machines.conflict(
                "Somebody has removed the controller of the machine's disks; stop the machine.",
                there.ref().toString()));
  }

  // -------------------------------------------------------------------------------------- power

  @Override
  public Outcome start(Mark mark) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          VmFacts there = machines.need(mark);
          if (there.power().equals("poweredOn")) {
            return Outcome.DONE;
          }
          if (there.off()) {
            catchUp(there);
          }
          try {
            tasks.run(there.ref(), "PowerOnVM_Task");
          } catch (VimFault e) {
            // Somebody else was faster.
            if (!e.is("InvalidPowerState") || !machines.need(mark).power().equals("poweredOn")) {
              throw ofHost(e, there.ref());
            }
          }
          return Outcome.DONE;
        });
  }

  /**
   * Puts into effect what was defined while it ran, and takes out a drive that was emptied then.
   */
  private void catchUp(VmFacts there) throws DriverException, VimFault {
    Wanted wanted = there.wanted();
    if (wanted == null) {
      return;
    }
    Place place = places.get();
    Optional<Element> emptied = there.vendorsDrive().filter(d -> there.vendorsFile().isEmpty());
    if (matches(there, wanted, place)) {
      if (emptied.isPresent()) {
        Element spec = new Element("spec").add(removed(emptied.get()));
        tasks.run(there.ref(), "ReconfigVM_Task", spec);
      }
      return;
    }
    List<String> patterns =
        wanted.disks().stream().map(d -> d.name() + DatastoreFiles.DISK).toList();
    Map<String, Long> capacities = new HashMap<>();
    if (!patterns.isEmpty()) {
      files
          .search(place, patterns)
          .forEach((name, e) ->
              capacities.put(
                  name.substring(0, name.length() - DatastoreFiles.DISK.length()),
                  e.capacityKib()));
    }
    for (MachineDefinition.Disk disk : wanted.disks()) {
      if (!capacities.containsKey(disk.name())) {
        throw Machines.conflict("There is no disk of this name on the hypervisor.", disk.name());
      }
    }
    Element spec = new Element("spec");
    sizes(spec, wanted);
    emptied.ifPresent(drive -> spec.add(removed(drive)));
    plugs(spec, place, wanted, capacities, there);
    Options.note(spec, VmFacts.PENDING, "");
    spec.add("firmware", firmware(wanted.firmware()));
    tasks.run(there.ref(), "ReconfigVM_Task", spec);
  }

  @Override
  public Outcome stop(Mark mark, boolean force) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          Optional<VmFacts> there = machines.find(mark);
          if (there.isEmpty() || there.get().off()) {
            return Outcome.DONE;
          }
          if (force) {
            machines.powerOff(there.get().ref());
            return Outcome.DONE;
          }
          if (there.get().power().equals("suspended")) {
            // It could not hear.
            tasks.run(there.get().ref(), "PowerOnVM_Task");
          }
          try {
            vim.call(there.get().ref(), "ShutdownGuest");
          } catch (VimFault e) {
            if (e.is("ToolsUnavailable")) {
              throw new DriverException(
                  FaultKind.CONFLICT,
                  "The guest cannot be asked to stop, for its tools do not run; cut the power.",
                  e.operator(),
                  e);
            }
            Optional<VmFacts> now = machines.find(mark);
            if (e.is("InvalidPowerState") && (now.isEmpty() || now.get().off())) {
              return Outcome.DONE; // it has stopped meanwhile
            }
            throw e;
          }
          return new Outcome.Running("shutdown of " + there.get().ref(), SHUTDOWN_POLL);
        });
  }

  @Override
  public Outcome reset(Mark mark) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          VmFacts there = machines.need(mark);
          if (!there.power().equals("poweredOn")) {
            throw Machines.conflict("The machine does not run.", there.power());
          }
          try {
            tasks.run(there.ref(), "ResetVM_Task");
          } catch (VimFault e) {
            throw ofHost(e, there.ref());
          }
          return Outcome.DONE;
        });
  }

  /**
   * A state that forbids this may be the machine's, or its host's, which is entering maintenance or
   * is in it: vSphere says the same.
   */
  private VimFault ofHost(VimFault fault, Ref machine) throws DriverException, VimFault {
    if (!fault.is("InvalidState")) {
      return fault;
    }
    Collector collector = new Collector(vim);
    Ref host =
        collector
            .read(machine, "runtime.host")
            .get("runtime.host")
            .map(Element::ref)
            .orElse(new Ref("", ""));
    boolean maintained =
        !host.value().isEmpty()
            && collector
                .read(host, "runtime.inMaintenanceMode")
                .text("runtime.inMaintenanceMode")
                .equals("true");
    return maintained ? fault.as(FaultKinds.IN_MAINTENANCE) : fault;
  }

  /** The same of a machine that no host has yet: none of the place may be one to take it. */
  private VimFault ofHosts(VimFault fault, Place place) throws DriverException, VimFault {
    if (!fault.is("InvalidState")) {
      return fault;
    }
    Collector collector = new Collector(vim);
    List<Ref> hosts = collector.read(place.compute(), "host").refs("host");
    for (Ref host : hosts) {
      if (!collector
          .read(host, "runtime.inMaintenanceMode")
          .text("runtime.inMaintenanceMode")
          .equals("true")) {
        return fault;
      }
    }
    return hosts.isEmpty() ? fault : fault.as(FaultKinds.IN_MAINTENANCE);
  }

  @Override
  public Outcome remove(Mark mark) throws DriverException {
    return machines.act(
        mark.uid(),
        () -> {
          Optional<VmFacts> there = findMade(mark);
          if (there.isPresent()) {
            machines.destroy(there.get());
          }
          return Outcome.DONE;
        });
  }
}

package io.millwright.driver.proxmox;

import io.millwright.driver.Compute;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.proxmox.Cluster.Guest;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Machines. Proxmox VE keeps what counts from the next start by itself, if a machine takes nothing
 * in while it runs: therefore {@code hotplug=0}. A medium is changed at once all the same.
 */
final class QemuCompute implements Compute {
  private static final Duration SHUTDOWN_POLL = Duration.ofSeconds(2);

  /**
   * How long a guest that was asked to stop is waited for by Proxmox VE; then it is asked again.
   */
  private static final String SHUTDOWN_SECONDS = "60";

  /** As many as there are places for. */
  private static int disks(Devices devices) {
    return switch (devices) {
      case PARAVIRTUAL -> 31;
      case EMULATED -> 6;
    };
  }

  private static final int LEAST_MIB = 16;

  private final Api api;
  private final Tasks tasks;
  private final Settings settings;
  private final Guests guests;
  private final Contents contents;

  QemuCompute(Api api, Tasks tasks, Settings settings, Guests guests, Contents contents) {
    this.api = api;
    this.tasks = tasks;
    this.settings = settings;
    this.guests = guests;
    this.contents = contents;
  }

  // ------------------------------------------------------------------------------------- define

  @Override
  public void check(MachineDefinition machine) throws DriverException {
    if (machine.installer() != null && machine.installer().kernel() != null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED,
          "Proxmox VE starts no kernels by itself; a machine there boots a medium.");
    }
    if (machine.memory().mib() < LEAST_MIB) {
      throw new DriverException(
          FaultKind.REFUSED, "Proxmox VE takes memory from " + LEAST_MIB + "MiB on.");
    }
    int most = disks(machine.devices());
    if (machine.disks().size() > most) {
      throw new DriverException(
          FaultKind.REFUSED,
          "A machine with such devices on Proxmox VE can have " + most + " disks, not more.");
    }
    for (MachineDefinition.Nic nic : machine.nics()) {
      if (nic.bridge() == null) {
        throw new DriverException(
            FaultKind.UNSUPPORTED,
            "Proxmox VE has bridges; attach the network with bridge: NAME, which may be a VNet.");
      }
    }
  }

  @Override
  public Outcome define(MachineDefinition machine) throws DriverException {
    return guests.alone(
        machine.mark().uid(),
        () -> {
          Cluster cluster = Cluster.read(api);
          Optional<Guest> there = guests.find(cluster, machine.mark());
          if (there.isPresent()) {
            Guests.requireMade(there.get());
          }
          check(machine);
          Cluster.Place place = cluster.place(settings);
          requireFreeName(cluster, machine.name(), there);
          Options now = there.isPresent() ? guests.options(there.get()) : new Options(Map.of());
          List<String> places = places(cluster, machine, now);
          Map<String, String> values = values(cluster, place, machine, places);
          requireFree(
              cluster,
              machine,
              places.stream().map(at -> values.getOrDefault(at, "")).toList(),
              now);
          requireBridges(there.map(Guest::node).orElse(place.node().name()), machine);
          if (there.isPresent()) {
            change(cluster, place, machine, values, there.get(), now);
            return Outcome.DONE;
          }
          Guests.Number free = guests.number(cluster, machine.mark().uid().toString());
          if (free.making() != null) {
            return free.making();
          }
          int number = free.number();
          values.put("tags", new Label(machine.mark(), null, number).toString());
          values.putIfAbsent("cpu", Settings.CPU);
          values.put("serial0", "socket");
          values.put("vga", "std");
          values.put("onboot", "0");
          if (machine.firmware() == Firmware.UEFI) {
            values.put("efidisk0", variables(place));
          }
          return guests.make(place, number, values, tasks.patience());
        });
  }

  /**
   * A machine of ours that runs has a disk until it stops, whatever it is to have from its next
   * start, and on block storage nothing keeps two from writing to it. Asked of volumes that are new
   * here only.
   *
   * @param disks the values of its disks, in order
   */
  private void requireFree(
      Cluster cluster, MachineDefinition machine, List<String> disks, Options now)
      throws DriverException, PveFault {
    List<Guest> others =
        cluster
            .machines()
            .filter(guests::isOurs)
            .filter(g -> g.status().equals("running"))
            .filter(g ->
                g.label()
                    .filter(l -> l.role() == null && !l.mark().uid().equals(machine.mark().uid()))
                    .isPresent())
            .toList();
    for (int i = 0; i < disks.size(); i++) {
      boolean own =
          ObjectName.parse(machine.disks().get(i).name())
              .filter(name -> name.mark().uid().equals(machine.mark().uid()))
              .isPresent();
      String volume = Options.properties(disks.get(i), "file").getOrDefault("file", "");
      if (own || others.isEmpty() || now.volumes().contains(volume)) {
        continue;
      }
      List<Guests.User> users = guests.users(others, volume);
      if (!users.isEmpty()) {
        throw Guests.conflict(
            "Another machine has one of its disks, and keeps it until it stops.",
            "VM " + users.getFirst().guest().number() + " has " + volume);
      }
    }
  }

  /** Proxmox VE itself does not mind names. */
  private static void requireFreeName(Cluster cluster, String name, Optional<Guest> there)
      throws DriverException {
    Optional<Guest> holder =
        cluster
            .machines()
            .filter(g -> g.name().equals(name))
            .filter(g -> there.isEmpty() || there.get().number() != g.number())
            .findFirst();
    if (holder.isPresent()) {
      throw Guests.conflict(
          "The name " + name + " is taken on the hypervisor by another machine.",
          "VM " + holder.get().number());
    }
  }

  private void requireBridges(String node, MachineDefinition machine)
      throws DriverException, PveFault {
    if (machine.nics().isEmpty()) {
      return;
    }
    Set<String> there = new TreeSet<>();
    for (JsonNode each :
        api.get(Api.path("nodes", node, "network"), Map.of("type", "any_bridge"))) {
      there.add(each.path("iface").asString(""));
    }
    for (MachineDefinition.Nic nic : machine.nics()) {
      if (!there.contains(nic.bridge())) {
        throw Guests.refused(
            "The node "
                + node
                + " has no bridge "
                + nic.bridge()
                + (there.isEmpty()
                    ? ", or none that the token may see."
                    : "; it has " + String.join(", ", there) + "."),
            nic.toString());
      }
    }
  }

  /** For the variables of the firmware; it is the machine's own, and goes with it. */
  private static String variables(Cluster.Place place) {
    return place.storage().name() + ":1,efitype=4m,pre-enrolled-keys=0";
  }

  /** Where its disks are plugged in, in order: past those that somebody else has plugged in. */
  private List<String> places(Cluster cluster, MachineDefinition machine, Options now)
      throws DriverException {
    Set<String> taken = new TreeSet<>();
    now.disks().stream()
        .filter(d -> !guests.isOurs(cluster, d.volume()))
        .forEach(d -> taken.add(d.at()));
    List<String> out = new ArrayList<>();
    for (int i = 0; out.size() < machine.disks().size(); i++) {
      String at = Options.diskAt(machine.devices(), i);
      if (i >= disks(machine.devices())) {
        throw Guests.refused(
            "The machine has no place for all its disks; somebody has plugged in disks of their"
                + " own.",
            String.join(", ", taken));
      }
      if (!taken.contains(at)) {
        out.add(at);
      }
    }
    return out;
  }

  private Map<String, String> values(
      Cluster cluster, Cluster.Place place, MachineDefinition machine, List<String> places)
      throws DriverException, PveFault {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("name", machine.name());
    out.put(
        "description",
        "Managed by Millwright; changes made here are put right again.\n\n"
            + machine.mark().uid()
            + ", generation "
            + machine.mark().generation());
    out.put("ostype", Options.system(machine.guest()));
    out.put("cores", Integer.toString(machine.cores()));
    out.put("sockets", "1");
    if (settings.cpu() != null) {
      out.put("cpu", settings.cpu());
    }
    out.put("memory", Long.toString(machine.memory().mib()));
    out.put("bios", machine.firmware() == Firmware.UEFI ? "ovmf" : "seabios");
    out.put("smbios1", "uuid=" + machine.mark().uid());
    out.put("agent", "1");
    out.put("hotplug", "0");
    out.put("scsihw", "virtio-scsi-pci");
    out.put("boot", "order=" + String.join(";", bootOrder(machine, places)));
    Map<Integer, List<Contents.Volume>> volumes =
        machine.disks().isEmpty() ? Map.of() : contents.disks(place);
    int n = 0;
    for (MachineDefinition.Disk disk : machine.disks()) {
      Optional<Guest> holder =
          ObjectName.parse(disk.name()).flatMap(name -> guests.holder(cluster, name));
      Contents.Volume volume =
          (holder.isEmpty()
                  ? Optional.<Contents.Volume>empty()
                  : guests.held(holder.get(), volumes))
              .orElseThrow(() ->
                  Guests.conflict("There is no disk of this name on the hypervisor.", disk.name()));
      out.put(places.get(n++), volume.id() + ",serial=" + disk.serial());
    }
    n = 0;
    for (MachineDefinition.Nic nic : machine.nics()) {
      out.put("net" + n++, Options.card(nic, machine.devices()));
    }
    out.put(Options.DRIVE, medium(place, machine.medium()) + ",media=cdrom");
    MachineDefinition.Installer installer = machine.installer();
    if (installer != null && installer.medium() != null) {
      out.put(Options.VENDORS, vendors(place, installer.medium()) + ",media=cdrom");
    }
    return out;
  }

  /** What is not in it is never booted, however little there is on what is. */
  private static List<String> bootOrder(MachineDefinition machine, List<String> places) {
    List<String> out = new ArrayList<>(places.stream().limit(1).toList());
    if (machine.installer() != null) {
      out.add(Options.VENDORS);
    } else if (machine.disks().isEmpty() || installs(machine.medium())) {
      out.add(Options.DRIVE);
    }
    return out;
  }

  private static boolean installs(@Nullable String medium) {
    return medium != null
        && ObjectName.parse(medium).filter(n -> n.role().equals(ObjectName.INSTALLER)).isPresent();
  }

  private String vendors(Cluster.Place place, String sha256) throws DriverException, PveFault {
    return contents.images(place).stream()
        .filter(i -> i.sha256().equals(sha256) && i.medium())
        .findFirst()
        .orElseThrow(
            () -> Guests.conflict("The installation medium is not on the hypervisor.", sha256))
        .volume()
        .id();
  }

  private String medium(Cluster.Place place, @Nullable String name)
      throws DriverException, PveFault {
    if (name == null) {
      return "none";
    }
    Contents.Volume volume = ObjectName.parse(name).map(contents.media(place)::get).orElse(null);
    if (volume == null) {
      throw Guests.conflict("There is no medium of this name on the hypervisor.", name);
    }
    return volume.id();
  }

  /** Writes what is different only, and only over what was read. */
  private void change(
      Cluster cluster,
      Cluster.Place place,
      MachineDefinition machine,
      Map<String, String> values,
      Guest there,
      Options now)
      throws DriverException, PveFault {
    if (!now.text(Options.VENDORS).isEmpty()) {
      // A drive is emptied at once, and taken out at the next start only.
      values.putIfAbsent(Options.VENDORS, "none,media=cdrom");
    }
    Map<String, String> changes = new LinkedHashMap<>();
    values.forEach((name, value) -> {
      if (!same(name, now.text(name), value)) {
        changes.put(name, value);
      }
    });
    if (machine.firmware() == Firmware.UEFI && now.text("efidisk0").isEmpty()) {
      changes.put("efidisk0", variables(place));
    }
    Set<String> tags = new TreeSet<>(there.tags());
    tags.removeIf(tag -> Label.parse(tag).isPresent());
    tags.add(new Label(machine.mark(), null, there.number()).toString());
    if (!tags.equals(new TreeSet<>(there.tags()))) {
      changes.put("tags", String.join(";", tags));
    }
    List<String> gone = new ArrayList<>();
    now.disks().stream()
        .filter(d -> guests.isOurs(cluster, d.volume()))
        .map(Options.Plugged::at)
        .filter(at -> !values.containsKey(at))
        .forEach(gone::add);
    now.cards().stream().filter(at -> !values.containsKey(at)).forEach(gone::add);
    if (!gone.isEmpty()) {
      changes.put("delete", String.join(",", gone));
    }
    if (changes.isEmpty()) {
      return;
    }
    if (!now.text("digest").isEmpty()) {
      changes.put("digest", now.text("digest"));
    }
    tasks.finish(
        api.post(Guests.path(there, "config"), changes), "the change of VM " + there.number());
  }

  /** Proxmox VE adds to what it was given, such as sizes, and writes it in an order of its own. */
  private static boolean same(String name, String there, String wanted) {
    if (Options.isDisk(name) && !name.startsWith("ide")) {
      Map<String, String> is = Options.properties(there, "file");
      Map<String, String> shall = Options.properties(wanted, "file");
      return Objects.equals(is.get("file"), shall.get("file"))
          && Objects.equals(is.get("serial"), shall.get("serial"))
          && !is.containsKey("ro");
    }
    if (name.startsWith("net")) {
      Options is = new Options(Map.of("net0", there));
      Options shall = new Options(Map.of("net0", wanted));
      return is.nics().equals(shall.nics()) && is.devices(_ -> true) == shall.devices(_ -> true);
    }
    if (name.equals(Options.DRIVE) || name.equals(Options.VENDORS)) {
      return !there.isEmpty()
          && new Options(Map.of(name, there))
              .medium(name)
              .equals(new Options(Map.of(name, wanted)).medium(name));
    }
    if (name.equals("cpu")) {
      return Objects.equals(
          Options.properties(there, "cputype").get("cputype"),
          Options.properties(wanted, "cputype").get("cputype"));
    }
    if (name.equals("smbios1")) {
      return new Options(Map.of(name, there))
          .uuid()
          .equals(new Options(Map.of(name, wanted)).uuid());
    }
    return there.strip().equals(wanted);
  }

  // -------------------------------------------------------------------------------------- power

  private JsonNode status(Guest guest) throws DriverException, PveFault {
    return api.get(Guests.path(guest, "status", "current"));
  }

  private void command(Guest guest, String verb, Map<String, String> values)
      throws DriverException, PveFault {
    try {
      tasks.finish(
          api.post(Guests.path(guest, "status", verb), values), verb + " of VM " + guest.number());
    } catch (PveFault e) {
      // Somebody was as fast as we, and it is as was asked.
      if (!e.says("already running") && !(verb.equals("stop") && e.says("not running"))) {
        throw e;
      }
    }
  }

  @Override
  public Outcome start(Mark mark) throws DriverException {
    return guests.alone(
        mark.uid(),
        () -> {
          Guest guest = guests.need(Cluster.read(api), mark);
          JsonNode status = status(guest);
          switch (Power.of(status)) {
            case RUNNING -> {}
            case PAUSED -> command(guest, "resume", Map.of());
            case CRASHED -> {
              command(guest, "stop", Map.of());
              command(guest, "start", Map.of());
            }
            case STOPPED -> {
              if (status.path("status").asString("").equals("running")) {
                command(guest, "stop", Map.of()); // the guest has ended, QEMU has not
              }
              command(guest, "start", Map.of());
            }
          }
          return Outcome.DONE;
        });
  }

  @Override
  public Outcome stop(Mark mark, boolean force) throws DriverException {
    return guests.alone(
        mark.uid(),
        () -> {
          Optional<Guest> there = guests.find(Cluster.read(api), mark);
          if (there.isEmpty()) {
            return Outcome.DONE;
          }
          Guest guest = there.get();
          if (!status(guest).path("status").asString("").equals("running")) {
            return Outcome.DONE;
          }
          Optional<String> asked = tasks.active(guest.node(), guest.number(), "qmshutdown");
          if (force) {
            // A request to the guest that goes on would keep the machine locked.
            command(guest, "stop", asked.isPresent() ? Map.of("overrule-shutdown", "1") : Map.of());
            return Outcome.DONE;
          }
          if (asked.isPresent()) {
            return new Outcome.Running(asked.get(), SHUTDOWN_POLL);
          }
          JsonNode begun =
              api.post(
                  Guests.path(guest, "status", "shutdown"), Map.of("timeout", SHUTDOWN_SECONDS));
          return new Outcome.Running(begun.asString(""), SHUTDOWN_POLL);
        });
  }

  @Override
  public Outcome reset(Mark mark) throws DriverException {
    return guests.alone(
        mark.uid(),
        () -> {
          Guest guest = guests.need(Cluster.read(api), mark);
          if (Power.of(status(guest)) != Observation.State.RUNNING) {
            throw Guests.conflict("The machine does not run.", "VM " + guest.number());
          }
          command(guest, "reset", Map.of());
          return Outcome.DONE;
        });
  }

  @Override
  public Outcome remove(Mark mark) throws DriverException {
    return guests.alone(
        mark.uid(),
        () -> {
          Optional<Guest> there = guests.find(Cluster.read(api), mark);
          if (there.isEmpty()) {
            return Outcome.DONE;
          }
          Guest guest = there.get();
          Guests.requireMade(guest);
          requireNothingOfItsOwn(guest);
          if (status(guest).path("status").asString("").equals("running")) {
            command(guest, "stop", Map.of());
          }
          guests.destroy(guest);
          return Outcome.DONE;
        });
  }

  /** Proxmox VE would delete with the machine what somebody has given it there. */
  private void requireNothingOfItsOwn(Guest guest) throws DriverException, PveFault {
    Options options = guests.options(guest);
    String variables =
        Options.properties(options.text("efidisk0"), "file").getOrDefault("file", "");
    String own = String.format(Locale.ROOT, "-%d-", guest.number());
    List<String> strange =
        options.volumes().stream()
            .filter(volume -> !volume.equals(variables))
            .filter(volume -> volume.contains(own) && !volume.contains("cloudinit"))
            .toList();
    if (!strange.isEmpty()) {
      throw Guests.conflict(
          "Somebody has given the machine disks of its own on the hypervisor, which would be"
              + " deleted with it; have them moved or removed there.",
          String.join(", ", strange));
    }
  }
}

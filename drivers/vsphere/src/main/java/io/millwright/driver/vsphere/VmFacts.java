package io.millwright.driver.vsphere;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What vSphere says of a machine.
 *
 * @param mark null for a foreign one
 * @param noted the mark that is written on it, whosever it is, or null; that of a clone is of what
 *     it was cloned from
 * @param wanted what it was last defined as by us, or null
 * @param pending true if what it was last defined as counts from its next start
 * @param devices as they were read, to be sent back as they are; none of one that was listed
 */
record VmFacts(
    Ref ref,
    UUID uid,
    String name,
    @Nullable Mark mark,
    @Nullable Mark noted,
    String power,
    boolean crashed,
    int cores,
    long memoryMib,
    @Nullable Wanted wanted,
    boolean pending,
    List<Element> devices) {

  static final String MARK = "millwright.mark";
  static final String DEFINITION = "millwright.definition";
  static final String PENDING = "millwright.pending";

  /** A machine's properties, of which its own facts are made, but for its devices. */
  static final List<String> PATHS =
      List.of(
          "name",
          "runtime.powerState",
          "runtime.cleanPowerOff",
          "summary.config.instanceUuid",
          "config.hardware.numCPU",
          "config.hardware.memoryMB");

  static final String DEVICES = "config.hardware.device";

  private static final Pattern NOTE =
      Pattern.compile("([0-9a-f]{8}) ([0-9a-f-]{36}) ([0-9]{1,18})");

  private static final Pattern IMAGE = Pattern.compile("/mw-[0-9a-f]{8}-image-[^/]*$");

  /** How a mark is noted. */
  static String note(Mark mark) {
    return mark.installation() + " " + mark.uid() + " " + mark.generation();
  }

  static VmFacts of(Collector.Found found, String installation) {
    UUID uid = uuid(found.text("summary.config.instanceUuid"));
    Map<String, String> options = options(found);
    Mark noted = mark(options.getOrDefault(MARK, ""));
    // A clone that somebody made of a machine of ours carries its note, and another uid.
    boolean ours =
        noted != null && noted.uid().equals(uid) && noted.installation().equals(installation);
    // What one that was imported was cloned from may have been defined by us; itself it was not.
    boolean made = noted != null && ours && !noted.imported();
    String power = found.text("runtime.powerState");
    return new VmFacts(
        found.ref(),
        uid,
        found.text("name"),
        ours ? noted : null,
        noted,
        power,
        power.equals("poweredOff") && found.text("runtime.cleanPowerOff").equals("false"),
        (int) found.number("config.hardware.numCPU"),
        found.number("config.hardware.memoryMB"),
        made ? Wanted.decode(options.getOrDefault(DEFINITION, "")).orElse(null) : null,
        made && !power.equals("poweredOff") && "true".equals(options.get(PENDING)),
        devices(found));
  }

  static List<Element> devices(Collector.Found found) {
    return found.get(DEVICES).map(Element::children).orElse(List.of());
  }

  /** The values of extra options, whether ours were read alone or with all others. */
  private static Map<String, String> options(Collector.Found found) {
    Map<String, String> out = new HashMap<>();
    for (String key : Options.KEYS) {
      found
          .get(Options.path(key))
          .ifPresent(
              alone -> out.put(key, alone.find("value").map(Element::text).orElse(alone.text())));
    }
    // What was set last is what counts.
    found
        .get(Options.ALL)
        .ifPresent(all -> all.children().forEach(o -> out.put(o.text("key"), o.text("value"))));
    return out;
  }

  static UUID uuid(String text) {
    try {
      return UUID.fromString(text.toLowerCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      return new UUID(0, 0);
    }
  }

  private static @Nullable Mark mark(String note) {
    Matcher m = NOTE.matcher(note);
    try {
      return m.matches()
          ? new Mark(m.group(1), UUID.fromString(m.group(2)), Long.parseLong(m.group(3)))
          : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** True for one that is just being made, or that no host can read. */
  boolean nameless() {
    return uid.equals(new UUID(0, 0));
  }

  boolean off() {
    return power.equals("poweredOff");
  }

  // ------------------------------------------------------------------------------------ devices

  /** A disk as it is plugged in. */
  record Disk(Element device, String file) {
    /** What it is called without directory and ending. */
    String name() {
      String base = file.substring(Math.max(file.lastIndexOf('/'), file.lastIndexOf(' ')) + 1);
      return base.endsWith(".vmdk") ? base.substring(0, base.length() - 5) : base;
    }

    /** All that it is made of, the snapshots' too, as they are called within their datastores. */
    List<String> files() {
      List<String> out = new ArrayList<>();
      Optional<Element> at = device.find("backing");
      while (at.isPresent()) {
        out.add(inDatastore(at.get().text("fileName")));
        at = at.get().find("parent");
      }
      return out;
    }

    /**
     * True if a snapshot of vSphere's own is above its file, which what is written leaves alone.
     */
    boolean snapped() {
      return !inDatastore(device.text("backing", "fileName")).equals(inDatastore(file));
    }

    /** True if what is at its bottom is an image's copy, and not its own file. */
    boolean linked() {
      return files().stream().skip(1).anyMatch(file -> IMAGE.matcher("/" + file).find());
    }
  }

  /** A file without its datastore, which may get another name at any time. */
  static String inDatastore(String path) {
    return path.startsWith("[") ? path.substring(path.indexOf(']') + 1).strip() : path;
  }

  /** In the order in which the machine sees them. */
  List<Disk> disks() {
    return disks(devices);
  }

  static List<Disk> disks(List<Element> devices) {
    return devices.stream()
        .filter(d -> d.type().equals("VirtualDisk"))
        .sorted(
            Comparator.comparingLong((Element d) -> d.number("controllerKey"))
                .thenComparingLong(d -> d.number("unitNumber")))
        .map(d -> new Disk(d, base(d)))
        .toList();
  }

  /**
   * The file below all snapshots; of a disk that is linked to an image its own, not the image's.
   */
  private static String base(Element disk) {
    Optional<Element> at = disk.find("backing");
    String file = "";
    while (at.isPresent()) {
      if (!file.isEmpty() && IMAGE.matcher(at.get().text("fileName")).find()) {
        break;
      }
      file = at.get().text("fileName");
      at = at.get().find("parent");
    }
    return file;
  }

  /** The key of what its disks are plugged into. */
  Optional<Long> controller() {
    return controller(devices);
  }

  static Optional<Long> controller(List<Element> devices) {
    return devices.stream()
        .filter(d -> !d.text("sharedBus").isEmpty())
        .findFirst()
        .map(d -> d.number("key"));
  }

  /** What disks of machines with these devices are plugged into. */
  static String controllerType(Devices devices) {
    return switch (devices) {
      case PARAVIRTUAL -> "ParaVirtualSCSIController";
      case EMULATED -> "VirtualAHCIController";
    };
  }

  static String cardType(Devices devices) {
    return switch (devices) {
      case PARAVIRTUAL -> "VirtualVmxnet3";
      case EMULATED -> "VirtualE1000e";
    };
  }

  List<Element> cards() {
    return cards(devices);
  }

  static List<Element> cards(List<Element> devices) {
    return devices.stream().filter(d -> !d.text("macAddress").isEmpty()).toList();
  }

  Optional<Element> drive() {
    return drives(devices).findFirst();
  }

  /** Only a machine with a vendor's installation medium has it, or had. */
  Optional<Element> vendorsDrive() {
    return drives(devices).skip(1).findFirst();
  }

  static Stream<Element> drives(List<Element> devices) {
    return devices.stream()
        .filter(d -> d.type().equals("VirtualCdrom"))
        .sorted(Comparator.comparingLong(d -> d.number("unitNumber")));
  }

  /** The file in its second drive, or an empty text. */
  String vendorsFile() {
    return file(vendorsDrive());
  }

  /** The file in its drive, or an empty text. */
  String mediumFile() {
    return file(drive());
  }

  static String file(Optional<Element> drive) {
    return drive.map(d -> d.text("backing", "fileName")).orElse("");
  }

  static Optional<String> objectName(String file, String ending, String installation) {
    String base = file.substring(Math.max(file.lastIndexOf('/'), file.lastIndexOf(' ')) + 1);
    if (!base.endsWith(ending)) {
      return Optional.empty();
    }
    String stem = base.substring(0, base.length() - ending.length());
    return ObjectName.parse(stem)
        .filter(n -> n.mark().installation().equals(installation))
        .map(n -> stem);
  }

  // -------------------------------------------------------------------------------- observation

  Hardware hardware(String installation) {
    return Hardware.of(devices, installation);
  }

  /**
   * @param hardware what its devices are
   * @param place tells the names of networks; null if it cannot be found
   */
  Observation.Machine seen(Hardware hardware, @Nullable Place place) {
    Wanted next = pending ? wanted : null;
    return new Observation.Machine(
        uid,
        name,
        mark,
        state(),
        next != null ? next.cores() : cores,
        ByteSize.ofMib(next != null ? next.memoryMib() : memoryMib),
        next != null ? next.devices() : hardware.models(),
        next != null
            ? next.disks().stream().map(MachineDefinition.Disk::name).toList()
            : hardware.disks().stream().map(Hardware.Disk::name).toList(),
        next != null ? next.nics() : nics(hardware, place),
        hardware.medium(),
        hardware.vendors(),
        true,
        mark == null || mark.imported() ? List.of() : hardware.foreignDisks());
  }

  private Observation.State state() {
    return switch (power) {
      case "poweredOn" -> Observation.State.RUNNING;
      case "suspended" -> Observation.State.PAUSED;
      default -> crashed ? Observation.State.CRASHED : Observation.State.STOPPED;
    };
  }

  /** As they were declared, where they are plugged into just that. */
  List<MachineDefinition.Nic> nics(Hardware hardware, @Nullable Place place) {
    List<MachineDefinition.Nic> out = new ArrayList<>();
    for (Hardware.Card card : hardware.cards()) {
      String network = network(card, place);
      MachineDefinition.Nic declared =
          wanted == null
              ? null
              : wanted.nics().stream()
                  .filter(n -> n.mac().equals(card.mac()))
                  .findFirst()
                  .orElse(null);
      out.add(
          declared != null && attached(card, declared, place)
              ? declared
              : new MachineDefinition.Nic(
                  card.mac(), null, network.isEmpty() ? null : network, null, null));
    }
    return out;
  }

  private static String network(Hardware.Card card, @Nullable Place place) {
    return !card.network().isEmpty() || card.portgroup().isEmpty() || place == null
        ? card.network()
        : place.inventory().name(new Ref("DistributedVirtualPortgroup", card.portgroup()));
  }

  /** True if the card is plugged into what was declared, by whichever of its names. */
  private static boolean attached(
      Hardware.Card card, MachineDefinition.Nic declared, @Nullable Place place) {
    String wanted = declared.network();
    if (wanted == null) {
      return false;
    }
    if (card.portgroup().isEmpty()) {
      return card.network().equals(wanted) || wanted.endsWith("/" + card.network());
    }
    return place != null
        && place
            .inventory()
            .network(wanted, place.datacenter())
            .filter(ref -> ref.value().equals(card.portgroup()))
            .isPresent();
  }
}

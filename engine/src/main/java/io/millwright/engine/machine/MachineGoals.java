package io.millwright.engine.machine;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.ImageSpec;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Card;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachineGoalBuilder;
import io.millwright.planner.MovePlanner;
import io.millwright.planner.Step;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Turns what was declared and observed of a machine into what the planner takes; pure. */
public final class MachineGoals {
  /**
   * How long an installer may print nothing new. Unpacking a kernel's package or making an initial
   * file system takes minutes on a host that emulates and has more to do.
   */
  private static final int STALL_SECONDS = 900;

  /** What a machine boots directly is listed among the media. */
  private static final Set<String> BOOT_FILES = Set.of(ObjectName.KERNEL, ObjectName.INITRD);

  private MachineGoals() {}

  /** What shall be. */
  public static MachineGoal goal(ResolvedMachine r, String installation) {
    MachineSpec spec = r.machine().spec();
    MachineStatus status = r.machine().status();
    if (spec.foreignMade()) {
      return imported(r);
    }
    String disk = Objects.requireNonNull(status.disk(), "a declared machine has a disk's name");
    String pinned = status.imageSha256();
    Devices devices = r.devices();
    return MachineGoalBuilder.builder()
        .present(!r.machine().deleting())
        .power(spec.power())
        .cores(r.size().cores())
        .memory(r.size().memory())
        .devices(devices)
        .diskSize(r.size().disk())
        .image(r.image().name())
        .sha256(pinned == null ? r.image().status().sha256() : pinned)
        .installer(status.source() == null ? installer(r, disk) : null)
        .disk(disk)
        .booted(status.readyBy() != null)
        .former(status.former() == null ? null : status.former().disk())
        .seed( // A system that was up before has had its first boot.
            status.source() == null && readsSeed(r.image().spec()) ? seedName(disk) : null)
        .volumes(
            r.volumes().stream()
                .map(v -> Objects.requireNonNullElse(r.disk(v), "volume " + v.name()))
                .toList())
        .nics(r.nics().stream().map(MachineGoals::card).toList())
        .records(fingerprints(r))
        .readyTimeoutSeconds(spec.readyTimeoutSeconds())
        .hotPlug(
            devices == Devices.PARAVIRTUAL
                && r.hypervisor().status().facets().contains(HypervisorDriver.HOT_PLUG))
        .untold(untold(r))
        .source(status.source() == null ? null : status.source().disk())
        .build();
  }

  /**
   * Serials of the volumes of which its first boot tells it; null if that is not known, because its
   * system is a copy of one that had its first boot before.
   */
  public static @Nullable List<String> toldAtFirstBoot(ResolvedMachine r) {
    if (Installers.alone(r)) {
      return List.of();
    }
    return r.machine().status().source() == null && readsSeed(r.image().spec())
        ? r.volumes().stream().flatMap(v -> formatted(v).stream()).toList()
        : null;
  }

  /** The serial of a volume that has a file system made by its guest. */
  private static Optional<String> formatted(Resource<VolumeSpec, VolumeStatus> volume) {
    return volume.spec().filesystem() == null
        ? Optional.empty()
        : Optional.ofNullable(volume.status().serial());
  }

  private static Set<String> untold(ResolvedMachine r) {
    List<String> known = r.machine().status().knownVolumes();
    Set<String> out = new HashSet<>();
    if (known != null
        && r.hypervisor().status().facets().contains(HypervisorDriver.GUEST_COMMANDS)) {
      for (Resource<VolumeSpec, VolumeStatus> volume : r.volumes()) {
        String disk = r.disk(volume);
        if (disk != null && formatted(volume).filter(s -> !known.contains(s)).isPresent()) {
          out.add(disk);
        }
      }
    }
    return out;
  }

  private static MachineGoal imported(ResolvedMachine r) {
    return MachineGoalBuilder.builder()
        .present(!r.machine().deleting())
        .power(r.machine().spec().power())
        .cores(r.size().cores())
        .memory(r.size().memory())
        .devices(r.devices())
        .diskSize(r.size().disk())
        .image(MachineSpec.NO_IMAGE)
        .sha256(MachineSpec.NO_IMAGE)
        .disk(MachineSpec.NO_IMAGE)
        .booted(true)
        .volumes(List.of())
        .nics(r.nics().stream().map(MachineGoals::card).toList())
        .records(fingerprints(r))
        .readyTimeoutSeconds(r.machine().spec().readyTimeoutSeconds())
        .imported(true)
        .build();
  }

  private static Map<String, Integer> fingerprints(ResolvedMachine r) {
    Map<String, Integer> out = new TreeMap<>();
    records(r).forEach((network, published) -> out.put(network, published.hashCode()));
    return out;
  }

  private static MachineGoal.@Nullable Installer installer(ResolvedMachine r, String disk) {
    return switch (Installers.start(r)) {
      case KERNEL ->
          new MachineGoal.Installer.Kernel(
              bootFileNames(disk), null, STALL_SECONDS, Installers.why(r));
      case KERNEL_AND_SEED ->
          new MachineGoal.Installer.Kernel(
              bootFileNames(disk), seedName(disk), STALL_SECONDS, Installers.why(r));
      case SEED_BESIDE -> new MachineGoal.Installer.SeedBeside(seedName(disk), Installers.why(r));
      case OWN_MEDIUM -> new MachineGoal.Installer.OwnMedium(mediumName(disk), Installers.why(r));
      case null -> null;
    };
  }

  static Card card(MachineDefinition.Nic nic) {
    List<String> said = new ArrayList<>();
    if (nic.bridge() != null) {
      said.add("bridge " + nic.bridge());
    }
    if (nic.network() != null) {
      said.add("network " + nic.network());
    }
    if (said.isEmpty()) {
      return new Card(nic.mac(), null);
    }
    if (nic.vlan() != null) {
      said.add("VLAN " + nic.vlan());
    }
    if (nic.mtu() != null) {
      said.add("MTU " + nic.mtu());
    }
    return new Card(nic.mac(), String.join(", ", said));
  }

  /** What an installer installs has its first boot from the installer's answers. */
  private static boolean readsSeed(ImageSpec image) {
    return image.installer() == null && image.firstBoot() != ImageSpec.FirstBoot.NONE;
  }

  /** Kernel and initial file system of the installer, of the same generation as the disk. */
  public static List<String> bootFileNames(String disk) {
    ObjectName name = ObjectName.parse(disk).orElseThrow();
    return List.of(
        new ObjectName(name.mark(), ObjectName.KERNEL).toString(),
        new ObjectName(name.mark(), ObjectName.INITRD).toString());
  }

  private static String mediumName(String disk) {
    ObjectName name = ObjectName.parse(disk).orElseThrow();
    return new ObjectName(name.mark(), ObjectName.INSTALLER).toString();
  }

  /** A seed belongs to one system disk: both carry the same generation. */
  static String seedName(String disk) {
    ObjectName name = ObjectName.parse(disk).orElseThrow();
    return new ObjectName(name.mark(), ObjectName.SEED).toString();
  }

  /**
   * What is.
   *
   * @param published records of this machine, by network; only of networks that could be asked
   * @param installerDone true if it stands still, and its installer has ended well
   */
  public static MachineFacts facts(
      UUID uid,
      Observation seen,
      @Nullable String sha256,
      Map<String, Records> published,
      boolean installerDone) {
    MachineFacts.Vm vm =
        seen.machine(uid)
            .filter(m -> m.mark() != null)
            .map(m ->
                new MachineFacts.Vm(
                    m.state() == Observation.State.RUNNING,
                    m.cores(),
                    m.memory(),
                    m.devices(),
                    m.disks(),
                    m.nics().stream().map(MachineGoals::card).toList(),
                    m.medium(),
                    m.installer(),
                    m.mark() != null && m.mark().imported(),
                    m.lasting()))
            .orElse(null);
    Map<String, ByteSize> disks = new TreeMap<>();
    Set<String> fixed = new TreeSet<>();
    for (Observation.Disk disk : seen.disks()) {
      if (disk.name().mark().uid().equals(uid) && disk.name().ofSystem()) {
        disks.put(disk.name().toString(), disk.size());
        if (!disk.grows()) {
          fixed.add(disk.name().toString());
        }
      }
    }
    List<Observation.Medium> media =
        seen.media().stream().filter(m -> m.name().mark().uid().equals(uid)).toList();
    Map<Boolean, List<String>> names =
        media.stream()
            .map(Observation.Medium::name)
            .collect(
                Collectors.partitioningBy(
                    name -> BOOT_FILES.contains(name.role()),
                    Collectors.mapping(ObjectName::toString, Collectors.toList())));
    Map<String, Integer> records = new TreeMap<>();
    published.forEach((network, r) -> records.put(network, r.hashCode()));
    return new MachineFacts(
        vm,
        disks,
        Objects.requireNonNull(names.get(false)),
        Objects.requireNonNull(names.get(true)),
        installerDone,
        sha256 != null && seen.images().contains(sha256),
        records,
        fixed,
        media.stream()
            .filter(m -> !m.whole())
            .map(m -> m.name().toString())
            .collect(Collectors.toSet()));
  }

  /** What the other hypervisor is to a machine that has something there. */
  public static MovePlanner.Elsewhere elsewhere(ResolvedMachine r) {
    String name = Objects.requireNonNull(r.machine().status().elsewhere());
    boolean moving = r.machine().status().moving();
    List<Step.CarryVolume> carries = new ArrayList<>();
    List<String> dropped = new ArrayList<>();
    for (Resource<VolumeSpec, VolumeStatus> volume : r.volumes()) {
      VolumeStatus.Copy copy = volume.status().copy();
      if (copy == null) {
        continue;
      }
      if (copy.stage() == VolumeStatus.Stage.DROPPED && copy.hypervisor().equals(name)) {
        dropped.add(copy.object());
      } else if (copy.stage() == VolumeStatus.Stage.BEGUN && moving) {
        carries.add(
            new Step.CarryVolume(
                volume.name(),
                Objects.requireNonNull(volume.status().object()),
                copy.object(),
                volume.spec().size(),
                copy.hypervisor()));
      }
    }
    return new MovePlanner.Elsewhere(name, moving, carries, dropped);
  }

  /** Of a machine of which nothing can be there yet. */
  public static MachineFacts nothing() {
    return new MachineFacts(null, Map.of(), List.of(), false, Map.of());
  }

  /**
   * What shall be published of a machine, by name of the network; only where somebody publishes.
   */
  public static Map<String, Records> records(ResolvedMachine r) {
    Map<String, Records> out = new LinkedHashMap<>();
    r.networks()
        .forEach((name, network) -> {
          if (network.spec().services() != null) {
            out.put(name, records(r, name, network.spec()));
          }
        });
    return out;
  }

  private static Records records(ResolvedMachine r, String name, NetworkSpec network) {
    List<Reservation> reservations = new ArrayList<>();
    List<Ip> addresses = new ArrayList<>();
    for (Interface face : r.addressed()) {
      if (!name.equals(face.network())) {
        continue;
      }
      for (boolean v6 : new boolean[] {false, true}) {
        Addressing way = ResolvedMachine.addressing(face, network, v6);
        r.address(face, v6)
            .ifPresent(ip -> {
              addresses.add(ip);
              if (way instanceof Addressing.Dhcp) {
                r.mac(face).ifPresent(mac -> reservations.add(new Reservation(mac, ip)));
              }
            });
      }
    }
    String domain = network.domain();
    return new Records(
        r.uid(), r.hostname(), domain == null ? "" : domain, reservations, addresses);
  }

  /** The mark of a machine's object of this generation. */
  public static Mark mark(Resource<?, ?> machine, String installation) {
    return new Mark(installation, machine.uid(), machine.generation());
  }
}

package io.millwright.engine.machine;

import io.millwright.driver.MachineDefinition;
import io.millwright.engine.port.Projects;
import io.millwright.images.Catalogue;
import io.millwright.model.Addressing;
import io.millwright.model.Devices;
import io.millwright.model.GuestFamily;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineSpec.Nic;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A machine with everything that it names looked up.
 *
 * @param elsewhere the hypervisor of its status of that name, or null
 * @param networks by the name under which the machine mentions them
 * @param kept the cards that it keeps in place of those that are declared, or null
 */
public record ResolvedMachine(
    Resource<MachineSpec, MachineStatus> machine,
    Resource<HypervisorSpec, HypervisorStatus> hypervisor,
    @Nullable Resource<HypervisorSpec, HypervisorStatus> elsewhere,
    Resource<ImageSpec, ImageStatus> image,
    SizeSpec size,
    List<Resource<ProfileSpec, PlainStatus>> profiles,
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
    List<Resource<VolumeSpec, VolumeStatus>> volumes,
    @Nullable List<MachineDefinition.Nic> kept) {

  /** What stands for the image of a machine that was made from none of ours; it is never ready. */
  private static final Resource<ImageSpec, ImageStatus> NO_IMAGE =
      new Resource<>(
          Kind.IMAGE,
          new Metadata(
              MachineSpec.NO_IMAGE,
              Projects.SHARED,
              Map.of(),
              Map.of(),
              new UUID(0, 0),
              1,
              1,
              Instant.EPOCH,
              null),
          new ImageSpec(
              "unknown",
              "unknown",
              "x86_64",
              List.of(),
              null,
              null,
              ImageSpec.FirstBoot.NONE,
              null,
              null),
          ImageStatus.EMPTY);

  /**
   * Looks up all together what these machines name, so that {@link #of} need not for each: those
   * that have volumes name something of their own each.
   */
  public static void prepare(Lookup lookup, Collection<? extends Resource<?, ?>> machines) {
    Map<String, Set<Ref>> named = new HashMap<>();
    for (Resource<?, ?> any : machines) {
      if (any.kind() == Kind.MACHINE) {
        named
            .computeIfAbsent(any.project(), _ -> new LinkedHashSet<>())
            .addAll(named(any.as(MachineSpec.class, MachineStatus.class)));
      }
    }
    lookup.prepare(named);
  }

  private static List<Ref> named(Resource<MachineSpec, MachineStatus> machine) {
    List<Ref> named = new ArrayList<>(machine.spec().references());
    String place = machine.status().hypervisor();
    if (place != null) {
      named.add(new Ref(Kind.HYPERVISOR, place, "hypervisor"));
    }
    String elsewhere = machine.status().elsewhere();
    if (elsewhere != null) {
      named.add(new Ref(Kind.HYPERVISOR, elsewhere, "elsewhere"));
    }
    return named;
  }

  /** Looks everything up that a placed machine names. */
  public static ResolvedMachine of(Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
    MachineSpec spec = machine.spec();
    String project = machine.project();
    String place = machine.status().hypervisor();
    if (place == null) {
      throw new IllegalStateException(machine.title() + " was never placed");
    }
    String elsewhere = machine.status().elsewhere();
    lookup.prepare(project, named(machine));
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks = new LinkedHashMap<>();
    for (Interface face : spec.interfaces()) {
      String name = face.network();
      if (name != null && !networks.containsKey(name)) {
        networks.put(
            name, lookup.get(Kind.NETWORK, project, name, NetworkSpec.class, NetworkStatus.class));
      }
    }
    return new ResolvedMachine(
        machine,
        hypervisor(lookup, project, place),
        elsewhere == null ? null : hypervisor(lookup, project, elsewhere),
        spec.foreignMade()
            ? NO_IMAGE
            : lookup.get(Kind.IMAGE, project, spec.image(), ImageSpec.class, ImageStatus.class),
        lookup.get(Kind.SIZE, project, spec.size(), SizeSpec.class, PlainStatus.class).spec(),
        spec.profiles().stream()
            .map(p -> lookup.get(Kind.PROFILE, project, p, ProfileSpec.class, PlainStatus.class))
            .toList(),
        networks,
        spec.volumes().stream()
            .map(v -> lookup.get(Kind.VOLUME, project, v, VolumeSpec.class, VolumeStatus.class))
            .toList(),
        null);
  }

  private static Resource<HypervisorSpec, HypervisorStatus> hypervisor(
      Lookup lookup, String project, String name) {
    return lookup.get(Kind.HYPERVISOR, project, name, HypervisorSpec.class, HypervisorStatus.class);
  }

  /** The same machine, where it is, with another status. */
  public ResolvedMachine with(MachineStatus status) {
    return with(machine.withStatus(status), volumes);
  }

  /**
   * The same with only those volumes that it can have: not all of what is declared is there, and
   * what another machine has is not for it.
   */
  public ResolvedMachine withVolumes(Predicate<Resource<VolumeSpec, VolumeStatus>> has) {
    return with(machine, volumes.stream().filter(has).toList());
  }

  private ResolvedMachine with(
      Resource<MachineSpec, MachineStatus> itself, List<Resource<VolumeSpec, VolumeStatus>> has) {
    return new ResolvedMachine(
        itself, hypervisor, elsewhere, image, size, profiles, networks, has, kept);
  }

  /** The same with the cards that it has, because it cannot have those that are declared. */
  public ResolvedMachine withCards(List<MachineDefinition.Nic> has) {
    return new ResolvedMachine(
        machine, hypervisor, elsewhere, image, size, profiles, networks, volumes, has);
  }

  /** The same as seen from the other hypervisor, for acts on what it has there. */
  public ResolvedMachine there() {
    if (elsewhere == null) {
      throw new IllegalStateException(machine.title() + " is nowhere else");
    }
    return new ResolvedMachine(
        machine, elsewhere, null, image, size, profiles, networks, volumes, kept);
  }

  /**
   * Object name of the disk that a volume of this machine has where the machine is; null if it is
   * not made yet.
   */
  public @Nullable String disk(Resource<VolumeSpec, VolumeStatus> volume) {
    return copyHere(volume).map(VolumeStatus.Copy::object).orElse(volume.status().object());
  }

  /** The copy of a volume that is made, or used, where the machine is being moved to. */
  public Optional<VolumeStatus.Copy> copyHere(Resource<VolumeSpec, VolumeStatus> volume) {
    VolumeStatus.Copy copy = volume.status().copy();
    return copy != null
            && copy.stage() != VolumeStatus.Stage.DROPPED
            && copy.hypervisor().equals(hypervisor.name())
        ? Optional.of(copy)
        : Optional.empty();
  }

  /**
   * The devices that it shall see: those with which its system came up, for it may have no drivers
   * of others; before that, those of its image.
   */
  public Devices devices() {
    MachineStatus status = machine.status();
    Devices kept = status.source() == null ? status.devices() : status.source().devices();
    if (status.readyBy() != null || status.source() != null) {
      return kept == null ? Devices.PARAVIRTUAL : kept;
    }
    Devices given = image.spec().devices();
    Catalogue.Family family = Catalogue.inForce().families().get(image.spec().os());
    return given != null ? given : family == null ? Devices.PARAVIRTUAL : family.devices();
  }

  /** As what its hypervisor is told of its system. */
  public GuestFamily guest() {
    Catalogue.Family family = Catalogue.inForce().families().get(image.spec().os());
    return family == null ? GuestFamily.LINUX : family.guest();
  }

  public UUID uid() {
    return machine.uid();
  }

  public String hostname() {
    String given = machine.spec().hostname();
    return given == null ? machine.name() : given;
  }

  public NetworkSpec network(Interface face) {
    Resource<NetworkSpec, NetworkStatus> found = networks.get(face.network());
    if (found == null) {
      throw new IllegalStateException(face.name() + " has no network");
    }
    return found.spec();
  }

  /** The interfaces that carry addresses. */
  public List<Interface> addressed() {
    return machine.spec().addressed();
  }

  /** How this interface comes by its address, the default put in. */
  public static Addressing addressing(Interface face, NetworkSpec network, boolean v6) {
    Addressing given = v6 ? face.ipv6() : face.ipv4();
    if (given != null) {
      return given;
    }
    return network.subnet(v6).isPresent() ? new Addressing.Auto() : new Addressing.None();
  }

  /** The address that was reserved for this interface when the machine was declared, if any. */
  public Optional<Ip> address(Interface face, boolean v6) {
    return reserves(face, network(face), v6)
        ? known(face).flatMap(i -> i.addresses().stream().filter(ip -> ip.v6() == v6).findFirst())
        : Optional.empty();
  }

  /** True if an address is reserved for this interface; else only its guest knows what it has. */
  public static boolean reserves(Interface face, NetworkSpec network, boolean v6) {
    return switch (addressing(face, network, v6)) {
      case Addressing.Auto _, Addressing.Fixed _ -> true;
      case Addressing.Dhcp _ -> reservesDhcp(network, v6);
      case Addressing.Slaac _, Addressing.None _ -> false;
    };
  }

  /** True if an address is reserved for cards of this network that ask by DHCP. */
  public static boolean reservesDhcp(NetworkSpec network, boolean v6) {
    return !v6 && network.services() != null && network.subnet(false).isPresent();
  }

  private Optional<MachineStatus.Interface> known(Interface face) {
    return machine.status().interfaces().stream()
        .filter(i -> i.name().equals(face.name()))
        .findFirst();
  }

  /** The MAC under which DHCP sees this interface. */
  public Optional<Mac> mac(Interface face) {
    return switch (face) {
      case Nic _ -> known(face).map(MachineStatus.Interface::mac);
      // A bond or bridge takes its first member's MAC, and a VLAN that of its link: what Linux does
      // and what the rendered network configuration says explicitly.
      case MachineSpec.Bond bond -> named(bond.members().getFirst()).flatMap(this::mac);
      case MachineSpec.Vlan vlan -> named(vlan.link()).flatMap(this::mac);
      case MachineSpec.Bridge bridge -> named(bridge.members().getFirst()).flatMap(this::mac);
    };
  }

  private Optional<Interface> named(String name) {
    return machine.spec().interfaces().stream().filter(f -> f.name().equals(name)).findFirst();
  }

  /**
   * The cards as its hypervisor shall have them, in order; with neither bridge nor network where
   * the declared one is not attached there.
   */
  public List<MachineDefinition.Nic> nics() {
    if (kept != null) {
      return kept;
    }
    return machine.spec().namedNics().stream()
        .map(nic -> {
          NetworkSpec network = network(nic);
          Optional<NetworkSpec.Attachment> to = network.attachmentOn(hypervisor.name());
          return new MachineDefinition.Nic(
              mac(nic).orElseThrow(() -> new IllegalStateException(nic.name() + " has no MAC")),
              to.map(NetworkSpec.Attachment::bridge).orElse(null),
              to.map(NetworkSpec.Attachment::network).orElse(null),
              network.vlan(),
              network.mtu());
        })
        .toList();
  }
}

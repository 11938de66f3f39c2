package io.millwright.engine.machine;

import io.millwright.engine.access.SecretBox;
import io.millwright.images.HostAddress;
import io.millwright.images.InstallSpec;
import io.millwright.images.IpConfig;
import io.millwright.images.NetInterface;
import io.millwright.images.Profiles;
import io.millwright.images.Profiles.Layer;
import io.millwright.model.Addressing;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Describes a machine's first boot in the neutral terms that every renderer takes; pure. */
public final class InstallSpecs {
  private InstallSpecs() {}

  /**
   * Describes a machine.
   *
   * @param disk the system disk that boots; another disk is another first boot
   * @param reportTo where it calls home
   * @param secrets opens what is sealed of its layers
   */
  public static InstallSpec of(
      ResolvedMachine machine, String disk, List<URI> reportTo, SecretBox secrets) {
    List<NetInterface> interfaces =
        interfaces(
            machine.machine().spec(), machine::network, nic -> mac(machine, nic), machine::address);
    Map<String, ProfileSpec> profiles = new LinkedHashMap<>();
    machine.profiles().forEach(p -> profiles.put(p.title(), p.spec()));
    return new InstallSpec(
            new InstallSpec.Identity(disk, machine.hostname(), domain(machine).orElse(null)),
            interfaces,
            secrets.opened(
                layers(
                        machine.machine().spec(),
                        machine.machine().metadata().labels(),
                        machine::network,
                        profiles)
                    .profile()),
            reportTo)
        .withDataDisks(dataDisks(machine))
        .forSystem(machine.image().spec().os(), machine.image().spec().version());
  }

  /**
   * Which layer sets each value of a machine's customisation, by field, as its next system has it;
   * see {@link Profiles.Merged}.
   */
  public static Map<String, String> origins(
      Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
    MachineSpec spec = machine.spec();
    String project = machine.project();
    Map<String, ProfileSpec> profiles = new LinkedHashMap<>();
    for (String name : spec.profiles()) {
      var profile = lookup.get(Kind.PROFILE, project, name, ProfileSpec.class, PlainStatus.class);
      profiles.put(profile.title(), profile.spec());
    }
    return layers(
            spec,
            machine.metadata().labels(),
            face ->
                lookup
                    .get(
                        Kind.NETWORK,
                        project,
                        Objects.requireNonNull(face.network()),
                        NetworkSpec.class,
                        NetworkStatus.class)
                    .spec(),
            profiles)
        .origin();
  }

  /**
   * What a machine's layers of customisation come to.
   *
   * @param labels of the machine, which tell whose it is
   * @param profiles those that it names, by their titles, in its order
   */
  static Profiles.Merged layers(
      MachineSpec machine,
      Map<String, String> labels,
      Function<Interface, NetworkSpec> network,
      Map<String, ProfileSpec> profiles) {
    List<Layer> layers = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (Interface face : machine.addressed()) {
      ProfileSpec defaults = network.apply(face).defaults();
      String name = String.valueOf(face.network());
      if (defaults != null && seen.add(name)) {
        // The first network is a machine's foremost, so it is said last.
        layers.addFirst(new Layer(Profiles.Level.NETWORK, "Network " + name, defaults));
      }
    }
    profiles.forEach((title, spec) -> layers.add(new Layer(title, spec)));
    ProfileSpec own = machine.overrides();
    if (own != null) {
      layers.add(
          owner(labels)
              .map(title -> new Layer(Profiles.Level.GROUP, title, own))
              .orElseGet(() -> new Layer(Profiles.Level.MACHINE, "the machine", own)));
    }
    return Profiles.merge(layers);
  }

  /**
   * The Group or Pool that declares a machine; what such a one has of its own is declared there.
   */
  private static Optional<String> owner(Map<String, String> labels) {
    return Optional.ofNullable(labels.get(Names.GROUP))
        .map(name -> "Group " + name)
        .or(() -> Optional.ofNullable(labels.get(Names.POOL)).map(name -> "Pool " + name));
  }

  /** Finds the address of an interface that has a fixed one. */
  interface Addresses {
    Optional<Ip> of(Interface face, boolean v6);
  }

  /**
   * A machine's interfaces.
   *
   * @param mac of a card, or null if it has none
   */
  static List<NetInterface> interfaces(
      MachineSpec machine,
      Function<Interface, NetworkSpec> network,
      Function<MachineSpec.Nic, @Nullable Mac> mac,
      Addresses addresses) {
    List<NetInterface> out = new ArrayList<>();
    List<Interface> addressed = machine.addressed();
    for (Interface face : machine.interfaces()) {
      IpConfig ip =
          addressed.contains(face) ? ip(face, network.apply(face), addresses) : IpConfig.NONE;
      out.add(
          switch (face) {
            case MachineSpec.Nic nic -> new NetInterface.Ethernet(nic.name(), mac.apply(nic), ip);
            case MachineSpec.Bond bond ->
                new NetInterface.Bond(bond.name(), bond.mode(), bond.members(), ip);
            case MachineSpec.Vlan vlan ->
                new NetInterface.Vlan(vlan.name(), vlan.link(), vlan.id(), ip);
            case MachineSpec.Bridge bridge ->
                new NetInterface.Bridge(bridge.name(), bridge.members(), ip);
          });
    }
    return out;
  }

  /** Those of its volumes that are declared with a file system. */
  private static List<InstallSpec.DataDisk> dataDisks(ResolvedMachine machine) {
    List<InstallSpec.DataDisk> out = new ArrayList<>();
    if (Installers.alone(machine)) {
      return out; // it gets them when it is up, and is told of them then
    }
    for (Resource<VolumeSpec, VolumeStatus> volume : machine.volumes()) {
      VolumeSpec.Filesystem filesystem = volume.spec().filesystem();
      if (filesystem != null) {
        // One that is not made yet is only spoken of: a machine waits for its volumes.
        String serial = Objects.requireNonNullElse(volume.status().serial(), "none-yet");
        out.add(new InstallSpec.DataDisk(serial, filesystem, volume.spec().mount()));
      }
    }
    return out;
  }

  private static Mac mac(ResolvedMachine machine, MachineSpec.Nic nic) {
    return machine
        .mac(nic)
        .orElseThrow(() -> new IllegalStateException(nic.name() + " has no MAC"));
  }

  /** The domain of the first network that has one. */
  private static Optional<String> domain(ResolvedMachine machine) {
    return machine.addressed().stream()
        .flatMap(f -> Optional.ofNullable(machine.network(f).domain()).stream())
        .findFirst();
  }

  private static IpConfig ip(Interface face, NetworkSpec network, Addresses reserved) {
    List<HostAddress> addresses = new ArrayList<>();
    boolean[] dynamic = new boolean[2];
    boolean slaac = false;
    @Nullable Ip[] gateways = new @Nullable Ip[2];
    for (boolean v6 : new boolean[] {false, true}) {
      switch (ResolvedMachine.addressing(face, network, v6)) {
        case Addressing.Auto _, Addressing.Fixed _ -> {
          Subnet subnet = network.subnet(v6).orElseThrow();
          // A network may have got the subnet when the machine was declared already.
          reserved
              .of(face, v6)
              .ifPresent(a -> {
                addresses.add(new HostAddress(a, subnet.cidr().prefix()));
                gateways[v6 ? 1 : 0] = subnet.gateway();
              });
        }
        case Addressing.Dhcp _ -> dynamic[v6 ? 1 : 0] = true;
        case Addressing.Slaac _ -> slaac = true;
        case Addressing.None _ -> {}
      }
    }
    return new IpConfig(
        addresses,
        dynamic[0],
        dynamic[1],
        slaac,
        gateways[0],
        gateways[1],
        face.routes(),
        network.mtu(),
        Objects.requireNonNullElse(face.dns(), network.dns()),
        Objects.requireNonNullElse(face.search(), network.search()),
        false);
  }
}

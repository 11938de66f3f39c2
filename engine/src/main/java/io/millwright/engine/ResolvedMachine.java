package io.millwright.engine;

import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Tx;
import io.millwright.model.Addressing;
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
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A machine with everything that it names looked up.
 *
 * @param networks by the name under which the machine mentions them
 * @param macs by name of the card
 * @param leases its static and reserved addresses
 */
public record ResolvedMachine(
    Resource<MachineSpec, MachineStatus> machine,
    Resource<HypervisorSpec, HypervisorStatus> hypervisor,
    Resource<ImageSpec, ImageStatus> image,
    SizeSpec size,
    List<Resource<ProfileSpec, PlainStatus>> profiles,
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
    List<Resource<VolumeSpec, VolumeStatus>> volumes,
    Map<String, Mac> macs,
    List<Lease> leases) {

  /** Looks everything up that a placed machine names. */
  public static ResolvedMachine of(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
    MachineSpec spec = machine.spec();
    String project = machine.project();
    String place = machine.status().hypervisor();
    if (place == null) {
      throw new IllegalStateException(machine.title() + " was never placed");
    }
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks = new LinkedHashMap<>();
    for (Interface face : spec.interfaces()) {
      String name = face.network();
      if (name != null) {
        networks.computeIfAbsent(
            name,
            n ->
                Lookup.get(tx, Kind.NETWORK, project, n, NetworkSpec.class, NetworkStatus.class));
      }
    }
    return new ResolvedMachine(
        machine,
        Lookup.get(
            tx, Kind.HYPERVISOR, project, place, HypervisorSpec.class, HypervisorStatus.class),
        Lookup.get(tx, Kind.IMAGE, project, spec.image(), ImageSpec.class, ImageStatus.class),
        Lookup.get(tx, Kind.SIZE, project, spec.size(), SizeSpec.class, PlainStatus.class).spec(),
        spec.profiles().stream()
            .map(
                p ->
                    Lookup.get(
                        tx, Kind.PROFILE, project, p, ProfileSpec.class, PlainStatus.class))
            .toList(),
        networks,
        spec.volumes().stream()
            .map(
                v ->
                    Lookup.get(
                        tx, Kind.VOLUME, project, v, VolumeSpec.class, VolumeStatus.class))
            .toList(),
        tx.addresses().macs(machine.uid()),
        tx.addresses().leases(machine.uid()));
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

  /** The interfaces that carry addresses: all but the members of bonds. */
  public List<Interface> addressed() {
    return machine.spec().interfaces().stream()
        .filter(f -> !machine.spec().bonded().contains(f.name()))
        .toList();
  }

  /** How this interface comes by its address, the default put in. */
  public static Addressing addressing(Interface face, NetworkSpec network, boolean v6) {
    Addressing given = v6 ? face.ipv6() : face.ipv4();
    if (given != null) {
      return given;
    }
    return network.subnet(v6).isPresent() ? new Addressing.Auto() : new Addressing.None();
  }

  /** The address that was allocated to this interface, if any. */
  public Optional<Ip> address(Interface face, boolean v6) {
    return leases.stream()
        .filter(l -> l.iface().equals(face.name()) && l.ip().v6() == v6 && l.coolingUntil() == null)
        .map(Lease::ip)
        .findFirst();
  }

  /** The MAC under which DHCP sees this interface. */
  public Optional<Mac> mac(Interface face) {
    return switch (face) {
      case Nic nic -> Optional.ofNullable(macs.get(nic.name()));
      // A bond takes its first member's MAC, and a VLAN that of its link: what Linux does and what
      // the rendered network configuration says explicitly.
      case MachineSpec.Bond bond -> Optional.ofNullable(macs.get(bond.members().getFirst()));
      case MachineSpec.Vlan vlan ->
          machine.spec().interfaces().stream()
              .filter(f -> f.name().equals(vlan.link()))
              .findFirst()
              .flatMap(this::mac);
    };
  }

  /** The MACs of the cards, in the order of the cards. */
  public List<Mac> cardMacs() {
    List<Mac> out = new ArrayList<>();
    for (Nic nic : machine.spec().namedNics()) {
      Mac mac = macs.get(nic.name());
      if (mac == null) {
        throw new IllegalStateException(nic.name() + " has no MAC");
      }
      out.add(mac);
    }
    return out;
  }
}

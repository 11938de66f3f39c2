package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.model.Names;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What cards are plugged into: port groups of standard and of distributed switches. */
final class Networks {
  private static final int USUAL_MTU = 1500;

  /** What a standard port group has for its VLAN that lets all of them through, with their tags. */
  private static final long TRUNK = 4095;

  private final Collector collector;

  Networks(Collector collector) {
    this.collector = collector;
  }

  /** The backing of a card, after a look whether the network does what was declared of it. */
  Element backing(Place place, MachineDefinition.Nic nic) throws DriverException, VimFault {
    String wanted = nic.network();
    if (wanted == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED,
          "vSphere has no bridges; attach the network to a port group, with network: NAME.");
    }
    Ref network =
        place.inventory().choose("network", Inventory.NETWORKS, wanted, place.datacenter());
    return switch (network.type()) {
      case "DistributedVirtualPortgroup" -> distributed(place, network, nic);
      case "OpaqueNetwork" ->
          throw new DriverException(
              FaultKind.UNSUPPORTED,
              "The network "
                  + Names.quote(wanted)
                  + " is not vSphere's own; use a port group of a standard or distributed switch.");
      default -> standard(place, network, nic);
    };
  }

  private Element distributed(Place place, Ref portgroup, MachineDefinition.Nic nic)
      throws DriverException, VimFault {
    Collector.Found group =
        collector.read(
            portgroup, "key", "config.distributedVirtualSwitch", "config.defaultPortConfig");
    Ref dvs =
        group.get("config.distributedVirtualSwitch").map(Element::ref).orElse(new Ref("", ""));
    Collector.Found found = collector.read(dvs, "uuid", "config.maxMtu", "config.uplinkPortgroup");
    if (found.refs("config.uplinkPortgroup").contains(portgroup)) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The port group "
              + Names.quote(place.inventory().name(portgroup))
              + " is for the hosts' own cards; use one that is for machines.");
    }
    Optional<Element> vlan = group.get("config.defaultPortConfig").flatMap(c -> c.find("vlan"));
    requireVlan(place, portgroup, nic, vlan.map(Networks::vlan).orElse(0L));
    requireMtu(place, portgroup, nic, found.number("config.maxMtu"));
    return new Element("backing")
        .type("VirtualEthernetCardDistributedVirtualPortBackingInfo")
        .add(
            new Element("port")
                .add("switchUuid", found.text("uuid"))
                .add("portgroupKey", group.text("key")));
  }

  private static long vlan(Element spec) {
    return switch (spec.type()) {
      case "VmwareDistributedVirtualSwitchVlanIdSpec" -> spec.number("vlanId");
      case "VmwareDistributedVirtualSwitchTrunkVlanSpec" -> TRUNK;
      default -> 0;
    };
  }

  private Element standard(Place place, Ref network, MachineDefinition.Nic nic)
      throws DriverException, VimFault {
    Integer mtu = nic.mtu();
    if (nic.vlan() != null || (mtu != null && mtu > USUAL_MTU)) {
      lookAtHosts(place, network, nic);
    }
    return new Element("backing")
        .type("VirtualEthernetCardNetworkBackingInfo")
        .add("deviceName", place.inventory().name(network));
  }

  /**
   * A standard port group is each host's own, and may be another thing on each: it is looked at on
   * all on which the machine may run. On one that does not have it, no machine that needs it runs.
   */
  private void lookAtHosts(Place place, Ref network, MachineDefinition.Nic nic)
      throws DriverException, VimFault {
    List<Ref> hosts = new ArrayList<>(collector.read(network, "host").refs("host"));
    hosts.retainAll(collector.read(place.compute(), "host").refs("host"));
    if (hosts.isEmpty()) {
      throw new DriverException(
          FaultKind.REFUSED,
          "No host on which the machine may run has the port group "
              + Names.quote(place.inventory().name(network))
              + "; use another network, or make it there.");
    }
    for (Ref host : hosts) {
      lookAtHost(host, place, network, nic);
    }
  }

  private void lookAtHost(Ref at, Place place, Ref network, MachineDefinition.Nic nic)
      throws DriverException, VimFault {
    String name = place.inventory().name(network);
    Collector.Found host = collector.read(at, "config.network.portgroup", "config.network.vswitch");
    Element spec =
        host.get("config.network.portgroup").map(Element::children).orElse(List.of()).stream()
            .flatMap(p -> p.find("spec").stream())
            .filter(s -> s.text("name").equals(name))
            .findFirst()
            .orElse(new Element("spec"));
    requireVlan(place, network, nic, spec.number("vlanId"));
    for (Element vswitch :
        host.get("config.network.vswitch").map(Element::children).orElse(List.of())) {
      if (vswitch.text("name").equals(spec.text("vswitchName"))) {
        requireMtu(place, network, nic, vswitch.number("mtu"));
      }
    }
  }

  private static void requireVlan(Place place, Ref network, MachineDefinition.Nic nic, long there)
      throws DriverException {
    Integer wanted = nic.vlan();
    if (wanted != null && wanted != there) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The port group "
              + Names.quote(place.inventory().name(network))
              + (there == 0
                  ? " has no VLAN"
                  : there == TRUNK ? " is a trunk" : " has the VLAN " + there)
              + ", and VLAN "
              + wanted
              + " is declared; use a port group that has it.");
    }
  }

  private static void requireMtu(Place place, Ref network, MachineDefinition.Nic nic, long there)
      throws DriverException {
    @Nullable Integer wanted = nic.mtu();
    if (wanted != null && wanted > USUAL_MTU && there > 0 && wanted > there) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The switch of "
              + Names.quote(place.inventory().name(network))
              + " takes frames of "
              + there
              + " bytes, and an MTU of "
              + wanted
              + " is declared; make the switch's larger or the network's smaller.");
    }
  }
}

package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The network of a machine as systemd-networkd keeps it: a .link file that names a card, a .netdev
 * file that makes a bond, bridge or VLAN, and a .network file for each interface. Written for
 * systemd 247 and later; see systemd.link(5), systemd.netdev(5) and systemd.network(5).
 */
final class Networkd {
  private static final String DIRECTORY = "/etc/systemd/network/10-millwright-";

  private final InstallSpec spec;

  private Networkd(InstallSpec spec) {
    this.spec = spec;
  }

  /** Content by path. */
  static Map<String, String> of(InstallSpec spec) {
    Networkd all = new Networkd(spec);
    Map<String, String> out = new LinkedHashMap<>();
    for (NetInterface face : spec.interfaces()) {
      String link = all.link(face);
      if (link != null) {
        out.put(DIRECTORY + face.name() + ".link", link);
      }
      String device = all.device(face);
      if (device != null) {
        out.put(DIRECTORY + face.name() + ".netdev", device);
      }
      out.put(DIRECTORY + face.name() + ".network", all.network(face));
    }
    return out;
  }

  private @Nullable String link(NetInterface face) {
    if (!(face instanceof NetInterface.Ethernet card)) {
      return null;
    }
    Mac mac = card.mac();
    if (mac == null && !spec.isTheOnly(card)) {
      return null; // the kernel itself calls it so
    }
    Unit unit = new Unit();
    // Not MACAddress=, which a VLAN or bond on the card has as well.
    if (mac != null) {
      unit.section("Match").put("PermanentMACAddress", mac.text());
    } else {
      unit.section("Match").put("Type", "ether").put("OriginalName", "e*");
    }
    unit.section("Link").put("Name", card.name());
    return unit.toString();
  }

  private @Nullable String device(NetInterface face) {
    Unit unit = new Unit();
    unit.section("NetDev").put("Name", face.name());
    switch (face) {
      case NetInterface.Ethernet card -> {
        return null;
      }
      case NetInterface.Bond bond -> {
        unit.put("Kind", "bond");
        spec.firstMac(bond).ifPresent(mac -> unit.put("MACAddress", mac.text()));
        // Without a monitor a bond never notices that a cable is out.
        unit.section("Bond").put("Mode", Netplan.mode(bond.mode())).put("MIIMonitorSec", "100ms");
      }
      case NetInterface.Bridge bridge -> {
        unit.put("Kind", "bridge");
        spec.firstMac(bridge).ifPresent(mac -> unit.put("MACAddress", mac.text()));
        unit.section("Bridge").put("STP", "no");
      }
      case NetInterface.Vlan vlan ->
          unit.put("Kind", "vlan").section("VLAN").put("Id", Integer.toString(vlan.id()));
    }
    return unit.toString();
  }

  private String network(NetInterface face) {
    IpConfig ip = face.ip();
    boolean idle = !(ip.has(false) || ip.has(true));
    Unit unit = new Unit();
    unit.section("Match").put("Name", face.name());
    unit.section("Link");
    Integer mtu = ip.mtu();
    if (mtu != null) {
      unit.put("MTUBytes", mtu.toString());
    }
    // Nothing ever makes an interface without addresses "online": waiting for it costs minutes.
    if (ip.optional() || idle) {
      unit.put("RequiredForOnline", "no");
    }
    unit.section("Network");
    spec.owner(face)
        .ifPresent(owner ->
            unit.put(owner instanceof NetInterface.Bond ? "Bond" : "Bridge", owner.name()));
    for (NetInterface other : spec.interfaces()) {
      if (other instanceof NetInterface.Vlan vlan && vlan.link().equals(face.name())) {
        unit.put("VLAN", vlan.name());
      }
    }
    unit.put("LinkLocalAddressing", ip.has(true) ? "ipv6" : "no");
    unit.put("IPv6AcceptRA", ip.isDynamic(true) ? "yes" : "no");
    unit.put("DHCP", ip.dhcp4() ? ip.dhcp6() ? "yes" : "ipv4" : ip.dhcp6() ? "ipv6" : "no");
    ip.addresses().forEach(address -> unit.put("Address", address.toString()));
    for (boolean v6 : new boolean[] {false, true}) {
      Ip gateway = ip.gateway(v6);
      if (gateway != null && spec.uplink(v6) == face) {
        unit.put("Gateway", gateway.toString());
      }
    }
    ip.dns().forEach(server -> unit.put("DNS", server.toString()));
    if (!ip.search().isEmpty()) {
      unit.put("Domains", String.join(" ", ip.search()));
    }
    if (ip.dhcp4() && spec.uplink(false) != face) {
      unit.section("DHCPv4").put("UseRoutes", "no").put("UseGateway", "no");
    }
    if (ip.isDynamic(true) && spec.uplink(true) != face) {
      unit.section("IPv6AcceptRA").put("UseGateway", "no").put("UseRoutePrefix", "no");
    }
    for (MachineSpec.Route route : ip.routes()) {
      unit.section("Route").put("Destination", route.to().toString());
      unit.put("Gateway", route.via().toString());
      Integer metric = route.metric();
      if (metric != null) {
        unit.put("Metric", metric.toString());
      }
    }
    return unit.toString();
  }

  /** The names that are asked for names, of all interfaces, for a system without a resolver. */
  static List<String> nameServers(InstallSpec spec) {
    return spec.interfaces().stream()
        .flatMap(face -> face.ip().dns().stream())
        .map(Ip::toString)
        .distinct()
        .toList();
  }

  /** The domains that are searched, of all interfaces. */
  static List<String> searchDomains(InstallSpec spec) {
    return spec.interfaces().stream()
        .flatMap(face -> face.ip().search().stream())
        .distinct()
        .toList();
  }

  /** Writes a unit file; its values hold no line ends, which {@link InstallSpec#check} sees to. */
  private static final class Unit {
    private final StringBuilder done = new StringBuilder();
    private String section = "";
    private final StringBuilder lines = new StringBuilder();

    /** Begins a section, which is left out if nothing is put into it. */
    Unit section(String name) {
      flush();
      section = name;
      return this;
    }

    Unit put(String key, String value) {
      lines.append(key).append('=').append(value).append('\n');
      return this;
    }

    private void flush() {
      if (!lines.isEmpty()) {
        done.append(done.isEmpty() ? "" : "\n").append('[').append(section).append("]\n");
        done.append(lines);
        lines.setLength(0);
      }
    }

    @Override
    public String toString() {
      flush();
      return done.toString();
    }
  }
}

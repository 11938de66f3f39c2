package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The network of a machine in netplan's form, which cloud-init calls network-config version 2. */
final class Netplan {
  private final InstallSpec spec;
  private final Set<String> ports;

  private Netplan(InstallSpec spec) {
    this.spec = spec;
    this.ports = spec.ports();
  }

  /** The content of the {@code network} key. */
  static Map<String, Object> of(InstallSpec spec) {
    return new Netplan(spec).document();
  }

  /**
   * The interfaces that listen to router advertisements but shall not take their default route from
   * them. Netplan before 1.1 cannot say so.
   */
  static List<String> deafToRouters(InstallSpec spec) {
    NetInterface uplink = spec.uplink(true);
    return spec.interfaces().stream()
        .filter(face -> face.ip().isDynamic(true) && face != uplink)
        .map(NetInterface::name)
        .toList();
  }

  private Map<String, Object> document() {
    Map<String, Object> ethernets = new LinkedHashMap<>();
    Map<String, Object> bonds = new LinkedHashMap<>();
    Map<String, Object> bridges = new LinkedHashMap<>();
    Map<String, Object> vlans = new LinkedHashMap<>();
    for (NetInterface face : spec.interfaces()) {
      Map<String, Object> device = new LinkedHashMap<>();
      switch (face) {
        case NetInterface.Ethernet card -> {
          Mac mac = card.mac();
          if (mac != null) {
            device.put("match", Map.of("macaddress", mac.text()));
            device.put("set-name", card.name());
          } else if (spec.isTheOnly(card)) {
            device.put("match", Map.of("name", "e*")); // eth0 as well as enp1s0
            device.put("set-name", card.name());
          }
          ethernets.put(card.name(), device);
        }
        case NetInterface.Bond bond -> {
          device.put("interfaces", bond.members());
          device.put("parameters", parameters(bond.mode()));
          // Else it gets one out of the air, which a switch or a hypervisor that knows the card's
          // address may not let through, and which no DHCP reservation is for.
          spec.firstMac(bond).ifPresent(mac -> device.put("macaddress", mac.text()));
          bonds.put(bond.name(), device);
        }
        case NetInterface.Bridge bridge -> {
          device.put("interfaces", bridge.members());
          // One machine's switch makes no loops, and with it a port is deaf for its first 30 s.
          device.put("parameters", Map.of("stp", false));
          spec.firstMac(bridge).ifPresent(mac -> device.put("macaddress", mac.text()));
          bridges.put(bridge.name(), device);
        }
        case NetInterface.Vlan vlan -> {
          device.put("id", vlan.id());
          device.put("link", vlan.link());
          vlans.put(vlan.name(), device);
        }
      }
      putIp(device, face);
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("version", 2);
    putIfAny(out, "ethernets", ethernets);
    putIfAny(out, "bonds", bonds);
    putIfAny(out, "bridges", bridges);
    putIfAny(out, "vlans", vlans);
    return out;
  }

  /** In the kernel's words. */
  static String mode(MachineSpec.BondMode mode) {
    return mode == MachineSpec.BondMode.LACP
        ? "802.3ad"
        : mode.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Map<String, Object> parameters(MachineSpec.BondMode mode) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("mode", mode(mode));
    // Without a monitor a bond never notices that a cable is out.
    out.put("mii-monitor-interval", "100");
    return out;
  }

  private void putIp(Map<String, Object> device, NetInterface face) {
    IpConfig ip = face.ip();
    boolean idle = ports.contains(face.name()) || !(ip.has(false) || ip.has(true));
    Integer mtu = ip.mtu();
    if (mtu != null) {
      device.put("mtu", mtu);
    }
    // Nothing ever makes an interface without addresses "online": waiting for it costs minutes.
    if (ip.optional() || idle) {
      device.put("optional", true);
    }
    device.put("link-local", ip.has(true) ? List.of("ipv6") : List.of());
    device.put("accept-ra", ip.isDynamic(true));
    device.put("dhcp4", ip.dhcp4());
    device.put("dhcp6", ip.dhcp6());
    if (idle) {
      return;
    }
    if (ip.dhcp4() && spec.uplink(false) != face) {
      device.put("dhcp4-overrides", Map.of("use-routes", false));
      if (ip.dhcp6()) {
        // networkd wants both alike; DHCPv6 knows no routes anyway.
        device.put("dhcp6-overrides", Map.of("use-routes", false));
      }
    }
    putIfAny(device, "addresses", ip.addresses().stream().map(HostAddress::toString).toList());
    putIfAny(device, "routes", routes(face));
    Map<String, Object> nameservers = new LinkedHashMap<>();
    putIfAny(nameservers, "addresses", ip.dns().stream().map(Ip::toString).toList());
    putIfAny(nameservers, "search", ip.search());
    putIfAny(device, "nameservers", nameservers);
  }

  private List<Map<String, Object>> routes(NetInterface face) {
    List<Map<String, Object>> out = new ArrayList<>();
    for (boolean v6 : new boolean[] {false, true}) {
      Ip gateway = face.ip().gateway(v6);
      if (gateway != null && spec.uplink(v6) == face) {
        // Not "default", which older netplan and cloud-init do not know.
        out.add(route(v6 ? "::/0" : "0.0.0.0/0", gateway));
      }
    }
    for (MachineSpec.Route route : face.ip().routes()) {
      Map<String, Object> one = route(route.to().toString(), route.via());
      Integer metric = route.metric();
      if (metric != null) {
        one.put("metric", metric);
      }
      out.add(one);
    }
    return out;
  }

  private static Map<String, Object> route(String to, Ip via) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("to", to);
    out.put("via", via.toString());
    return out;
  }

  private static void putIfAny(Map<String, Object> at, String key, List<?> value) {
    if (!value.isEmpty()) {
      at.put(key, value);
    }
  }

  private static void putIfAny(Map<String, Object> at, String key, Map<String, ?> value) {
    if (!value.isEmpty()) {
      at.put(key, value);
    }
  }
}

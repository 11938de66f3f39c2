package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The network of a machine as FreeBSD keeps it; see rc.conf(5), lagg(4), vlan(4), ifconfig(8). */
final class RcConf {
  private final InstallSpec spec;
  private final Map<String, String> out = new LinkedHashMap<>();

  private RcConf(InstallSpec spec) {
    this.spec = spec;
  }

  /** Values by name; there is no letter in a value that a shell minds. */
  static Map<String, String> network(InstallSpec spec) {
    RcConf all = new RcConf(spec);
    all.add();
    return all.out;
  }

  /** The file: every value in double quotes. */
  static String write(Map<String, String> values) {
    StringBuilder text = new StringBuilder();
    values.forEach((name, value) -> text.append(name).append("=\"").append(value).append("\"\n"));
    return text.toString();
  }

  /** As rc.subr makes a variable's name of an interface's. */
  static String variable(String name) {
    return name.replace('-', '_');
  }

  /** In lagg's words; empty for what it does not know. */
  static Optional<String> protocol(MachineSpec.BondMode mode) {
    return switch (mode) {
      case BALANCE_RR -> Optional.of("roundrobin");
      case ACTIVE_BACKUP -> Optional.of("failover");
      case BALANCE_XOR -> Optional.of("loadbalance");
      case BROADCAST -> Optional.of("broadcast");
      case LACP -> Optional.of("lacp");
      case BALANCE_TLB, BALANCE_ALB -> Optional.empty();
    };
  }

  private void add() {
    List<String> cloned = new ArrayList<>();
    List<String> routes = new ArrayList<>();
    List<String> routes6 = new ArrayList<>();
    Map<String, String> tails = new LinkedHashMap<>();
    int laggs = 0;
    int bridges = 0;
    for (NetInterface face : spec.interfaces()) {
      String name = variable(face.name());
      List<String> words = new ArrayList<>();
      switch (face) {
        case NetInterface.Ethernet card -> {}
        case NetInterface.Bond bond -> {
          String device = "lagg" + laggs++;
          cloned.add(device);
          out.put("ifconfig_" + device + "_name", face.name());
          words.add("laggproto " + protocol(bond.mode()).orElseThrow());
          bond.members().forEach(member -> words.add("laggport " + member));
        }
        case NetInterface.Bridge bridge -> {
          String device = "bridge" + bridges++;
          cloned.add(device);
          out.put("ifconfig_" + device + "_name", face.name());
          bridge.members().forEach(member -> words.add("addm " + member));
        }
        case NetInterface.Vlan vlan -> {
          out.put("create_args_" + name, "vlan " + vlan.id());
          out.merge("vlans_" + variable(vlan.link()), face.name(), (a, b) -> a + " " + b);
        }
      }
      ipv4(face, words, tails);
      out.put("ifconfig_" + name, String.join(" ", words));
      ipv6(face, name, tails);
      int n = 0;
      for (MachineSpec.Route route : face.ip().routes()) {
        String id = name + "_" + n++;
        boolean v6 = route.to().v6();
        (v6 ? routes6 : routes).add(id);
        tails.put(
            (v6 ? "ipv6_route_" : "route_") + id,
            (v6 ? "" : "-net ") + route.to() + " " + zoned(route.via(), face));
      }
    }
    if (!cloned.isEmpty()) {
      out.put("cloned_interfaces", String.join(" ", cloned));
    }
    for (boolean v6 : new boolean[] {false, true}) {
      NetInterface uplink = spec.uplink(v6);
      Ip gateway = uplink == null ? null : uplink.ip().gateway(v6);
      if (uplink != null && gateway != null) {
        out.put(v6 ? "ipv6_defaultrouter" : "defaultrouter", zoned(gateway, uplink));
      }
    }
    if (!routes.isEmpty()) {
      out.put("static_routes", String.join(" ", routes));
    }
    if (!routes6.isEmpty()) {
      out.put("ipv6_static_routes", String.join(" ", routes6));
    }
    if (spec.interfaces().stream().anyMatch(face -> face.ip().slaac())) {
      out.put("rtsold_enable", "YES");
    }
    out.putAll(tails);
  }

  /** A next hop; one that may be on every link, with the link that is meant. */
  private static String zoned(Ip via, NetInterface face) {
    return via + (InstallSpec.isLinkLocal(via) ? "%" + face.name() : "");
  }

  private static void ipv4(NetInterface face, List<String> words, Map<String, String> tails) {
    IpConfig ip = face.ip();
    List<HostAddress> addresses = ip.addresses().stream().filter(a -> !a.v6()).toList();
    if (ip.mtu() != null) {
      words.add("mtu " + ip.mtu());
    }
    int aliases = 0;
    if (ip.dhcp4()) {
      words.add(ip.optional() ? "DHCP" : "SYNCDHCP");
    } else if (!addresses.isEmpty()) {
      words.add("inet " + addresses.getFirst());
    } else {
      words.add("up");
    }
    for (HostAddress address : ip.dhcp4() ? addresses : skip(addresses)) {
      tails.put("ifconfig_" + variable(face.name()) + "_alias" + aliases++, "inet " + address);
    }
  }

  private void ipv6(NetInterface face, String name, Map<String, String> tails) {
    IpConfig ip = face.ip();
    List<HostAddress> addresses = ip.addresses().stream().filter(HostAddress::v6).toList();
    if (!ip.has(true)) {
      return;
    }
    List<String> words = new ArrayList<>(List.of("inet6"));
    if (!addresses.isEmpty()) {
      words.add(addresses.getFirst().ip() + " prefixlen " + addresses.getFirst().prefix());
    }
    words.add(ip.slaac() ? "accept_rtadv" : "-accept_rtadv");
    if (ip.slaac() && spec.uplink(true) != face) {
      words.add("no_radr");
    }
    out.put("ifconfig_" + name + "_ipv6", String.join(" ", words));
    int aliases = (int) ip.addresses().stream().filter(a -> !a.v6()).count();
    for (HostAddress address : skip(addresses)) {
      tails.put("ifconfig_" + name + "_alias" + aliases++, "inet6 " + address);
    }
  }

  private static <T> List<T> skip(List<T> list) {
    return list.subList(Math.min(1, list.size()), list.size());
  }
}

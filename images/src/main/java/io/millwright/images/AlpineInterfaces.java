package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * The network of a machine as Alpine's ifupdown-ng reads it, in the words that it shares with older
 * ones; see interfaces(5), interfaces-bond(5), interfaces-vlan(5).
 */
final class AlpineInterfaces {
  private final InstallSpec spec;
  private final StringBuilder out = new StringBuilder("auto lo\niface lo inet loopback\n");

  private AlpineInterfaces(InstallSpec spec) {
    this.spec = spec;
  }

  /** The content of /etc/network/interfaces. */
  static String of(InstallSpec spec) {
    AlpineInterfaces all = new AlpineInterfaces(spec);
    spec.interfaces().forEach(all::add);
    return all.out.toString();
  }

  private void add(NetInterface face) {
    IpConfig ip = face.ip();
    String name = face.name();
    out.append("\nauto ").append(name).append('\n');
    boolean v4 = ip.has(false);
    line(0, "iface " + name + " inet " + (ip.dhcp4() ? "dhcp" : v4 ? "static" : "manual"));
    switch (face) {
      case NetInterface.Ethernet card -> {}
      case NetInterface.Bond bond -> {
        line(1, "bond-members " + String.join(" ", bond.members()));
        line(1, "bond-mode " + Netplan.mode(bond.mode()));
        line(1, "bond-miimon 100");
      }
      case NetInterface.Bridge bridge -> {
        line(
            1,
            "bridge-ports "
                + (bridge.members().isEmpty() ? "none" : String.join(" ", bridge.members())));
        line(1, "bridge-stp off");
      }
      case NetInterface.Vlan vlan -> {
        line(1, "vlan-raw-device " + vlan.link());
        line(1, "vlan-id " + vlan.id());
      }
    }
    if (v4 && !ip.dhcp4()) {
      address(face, false);
    }
    // Before anything is up: the kernel listens to routers by itself unless it is told.
    kernel(name, "disable_ipv6", !ip.has(true));
    kernel(name, "accept_ra", ip.isDynamic(true));
    kernel(name, "autoconf", ip.slaac());
    kernel(name, "accept_ra_defrtr", ip.isDynamic(true) && spec.uplink(true) == face);
    if (ip.mtu() != null) {
      line(1, "up ip link set dev " + name + " mtu " + ip.mtu());
    }
    more(face, false);
    if (ip.has(true)) {
      out.append('\n');
      line(0, "iface " + name + " inet6 " + (ip.isStatic(true) ? "static" : "auto"));
      if (ip.isStatic(true)) {
        address(face, true);
      }
      more(face, true);
    }
  }

  /** The first of the family; interfaces(5) takes one. */
  private void address(NetInterface face, boolean v6) {
    HostAddress first = addresses(face, v6).getFirst();
    line(1, "address " + first.ip());
    line(1, "netmask " + (v6 ? Integer.toString(first.prefix()) : netmask(first.prefix())));
    Ip gateway = face.ip().gateway(v6);
    if (gateway != null && spec.uplink(v6) == face) {
      line(1, "gateway " + gateway);
    }
  }

  /** What there is no word for: further addresses, and routes. */
  private void more(NetInterface face, boolean v6) {
    IpConfig ip = face.ip();
    List<HostAddress> addresses = addresses(face, v6);
    addresses
        .subList(v6 || !ip.dhcp4() ? Math.min(1, addresses.size()) : 0, addresses.size())
        .forEach(a -> line(1, "up ip addr add " + a + " dev " + face.name()));
    Ip gateway = ip.gateway(v6);
    if (!v6 && ip.dhcp4() && gateway != null && spec.uplink(false) == face) {
      line(1, "up ip route replace default via " + gateway + " dev " + face.name());
    }
    for (MachineSpec.Route route : ip.routes()) {
      if (route.to().v6() == v6) {
        line(
            1,
            "up ip "
                + (v6 ? "-6 " : "")
                + "route add "
                + route.to()
                + " via "
                + route.via()
                + " dev "
                + face.name()
                + (route.metric() == null ? "" : " metric " + route.metric()));
      }
    }
  }

  private static List<HostAddress> addresses(NetInterface face, boolean v6) {
    return face.ip().addresses().stream().filter(a -> a.v6() == v6).toList();
  }

  private void kernel(String name, String key, boolean value) {
    line(1, "pre-up sysctl -q -w net.ipv6.conf." + name + "." + key + "=" + (value ? 1 : 0));
  }

  private void line(int depth, String text) {
    out.append("    ".repeat(depth)).append(text).append('\n');
  }

  private static String netmask(int prefix) {
    BigInteger all = BigInteger.ONE.shiftLeft(32).subtract(BigInteger.ONE);
    return new Ip(false, all.shiftRight(32 - prefix).shiftLeft(32 - prefix)).toString();
  }

  /** The interfaces whose DHCP server must not set the default route. */
  static List<String> withoutDefaultRoute(InstallSpec spec) {
    List<String> out = new ArrayList<>();
    for (NetInterface face : spec.interfaces()) {
      if (face.ip().dhcp4() && spec.uplink(false) != face) {
        out.add(face.name());
      }
    }
    return out;
  }
}

package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The network of a machine as ifupdown2 keeps it, for Proxmox VE, whose own tools read and write
 * the same file: interfaces(5) as ifupdown2 extends it, a systemd.link file for the name of each
 * card, and what the kernel has to know of IPv6 on each interface, which udev tells it as soon as
 * there is one.
 */
final class Ifupdown2 {
  /** For sysctl(8). */
  static final String KERNEL = "/etc/sysctl.d/60-millwright-network.conf";

  private final InstallSpec spec;

  private Ifupdown2(InstallSpec spec) {
    this.spec = spec;
  }

  /** Content by path. */
  static Map<String, String> of(InstallSpec spec) {
    Map<String, String> out = new LinkedHashMap<>();
    Ifupdown2 all = new Ifupdown2(spec);
    out.put("/etc/network/interfaces", all.interfaces());
    out.put(KERNEL, all.kernel());
    for (NetInterface.Ethernet card : spec.cards()) {
      Mac mac = card.mac();
      if (mac != null || spec.isTheOnly(card)) {
        out.put(
            "/etc/systemd/network/10-millwright-" + card.name() + ".link",
            "[Match]\n"
                + (mac != null ? "PermanentMACAddress=" + mac : "Type=ether\nOriginalName=e*")
                + "\n\n[Link]\nName="
                + card.name()
                + "\n");
      }
    }
    return out;
  }

  private String interfaces() {
    StringBuilder out = new StringBuilder("auto lo\niface lo inet loopback\n");
    for (NetInterface face : spec.interfaces()) {
      out.append("\nauto ").append(face.name()).append('\n');
      family(out, face, false);
      if (face.ip().has(true)) {
        family(out, face, true);
      }
    }
    return out.toString();
  }

  /** It listens to routers unless it is told, also where ifupdown2 has nothing to do with IPv6. */
  private String kernel() {
    StringBuilder out = new StringBuilder();
    for (NetInterface face : spec.interfaces()) {
      IpConfig ip = face.ip();
      Map<String, Boolean> keys = new LinkedHashMap<>();
      keys.put("disable_ipv6", !ip.has(true));
      keys.put("accept_ra", ip.isDynamic(true));
      keys.put("autoconf", ip.slaac());
      // There is one default route, and who gives addresses here gives another one.
      keys.put("accept_ra_defrtr", ip.isDynamic(true) && spec.uplink(true) == face);
      keys.forEach((key, value) ->
          out.append("net.ipv6.conf.")
              .append(face.name())
              .append('.')
              .append(key)
              .append(" = ")
              .append(value ? 1 : 0)
              .append('\n'));
    }
    return out.toString();
  }

  private void family(StringBuilder out, NetInterface face, boolean v6) {
    IpConfig ip = face.ip();
    out.append("iface ")
        .append(face.name())
        .append(v6 ? " inet6 " : " inet ")
        .append(method(ip, v6))
        .append('\n');
    List<String> lines = new ArrayList<>();
    ip.addresses().stream().filter(a -> a.v6() == v6).forEach(a -> lines.add("address " + a));
    Ip gateway = ip.gateway(v6);
    if (gateway != null && spec.uplink(v6) == face) {
      lines.add("gateway " + gateway);
    }
    if (!v6) {
      device(lines, face);
    }
    if (!v6 && ip.dhcp4() && spec.uplink(false) != face) {
      // There is none where the DHCP server names no router, and the card is up all the same.
      lines.add("post-up ip route del default dev " + face.name() + " || true");
    }
    for (MachineSpec.Route route : ip.routes()) {
      if (route.to().v6() == v6) {
        Integer metric = route.metric();
        lines.add(
            "post-up ip route replace "
                + route.to()
                + " via "
                + route.via()
                + " dev "
                + face.name()
                + (metric == null ? "" : " metric " + metric));
      }
    }
    lines.forEach(line -> out.append("    ").append(line).append('\n'));
  }

  private static String method(IpConfig ip, boolean v6) {
    if (v6) {
      return ip.dhcp6() ? "dhcp" : ip.slaac() ? "auto" : "static";
    }
    return ip.dhcp4() ? "dhcp" : ip.isStatic(false) ? "static" : "manual";
  }

  /** What it is made of; said once, with IPv4. */
  private void device(List<String> lines, NetInterface face) {
    switch (face) {
      case NetInterface.Ethernet _ -> {}
      case NetInterface.Bond bond -> {
        lines.add("bond-slaves " + String.join(" ", bond.members()));
        lines.add("bond-mode " + Netplan.mode(bond.mode()));
        lines.add("bond-miimon 100");
        spec.firstMac(bond).ifPresent(mac -> lines.add("hwaddress " + mac));
      }
      case NetInterface.Bridge bridge -> {
        lines.add(
            "bridge-ports "
                + (bridge.members().isEmpty() ? "none" : String.join(" ", bridge.members())));
        lines.add("bridge-stp off");
        lines.add("bridge-fd 0");
      }
      case NetInterface.Vlan vlan -> {
        lines.add("vlan-raw-device " + vlan.link());
        lines.add("vlan-id " + vlan.id());
      }
    }
    Integer mtu = face.ip().mtu();
    if (mtu != null) {
      lines.add("mtu " + mtu);
    }
  }
}

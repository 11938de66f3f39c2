package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The network of a machine as NetworkManager keeps it: one keyfile for each interface, and a
 * systemd.link file for the name of each card. Connections know cards by MAC address and each other
 * by UUID, so nothing depends on a name that the kernel gave.
 */
final class NmKeyfiles {
  /** What a .link file can say of the card that it names; see systemd.link(5). */
  enum Links {
    TODAY,
    /**
     * Of Red Hat 8 and its sisters, which passes over PermanentMACAddress=, so that what is left of
     * the section matches every card, and to which a card has no Type=.
     */
    OF_SYSTEMD_239
  }

  private final InstallSpec spec;

  private NmKeyfiles(InstallSpec spec) {
    this.spec = spec;
  }

  /** Content by path. NetworkManager reads keyfiles only if none but root can. */
  static Map<String, String> of(InstallSpec spec) {
    return of(spec, Links.TODAY);
  }

  /** The same for a system with these .link files. */
  static Map<String, String> of(InstallSpec spec, Links links) {
    NmKeyfiles all = new NmKeyfiles(spec);
    Map<String, String> out = new LinkedHashMap<>();
    for (NetInterface face : spec.interfaces()) {
      out.put(
          "/etc/NetworkManager/system-connections/" + face.name() + ".nmconnection",
          all.keyfile(face));
      if (face instanceof NetInterface.Ethernet card
          && (card.mac() != null || spec.isTheOnly(card))) {
        out.put(
            "/etc/systemd/network/10-millwright-" + card.name() + ".link",
            "[Match]\n" + match(card.mac(), links) + "\n\n[Link]\nName=" + card.name() + "\n");
      }
    }
    return out;
  }

  private static String match(@Nullable Mac mac, Links links) {
    String only = "OriginalName=e*"; // eth0 as well as enp1s0
    return switch (links) {
      case TODAY -> mac != null ? "PermanentMACAddress=" + mac : "Type=ether\n" + only;
      // A VLAN, bond or bridge has the card's MAC address, but no place on a bus.
      case OF_SYSTEMD_239 -> (mac != null ? "MACAddress=" + mac : only) + "\nPath=*";
    };
  }

  private UUID uuid(String name) {
    return UUID.nameUUIDFromBytes(
        (spec.identity().instanceId() + "/" + name).getBytes(StandardCharsets.UTF_8));
  }

  private String keyfile(NetInterface face) {
    Map<String, Map<String, String>> file = new LinkedHashMap<>();
    Map<String, String> connection = section(file, "connection");
    connection.put("id", face.name());
    connection.put("uuid", uuid(face.name()).toString());
    Map<String, String> ethernet = new LinkedHashMap<>();
    Optional<NetInterface> owner = spec.owner(face);
    switch (face) {
      case NetInterface.Ethernet card -> {
        connection.put("type", "ethernet");
        Mac mac = card.mac();
        if (mac != null) {
          ethernet.put("mac-address", mac.text());
        } else if (!spec.isTheOnly(card)) {
          connection.put("interface-name", card.name());
        }
      }
      case NetInterface.Bond bond -> {
        connection.put("type", "bond");
        connection.put("interface-name", bond.name());
        // Brings its cards up with it, in whatever order they are found.
        connection.put("autoconnect-slaves", "1");
        Map<String, String> options = section(file, "bond");
        options.put("mode", Netplan.mode(bond.mode()));
        options.put("miimon", "100");
        spec.firstMac(bond).ifPresent(mac -> ethernet.put("cloned-mac-address", mac.text()));
      }
      case NetInterface.Bridge bridge -> {
        connection.put("type", "bridge");
        connection.put("interface-name", bridge.name());
        connection.put("autoconnect-slaves", "1");
        section(file, "bridge").put("stp", "false");
        spec.firstMac(bridge).ifPresent(mac -> ethernet.put("cloned-mac-address", mac.text()));
      }
      case NetInterface.Vlan vlan -> {
        connection.put("type", "vlan");
        connection.put("interface-name", vlan.name());
        Map<String, String> options = section(file, "vlan");
        options.put("id", Integer.toString(vlan.id()));
        options.put("parent", uuid(vlan.link()).toString());
      }
    }
    owner.ifPresent(other -> {
      connection.put("master", uuid(other.name()).toString());
      connection.put("slave-type", other instanceof NetInterface.Bond ? "bond" : "bridge");
    });
    Integer mtu = face.ip().mtu();
    if (mtu != null) {
      ethernet.put("mtu", mtu.toString());
    }
    if (!ethernet.isEmpty() || face instanceof NetInterface.Ethernet) {
      file.put("ethernet", ethernet);
    }
    if (owner.isPresent() && owner.get() instanceof NetInterface.Bridge) {
      section(file, "bridge-port"); // must be there, though it has nothing to say
    }
    if (owner.isEmpty()) {
      family(section(file, "ipv4"), face, false);
      family(section(file, "ipv6"), face, true);
    }
    StringBuilder out = new StringBuilder();
    file.forEach((name, values) -> {
      out.append(out.isEmpty() ? "" : "\n").append('[').append(name).append("]\n");
      values.forEach((key, value) -> out.append(key).append('=').append(value).append('\n'));
    });
    return out.toString();
  }

  private static Map<String, String> section(Map<String, Map<String, String>> file, String name) {
    Map<String, String> out = new LinkedHashMap<>();
    file.put(name, out);
    return out;
  }

  private void family(Map<String, String> at, NetInterface face, boolean v6) {
    IpConfig ip = face.ip();
    if (!ip.has(v6)) {
      at.put("method", "disabled");
      return;
    }
    // "auto" asks by DHCPv6 too where the router says that there is somebody to ask.
    at.put("method", ip.isDynamic(v6) ? "auto" : "manual");
    if (v6) {
      at.put("addr-gen-mode", "eui64"); // the same address as networkd makes in a clone
    }
    int n = 1;
    for (HostAddress address : ip.addresses()) {
      if (address.v6() == v6) {
        at.put("address" + n++, address.toString());
      }
    }
    boolean uplink = spec.uplink(v6) == face;
    Ip gateway = ip.gateway(v6);
    if (uplink && gateway != null) {
      at.put("gateway", gateway.toString());
    }
    if (!uplink) {
      at.put("never-default", "true");
    }
    n = 1;
    for (MachineSpec.Route route : ip.routes()) {
      if (route.to().v6() == v6) {
        Integer metric = route.metric();
        at.put(
            "route" + n++, route.to() + "," + route.via() + (metric == null ? "" : "," + metric));
      }
    }
    list(at, "dns", nameServers(face, v6));
    // Once is enough, and IPv4 comes first.
    list(at, "dns-search", v6 && ip.has(false) ? List.of() : search(face));
  }

  /**
   * Those of this family: its own, and of the first interface which has the family those of all
   * others that have not, where NetworkManager would not read them. Nobody can ask a server of a
   * family that the machine does not have.
   */
  private List<String> nameServers(NetInterface face, boolean v6) {
    return Stream.concat(
            Stream.of(face),
            isFirst(face, f -> f.ip().has(v6))
                ? spec.interfaces().stream().filter(f -> !f.ip().has(v6))
                : Stream.of())
        .flatMap(f -> f.ip().dns().stream())
        .filter(server -> server.v6() == v6)
        .map(Ip::toString)
        .distinct()
        .toList();
  }

  /** Likewise, with those of the interfaces that have no address at all. */
  private List<String> search(NetInterface face) {
    return Stream.concat(
            Stream.of(face),
            isFirst(face, NmKeyfiles::isAddressed)
                ? spec.interfaces().stream().filter(f -> !isAddressed(f))
                : Stream.of())
        .flatMap(f -> f.ip().search().stream())
        .distinct()
        .toList();
  }

  private boolean isFirst(NetInterface face, Predicate<NetInterface> of) {
    return spec.interfaces().stream().filter(of).findFirst().filter(face::equals).isPresent();
  }

  private static boolean isAddressed(NetInterface face) {
    return face.ip().has(false) || face.ip().has(true);
  }

  private static void list(Map<String, String> at, String key, List<String> values) {
    if (!values.isEmpty()) {
      at.put(key, String.join(";", values) + ";");
    }
  }
}

package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Installs VMware ESXi 8 by its scripted installer, which reads {@code KS.CFG} from its own medium
 * if its boot options say so (VMware's "ESXi Installation and Setup").
 *
 * <p>The installer makes one interface, vmk0. A program of the first boot makes all others by
 * esxcli: each card, and each bond, becomes a virtual switch; what has addresses becomes a VMkernel
 * interface. That program does not run where Secure Boot is on; then ESXi runs none at all.
 */
public final class Esxi implements Renderer<Answers> {
  /** In the form of crypt(3), and not the hash of any text anybody knows. */
  private static final String NO_PASSWORD = "$6$millwright$" + ".".repeat(86);

  private static final Map<String, String> KEYBOARDS =
      Map.ofEntries(
          Map.entry("us", "US Default"),
          Map.entry("gb", "United Kingdom"),
          Map.entry("de", "German"),
          Map.entry("ch", "Swiss German"),
          Map.entry("fr", "French"),
          Map.entry("be", "Belgian"),
          Map.entry("es", "Spanish"),
          Map.entry("it", "Italian"),
          Map.entry("pt", "Portuguese"),
          Map.entry("br", "Brazilian"),
          Map.entry("dk", "Danish"),
          Map.entry("se", "Swedish"),
          Map.entry("no", "Norwegian"),
          Map.entry("fi", "Finnish"),
          Map.entry("pl", "Polish"),
          Map.entry("jp", "Japanese"));

  /** Its own, and what a user has of whom nothing is said. */
  private static final Set<String> SHELLS = Set.of("/bin/sh", "/bin/bash");

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.noDataDisks(spec));
    checkInterfaces(spec, out);
    checkProfile(spec.profile(), out);
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    Storage storage = how.storage();
    if (storage.disk() instanceof Storage.Disk.ByPath) {
      refuse(out, "storage.disk", "ESXi has no such paths; give a serial or a range of sizes");
    }
    if (storage.mirror() != null) {
      refuse(out, "storage.mirror", "ESXi mirrors no disk; use a controller that does");
    }
    if (storage.table() == StorageSpec.Table.MSDOS) {
      refuse(out, "storage.table", "ESXi starts from a GPT only");
    }
    if (storage.layout() == StorageSpec.Layout.LVM) {
      refuse(out, "storage.layout", "ESXi has no LVM; give plain");
    }
    if (!storage.filesystems().isEmpty()) {
      refuse(out, "storage.filesystems", "ESXi divides its disk itself");
    }
    if (storage.encryption() != null) {
      refuse(out, "storage.encryption", "ESXi's installer encrypts no disk");
    }
    String medium = "ESXi installs from its own medium alone";
    if (how.source().mirror() != null) {
      refuse(out, "source.mirror", medium);
    }
    if (how.source().proxy() != null) {
      refuse(out, "source.proxy", medium);
    }
    if (how.source().repository() != null) {
      refuse(out, "source.repository", medium);
    }
    PackageManager.none(how.source(), medium, out);
    if (!how.before().isEmpty()) {
      refuse(out, "before", "ESXi's installer runs no programs of others; use scripts");
    }
    if (!how.after().isEmpty()) {
      refuse(out, "after", "ESXi runs programs at its first boot only; use the profile's scripts");
    }
    if (how.end() == Installation.End.POWEROFF) {
      refuse(out, "end", "ESXi's installer always reboots; give reboot");
    }
    if (!KEYBOARDS.containsKey(how.keyboard())) {
      refuse(out, "keyboard", "is not among those of ESXi's installer");
    }
    return List.copyOf(out);
  }

  private static void refuse(List<Refusal> out, String field, String reason) {
    out.add(new Refusal("installation." + field, reason));
  }

  private static void checkInterfaces(InstallSpec spec, List<Refusal> out) {
    if (vmkernels(spec).isEmpty()) {
      out.add(new Refusal("interfaces", "ESXi needs an address to be managed under"));
    }
    for (int i = 0; i < spec.interfaces().size(); i++) {
      NetInterface face = spec.interfaces().get(i);
      String field = "interfaces[" + i + "]";
      switch (face) {
        case NetInterface.Ethernet card -> {
          if (card.mac() == null && !spec.isTheOnly(card)) {
            out.add(new Refusal(field + ".mac", "ESXi's installer knows a card by its MAC only"));
          }
        }
        case NetInterface.Bond bond -> {
          if (bond.mode() != MachineSpec.BondMode.ACTIVE_BACKUP) {
            out.add(
                new Refusal(
                    field + ".mode", "a switch of ESXi alone shares cards as active-backup only"));
          }
        }
        case NetInterface.Bridge _ ->
            out.add(
                new Refusal(
                    field, "every card of ESXi has a virtual switch already; leave it out"));
        case NetInterface.Vlan _ -> {}
      }
      List<Integer> v4 =
          IntStream.range(0, face.ip().addresses().size())
              .filter(j -> !face.ip().addresses().get(j).v6())
              .boxed()
              .toList();
      for (int j : face.ip().dhcp4() ? v4 : v4.subList(Math.min(1, v4.size()), v4.size())) {
        out.add(
            new Refusal(
                field + ".ip.addresses[" + j + "]",
                "a VMkernel interface has one IPv4 address, by DHCP or a static one; give another"
                    + " interface"));
      }
      for (int j = 0; j < face.ip().routes().size(); j++) {
        if (face.ip().routes().get(j).metric() != null) {
          out.add(new Refusal(field + ".ip.routes[" + j + "].metric", "ESXi's routes have none"));
        }
      }
    }
  }

  private static void checkProfile(ProfileSpec profile, List<Refusal> out) {
    if (!profile.packages().isEmpty()) {
      out.add(new Refusal("profile.packages", "ESXi has no packages; use a script with esxcli"));
    }
    if (!profile.files().isEmpty()) {
      out.add(new Refusal("profile.files", "ESXi keeps no files of others over a restart"));
    }
    if (profile.locale() != null) {
      out.add(new Refusal("profile.locale", "ESXi speaks English only; leave it out"));
    }
    if (profile.timezone() != null && !List.of("UTC", "Etc/UTC").contains(profile.timezone())) {
      out.add(new Refusal("profile.timezone", "ESXi's clock shows UTC only"));
    }
    for (int i = 0; i < profile.users().size(); i++) {
      ProfileSpec.User user = profile.users().get(i);
      String field = "profile.users[" + i + "]";
      if (!user.name().equals("root")) {
        out.add(
            new Refusal(
                field + ".name",
                "ESXi makes users only with a password in clear, which no medium carries; use"
                    + " root"));
      }
      if (user.sudo()) {
        out.add(new Refusal(field + ".sudo", "ESXi has no sudo, and root needs none"));
      }
      if (!user.groups().isEmpty()) {
        out.add(new Refusal(field + ".groups", "ESXi has roles in place of groups; leave it out"));
      }
      if (!SHELLS.contains(user.shell())) {
        out.add(new Refusal(field + ".shell", "ESXi's only shell is /bin/sh; leave it out"));
      }
      if (user.passwordHash() != null && !user.passwordHash().startsWith("$6$")) {
        out.add(new Refusal(field + ".passwordHash", "ESXi reads hashes of SHA-512 only"));
      }
    }
    for (int i = 0; i < profile.scripts().size(); i++) {
      String first = profile.scripts().get(i).content().lines().findFirst().orElse("");
      if (!first.equals("#!/bin/sh")) {
        out.add(
            new Refusal(
                "profile.scripts[" + i + "].content", "ESXi's only shell is /bin/sh; begin so"));
      }
    }
  }

  /** What becomes a VMkernel interface: the one with the default route first. */
  private static List<NetInterface> vmkernels(InstallSpec spec) {
    List<NetInterface> out =
        new ArrayList<>(
            spec.interfaces().stream()
                .filter(face -> face.ip().has(false) || face.ip().has(true))
                .toList());
    NetInterface uplink = spec.uplink(false) == null ? spec.uplink(true) : spec.uplink(false);
    if (uplink != null && out.remove(uplink)) {
      out.addFirst(uplink);
    }
    return out;
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    Optional<ProfileSpec.User> root = spec.profile().users().stream().findFirst();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("password", root.map(ProfileSpec.User::passwordHash).orElse(NO_PASSWORD));
    values.put("keyboard", KEYBOARDS.get(how.keyboard()));
    values.put("network", network(spec));
    switch (how.storage().disk()) {
      case Storage.Disk.BySerial by -> {
        values.put("serial", by.serial());
        values.put("atLeast", 0);
        values.put("atMost", 0);
      }
      case Storage.Disk.BySize by -> {
        values.put("serial", "");
        values.put("atLeast", by.atLeast().mib()); // as esxcli tells it
        values.put("atMost", by.atMost().mib());
      }
      case Storage.Disk.ByPath _ -> throw new IllegalStateException("check() lets no path pass");
    }
    values.put("untouched", String.join(" ", how.storage().untouched()));
    values.put(
        "task", Base64.getEncoder().encodeToString(task(spec).getBytes(StandardCharsets.UTF_8)));
    values.put("program", FirstBoot.read("esxi-first-boot.py"));
    return Answers.of(
        Answers.Way.on(
            Map.of("/KS.CFG", AnswerFile.text(Template.fill("esxi.peb", values))),
            "ks=cdrom:/KS.CFG"));
  }

  /** The card below an interface; of a bond the first. */
  private static NetInterface.Ethernet card(InstallSpec spec, NetInterface face) {
    return switch (face) {
      case NetInterface.Ethernet card -> card;
      case NetInterface.Vlan vlan -> card(spec, named(spec, vlan.link()));
      case NetInterface.Bond bond -> card(spec, named(spec, bond.members().getFirst()));
      case NetInterface.Bridge _ -> throw new IllegalStateException("check() lets no bridge pass");
    };
  }

  private static NetInterface named(InstallSpec spec, String name) {
    return spec.interfaces().stream()
        .filter(face -> face.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** vmk0, as far as the installer can make it: it knows IPv4 only. */
  private static String network(InstallSpec spec) {
    NetInterface first = vmkernels(spec).getFirst();
    IpConfig ip = first.ip();
    StringBuilder out = new StringBuilder("network");
    Optional<HostAddress> v4 = ip.addresses().stream().filter(a -> !a.v6()).findFirst();
    if (v4.isPresent() && !ip.dhcp4()) {
      out.append(" --bootproto=static --ip=").append(v4.get().ip());
      out.append(" --netmask=").append(netmask(v4.get().prefix()));
      if (ip.gateway4() != null && spec.uplink(false) == first) {
        out.append(" --gateway=").append(ip.gateway4());
      }
      List<String> dns = ip.dns().stream().filter(d -> !d.v6()).map(Ip::toString).toList();
      if (!dns.isEmpty()) {
        out.append(" --nameserver=").append(String.join(",", dns));
      }
    } else {
      out.append(" --bootproto=dhcp");
    }
    Mac mac = card(spec, first).mac();
    if (mac != null) {
      out.append(" --device=").append(mac);
    }
    if (first instanceof NetInterface.Vlan vlan) {
      out.append(" --vlanid=").append(vlan.id());
    }
    return out.append(" --hostname=")
        .append(spec.identity().fqdn())
        .append(" --addvmportgroup=0")
        .toString();
  }

  private static Ip netmask(int prefix) {
    BigInteger all = BigInteger.ONE.shiftLeft(32).subtract(BigInteger.ONE);
    return new Ip(false, all.shiftRight(32 - prefix).shiftLeft(32 - prefix));
  }

  private static String task(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("commands", commands(spec));
    out.put("keys", profile.users().stream().flatMap(u -> u.keys().stream()).toList());
    out.put(
        "scripts",
        profile.scripts().stream()
            .map(s -> {
              Map<String, Object> script = new LinkedHashMap<>();
              script.put("name", s.name());
              script.put("content", s.content());
              return script;
            })
            .toList());
    out.put("reportTo", spec.reportTo().stream().map(Object::toString).toList());
    return JSON.writeValueAsString(out);
  }

  /** Words of esxcli; {@code nic:MAC} is a card, by whatever name ESXi has for it. */
  private static List<List<String>> commands(InstallSpec spec) {
    Commands out = new Commands();
    String domain = spec.identity().domain();
    out.add("system hostname set --host", spec.identity().hostname());
    if (domain != null) {
      out.add("system hostname set --domain", domain);
    }
    List<NetInterface> vmkernels = vmkernels(spec);
    NetInterface.Ethernet management = card(spec, vmkernels.getFirst());
    Map<String, String> switches = new LinkedHashMap<>();
    for (NetInterface face : spec.interfaces()) {
      if (face instanceof NetInterface.Vlan || spec.owner(face).isPresent()) {
        continue;
      }
      String name = card(spec, face) == management ? "vSwitch0" : "vSwitch" + (switches.size() + 1);
      switches.put(face.name(), name);
      if (!name.equals("vSwitch0")) {
        out.add("network vswitch standard add -v", name);
      }
      List<NetInterface.Ethernet> cards =
          face instanceof NetInterface.Bond bond
              ? bond.members().stream().map(m -> card(spec, named(spec, m))).toList()
              : List.of(card(spec, face));
      for (NetInterface.Ethernet card : cards) {
        if (card != management) {
          Mac mac = card.mac();
          out.add("network vswitch standard uplink add -u", "nic:" + mac, "-v", name);
        }
      }
      Integer mtu = face.ip().mtu();
      if (mtu != null) {
        out.add("network vswitch standard set -v", name, "-m", mtu.toString());
      }
    }
    for (int i = 0; i < vmkernels.size(); i++) {
      NetInterface face = vmkernels.get(i);
      String vmk = "vmk" + i;
      NetInterface below = face instanceof NetInterface.Vlan vlan ? named(spec, vlan.link()) : face;
      if (i > 0) {
        out.add(
            "network vswitch standard portgroup add -p",
            face.name(),
            "-v",
            switches.getOrDefault(below.name(), "vSwitch0"));
        if (face instanceof NetInterface.Vlan vlan) {
          out.add(
              "network vswitch standard portgroup set -p",
              face.name(),
              "--vlan-id",
              Integer.toString(vlan.id()));
        }
        out.add("network ip interface add -i", vmk, "-p", face.name());
      }
      addresses(out, spec, face, vmk);
    }
    Networkd.nameServers(spec).forEach(s -> out.add("network ip dns server add -s", s));
    Networkd.searchDomains(spec).forEach(d -> out.add("network ip dns search add -d", d));
    List<String> ntp = spec.profile().ntp();
    if (!ntp.isEmpty()) {
      List<String> words = new ArrayList<>();
      ntp.forEach(server -> words.addAll(List.of("-s", server)));
      words.addAll(List.of("-e", "true"));
      out.add("system ntp set", words.toArray(String[]::new));
    }
    return out.list;
  }

  private static void addresses(Commands out, InstallSpec spec, NetInterface face, String vmk) {
    IpConfig ip = face.ip();
    Integer mtu = ip.mtu();
    if (mtu != null) {
      out.add("network ip interface set -i", vmk, "-m", mtu.toString());
    }
    Optional<HostAddress> v4 = ip.addresses().stream().filter(a -> !a.v6()).findFirst();
    if (ip.dhcp4()) {
      out.add("network ip interface ipv4 set -i", vmk, "-t", "dhcp");
    } else if (v4.isPresent()) {
      out.add(
          "network ip interface ipv4 set -i",
          vmk,
          "-t",
          "static",
          "-I",
          v4.get().ip().toString(),
          "-N",
          netmask(v4.get().prefix()).toString());
    } else {
      out.add("network ip interface ipv4 set -i", vmk, "-t", "none");
    }
    out.add(
        "network ip interface ipv6 set -i",
        vmk,
        "-e",
        Boolean.toString(ip.has(true)),
        "-d",
        Boolean.toString(ip.dhcp6()),
        "-r",
        Boolean.toString(ip.isDynamic(true)));
    ip.addresses().stream()
        .filter(HostAddress::v6)
        .forEach(a -> out.add("network ip interface ipv6 address add -i", vmk, "-I", a.toString()));
    for (boolean v6 : new boolean[] {false, true}) {
      @Nullable Ip gateway = ip.gateway(v6);
      if (gateway != null && spec.uplink(v6) == face) {
        out.add(
            "network ip route " + (v6 ? "ipv6" : "ipv4") + " add -n",
            "default",
            "-g",
            zoned(gateway, vmk));
      }
    }
    for (MachineSpec.Route route : ip.routes()) {
      out.add(
          "network ip route " + (route.to().v6() ? "ipv6" : "ipv4") + " add -n",
          route.to().toString(),
          "-g",
          zoned(route.via(), vmk));
    }
  }

  /** A next hop; one that is on every link, with the link that is meant. */
  private static String zoned(Ip via, String vmk) {
    return via + (InstallSpec.isLinkLocal(via) ? "%" + vmk : "");
  }

  private static final class Commands {
    private final List<List<String>> list = new ArrayList<>();

    /** The words of ours, and those that come from outside, each as one. */
    void add(String ours, String... theirs) {
      List<String> words = new ArrayList<>(List.of("esxcli"));
      words.addAll(List.of(ours.split(" ")));
      words.addAll(List.of(theirs));
      list.add(words);
    }
  }
}

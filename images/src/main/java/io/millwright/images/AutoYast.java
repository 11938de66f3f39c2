package io.millwright.images;

import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.SigningKey;
import io.millwright.model.StorageSpec;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Installs SUSE Linux Enterprise Server 15 and openSUSE Leap 15 by AutoYaST, which looks for {@code
 * autoinst.xml} on a medium with the label OEMDRV by itself; see SUSE's AutoYaST Guide.
 *
 * <p>AutoYaST does all in its first stage: disk, packages and network by its own sections, users
 * and files by a script in the new system ({@link Finish}), since half of the sections for those
 * belong to a second stage, which a machine without a screen is better off without.
 */
public final class AutoYast implements Renderer<Answers> {
  /** Which of the two it installs. */
  public enum Product {
    SLES("SLES"),
    LEAP("Leap");

    private final String id;

    Product(String id) {
      this.id = id;
    }
  }

  /** A disk that is none; the disk that is found takes its place. */
  private static final String PLACEHOLDER = "/dev/millwright-has-found-no-disk";

  /** AutoYaST's names for its members run from bonding_slave0 to bonding_slave9. */
  private static final int MOST_MEMBERS = 10;

  /**
   * YaST's names of keyboards, by X11's. Releases of YaST differ in which other names they take,
   * and none tells of one that it does not.
   */
  private static final Map<String, String> KEYBOARDS =
      Map.ofEntries(
          Map.entry("ara", "arabic"),
          Map.entry("at", "german"),
          Map.entry("be", "belgian"),
          Map.entry("br", "portugese-br"),
          Map.entry("ca", "french-ca"),
          Map.entry("ch", "german-ch"),
          Map.entry("cn", "chinese"),
          Map.entry("cz", "czech"),
          Map.entry("de", "german"),
          Map.entry("dk", "danish"),
          Map.entry("ee", "estonian"),
          Map.entry("es", "spanish"),
          Map.entry("fi", "finnish"),
          Map.entry("fr", "french"),
          Map.entry("gb", "english-uk"),
          Map.entry("gr", "greek"),
          Map.entry("hr", "croatian"),
          Map.entry("hu", "hungarian"),
          Map.entry("is", "icelandic"),
          Map.entry("it", "italian"),
          Map.entry("jp", "japanese"),
          Map.entry("kh", "khmer"),
          Map.entry("kr", "korean"),
          Map.entry("latam", "spanish-lat"),
          Map.entry("lt", "lithuanian"),
          Map.entry("nl", "dutch"),
          Map.entry("no", "norwegian"),
          Map.entry("pl", "polish"),
          Map.entry("pt", "portugese"),
          Map.entry("ro", "romanian"),
          Map.entry("rs", "serbian"),
          Map.entry("ru", "russian"),
          Map.entry("se", "swedish"),
          Map.entry("si", "slovene"),
          Map.entry("sk", "slovak"),
          Map.entry("tj", "tajik"),
          Map.entry("tr", "turkish"),
          Map.entry("tw", "taiwanese"),
          Map.entry("ua", "ukrainian"),
          Map.entry("us", "english-us"));

  private static final int ESP = 259;
  private static final int BIOS_BOOT = 263;
  private static final int LINUX = 131;
  private static final int SWAP = 130;
  private static final int LVM = 142;

  private final Product product;

  public AutoYast(Product product) {
    this.product = product;
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    if (how.storage().mirror() != null) {
      out.add(Storage.noMirror("AutoYaST"));
    }
    if (how.storage().encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "AutoYaST encrypts with a pass phrase only, which would have to stand on the"
                  + " medium"));
    }
    if (!KEYBOARDS.containsKey(how.keyboard())) {
      out.add(new Refusal("installation.keyboard", "is not among those known for YaST"));
    }
    for (int i = 0; i < spec.interfaces().size(); i++) {
      String at = "interfaces[" + i + "].";
      switch (spec.interfaces().get(i)) {
        case NetInterface.Ethernet card -> {
          if (spec.isTheOnly(card)) {
            out.add(
                new Refusal(
                    at + "mac",
                    "is needed: AutoYaST gives a card its name by its MAC address only"));
          }
        }
        case NetInterface.Bond bond -> {
          if (bond.members().size() > MOST_MEMBERS) {
            out.add(new Refusal(at + "members", "are more than AutoYaST takes, 10"));
          }
        }
        case NetInterface.Bridge bridge -> {}
        case NetInterface.Vlan vlan -> {}
      }
    }
    Source source = how.source();
    PackageManager.ZYPP.check(source, out);
    PackageManager.demandCard(spec, source, out);
    if (source.mirror() != null && source.repository() != null) {
      out.add(
          new Refusal(
              "installation.source.repository",
              "is looked for beside the system's packages, which come from the mirror"));
    }
    return List.copyOf(out);
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    AnswerFile profile = AnswerFile.text(profile(spec, how));
    String[] arguments = arguments(spec, how.source()).toArray(String[]::new);
    String[] inside =
        Stream.concat(Stream.of("autoyast=file:///autoinst.xml"), Stream.of(arguments))
            .toArray(String[]::new);
    return Answers.of(
        Answers.Way.beside(new AnswerMedium("OEMDRV", Map.of("autoinst.xml", profile)), arguments),
        Answers.Way.inside(Map.of("/autoinst.xml", profile), inside));
  }

  /**
   * For linuxrc, which has to reach the mirror before AutoYaST is there, and on whose network the
   * further repositories are fetched; see its ifcfg option.
   */
  private static List<String> arguments(InstallSpec spec, Source source) {
    URI mirror = source.mirror();
    if (mirror == null && source.repositories().isEmpty()) {
      return List.of();
    }
    NetInterface.Ethernet card = InstallerCard.of(spec).orElseThrow();
    IpConfig ip = card.ip();
    String which = card.mac() == null ? card.name() : card.mac().text();
    List<HostAddress> addresses =
        Stream.of(false, true)
            .flatMap(v6 -> ip.addresses().stream().filter(a -> a.v6() == v6))
            .toList();
    List<String> out = new ArrayList<>();
    if (addresses.isEmpty()) {
      out.add("ifcfg=" + which + "=" + (ip.dhcp4() ? ip.dhcp6() ? "dhcp" : "dhcp4" : "dhcp6"));
    } else {
      // What comes after the addresses is gateways, servers, names; each may be a list, between
      // whose parts there are blanks.
      List<String> gateways =
          Stream.of(Optional.ofNullable(ip.gateway4()), Optional.ofNullable(ip.gateway6()))
              .flatMap(Optional::stream)
              .map(Ip::toString)
              .toList();
      String settings =
          String.join(
              ",",
              String.join(" ", addresses.stream().map(HostAddress::toString).toList()),
              String.join(" ", gateways),
              String.join(" ", ip.dns().stream().map(Ip::toString).toList()),
              String.join(" ", ip.search()));
      out.add("ifcfg=" + which + "=" + settings.replaceFirst(",+$", ""));
    }
    if (mirror != null) {
      out.add("install=" + mirror);
    }
    if (source.proxy() != null) {
      out.add("proxy=" + source.proxy());
    }
    return out;
  }

  private String profile(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("hostname", spec.identity().hostname());
    values.put("domain", or(spec.identity().domain(), ""));
    values.put("poweroff", how.end() == Installation.End.POWEROFF);
    values.put("addOns", addOns(how.source()));
    values.put("keyboard", Objects.requireNonNull(KEYBOARDS.get(how.keyboard())));
    values.put("timezone", or(profile.timezone(), "UTC"));
    values.put("nameServers", Networkd.nameServers(spec));
    values.put("search", Networkd.searchDomains(spec));
    values.put("interfaces", spec.interfaces().stream().map(f -> face(spec, f)).toList());
    values.put(
        "cards",
        spec.cards().stream()
            .filter(card -> card.mac() != null)
            .map(card -> Map.of("name", card.name(), "mac", String.valueOf(card.mac())))
            .toList());
    values.put("routes", routes(spec));
    values.put("drives", drives(how));
    values.put("proxy", how.source().proxy() == null ? "" : how.source().proxy().toString());
    values.put("product", product.id);
    values.put("packages", packages(spec));
    values.put("disk", disk(how));
    values.put("finish", TargetFile.ofRoot("", "", finish(spec)).base64());
    return Template.fill("autoyast.peb", values);
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  /** The modules of the full medium, without which SLES 15 is not even a system to log in to. */
  private List<Map<String, Object>> addOns(Source source) {
    List<Map<String, Object>> out = new ArrayList<>();
    if (product == Product.SLES && source.mirror() == null) {
      for (String module : List.of("Basesystem", "Server-Applications")) {
        out.add(addOn("relurl://", "/Module-" + module, "", List.of()));
      }
    }
    if (source.repository() != null) {
      String key = source.repositoryKey();
      // Without a key it is trusted as its medium is; YaST asks of an unsigned one that is not said
      // to be.
      List<String> keys = key == null ? List.of() : keyIds(key);
      out.add(addOn("relurl://", source.repository(), "millwright", keys));
    }
    for (PackageSource.Repository one : source.repositories()) {
      out.add(addOn(one.url().toString(), "/", one.name(), keyIds(one.key())));
    }
    return out;
  }

  /**
   * The IDs of OpenPGP keys: the last 64 bits of the fingerprint, or the first (RFC 9580 section
   * 5.5.4).
   */
  private static List<String> keyIds(String key) {
    return SigningKey.parse(key).fingerprints().stream()
        .map(f -> f.length() == 40 ? f.substring(24) : f.substring(0, 16))
        .toList();
  }

  private static Map<String, Object> addOn(
      String url, String directory, String name, List<String> keys) {
    return Map.of("url", url, "directory", directory, "name", name, "keys", keys);
  }

  private static Map<String, Object> face(InstallSpec spec, NetInterface face) {
    IpConfig ip = face.ip();
    Map<String, String> out = new LinkedHashMap<>();
    out.put("name", face.name());
    out.put("bootproto", bootproto(ip));
    out.put("startmode", ip.optional() ? "hotplug" : "auto");
    List<HostAddress> addresses = ip.addresses();
    if (!addresses.isEmpty()) {
      out.put("ipaddr", addresses.getFirst().ip().toString());
      out.put("prefixlen", Integer.toString(addresses.getFirst().prefix()));
    }
    if (ip.mtu() != null) {
      out.put("mtu", ip.mtu().toString());
    }
    if (ip.dhcp4()) {
      out.put("dhclient_set_default_route", spec.uplink(false) == face ? "yes" : "no");
    }
    switch (face) {
      case NetInterface.Ethernet card -> {}
      case NetInterface.Bond bond -> {
        out.put("bonding_master", "yes");
        out.put("bonding_module_opts", "mode=" + Netplan.mode(bond.mode()) + " miimon=100");
        for (int i = 0; i < bond.members().size(); i++) {
          out.put("bonding_slave" + i, bond.members().get(i));
        }
      }
      case NetInterface.Bridge bridge -> {
        out.put("bridge", "yes");
        out.put("bridge_ports", String.join(" ", bridge.members()));
        out.put("bridge_stp", "off");
        out.put("bridge_forwarddelay", "0");
      }
      case NetInterface.Vlan vlan -> {
        out.put("etherdevice", vlan.link());
        out.put("vlan_id", Integer.toString(vlan.id()));
      }
    }
    return Map.of(
        "values",
        out,
        "aliases",
        addresses.stream()
            .skip(1)
            .map(a -> Map.of("ip", a.ip().toString(), "prefix", Integer.toString(a.prefix())))
            .toList());
  }

  /** True for one that waits for a router only; YaST has no word for it, though wicked has one. */
  private static boolean isOfRoutersOnly(IpConfig ip) {
    return ip.slaac() && !ip.dhcp4() && !ip.dhcp6() && ip.addresses().isEmpty();
  }

  /** See BOOTPROTO in ifcfg(5). What waits for a router only gets its own by Finish. */
  private static String bootproto(IpConfig ip) {
    if (ip.dhcp4() && ip.dhcp6()) {
      return "dhcp";
    }
    if (ip.dhcp4()) {
      return "dhcp4";
    }
    if (ip.dhcp6()) {
      return "dhcp6";
    }
    if (!ip.addresses().isEmpty()) {
      return "static";
    }
    return "none";
  }

  private static List<Map<String, String>> routes(InstallSpec spec) {
    List<Map<String, String>> out = new ArrayList<>();
    for (NetInterface face : spec.interfaces()) {
      for (boolean v6 : new boolean[] {false, true}) {
        Ip gateway = face.ip().gateway(v6);
        if (gateway != null && spec.uplink(v6) == face) {
          out.add(route("default", gateway, face));
        }
      }
      for (MachineSpec.Route route : face.ip().routes()) {
        if (route.metric() == null) {
          out.add(route(route.to().toString(), route.via(), face));
        }
      }
    }
    return out;
  }

  /**
   * The routes of one interface as wicked keeps them, for AutoYaST's schema has no word for a
   * metric; see ifroute(5).
   */
  private static String ifroute(List<Map<String, String>> routes, NetInterface face) {
    StringBuilder out = new StringBuilder();
    for (Map<String, String> route : routes) {
      if (face.name().equals(route.get("device"))) {
        out.append(route.get("destination"))
            .append(' ')
            .append(route.get("gateway"))
            .append(" - -\n");
      }
    }
    for (MachineSpec.Route route : face.ip().routes()) {
      if (route.metric() != null) {
        out.append(route.to())
            .append(' ')
            .append(route.via())
            .append(" - - metric ")
            .append(route.metric())
            .append('\n');
      }
    }
    return out.toString();
  }

  private static Map<String, String> route(String to, Ip via, NetInterface face) {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("destination", to);
    out.put("gateway", via.toString());
    out.put("device", face.name());
    return out;
  }

  /** A value with AutoYaST's word for its type, which is empty for text. */
  public record Typed(String type, String text) {}

  private static List<Map<String, Object>> drives(Installation how) {
    Storage storage = how.storage();
    boolean lvm = storage.layout() == StorageSpec.Layout.LVM;
    List<Map<String, Typed>> first = new ArrayList<>();
    if (how.firmware() == Firmware.UEFI) {
      first.add(part(ESP, "512MiB", "vfat", "/boot/efi"));
    } else if (storage.table() != StorageSpec.Table.MSDOS) {
      first.add(part(BIOS_BOOT, "8MiB", null, null));
    }
    List<StorageSpec.Part> wanted =
        storage.filesystems().isEmpty()
            ? List.of(new StorageSpec.Part("/", StorageSpec.Type.EXT4, null))
            : storage.filesystems();
    List<Map<String, Typed>> parts = new ArrayList<>();
    for (int i = 0; i < wanted.size(); i++) {
      StorageSpec.Part one = wanted.get(i);
      boolean swap = one.type() == StorageSpec.Type.SWAP;
      Map<String, Typed> part =
          part(
              swap ? SWAP : LINUX,
              one.size() == null ? "max" : one.size().mib() + "MiB",
              one.type().name().toLowerCase(Locale.ROOT),
              swap ? "swap" : one.mount());
      if (one.type() == StorageSpec.Type.BTRFS) {
        part.put("create_subvolumes", new Typed("boolean", "false"));
      }
      if (lvm) {
        part.remove("partition_id");
        part.put(
            "lv_name",
            new Typed("", swap ? "swap" + i : "/".equals(one.mount()) ? "root" : "data" + i));
      }
      parts.add(part);
    }
    List<Map<String, Object>> out = new ArrayList<>();
    if (lvm) {
      Map<String, Typed> physical = part(LVM, "max", null, null);
      physical.put("lvm_group", new Typed("", "system"));
      first.add(physical);
    } else {
      first.addAll(parts);
    }
    out.add(
        drive(
            PLACEHOLDER,
            "CT_DISK",
            storage.table() == StorageSpec.Table.MSDOS ? "msdos" : "gpt",
            first));
    if (lvm) {
      out.add(drive("/dev/system", "CT_LVM", "", parts));
    }
    return out;
  }

  private static Map<String, Object> drive(
      String device, String type, String label, List<Map<String, Typed>> parts) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("device", device);
    out.put("type", type);
    out.put("label", label);
    out.put("parts", parts);
    return out;
  }

  private static Map<String, Typed> part(
      int id, String size, @Nullable String filesystem, @Nullable String mount) {
    Map<String, Typed> out = new LinkedHashMap<>();
    out.put("partition_id", new Typed("integer", Integer.toString(id)));
    out.put("size", new Typed("", size));
    out.put("format", new Typed("boolean", Boolean.toString(filesystem != null)));
    if (filesystem != null) {
      out.put("filesystem", new Typed("symbol", filesystem));
    }
    if (mount != null) {
      out.put("mount", new Typed("", mount));
      out.put("mountby", new Typed("symbol", "uuid"));
    }
    return out;
  }

  private static List<String> packages(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    List<String> out = new ArrayList<>(List.of("openssh"));
    if (!FirstBoot.files(spec).isEmpty()) {
      out.add("python3");
    }
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      out.add("sudo");
    }
    if (!profile.ntp().isEmpty()) {
      out.add("chrony");
    }
    return Stream.concat(out.stream(), profile.packages().stream()).distinct().toList();
  }

  private static String disk(Installation how) {
    Map<String, Object> values = DiskRule.of(how.storage());
    values.put("placeholder", PLACEHOLDER);
    values.put(
        "before",
        how.before().stream()
            .map(s ->
                Map.of("name", s.name(), "base64", TargetFile.ofRoot("", "", s.content()).base64()))
            .toList());
    return Template.fill("autoyast-disk.peb", values);
  }

  private static String finish(InstallSpec spec) {
    List<TargetFile> files = new ArrayList<>();
    // wicked leaves an interface's IPv6 to the kernel, which listens to routers unless it is told.
    for (NetInterface face : spec.interfaces()) {
      files.add(
          TargetFile.ofRoot(
              "/etc/sysconfig/network/ifsysctl-" + face.name(), "0644", sysctl(spec, face)));
      if (face.ip().routes().stream().anyMatch(route -> route.metric() != null)) {
        files.add(
            TargetFile.ofRoot(
                "/etc/sysconfig/network/ifroute-" + face.name(),
                "0644",
                ifroute(routes(spec), face)));
      }
    }
    List<String> commands = new ArrayList<>(Suse.commands(spec));
    for (NetInterface face : spec.interfaces()) {
      if (isOfRoutersOnly(face.ip())) {
        commands.add(
            "sed -i \"s/^BOOTPROTO=.*/BOOTPROTO='auto6'/\" /etc/sysconfig/network/ifcfg-"
                + face.name());
      }
    }
    return Finish.script(spec, Suse.files(spec, files), commands);
  }

  private static String sysctl(InstallSpec spec, NetInterface face) {
    IpConfig ip = face.ip();
    Map<String, Integer> out = new LinkedHashMap<>();
    out.put("disable_ipv6", ip.has(true) ? 0 : 1);
    out.put("accept_ra", ip.isDynamic(true) ? 1 : 0);
    out.put("autoconf", ip.slaac() ? 1 : 0);
    out.put("accept_ra_defrtr", ip.isDynamic(true) && spec.uplink(true) == face ? 1 : 0);
    StringBuilder text = new StringBuilder();
    out.forEach((key, value) ->
        text.append("net.ipv6.conf.$INTERFACE.")
            .append(key)
            .append(" = ")
            .append(value)
            .append('\n'));
    return text.toString();
  }
}

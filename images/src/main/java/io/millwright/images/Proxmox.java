package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Installs Proxmox VE (8.4 and later, 9) by its automated installer, which reads its mode and
 * {@code answer.toml} from the root of its own medium (Proxmox VE's documentation, "Automated
 * Installation").
 *
 * <p>The installer knows one card and neither VLANs, bonds nor users but root; it takes along a
 * program for the first boot, which runs before the network is up and finishes all of that. The
 * bridge {@code vmbr0} for guests is made as the installer would.
 */
public final class Proxmox implements Renderer<Answers> {
  /** The installer refuses a larger program for the first boot. */
  private static final int LARGEST = 1 << 20;

  /** As Proxmox VE's installer and documentation call it. */
  private static final String BRIDGE = "vmbr0";

  private static final String BY_PATH = "/dev/disk/by-path/";

  private static final Pattern KERNEL_NAME = Pattern.compile("/dev/([a-z0-9]{1,16})");

  /**
   * A password is needed, and a user may have given none: a hash in the form of crypt(3) which is
   * not that of any text anybody knows.
   */
  private static final String NO_PASSWORD = "$6$millwright$" + ".".repeat(86);

  /** The installer's names of keyboards that X11 calls otherwise. */
  private static final Map<String, String> KEYBOARDS =
      Map.of(
          "us", "en-us", "gb", "en-gb", "ch", "de-ch", "be", "fr-be", "ca", "fr-ca", "br", "pt-br");

  private static final List<String> PLAIN_KEYBOARDS =
      List.of(
          "de", "dk", "es", "fi", "fr", "hu", "is", "it", "jp", "lt", "mk", "nl", "no", "pl", "pt",
          "se", "si", "tr");

  private static final Pattern VERSION =
      Pattern.compile("([0-9]{1,5})(?:\\.([0-9]{1,5}))?(\\..*)?");

  private final String version;

  /** A renderer for a version that is not known; it is taken for one of today's. */
  public Proxmox() {
    this("");
  }

  /** A renderer for this version, as its medium tells it. */
  public Proxmox(String version) {
    this.version = version;
  }

  /**
   * True if its installer has other names for what is asked, and ends at each that it does not
   * know.
   */
  private boolean isOlder() {
    Matcher m = VERSION.matcher(version);
    if (!m.matches()) {
      return false;
    }
    int major = Integer.parseInt(m.group(1));
    return major < 8 || major == 8 && (m.group(2) == null || Integer.parseInt(m.group(2)) < 4);
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    if (isOlder()) {
      out.add(
          new Refusal(
              "installation",
              "Proxmox VE's installer takes these answers from 8.4 on; use a medium of that or a"
                  + " later one, whose Image says so in its version"));
    }
    if (spec.identity().domain() == null) {
      out.add(
          new Refusal(
              "identity.domain", "Proxmox VE needs a full name, such as node1.example.org"));
    }
    checkNameServers(spec, out);
    if (spec.identity().hostname().matches("[0-9]+")) {
      out.add(new Refusal("identity.hostname", "Proxmox VE takes no name of digits alone"));
    }
    ProfileSpec profile = spec.profile();
    if (!profile.packages().isEmpty()) {
      out.add(
          new Refusal(
              "profile.packages",
              "Proxmox VE installs from its medium, and its repository asks for a subscription;"
                  + " install them by a script"));
    }
    String locale = profile.locale();
    if (locale != null && !locale.endsWith(".UTF-8")) {
      out.add(new Refusal("profile.locale", "Proxmox VE's locales are of UTF-8"));
    }
    for (int i = 0; i < profile.users().size(); i++) {
      if (profile.users().get(i).sudo()) {
        out.add(
            new Refusal(
                "profile.users[" + i + "].sudo",
                "Proxmox VE has no sudo; give the user root instead"));
      }
    }
    for (int i = 0; i < profile.files().size(); i++) {
      if (profile.files().get(i).path().equals("/etc/network/interfaces")) {
        out.add(
            new Refusal(
                "profile.files[" + i + "].path", "is a file that Millwright itself writes"));
      }
    }
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    checkInstallation(how, out);
    if (hook(spec).getBytes(StandardCharsets.UTF_8).length > LARGEST) {
      out.add(
          new Refusal(
              "profile.files",
              "files and scripts are more than the 1 MiB that Proxmox VE's installer takes along"));
    }
    return List.copyOf(out);
  }

  /** Nothing in it listens to routers for more than addresses. */
  private static void checkNameServers(InstallSpec spec, List<Refusal> out) {
    List<IpConfig> all = spec.interfaces().stream().map(NetInterface::ip).toList();
    if (all.stream().anyMatch(IpConfig::slaac)
        && all.stream().noneMatch(ip -> ip.dhcp4() || ip.dhcp6() || !ip.dns().isEmpty())) {
      out.add(
          new Refusal(
              "interfaces",
              "Proxmox VE takes no name servers from router advertisements; give some"));
    }
  }

  private static void checkInstallation(Installation how, List<Refusal> out) {
    Storage storage = how.storage();
    if (storage.mirror() != null
        && !(kernelName(storage.disk()).isPresent() && kernelName(storage.mirror()).isPresent())) {
      out.add(
          new Refusal(
              "installation.storage.mirror",
              "Proxmox VE's installer finds two disks by the kernel's names only; give both as"
                  + " paths such as /dev/sda"));
    } else if (storage.mirror() == null && disk(storage.disk()).isEmpty()) {
      out.add(
          new Refusal(
              "installation.storage.disk",
              "Proxmox VE's installer knows a disk by its serial, by /dev/disk/by-path/... or by"
                  + " the kernel's name"));
    }
    if (storage.disk() instanceof Storage.Disk.ByPath by
        && storage.hasToBeFound(by)
        && !disk(by).isEmpty()) {
      out.add(
          new Refusal(
              "installation.storage.disk",
              "Proxmox VE's installer does not look whether the disk at a path is one to leave"
                  + " alone; give the disk's serial"));
    }
    if (storage.table() == StorageSpec.Table.MSDOS) {
      out.add(new Refusal("installation.storage.table", "Proxmox VE starts from a GPT only"));
    }
    if (storage.layout() == StorageSpec.Layout.LVM
        && (storage.mirror() != null
            || storage.filesystems().stream()
                .anyMatch(part -> part.type() == StorageSpec.Type.BTRFS))) {
      out.add(
          new Refusal(
              "installation.storage.layout",
              "Proxmox VE mirrors by ZFS or btrfs, and neither lies on LVM; leave it out"));
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption", "Proxmox VE's installer encrypts no disk"));
    }
    for (int i = 0; i < storage.filesystems().size(); i++) {
      StorageSpec.Part part = storage.filesystems().get(i);
      String field = "installation.storage.filesystems[" + i + "]";
      if (!"/".equals(part.mount())) {
        out.add(
            new Refusal(
                field + ".mount",
                "Proxmox VE divides its disk itself, into root, swap and room for guests"));
      } else if (part.size() != null) {
        out.add(new Refusal(field + ".size", "Proxmox VE sizes its filesystems itself"));
      } else if (storage.mirror() != null && part.type() != StorageSpec.Type.BTRFS) {
        out.add(
            new Refusal(
                field + ".type",
                "Proxmox VE mirrors by btrfs, or by ZFS if no filesystem is asked for"));
      }
    }
    Source source = how.source();
    String alone = "Proxmox VE installs from its own medium alone";
    if (source.mirror() != null) {
      out.add(new Refusal("installation.source.mirror", alone));
    }
    if (source.proxy() != null) {
      out.add(new Refusal("installation.source.proxy", alone));
    }
    if (source.repository() != null) {
      out.add(new Refusal("installation.source.repository", alone));
    }
    PackageManager.APT.check(source, out);
    if (!how.before().isEmpty()) {
      out.add(
          new Refusal(
              "installation.before", "Proxmox VE's installer runs no programs; use a later one"));
    }
    if (keyboard(how.keyboard()).isEmpty()) {
      out.add(
          new Refusal(
              "installation.keyboard", "Proxmox VE's installer does not know this keyboard"));
    }
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    Map<String, AnswerFile> files = new LinkedHashMap<>();
    files.put("/auto-installer-mode.toml", AnswerFile.text("mode = \"iso\"\n"));
    files.put("/answer.toml", AnswerFile.text(answer(spec, how)));
    files.put("/proxmox-first-boot", AnswerFile.program(hook(spec)));
    // No argument: its boot loader starts the automated installer if it sees the first file.
    return Answers.of(Answers.Way.on(files));
  }

  private static String answer(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Optional<ProfileSpec.User> root =
        profile.users().stream().filter(u -> u.name().equals("root")).findFirst();
    Toml out = new Toml();
    out.section("global");
    out.put("fqdn", spec.identity().fqdn());
    out.put("country", country(profile.locale()));
    out.put("keyboard", keyboard(how.keyboard()).orElseThrow());
    out.put("timezone", profile.timezone() == null ? "UTC" : profile.timezone());
    out.put("mailto", "root@" + spec.identity().fqdn());
    String hash = root.map(ProfileSpec.User::passwordHash).orElse(null);
    out.put("root-password-hashed", hash == null ? NO_PASSWORD : hash);
    out.put("root-ssh-keys", root.map(ProfileSpec.User::keys).orElse(List.of()));
    if (how.end() == Installation.End.POWEROFF) {
      // Not every installer that knows all else knows this word, and each reboots without it.
      out.put("reboot-mode", "power-off");
    }
    out.section("network");
    network(out, spec);
    out.section("disk-setup");
    Storage storage = how.storage();
    Storage.Disk mirror = storage.mirror();
    String kind =
        storage.filesystems().isEmpty()
            ? mirror == null ? "ext4" : "zfs"
            : storage.filesystems().getFirst().type().name().toLowerCase(Locale.ROOT);
    out.put("filesystem", kind);
    if (kind.equals("btrfs") || kind.equals("zfs")) {
      // Asked for with one disk as well.
      out.put(kind + ".raid", mirror == null ? "raid0" : "raid1");
    }
    if (mirror != null) {
      out.put(
          "disk-list",
          List.of(kernelName(storage.disk()).orElseThrow(), kernelName(mirror).orElseThrow()));
    } else {
      disk(storage.disk()).forEach(out::put);
    }
    out.section("first-boot");
    out.put("source", "from-iso");
    out.put("ordering", "before-network");
    return out.toString();
  }

  /**
   * The installer's own network, which it hardly needs; the system's is the first boot's work. It
   * wants all of an address, a router and a name server, or none.
   */
  private static void network(Toml out, InstallSpec spec) {
    Optional<NetInterface.Ethernet> card = InstallerCard.of(spec);
    for (boolean v6 : new boolean[] {false, true}) {
      Ip gateway = card.map(c -> c.ip().gateway(v6)).orElse(null);
      if (card.isPresent() && gateway != null) {
        IpConfig ip = card.get().ip();
        HostAddress address =
            ip.addresses().stream().filter(a -> a.v6() == v6).findFirst().orElseThrow();
        out.put("source", "from-answer");
        out.put("cidr", address.toString());
        out.put("gateway", gateway.toString());
        out.put(
            "dns",
            ip.dns().stream().filter(d -> d.v6() == v6).findFirst().orElse(gateway).toString());
        Mac mac = card.get().mac();
        if (mac != null) {
          out.put("filter.ID_NET_NAME_MAC", "*" + mac.text().replace(":", ""));
        } else {
          out.put("filter.ID_NET_NAME", spec.isTheOnly(card.get()) ? "*" : card.get().name());
        }
        return;
      }
    }
    out.put("source", "from-dhcp");
  }

  private static String country(@Nullable String locale) {
    if (locale != null && locale.matches("[A-Za-z]{1,3}_[A-Z]{2}.*")) {
      String country = locale.substring(locale.indexOf('_') + 1, locale.indexOf('_') + 3);
      if (Arrays.asList(Locale.getISOCountries()).contains(country)) {
        return country.toLowerCase(Locale.ROOT);
      }
    }
    return "us";
  }

  private static Optional<String> keyboard(String x11) {
    return PLAIN_KEYBOARDS.contains(x11)
        ? Optional.of(x11)
        : Optional.ofNullable(KEYBOARDS.get(x11));
  }

  private static Optional<String> kernelName(Storage.@Nullable Disk disk) {
    if (disk instanceof Storage.Disk.ByPath by) {
      var m = KERNEL_NAME.matcher(by.path());
      return m.matches() ? Optional.of(m.group(1)) : Optional.empty();
    }
    return Optional.empty();
  }

  /**
   * How the installer finds one disk; empty if it cannot. Its list of names is one of candidates,
   * so it is the last.
   */
  private static Map<String, Object> disk(Storage.Disk disk) {
    return switch (disk) {
      case Storage.Disk.BySerial by -> {
        // As a whole in any of the properties in which udev has it, by the kind of disk.
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("filter-match", "any");
        for (String property :
            List.of("ID_SERIAL", "ID_SERIAL_SHORT", "ID_SCSI_SERIAL", "SCSI_IDENT_SERIAL")) {
          out.put("filter." + property, by.serial());
        }
        yield out;
      }
      case Storage.Disk.ByPath by ->
          by.path().startsWith(BY_PATH)
              ? Map.of("filter.ID_PATH", by.path().substring(BY_PATH.length()))
              : kernelName(by)
                  .<Map<String, Object>>map(name -> Map.of("disk-list", List.of(name)))
                  .orElse(Map.of());
      case Storage.Disk.BySize _ -> Map.of();
    };
  }

  /**
   * With the bridge by which guests reach the network, as the installer itself makes it: it has the
   * addresses of the interface with the default route. Who declares a bridge has made up their
   * mind.
   */
  private static InstallSpec bridged(InstallSpec spec) {
    NetInterface uplink = spec.uplink(false) == null ? spec.uplink(true) : spec.uplink(false);
    if (uplink == null
        || spec.interfaces().stream()
            .anyMatch(i -> i instanceof NetInterface.Bridge || i.name().equals(BRIDGE))) {
      return spec;
    }
    IpConfig port = IpConfig.NONE.withMtu(uplink.ip().mtu());
    List<NetInterface> out = new ArrayList<>();
    for (NetInterface face : spec.interfaces()) {
      out.add(
          face != uplink
              ? face
              : switch (face) {
                case NetInterface.Ethernet card ->
                    new NetInterface.Ethernet(card.name(), card.mac(), port);
                case NetInterface.Bond bond ->
                    new NetInterface.Bond(bond.name(), bond.mode(), bond.members(), port);
                case NetInterface.Vlan vlan ->
                    new NetInterface.Vlan(vlan.name(), vlan.link(), vlan.id(), port);
                case NetInterface.Bridge bridge -> bridge;
              });
    }
    out.add(new NetInterface.Bridge(BRIDGE, List.of(uplink.name()), uplink.ip()));
    return spec.withInterfaces(out);
  }

  /** The program for the first boot. */
  private static String hook(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    List<TargetFile> files = new ArrayList<>();
    Ifupdown2.of(bridged(spec))
        .forEach((path, text) -> files.add(TargetFile.ofRoot(path, "0644", text)));
    List<String> servers = Networkd.nameServers(spec);
    List<String> domains = Networkd.searchDomains(spec);
    // Where nobody tells any later, an empty one too: the installer has put the router there.
    if (!servers.isEmpty()
        || spec.interfaces().stream()
            .noneMatch(face -> face.ip().isDynamic(false) || face.ip().isDynamic(true))) {
      files.add(
          TargetFile.ofRoot(
              "/etc/resolv.conf",
              "0644",
              (domains.isEmpty() ? "" : "search " + String.join(" ", domains) + "\n")
                  + String.join("", servers.stream().map(s -> "nameserver " + s + "\n").toList())));
    }
    if (!profile.ntp().isEmpty()) {
      files.add(
          TargetFile.ofRoot(
              "/etc/chrony/sources.d/millwright.sources",
              "0644",
              String.join(
                  "", profile.ntp().stream().map(s -> "server " + s + " iburst\n").toList())));
    }
    Installation how = spec.installation();
    if (how != null) {
      files.addAll(PackageManager.APT.files(how.source().repositories()));
    }
    List<TargetFile> first = FirstBoot.files(spec);
    files.addAll(first);
    if (!first.isEmpty()) {
      files.add(FirstBoot.unit());
    }
    List<String> commands = new ArrayList<>();
    // A cluster's nodes know each other by these lines: never the loopback's address.
    commands.add("sed -i '/^127\\.0\\.1\\.1[[:space:]]/d' /etc/hosts");
    address(spec)
        .ifPresent(address -> {
          commands.add("sed -i '/[[:space:]]" + spec.identity().hostname() + "$/d' /etc/hosts");
          commands.add(
              "echo "
                  + address
                  + " "
                  + spec.identity().fqdn()
                  + " "
                  + spec.identity().hostname()
                  + " >>/etc/hosts");
        });
    String locale = profile.locale();
    if (locale != null) {
      if (!locale.startsWith("C.")) {
        commands.add("echo " + locale + " UTF-8 >>/etc/locale.gen");
        commands.add("locale-gen");
      }
      commands.add("update-locale LANG=" + locale);
    }
    commands.addAll(rename(spec));
    // For the cards that are there already; what else there will be hears it of udev.
    commands.add("sysctl -q -e -p " + Ifupdown2.KERNEL);
    if (!first.isEmpty()) {
      commands.add("systemctl daemon-reload");
      commands.add("systemctl enable millwright-first-boot.service");
      commands.add("systemctl start --no-block millwright-first-boot.service");
    }
    return Finish.script(spec.withProfile(withoutRootsKeys(profile)), files, commands);
  }

  /**
   * Gives the cards their names at once, which can be done since the network is not up yet; by way
   * of names that nobody has, because one card may have the name that another one gets.
   */
  private static List<String> rename(InstallSpec spec) {
    List<String> aside = new ArrayList<>();
    List<String> back = new ArrayList<>();
    for (NetInterface.Ethernet card : spec.cards()) {
      Mac mac = card.mac();
      if (mac != null || spec.isTheOnly(card)) {
        String between = "mw-card" + aside.size();
        aside.add(
            "for d in /sys/class/net/*; do if [ -e \"$d/device\" ]"
                + (mac == null ? "" : " && [ \"$(cat \"$d/address\")\" = " + mac + " ]")
                + "; then ip link set dev \"${d##*/}\" down; ip link set dev \"${d##*/}\" name "
                + between
                + "; fi; done");
        back.add(
            "if [ -e /sys/class/net/"
                + between
                + " ]; then ip link set dev "
                + between
                + " name "
                + card.name()
                + "; fi");
      }
    }
    aside.addAll(back);
    return aside;
  }

  /** The installer writes them where a cluster shares them. */
  private static ProfileSpec withoutRootsKeys(ProfileSpec profile) {
    return new ProfileSpec(
        profile.users().stream()
            .map(u ->
                u.name().equals("root")
                    ? new ProfileSpec.User(
                        u.name(), List.of(), u.passwordHash(), false, u.shell(), u.groups())
                    : u)
            .toList(),
        List.of(),
        profile.files(),
        profile.scripts(),
        profile.timezone(),
        profile.locale(),
        profile.ntp());
  }

  /** The address under which others know this machine, if it is a static one. */
  private static Optional<Ip> address(InstallSpec spec) {
    for (boolean v6 : new boolean[] {false, true}) {
      NetInterface uplink = spec.uplink(v6);
      Optional<Ip> found =
          uplink == null
              ? Optional.empty()
              : uplink.ip().addresses().stream()
                  .filter(a -> a.v6() == v6)
                  .map(HostAddress::ip)
                  .findFirst();
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  /** Writes TOML 1.0: texts and lists of texts under dotted keys of ours. */
  private static final class Toml {
    private final StringBuilder out = new StringBuilder();

    void section(String name) {
      out.append(out.isEmpty() ? "[" : "\n[").append(name).append("]\n");
    }

    void put(String key, Object value) {
      out.append(key).append(" = ").append(value(value)).append('\n');
    }

    private static String value(Object value) {
      if (value instanceof List<?> list) {
        return "[" + String.join(", ", list.stream().map(e -> quoted(e.toString())).toList()) + "]";
      }
      return quoted(value.toString());
    }

    private static String quoted(String text) {
      StringBuilder out = new StringBuilder("\"");
      text.codePoints()
          .forEach(c -> {
            if (c == '"' || c == '\\') {
              out.append('\\').append((char) c);
            } else if (c < 0x20 || c == 0x7f) {
              out.append(String.format("\\u%04X", c));
            } else {
              out.appendCodePoint(c);
            }
          });
      return out.append('"').toString();
    }

    @Override
    public String toString() {
      return out.toString();
    }
  }
}

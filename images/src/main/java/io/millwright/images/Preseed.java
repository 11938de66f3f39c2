package io.millwright.images;

import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Installs Debian 12 and 13 by debian-installer, which is told by {@code /preseed.cfg} in its
 * initrd; see the appendix "Automating the installation using preseeding" of Debian's installation
 * guide.
 *
 * <p>The installer configures one card and knows disks only by the kernel's names. So a udev rule
 * beside the answers gives the card its name, a program finds the disk before any is looked at and
 * takes those away that must not be touched, and the system's own network, by systemd-networkd, is
 * written when it is installed. Lines of the preseed carry no programs: quoting breaks there.
 */
public final class Preseed implements Renderer<Answers> {
  /** The name of the card by which it installs, while it does. */
  private static final String UPLINK = "uplink0";

  /** Under which the key of the repository on the medium is known; none of others has this name. */
  private static final String ON_MEDIUM = "millwright";

  /**
   * Asked for beside the locale; one without a country, such as C.UTF-8, would leave a question.
   */
  private static final Pattern PLACE = Pattern.compile("([a-z]{2,3})_([A-Z]{2})");

  private static final String BUSYBOX = "#!/bin/sh";
  static final String RESOLVER = "systemd-resolved";

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    Storage storage = how.storage();
    if (storage.mirror() != null) {
      out.add(Storage.noMirror("Debian's installer"));
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "Debian's installer encrypts with a pass phrase only, which would have to stand on"
                  + " the medium"));
    }
    checkFileSystems(storage, out);
    if (!how.source().offline() && InstallerCard.of(spec).isEmpty()) {
      out.add(
          new Refusal(
              "interfaces",
              "the installer needs a card with an address of its own, beside bonds, bridges and"
                  + " VLANs, to fetch packages; or install offline"));
    }
    URI mirror = how.source().mirror();
    if (mirror != null && (mirror.getRawQuery() != null || mirror.getRawFragment() != null)) {
      out.add(
          new Refusal(
              "installation.source.mirror", "Debian's installer takes a URL without query"));
    }
    PackageManager.APT.check(how.source(), out);
    for (int i = 0; i < how.before().size(); i++) {
      if (!how.before().get(i).content().lines().findFirst().orElse("").equals(BUSYBOX)) {
        out.add(
            new Refusal(
                "installation.before[" + i + "].content",
                "Debian's installer has no interpreter but " + BUSYBOX.substring(2)));
      }
    }
    return List.copyOf(out);
  }

  private static void checkFileSystems(Storage storage, List<Refusal> out) {
    for (int i = 0; i < storage.filesystems().size(); i++) {
      StorageSpec.Part part = storage.filesystems().get(i);
      if (storage.layout() == StorageSpec.Layout.LVM && "/boot".equals(part.mount())) {
        out.add(
            new Refusal(
                "installation.storage.filesystems[" + i + "].mount",
                "/boot is made beside the volume group by itself"));
      }
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
    files.put("/preseed.cfg", AnswerFile.text(preseed(spec, how)));
    files.put("/millwright/disk", AnswerFile.program(disk(how)));
    files.put(
        "/millwright/late",
        AnswerFile.program(
            Template.fill("preseed-late.peb", Map.of("resolver", asksForNameServers(spec)))));
    files.put("/millwright/finish", AnswerFile.program(finish(spec, how.source())));
    linkLocalRouter(spec, how.source())
        .ifPresent(
            router -> files.put("/millwright/route", AnswerFile.program(route(spec, router))));
    for (int i = 0; i < how.before().size(); i++) {
      ProfileSpec.Script script = how.before().get(i);
      files.put(
          "/millwright/before/%03d-%s".formatted(i, script.name()),
          AnswerFile.program(script.content()));
    }
    keys(how.source()).forEach((name, key) -> files.put(key(name), AnswerFile.text(key + "\n")));
    Optional<Mac> mac =
        how.source().offline()
            ? Optional.empty()
            : InstallerCard.of(spec).map(NetInterface.Ethernet::mac);
    mac.ifPresent(address ->
        files.put(
            "/etc/udev/rules.d/70-millwright.rules",
            AnswerFile.text(
                "ACTION==\"add\", SUBSYSTEM==\"net\", ATTR{address}==\""
                    + address
                    + "\", NAME=\""
                    + UPLINK
                    + "\"\n")));
    return Answers.of(Answers.Way.inside(files, "auto=true", "priority=critical"));
  }

  /**
   * The packages that are installed beside Debian's base system, for who puts them onto a medium.
   */
  public static List<String> packages(InstallSpec spec) {
    return Stream.concat(included(spec).stream(), late(spec).stream()).toList();
  }

  private static List<String> included(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    List<String> out = new ArrayList<>(List.of("openssh-server"));
    if (!FirstBoot.files(spec).isEmpty()) {
      out.add("python3");
    }
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      out.add("sudo");
    }
    if (!profile.ntp().isEmpty()) {
      out.add("systemd-timesyncd");
    }
    return Stream.concat(out.stream(), profile.packages().stream())
        .filter(name -> !name.equals(RESOLVER))
        .distinct()
        .toList();
  }

  /** At the very end: it takes over /etc/resolv.conf, which the installer needs until then. */
  private static List<String> late(InstallSpec spec) {
    return asksForNameServers(spec) ? List.of(RESOLVER) : List.of();
  }

  /**
   * True if the network says whom to ask for names, so that a resolver has to listen to it; or if
   * the resolver is asked for.
   */
  private static boolean asksForNameServers(InstallSpec spec) {
    return spec.profile().packages().contains(RESOLVER)
        || spec.interfaces().stream()
            .anyMatch(face -> face.ip().isDynamic(false) || face.ip().isDynamic(true));
  }

  private static String preseed(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Source source = how.source();
    Storage storage = how.storage();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("hostname", spec.identity().hostname());
    values.put("domain", or(spec.identity().domain(), ""));
    String locale = or(profile.locale(), "en_US.UTF-8");
    Matcher place = PLACE.matcher(locale);
    boolean told = place.lookingAt();
    values.put("language", told ? place.group(1) : "en");
    values.put("country", told ? place.group(2) : "US");
    values.put("locale", locale);
    values.put("timezone", or(profile.timezone(), "Etc/UTC"));
    values.put("keyboard", how.keyboard());
    values.put("network", source.offline() ? List.of() : network(spec));
    values.put("route", linkLocalRouter(spec, source).isPresent());
    values.put("offline", source.offline());
    URI mirror = source.mirror();
    values.put("ownMirror", mirror != null);
    values.put("protocol", mirror == null ? "http" : mirror.getScheme());
    values.put("mirrorHost", mirror == null ? "deb.debian.org" : mirror.getRawAuthority());
    values.put(
        "mirrorPath",
        mirror == null ? "/debian" : mirror.getRawPath().isEmpty() ? "/" : mirror.getRawPath());
    values.put("proxy", source.proxy() == null ? "" : source.proxy().toString());
    values.put("locals", locals(source));
    values.put("table", storage.table() == StorageSpec.Table.MSDOS ? "msdos" : "gpt");
    values.put("uefi", how.firmware() == Firmware.UEFI);
    values.put("recipe", recipe(how));
    values.put("packages", String.join(" ", included(spec)));
    values.put("poweroff", how.end() == Installation.End.POWEROFF);
    return Template.fill("preseed.peb", values);
  }

  /** The repositories that apt-setup numbers from 0 on, each with the URL of its key, if any. */
  private static List<Map<String, String>> locals(Source source) {
    List<Map<String, String>> out = new ArrayList<>();
    if (source.repository() != null) {
      String place = "file:/media/cdrom" + source.repository() + " ./";
      out.add(
          source.repositoryKey() == null
              ? Map.of("line", "[trusted=yes] " + place, "key", "")
              : Map.of("line", place, "key", "file://" + key(ON_MEDIUM)));
    }
    for (PackageSource.Repository one : source.repositories()) {
      String words = String.join(" ", one.components());
      out.add(
          Map.of(
              "line",
              (one.url() + " " + one.suite() + " " + words).strip(),
              "key",
              "file://" + key(one.name())));
    }
    return out;
  }

  /** The keys of repositories, by the names of these. */
  private static Map<String, String> keys(Source source) {
    Map<String, String> out = new LinkedHashMap<>();
    if (source.repositoryKey() != null) {
      out.put(ON_MEDIUM, source.repositoryKey());
    }
    source.repositories().forEach(one -> out.put(one.name(), one.key()));
    return out;
  }

  /** Where the installer finds the key. */
  private static String key(String name) {
    return "/millwright/keys/" + name + ".asc";
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  private static List<String> network(InstallSpec spec) {
    NetInterface.Ethernet card = InstallerCard.of(spec).orElseThrow();
    IpConfig ip = card.ip();
    List<String> out = new ArrayList<>();
    out.add("netcfg/choose_interface select " + name(spec, card).orElse("auto"));
    Optional<HostAddress> address = address(ip);
    if (address.isEmpty()) {
      out.add("netcfg/disable_autoconfig boolean false");
      out.add("netcfg/dhcp_timeout string 60");
      out.add("netcfg/dhcpv6_timeout string 60");
      return out;
    }
    boolean v6 = address.get().v6();
    Ip gateway = ip.gateway(v6);
    // Of nothing it makes the first address of the network; and one outside it is asked for anew,
    // for ever.
    String router =
        gateway == null || InstallSpec.isLinkLocal(gateway) ? "none" : gateway.toString();
    out.add("netcfg/disable_autoconfig boolean true");
    out.add("netcfg/get_ipaddress string " + address.get());
    out.add("netcfg/get_gateway string " + router);
    List<String> servers = ip.dns().stream().map(Ip::toString).toList();
    // Its resolver takes three.
    out.add(
        ("netcfg/get_nameservers string "
                + String.join(" ", servers.subList(0, Math.min(3, servers.size()))))
            .strip());
    out.add("netcfg/confirm_static boolean true");
    return out;
  }

  /** The installer's name of its card, unless that is the only one. */
  private static Optional<String> name(InstallSpec spec, NetInterface.Ethernet card) {
    return card.mac() != null
        ? Optional.of(UPLINK)
        : spec.isTheOnly(card) ? Optional.empty() : Optional.of(card.name());
  }

  /**
   * The installer's own address, if it does not ask for one: static IPv4 is the surest of what
   * there may be; then what asks; then static IPv6.
   */
  private static Optional<HostAddress> address(IpConfig ip) {
    return Stream.of(false, true)
        .filter(v6 -> !v6 || !(ip.isDynamic(false) || ip.isDynamic(true)))
        .flatMap(v6 -> ip.addresses().stream().filter(a -> a.v6() == v6))
        .findFirst();
  }

  /** The installer's router, if netcfg would not take it. */
  private static Optional<Ip> linkLocalRouter(InstallSpec spec, Source source) {
    return source.offline()
        ? Optional.empty()
        : InstallerCard.of(spec)
            .map(NetInterface.Ethernet::ip)
            .flatMap(ip -> address(ip).map(a -> ip.gateway(a.v6())))
            .filter(InstallSpec::isLinkLocal);
  }

  private static String route(InstallSpec spec, Ip router) {
    String card = InstallerCard.of(spec).flatMap(c -> name(spec, c)).orElse("*");
    return Template.fill(
        "preseed-route.peb",
        Map.of("cards", "/sys/class/net/" + card, "router", router.toString()));
  }

  /** One line of partman-auto's recipe for each part, in its words and millions of bytes. */
  private static List<String> recipe(Installation how) {
    Storage storage = how.storage();
    boolean lvm = storage.layout() == StorageSpec.Layout.LVM;
    List<String> out = new ArrayList<>();
    if (how.firmware() == Firmware.UEFI) {
      out.add("512 512 512 free $primary{ } $iflabel{ gpt } method{ efi } format{ } .");
    } else if (storage.table() != StorageSpec.Table.MSDOS) {
      out.add("1 1 1 free $iflabel{ gpt } method{ biosgrub } .");
    }
    if (lvm) {
      out.add(part(768, 768, StorageSpec.Type.EXT4, "/boot", ""));
    }
    List<StorageSpec.Part> parts =
        storage.filesystems().isEmpty()
            ? List.of(new StorageSpec.Part("/", StorageSpec.Type.EXT4, null))
            : storage.filesystems();
    for (int i = 0; i < parts.size(); i++) {
      StorageSpec.Part part = parts.get(i);
      long size = part.size() == null ? 1024 : millions(part.size().bytes());
      String volume = lvm ? " $lvmok{ } lv_name{ " + volume(part, i) + " }" : "";
      out.add(part(size, part.size() == null ? -1 : size, part.type(), part.mount(), volume));
    }
    return out;
  }

  private static long millions(long bytes) {
    return Math.ceilDiv(bytes, 1_000_000);
  }

  private static String volume(StorageSpec.Part part, int index) {
    String mount = part.mount();
    return mount == null ? "swap" + index : mount.equals("/") ? "root" : "data" + index;
  }

  private static String part(
      long least, long most, StorageSpec.Type kind, @Nullable String mount, String volume) {
    String range = least + " " + Math.max(least, 10_000_000) + " " + most;
    if (most == least) {
      range = least + " " + least + " " + most;
    }
    return switch (kind) {
      case SWAP -> range + " linux-swap" + volume + " method{ swap } format{ } .";
      case EXT4, XFS, BTRFS -> {
        String name = kind.name().toLowerCase(java.util.Locale.ROOT);
        yield range
            + " "
            + name
            + volume
            + " method{ format } format{ } use_filesystem{ } filesystem{ "
            + name
            + " } mountpoint{ "
            + mount
            + " } .";
      }
    };
  }

  private static String disk(Installation how) {
    Storage storage = how.storage();
    Map<String, Object> values = DiskRule.of(storage);
    values.put("method", storage.layout() == StorageSpec.Layout.LVM ? "lvm" : "regular");
    return Template.fill("preseed-disk.peb", values);
  }

  private static String finish(InstallSpec spec, Source source) {
    ProfileSpec profile = spec.profile();
    List<TargetFile> files = new ArrayList<>();
    List<String> commands = new ArrayList<>();
    Networkd.of(spec).forEach((path, text) -> files.add(TargetFile.ofRoot(path, "0644", text)));
    commands.add("systemctl enable systemd-networkd.service");
    if (asksForNameServers(spec)) {
      commands.add("systemctl enable systemd-resolved.service");
      commands.add("ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf");
    } else {
      files.add(TargetFile.ofRoot("/etc/resolv.conf", "0644", resolvConf(spec)));
    }
    if (!profile.ntp().isEmpty()) {
      files.add(
          TargetFile.ofRoot(
              "/etc/systemd/timesyncd.conf.d/millwright.conf",
              "0644",
              "[Time]\nNTP=" + String.join(" ", profile.ntp()) + "\n"));
      commands.add("systemctl enable systemd-timesyncd.service");
    }
    List<TargetFile> first = FirstBoot.files(spec);
    if (!first.isEmpty()) {
      files.addAll(first);
      files.add(FirstBoot.unit());
      commands.add("systemctl enable millwright-first-boot.service");
    }
    if (source.offline() && source.proxy() != null) {
      // The installer tells the system only what it used itself.
      files.add(
          TargetFile.ofRoot(
              "/etc/apt/apt.conf.d/90millwright",
              "0644",
              """
              Acquire::http::Proxy "%1$s";
              Acquire::https::Proxy "%1$s";
              """
                  .formatted(source.proxy())));
    }
    // The medium is gone by the time that somebody installs more.
    commands.add("sed -i '/^deb .*file:\\/media\\/cdrom/d' /etc/apt/sources.list");
    return Finish.script(spec, files, commands);
  }

  /** See resolv.conf(5). */
  static String resolvConf(InstallSpec spec) {
    StringBuilder out = new StringBuilder();
    Networkd.nameServers(spec).forEach(s -> out.append("nameserver ").append(s).append('\n'));
    List<String> search = Networkd.searchDomains(spec);
    if (!search.isEmpty()) {
      out.append("search ").append(String.join(" ", search)).append('\n');
    }
    return out.toString();
  }
}

package io.millwright.images;

import io.millwright.model.Mac;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Installs FreeBSD 14 and 15 by bsdinstall(8), which takes {@code /etc/installerconfig} from its
 * own medium: a first part that says on which disk, and a script that is run in the new system. The
 * distribution files come from the medium, so nothing of it needs a network.
 *
 * <p>What a Linux machine would call {@code /bin/bash} is {@code /bin/sh} here, since that is what
 * a system without packages has.
 */
public final class FreeBsd implements Renderer<Answers> {
  private static final String NAMES = "/usr/local/libexec/millwright-names";

  /** X11's names of keyboards that vt(4) knows by the same one. */
  private static final Set<String> KEYMAPS =
      Set.of(
          "am", "be", "br", "by", "ca", "ch", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr",
          "il", "is", "it", "jp", "lt", "nl", "no", "pl", "pt", "ru", "se", "si", "sk", "tr", "ua",
          "us");

  /**
   * A disk of FreeBSD's, and none of Linux's, nor a part of one; an SD card is sdda0, see sdda(4).
   */
  private static final Pattern DISK =
      Pattern.compile("/dev/(?!(?:[hv]d|xvd|sd(?!da[0-9]))[a-z]|mmcblk)[a-z]{2,8}[0-9]{1,3}");

  /** Those that it knows by another one. */
  private static final Map<String, String> RENAMED =
      Map.of(
          "at",
          "de",
          "bg",
          "bg.bds",
          "gb",
          "uk",
          "hu",
          "hu.102",
          "kz",
          "kz.io",
          "latam",
          "latinamerican");

  private static Optional<String> keymap(String x11) {
    return KEYMAPS.contains(x11) ? Optional.of(x11) : Optional.ofNullable(RENAMED.get(x11));
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    checkProfile(spec.profile(), out);
    checkInterfaces(spec, out);
    checkStorage(how.storage(), out);
    if (keymap(how.keyboard()).isEmpty()) {
      out.add(
          new Refusal("installation.keyboard", "is not among those known for FreeBSD's console"));
    }
    Source source = how.source();
    if (source.mirror() != null || source.repository() != null || source.proxy() != null) {
      out.add(
          new Refusal(
              "installation.source",
              "bsdinstall takes the system from its own medium, whatever else there is; leave"
                  + " mirror, proxy and repository out"));
    }
    PackageManager.PKG.check(source, out);
    return List.copyOf(out);
  }

  private static void checkProfile(ProfileSpec profile, List<Refusal> out) {
    if (!profile.packages().isEmpty()) {
      out.add(
          new Refusal(
              "profile.packages",
              "bsdinstall's medium holds the base system only; install them by a script"));
    }
    for (int i = 0; i < profile.users().size(); i++) {
      ProfileSpec.User user = profile.users().get(i);
      String hash = user.passwordHash();
      if (user.sudo()) {
        out.add(
            new Refusal(
                "profile.users[" + i + "].sudo",
                "sudo is no part of FreeBSD's base system; use the group wheel and su"));
      }
      if (hash != null && hash.startsWith("$y$")) {
        out.add(
            new Refusal(
                "profile.users[" + i + "].passwordHash",
                "FreeBSD knows no yescrypt; make one with: mkpasswd -m sha-512"));
      }
    }
  }

  private static void checkInterfaces(InstallSpec spec, List<Refusal> out) {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < spec.interfaces().size(); i++) {
      NetInterface face = spec.interfaces().get(i);
      String at = "interfaces[" + i + "].";
      IpConfig ip = face.ip();
      if (!names.add(RcConf.variable(face.name()))) {
        out.add(
            new Refusal(at + "name", "rc.conf cannot tell it from one with '_' in place of '-'"));
      }
      if (ip.dhcp6()) {
        out.add(
            new Refusal(
                at + "ip.dhcp6",
                "FreeBSD's base system has no DHCPv6 client; use SLAAC or a static address"));
      }
      for (int j = 0; j < ip.routes().size(); j++) {
        if (ip.routes().get(j).metric() != null) {
          out.add(
              new Refusal(at + "ip.routes[" + j + "].metric", "FreeBSD's routes have no metric"));
        }
      }
      if (face instanceof NetInterface.Bond bond && RcConf.protocol(bond.mode()).isEmpty()) {
        out.add(new Refusal(at + "mode", "lagg(4) knows no such mode; use active-backup or lacp"));
      }
    }
  }

  private static void checkStorage(Storage storage, List<Refusal> out) {
    String at = "installation.storage.";
    if (storage.disk() instanceof Storage.Disk.ByPath by && !DISK.matcher(by.path()).matches()) {
      out.add(
          new Refusal(
              at + "disk",
              "FreeBSD knows a disk by its serial, by a range of sizes, or by its own names:"
                  + " /dev/vtbd0, /dev/da0, /dev/ada0, /dev/nda0"));
    }
    if (storage.mirror() != null) {
      out.add(new Refusal(at + "mirror", "scriptedpart divides one disk; install on one"));
    }
    if (storage.table() == StorageSpec.Table.MSDOS) {
      out.add(new Refusal(at + "table", "scriptedpart starts FreeBSD from a GPT"));
    }
    if (storage.layout() == StorageSpec.Layout.LVM) {
      out.add(new Refusal(at + "layout", "FreeBSD has no LVM"));
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              at + "encryption",
              "GELI encrypts with a pass phrase only, which would have to stand on the medium"));
    }
    for (int i = 0; i < storage.filesystems().size(); i++) {
      StorageSpec.Part part = storage.filesystems().get(i);
      if (part.type() != StorageSpec.Type.SWAP) {
        out.add(
            new Refusal(
                at + "filesystems[" + i + "].type",
                "FreeBSD installs on one UFS for all; leave the list out"));
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
    Map<String, Object> values = DiskRule.of(how.storage());
    values.put("fqdn", spec.identity().fqdn());
    values.put(
        "before",
        how.before().stream()
            .map(s ->
                Map.of("name", s.name(), "base64", TargetFile.ofRoot("", "", s.content()).base64()))
            .toList());
    values.put("finish", finish(spec, how));
    AnswerFile file = AnswerFile.text(Template.fill("freebsd.peb", values));
    return Answers.of(Answers.Way.on(Map.of("/etc/installerconfig", file)));
  }

  private static String finish(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("users", profile.users().stream().map(FreeBsd::user).toList());
    values.put("files", files(spec, how));
    values.put("timezone", or(profile.timezone(), "UTC"));
    values.put("locale", or(profile.locale(), ""));
    values.put(
        "after",
        how.after().stream()
            .map(s -> TargetFile.ofRoot("/var/millwright/after-" + s.name(), "0700", s.content()))
            .toList());
    // bsdinstall itself starts the machine anew, unless somebody is quicker.
    values.put("poweroff", how.end() == Installation.End.POWEROFF);
    return Template.fill("freebsd-finish.peb", values);
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  private static Map<String, Object> user(ProfileSpec.User user) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", user.name());
    out.put("shell", user.shell().equals("/bin/bash") ? "/bin/sh" : user.shell());
    out.put("groups", user.groups());
    out.put("password", or(user.passwordHash(), ""));
    out.put(
        "keys",
        user.keys().isEmpty()
            ? ""
            : TargetFile.ofRoot("", "", String.join("\n", user.keys()) + "\n").base64());
    return out;
  }

  private static List<TargetFile> files(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    List<TargetFile> out = new ArrayList<>();
    Map<String, String> rc = new LinkedHashMap<>();
    rc.put("hostname", spec.identity().fqdn());
    rc.put("keymap", keymap(how.keyboard()).orElseThrow());
    rc.put("sshd_enable", "YES");
    rc.put("millwright_names_enable", "YES");
    rc.putAll(RcConf.network(spec));
    if (!profile.ntp().isEmpty()) {
      rc.put("ntpd_enable", "YES");
      rc.put("ntpd_sync_on_start", "YES");
      StringBuilder text = new StringBuilder("driftfile /var/db/ntp/ntpd.drift\n");
      profile.ntp().forEach(s -> text.append("server ").append(s).append(" iburst\n"));
      out.add(TargetFile.ofRoot("/etc/ntp.conf", "0644", text.toString()));
    }
    out.add(TargetFile.ofRoot(NAMES, "0755", names(spec)));
    out.add(TargetFile.ofRoot("/etc/rc.d/millwright_names", "0755", NAMES_SERVICE));
    out.add(TargetFile.ofRoot("/etc/hosts", "0644", hosts(spec)));
    List<String> servers = Networkd.nameServers(spec);
    if (!servers.isEmpty()) {
      out.add(TargetFile.ofRoot("/etc/resolv.conf", "0644", Preseed.resolvConf(spec)));
      // What DHCP and routers say is added to it, not put in its place.
      out.add(
          TargetFile.ofRoot(
              "/etc/resolvconf.conf",
              "0644",
              "name_servers=\""
                  + String.join(" ", servers)
                  + "\"\nsearch_domains=\""
                  + String.join(" ", Networkd.searchDomains(spec))
                  + "\"\n"));
    }
    StringBuilder dhclient = new StringBuilder();
    AlpineInterfaces.withoutDefaultRoute(spec)
        .forEach(name ->
            dhclient
                .append("interface \"")
                .append(name)
                .append(
                    "\" {\n  request subnet-mask, broadcast-address, domain-name-servers;\n}\n"));
    if (!dhclient.isEmpty()) {
      out.add(TargetFile.ofRoot("/etc/dhclient.conf", "0644", dhclient.toString()));
    }
    out.add(
        TargetFile.ofRoot(
            Finish.PASSWORD_LOGIN,
            "0600",
            "PasswordAuthentication "
                + (Finish.passwords(profile) ? "yes" : "no")
                + "\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"));
    List<TargetFile> first = FirstBoot.filesForFreeBsd(spec);
    if (!first.isEmpty()) {
      rc.put("millwright_first_boot_enable", "YES");
      out.addAll(first);
      out.add(TargetFile.ofRoot("/etc/rc.d/millwright_first_boot", "0755", FIRST_BOOT_SERVICE));
    }
    out.add(TargetFile.ofRoot("/etc/rc.conf", "0644", RcConf.write(rc)));
    out.addAll(PackageManager.PKG.files(how.source().repositories()));
    // FreeBSD calls root's group wheel.
    profile
        .files()
        .forEach(f ->
            out.add(
                new TargetFile(
                    f.path(),
                    f.mode(),
                    f.owner().endsWith(":root")
                        ? f.owner().substring(0, f.owner().length() - 4) + "wheel"
                        : f.owner(),
                    f.content())));
    return out;
  }

  private static String hosts(InstallSpec spec) {
    String full = spec.identity().fqdn();
    String name = spec.identity().hostname();
    return "::1 localhost\n127.0.0.1 localhost\n127.0.1.1 "
        + (full.equals(name) ? name : full + " " + name)
        + "\n";
  }

  private static String names(InstallSpec spec) {
    List<Map<String, String>> cards = new ArrayList<>();
    for (NetInterface.Ethernet card : spec.cards()) {
      Mac mac = card.mac();
      if (mac != null || spec.isTheOnly(card)) {
        cards.add(Map.of("mac", mac == null ? "only" : mac.text(), "name", card.name()));
      }
    }
    return Template.fill("freebsd-names.peb", Map.of("cards", cards));
  }

  private static final String NAMES_SERVICE =
      """
      #!/bin/sh
      # PROVIDE: millwright_names
      # REQUIRE: FILESYSTEMS
      # BEFORE: netif
      # KEYWORD: nojail
      . /etc/rc.subr
      name=millwright_names
      rcvar=millwright_names_enable
      start_cmd="sh %s"
      stop_cmd=":"
      load_rc_config $name
      run_rc_command "$1"
      """
          .formatted(NAMES);

  private static final String FIRST_BOOT_SERVICE =
      """
      #!/bin/sh
      # PROVIDE: millwright_first_boot
      # REQUIRE: LOGIN sshd
      # KEYWORD: nojail
      . /etc/rc.subr
      name=millwright_first_boot
      rcvar=millwright_first_boot_enable
      start_cmd="millwright_first_boot_start"
      stop_cmd=":"
      millwright_first_boot_start() {
        [ -e %1$s/done ] || daemon -f -o /dev/console sh %1$s/run
      }
      load_rc_config $name
      run_rc_command "$1"
      """
          .formatted(FirstBoot.DIRECTORY);
}

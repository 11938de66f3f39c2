package io.millwright.images;

import io.millwright.model.Mac;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.jspecify.annotations.Nullable;

/**
 * Installs Alpine Linux 3.19 and later: its medium starts a system in memory, which looks for an
 * archive {@code *.apkovl.tar.gz} on all media and lays it over itself. The archive brings the
 * answer file for setup-alpine(8) and a program that is run when the system is up: it installs by
 * Alpine's own setup-alpine and setup-disk(8), and then finishes the new system from inside ({@link
 * Finish}).
 */
public final class Alpine implements Renderer<Answers> {
  static final String ARCHIVE = "millwright.apkovl.tar.gz";

  /** Else the module makes a bond0 when it is loaded, and ours cannot be made any more. */
  private static final String NO_BOND_OF_ITS_OWN = "options bonding max_bonds=0\n";

  private static final Set<String> LOCALES = Set.of("C.UTF-8");

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    String locale = spec.profile().locale();
    if (locale != null && !LOCALES.contains(locale)) {
      out.add(new Refusal("profile.locale", "Alpine's C library knows no locale but C.UTF-8"));
    }
    boolean asks = false;
    boolean names = false;
    for (int i = 0; i < spec.interfaces().size(); i++) {
      IpConfig ip = spec.interfaces().get(i).ip();
      if (ip.dhcp6()) {
        out.add(
            new Refusal(
                "interfaces[" + i + "].ip.dhcp6",
                "Alpine's own DHCP client asks for IPv4 only; use SLAAC or a static address"));
      }
      asks |= ip.slaac();
      names |= ip.dhcp4() || !ip.dns().isEmpty();
    }
    if (asks && !names) {
      out.add(
          new Refusal(
              "interfaces", "Alpine takes no name servers from router advertisements; give some"));
    }
    checkStorage(how.storage(), out);
    Source source = how.source();
    if (source.repository() != null) {
      out.add(
          new Refusal(
              "installation.source.repository",
              "Alpine takes packages only from a repository whose key it has; use its extended"
                  + " medium or a mirror"));
    }
    PackageManager.APK.check(source, out);
    URI mirror = source.mirror();
    if (mirror != null && (mirror.getRawQuery() != null || mirror.getRawFragment() != null)) {
      out.add(new Refusal("installation.source.mirror", "apk takes a URL without query"));
    }
    if (!source.offline() && InstallerCard.of(spec).isEmpty()) {
      out.add(
          new Refusal(
              "interfaces",
              "the installer needs a card with an address of its own, beside bonds, bridges and"
                  + " VLANs, to fetch packages; or install offline"));
    }
    return List.copyOf(out);
  }

  private static void checkStorage(Storage storage, List<Refusal> out) {
    if (storage.mirror() != null) {
      out.add(Storage.noMirror("setup-disk"));
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "setup-disk encrypts with a pass phrase only, which would have to stand on the"
                  + " medium"));
    }
    int swaps = 0;
    for (int i = 0; i < storage.filesystems().size(); i++) {
      StorageSpec.Part part = storage.filesystems().get(i);
      String at = "installation.storage.filesystems[" + i + "].";
      if (part.type() == StorageSpec.Type.SWAP) {
        if (++swaps > 1 || part.size() == null) {
          out.add(new Refusal(at + "size", "setup-disk makes one swap of a given size"));
        }
      } else if (!"/".equals(part.mount())) {
        out.add(new Refusal(at + "mount", "setup-disk makes one filesystem for all, and swap"));
      } else if (part.size() != null) {
        out.add(new Refusal(at + "size", "setup-disk gives / all that is left; leave it out"));
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
    AnswerFile archive = new AnswerFile(archive(overlay(spec, how)), false);
    return Answers.of(
        // Any label will do: all media are looked through.
        Answers.Way.beside(new AnswerMedium("MILLWRIGHT", Map.of(ARCHIVE, archive))),
        Answers.Way.on(Map.of("/" + ARCHIVE, archive)));
  }

  /** The files of the overlay by path, of which a path that ends with "@" is a link to its text. */
  static Map<String, AnswerFile> overlay(InstallSpec spec, Installation how) {
    Map<String, AnswerFile> out = new LinkedHashMap<>();
    // Without it a system with an overlay starts none of the services of one without.
    out.put("etc/.default_boot_services", AnswerFile.text(""));
    out.put("etc/apk/world", AnswerFile.text("alpine-base\n"));
    out.put("etc/runlevels/default/local@", AnswerFile.text("/etc/init.d/local"));
    out.put("etc/local.d/millwright.start", AnswerFile.program(install(spec, how)));
    out.put("etc/millwright/answers", AnswerFile.text(answers(spec, how)));
    out.put("etc/millwright/names", AnswerFile.program(names(spec)));
    out.put("etc/millwright/finish", AnswerFile.program(finish(spec)));
    if (bonds(spec)) {
      out.put("etc/modprobe.d/millwright.conf", AnswerFile.text(NO_BOND_OF_ITS_OWN));
    }
    for (PackageSource.Repository one : how.source().repositories()) {
      out.put("etc/apk/keys/" + one.keyName(), AnswerFile.text(one.key() + "\n"));
    }
    for (int i = 0; i < how.before().size(); i++) {
      ProfileSpec.Script script = how.before().get(i);
      out.put(
          "etc/millwright/before/%03d-%s".formatted(i, script.name()),
          AnswerFile.program(script.content()));
    }
    return out;
  }

  private static boolean bonds(InstallSpec spec) {
    return spec.interfaces().stream().anyMatch(NetInterface.Bond.class::isInstance);
  }

  private static byte[] archive(Map<String, AnswerFile> overlay) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(out))) {
      for (String directory : directories(overlay.keySet())) {
        tar.putArchiveEntry(entry(new TarArchiveEntry(directory + "/"), 0755, 0));
        tar.closeArchiveEntry();
      }
      for (var file : overlay.entrySet()) {
        byte[] bytes = file.getValue().bytes();
        String path = file.getKey();
        if (path.endsWith("@")) {
          TarArchiveEntry link =
              new TarArchiveEntry(path.substring(0, path.length() - 1), TarConstants.LF_SYMLINK);
          link.setLinkName(file.getValue().asText());
          tar.putArchiveEntry(entry(link, 0777, 0));
        } else {
          int mode = file.getValue().executable() ? 0700 : 0600;
          tar.putArchiveEntry(entry(new TarArchiveEntry(path), mode, bytes.length));
          tar.write(bytes);
        }
        tar.closeArchiveEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** The same bytes on every machine and every day. */
  private static TarArchiveEntry entry(TarArchiveEntry entry, int mode, long size) {
    entry.setModTime(0);
    entry.setIds(0, 0);
    entry.setNames("root", "root");
    entry.setMode(mode);
    entry.setSize(size);
    return entry;
  }

  private static Set<String> directories(Set<String> paths) {
    Set<String> out = new TreeSet<>();
    for (String path : paths) {
      for (int i = path.indexOf('/'); i > 0; i = path.indexOf('/', i + 1)) {
        out.add(path.substring(0, i));
      }
    }
    return out;
  }

  private static String install(InstallSpec spec, Installation how) {
    Storage storage = how.storage();
    Map<String, Object> values = DiskRule.of(storage);
    values.put("packages", packages(spec));
    values.put(
        "repositories",
        how.source().repositories().stream()
            .map(one -> TargetFile.quoted(one.url().toString()))
            .toList());
    values.put("lvm", storage.layout() == StorageSpec.Layout.LVM);
    values.put(
        "label",
        storage.table() == null ? "" : storage.table() == StorageSpec.Table.MSDOS ? "dos" : "gpt");
    values.put(
        "rootfs",
        storage.filesystems().stream()
            .filter(part -> part.type() != StorageSpec.Type.SWAP)
            .map(part -> part.type().name().toLowerCase(Locale.ROOT))
            .findFirst()
            .orElse(""));
    values.put(
        "swap",
        storage.filesystems().stream()
            .filter(part -> part.type() == StorageSpec.Type.SWAP)
            .map(part -> Objects.requireNonNull(part.size()).mib())
            .findFirst()
            .orElse(0L));
    values.put("end", how.end() == Installation.End.POWEROFF ? "poweroff" : "reboot");
    return Template.fill("alpine-install.peb", values);
  }

  private static List<String> packages(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    List<String> out = new ArrayList<>(List.of("openssh", "shadow"));
    if (spec.interfaces().stream().anyMatch(f -> !(f instanceof NetInterface.Ethernet))
        || !FirstBoot.files(spec).isEmpty()) {
      out.add("iproute2");
    }
    if (!FirstBoot.files(spec).isEmpty()) {
      out.add("python3");
    }
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      out.add("sudo");
    }
    if (profile.users().stream().anyMatch(user -> user.shell().equals("/bin/bash"))) {
      out.add("bash");
    }
    if (!profile.ntp().isEmpty()) {
      out.add("chrony");
    }
    return Stream.concat(out.stream(), profile.packages().stream()).distinct().toList();
  }

  private static String answers(InstallSpec spec, Installation how) {
    Source source = how.source();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("hostname", spec.identity().hostname());
    values.put("keyboard", how.keyboard());
    values.put("interfaces", AlpineInterfaces.of(spec));
    String domain = spec.identity().domain();
    List<String> servers = Networkd.nameServers(spec);
    values.put(
        "dns",
        Stream.concat(domain == null ? Stream.of() : Stream.of("-d", domain), servers.stream())
            .reduce((a, b) -> a + " " + b)
            .orElse("-n 127.0.0.1"));
    values.put("timezone", or(spec.profile().timezone(), "UTC"));
    values.put(
        "proxy", source.proxy() == null ? "'none'" : TargetFile.quoted(source.proxy().toString()));
    URI mirror = source.mirror();
    values.put(
        "repositories",
        source.offline()
            // Those of the medium, which the system in memory already has.
            ? "$(grep -h '^/' /etc/apk/repositories | head -n 1)"
            : mirror == null
                ? "'-c -1'"
                : repository(mirror, "main") + "' '" + repository(mirror, "community"));
    return Template.fill("alpine-answers.peb", values);
  }

  private static String repository(URI mirror, String branch) {
    String base = mirror.toString();
    return TargetFile.quoted(base.endsWith("/") ? base : base + "/")
        + "\"$release/"
        + branch
        + "\"";
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  private static String names(InstallSpec spec) {
    List<Map<String, String>> cards = new ArrayList<>();
    for (NetInterface.Ethernet card : spec.cards()) {
      Mac mac = card.mac();
      if (mac != null || spec.isTheOnly(card)) {
        cards.add(Map.of("mac", mac == null ? "only" : mac.text(), "name", card.name()));
      }
    }
    return Template.fill("alpine-names.peb", Map.of("cards", cards));
  }

  private static String finish(InstallSpec spec) {
    List<TargetFile> files = new ArrayList<>();
    List<String> commands = new ArrayList<>();
    if (spec.profile().users().stream().noneMatch(user -> user.name().equals("root"))) {
      // setup-alpine -e leaves root an empty password, which opens the console and su to anybody.
      commands.add("echo 'root:*' | chpasswd -e");
    }
    files.add(TargetFile.ofRoot("/etc/network/interfaces", "0644", AlpineInterfaces.of(spec)));
    if (bonds(spec)) {
      files.add(TargetFile.ofRoot("/etc/modprobe.d/millwright.conf", "0644", NO_BOND_OF_ITS_OWN));
    }
    files.add(TargetFile.ofRoot("/usr/local/sbin/millwright-names", "0755", names(spec)));
    files.add(TargetFile.ofRoot("/etc/init.d/millwright-names", "0755", NAMES_SERVICE));
    commands.add("rc-update add millwright-names boot");
    commands.add("rc-update add networking boot");
    commands.add("rc-update add sshd default");
    commands.add(Finish.READ_SSHD_DIRECTORY);
    boolean own =
        !Networkd.nameServers(spec).isEmpty()
            || spec.interfaces().stream().noneMatch(face -> face.ip().dhcp4());
    if (own) {
      files.add(TargetFile.ofRoot("/etc/resolv.conf", "0644", Preseed.resolvConf(spec)));
    }
    files.add(
        TargetFile.ofRoot(
            "/etc/udhcpc/udhcpc.conf",
            "0644",
            (own ? "RESOLV_CONF=\"no\"\n" : "")
                + "NO_GATEWAY=\""
                + String.join(" ", AlpineInterfaces.withoutDefaultRoute(spec))
                + "\"\n"));
    if (!spec.profile().ntp().isEmpty()) {
      StringBuilder text = new StringBuilder();
      spec.profile().ntp().forEach(s -> text.append("server ").append(s).append(" iburst\n"));
      text.append("driftfile /var/lib/chrony/chrony.drift\nrtcsync\nmakestep 1 3\n");
      files.add(TargetFile.ofRoot("/etc/chrony/chrony.conf", "0644", text.toString()));
      commands.add("rc-update add chronyd default");
    }
    List<TargetFile> first = FirstBoot.files(spec);
    if (!first.isEmpty()) {
      files.addAll(first);
      files.add(TargetFile.ofRoot("/etc/init.d/millwright-first-boot", "0755", FIRST_BOOT_SERVICE));
      commands.add("rc-update add millwright-first-boot default");
    }
    return Finish.script(spec, files, commands);
  }

  private static final String NAMES_SERVICE =
      """
      #!/sbin/openrc-run
      description="Gives the network cards their names"
      depend() {
        need sysfs
        before networking
        after hwdrivers modules
      }
      start() {
        ebegin "Naming the network cards"
        sh /usr/local/sbin/millwright-names
        eend $?
      }
      """;

  private static final String FIRST_BOOT_SERVICE =
      """
      #!/sbin/openrc-run
      description="Millwright first boot"
      command="/usr/bin/python3"
      command_args="-IS %1$s/run"
      command_background=true
      pidfile="/run/millwright-first-boot.pid"
      output_log="/dev/console"
      error_log="/dev/console"
      depend() {
        after networking sshd
      }
      start_pre() {
        [ ! -e %1$s/done ]
      }
      """
          .formatted(FirstBoot.DIRECTORY);
}

package io.millwright.images;

import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Configures a clone of a golden disk by cloud-init's NoCloud data source; written for cloud-init
 * 22.4 and later on a system with systemd.
 *
 * <p>Texts of the user's choice reach the machine as values of a YAML document or in base64, never
 * as part of a command.
 */
public final class CloudInit implements Renderer<Seed> {
  private static final String PASSWORD_LOGIN = "/etc/ssh/sshd_config.d/20-millwright.conf";

  /**
   * What lets cloud-init go by what it has read once. A clone's seed is taken out after its first
   * boot; on the next one it would take the machine for a new one of which nothing is known, with
   * DHCP, other host keys and a user of its own.
   */
  private static final String KEEPING = "/etc/cloud/cloud.cfg.d/99-millwright-once.cfg";

  /** Whose packages cloud-init fetches by apt. */
  private static final Set<String> APT = Set.of("debian", "ubuntu");

  /** The clone's system, or null if an installer has done what is an installer's. */
  private final @Nullable String os;

  private CloudInit(@Nullable String os) {
    this.os = os;
  }

  /** For a system that an installer has put there, keyboard and all. */
  static CloudInit installed() {
    return new CloudInit(null);
  }

  /**
   * For a clone of a golden disk, which nothing but its first boot makes different from others.
   *
   * @param os family of its system, for example {@code debian}
   */
  public static CloudInit ofClone(String os) {
    return new CloudInit(os);
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>();
    if (os != null) {
      checkClone(spec.profile(), os, out);
    }
    List<ProfileSpec.Script> scripts = spec.profile().scripts();
    for (int i = 0; i < scripts.size(); i++) {
      if (scripts.get(i).name().equals(FirstBoot.CLOUD_INIT)) {
        out.add(
            new Refusal(
                "profile.scripts[" + i + "].name",
                "cloud-init reports its own result under this name; use another one"));
      }
    }
    List<ProfileSpec.File> files = spec.profile().files();
    for (int i = 0; i < files.size(); i++) {
      if (files.get(i).path().startsWith(FirstBoot.DIRECTORY + "/")
          || files.get(i).path().equals(PASSWORD_LOGIN)) {
        out.add(
            new Refusal(
                "profile.files[" + i + "].path", "is a file that Millwright itself writes"));
      }
    }
    return List.copyOf(out);
  }

  /** What is too late when a clone boots. */
  private static void checkClone(ProfileSpec profile, String os, List<Refusal> out) {
    String late =
        "a clone is as its image is; have the machine installed, by an Image that has an installer";
    StorageSpec storage = profile.storage();
    if (storage != null) {
      String set =
          storage.layout() == StorageSpec.Layout.LVM
              ? ".layout"
              : storage.mirror() != null
                  ? ".mirror"
                  : storage.encryption() != null ? ".encryption" : "";
      out.add(new Refusal("profile.storage" + set, late));
    }
    if (!profile.before().isEmpty()) {
      out.add(
          new Refusal(
              "profile.commands.before",
              "a clone has no installer that could run them; use scripts or commands.after"));
    }
    if (profile.end() != null) {
      out.add(
          new Refusal("profile.commands.end", "a clone has no installer that ends; leave it out"));
    }
    List<String> scripts = profile.scripts().stream().map(ProfileSpec.Script::name).toList();
    for (int i = 0; i < profile.after().size(); i++) {
      if (scripts.contains(profile.after().get(i).name())) {
        out.add(
            new Refusal(
                "profile.commands.after[" + i + "].name",
                "is a script's name, too; a clone runs both in its first boot, and reports them by"
                    + " name"));
      }
    }
    PackageSource source = profile.packageSource();
    if (source != null && source.repository() != null) {
      out.add(
          new Refusal(
              "profile.packageSource.repository",
              "lies on an installation medium, which a clone does not have"));
    }
    if (source != null) {
      PackageManager.ofClone(os)
          .ifPresentOrElse(
              manager ->
                  manager.check("profile.packageSource.repositories", source.repositories(), out),
              () -> {
                if (!source.repositories().isEmpty()) {
                  out.add(
                      new Refusal(
                          "profile.packageSource.repositories",
                          "are set for apt, dnf, apk and pkg only in a clone; have the machine"
                              + " installed, by an Image that has an installer"));
                }
              });
    }
    if (source != null && !APT.contains(os)) {
      String way =
          "is set by cloud-init for apt only, which " + os + " does not have; write a file";
      if (source.mirror() != null) {
        out.add(new Refusal("profile.packageSource.mirror", way));
      }
      if (source.proxy() != null) {
        out.add(new Refusal("profile.packageSource.proxy", way));
      }
    }
  }

  @Override
  public Seed render(InstallSpec asked) {
    demand(asked);
    ProfileSpec profile = asked.profile();
    // What an installer would have run comes first, as it would have.
    InstallSpec spec =
        os == null || profile.after().isEmpty()
            ? asked
            : asked.withProfile(
                profile.withScripts(
                    Stream.concat(profile.after().stream(), profile.scripts().stream()).toList()));
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("instance-id", spec.identity().instanceId());
    meta.put("local-hostname", spec.identity().hostname());
    return new Seed(
        Yaml.write(meta),
        "#cloud-config\n" + Yaml.write(userData(spec)),
        Yaml.write(Netplan.of(spec)));
  }

  /** The content of a {@code #cloud-config}. */
  Map<String, Object> userData(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    boolean passwords = profile.users().stream().anyMatch(u -> u.passwordHash() != null);
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("hostname", spec.identity().hostname());
    out.put("fqdn", spec.identity().fqdn());
    out.put("prefer_fqdn_over_hostname", false);
    // Only the line of its own name: the rest of /etc/hosts stays the user's.
    out.put("manage_etc_hosts", "localhost");
    // Always given: without it cloud-init makes a default user of its own.
    out.put("users", profile.users().stream().map(CloudInit::user).toList());
    out.put("disable_root", profile.users().stream().noneMatch(u -> u.name().equals("root")));
    if (passwords) {
      // For an sshd that reads no sshd_config.d; where it does, this changes nothing.
      out.put("ssh_pwauth", true);
    }
    put(out, "timezone", profile.timezone());
    put(out, "locale", profile.locale());
    if (os != null) {
      putClones(out, profile);
    }
    if (!profile.ntp().isEmpty()) {
      Map<String, Object> ntp = new LinkedHashMap<>();
      ntp.put("enabled", true);
      ntp.put("servers", profile.ntp());
      out.put("ntp", ntp);
    }
    if (!profile.packages().isEmpty()) {
      out.put("package_update", true); // a golden disk's package lists are old or gone
      out.put("packages", profile.packages());
    }
    List<Map<String, Object>> files = new ArrayList<>();
    List<List<String>> boot = new ArrayList<>();
    FirstBoot.of(spec, late(profile))
        .ifPresent(first -> {
          files.addAll(first.files());
          boot.add(first.start());
        });
    // Read when sshd starts, so that it need not be started again, which cuts off who is quick.
    files.add(
        file(
            PASSWORD_LOGIN,
            "PasswordAuthentication " + (passwords ? "yes" : "no") + "\n",
            "0600",
            "root:root"));
    if (os != null) {
      files.add(file(KEEPING, "manual_cache_clean: true\n", "0644", "root:root"));
    }
    DataDisks.start(spec).ifPresent(boot::add);
    Netplan.deafToRouters(spec).forEach(name -> boot.add(deafen(name)));
    String locale = profile.locale();
    if (locale != null && locale.endsWith(".UTF-8") && !locale.startsWith("C.")) {
      // Debian's locale-gen makes what stands here, and not what cloud-init gives it as an
      // argument.
      Map<String, Object> line = file("/etc/locale.gen", locale + " UTF-8\n", "0644", "root:root");
      line.put("append", true);
      files.add(line);
    }
    if (os != null) {
      PackageManager.ofClone(os).stream()
          .flatMap(manager -> manager.files(profile.repositories()).stream())
          .forEach(f -> files.add(file(f.path(), f.content(), f.mode(), "root:root")));
    }
    profile.files().forEach(f -> files.add(file(f)));
    out.put("write_files", files);
    List<List<String>> modes = modes(profile);
    if (!modes.isEmpty()) {
      out.put("runcmd", modes);
    }
    if (!boot.isEmpty()) {
      out.put("bootcmd", boot);
    }
    return out;
  }

  /** What an installer would have done. */
  private static void putClones(Map<String, Object> out, ProfileSpec profile) {
    if (profile.keyboard() != null) {
      out.put("keyboard", Map.of("layout", profile.keyboard()));
    }
    PackageSource source = profile.packageSource();
    if (source != null && (source.mirror() != null || source.proxy() != null)) {
      Map<String, Object> apt = new LinkedHashMap<>();
      URI mirror = source.mirror();
      if (mirror != null) {
        Map<String, Object> primary = new LinkedHashMap<>();
        primary.put("arches", List.of("default"));
        primary.put("uri", mirror.toString());
        apt.put("primary", List.of(primary));
      } else {
        // Else cloud-init writes the image's own sources anew.
        apt.put("preserve_sources_list", true);
      }
      URI proxy = source.proxy();
      if (proxy != null) {
        apt.put("http_proxy", proxy.toString());
        apt.put("https_proxy", proxy.toString());
      }
      out.put("apt", apt);
    }
  }

  /**
   * True if there is something that cloud-init does in its later stages, for which a report of the
   * first boot has to wait; else it can be sent as soon as users and keys are there, which on a
   * slow machine is many seconds earlier.
   */
  private static boolean late(ProfileSpec profile) {
    return !profile.packages().isEmpty()
        || profile.keyboard() != null
        || profile.packageSource() != null
        || !profile.scripts().isEmpty()
        || !profile.ntp().isEmpty()
        || profile.timezone() != null
        || profile.locale() != null
        || profile.users().stream().anyMatch(u -> u.passwordHash() != null)
        || profile.files().stream().anyMatch(CloudInit::deferred)
        || !modes(profile).isEmpty();
  }

  private static Map<String, Object> user(ProfileSpec.User user) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", user.name());
    out.put("shell", user.shell());
    if (!user.name().equals("root")) {
      // Else useradd refuses a user whose name the guest has as a group, such as staff. It makes
      // the primary group only if there are other groups, so that it stands among them.
      out.put("primary_group", user.name());
      out.put(
          "groups",
          Stream.concat(user.groups().stream(), Stream.of(user.name())).distinct().toList());
    } else if (!user.groups().isEmpty()) {
      out.put("groups", user.groups());
    }
    if (user.sudo()) {
      out.put("sudo", "ALL=(ALL) NOPASSWD:ALL");
    }
    out.put("lock_passwd", user.passwordHash() == null);
    put(out, "hashed_passwd", user.passwordHash());
    if (!user.keys().isEmpty()) {
      out.put("ssh_authorized_keys", user.keys());
    }
    return out;
  }

  /** Files of root's are there before any package is installed; others need their owner first. */
  private static boolean deferred(ProfileSpec.File file) {
    return !file.owner().equals("root") && !file.owner().equals("root:root");
  }

  /**
   * What sets the modes that {@code write_files} does not: it changes the owner last, and that
   * takes set-user-ID and set-group-ID off a file.
   */
  private static List<List<String>> modes(ProfileSpec profile) {
    return profile.files().stream()
        .filter(f -> Integer.parseInt(f.mode(), 8) > 0777)
        .map(f -> List.of("chmod", f.mode(), f.path()))
        .toList();
  }

  private static Map<String, Object> file(ProfileSpec.File file) {
    Map<String, Object> out = file(file.path(), file.content(), file.mode(), file.owner());
    if (deferred(file)) {
      out.put("defer", true);
    }
    return out;
  }

  static Map<String, Object> file(String path, String content, String mode, String owner) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("path", path);
    out.put("encoding", "b64");
    out.put(
        "content", Base64.getEncoder().encodeToString(content.getBytes(StandardCharsets.UTF_8)));
    out.put("permissions", mode);
    out.put("owner", owner);
    return out;
  }

  /**
   * Tells networkd to leave a router's default route alone on this interface; once, on the first
   * boot, since the file stays. The reload is left to systemd, because D-Bus is not up yet. Other
   * network managers do not look there and need not: they rank the default routes of several
   * interfaces by themselves.
   */
  private static List<String> deafen(String name) {
    String directory = "/etc/systemd/network/10-netplan-" + name + ".network.d";
    return List.of(
        "sh",
        "-c",
        "[ -e "
            + directory
            + "/millwright.conf ] || [ ! -d /run/systemd/netif ] || { mkdir -p "
            + directory
            + " && printf '[IPv6AcceptRA]\\nUseGateway=no\\nUseRoutePrefix=no\\n' > "
            + directory
            + "/millwright.conf && systemd-run --quiet --no-block networkctl reload; }");
  }

  private static void put(Map<String, Object> at, String key, @Nullable String value) {
    if (value != null) {
      at.put(key, value);
    }
  }
}

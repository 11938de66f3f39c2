package io.millwright.images;

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
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Installs Fedora CoreOS and Flatcar Container Linux: the live system of their medium gets an
 * Ignition configuration that writes the finished disk, with another one beside it for the system's
 * own first boot. Written in Ignition's specification 3.3, which every version of either reads that
 * is still supported.
 *
 * <p>These systems have no package manager and no Python; scripts and report are a shell's work.
 */
public final class Ignition implements Renderer<Answers> {
  private static final String VERSION = "3.3.0";
  private static final String DIRECTORY = "/var/lib/millwright/first-boot";
  private static final String LIVE = "/etc/millwright";

  /** Groups that both systems have; a group that is missing stops Ignition, and so the boot. */
  private static final Set<String> GROUPS =
      Set.of("adm", "docker", "sudo", "systemd-journal", "users", "wheel");

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  /** Which of the two it is. */
  public enum System {
    FEDORA_COREOS,
    FLATCAR
  }

  private final System system;

  public Ignition(System system) {
    this.system = system;
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.check(spec));
    ProfileSpec profile = spec.profile();
    if (!profile.packages().isEmpty()) {
      out.add(
          new Refusal(
              "profile.packages",
              "this system is one image without a package manager; use containers"));
    }
    if (profile.locale() != null && !List.of("C.UTF-8", "en_US.UTF-8").contains(profile.locale())) {
      out.add(new Refusal("profile.locale", "this system has C.UTF-8 and en_US.UTF-8 only"));
    }
    for (int i = 0; i < profile.users().size(); i++) {
      List<String> groups = profile.users().get(i).groups();
      for (int j = 0; j < groups.size(); j++) {
        if (!GROUPS.contains(groups.get(j))) {
          out.add(
              new Refusal(
                  "profile.users[" + i + "].groups[" + j + "]",
                  "is no group of this system; there are "
                      + String.join(", ", new java.util.TreeSet<>(GROUPS))));
        }
      }
    }
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    refuse(out, how.storage().mirror(), "storage.mirror", "writes a finished image onto one disk");
    refuse(
        out,
        how.storage().filesystems().isEmpty() ? null : how.storage().filesystems(),
        "storage.filesystems",
        "writes a finished image, which is divided already");
    refuse(
        out,
        how.storage().layout() == StorageSpec.Layout.LVM ? how.storage().layout() : null,
        "storage.layout",
        "writes a finished image, which has no LVM");
    refuse(
        out,
        how.storage().table() == StorageSpec.Table.MSDOS ? how.storage().table() : null,
        "storage.table",
        "writes a finished image, which has a GPT");
    refuse(out, how.source().repository(), "source.repository", "installs no packages");
    PackageManager.none(how.source(), "this system's installer installs no packages", out);
    refuse(
        out,
        how.after().isEmpty() ? null : how.after(),
        "after",
        "runs nothing in the new system before its first boot; use the profile's scripts");
    checkEncryption(spec, how, out);
    if (system == System.FLATCAR && how.source().offline()) {
      out.add(
          new Refusal(
              "installation.source.offline",
              "Flatcar's medium does not hold the system, its installer fetches it"));
    }
    if (system == System.FEDORA_COREOS) {
      refuse(out, how.source().mirror(), "source.mirror", "installs from its own medium");
      refuse(out, how.source().proxy(), "source.proxy", "installs from its own medium");
    }
    return List.copyOf(out);
  }

  private static void refuse(
      List<Refusal> out, @Nullable Object given, String field, String because) {
    if (given != null) {
      out.add(new Refusal("installation." + field, "this system's installer " + because));
    }
  }

  private void checkEncryption(InstallSpec spec, Installation how, List<Refusal> out) {
    Storage.Encryption encryption = how.storage().encryption();
    if (system == System.FLATCAR) {
      refuse(out, encryption, "storage.encryption", "does not encrypt the system's own disk");
      return;
    }
    NetInterface uplink = spec.uplink(false);
    if (encryption instanceof Storage.Encryption.Tang
        && !(uplink instanceof NetInterface.Ethernet && uplink.ip().dhcp4())) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "a Tang server is asked before the system has its network, by IPv4 and DHCP; the card"
                  + " with the default route must have dhcp4"));
    }
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    AnswerFile live = AnswerFile.text(write(live(spec, how)));
    boolean stay = how.end() == Installation.End.POWEROFF;
    return switch (system) {
      case FEDORA_COREOS ->
          Answers.of(
              stay
                  ? Answers.Way.inside(
                      Map.of("/config.ign", live),
                      "ignition.firstboot",
                      "ignition.platform.id=metal",
                      "coreos.inst.skip_reboot")
                  : Answers.Way.inside(
                      Map.of("/config.ign", live),
                      "ignition.firstboot",
                      "ignition.platform.id=metal"));
      case FLATCAR ->
          Answers.of(
              Answers.Way.inside(
                  Map.of("/usr/share/oem/config.ign", live),
                  "flatcar.first_boot=1",
                  "flatcar.config.url=oem:///config.ign"));
    };
  }

  /**
   * The configuration of the system itself, as JSON; also what a clone of a finished disk is given
   * by its hypervisor.
   */
  public String config(InstallSpec spec) {
    return write(own(spec));
  }

  private static String write(Map<String, Object> config) {
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(config) + "\n";
  }

  private Map<String, Object> live(InstallSpec spec, Installation how) {
    Config out = new Config();
    out.file(LIVE + "/system.ign", 0600, "root", config(spec));
    StringBuilder disk = new StringBuilder(FindDisk.PROGRAM);
    for (ProfileSpec.Script script : how.before()) {
      String path = LIVE + "/before/" + script.name();
      out.file(path, 0700, "root", script.content());
      disk.append(path).append('\n');
    }
    disk.append("disk=$(").append(FindDisk.call(how.storage().disk(), how.storage())).append(")\n");
    switch (system) {
      case FEDORA_COREOS -> {
        out.file(
            "/etc/coreos/installer.d/50-millwright.yaml",
            0644,
            "root",
            "ignition-file: " + LIVE + "/system.ign\n");
        disk.append(
            "echo \"dest-device: $disk\" >/etc/coreos/installer.d/60-millwright-disk.yaml\n");
        out.file(LIVE + "/disk", 0700, "root", disk.toString());
        out.unit(
            "millwright-disk.service",
            """
            [Unit]
            Description=Millwright finds the disk
            After=coreos-installer-pre.target
            Before=coreos-installer.service

            [Service]
            Type=oneshot
            ExecStart=%s/disk

            [Install]
            RequiredBy=coreos-installer.service
            """
                .formatted(LIVE));
        if (how.end() == Installation.End.POWEROFF) {
          out.unit(
              "millwright-end.service",
              """
              [Unit]
              Description=Millwright is done
              Requires=coreos-installer.service
              After=coreos-installer.service

              [Service]
              Type=oneshot
              ExecStart=/usr/bin/systemctl --no-block poweroff

              [Install]
              WantedBy=multi-user.target
              """);
        }
      }
      case FLATCAR -> {
        network(spec, out);
        URI mirror = how.source().mirror();
        URI proxy = how.source().proxy();
        if (proxy != null) {
          disk.append("export http_proxy=").append(quoted(proxy.toString()));
          disk.append(" https_proxy=").append(quoted(proxy.toString())).append('\n');
        }
        disk.append("flatcar-install -d \"$disk\" -i ").append(LIVE).append("/system.ign");
        if (mirror != null) {
          disk.append(" -b ").append(quoted(mirror.toString()));
        }
        disk.append("\nsystemctl --no-block ");
        disk.append(how.end() == Installation.End.REBOOT ? "reboot\n" : "poweroff\n");
        out.file(LIVE + "/install", 0700, "root", disk.toString());
        out.unit(
            "millwright-install.service",
            """
            [Unit]
            Description=Millwright installs
            Wants=network-online.target
            After=network-online.target

            [Service]
            Type=oneshot
            ExecStart=%s/install
            StandardOutput=journal+console
            StandardError=journal+console

            [Install]
            WantedBy=multi-user.target
            """
                .formatted(LIVE));
      }
    }
    return out.document();
  }

  private static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  private Map<String, Object> own(InstallSpec spec) {
    Config out = new Config();
    ProfileSpec profile = spec.profile();
    for (ProfileSpec.User user : profile.users()) {
      out.user(user);
    }
    out.file("/etc/hostname", 0644, "root", spec.identity().fqdn() + "\n");
    out.file(
        Finish.PASSWORD_LOGIN,
        0600,
        "root",
        "PasswordAuthentication " + (Finish.passwords(profile) ? "yes" : "no") + "\n");
    List<String> sudoers =
        profile.users().stream()
            .filter(ProfileSpec.User::sudo)
            .map(u -> u.name() + " ALL=(ALL) NOPASSWD:ALL\n")
            .toList();
    if (!sudoers.isEmpty()) {
      out.file(Finish.SUDOERS, 0440, "root", String.join("", sudoers));
    }
    network(spec, out);
    if (!profile.ntp().isEmpty()) {
      switch (system) {
        case FEDORA_COREOS ->
            out.file(
                "/etc/chrony.conf",
                0644,
                "root",
                String.join(
                        "", profile.ntp().stream().map(s -> "server " + s + " iburst\n").toList())
                    + "driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\n");
        case FLATCAR ->
            out.file(
                "/etc/systemd/timesyncd.conf.d/millwright.conf",
                0644,
                "root",
                "[Time]\nNTP=" + String.join(" ", profile.ntp()) + "\n");
      }
    }
    if (profile.locale() != null) {
      out.file("/etc/locale.conf", 0644, "root", "LANG=" + profile.locale() + "\n");
    }
    if (profile.timezone() != null) {
      out.link("/etc/localtime", "../usr/share/zoneinfo/" + profile.timezone());
    }
    Installation how = spec.installation();
    if (how != null) {
      if (!how.keyboard().equals("us")) {
        out.file("/etc/vconsole.conf", 0644, "root", "KEYMAP=" + how.keyboard() + "\n");
      }
      Storage.Encryption encryption = how.storage().encryption();
      if (encryption != null) {
        out.encryptedRoot(encryption);
      }
    }
    profile
        .files()
        .forEach(f -> out.file(f.path(), Integer.parseInt(f.mode(), 8), f.owner(), f.content()));
    firstBoot(spec, out);
    return out.document();
  }

  private void network(InstallSpec spec, Config out) {
    Consumer<Map<String, String>> put =
        files ->
            files.forEach((path, text) ->
                out.file(path, path.endsWith(".nmconnection") ? 0600 : 0644, "root", text));
    switch (system) {
      case FEDORA_COREOS -> put.accept(NmKeyfiles.of(spec));
      case FLATCAR -> put.accept(Networkd.of(spec));
    }
  }

  private static void firstBoot(InstallSpec spec, Config out) {
    List<ProfileSpec.Script> scripts = spec.profile().scripts();
    if (scripts.isEmpty() && spec.reportTo().isEmpty()) {
      return;
    }
    out.file(DIRECTORY + "/run", 0700, "root", FirstBoot.read("first-boot.sh"));
    out.file(
        DIRECTORY + "/doors",
        0600,
        "root",
        String.join("", spec.reportTo().stream().map(door -> door + "\n").toList()));
    for (int i = 0; i < scripts.size(); i++) {
      out.file(
          "%s/scripts/%03d-%s".formatted(DIRECTORY, i, scripts.get(i).name()),
          0700,
          "root",
          scripts.get(i).content());
    }
    out.unit(
        "millwright-first-boot.service",
        """
        [Unit]
        Description=Millwright first boot
        ConditionPathExists=!%1$s/done
        Wants=network-online.target
        After=network-online.target sshd.service sshd-keygen.target

        [Service]
        Type=oneshot
        ExecStart=/bin/bash %1$s/run
        KillMode=process
        TimeoutStartSec=infinity
        StandardOutput=journal+console
        StandardError=journal+console

        [Install]
        WantedBy=multi-user.target
        """
            .formatted(DIRECTORY));
  }

  /** A configuration that grows; a file that is given twice is the later one. */
  private static final class Config {
    private final List<Object> users = new ArrayList<>();
    private final Map<String, Object> files = new LinkedHashMap<>();
    private final List<Object> links = new ArrayList<>();
    private final List<Object> units = new ArrayList<>();
    private final Map<String, Object> storage = new LinkedHashMap<>();
    private final List<String> kernelArguments = new ArrayList<>();

    void user(ProfileSpec.User user) {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("name", user.name());
      if (user.passwordHash() != null) {
        out.put("passwordHash", user.passwordHash());
      }
      if (!user.keys().isEmpty()) {
        out.put("sshAuthorizedKeys", user.keys().stream().distinct().toList());
      }
      out.put("shell", user.shell());
      if (!user.groups().isEmpty()) {
        out.put("groups", user.groups().stream().distinct().toList());
      }
      users.add(out);
    }

    void file(String path, int mode, String owner, String content) {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("path", path);
      out.put("overwrite", true);
      out.put("mode", mode);
      int colon = owner.indexOf(':');
      out.put("user", Map.of("name", colon < 0 ? owner : owner.substring(0, colon)));
      if (colon >= 0) {
        out.put("group", Map.of("name", owner.substring(colon + 1)));
      }
      out.put(
          "contents",
          Map.of(
              "source",
              "data:;base64,"
                  + Base64.getEncoder().encodeToString(content.getBytes(StandardCharsets.UTF_8))));
      files.put(path, out);
    }

    void link(String path, String target) {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("path", path);
      out.put("target", target);
      out.put("overwrite", true);
      links.add(out);
    }

    void unit(String name, String content) {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("name", name);
      out.put("enabled", true);
      out.put("contents", content);
      units.add(out);
    }

    /** The image's root filesystem, taken along, encrypted and put back at the first boot. */
    void encryptedRoot(Storage.Encryption encryption) {
      Map<String, Object> luks = new LinkedHashMap<>();
      luks.put("name", "root");
      luks.put("label", "luks-root");
      luks.put("device", "/dev/disk/by-partlabel/root");
      luks.put("wipeVolume", true);
      luks.put(
          "clevis",
          switch (encryption) {
            case Storage.Encryption.Tpm2 _ -> Map.of("tpm2", true);
            case Storage.Encryption.Tang tang -> {
              Map<String, Object> one = new LinkedHashMap<>();
              one.put("url", tang.server().toString());
              one.put("thumbprint", tang.thumbprint());
              yield Map.of("tang", List.of(one));
            }
          });
      storage.put("luks", List.of(luks));
      Map<String, Object> root = new LinkedHashMap<>();
      root.put("device", "/dev/mapper/root");
      root.put("format", "xfs");
      root.put("label", "root");
      root.put("wipeFilesystem", true);
      storage.put("filesystems", List.of(root));
      if (encryption instanceof Storage.Encryption.Tang) {
        kernelArguments.add("rd.neednet=1");
      }
    }

    Map<String, Object> document() {
      Map<String, Object> out = new LinkedHashMap<>();
      out.put("ignition", Map.of("version", VERSION));
      if (!users.isEmpty()) {
        out.put("passwd", Map.of("users", users));
      }
      storage.put("files", List.copyOf(files.values()));
      if (!links.isEmpty()) {
        storage.put("links", links);
      }
      out.put("storage", storage);
      if (!units.isEmpty()) {
        out.put("systemd", Map.of("units", units));
      }
      if (!kernelArguments.isEmpty()) {
        out.put("kernelArguments", Map.of("shouldExist", kernelArguments));
      }
      return out;
    }
  }
}

package io.millwright.images;

import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Installs Ubuntu server by subiquity (22.04 and later), from a medium with the label {@link
 * Seed#LABEL} beside the vendor's. The installed system gets the same cloud-init configuration as a
 * clone, so that a profile makes the same machine either way; what the installer can do better
 * itself (disk, packages, time zone, locale) it does.
 */
public final class Autoinstall implements Renderer<Answers> {
  /** Without this word on the kernel's command line subiquity asks before it writes to a disk. */
  public static final String KERNEL_ARGUMENT = "autoinstall";

  private static final String BY_PATH = "/dev/disk/by-path/";

  /** A multiple of four, so that each piece is base64 by itself. */
  private static final int PIECE = 64 * 1024;

  private final CloudInit cloudInit = CloudInit.installed();

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(cloudInit.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    Storage storage = how.storage();
    checkDisk("installation.storage.disk", storage.disk(), out);
    if (storage.mirror() != null) {
      checkDisk("installation.storage.mirror", storage.mirror(), out);
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "subiquity encrypts a disk only with a pass phrase, which would stand on the medium"
                  + " in clear"));
    }
    if (how.source().repository() != null) {
      out.add(
          new Refusal(
              "installation.source.repository",
              "subiquity takes packages from a mirror or from Ubuntu's own pool; give a mirror"));
    }
    PackageManager.APT.check(how.source(), out);
    if (how.source().offline() && !spec.profile().packages().isEmpty()) {
      out.add(
          new Refusal(
              "profile.packages",
              "cannot be fetched by an installer without network; Ubuntu's medium holds only its"
                  + " own"));
    }
    return List.copyOf(out);
  }

  private static void checkDisk(String field, Storage.Disk disk, List<Refusal> out) {
    if (disk instanceof Storage.Disk.ByPath by
        && by.path().startsWith("/dev/disk/")
        && !by.path().startsWith(BY_PATH)) {
      out.add(
          new Refusal(
              field,
              "subiquity knows a disk by its serial, by /dev/disk/by-path/... or by the kernel's"
                  + " name"));
    }
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    ProfileSpec profile = spec.profile();
    boolean passwords = profile.users().stream().anyMatch(u -> u.passwordHash() != null);
    Map<String, Object> answers = new LinkedHashMap<>();
    answers.put("version", 1);
    answers.put("refresh-installer", Map.of("update", false));
    answers.put("keyboard", Map.of("layout", how.keyboard()));
    if (profile.locale() != null) {
      answers.put("locale", profile.locale());
    }
    if (profile.timezone() != null) {
      answers.put("timezone", profile.timezone());
    }
    answers.put("network", Netplan.of(spec));
    if (how.source().proxy() != null) {
      answers.put("proxy", how.source().proxy().toString());
    }
    answers.put("apt", apt(how));
    answers.put("storage", storage(how));
    List<List<String>> early = new ArrayList<>(commands(how.before(), "", List.of()));
    early.addAll(commands(choosing(how.storage()), "", List.of()));
    if (!early.isEmpty()) {
      answers.put("early-commands", early);
    }
    if (!how.after().isEmpty()) {
      answers.put(
          "late-commands",
          commands(
              how.after(), "/target", List.of("curtin", "in-target", "--target=/target", "--")));
    }
    Map<String, Object> ssh = new LinkedHashMap<>();
    ssh.put("install-server", true);
    ssh.put("allow-pw", passwords);
    answers.put("ssh", ssh);
    if (!profile.packages().isEmpty()) {
      answers.put("packages", profile.packages());
    }
    answers.put("user-data", cloudInit.userData(spec.withProfile(left(profile))));
    answers.put("shutdown", how.end().name().toLowerCase(Locale.ROOT));
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("instance-id", spec.identity().instanceId());
    Map<String, Object> userData = new LinkedHashMap<>();
    userData.put("autoinstall", answers);
    Map<String, AnswerFile> files = new LinkedHashMap<>();
    files.put("meta-data", AnswerFile.text(Yaml.write(meta)));
    files.put("user-data", AnswerFile.text("#cloud-config\n" + Yaml.write(userData)));
    // For the installer itself: else it asks every card for DHCP before it reads its answers.
    files.put("network-config", AnswerFile.text(Yaml.write(Netplan.of(spec))));
    Map<String, AnswerFile> onMedium = new LinkedHashMap<>();
    files.forEach((name, file) -> onMedium.put("/nocloud/" + name, file));
    return Answers.of(
        Answers.Way.beside(new AnswerMedium(Seed.LABEL, files), KERNEL_ARGUMENT),
        Answers.Way.on(onMedium, KERNEL_ARGUMENT, "ds=nocloud;s=/cdrom/nocloud/"));
  }

  /** What the installer has not done by the time that the new system boots. */
  private static ProfileSpec left(ProfileSpec profile) {
    return new ProfileSpec(
        profile.users(), List.of(), profile.files(), profile.scripts(), null, null, profile.ntp());
  }

  private static Map<String, Object> apt(Installation how) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("geoip", false);
    if (how.source().mirror() != null) {
      out.put(
          "mirror-selection",
          Map.of("primary", List.of(Map.of("uri", how.source().mirror().toString()))));
    }
    if (!how.source().repositories().isEmpty()) {
      Map<String, Object> sources = new LinkedHashMap<>();
      for (PackageSource.Repository one : how.source().repositories()) {
        Map<String, Object> source = new LinkedHashMap<>();
        source.put(
            "source",
            ("deb " + one.url() + " " + one.suite() + " " + String.join(" ", one.components()))
                .strip());
        source.put("key", one.key() + "\n");
        sources.put(one.name(), source);
      }
      out.put("sources", sources);
    }
    // A mirror that does not answer must not turn into a system that lacks half of it.
    out.put("fallback", how.source().offline() ? "offline-install" : "abort");
    return out;
  }

  /**
   * Commands that write each program and run it. In pieces, because a command's argument holds 128
   * KiB (execve(2)), and in base64, so that no letter of it means anything to a shell.
   */
  private static List<List<String>> commands(
      List<ProfileSpec.Script> scripts, String root, List<String> run) {
    List<List<String>> out = new ArrayList<>();
    for (ProfileSpec.Script script : scripts) {
      String path = "/tmp/millwright-" + script.name();
      String text =
          Base64.getEncoder().encodeToString(script.content().getBytes(StandardCharsets.UTF_8));
      String file = root + path;
      out.add(List.of("install", "-m", "0700", "/dev/null", file));
      for (int at = 0; at < text.length(); at += PIECE) {
        String piece = text.substring(at, Math.min(text.length(), at + PIECE));
        out.add(List.of("sh", "-c", "echo " + piece + " | base64 -d >> " + file));
      }
      List<String> command = new ArrayList<>(run);
      command.add(path);
      out.add(command);
      out.add(List.of("rm", file));
    }
    return out;
  }

  /**
   * A program that puts the disk that it finds in the place of its stand-in. The installer reads
   * its answers once more after its early commands, and ends when one of them fails.
   */
  private static List<ProfileSpec.Script> choosing(Storage storage) {
    StringBuilder chosen = new StringBuilder();
    for (Storage.Disk disk :
        storage.mirror() == null
            ? List.of(storage.disk())
            : List.of(storage.disk(), storage.mirror())) {
      if (storage.hasToBeFound(disk)) {
        chosen
            .append("disk=$(")
            .append(FindDisk.call(disk, storage))
            .append(")\nsed -i \"s|")
            .append(standIn(disk, storage))
            .append("|$disk|\" \"${ANSWERS:-/autoinstall.yaml}\"\n");
      }
    }
    return chosen.isEmpty()
        ? List.of()
        : List.of(new ProfileSpec.Script("choose-disk", FindDisk.PROGRAM + chosen));
  }

  /** No disk's name: if nobody puts one in its place, nothing is installed. */
  private static String standIn(Storage.Disk disk, Storage storage) {
    return disk.equals(storage.disk()) ? "/dev/millwright-system" : "/dev/millwright-mirror";
  }

  private static Map<String, Object> storage(Installation how) {
    Storage storage = how.storage();
    if (!storage.isInstallersChoice()) {
      return Map.of("config", CurtinStorage.of(how));
    }
    Map<String, Object> out = new LinkedHashMap<>();
    switch (storage.layout()) {
      case PLAIN -> out.put("name", "direct");
      case LVM -> {
        out.put("name", "lvm");
        out.put("sizing-policy", "all");
      }
    }
    out.put("match", match(storage.disk(), storage));
    return Map.of("layout", out);
  }

  /** How subiquity finds a disk. */
  static Map<String, Object> match(Storage.Disk disk, Storage storage) {
    if (storage.hasToBeFound(disk)) {
      return Map.of("path", standIn(disk, storage));
    }
    return switch (disk) {
      case Storage.Disk.ByPath by ->
          by.path().startsWith(BY_PATH)
              ? Map.of("id_path", by.path().substring(BY_PATH.length()))
              : Map.of("path", by.path());
      case Storage.Disk.BySerial _, Storage.Disk.BySize _ ->
          throw new IllegalStateException("it is looked for by the program");
    };
  }
}

package io.millwright.images;

import io.millwright.model.ProfileSpec;
import java.util.ArrayList;
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

  private final CloudInit cloudInit = new CloudInit();

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(cloudInit.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    if (how.disk() instanceof Installation.Disk.BySerial by
        && how.untouched().stream().anyMatch(other -> other.endsWith(by.serial()))) {
      out.add(
          new Refusal(
              "installation.disk",
              "the serial of a disk to leave alone ends like this one's, and subiquity goes by the"
                  + " end; give the disk's path"));
    }
    if (how.disk() instanceof Installation.Disk.ByPath by
        && by.path().startsWith("/dev/disk/")
        && !by.path().startsWith(BY_PATH)) {
      out.add(
          new Refusal(
              "installation.disk",
              "subiquity knows a disk by its serial, by /dev/disk/by-path/... or by the kernel's"
                  + " name"));
    }
    if (how.offline() && !spec.profile().packages().isEmpty()) {
      out.add(
          new Refusal(
              "profile.packages",
              "cannot be fetched by an installer without network; Ubuntu's medium holds only its"
                  + " own"));
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
    if (how.proxy() != null) {
      answers.put("proxy", how.proxy().toString());
    }
    answers.put("apt", apt(how));
    answers.put("storage", Map.of("layout", layout(how)));
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
    if (how.mirror() != null) {
      out.put(
          "mirror-selection", Map.of("primary", List.of(Map.of("uri", how.mirror().toString()))));
    }
    // A mirror that does not answer must not turn into a system that lacks half of it.
    out.put("fallback", how.offline() ? "offline-install" : "abort");
    return out;
  }

  private static Map<String, Object> layout(Installation how) {
    Map<String, Object> out = new LinkedHashMap<>();
    switch (how.layout()) {
      case PLAIN -> out.put("name", "direct");
      case LVM -> {
        out.put("name", "lvm");
        out.put("sizing-policy", "all");
      }
    }
    out.put(
        "match",
        switch (how.disk()) {
          // udev puts the maker's and the model's name before the serials of SCSI and ATA disks.
          case Installation.Disk.BySerial by -> Map.of("serial", "*" + by.serial());
          case Installation.Disk.ByPath by ->
              by.path().startsWith(BY_PATH)
                  ? Map.of("id_path", by.path().substring(BY_PATH.length()))
                  : Map.of("path", by.path());
        });
    return out;
  }
}

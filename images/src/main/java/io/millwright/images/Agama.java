package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.SigningKey;
import io.millwright.model.StorageSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Installs SUSE Linux Enterprise Server 16 and openSUSE Leap 16 by Agama, which looks for {@code
 * autoinst.json} on a medium with the label OEMDRV by itself; see the profile schema of the Agama
 * project.
 *
 * <p>Agama knows neither further routes nor which of two default routes counts, makes one user, and
 * finds disks by the kernel's names. So it gets as much network as it needs to install; a script
 * that runs first gives the disk a name of ours; and the installed system is finished from inside
 * ({@link Finish}), its network by NetworkManager's keyfiles.
 */
public final class Agama implements Renderer<Answers> {
  /** Which product's medium it is; the names are Agama's own. */
  public enum Product {
    SLES("SLES"),
    LEAP("openSUSE_Leap");

    private final String id;

    Product(String id) {
      this.id = id;
    }
  }

  private static final String DISK = "disk/by-id/millwright-system";

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .build();

  private final Product product;

  public Agama(Product product) {
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
      out.add(Storage.noMirror("Agama"));
    }
    if (how.storage().encryption() != null) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "Agama encrypts with a pass phrase only, which would have to stand on the medium"));
    }
    Source source = how.source();
    PackageManager.ZYPP.check(source, out);
    PackageManager.demandCard(spec, source, out);
    return List.copyOf(out);
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    AnswerFile file = AnswerFile.text(JSON.writeValueAsString(profile(spec, how)) + "\n");
    List<String> arguments = new ArrayList<>();
    if (how.source().mirror() != null) {
      arguments.add("inst.install_url=" + how.source().mirror());
    }
    if (how.end() == Installation.End.POWEROFF) {
      arguments.add("inst.finish=poweroff");
    }
    String[] beside = arguments.toArray(String[]::new);
    arguments.addFirst("inst.auto=file:///run/initramfs/live/autoinst.json");
    String[] on = arguments.toArray(String[]::new);
    return Answers.of(
        Answers.Way.beside(new AnswerMedium("OEMDRV", Map.of("autoinst.json", file)), beside),
        Answers.Way.on(Map.of("/autoinst.json", file), on));
  }

  private Map<String, Object> profile(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("product", Map.of("id", product.id));
    out.put("hostname", Map.of("static", spec.identity().hostname()));
    Map<String, Object> l10n = new LinkedHashMap<>();
    l10n.put("locale", or(profile.locale(), "en_US.UTF-8"));
    l10n.put("keymap", how.keyboard());
    l10n.put("timezone", or(profile.timezone(), "Etc/UTC"));
    out.put("l10n", l10n);
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("password", "*"); // nobody's; Finish gives root what the profile says
    root.put("hashedPassword", true);
    out.put("root", root);
    Map<String, Object> network = new LinkedHashMap<>();
    network.put("state", Map.of("copyNetwork", false));
    network.put(
        "connections",
        how.source().offline()
            ? List.of()
            : InstallerCard.of(spec).map(Agama::connection).stream().toList());
    out.put("network", network);
    if (how.source().proxy() != null) {
      Map<String, Object> proxy = new LinkedHashMap<>();
      proxy.put("enabled", true);
      proxy.put("httpProxy", how.source().proxy().toString());
      proxy.put("httpsProxy", how.source().proxy().toString());
      out.put("proxy", proxy);
    }
    out.put("storage", storage(how.storage()));
    out.put("software", software(spec, how.source()));
    // A question that nobody is there to answer would hold the installation up for ever.
    out.put("questions", Map.of("policy", "auto"));
    out.put("scripts", scripts(spec, how));
    return out;
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  private static Map<String, Object> connection(NetInterface.Ethernet card) {
    IpConfig ip = card.ip();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("id", "millwright");
    if (card.mac() != null) {
      out.put("macAddress", card.mac().text());
    }
    if (ip.mtu() != null) {
      out.put("mtu", ip.mtu());
    }
    out.put("method4", ip.dhcp4() ? "auto" : ip.has(false) ? "manual" : "disabled");
    out.put("method6", ip.isDynamic(true) ? "auto" : ip.has(true) ? "manual" : "disabled");
    if (!ip.addresses().isEmpty()) {
      out.put("addresses", ip.addresses().stream().map(HostAddress::toString).toList());
    }
    if (ip.gateway4() != null) {
      out.put("gateway4", ip.gateway4().toString());
    }
    if (ip.gateway6() != null) {
      out.put("gateway6", ip.gateway6().toString());
    }
    if (!ip.dns().isEmpty()) {
      out.put("nameservers", ip.dns().stream().map(Ip::toString).toList());
    }
    if (!ip.search().isEmpty()) {
      out.put("dnsSearchList", ip.search());
    }
    return out;
  }

  private static Map<String, Object> storage(Storage storage) {
    boolean lvm = storage.layout() == StorageSpec.Layout.LVM;
    List<StorageSpec.Part> wanted =
        storage.filesystems().isEmpty()
            ? List.of(new StorageSpec.Part("/", StorageSpec.Type.EXT4, null))
            : storage.filesystems();
    List<Map<String, Object>> parts = new ArrayList<>();
    for (int i = 0; i < wanted.size(); i++) {
      StorageSpec.Part one = wanted.get(i);
      Map<String, Object> part = new LinkedHashMap<>();
      if (lvm) {
        part.put(
            "name",
            one.mount() == null ? "swap" + i : one.mount().equals("/") ? "root" : "data" + i);
      }
      part.put("size", one.size() == null ? Map.of("min", "1 GiB") : one.size().mib() + " MiB");
      Map<String, Object> filesystem = new LinkedHashMap<>();
      filesystem.put("type", one.type().name().toLowerCase(Locale.ROOT));
      filesystem.put("path", or(one.mount(), "swap"));
      filesystem.put("mountBy", "uuid");
      part.put("filesystem", filesystem);
      parts.add(part);
    }
    List<Map<String, Object>> onDisk = new ArrayList<>();
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("search", "*");
    all.put("delete", true);
    onDisk.add(all);
    if (!lvm) {
      onDisk.addAll(parts);
    }
    Map<String, Object> search = new LinkedHashMap<>();
    search.put("condition", Map.of("name", "/dev/" + DISK));
    search.put("ifNotFound", "error");
    Map<String, Object> drive = new LinkedHashMap<>();
    drive.put("search", search);
    drive.put("alias", "system");
    drive.put("ptableType", storage.table() == StorageSpec.Table.MSDOS ? "msdos" : "gpt");
    drive.put("partitions", onDisk);
    Map<String, Object> out = new LinkedHashMap<>();
    Map<String, Object> boot = new LinkedHashMap<>();
    boot.put("configure", true);
    boot.put("device", "system");
    out.put("boot", boot);
    out.put("drives", List.of(drive));
    if (lvm) {
      Map<String, Object> generate = new LinkedHashMap<>();
      generate.put("targetDevices", List.of("system"));
      generate.put("spacePolicy", "useAvailable");
      Map<String, Object> group = new LinkedHashMap<>();
      group.put("name", "system");
      group.put("physicalVolumes", List.of(Map.of("generate", generate)));
      group.put("logicalVolumes", parts);
      out.put("volumeGroups", List.of(group));
    }
    return out;
  }

  private static Map<String, Object> software(InstallSpec spec, Source source) {
    ProfileSpec profile = spec.profile();
    List<String> packages = new ArrayList<>(List.of("openssh-server"));
    if (!FirstBoot.files(spec).isEmpty()) {
      packages.add("python3");
    }
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      packages.add("sudo");
    }
    if (!profile.ntp().isEmpty()) {
      packages.add("chrony");
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put(
        "packages",
        Stream.concat(packages.stream(), profile.packages().stream()).distinct().toList());
    List<Map<String, Object>> repositories = new ArrayList<>();
    if (source.repository() != null) {
      Map<String, Object> repository = new LinkedHashMap<>();
      repository.put("alias", "millwright");
      // Where the live system, and with it the whole medium, is mounted.
      repository.put("url", "dir:///run/initramfs/live" + source.repository());
      if (source.repositoryKey() == null) {
        // It comes from the medium that this profile comes from.
        repository.put("allowUnsigned", true);
      } else {
        repository.put("gpgFingerprints", SigningKey.parse(source.repositoryKey()).fingerprints());
      }
      repositories.add(repository);
    }
    for (PackageSource.Repository one : source.repositories()) {
      Map<String, Object> repository = new LinkedHashMap<>();
      repository.put("alias", one.name());
      repository.put("url", one.url().toString());
      repository.put("gpgFingerprints", SigningKey.parse(one.key()).fingerprints());
      repositories.add(repository);
    }
    if (!repositories.isEmpty()) {
      out.put("extraRepositories", repositories);
    }
    return out;
  }

  private static Map<String, Object> scripts(InstallSpec spec, Installation how) {
    List<Map<String, Object>> pre = new ArrayList<>();
    how.before().forEach(s -> pre.add(script("before-" + s.name(), s.content())));
    Map<String, Object> values = DiskRule.of(how.storage());
    values.put("link", DISK);
    pre.add(script("millwright-disk", Template.fill("agama-disk.peb", values)));
    List<TargetFile> files = new ArrayList<>();
    NmKeyfiles.of(spec)
        .forEach((path, text) ->
            files.add(TargetFile.ofRoot(path, path.endsWith(".link") ? "0644" : "0600", text)));
    List<String> commands = new ArrayList<>();
    commands.add("systemctl enable NetworkManager.service");
    commands.addAll(Suse.commands(spec));
    Map<String, Object> finish =
        script("millwright-finish", Finish.script(spec, Suse.files(spec, files), commands));
    finish.put("chroot", true);
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("pre", pre);
    out.put("post", List.of(finish));
    return out;
  }

  private static Map<String, Object> script(String name, String content) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", name);
    out.put("content", content);
    return out;
  }
}

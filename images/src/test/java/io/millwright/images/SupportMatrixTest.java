package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.Catalogue.Family;
import io.millwright.images.Catalogue.Release;
import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Writes {@code docs/support-matrix.md} from what the renderers refuse. */
class SupportMatrixTest {
  private static final Path PAGE = Path.of("../docs/support-matrix.md");

  private static final Installation DISK = Samples.ON_DISK;
  private static final IpConfig DHCP = IpConfig.NONE.withDynamic(true, false, false);

  /** One column: a release, or a family that has none. */
  private record Column(Family family, String version, String title) {
    Renderer<Answers> renderer() {
      return Renderers.of(family, version);
    }

    String key() {
      return (family.family() + " " + version).strip();
    }
  }

  private static List<Column> columns() {
    List<Column> out = new ArrayList<>();
    for (Family family : Catalogue.known().families().values()) {
      if (family.releases().isEmpty()) {
        out.add(new Column(family, "", family.title()));
      }
      for (Release release : family.releases()) {
        out.add(new Column(family, release.version(), release.title()));
      }
    }
    return out;
  }

  /**
   * Each feature with the ways in which it can be asked for, of which one is enough: another
   * language of scripts, another kind of path.
   */
  private static Map<String, List<InstallSpec>> features() {
    Map<String, List<InstallSpec>> out = new LinkedHashMap<>();
    out.put("static IPv4", nets("static-v4"));
    out.put("static IPv6", nets("static-v6"));
    out.put("DHCP", nets("dhcp"));
    out.put("SLAAC", List.of(net(slaac(true)), net(slaac(false))));
    out.put("DHCPv6", List.of(net(Samples.card(0, DHCP.withDynamic(true, true, false)))));
    out.put(
        "three cards",
        List.of(net(Samples.card(0, DHCP), fixed(1), Samples.card(2, DHCP.withOptional(true)))));
    out.put("a card without MAC", nets("one-card-without-mac"));
    out.put("VLAN", nets("vlan"));
    out.put("bond", List.of(bond(MachineSpec.BondMode.ACTIVE_BACKUP)));
    out.put("bond by LACP", List.of(bond(MachineSpec.BondMode.LACP)));
    out.put(
        "bridge",
        List.of(
            net(
                Samples.card(0, IpConfig.NONE),
                fixed(1),
                new NetInterface.Bridge("br0", List.of("nic0"), IpConfig.NONE))));
    out.put("MTU", List.of(net(Samples.card(0, fixed(0).ip().withMtu(1400)))));
    out.put(
        "further routes",
        List.of(
            net(
                Samples.card(
                    0,
                    fixed(0)
                        .ip()
                        .withRoutes(
                            List.of(
                                new MachineSpec.Route(
                                    Cidr.parse("192.0.2.0/24"), Ip.parse("10.0.0.9"), null)))))));
    out.put("root's key", users("root", Samples.KEY, null, false));
    out.put("a user's key", users("ada", Samples.KEY, null, false));
    out.put("sudo", users("ada", Samples.KEY, null, true));
    out.put("hashed password", users("ada", "", Samples.HASH, false));
    out.put("packages", List.of(profile(packages())));
    out.put(
        "files",
        Stream.of("/etc/app.conf", "/C:/ProgramData/App/app.ini")
            .map(path -> profile(file(path)))
            .toList());
    out.put(
        "first-boot scripts",
        Stream.of("#!/bin/sh\n", "#!powershell\n").map(s -> profile(scripts(s))).toList());
    out.put("time zone", List.of(profile(time("Europe/Vienna", null, List.of()))));
    out.put("locale", List.of(profile(time(null, "de_AT.UTF-8", List.of()))));
    out.put("keyboard", List.of(how(DISK.withKeyboard("de"))));
    out.put("NTP", List.of(profile(time(null, null, List.of("10.0.0.1")))));
    out.put(
        "a report home",
        List.of(
            Samples.with(Samples.PLAIN, URI.create("http://10.0.0.1/x")).withInstallation(DISK)));
    out.put("BIOS", List.of(how(DISK)));
    out.put("UEFI", List.of(how(DISK.withFirmware(Firmware.UEFI))));
    Storage disk = DISK.storage();
    out.put("disk by serial", List.of(how(disk)));
    out.put(
        "disk by path",
        Stream.of("/dev/disk/by-path/pci-0000:00:04.0", "/dev/sda", "/dev/ada0")
            .map(path -> how(Storage.on(new Storage.Disk.ByPath(path))))
            .toList());
    out.put(
        "disk by size",
        List.of(
            how(
                Storage.on(
                    new Storage.Disk.BySize(ByteSize.parse("64GiB"), ByteSize.parse("128GiB"))))));
    out.put("a protected second disk", List.of(how(disk.withUntouched("mw-data"))));
    out.put(
        "RAID 1",
        List.of(
            how(disk.withMirror(new Storage.Disk.BySerial("mw-mirror"))),
            how(
                Storage.on(new Storage.Disk.ByPath("/dev/sda"))
                    .withMirror(new Storage.Disk.ByPath("/dev/sdb")))));
    out.put(
        "a filesystem on a data volume",
        List.of(
            new InstallSpec(
                Samples.identity("lab.test"),
                List.of(Samples.card(0, DHCP)),
                Samples.PLAIN,
                List.of(),
                DISK,
                List.of(new InstallSpec.DataDisk("mw-data", VolumeSpec.Filesystem.XFS, "/srv")))));
    out.put("LVM", List.of(how(disk.withLayout(StorageSpec.Layout.LVM))));
    out.put(
        "own filesystems",
        List.of(
            how(
                disk.withFileSystems(
                    new StorageSpec.Part("/", StorageSpec.Type.EXT4, ByteSize.parse("10GiB")),
                    new StorageSpec.Part("/var", StorageSpec.Type.EXT4, null))),
            how(
                disk.withFileSystems(
                    new StorageSpec.Part("/", StorageSpec.Type.EXT4, null),
                    new StorageSpec.Part(null, StorageSpec.Type.SWAP, ByteSize.parse("1GiB"))))));
    out.put(
        "encryption by TPM 2", List.of(how(disk.withEncryption(new Storage.Encryption.Tpm2()))));
    out.put(
        "encryption by Tang",
        List.of(
            how(
                disk.withEncryption(
                    new Storage.Encryption.Tang(
                        URI.create("http://tang.lab.test"),
                        "7ZrXEVjR6Oc6X9bXPdDBVR5Ym3R_Vm3bXD7ZzRrXk2k")))));
    out.put("without any network", List.of(how(DISK.withSource(Source.MEDIUM))));
    out.put(
        "a mirror",
        List.of(
            how(
                DISK.withSource(
                    Source.DISTRIBUTION.withMirror(URI.create("http://mirror.lab.test/x"))))));
    out.put(
        "a proxy",
        List.of(
            how(
                DISK.withSource(
                    Source.DISTRIBUTION
                        .withMirror(URI.create("http://mirror.lab.test/x"))
                        .withProxy(URI.create("http://proxy.lab.test:3128"))))));
    out.put(
        "a repository on the medium",
        List.of(how(DISK.withSource(Source.MEDIUM.withRepository("/millwright")))));
    out.put(
        "a signed repository on the medium",
        List.of(
            how(DISK.withSource(Source.MEDIUM.withRepository("/millwright", Samples.OPENPGP)))));
    out.put(
        "further repositories",
        Stream.of(Samples.APT, Samples.RPM, Samples.APK, Samples.PKG)
            .map(Samples::repositories)
            .toList());
    ProfileSpec.Script sh = new ProfileSpec.Script("x", "#!/bin/sh\n");
    out.put("programs before", List.of(how(DISK.withScripts(List.of(sh), List.of()))));
    out.put(
        "programs after",
        List.of(
            how(DISK.withScripts(List.of(), List.of(sh))),
            how(
                DISK.withScripts(
                    List.of(), List.of(new ProfileSpec.Script("x", "#!powershell\n"))))));
    out.put("power off at the end", List.of(how(DISK.withEnd(Installation.End.POWEROFF))));
    return out;
  }

  private static InstallSpec net(NetInterface... interfaces) {
    return Samples.net(interfaces).withInstallation(DISK);
  }

  private static List<InstallSpec> nets(String sample) {
    return List.of(Objects.requireNonNull(Samples.installed().get(sample)).withInstallation(DISK));
  }

  private static NetInterface.Ethernet slaac(boolean alone) {
    return Samples.card(0, IpConfig.NONE.withDynamic(!alone, false, true));
  }

  private static NetInterface.Ethernet fixed(int n) {
    return Samples.card(
        n,
        IpConfig.NONE
            .withStatic(
                List.of(HostAddress.parse("10." + n + ".0.5/24")),
                n == 0 ? Ip.parse("10.0.0.1") : null,
                null)
            .withDns(List.of(Ip.parse("10.0.0.1")), List.of()));
  }

  private static InstallSpec bond(MachineSpec.BondMode mode) {
    return net(
        Samples.card(0, IpConfig.NONE),
        Samples.card(1, IpConfig.NONE),
        new NetInterface.Bond("bond0", mode, List.of("nic0", "nic1"), fixed(0).ip()));
  }

  private static InstallSpec profile(ProfileSpec profile) {
    return net(fixed(0)).withProfile(profile);
  }

  private static List<InstallSpec> users(
      String name, String key, @Nullable String hash, boolean sudo) {
    List<String> keys = key.isEmpty() ? List.of() : List.of(key);
    return Stream.of("/bin/bash", "/bin/sh")
        .map(shell ->
            profile(
                Samples.withUsers(new ProfileSpec.User(name, keys, hash, sudo, shell, List.of()))))
        .toList();
  }

  private static ProfileSpec packages() {
    return new ProfileSpec(List.of(), List.of("curl"), List.of(), List.of(), null, null, List.of());
  }

  private static ProfileSpec file(String path) {
    return new ProfileSpec(
        List.of(),
        List.of(),
        List.of(new ProfileSpec.File(path, "x\n", "0644", "root:root")),
        List.of(),
        null,
        null,
        List.of());
  }

  private static ProfileSpec scripts(String content) {
    return new ProfileSpec(
        List.of(),
        List.of(),
        List.of(),
        List.of(new ProfileSpec.Script("x", content)),
        null,
        null,
        List.of());
  }

  private static ProfileSpec time(
      @Nullable String zone, @Nullable String locale, List<String> ntp) {
    return new ProfileSpec(List.of(), List.of(), List.of(), List.of(), zone, locale, ntp);
  }

  private static InstallSpec how(Installation how) {
    return net(Samples.card(0, DHCP)).withInstallation(how);
  }

  private static InstallSpec how(Storage storage) {
    return how(DISK.withStorage(storage));
  }

  /** The same, by an installer that needs no network. */
  private static List<InstallSpec> offline(List<InstallSpec> ways) {
    return ways.stream()
        .filter(spec ->
            Objects.requireNonNull(spec.installation()).source().equals(Source.DISTRIBUTION))
        .map(spec ->
            spec.withInstallation(
                Objects.requireNonNull(spec.installation()).withSource(Source.MEDIUM)))
        .toList();
  }

  /** Why none of these ways can be gone, or an empty text if one can. */
  private static String refusal(Renderer<Answers> renderer, List<InstallSpec> ways) {
    String out = ways.isEmpty() ? "there is no way" : "";
    for (InstallSpec spec : ways) {
      Violations at = Violations.at("");
      spec.check(at);
      assertThat(at.list()).isEmpty();
      List<Refusal> refusals =
          renderer.check(
              new InstallSpec(
                  Samples.identity("lab.test"),
                  spec.interfaces(),
                  spec.profile(),
                  spec.reportTo(),
                  spec.installation(),
                  spec.dataDisks()));
      if (refusals.isEmpty()) {
        return "";
      }
      Refusal first = refusals.getFirst();
      out = out.isEmpty() ? "`" + first.field() + "` " + first.reason() : out;
    }
    return out;
  }

  @Test
  void isUpToDate() throws Exception {
    JsonNode data =
        new YAMLMapper().readTree(Files.readString(Path.of("src/test/resources/support.yaml")));
    String page = page(data);
    if (Boolean.getBoolean("docs.update")) {
      Files.writeString(PAGE, page);
    }
    assertThat(PAGE)
        .as("written with: mvn -pl images -am test -Dtest=SupportMatrixTest -Ddocs.update=true")
        .hasContent(page);
  }

  /** What all who share an installer answer alike stands in one column. */
  private record Answered(List<Column> columns, List<String> cells) {}

  private static String page(JsonNode data) throws Exception {
    Map<String, List<InstallSpec>> features = features();
    List<Column> columns = columns();
    List<String> notes = new ArrayList<>();
    Map<List<String>, Answered> alike = new LinkedHashMap<>();
    for (Column column : columns) {
      String installer =
          column.family().installerOf(column.version()).name().toLowerCase(Locale.ROOT);
      JsonNode about = Objects.requireNonNull(data.get("installers").get(installer), installer);
      List<String> target = new ArrayList<>();
      about.get("target").forEach(t -> target.add(t.asString()));
      assertThat(features.keySet()).as(installer).containsAll(target);
      Renderer<Answers> renderer = column.renderer();
      List<String> cells = new ArrayList<>();
      features.forEach((feature, ways) -> {
        String why = refusal(renderer, ways);
        boolean offline = !why.isEmpty() && refusal(renderer, offline(ways)).isEmpty();
        if (offline) {
          cells.add((target.contains(feature) ? "target" : "yes") + ", offline");
        } else if (!why.isEmpty()) {
          assertThat(target).as(column.title() + ": " + why).doesNotContain(feature);
          if (!notes.contains(why)) {
            notes.add(why);
          }
          cells.add("no " + (notes.indexOf(why) + 1));
        } else {
          cells.add(target.contains(feature) ? "target" : "yes");
        }
      });
      List<String> key = new ArrayList<>(cells);
      key.add(installer);
      alike.computeIfAbsent(key, k -> new Answered(new ArrayList<>(), cells)).columns().add(column);
    }
    List<Answered> groups = List.copyOf(alike.values());
    StringBuilder out =
        new StringBuilder(
            """
            # Support matrix

            What can be asked of which system's own installer. This page is written by a test from what the renderers
            refuse; do not edit it.

            - **yes**: the installer does it.
            - **target**: the installer cannot say it; it is finished in the installed system by the system's own means.
            - **offline**: only if the installer gets no network at all (`installation.source.offline`).
            - **no**: it is refused before anything is built, for the reason of that number below.

            ## Systems

            *Booted* is a real medium of that release whose installer has taken Millwright's answers. Every run of
            `./millwright test` boots, by BIOS and UEFI, media made as Debian's and as Ubuntu's and Fedora's are, with a
            stand-in for the installer; that says that such media start, and nothing of a release. *Installed for real* is
            a whole installation, by `./millwright test --install`.

            | | Systems | Installer | Free updates until | Rendered | Validated by | Booted | Installed for real |
            |---|---|---|---|---|---|---|---|
            """);
    for (int i = 0; i < groups.size(); i++) {
      for (Column column : groups.get(i).columns()) {
        String installer =
            column.family().installerOf(column.version()).name().toLowerCase(Locale.ROOT);
        JsonNode about = data.get("installers").get(installer);
        Path golden = Path.of("src/test/resources/golden", about.get("golden").asString());
        long samples;
        try (Stream<Path> list = Files.list(golden)) {
          samples = list.count();
        }
        assertThat(samples).as(golden.toString()).isPositive();
        out.append("| ").append(letter(i)).append(" | ").append(column.title());
        out.append(" | ").append(installer).append(" | ");
        out.append(
            column
                .family()
                .release(column.version())
                .map(r -> Objects.requireNonNullElse(r.supported(), "not said"))
                .orElse("rolling"));
        out.append(" | ").append(samples).append(" samples | ");
        out.append(about.get("validated").asString()).append(" | ");
        out.append(data.get("booted").path(column.key()).asString("not yet")).append(" | ");
        out.append(data.get("installed").path(column.key()).asString("not yet")).append(" |\n");
      }
    }
    out.append("\n## Features\n\n| |");
    for (int i = 0; i < groups.size(); i++) {
      out.append(' ').append(letter(i)).append(" |");
    }
    out.append("\n|---|").append("---|".repeat(groups.size())).append('\n');
    int row = 0;
    for (String feature : features.keySet()) {
      out.append("| ").append(feature).append(" |");
      for (Answered group : groups) {
        out.append(' ').append(group.cells().get(row)).append(" |");
      }
      out.append('\n');
      row++;
    }
    out.append("\n## Reasons\n\n");
    for (int i = 0; i < notes.size(); i++) {
      out.append(i + 1).append(". ").append(notes.get(i)).append('\n');
    }
    return out.toString();
  }

  private static char letter(int i) {
    return (char) ('A' + i);
  }

  @Test
  void aDiskThatIsTooSmallForTheReleaseIsRefused() {
    Family family = Objects.requireNonNull(Catalogue.known().families().get("windows"));
    InstallSpec spec =
        Samples.of("dhcp")
            .withInstallation(
                DISK.withStorage(DISK.storage().withCapacity(ByteSize.parse("32GiB"))));
    assertThat(Renderers.of(family, "11").check(spec))
        .containsExactly(
            new Refusal(
                "installation.storage.capacity",
                "is 32GiB; Windows 11 needs a disk of at least 64GiB"));
  }

  @Test
  void aWindowsThatIsNotToldIsAskedFor() {
    Family family = Objects.requireNonNull(Catalogue.known().families().get("windows-server"));
    org.assertj.core.api.Assertions.assertThatThrownBy(() -> Renderers.of(family, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2022, 2025");
  }
}

package io.millwright.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The program that finds the disk where there is bash, with stand-ins for lsblk and udevadm. */
class FindDiskTest {
  private static final Storage.Disk BY_SIZE =
      new Storage.Disk.BySize(ByteSize.parse("1GiB"), ByteSize.parse("1TiB"));

  @TempDir Path root;

  /** By name: its serial for lsblk and for udev, and where it is mounted. */
  private record Disk(String serial, String ofMaker, String mounted) {}

  private final Map<String, Disk> disks = new TreeMap<>();

  @BeforeEach
  void disks() {
    disks.put("vda", new Disk("DATA-1", "MAKER_DATA-1", ""));
    disks.put("vdb", new Disk("SYSTEM", "MAKER_SYSTEM", ""));
  }

  private void command(String name, String body) throws IOException {
    Path file = Files.createDirectories(root.resolve("bin")).resolve(name);
    Files.writeString(file, "#!/bin/bash\nfor last; do :; done\n" + body);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** The disk that is found, or nothing. */
  private List<String> found(Storage storage) throws Exception {
    StringBuilder all = new StringBuilder();
    StringBuilder serials = new StringBuilder();
    StringBuilder udev = new StringBuilder();
    StringBuilder mounts = new StringBuilder();
    StringBuilder sizes = new StringBuilder();
    disks.forEach((name, disk) -> {
      String path = "/dev/" + name;
      all.append("echo '").append(path).append(" disk'\n");
      sizes.append("echo '").append(path).append(" disk 21474836480'\n");
      serials.append(path).append(") echo '").append(disk.serial()).append("' ;;\n");
      udev.append(path).append(") echo ID_SERIAL=").append(disk.ofMaker());
      udev.append(name.equals("vda") ? "; echo ID_WWN=0x5000c500a0b1c2d3" : "").append(" ;;\n");
      mounts.append(path).append(") echo; echo '").append(disk.mounted()).append("' ;;\n");
    });
    command(
        "lsblk",
        "case \"$*\" in\n*NAME,TYPE,SIZE*)\n"
            + sizes
            + ";;\n*NAME,TYPE*)\n"
            + all
            + ";;\n"
            + "*-snpro*) case $last in /dev/md0) echo /dev/md0; echo /dev/vda ;; *) echo $last ;;"
            + " esac;;\n"
            + "*MOUNTPOINT*) case \"$last\" in\n"
            + mounts
            + "esac ;;\n"
            + "*TYPE*) case \"$last\" in /dev/vd?) echo disk ;; /dev/md0) echo raid1 ;; *) echo"
            + " part ;; esac ;;\n"
            + "*SERIAL*) case \"$last\" in\n"
            + serials
            + "esac ;;\nesac\n");
    command("udevadm", "case \"$last\" in\n" + udev + "esac\n");
    ProcessBuilder builder =
        new ProcessBuilder(
                "bash", "-c", FindDisk.PROGRAM + FindDisk.call(storage.disk(), storage) + "\n")
            .redirectError(root.resolve("log").toFile())
            .redirectOutput(root.resolve("out").toFile())
            .directory(root.toFile());
    builder.environment().put("PATH", root.resolve("bin") + ":" + System.getenv("PATH"));
    int code = builder.start().waitFor();
    List<String> out = Files.readAllLines(root.resolve("out"));
    assertThat(code == 0).as(Files.readString(root.resolve("log"))).isEqualTo(!out.isEmpty());
    return out;
  }

  private static Storage at(String path) {
    return Storage.on(new Storage.Disk.ByPath(path));
  }

  @Test
  void aDiskToLeaveAloneIsNotTakenByItsPath() throws Exception {
    assertThat(found(at("/dev/vda").withUntouched("OTHER", "DATA-1"))).isEmpty();
    assertThat(Files.readString(root.resolve("log"))).contains("/dev/vda is to be left alone");
    assertThat(found(at("/dev/vdb").withUntouched("DATA-1"))).containsExactly("/dev/vdb");
  }

  @Test
  void norByANameThatLeadsToIt() throws Exception {
    Path link = Files.createSymbolicLink(root.resolve("by-path"), Path.of("/dev/vda"));
    assertThat(found(at(link.toString()).withUntouched("DATA-1"))).isEmpty();
    assertThat(found(at(link.toString()))).containsExactly("/dev/vda");
  }

  @ParameterizedTest
  @ValueSource(strings = {"DATA-1", "MAKER_DATA-1"})
  void norByItsSize(String kept) throws Exception {
    assertThat(found(Storage.on(BY_SIZE))).isEmpty();
    assertThat(found(Storage.on(BY_SIZE).withUntouched(kept))).containsExactly("/dev/vdb");
  }

  @Test
  void norByAnotherOfItsSerials() throws Exception {
    Storage storage = Storage.on(new Storage.Disk.BySerial("DATA-1"));
    assertThat(found(storage.withUntouched("MAKER_DATA-1"))).isEmpty();
    assertThat(found(storage.withUntouched("MAKER_SYSTEM"))).containsExactly("/dev/vda");
  }

  @ParameterizedTest
  @ValueSource(strings = {"MAKER_DATA-1", "0x5000c500a0b1c2d3"})
  void anArrayIsADiskButNotIfOneOfItsDisksIsToBeLeftAlone(String kept) throws Exception {
    assertThat(found(at("/dev/md0"))).containsExactly("/dev/md0");
    assertThat(found(at("/dev/md0").withUntouched(kept))).isEmpty();
    assertThat(Files.readString(root.resolve("log"))).contains("/dev/md0 is to be left alone");
  }

  @Test
  void aSerialMayBeItsWorldWideName() throws Exception {
    assertThat(found(Storage.on(new Storage.Disk.BySerial("0x5000c500a0b1c2d3"))))
        .containsExactly("/dev/vda");
  }

  @Test
  void aPartOfADiskIsNone() throws Exception {
    assertThat(found(at("/dev/vda1").withUntouched("DATA-1"))).isEmpty();
    assertThat(found(at("/dev/vda1"))).isEmpty();
  }

  @Test
  void whereSomethingIsMountedIsNotFoundBySize() throws Exception {
    disks.put("vda", new Disk("", "", "/run/medium"));
    assertThat(found(Storage.on(BY_SIZE))).containsExactly("/dev/vdb");
  }

  /** As a glob of /dev/disk/by-id found it, too. */
  @Test
  void aSerialMayBeTheOneThatUdevMakesOfIt() throws Exception {
    assertThat(found(Storage.on(new Storage.Disk.BySerial("MAKER_SYSTEM"))))
        .containsExactly("/dev/vdb");
  }

  @Test
  void aSerialIsComparedAsAWhole() throws Exception {
    disks.put("vda", new Disk("OLD-SYSTEM", "", ""));
    assertThat(found(Storage.on(new Storage.Disk.BySerial("SYSTEM")))).containsExactly("/dev/vdb");
  }

  /** Whose installers cannot look themselves: the answers never name the disk at that path. */
  @ParameterizedTest
  @ValueSource(strings = {"rocky 9", "ubuntu 24.04", "fedora-coreos ", "flatcar "})
  void noInstallerIsToldAPathThatIsNotLookedAt(String system) {
    for (Storage storage :
        List.of(
            at("/dev/vda").withUntouched("DATA-1"),
            Storage.on(new Storage.Disk.BySerial("SYSTEM"))
                .withMirror(new Storage.Disk.ByPath("/dev/vda"))
                .withUntouched("DATA-1"))) {
      InstallSpec spec = Samples.of("dhcp").withInstallation(Samples.ON_DISK.withStorage(storage));
      Renderer<Answers> renderer = renderer(system);
      if (storage.mirror() != null && !renderer.check(spec).isEmpty()) {
        assertThat(system).matches("fedora-coreos |flatcar ");
        continue;
      }
      String all = all(renderer.render(spec));
      assertThat(all).contains("by_path /dev/vda 'DATA-1'");
      assertThat(all.replace("by_path /dev/vda 'DATA-1'", "")).doesNotContain("/dev/vda");
    }
  }

  /** {@code *SYSTEM} would be OLD-SYSTEM, too. */
  @ParameterizedTest
  @ValueSource(strings = {"rocky 9", "fedora 43", "ubuntu 24.04", "fedora-coreos ", "flatcar "})
  void noInstallerIsToldAPatternForASerial(String system) {
    InstallSpec spec =
        Samples.of("dhcp")
            .withInstallation(
                Samples.ON_DISK.withStorage(
                    Storage.on(new Storage.Disk.BySerial("SYSTEM")).withUntouched("OLD-SYSTEM")));
    assertThat(all(renderer(system).render(spec)))
        .contains("by_serial SYSTEM 'OLD-SYSTEM'")
        .doesNotContain("*SYSTEM");
  }

  @Test
  void proxmoxIsToldAllOfItInEachPropertyThatMayHoldIt() {
    InstallSpec spec =
        Samples.net(Samples.card(0, Samples.of("static-v4").interfaces().getFirst().ip()))
            .withInstallation(
                Samples.ON_DISK.withStorage(
                    Storage.on(new Storage.Disk.BySerial("SYSTEM")).withUntouched("OLD-SYSTEM")));
    String answer =
        Objects.requireNonNull(
                renderer("proxmox-ve 9")
                    .render(spec)
                    .ways()
                    .getFirst()
                    .medium()
                    .get("/answer.toml"))
            .asText();
    assertThat(answer)
        .contains("filter-match = \"any\"\n")
        .contains("filter.ID_SERIAL = \"SYSTEM\"\n")
        .contains("filter.ID_SERIAL_SHORT = \"SYSTEM\"\n")
        .contains("filter.ID_SCSI_SERIAL = \"SYSTEM\"\n")
        .doesNotContain("*SYSTEM");
  }

  @Test
  void whoseInstallerCannotBeHelpedRefuses() {
    InstallSpec spec =
        Samples.net(Samples.card(0, Samples.of("static-v4").interfaces().getFirst().ip()))
            .withInstallation(Samples.ON_DISK.withStorage(at("/dev/sda").withUntouched("DATA-1")));
    assertThat(renderer("proxmox-ve 9").check(spec))
        .extracting(Refusal::field)
        .containsExactly("installation.storage.disk");
  }

  private static Renderer<Answers> renderer(String system) {
    String[] words = system.split(" ", -1);
    return Renderers.of(
        Objects.requireNonNull(Catalogue.known().families().get(words[0])), words[1]);
  }

  /** What an installer is told, with what is in base64 there beside it as text. */
  private static String all(Answers answers) {
    StringBuilder out = new StringBuilder();
    for (Answers.Way way : answers.ways()) {
      way.initrd().values().forEach(file -> out.append(file.asText()));
      if (way.seed() != null) {
        way.seed().files().values().forEach(file -> out.append(file.asText()));
      }
    }
    Matcher base64 = Pattern.compile("[A-Za-z0-9+/]{200,}={0,2}").matcher(out.toString());
    StringBuilder plain = new StringBuilder(out);
    while (base64.find()) {
      plain.append(new String(Base64.getDecoder().decode(base64.group()), UTF_8));
    }
    return plain.toString();
  }
}

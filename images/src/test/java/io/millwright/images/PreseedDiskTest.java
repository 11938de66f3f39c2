package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The program that finds the disk in Debian's installer, run here with a made-up /sys and stand-ins
 * for the commands that only the installer has.
 */
class PreseedDiskTest {
  private static final Storage ON = Storage.on(new Storage.Disk.BySerial("mw-system"));

  @TempDir Path root;

  @BeforeEach
  void installer() throws IOException {
    Files.createDirectories(root.resolve("bin"));
    Files.createDirectories(root.resolve("debconf"));
    Files.createDirectories(root.resolve("sys/block"));
    Files.writeString(
        root.resolve("mounts"), "tmpfs / tmpfs rw 0 0\n/dev/sr0 /cdrom iso9660 ro 0 0\n");
    // A disk is there until its driver was told to let go of it.
    command(
        "list-devices",
        """
        for d in ROOT/sys/block/*; do
          [ -s "$d/gone" ] || [ -s ROOT/drivers/unbind-${d##*/} ] || echo "/dev/${d##*/}"
        done
        """);
    command("udevadm", "[ \"$1\" = settle ] || cat ROOT/udev/${5#/dev/} 2>/dev/null || true");
    command("debconf-set-selections", "cat \"$1\" >>ROOT/debconf/answers");
    command("logger", "exit 0");
  }

  private void command(String name, String body) throws IOException {
    Path file = root.resolve("bin").resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + body.replace("ROOT", root.toString()) + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private void virtio(String name, String serial, long gib) throws IOException {
    Path device = root.resolve("sys/devices/" + name);
    Files.createDirectories(device.resolve("driver"));
    // Its driver's own file for letting go.
    Files.createDirectories(root.resolve("drivers"));
    Files.createSymbolicLink(
        device.resolve("driver/unbind"), Files.createFile(root.resolve("drivers/unbind-" + name)));
    block(name, device, gib);
    Files.writeString(root.resolve("sys/block/" + name + "/serial"), serial);
  }

  private void scsi(String name, String serial, long gib) throws IOException {
    Path device = root.resolve("sys/devices/" + name);
    Files.createDirectories(device);
    block(name, device, gib);
    Files.createSymbolicLink(
        device.resolve("delete"), Files.createFile(root.resolve("sys/block/" + name + "/gone")));
    Files.createDirectories(root.resolve("udev"));
    Files.writeString(
        root.resolve("udev/" + name),
        "ID_SERIAL=0QEMU_QEMU_HARDDISK_" + serial + "\nID_SCSI_SERIAL=" + serial + "\n");
  }

  private void block(String name, Path device, long gib) throws IOException {
    Path block = root.resolve("sys/block/" + name);
    Files.createDirectories(block);
    Files.createSymbolicLink(block.resolve("device"), device);
    Files.writeString(block.resolve("size"), Long.toString(gib << 21));
  }

  /** What debconf was told; nothing if the program failed. */
  private List<String> chosen(Storage storage) throws Exception {
    InstallSpec spec = Samples.of("dhcp").withInstallation(Samples.ON_DISK.withStorage(storage));
    String script =
        Objects.requireNonNull(
                new Preseed().render(spec).ways().getFirst().initrd().get("/millwright/disk"))
            .asText()
            .replace("/sys/", root + "/sys/")
            .replace("/proc/mounts", root + "/mounts")
            .replace("/millwright/before", root + "/before")
            .replace("/tmp/millwright.cfg", root + "/answers.cfg");
    Path file = Files.writeString(root.resolve("disk"), script);
    Process process =
        new ProcessBuilder(
                "env",
                "PATH=" + root.resolve("bin") + ":" + System.getenv("PATH"),
                "busybox",
                "sh",
                file.toString())
            .redirectErrorStream(true)
            .redirectOutput(root.resolve("log").toFile())
            .start();
    int code = process.waitFor();
    Path answers = root.resolve("debconf/answers");
    List<String> out = Files.exists(answers) ? Files.readAllLines(answers) : List.of();
    assertThat(code == 0).as(Files.readString(root.resolve("log"))).isEqualTo(!out.isEmpty());
    return out;
  }

  private static List<String> on(String disk) {
    return List.of(
        "d-i partman-auto/disk string " + disk,
        "d-i partman-auto/method string regular",
        "d-i grub-installer/bootdev string " + disk);
  }

  private boolean takenAway(String name) throws IOException {
    Path unbind = root.resolve("drivers/unbind-" + name);
    Path gone = root.resolve("sys/block/" + name + "/gone");
    return (Files.exists(unbind) && Files.size(unbind) > 0)
        || (Files.exists(gone) && Files.size(gone) > 0);
  }

  @Test
  void findsTheDiskByItsWholeSerial() throws Exception {
    virtio("vda", "other-mw-system", 20);
    virtio("vdb", "mw-system", 20);
    virtio("vdc", "mw-system-2", 20);
    assertThat(chosen(ON)).isEqualTo(on("/dev/vdb"));
  }

  @Test
  void findsADiskWhoseSerialOnlyUdevKnows() throws Exception {
    scsi("sda", "mw-data", 20);
    scsi("sdb", "mw-system", 20);
    assertThat(chosen(ON)).isEqualTo(on("/dev/sdb"));
  }

  @Test
  void takesAwayWhatIsToBeLeftAlone() throws Exception {
    virtio("vda", "mw-data", 20);
    scsi("sda", "mw-more", 20);
    virtio("vdb", "mw-system", 20);
    assertThat(chosen(ON.withUntouched("mw-data", "mw-more", "mw-absent")))
        .isEqualTo(on("/dev/vdb"));
    assertThat(takenAway("vda")).isTrue();
    assertThat(takenAway("sda")).isTrue();
    assertThat(takenAway("vdb")).isFalse();
  }

  @Test
  void stopsIfADiskCannotBeTakenAway() throws Exception {
    block("vda", Files.createDirectories(root.resolve("sys/devices/stuck")), 20);
    Files.writeString(root.resolve("sys/block/vda/serial"), "mw-data");
    virtio("vdb", "mw-system", 20);
    assertThat(chosen(ON.withUntouched("mw-data"))).isEmpty();
  }

  @Test
  void namesNoneIfItIsNotSure() throws Exception {
    virtio("vda", "mw-data", 20);
    assertThat(chosen(ON)).isEmpty();
    virtio("vdb", "mw-system", 20);
    virtio("vdc", "mw-system", 20);
    assertThat(chosen(ON)).isEmpty();
  }

  @Test
  void findsADiskBySizeAmongThoseThatAreLeft() throws Exception {
    virtio("vda", "mw-data", 20);
    virtio("vdb", "x", 20);
    virtio("vdc", "y", 50);
    Storage bySize =
        Storage.on(new Storage.Disk.BySize(ByteSize.parse("20GiB"), ByteSize.parse("40GiB")));
    assertThat(chosen(bySize)).isEmpty();
    assertThat(chosen(bySize.withUntouched("mw-data"))).isEqualTo(on("/dev/vdb"));
  }

  /** A stick that the installer came from. */
  @Test
  void whatIsMountedIsNotFoundBySize() throws Exception {
    scsi("sda", "x", 20);
    scsi("sdb", "y", 20);
    scsi("sdaa", "z", 10);
    Storage bySize =
        Storage.on(new Storage.Disk.BySize(ByteSize.parse("20GiB"), ByteSize.parse("40GiB")));
    assertThat(chosen(bySize)).isEmpty();
    Files.writeString(root.resolve("mounts"), "/dev/sdaa1 /cdrom iso9660 ro 0 0\n");
    assertThat(chosen(bySize)).isEmpty();
    for (String medium : List.of("/dev/sda", "/dev/sda1")) {
      Files.writeString(root.resolve("mounts"), medium + " /cdrom iso9660 ro 0 0\n");
      Files.deleteIfExists(root.resolve("debconf/answers"));
      assertThat(chosen(bySize)).isEqualTo(on("/dev/sdb"));
    }
  }

  @Test
  void findsNothingByAPathThatIsNoDisk() throws Exception {
    virtio("vda", "mw-system", 20);
    assertThat(chosen(Storage.on(new Storage.Disk.ByPath("/dev/null")))).isEmpty();
    assertThat(chosen(Storage.on(new Storage.Disk.ByPath("/dev/vda")))).isEqualTo(on("/dev/vda"));
  }
}

package io.millwright.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.InstallSpec.DataDisk;
import io.millwright.model.VolumeSpec.Filesystem;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program that formats data disks, run here on files by the system's own tools. */
class DataDisksTest {
  @TempDir Path directory;
  private Path device;

  @BeforeEach
  void prepare() throws IOException {
    device = directory.resolve("virtio-mw-12345678");
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(32 << 20);
    }
    Files.writeString(directory.resolve("fstab"), "/dev/vda1 / ext4 defaults 0 1\n");
    // Mounting is root's; that it was asked for is what counts here.
    Path bin = Files.createDirectory(directory.resolve("bin"));
    tool(bin, "mount", "echo \"$@\" >>" + directory.resolve("mounted"));
    tool(bin, "mountpoint", "exit 1");
    tool(bin, "findmnt", "exit 1");
    tool(bin, "udevadm", "exit 0");
  }

  private static void tool(Path bin, String name, String act) throws IOException {
    Path file = Files.writeString(bin.resolve(name), "#!/bin/sh\n" + act + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private record Ended(int code, String said) {}

  private static final Ended KEPT = new Ended(0, "millwright: volume mw-12345678: kept\n");

  private static final Ended FORMATTED =
      new Ended(0, "millwright: volume mw-12345678: formatted\n");

  private Ended run(DataDisk... disks) throws Exception {
    InstallSpec spec = Samples.net().withDataDisks(List.of(disks));
    return exec(shell(DataDisks.start(spec).orElseThrow()));
  }

  private static List<String> shell(List<String> start) {
    List<String> command = new ArrayList<>(start);
    command.set(0, "/bin/sh");
    return command;
  }

  private Ended exec(List<String> command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Map<String, String> env = builder.environment();
    env.put("PATH", directory.resolve("bin") + ":/usr/sbin:/sbin:/usr/bin:/bin");
    env.put("DEVICES", directory + "/virtio-");
    env.put("NAMES", directory + "/wwn-0x6000c29");
    env.put("FSTAB", directory.resolve("fstab").toString());
    env.put("DONE", directory.resolve("done").toString());
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Ended(process.exitValue(), said);
  }

  private String blkid(String tag) throws Exception {
    return exec(List.of("blkid", "-p", "-o", "value", "-s", tag, device.toString())).said().strip();
  }

  private DataDisk disk(@Nullable String mount) {
    return new DataDisk("mw-12345678", Filesystem.EXT4, mount);
  }

  private String place() {
    return directory.resolve("srv").toString();
  }

  @Test
  void aBlankDiskIsFormattedOnceAndMounted() throws Exception {
    assertThat(run(disk(place()))).isEqualTo(FORMATTED);
    assertThat(blkid("TYPE")).isEqualTo("ext4");
    String uuid = blkid("UUID");
    assertThat(Files.readString(directory.resolve("mounted"))).isEqualTo(place() + "\n");
    assertThat(run(disk(place()))).isEqualTo(KEPT);
    assertThat(blkid("UUID")).isEqualTo(uuid);
    assertThat(Files.readAllLines(directory.resolve("fstab")))
        .hasSize(2)
        .last()
        .asString()
        .startsWith(device + " " + place() + " auto nofail");
  }

  @Test
  void aDiskWithoutASerialIsFoundByTheNameThatIsMadeOfIt() throws Exception {
    // As the hypervisor's driver makes it: of the SHA-256 of the serial.
    device = Files.move(device, directory.resolve("wwn-0x6000c29b3d3d364681b4de93805d0b69"));
    assertThat(run(disk(place()))).isEqualTo(FORMATTED);
    assertThat(blkid("TYPE")).isEqualTo("ext4");
    assertThat(Files.readAllLines(directory.resolve("fstab")))
        .last()
        .asString()
        .startsWith(device + " ");
  }

  @Test
  void anotherMachineFindsWhatTheFirstOneMade() throws Exception {
    run(disk(null));
    String uuid = blkid("UUID");
    Files.delete(directory.resolve("done/mw-12345678"));
    Ended kept = run(disk(place()));
    assertThat(kept.code()).isZero();
    assertThat(DataDisks.found("mw-12345678", kept.said()))
        .contains(new FirstBootReport.Volume("mw-12345678", false));
    assertThat(blkid("UUID")).isEqualTo(uuid);
  }

  /** One that was plugged in while the system ran. */
  @Test
  void aDiskThatShowsUpLaterIsWaitedFor() throws Exception {
    Path away = Files.move(device, directory.resolve("away"));
    // It comes while the program waits for it.
    tool(directory.resolve("bin"), "sleep", "mv " + away + " " + device);
    assertThat(exec(shell(DataDisks.start(disk(null))))).isEqualTo(FORMATTED);
  }

  /** A server that has died may have begun it, too, and this is the next one. */
  @Test
  void twoAtOnceFormatOnce() throws Exception {
    tool(
        directory.resolve("bin"),
        "mkfs.ext4",
        "echo once >>" + directory.resolve("made") + "; sleep 0.3; /usr/sbin/mkfs.ext4 \"$@\"");
    Callable<Ended> one = () -> exec(shell(DataDisks.start(disk(null))));
    List<Ended> both = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Ended> each : threads.invokeAll(List.of(one, one))) {
        both.add(each.get());
      }
    }
    assertThat(both).containsExactlyInAnyOrder(FORMATTED, KEPT);
    assertThat(Files.readString(directory.resolve("made"))).isEqualTo("once\n");
    assertThat(DataDisks.found("mw-12345678", FORMATTED.said()))
        .contains(new FirstBootReport.Volume("mw-12345678", true));
  }

  @Test
  void aFileSystemGrowsWithItsDisk() throws Exception {
    assertThat(run(disk(place()))).isEqualTo(FORMATTED);
    Path bin = directory.resolve("bin");
    tool(bin, "findmnt", "echo ext4");
    // A file is no device, but its tool goes by what lies there all the same.
    assertThat(run(disk(place()))).isEqualTo(KEPT);
    assertThat(blocks()).isEqualTo(32 << 10);
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(48 << 20);
    }
    assertThat(run(disk(place()))).isEqualTo(KEPT);
    assertThat(blocks()).isEqualTo(48 << 10);
    tool(bin, "resize2fs", "exit 1");
    Ended ended = run(disk(place()));
    assertThat(ended.code()).isZero();
    assertThat(ended.said()).contains("could not be given all its room");
  }

  /** Of a KiB each, as mke2fs makes them on a small disk. */
  private int blocks() throws Exception {
    return Integer.parseInt(
        exec(List.of("dumpe2fs", "-h", device.toString()))
            .said()
            .lines()
            .filter(line -> line.startsWith("Block count:"))
            .map(line -> line.replaceAll("\\D", ""))
            .findFirst()
            .orElseThrow());
  }

  @Test
  void anImageWithoutTheToolIsToldAsSuch() throws Exception {
    Path bin = Files.createDirectory(directory.resolve("usual"));
    for (String tool : List.of("head", "wc", "tr", "mkdir", "sha256sum", "cut", "blkid")) {
      tool(bin, tool, "PATH=/usr/sbin:/sbin:/usr/bin:/bin exec " + tool + " \"$@\"");
    }
    List<String> command = shell(DataDisks.start(disk(null)));
    command.set(2, "PATH=" + directory.resolve("bin") + ":" + bin + "\n" + command.get(2));
    assertThat(exec(command))
        .isEqualTo(
            new Ended(
                1,
                "millwright: volume mw-12345678: its image has no mkfs.ext4 to make its file"
                    + " system with\n"));
  }

  @Test
  void aFileSystemOfAnotherTypeStays() throws Exception {
    assertThat(exec(List.of("mkfs.ext2", "-q", "-L", "precious", device.toString())).code())
        .isZero();
    assertThat(run(disk(place())).code()).isZero();
    assertThat(blkid("TYPE")).isEqualTo("ext2");
    assertThat(blkid("LABEL")).isEqualTo("precious");
  }

  @Test
  void dataOfNoKnownKindStay() throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.seek(700_000);
      file.write("precious".getBytes(UTF_8));
    }
    byte[] before = Files.readAllBytes(device);
    Ended ended = run(disk(place()));
    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.said()).contains("volume mw-12345678: holds no file system, and is not blank");
    assertThat(Files.readAllBytes(device)).isEqualTo(before);
  }

  @Test
  void aPartitionTableStays() throws Exception {
    byte[] mbr = new byte[512];
    mbr[446 + 4] = (byte) 0x83;
    mbr[446 + 8] = 8;
    mbr[446 + 12] = 100;
    mbr[510] = 0x55;
    mbr[511] = (byte) 0xaa;
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.write(mbr);
    }
    byte[] before = Files.readAllBytes(device);
    assertThat(run(disk(place())).code()).isEqualTo(1);
    assertThat(Files.readAllBytes(device)).isEqualTo(before);
  }

  @Test
  void aDiskThatWasFormattedAndWipedIsNotFormattedAgain() throws Exception {
    run(disk(null));
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(0);
      file.setLength(32 << 20);
    }
    assertThat(run(disk(null)).code()).isZero();
    assertThat(blkid("TYPE")).isEmpty();
  }

  @Test
  void aDiskThatCannotBeReadIsNotFormatted() throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.seek(20 << 20);
      file.write("precious".getBytes(UTF_8));
    }
    byte[] before = Files.readAllBytes(device);
    // As of an error of input: the real blkid answers 2 then, as of a blank disk.
    Path bin = directory.resolve("bin");
    tool(bin, "blkid", "exit 2");
    for (String failing : List.of("exit 1", "/usr/bin/head -c 4096 /dev/zero; exit 1")) {
      tool(bin, "head", failing);
      assertThat(run(disk(place())))
          .isEqualTo(new Ended(1, "millwright: volume mw-12345678: cannot be read\n"));
      assertThat(Files.readAllBytes(device)).isEqualTo(before);
    }
    // The hiccup is over: what is on it is found, or that nothing is.
    Files.delete(bin.resolve("head"));
    Files.delete(bin.resolve("blkid"));
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(0);
      file.setLength(32 << 20);
    }
    assertThat(run(disk(place())).code()).isZero();
    assertThat(blkid("TYPE")).isEqualTo("ext4");
  }

  @Test
  void aDiskThatCannotBeReadAnyMoreOnceItWasLookedAtIsNotFormatted() throws Exception {
    byte[] before = Files.readAllBytes(device);
    Path bin = directory.resolve("bin");
    tool(bin, "blkid", "touch " + directory.resolve("asked") + "; exit 2");
    tool(
        bin,
        "head",
        "[ ! -e " + directory.resolve("asked") + " ] && exec /usr/bin/head \"$@\"; exit 1");
    assertThat(run(disk(place())).code()).isEqualTo(1);
    assertThat(Files.readAllBytes(device)).isEqualTo(before);
  }

  @Test
  void whatBlkidCannotTellIsNotFormatted() throws Exception {
    byte[] before = Files.readAllBytes(device);
    tool(directory.resolve("bin"), "blkid", "exit 4");
    assertThat(run(disk(place())).code()).isEqualTo(1);
    assertThat(Files.readAllBytes(device)).isEqualTo(before);
  }

  @Test
  void aDiskThatIsNotThereIsToldOfAndTheOthersAreMade() throws Exception {
    Ended ended = run(new DataDisk("mw-00000000", Filesystem.XFS, null), disk(null));
    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.said()).contains("volume mw-00000000: there is no ");
    assertThat(blkid("TYPE")).isEqualTo("ext4");
  }

  @Test
  void withoutDataDisksNothingIsRun() {
    assertThat(DataDisks.start(Samples.net())).isEmpty();
  }
}

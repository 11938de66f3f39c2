package io.millwright.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class Qcow2Test {
  private static final int CLUSTER = 1 << 16;

  @TempDir Path dir;

  private Path raw(long length, long... written) throws IOException {
    Path raw = dir.resolve("raw");
    try (RandomAccessFile file = new RandomAccessFile(raw.toFile(), "rw")) {
      file.setLength(length);
      for (long at : written) {
        file.seek(at);
        file.writeLong(at + 1);
      }
    }
    return raw;
  }

  private byte[] written(Path raw, ByteSize size) throws IOException {
    Path out = dir.resolve("image");
    Qcow2.write(raw, size, out);
    return Files.readAllBytes(out);
  }

  /** Eight bytes of the disk, found as who reads the image would find them. */
  private static long read(ByteBuffer image, long at) {
    long cluster = at / CLUSTER;
    long first = image.getLong((int) (image.getLong(40) + cluster / (CLUSTER / 8) * 8));
    if (first == 0) {
      return 0;
    }
    int second = (int) (first & 0x00fffffffffffe00L);
    long entry = image.getLong((int) (second + cluster % (CLUSTER / 8) * 8));
    return entry == 0 ? 0 : image.getLong((int) ((entry & 0x00fffffffffffe00L) + at % CLUSTER));
  }

  @Test
  void whatIsOnTheDiskIsInTheImageAndNothingElse() throws Exception {
    // The beginning, both sides of a boundary of the second level, and beyond it.
    long[] places = {0, CLUSTER * 8191L, CLUSTER * 8192L, CLUSTER * 8195L + 512};
    byte[] bytes = written(raw((600L << 20) + 5000, places), ByteSize.ofMib(3 * 1024));
    ByteBuffer image = ByteBuffer.wrap(bytes);
    for (long place : places) {
      assertThat(read(image, place)).isEqualTo(place + 1);
    }
    assertThat(read(image, 7L * CLUSTER)).isZero();
    assertThat(read(image, CLUSTER * 8192L * 4)).isZero();
    assertThat(image.getLong(24)).isEqualTo(3L << 30);
    // Header, first level, two tables of the second, four of data, directory and block of counts.
    assertThat(bytes).hasSize(10 * CLUSTER);
  }

  @Test
  void everyClusterHasOneUser() throws Exception {
    byte[] bytes = written(raw(1L << 20, 4096), ByteSize.ofMib(100));
    ByteBuffer image = ByteBuffer.wrap(bytes);
    int block = (int) image.getLong((int) image.getLong(48));
    for (int i = 0; i < CLUSTER / 2; i++) {
      assertThat(image.getShort(block + 2 * i))
          .as("cluster " + i)
          .isEqualTo((short) (i < bytes.length / CLUSTER ? 1 : 0));
    }
  }

  @Test
  void theSameDiskIsTheSameImageAndOneThatCanBeUsed() throws Exception {
    Path raw = raw(1L << 20, 512, 300_000);
    byte[] once = written(raw, ByteSize.ofMib(64));
    Path again = dir.resolve("again");
    Qcow2.write(raw, ByteSize.ofMib(64), again);
    assertThat(Arrays.equals(once, Files.readAllBytes(again))).isTrue();
    assertThat(DiskFormat.of(again)).isEqualTo(new DiskFormat("qcow2", ByteSize.ofMib(64)));
  }

  @Test
  void moreThanTheDiskHoldsIsRefused() throws Exception {
    Path raw = raw(3L << 20, 1);
    assertThatThrownBy(() -> Qcow2.write(raw, ByteSize.ofMib(2), dir.resolve("image")))
        .isInstanceOf(IOException.class);
  }

  // ------------------------------------------------------------------- as QEMU itself sees it

  private record Disk(String name, ByteSize size, long length, long... written) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** A size is whole MiB, and so of whole clusters; what was written of it may end anywhere. */
  static Stream<Disk> disks() {
    long table = CLUSTER * (CLUSTER / 8L);
    long end = ByteSize.ofMib(5000).bytes();
    return Stream.of(
        new Disk("no disk at all", ByteSize.ofMib(0), 0),
        new Disk("nothing written", ByteSize.ofMib(64), 0),
        new Disk("all zeros", ByteSize.ofMib(64), 64L << 20),
        new Disk("the first and the last bytes", ByteSize.ofMib(1), 1L << 20, 0, (1L << 20) - 8),
        new Disk("it ends within a sector", ByteSize.ofMib(1), 70_001, 0, 69_993),
        new Disk("it ends with its first cluster", ByteSize.ofMib(1), CLUSTER, CLUSTER - 8),
        new Disk("a table is full to its last entry", ByteSize.ofMib(512), table, 0, table - 8),
        new Disk("one MiB into the next table", ByteSize.ofMib(513), table + 9, table + 1),
        new Disk(
            "sparse, with something at 2 GiB, 4 GiB and at its end",
            ByteSize.ofMib(5000),
            end,
            (1L << 31) - 8,
            1L << 31,
            (1L << 32) - 4,
            end - 8));
  }

  @Tag("libvirt")
  @ParameterizedTest
  @MethodSource("disks")
  void qemuFindsNoFaultAndTheSameDisk(Disk disk) throws Exception {
    qemuAgrees(raw(disk.length(), disk.written()), disk.size());
  }

  /** Counts for two GiB of clusters fill one block of them, and here there are more. */
  @Tag("slow")
  @Test
  void qemuFindsNoFaultWhereThereAreSeveralBlocksOfCounts() throws Exception {
    long[] places = new long[CLUSTER / 2 + 100];
    Arrays.setAll(places, i -> (long) i * CLUSTER + 4096);
    qemuAgrees(raw((long) places.length * CLUSTER, places), ByteSize.ofMib(3000));
  }

  private void qemuAgrees(Path raw, ByteSize size) throws IOException {
    Path image = dir.resolve("image");
    Qcow2.write(raw, size, image);
    // Each of them ends with another code than 0 if it has anything to say.
    assertThat(Lab.run(List.of("qemu-img", "check", "-f", "qcow2", image.toString())))
        .contains("No errors were found");
    var _ =
        Lab.run(
            List.of(
                "qemu-img",
                "compare",
                "-f",
                "raw",
                "-F",
                "qcow2",
                raw.toString(),
                image.toString()));
    assertThat(Lab.run(List.of("qemu-img", "info", "--output=json", image.toString())))
        .containsPattern("\"virtual-size\": " + size.bytes() + "\\b");
  }
}

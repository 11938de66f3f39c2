package io.millwright.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Images that are not what they seem, or lack something. */
class DiskFormatTest {
  private static final int CLUSTER = 1 << 16;

  @TempDir Path dir;
  private Path image = Path.of("");

  /** Header, first level, two clusters of data, second level, counts: six and two clusters. */
  @BeforeEach
  void whole() throws Exception {
    Path raw = dir.resolve("raw");
    byte[] bytes = new byte[3 * CLUSTER];
    bytes[0] = 1;
    bytes[2 * CLUSTER] = 1;
    Files.write(raw, bytes);
    image = dir.resolve("image");
    Qcow2.write(raw, ByteSize.ofMib(64), image);
    assertThat(DiskFormat.of(image)).isEqualTo(new DiskFormat("qcow2", ByteSize.ofMib(64)));
  }

  private void write(long at, int value) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.seek(at);
      file.writeInt(value);
    }
  }

  private void write(long at, long value) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.seek(at);
      file.writeLong(value);
    }
  }

  private String refused() {
    DriverException e = catchThrowableOfType(DriverException.class, () -> DiskFormat.of(image));
    assertThat(e).isNotNull();
    assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
    return e.forUser().replace("the image cannot be used: ", "");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, -1})
  void aVersionThatNobodyKnows(int version) throws IOException {
    write(4, version);
    assertThat(refused()).isEqualTo("its qcow2 version " + version + " is unknown");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, (64L << 40) + 1, Long.MAX_VALUE, 1L << 40})
  void aSizeThatCannotBe(long size) throws IOException {
    write(24, size); // the last one has no room in its tables
    assertThat(refused()).isEqualTo("its header gives an impossible size");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 8, 22, 64})
  void clustersThatCannotBe(int bits) throws IOException {
    write(20, bits);
    assertThat(refused()).isEqualTo("its header gives an impossible size of clusters");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void encrypted(int method) throws IOException {
    write(32, method); // AES, LUKS
    assertThat(refused()).isEqualTo("it is encrypted");
  }

  @ParameterizedTest
  @CsvSource({
    "1, it is marked as corrupt; repair it with: qemu-img check -r all",
    "2, it keeps its data in another file; flatten it with: qemu-img convert -O qcow2",
    "5, 'it needs a feature of qcow2 that is unknown here, bit 5'",
    "63, 'it needs a feature of qcow2 that is unknown here, bit 63'"
  })
  void whatNobodyMayIgnore(int bit, String why) throws IOException {
    write(72, 1L << bit);
    assertThat(refused()).isEqualTo(why);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3})
  void whatQemuKnows(int bit) throws Exception {
    write(72, 1L << bit);
    assertThat(DiskFormat.of(image).name()).isEqualTo("qcow2");
  }

  @ParameterizedTest
  @ValueSource(longs = {100, 104, CLUSTER, 2 * CLUSTER, 4 * CLUSTER, 5 * CLUSTER - 1, 5 * CLUSTER})
  void cutOff(long length) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(length); // the last one lacks its counts
    }
    assertThat(refused()).isEqualTo("it is truncated");
  }

  @Test
  void aClusterBehindTheEnd() throws Exception {
    long table = 4L * CLUSTER;
    long end = Files.size(image);
    write(table + 8, end);
    assertThat(refused()).isEqualTo("it is truncated");
    write(table + 8, end | 1); // it reads as zeros, whatever is there
    assertThat(DiskFormat.of(image).name()).isEqualTo("qcow2");
    write(table + 8, end | 1L << 62); // compressed
    assertThat(refused()).isEqualTo("it is truncated");
    write(table + 8, (end - 1) | 1L << 62 | 1L << 55); // with a sector more, which is no offset
    assertThat(DiskFormat.of(image).name()).isEqualTo("qcow2");
    write(table + 8, 0L);
    write(CLUSTER, end); // a table
    assertThat(refused()).isEqualTo("it is truncated");
    write(CLUSTER, table + 512);
    assertThat(refused()).isEqualTo("it is truncated");
  }

  /** Of which all first tables name one second table: it is read once, and not for each of them. */
  @Test
  void theLargestThatThereMayBe() throws Exception {
    int bits = 21;
    int entries = 1 << 7;
    write(20, bits);
    write(24, 64L << 40);
    write(36, entries);
    write(40, 1L << bits);
    write(48, 0L);
    for (int i = 0; i < entries; i++) {
      write((1L << bits) + 8 * i, 2L << bits);
    }
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(4L << bits);
    }
    assertThat(DiskFormat.of(image).virtualSize()).isEqualTo(ByteSize.ofMib(64 << 20));
    write(36, (1 << 22) + 1); // a first level that is longer than QEMU takes
    assertThat(refused()).isEqualTo("its header gives an impossible size");
  }

  @Tag("libvirt")
  @ParameterizedTest
  @ValueSource(
      strings = {
        "compat=0.10",
        "compat=1.1,cluster_size=512",
        "cluster_size=2M",
        "extended_l2=on,cluster_size=128k",
        "compression_type=zstd",
        "preallocation=metadata",
        "preallocation=off -c",
        "preallocation=off -S 0"
      })
  void whatQemuWritesIsWholeAndItsFirstHalfIsNot(String options) throws Exception {
    Path raw = dir.resolve("disk");
    byte[] noise = new byte[5 << 20];
    new java.util.Random(7).nextBytes(noise);
    Files.write(raw, noise);
    List<String> line = new ArrayList<>(List.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2"));
    String[] parts = options.split(" ", 2);
    line.addAll(List.of("-o", parts[0]));
    if (parts.length > 1) {
      line.addAll(List.of(parts[1].split(" ")));
    }
    image = dir.resolve("written");
    line.addAll(List.of(raw.toString(), image.toString()));
    var _ = Lab.run(line);
    assertThat(DiskFormat.of(image)).isEqualTo(new DiskFormat("qcow2", ByteSize.ofMib(5)));
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(file.length() / 2);
    }
    assertThat(refused()).isEqualTo("it is truncated");
  }

  @Tag("libvirt")
  @Test
  void whatQemuEncryptsIsRefused() throws Exception {
    image = dir.resolve("luks");
    var _ =
        Lab.run(
            List.of(
                "qemu-img",
                "create",
                "--object",
                "secret,id=key,data=geheim",
                "-f",
                "qcow2",
                "-o",
                "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10",
                image.toString(),
                "8M"));
    assertThat(refused()).isEqualTo("it is encrypted");
  }
}

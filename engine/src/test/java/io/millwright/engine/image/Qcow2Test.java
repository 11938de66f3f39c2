package io.millwright.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.ByteSize;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
}

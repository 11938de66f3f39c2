package io.millwright.engine.image;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.model.ByteSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What kind of disk image a file is, found by looking at it and never by its name.
 *
 * @param name {@code qcow2} or {@code raw}
 * @param virtualSize of the disk in it, rounded up to whole MiB
 */
record DiskFormat(String name, ByteSize virtualSize) {
  private static final int QCOW2_MAGIC = 0x514649fb;
  private static final int HEADER = 104;

  /** A qcow2 image whose data lies in another file. */
  private static final long EXTERNAL_DATA = 1L << 2;

  /** A disk may not be larger than this; a header that says so is a lie. */
  private static final long LARGEST = 64L << 40;

  /**
   * Looks at a file. A qcow2 image that points to other files is refused, because whoever made it
   * could read any file of the hypervisor through it.
   *
   * @see <a href="https://www.qemu.org/docs/master/interop/qcow2.html">the qcow2 format</a>
   * @throws DriverException REFUSED if it is no disk image that can be used
   */
  static DiskFormat of(Path file) throws IOException, DriverException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer head = ByteBuffer.allocate(1024);
      while (head.hasRemaining() && channel.read(head) >= 0) {
        // until the buffer is full or the file ends
      }
      head.flip();
      if (head.limit() >= 72 && head.getInt(0) == QCOW2_MAGIC) {
        return qcow2(head, channel.size());
      }
      if ((head.limit() >= 512 && (head.getShort(510) & 0xffff) == 0x55aa) || isIso(channel)) {
        return new DiskFormat("raw", mib(channel.size()));
      }
    }
    throw refused("it is neither a qcow2 image nor a raw disk with a partition table");
  }

  /** ECMA-119, 8.1: the identifier in the first volume descriptor. */
  private static boolean isIso(FileChannel channel) throws IOException {
    ByteBuffer identifier = ByteBuffer.allocate(5);
    return channel.read(identifier, 16 * 2048 + 1) == 5
        && new String(identifier.array(), StandardCharsets.US_ASCII).equals("CD001");
  }

  private static DiskFormat qcow2(ByteBuffer head, long fileSize) throws DriverException {
    int version = head.getInt(4);
    if (version != 2 && version != 3) {
      throw refused("its qcow2 version " + version + " is unknown");
    }
    if (head.getLong(8) != 0) {
      throw refused("it has a backing file; flatten it with: qemu-img convert -O qcow2");
    }
    if (version == 3 && (head.limit() < HEADER || (head.getLong(72) & EXTERNAL_DATA) != 0)) {
      throw refused(
          "it keeps its data in another file; flatten it with: qemu-img convert -O qcow2");
    }
    if (head.getInt(32) != 0) {
      throw refused("it is encrypted");
    }
    long size = head.getLong(24);
    if (size <= 0 || size > LARGEST) {
      throw refused("its header gives an impossible size");
    }
    long l1End = head.getLong(40) + 8L * Integer.toUnsignedLong(head.getInt(36));
    long refcounts = head.getLong(48);
    if (l1End < 0 || l1End > fileSize || refcounts < 0 || refcounts > fileSize) {
      throw refused("it is truncated");
    }
    return new DiskFormat("qcow2", mib(size));
  }

  private static ByteSize mib(long bytes) {
    return ByteSize.ofMib((bytes + ByteSize.MIB - 1) / ByteSize.MIB);
  }

  private static DriverException refused(String why) {
    return new DriverException(FaultKind.REFUSED, "the image cannot be used: " + why);
  }
}

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
import java.util.Arrays;

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

  /** What whoever wrote it found broken; QEMU does not write to such a one either. */
  private static final long CORRUPT = 1L << 1;

  /** Entries of the second level have a second half, which says what of a cluster is used. */
  private static final long EXTENDED = 1L << 4;

  /** Dirty, corrupt, with external data, of another compression, and extended. */
  private static final long KNOWN = 0x1f;

  /** Of an entry in a table: where the next table or the cluster begins; 0 if there is none. */
  private static final long OFFSET = 0x00fffffffffffe00L;

  private static final long COMPRESSED = 1L << 62;

  /** Of version 3: it reads as zeros, whatever is there. */
  private static final long ZERO = 1;

  /** The longest table of the first level that QEMU takes, in bytes. */
  private static final long MOST_TABLES = 32L << 20;

  /** A disk may not be larger than this; a header that says so is a lie. */
  private static final long LARGEST = 64L << 40;

  /**
   * Looks at a file. A qcow2 image that points to other files is refused, because whoever made it
   * could read any file of the hypervisor through it; and so is one that lacks its end.
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
        return qcow2(head, channel);
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

  private static DiskFormat qcow2(ByteBuffer head, FileChannel file)
      throws IOException, DriverException {
    int version = head.getInt(4);
    if (version != 2 && version != 3) {
      throw refused("its qcow2 version " + version + " is unknown");
    }
    if (head.getLong(8) != 0) {
      throw refused("it has a backing file; flatten it with: qemu-img convert -O qcow2");
    }
    if (version == 3 && head.limit() < HEADER) {
      throw refused("it is truncated");
    }
    long features = version == 3 ? head.getLong(72) : 0;
    if ((features & EXTERNAL_DATA) != 0) {
      throw refused(
          "it keeps its data in another file; flatten it with: qemu-img convert -O qcow2");
    }
    if ((features & CORRUPT) != 0) {
      throw refused("it is marked as corrupt; repair it with: qemu-img check -r all");
    }
    if ((features & ~KNOWN) != 0) {
      throw refused(
          "it needs a feature of qcow2 that is unknown here, bit "
              + Long.numberOfTrailingZeros(features & ~KNOWN));
    }
    if (head.getInt(32) != 0) {
      throw refused("it is encrypted");
    }
    long size = head.getLong(24);
    if (size <= 0 || size > LARGEST) {
      throw refused("its header gives an impossible size");
    }
    int bits = head.getInt(20);
    if (bits < 9 || bits > 21) {
      throw refused("its header gives an impossible size of clusters");
    }
    long l1 = head.getLong(40);
    long l1Bytes = 8L * Integer.toUnsignedLong(head.getInt(36));
    long entry = (features & EXTENDED) != 0 ? 16 : 8;
    long needed = 8 * Math.ceilDiv(size, (1L << bits) * ((1L << bits) / entry));
    if (l1Bytes > MOST_TABLES || needed > l1Bytes) {
      throw refused("its header gives an impossible size");
    }
    long refcounts = head.getLong(48);
    long refcountBytes = Integer.toUnsignedLong(head.getInt(56)) << bits;
    if (l1 < 0
        || l1 > file.size() - l1Bytes
        || refcounts < 0
        || refcounts > file.size() - refcountBytes
        || !whole(file, l1, (int) needed, bits, (int) entry)) {
      throw refused("it is truncated");
    }
    return new DiskFormat("qcow2", mib(size));
  }

  /**
   * Whether each cluster that is used begins within the file. One that is cut within its last
   * cluster is not noticed: a whole image may end so.
   *
   * <p>What is read are the tables, each once, so never more than the file, and as a rule an eight
   * thousandth of it.
   *
   * @param l1 where the first level of tables is
   * @param bytes of it that are used
   * @param entry length of one of the second level, whose first eight bytes say where a cluster is
   */
  private static boolean whole(FileChannel file, long l1, int bytes, int bits, int entry)
      throws IOException {
    long length = file.size();
    ByteBuffer first = ByteBuffer.allocate(bytes);
    if (!read(file, first, l1)) {
      return false;
    }
    long[] tables = new long[bytes / 8];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = first.getLong(8 * i) & OFFSET;
    }
    Arrays.sort(tables);
    ByteBuffer table = ByteBuffer.allocate(1 << bits);
    long before = 0; // which stands for none
    for (long at : tables) {
      if (at == before) {
        continue;
      }
      // Tables begin where a cluster does; others could overlap, and be read over and over.
      if (at % (1 << bits) != 0 || !read(file, table, at)) {
        return false;
      }
      before = at;
      for (int i = 0; i < 1 << bits; i += entry) {
        long cluster = table.getLong(i);
        long where =
            (cluster & COMPRESSED) != 0
                ? cluster & ((1L << (62 - (bits - 8))) - 1)
                : (cluster & ZERO) != 0 ? 0 : cluster & OFFSET;
        if (where >= length) {
          return false;
        }
      }
    }
    return true;
  }

  private static boolean read(FileChannel file, ByteBuffer into, long at) throws IOException {
    into.clear();
    while (into.hasRemaining()) {
      if (file.read(into, at + into.position()) < 0) {
        return false;
      }
    }
    return true;
  }

  private static ByteSize mib(long bytes) {
    return ByteSize.ofMib((bytes + ByteSize.MIB - 1) / ByteSize.MIB);
  }

  private static DriverException refused(String why) {
    return new DriverException(FaultKind.REFUSED, "the image cannot be used: " + why);
  }
}

package io.millwright.engine.image;

import io.millwright.model.ByteSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * Writes a disk as a qcow2 image that has the clusters only in which there is something. The same
 * disk gives the same bytes.
 *
 * @see <a href="https://www.qemu.org/docs/master/interop/qcow2.html">the qcow2 format</a>
 */
final class Qcow2 {
  private static final int BITS = 16;
  private static final int CLUSTER = 1 << BITS;

  /** Entries of eight bytes in a cluster. */
  private static final int ENTRIES = CLUSTER / 8;

  /** Counts of two bytes in a cluster. */
  private static final int COUNTS = CLUSTER / 2;

  /** What it points to has one user, so it may be written in its place. */
  private static final long COPIED = 1L << 63;

  private Qcow2() {}

  /**
   * Writes an image.
   *
   * @param raw the disk's bytes from its beginning; behind their end are zeros
   * @param size of the disk
   * @param out a file that is not there yet
   */
  static void write(Path raw, ByteSize size, Path out) throws IOException {
    int tables = (int) Math.ceilDiv(size.bytes(), (long) CLUSTER * ENTRIES);
    int l1 = Math.ceilDiv(tables, ENTRIES);
    // The header, the first level, then data with a table of the second level behind its share.
    long used = 1L + l1;
    try (FileChannel in = FileChannel.open(raw, StandardOpenOption.READ);
        FileChannel to =
            FileChannel.open(out, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      if (in.size() > size.bytes()) {
        throw new IOException("there is more on the disk than fits on it");
      }
      ByteBuffer first = ByteBuffer.allocate(l1 * CLUSTER);
      byte[] zeros = new byte[CLUSTER];
      ByteBuffer piece = ByteBuffer.allocate(CLUSTER);
      for (int table = 0; table < tables; table++) {
        ByteBuffer second = ByteBuffer.allocate(CLUSTER);
        long before = used;
        long at = (long) table * ENTRIES * CLUSTER;
        for (int i = 0; i < ENTRIES && at < in.size(); i++, at += CLUSTER) {
          Arrays.fill(piece.array(), (byte) 0);
          piece.clear();
          while (piece.hasRemaining() && in.read(piece, at + piece.position()) >= 0) {
            // until the cluster is full or the file ends
          }
          if (!Arrays.equals(piece.array(), zeros)) {
            put(to, piece, used * CLUSTER);
            second.putLong(i * 8, (used++ * CLUSTER) | COPIED);
          }
        }
        if (used > before) {
          put(to, second, used * CLUSTER);
          first.putLong(table * 8, (used++ * CLUSTER) | COPIED);
        }
      }
      put(to, first, CLUSTER);
      counts(to, used, size, tables);
    }
  }

  /** Every cluster has one user, those of the counts themselves as well; then the header. */
  private static void counts(FileChannel to, long used, ByteSize size, int tables)
      throws IOException {
    int blocks = 0;
    int directory = 1;
    while ((long) blocks * COUNTS < used + blocks + directory) {
      blocks++;
      directory = Math.ceilDiv(blocks, ENTRIES);
    }
    long all = used + directory + blocks;
    ByteBuffer names = ByteBuffer.allocate(directory * CLUSTER);
    for (int block = 0; block < blocks; block++) {
      long where = (used + directory + block) * CLUSTER;
      names.putLong(block * 8, where);
      ByteBuffer counts = ByteBuffer.allocate(CLUSTER);
      for (int i = 0; i < COUNTS && (long) block * COUNTS + i < all; i++) {
        counts.putShort(i * 2, (short) 1);
      }
      put(to, counts, where);
    }
    put(to, names, used * CLUSTER);
    ByteBuffer head = ByteBuffer.allocate(CLUSTER);
    head.put(new byte[] {'Q', 'F', 'I', (byte) 0xfb}).putInt(3);
    head.putLong(0).putInt(0); // no other file behind it
    head.putInt(BITS).putLong(size.bytes()).putInt(0);
    head.putInt(tables).putLong(CLUSTER);
    head.putLong(used * CLUSTER).putInt(directory);
    head.putInt(0).putLong(0); // no snapshots
    head.putLong(0).putLong(0).putLong(0); // no features
    head.putInt(4).putInt(104); // counts of 1 << 4 bits; length of this
    head.clear();
    put(to, head, 0);
  }

  private static void put(FileChannel to, ByteBuffer bytes, long at) throws IOException {
    bytes.clear();
    while (bytes.hasRemaining()) {
      at += to.write(bytes, at);
    }
  }
}

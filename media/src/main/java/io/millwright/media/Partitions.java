package io.millwright.media;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * The partition tables of a hybrid medium, which make it boot from a USB stick as well: MBR, and
 * GPT (UEFI specification 2.10, section 5.3). Numbers of blocks are of 512 bytes here.
 *
 * @param list what both tables name, MBR's first
 * @param gpt the header of the GPT, or null if there is none that is sound
 */
record Partitions(List<Partition> list, byte @Nullable [] gpt) {
  static final int BLOCK = 512;

  private static final int ENTRY = 16;
  private static final int FIRST_ENTRY = 446;

  /**
   * One of them.
   *
   * @param at where its entry is on the medium, in bytes
   * @param start its first block
   * @param end the block after its last
   */
  record Partition(boolean inGpt, long at, long start, long end) {}

  static Partitions read(ByteSource medium) throws IOException {
    byte[] mbr = medium.bytes(0, BLOCK);
    List<Partition> out = new ArrayList<>();
    if (Le.u16(mbr, 510) != 0xaa55) {
      return new Partitions(out, null);
    }
    for (int at = FIRST_ENTRY; at < FIRST_ENTRY + 4 * ENTRY; at += ENTRY) {
      long start = Le.u32(mbr, at + 8);
      long length = Le.u32(mbr, at + 12);
      if (length > 0) {
        out.add(new Partition(false, at, start, start + length));
      }
    }
    byte[] header = gptHeader(medium);
    if (header != null) {
      long entries = Le.i64(header, 72) * BLOCK;
      int size = (int) Le.u32(header, 84);
      byte[] table = medium.bytes(entries, (int) Le.u32(header, 80) * size);
      for (int at = 0; at < table.length; at += size) {
        long start = Le.i64(table, at + 32);
        long last = Le.i64(table, at + 40);
        boolean used = Le.i64(table, at) != 0 || Le.i64(table, at + 8) != 0;
        if (used && start >= 0 && last >= start && last < Long.MAX_VALUE / BLOCK) {
          out.add(new Partition(true, entries + at, start, last + 1));
        }
      }
    }
    return new Partitions(out, header);
  }

  /** The primary header if it, its table and its copy are where they should be, and unharmed. */
  private static byte @Nullable [] gptHeader(ByteSource medium) throws IOException {
    byte[] header = medium.bytes(BLOCK, BLOCK);
    if (!new String(header, 0, 8, StandardCharsets.ISO_8859_1).equals("EFI PART")) {
      return null;
    }
    long headerSize = Le.u32(header, 12);
    long entries = Le.i64(header, 72);
    long count = Le.u32(header, 80);
    long size = Le.u32(header, 84);
    long copy = Le.i64(header, 32);
    boolean sane =
        headerSize >= 92
            && headerSize <= BLOCK
            && size >= 128
            && size <= 4096
            && size % 8 == 0
            && count <= 1024
            && entries >= 2
            && entries < 64
            && entries * BLOCK + count * size <= 16L * IsoImage.SECTOR
            && copy > 0
            && copy == medium.size() / BLOCK - 1;
    if (!sane
        || Le.u32(header, 16) != headerCrc(header)
        || Le.u32(header, 88)
            != crc(medium.bytes(entries * BLOCK, (int) (count * size)), (int) (count * size))) {
      return null;
    }
    byte[] other = medium.bytes(copy * BLOCK, BLOCK);
    long otherEntries = Le.i64(other, 72);
    boolean sound =
        new String(other, 0, 8, StandardCharsets.ISO_8859_1).equals("EFI PART")
            && Le.u32(other, 12) == headerSize
            && Le.u32(other, 16) == headerCrc(other)
            && otherEntries > 0
            && otherEntries * BLOCK + count * size <= copy * BLOCK;
    return sound ? header : null;
  }

  /** Where the copy of the GPT at the medium's end begins, in bytes. */
  long copyAt(ByteSource medium) throws IOException {
    byte[] header = gpt;
    if (header == null) {
      throw new IllegalStateException("there is no GPT");
    }
    byte[] other = medium.bytes(Le.i64(header, 32) * BLOCK, BLOCK);
    return Le.i64(other, 72) * BLOCK;
  }

  /**
   * Says in the tables that {@code growth} bytes were put in at {@code at}: what begins there
   * moves, what reaches from the medium's beginning to there grows.
   *
   * @param dataEnd end of what the trees name, in bytes
   */
  void grow(Patch patch, long at, long growth, long dataEnd) throws IOException {
    long shift = growth / BLOCK;
    for (Partition p : list) {
      boolean moves = p.start() * BLOCK >= at;
      boolean grows = !moves && p.start() <= 64 && p.end() * BLOCK >= dataEnd;
      if (!moves && !grows) {
        continue;
      }
      long start = p.start() + (moves ? shift : 0);
      long end = p.end() + shift;
      if (p.inGpt()) {
        byte[] entry = patch.bytes(p.at(), 48);
        Le.put64(entry, 32, start);
        Le.put64(entry, 40, end - 1);
        patch.write(p.at(), entry);
      } else {
        byte[] entry = patch.bytes(p.at(), ENTRY);
        Le.put32(entry, 8, start);
        Le.put32(entry, 12, Math.min(0xffff_ffffL, end - start));
        if (moves) {
          chs(entry, 1);
        }
        chsEnd(entry, p.end(), end);
        patch.write(p.at(), entry);
      }
    }
    if (gpt != null) {
      growGpt(patch, gpt, shift);
    }
  }

  private static void growGpt(Patch patch, byte[] header, long shift) throws IOException {
    long copyAt = Le.i64(header, 32);
    byte[] copy = patch.bytes(copyAt * BLOCK, BLOCK);
    int length = (int) (Le.u32(header, 80) * Le.u32(header, 84));
    byte[] table = patch.bytes(Le.i64(header, 72) * BLOCK, length);
    patch.write(Le.i64(copy, 72) * BLOCK, table);
    byte[] primary = header.clone();
    Le.put64(primary, 32, copyAt + shift);
    Le.put64(primary, 48, Le.i64(header, 48) + shift);
    Le.put32(primary, 88, crc(table, length));
    Le.put32(primary, 16, headerCrc(primary));
    patch.write(BLOCK, primary);
    Le.put64(copy, 24, copyAt + shift);
    Le.put64(copy, 48, Le.i64(copy, 48) + shift);
    Le.put64(copy, 72, Le.i64(copy, 72) + shift);
    Le.put32(copy, 88, crc(table, length));
    Le.put32(copy, 16, headerCrc(copy));
    patch.write(copyAt * BLOCK, copy); // it is moved with the rest of the medium's end
  }

  /** Cylinder, head and sector: the value that says to look at the block number instead. */
  private static void chs(byte[] entry, int at) {
    entry[at] = (byte) 0xfe;
    entry[at + 1] = (byte) 0xff;
    entry[at + 2] = (byte) 0xff;
  }

  /** An end on a cylinder's boundary stays on one: from it a BIOS guesses a stick's geometry. */
  private static void chsEnd(byte[] entry, long oldEnd, long newEnd) {
    long cylinder = (Le.u8(entry, 5) + 1L) * (Le.u8(entry, 6) & 0x3f);
    if (cylinder == 0 || oldEnd % cylinder != 0 || newEnd % cylinder != 0) {
      chs(entry, 5);
      return;
    }
    long last = Math.min(1023, newEnd / cylinder - 1);
    entry[6] = (byte) ((entry[6] & 0x3f) | ((last >> 2) & 0xc0));
    entry[7] = (byte) last;
  }

  private static long crc(byte[] of, int length) {
    CRC32 crc = new CRC32();
    crc.update(of, 0, length);
    return crc.getValue();
  }

  private static long headerCrc(byte[] header) {
    byte[] copy = header.clone();
    Le.put32(copy, 16, 0);
    return crc(copy, (int) Math.min(BLOCK, Le.u32(header, 12)));
  }
}

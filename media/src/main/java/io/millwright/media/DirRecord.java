package io.millwright.media;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One directory record, ECMA-119 section 9.1, as its raw bytes: what is not understood is kept as
 * it was.
 */
record DirRecord(byte[] raw) {
  static final int HIDDEN_PART = 33;

  long block() {
    return Le.u32(raw, 2);
  }

  long length() {
    return Le.u32(raw, 10);
  }

  int attributeBlocks() {
    return Le.u8(raw, 1);
  }

  boolean directory() {
    return (raw[25] & 2) != 0;
  }

  /** More records of the same file follow. */
  boolean more() {
    return (raw[25] & 0x80) != 0;
  }

  boolean interleaved() {
    return raw[26] != 0 || raw[27] != 0;
  }

  byte[] id() {
    return Arrays.copyOfRange(raw, HIDDEN_PART, HIDDEN_PART + Le.u8(raw, 32));
  }

  boolean self() {
    return raw[32] == 1 && raw[HIDDEN_PART] == 0;
  }

  boolean parent() {
    return raw[32] == 1 && raw[HIDDEN_PART] == 1;
  }

  /** Where the system use area begins: Rock Ridge's fields. */
  int systemUse() {
    int idLength = Le.u8(raw, 32);
    return HIDDEN_PART + idLength + (idLength % 2 == 0 ? 1 : 0);
  }

  DirRecord at(long block, long length) {
    byte[] out = raw.clone();
    out[1] = 0;
    Le.putBoth32(out, 2, block);
    Le.putBoth32(out, 10, length);
    return new DirRecord(out);
  }

  /**
   * A new record.
   *
   * @param date recording date and time, 7 bytes
   */
  static DirRecord of(
      byte[] id, long block, long length, boolean directory, byte[] date, byte[] systemUse) {
    int start = HIDDEN_PART + id.length + (id.length % 2 == 0 ? 1 : 0);
    int size = start + systemUse.length + (start + systemUse.length) % 2;
    if (size > 254) {
      throw new IllegalArgumentException("the name is too long for a directory record");
    }
    byte[] out = new byte[size];
    out[0] = (byte) size;
    Le.putBoth32(out, 2, block);
    Le.putBoth32(out, 10, length);
    System.arraycopy(date, 0, out, 18, 7);
    out[25] = (byte) (directory ? 2 : 0);
    Le.putBoth16(out, 28, 1);
    out[32] = (byte) id.length;
    System.arraycopy(id, 0, out, HIDDEN_PART, id.length);
    System.arraycopy(systemUse, 0, out, start, systemUse.length);
    return new DirRecord(out);
  }

  byte[] date() {
    return Arrays.copyOfRange(raw, 18, 25);
  }

  /** The records of a directory. */
  static List<DirRecord> parse(byte[] directory, String path) throws MediumException {
    List<DirRecord> out = new ArrayList<>();
    for (int at = 0; at < directory.length; ) {
      int size = Le.u8(directory, at);
      if (size == 0) {
        at = (at / IsoImage.SECTOR + 1) * IsoImage.SECTOR; // the rest of the sector is unused
        continue;
      }
      int room = Math.min(IsoImage.SECTOR - at % IsoImage.SECTOR, directory.length - at);
      if (size <= HIDDEN_PART || size > room) {
        throw new MediumException(path, "a directory record runs over the end of its sector");
      }
      int idLength = Le.u8(directory, at + 32);
      if (idLength == 0 || HIDDEN_PART + idLength > size) {
        throw new MediumException(path, "a directory record has no room for its name");
      }
      out.add(new DirRecord(Arrays.copyOfRange(directory, at, at + size)));
      at += size;
    }
    if (out.size() < 2 || !out.get(0).self() || !out.get(1).parent()) {
      throw new MediumException(path, "the directory does not begin with itself and its parent");
    }
    return out;
  }

  /** How many sectors these records take. */
  static int sectors(List<DirRecord> records) {
    int size = 0;
    for (DirRecord r : records) {
      int left = IsoImage.SECTOR - size % IsoImage.SECTOR;
      size += (left < r.raw.length ? left : 0) + r.raw.length;
    }
    return Math.max(1, (size + IsoImage.SECTOR - 1) / IsoImage.SECTOR);
  }

  /** These records in so many sectors. */
  static byte[] write(List<DirRecord> records, int sectors) {
    byte[] out = new byte[sectors * IsoImage.SECTOR];
    int at = 0;
    for (DirRecord r : records) {
      int left = IsoImage.SECTOR - at % IsoImage.SECTOR;
      at += left < r.raw.length ? left : 0;
      System.arraycopy(r.raw, 0, out, at, r.raw.length);
      at += r.raw.length;
    }
    return out;
  }
}

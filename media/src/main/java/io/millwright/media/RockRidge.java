package io.millwright.media;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What the system use area of a directory record says: SUSP (IEEE P1281) with Rock Ridge (IEEE
 * P1282).
 *
 * @param name the POSIX name, or null if it has none
 * @param symlink that it is a symbolic link; where to does not matter here
 * @param childBlock where the directory that this stands for really is (CL), or -1
 * @param relocated that this directory is to be seen at another place only (RE)
 */
record RockRidge(@Nullable String name, boolean symlink, long childBlock, boolean relocated) {
  /** A chain of continuation areas longer than this is a loop, or made to look like one. */
  private static final int MOST_CONTINUATIONS = 32;

  /** CD-ROM XA's fields, the only ones known to come before, have 14 bytes. */
  private static final int MOST_SKIPPED = 32;

  /** The bytes to skip in each system use area, if there is Rock Ridge at all; else -1. */
  static int skip(DirRecord rootSelf) throws MediumException {
    byte[] raw = rootSelf.raw();
    int at = rootSelf.systemUse();
    boolean found =
        at + 7 <= raw.length
            && raw[at] == 'S'
            && raw[at + 1] == 'P'
            && Le.u8(raw, at + 4) == 0xbe
            && Le.u8(raw, at + 5) == 0xef;
    int skip = found ? Le.u8(raw, at + 6) : -1;
    if (skip > MOST_SKIPPED) {
      throw new MediumException("/", "its Rock Ridge fields begin nowhere");
    }
    return skip;
  }

  static RockRidge of(DirRecord record, int skip, ByteSource image, int base, String path)
      throws IOException {
    byte[] area = record.raw();
    int at = record.systemUse() + skip;
    int end = area.length;
    ByteArrayOutputStream name = new ByteArrayOutputStream();
    boolean named = false;
    boolean symlink = false;
    long child = -1;
    boolean relocated = false;
    for (int continuations = 0; ; ) {
      long nextBlock = -1;
      int nextOffset = 0;
      int nextLength = 0;
      while (at + 4 <= end) {
        int length = Le.u8(area, at + 2);
        if (length == 0) {
          break; // padding
        }
        if (length < 4 || at + length > end) {
          throw new MediumException(path, "a Rock Ridge field runs over the end of its area");
        }
        switch ((char) area[at] + "" + (char) area[at + 1]) {
          case "NM" -> {
            if (length >= 5 && (area[at + 4] & 6) == 0) { // neither "." nor ".."
              named = true;
              name.write(area, at + 5, length - 5);
            }
          }
          case "SL" -> symlink = true;
          case "CL" -> child = length >= 12 ? Le.u32(area, at + 4) : child;
          case "RE" -> relocated = true;
          case "CE" -> {
            if (length >= 28) {
              nextBlock = Le.u32(area, at + 4);
              nextOffset = (int) Math.min(Integer.MAX_VALUE, Le.u32(area, at + 12));
              nextLength = (int) Math.min(Integer.MAX_VALUE, Le.u32(area, at + 20));
            }
          }
          case "ST" -> end = at;
          default -> {}
        }
        at += length;
      }
      if (nextBlock < 0) {
        break;
      }
      if (++continuations > MOST_CONTINUATIONS) {
        throw new MediumException(path, "its Rock Ridge fields never end");
      }
      long from = (nextBlock + base) * IsoImage.SECTOR + nextOffset;
      if (nextLength > 1 << 16 || from + nextLength > image.size()) {
        throw new MediumException(path, "its Rock Ridge fields lie past the end of the medium");
      }
      area = image.bytes(from, nextLength);
      at = 0;
      end = nextLength;
    }
    return new RockRidge(
        named ? name.toString(StandardCharsets.UTF_8) : null, symlink, child, relocated);
  }

  /**
   * The fields of something new, for everybody to read and nobody to write.
   *
   * @param template the directory's own record, whose PX field says which version is spoken
   * @param name or null for "." and ".."
   */
  static byte[] write(int skip, DirRecord template, boolean directory, @Nullable String name) {
    int length = longPx(template, skip) ? 44 : 36;
    byte[] text = name == null ? new byte[0] : name.getBytes(StandardCharsets.UTF_8);
    byte[] out = new byte[skip + length + (name == null ? 0 : 5 + text.length)];
    int at = skip;
    out[at] = 'P';
    out[at + 1] = 'X';
    out[at + 2] = (byte) length;
    out[at + 3] = 1;
    Le.putBoth32(out, at + 4, directory ? 0040555 : 0100444);
    Le.putBoth32(out, at + 12, directory ? 2 : 1);
    at += length;
    if (name != null) {
      out[at] = 'N';
      out[at + 1] = 'M';
      out[at + 2] = (byte) (5 + text.length);
      out[at + 3] = 1;
      System.arraycopy(text, 0, out, at + 5, text.length);
    }
    return out;
  }

  /** P1282 of 1994 has a serial number at the end of PX; the drafts before had not. */
  private static boolean longPx(DirRecord template, int skip) {
    byte[] raw = template.raw();
    for (int at = template.systemUse() + (template.self() ? 0 : skip); at + 4 <= raw.length; ) {
      int length = Le.u8(raw, at + 2);
      if (length < 4) {
        break;
      }
      if (raw[at] == 'P' && raw[at + 1] == 'X') {
        return length >= 44;
      }
      at += length;
    }
    return false;
  }
}

package io.millwright.images;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a small ISO 9660 medium: a few files in its root, under their exact names by the Joliet
 * extension and under 8.3 names without it. In Java, so that no process is started for a machine's
 * seed. The same input gives the same bytes.
 *
 * <p>Layout: 16 empty sectors, primary and Joliet volume descriptor, terminator, two path tables
 * for each of the two trees, the two root directories, the files.
 */
public final class SeedIso {
  private static final int SECTOR = 2048;

  /** A medium of this kind carries text, not images. */
  private static final long LARGEST = 64L << 20;

  /** UCS-2, big endian, as Joliet wants it. */
  private static final Charset UCS2 = StandardCharsets.UTF_16BE;

  /** 1 January 1980, UTC: a real date would make each medium another one. */
  private static final byte[] DATE = {80, 1, 1, 0, 0, 0, 0};

  private static final int FIRST_DIRECTORY = 23;

  private final List<Entry> entries = new ArrayList<>();
  private final String label;
  private final int sectors;
  private final int rootSectors;
  private final int jolietSectors;

  /** One file; {@code shortName} is what it is called where Joliet is not known. */
  private record Entry(byte[] shortName, byte[] longName, byte[] content, int sector) {}

  private SeedIso(String label, Map<String, byte[]> files) {
    this.label = label;
    // Readers search directories by bisection: the records are in the order of their names.
    TreeMap<String, String> byShortName = new TreeMap<>();
    for (String name : new TreeMap<>(files).keySet()) {
      byShortName.put(shortName(name, byShortName), name);
    }
    int primary = 2 * 34;
    int joliet = 2 * 34;
    for (var name : byShortName.entrySet()) {
      primary = grown(primary, name.getKey().length());
    }
    for (String name : files.keySet()) {
      joliet = grown(joliet, 2 * name.length());
    }
    rootSectors = sectors(primary);
    jolietSectors = sectors(joliet);
    int next = FIRST_DIRECTORY + rootSectors + jolietSectors;
    for (var name : byShortName.entrySet()) {
      byte[] content = files.get(name.getValue());
      if (content == null) {
        throw new IllegalArgumentException(name.getValue() + " has no content");
      }
      entries.add(
          new Entry(
              name.getKey().getBytes(StandardCharsets.US_ASCII),
              name.getValue().getBytes(UCS2),
              content,
              next));
      next = Math.addExact(next, sectors(content.length));
    }
    sectors = next;
  }

  /**
   * The medium's bytes.
   *
   * @param label by which its reader finds it, at most 16 characters of ASCII
   * @param files by name, at most 64 characters each, without {@code /}
   */
  public static byte[] write(String label, Map<String, byte[]> files) {
    if (!label.matches("[A-Za-z0-9_]{1,16}")) {
      throw new IllegalArgumentException("a label has 1 to 16 letters, digits and '_'");
    }
    long size = 0;
    for (var file : files.entrySet()) {
      // Joliet forbids * / : ; ? \ and control characters.
      if (!file.getKey().matches("[^*/:;?\\\\\\p{Cntrl}\\p{Cs}]{1,64}")) {
        throw new IllegalArgumentException("no file name for a medium");
      }
      size += file.getValue().length;
    }
    if (size > LARGEST) {
      throw new IllegalArgumentException("a seed holds at most 64 MiB");
    }
    return new SeedIso(label, files).bytes();
  }

  private byte[] bytes() {
    byte[] out = new byte[sectors * SECTOR];
    ByteBuffer iso = ByteBuffer.wrap(out);
    int jolietRoot = FIRST_DIRECTORY + rootSectors;
    descriptor(iso, 16, false, 19, FIRST_DIRECTORY, rootSectors);
    descriptor(iso, 17, true, 21, jolietRoot, jolietSectors);
    iso.position(18 * SECTOR).put((byte) 255).put(ascii("CD001")).put((byte) 1);
    pathTable(iso, 19, FIRST_DIRECTORY, ByteOrder.LITTLE_ENDIAN);
    pathTable(iso, 20, FIRST_DIRECTORY, ByteOrder.BIG_ENDIAN);
    pathTable(iso, 21, jolietRoot, ByteOrder.LITTLE_ENDIAN);
    pathTable(iso, 22, jolietRoot, ByteOrder.BIG_ENDIAN);
    directory(iso, FIRST_DIRECTORY, rootSectors, entries, false);
    List<Entry> byLongName = new ArrayList<>(entries);
    byLongName.sort((a, b) -> java.util.Arrays.compareUnsigned(a.longName(), b.longName()));
    directory(iso, jolietRoot, jolietSectors, byLongName, true);
    for (Entry entry : entries) {
      iso.position(entry.sector() * SECTOR).put(entry.content());
    }
    return out;
  }

  /** ECMA-119 section 8.4 and 8.5. */
  private void descriptor(
      ByteBuffer iso, int sector, boolean joliet, int pathTable, int root, int rootSectors) {
    int at = sector * SECTOR;
    iso.position(at).put((byte) (joliet ? 2 : 1)).put(ascii("CD001")).put((byte) 1);
    text(iso, at + 8, 32, "", joliet);
    text(iso, at + 40, 32, label, joliet);
    both(iso.position(at + 80), sectors);
    if (joliet) {
      iso.position(at + 88).put(ascii("%/E")); // UCS-2 level 3
    }
    both16(iso.position(at + 120), 1);
    both16(iso.position(at + 124), 1);
    both16(iso.position(at + 128), SECTOR);
    both(iso.position(at + 132), 10); // the path table holds the root alone
    iso.putInt(at + 140, Integer.reverseBytes(pathTable));
    iso.putInt(at + 148, pathTable + 1);
    record(iso.position(at + 156), root, rootSectors * SECTOR, true, new byte[] {0});
    text(iso, at + 190, 128 * 4, "", joliet); // volume set, publisher, preparer, application
    text(iso, at + 702, 37 * 3, "", joliet); // copyright, abstract and bibliography files
    for (int date = 813; date < 881; date += 17) {
      iso.position(at + date).put(ascii("0000000000000000")).put((byte) 0); // not given
    }
    iso.put(at + 881, (byte) 1);
  }

  private static void pathTable(ByteBuffer iso, int sector, int root, ByteOrder order) {
    iso.position(sector * SECTOR).put((byte) 1).put((byte) 0);
    iso.putInt(order == ByteOrder.BIG_ENDIAN ? root : Integer.reverseBytes(root));
    iso.putShort(order == ByteOrder.BIG_ENDIAN ? (short) 1 : Short.reverseBytes((short) 1));
  }

  private static void directory(
      ByteBuffer iso, int sector, int sectors, List<Entry> entries, boolean joliet) {
    iso.position(sector * SECTOR);
    record(iso, sector, sectors * SECTOR, true, new byte[] {0});
    record(iso, sector, sectors * SECTOR, true, new byte[] {1});
    for (Entry entry : entries) {
      byte[] name = joliet ? entry.longName() : entry.shortName();
      int left = SECTOR - iso.position() % SECTOR;
      if (left < recordLength(name.length)) {
        iso.position(iso.position() + left); // a record does not cross a sector's end
      }
      record(iso, entry.sector(), entry.content().length, false, name);
    }
  }

  /** ECMA-119 section 9.1. */
  private static void record(
      ByteBuffer iso, int sector, int length, boolean directory, byte[] name) {
    int end = iso.position() + recordLength(name.length);
    iso.put((byte) recordLength(name.length)).put((byte) 0);
    both(iso, sector);
    both(iso, length);
    iso.put(DATE).put((byte) (directory ? 2 : 0)).put((byte) 0).put((byte) 0);
    both16(iso, 1);
    iso.put((byte) name.length).put(name);
    iso.position(end);
  }

  private static int recordLength(int nameLength) {
    return 33 + nameLength + (nameLength % 2 == 0 ? 1 : 0);
  }

  /** Size of a directory once it has one more record. */
  private static int grown(int size, int nameLength) {
    int length = recordLength(nameLength);
    int left = SECTOR - size % SECTOR;
    return size + (left < length ? left : 0) + length;
  }

  private static int sectors(int bytes) {
    return (bytes + SECTOR - 1) / SECTOR;
  }

  /** A number in both byte orders, as ECMA-119 likes to have it. */
  private static void both(ByteBuffer iso, int n) {
    iso.putInt(Integer.reverseBytes(n)).putInt(n);
  }

  private static void both16(ByteBuffer iso, int n) {
    iso.putShort(Short.reverseBytes((short) n)).putShort((short) n);
  }

  private static void text(ByteBuffer iso, int at, int length, String text, boolean joliet) {
    byte[] bytes = joliet ? text.getBytes(UCS2) : ascii(text);
    iso.position(at).put(bytes);
    for (int i = bytes.length; i < length; i++) {
      iso.put((byte) (joliet && i % 2 == 0 ? 0 : ' ')); // a blank in UCS-2 is 0x00 0x20
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** {@code USER_DAT.;1} for {@code user-data}; numbered where two would be the same. */
  private static String shortName(String name, Map<String, String> taken) {
    String upper = name.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9.]", "_");
    int dot = upper.lastIndexOf('.');
    String stem = (dot < 0 ? upper : upper.substring(0, dot)).replace('.', '_');
    String extension = dot < 0 ? "" : upper.substring(dot + 1);
    extension = extension.substring(0, Math.min(3, extension.length()));
    for (int n = 0; ; n++) {
      String number = n == 0 ? "" : Integer.toString(n);
      String out =
          stem.substring(0, Math.min(8 - number.length(), stem.length()))
              + number
              + "."
              + extension
              + ";1";
      if (!taken.containsKey(out)) {
        return out;
      }
    }
  }
}

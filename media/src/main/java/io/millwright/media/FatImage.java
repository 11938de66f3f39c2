package io.millwright.media;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A FAT filesystem within a medium, as UEFI boots from (Microsoft's FAT specification 1.03): finds
 * a file and gives it other content, in the clusters that it has and in free ones.
 */
final class FatImage {
  private static final int ENTRY = 32;
  private static final int MOST_CLUSTERS = 1 << 20;
  private static final int LARGEST = 64 << 20;
  private static final int LARGEST_DIRECTORY = 2 << 20;
  private static final int LONGEST_NAME = 255;

  /** How far down boot loaders' files are looked for, and in how many directories. */
  private static final int DEEPEST = 4;

  private static final int MOST_DIRECTORIES = 64;

  private final Patch patch;
  private final long start;
  private final int sector;
  private final int cluster;
  private final long tables;
  private final int tableCount;
  private final long tableLength;
  private final long root;
  private final int rootLength;
  private final long rootCluster;
  private final long data;
  private final int clusters;
  private final int bits;

  private FatImage(Patch patch, long start, byte[] boot) throws MediumException {
    this.patch = patch;
    this.start = start;
    sector = Le.u16(boot, 11);
    int perCluster = Le.u8(boot, 13);
    int reserved = Le.u16(boot, 14);
    tableCount = Le.u8(boot, 16);
    int rootEntries = Le.u16(boot, 17);
    long sectors = Le.u16(boot, 19) != 0 ? Le.u16(boot, 19) : Le.u32(boot, 32);
    long tableSectors = Le.u16(boot, 22) != 0 ? Le.u16(boot, 22) : Le.u32(boot, 36);
    if (Integer.bitCount(sector) != 1
        || sector < 512
        || sector > 4096
        || Integer.bitCount(perCluster) != 1
        || reserved == 0
        || tableCount == 0
        || tableCount > 4) {
      throw new MediumException("EFI image", "is no FAT filesystem");
    }
    cluster = sector * perCluster;
    tables = (long) reserved * sector;
    tableLength = tableSectors * sector;
    root = tables + tableCount * tableLength;
    rootLength = rootEntries * ENTRY;
    data = root + (rootLength + sector - 1L) / sector * sector;
    long count = (sectors * sector - data) / cluster;
    if (count <= 0 || count > MOST_CLUSTERS || start + sectors * sector > patch.size()) {
      throw new MediumException("EFI image", "lies past the end of the medium");
    }
    clusters = (int) count;
    bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
    rootCluster = bits == 32 ? Le.u32(boot, 44) : 0;
    if ((clusters + 2L) * bits / 8 > tableLength) {
      throw new MediumException("EFI image", "its allocation table is too short");
    }
  }

  /** The filesystem that begins at {@code start}; null if there is none. */
  static @Nullable FatImage at(Patch patch, long start) throws IOException {
    if (start < 0 || start + 512 > patch.size()) {
      return null;
    }
    byte[] boot = patch.bytes(start, 512);
    boolean fat = Le.u16(boot, 510) == 0xaa55 && (boot[0] == (byte) 0xeb || boot[0] == (byte) 0xe9);
    return fat ? new FatImage(patch, start, boot) : null;
  }

  /**
   * Where a directory entry is, and what it says.
   *
   * @param alias its short name
   */
  private record Found(
      String name, String alias, long at, long firstCluster, int length, boolean directory) {}

  /** A file's text; null if there is no such file. Case does not matter. */
  @Nullable String text(String path) throws IOException {
    Found found = find(path);
    if (found == null || found.directory()) {
      return null;
    }
    byte[] all = content(found.firstCluster(), path);
    return new String(
        Arrays.copyOf(all, Math.min(all.length, found.length())), StandardCharsets.UTF_8);
  }

  /**
   * Gives a file that is there other content.
   *
   * @throws MediumException if there is no room for it
   */
  void replace(String path, byte[] content) throws IOException {
    Found found = find(path);
    if (found == null || found.directory()) {
      throw new MediumException(path, "is not in the EFI image");
    }
    List<Integer> chain =
        new ArrayList<>(found.firstCluster() == 0 ? List.of() : chain(found.firstCluster(), path));
    int needed = Math.max(1, (content.length + cluster - 1) / cluster);
    for (int free = 2; chain.size() < needed; free++) {
      if (free >= clusters + 2) {
        throw new MediumException(path, "does not fit into the EFI image");
      }
      if (next(free) == 0) {
        link(free, end());
        if (!chain.isEmpty()) {
          link(chain.getLast(), free);
        }
        chain.add(free);
      }
    }
    forgetFreeCount();
    byte[] padded = Arrays.copyOf(content, chain.size() * cluster);
    for (int i = 0; i < chain.size(); i++) {
      patch.write(
          start + place(chain.get(i)), Arrays.copyOfRange(padded, i * cluster, (i + 1) * cluster));
    }
    byte[] entry = patch.bytes(start + found.at(), ENTRY);
    Le.put16(entry, 26, chain.getFirst());
    Le.put16(entry, 20, bits == 32 ? chain.getFirst() >> 16 : 0);
    Le.put32(entry, 28, content.length);
    patch.write(start + found.at(), entry);
  }

  /**
   * FAT32 keeps a count of free clusters that nobody must believe; -1 says that it is not known.
   */
  private void forgetFreeCount() throws IOException {
    long info = bits == 32 ? Le.u16(patch.bytes(start, 512), 48) * (long) sector : 0;
    if (info > 0 && info + 512 <= tables && Le.u32(patch.bytes(start + info, 4), 0) == 0x41615252) {
      patch.write(start + info + 488, new byte[] {-1, -1, -1, -1});
    }
  }

  /**
   * The paths of the files whose path is as asked, as far down as a boot loader's are.
   *
   * @throws MediumException if its directories make no sense
   */
  List<String> files(Predicate<String> wanted) throws IOException {
    List<String> out = new ArrayList<>();
    Set<Long> seen = new HashSet<>();
    Deque<Map.Entry<String, Found>> left = new ArrayDeque<>();
    left.add(Map.entry("", top()));
    while (!left.isEmpty()) {
      Map.Entry<String, Found> dir = left.remove();
      for (Found one : entries(dir.getValue(), dir.getKey())) {
        String path = dir.getKey() + "/" + one.name();
        if (!one.directory()) {
          if (wanted.test(path)) {
            out.add(path);
          }
        } else if (!one.name().startsWith(".")
            && IsoImage.names(path).size() <= DEEPEST
            && seen.size() < MOST_DIRECTORIES
            && seen.add(one.firstCluster())) {
          left.add(Map.entry(path, one));
        }
      }
    }
    return out;
  }

  private Found top() {
    return new Found("", "", -1, rootCluster, 0, true);
  }

  private @Nullable Found find(String path) throws IOException {
    Found at = top();
    for (String name : IsoImage.names(path)) {
      if (!at.directory()) {
        return null;
      }
      at =
          entries(at, path).stream()
              .filter(e -> e.name().equalsIgnoreCase(name) || e.alias().equalsIgnoreCase(name))
              .findFirst()
              .orElse(null);
      if (at == null) {
        return null;
      }
    }
    return at;
  }

  private List<Found> entries(Found dir, String path) throws IOException {
    boolean fixed = dir.at() < 0 && bits != 32;
    List<Integer> chain = fixed ? List.of() : chain(dir.firstCluster(), path);
    if ((long) chain.size() * cluster > LARGEST_DIRECTORY) {
      throw new MediumException(path, "is larger than a directory of the EFI image can be");
    }
    byte[] all = fixed ? patch.bytes(start + root, rootLength) : content(dir.firstCluster(), path);
    List<Found> out = new ArrayList<>();
    StringBuilder longName = new StringBuilder();
    for (int i = 0; i + ENTRY <= all.length && all[i] != 0; i += ENTRY) {
      int attributes = Le.u8(all, i + 11);
      if (all[i] == (byte) 0xe5) {
        longName.setLength(0);
        continue;
      }
      if (attributes == 0x0f) {
        if (longName.length() < LONGEST_NAME) {
          longName.insert(0, part(all, i)); // the last part comes first
        }
        continue;
      }
      String alias = shortName(all, i);
      String name = longName.isEmpty() ? alias : longName.toString();
      longName.setLength(0);
      if ((attributes & 8) == 0) {
        long at = fixed ? root + i : place(chain.get(i / cluster)) + i % cluster;
        long first = Le.u16(all, i + 26) | (bits == 32 ? (long) Le.u16(all, i + 20) << 16 : 0);
        int length = (int) Math.min(Integer.MAX_VALUE, Le.u32(all, i + 28));
        out.add(new Found(name, alias, at, first, length, (attributes & 16) != 0));
      }
    }
    return out;
  }

  private static String part(byte[] in, int at) {
    StringBuilder out = new StringBuilder();
    for (int place : new int[] {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}) {
      int c = Le.u16(in, at + place);
      if (c == 0 || c == 0xffff) {
        break;
      }
      out.append((char) c);
    }
    return out.toString();
  }

  private static String shortName(byte[] in, int at) {
    String stem = new String(in, at, 8, StandardCharsets.ISO_8859_1).strip();
    String extension = new String(in, at + 8, 3, StandardCharsets.ISO_8859_1).strip();
    return (extension.isEmpty() ? stem : stem + "." + extension).toLowerCase(Locale.ROOT);
  }

  private byte[] content(long first, String path) throws IOException {
    List<Integer> chain = chain(first, path);
    byte[] out = new byte[chain.size() * cluster];
    for (int i = 0; i < chain.size(); i++) {
      patch.read(start + place(chain.get(i)), java.nio.ByteBuffer.wrap(out, i * cluster, cluster));
    }
    return out;
  }

  private List<Integer> chain(long first, String path) throws IOException {
    List<Integer> out = new ArrayList<>();
    Set<Integer> seen = new HashSet<>();
    for (long at = first; at < end() - 7; at = next((int) at)) {
      if (at < 2 || at >= clusters + 2 || !seen.add((int) at) || out.size() > LARGEST / cluster) {
        throw new MediumException(path, "its clusters in the EFI image make no sense");
      }
      out.add((int) at);
    }
    return out;
  }

  private long place(int number) {
    return data + (number - 2L) * cluster;
  }

  private long end() {
    return bits == 12 ? 0xfff : bits == 16 ? 0xffff : 0x0fff_ffff;
  }

  private long next(int number) throws IOException {
    long at = start + tables + (long) number * bits / 8;
    return switch (bits) {
      case 12 -> {
        int pair = Le.u16(patch.bytes(at, 2), 0);
        yield number % 2 == 0 ? pair & 0xfff : pair >> 4;
      }
      case 16 -> Le.u16(patch.bytes(at, 2), 0);
      default -> Le.u32(patch.bytes(at, 4), 0) & 0x0fff_ffff;
    };
  }

  private void link(int number, long to) throws IOException {
    for (int copy = 0; copy < tableCount; copy++) {
      long at = start + tables + copy * tableLength + (long) number * bits / 8;
      byte[] bytes = patch.bytes(at, bits == 32 ? 4 : 2);
      switch (bits) {
        case 12 -> {
          int pair = Le.u16(bytes, 0);
          int joined = number % 2 == 0 ? pair & 0xf000 | (int) to : pair & 0x000f | (int) to << 4;
          Le.put16(bytes, 0, joined);
        }
        case 16 -> Le.put16(bytes, 0, (int) to);
        default -> Le.put32(bytes, 0, Le.u32(bytes, 0) & 0xf000_0000L | to);
      }
      patch.write(at, bytes);
    }
  }
}

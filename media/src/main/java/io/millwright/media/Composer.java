package io.millwright.media;

import io.millwright.media.BootCatalog.Platform;
import io.millwright.media.Partitions.Partition;
import io.millwright.media.Tree.Node;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Says what differs on a medium made out of another. What is changed fits into its old place or is
 * put at the end of the filesystem; nothing else moves but what must come after that end: an
 * appended EFI partition and the copy of the GPT. Every tree, both path tables, the boot catalogue,
 * the partition tables and the medium's own list of checksums agree with the change.
 *
 * <p>A checksum implanted into the volume descriptor (implantisomd5, tagmedia) is taken out: a
 * medium without one says nothing untrue, and to make a new one all of it would have to be read.
 *
 * <p>The order of the calls does not matter. Not to be shared between threads.
 */
public final class Composer {
  /**
   * More than this is not written in place but appended: a patch is memory, an append need not be.
   */
  private static final long MOST_IN_PLACE = 1 << 16;

  private static final long LARGEST_FILE = 0xffff_f800L;
  private static final int MEBIBYTE = 1 << 20;
  private static final int APPLICATION_USE = 883;

  /** As implantisomd5 and SUSE's tagmedia write it, which also asks for a check by a tag. */
  private static final Pattern IMPLANTED =
      Pattern.compile(
          "(?:^|[; ])\\w*(?:md5|sha[0-9]{1,3})sum\\w* *=|(?:^|;) *check *(?:[=;]|$)",
          Pattern.CASE_INSENSITIVE);

  private final IsoImage iso;
  private final Patch patch;
  private final TreeMap<String, List<Piece>> files = new TreeMap<>();
  private final Set<Long> within = new TreeSet<>();
  private final Map<Platform, List<Piece>> boots = new EnumMap<>(Platform.class);

  /** A medium that begins as a copy of this one. */
  public Composer(IsoImage iso) {
    this.iso = iso;
    this.patch = new Patch(iso.bytes());
  }

  /** The medium as it is changed so far in place, to change something inside of a file. */
  Patch patch() {
    return patch;
  }

  /** Says that something was changed inside of the file that begins there, in bytes. */
  void changedWithin(long file) {
    within.add(file);
  }

  /**
   * Puts a file on the medium, in place of the one that has this path if there is one. Directories
   * that are missing are made.
   *
   * @param path from the root
   * @param content may be ranges of the medium itself, which then are not copied
   */
  public Composer put(String path, List<Piece> content) {
    List<String> names = IsoImage.names(path);
    if (names.isEmpty()) {
      throw new IllegalArgumentException("a file needs a name");
    }
    for (String name : names) {
      if (name.equals(".")
          || name.equals("..")
          || name.length() > 64
          || !name.matches("[^*/:;?\\\\\\p{Cntrl}\\p{Cs}]+")) {
        throw new IllegalArgumentException(
            MediumException.printable(path) + " is no path for a file on a medium");
      }
    }
    if (Piece.length(content) > LARGEST_FILE) {
      throw new IllegalArgumentException(path + " is larger than 4 GiB");
    }
    files.put("/" + String.join("/", names), List.copyOf(content));
    return this;
  }

  /** The same with these bytes. */
  public Composer put(String path, byte[] content) {
    return put(path, List.of(Piece.of(content)));
  }

  /** Has a platform start another boot image than the medium's own, which is appended. */
  public Composer boot(Platform platform, List<Piece> image) {
    boots.put(platform, List.copyOf(image));
    return this;
  }

  /**
   * The medium with these changes.
   *
   * @throws MediumException if the medium cannot be changed so
   * @throws IOException if it cannot be read
   */
  public Composed compose() throws IOException {
    if (iso.udf() && !files.isEmpty()) {
      throw new MediumException(
          "medium",
          "has a UDF filesystem, which would not show the change; give the answers on a second"
              + " one");
    }
    Partitions partitions = Partitions.read(iso.bytes());
    long at = insertion(partitions);
    Appended appended = new Appended(at);
    List<TreeEdit> edits = iso.trees().stream().map(t -> new TreeEdit(iso, t, appended)).toList();
    for (var file : files.entrySet()) {
      put(file.getKey(), file.getValue(), edits, appended);
    }
    iso.checksums().update(files, within, patch);
    for (TreeEdit edit : edits) {
      edit.finish(patch);
    }
    for (var boot : boots.entrySet()) {
      boot(boot.getKey(), boot.getValue(), appended);
    }
    long growth = appended.length();
    if (growth > 0 && !partitions.list().isEmpty()) {
      growth = (growth + MEBIBYTE - 1) / MEBIBYTE * MEBIBYTE;
    }
    if (growth > 0) {
      grow(partitions, at, growth);
    }
    takeOutImplanted();
    long old = Math.min(at, iso.bytes().size());
    List<Piece> out = new ArrayList<>(patch.pieces(0, old));
    out.add(Piece.of(ByteSource.zeros(at - old)));
    out.addAll(appended.pieces());
    out.add(Piece.of(ByteSource.zeros(growth - appended.length())));
    if (at < iso.bytes().size()) {
      out.addAll(patch.pieces(at, iso.bytes().size()));
    }
    return new Composed(out);
  }

  /**
   * Where something can be put in, in bytes: before the first partition that lies behind all that
   * the trees name, before the copy of the GPT, or at the very end.
   */
  private long insertion(Partitions partitions) throws IOException {
    long size = iso.bytes().size();
    long at = (size + IsoImage.SECTOR - 1) / IsoImage.SECTOR * IsoImage.SECTOR;
    if (partitions.gpt() != null) {
      long copy = partitions.copyAt(iso.bytes()) / IsoImage.SECTOR * IsoImage.SECTOR;
      if (copy < iso.dataEnd()) {
        throw new MediumException("partition table", "its copy lies amid the files");
      }
      at = copy;
    }
    for (Partition p : partitions.list()) {
      long start = p.start() * Partitions.BLOCK;
      if (start >= iso.dataEnd() && start < at && start % IsoImage.SECTOR == 0) {
        at = start;
      }
    }
    return at;
  }

  private void put(String path, List<Piece> content, List<TreeEdit> edits, Appended appended)
      throws IOException {
    List<String> names = IsoImage.names(path);
    Node old = iso.best().find(names);
    if (old != null && (old.dir() != null || old.symlink())) {
      throw new MediumException(
          path, old.symlink() ? "is a symbolic link, not a file" : "is a directory, not a file");
    }
    long length = Piece.length(content);
    long oldAt = old == null ? 0 : old.extents().getFirst().at();
    long room = old == null ? 0 : sectors(old.length()) * IsoImage.SECTOR;
    boolean boots =
        old != null
            && old.length() > 0
            && iso.bootCatalog().stream()
                .flatMap(c -> c.entries().stream())
                .anyMatch(e -> e.image() == oldAt);
    boolean inPlace =
        old != null
            && old.extents().size() == 1
            && length <= room
            && (length <= MOST_IN_PLACE || boots)
            && oldAt + room <= iso.bytes().size()
            && !iso.shared(oldAt);
    if (boots && !inPlace) {
      throw new MediumException(path, "is what the medium boots from, and has no room to grow");
    }
    long block;
    if (old != null && inPlace && old.length() > 0) {
      byte[] bytes = new byte[(int) room];
      Composed all = new Composed(content);
      all.read(0, java.nio.ByteBuffer.wrap(bytes, 0, (int) length));
      patch.write(oldAt, bytes);
      block = oldAt / IsoImage.SECTOR;
    } else {
      block = appended.add(content);
    }
    for (TreeEdit edit : edits) {
      if (old == null) {
        edit.add(names, block, length);
      } else {
        edit.replace(names, old, block, length);
      }
    }
  }

  static long sectors(long bytes) {
    return (bytes + IsoImage.SECTOR - 1) / IsoImage.SECTOR;
  }

  private void boot(Platform platform, List<Piece> image, Appended appended) throws IOException {
    BootCatalog.Entry entry =
        iso.bootCatalog()
            .flatMap(c -> c.entry(platform))
            .orElseThrow(
                () -> new MediumException("boot catalogue", "has no entry for " + platform));
    byte[] raw = patch.bytes(entry.at(), 12);
    long blocks = sectors(Piece.length(image)) * (IsoImage.SECTOR / Partitions.BLOCK);
    raw[0] = (byte) 0x88;
    raw[1] = 0; // no emulation of a diskette
    Le.put16(raw, 6, platform == Platform.BIOS ? 4 : (int) Math.min(0xffff, blocks));
    Le.put32(raw, 8, appended.add(image));
    patch.write(entry.at(), raw);
  }

  private void grow(Partitions partitions, long at, long growth) throws IOException {
    partitions.grow(patch, at, growth, iso.dataEnd());
    for (Tree tree : iso.trees()) {
      byte[] size = patch.bytes(tree.descriptorAt + 80, 8);
      long needed = (at + growth) / IsoImage.SECTOR - tree.base;
      Le.putBoth32(size, 0, Math.max(needed, Le.u32(size, 0) + growth / IsoImage.SECTOR));
      patch.write(tree.descriptorAt + 80, size);
    }
    BootCatalog catalog = iso.bootCatalog().orElse(null);
    if (catalog != null) {
      for (BootCatalog.Entry entry : catalog.entries()) {
        boolean redirected =
            boots.containsKey(entry.platform())
                && catalog.entry(entry.platform()).orElse(null) == entry;
        if (entry.image() >= at && !redirected) {
          byte[] block = new byte[4];
          Le.put32(block, 0, (entry.image() + growth) / IsoImage.SECTOR);
          patch.write(entry.at() + 8, block);
        }
      }
    }
  }

  private void takeOutImplanted() throws IOException {
    long at = 16L * IsoImage.SECTOR + APPLICATION_USE;
    byte[] use = patch.bytes(at, 512);
    String text = new String(use, StandardCharsets.ISO_8859_1).replace('\0', ' ').strip();
    if (IMPLANTED.matcher(text).find()) {
      java.util.Arrays.fill(use, (byte) ' ');
      patch.write(at, use);
    }
  }
}

package io.millwright.media;

import io.millwright.media.Tree.Dir;
import io.millwright.media.Tree.Extent;
import io.millwright.media.Tree.Node;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The index of an ISO 9660 medium (ECMA-119): its names in every tree, where its files lie, and its
 * boot catalogue. Reads Rock Ridge, Joliet and El Torito. UDF is recognised and left alone.
 *
 * <p>Whatever is on the medium, reading it ends, within memory that its size bounds, in an index or
 * in a {@link MediumException}: no name leads out of its directory, no directory is its own
 * descendant, and nothing lies past the end.
 */
public final class IsoImage {
  /** Size of a sector in bytes. */
  public static final int SECTOR = 2048;

  private static final int FIRST_DESCRIPTOR = 16;
  private static final int MOST_DESCRIPTORS = 64;
  private static final int DEEPEST = 64;
  private static final int MOST_ENTRIES = 1_000_000;
  private static final int LARGEST_DIRECTORY = 16 << 20;
  private static final Charset LATIN = StandardCharsets.ISO_8859_1;
  private static final Charset UCS2 = StandardCharsets.UTF_16BE;

  private final ByteSource bytes;
  private final String label;
  private final boolean udf;
  private final List<Tree> trees;
  private final @Nullable BootCatalog bootCatalog;
  private final long dataEnd;

  /** How many records of one tree name the same content: hard links. */
  private final Map<Long, Integer> links;

  private final Checksums checksums;

  private IsoImage(
      ByteSource bytes,
      String label,
      boolean udf,
      List<Tree> trees,
      @Nullable BootCatalog bootCatalog,
      long dataEnd,
      Map<Long, Integer> links) {
    this.bytes = bytes;
    this.label = label;
    this.udf = udf;
    this.trees = List.copyOf(trees);
    this.bootCatalog = bootCatalog;
    this.dataEnd = dataEnd;
    this.links = links;
    this.checksums = new Checksums(this);
  }

  /**
   * Reads the index.
   *
   * @param bytes the medium; they stay open for as long as the index is used
   * @throws MediumException if it is no such medium, is truncated, or is not sound
   * @throws IOException if it cannot be read
   */
  public static IsoImage read(ByteSource bytes) throws IOException {
    return new Reader(bytes).read();
  }

  /** The medium itself. */
  public ByteSource bytes() {
    return bytes;
  }

  /** The volume's name, by which installers look for their medium. */
  public String label() {
    return label;
  }

  /** Whether it has a UDF filesystem, as Windows media have; its files are not indexed. */
  public boolean udf() {
    return udf;
  }

  /** The boot catalogue, if the medium boots from CD. */
  public Optional<BootCatalog> bootCatalog() {
    return Optional.ofNullable(bootCatalog);
  }

  List<Tree> trees() {
    return trees;
  }

  /** End of the last thing that a tree names, in bytes. */
  long dataEnd() {
    return dataEnd;
  }

  Checksums checksums() {
    return checksums;
  }

  boolean shared(long at) {
    return links.getOrDefault(at, 0) > 1;
  }

  /**
   * The tree whose names count: Rock Ridge's before Joliet's before the plain ones.
   *
   * @see Tree.Kind
   */
  Tree best() {
    Tree best = trees.getFirst();
    for (Tree t : trees) {
      if (t.base == 0
          && ((t.kind == Tree.Kind.ROCK_RIDGE && best.kind != Tree.Kind.ROCK_RIDGE)
              || (t.kind == Tree.Kind.JOLIET && best.kind == Tree.Kind.PLAIN))) {
        best = t;
      }
    }
    return best;
  }

  /** A path's names; leading, trailing and double slashes do not count. */
  static List<String> names(String path) {
    return Arrays.stream(path.split("/", -1)).filter(n -> !n.isEmpty()).toList();
  }

  /**
   * A file's content.
   *
   * @param path from the root, for example {@code /isolinux/isolinux.cfg}
   * @return empty if there is no such file; a symbolic link is none
   */
  public Optional<Composed> file(String path) {
    Node node = best().find(names(path));
    return node == null || node.dir() != null || node.symlink()
        ? Optional.empty()
        : Optional.of(new Composed(pieces(node)));
  }

  List<Piece> pieces(Node node) {
    return node.extents().stream().map(e -> new Piece(bytes, e.at(), e.length())).toList();
  }

  /**
   * A small file's text.
   *
   * @return empty if there is no such file, or it is larger than {@code most} bytes
   * @throws IOException if it cannot be read
   */
  public Optional<String> text(String path, int most) throws IOException {
    Optional<Composed> file = file(path);
    if (file.isEmpty() || file.get().size() > most) {
      return Optional.empty();
    }
    byte[] content = file.get().bytes(0, (int) file.get().size());
    return Optional.of(new String(content, StandardCharsets.UTF_8));
  }

  /**
   * The beginning of a file as text, for recognising a medium by what is on it.
   *
   * @return empty if there is no such file; bytes that are no text become anything
   * @throws IOException if it cannot be read
   */
  public Optional<String> head(String path, int most) throws IOException {
    Optional<Composed> file = file(path);
    if (file.isEmpty()) {
      return Optional.empty();
    }
    byte[] content = file.get().bytes(0, (int) Math.min(most, file.get().size()));
    return Optional.of(new String(content, StandardCharsets.UTF_8));
  }

  /** All files by their paths, with their sizes in bytes; in the order of the paths. */
  public Map<String, Long> files() {
    Map<String, Long> out = new TreeMap<>();
    collect("", best().root, out);
    return out;
  }

  private static void collect(String path, Dir dir, Map<String, Long> out) {
    for (Node node : dir.children.values()) {
      Dir child = node.dir();
      if (child != null) {
        collect(path + "/" + node.name(), child, out);
      } else if (!node.symlink()) {
        out.put(path + "/" + node.name(), node.length());
      }
    }
  }

  /** What is known while reading. */
  private static final class Reader {
    private final ByteSource bytes;
    private int entries;
    private long dataEnd;
    private final Map<Long, Integer> links = new HashMap<>();

    Reader(ByteSource bytes) {
      this.bytes = bytes;
    }

    private byte[] sector(long number) throws IOException {
      long at = number * SECTOR;
      if (number < 0 || at + SECTOR > bytes.size()) {
        throw new MediumException("sector " + number, "lies past the end of the medium");
      }
      return bytes.bytes(at, SECTOR);
    }

    private static boolean is(byte[] sector, String identifier) {
      return new String(sector, 1, 5, LATIN).equals(identifier);
    }

    IsoImage read() throws IOException {
      if (bytes.size() < (FIRST_DESCRIPTOR + 2L) * SECTOR) {
        throw new MediumException("medium", "is too short for an ISO image");
      }
      List<Tree> trees = new ArrayList<>();
      BootCatalog[] catalog = new BootCatalog[1];
      boolean udf = readSet(0, trees, catalog);
      if (trees.isEmpty()) {
        throw new MediumException(
            "medium",
            udf
                ? "holds UDF only, which is not read here"
                : "is no ISO 9660 image: it has no volume descriptor");
      }
      for (int base : secondSets()) {
        readSet(base, trees, new BootCatalog[1]);
      }
      String label = label(trees.getFirst());
      return new IsoImage(bytes, label, udf, trees, catalog[0], dataEnd, links);
    }

    /**
     * A medium whose partition does not begin at its first sector has a second set of volume
     * descriptors in there, with blocks counted from the partition's start (xorriso's {@code
     * -partition_offset}).
     */
    private Set<Integer> secondSets() throws IOException {
      Set<Integer> out = new HashSet<>();
      for (Partitions.Partition p : Partitions.read(bytes).list()) {
        long start = p.start() / 4;
        if (p.start() % 4 == 0
            && start > 0
            && start <= 1 << 16
            && (start + FIRST_DESCRIPTOR + 1) * SECTOR <= bytes.size()) {
          byte[] first = sector(start + FIRST_DESCRIPTOR);
          if (first[0] == 1 && is(first, "CD001")) {
            out.add((int) start);
          }
        }
      }
      return out;
    }

    /** One sequence of volume descriptors; returns whether UDF was announced in it. */
    private boolean readSet(int base, List<Tree> trees, @Nullable BootCatalog[] catalog)
        throws IOException {
      boolean udf = false;
      boolean ended = false;
      for (int i = 0; i < MOST_DESCRIPTORS; i++) {
        long number = (long) base + FIRST_DESCRIPTOR + i;
        if ((number + 1) * SECTOR > bytes.size()) {
          break;
        }
        byte[] sector = sector(number);
        if (is(sector, "NSR02") || is(sector, "NSR03")) {
          udf = true;
        } else if (is(sector, "CD001") && !ended) {
          int type = Le.u8(sector, 0);
          switch (type) {
            case 0 -> {
              if (base == 0 && catalog[0] == null) {
                catalog[0] = BootCatalog.read(sector, bytes);
              }
            }
            case 1, 2 -> trees.add(tree(base, number * SECTOR, sector, type));
            case 255 -> ended = true;
            default -> {} // a partition descriptor, or one of a later standard
          }
        } else if (!is(sector, "BEA01") && !is(sector, "TEA01") && !is(sector, "BOOT2")) {
          break;
        }
      }
      return udf;
    }

    private static String label(Tree tree) {
      Charset charset = tree.kind == Tree.Kind.JOLIET ? UCS2 : LATIN;
      return MediumException.printable(
          new String(tree.descriptor, 40, 32, charset).stripTrailing());
    }

    private Tree tree(int base, long at, byte[] descriptor, int type) throws IOException {
      String which = type == 1 ? "primary volume" : "supplementary volume";
      if (Le.u16(descriptor, 128) != SECTOR) {
        throw new MediumException(which, "its blocks are not of 2048 bytes");
      }
      long size = Le.u32(descriptor, 80);
      if ((size + base) * SECTOR > bytes.size()) {
        throw new MediumException(
            "medium",
            "is truncated: it says to have %d bytes and has %d; get it once more"
                .formatted((size + base) * SECTOR, bytes.size()));
      }
      boolean joliet =
          type == 2
              && descriptor[88] == '%'
              && descriptor[89] == '/'
              && (descriptor[90] == '@' || descriptor[90] == 'C' || descriptor[90] == 'E');
      DirRecord root = new DirRecord(Arrays.copyOfRange(descriptor, 156, 190));
      if (Le.u8(root.raw(), 0) < 34 || Le.u8(root.raw(), 32) != 1) {
        throw new MediumException(which, "has no root directory");
      }
      Dir rootDir = directory(null, new byte[] {0}, base, root.block(), root, "/");
      List<DirRecord> first = records(rootDir, "/");
      int skip = joliet ? -1 : RockRidge.skip(first.getFirst());
      Tree.Kind kind =
          joliet ? Tree.Kind.JOLIET : skip >= 0 ? Tree.Kind.ROCK_RIDGE : Tree.Kind.PLAIN;
      Tree tree = new Tree(kind, base, at, descriptor, Math.max(skip, 0), rootDir);
      Walk walk = new Walk(tree);
      walk.all();
      return tree;
    }

    private Dir directory(
        @Nullable Dir parent, byte[] id, int base, long block, DirRecord record, String path)
        throws IOException {
      long at = (block + base + record.attributeBlocks()) * SECTOR;
      long length = record.length();
      if (length == 0 || length > LARGEST_DIRECTORY || at + length > bytes.size()) {
        throw new MediumException(
            path, "its directory of %d bytes lies past the end of the medium".formatted(length));
      }
      dataEnd = Math.max(dataEnd, at + length);
      return new Dir(parent, id, at, (int) length);
    }

    private List<DirRecord> records(Dir dir, String path) throws IOException {
      return DirRecord.parse(bytes.bytes(dir.at, dir.length), path);
    }

    /**
     * One pass over a tree: physically first, then what relocation moved is put where it belongs.
     */
    private final class Walk {
      private final Tree tree;
      private final Map<Long, Dir> byPlace = new LinkedHashMap<>();
      private final Map<Dir, String> paths = new HashMap<>();
      private final Map<Node, Long> wanted = new LinkedHashMap<>();
      private final Set<Dir> relocated = new HashSet<>();
      private final ArrayDeque<Dir> next = new ArrayDeque<>();
      private final Map<Dir, Integer> depths = new HashMap<>();

      Walk(Tree tree) {
        this.tree = tree;
      }

      void all() throws IOException {
        see(tree.root, "/", 0);
        while (!next.isEmpty()) {
          one(next.removeFirst());
        }
        for (var link : wanted.entrySet()) {
          Node from = link.getKey();
          Dir to = byPlace.get((link.getValue() + tree.base) * SECTOR);
          String path = path(from.in(), from.name());
          if (to == null || !relocated.remove(to)) {
            throw new MediumException(path, "is relocated to where no such directory is");
          }
          from.in()
              .children
              .put(
                  tree.key(from.name()),
                  new Node(from.name(), from.in(), from.id(), List.of(), false, to));
        }
        if (wanted.isEmpty()) {
          return;
        }
        // Relocation could tie a directory below itself.
        Set<Dir> seen = new HashSet<>();
        ArrayDeque<Dir> left = new ArrayDeque<>(List.of(tree.root));
        while (!left.isEmpty()) {
          Dir dir = left.removeFirst();
          if (!seen.add(dir)) {
            throw new MediumException(path(dir, ""), "is a directory below itself");
          }
          for (Node n : dir.children.values()) {
            if (n.dir() != null) {
              left.add(n.dir());
            }
          }
        }
      }

      private String path(Dir dir, String name) {
        String in = paths.getOrDefault(dir, "/");
        return in.equals("/") ? "/" + name : in + "/" + name;
      }

      private void see(Dir dir, String path, int depth) throws MediumException {
        if (depth > DEEPEST) {
          throw new MediumException(path, "is more than " + DEEPEST + " directories deep");
        }
        if (byPlace.putIfAbsent(dir.at, dir) != null) {
          throw new MediumException(path, "is a directory that the tree has already");
        }
        paths.put(dir, path);
        depths.put(dir, depth);
        tree.directories.add(dir);
        next.add(dir);
      }

      private void one(Dir dir) throws IOException {
        List<DirRecord> records = records(dir, paths.getOrDefault(dir, "/"));
        List<Extent> parts = new ArrayList<>();
        for (DirRecord record : records.subList(2, records.size())) {
          if (++entries > MOST_ENTRIES) {
            throw new MediumException("medium", "has more than " + MOST_ENTRIES + " files");
          }
          String plain = plainName(record);
          RockRidge rock =
              tree.kind == Tree.Kind.ROCK_RIDGE
                  ? RockRidge.of(record, tree.skip, bytes, tree.base, () -> path(dir, plain))
                  : new RockRidge(null, false, -1, false);
          String name = rock.name() == null ? plain : rock.name();
          if (name.isEmpty()
              || name.equals(".")
              || name.equals("..")
              || name.indexOf('/') >= 0
              || name.indexOf('\0') >= 0) {
            throw new MediumException(path(dir, name), "is no name for a file");
          }
          if (record.interleaved()) {
            throw new MediumException(path(dir, name), "is interleaved, which is not read here");
          }
          Node node;
          if (record.directory()) {
            String path = path(dir, name);
            Dir child = directory(dir, record.id(), tree.base, record.block(), record, path);
            see(child, path, depths.getOrDefault(dir, 0) + 1);
            node = new Node(name, dir, record.id(), List.of(), false, child);
            if (rock.relocated()) {
              relocated.add(child);
              continue; // seen where a CL field puts it
            }
          } else if (rock.childBlock() >= 0) {
            node = new Node(name, dir, record.id(), List.of(), false, null);
            wanted.put(node, rock.childBlock());
            continue;
          } else {
            tree.versions |= versioned(record);
            parts.add(extent(record, dir, name));
            if (record.more()) {
              continue;
            }
            node = new Node(name, dir, record.id(), List.copyOf(parts), rock.symlink(), null);
            parts.clear();
          }
          dir.children.putIfAbsent(tree.key(name), node); // the first counts, as for the kernel
        }
        if (!parts.isEmpty()) {
          throw new MediumException(path(dir, ""), "its last file is not complete");
        }
      }

      private Extent extent(DirRecord record, Dir dir, String name) throws MediumException {
        long at = (record.block() + tree.base + record.attributeBlocks()) * SECTOR;
        if (record.length() == 0) {
          return new Extent(0, 0); // what stands as its place means nothing
        }
        if (at + record.length() > bytes.size()) {
          throw new MediumException(path(dir, name), "lies past the end of the medium");
        }
        dataEnd = Math.max(dataEnd, at + record.length());
        if (tree.descriptorAt == (long) FIRST_DESCRIPTOR * SECTOR) {
          links.merge(at, 1, Integer::sum); // other trees name the same content once more
        }
        return new Extent(at, record.length());
      }

      /** Ends with {@code ;1}, in one byte a character or two. */
      private static boolean versioned(DirRecord record) {
        byte[] raw = record.raw();
        int end = DirRecord.HIDDEN_PART + Le.u8(raw, 32);
        return raw[end - 1] == '1'
            && (raw[end - 2] == ';' || (raw[end - 2] == 0 && raw[end - 3] == ';'));
      }

      private String plainName(DirRecord record) {
        if (tree.kind == Tree.Kind.JOLIET) {
          return withoutVersion(new String(record.id(), UCS2));
        }
        String name = withoutVersion(new String(record.id(), LATIN));
        return name.endsWith(".") && name.length() > 1
            ? name.substring(0, name.length() - 1)
            : name;
      }

      private static String withoutVersion(String name) {
        int at = name.length();
        while (at > 0 && name.charAt(at - 1) >= '0' && name.charAt(at - 1) <= '9') {
          at--;
        }
        return at > 1 && at < name.length() && name.charAt(at - 1) == ';'
            ? name.substring(0, at - 1)
            : name;
      }
    }
  }
}

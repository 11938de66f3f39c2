package io.millwright.media;

import io.millwright.media.Tree.Dir;
import io.millwright.media.Tree.Extent;
import io.millwright.media.Tree.Node;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What changes in one tree. Paths are those of the medium's best tree. */
final class TreeEdit {
  private final IsoImage iso;
  private final Tree tree;
  private final Appended appended;
  private final Map<Dir, EditDir> known = new LinkedHashMap<>();
  private final List<EditDir> made = new ArrayList<>();

  TreeEdit(IsoImage iso, Tree tree, Appended appended) {
    this.iso = iso;
    this.tree = tree;
    this.appended = appended;
  }

  /** A directory with its records as they will be. */
  private static final class EditDir {
    final @Nullable Dir old;
    final @Nullable EditDir parent;
    final byte[] id;
    final List<DirRecord> records;
    final Map<String, EditDir> made = new LinkedHashMap<>();
    long block;
    int sectors;
    boolean dirty;
    boolean moved;
    byte[] bytes = new byte[0];

    EditDir(
        @Nullable Dir old,
        @Nullable EditDir parent,
        byte[] id,
        List<DirRecord> records,
        long block,
        int sectors) {
      this.old = old;
      this.parent = parent;
      this.id = id;
      this.records = records;
      this.block = block;
      this.sectors = sectors;
    }
  }

  // ----------------------------------------------------------------------------------- finding

  private EditDir load(Dir dir) throws IOException {
    EditDir found = known.get(dir);
    if (found == null) {
      Dir parent = dir.parent;
      List<DirRecord> records =
          new ArrayList<>(DirRecord.parse(iso.bytes().bytes(dir.at, dir.length), "directory"));
      found =
          new EditDir(
              dir,
              parent == null ? null : load(parent),
              dir.id,
              records,
              dir.at / IsoImage.SECTOR - tree.base,
              dir.length / IsoImage.SECTOR);
      known.put(dir, found);
    }
    return found;
  }

  /**
   * The node of this tree that is the same as one of the best tree: it has the same name, or, where
   * this tree has shortened that, the same content.
   */
  private @Nullable Node same(Dir here, String name, @Nullable Node best) {
    Node named = here.children.get(tree.key(name));
    if (named != null || best == null) {
      return named;
    }
    long place = firstContent(best);
    if (place == 0) {
      String plain = withoutVersion(plainName(name, Set.of(), best.dir() != null));
      return here.children.get(tree.key(plain.replaceAll("\\.$", "")));
    }
    for (Node n : here.children.values()) {
      if ((n.dir() == null) == (best.dir() == null) && contains(n, place, best.dir() != null)) {
        return n;
      }
    }
    return null;
  }

  private static long firstContent(Node node) {
    Dir dir = node.dir();
    if (dir == null) {
      return node.extents().stream().mapToLong(Extent::at).findFirst().orElse(0);
    }
    return dir.children.values().stream()
        .mapToLong(TreeEdit::firstContent)
        .filter(at -> at > 0)
        .min()
        .orElse(0);
  }

  private static boolean contains(Node node, long place, boolean deep) {
    Dir dir = node.dir();
    return dir == null
        ? !node.extents().isEmpty() && node.extents().getFirst().at() == place
        : deep && dir.children.values().stream().anyMatch(n -> contains(n, place, true));
  }

  // ----------------------------------------------------------------------------------- changing

  void replace(List<String> path, Node old, long block, long length) throws IOException {
    Dir here = tree.root;
    Dir there = iso.best().root;
    for (String name : path.subList(0, path.size() - 1)) {
      Node best = there.children.get(iso.best().key(name));
      Node node = same(here, name, best);
      if (node == null || node.dir() == null || best == null || best.dir() == null) {
        return; // hidden from this tree
      }
      here = node.dir();
      there = best.dir();
    }
    Node node = same(here, path.getLast(), old);
    if (node == null || node.dir() != null) {
      return; // hidden from this tree
    }
    if (node.extents().size() != 1) {
      throw new MediumException("/" + String.join("/", path), "is larger than 4 GiB");
    }
    EditDir dir = load(node.in());
    for (int i = 2; i < dir.records.size(); i++) {
      if (Arrays.equals(dir.records.get(i).id(), node.id())) {
        dir.records.set(i, dir.records.get(i).at(block - tree.base, length));
        dir.dirty = true;
        return;
      }
    }
    throw new IllegalStateException("the index names a record that is not there");
  }

  void add(List<String> path, long block, long length) throws IOException {
    EditDir dir = load(tree.root);
    Dir there = iso.best().root;
    for (String name : path.subList(0, path.size() - 1)) {
      Node best = there == null ? null : there.children.get(iso.best().key(name));
      there = best == null ? null : best.dir();
      if (best != null && there == null) {
        throw new MediumException(
            "/" + String.join("/", path), "cannot be put where " + name + " is a file");
      }
      Node node = dir.old == null ? null : same(dir.old, name, best);
      EditDir next = dir.made.get(tree.key(name));
      if (node != null && node.dir() != null) {
        next = load(node.dir());
      } else if (next == null) {
        next = make(dir, name);
      }
      dir = next;
    }
    byte[] id = id(dir, path.getLast(), false);
    insert(dir, record(dir, id, path.getLast(), block - tree.base, length, false));
  }

  private EditDir make(EditDir parent, String name) throws IOException {
    byte[] id = id(parent, name, true);
    DirRecord template = parent.records.getFirst();
    byte[] fields =
        tree.kind == Tree.Kind.ROCK_RIDGE
            ? RockRidge.write(tree.skip, template, true, null)
            : new byte[0];
    List<DirRecord> records = new ArrayList<>();
    records.add(DirRecord.of(new byte[] {0}, 0, 0, true, template.date(), fields));
    records.add(DirRecord.of(new byte[] {1}, 0, 0, true, template.date(), fields));
    EditDir dir = new EditDir(null, parent, id, records, 0, 0);
    dir.dirty = true;
    parent.made.put(tree.key(name), dir);
    made.add(dir);
    insert(parent, record(parent, id, name, 0, 0, true));
    return dir;
  }

  private DirRecord record(
      EditDir dir, byte[] id, String name, long block, long length, boolean directory)
      throws MediumException {
    DirRecord template = dir.records.getFirst();
    byte[] fields =
        tree.kind == Tree.Kind.ROCK_RIDGE
            ? RockRidge.write(tree.skip, template, directory, name)
            : new byte[0];
    try {
      return DirRecord.of(id, block, length, directory, template.date(), fields);
    } catch (IllegalArgumentException e) {
      throw new MediumException(name, "is too long a name for a medium");
    }
  }

  /** ECMA-119 section 9.3: readers may search by bisection, so the order of the names is kept. */
  private void insert(EditDir dir, DirRecord record) {
    int at = 2;
    while (at < dir.records.size() && compare(dir.records.get(at).id(), record.id()) < 0) {
      at++;
    }
    dir.records.add(at, record);
    dir.dirty = true;
  }

  // -------------------------------------------------------------------------------------- names

  private byte[] id(EditDir dir, String name, boolean directory) {
    if (tree.kind == Tree.Kind.JOLIET) {
      String id = !directory && tree.versions ? name + ";1" : name;
      return id.getBytes(StandardCharsets.UTF_16BE);
    }
    Set<String> taken = new HashSet<>();
    for (DirRecord r : dir.records) {
      taken.add(withoutVersion(new String(r.id(), StandardCharsets.ISO_8859_1)));
    }
    return plainName(name, taken, directory).getBytes(StandardCharsets.US_ASCII);
  }

  /** The name in ECMA-119's characters, 8.3 at most; numbered where it is taken. */
  private String plainName(String name, Set<String> taken, boolean directory) {
    String upper = name.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9.]", "_");
    int dot = directory ? -1 : upper.lastIndexOf('.');
    String stem = (dot < 0 ? upper : upper.substring(0, dot)).replace('.', '_');
    String extension = dot < 0 ? "" : upper.substring(dot + 1);
    extension = extension.substring(0, Math.min(3, extension.length()));
    for (int n = 0; ; n++) {
      String number = n == 0 ? "" : Integer.toString(n);
      String out = stem.substring(0, Math.min(8 - number.length(), stem.length())) + number;
      if (!directory) {
        out += "." + extension;
      }
      if (!taken.contains(out)) {
        return !directory && tree.versions ? out + ";1" : out;
      }
    }
  }

  private static String withoutVersion(String id) {
    int at = id.indexOf(';');
    return at < 0 ? id : id.substring(0, at);
  }

  /** By name, then extension, the shorter filled with blanks; in units of one byte, or two. */
  private int compare(byte[] a, byte[] b) {
    int unit = tree.kind == Tree.Kind.JOLIET ? 2 : 1;
    String[] x = parts(a, unit);
    String[] y = parts(b, unit);
    for (int part = 0; part < 2; part++) {
      int length = Math.max(x[part].length(), y[part].length());
      for (int i = 0; i < length; i++) {
        int difference = at(x[part], i) - at(y[part], i);
        if (difference != 0) {
          return difference;
        }
      }
    }
    return 0;
  }

  private static char at(String text, int i) {
    return i < text.length() ? text.charAt(i) : ' ';
  }

  private static String[] parts(byte[] id, int unit) {
    String name =
        withoutVersion(
            new String(id, unit == 2 ? StandardCharsets.UTF_16BE : StandardCharsets.ISO_8859_1));
    int dot = name.indexOf('.');
    return dot < 0
        ? new String[] {name, ""}
        : new String[] {name.substring(0, dot), name.substring(dot + 1)};
  }

  // -------------------------------------------------------------------------------------- writing

  /** Gives every changed directory its place, and says so to everybody who must know. */
  void finish(Patch patch) throws IOException {
    List<EditDir> dirs = new ArrayList<>(known.values());
    dirs.addAll(made);
    boolean tables = false;
    for (EditDir dir : dirs) {
      int needed = dir.dirty ? DirRecord.sectors(dir.records) : 0;
      if (needed > dir.sectors) {
        dir.sectors = needed;
        dir.bytes = new byte[needed * IsoImage.SECTOR];
        dir.block = appended.add(dir.bytes) - tree.base;
        dir.moved = true;
        tables = true;
      }
    }
    for (EditDir dir : dirs) {
      if (dir.moved) {
        tellWhereItIs(dir, patch);
      }
    }
    if (tables) {
      pathTables(patch);
    }
    for (EditDir dir : known.values()) {
      write(dir, patch);
    }
    made.forEach(d -> fill(d));
  }

  private static void fill(EditDir dir) {
    byte[] bytes = DirRecord.write(dir.records, dir.sectors);
    System.arraycopy(bytes, 0, dir.bytes, 0, bytes.length);
  }

  private void write(EditDir dir, Patch patch) throws IOException {
    if (dir.moved) {
      fill(dir);
    } else if (dir.dirty) {
      patch.write(
          (dir.block + tree.base) * IsoImage.SECTOR, DirRecord.write(dir.records, dir.sectors));
    }
  }

  private void tellWhereItIs(EditDir dir, Patch patch) throws IOException {
    long length = (long) dir.sectors * IsoImage.SECTOR;
    set(dir, 0, dir.block, length);
    EditDir parent = dir.parent;
    if (parent == null) {
      set(dir, 1, dir.block, length);
      DirRecord root =
          new DirRecord(Arrays.copyOfRange(tree.descriptor, 156, 190)).at(dir.block, length);
      patch.write(tree.descriptorAt + 156, root.raw());
    } else {
      // A parent that moves as well tells its children itself.
      set(dir, 1, parent.block, (long) parent.sectors * IsoImage.SECTOR);
      for (int i = 2; i < parent.records.size(); i++) {
        if (parent.records.get(i).directory()
            && Arrays.equals(parent.records.get(i).id(), dir.id)) {
          set(parent, i, dir.block, length);
        }
      }
    }
    Dir old = dir.old;
    if (old == null) {
      return;
    }
    for (Dir child : tree.directories) {
      if (child.parent == old) {
        set(load(child), 1, dir.block, length);
      }
    }
    for (EditDir child : dir.made.values()) {
      set(child, 1, dir.block, length);
    }
  }

  private static void set(EditDir dir, int index, long block, long length) {
    dir.records.set(index, dir.records.get(index).at(block, length));
    dir.dirty = true;
  }

  /** One line of the path table; {@code parent} is null for the root. */
  private record Line(byte[] id, long block, @Nullable Object key, @Nullable Object parent) {}

  /** ECMA-119 sections 6.9 and 9.4: by depth, then by the parent's number, then by name. */
  private void pathTables(Patch patch) throws IOException {
    Map<Object, List<Line>> children = new LinkedHashMap<>();
    for (Dir d : tree.directories) {
      EditDir edited = known.get(d);
      long block = edited == null ? d.at / IsoImage.SECTOR - tree.base : edited.block;
      if (d.parent != null) {
        children
            .computeIfAbsent(d.parent, k -> new ArrayList<>())
            .add(new Line(d.id, block, d, d.parent));
      }
    }
    for (EditDir d : made) {
      EditDir parent = d.parent;
      Object key = parent == null ? tree.root : parent.old == null ? parent : parent.old;
      children.computeIfAbsent(key, k -> new ArrayList<>()).add(new Line(d.id, d.block, d, key));
    }
    List<Line> lines = new ArrayList<>();
    lines.add(new Line(new byte[] {0}, load(tree.root).block, tree.root, null));
    Map<Object, Integer> numbers = new LinkedHashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      Object key = lines.get(i).key();
      numbers.put(java.util.Objects.requireNonNull(key), i + 1);
      List<Line> below = new ArrayList<>(children.getOrDefault(key, List.of()));
      below.sort((a, b) -> compare(a.id(), b.id()));
      lines.addAll(below);
    }
    if (lines.size() > 0xffff) {
      throw new MediumException("path table", "has no room for more directories");
    }
    int size = lines.stream().mapToInt(l -> 8 + l.id().length + l.id().length % 2).sum();
    long old = Composer.sectors(Le.u32(tree.descriptor, 132));
    byte[] fields = patch.bytes(tree.descriptorAt + 132, 24);
    ByteBuffer big = ByteBuffer.wrap(fields);
    boolean fits = Composer.sectors(size) <= old;
    for (boolean little : new boolean[] {true, false}) {
      byte[] table = table(lines, numbers, size, little);
      long block = little ? Le.u32(fields, 8) : big.getInt(16) & 0xffff_ffffL;
      if (fits) {
        patch.write((block + tree.base) * IsoImage.SECTOR, table);
      } else {
        block = appended.add(table) - tree.base;
      }
      if (little) {
        Le.put32(fields, 8, block);
      } else {
        big.putInt(16, (int) block);
      }
    }
    Le.putBoth32(fields, 0, size);
    Le.put32(fields, 12, 0); // the optional copies are optional
    Le.put32(fields, 20, 0);
    patch.write(tree.descriptorAt + 132, fields);
  }

  private static byte[] table(
      List<Line> lines, Map<Object, Integer> numbers, int size, boolean little) {
    ByteBuffer out =
        ByteBuffer.allocate(size).order(little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    for (Line line : lines) {
      out.put((byte) line.id().length).put((byte) 0).putInt((int) line.block());
      out.putShort(
          (short) (line.parent() == null ? 1 : (int) numbers.getOrDefault(line.parent(), 1)));
      out.put(line.id());
      if (line.id().length % 2 == 1) {
        out.put((byte) 0);
      }
    }
    return out.array();
  }
}

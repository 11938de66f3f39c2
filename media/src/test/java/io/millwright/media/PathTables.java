package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Holds the path tables of a medium against its directories (ECMA-119 sections 6.9 and 9.4). Linux,
 * xorriso and isoinfo never look at them, so none of these is a judge of them; other systems do.
 */
final class PathTables {
  private PathTables() {}

  /** What one table says of one directory. */
  private record Line(List<Byte> id, long block, int parent) {}

  static void assertSound(ByteSource medium) throws IOException {
    IsoImage iso = IsoImage.read(medium);
    assertThat(iso.trees()).isNotEmpty();
    for (Tree tree : iso.trees()) {
      byte[] descriptor = medium.bytes(tree.descriptorAt, IsoImage.SECTOR);
      int size = (int) Le.u32(descriptor, 132);
      long little = Le.u32(descriptor, 140) + tree.base;
      long big = (ByteBuffer.wrap(descriptor).getInt(148) & 0xffff_ffffL) + tree.base;
      List<Line> lines =
          lines(medium.bytes(little * IsoImage.SECTOR, size), ByteOrder.LITTLE_ENDIAN);
      assertThat(lines(medium.bytes(big * IsoImage.SECTOR, size), ByteOrder.BIG_ENDIAN))
          .isEqualTo(lines);
      assertThat(lines).hasSameSizeAs(tree.directories);
      Set<Long> blocks = new HashSet<>();
      for (int i = 0; i < lines.size(); i++) {
        Line line = lines.get(i);
        List<DirRecord> records = directory(medium, tree, line.block());
        assertThat(records.get(0).block()).as("the directory's own place").isEqualTo(line.block());
        Line parent = lines.get(line.parent() - 1);
        // xorriso has each directory of a supplementary tree be its own parent.
        if (descriptor[0] == 1 || records.get(1).block() != line.block()) {
          assertThat(records.get(1).block()).as("its parent's place").isEqualTo(parent.block());
          assertThat(records.get(1).length())
              .as("its parent's length")
              .isEqualTo(directory(medium, tree, parent.block()).get(0).length());
        }
        assertThat(blocks.add(line.block())).isTrue();
        if (i == 0) {
          assertThat(line.parent()).isEqualTo(1);
          assertThat(Le.u32(descriptor, 158)).isEqualTo(line.block());
          assertThat(Le.u32(descriptor, 166)).isEqualTo(records.get(0).length());
        } else {
          assertThat(line.parent()).as("a parent comes before").isLessThanOrEqualTo(i);
          assertThat(line.parent())
              .as("in the parents' order")
              .isGreaterThanOrEqualTo(lines.get(i - 1).parent());
          assertThat(directory(medium, tree, parent.block()))
              .as("its record in the parent")
              .anyMatch(r ->
                  r.directory()
                      && r.block() == line.block()
                      && bytes(r.id()).equals(line.id())
                      && r.length() == records.get(0).length());
        }
      }
    }
  }

  private static List<DirRecord> directory(ByteSource medium, Tree tree, long block)
      throws IOException {
    long at = (block + tree.base) * IsoImage.SECTOR;
    byte[] first = medium.bytes(at, IsoImage.SECTOR);
    return DirRecord.parse(medium.bytes(at, (int) Le.u32(first, 10)), "directory");
  }

  private static List<Line> lines(byte[] table, ByteOrder order) {
    List<Line> out = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(table).order(order);
    while (in.hasRemaining()) {
      int length = in.get() & 0xff;
      in.get();
      long block = in.getInt() & 0xffff_ffffL;
      int parent = in.getShort() & 0xffff;
      byte[] id = new byte[length];
      in.get(id);
      if (length % 2 == 1) {
        in.get();
      }
      out.add(new Line(bytes(id), block, parent));
    }
    return out;
  }

  private static List<Byte> bytes(byte[] of) {
    List<Byte> out = new ArrayList<>();
    for (byte b : of) {
      out.add(b);
    }
    return out;
  }
}

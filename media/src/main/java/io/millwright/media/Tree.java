package io.millwright.media;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One of a medium's directory trees: they share the files' content, and each has its own names. */
final class Tree {
  /** Whose names. */
  enum Kind {
    /** ECMA-119's own, in capitals. */
    PLAIN,
    /** POSIX names beside the plain ones. */
    ROCK_RIDGE,
    /** Joliet's, in UCS-2. */
    JOLIET
  }

  final Kind kind;

  /** Block number 0 of this tree, in sectors from the medium's start. */
  final int base;

  /** Where its volume descriptor is, in bytes. */
  final long descriptorAt;

  final byte[] descriptor;

  /** Bytes to skip in each system use area; Rock Ridge only. */
  final int skip;

  final Dir root;

  /** Names of files end with {@code ;1}. */
  boolean versions;

  /** Every directory, in the order in which they are found on the medium: a parent first. */
  final List<Dir> directories = new ArrayList<>();

  Tree(Kind kind, int base, long descriptorAt, byte[] descriptor, int skip, Dir root) {
    this.kind = kind;
    this.base = base;
    this.descriptorAt = descriptorAt;
    this.descriptor = descriptor;
    this.skip = skip;
    this.root = root;
  }

  /** A directory; {@code parent} is where it physically is, which relocation may hide. */
  static final class Dir {
    final @Nullable Dir parent;
    final byte[] id;
    final long at;
    final int length;
    final Map<String, Node> children = new HashMap<>();

    Dir(@Nullable Dir parent, byte[] id, long at, int length) {
      this.parent = parent;
      this.id = id;
      this.at = at;
      this.length = length;
    }
  }

  /**
   * Something with a name.
   *
   * @param name as a user sees it
   * @param in the directory whose record it is
   * @param id its name in that record
   * @param extents where its content lies, one or more; of a directory none
   * @param dir what it is if it is a directory, else null
   */
  record Node(
      String name, Dir in, byte[] id, List<Extent> extents, boolean symlink, @Nullable Dir dir) {
    long length() {
      return extents.stream().mapToLong(Extent::length).sum();
    }
  }

  /** A range of the medium, in bytes. */
  record Extent(long at, long length) {}

  /** How names are compared in this tree. */
  String key(String name) {
    return kind == Kind.PLAIN ? name.toUpperCase(Locale.ROOT) : name;
  }

  /** What is at a path, or null. */
  @Nullable Node find(List<String> path) {
    Dir dir = root;
    Node node = null;
    for (String name : path) {
      if (dir == null) {
        return null;
      }
      node = dir.children.get(key(name));
      if (node == null) {
        return null;
      }
      dir = node.dir();
    }
    return node;
  }
}

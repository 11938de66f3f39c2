package io.millwright.media;

import java.util.ArrayList;
import java.util.List;

/** What is put in behind a filesystem, each thing at the start of a sector. */
final class Appended {
  private final List<Piece> pieces = new ArrayList<>();
  private final long start;
  private long length;

  /**
   * @param start where it begins on the medium, in bytes
   */
  Appended(long start) {
    this.start = start;
  }

  /** Appends it, and tells its first sector on the medium. */
  long add(List<Piece> content) {
    long block = (start + length) / IsoImage.SECTOR;
    long size = Piece.length(content);
    long padded = Composer.sectors(size) * IsoImage.SECTOR;
    pieces.addAll(content);
    pieces.add(Piece.of(ByteSource.zeros(padded - size)));
    length += padded;
    return block;
  }

  long add(byte[] content) {
    return add(List.of(Piece.of(content)));
  }

  long length() {
    return length;
  }

  List<Piece> pieces() {
    return pieces;
  }
}

package io.millwright.media;

import java.util.List;
import java.util.Objects;

/**
 * A range of a source.
 *
 * @param source where it lies
 * @param at its first byte there
 * @param length in bytes
 */
public record Piece(ByteSource source, long at, long length) {
  public Piece {
    Objects.checkFromIndexSize(at, length, source.size());
  }

  /** The whole of a source. */
  public static Piece of(ByteSource source) {
    return new Piece(source, 0, source.size());
  }

  /** These bytes. */
  public static Piece of(byte[] bytes) {
    return of(ByteSource.of(bytes));
  }

  static long length(List<Piece> pieces) {
    return pieces.stream().mapToLong(Piece::length).sum();
  }
}

package io.millwright.media;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/** A source put together from pieces of others. It holds no file of its own. */
public final class Composed implements ByteSource {
  private final Piece[] pieces;

  /** Where each piece begins, and at last where all end. */
  private final long[] starts;

  /** Pieces one after another; empty ones do no harm. */
  public Composed(List<Piece> pieces) {
    this.pieces = pieces.stream().filter(p -> p.length() > 0).toArray(Piece[]::new);
    this.starts = new long[this.pieces.length + 1];
    for (int i = 0; i < this.pieces.length; i++) {
      starts[i + 1] = Math.addExact(starts[i], this.pieces[i].length());
    }
  }

  @Override
  public long size() {
    return starts[pieces.length];
  }

  List<Piece> pieces() {
    return List.of(pieces);
  }

  private int pieceAt(long at) {
    int found = Arrays.binarySearch(starts, at);
    return found >= 0 ? found : -found - 2;
  }

  @Override
  public void read(long at, ByteBuffer into) throws IOException {
    Objects.checkFromIndexSize(at, (long) into.remaining(), size());
    int limit = into.limit();
    try {
      long place = at;
      for (int i = pieceAt(at); into.position() < limit; i++) {
        long within = place - starts[i];
        int count = (int) Math.min(limit - into.position(), pieces[i].length() - within);
        into.limit(into.position() + count);
        pieces[i].source().read(pieces[i].at() + within, into);
        place += count;
      }
    } finally {
      into.limit(limit);
    }
  }

  @Override
  public void transfer(long at, long count, WritableByteChannel to) throws IOException {
    Objects.checkFromIndexSize(at, count, size());
    long done = 0;
    for (int i = pieceAt(at); done < count; i++) {
      long within = at + done - starts[i];
      long part = Math.min(count - done, pieces[i].length() - within);
      pieces[i].source().transfer(pieces[i].at() + within, part, to);
      done += part;
    }
  }

  /**
   * Writes it out into a new file. What is the same as in {@code base} goes over in one piece,
   * which a filesystem that can share blocks does without copying; the rest is written over it.
   * After a failure the file is incomplete, and the caller's to remove.
   *
   * @param base the source that most of it comes from
   * @throws IOException if the file exists already, or cannot be written
   */
  public void writeTo(Path file, ByteSource base) throws IOException {
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      long same = 0;
      for (int i = 0; i < pieces.length; i++) {
        if (isSame(i, base)) {
          same = starts[i + 1];
        }
      }
      base.transfer(0, same, out);
      for (int i = 0; i < pieces.length; i++) {
        if (!isSame(i, base)) {
          out.position(starts[i]);
          pieces[i].source().transfer(pieces[i].at(), pieces[i].length(), out);
        }
      }
    }
  }

  private boolean isSame(int i, ByteSource base) {
    return pieces[i].source().equals(base) && pieces[i].at() == starts[i];
  }

  /**
   * A name for these bytes: of what is not in {@code base} all of them count, of that from where it
   * is.
   *
   * @param name one for the bytes of {@code base}, such as their checksum
   * @throws IOException if what is not in it cannot be read
   */
  public String tag(ByteSource base, String name) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(name.getBytes(StandardCharsets.UTF_8));
      for (Piece piece : pieces) {
        boolean known = piece.source().equals(base) || piece.source() instanceof Zeros;
        digest.update(
            ByteBuffer.allocate(1 + 2 * Long.BYTES)
                .put((byte) (piece.source().equals(base) ? 2 : known ? 1 : 0))
                .putLong(piece.source().equals(base) ? piece.at() : 0)
                .putLong(piece.length())
                .flip());
        if (!known) {
          new Composed(List.of(piece))
              .stream().transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Bytes that are neither ranges of {@code base} nor zeros: what this medium costs in memory. */
  public long own(ByteSource base) {
    return Arrays.stream(pieces)
        .filter(p -> !p.source().equals(base) && !(p.source() instanceof Zeros))
        .mapToLong(Piece::length)
        .sum();
  }
}

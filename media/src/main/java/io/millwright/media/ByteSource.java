package io.millwright.media;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;

/** Bytes of a known number that can be read at any place, by many threads at once. */
public interface ByteSource {
  /** How many bytes there are. */
  long size();

  /**
   * Fills {@code into}, beginning with the byte at {@code at}.
   *
   * @throws IOException if they cannot be read
   * @throws IndexOutOfBoundsException if so many are not there
   */
  void read(long at, ByteBuffer into) throws IOException;

  /**
   * Writes a range to a channel; from a file to a file or socket without passing through Java.
   *
   * @throws IOException if reading or writing fails; then a part may have been written
   */
  default void transfer(long at, long count, WritableByteChannel to) throws IOException {
    Objects.checkFromIndexSize(at, count, size());
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(count, 1 << 18));
    for (long done = 0; done < count; ) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), count - done));
      read(at + done, buffer);
      done += buffer.flip().limit();
      while (buffer.hasRemaining()) {
        to.write(buffer);
      }
    }
  }

  /** A range as an array. */
  default byte[] bytes(long at, int length) throws IOException {
    byte[] out = new byte[length];
    read(at, ByteBuffer.wrap(out));
    return out;
  }

  /** All of it from the start, for an upload. Not to be shared between threads. */
  default InputStream stream() {
    return new SourceStream(this);
  }

  /** These bytes; whoever passes the array does not change it afterwards. */
  static ByteSource of(byte[] bytes) {
    return new ByteSource() {
      @Override
      public long size() {
        return bytes.length;
      }

      @Override
      public void read(long at, ByteBuffer into) {
        Objects.checkFromIndexSize(at, into.remaining(), bytes.length);
        into.put(bytes, (int) at, into.remaining());
      }
    };
  }

  /** So many zero bytes, which take no memory. */
  static ByteSource zeros(long size) {
    return new Zeros(size);
  }
}

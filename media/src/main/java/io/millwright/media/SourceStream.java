package io.millwright.media;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;

/** A source from its first byte to its last. */
final class SourceStream extends InputStream {
  private final ByteSource source;
  private long at;

  SourceStream(ByteSource source) {
    this.source = source;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    long left = source.size() - at;
    if (left <= 0) {
      return -1;
    }
    int count = (int) Math.min(left, length);
    source.read(at, ByteBuffer.wrap(into, offset, count));
    at += count;
    return count;
  }

  @Override
  public long skip(long count) {
    long skipped = Math.clamp(count, 0, source.size() - at);
    at += skipped;
    return skipped;
  }

  @Override
  public int available() {
    return (int) Math.min(Integer.MAX_VALUE, source.size() - at);
  }

  @Override
  public long transferTo(OutputStream out) throws IOException {
    long count = source.size() - at;
    source.transfer(at, count, Channels.newChannel(out));
    at += count;
    return count;
  }
}

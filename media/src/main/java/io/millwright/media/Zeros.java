package io.millwright.media;

import java.nio.ByteBuffer;
import java.util.Objects;

/** Nothing but zero bytes. */
record Zeros(long size) implements ByteSource {
  @Override
  public void read(long at, ByteBuffer into) {
    Objects.checkFromIndexSize(at, (long) into.remaining(), size);
    into.put(new byte[into.remaining()]);
  }
}

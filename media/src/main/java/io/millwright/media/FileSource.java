package io.millwright.media;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * A file that does not change while it is open here.
 *
 * <p>An interrupt of one reading thread closes a {@link FileChannel} for all of them; so it is
 * opened again for the others.
 */
public final class FileSource implements ByteSource, AutoCloseable {
  private final Path path;
  private final long size;
  private volatile FileChannel channel;
  private volatile boolean closed;

  private FileSource(Path path, FileChannel channel) throws IOException {
    this.path = path;
    this.channel = channel;
    this.size = channel.size();
  }

  /**
   * Opens it for reading.
   *
   * @throws IOException if it is not there or cannot be read
   */
  public static FileSource open(Path path) throws IOException {
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      return new FileSource(path, channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long at, ByteBuffer into) throws IOException {
    Objects.checkFromIndexSize(at, (long) into.remaining(), size);
    int start = into.position();
    again(channel -> {
      into.position(start);
      while (into.hasRemaining()) {
        if (channel.read(into, at + into.position() - start) < 0) {
          throw new EOFException("the file became shorter while it was read");
        }
      }
    });
  }

  @Override
  public void transfer(long at, long count, WritableByteChannel to) throws IOException {
    Objects.checkFromIndexSize(at, count, size);
    long[] done = new long[1];
    again(channel -> {
      while (done[0] < count) {
        long sent = channel.transferTo(at + done[0], count - done[0], to);
        if (sent <= 0 && at + done[0] >= channel.size()) {
          throw new EOFException("the file became shorter while it was read");
        }
        done[0] += sent;
      }
    });
  }

  private interface Use {
    void with(FileChannel channel) throws IOException;
  }

  private void again(Use use) throws IOException {
    while (true) {
      FileChannel mine = channel;
      try {
        use.with(mine);
        return;
      } catch (ClosedByInterruptException e) {
        throw e; // it was this thread that was interrupted
      } catch (AsynchronousCloseException e) {
        reopen(mine);
      } catch (ClosedChannelException e) {
        if (mine.isOpen()) {
          throw e; // what we wrote to
        }
        reopen(mine);
      }
    }
  }

  private synchronized void reopen(FileChannel broken) throws IOException {
    if (closed || broken.isOpen()) {
      throw new ClosedChannelException();
    }
    if (channel == broken) {
      FileChannel fresh = FileChannel.open(path, StandardOpenOption.READ);
      if (fresh.size() != size) {
        fresh.close();
        throw new IOException("the file changed while it was read");
      }
      channel = fresh;
    }
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    channel.close();
  }
}

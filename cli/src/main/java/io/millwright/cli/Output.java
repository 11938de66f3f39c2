package io.millwright.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What a command prints, always in UTF-8: JSON is, whatever the locale says. It remembers why it
 * could not be written, which {@link PrintStream} does not, and knows whether anybody still reads.
 */
final class Output extends PrintStream {
  private static final int NOBODY = -1;

  /** POLLERR or POLLHUP. */
  private static final int LOST = 8 | 16;

  private final Kept to;
  private final int descriptor;

  /** For whom there is no other process to go away. */
  Output(OutputStream to) {
    this(new Kept(to), NOBODY);
  }

  private Output(Kept to, int descriptor) {
    super(to, false, StandardCharsets.UTF_8);
    this.to = to;
    this.descriptor = descriptor;
  }

  /** Standard output of this process. */
  static Output standard() {
    OutputStream file = new FileOutputStream(FileDescriptor.out);
    return new Output(new Kept(new BufferedOutputStream(file, 1 << 13)), 1);
  }

  /**
   * Why not all of it could be written, or null. A reader that had enough, as {@code head} has, is
   * no trouble.
   */
  @Nullable IOException trouble() {
    flush();
    return to.trouble == null || unread(0) ? null : to.trouble;
  }

  /** Does this once nobody reads any more: nothing may ever be written that would tell. */
  void onceUnread(Runnable then) {
    if (descriptor != NOBODY) {
      Thread.ofPlatform()
          .daemon()
          .name("reader")
          .start(() -> {
            if (unread(-1)) {
              then.run();
            }
          });
    }
  }

  /**
   * True if a pipe or a socket lost its other end.
   *
   * @param millis to wait for that; for ever if negative
   */
  private boolean unread(int millis) {
    Linker linker = Linker.nativeLinker();
    var poll =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("poll"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      // struct pollfd {int fd; short events; short revents;}; an error is told unasked.
      MemorySegment asked = arena.allocate(8, 4);
      asked.set(ValueLayout.JAVA_INT, 0, descriptor);
      return (int) poll.invokeExact(asked, 1L, millis) == 1
          && (asked.get(ValueLayout.JAVA_SHORT, 6) & LOST) != 0;
    } catch (Throwable e) { // what a method handle declares
      throw new IllegalStateException("poll(2) cannot be called", e);
    }
  }

  /** Keeps the first failure. */
  private static final class Kept extends FilterOutputStream {
    private volatile @Nullable IOException trouble;

    Kept(OutputStream to) {
      super(to);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      try {
        out.write(bytes, from, length);
      } catch (IOException e) {
        throw kept(e);
      }
    }

    @Override
    public void flush() throws IOException {
      try {
        out.flush();
      } catch (IOException e) {
        throw kept(e);
      }
    }

    private IOException kept(IOException e) {
      trouble = trouble == null ? e : trouble;
      return e;
    }
  }
}

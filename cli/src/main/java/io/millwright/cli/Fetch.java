package io.millwright.cli;

import io.millwright.client.Download;
import io.millwright.client.UnreachableException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Brings bytes into a file, which has its name only once it is whole. A connection that breaks is
 * made again, and the rest asked for, as long as something comes each time.
 */
final class Fetch {
  /** So often a connection may break without that anything came. */
  private static final int PATIENCE = 3;

  private static final Duration TELL = Duration.ofMillis(500);

  private final Shell shell;
  private final Path target;
  private final Path part;
  private Instant told = Instant.MIN;

  Fetch(Shell shell, Path target) {
    this.shell = shell;
    this.target = target;
    Path directory = target.toAbsolutePath().getParent();
    this.part =
        (directory == null ? Path.of("") : directory)
            .resolve("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
  }

  /** Asks for the bytes. */
  interface Source {
    /**
     * Asks.
     *
     * @param range as of HTTP, or null for all
     * @param etag what the range has to be of, or null
     */
    Download from(@Nullable String range, @Nullable String etag);
  }

  /** Brings them, and returns how many there are. */
  long by(Source source) {
    // An interrupt leaves nothing either.
    Thread interrupted = new Thread(() -> remove(part));
    Runtime.getRuntime().addShutdownHook(interrupted);
    try (FileChannel out =
        FileChannel.open(
            part,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      long size = all(source, out);
      out.force(true);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return size;
    } catch (IOException | UncheckedIOException e) {
      throw Failure.failed(Safe.line(target + "") + " cannot be written: " + e.getMessage());
    } finally {
      clear();
      remove(part);
      try {
        Runtime.getRuntime().removeShutdownHook(interrupted);
      } catch (IllegalStateException e) {
        // it runs already
      }
    }
  }

  private long all(Source source, FileChannel out) throws IOException {
    @Nullable String etag = null;
    long whole = -1;
    int broken = 0;
    while (true) {
      long before = out.position();
      String why = "the connection broke";
      try (Download download =
          source.from(before == 0 ? null : "bytes=" + before + "-", before == 0 ? null : etag)) {
        if (download.status() != 206) {
          out.truncate(0); // it is another one than before
          before = 0;
          whole = download.length();
        }
        etag = download.etag();
        copy(download.bytes(), out, whole);
        if (whole < 0 || out.position() == whole) {
          return out.position();
        }
      } catch (Write e) {
        throw e.cause();
      } catch (IOException e) {
        why = String.valueOf(e.getMessage());
      } catch (UnreachableException e) {
        if (before == 0) {
          throw e;
        }
        why = String.valueOf(e.getMessage());
      }
      broken = out.position() > before ? 0 : broken + 1;
      if (broken == PATIENCE || etag == null) {
        throw Failure.failed(
            "the connection broke after " + size(out.position()) + ", and again: " + why);
      }
    }
  }

  /** It is this side that fails; asking again does not help. */
  private static final class Write extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final IOException cause;

    Write(IOException cause) {
      super(cause);
      this.cause = cause;
    }

    IOException cause() {
      return cause;
    }
  }

  private void copy(InputStream in, FileChannel out, long whole) throws IOException {
    byte[] buffer = new byte[1 << 18];
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n);
      try {
        while (bytes.hasRemaining()) {
          out.write(bytes);
        }
        tell(out.position(), whole);
      } catch (IOException e) {
        throw new Write(e);
      }
    }
  }

  /** On a terminal, one line that is written again and again. */
  private void tell(long done, long whole) {
    Instant now = shell.clock().instant();
    if (shell.outTerminal() && (told.equals(Instant.MIN) || !now.isBefore(told.plus(TELL)))) {
      told = now;
      String of = whole > 0 ? " of " + size(whole) + ", " + 100 * done / whole + " %" : "";
      shell.err().print("\r\u001b[K" + size(done) + of);
      shell.err().flush();
    }
  }

  private void clear() {
    if (!told.equals(Instant.MIN)) {
      shell.err().print("\r\u001b[K");
      shell.err().flush();
    }
  }

  static String size(long bytes) {
    return bytes < 1 << 20
        ? (bytes + 1023) / 1024 + " KiB"
        : String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }

  private static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // It has a name by which one knows what it is.
    }
  }
}

package io.millwright.cli;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;

/** A file that is sent; on a terminal it says how far it is. */
final class Sent extends FilterInputStream {
  private static final Duration TELL = Duration.ofMillis(500);

  private final Shell shell;
  private final long size;
  private long done;
  private Instant told = Instant.MIN;

  Sent(Shell shell, Path file) throws IOException {
    super(Files.newInputStream(file));
    this.shell = shell;
    this.size = Files.size(file);
  }

  static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    int n = in.read(into, offset, length);
    done += Math.max(n, 0);
    Instant now = shell.clock().instant();
    if (shell.outTerminal() && (told.equals(Instant.MIN) || !now.isBefore(told.plus(TELL)))) {
      told = now;
      shell.err().print("\r\u001b[K" + Fetch.size(done) + " of " + Fetch.size(size) + " sent");
      shell.err().flush();
    }
    return n;
  }

  @Override
  public void close() throws IOException {
    if (!told.equals(Instant.MIN)) {
      shell.err().print("\r\u001b[K");
      shell.err().flush();
    }
    super.close();
  }
}

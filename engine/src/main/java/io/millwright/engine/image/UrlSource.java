package io.millwright.engine.image;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.media.ByteSource;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file behind a URL, read in parts: to see what a medium is, some MiB of several GiB are enough.
 * Not to be shared between threads.
 */
final class UrlSource implements ByteSource {
  private static final int BLOCK = 1 << 20;

  /** Directories of a sound medium stand together, and nobody shall fill the server's memory. */
  private static final int MOST_BLOCKS = 16;

  private static final Pattern RANGE = Pattern.compile("bytes [0-9]+-[0-9]+/([0-9]{1,18})");

  private final Url urls;
  private final String url;
  private final long size;
  private final boolean parts;

  /** Somebody waits for what this is; and a server that drips would be looked at for days. */
  private final long until;

  private final Map<Long, byte[]> blocks = new HashMap<>();

  /**
   * Asks for the first part. Of what comes whole only, nothing but its beginning can be read.
   *
   * @throws DriverException REFUSED if it may not be reached, is not there or is too large
   */
  UrlSource(Url urls, String url, ImageFiles.Limits limits) throws DriverException {
    this.urls = urls;
    this.url = url;
    this.until = System.nanoTime() + urls.silence().multipliedBy(2).toNanos();
    try (Url.Reply reply = urls.get(url, range(0))) {
      Matcher m = RANGE.matcher(reply.headers().getOrDefault("content-range", ""));
      this.parts = reply.status() == 206 && m.matches();
      this.size = parts ? Long.parseLong(m.group(1)) : reply.length() < 0 ? BLOCK : reply.length();
      limits.require(size);
      blocks.put(0L, block(reply, 0));
    } catch (IOException e) {
      throw broken(e);
    }
  }

  private DriverException broken(IOException e) {
    return new DriverException(
        FaultKind.UNREACHABLE,
        e instanceof SocketTimeoutException
            ? url + " comes too slowly to be looked at; try again, or send the file"
            : url + " broke off while it was looked at",
        String.valueOf(e),
        e);
  }

  private static String range(long block) {
    return "bytes=" + block * BLOCK + "-" + ((block + 1) * BLOCK - 1);
  }

  private byte[] block(Url.Reply reply, long block) throws IOException {
    int length = (int) Math.min(BLOCK, size - block * BLOCK);
    byte[] out = new byte[length];
    for (int done = 0; done < length; ) {
      int n = reply.body().read(out, done, length - done);
      if (n < 0) {
        throw new IOException("only " + done + " of " + length + " bytes came");
      }
      done += n;
      if (System.nanoTime() - until > 0) {
        throw new SocketTimeoutException("only " + done + " of " + length + " bytes came in time");
      }
    }
    return out;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long at, ByteBuffer into) throws IOException {
    Objects.checkFromIndexSize(at, (long) into.remaining(), size);
    for (long place = at; into.hasRemaining(); ) {
      byte[] block = block(place / BLOCK);
      int within = (int) (place % BLOCK);
      int count = Math.min(into.remaining(), block.length - within);
      into.put(block, within, count);
      place += count;
    }
  }

  private byte[] block(long number) throws IOException {
    byte[] known = blocks.get(number);
    if (known != null) {
      return known;
    }
    try {
      if (!parts || blocks.size() == MOST_BLOCKS) {
        throw new DriverException(
            FaultKind.REFUSED,
            url
                + " would have to be read whole to see what it is; give os and version (--os and"
                + " --release)");
      }
      try (Url.Reply reply = urls.get(url, range(number))) {
        byte[] fresh = block(reply, number);
        blocks.put(number, fresh);
        return fresh;
      } catch (IOException e) {
        throw broken(e);
      }
    } catch (DriverException e) {
      throw new IOException(e);
    }
  }
}

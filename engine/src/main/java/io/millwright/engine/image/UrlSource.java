package io.millwright.engine.image;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.media.ByteSource;
import java.io.IOException;
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

  /** Directories of a sound medium stand together. */
  private static final int MOST_BLOCKS = 64;

  private static final Pattern RANGE = Pattern.compile("bytes [0-9]+-[0-9]+/([0-9]{1,18})");

  private final Url urls;
  private final String url;
  private final long size;
  private final Map<Long, byte[]> blocks = new HashMap<>();

  /**
   * Asks for the first part.
   *
   * @throws DriverException REFUSED if it may not be reached, is not there or comes whole only
   */
  UrlSource(Url urls, String url) throws DriverException {
    this.urls = urls;
    this.url = url;
    try (Url.Reply reply = urls.get(url, range(0))) {
      Matcher m = RANGE.matcher(reply.headers().getOrDefault("content-range", ""));
      if (reply.status() != 206 || !m.matches()) {
        throw new DriverException(
            FaultKind.REFUSED,
            url + " is sent whole only, so what it is cannot be seen beforehand; give os, version");
      }
      this.size = Long.parseLong(m.group(1));
      blocks.put(0L, block(reply, 0));
    } catch (IOException e) {
      throw broken(e);
    }
  }

  private DriverException broken(IOException e) {
    return new DriverException(
        FaultKind.UNREACHABLE, url + " broke off while it was looked at", String.valueOf(e), e);
  }

  private static String range(long block) {
    return "bytes=" + block * BLOCK + "-" + ((block + 1) * BLOCK - 1);
  }

  private byte[] block(Url.Reply reply, long block) throws IOException {
    int length = (int) Math.min(BLOCK, size - block * BLOCK);
    byte[] out = reply.body().readNBytes(length);
    if (out.length < length) {
      throw new IOException("only " + out.length + " of " + length + " bytes came");
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
      if (blocks.size() == MOST_BLOCKS) {
        throw new DriverException(
            FaultKind.REFUSED,
            url + " would have to be read whole to see what it is; give os and version");
      }
      try (Url.Reply reply = urls.get(url, range(number))) {
        byte[] fresh = block(reply, number);
        blocks.put(number, fresh);
        return fresh;
      }
    } catch (DriverException e) {
      throw new IOException(e);
    }
  }
}

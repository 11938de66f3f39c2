package io.millwright.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that come as they are; whoever has it closes it.
 *
 * @param status 200 for all of them, 206 for a range
 * @param length how many come, or -1 if the server did not say
 * @param etag what they are the bytes of
 */
public record Download(
    int status, long length, @Nullable String etag, InputStream bytes, HttpURLConnection http)
    implements AutoCloseable {
  @Override
  public void close() throws IOException {
    http.disconnect(); // a body that is not wanted is not read to its end
  }
}

package io.millwright.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** Server-sent events, as they come. For one reader; {@link #close} may be called by anybody. */
public final class EventStream implements AutoCloseable {
  private final HttpURLConnection http;
  private final BufferedReader lines;
  private String lastId = "";
  private volatile boolean closed;

  EventStream(HttpURLConnection http, InputStream in) {
    this.http = http;
    this.lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
  }

  /**
   * The next event, or null at the end of the stream.
   *
   * @throws UnreachableException if the connection broke, or nothing came for so long that it must
   *     have
   */
  public @Nullable Event next() {
    String name = "message";
    StringBuilder data = new StringBuilder();
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isEmpty()) {
          if (!data.isEmpty()) {
            return new Event(name, lastId, Trees.read(data.toString()));
          }
          if (!name.equals("message")) {
            return new Event(name, lastId, Trees.read(""));
          }
          continue;
        }
        int colon = line.indexOf(':');
        String field = colon < 0 ? line : line.substring(0, colon);
        String value = colon < 0 ? "" : line.substring(colon + 1);
        value = value.startsWith(" ") ? value.substring(1) : value;
        switch (field) {
          case "event" -> name = value;
          case "id" -> lastId = value;
          case "data" -> data.append(data.isEmpty() ? "" : "\n").append(value);
          default -> {} // a comment that keeps the connection alive, or a field of the future
        }
      }
      return null;
    } catch (IOException e) {
      if (closed) {
        return null;
      }
      throw new UnreachableException("the stream of events broke off", e);
    } catch (JacksonException e) {
      throw new UnreachableException("the stream of events is no JSON", e);
    }
  }

  /** True once {@link #close} was called, which ends a {@link #next} that waits. */
  public boolean closed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
    // Closing the reader would wait for the lock that a blocked reader holds.
    http.disconnect();
  }
}

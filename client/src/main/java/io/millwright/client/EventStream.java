package io.millwright.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Server-sent events, as they come. For one reader; {@link #close} may be called by anybody.
 *
 * <p>A virtual thread asks and reads, because an interrupt ends what such a thread waits for; a
 * platform thread would notice the end of the command only when the server says something.
 */
public final class EventStream implements AutoCloseable {
  private static final int AHEAD = 64;

  private final BlockingQueue<Item> queue = new ArrayBlockingQueue<>(AHEAD);
  private final Thread reader;
  private boolean ended;
  private volatile boolean closed;

  /** What the reader found. */
  private sealed interface Item {
    record Found(Event event) implements Item {}

    record Trouble(RuntimeException why) implements Item {}

    record End() implements Item {}
  }

  /** Asks for the stream. */
  interface Source {
    InputStream open() throws IOException;
  }

  EventStream(Source source) {
    reader = Thread.ofVirtual().name("events").start(() -> read(source));
  }

  /**
   * The next event, or null at the end of the stream.
   *
   * @throws ApiException if the server refuses or fails
   * @throws UnreachableException if the connection broke, or nothing came for so long that it must
   *     have
   */
  public @Nullable Event next() {
    if (ended || closed) {
      return null;
    }
    Item item;
    try {
      item = queue.take();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      close();
      return null;
    }
    if (closed) {
      return null;
    }
    return switch (item) {
      case Item.Found found -> found.event();
      case Item.Trouble trouble -> {
        ended = true;
        throw trouble.why();
      }
      case Item.End _ -> {
        ended = true;
        yield null;
      }
    };
  }

  private void read(Source source) {
    try {
      queue.put(readAll(source));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed: nobody waits for more
    }
  }

  private Item readAll(Source source) throws InterruptedException {
    try (InputStream in = source.open();
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      events(lines);
      return new Item.End();
    } catch (IOException e) {
      return new Item.Trouble(new UnreachableException("the stream of events broke off", e));
    } catch (JacksonException e) {
      return new Item.Trouble(new UnreachableException("the stream of events is no JSON", e));
    } catch (RuntimeException e) {
      return new Item.Trouble(e);
    }
  }

  private void events(BufferedReader lines) throws IOException, InterruptedException {
    String name = "message";
    String id = "";
    StringBuilder data = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.isEmpty()) {
        if (!data.isEmpty() || !name.equals("message")) {
          queue.put(new Item.Found(new Event(name, id, Trees.read(data.toString()))));
        }
        name = "message";
        data.setLength(0);
        continue;
      }
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1);
      value = value.startsWith(" ") ? value.substring(1) : value;
      switch (field) {
        case "event" -> name = value;
        case "id" -> id = value;
        case "data" -> data.append(data.isEmpty() ? "" : "\n").append(value);
        default -> {} // a comment that keeps the connection alive, or a field of the future
      }
    }
  }

  /** Ends a {@link #next} that waits. */
  @Override
  public void close() {
    closed = true;
    reader.interrupt();
    // Room for the one item that wakes up whoever waits; if others fill it, those do.
    queue.clear();
    var unused = queue.offer(new Item.End());
  }
}

package io.millwright.bench;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import javax.net.SocketFactory;

/**
 * Counts what is sent to PostgreSQL, on the wire: nothing of what is measured has to know of it.
 * The JDBC driver takes it by the URL's parameter {@code socketFactory}.
 */
public final class Wire extends SocketFactory {
  /**
   * To be added to the URL of an embedded PostgreSQL, which has parameters already; what is
   * encrypted cannot be counted.
   */
  static final String PARAMETERS =
      "&sslmode=disable&gssEncMode=disable&socketFactory=" + Wire.class.getName();

  private static final LongAdder STATEMENTS = new LongAdder();
  private static final LongAdder ROUND_TRIPS = new LongAdder();
  private static final Map<String, LongAdder> BY_TEXT = new ConcurrentHashMap<>();

  public Wire() {}

  /**
   * How much was sent until now.
   *
   * @param statements without BEGIN and COMMIT, which travel with others or are counted as trips
   * @param roundTrips how often an answer was waited for
   */
  record Count(long statements, long roundTrips) {
    Count since(Count before) {
      return new Count(statements - before.statements, roundTrips - before.roundTrips);
    }
  }

  static Count count() {
    return new Count(STATEMENTS.sum(), ROUND_TRIPS.sum());
  }

  /** How often each statement was sent since the last {@link #forget}, the most frequent first. */
  static List<String> texts(int machines) {
    List<Map.Entry<String, LongAdder>> all = new ArrayList<>(BY_TEXT.entrySet());
    all.sort((a, b) -> Long.compare(b.getValue().sum(), a.getValue().sum()));
    return all.stream()
        .map(e -> "%8.2f  %s".formatted((double) e.getValue().sum() / machines, e.getKey()))
        .toList();
  }

  static void forget() {
    BY_TEXT.clear();
  }

  @Override
  public Socket createSocket() {
    return new Socket() {
      @Override
      public OutputStream getOutputStream() throws IOException {
        return new Listening(super.getOutputStream());
      }
    };
  }

  @Override
  public Socket createSocket(String host, int port) {
    throw new UnsupportedOperationException("the JDBC driver connects by itself");
  }

  @Override
  public Socket createSocket(String host, int port, InetAddress local, int localPort) {
    return createSocket(host, port);
  }

  @Override
  public Socket createSocket(InetAddress host, int port) {
    return createSocket("", port);
  }

  @Override
  public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) {
    return createSocket(host, port);
  }

  /**
   * Reads the frontend's messages as they pass: a byte of type, four of length, and the content.
   */
  private static final class Listening extends FilterOutputStream {
    private final Map<String, String> prepared = new HashMap<>();
    private byte[] kept = new byte[8192];
    private int length;
    private boolean started; // the first message has no type

    Listening(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      out.write(bytes, from, count);
      if (length + count > kept.length) {
        kept = java.util.Arrays.copyOf(kept, Math.max(2 * kept.length, length + count));
      }
      System.arraycopy(bytes, from, kept, length, count);
      length += count;
      int at = 0;
      while (true) {
        int head = started ? 1 : 0;
        if (length - at < head + 4) {
          break;
        }
        int size = head + number(at + head);
        if (length - at < size) {
          break;
        }
        if (started) {
          message((char) kept[at], at + 5);
        }
        started = true;
        at += size;
      }
      System.arraycopy(kept, at, kept, 0, length - at);
      length -= at;
    }

    private int number(int at) {
      return (kept[at] & 0xff) << 24
          | (kept[at + 1] & 0xff) << 16
          | (kept[at + 2] & 0xff) << 8
          | kept[at + 3] & 0xff;
    }

    private void message(char type, int at) {
      switch (type) {
        case 'S' -> ROUND_TRIPS.increment();
        case 'Q' -> {
          ROUND_TRIPS.increment();
          statement(text(at));
        }
        case 'P' -> {
          String name = text(at);
          prepared.put(name, text(at + name.length() + 1));
        }
        case 'B' -> {
          String portal = text(at);
          statement(prepared.getOrDefault(text(at + portal.length() + 1), "?"));
        }
        default -> {}
      }
    }

    private String text(int at) {
      int end = at;
      while (kept[end] != 0) {
        end++;
      }
      return new String(kept, at, end - at, StandardCharsets.UTF_8);
    }

    private static void statement(String sql) {
      if (sql.startsWith("BEGIN") || sql.equals("COMMIT") || sql.equals("ROLLBACK")) {
        return;
      }
      STATEMENTS.increment();
      // What is read of a resource is long and the same everywhere; what tells is behind it.
      String line =
          sql.strip().replaceAll("\\s+", " ").replaceFirst("r\\.\\*, .* AS expires_at", "r.*");
      BY_TEXT
          .computeIfAbsent(line.substring(0, Math.min(150, line.length())), t -> new LongAdder())
          .increment();
    }
  }
}

package io.millwright.media;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Serves media over HTTP/1.1 (RFC 9110, RFC 9112), whole or by single ranges: what QEMU, a BMC or a
 * browser asks for. GET and HEAD at paths that were given out here, and nothing else.
 *
 * <p>Not the JDK's own server: that one writes through Java's heap, and its limit on the time of an
 * answer, which the door for reports needs, counts for the whole process and would cut a medium
 * off. A range of a file goes to the socket by {@code FileChannel.transferTo}, which needs a
 * platform thread: from a virtual one it was seen to end too early.
 *
 * <p>A path is a secret of 192 bits. It lives until it expires, is taken back, or, if it is for one
 * download, until a whole medium was sent by it once.
 */
public final class RangeServer implements AutoCloseable {
  private static final int MOST_CONNECTIONS = 512;
  private static final int LONGEST_HEAD = 16 << 10;
  private static final Duration IDLE = Duration.ofSeconds(60);
  private static final long CHUNK = 8 << 20;
  private static final Pattern REQUEST = Pattern.compile("([A-Z]+) (/[!-~]*) HTTP/1\\.([01])");
  private static final Pattern RANGE = Pattern.compile("bytes=([0-9]{0,18})-([0-9]{0,18})");

  private final ServerSocketChannel listening;
  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, Ticket> tickets = new ConcurrentHashMap<>();
  private final Set<Connection> open = ConcurrentHashMap.newKeySet();
  private final Semaphore places = new Semaphore(MOST_CONNECTIONS);

  private RangeServer(ServerSocketChannel listening, InstantSource clock) {
    this.listening = listening;
    this.clock = clock;
  }

  /** What a path is for. */
  public enum Use {
    /** A drive that reads here and there for as long as the path lives. */
    DRIVE,
    /** One download: over once everything was sent in one answer, or the last byte by ranges. */
    DOWNLOAD
  }

  private record Ticket(ByteSource medium, Instant until, Use use) {}

  /**
   * Listens.
   *
   * @param at address and port; port 0 takes a free one
   * @param clock by which paths expire
   */
  public static RangeServer open(InetSocketAddress at, InstantSource clock) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open();
    try {
      channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      channel.bind(at, MOST_CONNECTIONS);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    RangeServer server = new RangeServer(channel, clock);
    Thread.ofPlatform().daemon().name("media-accept").start(server::accept);
    return server;
  }

  /** The port that it listens on. */
  public int port() {
    return listening.socket().getLocalPort();
  }

  /**
   * A path by which a medium can be had, for example {@code /media/…/machine.iso}.
   *
   * @param name how a download is called: letters, digits, dots and dashes
   */
  public String offer(ByteSource medium, String name, Duration lifetime, Use use) {
    if (!name.matches("[A-Za-z0-9][-A-Za-z0-9_.]{0,100}")) {
      throw new IllegalArgumentException("no name for a download");
    }
    Instant now = clock.instant();
    forgetExpired(now);
    byte[] secret = new byte[24];
    random.nextBytes(secret);
    String path =
        "/media/" + Base64.getUrlEncoder().withoutPadding().encodeToString(secret) + "/" + name;
    tickets.put(path, new Ticket(medium, now.plus(lifetime), use));
    return path;
  }

  /** Takes a path back, and ends what is being sent by it. */
  public void withdraw(String path) {
    Ticket ticket = tickets.remove(path);
    if (ticket != null) {
      cut(ticket);
    }
  }

  /** Somebody who takes nothing of what is sent would hold a thread for ever. */
  private void cut(Ticket ticket) {
    for (Connection c : open) {
      if (c.sending == ticket) {
        c.end();
      }
    }
  }

  /** How many paths are given out and have not expired. */
  public int offered() {
    forgetExpired(clock.instant());
    return tickets.size();
  }

  private void forgetExpired(Instant now) {
    Iterator<Ticket> all = tickets.values().iterator();
    while (all.hasNext()) {
      Ticket ticket = all.next();
      if (!ticket.until().isAfter(now)) {
        all.remove();
        cut(ticket);
      }
    }
  }

  private @Nullable Ticket ticket(String path) {
    Ticket ticket = tickets.get(path);
    return ticket != null && ticket.until().isAfter(clock.instant()) ? ticket : null;
  }

  private void accept() {
    while (listening.isOpen()) {
      try {
        SocketChannel socket = listening.accept();
        forgetExpired(clock.instant());
        if (!places.tryAcquire()) {
          socket.close();
          continue;
        }
        Connection connection = new Connection(socket);
        open.add(connection);
        Thread.ofPlatform().daemon().name("media-send").start(connection);
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException | OutOfMemoryError e) {
        LockSupport.parkNanos(50_000_000); // out of files or threads: others will end
      }
    }
  }

  @Override
  public void close() throws IOException {
    listening.close();
    open.forEach(Connection::end);
  }

  /** Why a request is not answered with bytes. */
  private static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;
    private final String status;

    Refused(String status) {
      super(status, null, false, false);
      this.status = status;
    }
  }

  private record Request(boolean head, String path, boolean keep, @Nullable String range) {}

  private final class Connection implements Runnable {
    private final SocketChannel socket;
    private volatile @Nullable Ticket sending;

    Connection(SocketChannel socket) {
      this.socket = socket;
    }

    void end() {
      try {
        socket.close();
      } catch (IOException e) {
        // It is of no more use either way.
      }
    }

    @Override
    public void run() {
      try (socket) {
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        socket.socket().setSoTimeout((int) IDLE.toMillis());
        InputStream in = new BufferedInputStream(socket.socket().getInputStream());
        boolean more = true;
        while (more) {
          try {
            Request request = read(in);
            more = request != null && answer(request);
          } catch (Refused e) {
            write("HTTP/1.1 " + e.status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            more = false;
          }
        }
      } catch (IOException e) {
        // The other side went, was silent for too long, or the path was taken back.
      } finally {
        open.remove(this);
        places.release();
      }
    }

    /** The next request's head; null if there is none. */
    private @Nullable Request read(InputStream in) throws IOException, Refused {
      ByteArrayOutputStream head = new ByteArrayOutputStream();
      int ends = 0;
      while (ends < 2) {
        int c = in.read();
        if (c < 0) {
          return null;
        }
        ends = c == '\n' ? ends + 1 : c == '\r' ? ends : 0;
        head.write(c);
        if (head.size() > LONGEST_HEAD) {
          throw new Refused("431 Request Header Fields Too Large");
        }
      }
      String[] lines = head.toString(StandardCharsets.ISO_8859_1).split("\r?\n");
      Matcher first = REQUEST.matcher(lines.length == 0 ? "" : lines[0]);
      if (!first.matches()) {
        throw new Refused("400 Bad Request");
      }
      Map<String, String> fields = new HashMap<>();
      for (int i = 1; i < lines.length; i++) {
        int colon = lines[i].indexOf(':');
        if (colon <= 0) {
          throw new Refused("400 Bad Request");
        }
        String name = lines[i].substring(0, colon).toLowerCase(java.util.Locale.ROOT);
        fields.put(name, lines[i].substring(colon + 1).strip());
      }
      String method = first.group(1);
      if (!method.equals("GET") && !method.equals("HEAD")) {
        throw new Refused("405 Method Not Allowed");
      }
      if (fields.containsKey("transfer-encoding")
          || !fields.getOrDefault("content-length", "0").equals("0")) {
        throw new Refused("400 Bad Request"); // what followed would be taken for a request
      }
      boolean keep =
          first.group(3).equals("1")
              && !"close".equalsIgnoreCase(fields.getOrDefault("connection", ""));
      return new Request(method.equals("HEAD"), first.group(2), keep, fields.get("range"));
    }

    /** Returns whether the connection goes on. */
    private boolean answer(Request request) throws IOException, Refused {
      Ticket ticket = ticket(request.path());
      if (ticket == null) {
        throw new Refused("404 Not Found");
      }
      long size = ticket.medium().size();
      long from = 0;
      long to = size;
      Matcher range = RANGE.matcher(request.range() == null ? "" : request.range());
      boolean partial = range.matches() && !(range.group(1) + range.group(2)).isEmpty();
      if (partial) {
        if (range.group(1).isEmpty()) {
          from = Math.max(0, size - Long.parseLong(range.group(2)));
        } else {
          from = Long.parseLong(range.group(1));
          if (!range.group(2).isEmpty()) {
            to = Math.min(size, Long.parseLong(range.group(2)) + 1);
          }
        }
        if (from >= to) {
          write(
              "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */"
                  + size
                  + "\r\nContent-Length: 0\r\n\r\n");
          return request.keep();
        }
      }
      String name = request.path().substring(request.path().lastIndexOf('/') + 1);
      write(
          (partial
                  ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n"
                      .formatted(from, to - 1, size)
                  : "HTTP/1.1 200 OK\r\n")
              + "Content-Length: "
              + (to - from)
              + "\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
              + "Content-Disposition: attachment; filename=\""
              + name
              + "\"\r\nCache-Control: no-store\r\n"
              + (request.keep() ? "" : "Connection: close\r\n")
              + "\r\n");
      if (!request.head()) {
        sending = ticket;
        try {
          send(request.path(), ticket, from, to);
        } finally {
          sending = null;
        }
        if (ticket.use() == Use.DOWNLOAD && to == size) {
          tickets.remove(request.path(), ticket);
        }
      }
      return request.keep();
    }

    private void send(String path, Ticket ticket, long from, long to) throws IOException {
      for (long at = from; at < to; at += CHUNK) {
        if (ticket(path) != ticket) {
          throw new IOException("the path is no longer given out");
        }
        ticket.medium().transfer(at, Math.min(CHUNK, to - at), socket);
      }
    }

    private void write(String head) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(head.getBytes(StandardCharsets.ISO_8859_1));
      while (bytes.hasRemaining()) {
        socket.write(bytes);
      }
    }
  }
}

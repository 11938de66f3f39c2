package io.millwright.engine.image;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.engine.outside.Reach;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * What is behind a URL, read by HTTP/1.1 (RFC 9112).
 *
 * <p>Not by the JDK's client, because {@link Reach} has to look at the very address that is
 * connected to, for each redirect anew.
 */
final class Url {
  private static final int REDIRECTS = 5;
  private static final int LONGEST_LINE = 8192;
  private static final int MOST_LINES = 100;
  private static final Duration CONNECT = Duration.ofSeconds(20);

  private final Reach reach;
  private final Duration silence;

  /**
   * @param silence after which a server that says nothing is given up
   */
  Url(Reach reach, Duration silence) {
    this.reach = reach;
    this.silence = silence;
  }

  /** After which a server that says nothing is given up. */
  Duration silence() {
    return silence;
  }

  /**
   * An answer; whoever has it closes it, which ends the connection.
   *
   * @param length of the body, or -1 if the server does not say
   * @param bounded whether the body's end is told, so that one that breaks off is seen
   */
  record Reply(
      int status, Map<String, String> headers, long length, boolean bounded, InputStream body)
      implements Closeable {
    @Override
    public void close() throws IOException {
      body.close();
    }
  }

  /**
   * Asks for it, or for a part of it.
   *
   * @param range as of HTTP, or null for all
   * @throws DriverException REFUSED if it may not be reached or is not there; UNREACHABLE if it
   *     cannot be reached just now
   */
  Reply get(String url, @Nullable String range) throws DriverException {
    URI at = URI.create(url);
    try {
      for (int i = 0; i <= REDIRECTS; i++) {
        Reply reply = ask(at, range);
        String next = reply.headers().get("location");
        if (reply.status() / 100 != 3 || next == null) {
          return judged(url, reply);
        }
        reply.close();
        at = redirected(at, next);
      }
      throw new DriverException(
          FaultKind.REFUSED, url + " leads on and on: more than " + REDIRECTS + " redirects");
    } catch (Reach.RefusedException e) {
      throw new DriverException(FaultKind.REFUSED, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.UNREACHABLE, url + " could not be reached" + why(e), String.valueOf(e), e);
    }
  }

  private static String why(IOException e) {
    return switch (e) {
      case UnknownHostException _ -> ": there is no such host";
      case SSLException _ -> ": its certificate is not trusted here";
      case SocketTimeoutException _ -> ": it answers too slowly";
      default -> "";
    };
  }

  private static Reply judged(String url, Reply reply) throws IOException, DriverException {
    if (reply.status() == 200 || reply.status() == 206) {
      return reply;
    }
    reply.close();
    throw new DriverException(
        reply.status() >= 500 ? FaultKind.UNREACHABLE : FaultKind.REFUSED,
        url + " answered " + reply.status());
  }

  private static URI redirected(URI from, String to) throws DriverException {
    URI next;
    try {
      next = from.resolve(to);
    } catch (IllegalArgumentException e) {
      next = URI.create("none:/");
    }
    boolean secure = "https".equalsIgnoreCase(next.getScheme());
    if ((!secure && !"http".equalsIgnoreCase(next.getScheme())) || next.getHost() == null) {
      throw new DriverException(FaultKind.REFUSED, from + " redirects to what is no http or https");
    }
    if (!secure && "https".equalsIgnoreCase(from.getScheme())) {
      throw new DriverException(
          FaultKind.REFUSED, from + " redirects from https to http, where anybody could answer");
    }
    return next;
  }

  private Reply ask(URI url, @Nullable String range) throws IOException {
    Socket socket = reach.connect(url, CONNECT);
    try {
      socket.setSoTimeout((int) silence.toMillis());
      String path = url.getRawPath() == null || url.getRawPath().isEmpty() ? "/" : url.getRawPath();
      String query = url.getRawQuery() == null ? "" : "?" + url.getRawQuery();
      String port = url.getPort() < 0 ? "" : ":" + url.getPort();
      String request =
          "GET "
              + path
              + query
              + " HTTP/1.1\r\nHost: "
              + url.getHost()
              + port
              + "\r\nUser-Agent: millwright\r\nAccept: */*\r\nConnection: close\r\n"
              + (range == null ? "" : "Range: " + range + "\r\n")
              + "\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      return reply(socket, silence);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private static Reply reply(Socket socket, Duration silence) throws IOException {
    InputStream in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
    long until = System.nanoTime() + silence.toNanos();
    while (true) {
      String[] status = line(in, until).split(" ", 3);
      if (status.length < 2 || !status[0].startsWith("HTTP/1.") || !status[1].matches("[0-9]{3}")) {
        throw new IOException("what answers is no HTTP server");
      }
      Map<String, String> headers = new HashMap<>();
      for (String line = line(in, until); !line.isEmpty(); line = line(in, until)) {
        int colon = line.indexOf(':');
        if (colon < 1 || headers.size() == MOST_LINES) {
          throw new IOException("what answers is no HTTP server");
        }
        headers.put(
            line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
      }
      int code = Integer.parseInt(status[1]);
      if (code >= 200) {
        return reply(socket, code, headers, in, silence);
      }
    }
  }

  private static Reply reply(
      Socket socket, int code, Map<String, String> headers, InputStream in, Duration silence)
      throws IOException {
    boolean chunked = "chunked".equalsIgnoreCase(headers.get("transfer-encoding"));
    String told = headers.getOrDefault("content-length", "");
    if (!told.isEmpty() && !told.matches("[0-9]{1,18}")) {
      throw new IOException("its Content-Length is no number");
    }
    long length = chunked || told.isEmpty() ? -1 : Long.parseLong(told);
    InputStream body =
        chunked ? new Chunks(in, silence) : length < 0 ? in : new Counted(in, length);
    return new Reply(
        code,
        Map.copyOf(headers),
        length,
        chunked || length >= 0,
        new FilterInputStream(body) {
          @Override
          public void close() throws IOException {
            socket.close(); // which ends a read in another thread, too
          }
        });
  }

  /**
   * A line that is there by then: a server that sends a letter now and then is never silent, and
   * would be waited for as long as it likes.
   */
  private static String line(InputStream in, long until) throws IOException {
    StringBuilder out = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new EOFException("the connection ended within the answer's head");
      }
      if (out.length() == LONGEST_LINE) {
        throw new IOException("the answer's head is too long");
      }
      if (System.nanoTime() - until > 0) {
        throw new SocketTimeoutException("a line comes too slowly");
      }
      if (c != '\r') {
        out.append((char) c);
      }
    }
    return out.toString();
  }

  /** So many bytes and no more; fewer show as the end, and whoever counts sees it. */
  private static final class Counted extends FilterInputStream {
    private long left;

    Counted(InputStream in, long length) {
      super(in);
      this.left = length;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      int n = left == 0 ? -1 : in.read(into, offset, (int) Math.min(length, left));
      left -= Math.max(n, 0);
      return n;
    }
  }

  /** RFC 9112, 7.1. */
  private static final class Chunks extends InputStream {
    private final InputStream in;
    private final Duration silence;
    private long left;
    private boolean first = true;
    private boolean ended;

    Chunks(InputStream in, Duration silence) {
      this.in = in;
      this.silence = silence;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      if (left == 0 && !ended) {
        next();
      }
      if (ended) {
        return -1;
      }
      int n = in.read(into, offset, (int) Math.min(length, left));
      if (n < 0) {
        throw new EOFException("the connection ended within a chunk");
      }
      left -= n;
      return n;
    }

    private void next() throws IOException {
      long until = System.nanoTime() + silence.toNanos();
      if (!first) {
        line(in, until);
      }
      first = false;
      String size = line(in, until).split(";", 2)[0].strip();
      if (!size.matches("[0-9a-fA-F]{1,15}")) {
        throw new IOException("a chunk has no length");
      }
      left = Long.parseLong(size, 16);
      ended = left == 0;
    }
  }
}

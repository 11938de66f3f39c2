package io.millwright.bench;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.LongStream;

/**
 * Asks one path again and again, on connections that stay open; as little as a client can be, for
 * it shares the cores with the server.
 *
 * <p>A {@code %d} in the path is a random number below N.
 */
public final class Http {
  private Http() {}

  /**
   * {@code URL-PATTERN TOKEN N CONNECTIONS SECONDS}; prints requests a second and the median
   * latency in milliseconds.
   */
  public static void main(String[] arguments) throws Exception {
    String pattern = arguments[0];
    URI at = URI.create(pattern.replaceAll("%.?[0-9]*d", "0"));
    int below = Integer.parseInt(arguments[2]);
    int connections = Integer.parseInt(arguments[3]);
    double seconds = Double.parseDouble(arguments[4]);
    String path = pattern.substring(pattern.indexOf('/', "http://".length()));
    List<Thread> threads = new ArrayList<>();
    List<LongStream> times = new ArrayList<>();
    List<Exception> failures = new ArrayList<>();
    long begun = System.nanoTime();
    for (int i = 0; i < connections; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  LongStream own =
                      ask(at, path, arguments[1], below, begun + (long) (seconds * 1e9));
                  synchronized (times) {
                    times.add(own);
                  }
                } catch (IOException e) {
                  synchronized (times) {
                    failures.add(e);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      throw failures.getFirst();
    }
    double took = (System.nanoTime() - begun) / 1e9;
    long[] all = times.stream().flatMapToLong(s -> s).sorted().toArray();
    System.out.printf(Locale.ROOT, "%.1f %.3f%n", all.length / took, all[all.length / 2] / 1e6);
  }

  private static LongStream ask(URI at, String pattern, String token, int below, long until)
      throws IOException {
    LongStream.Builder times = LongStream.builder();
    while (System.nanoTime() < until) {
      connected(at, pattern, token, below, until, times);
    }
    return times.build();
  }

  /** On one connection, until the server closes it as it does now and then, or the time is over. */
  private static void connected(
      URI at, String pattern, String token, int below, long until, LongStream.Builder times)
      throws IOException {
    try (Socket socket = new Socket(at.getHost(), at.getPort());
        InputStream in = new BufferedInputStream(socket.getInputStream(), 1 << 16)) {
      socket.setTcpNoDelay(true);
      boolean open = true;
      while (open) {
        long begun = System.nanoTime();
        if (begun > until) {
          return;
        }
        String path =
            pattern.contains("%")
                ? pattern.formatted(ThreadLocalRandom.current().nextInt(below))
                : pattern;
        socket
            .getOutputStream()
            .write(
                ("GET "
                        + path
                        + " HTTP/1.1\r\nHost: "
                        + at.getAuthority()
                        + "\r\nAuthorization: Bearer "
                        + token
                        + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
        open = answer(in);
        times.add(System.nanoTime() - begun);
      }
    }
  }

  /** Reads one answer; false if the connection ends with it. */
  private static boolean answer(InputStream in) throws IOException {
    String status = line(in);
    if (!status.startsWith("HTTP/1.1 200")) {
      throw new IOException("the server answers " + status);
    }
    int length = -1;
    boolean open = true;
    for (String header = line(in); !header.isEmpty(); header = line(in)) {
      String lower = header.toLowerCase(Locale.ROOT);
      open &= !lower.equals("connection: close");
      if (lower.startsWith("content-length:")) {
        length = Integer.parseInt(header.substring(header.indexOf(':') + 1).strip());
      }
    }
    if (length >= 0) {
      in.skipNBytes(length);
      return open;
    }
    for (int chunk = Integer.parseInt(line(in), 16); chunk > 0; ) {
      in.skipNBytes(chunk + 2);
      chunk = Integer.parseInt(line(in), 16);
    }
    line(in);
    return open;
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder out = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        throw new IOException("the server closed the connection");
      }
      if (b != '\r') {
        out.append((char) b);
      }
    }
    return out.toString();
  }
}

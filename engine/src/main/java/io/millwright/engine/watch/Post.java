package io.millwright.engine.watch;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.millwright.engine.outside.Reach;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One POST over HTTP/1.1, to where {@link Reach} lets it go. Of the answer only its first line is
 * of interest; redirects lead nowhere.
 */
final class Post {
  private static final int LONGEST_LINE = 1000;

  private final Reach reach;
  private final Duration patience;

  Post(Reach reach, Duration patience) {
    this.reach = reach;
    this.patience = patience;
  }

  /**
   * Sends, and waits for the answer.
   *
   * @return its status
   * @throws IOException if there is none in time, or the address is refused
   */
  int send(URI to, Map<String, String> headers, byte[] body)
      throws IOException, InterruptedException {
    FutureTask<Integer> answer = new FutureTask<>(() -> talk(to, headers, body));
    Thread.ofVirtual().name("webhook").start(answer);
    try {
      return answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw switch (e.getCause()) {
        case SocketTimeoutException _ -> late();
        case IOException io -> io;
        case null, default -> new IOException(e.getCause());
      };
    } catch (TimeoutException e) {
      throw late();
    } finally {
      // Whoever sends one byte a second keeps every timeout of a socket waiting. An interrupt
      // closes the socket of a virtual thread (java.net.Socket, "Interruption").
      answer.cancel(true);
    }
  }

  private SocketTimeoutException late() {
    return new SocketTimeoutException("no answer within " + patience.toSeconds() + " s");
  }

  private int talk(URI to, Map<String, String> headers, byte[] body) throws IOException {
    try (Socket line = reach.connect(to, patience)) {
      OutputStream out = line.getOutputStream();
      out.write(request(to, headers, body.length));
      out.write(body);
      out.flush();
      return status(line.getInputStream());
    }
  }

  private static byte[] request(URI to, Map<String, String> headers, int length) {
    String path = to.getRawPath() == null || to.getRawPath().isEmpty() ? "/" : to.getRawPath();
    StringBuilder out =
        new StringBuilder("POST ")
            .append(path)
            .append(to.getRawQuery() == null ? "" : "?" + to.getRawQuery())
            .append(" HTTP/1.1\r\nHost: ")
            .append(to.getHost())
            .append(to.getPort() < 0 ? "" : ":" + to.getPort())
            .append("\r\nUser-Agent: millwright\r\nConnection: close\r\nContent-Length: ")
            .append(length)
            .append("\r\n");
    headers.forEach((name, value) -> out.append(name).append(": ").append(value).append("\r\n"));
    return out.append("\r\n").toString().getBytes(US_ASCII);
  }

  private static int status(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c >= 0 && c != '\n' && line.length() < LONGEST_LINE; c = in.read()) {
      line.append((char) c);
    }
    String[] parts = line.toString().strip().split(" ", 3);
    if (parts.length < 2 || !parts[0].startsWith("HTTP/1.") || !parts[1].matches("[1-5][0-9]{2}")) {
      throw new IOException("the answer is no HTTP");
    }
    return Integer.parseInt(parts[1]);
  }
}

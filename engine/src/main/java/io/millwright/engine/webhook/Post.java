package io.millwright.engine.webhook;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * One POST over HTTP/1.1, to an address that was looked at before it is connected to; the JDK's
 * client resolves names by itself, once more and perhaps otherwise. Of the answer only its first
 * line is of interest; redirects lead nowhere.
 */
final class Post {
  private static final int LONGEST_LINE = 1000;

  private final Targets targets;
  private final Duration patience;

  Post(Targets targets, Duration patience) {
    this.targets = targets;
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
    // Whoever sends one byte a second keeps every timeout of a socket waiting; not this one.
    try (Socket socket = new Socket()) {
      FutureTask<Integer> answer = new FutureTask<>(() -> talk(socket, to, headers, body));
      Thread.ofVirtual().name("webhook").start(answer);
      return answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } catch (TimeoutException e) {
      throw new SocketTimeoutException("no answer within " + patience.toSeconds() + " s");
    }
  }

  private int talk(Socket socket, URI to, Map<String, String> headers, byte[] body)
      throws IOException {
    boolean tls = "https".equals(to.getScheme());
    int port = to.getPort() >= 0 ? to.getPort() : tls ? 443 : 80;
    String host = to.getHost();
    InetAddress address =
        InetAddress.getByName(host.startsWith("[") ? host.substring(1, host.length() - 1) : host);
    targets.require(address);
    socket.connect(new InetSocketAddress(address, port), (int) patience.toMillis());
    Socket line = tls ? encrypted(socket, host, port) : socket;
    OutputStream out = line.getOutputStream();
    out.write(request(to, port, tls, headers, body.length));
    out.write(body);
    out.flush();
    return status(line.getInputStream());
  }

  private static Socket encrypted(Socket plain, String host, int port) throws IOException {
    SSLSocket out =
        (SSLSocket)
            ((SSLSocketFactory) SSLSocketFactory.getDefault())
                .createSocket(plain, host, port, true);
    SSLParameters parameters = out.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    out.setSSLParameters(parameters);
    out.startHandshake();
    return out;
  }

  private static byte[] request(
      URI to, int port, boolean tls, Map<String, String> headers, int length) {
    String path = to.getRawPath() == null || to.getRawPath().isEmpty() ? "/" : to.getRawPath();
    StringBuilder out =
        new StringBuilder("POST ")
            .append(path)
            .append(to.getRawQuery() == null ? "" : "?" + to.getRawQuery())
            .append(" HTTP/1.1\r\nHost: ")
            .append(to.getHost())
            .append(port == (tls ? 443 : 80) ? "" : ":" + port)
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

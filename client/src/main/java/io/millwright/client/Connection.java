package io.millwright.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * A server and the right to speak with it.
 *
 * <p>Built on HttpURLConnection, which starts in a fifth of the time that HttpClient takes. It
 * follows no redirect, since that would hand the token to another host.
 */
public final class Connection {
  static {
    // By default a POST whose answer was lost is sent again, silently.
    System.setProperty("sun.net.http.retryPost", "false");
  }

  private static final int CONNECT_MILLIS = 10_000;

  /** How long a server that is started anew is waited for, before the second try. */
  private static final int PROXY_MILLIS = 500;

  /** The server sends a comment every 15 s; three of them missing is a broken connection. */
  private static final int SILENCE_MILLIS = 45_000;

  private final URI server;
  private final @Nullable String token;
  private final Duration timeout;
  private final String agent;
  private final @Nullable SSLContext tls;

  /**
   * @param server without path, such as {@code http://127.0.0.1:7070}
   * @param token null to show none
   * @param timeout for one answer
   * @param agent who asks, for the server's log
   * @param tls whom to trust, or null for whom Java trusts
   */
  public Connection(
      URI server,
      @Nullable String token,
      Duration timeout,
      String agent,
      @Nullable SSLContext tls) {
    this.server = server;
    this.token = token;
    this.timeout = timeout;
    this.agent = agent;
    this.tls = tls;
  }

  /** The same without certificates of its own. */
  public Connection(URI server, @Nullable String token, Duration timeout, String agent) {
    this(server, token, timeout, agent, null);
  }

  /**
   * To trust nobody but whom these certificates sign.
   *
   * @param pem one or several, as PEM
   * @throws GeneralSecurityException if they are none
   */
  public static SSLContext trusting(byte[] pem) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    int n = 0;
    for (Certificate each :
        CertificateFactory.getInstance("X.509")
            .generateCertificates(new ByteArrayInputStream(pem))) {
      store.setCertificateEntry("ca" + n++, each);
    }
    if (n == 0) {
      throw new GeneralSecurityException("there is no certificate in it");
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext out = SSLContext.getInstance("TLS");
    out.init(null, trust.getTrustManagers(), null);
    return out;
  }

  @Nullable SSLContext tls() {
    return tls;
  }

  public URI server() {
    return server;
  }

  @Nullable String token() {
    return token;
  }

  /**
   * Sends a request and reads the answer; what can be repeated is sent once more if the connection
   * breaks before an answer came, or a proxy got none.
   *
   * @throws ApiException if the server refuses or fails
   * @throws UnreachableException if no answer came
   */
  Answer call(Request request) {
    try {
      return once(request);
    } catch (BrokenException e) {
      if (!request.repeatable()) {
        throw unreachable(e.cause());
      }
    } catch (ApiException e) {
      if (!e.ofProxy() || !request.repeatable() || !paused()) {
        throw e;
      }
    }
    try {
      return once(request);
    } catch (BrokenException e) {
      throw unreachable(e.cause());
    } catch (ApiException e) {
      if (request.method().equals("DELETE") && e.problem().type().equals("not-found")) {
        // It is as it was to become, whether by the first try or because it never was there.
        return new Answer(204, MissingNode.getInstance(), null, null, true);
      }
      throw e;
    }
  }

  /** Gives what a proxy did not reach a moment; false if interrupted. */
  private static boolean paused() {
    try {
      Thread.sleep(PROXY_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** It broke off after the connection stood. */
  private static final class BrokenException extends Exception {
    private static final long serialVersionUID = 1;

    private final IOException cause;

    BrokenException(IOException cause) {
      super(cause);
      this.cause = cause;
    }

    IOException cause() {
      return cause;
    }
  }

  private Answer once(Request request) throws BrokenException {
    HttpURLConnection http = open(request, "application/json", (int) timeout.toMillis());
    try {
      int status = send(http, request);
      byte[] body;
      try (InputStream in = stream(http, status)) {
        body = in.readAllBytes();
      }
      if (status < 200 || status > 299) {
        throw new ApiException(Problem.of(status, tree(http, body)));
      }
      JsonNode tree = body.length == 0 ? MissingNode.getInstance() : tree(http, body);
      if (tree == null) {
        throw new ApiException(new Problem(status, "", "", "", java.util.List.of()));
      }
      long date = http.getDate();
      return new Answer(
          status,
          tree,
          http.getHeaderField("ETag"),
          date == 0 ? null : Instant.ofEpochMilli(date),
          false);
    } catch (ConnectException | UnknownHostException | SocketTimeoutException | SSLException e) {
      throw unreachable(e);
    } catch (IOException e) {
      throw new BrokenException(e);
    }
  }

  /** A stream of events; what the server has against it is heard at the first one. */
  EventStream stream(Request request) {
    return new EventStream(() -> {
      HttpURLConnection http = open(request, "text/event-stream", SILENCE_MILLIS);
      int status;
      try {
        status = send(http, request);
      } catch (IOException e) {
        throw unreachable(e);
      }
      InputStream in = stream(http, status);
      if (status == 200) {
        return in;
      }
      try (in) {
        throw new ApiException(Problem.of(status, tree(http, in.readAllBytes())));
      }
    });
  }

  /**
   * Bytes that come as they are.
   *
   * @throws ApiException if the server refuses or fails
   * @throws UnreachableException if no answer came
   */
  Download download(Request request) {
    HttpURLConnection http = open(request, "*/*", SILENCE_MILLIS);
    try {
      int status = send(http, request);
      if (status == 200 || status == 206) {
        return new Download(
            status,
            http.getContentLengthLong(),
            http.getHeaderField("ETag"),
            http.getInputStream(),
            http);
      }
      try (InputStream in = stream(http, status)) {
        throw new ApiException(Problem.of(status, tree(http, in.readAllBytes())));
      }
    } catch (IOException e) {
      throw unreachable(e);
    }
  }

  private HttpURLConnection open(Request request, String accept, int readMillis) {
    try {
      URI target = URI.create(server + request.target());
      HttpURLConnection http = (HttpURLConnection) target.toURL().openConnection(Proxy.NO_PROXY);
      if (tls != null && http instanceof HttpsURLConnection https) {
        https.setSSLSocketFactory(tls.getSocketFactory());
      }
      http.setRequestMethod(request.method());
      http.setInstanceFollowRedirects(false);
      http.setUseCaches(false);
      http.setConnectTimeout(CONNECT_MILLIS);
      http.setReadTimeout(readMillis);
      http.setRequestProperty("Accept", accept + ", application/problem+json");
      http.setRequestProperty("User-Agent", agent);
      if (token != null) {
        http.setRequestProperty("Authorization", "Bearer " + token);
      }
      request.headers().forEach(http::setRequestProperty);
      return http;
    } catch (IOException e) {
      throw unreachable(e);
    }
  }

  private static int send(HttpURLConnection http, Request request) throws IOException {
    Body body = request.body();
    if (body != null) {
      http.setDoOutput(true);
      http.setRequestProperty("Content-Type", body.contentType());
      http.setFixedLengthStreamingMode(body.length());
      try (InputStream in = body.content().open();
          OutputStream out = http.getOutputStream()) {
        in.transferTo(out);
      }
    } else if (request.method().equals("POST")) {
      http.setDoOutput(true);
      http.setFixedLengthStreamingMode(0);
      http.getOutputStream().close();
    }
    return http.getResponseCode();
  }

  private static InputStream stream(HttpURLConnection http, int status) throws IOException {
    InputStream in = status >= 400 ? http.getErrorStream() : http.getInputStream();
    return in == null ? new ByteArrayInputStream(new byte[0]) : in;
  }

  /** The body, or null if it is no JSON: then it was not Millwright that answered. */
  private static @Nullable JsonNode tree(HttpURLConnection http, byte[] body) {
    String type = http.getContentType();
    if (type == null || !type.contains("json")) {
      return null;
    }
    try {
      return Trees.read(body);
    } catch (JacksonException e) {
      return null;
    }
  }

  private UnreachableException unreachable(IOException e) {
    String why =
        switch (e) {
          case SocketTimeoutException _ when "Read timed out".equals(e.getMessage()) ->
              server + " gave no answer within " + timeout.toSeconds() + " s";
          case SocketTimeoutException _ -> server + " cannot be reached: it does not answer";
          case UnknownHostException _ -> "there is no host " + server.getHost();
          case SSLException _ ->
              server + " shows no certificate that is trusted for it here: " + e.getMessage();
          case ConnectException _ -> "no server listens at " + server;
          default -> "the connection to " + server + " broke: " + e.getMessage();
        };
    return new UnreachableException(why, e);
  }
}

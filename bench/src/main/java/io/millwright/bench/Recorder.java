package io.millwright.bench;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.millwright.driver.testkit.Lab;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** Stands between a client and a server over TLS, and writes down what is asked. */
final class Recorder implements AutoCloseable {
  /**
   * What was asked, and how it was answered.
   *
   * @param authorized true if it was asked with a session
   * @param names in the answer that another vCenter gives otherwise
   * @param length of the answer, in bytes
   */
  record Call(
      String method,
      String path,
      List<String> soapAction,
      boolean authorized,
      byte[] body,
      int status,
      List<String> names,
      long length) {}

  /**
   * Lists that the server keeps have the session in their names, and the simulator's one datastore
   * has a directory in its own.
   */
  private static final List<Pattern> OWN_NAMES =
      List.of(
          Pattern.compile("(?<=>)session\\[[^<]*"),
          Pattern.compile("(?<=>)/[^<]*govcsim-[^<]*@[^<]*"));

  private static final int LONGEST = 1 << 20;

  private static final char[] SECRET = "secret".toCharArray();

  private final List<Call> calls = new ArrayList<>();
  private final HttpsServer server;
  private final HttpClient client;
  private final URI target;
  private final Certificate certificate;

  Recorder(Path directory, URI target, SSLContext trust) throws Exception {
    this.target = target;
    client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(trust).build();
    KeyStore store = store(directory.resolve("recorder.p12"));
    certificate = store.getCertificate("recorder");
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, SECRET);
    SSLContext own = SSLContext.getInstance("TLS");
    own.init(keys.getKeyManagers(), null, null);
    // Each answer would wait for 40 ms otherwise, for the client to acknowledge its beginning.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(own));
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::pass);
    server.start();
  }

  private static KeyStore store(Path file) throws IOException, GeneralSecurityException {
    if (!Files.exists(file)) {
      Lab.run(
          List.of(
              Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
              "-genkeypair",
              "-alias",
              "recorder",
              "-keyalg",
              "EC",
              "-dname",
              "CN=recorder",
              "-ext",
              "san=ip:127.0.0.1",
              "-storetype",
              "PKCS12",
              "-storepass",
              new String(SECRET),
              "-keystore",
              file.toString()));
    }
    try (InputStream in = new FileInputStream(file.toFile())) {
      KeyStore out = KeyStore.getInstance("PKCS12");
      out.load(in, SECRET);
      return out;
    }
  }

  String url() {
    return "https://127.0.0.1:" + server.getAddress().getPort();
  }

  String ca() throws GeneralSecurityException {
    return "-----BEGIN CERTIFICATE-----\n"
        + Base64.getMimeEncoder().encodeToString(certificate.getEncoded())
        + "\n-----END CERTIFICATE-----\n";
  }

  /** What was asked since the last time. */
  synchronized List<Call> take() {
    List<Call> out = List.copyOf(calls);
    calls.clear();
    return out;
  }

  /** The first name of each kind; empty where there is none. */
  static List<String> names(byte[] answer) {
    String text = answer.length > LONGEST ? "" : new String(answer, StandardCharsets.UTF_8);
    return OWN_NAMES.stream()
        .map(kind -> {
          Matcher found = kind.matcher(text);
          return found.find() ? found.group() : "";
        })
        .toList();
  }

  private void pass(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      List<String> cookies = exchange.getRequestHeaders().getOrDefault("Cookie", List.of());
      List<String> action = exchange.getRequestHeaders().getOrDefault("SOAPAction", List.of());
      HttpRequest.Builder request =
          HttpRequest.newBuilder(target.resolve(exchange.getRequestURI().toString()))
              .method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(body));
      cookies.forEach(c -> request.header("Cookie", c));
      action.forEach(a -> request.header("SOAPAction", a));
      HttpResponse<byte[]> response = client.send(request.build(), BodyHandlers.ofByteArray());
      synchronized (this) {
        calls.add(
            new Call(
                exchange.getRequestMethod(),
                exchange.getRequestURI().toString(),
                action,
                !cookies.isEmpty(),
                body,
                response.statusCode(),
                names(response.body()),
                response.body().length));
      }
      response
          .headers()
          .allValues("Set-Cookie")
          .forEach(c -> exchange.getResponseHeaders().add("Set-Cookie", c));
      exchange.sendResponseHeaders(
          response.statusCode(), response.body().length == 0 ? -1 : response.body().length);
      exchange.getResponseBody().write(response.body());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    client.close();
  }
}

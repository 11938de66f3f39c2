package io.millwright.driver.vsphere;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.millwright.driver.Trust;
import io.millwright.driver.testkit.ServerKeys;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import javax.xml.stream.XMLStreamException;

/** Stands before a simulated vCenter, hands all on as it is, and remembers what was asked. */
final class Watched implements AutoCloseable {
  private final Vcenter vcenter;
  private final ServerKeys keys = ServerKeys.of(List.of());
  private final HttpsServer server;
  private final HttpClient http;

  /** In their order. */
  final List<Element> calls = new CopyOnWriteArrayList<>();

  /** The names of files that were brought, without their directories. */
  final List<String> brought = new CopyOnWriteArrayList<>();

  Watched(Vcenter vcenter) throws IOException {
    this.vcenter = vcenter;
    http = HttpClient.newBuilder().sslContext(Trust.of(vcenter.lab.ca(), null)).build();
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(keys.context()));
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::handOn);
    server.start();
  }

  /** Of a driver that is to be watched. */
  Map<String, String> settings() {
    Map<String, String> out = new HashMap<>(vcenter.settings());
    out.put("url", "https://127.0.0.1:" + server.getAddress().getPort());
    out.put("ca", keys.pem());
    return out;
  }

  @Override
  public void close() {
    server.stop(0);
    http.close();
  }

  /** All objects that a call names, that which it is asked of and those in its arguments. */
  static Stream<Ref> refs(Element call) {
    return Stream.concat(
        call.ref().type().isEmpty() ? Stream.of() : Stream.of(call.ref()),
        call.children().stream().flatMap(Watched::refs));
  }

  private void handOn(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      String path = exchange.getRequestURI().toString();
      if (path.equals("/sdk")) {
        calls.add(Element.read(body).find("Body").orElseThrow().children().getFirst());
      } else if (exchange.getRequestMethod().equals("PUT")) {
        String file = exchange.getRequestURI().getPath();
        brought.add(file.substring(file.lastIndexOf('/') + 1));
      }
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create(vcenter.lab.url() + path))
              .method(exchange.getRequestMethod(), BodyPublishers.ofByteArray(body));
      for (String header : List.of("Content-Type", "SOAPAction", "Cookie")) {
        exchange
            .getRequestHeaders()
            .getOrDefault(header, List.of())
            .forEach(value -> request.header(header, value));
      }
      HttpResponse<byte[]> answer = http.send(request.build(), BodyHandlers.ofByteArray());
      answer
          .headers()
          .allValues("Set-Cookie")
          .forEach(value -> exchange.getResponseHeaders().add("Set-Cookie", value));
      exchange.sendResponseHeaders(
          answer.statusCode(), answer.body().length == 0 ? -1 : answer.body().length);
      exchange.getResponseBody().write(answer.body());
    } catch (XMLStreamException e) {
      throw new UncheckedIOException(new IOException(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

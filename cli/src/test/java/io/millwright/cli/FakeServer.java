package io.millwright.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.millwright.client.Trees;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A server that plays the API's contract from answers written down beforehand. */
final class FakeServer implements AutoCloseable {
  private final HttpServer http;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, Deque<Reply>> replies = new ConcurrentHashMap<>();
  private final List<Seen> seen = new CopyOnWriteArrayList<>();

  /** A request that came. */
  record Seen(String line, String body, Map<String, List<String>> headers) {
    String header(String name) {
      return String.join(",", headers.getOrDefault(name, List.of()));
    }
  }

  /** Writes an answer. */
  interface Reply {
    void to(HttpExchange exchange) throws IOException;
  }

  FakeServer() throws IOException {
    this(null);
  }

  /** With TLS, if there is something to show. */
  FakeServer(@Nullable SSLContext tls) throws IOException {
    var anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    if (tls == null) {
      http = HttpServer.create(anyPort, 0);
    } else {
      var https = HttpsServer.create(anyPort, 0);
      https.setHttpsConfigurator(new HttpsConfigurator(tls));
      http = https;
    }
    http.setExecutor(threads);
    http.createContext("/", this::answer);
    http.start();
  }

  String address() {
    return (http instanceof HttpsServer ? "https" : "http") + "://127.0.0.1:" + http.getAddress().getPort();
  }

  /**
   * Answers this, such as {@code GET /projects}; of several answers each is given once, the last
   * for ever.
   */
  FakeServer on(String request, Reply... answers) {
    replies.put(request, new ArrayDeque<>(List.of(answers)));
    return this;
  }

  FakeServer on(String request, int status, String json) {
    return on(request, json(status, json));
  }

  static Reply json(int status, String json) {
    String type = status >= 400 ? "application/problem+json" : "application/json";
    return exchange -> {
      exchange.getResponseHeaders().set("Content-Type", type);
      byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
    };
  }

  static Reply problem(int status, String slug, String detail) {
    return json(
        status,
        Trees.compact(
            Trees.object()
                .put("type", "https://millwright.io/problems/" + slug)
                .put("status", status)
                .put("detail", detail)));
  }

  /** A stream of these lines, after which the connection ends. */
  static Reply events(String... lines) {
    return exchange -> stream(exchange, lines);
  }

  /** A stream of these lines, after which nothing comes any more. */
  Reply eventsAndSilence(String... lines) {
    return exchange -> {
      stream(exchange, lines);
      // Until the server is closed: only then does somebody interrupt.
      synchronized (this) {
        try {
          wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
    };
  }

  private static void stream(HttpExchange exchange, String... lines) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    OutputStream out = exchange.getResponseBody();
    for (String line : lines) {
      out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }
    out.flush();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      String line =
          exchange.getRequestMethod()
              + " "
              + exchange.getRequestURI().toString().replaceFirst("^/api/v1", "");
      seen.add(new Seen(line, body, Map.copyOf(exchange.getRequestHeaders())));
      reply(line).to(exchange);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private Reply reply(String line) {
    for (String key : List.of(line, line.replaceFirst("\\?.*", ""))) {
      Deque<Reply> known = replies.get(key);
      if (known != null) {
        synchronized (known) {
          return known.size() > 1 ? known.remove() : known.element();
        }
      }
    }
    return problem(404, "not-found", "there is nothing at " + line);
  }

  /** Requests, oldest first. */
  List<Seen> seen() {
    return seen;
  }

  List<String> lines() {
    return seen.stream().map(Seen::line).toList();
  }

  @Override
  public void close() {
    http.stop(0);
    threads.shutdownNow();
  }
}

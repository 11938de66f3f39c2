package io.millwright.server;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.millwright.engine.machine.FirstBootDoor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machines' door: takes what machines report, at signed paths, and tells nobody anything.
 *
 * <p>Whoever is in the guests' network can knock, so it gives little away and takes little: what is
 * not a report of the right size at a right path is answered with an empty 404.
 */
final class Door implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Door.class);

  private static final int MAX_BYTES = 256 << 10;
  private static final int MAX_CONCURRENT = 256;

  static {
    // The JDK's server reads these once. Whoever is slower than 30 seconds is cut off.
    System.setProperty("sun.net.httpserver.maxReqTime", "30");
    System.setProperty("sun.net.httpserver.maxRspTime", "30");
    System.setProperty("sun.net.httpserver.idleInterval", "10");
    System.setProperty("sun.net.httpserver.maxReqHeaders", "50");
    System.setProperty("jdk.httpserver.maxConnections", Integer.toString(2 * MAX_CONCURRENT));
  }

  /** Who takes the reports. */
  interface Handler {
    FirstBootDoor.Answer post(String path, byte[] body);
  }

  private final HttpServer server;
  private final ExecutorService threads;
  private final Semaphore places = new Semaphore(MAX_CONCURRENT);
  private final Handler handler;

  private Door(HttpServer server, Handler handler) {
    this.server = server;
    this.handler = handler;
    this.threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("door-", 0).factory());
    server.setExecutor(threads);
    server.createContext("/", this::answer);
  }

  static Door open(InetSocketAddress address, Handler handler) throws IOException {
    HttpServer server = HttpServer.create(address, 64);
    Door door = new Door(server, handler);
    server.start();
    return door;
  }

  int port() {
    return server.getAddress().getPort();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      int status = 503;
      if (places.tryAcquire()) {
        try {
          status = status(exchange);
        } finally {
          places.release();
        }
      }
      exchange.getResponseHeaders().set("Connection", "close");
      exchange.sendResponseHeaders(status, -1);
    }
  }

  private int status(HttpExchange exchange) throws IOException {
    if (!exchange.getRequestMethod().equals("POST")
        || exchange.getRequestURI().getRawQuery() != null) {
      return 404;
    }
    byte[] body = exchange.getRequestBody().readNBytes(MAX_BYTES + 1);
    if (body.length > MAX_BYTES) {
      return 413;
    }
    try {
      return handler.post(exchange.getRequestURI().getRawPath(), body).status();
    } catch (RuntimeException e) {
      // The machine tries again; it has nothing to do with why.
      LOG.warn("a report could not be taken: {}", e.toString());
      return 503;
    }
  }

  @Override
  public void close() {
    server.stop((int) Duration.ofSeconds(1).toSeconds());
    threads.shutdownNow();
  }
}

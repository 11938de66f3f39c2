package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.Transfers;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** That a file is sent or read for as long as something moves, and no longer. */
@Timeout(60)
final class TransfersTest {
  private static final Duration SHORT = Duration.ofMillis(200);

  private final CountDownLatch over = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpClient http = HttpClient.newHttpClient();
  private HttpServer server;

  @BeforeEach
  void begin() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.start();
  }

  @AfterEach
  void end() {
    over.countDown();
    http.shutdownNow();
    server.stop(0);
    threads.shutdownNow();
  }

  private HttpRequest.Builder request(HttpHandler handler) {
    server.createContext("/", handler);
    return HttpRequest.newBuilder(
        URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/file"));
  }

  private void wait(CountDownLatch what) {
    try {
      what.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void whoTakesAFileAndNeverAnswersIsGivenUp() {
    HttpRequest request =
        request(
                exchange -> {
                  exchange.getRequestBody().readAllBytes();
                  wait(over);
                })
            .PUT(BodyPublishers.ofByteArray(new byte[1000]))
            .build();
    assertThatThrownBy(() -> new Transfers(http, SHORT).send(request, BodyHandlers.discarding()))
        .isInstanceOf(HttpTimeoutException.class);
  }

  @Test
  void whoTakesNoMoreOfItIsGivenUp() {
    HttpRequest request =
        request(_ -> wait(over)).PUT(BodyPublishers.ofByteArray(new byte[64 << 20])).build();
    assertThatThrownBy(() -> new Transfers(http, SHORT).send(request, BodyHandlers.discarding()))
        .isInstanceOf(HttpTimeoutException.class);
  }

  @Test
  void whoSendsNoMoreOfItIsGivenUp() throws Exception {
    HttpRequest request =
        request(
                exchange -> {
                  exchange.sendResponseHeaders(200, 1000);
                  exchange.getResponseBody().write(new byte[10]);
                  exchange.getResponseBody().flush();
                  wait(over);
                })
            .build();
    Transfers transfers = new Transfers(http, SHORT);
    try (InputStream in =
        transfers.watched(transfers.send(request, BodyHandlers.ofInputStream()).body())) {
      assertThat(in.readNBytes(10)).hasSize(10);
      assertThatThrownBy(in::read).isInstanceOf(HttpTimeoutException.class);
    }
  }

  /** All of it takes longer than one may wait for a piece. */
  @Test
  void whatMovesIsWaitedForHoweverLongItTakes() throws Exception {
    Duration patience = Duration.ofSeconds(2);
    HttpRequest request =
        request(
                exchange -> {
                  try (exchange) {
                    byte[] got = exchange.getRequestBody().readAllBytes();
                    exchange.sendResponseHeaders(200, got.length);
                    exchange.getResponseBody().write(got);
                  }
                })
            .PUT(BodyPublishers.ofInputStream(() -> slow(patience.multipliedBy(6).dividedBy(10))))
            .build();
    Transfers transfers = new Transfers(http, patience);
    try (InputStream in =
        transfers.watched(transfers.send(request, BodyHandlers.ofInputStream()).body())) {
      assertThat(in.readAllBytes()).containsExactly(2, 1, 0);
    }
  }

  private InputStream slow(Duration pause) {
    return new InputStream() {
      private int left = 3;

      @Override
      public int read(byte[] into, int from, int most) throws IOException {
        int next = read();
        if (next >= 0) {
          into[from] = (byte) next;
        }
        return next < 0 ? -1 : 1;
      }

      @Override
      public int read() throws IOException {
        try {
          if (left < 3 && left > 0 && over.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new IOException("the test is over");
          }
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
        return --left;
      }
    };
  }
}

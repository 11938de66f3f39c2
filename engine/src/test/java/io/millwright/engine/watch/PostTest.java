package io.millwright.engine.watch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.millwright.engine.outside.Reach;
import io.millwright.model.Cidr;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class PostTest {
  /** The name was let through when it was declared; what counts is where it leads now. */
  @Test
  void whatIsConnectedToIsLookedAt() throws Exception {
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      URI named = URI.create("http://localhost:" + listening.getLocalPort() + "/");
      assertThatThrownBy(() ->
              new Post(Reach.OUTSIDE, Duration.ofSeconds(5)).send(named, Map.of(), new byte[0]))
          .isInstanceOf(Reach.RefusedException.class);
      listening.setSoTimeout(1);
      assertThatThrownBy(listening::accept).as("nobody came").isInstanceOf(IOException.class);
    }
  }

  @Test
  void onePostIsSentAndItsStatusRead() throws Exception {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    AtomicReference<String> got = new AtomicReference<>();
    server.createContext(
        "/hook",
        exchange -> {
          got.set(
              exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getFirst("webhook-id")
                  + " "
                  + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
          exchange.getResponseHeaders().set("Location", "http://127.0.0.1:1/");
          exchange.sendResponseHeaders(302, -1);
          exchange.close();
        });
    server.start();
    try {
      URI to = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/hook?a=b");
      int status =
          new Post(new Reach(List.of(Cidr.parse("127.0.0.0/8"))), Duration.ofSeconds(5))
              .send(to, Map.of("webhook-id", "e1"), "{\"ü\":1}".getBytes(StandardCharsets.UTF_8));
      assertThat(status).as("redirects lead nowhere").isEqualTo(302);
      assertThat(got.get()).isEqualTo("/hook?a=b e1 {\"ü\":1}");
    } finally {
      server.stop(0);
    }
  }

  @Test
  void whoSaysNothingIsNotWaitedForLong() throws Exception {
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual()
          .start(() -> {
            try (Socket silent = listening.accept()) {
              silent.getInputStream().readAllBytes();
            } catch (IOException e) {
              // the caller went away
            }
          });
      URI to = URI.create("http://127.0.0.1:" + listening.getLocalPort() + "/");
      assertThatThrownBy(() ->
              new Post(new Reach(List.of(Cidr.parse("127.0.0.0/8"))), Duration.ofMillis(200))
                  .send(to, Map.of(), new byte[0]))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no answer within");
    }
  }

  /** The example of the specification of Standard Webhooks. */
  @Test
  void theSignatureIsThatOfTheStandard() {
    assertThat(
            Signature.of(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                Instant.ofEpochSecond(1614265330),
                "{\"test\": 2432232314}".getBytes(StandardCharsets.UTF_8)))
        .isEqualTo("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  }

  @Test
  void triesBecomeFewer() {
    assertThat(Webhooks.wait(0)).isEqualTo(Duration.ofSeconds(5));
    assertThat(Webhooks.wait(1)).isEqualTo(Duration.ofSeconds(20));
    assertThat(Webhooks.wait(4)).isEqualTo(Duration.ofSeconds(1280));
    assertThat(Webhooks.wait(11)).isEqualTo(Duration.ofHours(1));
  }
}

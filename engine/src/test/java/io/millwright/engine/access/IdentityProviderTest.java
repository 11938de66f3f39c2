package io.millwright.engine.access;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.millwright.model.ProblemException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** A provider of identities that does not answer. */
class IdentityProviderTest {
  @Test
  void whoKnocksWhileItDoesNotAnswerDoesNotQueue() throws Exception {
    CountDownLatch silence = new CountDownLatch(1);
    CountDownLatch turnedAway = new CountDownLatch(24);
    AtomicInteger asked = new AtomicInteger();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext(
        "/",
        exchange -> {
          asked.incrementAndGet();
          try (exchange) {
            silence.await();
            exchange.sendResponseHeaders(503, -1);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    server.start();
    AtomicReference<Instant> now = new AtomicReference<>(Instant.parse("2026-11-30T12:00:00Z"));
    URI here = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    IdentityProvider provider =
        new IdentityProvider(
            new SingleSignOn.Settings(
                here, "millwright", null, "the lab", "openid", "groups", here, null),
            now::get);
    List<String> said = new CopyOnWriteArrayList<>();
    try (var people = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 40; i++) {
        people.execute(() -> {
          said.add(knock(provider, here));
          turnedAway.countDown();
        });
      }
      try {
        assertThat(turnedAway.await(8, TimeUnit.SECONDS)).isTrue();
        assertThat(said)
            .hasSize(24)
            .allMatch(s -> s.startsWith("too many people sign in just now"));
      } finally {
        silence.countDown();
      }
    }
    // Those who had a place have their answer, and asked once for it.
    assertThat(said.stream().filter(s -> s.startsWith("the lab does not describe itself")))
        .hasSize(16);
    assertThat(asked).hasValue(1);
    assertThat(knock(provider, here)).startsWith("the lab does not describe itself");
    assertThat(asked).hasValue(1);
    now.updateAndGet(then -> then.plusSeconds(6));
    assertThat(knock(provider, here)).startsWith("the lab does not describe itself");
    assertThat(asked).hasValue(2);
    server.stop(0);
  }

  private static String knock(IdentityProvider provider, URI here) {
    try {
      return provider.authorization(here, "state", "nonce", "challenge").toString();
    } catch (ProblemException e) {
      return e.problem().detail();
    }
  }
}

package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.millwright.api.Rig.Reply;
import io.millwright.model.Kind;
import io.millwright.model.manifest.Json;
import io.millwright.store.WorkLoop;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Webhooks, to a real receiver. */
@Tag("database")
class WebhooksTest {
  private static final Rig RIG = Rig.shared();
  private static final String SECRET = "planted-webhook-secret-0123456789";
  private static final List<Received> RECEIVED = new CopyOnWriteArrayList<>();
  private static volatile int answer = 204;

  /** What comes between the next event and its answer. */
  private static volatile Runnable duringTheFirst = () -> {};

  private static HttpServer receiver;

  private record Received(String path, String id, String at, String signature, String body) {
    JsonNode json() {
      return Json.mapper().readTree(body);
    }
  }

  @BeforeAll
  static void receive() throws IOException {
    receiver = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    receiver.createContext("/", WebhooksTest::received);
    receiver.start();
  }

  @AfterAll
  static void end() {
    receiver.stop(0);
  }

  private static void received(HttpExchange exchange) throws IOException {
    try (exchange) {
      String body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
      assertThat(exchange.getRequestHeaders().getFirst("Content-Type"))
          .isEqualTo("application/cloudevents+json; charset=UTF-8");
      RECEIVED.add(
          new Received(
              exchange.getRequestURI().getPath(),
              exchange.getRequestHeaders().getFirst("webhook-id"),
              exchange.getRequestHeaders().getFirst("webhook-timestamp"),
              exchange.getRequestHeaders().getFirst("webhook-signature"),
              body));
      Runnable first = duringTheFirst;
      duringTheFirst = () -> {};
      first.run();
      exchange.sendResponseHeaders(answer, -1);
    }
  }

  private static String manifest(String name, String more) {
    return """
    apiVersion: millwright/v1
    kind: Webhook
    metadata: {name: %s}
    spec: {url: "http://127.0.0.1:%d/%s", secret: %s%s}
    """
        .formatted(name, receiver.getAddress().getPort(), name, SECRET, more);
  }

  private static void note(String project, Kind kind, String message) {
    RIG.store.write(
        tx -> tx.journal().note(kind, project, UUID.randomUUID(), "x", "Happened", message));
  }

  private static List<Received> at(String path) {
    return RECEIVED.stream().filter(r -> r.path().equals("/" + path)).toList();
  }

  private static void await(Runnable holds) {
    Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(holds::run);
  }

  @Test
  void whatHappensIsToldSignedAndOnlyToItsProject() throws Exception {
    note("hooks1", Kind.MACHINE, "before");
    RIG.apply("hooks1", manifest("h1", ""));
    RIG.apply("hooks1", manifest("h1-sizes", ", about: [Size, Operation]"));
    RIG.apply("hooks2", manifest("h2", ""));
    // Nobody works yet: what is told is in the journal, and waits there.
    note("hooks1", Kind.MACHINE, "a machine of hooks1");
    note("hooks1", Kind.SIZE, "a size of hooks1 \u2713");
    note("hooks2", Kind.MACHINE, "a machine of hooks2");
    try (WorkLoop work = RIG.work()) {
      await(() -> {
        assertThat(at("h1")).hasSize(2);
        assertThat(at("h1-sizes")).hasSize(1);
        assertThat(at("h2")).hasSize(1);
      });
      note("hooks1", Kind.MACHINE, "another one"); // heard of, not found by the round
      await(() -> assertThat(at("h1")).hasSize(3));
    }
    Received second = at("h1").get(1);
    JsonNode event = second.json();
    assertThat(event.path("specversion").asString()).isEqualTo("1.0");
    assertThat(event.path("id").asString()).isEqualTo(second.id());
    assertThat(event.path("type").asString()).isEqualTo("io.millwright.size.happened");
    assertThat(event.path("source").asString()).endsWith("/projects/hooks1");
    assertThat(event.path("subject").asString()).isEqualTo("sizes/x");
    assertThat(Instant.parse(event.path("time").asString())).isBefore(Instant.now());
    assertThat(event.path("data").path("message").asString()).isEqualTo("a size of hooks1 \u2713");
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(SECRET.getBytes(UTF_8), "HmacSHA256"));
    String signed = second.id() + "." + second.at() + "." + second.body();
    assertThat(second.signature())
        .isEqualTo("v1," + Base64.getEncoder().encodeToString(mac.doFinal(signed.getBytes(UTF_8))));
    assertThat(at("h2").getFirst().body()).doesNotContain("hooks1");
    assertThat(RIG.get("projects/hooks1/webhooks/h1").json().path("spec").path("secret").asString())
        .isEqualTo("(sealed)");
    assertThat(RIG.dump()).doesNotContain(SECRET);
    assertThat(RIG.get("projects/hooks1/webhooks/h1").json().path("status").toString())
        .contains("Delivering");
  }

  @Test
  void whatIsNotTakenIsTriedAgainAndCanBeToldOnceMore() {
    RIG.apply("hooks3", manifest("h3", ""));
    answer = 500;
    note("hooks3", Kind.MACHINE, "hear this");
    try (WorkLoop work = RIG.work()) {
      await(() -> assertThat(deliveries("hooks3", "h3").toString()).contains("it answered 500"));
      JsonNode waiting = deliveries("hooks3", "h3").get(0);
      assertThat(waiting.path("state").asString()).isEqualTo("pending");
      assertThat(Instant.parse(waiting.path("dueAt").asString())).isAfter(Instant.now());
      assertThat(RIG.get("projects/hooks3/webhooks/h3").json().path("status").toString())
          .contains("Failing", "it answered 500");
      answer = 204;
      RIG.sql("UPDATE delivery SET due_at = now()"); // as if time had passed
      await(() ->
          assertThat(deliveries("hooks3", "h3").get(0).path("state").asString())
              .isEqualTo("delivered"));
      JsonNode done = deliveries("hooks3", "h3").get(0);
      assertThat(done.path("attempts").asInt()).isEqualTo(2);
      assertThat(done.path("status").asInt()).isEqualTo(204);
      String path =
          "projects/hooks3/webhooks/h3/deliveries/" + done.path("uid").asString() + ":redeliver";
      assertThat(RIG.post(path).status()).isEqualTo(204);
      await(() -> assertThat(at("h3")).hasSize(3));
      assertThat(at("h3").stream().map(Received::id).distinct())
          .as("the receiver knows it by its id")
          .hasSize(1);
      assertThat(
              RIG.post("projects/hooks3/webhooks/h3/deliveries/" + UUID.randomUUID() + ":redeliver")
                  .status())
          .isEqualTo(404);
    } finally {
      answer = 204;
    }
    assertThat(RIG.delete("projects/hooks3/webhooks/h3").status()).isEqualTo(204);
    assertThat(RIG.get("projects/hooks3/webhooks/h3/deliveries").status()).isEqualTo(404);
  }

  @Test
  void whatIsAskedForOnceMoreWhileItIsBeingSentIsSentOnceMore() {
    RIG.apply("hooks5", manifest("h5", ""));
    duringTheFirst =
        () -> {
          String uid = deliveries("hooks5", "h5").get(0).path("uid").asString();
          RIG.post("projects/hooks5/webhooks/h5/deliveries/" + uid + ":redeliver");
        };
    note("hooks5", Kind.MACHINE, "hear this twice");
    try (WorkLoop work = RIG.work()) {
      await(() -> assertThat(at("h5")).hasSize(2));
      await(() ->
          assertThat(deliveries("hooks5", "h5").get(0).path("state").asString())
              .isEqualTo("delivered"));
    }
    assertThat(at("h5").stream().map(Received::id).distinct()).hasSize(1);
  }

  private static JsonNode deliveries(String project, String name) {
    Reply reply = RIG.get("projects/" + project + "/webhooks/" + name + "/deliveries");
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    return reply.json().path("items");
  }

  @Test
  void itLeadsNowhereItMustNotAndSaysWhatIsWrong() {
    String way = "projects/hooks4/webhooks/bad";
    assertThat(bad(way, "http://[::1]:80/", SECRET)).contains("spec.url", "own machine");
    assertThat(bad(way, "http://169.254.169.254/latest", SECRET)).contains("spec.url", "or link");
    assertThat(bad(way, "ftp://x.example/", SECRET)).contains("spec.url", "http or https");
    assertThat(bad(way, "http://a:b@x.example/", SECRET)).contains("neither user nor fragment");
    assertThat(bad(way, "https://x.example/", "short")).contains("spec.secret", "16 to 200");
    assertThat(bad(way, "https://x.example/", "(sealed)"))
        .contains("spec.secret", "stands for a secret that is there already");
    assertThat(RIG.put(way, manifest("bad", ", about: [Machin]")).raw().body())
        .contains("spec.about[0]", "did you mean \\\"Machine\\\"?");
  }

  private static String bad(String way, String url, String secret) {
    Reply reply =
        RIG.put(
            way,
            """
            apiVersion: millwright/v1
            kind: Webhook
            metadata: {name: bad}
            spec: {url: "%s", secret: "%s"}
            """
                .formatted(url, secret));
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(400);
    return reply.raw().body();
  }
}

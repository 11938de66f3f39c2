package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Who may ask, what is asked once only, and how what is wrong is answered. */
@Tag("database")
class RequestsTest {
  private final Rig rig = Rig.shared();

  private Reply bare(String path, String... headers) {
    HttpRequest.Builder out = HttpRequest.newBuilder(rig.uri(path));
    if (headers.length > 0) {
      out.headers(headers);
    }
    return rig.send(out.build());
  }

  @Test
  void everythingButHealthNeedsAToken() {
    assertThat(bare("health").status()).isEqualTo(200);
    assertThat(bare("health").json().path("status").asString()).isEqualTo("ok");
    for (String path :
        List.of("projects", "openapi.json", "operations", "nothing", "/", "/error", "health/x")) {
      Reply reply = bare(path);
      assertThat(reply.status()).as(path).isEqualTo(401);
      assertThat(reply.header("WWW-Authenticate")).as(path).isEqualTo("Bearer");
      assertThat(reply.header("Content-Type")).as(path).isEqualTo("application/problem+json");
    }
    Reply wrong = bare("projects", "Authorization", "Bearer mwt_wrong");
    assertThat(wrong.status()).isEqualTo(401);
    assertThat(wrong.header("WWW-Authenticate")).contains("invalid_token");
    assertThat(wrong.raw().body()).doesNotContain("mwt_wrong");
    assertThat(bare("projects", "Authorization", "Basic " + rig.token).status()).isEqualTo(401);
    assertThat(bare("health", "Authorization", "Bearer wrong").status()).isEqualTo(200);
    assertThat(bare("projects", "Authorization", "bearer " + rig.token).status()).isEqualTo(200);
    Reply fine = rig.get("projects");
    assertThat(fine.header("X-Content-Type-Options")).isEqualTo("nosniff");
    assertThat(fine.header("Cache-Control")).contains("no-store");
    assertThat(fine.raw().headers().map())
        .doesNotContainKey("set-cookie")
        .doesNotContainKey("server");
  }

  @Test
  void aTokenLivesFromItsMakingToItsRevocation() {
    Reply made = rig.post("tokens", "{\"name\": \"bob\", \"ttlSeconds\": 3600}");
    assertThat(made.status()).isEqualTo(201);
    String secret = made.json().path("secret").asString();
    assertThat(secret).startsWith("mwt_");
    assertThat(made.json().path("expiresAt").asString()).isNotEmpty();
    assertThat(rig.get("tokens").raw().body()).contains("\"bob\"").doesNotContain(secret);
    assertThat(rig.post("tokens", "{\"name\": \"bob\"}").status()).isEqualTo(409);
    assertThat(bare("projects", "Authorization", "Bearer " + secret).status()).isEqualTo(200);
    Reply child = makesAToken(secret, "bobs-child");
    assertThat(child.status()).as("what expires makes nothing that does not").isEqualTo(403);
    assertThat(child.json().path("detail").asString()).contains("a token that expires");
    assertThat(makesAToken(rig.token, "annas-child").status()).isEqualTo(201);
    assertThat(rig.delete("tokens/annas-child").status()).isEqualTo(204);
    assertThat(rig.delete("tokens/bob").status()).isEqualTo(204);
    assertThat(bare("projects", "Authorization", "Bearer " + secret).status()).isEqualTo(401);
    assertThat(rig.delete("tokens/bob").status()).isEqualTo(404);

    assertThat(rig.post("tokens", "{\"name\": \"B\"}").status()).isEqualTo(400);
    assertThat(rig.post("tokens", "{\"nam\": \"b\"}").json().path("detail").asString())
        .contains("did you mean");
    assertThat(rig.post("tokens", "{\"name\": \"b\", \"ttlSeconds\": 0}").status()).isEqualTo(400);
    assertThat(rig.post("tokens", "{\"name\": \"b\"}", "Idempotency-Key", "k").status())
        .isEqualTo(400);
  }

  private Reply makesAToken(String secret, String name) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri("tokens"))
            .header("Authorization", "Bearer " + secret)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"name\": \"" + name + "\"}"))
            .build());
  }

  @Test
  void theSameKeyIsAnsweredTheSameAndDoneOnce() {
    Reply first = rig.post("projects/r1/machines", Rig.machine("m"), "Idempotency-Key", "key-1");
    assertThat(first.status()).isEqualTo(202);
    Reply second = rig.post("projects/r1/machines", Rig.machine("m"), "Idempotency-Key", "key-1");
    assertThat(second.status()).isEqualTo(202);
    assertThat(second.header("Idempotency-Replayed")).isEqualTo("true");
    assertThat(first.header("Idempotency-Replayed")).isEmpty();
    assertThat(second.raw().body()).isEqualTo(first.raw().body());
    assertThat(second.header("Location")).isEqualTo(first.header("Location"));

    Reply other = rig.post("projects/r1/machines", Rig.machine("n"), "Idempotency-Key", "key-1");
    problem(422, other);
    assertThat(other.json().path("detail").asString())
        .isEqualTo("this Idempotency-Key was sent with another request before; use a new one");
    assertThat(
            rig.post("projects/r2/machines", Rig.machine("m"), "Idempotency-Key", "key-1").status())
        .isEqualTo(422);
    assertThat(
            rig.post("projects/r1/machines", Rig.machine("n"), "Idempotency-Key", "x".repeat(201))
                .status())
        .isEqualTo(400);
    assertThat(rig.get("projects/r1/machines/n").status()).isEqualTo(404);

    // What was refused is not remembered: put right, the same key may be used again.
    assertThat(
            rig.post(
                    "projects/r1/machines",
                    Rig.machine("bad").replace("small", "none"),
                    "Idempotency-Key",
                    "key-2")
                .status())
        .isEqualTo(400);
    assertThat(
            rig.post("projects/r1/machines", Rig.machine("bad"), "Idempotency-Key", "key-2")
                .status())
        .isEqualTo(202);

    Reply applied = rig.post("apply?project=r1", Rig.size("s", 1, ""), "Idempotency-Key", "key-3");
    Reply again = rig.post("apply?project=r1", Rig.size("s", 1, ""), "Idempotency-Key", "key-3");
    assertThat(again.raw().body()).isEqualTo(applied.raw().body()).contains("created");
  }

  @Test
  void aProjectIsMadeOnceWithItsKey() {
    String body = "{\"name\": \"once\"}";
    Reply first = rig.post("projects", body, "Idempotency-Key", "key-p");
    assertThat(first.status()).isEqualTo(201);
    Reply again = rig.post("projects", body, "Idempotency-Key", "key-p");
    assertThat(again.status()).isEqualTo(201);
    assertThat(again.header("Idempotency-Replayed")).isEqualTo("true");
    assertThat(again.raw().body()).isEqualTo(first.raw().body()).contains("\"once\"");
    assertThat(rig.post("projects", body).status()).isEqualTo(409);
  }

  @Test
  void aKeyThatCannotBeKeptIsRefusedAndNothingIsDone() {
    Reply refused = rig.post("users", "{\"name\": \"uma\"}", "Idempotency-Key", "key-u");
    problem(400, refused);
    assertThat(refused.raw().body())
        .contains("is not taken here, because a person's password is not kept");
    assertThat(rig.get("users").raw().body()).doesNotContain("uma");
    assertThat(rig.post("users", "{\"name\": \"uma\"}").status()).isEqualTo(201);
    for (String path :
        List.of(
            "users/uma:reset-password",
            "projects/r1/machines/none/console-tickets",
            "orphans/none:purge",
            "projects/r1/approvals/00000000-0000-0000-0000-000000000001:approve")) {
      assertThat(rig.post(path, "", "Idempotency-Key", "key-u").raw().body())
          .as(path)
          .contains("is not taken here, because");
    }
  }

  @Test
  void manyAtOnceWithOneKeyAreOne() throws Exception {
    List<Callable<Reply>> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(() ->
          rig.post("projects/r3/volumes", Rig.volume("v", "1GiB"), "Idempotency-Key", "once"));
    }
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<String> bodies = new ArrayList<>();
      int replayed = 0;
      for (Future<Reply> each : threads.invokeAll(all)) {
        Reply reply = each.get();
        assertThat(reply.status()).as(reply.raw().body()).isEqualTo(202);
        bodies.add(reply.raw().body());
        replayed += reply.header("Idempotency-Replayed").isEmpty() ? 0 : 1;
      }
      assertThat(bodies.stream().distinct()).hasSize(1);
      assertThat(replayed).isEqualTo(7);
    }
    assertThat(rig.get("operations?project=r3").json().path("items").size()).isEqualTo(1);
  }

  @Test
  void whatIsWrongIsAnsweredAsAProblem() {
    problem(404, rig.get("nothing"));
    problem(404, rig.get("/"));
    Reply method = rig.send(rig.request("projects").DELETE().build());
    problem(405, method);
    assertThat(method.header("Allow")).contains("GET");
    problem(406, rig.get("projects", "Accept", "text/html"));
    problem(404, rig.get("projects/e/sizes/s", "Accept", "text/event-stream"));
    Reply type =
        rig.send(
            rig.request("apply")
                .header("Content-Type", "text/plain")
                .POST(HttpRequest.BodyPublishers.ofString("x"))
                .build());
    problem(415, type);
    assertThat(type.json().path("detail").asString()).contains("application/yaml");
    problem(
        415, rig.send(rig.request("apply").POST(HttpRequest.BodyPublishers.ofString("x")).build()));
    problem(400, rig.post("apply", ""));
    problem(400, rig.post("apply", "{\"a\": "));
    problem(400, rig.post("apply", "\t- x"));
    problem(
        400, rig.post("projects/e/sizes", Rig.size("a", 1, "") + "---\n" + Rig.size("b", 1, "")));
    problem(400, rig.post("apply?dryRun=maybe", Rig.size("a", 1, "")));
    problem(400, rig.get("projects/-/machines/m/console"));
    problem(400, rig.get("projects/e/sizes//x"));
    Reply misspelt = rig.get("projects/e/machines?lable=x&limit=3");
    problem(400, misspelt);
    problem(400, rig.get("projects/e/machines?limit=3&limit=4"));
    assertThat(rig.get("projects/e/machines?labelselector=x").json().path("detail").asString())
        .contains("did you mean \"labelSelector\"?");
  }

  private static void problem(int status, Reply reply) {
    assertThat(reply.status()).as(reply.raw().uri() + " " + reply.raw().body()).isEqualTo(status);
    assertThat(reply.header("Content-Type")).isEqualTo("application/problem+json");
    JsonNode problem = reply.json();
    assertThat(problem.path("status").asInt()).isEqualTo(status);
    assertThat(problem.path("type").asString()).startsWith("https://millwright.io/problems/");
    assertThat(problem.path("detail").asString()).isNotBlank();
    assertThat(reply.raw().body()).doesNotContain("Exception", "io.millwright", "org.spring");
  }

  @Test
  void bodiesHaveALimit() throws Exception {
    problem(413, rig.post("apply", "#" + "x".repeat(4 << 20)));
    problem(413, rig.post("apply", "#" + "x".repeat(20 << 20)));
    // Said beforehand, it is refused before it is sent.
    String answer =
        raw(
            "POST /api/v1/apply HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                + rig.token
                + "\r\nContent-Type: application/yaml\r\nContent-Length: 99999999\r\n"
                + "Expect: 100-continue\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 413").contains("too-large");
  }

  /** As curl sends what it is given without a type; a form is no more than any other text here. */
  @Test
  void aFormIsNotReadAsParameters() {
    for (int length : new int[] {10 << 20, 3 << 20, 10}) {
      Reply reply =
          rig.send(
              HttpRequest.newBuilder(rig.uri("apply?project=e"))
                  .header("Authorization", "Bearer " + rig.token)
                  .header("Content-Type", "application/x-www-form-urlencoded")
                  .POST(BodyPublishers.ofString("%zz=" + "a".repeat(length)))
                  .build());
      problem(length > 4 << 20 ? 413 : 415, reply);
    }
  }

  @Test
  void anAddressThatCannotBeReadIsThatOfTheCaller() throws Exception {
    for (String query : List.of("limit=%zz", "limit=1&%ff%fe=x", "limit=%")) {
      String answer =
          raw(
              "GET /api/v1/projects/e/machines?"
                  + query
                  + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                  + rig.token
                  + "\r\nConnection: close\r\n\r\n");
      assertThat(answer).as(query).startsWith("HTTP/1.1 400").contains("application/problem+json");
    }
  }

  @Test
  void whatTheWebServerRefusesIsAProblemAsWell() throws Exception {
    for (String line :
        List.of(
            "GET /api/v1/[x HTTP/1.1",
            "GET /api/v1/a%2fb HTTP/1.1",
            "GET /api/v1/a;b HTTP/1.1",
            "GET /api/v1/%zz HTTP/1.1",
            "GET /api/v1/health HTTP/1.1\r\nX: " + "y".repeat(40_000))) {
      String answer = raw(line + "\r\nHost: x\r\nConnection: close\r\n\r\n");
      assertThat(answer).as(line).contains("application/problem+json").doesNotContain("<html");
    }
  }

  private String raw(String request) throws Exception {
    try (Socket socket = new Socket("127.0.0.1", rig.uri("/").getPort())) {
      socket.setSoTimeout(5000);
      OutputStream out = socket.getOutputStream();
      out.write(request.getBytes(StandardCharsets.ISO_8859_1));
      out.flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void theDatabaseIsAway() {
    try (RunningApi api =
        RunningApi.start(Unreachable.backend(), java.util.Map.of(), ApiConfiguration.class)) {
      Reply health =
          rig.send(
              HttpRequest.newBuilder(java.net.URI.create(api.url() + "/api/v1/health")).build());
      problem(503, health);
      problem(
          503,
          rig.send(
              HttpRequest.newBuilder(java.net.URI.create(api.url() + "/api/v1/projects"))
                  .header("Authorization", "Bearer x")
                  .build()));
    }
  }
}

package io.millwright.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class MillwrightApiTest {
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private MillwrightApi api(int port) {
    return new MillwrightApi(
        new Connection(
            URI.create("http://127.0.0.1:" + port), "mwt_x", Duration.ofSeconds(5), "test"));
  }

  private MillwrightApi answering(int status, String type, String body) {
    server.createContext(
        "/",
        exchange -> {
          asked.add(
              exchange.getRequestMethod()
                  + " "
                  + exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getFirst("Authorization"));
          exchange.getResponseHeaders().set("Content-Type", type);
          exchange.getResponseHeaders().set("ETag", "\"7\"");
          byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    return api(server.getAddress().getPort());
  }

  @Test
  void everyOperationOfTheDocumentHasItsMethod() throws IOException {
    JsonNode document = Trees.read(Files.readAllBytes(Path.of("openapi.json")));
    int operations = 0;
    int streams = 0;
    for (JsonNode path : document.path("paths")) {
      for (JsonNode operation : path) {
        operations += operation.has("responses") ? 1 : 0;
        streams += operation.at("/responses/200/content").has("text/event-stream") ? 1 : 0;
      }
    }
    List<Method> methods =
        Arrays.stream(MillwrightApi.class.getDeclaredMethods())
            .filter(m -> java.lang.reflect.Modifier.isPublic(m.getModifiers()))
            .toList();
    assertThat(methods).hasSize(operations + streams);
    assertThat(methods).filteredOn(m -> m.getReturnType() == EventStream.class).hasSize(streams);
  }

  @Test
  void namesAndValuesCannotReachOutOfTheirPlace() {
    MillwrightApi api = answering(200, "application/json", "{}");
    api.getMachine("a/../b", "..", null);
    api.listMachines("default", null, "x=1&y=ü", null, 5);
    assertThat(asked)
        .containsExactly(
            "GET /api/v1/projects/a%2F..%2Fb/machines/%2E%2E Bearer mwt_x",
            "GET /api/v1/projects/default/machines?fieldSelector=x%3D1%26y%3D%C3%BC&limit=5"
                + " Bearer mwt_x");
  }

  @Test
  void anAnswerKeepsWhatThisClientDoesNotKnow() {
    String sent = "{\"new\":{\"n\":12345678901234567890,\"f\":1.10,\"l\":[null,true]},\"s\":\"\"}";
    Answer answer = answering(200, "application/json", sent).getSize("p", "s", null);
    assertThat(Trees.compact(answer.body())).isEqualTo(sent);
    assertThat(answer.etag()).isEqualTo("\"7\"");
  }

  @Test
  void aProblemIsAnExceptionWithItsFields() {
    MillwrightApi api =
        answering(
            400,
            "application/problem+json",
            """
            {"type":"https://millwright.io/problems/invalid","title":"t","status":400,
             "detail":"d","errors":[{"field":"spec.size","message":"is missing"}]}\
            """);
    assertThatThrownBy(() -> api.listProjects())
        .isInstanceOfSatisfying(
            ApiException.class,
            e ->
                assertThat(e.problem())
                    .isEqualTo(
                        new Problem(
                            400,
                            "invalid",
                            "t",
                            "d",
                            List.of(new Problem.Field("spec.size", "is missing")))));
  }

  /** Answers these one after the other. */
  private MillwrightApi answering(int... statuses) {
    server.createContext(
        "/",
        exchange -> {
          asked.add(exchange.getRequestMethod());
          exchange.sendResponseHeaders(statuses[asked.size() - 1], -1);
          exchange.close();
        });
    return api(server.getAddress().getPort());
  }

  @Test
  void whatAProxyDidNotReachIsAskedOnceMore() {
    MillwrightApi api = answering(502, 204, 504, 204, 502, 502, 502);
    api.getSize("p", "s", null);
    api.apply("key", null, null, null, Body.yaml(new byte[0]));
    assertThat(asked).containsExactly("GET", "GET", "POST", "POST");
    assertThatThrownBy(() -> api.getSize("p", "s", null))
        .isInstanceOfSatisfying(ApiException.class, e -> assertThat(e.status()).isEqualTo(502));
    assertThat(asked).hasSize(6);
    // Without a key nobody knows whether it was done.
    assertThatThrownBy(() -> api.apply(null, null, null, null, Body.yaml(new byte[0])))
        .isInstanceOf(ApiException.class);
    assertThat(asked).hasSize(7);
  }

  @Test
  void whatIsNoJsonIsNoAnswer() {
    MillwrightApi api = answering(200, "text/html", "<h1>router</h1>");
    assertThatThrownBy(() -> api.listProjects()).isInstanceOf(ApiException.class);
  }

  @Test
  void aRedirectIsNotFollowed() {
    MillwrightApi api = answering(302, "text/html", "");
    assertThatThrownBy(() -> api.listProjects())
        .isInstanceOfSatisfying(ApiException.class, e -> assertThat(e.status()).isEqualTo(302));
    assertThat(asked).hasSize(1);
  }

  @Test
  void nobodyThereIsSaidWithTheAddress() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    assertThatThrownBy(() -> api(port).listProjects())
        .isInstanceOf(UnreachableException.class)
        .hasMessage("no server listens at http://127.0.0.1:" + port);
  }

  /** A server that reads each request and hangs up, as one does that is killed. */
  private AtomicInteger hangingUp(ServerSocket socket) {
    AtomicInteger requests = new AtomicInteger();
    Thread.ofVirtual()
        .start(() -> {
          while (!socket.isClosed()) {
            try (Socket caller = socket.accept()) {
              if (caller.getInputStream().read() >= 0) {
                requests.incrementAndGet();
              }
            } catch (IOException e) {
              return;
            }
          }
        });
    return requests;
  }

  @Test
  void aLostAnswerIsAskedForAgainOnlyWhereThatIsSafe() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      AtomicInteger requests = hangingUp(socket);
      MillwrightApi api = api(socket.getLocalPort());
      Body body = Body.yaml(new byte[0]);
      assertThatThrownBy(() -> api.createToken(body)).isInstanceOf(UnreachableException.class);
      assertThat(requests).hasValue(1);
      assertThatThrownBy(() -> api.apply("key", null, null, null, body))
          .isInstanceOf(UnreachableException.class);
      assertThat(requests).hasValueGreaterThanOrEqualTo(3);
    }
  }

  @Test
  void whatIsGoneAtTheSecondTryOfADeletionIsDeleted() {
    server.createContext(
        "/",
        exchange -> {
          asked.add(exchange.getRequestMethod());
          boolean first = asked.size() == 1;
          byte[] gone =
              "{\"type\":\"https://millwright.io/problems/not-found\",\"status\":404}"
                  .getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/problem+json");
          exchange.sendResponseHeaders(first ? 502 : 404, first ? -1 : gone.length);
          if (!first) {
            exchange.getResponseBody().write(gone);
          }
          exchange.close();
        });
    MillwrightApi api = api(server.getAddress().getPort());
    Answer answer = api.deleteSize("p", "s", null);
    assertThat(answer.status()).isEqualTo(204);
    assertThat(answer.presumed()).isTrue();
    assertThat(asked).containsExactly("DELETE", "DELETE");
    assertThatThrownBy(() -> api.deleteSize("p", "s", null))
        .isInstanceOfSatisfying(ApiException.class, e -> assertThat(e.status()).isEqualTo(404));
    assertThat(asked).hasSize(3);
  }

  @Test
  void eventsComeAsTheyAreSentAndCarryTheirIds() throws IOException {
    server.createContext(
        "/",
        exchange -> {
          exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
          exchange.sendResponseHeaders(200, 0);
          OutputStream out = exchange.getResponseBody();
          out.write(
              """
              :

              id: 5
              event: added
              data: {"a":
              data: 1}

              event: synced
              id: 6

              data: 2

              data: cut off\
              """
                  .getBytes(StandardCharsets.UTF_8));
          exchange.close();
        });
    try (EventStream events =
        api(server.getAddress().getPort()).streamMachines("p", null, null, null, null, null)) {
      assertThat(events.next()).isEqualTo(new Event("added", "5", Trees.read("{\"a\":1}")));
      assertThat(events.next()).isEqualTo(new Event("synced", "6", Trees.read("")));
      assertThat(events.next()).isEqualTo(new Event("message", "6", Trees.read("2")));
      assertThat(events.next()).isNull();
    }
  }
}

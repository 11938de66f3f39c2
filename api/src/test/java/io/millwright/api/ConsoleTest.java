package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.engine.access.Caller;
import io.millwright.store.WorkLoop;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.security.core.context.SecurityContextHolder;

/** Consoles over a WebSocket. */
@Tag("database")
class ConsoleTest {
  private final Rig rig = Rig.shared();

  /** What the socket printed, and how it ended. */
  private static final class Screen implements WebSocket.Listener {
    final StringBuffer text = new StringBuffer();
    final CompletableFuture<Integer> closed = new CompletableFuture<>();

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      text.append(StandardCharsets.ISO_8859_1.decode(data));
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
      closed.complete(status);
      return null;
    }
  }

  private WebSocket open(String path, Screen screen) {
    return open(path, rig.token, screen);
  }

  private WebSocket open(String path, String token, Screen screen) {
    URI http = rig.uri(path);
    return rig.http
        .newWebSocketBuilder()
        .header("Authorization", "Bearer " + token)
        .buildAsync(URI.create("ws" + http.toString().substring(4)), screen)
        .join();
  }

  private int openSockets() {
    return rig.api.context().getBean(ConsoleSocket.class).count();
  }

  @Test
  void aConsoleIsTwoWayAndEndsBothWays() throws Exception {
    WorkLoop work = rig.work();
    try {
      rig.put("projects/c1/machines/m", Rig.machine("m"));
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              rig.get("projects/c1/machines?fieldSelector=status.ready=true")
                      .json()
                      .path("items")
                      .size()
                  == 1);
    } finally {
      work.close();
    }
    String path = "projects/c1/machines/m/console";
    Screen screen = new Screen();
    WebSocket socket = open(path, screen);
    socket.sendBinary(ByteBuffer.wrap("hello".getBytes(StandardCharsets.US_ASCII)), true).join();
    Awaitility.await().until(() -> screen.text.toString().contains("hello"));
    String pasted = "0123456789".repeat(2000);
    socket.sendBinary(ByteBuffer.wrap(pasted.getBytes(StandardCharsets.US_ASCII)), true).join();
    Awaitility.await()
        .until(() -> screen.text.toString().contains(pasted) || screen.closed.isDone());
    assertThat(screen.closed).as("it was cut").isNotDone();
    assertThat(openSockets()).isEqualTo(1);
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
    assertThat(screen.closed.get(10, TimeUnit.SECONDS)).isEqualTo(WebSocket.NORMAL_CLOSURE);
    Awaitility.await().until(() -> openSockets() == 0);

    String secret =
        rig.post("tokens", "{\"name\": \"console-cut\"}").json().path("secret").asString();
    Screen cut = new Screen();
    open(path, secret, cut);
    Awaitility.await().until(() -> openSockets() == 1);
    assertThat(rig.delete("tokens/console-cut").status()).isEqualTo(204);
    int goingAway = 1001; // not as if the guest had ended it
    assertThat(cut.closed.get(10, TimeUnit.SECONDS)).isEqualTo(goingAway);
    Awaitility.await().until(() -> openSockets() == 0);

    Screen second = new Screen();
    WebSocket last = open(path, second);
    Awaitility.await().until(() -> openSockets() == 1);
    last.sendBinary(ByteBuffer.wrap("poweroff\r".getBytes(StandardCharsets.US_ASCII)), true).join();
    assertThat(second.closed.get(10, TimeUnit.SECONDS)).isEqualTo(WebSocket.NORMAL_CLOSURE);
    Awaitility.await().until(() -> openSockets() == 0);
  }

  @Test
  void whatCannotBeOpenedIsAProblem() {
    assertThatThrownBy(() -> open("projects/c2/machines/none/console", new Screen()))
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isEqualTo(404));
    rig.put("projects/c2/machines/idle", Rig.machine("idle"));
    assertThatThrownBy(() -> open("projects/c2/machines/idle/console", new Screen()))
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isEqualTo(409));
    assertThat(openSockets()).isZero();
  }

  /** As a browser does it: without a token, naming the page that asks. */
  private WebSocket browse(String path, String origin, Screen screen) {
    URI http = rig.uri(path);
    return rig.http
        .newWebSocketBuilder()
        .header("Origin", origin)
        .buildAsync(URI.create("ws" + http.toString().substring(4)), screen)
        .join();
  }

  private void refused(int status, String path, String origin) {
    assertThatThrownBy(() -> browse(path, origin, new Screen()))
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isEqualTo(status));
  }

  private String ticket(String machine) {
    Rig.Reply made = rig.post("projects/c3/machines/" + machine + "/console-tickets");
    assertThat(made.status()).isEqualTo(201);
    return made.json().path("ticket").asString();
  }

  @Test
  void aTicketOpensOneConsoleOnce() throws Exception {
    WorkLoop work = rig.work();
    try {
      rig.put("projects/c3/machines/m", Rig.machine("m"));
      rig.put("projects/c3/machines/other", Rig.machine("other"));
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              rig.get("projects/c3/machines?fieldSelector=status.ready=true")
                      .json()
                      .path("items")
                      .size()
                  == 2);
    } finally {
      work.close();
    }
    String ours = rig.api.url();
    String console = "projects/c3/machines/m/console";
    String first = ticket("m");
    Screen screen = new Screen();
    WebSocket socket = browse(console + "?ticket=" + first, ours, screen);
    socket.sendBinary(ByteBuffer.wrap("hello".getBytes(StandardCharsets.US_ASCII)), true).join();
    Awaitility.await().until(() -> screen.text.toString().contains("hello"));
    refused(401, console + "?ticket=" + first, ours);
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
    Awaitility.await().until(() -> openSockets() == 0);

    String elsewhere = ticket("other");
    refused(401, console + "?ticket=" + elsewhere, ours);
    // It was used up by that.
    refused(401, "projects/c3/machines/other/console?ticket=" + elsewhere, ours);
    refused(403, console + "?ticket=" + ticket("m"), "http://elsewhere.example");
    refused(401, console + "?ticket=wrong", ours);
    refused(401, console, ours);
    assertThat(rig.post("projects/c3/machines/none/console-tickets").status()).isEqualTo(404);
    assertThat(openSockets()).isZero();
  }

  @Test
  void aScreenHasItsTicketFromItsHypervisor() throws Exception {
    rig.put("projects/c5/machines/idle", Rig.machine("idle"));
    Rig.Reply off = rig.post("projects/c5/machines/idle/screen-tickets");
    assertThat(off.status()).isEqualTo(409);
    WorkLoop work = rig.work();
    try {
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              rig.get("projects/c5/machines?fieldSelector=status.ready=true")
                      .json()
                      .path("items")
                      .size()
                  == 1);
    } finally {
      work.close();
    }
    Rig.Reply made = rig.post("projects/c5/machines/idle/screen-tickets");
    assertThat(made.status()).isEqualTo(201);
    assertThat(made.json().path("url").asString()).startsWith("wss://screens.example/ticket/");
    assertThat(made.json().path("protocol").asString()).isEqualTo("simulated");
    assertThat(rig.post("projects/c5/machines/none/screen-tickets").status()).isEqualTo(404);
    // What opens it stands in no trail of who did what.
    // It is written after the answer, and after others that wait for the database.
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(rig.get("projects/c5/audit?limit=100").json().toString())
                .contains("screen-tickets")
                .doesNotContain("screens.example"));
  }

  /** The simulated hypervisor's screen begins like a real one and is an echo then. */
  @Test
  void theServerPassesAScreenOnAndCutsIt() throws Exception {
    WorkLoop work = rig.work();
    try {
      rig.put("projects/c6/machines/m", Rig.machine("m"));
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              rig.get("projects/c6/machines?fieldSelector=status.ready=true")
                      .json()
                      .path("items")
                      .size()
                  == 1);
    } finally {
      work.close();
    }
    String path = "projects/c6/machines/m/screen";
    Rig.Reply made = rig.post("projects/c6/machines/m/console-tickets");
    String ticket = "?ticket=" + made.json().path("ticket").asString();
    Screen screen = new Screen();
    WebSocket socket = browse(path + ticket, rig.api.url(), screen);
    Awaitility.await().until(() -> screen.text.toString().equals("RFB 003.008\n"));
    socket.sendBinary(ByteBuffer.wrap(new byte[] {3, 0, (byte) 0xff}), true).join();
    Awaitility.await().until(() -> screen.text.toString().endsWith("\u0003\u0000\u00ff"));
    refused(401, path + ticket, rig.api.url());
    refused(401, path, rig.api.url());
    String again =
        rig.post("projects/c6/machines/m/console-tickets").json().path("ticket").asString();
    refused(403, path + "?ticket=" + again, "http://elsewhere.example");
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
    Awaitility.await().until(() -> openSockets() == 0);

    String secret =
        rig.post("tokens", "{\"name\": \"screen-cut\"}").json().path("secret").asString();
    Screen cut = new Screen();
    open(path, secret, cut);
    Awaitility.await().until(() -> openSockets() == 1);
    assertThat(rig.delete("tokens/screen-cut").status()).isEqualTo(204);
    int goingAway = 1001;
    assertThat(cut.closed.get(10, TimeUnit.SECONDS)).isEqualTo(goingAway);
    Awaitility.await().until(() -> openSockets() == 0);
  }

  @Test
  void aTicketIsWorthWhatItsMakerStillIs() {
    rig.put("projects/c4/machines/m", Rig.machine("m"));
    String secret =
        rig.post("tokens", "{\"name\": \"console-user\"}").json().path("secret").asString();
    Rig.Reply made =
        rig.send(
            HttpRequest.newBuilder(rig.uri("projects/c4/machines/m/console-tickets"))
                .header("Authorization", "Bearer " + secret)
                .POST(HttpRequest.BodyPublishers.noBody())
                .build());
    assertThat(made.status()).isEqualTo(201);
    assertThat(rig.delete("tokens/console-user").status()).isEqualTo(204);
    refused(
        401,
        "projects/c4/machines/m/console?ticket=" + made.json().path("ticket").asString(),
        rig.api.url());
  }

  @Test
  void onePersonDoesNotTakeTheTicketsOfAll() {
    rig.put("projects/c7/machines/m", Rig.machine("m"));
    String one = rig.post("tokens", "{\"name\": \"c7-one\"}").json().path("secret").asString();
    String other = rig.post("tokens", "{\"name\": \"c7-other\"}").json().path("secret").asString();
    for (int i = 0; i < 20; i++) {
      assertThat(ticketOf(one).status()).isEqualTo(201);
    }
    Rig.Reply more = ticketOf(one);
    assertThat(more.status()).isEqualTo(429);
    assertThat(more.json().path("detail").asString()).contains("20 consoles of yours");
    String used = ticketOf(other).json().path("ticket").asString();
    for (int i = 0; i < 30; i++) {
      // It is used up, whatever becomes of the console.
      String mine = used;
      assertThatThrownBy(
              () -> open("projects/c7/machines/m/console?ticket=" + mine, other, new Screen()))
          .cause()
          .isInstanceOf(WebSocketHandshakeException.class);
      Rig.Reply made = ticketOf(other);
      assertThat(made.status()).as("one after the other").isEqualTo(201);
      used = made.json().path("ticket").asString();
    }
  }

  private Rig.Reply ticketOf(String secret) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri("projects/c7/machines/m/console-tickets"))
            .header("Authorization", "Bearer " + secret)
            .POST(HttpRequest.BodyPublishers.noBody())
            .build());
  }

  @Test
  void aTicketExpires() {
    AtomicReference<Instant> now = new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
    ConsoleTickets tickets = new ConsoleTickets(now::get);
    BearerFilter.Bearer anna = new BearerFilter.Bearer(new Caller("anna"), null, () -> true);
    SecurityContextHolder.getContext().setAuthentication(anna);
    try {
      String early = tickets.issue("p", "m").secret();
      String late = tickets.issue("p", "m").secret();
      now.set(now.get().plus(ConsoleTickets.LIFE).minusMillis(1));
      assertThat(tickets.redeem(early, "p", "m", null)).contains(anna);
      now.set(now.get().plusMillis(1));
      assertThat(tickets.redeem(late, "p", "m", null)).isEmpty();
      BearerFilter.Bearer bob = new BearerFilter.Bearer(new Caller("bob"), null, () -> true);
      assertThat(tickets.redeem(tickets.issue("p", "m").secret(), "p", "m", bob)).isEmpty();
    } finally {
      SecurityContextHolder.clearContext();
    }
  }

  @Test
  void aTicketOfASessionOpensInThatSessionOnly() {
    ConsoleTickets tickets = new ConsoleTickets(InstantSource.system());
    BearerFilter.Bearer here = new BearerFilter.Bearer(new Caller("anna"), "1", () -> true);
    BearerFilter.Bearer there = new BearerFilter.Bearer(new Caller("anna"), "2", () -> true);
    BearerFilter.Bearer token = new BearerFilter.Bearer(new Caller("anna"), null, () -> true);
    SecurityContextHolder.getContext().setAuthentication(here);
    try {
      for (BearerFilter.Bearer other : Arrays.asList(there, token, null)) {
        String secret = tickets.issue("p", "m").secret();
        assertThat(tickets.redeem(secret, "p", "m", other)).isEmpty();
        assertThat(tickets.redeem(secret, "p", "m", here)).as("it is used up").isEmpty();
      }
      assertThat(tickets.redeem(tickets.issue("p", "m").secret(), "p", "m", here)).contains(here);
    } finally {
      SecurityContextHolder.clearContext();
    }
  }
}

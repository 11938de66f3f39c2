package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.store.WorkLoop;
import java.net.URI;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

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
    URI http = rig.uri(path);
    return rig.http
        .newWebSocketBuilder()
        .header("Authorization", "Bearer " + rig.token)
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
    assertThat(openSockets()).isEqualTo(1);
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
    assertThat(screen.closed.get(10, TimeUnit.SECONDS)).isEqualTo(WebSocket.NORMAL_CLOSURE);
    Awaitility.await().until(() -> openSockets() == 0);

    Screen second = new Screen();
    open(path, second);
    Awaitility.await().until(() -> openSockets() == 1);
    UUID uid =
        UUID.fromString(rig.get("projects/c1/machines/m").json().at("/metadata/uid").asString());
    SimulatedHypervisor.world(Rig.WORLD).powerOff(uid);
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
}

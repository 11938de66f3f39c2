package io.millwright.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** The serial console of a machine, by WebSocket. */
public final class Console implements AutoCloseable {
  private final HttpClient client;
  private final WebSocket socket;
  private final Listener listener;

  /** True once the user left, false once the server closed. */
  private final CompletableFuture<Boolean> end = new CompletableFuture<>();

  private Console(HttpClient client, WebSocket socket, Listener listener) {
    this.client = client;
    this.socket = socket;
    this.listener = listener;
  }

  /**
   * Opens a console; what the machine prints goes to {@code screen}, on another thread. A screen
   * that cannot be written to any more ends {@link #attach}.
   *
   * @throws ApiException if the server refuses, for example because the machine does not run
   * @throws UnreachableException if no answer came
   */
  static Console open(Connection connection, Request request, OutputStream screen) {
    URI server = connection.server();
    String scheme = "https".equals(server.getScheme()) ? "wss" : "ws";
    URI target = URI.create(scheme + "://" + server.getRawAuthority() + request.target());
    HttpClient.Builder http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10));
    if (connection.tls() != null) {
      http.sslContext(connection.tls());
    }
    HttpClient client = http.build();
    Listener listener = new Listener(screen);
    WebSocket.Builder builder = client.newWebSocketBuilder().connectTimeout(Duration.ofSeconds(30));
    if (connection.token() != null) {
      builder.header("Authorization", "Bearer " + connection.token());
    }
    try {
      return new Console(client, builder.buildAsync(target, listener).join(), listener);
    } catch (CompletionException e) {
      client.close();
      if (e.getCause() instanceof WebSocketHandshakeException refused) {
        throw new ApiException(problem(refused));
      }
      throw new UnreachableException("no console at " + server + ": " + e.getCause(), e);
    }
  }

  private static Problem problem(WebSocketHandshakeException refused) {
    int status = refused.getResponse() == null ? 0 : refused.getResponse().statusCode();
    Object body = refused.getResponse() == null ? null : refused.getResponse().body();
    try {
      return Problem.of(status, body instanceof String s ? Trees.read(s) : null);
    } catch (JacksonException e) {
      return Problem.of(status, null);
    }
  }

  /** Sends what was typed. */
  public void type(byte[] keys, int length) {
    try {
      socket.sendBinary(ByteBuffer.wrap(keys.clone(), 0, length), true).join();
    } catch (CompletionException e) {
      throw new UnreachableException("the console was closed", e);
    }
  }

  /**
   * Sends what is typed, and goes on showing when there is nothing more to type, until {@code
   * leave} is typed, {@link #leave} is called, nobody looks at the screen any more or the console
   * closes.
   *
   * @return true if the user left, false if the server closed the console
   */
  public boolean attach(InputStream keyboard, int leave) {
    listener.closed.whenComplete((unread, _) -> end.complete(Boolean.TRUE.equals(unread)));
    // A read from a terminal cannot be interrupted, so its thread is left to the end of the
    // process.
    Thread.ofPlatform().daemon().name("keyboard").start(() -> pump(keyboard, leave));
    return end.join();
  }

  /** Ends {@link #attach} as if the user left; by anybody. */
  public void leave() {
    end.complete(true);
  }

  private void pump(InputStream keyboard, int leave) {
    byte[] keys = new byte[1024];
    try {
      for (int n = keyboard.read(keys); n >= 0; n = keyboard.read(keys)) {
        int stop = 0;
        while (stop < n && keys[stop] != leave) {
          stop++;
        }
        if (stop > 0) {
          type(keys, stop);
        }
        if (stop < n) {
          leave();
          return;
        }
      }
    } catch (IOException e) {
      leave();
    } catch (UnreachableException e) {
      end.complete(false);
    }
  }

  /** Why the server closed the console, or an empty text. */
  public String farewell() {
    return listener.farewell;
  }

  @Override
  public void close() {
    socket.abort();
    client.shutdownNow();
  }

  private static final class Listener implements WebSocket.Listener {
    private final OutputStream screen;

    /** True if it is the screen that is gone, false if the console is. */
    private final CompletableFuture<Boolean> closed = new CompletableFuture<>();

    private volatile String farewell = "";

    Listener(OutputStream screen) {
      this.screen = screen;
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      return show(socket, bytes);
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      return show(socket, data.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private @Nullable CompletionStage<?> show(WebSocket socket, byte[] bytes) {
      try {
        screen.write(bytes);
        screen.flush();
        if (screen instanceof PrintStream print && print.checkError()) {
          closed.complete(true); // such a stream throws nothing
        }
        socket.request(1);
      } catch (IOException e) {
        closed.complete(true);
      }
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      farewell = reason;
      closed.complete(false);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      farewell = error.getMessage() == null ? "" : error.getMessage();
      closed.complete(false);
    }
  }
}

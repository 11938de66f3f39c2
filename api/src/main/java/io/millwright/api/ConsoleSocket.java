package io.millwright.api;

import io.millwright.engine.request.Consoles;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.http.HttpHeaders;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.http.server.ServletServerHttpResponse;
import org.springframework.web.socket.BinaryMessage;
import org.springframework.web.socket.CloseStatus;
import org.springframework.web.socket.TextMessage;
import org.springframework.web.socket.WebSocketSession;
import org.springframework.web.socket.handler.AbstractWebSocketHandler;
import org.springframework.web.socket.server.support.DefaultHandshakeHandler;

/** Joins WebSockets with consoles. */
final class ConsoleSocket implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(ConsoleSocket.class);

  /** How soon a console ends when its token, session or role is revoked. */
  private static final Duration CHECK = Duration.ofSeconds(1);

  /** How long it stays open while nobody can say whether these are in force. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final DefaultHandshakeHandler handshake = new DefaultHandshakeHandler();
  private final Set<Joint> open = ConcurrentHashMap.newKeySet();
  private volatile boolean running;

  /** Opens the console first, so that a problem can be answered as one. */
  void open(
      HttpServletRequest request,
      HttpServletResponse response,
      Supplier<Consoles.Session> console) {
    if (!"websocket".equalsIgnoreCase(request.getHeader("Upgrade"))) {
      throw ProblemException.invalid(
          "", "a console is a WebSocket; open it with a client for these");
    }
    requireTicket(request);
    Joint joint = new Joint(console.get(), BearerFilter.inForce());
    boolean joined = false;
    try {
      joined =
          handshake.doHandshake(
              new ServletServerHttpRequest(request),
              new ServletServerHttpResponse(response),
              joint,
              Map.of());
    } finally {
      if (!joined) {
        joint.end();
      }
    }
  }

  /**
   * Whoever names an origin is a browser, and a browser sends its cookie along whichever site makes
   * it open this. Only our own page can have asked for a ticket, so a browser needs one; it must
   * have been redeemed, since anything may stand in the address.
   */
  private static void requireTicket(HttpServletRequest request) {
    if (request.getHeader(HttpHeaders.ORIGIN) != null
        && request.getAttribute(ConsoleTickets.REDEEMED) == null) {
      throw ProblemException.of(
          Problem.Type.FORBIDDEN, "a browser opens a console with a ticket; ask for one first");
    }
  }

  /**
   * Waits until it has ended, is not in force any more, or for so long nobody could say whether it
   * is; a database that is away for a moment ends nothing, and does not keep anything open either.
   */
  static void guard(
      CountDownLatch ended, BooleanSupplier inForce, Duration pause, Duration patience)
      throws InterruptedException {
    long known = System.nanoTime();
    while (!ended.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
      try {
        if (!inForce.getAsBoolean()) {
          return;
        }
        known = System.nanoTime();
      } catch (RuntimeException e) {
        LOG.debug("whether a console may stay open cannot be said: {}", e.toString());
        if (System.nanoTime() - known >= patience.toNanos()) {
          return;
        }
      }
    }
  }

  /** One socket and its console. */
  private final class Joint extends AbstractWebSocketHandler {
    private final Consoles.Session console;
    private final BooleanSupplier inForce;
    private final CountDownLatch ended = new CountDownLatch(1);

    Joint(Consoles.Session console, BooleanSupplier inForce) {
      this.console = console;
      this.inForce = inForce;
    }

    @Override
    public void afterConnectionEstablished(WebSocketSession socket) {
      open.add(this);
      Thread.ofVirtual().name("console").start(() -> show(socket));
      Thread.ofVirtual().name("console-check").start(this::check);
    }

    private void show(WebSocketSession socket) {
      byte[] buffer = new byte[8192];
      CloseStatus why = CloseStatus.NORMAL;
      try {
        for (int n = console.read(buffer); n >= 0; n = console.read(buffer)) {
          socket.sendMessage(new BinaryMessage(ByteBuffer.wrap(buffer, 0, n)));
        }
      } catch (IOException | RuntimeException e) {
        LOG.debug("a console ended: {}", e.toString());
        why = CloseStatus.SERVER_ERROR;
      } finally {
        if (ended.getCount() == 0) {
          why = CloseStatus.GOING_AWAY; // it was cut here; the guest did not end it
        }
        end();
        try {
          socket.close(why);
        } catch (IOException e) {
          LOG.debug("a console's socket was not closed: {}", e.toString());
        }
      }
    }

    private void check() {
      try {
        guard(ended, inForce, CHECK, PATIENCE);
      } catch (InterruptedException e) {
        LOG.debug("a console is not looked after any more: {}", e.toString());
      } finally {
        end();
      }
    }

    /** A console is a stream: what is typed or pasted may be as long as it likes. */
    @Override
    public boolean supportsPartialMessages() {
      return true;
    }

    @Override
    protected void handleBinaryMessage(WebSocketSession socket, BinaryMessage message)
        throws IOException {
      ByteBuffer bytes = message.getPayload();
      byte[] out = new byte[bytes.remaining()];
      bytes.get(out);
      console.write(out, out.length);
    }

    @Override
    protected void handleTextMessage(WebSocketSession socket, TextMessage message)
        throws IOException {
      socket.close(CloseStatus.NOT_ACCEPTABLE.withReason("send binary frames"));
    }

    @Override
    public void handleTransportError(WebSocketSession socket, Throwable e) {
      LOG.debug("a console's socket broke: {}", e.toString());
      end();
    }

    @Override
    public void afterConnectionClosed(WebSocketSession socket, CloseStatus status) {
      end();
    }

    void end() {
      open.remove(this);
      ended.countDown();
      try {
        console.close();
      } catch (IOException e) {
        LOG.debug("a console was not closed: {}", e.toString());
      }
    }
  }

  /** Consoles that are open now. */
  int count() {
    return open.size();
  }

  @Override
  public void start() {
    running = true;
  }

  @Override
  public void stop() {
    running = false;
    open.forEach(Joint::end);
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public int getPhase() {
    return Integer.MAX_VALUE;
  }
}

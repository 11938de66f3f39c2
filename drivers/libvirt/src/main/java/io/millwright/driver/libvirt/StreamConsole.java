package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Pointer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.libvirt.Handle.Domain;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The first serial line, by a libvirt stream. The event loop fills a queue and the session's reader
 * empties it, so that no thread ever waits inside the C library.
 */
final class StreamConsole implements SerialConsole {
  private final Line line;
  private final String installation;
  private final Set<Session> open = ConcurrentHashMap.newKeySet();

  StreamConsole(Line line, String installation) {
    this.line = line;
    this.installation = installation;
  }

  @Override
  public Session open(Mark mark) throws DriverException {
    // A connection of its own, which the session closes.
    return line.take(connection -> {
      try (Domain domain = DomainCompute.need(connection, mark, installation)) {
        if (!Survey.stateOf(domain).active()) {
          throw new DriverException(
              FaultKind.CONFLICT, "The machine does not run.", mark.uid().toString(), null);
        }
        StreamSession session = new StreamSession(connection, open::remove);
        boolean whole = false;
        try {
          session.connect(domain);
          open.add(session);
          whole = true;
          return session;
        } finally {
          if (!whole) {
            session.free();
          }
        }
      }
    });
  }

  /** Ends all sessions, when the driver is closed. */
  void closeAll() throws IOException {
    for (Session session : open) {
      session.close();
    }
  }

  private static final class StreamSession implements Session {
    private static final Libvirt C = Libvirt.get();
    private static final int READABLE = 1;
    private static final int WRITABLE = 2;
    private static final int FAILED = 4 | 8; // error, hangup
    private static final int WOULD_BLOCK = -2;
    private static final int PIECE = 16 << 10;

    /** A guest may print faster than anyone reads; past this its line is left to fill up. */
    private static final int MOST_QUEUED = 1 << 20;

    private static final long WRITE_PATIENCE = TimeUnit.SECONDS.toNanos(10);

    private final Connection connection;
    private final Consumer<Session> whenClosed;
    private final Pointer stream;
    private final Libvirt.StreamFunction callback = (s, events, opaque) -> onEvents(events);
    private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
    private final ArrayDeque<ByteBuffer> queue = new ArrayDeque<>();
    private int queued;
    private int interest = READABLE | FAILED;
    private boolean ended;
    private boolean closed;

    StreamSession(Connection connection, Consumer<Session> whenClosed) throws LibvirtError {
      this.connection = connection;
      this.whenClosed = whenClosed;
      this.stream = connection.newStream(1); // VIR_STREAM_NONBLOCK
    }

    void connect(Domain domain) throws LibvirtError {
      int force = 1; // VIR_DOMAIN_CONSOLE_FORCE
      check(C.virDomainOpenConsole(domain.pointer, null, stream, force));
      check(C.virStreamEventAddCallback(stream, interest, callback, null, null));
    }

    /** On the event loop. */
    private synchronized void onEvents(int events) {
      if (closed || ended) {
        return;
      }
      if ((events & WRITABLE) != 0) {
        want(interest & ~WRITABLE);
      }
      if ((events & READABLE) != 0) {
        receive();
      }
      // What was printed before the end is to be read before it.
      if ((events & FAILED) != 0) {
        end();
      }
      notifyAll();
    }

    private void receive() {
      while (!ended && queued < MOST_QUEUED) {
        piece.clear();
        int n = C.virStreamRecv(stream, piece, PIECE);
        if (n == WOULD_BLOCK) {
          return;
        }
        if (n <= 0) {
          end();
          return;
        }
        byte[] bytes = new byte[n];
        piece.get(0, bytes);
        queue.add(ByteBuffer.wrap(bytes));
        queued += n;
      }
      want(interest & ~READABLE);
    }

    private void end() {
      ended = true;
      var _ = C.virStreamEventRemoveCallback(stream);
      notifyAll();
    }

    private void want(int events) {
      if (!ended && !closed && events != interest) {
        interest = events;
        var _ = C.virStreamEventUpdateCallback(stream, events);
      }
    }

    @Override
    public synchronized int read(byte[] buffer) throws IOException {
      while (queue.isEmpty() && !ended && !closed) {
        pause(0);
      }
      if (closed) {
        return -1;
      }
      ByteBuffer first = queue.peek();
      if (first == null) {
        return -1;
      }
      int n = Math.min(buffer.length, first.remaining());
      first.get(buffer, 0, n);
      queued -= n;
      if (!first.hasRemaining()) {
        queue.remove();
      }
      if (queued < MOST_QUEUED / 2) {
        want(interest | READABLE);
      }
      return n;
    }

    @Override
    public synchronized void write(byte[] bytes, int length) throws IOException {
      ByteBuffer out = ByteBuffer.allocateDirect(length).put(bytes, 0, length).flip();
      long deadline = System.nanoTime() + WRITE_PATIENCE;
      while (out.hasRemaining()) {
        if (closed || ended) {
          throw new IOException("the console was closed");
        }
        int n = C.virStreamSend(stream, out.slice(), out.remaining());
        if (n == WOULD_BLOCK) {
          if (System.nanoTime() - deadline > 0) {
            throw new IOException("the machine does not take what is typed");
          }
          want(interest | WRITABLE);
          pause(TimeUnit.SECONDS.toMillis(1));
        } else if (n < 0) {
          throw new IOException(LibvirtError.last().words());
        } else {
          out.position(out.position() + n);
        }
      }
    }

    private void pause(long millis) throws IOException {
      try {
        wait(millis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted at a console", e);
      }
    }

    @Override
    public void close() {
      boolean abort;
      synchronized (this) {
        if (closed) {
          return;
        }
        abort = !ended;
        if (abort) {
          end();
        }
        closed = true;
        queue.clear();
        notifyAll();
      }
      whenClosed.accept(this);
      // Both ask the daemon, which may not answer.
      Thread.ofPlatform()
          .name("libvirt-console-close")
          .daemon()
          .start(() -> {
            var _ = abort ? C.virStreamAbort(stream) : 0;
            free();
            connection.close();
          });
    }

    /** Of a stream that nothing is done with any more. */
    void free() {
      var _ = C.virStreamFree(stream);
    }
  }
}

package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.Vnc;
import io.millwright.driver.libvirt.Handle.Domain;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The screen of a machine, whose QEMU listens nowhere: it is given one end of a pair of sockets, by
 * way of libvirt, and we keep the other.
 *
 * <p>A descriptor goes to libvirt by a UNIX socket only, so this works with a daemon on the same
 * host.
 */
final class SocketScreen implements Vnc {
  private static final Libvirt C = Libvirt.get();

  private final Line line;
  private final String installation;
  private final Set<SerialConsole.Session> open = ConcurrentHashMap.newKeySet();

  SocketScreen(Line line, String installation) {
    this.line = line;
    this.installation = installation;
  }

  @Override
  public SerialConsole.Session open(Mark mark) throws DriverException {
    SerialConsole.Session session =
        line.call(connection -> {
          try (Domain domain = DomainCompute.need(connection, mark, installation)) {
            if (!Survey.stateOf(domain).active()) {
              throw conflict("The machine does not run.", mark);
            }
            if (!DomainFacts.hasScreen(domain.xml(0))) {
              throw conflict(
                  "The machine was started without a screen; it has one when it is stopped and"
                      + " started again.",
                  mark);
            }
            return connect(domain, mark);
          }
        });
    open.add(session);
    return session;
  }

  private static DriverException conflict(String why, Mark mark) {
    return new DriverException(FaultKind.CONFLICT, why, mark.uid().toString(), null);
  }

  private SerialConsole.Session connect(Domain domain, Mark mark)
      throws LibvirtError, DriverException {
    try (Pair pair = Pair.make()) {
      int skipAuthentication = 1; // whoever gets here was asked who they are
      check(C.virDomainOpenGraphics(domain.pointer, 0, pair.theirs(), skipAuthentication));
      return new SocketSession(pair.keep(), open::remove);
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.ARGUMENT_UNSUPPORTED, LibvirtError.NO_SUPPORT)) {
        throw new DriverException(
            FaultKind.UNSUPPORTED,
            "This hypervisor is reached over a network, by which libvirt passes no screens; open"
                + " the serial console.",
            FaultKinds.operator(e),
            e);
      }
      throw e;
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.CAPACITY, "The server could not make a pair of sockets.", e.toString(), e);
    }
  }

  /** Ends all sessions, when the driver is closed. */
  void closeAll() throws IOException {
    for (SerialConsole.Session session : open) {
      session.close();
    }
  }

  /**
   * Two connected sockets: ours is Java's, so that a thread that waits at it can be any thread;
   * theirs is a number, as C has them.
   */
  private static final class Pair implements AutoCloseable {
    private static final int FAMILY_UNIX = 1;
    private static final int STREAM_CLOSED_ON_EXEC = 1 | 0x80000;
    private static final int LONGEST_PATH = 107;

    private final int theirs;
    private final SocketChannel ours;
    private boolean kept;

    private Pair(int theirs, SocketChannel ours) {
      this.theirs = theirs;
      this.ours = ours;
    }

    static Pair make() throws IOException {
      Path directory = Files.createTempDirectory("mw-screen"); // nobody else may enter it
      Path path = directory.resolve("s");
      try (ServerSocketChannel door = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
        door.bind(UnixDomainSocketAddress.of(path), 1);
        int theirs = connect(path);
        try {
          return new Pair(theirs, door.accept());
        } catch (IOException e) {
          var _ = Sockets.get().close(theirs);
          throw e;
        }
      } finally {
        Files.deleteIfExists(path);
        Files.delete(directory);
      }
    }

    /** A connection to this path, as a number. */
    private static int connect(Path path) throws IOException {
      byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
      if (name.length > LONGEST_PATH) {
        throw new IOException(path + " is too long for a socket");
      }
      int made = Sockets.get().socket(FAMILY_UNIX, STREAM_CLOSED_ON_EXEC, 0);
      if (made < 0) {
        throw new IOException("socket: error " + Native.getLastError());
      }
      try (Memory address = new Memory(2L + name.length + 1)) {
        address.clear();
        address.setShort(0, (short) FAMILY_UNIX);
        address.write(2, name, 0, name.length);
        if (Sockets.get().connect(made, address, (int) address.size()) < 0) {
          int error = Native.getLastError();
          var _ = Sockets.get().close(made);
          throw new IOException("connect: error " + error);
        }
      }
      return made;
    }

    int theirs() {
      return theirs;
    }

    SocketChannel keep() {
      kept = true;
      return ours;
    }

    /** Theirs is QEMU's by now, which has a descriptor of its own. */
    @Override
    public void close() throws IOException {
      var _ = Sockets.get().close(theirs);
      if (!kept) {
        ours.close();
      }
    }
  }

  /** One viewer. */
  private record SocketSession(SocketChannel channel, Consumer<SerialConsole.Session> whenClosed)
      implements SerialConsole.Session {
    @Override
    public int read(byte[] buffer) throws IOException {
      try {
        return channel.read(ByteBuffer.wrap(buffer));
      } catch (java.nio.channels.ClosedChannelException e) {
        return -1;
      }
    }

    @Override
    public void write(byte[] bytes, int length) throws IOException {
      ByteBuffer out = ByteBuffer.wrap(bytes, 0, length);
      while (out.hasRemaining()) {
        var _ = channel.write(out);
      }
    }

    @Override
    public void close() throws IOException {
      whenClosed.accept(this);
      channel.close();
    }
  }
}

package io.millwright.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A port that takes connections as a server of SSH does: it speaks first. A proxy may not. */
final class SshDoor implements Closeable {
  private final ServerSocket socket;
  private final List<Socket> taken = new ArrayList<>();

  /** A port of its own choice for 0. */
  SshDoor(String address, int port, boolean speaks) {
    try {
      socket = new ServerSocket(port, 5, InetAddress.ofLiteral(address));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(() -> take(speaks));
  }

  private void take(boolean speaks) {
    try {
      while (true) {
        Socket one = socket.accept();
        taken.add(one);
        if (speaks) {
          one.getOutputStream().write("SSH-2.0-Fake\r\n".getBytes(StandardCharsets.US_ASCII));
        }
      }
    } catch (SocketException e) {
      // It was shut, or whoever asked has gone.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return socket.getLocalPort();
  }

  @Override
  public void close() throws IOException {
    socket.close();
    for (Socket one : taken) {
      one.close();
    }
  }
}

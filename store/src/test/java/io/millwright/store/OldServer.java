package io.millwright.store;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * As much of an older PostgreSQL as one has to speak with to hear how old it is: no Debian that
 * runs these tests ships one any more. Whatever is asked of it is done, and written down.
 */
final class OldServer implements AutoCloseable {
  /** Asks for encryption, of one kind or the other, which there is not. */
  private static final List<Integer> ENCRYPTION = List.of(80877103, 80877104);

  private final ServerSocket door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final String version;

  OldServer(String version) throws IOException {
    this.version = version;
    Thread.ofVirtual().start(this::serve);
  }

  String url() {
    return "jdbc:postgresql://127.0.0.1:" + door.getLocalPort() + "/mill";
  }

  /** All statements that it was sent. */
  List<String> asked() {
    return asked;
  }

  private void serve() {
    while (true) {
      try (Socket socket = door.accept()) {
        talk(
            new DataInputStream(socket.getInputStream()),
            new DataOutputStream(socket.getOutputStream()));
      } catch (EOFException | SocketException e) {
        if (door.isClosed()) {
          return;
        }
      } catch (IOException e) {
        asked.add("trouble: " + e);
      }
    }
  }

  private void talk(DataInputStream in, DataOutputStream out) throws IOException {
    while (true) {
      byte[] start = in.readNBytes(in.readInt() - 4);
      if (!ENCRYPTION.contains(new DataInputStream(new ByteArrayInputStream(start)).readInt())) {
        break;
      }
      out.writeByte('N');
    }
    answer(out, 'R', new byte[4]); // anybody may come in
    for (String parameter :
        List.of(
            "server_version\0" + version,
            "server_encoding\0UTF8",
            "client_encoding\0UTF8",
            "DateStyle\0ISO, MDY",
            "integer_datetimes\0on",
            "standard_conforming_strings\0on",
            "TimeZone\0UTC")) {
      answer(out, 'S', text(parameter));
    }
    answer(out, 'K', new byte[8]);
    answer(out, 'Z', new byte[] {'I'});
    while (true) {
      int kind = in.readUnsignedByte();
      byte[] body = in.readNBytes(in.readInt() - 4);
      switch (kind) {
        case 'Q' -> {
          asked.add(new String(body, StandardCharsets.UTF_8).replace("\0", ""));
          answer(out, 'C', text("SET"));
          answer(out, 'Z', new byte[] {'I'});
        }
        case 'X' -> throw new EOFException();
        default -> throw new IOException("it was sent " + (char) kind);
      }
    }
  }

  private static byte[] text(String text) {
    return (text + "\0").getBytes(StandardCharsets.UTF_8);
  }

  private static void answer(DataOutputStream out, char kind, byte[] body) throws IOException {
    out.writeByte(kind);
    out.writeInt(body.length + 4);
    out.write(body);
    out.flush();
  }

  @Override
  public void close() throws IOException {
    door.close();
  }
}

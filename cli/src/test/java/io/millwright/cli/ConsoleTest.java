package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The serial console, over a WebSocket that the test speaks itself. */
class ConsoleTest extends CliTestCase {
  private final BlockingQueue<String> got = new LinkedBlockingQueue<>();

  /** Says hello, repeats what is typed, and with {@code close} ends after the first keys. */
  private ServerSocket machine(boolean close) throws IOException {
    ServerSocket door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
    environment.put("MILLWRIGHT_SERVER", "http://127.0.0.1:" + door.getLocalPort());
    Thread.ofVirtual().start(() -> serve(door, close));
    return door;
  }

  private void serve(ServerSocket door, boolean close) {
    try (Socket socket = door.accept()) {
      DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
      OutputStream out = socket.getOutputStream();
      String key = "";
      for (String line = line(in); !line.isEmpty(); line = line(in)) {
        if (line.startsWith("GET") || line.startsWith("Authorization")) {
          got.add(line);
        }
        key = line.startsWith("Sec-WebSocket-Key: ") ? line.substring(19) : key;
      }
      byte[] sum =
          MessageDigest.getInstance("SHA-1")
              .digest(
                  (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                      .getBytes(StandardCharsets.US_ASCII));
      out.write(
          ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  + "Sec-WebSocket-Accept: "
                  + Base64.getEncoder().encodeToString(sum)
                  + "\r\n\r\n")
              .getBytes(StandardCharsets.US_ASCII));
      frame(out, 0x82, "login: ");
      while (true) {
        int first = in.readUnsignedByte();
        int length = in.readUnsignedByte() & 0x7f;
        byte[] mask = in.readNBytes(4);
        byte[] data = in.readNBytes(length);
        for (int i = 0; i < length; i++) {
          data[i] ^= mask[i % 4];
        }
        if ((first & 0xf) == 2) {
          got.add(new String(data, StandardCharsets.UTF_8));
          if (close) {
            frame(
                out, 0x88, "\u0003\u00e8".getBytes(StandardCharsets.ISO_8859_1), "machine is off");
          }
        }
      }
    } catch (IOException e) {
      got.add("gone");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String line(DataInputStream in) throws IOException {
    StringBuilder out = new StringBuilder();
    for (int c = in.readUnsignedByte(); c != '\n'; c = in.readUnsignedByte()) {
      out.append((char) c);
    }
    return out.toString().strip();
  }

  private static void frame(OutputStream out, int kind, String text) throws IOException {
    frame(out, kind, new byte[0], text);
  }

  private static void frame(OutputStream out, int kind, byte[] start, String text)
      throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.write(kind);
    out.write(start.length + bytes.length);
    out.write(start);
    out.write(bytes);
    out.flush();
  }

  @Test
  void keysGoOutUntilTheEscape() throws IOException, InterruptedException {
    try (ServerSocket door = machine(false)) {
      input = "root\r\u001dnever sent";
      Result result = run("console", "hello");
      assertThat(door.isClosed()).isFalse();
      assertThat(result.code()).isZero();
      assertThat(result.err()).isEqualTo("console of hello; leave it with Ctrl-]\n");
      assertThat(got.poll(5, TimeUnit.SECONDS))
          .isEqualTo("GET /api/v1/projects/default/machines/hello/console HTTP/1.1");
      assertThat(got.poll(5, TimeUnit.SECONDS)).isEqualTo("Authorization: Bearer mwt_test");
      assertThat(got.poll(5, TimeUnit.SECONDS)).isEqualTo("root\r");
      assertThat(got.poll(5, TimeUnit.SECONDS)).isEqualTo("gone");
    }
  }

  @Test
  void theEndOfTheInputDoesNotEndWhatIsShown() throws IOException {
    try (ServerSocket door = machine(true)) {
      input = "x"; // after which the console is closed only once the key was read
      Result result = run("console", "hello");
      assertThat(door.isClosed()).isFalse();
      assertThat(result.out()).isEqualTo("login: ");
      assertThat(result.err()).endsWith("the console of hello was closed: machine is off\n");
    }
  }

  /** What it says nothing to is a pipe of another process, which only the system can tell. */
  @Test
  void aReaderThatHadEnoughEndsItThoughTheMachineIsSilent() throws Exception {
    try (ServerSocket door = machine(false)) {
      Result head = shell("{ millwright console hello </dev/null; echo $? >&3; } 3>&2 | head -c 5");
      assertThat(door.isClosed()).isFalse();
      assertThat(head.out()).isEqualTo("login");
      assertThat(head.err()).isEqualTo("console of hello; leave it with Ctrl-]\n0\n");
    }
  }

  @Test
  void nobodyWhoReadsEndsIt() throws IOException {
    try (ServerSocket door = machine(false);
        PipedOutputStream keys = new PipedOutputStream()) {
      Shell shell =
          new Shell(
              environment,
              new PipedInputStream(keys),
              new Output(
                  new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                      throw new IOException("Broken pipe");
                    }
                  }),
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8),
              false,
              false,
              () -> NOW);
      assertThat(
              assertTimeoutPreemptively(
                  Duration.ofSeconds(20), () -> Cli.run(shell, "console", "hello")))
          .isEqualTo(1); // it was no pipe, so this is told
      assertThat(door.isClosed()).isFalse();
    }
  }

  @Test
  void theEndOfTheConsoleIsSaid() throws IOException {
    try (ServerSocket door = machine(true);
        PipedOutputStream keys = new PipedOutputStream()) {
      keyboard = new PipedInputStream(keys);
      keys.write('x');
      keys.flush();
      Result result = run("console", "machine/hello");
      assertThat(door.isClosed()).isFalse();
      assertThat(result.code()).isEqualTo(1);
      assertThat(result.out()).isEqualTo("login: ");
      assertThat(result.err())
          .endsWith("\nmillwright: the console of hello was closed: machine is off\n");
    }
  }

  @Test
  void aScreenIsOpenedByAnAddress() {
    server.on(
        "POST /projects/default/machines/hello/screen-tickets",
        FakeServer.json(
            201, "{\"url\": \"wss://esx.example/ticket/1\", \"protocol\": \"webmks\"}"));
    Result result = run("console", "--screen", "machine/hello");
    assertThat(result.code()).isZero();
    assertThat(result.out()).isEqualTo("wss://esx.example/ticket/1\n");
    assertThat(result.err()).isEqualTo("a viewer of webmks opens this once\n");
    server.on(
        "POST /projects/default/machines/hello/screen-tickets",
        FakeServer.json(201, "{\"url\": \"/api/v1/x?ticket=1\", \"protocol\": \"vnc\"}"));
    Result page = run("console", "--screen", "hello");
    assertThat(page.out())
        .startsWith("http://127.0.0.1:")
        .endsWith("/p/default/machines/hello/console?show=screen\n");
    assertThat(page.err()).contains("open this in a browser");
    server.on(
        "POST /projects/default/machines/hello/screen-tickets",
        FakeServer.problem(409, "conflict", "this hypervisor shows no screens"));
    run("console", "--screen", "hello").failed(1, "this hypervisor shows no screens");
  }

  @Test
  void aRefusalIsAProblem() {
    server.on(
        "GET /projects/default/machines/hello/console",
        FakeServer.problem(409, "conflict", "Machine hello does not run"));
    run("console", "hello").failed(1, "Machine hello does not run");
  }
}

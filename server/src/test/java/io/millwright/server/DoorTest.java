package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.machine.FirstBootDoor;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What somebody in the guests' network can do at the machines' door: next to nothing. */
class DoorTest {
  private final AtomicInteger taken = new AtomicInteger();
  private Door door;

  @BeforeEach
  void open() throws Exception {
    door =
        Door.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            (path, body) -> {
              if (path.equals("/fails")) {
                throw new IllegalStateException("the database is away");
              }
              taken.addAndGet(body.length);
              return new FirstBootDoor.Answer(path.equals("/right") ? 204 : 404);
            });
  }

  @AfterEach
  void close() {
    door.close();
  }

  private String send(String head, byte[] body) throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.port())) {
      socket.setSoTimeout(10_000);
      OutputStream out = socket.getOutputStream();
      out.write((head + "\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.ISO_8859_1));
      out.write(body);
      out.flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  @Test
  void aReportIsTaken() throws Exception {
    assertThat(send("POST /right HTTP/1.1\r\nContent-Length: 5", new byte[5]))
        .startsWith("HTTP/1.1 204");
    assertThat(taken).hasValue(5);
  }

  @Test
  void everythingElseIsNotFoundAndTellsNothing() throws Exception {
    for (String line :
        new String[] {
          "GET / HTTP/1.1",
          "GET /right HTTP/1.1",
          "PUT /right HTTP/1.1\r\nContent-Length: 0",
          "POST /right?x=1 HTTP/1.1\r\nContent-Length: 0",
          "POST /wrong HTTP/1.1\r\nContent-Length: 0",
          "GET /../../etc/passwd HTTP/1.1"
        }) {
      String answer = send(line, new byte[0]);
      assertThat(answer).as(line).startsWith("HTTP/1.1 404").endsWith("\r\n\r\n");
      assertThat(answer.toLowerCase(java.util.Locale.ROOT)).as(line).doesNotContain("server:");
    }
    assertThat(taken).hasValue(0);
  }

  @Test
  void aReportHasALimit() throws Exception {
    int most = 256 << 10;
    assertThat(send("POST /right HTTP/1.1\r\nContent-Length: " + most, new byte[most]))
        .startsWith("HTTP/1.1 204");
    assertThat(send("POST /right HTTP/1.1\r\nContent-Length: " + (most + 1), new byte[most + 1]))
        .startsWith("HTTP/1.1 413");
    assertThat(taken).hasValue(most);
  }

  @Test
  void whatFailsInsideIsNotTold() throws Exception {
    assertThat(send("POST /fails HTTP/1.1\r\nContent-Length: 0", new byte[0]))
        .startsWith("HTTP/1.1 503")
        .doesNotContain("database");
  }
}

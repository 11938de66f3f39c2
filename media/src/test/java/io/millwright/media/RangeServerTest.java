package io.millwright.media;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.media.RangeServer.Use;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RangeServerTest {
  private static final Duration HOUR = Duration.ofHours(1);

  @TempDir private Path directory;
  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-11-21T00:00:00Z"));
  private final HttpClient http = HttpClient.newHttpClient();
  private RangeServer server;
  private FileSource file;
  private byte[] content;
  private Composed medium;

  @BeforeEach
  void open() throws Exception {
    content = new byte[3_000_000];
    new Random(1).nextBytes(content);
    file = FileSource.open(Files.write(directory.resolve("base"), content));
    // Pieces of a file and of memory, in another order than in the file.
    byte[] own = Samples.text("changed");
    medium =
        new Composed(
            List.of(
                new Piece(file, 1_000_000, 2_000_000), Piece.of(own), new Piece(file, 5, 999_995)));
    content = medium.bytes(0, (int) medium.size());
    server = RangeServer.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), now::get);
  }

  @AfterEach
  void close() throws Exception {
    server.close();
    file.close();
  }

  private HttpResponse<byte[]> get(String path, String... headers) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
            .timeout(Duration.ofSeconds(30));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return http.send(request.build(), BodyHandlers.ofByteArray());
  }

  private String raw(String text) throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(10_000);
      OutputStream out = socket.getOutputStream();
      out.write(text.getBytes(ISO_8859_1));
      out.flush();
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
    }
  }

  @Test
  void theWholeAndAnyRangeAreTheSameBytes() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    HttpResponse<byte[]> whole = get(path);
    assertThat(whole.statusCode()).isEqualTo(200);
    assertThat(whole.body()).isEqualTo(content);
    assertThat(whole.headers().firstValue("Accept-Ranges")).contains("bytes");
    assertThat(whole.headers().firstValue("Content-Disposition"))
        .contains("attachment; filename=\"own.iso\"");
    Random random = new Random(2);
    for (int i = 0; i < 50; i++) {
      int from = random.nextInt(content.length);
      int to = from + random.nextInt(content.length - from);
      HttpResponse<byte[]> part = get(path, "Range", "bytes=" + from + "-" + to);
      assertThat(part.statusCode()).isEqualTo(206);
      assertThat(part.headers().firstValue("Content-Range"))
          .contains("bytes " + from + "-" + to + "/" + content.length);
      assertThat(part.body()).isEqualTo(Arrays.copyOfRange(content, from, to + 1));
    }
    assertThat(get(path, "Range", "bytes=-10").body())
        .isEqualTo(Arrays.copyOfRange(content, content.length - 10, content.length));
    assertThat(get(path, "Range", "bytes=2999990-").body())
        .isEqualTo(Arrays.copyOfRange(content, 2_999_990, content.length));
    assertThat(get(path, "Range", "bytes=5-99999999").body()).hasSize(content.length - 5);
    HttpResponse<byte[]> past = get(path, "Range", "bytes=" + content.length + "-");
    assertThat(past.statusCode()).isEqualTo(416);
    assertThat(past.headers().firstValue("Content-Range")).contains("bytes */" + content.length);
    // Several ranges at once may be answered by the whole (RFC 9110, section 14.2).
    assertThat(get(path, "Range", "bytes=0-1,5-6").body()).isEqualTo(content);
  }

  @Test
  void aHeadHasNoBody() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DOWNLOAD);
    String answer = raw("HEAD " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assertThat(answer)
        .startsWith("HTTP/1.1 200 OK\r\n")
        .contains("Content-Length: " + content.length + "\r\n")
        .endsWith("\r\n\r\n");
    assertThat(server.offered()).isEqualTo(1);
  }

  @Test
  void severalRequestsShareAConnection() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    String one = "GET " + path + " HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\n";
    String answer = raw(one + "\r\n" + one + "Connection: close\r\n\r\n");
    assertThat(answer.split("HTTP/1.1 206", -1)).hasSize(3);
  }

  @Test
  void aDownloadIsOnceAndADriveUntilItIsTakenBack() throws Exception {
    String once = server.offer(medium, "own.iso", HOUR, Use.DOWNLOAD);
    assertThat(get(once, "Range", "bytes=0-99").statusCode()).isEqualTo(206);
    assertThat(get(once).statusCode()).isEqualTo(200);
    assertThat(get(once).statusCode()).isEqualTo(404);
    String drive = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    assertThat(get(drive).statusCode()).isEqualTo(200);
    assertThat(get(drive).statusCode()).isEqualTo(200);
    server.withdraw(drive);
    assertThat(get(drive).statusCode()).isEqualTo(404);
    assertThat(server.offered()).isZero();
  }

  @Test
  void aPathExpires() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    now.set(now.get().plus(HOUR).minusSeconds(1));
    assertThat(get(path).statusCode()).isEqualTo(200);
    now.set(now.get().plusSeconds(1));
    assertThat(get(path).statusCode()).isEqualTo(404);
    assertThat(server.offered()).isZero();
  }

  @Test
  void whoeverTakesNothingIsCutOffWhenThePathIsTakenBack() throws Exception {
    ByteSource endless = ByteSource.zeros(1L << 40);
    String path = server.offer(endless, "own.iso", HOUR, Use.DRIVE);
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(("GET " + path + " HTTP/1.1\r\n\r\n").getBytes(ISO_8859_1));
      InputStream in = socket.getInputStream();
      assertThat(in.read()).isEqualTo('H');
      server.withdraw(path);
      long got = 0;
      byte[] buffer = new byte[1 << 16];
      try {
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          got += n;
        }
      } catch (java.net.SocketException e) {
        // reset, as it should be
      }
      assertThat(got).isLessThan(1L << 30);
    }
  }

  @Test
  void everythingElseIsRefused() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    assertThat(raw("GET / HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 404");
    assertThat(raw("GET " + path + "x HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 404");
    assertThat(raw("GET " + path + "/../../etc/passwd HTTP/1.1\r\n\r\n"))
        .startsWith("HTTP/1.1 404");
    assertThat(raw("PUT " + path + " HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 405");
    assertThat(raw("GET " + path + " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"))
        .startsWith("HTTP/1.1 400");
    assertThat(raw("GET " + path + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
        .startsWith("HTTP/1.1 400");
    assertThat(raw("nonsense\r\n\r\n")).startsWith("HTTP/1.1 400");
    assertThat(raw("GET " + path + " HTTP/1.1\r\nX: " + "y".repeat(20_000)))
        .startsWith("HTTP/1.1 431");
    assertThat(raw("")).isEmpty();
    assertThatThrownBy(() -> server.offer(medium, "a\r\nb", HOUR, Use.DRIVE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void manyReadAtOnce() throws Exception {
    String path = server.offer(medium, "own.iso", HOUR, Use.DRIVE);
    try (var threads = Executors.newFixedThreadPool(16)) {
      List<Callable<byte[]>> readers = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        readers.add(() -> get(path).body());
      }
      for (var body : threads.invokeAll(readers)) {
        assertThat(body.get()).isEqualTo(content);
      }
    }
  }
}

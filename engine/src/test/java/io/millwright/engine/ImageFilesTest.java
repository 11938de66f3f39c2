package io.millwright.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Reach;
import io.millwright.images.Catalogue;
import io.millwright.model.Cidr;
import io.millwright.model.ImageSpec;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are fetched from where somebody says, and what is wrong with some of these places. */
class ImageFilesTest {
  private static final Reach HERE = new Reach(List.of(Cidr.parse("127.0.0.1/32")));
  private static final int MOST = 200_000;

  @TempDir private Path dir;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch over = new CountDownLatch(1);
  private HttpServer web;

  @BeforeEach
  void start() throws IOException {
    web = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    web.setExecutor(threads);
    web.start();
  }

  @AfterEach
  void stop() {
    over.countDown();
    web.stop(0);
    threads.shutdownNow();
  }

  private String url(String host, String path) {
    return "http://" + host + ":" + web.getAddress().getPort() + path;
  }

  private String serve(HttpHandler handler) {
    web.createContext("/file", handler);
    return url("127.0.0.1", "/file");
  }

  private static HttpHandler sending(String body) {
    return exchange -> {
      exchange.sendResponseHeaders(200, body.length());
      exchange.getResponseBody().write(body.getBytes(US_ASCII));
      exchange.close();
    };
  }

  private static HttpHandler leading(String to) {
    return exchange -> {
      exchange.getResponseHeaders().set("Location", to);
      exchange.sendResponseHeaders(302, -1);
      exchange.close();
    };
  }

  private Path fetch(Reach reach, String url) throws Exception {
    return fetch(new ImageFiles.Limits(Duration.ofSeconds(20), 1, MOST, reach), url);
  }

  private Path fetch(ImageFiles.Limits limits, String url) throws Exception {
    Path into = dir.resolve("file");
    new ImageFiles(dir, limits).fetch(new ImageSpec.Source(null, url, null), into, (_, _) -> {});
    return into;
  }

  private DriverException refused(Reach reach, String url) {
    return catchThrowableOfType(DriverException.class, () -> fetch(reach, url));
  }

  /** Why nobody can see what it is. */
  private DriverException unseen(ImageFiles.Limits limits, String url) {
    return catchThrowableOfType(
        DriverException.class,
        () ->
            new ImageFiles(dir, limits)
                .look(new ImageSpec.Source(null, url, null), Catalogue.known(), false));
  }

  private DriverException impatient(String url) {
    return catchThrowableOfType(
        DriverException.class,
        () -> fetch(new ImageFiles.Limits(Duration.ofMillis(300), 50_000, MOST, HERE), url));
  }

  @Test
  void fetchesWithLengthInChunksAndByRedirects() throws Exception {
    String body = "x".repeat(150_000);
    web.createContext("/known", sending(body));
    web.createContext("/redirected", leading("/known"));
    web.createContext(
        "/chunked",
        exchange -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(body.getBytes(US_ASCII));
          exchange.close();
        });
    for (String path : List.of("/known", "/redirected", "/chunked")) {
      Path file = fetch(HERE, url("127.0.0.1", path));
      assertThat(file).hasContent(body);
      Files.delete(file);
    }
  }

  @Test
  void asksForNothingInside() {
    int[] asked = {0};
    String url =
        serve(exchange -> {
          asked[0]++;
          sending("secret").handle(exchange);
        });
    DriverException refused = refused(Reach.OUTSIDE, url);
    assertThat(refused.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(refused.forUser()).contains("127.0.0.1", "--may-reach");
    // By a name, which is looked up once: what was checked is where the connection goes.
    assertThat(refused(Reach.OUTSIDE, url("localhost", "/file")).forUser()).contains("--may-reach");
    assertThat(asked[0]).isZero();
  }

  @Test
  void goesNowhereInsideByARedirect() {
    String elsewhere = "http://127.0.0.2:" + web.getAddress().getPort() + "/secret";
    DriverException refused = refused(HERE, serve(leading(elsewhere)));
    assertThat(refused.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(refused.forUser()).contains("127.0.0.2");
  }

  @Test
  void followsNoRedirectForEverOrToAnotherScheme() {
    assertThat(refused(HERE, serve(leading("/file"))).forUser()).contains("more than 5 redirects");
    web.removeContext("/file");
    assertThat(refused(HERE, serve(leading("file:///etc/passwd"))).forUser())
        .contains("no http or https");
  }

  @Test
  void endsWhatNeverEnds() {
    HttpHandler endless =
        exchange -> {
          exchange.sendResponseHeaders(200, 0);
          try {
            while (over.getCount() > 0) {
              exchange.getResponseBody().write(new byte[10_000]);
            }
          } finally {
            exchange.close();
          }
        };
    DriverException refused = refused(HERE, serve(endless));
    assertThat(refused.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(refused.forUser()).contains("the most that an image may have");
  }

  @Test
  void doesNotBeginWithWhatIsTooMuch() {
    String url =
        serve(exchange -> {
          exchange.sendResponseHeaders(200, MOST + 1);
          exchange.getResponseBody().flush();
        });
    assertThat(refused(HERE, url).forUser()).contains("the most that an image may have");
    DriverException unseen =
        unseen(new ImageFiles.Limits(Duration.ofSeconds(20), 1, MOST, HERE), url);
    assertThat(unseen.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(unseen.forUser()).contains("the most that an image may have");
  }

  @Test
  void givesUpWhatComesSlowly() {
    HttpHandler dripping =
        exchange -> {
          exchange.sendResponseHeaders(200, 100_000);
          try {
            for (int i = 0;
                i < 1000 && !over.await(20, java.util.concurrent.TimeUnit.MILLISECONDS);
                i++) {
              exchange.getResponseBody().write('x');
              exchange.getResponseBody().flush();
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          exchange.close();
        };
    DriverException slow = impatient(serve(dripping));
    assertThat(slow.kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(slow.forUser()).contains("it comes too slowly");
    // Whoever asks what it is waits for the answer; a letter now and then keeps nobody waiting.
    DriverException unseen =
        unseen(
            new ImageFiles.Limits(Duration.ofMillis(300), 1, MOST, HERE),
            url("127.0.0.1", "/file"));
    assertThat(unseen.kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(unseen.forUser()).contains("comes too slowly to be looked at; try again, or send");
  }

  @Test
  void givesUpWhoseAnswerBeginsSlowly() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual()
          .start(() -> {
            try (Socket socket = server.accept()) {
              socket.getOutputStream().write("HTTP/1.1 200 OK\r\nX: ".getBytes(US_ASCII));
              while (!over.await(20, java.util.concurrent.TimeUnit.MILLISECONDS)) {
                socket.getOutputStream().write('x');
              }
            } catch (IOException | InterruptedException e) {
              // It was given up, as it should be.
            }
          });
      DriverException slow = impatient("http://127.0.0.1:" + server.getLocalPort() + "/x");
      assertThat(slow.kind()).isEqualTo(FaultKind.UNREACHABLE);
      assertThat(slow.forUser()).contains("it answers too slowly");
    }
  }

  @Test
  void givesUpWhatSaysNothing() {
    DriverException silent = impatient(serve(this::silence));
    assertThat(silent.kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(silent.forUser()).contains("nothing came for");
  }

  private void silence(HttpExchange exchange) throws IOException {
    exchange.sendResponseHeaders(200, 1000);
    exchange.getResponseBody().flush();
    try {
      over.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    exchange.close();
  }

  @Test
  void saysWhatIsNotThere() {
    DriverException missing =
        refused(
            HERE,
            serve(exchange -> {
              exchange.sendResponseHeaders(404, -1);
              exchange.close();
            }));
    assertThat(missing.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(missing.forUser()).contains("answered 404");
    assertThat(refused(HERE, "http://nowhere.invalid/x").forUser()).contains("no such host");
  }

  /** A server that says this once, and closes. */
  private String saying(ServerSocket server, String answer) {
    Thread.ofVirtual()
        .start(() -> {
          try (Socket socket = server.accept()) {
            var _ = socket.getInputStream().read(new byte[4096]);
            socket.getOutputStream().write(answer.getBytes(US_ASCII));
          } catch (IOException e) {
            // It was given up.
          }
        });
    return "http://127.0.0.1:" + server.getLocalPort() + "/x";
  }

  @Test
  void whoseEndIsNotToldNeedsAChecksum() throws Exception {
    String answer = "HTTP/1.0 200 OK\r\n\r\nall of it";
    try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      DriverException refused = refused(HERE, saying(server, answer));
      assertThat(refused.kind()).isEqualTo(FaultKind.REFUSED);
      assertThat(refused.forUser()).contains("does not say how long", "source.sha256");
    }
    try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      Path into = dir.resolve("file");
      new ImageFiles(dir, new ImageFiles.Limits(Duration.ofSeconds(20), 1, MOST, HERE))
          .fetch(
              new ImageSpec.Source(null, saying(server, answer), "0".repeat(64)),
              into,
              (_, _) -> {});
      assertThat(into).hasContent("all of it");
    }
  }

  @Test
  void chunksThatBreakOffAreNotTheWhole() throws Exception {
    String head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (String body : List.of("5\r\nhel", "5\r\nhello\r\n", "5\r\nhello", "", "5\r\nhello\r\n0")) {
      try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
        DriverException broken = refused(HERE, saying(server, head + body));
        assertThat(broken).as(body).isNotNull();
        assertThat(broken.kind()).isEqualTo(FaultKind.UNREACHABLE);
        assertThat(broken.forUser()).contains("broke off");
      }
      Files.delete(dir.resolve("file"));
    }
    try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      String whole = head + "5;x=y\r\nhello\r\n0\r\n\r\n";
      assertThat(fetch(HERE, saying(server, whole))).hasContent("hello");
    }
  }

  @Test
  void ofWhatIsSentAndBreaksOffNothingStays() throws Exception {
    ImageFiles files =
        new ImageFiles(dir, new ImageFiles.Limits(Duration.ofSeconds(5), 1, MOST, HERE));
    for (int length : new int[] {2000, MOST + 1}) {
      DriverException broken =
          catchThrowableOfType(
              DriverException.class,
              () -> files.receive(new ByteArrayInputStream(new byte[1000]), length));
      assertThat(broken.forUser()).containsAnyOf("broke off after 1000 of 2000", "larger than");
    }
    try (Stream<Path> left = Files.list(dir)) {
      assertThat(left).isEmpty();
    }
    Path sent = files.receive(new ByteArrayInputStream(new byte[1000]), 1000);
    assertThat(
            catchThrowableOfType(DriverException.class, () -> files.checksum(sent, "0".repeat(64)))
                .forUser())
        .contains("541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53");
  }
}

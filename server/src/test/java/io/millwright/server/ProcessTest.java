package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The server as a process of its own, as it is run. */
@Tag("slow")
class ProcessTest {
  private static final Pattern READY = Pattern.compile("is ready at (http://[^ ]+)");

  @TempDir Path dir;
  private Path data;
  private Path log;
  private Process process;

  @BeforeEach
  void prepare() throws IOException {
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx--x--x"));
    data = dir.resolve("data");
    log = dir.resolve("log");
  }

  @AfterEach
  void end() throws Exception {
    if (process != null && process.isAlive()) {
      process.destroy();
      process.waitFor(20, TimeUnit.SECONDS);
    }
  }

  private void run(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                // The tests' own configuration of the log is on this class path as well.
                "-Dlogback.configurationFile=logback.xml",
                "-cp",
                System.getProperty("java.class.path"),
                "io.millwright.server.Main"));
    command.addAll(List.of(arguments));
    Files.deleteIfExists(log);
    process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
  }

  private String start(String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(List.of("--data", data.toString(), "--listen", "127.0.0.1:0"));
    arguments.addAll(List.of(more));
    run(arguments.toArray(String[]::new));
    Awaitility.await("the server is ready")
        .atMost(Duration.ofMinutes(2))
        .until(() -> !process.isAlive() || READY.matcher(log()).find());
    Matcher ready = READY.matcher(log());
    assertThat(ready.find()).as(log()).isTrue();
    return ready.group(1);
  }

  private String log() throws IOException {
    return Files.exists(log) ? Files.readString(log) : "";
  }

  /** The exit code and everything that was printed. */
  private String outcome() throws Exception {
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return process.exitValue() + " " + log();
  }

  private static int status(String url, String path, String token) {
    try {
      return HttpClient.newHttpClient()
          .send(
              HttpRequest.newBuilder(URI.create(url + path))
                  .header("Authorization", "Bearer " + token)
                  .timeout(Duration.ofSeconds(10))
                  .build(),
              HttpResponse.BodyHandlers.discarding())
          .statusCode();
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private long postmaster() throws IOException {
    try (var files = Files.walk(data.resolve("postgres/data"), 2)) {
      Path file = files.filter(f -> f.endsWith("postmaster.pid")).findFirst().orElseThrow();
      return Long.parseLong(Files.readAllLines(file).getFirst().strip());
    }
  }

  @Test
  void itStartsSurvivesItsDatabaseAndEnds() throws Exception {
    String url = start("--print-token");
    Path file = data.resolve("admin-token");
    String token = Files.readString(file).strip();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(log()).containsOnlyOnce(token);
    assertThat(status(url, "/api/v1/health", "")).isEqualTo(200);
    assertThat(status(url, "/api/v1/projects", token)).isEqualTo(200);
    assertThat(status(url, "/api/v1/projects", "mwt_other")).isEqualTo(401);

    long before = postmaster();
    ProcessHandle.of(before).orElseThrow().destroyForcibly();
    Awaitility.await("the database is back")
        .atMost(Duration.ofSeconds(20))
        .until(() -> status(url, "/api/v1/projects", token) == 200 && postmaster() != before);

    long database = postmaster();
    long begun = System.nanoTime();
    process.destroy();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(10));
    assertThat(ProcessHandle.of(database).map(ProcessHandle::isAlive).orElse(false)).isFalse();

    String again = start("--print-token");
    assertThat(log()).doesNotContain("mwt_");
    assertThat(status(again, "/api/v1/projects", token)).isEqualTo(200);
    process.destroy();
    process.waitFor(30, TimeUnit.SECONDS);

    Path key = data.resolve("key");
    byte[] own = Files.readAllBytes(key);
    Files.write(key, new byte[32]);
    run("--data", data.toString(), "--listen", "127.0.0.1:0");
    assertThat(outcome())
        .startsWith("1 ")
        .contains("millwright-server: " + key + " is not the key file of this installation");
    Files.write(key, own);

    String renewed = start("--new-admin-token");
    assertThat(log()).doesNotContain("mwt_");
    assertThat(status(renewed, "/api/v1/projects", token)).isEqualTo(401);
    assertThat(status(renewed, "/api/v1/projects", Files.readString(file).strip())).isEqualTo(200);
  }

  /** A system that no code knows, by a file of the user's. */
  @Test
  void aUserAddsToTheCatalogue() throws Exception {
    Path catalogue = Files.createDirectory(dir.resolve("catalogue"));
    String[] arguments = {
      "--data", data.toString(), "--listen", "127.0.0.1:0", "--catalogue", catalogue.toString()
    };
    run(arguments);
    assertThat(outcome())
        .startsWith("1 millwright-server: --catalogue: there is no file *.yaml in " + catalogue)
        .hasLineCount(1);

    String devuan =
        """
        family: devuan
        title: Devuan
        installer: preseed
        media:
          - path: /.disk/info
            text: '^Devuan GNU.Linux (?<version>[0-9]+)'
        boot: {kernel: /install.amd/vmlinuz, initrd: /install.amd/initrd.gz}
        releases:
          - {version: "6", title: Devuan 6, released: "2025-11-02", disk: 2GiB, memory: 512MiB}
        """;
    Path file = catalogue.resolve("devuan.yaml");
    Files.writeString(file, devuan.replace("2025-11-02", "soon"));
    run(arguments);
    assertThat(outcome())
        .startsWith("1 millwright-server: devuan.yaml.releases[0].released: \"soon\" is no day")
        .hasLineCount(1);

    Files.writeString(file, devuan);
    String image =
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: six}
        spec: {os: devuan, version: "6", installer: {url: "https://example.org/6.iso"}}
        """;
    String url = start("--catalogue", catalogue.toString());
    String token = Files.readString(data.resolve("admin-token")).strip();
    assertThat(plan(url, token, image)).startsWith("200 ").contains("six");
    assertThat(plan(url, token, image.replace("devuan", "devuam")))
        .startsWith("400 ")
        .contains("did you mean")
        .contains("devuan");
  }

  /** The status and the body of a plan. */
  private static String plan(String url, String token, String manifest) throws Exception {
    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(url + "/api/v1/apply?dryRun=true"))
                    .header("Authorization", "Bearer " + token)
                    .header("Content-Type", "application/yaml")
                    .timeout(Duration.ofSeconds(30))
                    .POST(HttpRequest.BodyPublishers.ofString(manifest))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    return answer.statusCode() + " " + answer.body();
  }

  @Test
  void whatStandsInTheWayIsSaidInOneLine() throws Exception {
    run("--dta", "x");
    assertThat(outcome())
        .startsWith("2 millwright-server: ")
        .contains("did you mean \"--data\"?")
        .hasLineCount(1);

    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      run("--data", data.toString(), "--listen", "127.0.0.1:" + taken.getLocalPort());
      assertThat(outcome())
          .startsWith("1 millwright-server: another program listens at 127.0.0.1:")
          .hasLineCount(1);
    }
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String door = "127.0.0.1:" + taken.getLocalPort();
      run("--data", data.toString(), "--listen", "127.0.0.1:0", "--door", door);
      assertThat(outcome())
          .startsWith("1 ")
          .contains(
              "millwright-server: another program listens at %s already; stop it, or give another --door\n"
                  .formatted(door));
    }
    run("--data", data.toString(), "--listen", "192.0.2.7:7070", "--behind-proxy");
    assertThat(outcome())
        .startsWith("1 millwright-server: this machine has no address")
        .hasLineCount(1);

    run(
        "--data",
        data.toString(),
        "--listen",
        "127.0.0.1:0",
        "--database",
        "jdbc:postgresql://127.0.0.1:1/none",
        "--database-user",
        "x");
    assertThat(outcome()).startsWith("1 millwright-server: the database at").hasLineCount(1);

    Files.setPosixFilePermissions(
        data.resolve("key"), PosixFilePermissions.fromString("rw-r--r--"));
    run("--data", data.toString(), "--listen", "127.0.0.1:0");
    assertThat(outcome()).startsWith("1 millwright-server: ").contains("chmod 600").hasLineCount(1);
  }
}

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Answer files shown, and media written. */
class IsoTest extends CliTestCase {
  private static final String ISOS = "POST /projects/default/isos";
  private static final String RENDERINGS = "POST /projects/default/renderings";
  private static final String RENDERING =
      """
      {"system":"Debian 13 (trixie)","kernelArguments":["auto=true"],"files":[
       {"place":"initrd","path":"/preseed.cfg","content":"d-i one\\n","executable":false,
        "main":true},
       {"place":"initrd","path":"/millwright/late","content":"#!/bin/sh","executable":true,
        "main":false}]}\
      """;

  private final byte[] medium = new byte[700_000];
  private String manifest = "";

  @BeforeEach
  void machine() throws IOException {
    new Random(7).nextBytes(medium);
    manifest = file("machine.yaml", "kind: Machine\n").toString();
  }

  @Test
  void theAnswerFileAloneOrOthersOrAll() {
    server.on(RENDERINGS, 200, RENDERING);
    Result plain = run("image", "render", "-f", manifest, "--installer", "debian-13");
    assertThat(plain.code()).isZero();
    assertThat(plain.out()).isEqualTo("d-i one\n");
    assertThat(plain.err()).isEqualTo("1 more files; --all shows them, -o name names them\n");
    assertThat(server.lines()).containsExactly(RENDERINGS + "?installer=debian-13");
    assertThat(server.seen().getFirst().body()).isEqualTo("kind: Machine\n");
    assertThat(run("image", "render", "-f", manifest, "--answer", "/millwright/late").done().out())
        .isEqualTo("#!/bin/sh\n");
    assertThat(run("image", "render", "-f", manifest, "--all").done().out())
        .isEqualTo("==> /preseed.cfg <==\nd-i one\n==> /millwright/late <==\n#!/bin/sh\n");
    assertThat(run("image", "render", "-f", manifest, "-o", "name").done().out())
        .isEqualTo("/preseed.cfg\n/millwright/late\n");
    assertThat(run("image", "render", "-f", manifest, "-o", "json").done().out())
        .contains("\"kernelArguments\"", "\"auto=true\"");
    run("image", "render", "-f", manifest, "--answer", "/preseed")
        .failed(2, "there is no file /preseed; there are: /preseed.cfg, /millwright/late");
  }

  @Test
  void whatIsOnlyProposedIsSaid() {
    server.on(
        RENDERINGS,
        200,
        RENDERING.replace(
            "\"files\"",
            "\"proposed\":[{\"of\":\"nic0\",\"field\":\"ipv4\",\"value\":\"10.0.0.2\"}],\"files\""));
    Result result = run("image", "render", "-f", manifest);
    assertThat(result.out()).isEqualTo("d-i one\n");
    assertThat(result.err()).contains("nic0: ipv4 10.0.0.2 is proposed, not reserved\n");
  }

  @Test
  void whatTheServerRefusesNamesTheFile() {
    server.on(
        RENDERINGS,
        FakeServer.problem(400, "invalid", "{manifest} document 1: kind: there is no kind Machin"));
    run("image", "render", "-f", manifest)
        .failed(2, manifest + " document 1: kind: there is no kind Machin");
  }

  /** Sends from {@code from} on, and breaks off before {@code to} if that is not the end. */
  private void send(HttpExchange exchange, String etag, int from, int to) throws IOException {
    exchange.getResponseHeaders().set("ETag", etag);
    exchange.sendResponseHeaders(from == 0 ? 200 : 206, medium.length - from);
    exchange.getResponseBody().write(medium, from, to - from);
    exchange.getResponseBody().flush();
    if (to < medium.length) {
      throw new IOException("the connection breaks here");
    }
  }

  private Path[] left() throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.filter(p -> !p.toString().endsWith("machine.yaml")).toArray(Path[]::new);
    }
  }

  @Test
  void aMediumIsWrittenAndItsRestAskedForWhenTheConnectionBreaks() throws IOException {
    server.on(
        ISOS,
        exchange -> send(exchange, "\"a\"", 0, 300_000),
        exchange -> send(exchange, "\"a\"", 300_000, 300_000),
        exchange -> send(exchange, "\"a\"", 300_000, medium.length));
    Path iso = dir.resolve("machine.iso");
    Files.writeString(iso, "older");
    assertThat(run("iso", "build", "-f", manifest, "-o", iso.toString()).done().out())
        .isEqualTo(iso + " 684 KiB\n");
    assertThat(Files.readAllBytes(iso)).isEqualTo(medium);
    assertThat(server.seen().get(1).header("Range")).isEqualTo("bytes=300000-");
    assertThat(server.seen().get(1).header("If-range")).isEqualTo("\"a\"");
    assertThat(left()).containsExactly(iso);
  }

  @Test
  void aMediumThatIsAnotherOneMeanwhileIsTakenFromTheStart() throws IOException {
    server.on(
        ISOS,
        exchange -> send(exchange, "\"a\"", 0, 500_000),
        exchange -> {
          Arrays.fill(medium, (byte) 7);
          send(exchange, "\"b\"", 0, medium.length);
        });
    Path iso = dir.resolve("machine.iso");
    run("iso", "build", "-f", manifest, "-o", iso.toString()).done();
    assertThat(Files.readAllBytes(iso)).isEqualTo(medium);
  }

  @Test
  void nothingIsLeftOfWhatDidNotBecomeWhole() throws IOException {
    Path iso = dir.resolve("machine.iso");
    server.on(ISOS, exchange -> send(exchange, "\"a\"", 0, 1000));
    server.on(
        ISOS,
        exchange -> send(exchange, "\"a\"", 0, 1000),
        exchange -> send(exchange, "\"a\"", 1000, 1000));
    Result broken = run("iso", "build", "-f", manifest, "-o", iso.toString());
    assertThat(broken.code()).isEqualTo(1);
    assertThat(broken.err()).contains("the connection broke after 1 KiB");
    assertThat(left()).isEmpty();

    server.on(ISOS, FakeServer.problem(409, "conflict", "Image debian-13 is not ready yet"));
    run("iso", "build", "-f", manifest, "-o", iso.toString())
        .failed(1, "Image debian-13 is not ready yet");
    assertThat(left()).isEmpty();

    int before = server.seen().size();
    run("iso", "build", "-f", manifest, "-o", dir.toString())
        .failed(2, dir + " can be no file; name one in a directory that is there");
    assertThat(server.seen()).hasSize(before);
  }

  @Test
  void whatIsWrongWithAnImportIsSaidByTheNameOfItsOption() throws IOException {
    String file = file("disk.qcow2", "disk").toString();
    server.on(
        "POST /projects/default/images/disk:import",
        FakeServer.json(
            422,
            """
            {"status": 422, "errors": [
              {"field": "version", "message": "must be given, such as 12"},
              {"field": "os", "message": "is unknown"}, {"field": "other", "message": "x"}]}
            """));
    run("image", "import", file)
        .failed(2, "--release: must be given, such as 12; --os: is unknown; other: x");
  }

  @Test
  void anImageIsMadeOfAFileOrAUrl() throws IOException {
    String file = file("Debian_13.1.0-amd64.ISO", "medium").toString();
    String sha256 = "fed31c6008cb23fc3be8f42bf3f6efc2ff7d3d5ae0bd6d23a8a3de7c6de0b9a1";
    server.on("POST /projects/default/images/debian-13-1-0-amd64:import", 202, Samples.running());
    Result sent = run("image", "import", file);
    assertThat(sent.code()).as(sent.err()).isZero();
    assertThat(sent.out()).isEqualTo("image/debian-13-1-0-amd64: operation 0193-op\n");
    FakeServer.Seen seen = server.seen().getLast();
    assertThat(seen.body()).isEqualTo("medium");
    assertThat(seen.header("Content-type")).isEqualTo("application/octet-stream");
    assertThat(seen.line()).contains("sha256=" + Sent.sha256(Path.of(file)));

    int before = server.seen().size();
    Result wrong = run("image", "import", file, "--sha256", sha256);
    assertThat(wrong.code()).isEqualTo(2);
    assertThat(wrong.err()).contains("has the checksum", "and not " + sha256);
    run("image", "import", dir + "/none.iso").failed(2, "there is no file " + dir + "/none.iso");
    assertThat(server.seen()).hasSize(before);

    server.on("POST /projects/default/images/rocky:import", 202, Samples.running());
    run("image", "import", "https://m.example/rocky.iso?x=y", "--sha256", sha256).done();
    assertThat(server.lines().getLast())
        .endsWith(
            "rocky:import?offline=false&sha256="
                + sha256
                + "&url=https%3A%2F%2Fm.example%2Frocky.iso%3Fx%3Dy");
    assertThat(server.seen().getLast().body()).isEmpty();

    // No file, and which URLs it fetches the server knows.
    server.on(
        "POST /projects/default/images/x:import",
        FakeServer.json(
            422, "{\"status\": 422, \"errors\": [{\"field\": \"url\", \"message\": \"m\"}]}"));
    run("image", "import", "ftp://m.example/x.iso").failed(2, "URL: m");
  }
}

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** run: the machine's declaration, what is copied, the exit code, and the end in every case. */
class RunTest extends CliTestCase {
  private static final String MACHINE = "/projects/default/machines/job";

  private SshDoor door;
  private Path home;
  private Path work;

  @BeforeEach
  void machine() throws IOException {
    door = new SshDoor("127.0.0.2", 0, true);
    home = Files.createDirectories(dir.resolve("guest"));
    work = Files.createDirectories(dir.resolve("mine"));
    Files.writeString(work.resolve("file"), "from here");
    // The guest is this computer: what ssh is told to run there is run in a directory of its own.
    Path ssh =
        file(
            "bin/ssh",
            """
            #!/bin/sh
            for a; do last=$a; done
            cd '%s' && exec sh -c "$last"
            """
                .formatted(home));
    Files.setPosixFilePermissions(ssh, PosixFilePermissions.fromString("rwxr-xr-x"));
    environment.put("PATH", dir.resolve("bin") + ":/usr/bin:/bin");
    String one = "{\"items\":[{\"metadata\":{\"name\":\"%s\"}}]}";
    for (String project : new String[] {"default", "shared"}) {
      server
          .on("GET /projects/" + project + "/images", 200, one.formatted("debian-12"))
          .on("GET /projects/" + project + "/sizes", 200, one.formatted("small"))
          .on("GET /projects/" + project + "/profiles", 200, one.formatted("me"))
          .on("GET /projects/" + project + "/networks", 200, one.formatted("lab"));
    }
    server
        .on("PUT " + MACHINE, 202, Samples.running())
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""))
        .on(
            "GET " + MACHINE,
            200,
            """
            {"kind":"Machine","metadata":{"name":"job","project":"default"},
             "spec":{"profiles":["me"]},
             "status":{"interfaces":[{"addresses":["127.0.0.2"]}],
                       "hostKeys":["ssh-ed25519 AAAAC3Nz root@x"]}}
            """)
        .on("DELETE " + MACHINE, 202, Samples.running());
  }

  @AfterEach
  void shut() throws IOException {
    door.close();
  }

  private Result runs(String... more) {
    java.util.List<String> all =
        new java.util.ArrayList<>(
            java.util.List.of(
                "run",
                "--name",
                "job",
                "-C",
                work.toString(),
                "-l",
                "anna",
                "--port",
                String.valueOf(door.port())));
    all.addAll(java.util.List.of(more));
    return run(all.toArray(String[]::new));
  }

  private FakeServer.Seen seen(String line) {
    return server.seen().stream().filter(s -> s.line().startsWith(line)).findFirst().orElseThrow();
  }

  @Test
  void theCommandRunsAmongTheCopiedFilesAndItsCodeIsReturned() throws IOException {
    Result result = runs("--ttl", "2h", "--", "sh", "-c", "cat file >'it'\\''s'; exit 7");
    assertThat(result.code()).isEqualTo(7);
    assertThat(home.resolve("work/it's")).hasContent("from here");
    assertThat(result.err()).contains("machine/job is being made", "job is being destroyed");
    FakeServer.Seen put = seen("PUT " + MACHINE);
    assertThat(put.header("If-none-match")).isEqualTo("*");
    assertThat(put.body())
        .contains(
            "\"image\":\"debian-12\"",
            "\"size\":\"small\"",
            "\"profiles\":[\"me\"]",
            "\"network\":\"lab\"",
            "\"leash\":\"60s\"",
            "\"ttl\":\"2h\"",
            "\"made-by\":\"run\"");
    seen("DELETE " + MACHINE);
  }

  @Test
  void whatIsExcludedIsNotCopied() {
    assertThat(runs("--exclude", "file", "--", "test", "-e", "file").code()).isEqualTo(1);
  }

  @Test
  void aMachineThatDoesNotComeUpIsDestroyedAllTheSame() {
    server.on(
        "GET /operations/0193-op",
        FakeServer.events("event: operation", "data: " + Samples.failed(), ""));
    Result result = runs("--", "true");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("did not report within 30 s");
    seen("DELETE " + MACHINE);
  }

  @Test
  void aMachineOfAPoolIsTakenAndDestroyedLikeAnyOther() {
    server.on(
        "POST /projects/default/pools/ci:claim?leash=60s",
        200,
        "{\"kind\":\"Machine\",\"metadata\":{\"name\":\"job\"}}");
    String[] more = {"--pool", "ci", "--port", String.valueOf(door.port())};
    Result result =
        run(
            "run",
            more[0],
            more[1],
            more[2],
            more[3],
            "-C",
            work.toString(),
            "-l",
            "anna",
            "--",
            "sh",
            "-c",
            "cat file; exit 7");
    assertThat(result.code()).as(result.err()).isEqualTo(7);
    assertThat(result.err()).contains("machine/job was taken from pool/ci", "being destroyed");
    assertThat(server.seen()).noneMatch(s -> s.line().startsWith("PUT"));
    seen("DELETE " + MACHINE);

    Result both = runs("--pool", "ci", "--image", "debian-12", "--", "true");
    assertThat(both.code()).isEqualTo(2);
    assertThat(both.err()).contains("a machine of a pool is what the pool says");
  }

  @Test
  void oneThatIsKeptIsOnNoLeash() {
    assertThat(runs("--keep", "--", "true").code()).isZero();
    assertThat(seen("PUT " + MACHINE).body()).doesNotContain("expiry");
    assertThat(server.seen()).noneMatch(s -> s.line().startsWith("DELETE"));
  }

  @Test
  void tooMuchIsRefusedBeforeThereIsAMachine() throws IOException {
    Files.write(work.resolve("large"), new byte[2 << 20]);
    Result result = runs("--limit", "1", "--", "true");
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains("larger than 1 MiB");
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void whichOfSeveralMustBeSaid() {
    server.on(
        "GET /projects/default/sizes",
        200,
        "{\"items\":[{\"metadata\":{\"name\":\"small\"}},{\"metadata\":{\"name\":\"large\"}}]}");
    Result result = runs("--", "true");
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains("say which size: --size small, or large");
    assertThat(server.seen()).noneMatch(s -> s.line().startsWith("PUT"));
  }
}

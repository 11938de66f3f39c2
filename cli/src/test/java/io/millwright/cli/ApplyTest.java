package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** apply, plan and delete: what is sent, what is printed, how it ends. */
class ApplyTest extends CliTestCase {
  private static final String APPLIED =
      """
      {"items":[
       {"kind":"Network","project":"default","name":"lab","action":"unchanged","changes":[],
        "impact":"","destroys":false,"steps":[]},
       {"kind":"Machine","project":"default","name":"hello","action":"created","changes":[],
        "impact":"","destroys":false,"steps":[],"operation":"0193-op"},
       {"kind":"Size","project":"shared","name":"small","action":"changed","changes":[],
        "impact":"","destroys":false,"steps":[]}]}\
      """;

  @Test
  void applySaysWhatBecameOfEach() throws IOException {
    server.on("POST /apply", 202, APPLIED);
    Path file = file("hello.yaml", "kind: Machine\n");
    assertThat(run("apply", "-f", file.toString()).done().out())
        .isEqualTo(
            """
            network/lab unchanged
            machine/hello created
            size/small changed (project shared)
            The work goes on; see it with: millwright logs -f 0193-op
            """);
    FakeServer.Seen seen = server.seen().getFirst();
    assertThat(seen.line()).isEqualTo("POST /apply?dryRun=false&project=default");
    assertThat(seen.body()).isEqualTo("kind: Machine\n");
    assertThat(seen.header("Content-type")).isEqualTo("application/yaml");
    assertThat(seen.header("Idempotency-key")).hasSize(36);
    assertThat(run("apply", "-f", file.toString(), "-o", "name").done().out())
        .isEqualTo("network/lab\nmachine/hello\nsize/small\n");
    assertThat(run("apply", "-f", file.toString(), "--dry-run").done().out())
        .contains("machine/hello would be created\n")
        .doesNotContain("goes on");
    assertThat(server.seen().getLast().line()).isEqualTo("POST /apply?dryRun=true&project=default");
  }

  @Test
  void applyAndWait() throws IOException {
    server
        .on("POST /apply", 202, APPLIED)
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.running(), ""),
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    input = "kind: Machine\n";
    golden("apply-wait.txt", run("apply", "-f", "-", "--wait").done().out());
  }

  @Test
  void applyAndWaitForWhatFails() {
    server
        .on("POST /apply", 202, APPLIED)
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.failed(), ""));
    input = "kind: Machine\n";
    Result result = run("apply", "-f", "-", "--wait");
    result.failed(
        1,
        "create Machine hello failed: it did not report within 30 s; see: millwright logs 0193-op");
    assertThat(result.out()).contains("wait until it reports ready  failed (no report)");
  }

  @Test
  void waitingHasAnEnd() {
    server
        .on("POST /apply", 202, APPLIED)
        .on(
            "GET /operations/0193-op",
            server.eventsAndSilence("event: operation", "data: " + Samples.running(), ""));
    input = "kind: Machine\n";
    run("apply", "-f", "-", "--wait", "--timeout", "300ms")
        .failed(1, "time is up: operation 0193-op goes on; see: millwright logs -f 0193-op");
  }

  @Test
  void waitingForAProgramPrintsOnlyTheAnswer() {
    server
        .on("POST /apply", 202, APPLIED)
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    input = "kind: Machine\n";
    String out = run("apply", "-f", "-", "--wait", "-o", "json").done().out();
    assertThat(io.millwright.client.Trees.read(out))
        .isEqualTo(io.millwright.client.Trees.read(APPLIED));
  }

  @Test
  void onATerminalTheLastLineIsWrittenAgain() {
    terminal = true;
    environment.put("NO_COLOR", "1");
    server
        .on("POST /apply", 202, APPLIED)
        .on(
            "GET /operations/0193-op",
            FakeServer.events(
                "event: operation",
                "data: " + Samples.running(),
                "",
                "event: operation",
                "data: " + Samples.succeeded(),
                ""));
    input = "kind: Machine\n";
    assertThat(run("apply", "-f", "-", "--wait").done().out())
        .contains("machine/hello   178.0 s  wait until it reports ready  running (30 %)\r\u001b[K")
        .contains("machine/hello    29.0 s  wait until it reports ready\n");
  }

  @Test
  void planIsReadable() throws IOException {
    server.on("POST /apply", 200, resource("plan.json"));
    input = "kind: Machine\n";
    Result result = run("plan", "-f", "-");
    assertThat(result.err()).isEmpty();
    assertThat(result.code()).isEqualTo(2);
    golden("plan.txt", result.out());
    terminal = true;
    golden("plan.coloured.txt", run("plan", "-f", "-").out());
    assertThat(server.lines()).containsOnly("POST /apply?dryRun=true&project=default");
    assertThat(server.seen().getFirst().headers()).doesNotContainKey("Idempotency-key");
  }

  /** A slip of the pen is no new project. */
  @Test
  void aProjectThatIsNotThereIsBegunOnlyWhenAskedTo() {
    server
        .on("GET /projects", 200, "{\"items\":[\"default\",\"shared\",\"shop\"]}")
        .on("POST /apply", 202, "{\"items\":[]}");
    input = "kind: Machine\n";
    for (String command : List.of("apply", "plan")) {
      run(command, "-p", "shpo", "-f", "-")
          .failed(
              command.equals("plan") ? 1 : 2,
              "there is no project 'shpo' (did you mean 'shop'?); to begin one of that name give"
                  + " --new-project, too");
    }
    environment.put("MILLWRIGHT_PROJECT", "x1");
    run("apply", "-f", "-")
        .failed(2, "there is no project 'x1'; to begin one of that name give --new-project, too");
    assertThat(server.lines()).containsOnly("GET /projects");
    run("apply", "-p", "shop", "-f", "-").done();
    run("apply", "--new-project", "-f", "-").done();
    run("plan", "-p", "shared", "-f", "-").done();
    assertThat(server.lines().subList(3, 7))
        .containsExactly(
            "GET /projects",
            "POST /apply?dryRun=false&project=shop",
            "POST /apply?dryRun=false&project=x1",
            "POST /apply?dryRun=true&project=shared");
  }

  @Test
  void planWithNothingToDo() {
    server.on(
        "POST /apply",
        200,
        "{\"items\":[{\"kind\":\"Size\",\"name\":\"a\",\"action\":\"unchanged\",\"steps\":[]}]}");
    input = "kind: Size\n";
    assertThat(run("plan", "-f", "-").done().out()).isEqualTo("Nothing to do: 1 unchanged.\n");
  }

  @Test
  void messagesNameTheFiles() throws IOException {
    file("d/b/2.yml", "# second\nkind: Size\n---\nkind: Nope\n");
    file("d/a.yaml", "---\nkind: Network\n");
    file("d/c.json", "{\n\t\"kind\": \"Image\"\n}");
    file("d/.hidden/x.yaml", "never: read\n");
    file("d/readme.md", "never read\n");
    server.on(
        "POST /apply",
        400,
        """
        {"status":400,"errors":[
         {"field":"{manifest} document 3: kind","message":"\\"Nope\\" is unknown ({manifest} line 7, column 7)"},
         {"field":"Image x: spec","message":"is missing ({manifest} line 10, column 3)"},
         {"field":"Image x: metadata.name",
          "message":"stands here twice: {manifest} document 1 (line 2) and {manifest} document 4 item 2 (line 9)"},
         {"field":"{manifest} line 5, column 1","message":"tabs"},
         {"field":"{manifest}","message":"declares no resource"}]}\
        """);
    String d = dir.resolve("d").toString();
    run("apply", "-f", d)
        .failed(
            2,
            d
                + "/b/2.yml document 2: kind: \"Nope\" is unknown ("
                + d
                + "/b/2.yml line 4, column 7)"
                + "; Image x: spec: is missing ("
                + d
                + "/c.json line 2, column 3)"
                + "; Image x: metadata.name: stands here twice: "
                + d
                + "/a.yaml (line 2) and "
                + d
                + "/c.json item 2 (line 1)"
                + "; "
                + d
                + "/b/2.yml line 2, column 1: tabs"
                + "; the manifests: declares no resource");
    assertThat(server.seen().getFirst().body())
        .isEqualTo(
            "---\nkind: Network\n---\n# second\nkind: Size\n---\nkind: Nope\n---\n{\n"
                + " \"kind\": \"Image\"\n}\n");
    assertThat(server.seen().getFirst().header("X-source")).isEqualTo("{manifest}");
  }

  @Test
  void ofOneFileTheNameIsPutIn() throws IOException {
    Path file = file("ü.json", "{}");
    server.on(
        "POST /apply",
        400,
        "{\"status\":400,\"errors\":[{\"field\":\"{manifest} document 2: kind\",\"message\":\"x"
            + " ({manifest} line 3, column 1)\"}]}");
    run("apply", "-f", file.toString())
        .failed(2, file + " document 2: kind: x (" + file + " line 3, column 1)");
    assertThat(server.seen().getFirst().header("Content-type")).isEqualTo("application/json");
  }

  @Test
  void filesThatCannotBeTaken() throws IOException {
    String absent = dir.resolve("absent.yaml").toString();
    run("apply", "-f", absent).failed(2, "there is no file " + absent);
    run("plan", "-f", absent).failed(1, "there is no file " + absent);
    Path latin = Files.write(dir.resolve("latin.yaml"), new byte[] {'a', (byte) 0xe9, '\n'});
    run("apply", "-f", latin.toString()).failed(2, latin + " is not UTF-8; save it as UTF-8");
    Path large = Files.write(dir.resolve("large.yaml"), new byte[(4 << 20) + 1]);
    run("apply", "-f", large.toString())
        .failed(2, large + " is larger than 4 MiB; apply it in several parts");
    Path nothing = file("nothing.yaml", "");
    run("apply", "-f", nothing.toString()).failed(2, nothing + ": declares no resource");
    run("apply", "-f", "-").failed(2, "standard input: declares no resource");
    Path empty = Files.createDirectories(dir.resolve("empty"));
    run("apply", "-f", empty.toString())
        .failed(2, "there is no *.yaml, *.yml or *.json in " + empty);
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void linksLeadNowhereElse() throws IOException {
    file("outside.yaml", "secret: true\n");
    file("d/a.yaml", "kind: Size\n");
    server.on("POST /apply", 200, "{\"items\":[]}");
    Files.createSymbolicLink(dir.resolve("d/b.yaml"), Path.of("a.yaml"));
    run("apply", "-f", dir.resolve("d").toString()).done();
    Files.createSymbolicLink(dir.resolve("d/c.yaml"), Path.of("../outside.yaml"));
    run("apply", "-f", dir.resolve("d").toString())
        .failed(
            2,
            dir.resolve("d/c.yaml")
                + " is a link that leads out of the directory; name its target with -f if you mean"
                + " it");
    assertThat(server.seen()).hasSize(1);
  }

  @Test
  void deleteByName() {
    server
        .on("DELETE /projects/default/machines/hello", 202, Samples.running())
        .on("DELETE /projects/default/sizes/small", 204, "");
    assertThat(run("delete", "machine", "hello").done().out())
        .isEqualTo("machine/hello is being deleted\n");
    assertThat(run("delete", "size/small").done().out()).isEqualTo("size/small deleted\n");
    run("delete", "size", "none")
        .failed(1, "there is nothing at DELETE /projects/default/sizes/none");
  }

  @Test
  void whatWasBegunIsWaitedForThoughAnotherDeletionIsRefused() {
    server
        .on("DELETE /projects/default/machines/hello", 202, Samples.running())
        .on(
            "DELETE /projects/default/machines/kept",
            FakeServer.problem(409, "conflict", "Machine kept belongs to Group web"))
        .on("DELETE /projects/default/machines/last", 202, Samples.running())
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    Result result = run("delete", "machine", "hello", "kept", "none", "last", "--wait");
    result.failed(
        1,
        "machine/kept: Machine kept belongs to Group web; machine/none: there is nothing at"
            + " DELETE /projects/default/machines/none");
    assertThat(result.out())
        .startsWith("machine/hello is being deleted\nmachine/last is being deleted\n")
        .contains("succeeded in 31.5 s");
    server.on(
        "GET /operations/0193-op",
        FakeServer.events("event: operation", "data: " + Samples.failed(), ""));
    assertThat(run("delete", "machine", "kept", "hello", "--wait").err())
        .contains("machine/kept: ", "create Machine hello failed: it did not report");
  }

  @Test
  void whatIsNotThereAfterAnAnswerWasLostIsNotCalledDeleted() {
    FakeServer.Reply lost = FakeServer.json(502, "");
    FakeServer.Reply none = FakeServer.problem(404, "not-found", "there is none");
    server
        .on("DELETE /projects/default/sizes/typo", lost, none)
        .on("DELETE /tokens/typo", lost, none)
        .on("DELETE /projects/default/snapshots/typo", lost, none);
    assertThat(run("delete", "size", "typo").done().out())
        .isEqualTo("size/typo is gone (the first answer was lost)\n");
    assertThat(run("token", "revoke", "typo").done().out())
        .isEqualTo("token typo is gone (the first answer was lost)\n");
    assertThat(run("snapshot", "delete", "typo").done().out())
        .isEqualTo("snapshot/typo delete: is gone (the first answer was lost)\n");
  }

  @Test
  void whatAServerThatIsAwayIsNotAskedForIsNamed() throws IOException {
    FakeServer.Reply away = HttpExchange::close;
    server
        .on("DELETE /projects/default/machines/a", 204, "")
        .on("DELETE /projects/default/machines/b", away);
    Result named = run("delete", "machine", "a", "b", "c", "d");
    assertThat(named.code()).isEqualTo(1);
    assertThat(named.out()).isEqualTo("machine/a deleted\n");
    assertThat(named.err())
        .contains("machine/b: the connection to ")
        .endsWith("; not asked for: machine/c, machine/d\n")
        .doesNotContain("asked for: machine/b");
    Path file =
        file(
            "m.yaml",
            "kind: Size\nmetadata: {name: small}\n---\nkind: Machine\nmetadata: {name: b}\n");
    assertThat(run("delete", "-f", file.toString()).err())
        .contains("machine/b: the connection to ")
        .endsWith("; not asked for: size/small\n");
    assertThat(server.lines()).noneMatch(line -> line.endsWith("/c") || line.endsWith("/small"));
    assertThat(run("delete", "machine", "b").err()).doesNotContain("not asked for");
  }

  @Test
  void deleteAllOfAKind() {
    server
        .on("GET /projects/-/machines", 200, Samples.list(Samples.HELLO))
        .on("DELETE /projects/default/machines/hello", 202, Samples.running())
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    assertThat(run("delete", "machine", "--all", "-A", "--wait", "--timeout", "60").done().out())
        .startsWith("machine/hello is being deleted\n")
        .contains("succeeded in 31.5 s");
  }

  @Test
  void deleteWhatManifestsDeclareInTheOrderThatWorks() throws IOException {
    file(
        "m/1.yaml",
        "kind: Network\nmetadata: {name: lab}\n---\n---\nkind: Machine\nmetadata: {name: hello}\n");
    file(
        "m/2.json",
        "[{\"kind\":\"Size\",\"metadata\":{\"name\":\"gone\",\"project\":\"shared\"}}]");
    server
        .on("DELETE /projects/default/machines/hello", 202, Samples.running())
        .on("DELETE /projects/default/networks/lab", 204, "")
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    assertThat(run("delete", "-f", dir.resolve("m").toString()).done().out())
        .startsWith("machine/hello is being deleted\n")
        .contains("size/gone is gone already\n")
        .endsWith("network/lab deleted\n");
    assertThat(server.lines())
        .containsExactly(
            "DELETE /projects/default/machines/hello",
            "GET /operations/0193-op",
            "DELETE /projects/shared/sizes/gone",
            "DELETE /projects/default/networks/lab");
  }

  @Test
  void deleteReadsNamesAsApplyDoes() throws IOException {
    Path file =
        file(
            "m.yaml",
            """
            kind: Machine
            metadata: {name: 0042, project: &where 1_0}
            ---
            kind: Machine
            metadata: {name: 0x1f, labels: &its {project: 12.10}}
            ---
            kind: List
            items:
              - {kind: &kind Machine, metadata: &meta {name: &one 1e3, project: 0o7}}
              - {kind: *kind, metadata: {name: on, project: *one}}
            """);
    run("delete", "-f", file.toString());
    assertThat(server.lines())
        .contains(
            "DELETE /projects/1_0/machines/0042",
            "DELETE /projects/default/machines/0x1f",
            "DELETE /projects/0o7/machines/1e3",
            "DELETE /projects/1e3/machines/on");
  }

  @Test
  void deleteOfWhatIsNoManifest() throws IOException {
    Path file = file("x.yaml", "a: [\n");
    assertThat(run("delete", "-f", file.toString()))
        .satisfies(r -> assertThat(r.code()).isEqualTo(2))
        .satisfies(
            r -> assertThat(r.err()).startsWith("millwright: " + file + " line ").hasLineCount(1));
  }
}

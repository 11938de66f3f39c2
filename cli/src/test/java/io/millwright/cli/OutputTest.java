package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.client.Trees;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What get, describe and their like print. */
class OutputTest extends CliTestCase {

  @BeforeEach
  void machines() {
    server
        .on("GET /projects/default/machines", 200, Samples.list(Samples.HELLO, Samples.BROKEN))
        .on("GET /projects/-/machines", 200, Samples.list(Samples.HELLO))
        .on("GET /projects/default/machines/hello", 200, Samples.HELLO)
        .on(
            "GET /projects/default/machines/hello/customisation",
            200,
            """
            {"items":[{"field":"packageSource.proxy","from":"Network lab"},
             {"field":"users[anna]","from":"Profile admin"}]}\
            """)
        .on("GET /projects/default/machines/broken-machine", 200, Samples.BROKEN);
  }

  @ParameterizedTest
  @ValueSource(strings = {"table", "wide", "json", "yaml", "name"})
  void machines(String format) throws IOException {
    golden("machines." + format + ".txt", run("get", "machines", "-o", format).done().out());
  }

  @Test
  void jsonIsWhatTheServerSent() {
    String out = run("get", "machine", "hello", "-o", "json").done().out();
    assertThat(Trees.read(out)).isEqualTo(Trees.read(Samples.HELLO));
  }

  @Test
  void yamlIsWhatTheServerSent() {
    String out = run("get", "machine", "hello", "-o", "yaml").done().out();
    assertThat(Yaml.read(out)).containsExactly(Trees.read(Samples.HELLO));
  }

  @Test
  void yamlQuotesWhatCouldBeTakenForSomethingElse() {
    var tree = Trees.object();
    List<String> texts =
        List.of(
            "no",
            "NULL",
            "1",
            "1e3",
            "0x1f",
            "1:30",
            "-",
            "a: b",
            "a #b",
            " a",
            "a ",
            "~",
            "",
            "2026-01-01",
            "[a",
            "{a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "'a",
            "\"a",
            "|",
            "a:",
            "a\nb",
            "a\nb\n",
            "\ta",
            "é",
            "a\u0000",
            "a  b",
            "a,b",
            "ssh-ed25519 AAAA= me@host",
            "http://x/y",
            "=",
            "y",
            ".5",
            "? a",
            "- a",
            "---",
            "a\u2028b",
            "\ufeff");
    texts.forEach(text -> tree.put("k" + tree.size(), text));
    tree.put("on", "key").put("1", "key").put("a b", "key").put("", "key");
    tree.putArray("empty");
    tree.putObject("none");
    tree.putNull("null");
    assertThat(Yaml.read(Yaml.write(tree))).containsExactly(tree);
    assertThat(Yaml.write(Trees.object().put("v", "no").put("w", "plain text")))
        .isEqualTo("v: \"no\"\nw: plain text\n");
  }

  @Test
  void kindsInAnyCaseAndNumber() {
    for (String kind : List.of("machine", "Machines", "MACHINE")) {
      assertThat(run("get", kind, "hello", "-o", "name").done().out()).isEqualTo("machine/hello\n");
    }
    assertThat(run("get", "machine/hello", "-o", "name").done().out()).isEqualTo("machine/hello\n");
    assertThat(run("get", "machine", "hello", "broken-machine", "-o", "name").done().out())
        .isEqualTo("machine/hello\nmachine/broken-machine\n");
  }

  @Test
  void projectsAndSelectorsGoToTheServer() {
    server
        .on("GET /projects/shop/sizes", 200, Samples.list())
        .on("GET /projects/shared/sizes", 200, Samples.list());
    run("-p", "shop", "get", "sizes", "-l", "a=b", "--field-selector", "spec.cores=2");
    environment.put("MILLWRIGHT_PROJECT", "shop");
    assertThat(run("get", "sizes").err()).isEqualTo("no sizes in project shop\n");
    assertThat(run("get", "machines", "-A").done().out())
        .startsWith("PROJECT  NAME   STATUS")
        .contains("\ndefault  hello  Ready");
    assertThat(server.lines())
        .containsExactly(
            "GET /projects/shop/sizes?fieldSelector=spec.cores%3D2&labelSelector=a%3Db&limit=500",
            "GET /projects/shared/sizes?fieldSelector=spec.cores%3D2&labelSelector=a%3Db&limit=500",
            "GET /projects/shop/sizes?limit=500",
            "GET /projects/shared/sizes?limit=500",
            "GET /projects/-/machines?limit=500");
  }

  @Test
  void whatAllProjectsShareIsFoundFromEach() {
    var missing = FakeServer.problem(404, "not-found", "there is none in project shop");
    server
        .on("GET /projects/shop/machines", 200, Samples.list())
        .on("GET /projects/shared/machines", 200, Samples.list(Samples.HELLO))
        .on("GET /projects/shop/machines/hello", missing)
        .on("GET /projects/shared/machines/hello", 200, Samples.HELLO)
        .on("GET /projects/shop/machines/nobody", missing)
        .on("GET /projects/shared/machines/nobody", missing);
    assertThat(run("-p", "shop", "get", "machines").err())
        .isEqualTo(
            "no machines in project shop; 1 in project shared: millwright get machines -p"
                + " shared\n");
    assertThat(run("-p", "shop", "get", "machine", "hello", "-o", "name").done().out())
        .isEqualTo("machine/hello\n");
    assertThat(run("-p", "shop", "get", "machine", "nobody").err())
        .contains("there is none in project shop");
  }

  @Test
  void allPages() {
    server.on(
        "GET /projects/default/volumes",
        FakeServer.json(
            200,
            "{\"items\":[{\"kind\":\"Volume\",\"metadata\":{\"name\":\"a\"}}],\"next\":\"c+1\"}"),
        FakeServer.json(200, "{\"items\":[{\"kind\":\"Volume\",\"metadata\":{\"name\":\"b\"}}]}"));
    assertThat(run("get", "volumes", "-o", "name").done().out()).isEqualTo("volume/a\nvolume/b\n");
    assertThat(server.lines())
        .last()
        .isEqualTo("GET /projects/default/volumes?cursor=c%2B1&limit=500");
  }

  @Test
  void everyKindHasItsTable() throws IOException {
    StringBuilder all = new StringBuilder();
    for (Kind kind : Kind.values()) {
      server.on("GET /projects/-/" + kind.plural(), 200, resource("kinds.json"));
      all.append(run("get", kind.word(), "-A", "-o", "wide").done().out()).append('\n');
    }
    golden("kinds.txt", all.toString());
  }

  @Test
  void coloursOnlyOnATerminalThatWantsThem() {
    terminal = true;
    assertThat(run("get", "machines").done().out()).contains("\u001b[32mReady\u001b[0m");
    environment.put("NO_COLOR", "1");
    assertThat(run("get", "machines").done().out()).doesNotContain("\u001b");
  }

  @Test
  void describeShowsTheEndOfWhatAScriptPrinted() {
    String output =
        java.util.stream.IntStream.rangeClosed(1, 30)
            .mapToObj(i -> "line " + i)
            .collect(java.util.stream.Collectors.joining("\\n"));
    server
        .on("GET /projects/default/machines/hello", 200, Samples.HELLO.replace("no\\nway", output))
        .on("GET /projects/default/events", 200, "{\"items\":[]}")
        .on("GET /operations", 200, "{\"items\":[]}");
    assertThat(run("describe", "machine", "hello").done().out())
        .contains("  ... 10 lines before, see: millwright get machine/hello -o yaml\n  line 11\n")
        .contains("  line 30\n")
        .doesNotContain("line 10\n");
  }

  @Test
  void describe() throws IOException {
    server
        .on(
            "GET /projects/default/events",
            200,
            """
            {"items":[{"cursor":"9","at":"2026-11-21T11:58:00Z","kind":"Machine",
             "project":"default","name":"hello","reason":"Ready","message":"It phoned home."}]}\
            """)
        .on("GET /operations", 200, "{\"items\":[" + Samples.succeeded() + "]}");
    golden("describe.txt", run("describe", "machine", "hello").done().out());
    assertThat(server.lines())
        .contains(
            "GET /projects/default/events?kind=Machine&limit=20&name=hello",
            "GET /operations?kind=Machine&limit=1&name=hello&project=default");
  }

  @Test
  void describeOfWhatAllShareTellsWhatHappenedThere() {
    server
        .on(
            "GET /projects/shared/sizes/small",
            200,
            """
            {"kind":"Size","metadata":{"name":"small","project":"shared","uid":"u",
             "generation":1,"createdAt":"2026-11-21T11:00:00Z"},"spec":{},"status":{}}\
            """)
        .on(
            "GET /projects/shared/events",
            200,
            """
            {"items":[{"cursor":"9","at":"2026-11-21T11:58:00Z","kind":"Size",
             "project":"shared","name":"small","reason":"Declared","message":"It is there."}]}\
            """)
        .on("GET /operations", 200, "{\"items\":[" + Samples.succeeded() + "]}");
    assertThat(run("describe", "size", "small").done().out())
        .contains("It is there.")
        .contains("Latest operation");
    assertThat(server.lines())
        .contains(
            "GET /projects/shared/events?kind=Size&limit=20&name=small",
            "GET /operations?kind=Size&limit=1&name=small&project=shared");
  }

  @Test
  void whatIsThereIsShownThoughOtherNamesAreNot() {
    server.on(
        "GET /projects/default/machines/typo",
        FakeServer.problem(404, "not-found", "there is no Machine typo in project default"));
    server.on(
        "GET /projects/shared/machines/typo",
        FakeServer.problem(404, "not-found", "there is none"));
    var named = run("get", "machine", "hello", "typo", "-o", "name");
    assertThat(named.out()).isEqualTo("machine/hello\n");
    assertThat(named.err()).isEqualTo("millwright: there is no Machine typo in project default\n");
    assertThat(named.code()).isEqualTo(1);
  }

  @Test
  void whatWasSwitchedIsWaitedForThoughOneIsNotThere() {
    server
        .on(
            "POST /projects/default/machines/typo:power-off",
            FakeServer.problem(404, "not-found", "there is no Machine typo in project default"))
        .on("POST /projects/default/machines/hello:power-off", 202, Samples.running())
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.succeeded(), ""));
    var switched = run("power", "off", "typo", "hello", "--wait");
    assertThat(switched.out())
        .startsWith("machine/hello power off: operation 0193-op\n")
        .contains("succeeded in 31.5 s");
    assertThat(switched.err())
        .isEqualTo("millwright: machine/typo: there is no Machine typo in project default\n");
    assertThat(switched.code()).isEqualTo(1);
  }

  @Test
  void operations() throws IOException {
    server
        .on(
            "GET /operations?limit=50&project=default",
            200,
            "{\"items\":[" + Samples.succeeded() + "," + Samples.failed() + "]}")
        .on("GET /operations/0193-op", 200, Samples.failed())
        .on("POST /operations/0193-op:cancel", 202, Samples.running());
    golden(
        "operations.txt",
        run("operation", "list").done().out()
            + run("operation", "list", "-o", "name").done().out()
            + run("operation", "show", "0193-op").done().out()
            + run("operation", "cancel", "0193-op").done().out());
    assertThat(run("get", "operations").done().out())
        .isEqualTo(run("operation", "list").done().out());
    assertThat(run("describe", "operation/0193-op").done().out())
        .isEqualTo(run("operation", "show", "0193-op").done().out());
    assertThat(run("get", "operation", "0193-op", "-o", "wide").done().out())
        .startsWith("UID ")
        .contains("  BY ", "  admin  ", "  it did not report within 30 s\n");
    assertThat(Trees.read(run("get", "operation", "0193-op", "-o", "json").done().out()))
        .isEqualTo(Trees.read(Samples.failed()));
    assertThat(Trees.read(run("operation", "show", "0193-op", "-o", "json").done().out()))
        .isEqualTo(Trees.read(Samples.failed()));
  }

  @Test
  void tokens() {
    server
        .on(
            "POST /tokens",
            201,
            "{\"name\":\"ci\",\"secret\":\"mwt_fresh\",\"expiresAt\":\"2026-12-21T12:00:00Z\"}")
        .on(
            "GET /tokens",
            200,
            "{\"items\":[{\"name\":\"ci\",\"createdAt\":\"2026-11-21T11:00:00Z\"}]}")
        .on("DELETE /tokens/ci", 204, "");
    assertThat(run("token", "create", "ci", "--ttl", "30d").done().out()).isEqualTo("mwt_fresh\n");
    assertThat(server.seen().getFirst().body())
        .isEqualTo("{\"name\":\"ci\",\"ttlSeconds\":2592000}");
    assertThat(run("token", "list").done().out())
        .isEqualTo("NAME  OWNER  AGE  EXPIRES\nci    -      1h   never\n");
    assertThat(run("token", "revoke", "ci").done().out()).isEqualTo("token ci revoked\n");
  }

  @Test
  void power() {
    server
        .on("POST /projects/default/machines/hello:power-on", 200, Samples.HELLO)
        .on("POST /projects/default/machines/hello:reset", 202, Samples.running());
    assertThat(run("power", "on", "hello").done().out())
        .isEqualTo("machine/hello power on: nothing to do\n");
    assertThat(run("power", "reset", "hello").done().out())
        .isEqualTo("machine/hello power reset: operation 0193-op\n");
  }

  @Test
  void version() {
    server.on("GET /health", 200, "{\"status\":\"ok\",\"version\":\"9.9\"}");
    String own = Cli.Version.text();
    assertThat(own).isNotEmpty().doesNotContain("$");
    assertThat(run("version").done().out())
        .isEqualTo("client " + own + "\nserver 9.9 at " + server.address() + "\n");
    assertThat(server.seen().getFirst().header("Authorization")).isEmpty();
    assertThat(run("--version").done().out()).isEqualTo("millwright " + own + "\n");
  }

  @Test
  void doctorFindsWhatIsWrongAndSaysWhatToDo() {
    String version = Cli.Version.text();
    server
        .on("GET /health", 200, "{\"status\":\"ok\",\"version\":\"" + version + "\"}")
        .on("GET /projects", 200, "{\"items\":[]}");
    for (Kind kind : Kind.values()) {
      server.on("GET /projects/-/" + kind.plural(), 200, Samples.list());
    }
    server.on("GET /projects/-/machines", 200, Samples.list(Samples.HELLO, Samples.BROKEN));
    server.on(
        "GET /invariants",
        200,
        """
        {"machines":2,"unseen":["Hypervisor hv2: it does not answer"],
         "broken":[{"rule":"owned","message":"the machine lost is nobody's"}]}
        """);
    server.on(
        "GET /projects/-/networks",
        200,
        Samples.list(
            """
            {"kind":"Network","metadata":{"name":"lab","project":"default"},"spec":{},
             "status":{"conditions":[{"type":"Ready","value":"true","reason":"Declared"},
              {"type":"Serving","value":"false","reason":"NotServing",
               "message":"dnsmasq does not run."}]}}\
            """));
    Result result = run("doctor");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out())
        .contains(
            "BAD  network/lab in project default has no DHCP and DNS: dnsmasq does not run.\n"
                + "     -> see: millwright describe network/lab -p default\n")
        .contains("ok   token is valid\n")
        .contains("BAD  there is no hypervisor, so no machine can run\n     -> apply a manifest")
        .contains(
            "BAD  machine/broken-machine in project default is not ready: BootFailed, It did not"
                + " report in time.\n     -> see: millwright describe machine/broken-machine -p"
                + " default\n");
    assertThat(result.out())
        .contains("BAD  the machine lost is nobody's\n     -> see: millwright orphan list\n")
        .contains("BAD  invariants are not known of what could not be seen: Hypervisor hv2");
    assertThat(run("doctor", "-o", "json").out()).contains("\"well\": false");

    server.on("GET /invariants", 200, "{\"machines\":2,\"broken\":[],\"unseen\":[]}");
    assertThat(run("doctor").out()).contains("ok   invariants hold of 2 machines\n");
    server.on("GET /invariants", FakeServer.problem(403, "forbidden", "you may not"));
    assertThat(run("doctor").out()).contains("ok   invariants were not looked at: you may not");
  }

  @Test
  void doctorWithoutAServer() {
    server.on("GET /health", FakeServer.problem(503, "unavailable", "the database is away"));
    Result result = run("doctor");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out()).contains("is not well: the database is away\n     -> look into");
  }
}

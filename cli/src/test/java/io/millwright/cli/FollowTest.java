package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** wait, watch, logs and events: streams that break, resume and end. */
class FollowTest extends CliTestCase {
  private static final String STREAM = "GET /projects/default/machines";

  private static String event(String name, String id, String json) {
    return "id: " + id + "\nevent: " + name + "\ndata: " + Samples.oneLine(json) + "\n";
  }

  @Test
  void waitIsOverAtOnceWhereItIsTrueAlready() {
    server
        .on("GET /projects/default/machines/hello", 200, Samples.HELLO)
        .on("GET /operations", 200, "{\"items\":[" + Samples.succeeded() + "]}");
    assertThat(run("wait", "machine", "hello", "--for", "condition=Ready").done().out())
        .isEqualTo("machine/hello has Ready true\n");
    assertThat(server.lines()).noneMatch(l -> l.startsWith(STREAM + "?"));
  }

  @Test
  void whatIsTrueOfWhatWasThereBeforeIsWaitedForAnew() {
    String update =
        Samples.running()
            .replace("\"verb\":\"create\"", "\"verb\":\"update\"")
            .replace("\"generation\":1", "\"generation\":2");
    String stopped = Samples.HELLO.replace("\"value\":\"true\"", "\"value\":\"false\"");
    server
        .on(
            "GET /projects/default/machines/hello",
            FakeServer.json(200, Samples.HELLO),
            FakeServer.json(200, stopped),
            FakeServer.json(200, Samples.HELLO))
        .on(
            "GET /operations",
            FakeServer.json(200, "{\"items\":[" + update + "]}"),
            FakeServer.json(200, "{\"items\":[" + Samples.succeeded() + "]}"))
        .on(
            "GET /operations/0193-op",
            FakeServer.events(
                "event: operation",
                "data: " + update,
                "",
                "event: operation",
                "data: " + Samples.succeeded(),
                ""))
        .on(STREAM, server.eventsAndSilence(event("added", "7", Samples.HELLO)));
    assertThat(run("wait", "machine", "hello", "--timeout", "20s").done().out())
        .isEqualTo("machine/hello has Ready true\n");
    assertThat(server.lines()).contains("GET /operations/0193-op");
    assertThat(server.lines()).anyMatch(l -> l.startsWith(STREAM + "?"));
  }

  @Test
  void whatIsTrueOnlyBecauseAChangeWasGivenUpIsNoSuccess() {
    String held =
        Samples.HELLO.replace(
            "\"conditions\":[",
            "\"conditions\":[{\"type\":\"Held\",\"value\":\"true\",\"reason\":\"Refused\","
                + "\"message\":\"No room. Apply it again to try again.\"},");
    String failed = Samples.failed().replace("\"generation\":1", "\"generation\":2");
    server
        .on("GET /projects/default/machines/hello", 200, held)
        .on("GET /operations", 200, "{\"items\":[]}");
    run("wait", "machine", "hello")
        .failed(
            1,
            "machine/hello has Ready true only as it was before, for what was declared last was"
                + " given up: No room. Apply it again to try again.");
    assertThat(run("wait", "machine", "hello", "--for", "condition=Held").done().out())
        .isEqualTo("machine/hello has Held true\n");
    server
        .on("GET /projects/default/machines/hello", 200, Samples.HELLO)
        .on("GET /operations", 200, "{\"items\":[" + failed + "]}");
    run("wait", "machine", "hello")
        .failed(
            1,
            "machine/hello has Ready true only as it was before, for what was declared last was"
                + " given up: create Machine hello failed: it did not report within 30 s; see:"
                + " millwright logs 0193-op");
    // One of what was declared before says nothing.
    server.on("GET /operations", 200, "{\"items\":[" + Samples.failed() + "]}");
    assertThat(run("wait", "machine", "hello").done().out())
        .isEqualTo("machine/hello has Ready true\n");
  }

  @Test
  void onlyReadyIsOfWhatWasDeclaredLast() {
    String both =
        Samples.HELLO.replace(
            "\"conditions\":[",
            "\"conditions\":[{\"type\":\"Held\",\"value\":\"true\",\"reason\":\"Refused\","
                + "\"message\":\"No room.\"},{\"type\":\"Outdated\",\"value\":\"true\","
                + "\"reason\":\"NewBuild\",\"message\":\"There is a newer build.\"},");
    server
        .on("GET /projects/default/machines/hello", 200, both)
        .on(
            "GET /operations",
            FakeServer.json(200, "{\"items\":[" + Samples.running() + "]}"),
            FakeServer.json(200, "{\"items\":[" + Samples.failed() + "]}"))
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.failed(), ""));
    assertThat(run("wait", "machine", "hello", "--for", "condition=Outdated").done().out())
        .isEqualTo("machine/hello has Outdated true\n");
    assertThat(run("wait", "machine", "hello", "--for", "condition=Held").done().out())
        .isEqualTo("machine/hello has Held true\n");
    assertThat(server.lines()).noneMatch(line -> line.startsWith("GET /operations"));
  }

  @Test
  void whatIsBeingDeletedIsNoSuccess() {
    String going =
        Samples.HELLO.replace("\"uid\":", "\"deletedAt\":\"2026-11-21T11:59:00Z\",\"uid\":");
    assertThat(going).isNotEqualTo(Samples.HELLO);
    String outdated =
        going.replace(
            "\"conditions\":[",
            "\"conditions\":[{\"type\":\"Outdated\",\"value\":\"true\","
                + "\"reason\":\"NewBuild\"},");
    String delete = Samples.running().replace("\"verb\":\"create\"", "\"verb\":\"delete\"");
    server
        .on("GET /projects/default/machines/hello", 200, going)
        .on("GET /operations", 200, "{\"items\":[" + delete + "]}");
    run("wait", "machine", "hello").failed(1, "machine/hello is being deleted");
    server.on(
        "GET /projects/default/machines/hello",
        FakeServer.json(200, Samples.HELLO), // it is deleted after the first question
        FakeServer.json(200, going));
    run("wait", "machine", "hello").failed(1, "machine/hello is being deleted");
    server.on("GET /projects/default/machines/hello", 200, outdated);
    run("wait", "machine", "hello", "--for", "condition=Outdated")
        .failed(1, "machine/hello is being deleted");
  }

  @Test
  void waitGoesOnBehindTheLastEventAfterABreak() {
    String later = Samples.BROKEN.replace("\"false\"", "\"true\"");
    server
        .on(
            "GET /projects/default/machines/broken-machine",
            FakeServer.json(200, Samples.BROKEN),
            FakeServer.json(200, Samples.BROKEN), // after the watch was told all
            FakeServer.json(200, later))
        .on("GET /operations", 200, "{\"items\":[]}")
        .on(
            STREAM,
            FakeServer.events(
                event("added", "7", Samples.BROKEN), "event: synced\nid: 8\ndata: {}\n"),
            FakeServer.problem(503, "unavailable", "starting"),
            FakeServer.json(502, ""), // a proxy before the server
            FakeServer.json(504, ""),
            FakeServer.events(event("modified", "9", later)));
    assertThat(run("wait", "machine", "broken-machine", "--timeout", "20s").done().out())
        .isEqualTo("machine/broken-machine has Ready true\n");
    List<FakeServer.Seen> streams =
        server.seen().stream().filter(s -> s.line().startsWith(STREAM + "?")).toList();
    assertThat(streams.stream().map(s -> s.header("Last-event-id")))
        .containsExactly("", "8", "8", "8", "8");
    assertThat(streams.getFirst().line())
        .isEqualTo(STREAM + "?fieldSelector=metadata.name%3Dbroken-machine");
  }

  @Test
  void waitEndsWhenItGoesBetweenTheQuestionAndTheWatch() {
    server
        .on(
            "GET /projects/default/machines/broken-machine",
            FakeServer.json(200, Samples.BROKEN),
            FakeServer.problem(404, "not-found", "there is no machine broken-machine"))
        .on(STREAM, server.eventsAndSilence("event: synced\nid: 8\ndata: {}\n"));
    run("wait", "machine", "broken-machine", "--timeout", "20s")
        .failed(1, "machine/broken-machine was deleted; there is nothing to wait for");
  }

  @Test
  void waitEndsInTimeAndSaysHowItStands() {
    server
        .on("GET /projects/default/machines/broken-machine", 200, Samples.BROKEN)
        .on(STREAM, server.eventsAndSilence(event("added", "7", Samples.BROKEN)));
    run("wait", "machine/broken-machine", "--timeout", "300ms")
        .failed(
            1,
            "machine/broken-machine has not Ready true after 0s: BootFailed, It did not report in"
                + " time.; see: millwright describe machine/broken-machine");
  }

  @Test
  void waitForWhatDoesNotExist() {
    run("wait", "machine", "none")
        .failed(1, "there is nothing at GET /projects/default/machines/none");
    assertThat(run("wait", "machine", "none", "--for", "deleted").done().out())
        .isEqualTo("machine/none is gone\n");
  }

  @Test
  void waitForTheDeletion() {
    server
        .on("GET /projects/default/machines/hello", 200, Samples.HELLO)
        .on(
            STREAM,
            FakeServer.events(
                event("added", "7", Samples.HELLO),
                event("deleted", "8", "{\"kind\":\"Machine\",\"metadata\":{\"name\":\"hello\"}}")));
    assertThat(run("wait", "machine", "hello", "--for=deleted").done().out())
        .isEqualTo("machine/hello is gone\n");
  }

  @Test
  void waitForTheOperation() {
    server
        .on("GET /operations", 200, "{\"items\":[" + Samples.running() + "]}")
        .on(
            "GET /operations/0193-op",
            FakeServer.events("event: operation", "data: " + Samples.failed(), ""));
    run("wait", "operation", "0193-op", "--for=deleted")
        .failed(2, "an operation is waited for to its end; leave --for out");
    run("wait", "operation/0193-op")
        .failed(
            1,
            "create Machine hello failed: it did not report within 30 s; see: millwright logs"
                + " 0193-op");
    run("wait", "machine", "hello", "--for=operation")
        .failed(
            1,
            "create Machine hello failed: it did not report within 30 s; see: millwright logs"
                + " 0193-op");
  }

  @Test
  void watchShowsWhatChangesOnce() {
    String later = Samples.HELLO.replace("\"revision\":17", "\"revision\":18");
    String gone = "{\"kind\":\"Machine\",\"metadata\":{\"name\":\"hello\",\"uid\":\"0193-a\"}}";
    server.on(
        STREAM,
        FakeServer.events(
            event("added", "7", Samples.HELLO),
            "event: synced\nid: 8\ndata: {}\n",
            event("modified", "9", later)),
        FakeServer.problem(410, "gone", "too old"),
        FakeServer.events(event("added", "20", later), event("deleted", "21", gone)),
        FakeServer.problem(403, "forbidden", "the token was revoked"));
    Result result = run("get", "machines", "-w");
    result.failed(1, "the token was revoked");
    assertThat(result.out().lines().map(l -> l.replaceAll(" +", " ")))
        .containsExactly(
            "NAME STATUS HYPERVISOR IMAGE SIZE POWER ADDRESSES AGE",
            "hello Ready lab debian-12 small on 10.0.0.5,fd00::5 3m",
            "hello Ready lab debian-12 small on 10.0.0.5,fd00::5 3m",
            "hello Deleted - - - - - -");
    assertThat(server.seen().stream().map(s -> s.header("Last-event-id")))
        .containsExactly("", "9", "", "21");
  }

  @Test
  void whatIsNotThereIsNotWatched() {
    server
        .on(
            "GET /projects/default/machines/typo",
            FakeServer.problem(404, "not-found", "there is no Machine typo in project default"))
        .on("GET /projects/shared/machines/typo", FakeServer.problem(404, "not-found", "none"));
    run("get", "machine", "typo", "-w").failed(1, "there is no Machine typo in project default");
  }

  @Test
  void whatAllShareIsWatchedWhereItIs() {
    server
        .on(
            "GET /projects/default/sizes/small",
            FakeServer.problem(404, "not-found", "there is no Size small in project default"))
        .on(
            "GET /projects/shared/sizes/small",
            200,
            "{\"kind\":\"Size\",\"metadata\":{\"name\":\"small\",\"project\":\"shared\"},\"spec\":{},\"status\":{}}");
    run("get", "size", "small", "-w");
    assertThat(server.lines())
        .last()
        .asString()
        .startsWith("GET /projects/shared/sizes")
        .contains("metadata.name");
  }

  @Test
  void operationsAreWatchedInBothPlaces() {
    String later = Samples.running().replace("\"running\"", "\"succeeded\"");
    for (List<String> command :
        List.of(List.of("get", "operations", "-w"), List.of("operation", "list", "-w"))) {
      server.on(
          "GET /operations",
          FakeServer.events(
              "event: added\ndata: " + Samples.oneLine(Samples.running()) + "\n",
              "event: synced\nid: 8\ndata: {}\n",
              event("modified", "9", later),
              event("modified", "10", later)),
          FakeServer.problem(403, "forbidden", "the token was revoked"));
      Result result = run(command.toArray(String[]::new));
      result.failed(1, "the token was revoked");
      assertThat(result.out().lines().map(l -> l.replaceAll(" +", " ")))
          .hasSize(3)
          .satisfies(lines -> {
            assertThat(lines.get(0)).startsWith("UID OPERATION STATE");
            assertThat(lines.get(1)).contains("running");
            assertThat(lines.get(2)).contains("succeeded");
          });
    }
  }

  @Test
  void logs() {
    server
        .on("GET /operations", 200, "{\"items\":[" + Samples.running() + "]}")
        .on(
            "GET /operations/0193-op/logs",
            200,
            """
            {"items":[{"seq":1,"at":"2026-11-21T11:57:00Z","step":"build","line":"E: \\u001b[31mno"},
            {"seq":2,"at":"2026-11-21T11:57:01Z","step":"build","line":"done"}],"next":2}\
            """);
    String expected = "11:57:00 build E: ?[31mno\n11:57:01 build done\n";
    assertThat(run("logs", "machine/hello").done().out()).isEqualTo(expected);
    assertThat(run("logs", "0193-op").done().out()).isEqualTo(expected);
  }

  @Test
  void logsOfStepsThatSaidNothingSayWhereTheStepsAre() {
    server.on("GET /operations/0193-op/logs", 200, "{\"items\":[]}");
    Result result = run("logs", "0193-op");
    assertThat(result.code()).isZero();
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).contains("millwright operation show 0193-op");
  }

  @Test
  void logsFollowedOverABreak() {
    String line = "{\"seq\":%d,\"at\":\"2026-11-21T11:57:00Z\",\"step\":\"build\",\"line\":\"%s\"}";
    server.on(
        "GET /operations/0193-op",
        FakeServer.events(event("log", "1", line.formatted(1, "one"))),
        FakeServer.events(
            event("log", "1", line.formatted(1, "one")),
            event("log", "2", line.formatted(2, "two")),
            "event: operation",
            "data: " + Samples.failed(),
            ""));
    Result result = run("logs", "-f", "0193-op");
    result.failed(
        1,
        "create Machine hello failed: it did not report within 30 s; see: millwright logs 0193-op");
    assertThat(result.out())
        .startsWith(
            "11:57:00 build one\n11:57:00 build two\ncreate Machine hello: failed in 32.0 s");
    assertThat(server.seen().getLast().header("Last-event-id")).isEqualTo("1");
  }

  @Test
  void events() {
    String one =
        """
        {"cursor":"9","at":"2026-11-21T11:58:00Z","kind":"Machine",
         "project":"default","name":"hello","reason":"Ready","message":"It phoned home."}\
        """;
    server.on(
        "GET /projects/default/events",
        FakeServer.json(200, "{\"items\":[" + one + "]}"),
        FakeServer.events(event("event", "9", one)),
        FakeServer.problem(403, "forbidden", "no"));
    assertThat(run("events", "machine/hello").done().out())
        .isEqualTo(
            "AGE  OBJECT         REASON  MESSAGE\n2m   machine/hello  Ready   It phoned home.\n");
    assertThat(run("events", "-f").out())
        .isEqualTo("2026-11-21T11:58:00Z  machine/hello  Ready  It phoned home.\n");
    assertThat(server.lines())
        .contains("GET /projects/default/events?kind=Machine&limit=100&name=hello");
  }
}

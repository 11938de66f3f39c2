package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Output that nobody takes: only a process of its own has a standard output to lose. */
class UnreadTest extends CliTestCase {
  private static final String EVENT =
      "event: added\nid: 1\ndata: " + Samples.oneLine(Samples.HELLO) + "\n";
  private static final String SYNCED = "event: synced\nid: 1\ndata: {}\n";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "get machines",
        "get machines -o json",
        "get machines -o yaml",
        "get machines -o name",
        "describe size small",
        "export",
        "version",
        "--help"
      })
  void aFullDiskIsAFailure(String command) throws Exception {
    server.on(
        "GET /projects/default/sizes/small",
        200,
        "{\"kind\":\"Size\",\"metadata\":{\"name\":\"small\",\"project\":\"default\"}}");
    server.on("GET /projects/default/events", 200, Samples.list());
    server.on("GET /operations", 200, Samples.list());
    for (Kind kind : Kind.values()) {
      String items = kind == Kind.MACHINE ? Samples.list(Samples.HELLO) : Samples.list();
      server.on("GET /projects/default/" + kind.plural(), 200, items);
    }
    Result full = shell("millwright " + command + " >/dev/full");
    full.failed(1, "the output cannot be written: No space left on device");
  }

  @Test
  void aReaderThatHadEnoughIsNoFailure() throws Exception {
    server.on("GET /projects/default/machines", 200, Samples.list(Samples.HELLO));
    Result closed = shell("{ sleep 0.1; millwright get machines; echo $? >&3; } 3>&2 | true");
    assertThat(closed.err()).isEqualTo("0\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"get machines -w", "events -f", "logs -f 0193a6b2-0000-7000-8000-000000000009"})
  void whatFollowsEndsWithItsReader(String command) throws Exception {
    server
        .on("GET /projects/default/machines", server.eventsAndSilence(EVENT, SYNCED))
        .on("GET /projects/default/events", server.eventsAndSilence(EVENT))
        .on(
            "GET /operations/0193a6b2-0000-7000-8000-000000000009",
            server.eventsAndSilence("event: log\nid: 1\ndata: {\"line\":\"so\"}\n"));
    Result head = shell("millwright " + command + " | head -n 1");
    assertThat(head.err()).isEmpty();
    assertThat(head.out()).hasLineCount(1);
  }
}

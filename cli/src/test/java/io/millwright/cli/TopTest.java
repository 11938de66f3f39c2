package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What machines use, as a person reads it. */
class TopTest extends CliTestCase {
  private static Stream<String> lines(String out) {
    return out.lines().map(l -> l.replaceAll(" +", " ").strip());
  }

  @Test
  void thoseThatUseMostComeFirstAndWhatIsNotKnownIsADash() {
    server.on(
        "GET /projects/shop/metrics",
        200,
        """
        {"items":[
          {"project":"shop","machine":"new","hypervisor":"h1","cores":1,"memoryBytes":1073741824},
          {"project":"shop","machine":"web","hypervisor":"h1","cores":2,"memoryBytes":2147483648,
           "latest":{"at":"2026-10-01T10:00:00Z","cores":0.25,"memoryBytes":536870912,
                     "diskReadBytes":2048,"receivedBytes":0,"sentBytes":15728640}},
          {"project":"shop","machine":"db","hypervisor":"h2","cores":4,"memoryBytes":2147483648,
           "latest":{"at":"2026-10-01T10:00:00Z","cores":3.5}}]}
        """);
    assertThat(lines(run("top", "-p", "shop").done().out()).map(l -> l.replaceAll(" [0-9]+d$", "")))
        .containsExactly(
            "MACHINE HYPERVISOR CPU HOST-MEMORY MEMORY READ WRITTEN RECEIVED SENT AGE",
            "db h2 3.50/4 - 2.0GiB - - - -",
            "web h1 0.25/2 512MiB 2.0GiB 2.0KiB/s - 0B/s 15MiB/s",
            "new h1 - - 1.0GiB - - - - -");
    assertThat(run("top", "-p", "shop", "-o", "json").done().out())
        .contains("\"machine\": \"web\"");
  }

  @Test
  void oneMachineTellsItsLastHalfHour() {
    server.on(
        "GET /projects/shop/machines/web/metrics",
        200,
        """
        {"now":{"project":"shop","machine":"web","cores":2,"memoryBytes":1073741824},
         "history":[{"at":"2026-10-01T10:00:00Z","memoryBytes":1048576},
                    {"at":"2026-10-01T10:00:30Z","cores":1.0,"memoryBytes":1048576}]}
        """);
    assertThat(lines(run("top", "machine/web", "-p", "shop").done().out()))
        .containsExactly(
            "TIME CPU HOST-MEMORY MEMORY READ WRITTEN RECEIVED SENT",
            "2026-10-01T10:00:00Z - 1.0MiB 1.0GiB - - - -",
            "2026-10-01T10:00:30Z 1.00/2 1.0MiB 1.0GiB - - - -");
  }
}

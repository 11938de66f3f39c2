package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is looked for among arguments would be found. */
class ProcessArgumentsTest {
  @Test
  void whatAChildIsGivenIsSeenAlsoWhenItHasEnded() throws Exception {
    String planted = "planted-" + UUID.randomUUID();
    try (ProcessArguments processes = ProcessArguments.watching()) {
      Process child = child(planted);
      try {
        Awaitility.await()
            .until(() -> processes.seen().stream().anyMatch(line -> line.endsWith(planted)));
      } finally {
        child.getOutputStream().close(); // what it waits for
        child.waitFor();
      }
      assertThat(processes.seen()).anyMatch(line -> line.endsWith(planted));
      assertThat(processes.seen()).noneMatch(line -> line.contains("other-" + planted));
    }
  }

  private static Process child(String argument) throws IOException {
    return new ProcessBuilder("/bin/sh", "-c", "read end; exit 0", "sh", argument).start();
  }
}

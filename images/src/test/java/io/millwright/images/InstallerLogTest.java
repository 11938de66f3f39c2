package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** The logs are those of real installations, as they came over the serial line. */
final class InstallerLogTest {
  private static String log(String name) throws IOException {
    try (InputStream in =
        InstallerLogTest.class.getResourceAsStream("/installer-logs/" + name + ".log")) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  @Test
  void aQuestionThatNobodyAnswersIsAFailure() throws IOException {
    InstallerLog log = InstallerLog.of(log("debian-13-medium-unreadable"));
    assertThat(log.failure())
        .hasValueSatisfying(why ->
            assertThat(why)
                .startsWith("the installer asks a question: ")
                .contains("Failed to copy file from installation media. Retry?"));
    assertThat(log.ended()).isFalse();
  }

  @Test
  void anErrorThatWaitsForAKeyIsAFailure() throws IOException {
    InstallerLog log = InstallerLog.of(log("debian-13-error-shown"));
    assertThat(log.failure())
        .hasValueSatisfying(why ->
            assertThat(why)
                .startsWith("the installer shows an error: ")
                .contains("The configuration of PPPoE has been aborted."));
  }

  @Test
  void theClockInTheStatusLineIsNoProgress() throws IOException {
    String whole = log("debian-13-error-shown");
    int one = whole.indexOf("Loading additional components");
    String before = whole.substring(0, one + 40);
    InstallerLog then = InstallerLog.of(before);
    String minute =
        "\033[H\033[7m\033[m\033[32m\033[40m[  \033[37m\033[31m (\033[37m1*installer\033[31m)"
            + "\033[32m][\033[34m Nov 21 \033[37m 4:37 \033[32m]\033[5;66H\033[0m";
    assertThat(InstallerLog.of(before + minute)).isEqualTo(then);
    assertThat(InstallerLog.of(before + minute.substring(0, 30))).isEqualTo(then);
    assertThat(InstallerLog.of(whole).text().length()).isGreaterThan(then.text().length());
    assertThat(then.failure()).isEmpty();
    assertThat(then.last())
        .hasValueSatisfying(l -> assertThat(l).startsWith("Loading additional components"));
  }

  /** As systemd 255 prints it, in colours and over and over. */
  @Test
  void aJobThatIsWaitedForIsNoProgress() {
    String before = "[  OK  ] Started Journal Service.\r\n[    9.1] random: crng init done\r\n";
    InstallerLog then = InstallerLog.of(before);
    StringBuilder out = new StringBuilder(before);
    String[] stars = {
      "\033[K[\033[0;31m*\033[0m     ] ",
      "\033[K[\033[0;1;31m*\033[0m\033[0;31m*\033[0m    ] ",
      "\033[K[ \033[0;31m*\033[0;1;31m*\033[0m\033[0;31m*\033[0m  ] (2 of 3) "
    };
    for (int second = 1; second < 4000; second++) {
      String painted =
          "\r"
              + stars[second % stars.length]
              + "A start job is running for Wait for Network ("
              + (second / 60)
              + "min "
              + (second % 60)
              + "s / no limit)";
      assertThat(InstallerLog.of(out + painted.substring(0, second % painted.length())))
          .isEqualTo(then);
      out.append(second % 100 == 0 ? painted + "\r\n" : painted);
      if (second > 200) {
        second += 97;
      }
    }
    assertThat(InstallerLog.of(out.toString())).isEqualTo(then);
    assertThat(InstallerLog.of(out + "\r\n[  OK  ] Reached target Network.\r\n").last())
        .contains("[  OK  ] Reached target Network.");
  }

  @Test
  void theKernelTellsThatTheInstallerEnded() {
    assertThat(InstallerLog.of("[  911.312345] reboot: Power down\r\n").ended()).isTrue();
    assertThat(InstallerLog.of("[  911.312345] reboot: Restarting system\r\n").ended()).isTrue();
    assertThat(InstallerLog.of("Requesting system poweroff\r\n").ended()).isFalse();
    assertThat(InstallerLog.of("").last()).isEmpty();
  }

  @Test
  void aKernelThatPanickedHasFailed() {
    assertThat(InstallerLog.of("[ 1.0] Kernel panic - not syncing: No working init\n").failure())
        .hasValueSatisfying(why -> assertThat(why).startsWith("its kernel panicked: "));
  }

  @Property
  void whateverIsPrintedIsReadAsPlainText(@ForAll @StringLength(max = 200) String printed) {
    assertThat(InstallerLog.of(printed).text())
        .doesNotContainPattern("[\\x00-\\x09\\x0b-\\x1f\\x7f]");
  }
}

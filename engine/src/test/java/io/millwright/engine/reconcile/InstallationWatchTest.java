package io.millwright.engine.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Mark;
import io.millwright.driver.Observation.State;
import io.millwright.engine.reconcile.InstallationWatch.Followed;
import io.millwright.engine.reconcile.InstallationWatch.Look;
import io.millwright.engine.reconcile.InstallationWatch.Seen;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What is made of an installer's log, look by look. */
class InstallationWatchTest {
  private static final Instant BEGIN = Instant.parse("2026-12-01T00:00:00Z");
  private static final Duration STALL = Duration.ofMinutes(15);
  private static final Duration LONGEST = Duration.ofHours(6);
  private static final Mark MARK = new Mark("mw", new UUID(1, 2), 3);

  private Seen seen = Seen.begun(MARK, "disk-1", BEGIN);

  private Followed look(String printed, Duration after) {
    Followed out =
        InstallationWatch.follow(
            seen.read(printed, printed.length()),
            State.RUNNING,
            BEGIN.plus(after),
            STALL,
            after,
            LONGEST);
    seen = out.seen();
    return out;
  }

  private Followed look(String printed, int minutes) {
    return look(printed, Duration.ofMinutes(minutes));
  }

  @Test
  void anInstallerThatWaitsForSomethingForEverIsNoticed() {
    String log = "[  OK  ] Started it.\r\n[ ***  ] A start job is running (";
    assertThat(look(log + "1s / no limit)", 0).found().look()).isInstanceOf(Look.Goes.class);
    assertThat(look(log + "14min 1s / no limit)\r[***   ] A start", 14).found().look())
        .isInstanceOf(Look.Goes.class);
    assertThat(look(log + "16min 1s / no limit)\r[**    ] A start jo", 16).found().look())
        .isInstanceOfSatisfying(
            Look.Failed.class, f -> assertThat(f.why()).contains("no progress for 16 minutes"));
  }

  @Test
  void oneThatPrintsForEverIsNotWaitedForForEver() {
    StringBuilder log = new StringBuilder();
    for (int minute = 0; minute <= 360; minute += 10) {
      assertThat(look(log.append("again ").append(minute).append('\n').toString(), minute).found())
          .extracting(InstallationWatch.Found::look)
          .isInstanceOf(Look.Goes.class);
    }
    assertThat(look(log.append("again\n").toString(), 361).found().look())
        .isInstanceOfSatisfying(
            Look.Failed.class, f -> assertThat(f.why()).contains("not done within 6 hours"));
  }

  @Test
  void linesAreToldOnceAndWhenTheyAreWhole() {
    assertThat(look("one\ntwo\nthr", 0).found().news()).containsExactly("one", "two");
    assertThat(look("one\ntwo\nthree\nfour\n", 1).found().news()).containsExactly("three");
    assertThat(look("one\ntwo\nthree\nfour\nfive\n", 2).found().news()).containsExactly("four");
  }

  /** As virtlogd begins a new file when one has grown large. */
  @Test
  void aLogThatHasBegunAgainIsToldFromItsBeginning() {
    look("one\ntwo\nthree\nfour\n", 0);
    assertThat(look("five\nsix\n", 1).found().news()).containsExactly("five");
    assertThat(look("five\nsix\nseven\n", 2).found().news()).containsExactly("six");
  }

  @Test
  void whatWasSeenOfAnotherDiskOrDefinitionIsNothingOfThisOne() {
    look("one\ntwo\n", 0);
    assertThat(seen.isOf(MARK, "disk-1")).isTrue();
    assertThat(seen.isOf(MARK, "disk-2")).isFalse();
    assertThat(seen.isOf(new Mark("mw", MARK.uid(), 4), "disk-1")).isFalse();
  }
}

package io.millwright.engine.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a fault is worth: who waits for how long, and who gives up. */
class RetryPolicyTest {
  private static final int MANY = 1_000;

  /** The waits between tries, in milliseconds, until it gives up or there were so many. */
  private static List<Long> waits(FaultKind kind, int atMost) {
    List<Long> out = new ArrayList<>();
    for (int attempts = 1; attempts <= atMost; attempts++) {
      Optional<Duration> wait = RetryPolicy.decide(kind, attempts);
      if (wait.isEmpty()) {
        break;
      }
      out.add(wait.get().toMillis());
    }
    return out;
  }

  @ParameterizedTest
  @CsvSource({
    "REFUSED, ''",
    "UNSUPPORTED, ''",
    "CONFLICT, '500, 1000'",
    "BUG, '500, 1000'",
    "CAPACITY, '500, 1000, 2000, 4000'"
  })
  void whatDoesNotPassIsGivenUp(FaultKind kind, String waits) {
    assertThat(waits(kind, MANY).toString()).isEqualTo("[" + waits + "]");
  }

  @Test
  void whoDoesNotAnswerIsAskedForEverAndSoonEnough() {
    assertThat(waits(FaultKind.UNREACHABLE, 7))
        .containsExactly(500L, 1_000L, 2_000L, 4_000L, 8_000L, 15_000L, 15_000L);
    assertThat(waits(FaultKind.UNREACHABLE, MANY)).hasSize(MANY).endsWith(15_000L);
  }

  @Test
  void whatTakesAwayIsTriedUntilItIsDone() {
    assertThat(RetryPolicy.untilDone(1)).isEqualTo(Duration.ofMillis(500));
    assertThat(RetryPolicy.untilDone(MANY)).isEqualTo(Duration.ofSeconds(30));
  }

  /** A kind that is added is decided on; and numbers that make no sense do no harm. */
  @ParameterizedTest
  @EnumSource
  void noWaitIsNothingOrLongerThanAPersonWaits(FaultKind kind) {
    for (int attempts : new int[] {-1, 0, 1, 2, 64, Integer.MAX_VALUE}) {
      RetryPolicy.decide(kind, attempts)
          .ifPresent(
              wait -> assertThat(wait).isBetween(Duration.ofMillis(500), Duration.ofSeconds(20)));
    }
  }
}

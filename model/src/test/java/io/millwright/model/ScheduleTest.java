package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleTest {
  private static final Instant SATURDAY = Instant.parse("2026-11-28T12:00:00Z");

  @Test
  void anIntervalCountsFromTheLastTime() {
    assertThat(Schedule.parse("90m").next(SATURDAY))
        .isEqualTo(SATURDAY.plus(Duration.ofMinutes(90)));
  }

  @Test
  void aCrontabCountsInUtcAndNeverComesTwiceAtOneTime() {
    Instant next = Schedule.parse("30 3 * * SUN").next(SATURDAY);
    assertThat(next).isEqualTo(Instant.parse("2026-11-29T03:30:00Z"));
    assertThat(Schedule.parse("30 3 * * SUN").next(next))
        .isEqualTo(Instant.parse("2026-12-06T03:30:00Z"));
  }

  @ParameterizedTest
  @Timeout(10)
  @ValueSource(
      strings = {
        "",
        "-",
        "7",
        "7w",
        "59s",
        "0s",
        "9999999999d",
        "* * * *",
        "0 0 * * * *",
        "60 * * * *",
        "0 0 31 2 *",
        "0 0 30 FEB *",
        "x y z a b",
        "* * * * *\n",
        "@daily",
        "*/0 * * * *",
        "1-0 99 * * *"
      })
  void whatNeverComesOrMeansNothingIsRefused(String text) {
    assertThatThrownBy(() -> Schedule.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }
}

package io.millwright.engine.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ReadyCheckTest {
  private static final Instant ON = Instant.parse("2026-01-01T00:00:00Z");

  private static Duration silent(int now, Optional<Integer> heard, int listening) {
    return ReadyCheck.silent(
        Duration.ofSeconds(now),
        heard.map(ON::plusSeconds),
        ON.plusSeconds(listening),
        ON.plusSeconds(now));
  }

  @Test
  void silenceCountsFromWhenItWasHeardLastOrPoweredOn() {
    assertThat(silent(300, Optional.empty(), -3600)).hasSeconds(300);
    assertThat(silent(300, Optional.of(100), -3600)).hasSeconds(200);
    // Of a first boot before this one nothing is to be concluded.
    assertThat(silent(300, Optional.of(-100), -3600)).hasSeconds(300);
  }

  @Test
  void whileNoServerListenedNoGuestWasSilent() {
    assertThat(silent(3600, Optional.empty(), 3590)).hasSeconds(10);
    assertThat(silent(3600, Optional.of(20), 3590)).hasSeconds(10);
    assertThat(silent(3600, Optional.of(3595), 3590)).hasSeconds(5);
  }

  @Test
  void nobodyIsGivenUpBeforeTheServerHasListenedForAWhile() {
    assertThat(listened(1800, 10)).isFalse();
    assertThat(listened(1800, 299)).isFalse();
    assertThat(listened(1800, 301)).isTrue();
    // One whose time is short has no longer a time than that.
    assertThat(listened(30, 29)).isFalse();
    assertThat(listened(30, 31)).isTrue();
  }

  private static boolean listened(int timeout, int since) {
    return ReadyCheck.listened(Duration.ofSeconds(timeout), ON, ON.plusSeconds(since));
  }
}

package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class IdsTest {
  private static final Instant NOW = Instant.parse("2026-11-29T15:02:24.123Z");

  /** As PostgreSQL compares them: byte by byte, which the text shows. */
  @Test
  void whatIsMadeWithinAMillisecondGrows() {
    InstantSource stands = InstantSource.fixed(NOW);
    List<String> made =
        Stream.generate(() -> Ids.next(stands)).limit(10_000).map(UUID::toString).toList();
    assertThat(made).isSorted().doesNotHaveDuplicates();
    assertThat(Ids.next(InstantSource.fixed(NOW.plusSeconds(1))).toString())
        .isGreaterThan(made.getLast());
  }

  @Test
  void itIsAVersionSevenOfItsTime() {
    UUID uid = Ids.next(InstantSource.fixed(NOW));
    assertThat(uid.version()).isEqualTo(7);
    assertThat(uid.variant()).isEqualTo(2);
    assertThat(uid.getMostSignificantBits() >>> 16).isEqualTo(NOW.toEpochMilli());
  }
}

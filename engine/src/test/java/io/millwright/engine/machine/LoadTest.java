package io.millwright.engine.machine;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Measurements.Taken;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Rates out of what hypervisors count or measure. */
class LoadTest {
  private static final UUID MACHINE = UUID.randomUUID();

  private static Taken taken(long second, Flow cpu, Flow read) {
    return new Taken(
        Instant.ofEpochSecond(second),
        new Usage(MACHINE, cpu, ByteSize.ofMib(64), read, null, null, null));
  }

  @Test
  void whatIsCountedIsKnownFromTheSecondTimeOn() {
    List<Load> out =
        Load.of(
            List.of(
                taken(0, new Flow.Counted(0), new Flow.Counted(100)),
                taken(30, new Flow.Counted(15_000_000_000L), new Flow.Counted(400))));
    assertThat(out.getFirst().cores()).isNull();
    assertThat(out.getFirst().memory()).isEqualTo(ByteSize.ofMib(64));
    assertThat(out.getLast().cores()).isEqualTo(0.5);
    assertThat(out.getLast().diskRead()).isEqualTo(10);
    assertThat(out.getLast().sent()).isNull();
  }

  @Test
  void aCountThatBeganAnewIsNoRate() {
    List<Load> out =
        Load.of(
            List.of(
                taken(0, new Flow.Counted(9_000_000_000L), new Flow.Measured(7)),
                taken(30, new Flow.Counted(1_000_000_000L), new Flow.Measured(8)),
                taken(40, new Flow.Counted(2_000_000_000L), new Flow.Measured(9))));
    assertThat(out).extracting(Load::cores).containsExactly(null, null, 0.1);
    assertThat(out).extracting(Load::diskRead).containsExactly(7.0, 8.0, 9.0);
  }
}

package io.millwright.engine.machine;

import io.millwright.engine.port.Measurements.Taken;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a machine was using at a time; null is what is not known of it, such as everything that is
 * counted, when it was counted for the first time.
 *
 * @param cores that were busy, such as 0.25
 * @param memory that it took from its host
 * @param diskRead bytes a second, of all its disks
 * @param diskWritten bytes a second, of all its disks
 * @param received bytes a second, by all its cards
 * @param sent bytes a second, by all its cards
 */
public record Load(
    Instant at,
    @Nullable Double cores,
    @Nullable ByteSize memory,
    @Nullable Double diskRead,
    @Nullable Double diskWritten,
    @Nullable Double received,
    @Nullable Double sent) {
  private static final double NANOS = 1e9;

  /** The load at the time of each measurement, which are sorted by time. */
  public static List<Load> of(List<Taken> measured) {
    List<Load> out = new ArrayList<>();
    Taken before = null;
    for (Taken now : measured) {
      out.add(between(before, now));
      before = now;
    }
    return List.copyOf(out);
  }

  private static Load between(@Nullable Taken before, Taken now) {
    Usage then = before == null ? null : before.usage();
    double seconds = before == null ? 0 : Duration.between(before.at(), now.at()).toNanos() / NANOS;
    Usage u = now.usage();
    Double cpu = rate(then == null ? null : then.cpu(), u.cpu(), seconds);
    return new Load(
        now.at(),
        cpu == null ? null : cpu / NANOS,
        u.memory(),
        rate(then == null ? null : then.diskRead(), u.diskRead(), seconds),
        rate(then == null ? null : then.diskWritten(), u.diskWritten(), seconds),
        rate(then == null ? null : then.received(), u.received(), seconds),
        rate(then == null ? null : then.sent(), u.sent(), seconds));
  }

  /** A second; a count that went back began anew when the machine was started. */
  private static @Nullable Double rate(@Nullable Flow before, @Nullable Flow now, double seconds) {
    return switch (now) {
      case null -> null;
      case Flow.Measured(double perSecond) -> perSecond;
      case Flow.Counted(long total) ->
          before instanceof Flow.Counted(long earlier) && total >= earlier && seconds > 0
              ? Double.valueOf((total - earlier) / seconds)
              : null;
    };
  }
}

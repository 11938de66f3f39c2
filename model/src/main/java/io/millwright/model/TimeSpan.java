package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A span of time as people write it.
 *
 * @param seconds its length, not negative
 */
public record TimeSpan(long seconds) {
  private static final Pattern TEXT = Pattern.compile("([0-9]{1,9})([smhd])");
  private static final int MINUTE = 60;
  private static final int HOUR = 3600;
  private static final int DAY = 86_400;

  public TimeSpan {
    if (seconds < 0) {
      throw new IllegalArgumentException("a span of time is not negative");
    }
  }

  /** Reads {@code 90s}, {@code 10m}, {@code 8h}, {@code 7d}. */
  @JsonCreator
  public static TimeSpan parse(String text) {
    Matcher m = TEXT.matcher(text);
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "write a span of time as a number and its unit, such as 90s, 10m, 8h or 7d");
    }
    long unit =
        switch (m.group(2).charAt(0)) {
          case 's' -> 1;
          case 'm' -> MINUTE;
          case 'h' -> HOUR;
          default -> DAY;
        };
    return new TimeSpan(Long.parseLong(m.group(1)) * unit);
  }

  public Duration duration() {
    return Duration.ofSeconds(seconds);
  }

  /** In the largest unit that leaves nothing over. */
  @JsonValue
  @Override
  public String toString() {
    if (seconds == 0 || seconds % MINUTE != 0) {
      return seconds + "s";
    }
    if (seconds % DAY == 0) {
      return seconds / DAY + "d";
    }
    return seconds % HOUR == 0 ? seconds / HOUR + "h" : seconds / MINUTE + "m";
  }
}

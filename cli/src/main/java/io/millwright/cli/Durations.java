package io.millwright.cli;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/** Spans of time, as people write and read them. */
final class Durations {
  private static final Pattern FORM = Pattern.compile("([0-9]{1,6})(ms|s|m|h|d)?");

  private Durations() {}

  /** Reads {@code 30s}, {@code 10m}, {@code 12h}, {@code 90d}; without a unit, seconds. */
  static Duration parse(String text) {
    Matcher m = FORM.matcher(text);
    if (!m.matches()) {
      throw new TypeConversionException(
          "'"
              + text
              + "' is no duration; write a number and its unit, such as 30s, 10m, 12h or 7d");
    }
    long n = Long.parseLong(m.group(1));
    return switch (m.group(2) == null ? "s" : m.group(2)) {
      case "ms" -> Duration.ofMillis(n);
      case "s" -> Duration.ofSeconds(n);
      case "m" -> Duration.ofMinutes(n);
      case "h" -> Duration.ofHours(n);
      default -> Duration.ofDays(n);
    };
  }

  /** One number and its unit: {@code 42s}, {@code 3m}, {@code 5h}, {@code 3d}. */
  static String age(Duration age) {
    long s = Math.max(0, age.toSeconds());
    if (s < 60) {
      return s + "s";
    }
    if (s < 3600) {
      return s / 60 + "m";
    }
    return s < 48 * 3600 ? s / 3600 + "h" : s / 86_400 + "d";
  }

  /** Age of a moment that the server wrote, or an empty text. */
  static String age(String instant, Instant now) {
    try {
      return instant.isEmpty() ? "" : age(Duration.between(Instant.parse(instant), now));
    } catch (DateTimeException e) {
      return instant;
    }
  }

  /** What is left until a moment that the server wrote, or an empty text. */
  static String left(String instant, Instant now) {
    try {
      return instant.isEmpty() ? "" : age(Duration.between(now, Instant.parse(instant)));
    } catch (DateTimeException e) {
      return instant;
    }
  }

  /** {@code 0.3 s}, {@code 75.1 s}. */
  static String seconds(Duration d) {
    long tenths = Math.max(0, (d.toMillis() + 50) / 100);
    return String.format(Locale.ROOT, "%d.%d s", tenths / 10, tenths % 10);
  }
}

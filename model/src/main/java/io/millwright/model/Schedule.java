package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import com.github.kagkarlsson.scheduler.task.schedule.CronSchedule;
import com.github.kagkarlsson.scheduler.task.schedule.CronStyle;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.regex.Pattern;

/**
 * When something is done again and again: so long after the last time, or at the times that the
 * five fields of a crontab name, in UTC.
 *
 * @param text as people write it
 */
public record Schedule(String text) {
  /** Nothing that is worth a schedule is done more often. */
  public static final Duration LEAST = Duration.ofMinutes(1);

  private static final Pattern INTERVAL = Pattern.compile("[0-9]{1,9}[smhd]");

  /** No letters but those of days, months, and of last and nearest: and so no hostile ones. */
  private static final Pattern CRON = Pattern.compile("[-0-9A-Za-z*/,#]+( [-0-9A-Za-z*/,#]+){4}");

  private static final int MOST = 100;

  /** The rarest day, a 29th of February, comes within eight years; beyond that is never. */
  private static final Duration FAR = Duration.ofDays(10 * 366);

  public Schedule {
    if (text.length() > MOST || !(isInterval(text) || CRON.matcher(text).matches())) {
      throw new IllegalArgumentException(
          "write how long after the last time, such as 7d, or the five fields of a crontab, such as"
              + " \"30 3 * * SUN\" for Sundays at half past three, in UTC");
    }
    if (isInterval(text)) {
      if (TimeSpan.parse(text).duration().compareTo(LEAST) < 0) {
        throw new IllegalArgumentException("is at least " + LEAST.toMinutes() + "m");
      }
    } else {
      nextOf(text, Instant.EPOCH);
    }
  }

  /** Reads {@code 7d} and {@code 30 3 * * SUN}. */
  @JsonCreator
  public static Schedule parse(String text) {
    return new Schedule(text);
  }

  private static boolean isInterval(String text) {
    return INTERVAL.matcher(text).matches();
  }

  /** True if it names times, and not how long after the last one. */
  public boolean atTimes() {
    return !isInterval(text);
  }

  /** When it is to be done next, if the last time was then. */
  public Instant next(Instant last) {
    return isInterval(text) ? last.plus(TimeSpan.parse(text).duration()) : nextOf(text, last);
  }

  private static Instant nextOf(String cron, Instant last) {
    Instant next;
    try {
      next = new CronSchedule(cron, ZoneOffset.UTC, CronStyle.UNIX).getInitialExecutionTime(last);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "the fields are minute, hour, day of month, month and day of week, and "
              + Names.quote(cron)
              + " cannot be read",
          e);
    }
    if (next.isAfter(last.plus(FAR))) {
      throw new IllegalArgumentException(Names.quote(cron) + " never comes true");
    }
    return next;
  }

  @JsonValue
  @Override
  public String toString() {
    return text;
  }
}

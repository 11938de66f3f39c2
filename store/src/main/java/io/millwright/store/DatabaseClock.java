package io.millwright.store;

import com.github.kagkarlsson.scheduler.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The database's time, by this node's clock and how far that is off: nodes whose clocks differ must
 * not take each other for dead.
 *
 * <p>It is never behind, at most some milliseconds ahead: what the database calls due is due here
 * too, so that a nudge that was just committed is not passed over until the next poll.
 */
final class DatabaseClock implements Clock {
  private static final Logger LOG = LoggerFactory.getLogger(DatabaseClock.class);
  private static final Duration SLOW = Duration.ofMillis(250);
  private static final int SAMPLES = 5;

  /** What two clocks may drift apart until they are compared again. */
  private static final Duration DRIFT = Duration.ofMillis(2);

  private final JdbcClient jdbc;
  private volatile Duration ahead = Duration.ZERO;

  DatabaseClock(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Instant now() {
    return Instant.now().plus(ahead);
  }

  /** Compares the clocks; what it knew before stays if that fails or takes too long to be exact. */
  void compare() {
    Duration shortest = SLOW;
    for (int sample = 0; sample < SAMPLES; sample++) {
      Instant before = Instant.now();
      Instant there;
      try {
        there =
            jdbc.sql("SELECT clock_timestamp()").query(OffsetDateTime.class).single().toInstant();
      } catch (DataAccessException e) {
        LOG.debug("clocks not compared: {}", e.toString());
        return;
      }
      Duration took = Duration.between(before, Instant.now());
      if (!took.isNegative() && took.compareTo(shortest) < 0) {
        shortest = took;
        ahead = Duration.between(before, there).plus(DRIFT);
      }
    }
  }
}

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
 */
final class DatabaseClock implements Clock {
  private static final Logger LOG = LoggerFactory.getLogger(DatabaseClock.class);
  private static final Duration SLOW = Duration.ofMillis(250);

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
    for (int attempt = 0; attempt < 3; attempt++) {
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
      if (!took.isNegative() && took.compareTo(SLOW) < 0) {
        ahead = Duration.between(before.plus(took.dividedBy(2)), there);
        return;
      }
    }
  }
}

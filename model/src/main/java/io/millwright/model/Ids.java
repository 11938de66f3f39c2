package io.millwright.model;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.UUID;

/** Makes identities. */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int COUNTER_BITS = 12;

  private static long latest;
  private static long counter;

  private Ids() {}

  /**
   * A UUIDv7 (RFC 9562 section 5.7): it grows with time, so that indexes stay small; made here
   * because PostgreSQL before 18 has no function for it. Those made by one process within a
   * millisecond grow too (section 6.2, method 1), so that what is written at once is read in its
   * order.
   */
  public static UUID next(InstantSource clock) {
    long tick = tick(clock.millis());
    long high = (tick >>> COUNTER_BITS << 16) | 0x7000 | (tick & 0x0fff);
    long low = (RANDOM.nextLong() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L;
    return new UUID(high, low);
  }

  /** The millisecond and, below it, how many came before in it; too many run over into the next. */
  private static synchronized long tick(long millis) {
    counter = millis == latest ? counter + 1 : RANDOM.nextInt(1 << (COUNTER_BITS - 1));
    latest = millis;
    return (millis << COUNTER_BITS) + counter;
  }

  /** The last eight hex digits, which differ between any two; for names that people read. */
  public static String brief(UUID uid) {
    String text = uid.toString();
    return text.substring(text.length() - 8);
  }
}

package io.millwright.model;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.UUID;

/** Makes identities. */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();

  private Ids() {}

  /**
   * A UUIDv7 (RFC 9562 section 5.7): it grows with time, so that indexes stay small; made here
   * because PostgreSQL before 18 has no function for it.
   */
  public static UUID next(InstantSource clock) {
    long millis = clock.millis();
    long high = (millis << 16) | 0x7000 | (RANDOM.nextInt() & 0x0fff);
    long low = (RANDOM.nextLong() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L;
    return new UUID(high, low);
  }

  /** The last eight hex digits, which differ between any two; for names that people read. */
  public static String brief(UUID uid) {
    String text = uid.toString();
    return text.substring(text.length() - 8);
  }
}

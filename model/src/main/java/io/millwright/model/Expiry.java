package io.millwright.model;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * When a machine is deleted by itself. Its data volumes stay.
 *
 * @param ttl how long it lives from its creation, or from its claim out of a Pool, such as 8h; at
 *     most 365d
 * @param at the moment, such as 2027-01-31T18:00:00Z, at most a year away; instead of ttl
 * @param leash it is deleted as well when its caller was not heard of for so long, 10s to 1h; no
 *     leash if not given
 */
public record Expiry(@Nullable TimeSpan ttl, @Nullable Instant at, @Nullable TimeSpan leash) {
  /** Who wants a machine for longer wants it for good, or says so in time. */
  public static final Duration LONGEST = Duration.ofDays(365);

  private static final int SHORTEST_LEASH = 10;
  private static final int LONGEST_LEASH = 3600;

  /** Reports everything that is wrong with it by itself. */
  public void check(Violations here) {
    here.require(ttl == null || at == null, "give one of ttl and at");
    here.require(
        ttl != null || at != null || leash != null,
        "says nothing; give ttl, at or leash, or leave it out");
    if (ttl != null) {
      checkTtl(ttl, here.field("ttl"));
    }
    if (leash != null) {
      here.field("leash")
          .require(
              leash.seconds() >= SHORTEST_LEASH && leash.seconds() <= LONGEST_LEASH,
              "must be 10s to 1h");
    }
  }

  /** That somebody may ask for so long a life. */
  public static void checkTtl(TimeSpan ttl, Violations at) {
    at.require(ttl.seconds() > 0 && ttl.duration().compareTo(LONGEST) <= 0, "must be 1s to 365d");
  }
}

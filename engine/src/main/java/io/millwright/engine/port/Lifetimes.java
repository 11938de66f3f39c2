package io.millwright.engine.port;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * When machines are deleted by themselves. It is no part of the status that reconcilers write, so
 * that none of them puts an end back that was moved meanwhile.
 */
public interface Lifetimes {
  /**
   * A machine's end.
   *
   * @param expiresAt when it is deleted, or null for not by time
   * @param warned how much was left at the last warning that was given, or null for none yet
   * @param leash without a heartbeat for so long it is deleted too, or null for no leash
   * @param missed how many looks in a row found no heartbeat
   * @param countedAt when the last of them was
   * @param claimedAt when it was taken out of a pool; null if it was never in one
   */
  record Lifetime(
      @Nullable Instant expiresAt,
      @Nullable Duration warned,
      @Nullable Duration leash,
      int missed,
      @Nullable Instant countedAt,
      @Nullable Instant claimedAt) {
    /** Of a machine that was claimed and has no end yet. */
    public static Lifetime ofClaim(Instant now) {
      return new Lifetime(null, null, null, 0, null, now);
    }

    public Lifetime withWarned(Duration left) {
      return new Lifetime(expiresAt, left, leash, missed, countedAt, claimedAt);
    }

    public Lifetime withMissed(int looks, Instant now) {
      return new Lifetime(expiresAt, warned, leash, looks, now, claimedAt);
    }
  }

  Optional<Lifetime> find(UUID machine);

  /** As {@link #find}, and nobody else can change it before this transaction ends. */
  Optional<Lifetime> lock(UUID machine);

  /** Puts this in place of what was there; the machine's revision grows if its end moved. */
  void put(UUID machine, Lifetime lifetime);

  /** It lives until somebody deletes it. */
  void remove(UUID machine);

  /** Its caller was heard of. Returns false if it is on no leash. */
  boolean beat(UUID machine);
}

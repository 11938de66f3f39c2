package io.millwright.engine.port;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Who has signed in. Only the SHA-256 of what the cookie carries is kept. */
public interface Sessions {
  /** After so long without a request a session is over. */
  Duration IDLE = Duration.ofHours(8);

  /** After so long a session is over, whatever happens. */
  Duration LONGEST = Duration.ofDays(7);

  /**
   * A session.
   *
   * @param origin address of who signed in
   * @param agent what the browser calls itself
   */
  record Session(
      UUID uid, UUID account, Instant createdAt, Instant seenAt, String origin, String agent) {}

  /** Begins one, by the database's clock. */
  void insert(UUID uid, UUID account, byte[] sha256, String origin, String agent);

  /** The session of this hash, if it is not over. */
  Optional<Session> find(byte[] sha256);

  /** Those that are not over, the newest first. */
  List<Session> list();

  /** Says that it is in use. */
  void seen(UUID uid);

  /** Ends one; false if there is none. */
  boolean remove(UUID uid);

  /** Ends all of a person but perhaps one. */
  int removeAll(UUID account, @org.jspecify.annotations.Nullable UUID but);

  /** Forgets those that are over, and old wrong passwords. */
  int prune();

  /**
   * Counts a try to sign in under this name as failed beforehand, so that a thousand at once count
   * as a thousand.
   *
   * @return how long to wait before there may be another try, and then nothing was counted; or
   *     nothing
   */
  Optional<Duration> attempt(String name);

  /** The try went well after all. */
  void succeeded(String name);
}

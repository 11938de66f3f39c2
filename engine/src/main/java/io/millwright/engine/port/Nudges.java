package io.millwright.engine.port;

import java.time.Duration;
import java.util.Collection;
import java.util.Set;
import java.util.UUID;

/** Says which resources to look at. */
public interface Nudges {
  /**
   * Has this resource looked at as soon as this transaction commits; while it is being looked at,
   * once more afterwards. A nudge is never lost.
   */
  void nudge(UUID uid);

  /** As {@link #nudge}, for many. */
  void nudgeAll(Collection<UUID> uids);

  /** Has it looked at after a while at the latest. */
  void nudgeIn(UUID uid, Duration delay);

  /** Of these, those that are being looked at, or will be. */
  Set<UUID> pending(Collection<UUID> uids);
}

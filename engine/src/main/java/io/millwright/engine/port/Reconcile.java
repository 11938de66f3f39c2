package io.millwright.engine.port;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** Looks at one resource and brings it a step nearer to what was declared. */
public interface Reconcile {
  /**
   * Looks at this resource. It is never looked at twice at once, but by a node that was taken for
   * dead and is not.
   *
   * @return when to look again at the latest, or nothing to wait for the next nudge
   */
  Optional<Duration> reconcile(UUID uid);
}

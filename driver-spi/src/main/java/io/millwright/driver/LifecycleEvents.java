package io.millwright.driver;

import java.util.UUID;
import java.util.function.Consumer;

/** Facet: the hypervisor tells of changes by itself. */
public interface LifecycleEvents {
  /**
   * Tells the uid of each machine that was started, stopped, defined or removed from now on, over
   * lost and renewed connections, until the driver is closed. Events may be lost; they are nudges.
   */
  void subscribe(Consumer<UUID> listener);
}

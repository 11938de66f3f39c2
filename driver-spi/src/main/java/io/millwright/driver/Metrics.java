package io.millwright.driver;

import io.millwright.model.Usage;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** Facet: what machines use of their host. */
public interface Metrics {
  /**
   * What those of these machines use that run; one of which nothing is told is left out. One
   * listing, or one for each page of many machines, and never one for each machine.
   *
   * @throws DriverException if nothing at all could be seen
   */
  List<Usage> usage(Set<UUID> machines) throws DriverException;
}

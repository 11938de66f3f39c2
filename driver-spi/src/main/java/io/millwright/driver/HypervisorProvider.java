package io.millwright.driver;

import io.millwright.model.Violations;
import java.util.Map;

/** Makes hypervisor drivers; found by {@link java.util.ServiceLoader}. */
public interface HypervisorProvider {
  DriverDescription describe();

  /**
   * Reports settings that are unknown, missing or make no sense, each at its field, without asking
   * anybody: before they are kept. {@code open} refuses the same.
   */
  default void check(Map<String, String> settings, Violations at) {
    describe().check(settings, at);
  }

  /**
   * A driver for one hypervisor. It connects when it is first used, and again when the connection
   * was lost.
   *
   * @param settings as described, secrets in clear
   * @param installation whose marks count as ours
   * @throws DriverException if a setting makes no sense
   */
  HypervisorDriver open(Map<String, String> settings, String installation) throws DriverException;
}

package io.millwright.driver;

import io.millwright.model.Violations;
import java.util.Map;

/** Makes drivers for DHCP and DNS; found by {@link java.util.ServiceLoader}. */
public interface NetworkServicesProvider {
  DriverDescription describe();

  /**
   * Reports settings that are unknown, missing or make no sense, each at its field, without asking
   * anybody: before they are kept. {@code open} refuses the same.
   */
  default void check(Map<String, String> settings, Violations at) {
    describe().check(settings, at);
  }

  /**
   * Where records are kept under these settings: what is published under others of the same place
   * is the same.
   */
  String place(Map<String, String> settings);

  /**
   * @param settings as described, secrets in clear
   * @param installation whose records count as ours
   * @throws DriverException if a setting makes no sense
   */
  NetworkServices open(Map<String, String> settings, String installation) throws DriverException;
}

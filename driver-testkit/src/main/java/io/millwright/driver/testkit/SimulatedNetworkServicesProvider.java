package io.millwright.driver.testkit;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServicesProvider;
import java.util.List;
import java.util.Map;

/** Attaches to {@link SimulatedNetworkServices#world} by name. */
public final class SimulatedNetworkServicesProvider implements NetworkServicesProvider {
  public SimulatedNetworkServicesProvider() {}

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        SimulatedProvider.NAME,
        List.of(
            new DriverDescription.Setting(
                "world", false, false, "name of the simulated servers; default if not given"),
            new DriverDescription.Setting(
                "key", false, true, "taken and not used, as a secret of a real driver")));
  }

  @Override
  public String place(Map<String, String> settings) {
    return settings.getOrDefault("world", "default");
  }

  @Override
  public NetworkServices open(Map<String, String> settings, String installation)
      throws DriverException {
    SimulatedProvider.refuseUnknown(describe(), settings);
    return SimulatedNetworkServices.world(settings.getOrDefault("world", "default"))
        .attach(installation);
  }
}

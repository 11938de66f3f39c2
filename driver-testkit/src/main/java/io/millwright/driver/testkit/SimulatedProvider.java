package io.millwright.driver.testkit;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.model.Violations;
import java.util.List;
import java.util.Map;

/** Attaches to {@link SimulatedHypervisor#world} by name. */
public final class SimulatedProvider implements HypervisorProvider {
  /** As in a manifest. */
  public static final String NAME = "simulated";

  public SimulatedProvider() {}

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        NAME,
        List.of(
            new DriverDescription.Setting(
                "world", false, false, "name of the simulated hypervisor; default if not given"),
            new DriverDescription.Setting(
                "password", false, true, "taken and not used, as a secret of a real driver")));
  }

  @Override
  public HypervisorDriver open(Map<String, String> settings, String installation)
      throws DriverException {
    refuseUnknown(describe(), settings);
    return SimulatedHypervisor.world(settings.getOrDefault("world", "default"))
        .attach(installation);
  }

  static void refuseUnknown(DriverDescription description, Map<String, String> settings)
      throws DriverException {
    Violations found = Violations.at("settings");
    description.check(settings, found);
    if (!found.list().isEmpty()) {
      throw new DriverException(FaultKind.REFUSED, "A setting makes no sense: " + found.list());
    }
  }
}

package io.millwright.driver.vsphere;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.model.Violations;
import java.util.Map;

/** Makes drivers for vCenters and stand-alone ESXi hosts. */
public final class VsphereProvider implements HypervisorProvider {
  public VsphereProvider() {}

  @Override
  public DriverDescription describe() {
    return Settings.DESCRIPTION;
  }

  @Override
  public void check(Map<String, String> settings, Violations at) {
    Settings.check(settings, at);
  }

  @Override
  public HypervisorDriver open(Map<String, String> settings, String installation)
      throws DriverException {
    return new VsphereHypervisor(Settings.read(settings), installation);
  }
}

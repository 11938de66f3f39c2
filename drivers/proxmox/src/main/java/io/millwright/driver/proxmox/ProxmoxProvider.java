package io.millwright.driver.proxmox;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.model.Violations;
import java.util.Map;

/** Makes drivers for Proxmox VE. */
public final class ProxmoxProvider implements HypervisorProvider {
  public ProxmoxProvider() {}

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
    return new ProxmoxHypervisor(Settings.read(settings), installation);
  }
}

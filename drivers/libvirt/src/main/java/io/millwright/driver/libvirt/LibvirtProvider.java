package io.millwright.driver.libvirt;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.model.Violations;
import java.util.Map;

/** Makes drivers for libvirt hypervisors; the client library is loaded when one is first used. */
public final class LibvirtProvider implements HypervisorProvider {
  public LibvirtProvider() {}

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
    return new LibvirtHypervisor(Settings.read(settings), installation);
  }
}

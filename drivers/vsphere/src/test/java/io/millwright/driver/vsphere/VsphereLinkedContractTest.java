package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;

/** The contract, kept with system disks that are linked to their images. */
@Tag("vsphere")
final class VsphereLinkedContractTest extends VsphereContractTest {
  @Override
  protected HypervisorDriver open(String installation) throws DriverException {
    Map<String, String> settings = new HashMap<>(vcenterUnderTest().settings());
    settings.put("linkedClones", "true");
    // Nothing long is waited for within a call, so that each such act is asked for again.
    return new VsphereHypervisor(
        Settings.read(settings), installation, InstantSource.system(), Duration.ZERO);
  }

  @Override
  protected boolean disksAreBackedByTheirImage() {
    return true;
  }

  /** vSphere does not let them. */
  @Override
  protected boolean disksOfImagesGrow() {
    return false;
  }
}

package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
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
    return new VsphereProvider().open(settings, installation);
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

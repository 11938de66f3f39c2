package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.Mac;
import org.junit.jupiter.api.Tag;

/** The contract, kept with a simulated ESXi host that no vCenter knows of. */
@Tag("vsphere")
final class VsphereHostContractTest extends VsphereContractTest {
  private static final Vcenter HOST = host();

  private static Vcenter host() {
    try {
      return new Vcenter(VcenterLab.shared("--esx"), false);
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  Vcenter vcenterUnderTest() {
    return HOST;
  }

  @Override
  protected MachineDefinition.Nic nic(Mac mac) {
    return new MachineDefinition.Nic(mac, null, "VM Network", null, null);
  }
}

package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.testkit.VcenterLab;
import java.util.List;
import org.junit.jupiter.api.Tag;

/** The same on an ESXi host without a vCenter. */
@Tag("vsphere")
final class StandAloneHostTest extends VcenterTest {
  StandAloneHostTest() throws DriverException {}

  @Override
  Vcenter vcenterUnderTest() throws DriverException {
    return new Vcenter(VcenterLab.shared("--esx"), false);
  }

  @Override
  Vcenter withManyMachines() throws DriverException {
    return new Vcenter(VcenterLab.start("--esx", "--machines", "2000"), false);
  }

  @Override
  List<String> networks() {
    return List.of("VM Network", "ha-datacenter/VM Network");
  }

  /** A host has no folders. */
  @Override
  void moveByHand(Ref machine, String folder) {}
}

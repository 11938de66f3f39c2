package io.millwright.driver.vsphere;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.Mac;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;

/** The contract, kept with a simulated vCenter. */
@Tag("vsphere")
class VsphereContractTest extends HypervisorContract {
  private static final Vcenter VCENTER = vcenter();
  private static final Disks.Image IMAGE = image(32);

  private static Vcenter vcenter() {
    try {
      return new Vcenter(VcenterLab.shared(), true);
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Something that can be told from nothing; what it is does not matter where nothing boots. */
  static Disks.Image image(int mib) {
    try {
      Path raw = Files.createTempFile("image", ".raw");
      Path qcow2 = Files.createTempFile("image", ".qcow2");
      qcow2.toFile().deleteOnExit();
      byte[] content = new byte[2 << 20];
      new Random(1).nextBytes(content);
      Files.write(raw, content);
      Lab.run(List.of("qemu-img", "resize", "-q", "-f", "raw", raw.toString(), mib + "M"));
      Lab.run(
          List.of(
              "qemu-img", "convert", "-O", "qcow2", "-f", "raw", raw.toString(), qcow2.toString()));
      Files.delete(raw);
      return new Disks.Image(Lab.sha256(qcow2), qcow2, "qcow2", mib(mib));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Vcenter vcenterUnderTest() {
    return VCENTER;
  }

  @Override
  protected HypervisorDriver open(String installation) throws DriverException {
    return new VsphereProvider().open(vcenterUnderTest().settings(), installation);
  }

  @Override
  protected Set<String> facets() {
    return Set.of(
        "compute",
        "disks",
        "disk-copy",
        "disk-transfer",
        "media",
        "screen",
        "guest-agent",
        "metrics",
        "lifecycle-events",
        HypervisorDriver.IMPORT,
        HypervisorDriver.SHARED_MEDIA,
        HypervisorDriver.HOT_PLUG);
  }

  @Override
  protected Disks.Image image() {
    return IMAGE;
  }

  @Override
  protected Disks.Image installationMedium() {
    return new Disks.Image(IMAGE.sha256(), IMAGE.file(), Disks.Image.MEDIUM, IMAGE.virtualSize());
  }

  @Override
  protected BootFiles bootFiles() {
    throw new UnsupportedOperationException("there is no facet that would need them");
  }

  @Override
  protected String bootedText() {
    throw new UnsupportedOperationException("the simulator boots nothing");
  }

  @Override
  protected MachineDefinition.Nic nic(Mac mac) {
    return new MachineDefinition.Nic(mac, null, "DC0_DVPG0", null, null);
  }

  @Override
  protected boolean disksAreBackedByTheirImage() {
    return false;
  }

  /** The simulator has no tickets; TroubleTest asks a vCenter that has. */
  @Override
  protected boolean screensOpen() {
    return false;
  }

  @Override
  protected Outside outside() {
    return vcenterUnderTest().outside();
  }
}

package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Disks;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That an image is brought once, however many machines are made of it. */
@Tag("vsphere")
final class UploadTest {
  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());

  private HypervisorDriver open(Map<String, String> settings) throws Exception {
    return new VsphereProvider().open(settings, installation);
  }

  private static void stage(HypervisorDriver driver, Disks.Image image) {
    HypervisorContract.finished(() -> driver.disks().orElseThrow().stage(image));
  }

  private static void unstage(HypervisorDriver driver, Disks.Image image) {
    HypervisorContract.finished(() -> driver.disks().orElseThrow().unstage(image.sha256()));
  }

  @Test
  void anImageIsBroughtOncePerDatastore() throws Exception {
    Vcenter vcenter = new Vcenter(VcenterLab.shared(), true);
    Disks.Image image = VsphereContractTest.image(8);
    try (Watched watched = new Watched(vcenter);
        HypervisorDriver driver = open(watched.settings())) {
      stage(driver, image);
      String part = "mw-" + installation + "-image-" + image.sha256() + ".part";
      // The bytes, and what makes a disk of them.
      assertThat(watched.brought).containsExactly(part + "-flat.vmdk", part + ".vmdk");
      watched.brought.clear();

      stage(driver, image);
      // Machines are made of what is there, and copied there.
      for (int i = 0; i < 2; i++) {
        ObjectName disk =
            new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.SYSTEM);
        HypervisorContract.finished(
            () -> driver.disks().orElseThrow().create(disk, ByteSize.ofMib(16), image.sha256()));
        HypervisorContract.finished(() -> driver.disks().orElseThrow().delete(disk));
      }
      // Nor by a server that knows nothing of the first one, for another part of the vCenter.
      Map<String, String> beside = new HashMap<>(watched.settings());
      beside.remove("resourcePool");
      beside.put("cluster", "DC0_H0");
      try (HypervisorDriver other = open(beside)) {
        stage(other, image);
      }
      assertThat(watched.brought).isEmpty();

      // What is not there any more is brought again.
      unstage(driver, image);
      stage(driver, image);
      assertThat(watched.brought).hasSize(2);
      unstage(driver, image);
    }
  }

  @Test
  void soIsAMedium(@TempDir Path directory) throws Exception {
    Path file = Files.write(directory.resolve("medium.iso"), new byte[1 << 20]);
    Disks.Image medium =
        new Disks.Image(Lab.sha256(file), file, Disks.Image.MEDIUM, ByteSize.ofMib(1));
    try (Watched watched = new Watched(new Vcenter(VcenterLab.shared(), true));
        HypervisorDriver driver = open(watched.settings())) {
      stage(driver, medium);
      stage(driver, medium);
      assertThat(watched.brought).hasSize(1);
      unstage(driver, medium);
    }
  }
}

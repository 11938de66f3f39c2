package io.millwright.driver.proxmox;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.Mac;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;

/** The contract, kept with a small Proxmox VE that answers in recorded shapes. */
@Tag("proxmox")
class ProxmoxContractTest extends HypervisorContract {
  private static final FakePve PVE = new FakePve();
  private static final Disks.Image IMAGE = image(32);

  /** Any bytes: nothing boots, and nothing looks into it. */
  static Disks.Image image(int mib) {
    try {
      Path file = Files.createTempFile("image", ".qcow2");
      file.toFile().deleteOnExit();
      byte[] content = new byte[200_000];
      new Random(mib).nextBytes(content);
      Files.write(file, content);
      return new Disks.Image(Lab.sha256(file), file, "qcow2", mib(mib));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  protected HypervisorDriver open(String installation) throws DriverException {
    return new ProxmoxProvider().open(PVE.settings(), installation);
  }

  @Override
  protected Set<String> facets() {
    return Set.of(
        "compute",
        "disks",
        "media",
        "guest-agent",
        "guest-commands",
        "import",
        "metrics",
        "disk-serials",
        "shared-media");
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
    throw new UnsupportedOperationException("nothing is booted");
  }

  @Override
  protected MachineDefinition.Nic nic(Mac mac) {
    return new MachineDefinition.Nic(mac, "vmbr0", null, 7, null);
  }

  @Override
  protected boolean disksAreBackedByTheirImage() {
    return false;
  }

  @Override
  protected Outside outside() {
    return new Outside() {
      @Override
      public void addMachine(UUID uid, String name) {
        PVE.add(Map.of("name", name, "smbios1", "uuid=" + uid, "memory", "64"));
      }

      @Override
      public String look(UUID uid) {
        return PVE.look(PVE.number(uid.toString()));
      }

      @Override
      public void removeMachine(UUID uid) {
        PVE.remove(PVE.number(uid.toString()));
      }

      @Override
      public void pause(UUID uid) {
        PVE.state(PVE.number(uid.toString()), "running", "paused");
      }

      @Override
      public void crash(UUID uid) {
        PVE.state(PVE.number(uid.toString()), "running", "internal-error");
      }

      @Override
      public void restart(UUID uid) {
        throw new UnsupportedOperationException("nothing is booted");
      }

      @Override
      public void leaveHalfStaged(String installation, Disks.Image image) throws IOException {
        long length = Files.size(image.file());
        PVE.file(
            "import",
            "mw-"
                + installation
                + "-"
                + image.sha256()
                + "-"
                + image.virtualSize().mib()
                + "m."
                + length
                + ".qcow2",
            length / 2);
      }

      @Override
      public void leaveHalfSent(ObjectName medium) {
        PVE.file("iso", medium + ".100000.iso", 50_000);
      }
    };
  }
}

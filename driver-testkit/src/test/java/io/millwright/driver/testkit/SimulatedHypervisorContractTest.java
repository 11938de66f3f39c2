package io.millwright.driver.testkit;

import io.millwright.driver.Disks;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.model.Mac;
import java.nio.file.Path;
import java.util.Set;
import java.util.UUID;

final class SimulatedHypervisorContractTest extends HypervisorContract {
  private final SimulatedHypervisor world = new SimulatedHypervisor();

  @Override
  protected HypervisorDriver open(String installation) {
    return world.attach(installation);
  }

  @Override
  protected Set<String> facets() {
    return Set.of(
        "compute",
        "disks",
        "disk-copy",
        "disk-transfer",
        "media",
        "serial-console",
        "screen",
        "vnc",
        "guest-agent",
        "guest-commands",
        "metrics",
        "lifecycle-events",
        "direct-boot",
        "serial-log",
        HypervisorDriver.DISK_SERIALS,
        HypervisorDriver.SHARED_MEDIA,
        HypervisorDriver.IMPORT,
        HypervisorDriver.HOT_PLUG);
  }

  @Override
  protected Disks.Image image() {
    return new Disks.Image("ab".repeat(32), Path.of("pom.xml"), "qcow2", mib(64));
  }

  @Override
  protected Disks.Image installationMedium() {
    return new Disks.Image("cd".repeat(32), Path.of("pom.xml"), "raw", mib(64));
  }

  @Override
  protected BootFiles bootFiles() {
    Path anything = Path.of("pom.xml");
    return new BootFiles(anything, anything, "console=ttyS0");
  }

  @Override
  protected String bootedText() {
    return "login:";
  }

  @Override
  protected MachineDefinition.Nic nic(Mac mac) {
    return new MachineDefinition.Nic(mac, "br0", null, null, null);
  }

  @Override
  protected Outside outside() {
    return new Outside() {
      @Override
      public void addMachine(UUID uid, String name) {
        world.addForeignMachine(uid, name, Observation.State.STOPPED);
      }

      @Override
      public String look(UUID uid) {
        return world.state(uid).map(Object::toString).orElse("")
            + world.definition(uid).map(Object::toString).orElse("");
      }

      @Override
      public void removeMachine(UUID uid) {
        world.removeMachine(uid);
      }

      @Override
      public void pause(UUID uid) {
        world.pause(uid);
      }

      @Override
      public void crash(UUID uid) {
        world.crash(uid);
      }

      @Override
      public void restart(UUID uid) {
        world.restart(uid);
      }

      @Override
      public void leaveHalfStaged(String installation, Disks.Image image) {
        world.leaveHalf(installation, image.sha256());
      }

      @Override
      public void leaveHalfSent(ObjectName medium) {
        world.leaveHalf(medium);
      }
    };
  }
}

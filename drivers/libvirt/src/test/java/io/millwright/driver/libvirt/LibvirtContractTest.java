package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The contract, kept by a real libvirt. */
@Tag("libvirt")
class LibvirtContractTest extends HypervisorContract {
  static final Lab LAB = Lab.shared();
  static final Disks.Image MICRO = micro();

  private static Disks.Image micro() {
    Path file = Lab.microImage();
    return new Disks.Image(Lab.sha256(file), file, "qcow2", Micro.virtualSize(file));
  }

  @Override
  protected HypervisorDriver open(String installation) throws DriverException {
    // Emulation everywhere: whether KVM works is one test's question, not every one's.
    return new LibvirtProvider()
        .open(Map.of("uri", LAB.uri(), "acceleration", "emulation"), installation);
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
    return MICRO;
  }

  @Override
  protected Disks.Image installationMedium() {
    return Micro.medium();
  }

  @Override
  protected BootFiles bootFiles() {
    return Micro.bootFiles();
  }

  @Override
  protected String bootedText() {
    return "MICRO-READY";
  }

  @Override
  protected MachineDefinition.Nic nic(Mac mac) {
    return new MachineDefinition.Nic(mac, LAB.bridge(), null, null, null);
  }

  @Override
  protected Outside outside() {
    return new Virsh();
  }

  /** As a system that knows no virtual machines finds them: by its own drivers, and at work. */
  @Test
  void aGuestWithDriversOfHardwareAloneHasDisksADriveAndANetwork() throws Exception {
    hardwareAlone(Firmware.UEFI);
  }

  @Test
  @EnabledIfSystemProperty(named = "nightly", matches = "true")
  void soItHasByTheOlderFirmware() throws Exception {
    hardwareAlone(Firmware.BIOS);
  }

  private void hardwareAlone(Firmware firmware) throws Exception {
    Path file = Lab.hardwareImage();
    Disks.Image hardware =
        new Disks.Image(Lab.sha256(file), file, "qcow2", Micro.virtualSize(file));
    Mark mark = mark();
    ObjectName seed = new ObjectName(mark, ObjectName.SEED);
    Disks disks = driver().disks().orElseThrow();
    done(disks.stage(hardware));
    done(disks.create(system(mark), hardware.virtualSize(), hardware.sha256()));
    // More disks than the chipset's own controller has ports beside the drives.
    List<ObjectName> names = new ArrayList<>(List.of(system(mark)));
    for (int i = 0; i < 5; i++) {
      ObjectName data = new ObjectName(mark(), ObjectName.DATA);
      done(disks.create(data, mib(16 + i), null));
      names.add(data);
    }
    done(
        driver()
            .media()
            .orElseThrow()
            .put(seed, "what is read".repeat(1000).getBytes(StandardCharsets.US_ASCII)));
    MachineDefinition definition =
        machine(mark, names.toArray(ObjectName[]::new))
            .with(b ->
                b.devices(Devices.EMULATED)
                    .firmware(firmware)
                    .memory(mib(384))
                    .medium(seed.toString()));
    done(driver().compute().orElseThrow().define(definition));
    done(driver().compute().orElseThrow().start(mark));
    try (SerialConsole.Session session = driver().serialConsole().orElseThrow().open(mark)) {
      readUntil(session, "MICRO-READY");
      String said =
          ask(
              session,
              "cd /sys/class/net/eth0/device/driver; pwd -P; cd /; for d in /sys/block/sd*; do"
                  + " tail -c +5 $d/device/vpd_pg80; cat $d/size; done; head -c 12 /dev/sr0; echo;"
                  + " head -c 8388608 /dev/urandom >/tmp/x; dd if=/tmp/x of=/dev/sdf conv=fsync;"
                  + " echo 3 >/proc/sys/vm/drop_caches; head -c 8388608 /dev/sdf | cmp - /tmp/x &&"
                  + " echo SA''ME; ls /sys/bus/virtio/drivers; ping -c 2 -W 5 "
                  + LAB.get("LAB_GATEWAY4"));
      assertThat(said).contains("drivers/e1000e", "what is read", "SAME", "0% packet loss");
      assertThat(said).doesNotContain("virtio_blk", "virtio_net", "100% packet loss");
      for (MachineDefinition.Disk disk : definition.disks()) {
        assertThat(said).contains(disk.serial());
      }
      assertThat(said).contains(String.valueOf(20 << 11)); // the last one's sectors
    }
    done(driver().compute().orElseThrow().remove(mark));
  }

  private static String ask(SerialConsole.Session session, String command) throws Exception {
    byte[] typed = (command + "; echo THE''END\r").getBytes(StandardCharsets.US_ASCII);
    session.write(typed, typed.length);
    return readUntil(session, "THEEND");
  }

  private final class Virsh implements Outside {
    @Override
    public void restart(UUID uid) throws Exception {
      Mark mark = new Mark(installation, uid, 1);
      try (SerialConsole.Session session = driver().serialConsole().orElseThrow().open(mark)) {
        byte[] typed = "reboot -f\r".getBytes(StandardCharsets.US_ASCII);
        session.write(typed, typed.length);
        // What was typed is on its way only once it is echoed.
        readUntil(session, "reboot -f");
      }
    }

    @Override
    public void addMachine(UUID uid, String name) throws Exception {
      Path xml = Files.createTempFile("foreign", ".xml");
      Files.writeString(
          xml,
          "<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='KiB'>65537</memory>"
                  .formatted(name, uid)
              + "<os><type arch='x86_64'>hvm</type></os></domain>");
      LAB.virsh("define", xml.toString());
      Files.delete(xml);
    }

    @Override
    public String look(UUID uid) {
      return exists(uid)
          // libvirt leaves an empty element where metadata were, which says nothing.
          ? (LAB.virsh("domstate", uid.toString())
                  + LAB.virsh("dumpxml", uid.toString())
                  + LAB.virsh("dumpxml", "--inactive", uid.toString()))
              .replaceAll(" *<metadata/>\n", "")
          : "";
    }

    private static boolean exists(UUID uid) {
      return LAB.virsh("list", "--all", "--uuid").contains(uid.toString());
    }

    @Override
    public void removeMachine(UUID uid) {
      if (exists(uid)) {
        LAB.virsh("undefine", uid.toString());
      }
    }

    @Override
    public void pause(UUID uid) {
      LAB.virsh("suspend", uid.toString());
    }

    @Override
    public void crash(UUID uid) throws Exception {
      String name = LAB.virsh("domname", uid.toString()).strip();
      Path pid = LAB.directory().resolve("libvirt/run/qemu/" + name + ".pid");
      ProcessHandle.of(Long.parseLong(Files.readString(pid).strip()))
          .orElseThrow()
          .destroyForcibly();
    }

    @Override
    public void leaveHalfStaged(String installation, Disks.Image image) throws Exception {
      String name = "mw-" + installation + "-image-" + image.sha256() + ".qcow2";
      LAB.virsh("vol-create-as", LAB.get("LAB_POOL"), name, "64M", "--format", "qcow2");
      Path half = Files.createTempFile("half", ".qcow2");
      try (var in = Files.newInputStream(image.file())) {
        Files.write(half, in.readNBytes(1 << 20));
      }
      LAB.virsh("vol-upload", "--pool", LAB.get("LAB_POOL"), name, half.toString());
      Files.delete(half);
    }

    @Override
    public void leaveHalfSent(ObjectName medium) throws Exception {
      LAB.virsh("vol-create-as", LAB.get("LAB_POOL"), medium + ".iso", "64M", "--format", "raw");
    }
  }
}

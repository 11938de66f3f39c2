package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What is seen of a machine's devices. */
class HardwareTest {
  private static Element disk(int unit, String file) {
    return new Element("device")
        .type("VirtualDisk")
        .add(new Element("backing").add("fileName", file))
        .add("controllerKey", 1000)
        .add("unitNumber", unit)
        .add("capacityInKB", 1024);
  }

  @Test
  void disksThatAreNotOursAreToldApart() {
    UUID uid = UUID.randomUUID();
    ObjectName ours = new ObjectName(new Mark("0a0b0c0d", uid, 1), ObjectName.SYSTEM);
    ObjectName others = new ObjectName(new Mark("ffffffff", uid, 1), ObjectName.DATA);
    List<Element> devices =
        List.of(
            new Element("device")
                .type("ParaVirtualSCSIController")
                .add("key", 1000)
                .add("sharedBus", "noSharing"),
            disk(2, "[store] theirs/theirs_1.vmdk"),
            disk(0, "[store] millwright/" + ours + ".vmdk"),
            disk(1, "[store] millwright/" + others + ".vmdk"));
    Hardware seen = Hardware.of(devices, "0a0b0c0d");
    assertThat(seen.disks()).extracting(Hardware.Disk::name).containsExactly(ours.toString());
    assertThat(seen.foreignDisks()).containsExactly(others.toString(), "theirs_1");
    assertThat(Hardware.of(devices.subList(0, 1), "0a0b0c0d").foreignDisks()).isEmpty();
  }
}

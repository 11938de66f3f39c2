package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.MachineDefinition;
import io.millwright.model.ByteSize;
import io.millwright.model.Mac;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class DomainFactsTest {
  private static final UUID UID = UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd");

  private static String foreign(String metadata, String devices) {
    return """
    <domain type='kvm' id='3'>
      <name>old &amp; foreign</name>
      <uuid>%s</uuid>
      <metadata>%s</metadata>
      <memory unit='KiB'>1048577</memory>
      <vcpu placement='static' current='1'>4</vcpu>
      <devices>%s</devices>
    </domain>
    """
        .formatted(UID, metadata, devices);
  }

  private static String mark(String uid, String generation) {
    return "<x:machine xmlns:x='urn:millwright:domain:1' installation='0a0b0c0d' uid='"
        + uid
        + "' generation='"
        + generation
        + "'/>";
  }

  @Test
  void readsAForeignMachineOfAnyKind() throws Exception {
    DomainFacts facts =
        DomainFacts.read(
            foreign(
                "<l:os xmlns:l='urn:other'/>",
                """
                <disk type='network' device='disk'>
                  <source protocol='rbd' name='pool/image'/><target dev='sda' bus='sata'/>
                </disk>
                <disk type='volume' device='disk'>
                  <source pool='p' volume='v.qcow2'/><target dev='vdb' bus='virtio'/>
                </disk>
                <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
                <interface type='user'><mac address='01:00:5e:00:00:01'/></interface>
                <interface type='user'><mac address='52:54:00:AA:BB:CC'/></interface>
                """),
            "0a0b0c0d");
    assertThat(facts.name()).isEqualTo("old & foreign");
    assertThat(facts.mark()).isNull();
    assertThat(facts.cores()).isEqualTo(4);
    assertThat(facts.memory()).isEqualTo(ByteSize.ofMib(1024));
    assertThat(facts.files()).containsExactly("v.qcow2");
    assertThat(facts.disks()).isEmpty();
    assertThat(facts.foreignDisks()).containsExactly("image", "v.qcow2");
    assertThat(facts.nics()).hasSize(1);
    assertThat(facts.medium()).isNull();
  }

  @Test
  void disksThatAreNotOursAreToldApart() throws Exception {
    String disk = "<disk type='%s' device='%s'><source %s/><target dev='%s' bus='virtio'/></disk>";
    String name = "mw-%s-01234567-89ab-7cde-8f01-23456789abcd-g1-";
    String ours = name.formatted("0a0b0c0d") + "system";
    String others = name.formatted("ffffffff") + "data";
    DomainFacts facts =
        DomainFacts.read(
            foreign(
                mark(UID.toString(), "3"),
                disk.formatted("file", "disk", "file='/pool/" + ours + ".qcow2'", "vda")
                    + disk.formatted("file", "disk", "file='/pool/" + others + ".qcow2'", "vdb")
                    + disk.formatted("block", "lun", "dev='/dev/vg/theirs'", "vdc")
                    + disk.formatted("file", "cdrom", "file='/iso/debian.iso'", "sdb")
                    + disk.formatted("file", "floppy", "file='/iso/a.img'", "fda")
                    + "<disk device='disk'><target dev='vdd' bus='virtio'/></disk>"),
            "0a0b0c0d");
    assertThat(facts.disks()).containsExactly(ours);
    assertThat(facts.foreignDisks()).containsExactly(others + ".qcow2", "theirs");
  }

  @Test
  void aCardIsAttachedAsWeWouldHaveWrittenItOrToNothing() throws Exception {
    String card = "<interface type='%s'><mac address='52:54:00:00:00:01'/>%s</interface>";
    Mac mac = Mac.parse("52:54:00:00:00:01");
    assertThat(nic(card.formatted("bridge", "<source bridge='br0'/><mtu size='1400'/>")))
        .isEqualTo(new MachineDefinition.Nic(mac, "br0", null, null, 1400));
    String tagged = "<source network='n'/><vlan><tag id='7'/></vlan>";
    assertThat(nic(card.formatted("network", tagged)))
        .isEqualTo(new MachineDefinition.Nic(mac, null, "n", 7, null));
    MachineDefinition.Nic nowhere = new MachineDefinition.Nic(mac, null, null, null, null);
    for (String trunk :
        List.of(
            "<vlan trunk='yes'><tag id='7'/></vlan>",
            "<vlan><tag id='7'/><tag id='8'/></vlan>",
            "<vlan/>")) {
      assertThat(nic(card.formatted("bridge", "<source bridge='br0'/>" + trunk)))
          .isEqualTo(nowhere);
    }
    assertThat(nic(card.formatted("direct", "<source dev='eth0' mode='bridge'/>")))
        .isEqualTo(nowhere);
  }

  private static MachineDefinition.Nic nic(String element) throws LibvirtError {
    return DomainFacts.read(foreign("", element), "0a0b0c0d").nics().getFirst();
  }

  @Test
  void aMarkCountsOnlyWhereItBelongs() throws Exception {
    assertThat(DomainFacts.read(foreign(mark(UID.toString(), "3"), ""), "0a0b0c0d").mark())
        .isNotNull();
    // A clone that somebody made of a machine of ours carries its mark, and another uid.
    String clone = mark("11111111-89ab-7cde-8f01-23456789abcd", "3");
    assertThat(DomainFacts.read(foreign(clone, ""), "0a0b0c0d").mark()).isNull();
    assertThat(DomainFacts.read(foreign(mark(UID.toString(), "x"), ""), "0a0b0c0d").mark())
        .isNull();
    assertThat(DomainFacts.read(foreign(mark("", "1"), ""), "0a0b0c0d").mark()).isNull();
  }

  @Test
  void readsNoEntitiesAndNoNonsense() {
    assertThatThrownBy(() ->
            DomainFacts.read(
                "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><domain>&e;</domain>",
                "0a0b0c0d"))
        .isInstanceOf(LibvirtError.class);
    assertThatThrownBy(() -> DomainFacts.read("nonsense", "0a0b0c0d"))
        .isInstanceOf(LibvirtError.class);
  }

  @Test
  void objectNamesAreFoundInPaths() {
    String name = "mw-0a0b0c0d-" + UID + "-g1-system";
    assertThat(DomainFacts.objectName("/pool/" + name + ".qcow2", "0a0b0c0d")).contains(name);
    assertThat(DomainFacts.objectName("/pool/" + name + ".qcow2", "ffffffff")).isEmpty();
    assertThat(DomainFacts.objectName("/pool/other.qcow2", "0a0b0c0d")).isEmpty();
  }
}

package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What the guest agent tells of file systems, as qemu-ga of Debian 12 writes it. */
class MountedTest {
  private static final String REPLY =
      """
      {"return":[
        {"name":"vda1","total-bytes":2013,"mountpoint":"/","used-bytes":1013,"type":"ext4","disk":[
          {"serial":"mw-0001","bus-type":"virtio","bus":0,"unit":0,"dev":"/dev/vda1","target":0,
           "pci-controller":{"bus":4,"slot":0,"domain":0,"function":0}}]},
        {"name":"dm-0","mountpoint":"/srv/orders","type":"xfs","disk":[
          {"bus-type":"virtio","dev":"/dev/vdc"},
          {"serial":"0QEMU_QEMU_HARDDISK_mw-0002","bus-type":"scsi","dev":"/dev/sda"}]},
        {"name":"tmp","mountpoint":"/tmp","type":"tmpfs","disk":[]}]}
      """;

  @Test
  void aFileSystemOnADiskIsFoundByTheDisksSerial() {
    assertThat(QemuAgent.mounted(REPLY, "mw-0001")).contains("/");
    assertThat(QemuAgent.mounted(REPLY, "mw-0002")).contains("/srv/orders");
    assertThat(QemuAgent.mounted(REPLY, "mw-0003")).isEmpty();
  }

  @Test
  void aDiskWithoutASerialIsNotTakenForAnother() {
    assertThat(QemuAgent.mounted(REPLY, "")).isEmpty();
  }

  @Test
  void whatIsNoAnswerTellsNothing() {
    for (String reply : new String[] {"", "{", "[]", "{\"return\":{}}", "{\"return\":[7]}"}) {
      assertThat(QemuAgent.mounted(reply, "mw-0001")).as(reply).isEmpty();
    }
  }
}

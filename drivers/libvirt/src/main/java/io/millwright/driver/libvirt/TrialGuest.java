package io.millwright.driver.libvirt;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.model.Devices;
import io.millwright.model.Mac;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;

/**
 * A guest with next to nothing, by which something is found out that libvirt does not tell. It is
 * transient and bound to the connection, so the daemon itself removes it should this process die;
 * and its name keeps it out of every listing.
 */
final class TrialGuest {
  private TrialGuest() {}

  /**
   * Fails as the start of a machine with these cards would, for there is no other way to learn
   * whether a host has a bridge, and of which make. The guest does not run, so it sends nothing.
   */
  static void plug(Connection connection, List<MachineDefinition.Nic> nics, boolean openvswitch)
      throws LibvirtError {
    if (nics.isEmpty()) {
      return;
    }
    String xml =
        xml(
            connection.offers("qemu") ? "qemu" : "kvm",
            devices ->
                nics.forEach(nic -> {
                  // Another MAC: its own is there already, on the machine as it runs now.
                  Mac other = Mac.ofQemu(ThreadLocalRandom.current().nextInt());
                  DomainXml.nic(
                      devices,
                      new MachineDefinition.Nic(
                          other, nic.bridge(), nic.network(), nic.vlan(), nic.mtu()),
                      Devices.PARAVIRTUAL,
                      openvswitch);
                }));
    try (Domain guest = connection.pausedTransient(xml)) {
      var _ = Libvirt.get().virDomainDestroyFlags(guest.pointer, 0);
    }
  }

  /**
   * Its document.
   *
   * @param type qemu or kvm
   */
  static String xml(String type, Consumer<XmlText> devices) {
    XmlText xml = new XmlText();
    return xml.in(
            "domain",
            () -> {
              xml.leaf("name", "mw-probe-" + UUID.randomUUID());
              xml.in("metadata", () -> xml.empty("mw:probe", "xmlns:mw", DomainXml.NAMESPACE));
              xml.leaf("memory", "32", "unit", "MiB");
              xml.leaf("vcpu", "1");
              xml.in(
                  "os",
                  () -> {
                    xml.leaf("type", "hvm", "arch", "x86_64", "machine", "pc");
                    xml.empty("boot", "dev", "hd");
                    xml.empty("bios", "rebootTimeout", "0");
                  });
              xml.leaf("on_reboot", "destroy");
              xml.in(
                  "devices",
                  () -> {
                    xml.empty("controller", "type", "usb", "model", "none");
                    devices.accept(xml);
                    xml.empty("memballoon", "model", "none");
                  });
            },
            "type",
            type)
        .toString();
  }
}

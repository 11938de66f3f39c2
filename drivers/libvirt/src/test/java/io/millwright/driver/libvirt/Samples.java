package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.GuestFamily;
import io.millwright.model.Mac;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Machines whose documents have golden files. */
enum Samples {
  BIOS(Firmware.BIOS, false, null, false, "web-1", bridge(null, null), true),
  UEFI(Firmware.UEFI, false, null, false, "web-2", bridge(null, 9000), true),
  KVM(Firmware.BIOS, true, "pc-q35-7.2", false, "web-3", network(null), false),
  NETWORK_VLAN(Firmware.BIOS, true, null, false, "web-4", network(42), false),
  OPEN_VSWITCH(Firmware.BIOS, false, null, true, "web-5", bridge(42, null), false),
  OPEN_VSWITCH_UNTAGGED(Firmware.BIOS, false, null, true, "web-8", bridge(null, 1400), false),
  ESCAPED(Firmware.BIOS, false, null, false, "<a> & \"b\" 'c' ü", bridge(null, null), true),
  INSTALLER_MEDIUM(
      Firmware.BIOS, false, "web-6", new MachineDefinition.Installer("ab".repeat(32), null)),
  EMULATED(Firmware.BIOS, true, "web-9", Devices.EMULATED, null),
  EMULATED_INSTALLER(
      Firmware.UEFI,
      false,
      "web-10",
      Devices.EMULATED,
      new MachineDefinition.Installer("ab".repeat(32), null)),
  INSTALLER_KERNEL(
      Firmware.UEFI,
      false,
      "web-7",
      new MachineDefinition.Installer(
          "ab".repeat(32),
          new MachineDefinition.Kernel(
              Names.OBJECT + "kernel", Names.OBJECT + "initrd", "auto=true -- a='<&>'")));

  /** An enum's constants cannot read its own. */
  private static final class Names {
    static final String OBJECT = "mw-0a0b0c0d-01234567-89ab-7cde-8f01-23456789abcd-g7-";
  }

  private final MachineDefinition machine;
  private final DomainXml.Placed placed;

  Samples(
      Firmware firmware,
      boolean kvm,
      @Nullable String machineType,
      boolean openvswitch,
      String name,
      MachineDefinition.Nic nic,
      boolean more) {
    this(firmware, kvm, machineType, openvswitch, name, nic, more, Devices.PARAVIRTUAL, null);
  }

  Samples(Firmware firmware, boolean kvm, String name, MachineDefinition.Installer installer) {
    this(
        firmware,
        kvm,
        null,
        false,
        name,
        bridge(null, null),
        false,
        Devices.PARAVIRTUAL,
        installer);
  }

  Samples(
      Firmware firmware,
      boolean kvm,
      String name,
      Devices devices,
      MachineDefinition.@Nullable Installer installer) {
    this(firmware, kvm, null, false, name, bridge(null, 1400), true, devices, installer);
  }

  Samples(
      Firmware firmware,
      boolean kvm,
      @Nullable String machineType,
      boolean openvswitch,
      String name,
      MachineDefinition.Nic nic,
      boolean more,
      Devices devices,
      MachineDefinition.@Nullable Installer installer) {
    Mark mark = new Mark("0a0b0c0d", UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd"), 7);
    String system = "mw-0a0b0c0d-01234567-89ab-7cde-8f01-23456789abcd-g7-system";
    String data = "mw-0a0b0c0d-11111111-2222-7333-8444-555555555555-g1-data";
    String seed = "mw-0a0b0c0d-01234567-89ab-7cde-8f01-23456789abcd-g7-seed";
    MachineDefinition.Disk first = new MachineDefinition.Disk(system, "system");
    MachineDefinition.Disk second = new MachineDefinition.Disk(data, "mw1111111122227333");
    this.machine =
        new MachineDefinition(
            mark,
            name,
            2,
            ByteSize.ofMib(2048),
            firmware,
            devices,
            GuestFamily.LINUX,
            more ? List.of(first, second) : List.of(first),
            List.of(nic),
            more ? seed : null,
            installer);
    this.placed =
        new DomainXml.Placed(
            kvm,
            machineType,
            openvswitch,
            machine.disks().stream().map(d -> "/pool & more/" + d.name() + ".qcow2").toList(),
            more ? "/pool & more/" + seed + ".iso" : null,
            installer == null ? null : placed(installer),
            List.of());
  }

  private static DomainXml.PlacedInstaller placed(MachineDefinition.Installer installer) {
    MachineDefinition.Kernel kernel = installer.kernel();
    return new DomainXml.PlacedInstaller(
        "/pool & more/mw-0a0b0c0d-image-" + installer.medium() + ".raw",
        kernel == null ? null : "/pool & more/" + kernel.file() + ".boot",
        kernel == null ? null : "/pool & more/" + kernel.initrd() + ".boot",
        kernel == null ? null : "/pool & more/" + Names.OBJECT + "log.log");
  }

  private static MachineDefinition.Nic bridge(@Nullable Integer vlan, @Nullable Integer mtu) {
    return new MachineDefinition.Nic(Mac.parse("52:54:00:00:00:01"), "br0", null, vlan, mtu);
  }

  private static MachineDefinition.Nic network(@Nullable Integer vlan) {
    return new MachineDefinition.Nic(Mac.parse("52:54:00:00:00:02"), null, "trunk", vlan, null);
  }

  String file() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-') + ".xml";
  }

  MachineDefinition machine() {
    return machine;
  }

  String xml() throws DriverException {
    return DomainXml.of(machine, placed);
  }
}

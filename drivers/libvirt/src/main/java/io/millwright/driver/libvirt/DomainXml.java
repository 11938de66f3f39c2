package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/** A machine as libvirt's domain document; pure, for its golden tests. */
final class DomainXml {
  /** Of the element in a domain's metadata that carries its mark. */
  static final String NAMESPACE = "urn:millwright:domain:1";

  static final String PREFIX = "mw";

  static final String MEDIUM_TARGET = "sda";

  /** The second drive, which only machines with an installation medium have. */
  static final String INSTALLER_TARGET = "sdb";

  /** With emulated devices these two are drives, and disks come behind them on the same ports. */
  private static final int DRIVES = 2;

  /** SCSI and serial controller, entropy, balloon. */
  private static final int OTHER_DEVICES = 4;

  private static final int SPARE_PORTS = 6;

  private DomainXml() {}

  /**
   * What a definition leaves to the hypervisor.
   *
   * @param disks paths of the definition's disks, in order
   * @param medium path of its medium, or null for an empty drive
   * @param installer paths of what it starts in place of its system disk, or null
   * @param foreign disks that somebody else has plugged in, and that are left as they are
   */
  record Placed(
      boolean kvm,
      @Nullable String machineType,
      boolean openvswitch,
      List<String> disks,
      @Nullable String medium,
      @Nullable PlacedInstaller installer,
      List<Element> foreign) {}

  /** Of a foreign disk; libvirt finds another place for it, and it is not booted. */
  private static final Set<String> NOT_KEPT = Set.of("address", "alias", "boot");

  /**
   * Where the files of an installer lie; kernel, initial file system and log are all there or none.
   *
   * @param log keeps what the machine prints
   */
  record PlacedInstaller(
      @Nullable String medium,
      @Nullable String kernel,
      @Nullable String initrd,
      @Nullable String log) {}

  /** Refuses what cannot be said in a document that libvirt takes. */
  static void check(MachineDefinition machine, boolean openvswitch) throws DriverException {
    for (MachineDefinition.Nic nic : machine.nics()) {
      if (nic.bridge() != null && nic.vlan() != null && !openvswitch) {
        throw new DriverException(
            FaultKind.UNSUPPORTED,
            "A Linux bridge cannot tag VLAN "
                + nic.vlan()
                + ": attach a bridge that carries only this VLAN, or a libvirt network, or set"
                + " openvswitch to true in the hypervisor's settings if the bridge is Open"
                + " vSwitch's.");
      }
    }
  }

  static String of(MachineDefinition machine, Placed placed) throws DriverException {
    check(machine, placed.openvswitch());
    XmlText xml = new XmlText();
    try {
      return xml.in(
              "domain",
              () -> {
                head(xml, machine, placed);
                xml.in("devices", () -> devices(xml, machine, placed));
              },
              "type",
              placed.kvm() ? "kvm" : "qemu")
          .toString();
    } catch (IllegalArgumentException e) {
      throw new DriverException(
          FaultKind.REFUSED,
          "A name in the machine's definition has characters that libvirt" + " cannot take.",
          String.valueOf(e.getMessage()),
          e);
    }
  }

  /** The element of a mark as libvirt takes it by itself; it adds namespace and prefix. */
  static String mark(Mark mark) {
    XmlText xml = new XmlText();
    xml.leaf(
        "machine",
        "",
        "installation",
        mark.installation(),
        "uid",
        mark.uid().toString(),
        "generation",
        Long.toString(mark.generation()));
    return xml.toString();
  }

  private static void head(XmlText xml, MachineDefinition machine, Placed placed) {
    Mark mark = machine.mark();
    xml.leaf("name", machine.name());
    xml.leaf("uuid", mark.uid().toString());
    xml.in(
        "metadata",
        () ->
            xml.empty(
                "mw:machine",
                "xmlns:mw",
                NAMESPACE,
                "installation",
                mark.installation(),
                "uid",
                mark.uid().toString(),
                "generation",
                Long.toString(mark.generation())));
    xml.leaf("memory", Long.toString(machine.memory().mib()), "unit", "MiB");
    xml.leaf("vcpu", Integer.toString(machine.cores()));
    boolean uefi = machine.firmware() == Firmware.UEFI;
    xml.in(
        "os",
        () -> {
          xml.leaf(
              "type",
              "hvm",
              "arch",
              "x86_64",
              "machine",
              placed.machineType() == null ? "q35" : placed.machineType());
          if (uefi) {
            // Images are not signed for Secure Boot as a rule.
            xml.in("firmware", () -> xml.empty("feature", "enabled", "no", "name", "secure-boot"));
          }
          kernel(xml, machine, placed);
        },
        uefi ? new String[] {"firmware", "efi"} : new String[0]);
    xml.in(
        "features",
        () -> {
          xml.empty("acpi");
          xml.empty("apic");
          if (!placed.kvm()) {
            // QEMU's own share of translated code, an eighth of the memory, is too small for it.
            xml.in("tcg", () -> xml.leaf("tb-cache", "512", "unit", "MiB"));
          }
        });
    String cores = Integer.toString(machine.cores());
    // Without it each is a socket, and some systems use two of those and no more.
    Runnable topology = () -> xml.empty("topology", "sockets", "1", "cores", cores, "threads", "1");
    if (placed.kvm()) {
      xml.in("cpu", topology, "mode", "host-passthrough", "check", "none", "migratable", "on");
    } else {
      xml.in(
          "cpu",
          () -> {
            topology.run();
            // Emulated five-level paging slows every memory access down.
            xml.empty("feature", "policy", "disable", "name", "la57");
          },
          "mode",
          "maximum",
          "check",
          "none");
    }
    xml.empty("clock", "offset", "utc");
    xml.leaf("on_poweroff", "destroy");
    // A kernel that restarts the machine is done: it would only be started again.
    boolean kernel = machine.installer() != null && machine.installer().kernel() != null;
    xml.leaf("on_reboot", kernel ? "destroy" : "restart");
    xml.leaf("on_crash", "destroy");
  }

  private static void kernel(XmlText xml, MachineDefinition machine, Placed placed) {
    MachineDefinition.Installer installer = machine.installer();
    PlacedInstaller files = placed.installer();
    if (installer != null
        && installer.kernel() != null
        && files != null
        && files.kernel() != null
        && files.initrd() != null) {
      xml.leaf("kernel", files.kernel());
      xml.leaf("initrd", files.initrd());
      xml.leaf("cmdline", installer.kernel().arguments());
    }
  }

  private static void devices(XmlText xml, MachineDefinition machine, Placed placed) {
    PlacedInstaller installer = placed.installer();
    Devices devices = machine.devices();
    Set<String> taken =
        placed.foreign().stream().map(DomainFacts::target).collect(Collectors.toSet());
    int index = 0;
    for (int i = 0; i < machine.disks().size(); i++) {
      while (taken.contains(target(devices, index))) {
        index++;
      }
      MachineDefinition.Disk disk = machine.disks().get(i);
      disk(xml, disk, placed.disks().get(i), devices, index++, i == 0);
    }
    placed.foreign().forEach(disk -> xml.copy(disk, NOT_KEPT));
    ports(xml, machine, placed);
    if (devices == Devices.PARAVIRTUAL) {
      // For the drives: cloud kernels have no driver for an emulated SATA or IDE controller.
      xml.empty("controller", "type", "scsi", "index", "0", "model", "virtio-scsi");
    }
    xml.empty("controller", "type", "usb", "model", "none");
    String bus = driveBus(devices);
    drive(xml, placed.medium(), bus, installs(machine.medium()));
    if (installer != null && installer.medium() != null) {
      installerDrive(xml, installer.medium(), bus, installer.kernel() == null);
    }
    for (MachineDefinition.Nic nic : machine.nics()) {
      nic(xml, nic, devices, placed.openvswitch());
    }
    xml.in(
        "serial",
        () -> {
          if (installer != null && installer.log() != null) {
            xml.empty("log", "file", installer.log(), "append", "on");
          }
          xml.empty("target", "port", "0");
        },
        "type",
        "pty");
    xml.in("console", () -> xml.empty("target", "type", "serial", "port", "0"), "type", "pty");
    xml.in(
        "channel",
        () -> xml.empty("target", "type", "virtio", "name", "org.qemu.guest_agent.0"),
        "type",
        "unix");
    // A screen that listens nowhere: whoever is to see it is given to QEMU as an open socket.
    xml.in("graphics", () -> xml.empty("listen", "type", "none"), "type", "vnc");
    xml.in("video", () -> xml.empty("model", "type", "vga"));
    xml.in("rng", () -> xml.leaf("backend", "/dev/urandom", "model", "random"), "model", "virtio");
    xml.empty("memballoon", "model", "virtio");
    // Tells us of a kernel panic.
    xml.empty("panic", "model", "isa");
  }

  /**
   * On this machine type a device needs a port, and none can be added while it runs: those of the
   * devices below, and some to spare for disks to come.
   */
  private static void ports(XmlText xml, MachineDefinition machine, Placed placed) {
    String type = placed.machineType();
    if (type == null || type.contains("q35")) {
      xml.empty("controller", "type", "pci", "index", "0", "model", "pcie-root");
      int disks = machine.disks().size() + placed.foreign().size();
      int devices = disks + machine.nics().size() + OTHER_DEVICES;
      for (int i = 0; i < devices + SPARE_PORTS; i++) {
        xml.empty("controller", "type", "pci", "model", "pcie-root-port");
      }
    }
  }

  /** A paravirtual disk of its own, as for {@code virDomainAttachDeviceFlags}. */
  static String disk(MachineDefinition.Disk disk, String path, int index) {
    XmlText xml = new XmlText();
    disk(xml, disk, path, Devices.PARAVIRTUAL, index, false);
    return xml.toString();
  }

  /** A disk as libvirt finds it in a machine: by its target. */
  static String plugged(DomainFacts.Target disk) {
    XmlText xml = new XmlText();
    xml.in(
        "disk",
        () -> {
          xml.empty("source", "file", disk.file());
          xml.empty("target", "dev", disk.device(), "bus", "virtio");
        },
        "type",
        "file",
        "device",
        "disk");
    return xml.toString();
  }

  private static void disk(
      XmlText xml,
      MachineDefinition.Disk disk,
      String path,
      Devices devices,
      int index,
      boolean boots) {
    xml.in(
        "disk",
        () -> {
          xml.empty("driver", "name", "qemu", "type", "qcow2", "discard", "unmap");
          xml.empty("source", "file", path);
          xml.empty(
              "target",
              "dev",
              target(devices, index),
              "bus",
              devices == Devices.PARAVIRTUAL ? "virtio" : "sata");
          xml.leaf("serial", disk.serial());
          if (boots) {
            xml.empty("boot", "order", "1");
          }
        },
        "type",
        "file",
        "device",
        "disk");
  }

  /**
   * The drive with this medium, as for {@code virDomainUpdateDeviceFlags}.
   *
   * @param bus on which it is already
   */
  static String drive(@Nullable String medium, String bus) {
    XmlText xml = new XmlText();
    drive(xml, medium, bus, false);
    return xml.toString();
  }

  /** What the drives of a machine with these devices are on. */
  static String driveBus(Devices devices) {
    return switch (devices) {
      case PARAVIRTUAL -> "scsi";
      case EMULATED -> "sata";
    };
  }

  /** The model of a machine's cards with these devices. */
  static String nicModel(Devices devices) {
    return switch (devices) {
      case PARAVIRTUAL -> "virtio";
      case EMULATED -> "e1000e";
    };
  }

  /** An installation medium of its own boots for as long as the system disk does not. */
  private static boolean installs(@Nullable String medium) {
    return medium != null
        && ObjectName.parse(medium).filter(n -> n.role().equals(ObjectName.INSTALLER)).isPresent();
  }

  private static void drive(XmlText xml, @Nullable String medium, String bus, boolean boots) {
    xml.in(
        "disk",
        () -> {
          xml.empty("driver", "name", "qemu", "type", "raw");
          if (medium != null) {
            // A medium that is gone must not keep a machine from starting.
            xml.empty("source", "file", medium, "startupPolicy", "optional");
          }
          xml.empty("target", "dev", MEDIUM_TARGET, "bus", bus);
          xml.empty("readonly");
          if (boots) {
            xml.empty("boot", "order", "2");
          }
        },
        "type",
        "file",
        "device",
        "cdrom");
  }

  /** The second drive, empty, as for {@code virDomainUpdateDeviceFlags}. */
  static String emptyInstallerDrive(String bus) {
    XmlText xml = new XmlText();
    installerDrive(xml, null, bus, false);
    return xml.toString();
  }

  private static void installerDrive(
      XmlText xml, @Nullable String medium, String bus, boolean boots) {
    xml.in(
        "disk",
        () -> {
          xml.empty("driver", "name", "qemu", "type", "raw");
          if (medium != null) {
            xml.empty("source", "file", medium);
          }
          xml.empty("target", "dev", INSTALLER_TARGET, "bus", bus);
          xml.empty("readonly");
          if (boots) {
            xml.empty("boot", "order", "2");
          }
        },
        "type",
        "file",
        "device",
        "cdrom");
  }

  static void nic(XmlText xml, MachineDefinition.Nic nic, Devices devices, boolean openvswitch) {
    boolean bridge = nic.bridge() != null;
    xml.in(
        "interface",
        () -> {
          xml.empty("mac", "address", nic.mac().text());
          if (nic.bridge() != null) {
            xml.empty("source", "bridge", nic.bridge());
          } else if (nic.network() != null) {
            xml.empty("source", "network", nic.network());
          }
          if (bridge && openvswitch) {
            xml.empty("virtualport", "type", "openvswitch");
          }
          Integer vlan = nic.vlan();
          if (vlan != null) {
            xml.in("vlan", () -> xml.empty("tag", "id", vlan.toString()));
          }
          xml.empty("model", "type", nicModel(devices));
          if (nic.mtu() != null) {
            xml.empty("mtu", "size", nic.mtu().toString());
          }
          // The firmware never boots from the network, and its option ROM costs a second.
          xml.empty("rom", "enabled", "no");
        },
        "type",
        bridge ? "bridge" : "network");
  }

  private static String target(Devices devices, int index) {
    return switch (devices) {
      case PARAVIRTUAL -> target(index);
      case EMULATED -> "sd" + letters(index + DRIVES);
    };
  }

  /** vda to vdz, vdaa, ... */
  static String target(int index) {
    return "vd" + letters(index);
  }

  private static String letters(int index) {
    String letters = "";
    for (int n = index; n >= 0; n = n / 26 - 1) {
      letters = (char) ('a' + n % 26) + letters;
    }
    return letters;
  }
}

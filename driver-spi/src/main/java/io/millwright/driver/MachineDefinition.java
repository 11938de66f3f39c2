package io.millwright.driver;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.GuestFamily;
import io.millwright.model.Mac;
import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine as it shall be.
 *
 * @param mark its owner; the uid is the machine's on the hypervisor as well, where that can be set
 * @param name what operators see there
 * @param devices as what it sees its disks and cards. With emulated ones that holds for its drives
 *     as well, and it needs no other drivers to boot and to be installed
 * @param guest what its system is, where the hypervisor wants to know; nothing of it is observed
 * @param disks in order; the first one is the system disk and boots
 * @param medium object name of the medium in its drive, or null for an empty drive; an installation
 *     medium ({@link ObjectName#INSTALLER}) boots while the system disk does not
 * @param installer what it starts in place of its system disk, or null
 */
@RecordBuilder
public record MachineDefinition(
    Mark mark,
    String name,
    int cores,
    ByteSize memory,
    Firmware firmware,
    Devices devices,
    GuestFamily guest,
    List<Disk> disks,
    List<Nic> nics,
    @Nullable String medium,
    @Nullable Installer installer)
    implements MachineDefinitionBuilder.With {

  /** A machine of Linux with paravirtual devices that starts from its system disk. */
  public MachineDefinition(
      Mark mark,
      String name,
      int cores,
      ByteSize memory,
      Firmware firmware,
      List<Disk> disks,
      List<Nic> nics,
      @Nullable String medium) {
    this(
        mark,
        name,
        cores,
        memory,
        firmware,
        Devices.PARAVIRTUAL,
        GuestFamily.LINUX,
        disks,
        nics,
        medium,
        null);
  }

  /**
   * An operating system's installer. At least one of the two is given.
   *
   * <p>With a kernel this is what starts, and it finds the medium in the machine's second drive.
   * The machine stops where it would restart, for the next thing that it shall start is its system
   * disk; and what it prints is kept, see {@link SerialLog}. Without one the medium boots while the
   * system disk does not, over as many restarts as the installer likes; see {@link
   * HypervisorDriver#sharesMedia}.
   *
   * @param medium sha256 of a staged installation medium for its second drive, or null for an empty
   *     one. It is the vendor's, read-only, and many machines may have it at once
   * @param kernel what it starts without a boot loader, or null to boot the medium
   */
  public record Installer(@Nullable String medium, @Nullable Kernel kernel) {
    public Installer {
      if (medium == null && kernel == null) {
        throw new IllegalArgumentException("an installer has a medium, a kernel or both");
      }
    }
  }

  /**
   * A Linux kernel that the hypervisor itself starts, see {@link DirectBoot}.
   *
   * @param file object name of the kernel
   * @param initrd object name of its initial file system
   * @param arguments its command line
   */
  public record Kernel(String file, String initrd, String arguments) {}

  /**
   * A disk to attach.
   *
   * @param name its object name
   * @param serial under which the guest sees it, at most 20 characters
   */
  public record Disk(String name, String serial) {}

  /**
   * A network card; exactly one of bridge and network is given. Of one that was observed neither
   * is, if it is attached in a way that cannot be said so.
   *
   * @param vlan tag that the hypervisor puts on its frames, or null
   * @param mtu in bytes, or null for the hypervisor's default
   */
  public record Nic(
      Mac mac,
      @Nullable String bridge,
      @Nullable String network,
      @Nullable Integer vlan,
      @Nullable Integer mtu) {}
}

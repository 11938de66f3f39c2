package io.millwright.driver;

import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine as it shall be.
 *
 * @param mark its owner; the uid is the machine's on the hypervisor as well, where that can be set
 * @param name what operators see there
 * @param disks in order; the first one is the system disk and boots
 * @param medium object name of a seed in its drive, or null for an empty drive
 */
public record MachineDefinition(
    Mark mark,
    String name,
    int cores,
    ByteSize memory,
    Firmware firmware,
    List<Disk> disks,
    List<Nic> nics,
    @Nullable String medium) {

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

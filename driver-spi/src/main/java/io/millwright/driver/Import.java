package io.millwright.driver;

import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Facet: machines that somebody else made are taken over, and let go again. Nothing of them but
 * their mark is written: no guest notices.
 *
 * <p>A machine that was taken over bears a mark that is {@link Mark#imported}; {@link
 * Compute#define} and {@link Compute#remove} refuse it with CONFLICT, whoever asks.
 */
public interface Import {
  /**
   * What an import has to know of a machine beyond its {@link Observation}.
   *
   * @param mark that it bears, whosever it is, or null
   * @param disks its disks, whosever they are, in order; not what is in its drives
   * @param addresses that its guest's agent tells, by MAC; empty if it runs no agent
   */
  record Found(
      Firmware firmware, @Nullable Mark mark, List<Disk> disks, Map<Mac, List<Ip>> addresses) {
    public Found {
      disks = List.copyOf(disks);
      addresses = Map.copyOf(addresses);
    }
  }

  /**
   * A disk.
   *
   * @param file what the hypervisor calls it
   * @param size as the guest sees it; null if it is not told
   */
  record Disk(String file, @Nullable ByteSize size) {}

  /**
   * Looks at a machine of anybody's.
   *
   * @throws DriverException CONFLICT if there is no such machine
   */
  Found look(UUID uid) throws DriverException;

  /**
   * Puts our mark on a machine that bears none; one that was taken over is so already.
   *
   * @param mark an imported one, with the uid that the machine has on the hypervisor
   * @throws DriverException CONFLICT if there is no such machine, if it bears another
   *     installation's mark, or if it was made by us
   */
  Outcome take(Mark mark) throws DriverException;

  /**
   * Takes our mark off a machine that was taken over; one that is not there or bears no mark, or
   * another installation's by now, is free of ours.
   *
   * @throws DriverException CONFLICT if it was made by us
   */
  Outcome release(Mark mark) throws DriverException;
}

package io.millwright.driver;

import io.millwright.model.ByteSize;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Facet: what machines use of their host. */
public interface Metrics {
  /**
   * What those of these machines use that run; one of which nothing is told is left out. One
   * listing, or one for each page of many machines, and never one for each machine.
   *
   * @throws DriverException if nothing at all could be seen
   */
  List<Usage> usage(Set<UUID> machines) throws DriverException;

  /**
   * What one machine uses; null is what the hypervisor does not tell.
   *
   * @param cpu nanoseconds of processor time
   * @param memory that it takes from its host
   * @param diskRead bytes, of all its disks
   * @param diskWritten bytes, of all its disks
   * @param received bytes, by all its cards
   * @param sent bytes, by all its cards
   */
  record Usage(
      UUID machine,
      @Nullable Flow cpu,
      @Nullable ByteSize memory,
      @Nullable Flow diskRead,
      @Nullable Flow diskWritten,
      @Nullable Flow received,
      @Nullable Flow sent) {}

  /**
   * Something that goes on all the time, as hypervisors tell of it: they count, or they measure.
   */
  sealed interface Flow {
    /** So much since the machine was started. */
    record Counted(long total) implements Flow {}

    /** So much a second, just now. */
    record Measured(double perSecond) implements Flow {}
  }
}

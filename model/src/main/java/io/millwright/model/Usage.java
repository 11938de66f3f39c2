package io.millwright.model;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one machine uses of its host; null is what its hypervisor does not tell.
 *
 * @param cpu nanoseconds of processor time
 * @param memory that it takes
 * @param diskRead bytes, of all its disks
 * @param diskWritten bytes, of all its disks
 * @param received bytes, by all its cards
 * @param sent bytes, by all its cards
 */
public record Usage(
    UUID machine,
    @Nullable Flow cpu,
    @Nullable ByteSize memory,
    @Nullable Flow diskRead,
    @Nullable Flow diskWritten,
    @Nullable Flow received,
    @Nullable Flow sent) {

  /**
   * Something that goes on all the time, as hypervisors tell of it: they count, or they measure.
   */
  public sealed interface Flow {
    /** So much since the machine was started. */
    record Counted(long total) implements Flow {}

    /** So much a second, just now. */
    record Measured(double perSecond) implements Flow {}
  }
}

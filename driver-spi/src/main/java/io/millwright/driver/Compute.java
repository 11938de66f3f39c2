package io.millwright.driver;

/** Facet: virtual machines. The mark of each call says whose machine it is. */
public interface Compute {
  /**
   * Makes the machine, powered off, or gives the one that is there this definition; for a running
   * machine it counts from its next start, except that the medium is changed at once.
   *
   * @throws DriverException CONFLICT if the uid or the name belongs to something that is not ours
   */
  Outcome define(MachineDefinition definition) throws DriverException;

  /** Runs it; a paused one is resumed. */
  Outcome start(Mark mark) throws DriverException;

  /**
   * Stops it.
   *
   * @param force false to ask the guest, which answers {@link Outcome.Running} until it did; true
   *     to cut the power
   */
  Outcome stop(Mark mark, boolean force) throws DriverException;

  /** Presses the reset button. */
  Outcome reset(Mark mark) throws DriverException;

  /** Removes the machine, powered off first if need be; its disks stay. */
  Outcome remove(Mark mark) throws DriverException;
}

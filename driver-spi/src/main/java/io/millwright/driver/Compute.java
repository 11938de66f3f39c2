package io.millwright.driver;

/** Facet: virtual machines. The mark of each call says whose machine it is. */
public interface Compute {
  /**
   * Changes nothing and refuses what {@link #define} would refuse in any case, or as the machine is
   * now, so that none is stopped for a definition that it cannot be given.
   *
   * @throws DriverException UNSUPPORTED, REFUSED or CONFLICT, as from {@code define}
   */
  default void check(MachineDefinition definition) throws DriverException {}

  /**
   * Makes the machine, powered off, or gives the one that is there this definition; for a running
   * machine it counts from its next start, except that its media are changed at once, and a
   * vendor's is taken out at once. Disks that somebody else has plugged in stay where they are.
   *
   * @throws DriverException CONFLICT if the uid belongs to something that is not ours or that
   *     somebody else made, if another machine has the name, or if a disk, the medium or a file to
   *     boot is not there; a running machine may also refuse to be renamed so. UNSUPPORTED if it
   *     shall start a kernel and there is no {@link DirectBoot}
   */
  Outcome define(MachineDefinition definition) throws DriverException;

  /**
   * Runs it; a paused one is resumed, a crashed one started.
   *
   * @throws DriverException CONFLICT if there is no such machine
   */
  Outcome start(Mark mark) throws DriverException;

  /**
   * Stops it; one that is not there has stopped.
   *
   * @param force false to ask the guest, which answers {@link Outcome.Running} until it did; true
   *     to cut the power
   */
  Outcome stop(Mark mark, boolean force) throws DriverException;

  /**
   * Presses the reset button.
   *
   * @throws DriverException CONFLICT if the machine does not run
   */
  Outcome reset(Mark mark) throws DriverException;

  /**
   * Removes the machine, powered off first if need be; its disks stay.
   *
   * @throws DriverException CONFLICT if somebody else made it
   */
  Outcome remove(Mark mark) throws DriverException;
}

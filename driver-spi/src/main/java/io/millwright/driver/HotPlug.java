package io.millwright.driver;

/** Facet: disks come to machines that run, and leave them. */
public interface HotPlug {
  /**
   * Attaches a disk to a running machine, and to its definition, behind the disks that it has; one
   * that is attached already stays as it is.
   *
   * @throws DriverException CONFLICT if the machine does not run, or if there is no such disk;
   *     UNSUPPORTED if its devices are emulated, for a SATA port takes no disk while it runs
   */
  Outcome attach(Mark mark, MachineDefinition.Disk disk) throws DriverException;

  /**
   * Takes a disk from a running machine, and from its definition; the disk stays, with what is on
   * it. Whoever asks for it vouches that the guest does not use the disk; where the guest itself
   * can be asked and says that it has a file system of it mounted, nothing is done. Until the guest
   * has let go of the disk, the machine is observed to have it.
   *
   * @param disk its object name
   * @throws DriverException CONFLICT if the machine does not run, or if its guest uses the disk or
   *     has not let go of it yet: then it is asked for again; UNSUPPORTED if its devices are
   *     emulated
   */
  Outcome detach(Mark mark, String disk) throws DriverException;

  /** As its guest says, it has a file system of the disk mounted. */
  static DriverException mounted(String where, String forOperator) {
    return new DriverException(
        FaultKind.CONFLICT,
        "The volume is still mounted at "
            + where
            + " in the guest: unmount it there, or declare detach: stopped to have the machine"
            + " stopped for it.",
        forOperator,
        null);
  }
}

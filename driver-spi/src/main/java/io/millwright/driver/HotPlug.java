package io.millwright.driver;

/**
 * Facet: disks for machines that run. There is no way to take one from a running machine: its guest
 * may be writing to it, and lets go for certain only when it stops.
 */
public interface HotPlug {
  /**
   * Attaches a disk to a running machine, and to its definition, behind the disks that it has; one
   * that is attached already stays as it is.
   *
   * @throws DriverException CONFLICT if the machine does not run, or if there is no such disk;
   *     UNSUPPORTED if its devices are emulated, for a SATA port takes no disk while it runs
   */
  Outcome attach(Mark mark, MachineDefinition.Disk disk) throws DriverException;
}

package io.millwright.driver;

/** Facet: machines that start a Linux kernel without a boot loader. */
public interface DirectBoot {
  /**
   * Brings a kernel or its initial file system over; one of this name is replaced. A half-copied
   * one is never taken for a whole one. It is observed among the media.
   *
   * @throws DriverException CAPACITY if there is no room, REFUSED if the file cannot be read or has
   *     another length
   */
  Outcome put(ObjectName name, Content content) throws DriverException;

  /** Deletes a file. */
  Outcome delete(ObjectName name) throws DriverException;
}

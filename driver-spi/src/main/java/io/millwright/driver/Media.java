package io.millwright.driver;

/**
 * Facet: media that a machine can have in its drive. A machine whose system disk does not boot
 * boots an installation medium there.
 */
public interface Media {
  /**
   * Puts an ISO image there; one of this name is replaced. A half-copied one is never taken for a
   * whole one. It may last hours, and comes to its end or is given up: by an interrupt, or by an
   * IOException of what is read whose cause is a DriverException.
   *
   * @throws DriverException CAPACITY if there is no room, REFUSED if it cannot be read or has
   *     another length
   */
  Outcome put(ObjectName name, Content iso) throws DriverException;

  /** The same of a small one. */
  default Outcome put(ObjectName name, byte[] iso) throws DriverException {
    return put(name, Content.of(iso));
  }

  /** Deletes a medium. */
  Outcome delete(ObjectName name) throws DriverException;
}

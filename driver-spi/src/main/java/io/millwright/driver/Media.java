package io.millwright.driver;

/** Facet: small media that a machine can have in its drive. */
public interface Media {
  /** Puts an ISO image there; one of this name is replaced. */
  Outcome put(ObjectName name, byte[] iso) throws DriverException;

  /** Deletes a medium. */
  Outcome delete(ObjectName name) throws DriverException;
}

package io.millwright.driver;

import io.millwright.model.ByteSize;

/** Facet: a disk is copied on the hypervisor, without going through the server. */
public interface DiskCopy {
  /**
   * Makes a disk that has all that is on another one and does not need it any more. One that is
   * there already with this name is left as it is, but for growing; it has this name only once it
   * is whole, and is listed as {@link ObjectName#PART} before that.
   *
   * @param from a disk that no machine runs with
   * @param size at least that of {@code from}
   * @throws DriverException CONFLICT if there is no disk {@code from}, or a machine runs with it;
   *     CAPACITY if there is no room; REFUSED if {@code from} is larger
   */
  Outcome copy(ObjectName from, ObjectName to, ByteSize size) throws DriverException;
}

package io.millwright.driver;

import io.millwright.model.ByteSize;
import java.nio.file.Path;

/**
 * Facet: what is on a data disk is read out and written, so that it can be carried to another
 * hypervisor. Both acts last as long as they last; whoever calls waits, or interrupts the thread.
 */
public interface DiskTransfer {
  /**
   * Writes all that is on a disk to a file of the server, in place of what was in it: the bytes as
   * a machine sees them, with holes where there are only zeros.
   *
   * @throws DriverException CONFLICT if there is no such disk, or if a machine runs with it;
   *     CAPACITY if the server has no room
   */
  void read(ObjectName disk, Path into) throws DriverException;

  /**
   * Makes a disk with such content, in place of one that has this name.
   *
   * @param content as {@link #read} wrote it, no longer than {@code size}
   * @param proceed asked before each piece that is sent
   * @throws DriverException CONFLICT if a machine has a disk of this name attached; CAPACITY if
   *     there is no room; and what {@code proceed} throws
   */
  void write(ObjectName disk, ByteSize size, Path content, Proceed proceed) throws DriverException;

  /** Whether it may go on. */
  interface Proceed {
    /**
     * Returns if it may.
     *
     * @throws DriverException if it must not; then nothing more is sent
     */
    void ask() throws DriverException;
  }
}

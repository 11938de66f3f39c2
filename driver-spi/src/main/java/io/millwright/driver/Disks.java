package io.millwright.driver;

import io.millwright.model.ByteSize;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Facet: disks that machines are made of, and the images that they start as or are installed from.
 */
public interface Disks {
  /**
   * A disk image, or a vendor's installation medium, on the server.
   *
   * @param sha256 of the file
   * @param format {@code qcow2} or {@code raw} of a disk, {@link #MEDIUM} of a medium
   * @param virtualSize of the disk in it
   */
  record Image(String sha256, Path file, String format, ByteSize virtualSize) {
    /** The format of a medium for drives, of which no disk is made. */
    public static final String MEDIUM = "iso";
  }

  /**
   * Brings an image to the hypervisor. A half-copied one is never taken for a whole one.
   *
   * @throws DriverException CAPACITY if there is no room, REFUSED if the file cannot be read or has
   *     another checksum
   */
  Outcome stage(Image image) throws DriverException;

  /**
   * Removes a staged image; one that a disk is backed by, or that is in a machine's drive, is kept,
   * and that is CONFLICT.
   */
  Outcome unstage(String sha256) throws DriverException;

  /**
   * Makes a disk; one that is there already with this name is left as it is, but for growing.
   *
   * @param base sha256 of the staged image that it starts as, or null for an empty one
   * @throws DriverException CAPACITY if there is no room, REFUSED if the image is not staged or is
   *     larger than the disk
   */
  Outcome create(ObjectName name, ByteSize size, @Nullable String base) throws DriverException;

  /**
   * Makes a disk larger, that of a running machine as well.
   *
   * @throws DriverException REFUSED if it is larger than that already, CONFLICT if there is no such
   *     disk
   */
  Outcome grow(ObjectName name, ByteSize size) throws DriverException;

  /**
   * Deletes a disk for ever.
   *
   * @throws DriverException CONFLICT if a machine has it attached
   */
  Outcome delete(ObjectName name) throws DriverException;
}

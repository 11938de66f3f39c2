package io.millwright.driver;

import java.io.IOException;
import java.io.InputStream;

/** Facet: machines that start a Linux kernel without a boot loader. */
public interface DirectBoot {
  /**
   * A kernel or its initial file system. It may be far larger than what one keeps in memory, so it
   * is read when it is brought over, and read anew if that has to be done again.
   */
  interface BootFile {
    /** In bytes. */
    long length();

    /** From its beginning; whoever opens it closes it. */
    InputStream open() throws IOException;
  }

  /**
   * Brings a file over; one of this name is replaced. A half-copied one is never taken for a whole
   * one. It is observed among the media.
   *
   * @throws DriverException CAPACITY if there is no room, REFUSED if the file cannot be read or has
   *     another length
   */
  Outcome put(ObjectName name, BootFile content) throws DriverException;

  /** Deletes a file. */
  Outcome delete(ObjectName name) throws DriverException;
}

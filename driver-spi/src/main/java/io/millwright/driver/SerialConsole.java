package io.millwright.driver;

import java.io.Closeable;
import java.io.IOException;

/** Facet: the first serial port of a running machine. */
public interface SerialConsole {
  /** An open console. Closing it ends a read that is under way. */
  interface Session extends Closeable {
    /** Reads what the machine printed; blocks until there is something; -1 at the end. */
    int read(byte[] buffer) throws IOException;

    void write(byte[] bytes, int length) throws IOException;
  }

  /**
   * Opens it; whoever had it open before is cut off.
   *
   * @throws DriverException CONFLICT if the machine does not run
   */
  Session open(Mark mark) throws DriverException;
}

package io.millwright.driver.libvirt;

import io.millwright.driver.Content;
import io.millwright.driver.DirectBoot;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Locks;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Pool;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;

/** Media, or kernels and initial file systems, as files of a storage pool. */
final class PoolMedia implements Media, DirectBoot {
  private final Line line;
  private final PoolFiles files;
  private final String ending;

  /**
   * @param ending of the files' names
   */
  PoolMedia(Line line, PoolFiles files, String ending) {
    this.line = line;
    this.files = files;
    this.ending = ending;
  }

  @Override
  public Outcome put(ObjectName name, Content content) throws DriverException {
    return line.call(
        Line.UNBOUNDED,
        connection -> {
          files.requireOurs(name);
          try (Locks.Held _ = files.uploadOf(name.toString());
              Pool pool = files.pool(connection);
              InputStream bytes = content.open()) {
            files.upload(
                connection,
                pool,
                name.toString(),
                "raw",
                ending,
                content.length(),
                content.length(),
                Channels.newChannel(bytes),
                piece -> {},
                () -> requireEnd(bytes));
            return Outcome.DONE;
          } catch (IOException e) {
            throw unread(e);
          }
        });
  }

  private static void requireEnd(InputStream bytes) throws DriverException {
    try {
      if (bytes.read() < 0) {
        return;
      }
    } catch (IOException e) {
      throw unread(e);
    }
    throw new DriverException(
        FaultKind.REFUSED, "A file to boot is longer than it was said to be.");
  }

  /** Whoever gives up its sending says so by the cause. */
  private static DriverException unread(IOException e) {
    return e.getCause() instanceof DriverException givenUp
        ? givenUp
        : new DriverException(FaultKind.REFUSED, "A file to boot cannot be read.", e.toString(), e);
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      try (Pool pool = files.pool(connection)) {
        files.deleteMedium(pool, name, ending);
        return Outcome.DONE;
      }
    });
  }
}

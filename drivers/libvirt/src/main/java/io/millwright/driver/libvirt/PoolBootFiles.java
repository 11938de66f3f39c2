package io.millwright.driver.libvirt;

import io.millwright.driver.DirectBoot;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Pool;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.concurrent.locks.ReentrantLock;

/** Kernels and initial file systems as files of a storage pool. */
final class PoolBootFiles implements DirectBoot {
  private final Line line;
  private final PoolFiles files;

  PoolBootFiles(Line line, PoolFiles files) {
    this.line = line;
    this.files = files;
  }

  @Override
  public Outcome put(ObjectName name, BootFile content) throws DriverException {
    return line.call(
        Line.UNBOUNDED,
        connection -> {
          files.requireOurs(name);
          ReentrantLock lock = files.uploads();
          try (Pool pool = files.pool(connection);
              InputStream bytes = content.open()) {
            files.upload(
                connection,
                pool,
                name.toString(),
                "raw",
                PoolFiles.BOOT,
                content.length(),
                content.length(),
                Channels.newChannel(bytes),
                piece -> {},
                () -> requireEnd(bytes));
            return Outcome.DONE;
          } catch (IOException e) {
            throw new DriverException(
                FaultKind.REFUSED, "A file to boot cannot be read.", e.toString(), e);
          } finally {
            lock.unlock();
          }
        });
  }

  private static void requireEnd(InputStream bytes) throws DriverException {
    try {
      if (bytes.read() < 0) {
        return;
      }
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "A file to boot cannot be read.", e.toString(), e);
    }
    throw new DriverException(
        FaultKind.REFUSED, "A file to boot is longer than it was said to be.");
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      try (Pool pool = files.pool(connection)) {
        files.deleteUploaded(pool, name.toString(), PoolFiles.BOOT);
        return Outcome.DONE;
      }
    });
  }
}

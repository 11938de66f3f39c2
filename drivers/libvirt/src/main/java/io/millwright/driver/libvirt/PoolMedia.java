package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Pool;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.concurrent.locks.ReentrantLock;

/** Media as ISO files of a storage pool. */
final class PoolMedia implements Media {
  private final Line line;
  private final PoolFiles files;

  PoolMedia(Line line, PoolFiles files) {
    this.line = line;
    this.files = files;
  }

  @Override
  public Outcome put(ObjectName name, byte[] iso) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      ReentrantLock lock = files.uploads();
      try (Pool pool = files.pool(connection)) {
        files.upload(
            connection,
            pool,
            name.toString(),
            "raw",
            PoolFiles.MEDIUM,
            iso.length,
            iso.length,
            Channels.newChannel(new ByteArrayInputStream(iso)),
            piece -> {},
            () -> {});
        return Outcome.DONE;
      } catch (IOException e) {
        throw new DriverException(
            FaultKind.BUG, "The libvirt driver failed to read memory.", e.toString(), e);
      } finally {
        lock.unlock();
      }
    });
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      try (Pool pool = files.pool(connection)) {
        files.deleteUploaded(pool, name.toString(), PoolFiles.MEDIUM);
        return Outcome.DONE;
      }
    });
  }
}

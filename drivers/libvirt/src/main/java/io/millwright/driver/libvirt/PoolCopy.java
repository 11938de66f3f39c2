package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Pointer;
import io.millwright.driver.Background;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import io.millwright.model.ByteSize;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Disks copied by libvirt within its pool, into files that are backed by nothing.
 *
 * <p>A volume cannot be renamed, so what is being copied has its name from the beginning; but an
 * empty volume {@code ....copying} stands beside it, which is made first and deleted last, and as
 * long as that is there the disk is a part of one.
 */
final class PoolCopy implements DiskCopy, AutoCloseable {
  private static final Libvirt C = Libvirt.get();
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration POLL = Duration.ofSeconds(2);

  private final Line line;
  private final PoolFiles files;
  private final PoolDisks disks;
  private final Background<ObjectName> copies = new Background<>(PATIENCE, POLL);

  PoolCopy(Line line, PoolFiles files, PoolDisks disks) {
    this.line = line;
    this.files = files;
    this.disks = disks;
  }

  @Override
  public void close() {
    copies.close();
  }

  /** Goes on in the background when the one who asked gives up, and is found by the next one. */
  @Override
  public Outcome copy(ObjectName from, ObjectName to, ByteSize size) throws DriverException {
    files.requireOurs(from);
    files.requireOurs(to);
    return copies.ask(
        to,
        "copy to " + to,
        "The libvirt driver failed to copy a disk.",
        () ->
            line.call(
                Line.UNBOUNDED,
                connection -> {
                  run(connection, from, to, size);
                  return Outcome.DONE;
                }));
  }

  private void run(Connection connection, ObjectName from, ObjectName to, ByteSize size)
      throws LibvirtError, DriverException {
    String marker = to + PoolFiles.COPYING;
    try (Pool pool = files.pool(connection);
        Volume source = files.find(pool, from + PoolFiles.DISK)) {
      if (files.has(pool, marker)) {
        // Of a server that died; libvirt refuses as long as it still writes to it.
        files.delete(pool, to + PoolFiles.DISK);
      } else if (grown(connection, pool, to, size)) {
        return;
      }
      requireSource(connection, source, from, size);
      if (!files.has(pool, marker)) {
        files.create(pool, PoolFiles.volumeXml(marker, 0, "raw", null, ""));
      }
      boolean whole = false;
      try {
        copy(pool, source, to);
        grown(connection, pool, to, size);
        whole = true;
      } finally {
        if (!whole && connection.alive()) {
          try {
            files.delete(pool, to + PoolFiles.DISK);
            files.delete(pool, marker);
          } catch (LibvirtError e) {
            // The first failure is the one to tell of; what is left is no whole disk.
          }
        }
      }
      files.delete(pool, marker);
    }
  }

  /** True if the disk is there, which then has at least this size. */
  private boolean grown(Connection connection, Pool pool, ObjectName name, ByteSize size)
      throws LibvirtError {
    try (Volume there = files.find(pool, name + PoolFiles.DISK)) {
      if (there != null) {
        disks.atLeast(connection, there, name, size);
      }
      return there != null;
    }
  }

  private void requireSource(
      Connection connection, @Nullable Volume source, ObjectName from, ByteSize size)
      throws LibvirtError, DriverException {
    if (source == null) {
      throw new DriverException(
          FaultKind.CONFLICT, "There is no disk to copy.", from.toString(), null);
    }
    disks.requireIdle(connection, from);
    if (source.capacity() > size.bytes()) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The copy needs a disk of at least "
              + ByteSize.ofMib((source.capacity() + ByteSize.MIB - 1) / ByteSize.MIB)
              + ".");
    }
  }

  private static void copy(Pool pool, @Nullable Volume source, ObjectName to) throws LibvirtError {
    Volume from = java.util.Objects.requireNonNull(source);
    String xml = PoolFiles.volumeXml(to + PoolFiles.DISK, from.capacity(), "qcow2", null, "");
    Pointer made = check(C.virStorageVolCreateXMLFrom(pool.pointer, xml, from.pointer, 0));
    new Volume(made).close();
  }
}

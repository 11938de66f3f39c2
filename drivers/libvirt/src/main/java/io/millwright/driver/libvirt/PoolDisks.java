package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Locks;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import io.millwright.model.ByteSize;
import io.millwright.model.Sha256;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Disks as qcow2 files of a storage pool, system disks as overlays on the staged image. */
final class PoolDisks implements Disks {
  private static final Libvirt C = Libvirt.get();

  private static final Duration BEING_MADE_POLL = Duration.ofSeconds(1);

  private final Object making = new Object();
  private final Line line;
  private final PoolFiles files;
  private final String installation;

  PoolDisks(Line line, PoolFiles files, String installation) {
    this.line = line;
    this.files = files;
    this.installation = installation;
  }

  @Override
  public Outcome stage(Image image) throws DriverException {
    return line.call(Line.UNBOUNDED, connection -> stage(connection, image));
  }

  private Outcome stage(Connection connection, Image image) throws LibvirtError, DriverException {
    try (Locks.Held _ = files.uploadOf(files.imageStem(image.sha256()));
        Pool pool = files.pool(connection)) {
      try (Volume there = files.image(pool, image.sha256())) {
        if (there != null) {
          return Outcome.DONE;
        }
      }
      // What a killed server left, in whichever format.
      files.deleteImage(pool, image.sha256());
      String format = image.format().equals(Image.MEDIUM) ? "raw" : image.format();
      try (FileChannel content = FileChannel.open(image.file(), StandardOpenOption.READ)) {
        MessageDigest digest = Sha256.digest();
        files.upload(
            connection,
            pool,
            files.imageStem(image.sha256()),
            format,
            "." + format,
            image.virtualSize().bytes(),
            content.size(),
            content,
            (ByteBuffer piece) -> digest.update(piece),
            () -> {
              if (!HexFormat.of().formatHex(digest.digest()).equals(image.sha256())) {
                throw new DriverException(
                    FaultKind.REFUSED,
                    "The image's file on the server has not the checksum that it should have.",
                    image.file().toString(),
                    null);
              }
            });
        return Outcome.DONE;
      } catch (IOException e) {
        throw new DriverException(
            FaultKind.REFUSED, "The image's file on the server cannot be read.", e.toString(), e);
      }
    }
  }

  @Override
  public Outcome unstage(String sha256) throws DriverException {
    return line.call(connection -> {
      try (Pool pool = files.pool(connection)) {
        List<Volume> volumes = pool.volumes();
        try {
          for (Volume volume : volumes) {
            if (volume.name().endsWith(PoolFiles.DISK)
                && backing(volume).contains(files.imageStem(sha256) + ".")) {
              throw new DriverException(
                  FaultKind.CONFLICT, "A disk is backed by this image.", volume.name(), null);
            }
          }
        } finally {
          Handle.closeAll(volumes);
        }
        requireDetached(
            connection,
            file -> file.contains("/" + files.imageStem(sha256) + "."),
            "A machine has this image in its drive.");
        files.deleteImage(pool, sha256);
        return Outcome.DONE;
      }
    });
  }

  /** The part of a volume's document that tells what it is backed by; empty if it is gone. */
  private static String backing(Volume volume) throws LibvirtError {
    try {
      String xml = volume.xml();
      int at = xml.indexOf("<backingStore>");
      return at < 0 ? "" : xml.substring(at);
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_STORAGE_VOL)) {
        return "";
      }
      throw e;
    }
  }

  @Override
  public Outcome create(ObjectName name, ByteSize size, @Nullable String base)
      throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      // libvirt lists a volume that it has not made yet, so two who want the same take turns.
      synchronized (making) {
        try (Pool pool = files.pool(connection)) {
          try (Volume there = files.find(pool, name + PoolFiles.DISK)) {
            if (there != null) {
              return atLeast(connection, there, name, size);
            }
          } catch (LibvirtError e) {
            if (!e.is(LibvirtError.NO_STORAGE_VOL)) {
              throw e;
            }
            if (!forgotten(pool, name)) {
              return new Outcome.Running("creation of " + name, BEING_MADE_POLL);
            }
          }
          files.create(
              pool,
              base == null
                  ? PoolFiles.volumeXml(name + PoolFiles.DISK, size.bytes(), "qcow2", null, "")
                  : overlay(pool, name, size, base));
          return Outcome.DONE;
        }
      }
    });
  }

  /**
   * A volume without a file: another server is just making it, or somebody has deleted the file.
   * True if libvirt has forgotten it after a second look; it refuses one while it makes volumes.
   */
  private boolean forgotten(Pool pool, ObjectName name) throws LibvirtError {
    try {
      pool.refresh();
    } catch (LibvirtError e) {
      return false;
    }
    return !files.has(pool, name + PoolFiles.DISK);
  }

  private String overlay(Pool pool, ObjectName name, ByteSize size, String base)
      throws LibvirtError, DriverException {
    try (Volume image = files.image(pool, base)) {
      if (image == null) {
        throw new DriverException(
            FaultKind.REFUSED, "The image is not staged on the hypervisor.", base, null);
      }
      if (image.capacity() > size.bytes()) {
        throw new DriverException(
            FaultKind.REFUSED,
            "The image needs a disk of at least "
                + ByteSize.ofMib((image.capacity() + ByteSize.MIB - 1) / ByteSize.MIB)
                + ".");
      }
      String path = image.path();
      return PoolFiles.volumeXml(
          name + PoolFiles.DISK,
          size.bytes(),
          "qcow2",
          path,
          path.substring(path.lastIndexOf('.') + 1));
    }
  }

  /** Makes a disk larger if it is smaller than this. */
  Outcome atLeast(Connection connection, Volume volume, ObjectName name, ByteSize size)
      throws LibvirtError {
    if (volume.capacity() < size.bytes()) {
      resize(connection, volume, name, size);
    }
    return Outcome.DONE;
  }

  @Override
  public Outcome grow(ObjectName name, ByteSize size) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      try (Pool pool = files.pool(connection);
          Volume volume = files.find(pool, name + PoolFiles.DISK)) {
        if (volume == null) {
          throw new DriverException(
              FaultKind.CONFLICT, "There is no such disk.", name.toString(), null);
        }
        if (volume.capacity() > size.bytes()) {
          throw new DriverException(
              FaultKind.REFUSED, "The disk is larger than that already; disks never shrink.");
        }
        return atLeast(connection, volume, name, size);
      }
    });
  }

  /** By the machine that runs with it, or else in the file: two must not write to it. */
  private void resize(Connection connection, Volume volume, ObjectName name, ByteSize size)
      throws LibvirtError {
    List<Domain> domains = connection.domains();
    try {
      for (Domain domain : domains) {
        if (!Survey.stateOf(domain).active()) {
          continue;
        }
        Optional<DomainFacts.Target> disk =
            Survey.facts(domain, 0, installation)
                .flatMap(facts ->
                    facts.targets().stream()
                        .filter(target -> names(target.file(), name))
                        .findFirst());
        if (disk.isPresent()) {
          int bytes = 1; // VIR_DOMAIN_BLOCK_RESIZE_BYTES
          check(C.virDomainBlockResize(domain.pointer, disk.get().device(), size.bytes(), bytes));
          return;
        }
      }
    } finally {
      Handle.closeAll(domains);
    }
    check(C.virStorageVolResize(volume.pointer, size.bytes(), 0));
  }

  private static boolean names(String file, ObjectName disk) {
    return file.endsWith("/" + disk + PoolFiles.DISK) || file.equals(disk + PoolFiles.DISK);
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(name);
      try (Pool pool = files.pool(connection)) {
        if (name.role().equals(ObjectName.PART)) {
          deletePart(pool, new ObjectName(name.mark(), ObjectName.SYSTEM));
          deletePart(pool, new ObjectName(name.mark(), ObjectName.SNAPSHOT));
          return Outcome.DONE;
        }
        if (!files.has(pool, name + PoolFiles.DISK)) {
          files.delete(pool, name + PoolFiles.COPYING);
          return Outcome.DONE;
        }
        requireDetached(connection, file -> names(file, name), "A machine has the disk attached.");
        files.delete(pool, name + PoolFiles.DISK);
        files.delete(pool, name + PoolFiles.COPYING);
        return Outcome.DONE;
      }
    });
  }

  /** Deletes what was begun of a copy, which nothing can have attached. */
  private void deletePart(Pool pool, ObjectName whole) throws LibvirtError {
    if (files.has(pool, whole + PoolFiles.COPYING)) {
      files.delete(pool, whole + PoolFiles.DISK);
      files.delete(pool, whole + PoolFiles.COPYING);
    }
  }

  /** Refuses a disk that a machine has attached, be it off. */
  void requireDetached(Connection connection, ObjectName name)
      throws LibvirtError, DriverException {
    requireDetached(connection, file -> names(file, name), "A machine has the disk attached.");
  }

  /** Refuses a disk that a machine runs with. */
  void requireIdle(Connection connection, ObjectName name) throws LibvirtError, DriverException {
    List<Domain> domains = connection.domains();
    try {
      for (Domain domain : domains) {
        if (!Survey.stateOf(domain).active()) {
          continue;
        }
        Optional<DomainFacts> facts = Survey.facts(domain, 0, installation);
        if (facts.isPresent() && facts.get().files().stream().anyMatch(f -> names(f, name))) {
          throw new DriverException(
              FaultKind.CONFLICT, "A machine runs with the disk.", facts.get().name(), null);
        }
      }
    } finally {
      Handle.closeAll(domains);
    }
  }

  /** Foreign machines count as well, what runs and what is defined. */
  private void requireDetached(Connection connection, Predicate<String> file, String otherwise)
      throws LibvirtError, DriverException {
    List<Domain> domains = connection.domains();
    try {
      for (Domain domain : domains) {
        for (int flags : new int[] {0, Domain.XML_INACTIVE}) {
          Optional<DomainFacts> facts = Survey.facts(domain, flags, installation);
          if (facts.isPresent() && facts.get().files().stream().anyMatch(file)) {
            throw new DriverException(FaultKind.CONFLICT, otherwise, facts.get().name(), null);
          }
        }
      }
    } finally {
      Handle.closeAll(domains);
    }
  }
}

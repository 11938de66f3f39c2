package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Pointer;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Locks;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Our files in a storage pool.
 *
 * <p>Disks are {@code OBJECT.qcow2}, and a part of one as long as {@code OBJECT.copying} stands
 * beside it; media {@code OBJECT.iso}, files to boot {@code OBJECT.boot}, logs {@code OBJECT.log},
 * images {@code mw-INSTALLATION-image-SHA256.FORMAT}. What is uploaded counts only when an empty
 * volume {@code ....whole} stands beside it, which is made last and deleted first: libvirt cannot
 * rename a volume, and an upload that was cut off leaves a file that looks like any other.
 */
final class PoolFiles {
  static final String DISK = ".qcow2";

  /** Stands beside a disk that is still being copied, see {@link PoolCopy}. */
  static final String COPYING = ".copying";

  static final String MEDIUM = ".iso";
  static final String BOOT = ".boot";
  private static final String LOG = ".log";
  private static final String LOG_ROLE = "log";
  private static final String WHOLE = ".whole";
  private static final List<String> IMAGE_FORMATS = List.of("qcow2", "raw");

  /** As libvirt cuts a stream into packets. */
  private static final int PIECE = 256 << 10;

  private static final Libvirt C = Libvirt.get();

  private final Settings settings;
  private final String installation;
  private final Pattern imageName;

  /** By the stem: two uploads of the same name would be in each other's way. */
  private final Locks<String> uploading = new Locks<>();

  PoolFiles(Settings settings, String installation) {
    this.settings = settings;
    this.installation = installation;
    this.imageName = Pattern.compile(Pattern.quote(imageStem("")) + "([0-9a-f]{64})\\.(qcow2|raw)");
  }

  /**
   * What of ours is in the pool.
   *
   * @param logs of installations, as media that are whole
   * @param images sha256 of whole ones
   * @param halfImages sha256 of the others
   */
  record Listing(
      Map<ObjectName, Volume> disks,
      List<Observation.Medium> media,
      List<Observation.Medium> logs,
      Set<String> images,
      Set<String> halfImages) {}

  String imageStem(String sha256) {
    return "mw-" + installation + "-image-" + sha256;
  }

  boolean ours(ObjectName name) {
    return name.mark().installation().equals(installation);
  }

  void requireOurs(ObjectName name) throws DriverException {
    if (!ours(name)) {
      throw new DriverException(
          FaultKind.CONFLICT,
          "It belongs to another installation of Millwright.",
          name.toString(),
          null);
    }
  }

  /** The pool, running. */
  Pool pool(Connection connection) throws LibvirtError, DriverException {
    Pool pool;
    try {
      pool = connection.pool(settings.pool());
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_STORAGE_POOL)) {
        throw new DriverException(
            FaultKind.REFUSED,
            "The hypervisor has no storage pool "
                + settings.pool()
                + "; define one of this name, or name another in its settings.",
            FaultKinds.operator(e),
            e);
      }
      throw e;
    }
    return pool;
  }

  @Nullable Volume find(Pool pool, String name) throws LibvirtError {
    Pointer volume = C.virStorageVolLookupByName(pool.pointer, name);
    if (volume != null) {
      return new Volume(volume);
    }
    LibvirtError error = LibvirtError.last();
    if (error.is(LibvirtError.NO_STORAGE_VOL)) {
      return null;
    }
    throw error;
  }

  boolean has(Pool pool, String name) throws LibvirtError {
    try (Volume volume = find(pool, name)) {
      return volume != null;
    }
  }

  /** Sorts volumes; they live as long as their owner keeps them. */
  Listing sort(List<Volume> volumes) throws LibvirtError {
    Set<String> whole = new HashSet<>();
    Set<String> copying = new HashSet<>();
    Map<String, Volume> byName = new HashMap<>();
    for (Volume volume : volumes) {
      String name = volume.name();
      if (name.endsWith(WHOLE)) {
        whole.add(name.substring(0, name.length() - WHOLE.length()));
      } else if (name.endsWith(COPYING)) {
        copying.add(name.substring(0, name.length() - COPYING.length()));
      } else {
        byName.put(name, volume);
      }
    }
    Map<ObjectName, Volume> disks = new HashMap<>();
    List<Observation.Medium> media = new ArrayList<>();
    List<Observation.Medium> logs = new ArrayList<>();
    Set<String> images = new HashSet<>();
    Set<String> halfImages = new HashSet<>();
    byName.forEach((name, volume) -> {
      Matcher image = imageName.matcher(name);
      if (image.matches()) {
        String sha256 = image.group(1);
        (whole.contains(imageStem(sha256)) ? images : halfImages).add(sha256);
        return;
      }
      Optional<ObjectName> object = ObjectName.parse(name).filter(this::ours);
      if (object.isPresent() && name.endsWith(DISK)) {
        boolean part = copying.contains(object.get().toString());
        disks.put(
            part ? new ObjectName(object.get().mark(), ObjectName.PART) : object.get(), volume);
      } else if (object.isPresent() && (name.endsWith(MEDIUM) || name.endsWith(BOOT))) {
        media.add(new Observation.Medium(object.get(), whole.contains(object.get().toString())));
      } else if (object.isPresent() && name.endsWith(LOG)) {
        logs.add(new Observation.Medium(object.get(), true));
      }
    });
    return new Listing(disks, media, logs, images, halfImages);
  }

  /** The staged image, whole, or null. */
  @Nullable Volume image(Pool pool, String sha256) throws LibvirtError {
    if (!has(pool, imageStem(sha256) + WHOLE)) {
      return null;
    }
    for (String format : IMAGE_FORMATS) {
      Volume volume = find(pool, imageStem(sha256) + "." + format);
      if (volume != null) {
        return volume;
      }
    }
    return null;
  }

  @Nullable Volume medium(Pool pool, ObjectName name) throws LibvirtError {
    return has(pool, name + WHOLE) ? find(pool, name + MEDIUM) : null;
  }

  @Nullable Volume bootFile(Pool pool, ObjectName name) throws LibvirtError {
    return has(pool, name + WHOLE) ? find(pool, name + BOOT) : null;
  }

  @Nullable Volume log(Pool pool, Mark mark) throws LibvirtError {
    return find(pool, logName(mark));
  }

  /** The log of a machine's generation, made if it is not there. */
  Volume needLog(Pool pool, Mark mark) throws LibvirtError {
    Volume there = log(pool, mark);
    if (there != null) {
      return there;
    }
    // As a volume, so that libvirt knows it and can read it out to us.
    String xml = volumeXml(logName(mark), 0, "raw", null, "");
    return new Volume(check(C.virStorageVolCreateXML(pool.pointer, xml, 0)));
  }

  private static String logName(Mark mark) {
    return new ObjectName(mark, LOG_ROLE) + LOG;
  }

  /** Deletes what a machine leaves that is neither disk nor medium: logs. */
  void deleteLogs(Pool pool, Mark mark) throws LibvirtError {
    List<Volume> volumes = pool.volumes();
    try {
      List<String> logs = new ArrayList<>();
      for (Volume volume : volumes) {
        String name = volume.name();
        Optional<ObjectName> object = ObjectName.parse(name).filter(this::ours);
        if (object.isPresent() && object.get().mark().sameOwner(mark) && name.endsWith(LOG)) {
          logs.add(name);
        }
      }
      for (String name : logs) {
        delete(pool, name);
      }
    } finally {
      Handle.closeAll(volumes);
    }
  }

  void create(Pool pool, String xml) throws LibvirtError {
    new Volume(check(C.virStorageVolCreateXML(pool.pointer, xml, 0))).close();
  }

  static String volumeXml(
      String name, long capacity, String format, @Nullable String backing, String backingFormat) {
    XmlText xml = new XmlText();
    return xml.in(
            "volume",
            () -> {
              xml.leaf("name", name);
              xml.leaf("capacity", Long.toString(capacity), "unit", "bytes");
              xml.leaf("allocation", "0");
              xml.in(
                  "target",
                  () -> {
                    xml.empty("format", "type", format);
                    if (format.equals("qcow2")) {
                      xml.leaf("compat", "1.1");
                    }
                  });
              if (backing != null) {
                xml.in(
                    "backingStore",
                    () -> {
                      xml.leaf("path", backing);
                      xml.empty("format", "type", backingFormat);
                    });
              }
            })
        .toString();
  }

  /** Deletes a volume; done if it is not there. */
  void delete(Pool pool, String name) throws LibvirtError {
    try (Volume volume = find(pool, name)) {
      if (volume != null) {
        volume.delete();
      }
    } catch (LibvirtError e) {
      if (!e.is(LibvirtError.NO_STORAGE_VOL)) {
        throw e;
      }
    }
  }

  /** Deletes a medium, or a log that was listed as one. */
  void deleteMedium(Pool pool, ObjectName name, String ending) throws LibvirtError {
    if (name.role().equals(LOG_ROLE)) {
      delete(pool, name + LOG);
    } else {
      deleteUploaded(pool, name.toString(), ending);
    }
  }

  /** Deletes what was uploaded, the proof first. */
  private void deleteUploaded(Pool pool, String stem, String ending) throws LibvirtError {
    delete(pool, stem + WHOLE);
    delete(pool, stem + ending);
  }

  void deleteImage(Pool pool, String sha256) throws LibvirtError {
    delete(pool, imageStem(sha256) + WHOLE);
    for (String format : IMAGE_FORMATS) {
      delete(pool, imageStem(sha256) + "." + format);
    }
  }

  /** Waits for the upload of the same name before its own. */
  Locks.Held uploadOf(String stem) throws DriverException {
    try {
      return uploading.take(stem);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(
          FaultKind.UNREACHABLE, "The upload was given up.", "interrupted before it began", e);
    }
  }

  /**
   * Uploads a file in place of one of this name.
   *
   * @param capacity of the disk in it
   * @param seen gets each piece as well
   * @param check throws if what was sent is not what it should have been
   */
  void upload(
      Connection connection,
      Pool pool,
      String stem,
      String format,
      String ending,
      long capacity,
      long length,
      ReadableByteChannel content,
      Consumer<ByteBuffer> seen,
      Check check)
      throws LibvirtError, DriverException, IOException {
    deleteUploaded(pool, stem, ending);
    create(pool, volumeXml(stem + ending, capacity, format, null, ""));
    boolean whole = false;
    try (Volume volume = find(pool, stem + ending)) {
      if (volume == null) {
        throw new DriverException(
            FaultKind.CONFLICT, "Somebody deleted the file while it was uploaded.");
      }
      send(connection, volume, length, content, seen);
      check.sent();
      create(pool, volumeXml(stem + WHOLE, 0, "raw", null, ""));
      whole = true;
    } finally {
      if (!whole && connection.alive()) {
        try {
          delete(pool, stem + ending);
        } catch (LibvirtError e) {
          // The first failure is the one to tell of; what is left is no whole file.
        }
      }
    }
  }

  /** Sends a file into a volume that was just made for it. */
  void send(
      Connection connection,
      Pool pool,
      String name,
      FileChannel content,
      DiskTransfer.Proceed proceed)
      throws LibvirtError, DriverException, IOException {
    try (Volume volume = find(pool, name)) {
      if (volume == null) {
        throw new DriverException(
            FaultKind.CONFLICT, "Somebody deleted the disk while it was written.");
      }
      ReadableByteChannel asking =
          new ReadableByteChannel() {
            @Override
            public int read(ByteBuffer into) throws IOException {
              try {
                proceed.ask();
              } catch (DriverException e) {
                throw new MayNot(e);
              }
              return content.read(into);
            }

            @Override
            public boolean isOpen() {
              return content.isOpen();
            }

            @Override
            public void close() {}
          };
      send(connection, volume, content.size(), asking, _ -> {});
    } catch (MayNot e) {
      throw e.why;
    }
  }

  /** Carries through a channel that whoever sends may not go on. */
  private static final class MayNot extends IOException {
    private static final long serialVersionUID = 1L;
    final transient DriverException why;

    MayNot(DriverException why) {
      super(why);
      this.why = why;
    }
  }

  /** Looks at what was sent. */
  interface Check {
    void sent() throws DriverException;
  }

  private static void send(
      Connection connection,
      Volume volume,
      long length,
      ReadableByteChannel content,
      Consumer<ByteBuffer> seen)
      throws LibvirtError, DriverException, IOException {
    Pointer stream = connection.newStream(0);
    boolean finished = false;
    try {
      check(C.virStorageVolUpload(volume.pointer, stream, 0, length, 0));
      ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
      long left = length;
      while (left > 0) {
        if (Thread.interrupted()) {
          throw new DriverException(
              FaultKind.UNREACHABLE, "The upload was given up.", "interrupted", null);
        }
        piece.clear().limit((int) Math.min(PIECE, left));
        while (piece.hasRemaining()) {
          if (content.read(piece) < 0) {
            throw new DriverException(
                FaultKind.REFUSED,
                "The file on the server is shorter than it was.",
                left + " bytes are missing",
                null);
          }
        }
        piece.flip();
        left -= piece.remaining();
        seen.accept(piece.duplicate());
        while (piece.hasRemaining()) {
          int sent = check(C.virStreamSend(stream, piece.slice(), piece.remaining()));
          piece.position(piece.position() + sent);
        }
      }
      finished = true;
      check(C.virStreamFinish(stream));
    } finally {
      if (!finished) {
        var _ = C.virStreamAbort(stream);
      }
      var _ = C.virStreamFree(stream);
    }
  }
}

package io.millwright.driver.vsphere;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.model.Sha256;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * Brings an image into the datastore as a flat virtual disk: its bytes, then the descriptor that
 * makes a disk of them, then its name; a medium as the file that it is. Every vSphere takes that, a
 * vCenter as well as a host alone.
 */
final class ImageUpload {
  /** Ends the name of what is not whole yet. */
  static final String PART = ".part";

  private static final long MIB = 1 << 20;

  private final DatastoreFiles files;

  ImageUpload(DatastoreFiles files) {
    this.files = files;
  }

  void run(Place place, Disks.Image image) throws DriverException, VimFault {
    requireChecksum(image);
    if (image.format().equals(Disks.Image.MEDIUM)) {
      medium(place, image);
      return;
    }
    String stem = files.image(image.sha256()) + PART;
    files.ensureDirectory(place);
    // What a killed server left.
    files.deleteDisk(place, stem);
    Path raw = raw(image);
    try {
      long length = Files.size(raw);
      String flat = stem + DatastoreFiles.FLAT;
      files.upload(place, flat, BodyPublishers.ofFile(raw));
      files.upload(
          place, stem + DatastoreFiles.DISK, BodyPublishers.ofString(descriptor(flat, length)));
      files.moveDisk(place, stem, files.image(image.sha256()));
    } catch (IOException e) {
      throw unreadable(e);
    } finally {
      delete(raw);
    }
  }

  /** As it is: it is for drives. */
  private void medium(Place place, Disks.Image image) throws DriverException, VimFault {
    String stem = files.image(image.sha256());
    files.ensureDirectory(place);
    try {
      files.upload(place, stem + DatastoreFiles.UPLOAD, BodyPublishers.ofFile(image.file()));
    } catch (FileNotFoundException e) {
      throw unreadable(e);
    }
    files.move(place, stem + DatastoreFiles.UPLOAD, stem + DatastoreFiles.MEDIUM);
  }

  private static void requireChecksum(Disks.Image image) throws DriverException {
    try (InputStream in = Files.newInputStream(image.file())) {
      MessageDigest digest = Sha256.digest();
      new DigestInputStream(in, digest).transferTo(OutputStream.nullOutputStream());
      if (!HexFormat.of().formatHex(digest.digest()).equals(image.sha256())) {
        throw new DriverException(
            FaultKind.REFUSED,
            "The image's file on the server has not the checksum that it should have.",
            image.file().toString(),
            null);
      }
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private static DriverException unreadable(IOException e) {
    return new DriverException(
        FaultKind.REFUSED, "The image's file on the server cannot be read.", e.toString(), e);
  }

  /** A file with holes, as large as the disk, in whole MiB. */
  private static Path raw(Disks.Image image) throws DriverException {
    Path out = null;
    boolean whole = false;
    try {
      out = Files.createTempFile("millwright-vsphere", ".raw");
      Process convert =
          new ProcessBuilder(
                  "qemu-img",
                  "convert",
                  "-f",
                  image.format(),
                  "-O",
                  "raw",
                  image.file().toString(),
                  out.toString())
              .redirectErrorStream(true)
              .start();
      try {
        String words =
            new String(convert.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (convert.waitFor() != 0) {
          throw new DriverException(
              FaultKind.REFUSED,
              "The image cannot be read as " + image.format() + ".",
              words,
              null);
        }
      } finally {
        convert.destroyForcibly();
      }
      try (RandomAccessFile file = new RandomAccessFile(out.toFile(), "rw")) {
        file.setLength((file.length() + MIB - 1) / MIB * MIB);
      }
      whole = true;
      return out;
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The image cannot be converted; the server needs qemu-img and room for it in its"
              + " temporary directory.",
          e.toString(),
          e);
    } finally {
      if (!whole && out != null) {
        delete(out);
      }
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // The system's temporary directory is emptied by the system.
    }
  }

  static String descriptor(String flat, long length) {
    long sectors = length / 512;
    return """
    # Disk DescriptorFile
    version=1
    encoding="UTF-8"
    CID=fffffffe
    parentCID=ffffffff
    createType="vmfs"

    # Extent description
    RW %d VMFS "%s"

    # The Disk Data Base
    #DDB

    ddb.adapterType = "lsilogic"
    ddb.geometry.cylinders = "%d"
    ddb.geometry.heads = "255"
    ddb.geometry.sectors = "63"
    ddb.virtualHWVersion = "13"
    """
        .formatted(sectors, flat, Math.max(1, sectors / (255 * 63)));
  }
}

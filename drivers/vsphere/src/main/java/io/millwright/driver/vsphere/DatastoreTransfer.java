package io.millwright.driver.vsphere;

import io.millwright.driver.DiskTransfer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.model.ByteSize;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Disks as their bytes in the datastore, over HTTP: read from the flat file of a disk, and written
 * as an image is, under another name until all of it is there.
 */
final class DatastoreTransfer implements DiskTransfer {
  private static final int PIECE = 1 << 20;

  private final Vim vim;
  private final Machines machines;
  private final Place.Finder places;
  private final DatastoreFiles files;
  private final DatastoreDisks disks;

  DatastoreTransfer(
      Vim vim, Machines machines, Place.Finder places, DatastoreFiles files, DatastoreDisks disks) {
    this.vim = vim;
    this.machines = machines;
    this.places = places;
    this.files = files;
    this.disks = disks;
  }

  @Override
  public void read(ObjectName disk, Path into) throws DriverException {
    files.requireOurs(disk);
    vim.act(() -> {
      Place place = places.get();
      String descriptor = disk + DatastoreFiles.DISK;
      DatastoreFiles.Entry there = files.search(place, List.of(descriptor)).get(descriptor);
      if (there == null) {
        throw Machines.conflict("There is no disk of this name.", disk.toString());
      }
      Optional<DatastoreDisks.Attached> attached = disks.attached(place, disk);
      if (attached.isPresent() && attached.get().runs()) {
        throw Machines.conflict("A machine runs with the disk.", attached.get().name());
      }
      DatastoreDisks.requireUpToDate(attached);
      try (InputStream in = files.download(place, disk + DatastoreFiles.FLAT)) {
        long got = copy(in, into);
        // What is missing would be taken for zeros, and the copy for a whole one.
        if (there.capacityKib() > 0 && got >> 10 != there.capacityKib()) {
          throw new IOException(got + " bytes of " + there.capacityKib() + " KiB");
        }
      } catch (IOException e) {
        throw new DriverException(
            FaultKind.UNREACHABLE, "The disk could not be read to its end.", e.toString(), e);
      }
      return true;
    });
  }

  /** With holes where there are zeros only; how many bytes there were. */
  private static long copy(InputStream in, Path into) throws IOException, DriverException {
    try (FileChannel out =
        FileChannel.open(
            into,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      byte[] piece = new byte[PIECE];
      byte[] zeros = new byte[PIECE];
      long at = 0;
      int got;
      while ((got = in.readNBytes(piece, 0, piece.length)) > 0) {
        if (Thread.interrupted()) {
          throw DriverException.interrupted(new InterruptedException());
        }
        if (!java.util.Arrays.equals(piece, 0, got, zeros, 0, got)) {
          ByteBuffer left = ByteBuffer.wrap(piece, 0, got);
          for (long to = at; left.hasRemaining(); ) {
            to += out.write(left, to);
          }
        }
        at += got;
      }
      return at;
    }
  }

  @Override
  public void write(ObjectName disk, ByteSize size, Path content, Proceed proceed)
      throws DriverException {
    files.requireOurs(disk);
    machines.atLeisure(
        disk.mark().uid(),
        () -> {
          Place place = places.get();
          Optional<DatastoreDisks.Attached> attached = disks.attached(place, disk);
          if (attached.isPresent()) {
            throw Machines.conflict("A machine has the disk attached.", attached.get().name());
          }
          proceed.ask();
          files.ensureDirectory(place);
          String part = DatastoreDisks.part(disk).toString();
          files.deleteDisk(place, part);
          String flat = part + DatastoreFiles.FLAT;
          Padded body = new Padded(content, size.bytes(), proceed);
          try {
            files.upload(place, flat, body.publisher());
          } catch (DriverException e) {
            throw body.refusal == null ? e : body.refusal;
          }
          files.upload(
              place,
              part + DatastoreFiles.DISK,
              BodyPublishers.ofString(ImageUpload.descriptor(flat, size.bytes())));
          proceed.ask();
          files.deleteDisk(place, disk.toString());
          files.moveDisk(place, part, disk.toString());
          return true;
        });
  }

  /** A file with zeros behind it, up to a length; each piece is asked for. */
  private static final class Padded {
    private final Path content;
    private final long length;
    private final Proceed proceed;
    volatile @Nullable DriverException refusal;

    Padded(Path content, long length, Proceed proceed) {
      this.content = content;
      this.length = length;
      this.proceed = proceed;
    }

    BodyPublisher publisher() {
      return BodyPublishers.fromPublisher(BodyPublishers.ofInputStream(this::open), length);
    }

    private InputStream open() {
      try {
        return new FilterInputStream(Files.newInputStream(content)) {
          private long left = length;

          @Override
          public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
          }

          @Override
          public int read(byte[] into, int from, int most) throws IOException {
            try {
              proceed.ask();
            } catch (DriverException e) {
              refusal = e;
              throw new IOException(e);
            }
            if (left == 0) {
              return -1;
            }
            int wanted = (int) Math.min(most, left);
            int got = in.read(into, from, wanted);
            if (got < 0) {
              java.util.Arrays.fill(into, from, from + wanted, (byte) 0);
              got = wanted;
            }
            left -= got;
            return got;
          }
        };
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }
}

package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Pointer;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import io.millwright.model.ByteSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Disks as they go over the wire, through libvirt, so that the pool may be anywhere: as qcow2
 * files, which {@code qemu-img} converts on the server.
 */
final class PoolTransfer implements DiskTransfer {
  private static final Libvirt C = Libvirt.get();
  private static final int PIECE = 256 << 10;

  /** In libvirt's document of a volume, how long its file is. */
  private static final Pattern PHYSICAL =
      Pattern.compile("<physical unit=['\"]bytes['\"]>([0-9]{1,18})</physical>");

  private final Line line;
  private final PoolFiles files;
  private final PoolDisks disks;

  PoolTransfer(Line line, PoolFiles files, PoolDisks disks) {
    this.line = line;
    this.files = files;
    this.disks = disks;
  }

  @Override
  public void read(ObjectName disk, Path into) throws DriverException {
    files.requireOurs(disk);
    Path qcow2 = beside(into);
    try {
      var _ =
          line.call(
              Line.UNBOUNDED,
              connection -> {
                try (Pool pool = files.pool(connection);
                    Volume volume = files.find(pool, disk + PoolFiles.DISK)) {
                  if (volume == null) {
                    throw new DriverException(FaultKind.CONFLICT, "There is no such disk.");
                  }
                  disks.requireIdle(connection, disk);
                  download(connection, volume, qcow2);
                  return Outcome.DONE;
                }
              });
      // What a hypervisor hands out must not make this server read files of its own.
      if (!qemuImg("info", "-f", "qcow2", "--output=json", qcow2.toString())
          .matches("(?s)(?!.*\"(backing-filename|data-file)\").*")) {
        throw new DriverException(
            FaultKind.CONFLICT, "The disk points to other files and cannot be carried.");
      }
      var _ = qemuImg("convert", "-f", "qcow2", "-O", "raw", qcow2.toString(), into.toString());
    } finally {
      delete(qcow2);
    }
  }

  private static void download(Connection connection, Volume volume, Path into)
      throws LibvirtError, DriverException {
    Pointer stream = connection.newStream(0);
    boolean finished = false;
    try (FileChannel out =
        FileChannel.open(
            into,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      check(C.virStorageVolDownload(volume.pointer, stream, 0, 0, 0));
      ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
      while (true) {
        if (Thread.interrupted()) {
          throw new DriverException(
              FaultKind.UNREACHABLE, "The download was given up.", "interrupted", null);
        }
        piece.clear();
        int got = check(C.virStreamRecv(stream, piece, piece.remaining()));
        if (got == 0) {
          break;
        }
        piece.limit(got);
        while (piece.hasRemaining()) {
          out.write(piece);
        }
      }
      finished = true;
      check(C.virStreamFinish(stream));
      requireWhole(volume.xml(), out.size());
    } catch (IOException e) {
      throw noRoom(e);
    } finally {
      if (!finished) {
        var _ = C.virStreamAbort(stream);
      }
      var _ = C.virStreamFree(stream);
    }
  }

  /** Of a file that ends too soon, what is missing would be taken for zeros. */
  static void requireWhole(String volume, long got) throws DriverException {
    Matcher physical = PHYSICAL.matcher(volume);
    if (physical.find() && Long.parseLong(physical.group(1)) != got) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          "The disk could not be read to its end.",
          got + " bytes of " + physical.group(1),
          null);
    }
  }

  @Override
  public void write(ObjectName disk, ByteSize size, Path content, Proceed proceed)
      throws DriverException {
    files.requireOurs(disk);
    Path qcow2 = beside(content);
    try {
      var _ =
          qemuImg(
              "convert",
              "-f",
              "raw",
              "-O",
              "qcow2",
              "-o",
              "compat=1.1",
              content.toString(),
              qcow2.toString());
      var _ = qemuImg("resize", "-f", "qcow2", qcow2.toString(), Long.toString(size.bytes()));
      var _ =
          line.call(
              Line.UNBOUNDED,
              connection -> {
                try (Pool pool = files.pool(connection);
                    FileChannel in = FileChannel.open(qcow2, StandardOpenOption.READ)) {
                  disks.requireDetached(connection, disk);
                  proceed.ask();
                  files.delete(pool, disk + PoolFiles.DISK);
                  files.create(
                      pool,
                      PoolFiles.volumeXml(disk + PoolFiles.DISK, size.bytes(), "qcow2", null, ""));
                  files.send(connection, pool, disk + PoolFiles.DISK, in, proceed);
                  return Outcome.DONE;
                } catch (IOException e) {
                  throw noRoom(e);
                }
              });
    } finally {
      delete(qcow2);
    }
  }

  private static Path beside(Path file) {
    return file.resolveSibling(file.getFileName() + PoolFiles.DISK);
  }

  private static void delete(Path file) throws DriverException {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw noRoom(e);
    }
  }

  private static DriverException noRoom(IOException e) {
    return new DriverException(
        FaultKind.CAPACITY, "The server cannot write down the disk.", e.toString(), e);
  }

  /** What it prints. */
  private static String qemuImg(String... arguments) throws DriverException {
    List<String> command = new java.util.ArrayList<>(List.of("qemu-img"));
    command.addAll(List.of(arguments));
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      try {
        String words =
            new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
          throw new DriverException(
              FaultKind.REFUSED,
              "The disk cannot be converted; the server needs room for it.",
              words,
              null);
        }
        return words;
      } finally {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(
          FaultKind.UNREACHABLE, "The conversion was given up.", "interrupted", e);
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "The server needs qemu-img to carry disks.", e.toString(), e);
    }
  }
}

package io.millwright.driver.libvirt;

import io.millwright.driver.Disks;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The micro guest in its three forms: disk image, installation medium, kernel with initrd. */
final class Micro {
  private static final Path PARTS = parts();

  private Micro() {}

  static ByteSize virtualSize(Path qcow2) {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(qcow2))) {
      in.skipNBytes(24);
      return new ByteSize(in.readLong());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Its disk image is a hybrid medium, so as a raw file it boots from a drive as well. */
  static Disks.Image medium() {
    Path iso = PARTS.resolve("micro.iso");
    return new Disks.Image(
        Lab.sha256(iso), iso, Disks.Image.MEDIUM, new ByteSize(iso.toFile().length()));
  }

  static HypervisorContract.BootFiles bootFiles() {
    return new HypervisorContract.BootFiles(
        PARTS.resolve("vmlinuz"),
        PARTS.resolve("initrd.gz"),
        "console=ttyS0 quiet mitigations=off random.trust_cpu=on no_timer_check");
  }

  private static Path parts() {
    try {
      Path directory = Files.createTempDirectory("millwright-micro");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(directory)));
      Path iso = directory.resolve("micro.iso");
      Lab.run(
          List.of("qemu-img", "convert", "-O", "raw", Lab.microImage().toString(), iso.toString()));
      for (String file : List.of("vmlinuz", "initrd.gz")) {
        Lab.run(
            List.of(
                "xorriso",
                "-osirrox",
                "on",
                "-indev",
                iso.toString(),
                "-extract",
                "/boot/" + file,
                directory.resolve(file).toString()));
      }
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path directory) {
    for (String file : List.of("micro.iso", "vmlinuz", "initrd.gz")) {
      directory.resolve(file).toFile().delete();
    }
    directory.toFile().delete();
  }
}

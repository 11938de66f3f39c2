package io.millwright.driver.libvirt;

import io.millwright.model.ByteSize;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Facts about a qcow2 file. */
final class Micro {
  private Micro() {}

  static ByteSize virtualSize(Path qcow2) {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(qcow2))) {
      in.skipNBytes(24);
      return new ByteSize(in.readLong());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

package io.millwright.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Makes file systems on blank data disks inside a new machine, and mounts them.
 *
 * <p>Not by cloud-init's {@code fs_setup}: that formats a disk which has a file system of another
 * type or label.
 */
final class DataDisks {
  private static final String PROGRAM = read();

  private DataDisks() {}

  /** The command for it, given on every boot; it does nothing that was done before. */
  static Optional<List<String>> start(InstallSpec spec) {
    if (spec.dataDisks().isEmpty()) {
      return Optional.empty();
    }
    List<String> command = new ArrayList<>(List.of("sh", "-c", PROGRAM, "data-disks"));
    for (InstallSpec.DataDisk disk : spec.dataDisks()) {
      command.add(disk.serial());
      command.add(disk.filesystem().name().toLowerCase(Locale.ROOT));
      command.add(disk.mount() == null ? "-" : disk.mount());
    }
    return Optional.of(command);
  }

  private static String read() {
    try (InputStream in = DataDisks.class.getResourceAsStream("data-disks.sh")) {
      if (in == null) {
        throw new IllegalStateException("data-disks.sh is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

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
 * Makes file systems on blank data disks inside a machine, and mounts them.
 *
 * <p>Not by cloud-init's {@code fs_setup}: that formats a disk which has a file system of another
 * type or label.
 */
public final class DataDisks {
  private static final String PROGRAM = read();
  private static final String SAYS = "millwright: volume ";

  private DataDisks() {}

  /** The command for it, given on every boot; it does nothing that was done before. */
  static Optional<List<String>> start(InstallSpec spec) {
    return spec.dataDisks().isEmpty()
        ? Optional.empty()
        : Optional.of(command("sh", PROGRAM, spec.dataDisks()));
  }

  /** The command for one that came later, for a system that is up. */
  public static List<String> start(InstallSpec.DataDisk disk) {
    return command("/bin/sh", "PATIENCE=30\n" + PROGRAM, List.of(disk));
  }

  /** What it says that it has found on the disk, among all that it printed. */
  public static Optional<FirstBootReport.Volume> found(String serial, String output) {
    return output
        .lines()
        .filter(line -> line.startsWith(SAYS + serial + ": "))
        .map(line -> line.substring(line.lastIndexOf(' ') + 1))
        .filter(how -> how.equals("formatted") || how.equals("kept"))
        .map(how -> new FirstBootReport.Volume(serial, how.equals("formatted")))
        .findFirst();
  }

  private static List<String> command(
      String shell, String program, List<InstallSpec.DataDisk> disks) {
    List<String> command = new ArrayList<>(List.of(shell, "-c", program, "data-disks"));
    for (InstallSpec.DataDisk disk : disks) {
      command.add(disk.serial());
      command.add(disk.filesystem().name().toLowerCase(Locale.ROOT));
      command.add(disk.mount() == null ? "-" : disk.mount());
    }
    return command;
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

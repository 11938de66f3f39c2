package io.millwright.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** How a program finds a disk in an installer that has bash, awk and lsblk. */
final class FindDisk {
  /** Shell functions, after a first line with the interpreter. */
  static final String PROGRAM = read();

  /** The functions alone. */
  static final String FUNCTIONS = PROGRAM.substring(PROGRAM.indexOf("set -e"));

  private FindDisk() {}

  /**
   * The command that prints the one disk that is meant, as {@code /dev/NAME}, or fails, which it
   * does too if that is one to leave alone. A serial is compared as a whole here.
   */
  static String call(Storage.Disk disk, Storage storage) {
    String found =
        switch (disk) {
          case Storage.Disk.BySerial by -> "by_serial " + by.serial();
          case Storage.Disk.ByPath by -> "by_path " + by.path();
          case Storage.Disk.BySize by ->
              "by_size " + by.atLeast().bytes() + " " + by.atMost().bytes();
        };
    return found + " '" + String.join(" ", storage.untouched()) + "'";
  }

  private static String read() {
    try (InputStream in = FindDisk.class.getResourceAsStream("install-disk.sh")) {
      if (in == null) {
        throw new IllegalStateException("install-disk.sh is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

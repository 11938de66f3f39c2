package io.millwright.drivers.dnsmasq;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A directory that dnsmasq watches. It reads every file that appears there, whatever its name, so
 * one appears whole or not at all: it is written beside the directory and renamed into it.
 */
final class WatchedDirectory {
  private static final Duration LEFTOVER = Duration.ofHours(1);

  private final Path path;

  WatchedDirectory(Path path) {
    this.path = path;
  }

  Path path() {
    return path;
  }

  /** Names of all files in it. */
  Set<String> list() throws IOException {
    Set<String> names = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
      entries.forEach(entry -> names.add(entry.getFileName().toString()));
    } catch (java.nio.file.DirectoryIteratorException e) {
      throw e.getCause();
    }
    return names;
  }

  /** A file's text, or null if there is none. */
  @Nullable String read(String name) throws IOException {
    try {
      return Files.readString(path.resolve(name), StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /** Puts a file in place of what has its name, so that it is there after a power cut as well. */
  void write(String name, String text) throws IOException {
    // Beside, not below: the name starts with a dot and says which directory it is for.
    Path temporary =
        path.resolveSibling("." + path.getFileName() + "." + name + "." + UUID.randomUUID());
    try {
      try (FileChannel channel =
          FileChannel.open(
              temporary,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              // dnsmasq reads it as a user of its own
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")))) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(temporary, path.resolve(name), StandardCopyOption.ATOMIC_MOVE);
      sync();
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /** Removes a file if it is there. */
  void remove(String name) throws IOException {
    if (Files.deleteIfExists(path.resolve(name))) {
      sync();
    }
  }

  /** Removes temporary files whose names start so and that a killed process has left behind. */
  void sweep(String prefix) throws IOException {
    Instant old = Instant.now().minus(LEFTOVER);
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(
            path.resolveSibling(""), "." + path.getFileName() + "." + prefix + "*")) {
      for (Path entry : entries) {
        if (Files.getLastModifiedTime(entry).toInstant().isBefore(old)) {
          Files.deleteIfExists(entry);
        }
      }
    }
  }

  private void sync() throws IOException {
    try (FileChannel directory = FileChannel.open(path, StandardOpenOption.READ)) {
      directory.force(true);
    }
  }
}

package io.millwright.store.embedded;

import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NO_BINARIES;
import static java.util.Objects.requireNonNull;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;

/** The unpacked PostgreSQL programs of one version. */
record Binaries(Path directory) {
  /**
   * The artifact's version; the archive does not tell, so a test compares it with the programs' own
   * word.
   */
  static final String VERSION = "18.6.0";

  /** Names the data directory: a cluster is readable by its own major version only. */
  static final String MAJOR = VERSION.substring(0, VERSION.indexOf('.'));

  private static final String UNPACKING = ".unpacking";

  /** The programs below {@code home}, unpacked there if they are not yet. */
  static Binaries in(Path home, Progress log) throws IOException {
    Path directory = home.resolve("postgres-" + VERSION);
    if (!Files.isDirectory(directory)) {
      log.say("Unpacking PostgreSQL " + VERSION + ".");
      unpack(resource(System.getProperty("os.arch")), directory);
    }
    return new Binaries(directory);
  }

  Path program(String name) {
    return directory.resolve("bin").resolve(name);
  }

  /** Removes what other versions left, once this one has proved that it runs. */
  void removeOthers() throws IOException {
    try (DirectoryStream<Path> others =
        Files.newDirectoryStream(parent(directory), "postgres-[0-9]*")) {
      for (Path other : others) {
        if (!other.equals(directory) && Files.isDirectory(other, LinkOption.NOFOLLOW_LINKS)) {
          deleteTree(other);
        }
      }
    }
  }

  /** The archive's name for a processor as Java calls it. */
  static String resource(String arch) {
    return switch (arch) {
      case "amd64", "x86_64" -> "/postgres-linux-x86_64.txz";
      case "aarch64", "arm64" -> "/postgres-linux-arm_64.txz";
      default ->
          throw new EmbeddedPostgresException(
              NO_BINARIES,
              "Millwright carries no PostgreSQL for the processor %s: let it use an external PostgreSQL (%d or newer)."
                  .formatted(arch, ServerVersion.OLDEST_MAJOR));
    };
  }

  private static void unpack(String resource, Path directory) throws IOException {
    Path unpacking = directory.resolveSibling(directory.getFileName() + UNPACKING);
    deleteTree(unpacking);
    try (InputStream archive = Binaries.class.getResourceAsStream(resource)) {
      if (archive == null) {
        throw new EmbeddedPostgresException(
            NO_BINARIES,
            "The archive %s is missing from this installation of Millwright: install it anew, or use an external PostgreSQL."
                .formatted(resource));
      }
      try (TarArchiveInputStream tar =
          new TarArchiveInputStream(
              new XZCompressorInputStream(new BufferedInputStream(archive)))) {
        makeDirectory(unpacking);
        for (TarArchiveEntry entry = tar.getNextEntry();
            entry != null;
            entry = tar.getNextEntry()) {
          write(tar, entry, unpacking);
        }
      }
    }
    // Only a complete directory ever bears the final name.
    Files.move(unpacking, directory, StandardCopyOption.ATOMIC_MOVE);
    syncDirectory(parent(directory));
  }

  private static void write(TarArchiveInputStream tar, TarArchiveEntry entry, Path root)
      throws IOException {
    Path path = root.resolve(entry.getName()).normalize();
    if (!path.startsWith(root)) {
      throw new IOException("The archive holds a name outside of itself: " + entry.getName());
    }
    if (entry.isDirectory()) {
      makeDirectory(path);
      return;
    }
    makeDirectory(parent(path));
    if (entry.isSymbolicLink()) {
      Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
      return;
    }
    try (FileChannel file =
        FileChannel.open(path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))) {
      tar.transferTo(Channels.newOutputStream(file));
      // Otherwise a power cut soon after could leave the final name with empty files below it.
      file.force(false);
    }
    boolean executable = (entry.getMode() & 0100) != 0;
    // Set rather than created with: the umask must not keep the service user out.
    Files.setPosixFilePermissions(
        path, PosixFilePermissions.fromString(executable ? "rwxr-xr-x" : "rw-r--r--"));
  }

  private static void makeDirectory(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      makeDirectory(parent(path)); // not every directory has an entry of its own in the archive
      Files.createDirectory(path);
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  private static Path parent(Path path) {
    return requireNonNull(path.getParent(), () -> path + " has no parent");
  }

  static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}

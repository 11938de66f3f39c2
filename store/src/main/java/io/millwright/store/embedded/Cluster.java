package io.millwright.store.embedded;

import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.DISK_FULL;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NOT_STARTED;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NO_ACCESS;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.OTHER_MAJOR_VERSION;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;

/**
 * PostgreSQL's data, initialised once.
 *
 * @param directory what PostgreSQL calls its data directory
 * @param owner the user that it belongs to and that PostgreSQL runs as
 */
record Cluster(Path directory, ServiceUser owner, Binaries binaries) {
  /**
   * The role and the database of Millwright; the role is no superuser, as it would not be
   * elsewhere.
   */
  static final String ROLE = "millwright";

  static final String DATABASE = "millwright";

  /**
   * A first start unpacks 60 MB and writes 25 MB and a first 16 MB of log; then it must have air.
   */
  private static final long ROOM_FOR_FIRST_START = 256L << 20;

  /**
   * Where the cluster of our major version is below {@code home}; it may not be initialised yet.
   */
  static Path directory(Path home) {
    return parent(home).resolve(Binaries.MAJOR);
  }

  private static Path parent(Path home) {
    return home.resolve("data");
  }

  /** Refuses, before anything is written, what cannot end well. */
  static void check(Path home) throws IOException {
    Path directory = directory(home);
    if (Files.isDirectory(directory)) {
      Path versionFile = directory.resolve("PG_VERSION");
      String version = new KeptFile(versionFile).read().orElse("unknown");
      if (!version.equals(Binaries.MAJOR)) {
        throw otherMajor(directory, version);
      }
      return;
    }
    if (Files.isDirectory(parent(home))) {
      try (DirectoryStream<Path> others = Files.newDirectoryStream(parent(home), "[1-9][0-9]")) {
        for (Path other : others) {
          throw otherMajor(other, String.valueOf(other.getFileName()));
        }
      }
    }
    long room = Files.getFileStore(home).getUsableSpace();
    if (room < ROOM_FOR_FIRST_START) {
      throw new EmbeddedPostgresException(
          DISK_FULL,
          "The file system with %s has %d MB left and a new database needs %d: free some, then start again."
              .formatted(home, room >> 20, ROOM_FOR_FIRST_START >> 20));
    }
  }

  private static EmbeddedPostgresException otherMajor(Path directory, String version) {
    return new EmbeddedPostgresException(
        OTHER_MAJOR_VERSION,
        "%s was written by PostgreSQL %s and this Millwright carries %s: export with the Millwright that wrote it, and import into an empty directory."
            .formatted(directory, version, Binaries.MAJOR));
  }

  /** Finds the cluster below {@code home}, or makes it, so that it never is there half. */
  static Cluster in(Path home, Binaries binaries, String password, Progress log)
      throws IOException {
    Path directory = directory(home);
    Path parent = parent(home);
    if (!Files.isDirectory(parent)) {
      Files.createDirectory(
          parent,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    Cluster cluster = new Cluster(directory, ServiceUser.of(directory), binaries);
    cluster.owner.admitTo(parent);
    if (!Files.isDirectory(directory)) {
      log.say("Initialising the database in " + directory + ".");
      cluster.initialise(parent, password);
    }
    return cluster;
  }

  private void initialise(Path parent, String password) throws IOException {
    Path unfinished = parent.resolve(directory.getFileName() + ".unfinished");
    Binaries.deleteTree(unfinished);
    Files.createDirectory(
        unfinished,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    owner.give(unfinished);
    // The superuser gets no password at all, so that no one can log in as it; initdb accepts that
    // with "reject". Who may log in, by SCRAM only, is in the access file that each start writes.
    // The collation is by code point, as in C, and the same on every system; unlike C it knows
    // upper and lower case beyond ASCII.
    run(
        List.of(
            binaries.program("initdb").toString(),
            "-D",
            unfinished.toString(),
            "--username=postgres",
            "--auth=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions"),
        "");
    // Single-user mode reads statements, one a line, from its input: the password is on no command
    // line. SCRAM would hash it 4096 times, which makes what somebody thought up harder to guess;
    // 192 random bits need none of that, and each connection would pay for it.
    run(
        List.of(
            binaries.program("postgres").toString(),
            "--single",
            "-D",
            unfinished.toString(),
            "postgres"),
        """
        SET scram_iterations = 1;
        CREATE ROLE %1$s LOGIN CREATEDB PASSWORD '%3$s';
        GRANT pg_monitor TO %1$s;
        CREATE DATABASE %2$s OWNER %1$s;
        """
            .formatted(ROLE, DATABASE, password));
    Files.move(unfinished, directory, StandardCopyOption.ATOMIC_MOVE);
    Binaries.syncDirectory(parent);
  }

  private void run(List<String> command, String input) throws IOException {
    Command.Result result = command(command, input);
    // Single-user mode ends well even after a statement that failed.
    if (!result.succeeded()
        || result.output().contains("ERROR:")
        || result.output().contains("FATAL:")) {
      throw failure("PostgreSQL could not initialise " + directory, result.output());
    }
  }

  /** Runs a program as the owner of the cluster. */
  Command.Result command(List<String> command, String input) throws IOException {
    return Command.run(owner.command(command), Path.of("/"), input);
  }

  /** Turns what a program of PostgreSQL printed into what its reader can do about it. */
  EmbeddedPostgresException failure(String what, String output) throws IOException {
    if (EmbeddedPostgresException.speaksOfFullDisk(output)) {
      return EmbeddedPostgresException.diskFull(directory, null);
    }
    for (Path needed : List.of(binaries.program("postgres"), directory)) {
      Optional<Path> barrier = owner.barrier(needed);
      if (barrier.isPresent()) {
        return new EmbeddedPostgresException(
            NO_ACCESS,
            "PostgreSQL runs as user %d, because it refuses to run as root, and cannot pass through %s: allow it (chmod o+x %s), or choose another directory."
                .formatted(owner.uid(), barrier.get(), barrier.get()));
      }
    }
    return new EmbeddedPostgresException(
        NOT_STARTED, "%s: %s".formatted(what, ServerLog.lastFailure(output)));
  }
}

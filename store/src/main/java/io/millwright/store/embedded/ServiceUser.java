package io.millwright.store.embedded;

import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NO_ACCESS;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The user that PostgreSQL runs as: ourselves, or, because PostgreSQL refuses to run as root, an
 * unprivileged one when we are root.
 *
 * <p>The change of user is made by setpriv: it is part of util-linux, which Debian always has, it
 * needs no entry in PAM, no shell and no second process, and it works in containers too. The
 * alternative, a user namespace of {@code unshare -U}, needs no other user, but the usual container
 * runtimes and hardened kernels forbid it, and a PostgreSQL in it could still write every file of
 * the real root.
 *
 * <p>A fresh Debian has no user postgres, and nobody is shared with other daemons. PostgreSQL is
 * therefore given a group number that no account has, and the directory above its data lets only
 * that group pass: another process of nobody can neither read the data nor (the kernel compares
 * groups too) trace the server.
 *
 * @param switched whether commands must change to this user first
 */
record ServiceUser(int uid, boolean switched) {
  /**
   * In the range that Debian keeps unassigned (65000-65533), and below 65536, which containers map.
   */
  private static final int PRIVATE_GID = 65432;

  /** In the order of preference; a package of Millwright may create the first. */
  private static final List<String> CANDIDATES = List.of("millwright", "postgres", "nobody");

  /** The owner of the cluster if there is one already, else who is to own it. */
  static ServiceUser of(Path cluster) throws IOException {
    int self = uid(Path.of("/proc/self"));
    if (Files.isDirectory(cluster)) {
      int owner = uid(cluster);
      if (self == 0 ? owner == 0 : owner != self) {
        throw new EmbeddedPostgresException(
            NO_ACCESS,
            "%s belongs to user %d, who cannot run it from here: give it (chown -R) to the user that ran it before."
                .formatted(cluster, owner));
      }
      return new ServiceUser(owner, owner != self);
    }
    if (self != 0) {
      return new ServiceUser(self, false);
    }
    for (String name : CANDIDATES) {
      Optional<Integer> uid = uid(name);
      if (uid.isPresent()) {
        return new ServiceUser(uid.get(), true);
      }
    }
    throw new EmbeddedPostgresException(
        NO_ACCESS,
        "PostgreSQL does not run as root and there is no user millwright, postgres or nobody:"
            + " create one of them (useradd --system millwright).");
  }

  /**
   * The command as this user runs it; the process id stays the same, as setpriv executes in place.
   */
  List<String> command(List<String> command) {
    List<String> whole = new ArrayList<>();
    if (switched) {
      whole.addAll(
          List.of(
              "setpriv",
              "--reuid=" + uid,
              "--regid=" + PRIVATE_GID,
              "--clear-groups",
              "--no-new-privs"));
    }
    whole.addAll(command);
    return whole;
  }

  /** Lets this user, and nobody else but root, pass through a directory of ours. */
  void admitTo(Path directory) throws IOException {
    if (switched && uid(directory) == 0) {
      Files.setAttribute(directory, "unix:gid", PRIVATE_GID);
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x---"));
    }
  }

  /** Makes the file or empty directory this user's. */
  void give(Path path) throws IOException {
    if (switched) {
      Files.setAttribute(path, "unix:gid", PRIVATE_GID, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(path, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /** Lets this user read a file that stays ours, so that it cannot be exchanged under our hands. */
  void letRead(Path file) throws IOException {
    if (switched) {
      Files.setAttribute(file, "unix:gid", PRIVATE_GID);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
    }
  }

  /**
   * The outermost directory on the way to {@code path} that this user cannot pass, going by modes.
   */
  Optional<Path> barrier(Path path) throws IOException {
    if (!switched) {
      return Optional.empty();
    }
    Path directory = path.getRoot();
    for (Path name : path) {
      int mode = (Integer) Files.getAttribute(directory, "unix:mode");
      int gid = (Integer) Files.getAttribute(directory, "unix:gid");
      int passing = uid(directory) == uid ? 0100 : gid == PRIVATE_GID ? 0010 : 0001;
      if ((mode & passing) == 0) {
        return Optional.of(directory);
      }
      directory = directory.resolve(name);
    }
    return Optional.empty();
  }

  private static int uid(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:uid");
  }

  private static Optional<Integer> uid(String name) throws IOException {
    Command.Result id = Command.run(List.of("id", "-u", name), Path.of("/"), "");
    return id.succeeded() ? Optional.of(Integer.valueOf(id.output().strip())) : Optional.empty();
  }
}

package io.millwright.model;

import java.net.URI;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How an installer divides the disk that it overwrites. A clone's disk is as its image is.
 *
 * @param table kind of partition table; the installer's own choice if not given
 * @param layout what the filesystems lie on; plain if not given
 * @param filesystems how the disk is divided; one filesystem that takes all if not given, beside
 *     what the firmware and the installer need
 * @param mirror serial or path of a second disk that is overwritten and holds the same (RAID 1)
 * @param untouched serials of disks that the installer must leave alone, however vaguely the disk
 *     to overwrite is told
 * @param encryption how all but what starts the machine is encrypted
 */
public record StorageSpec(
    @Nullable Table table,
    @Nullable Layout layout,
    @Default List<Part> filesystems,
    @Nullable String mirror,
    @Default List<String> untouched,
    @Nullable Encryption encryption) {
  /** Nothing of it said. */
  public static final StorageSpec NONE =
      new StorageSpec(null, null, List.of(), null, List.of(), null);

  /** What every hypervisor and every disk maker keeps to, and no installer takes for a pattern. */
  private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9_.]{0,63}");

  private static final Pattern PATH =
      Pattern.compile("/dev(/[A-Za-z0-9][-A-Za-z0-9_.:+]{0,127}){1,4}");

  private static final Pattern MOUNT = Pattern.compile("/|(/[a-z0-9][a-z0-9_.-]{0,31}){1,4}");

  private static final Pattern THUMBPRINT = Pattern.compile("[A-Za-z0-9_-]{27,64}");

  /** Directories that the kernel fills, or without which nothing can be mounted. */
  private static final Set<String> NOT_MOUNTED =
      Set.of("/dev", "/proc", "/sys", "/run", "/etc", "/bin", "/sbin", "/lib", "/usr", "/boot/efi");

  public StorageSpec {
    filesystems = filesystems == null ? List.of() : List.copyOf(filesystems);
    untouched = untouched == null ? List.of() : List.copyOf(untouched);
  }

  /** Kinds of partition tables. */
  public enum Table {
    GPT,
    MSDOS
  }

  /** What filesystems lie on. */
  public enum Layout {
    /** Partitions. */
    PLAIN,
    /** Logical volumes of one volume group. */
    LVM
  }

  /** Kinds of filesystems. */
  public enum Type {
    EXT4,
    XFS,
    BTRFS,
    SWAP
  }

  /**
   * A part of the disk.
   *
   * @param mount where it is mounted; left out for swap
   * @param type what it is formatted as
   * @param size how large it is, 64MiB or more; all that is left if not given, which one of them
   *     can be
   */
  public record Part(@Nullable String mount, Type type, @Nullable ByteSize size) {}

  /**
   * How an encrypted disk is opened. The key is drawn at random in the machine itself and never
   * leaves it in clear; a pass phrase would have to stand on the medium, so there is none.
   *
   * @param by the machine's own security chip, or a Tang server
   * @param server URL of the Tang server, which is reached from the machine's network and keeps
   *     nothing
   * @param thumbprint of the Tang server's signing key, as {@code tang-show-keys} prints it;
   *     without it anybody could answer in its place
   */
  public record Encryption(Key by, @Nullable URI server, @Nullable String thumbprint) {
    void check(Violations at) {
      boolean tang = by == Key.TANG;
      at.field("server")
          .require(tang == (server != null), tang ? "is missing" : "is for tang only");
      at.field("thumbprint")
          .require(tang == (thumbprint != null), tang ? "is missing" : "is for tang only");
      at.field("server")
          .require(
              server == null || PackageSource.isWeb(server) && server.getRawQuery() == null,
              "must be an http or https URL, without user and query");
      at.field("thumbprint")
          .require(
              thumbprint == null || THUMBPRINT.matcher(thumbprint).matches(),
              "is no thumbprint of a key, as tang-show-keys prints it");
    }
  }

  /** What opens an encrypted disk. */
  public enum Key {
    TPM2,
    TANG
  }

  /** True for the serial number of a disk. */
  public static boolean isSerial(String text) {
    return SERIAL.matcher(text).matches();
  }

  /** True for the path of a disk, for example {@code /dev/disk/by-path/pci-0000:00:04.0}. */
  public static boolean isPath(String text) {
    return PATH.matcher(text).matches();
  }

  /** Collects what is wrong with it whatever the disk and the installer. */
  public void check(Violations at) {
    at.field("mirror")
        .require(
            mirror == null || isSerial(mirror) || isPath(mirror),
            Names.quote(String.valueOf(mirror))
                + " is neither a disk's serial number nor its path");
    for (int i = 0; i < untouched.size(); i++) {
      String serial = untouched.get(i);
      at.field("untouched")
          .index(i)
          .require(isSerial(serial), Names.quote(serial) + " is no serial number");
      at.field("untouched")
          .index(i)
          .require(!serial.equals(mirror), "is also the mirror, which is overwritten");
    }
    checkFileSystems(at.field("filesystems"));
    if (encryption != null) {
      encryption.check(at.field("encryption"));
    }
  }

  private void checkFileSystems(Violations at) {
    if (filesystems.isEmpty()) {
      return;
    }
    Set<String> mounts = new HashSet<>();
    boolean rest = false;
    for (int i = 0; i < filesystems.size(); i++) {
      Part part = filesystems.get(i);
      Violations here = at.index(i);
      String mount = part.mount();
      if (mount == null || part.type() == Type.SWAP) {
        here.field("mount")
            .require(
                mount == null && part.type() == Type.SWAP,
                "swap is not mounted, and everything else is");
      } else {
        here.field("mount")
            .require(
                MOUNT.matcher(mount).matches() && !NOT_MOUNTED.contains(mount),
                Names.quote(mount)
                    + " cannot be a filesystem of its own; use a directory such as /var");
        here.field("mount").require(mounts.add(mount), "stands here twice");
      }
      ByteSize size = part.size();
      if (size == null) {
        here.field("size").require(!rest, "two filesystems cannot both take what is left");
        rest = true;
      } else {
        here.field("size")
            .require(size.mib() >= 64 && size.mib() < 1L << 40, "must be 64MiB or more");
      }
    }
    at.require(mounts.contains("/"), "one of them must be mounted on /");
    at.require(
        table != Table.MSDOS || layout == Layout.LVM || filesystems.size() <= 4,
        "an MS-DOS partition table has four entries; use a GPT or LVM");
  }
}

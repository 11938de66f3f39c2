package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The disks of a machine as an installer shall use them. Everything on the system disk is
 * overwritten; no other disk is.
 *
 * @param disk that is overwritten
 * @param mirror a second disk that is overwritten and holds the same (RAID 1), or null
 * @param untouched serials of disks that the installer must leave alone; they are named so that a
 *     disk which is chosen by a vague rule can never be one of them
 * @param capacity of the disk, as far as it is known
 * @param table kind of partition table, or null for the installer's own choice
 * @param layout what the filesystems lie on
 * @param fileSystems how the disk is divided; empty for one filesystem that takes all, beside what
 *     the firmware and the installer need
 * @param encryption how all but what starts the machine is encrypted, or null
 */
public record Storage(
    Disk disk,
    @Nullable Disk mirror,
    List<String> untouched,
    @Nullable ByteSize capacity,
    @Nullable Table table,
    Layout layout,
    List<FileSystem> fileSystems,
    @Nullable Encryption encryption) {
  /** What every hypervisor and every disk maker keeps to, and no installer takes for a pattern. */
  private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9_.]{0,63}");

  private static final Pattern PATH =
      Pattern.compile("/dev(/[A-Za-z0-9][-A-Za-z0-9_.:+]{0,127}){1,4}");

  private static final Pattern MOUNT = Pattern.compile("/|(/[a-z0-9][a-z0-9_.-]{0,31}){1,4}");

  private static final Pattern THUMBPRINT = Pattern.compile("[A-Za-z0-9_-]{27,64}");

  /** Directories that the kernel fills, or without which nothing can be mounted. */
  private static final Set<String> NOT_MOUNTED =
      Set.of("/dev", "/proc", "/sys", "/run", "/etc", "/bin", "/sbin", "/lib", "/usr", "/boot/efi");

  /** A system with less room than this ends in the middle of its installation. */
  private static final ByteSize LEAST = ByteSize.ofMib(2048);

  /** For the partition table and what the firmware starts. */
  private static final ByteSize SPARE = ByteSize.ofMib(1024);

  public Storage {
    untouched = List.copyOf(untouched);
    fileSystems = List.copyOf(fileSystems);
  }

  /** A disk to install on. */
  public sealed interface Disk {
    /** The one with this serial number, whatever the kernel calls it. */
    record BySerial(String serial) implements Disk {}

    /** The one at this path, for example {@code /dev/disk/by-path/pci-0000:00:04.0}. */
    record ByPath(String path) implements Disk {}

    /**
     * The only one of this size that is not to be left alone. If there is none or more than one,
     * the installer stops.
     */
    record BySize(ByteSize atLeast, ByteSize atMost) implements Disk {}
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
  public enum Kind {
    EXT4,
    XFS,
    BTRFS,
    SWAP
  }

  /**
   * A part of the disk.
   *
   * @param mount where it is mounted; null for swap
   * @param kind what it is formatted as
   * @param size how large it is, or null for all that is left
   */
  public record FileSystem(@Nullable String mount, Kind kind, @Nullable ByteSize size) {}

  /**
   * How an encrypted disk is opened. The key is drawn at random in the machine itself and never
   * leaves it in clear; a pass phrase would have to stand on the medium, so there is none.
   */
  public sealed interface Encryption {
    /** By the machine's own security chip. */
    record Tpm2() implements Encryption {}

    /**
     * By a Tang server, which is reached from the machine's network and keeps nothing.
     *
     * @param thumbprint of its signing key, as {@code tang-show-keys} prints it; without it anybody
     *     could answer in its place
     */
    record Tang(URI server, String thumbprint) implements Encryption {}
  }

  /** The whole of this disk, divided as the installer likes. */
  public static Storage on(Disk disk) {
    return new Storage(disk, null, List.of(), null, null, Layout.PLAIN, List.of(), null);
  }

  public Storage withMirror(@Nullable Disk next) {
    return new Storage(disk, next, untouched, capacity, table, layout, fileSystems, encryption);
  }

  public Storage withUntouched(String... serials) {
    return new Storage(
        disk, mirror, List.of(serials), capacity, table, layout, fileSystems, encryption);
  }

  public Storage withCapacity(@Nullable ByteSize next) {
    return new Storage(disk, mirror, untouched, next, table, layout, fileSystems, encryption);
  }

  public Storage withTable(@Nullable Table next) {
    return new Storage(disk, mirror, untouched, capacity, next, layout, fileSystems, encryption);
  }

  public Storage withLayout(Layout next) {
    return new Storage(disk, mirror, untouched, capacity, table, next, fileSystems, encryption);
  }

  public Storage withFileSystems(FileSystem... next) {
    return new Storage(disk, mirror, untouched, capacity, table, layout, List.of(next), encryption);
  }

  public Storage withEncryption(@Nullable Encryption next) {
    return new Storage(disk, mirror, untouched, capacity, table, layout, fileSystems, next);
  }

  /**
   * True if the serial of a disk to leave alone ends like that of a disk to overwrite, so that an
   * installer which goes by the end of a serial could take the one for the other.
   */
  boolean endsLikeUntouched() {
    return java.util.stream.Stream.of(disk, mirror)
        .anyMatch(d ->
            d instanceof Disk.BySerial by
                && untouched.stream().anyMatch(other -> other.endsWith(by.serial())));
  }

  /** True if the whole disk is divided as the installer likes. */
  boolean isInstallersChoice() {
    return fileSystems.isEmpty() && mirror == null && table == null;
  }

  /** Its filesystems, at least one, the one that takes what is left at the end. */
  List<FileSystem> parts() {
    return fileSystems.isEmpty()
        ? List.of(new FileSystem("/", Kind.EXT4, null))
        : fileSystems.stream()
            .sorted(java.util.Comparator.comparing((FileSystem part) -> part.size() == null))
            .toList();
  }

  void check(Violations at) {
    checkDisk(at.field("disk"), disk);
    if (mirror != null) {
      checkDisk(at.field("mirror"), mirror);
      at.field("mirror").require(!mirror.equals(disk), "is the same disk; a mirror needs two");
      at.field("mirror")
          .require(
              !(mirror instanceof Disk.BySize || disk instanceof Disk.BySize),
              "by size alone two disks cannot be told apart; give serials or paths");
    }
    for (int i = 0; i < untouched.size(); i++) {
      at.field("untouched")
          .index(i)
          .require(
              SERIAL.matcher(untouched.get(i)).matches(),
              Names.quote(untouched.get(i)) + " is no serial number");
    }
    checkFileSystems(at.field("fileSystems"));
    ByteSize room = capacity == null && disk instanceof Disk.BySize by ? by.atLeast() : capacity;
    if (room != null) {
      long needed = needed();
      at.field("capacity")
          .require(
              room.bytes() >= needed,
              "the disk is too small: " + room + " of at least " + new ByteSize(needed));
    }
    if (encryption instanceof Encryption.Tang tang) {
      Violations here = at.field("encryption");
      here.field("server")
          .require(
              ("http".equals(tang.server().getScheme())
                      || "https".equals(tang.server().getScheme()))
                  && tang.server().getHost() != null
                  && tang.server().getRawUserInfo() == null
                  && tang.server().getRawQuery() == null
                  && tang.server().getRawFragment() == null,
              "must be an http or https URL, without user and query");
      here.field("thumbprint")
          .require(
              THUMBPRINT.matcher(tang.thumbprint()).matches(),
              "is no thumbprint of a key, as tang-show-keys prints it");
    }
  }

  private long needed() {
    long sum = 0;
    for (FileSystem part : fileSystems) {
      ByteSize size = part.size();
      sum = Math.addExact(sum, size == null ? LEAST.bytes() : size.bytes());
    }
    return Math.max(LEAST.bytes(), fileSystems.isEmpty() ? 0 : Math.addExact(sum, SPARE.bytes()));
  }

  private void checkDisk(Violations at, Disk which) {
    switch (which) {
      case Disk.BySerial by -> {
        at.require(
            SERIAL.matcher(by.serial()).matches(),
            Names.quote(by.serial()) + " is no serial number of 1 to 64 letters and digits");
        at.require(!untouched.contains(by.serial()), "is also one of those to leave alone");
      }
      case Disk.ByPath by ->
          at.require(
              PATH.matcher(by.path()).matches(), Names.quote(by.path()) + " is no disk's path");
      case Disk.BySize by ->
          at.require(
              by.atLeast().bytes() > 0 && by.atLeast().compareTo(by.atMost()) <= 0,
              "must be a range of sizes, such as 20GiB to 40GiB");
    }
  }

  private void checkFileSystems(Violations at) {
    if (fileSystems.isEmpty()) {
      return;
    }
    Set<String> mounts = new HashSet<>();
    boolean rest = false;
    for (int i = 0; i < fileSystems.size(); i++) {
      FileSystem part = fileSystems.get(i);
      Violations here = at.index(i);
      String mount = part.mount();
      if (mount == null || part.kind() == Kind.SWAP) {
        here.field("mount")
            .require(
                mount == null && part.kind() == Kind.SWAP,
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
        table != Table.MSDOS || layout == Layout.LVM || fileSystems.size() <= 4,
        "an MS-DOS partition table has four entries; use a GPT or LVM");
  }
}

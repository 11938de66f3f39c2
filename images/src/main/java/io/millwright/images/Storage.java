package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.Names;
import io.millwright.model.StorageSpec;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
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
 * @param filesystems how the disk is divided; empty for one filesystem that takes all, beside what
 *     the firmware and the installer need
 * @param encryption how all but what starts the machine is encrypted, or null
 */
public record Storage(
    Disk disk,
    @Nullable Disk mirror,
    List<String> untouched,
    @Nullable ByteSize capacity,
    StorageSpec.@Nullable Table table,
    StorageSpec.Layout layout,
    List<StorageSpec.Part> filesystems,
    @Nullable Encryption encryption) {
  private static final Pattern SIZES = Pattern.compile("([^.]+)\\.\\.([^.]+)");

  /** A system with less room than this ends in the middle of its installation. */
  private static final ByteSize LEAST = ByteSize.ofMib(2048);

  /** For the partition table and what the firmware starts. */
  private static final ByteSize SPARE = ByteSize.ofMib(1024);

  public Storage {
    untouched = List.copyOf(untouched);
    filesystems = List.copyOf(filesystems);
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

    /**
     * Reads a path, a range of sizes such as {@code 100GiB..600GiB}, or else a serial number.
     *
     * @throws IllegalArgumentException if it is a range of no sizes
     */
    static Disk parse(String text) {
      if (text.startsWith("/")) {
        return new ByPath(text);
      }
      Matcher size = SIZES.matcher(text);
      return size.matches()
          ? new BySize(ByteSize.parse(size.group(1)), ByteSize.parse(size.group(2)))
          : new BySerial(text);
    }
  }

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
    return new Storage(
        disk, null, List.of(), null, null, StorageSpec.Layout.PLAIN, List.of(), null);
  }

  /** The same disk, divided as somebody asks, or as before where nothing is said. */
  public Storage with(@Nullable StorageSpec asked) {
    if (asked == null) {
      return this;
    }
    StorageSpec.Encryption by = asked.encryption();
    return new Storage(
        disk,
        asked.mirror() == null ? mirror : Disk.parse(asked.mirror()),
        asked.untouched().isEmpty() ? untouched : asked.untouched(),
        capacity,
        asked.table() == null ? table : asked.table(),
        asked.layout() == null ? layout : asked.layout(),
        asked.filesystems().isEmpty() ? filesystems : asked.filesystems(),
        by == null ? encryption : encryption(by));
  }

  private static Encryption encryption(StorageSpec.Encryption by) {
    return switch (by.by()) {
      case TPM2 -> new Encryption.Tpm2();
      case TANG ->
          new Encryption.Tang(
              Objects.requireNonNull(by.server()), Objects.requireNonNull(by.thumbprint()));
    };
  }

  /** For an installer that knows mirrors, but is not told of them here. */
  static Refusal noMirror(String installer) {
    return new Refusal(
        "installation.storage.mirror",
        "Millwright does not have "
            + installer
            + " set up a mirror, though it could; install on one disk");
  }

  public Storage withMirror(@Nullable Disk next) {
    return new Storage(disk, next, untouched, capacity, table, layout, filesystems, encryption);
  }

  public Storage withUntouched(String... serials) {
    return new Storage(
        disk, mirror, List.of(serials), capacity, table, layout, filesystems, encryption);
  }

  public Storage withCapacity(@Nullable ByteSize next) {
    return new Storage(disk, mirror, untouched, next, table, layout, filesystems, encryption);
  }

  public Storage withTable(StorageSpec.@Nullable Table next) {
    return new Storage(disk, mirror, untouched, capacity, next, layout, filesystems, encryption);
  }

  public Storage withLayout(StorageSpec.Layout next) {
    return new Storage(disk, mirror, untouched, capacity, table, next, filesystems, encryption);
  }

  public Storage withFileSystems(StorageSpec.Part... next) {
    return new Storage(disk, mirror, untouched, capacity, table, layout, List.of(next), encryption);
  }

  public Storage withEncryption(@Nullable Encryption next) {
    return new Storage(disk, mirror, untouched, capacity, table, layout, filesystems, next);
  }

  /**
   * True if installers that go by a pattern could take another disk for this one, or one that is to
   * be left alone, so that a program has to find it in the machine: udev puts the maker's and the
   * model's name before the serials of some disks, and a pattern that says so ends like others,
   * too.
   */
  boolean hasToBeFound(Disk which) {
    return switch (which) {
      case Disk.BySerial _, Disk.BySize _ -> true;
      case Disk.ByPath _ -> !untouched.isEmpty();
    };
  }

  /** True if the whole disk is divided as the installer likes. */
  boolean isInstallersChoice() {
    return filesystems.isEmpty() && mirror == null && table == null;
  }

  /** Its filesystems, at least one, the one that takes what is left at the end. */
  List<StorageSpec.Part> parts() {
    return filesystems.isEmpty()
        ? List.of(new StorageSpec.Part("/", StorageSpec.Type.EXT4, null))
        : filesystems.stream()
            .sorted(java.util.Comparator.comparing((StorageSpec.Part part) -> part.size() == null))
            .toList();
  }

  void check(Violations at) {
    plan().check(at);
    checkDisk(at.field("disk"), disk);
    if (mirror != null) {
      checkDisk(at.field("mirror"), mirror);
      at.field("mirror").require(!mirror.equals(disk), "is the same disk; a mirror needs two");
      at.field("mirror")
          .require(
              !(mirror instanceof Disk.BySize || disk instanceof Disk.BySize),
              "by size alone two disks cannot be told apart; give serials or paths");
    }
    ByteSize room = capacity == null && disk instanceof Disk.BySize by ? by.atLeast() : capacity;
    if (room != null) {
      long needed = needed();
      at.field("capacity")
          .require(
              room.bytes() >= needed,
              "the disk is too small: " + room + " of at least " + new ByteSize(needed));
    }
  }

  /** What of it can be asked for whatever the disk; the mirror is looked at as a disk. */
  private StorageSpec plan() {
    return new StorageSpec(
        table,
        layout,
        filesystems,
        null,
        untouched,
        switch (encryption) {
          case null -> null;
          case Encryption.Tpm2 _ -> new StorageSpec.Encryption(StorageSpec.Key.TPM2, null, null);
          case Encryption.Tang(URI server, String thumbprint) ->
              new StorageSpec.Encryption(StorageSpec.Key.TANG, server, thumbprint);
        });
  }

  private long needed() {
    long sum = 0;
    for (StorageSpec.Part part : filesystems) {
      ByteSize size = part.size();
      sum = Math.addExact(sum, size == null ? LEAST.bytes() : size.bytes());
    }
    return Math.max(LEAST.bytes(), filesystems.isEmpty() ? 0 : Math.addExact(sum, SPARE.bytes()));
  }

  private void checkDisk(Violations at, Disk which) {
    switch (which) {
      case Disk.BySerial by -> {
        at.require(
            StorageSpec.isSerial(by.serial()),
            Names.quote(by.serial()) + " is no serial number of 1 to 64 letters and digits");
        at.require(!untouched.contains(by.serial()), "is also one of those to leave alone");
      }
      case Disk.ByPath by ->
          at.require(StorageSpec.isPath(by.path()), Names.quote(by.path()) + " is no disk's path");
      case Disk.BySize by ->
          at.require(
              by.atLeast().bytes() > 0 && by.atLeast().compareTo(by.atMost()) <= 0,
              "must be a range of sizes, such as 20GiB to 40GiB");
    }
  }
}

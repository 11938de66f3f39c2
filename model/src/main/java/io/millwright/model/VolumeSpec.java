package io.millwright.model;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A data disk with a life of its own.
 *
 * @param size 1 MiB to 64 TiB; it can grow, never shrink
 * @param hypervisor where it lives
 * @param reclaim what becomes of it when it is deleted; retain if not given
 * @param quarantineDays how long a deleted one can be restored, 0 to 3650 days; 7 if not given
 * @param filesystem that its guest makes on it, if and only if it is blank; none if not given
 * @param mount path in the machine's file system where its first boot mounts it; nowhere if not
 *     given
 * @param detach how it leaves a machine that runs; stopped if not given
 */
public record VolumeSpec(
    ByteSize size,
    String hypervisor,
    @Default("retain") Reclaim reclaim,
    @Default("7") Integer quarantineDays,
    @Nullable Filesystem filesystem,
    @Nullable String mount,
    @Nullable Detach detach)
    implements Spec {
  private static final int LONGEST_MOUNT = 255;

  /** Unquoted in fstab(5) and in a shell; no component begins with a dot. */
  private static final Pattern MOUNT = Pattern.compile("(/[A-Za-z0-9_][A-Za-z0-9._-]*)+");

  /** Where a mount would hide what the system lives on. */
  private static final Set<String> SYSTEM =
      Set.of(
          "/bin",
          "/boot",
          "/dev",
          "/etc",
          "/lib",
          "/lib32",
          "/lib64",
          "/proc",
          "/root",
          "/run",
          "/sbin",
          "/sys",
          "/tmp",
          "/usr",
          "/var",
          "/var/lib",
          "/var/run",
          "/var/tmp");

  public VolumeSpec {
    reclaim = reclaim == null ? Reclaim.RETAIN : reclaim;
    quarantineDays = quarantineDays == null ? Integer.valueOf(7) : quarantineDays;
  }

  /** The same on another hypervisor. */
  public VolumeSpec on(String place) {
    return new VolumeSpec(size, place, reclaim, quarantineDays, filesystem, mount, detach);
  }

  /** The same for a disk that was declared so before: it does not shrink and is formatted once. */
  public VolumeSpec keeping(VolumeSpec before) {
    return new VolumeSpec(
        size.compareTo(before.size) < 0 ? before.size : size,
        hypervisor,
        reclaim,
        quarantineDays,
        before.filesystem == null ? filesystem : before.filesystem,
        mount,
        detach);
  }

  /** What becomes of the disk when its Volume is deleted. */
  public enum Reclaim {
    /** The deletion is refused; set the policy to delete first. */
    RETAIN,
    /** It goes into quarantine, from where it can be restored until its days are over. */
    DELETE
  }

  /** How a volume leaves a machine that runs. */
  public enum Detach {
    /** The machine is stopped for it: then its guest has let go for certain. */
    STOPPED,
    /**
     * While it runs, where its hypervisor can: whoever declares so promises that the guest has
     * unmounted it by then.
     */
    LIVE
  }

  /** File systems that a first boot can make. */
  public enum Filesystem {
    EXT4,
    XFS
  }

  @Override
  public void check(Violations at) {
    at.field("size")
        .require(
            size.mib() >= 1 && size.compareTo(ByteSize.MOST) <= 0,
            "must be 1MiB to " + ByteSize.MOST);
    at.field("quarantineDays")
        .require(quarantineDays >= 0 && quarantineDays <= 3650, "must be 0 to 3650 days");
    if (filesystem != null) {
      // Below that mkfs.xfs refuses, and an ext4 is mostly journal.
      long least = filesystem == Filesystem.XFS ? 300 : 8;
      at.field("size")
          .require(
              size.mib() >= least,
              "must be at least "
                  + least
                  + "MiB for "
                  + filesystem.name().toLowerCase(java.util.Locale.ROOT));
    }
    if (mount != null) {
      Violations here = at.field("mount");
      here.require(
          MOUNT.matcher(mount).matches() && mount.length() <= LONGEST_MOUNT,
          Names.quote(mount)
              + " is no path to mount at: write it like /srv/orders, of letters, digits, '.', '_'"
              + " and '-'");
      here.require(!SYSTEM.contains(mount), mount + " is the system's own; mount it elsewhere");
      here.require(filesystem != null, "needs a filesystem: ext4 or xfs");
    }
  }

  @Override
  public List<Ref> references() {
    return List.of(new Ref(Kind.HYPERVISOR, hypervisor, "spec.hypervisor"));
  }
}

package io.millwright.planner;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Power;
import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What was declared of a machine, with everything that it names looked up.
 *
 * <p>Of one that was imported only presence, power, cards and records are done something about; the
 * rest is what it had when it was taken over.
 *
 * @param present false if it shall go
 * @param devices that it shall see
 * @param image name of its image, for people
 * @param sha256 of the disk image that its system disk starts as, or of the installation medium;
 *     null if it is not known yet
 * @param installer how its system comes onto the disk; null if the disk starts as the image
 * @param disk object name of the system disk
 * @param booted true once the system on that disk was found ready
 * @param former object name of the system disk that it goes back to if this one never boots, or
 *     null
 * @param seed object name of its first-boot medium, or null if its image reads none
 * @param volumes object names of its data disks, in order
 * @param records what shall be published, by network, as a fingerprint
 * @param hotPlug true if its hypervisor can attach a disk to it, and take one away, while it runs
 * @param leaving object names of disks that are no longer its own, of which was promised that its
 *     guest does not use them any more: they are taken away while it runs
 * @param untold object names of data disks of which the system on its disk, which was up before
 *     they came, is still to be told
 * @param source object name of the disk of which its system disk is a copy, or null if that starts
 *     as its image
 * @param imported true if somebody else made it: nothing of it is made, defined or removed
 */
@RecordBuilder
public record MachineGoal(
    boolean present,
    Power power,
    int cores,
    ByteSize memory,
    Devices devices,
    ByteSize diskSize,
    String image,
    @Nullable String sha256,
    @Nullable Installer installer,
    String disk,
    boolean booted,
    @Nullable String former,
    @Nullable String seed,
    List<String> volumes,
    List<Card> nics,
    Map<String, Integer> records,
    int readyTimeoutSeconds,
    boolean hotPlug,
    Set<String> leaving,
    Set<String> untold,
    @Nullable String source,
    boolean imported)
    implements MachineGoalBuilder.With {
  /** How an installer is started. */
  public sealed interface Installer {
    /** Why in this way, for people; half a sentence. */
    String why();

    /**
     * By its kernel. It prints what it does, and ends by powering the machine off.
     *
     * @param files object names of the kernel and its initial file system
     * @param seed object name of a small medium that it looks for beside its own, or null
     * @param stallSeconds how long it may show no progress
     */
    record Kernel(List<String> files, @Nullable String seed, int stallSeconds, String why)
        implements Installer {
      public Kernel {
        files = List.copyOf(files);
      }
    }

    /**
     * By a medium of the machine's own, which boots while the system disk does not. It goes on over
     * restarts, and nothing is seen of it until the installed system reports.
     *
     * @param medium object name
     */
    record OwnMedium(String medium, String why) implements Installer {}

    /**
     * As by a medium of its own, but by the vendor's, which is shared and untouched: the installer
     * finds its answers on a small medium beside it.
     *
     * @param seed object name of the small one
     */
    record SeedBeside(String seed, String why) implements Installer {}
  }

  public MachineGoal {
    volumes = List.copyOf(volumes);
    nics = List.copyOf(nics);
    leaving = leaving == null ? Set.of() : Set.copyOf(leaving);
    untold = untold == null ? Set.of() : Set.copyOf(untold);
  }

  /**
   * True as long as an installer may be at work of which nothing is seen: the machine has its
   * system disk alone until its system reports, for it may take any other disk for its own.
   */
  public boolean alone() {
    return !booted
        && (installer instanceof Installer.OwnMedium || installer instanceof Installer.SeedBeside);
  }

  /** Object names of the disks that it has for now, its system disk first. */
  List<String> disks() {
    List<String> out = new ArrayList<>();
    out.add(disk);
    if (!alone()) {
      out.addAll(volumes);
    }
    return List.copyOf(out);
  }
}

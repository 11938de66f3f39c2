package io.millwright.planner;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What was observed of a machine. There are no facts from an observation with gaps: what is unknown
 * is not absent, so nobody may plan on it.
 *
 * @param vm null if the hypervisor has no such machine
 * @param systemDisks all its system disks that there are, with their sizes
 * @param media all its seeds that there are, half-sent ones as well
 * @param bootFiles all files that there are which it booted directly, half-sent ones as well
 * @param installerDone true if it stands still, is defined with an installer, and that has ended
 *     well
 * @param imageStaged true if the image it needs is on the hypervisor
 * @param records what is published, by network, as a fingerprint; only networks that could be asked
 * @param fixedDisks those of its system disks that cannot grow
 * @param halves those of its seeds and files that are not there as a whole
 */
public record MachineFacts(
    @Nullable Vm vm,
    Map<String, ByteSize> systemDisks,
    List<String> media,
    List<String> bootFiles,
    boolean installerDone,
    boolean imageStaged,
    Map<String, Integer> records,
    Set<String> fixedDisks,
    Set<String> halves) {

  /** Of a machine whose disks grow, and whose files are whole. */
  public MachineFacts(
      @Nullable Vm vm,
      Map<String, ByteSize> systemDisks,
      List<String> media,
      List<String> bootFiles,
      boolean installerDone,
      boolean imageStaged,
      Map<String, Integer> records) {
    this(
        vm, systemDisks, media, bootFiles, installerDone, imageStaged, records, Set.of(), Set.of());
  }

  /** The same, but for what is published. */
  public MachineFacts withRecords(Map<String, Integer> others) {
    return new MachineFacts(
        vm, systemDisks, media, bootFiles, installerDone, imageStaged, others, fixedDisks, halves);
  }

  boolean has(String medium) {
    return media.contains(medium) && !halves.contains(medium);
  }

  /** Of a machine that has nothing to do with an installer. */
  public MachineFacts(
      @Nullable Vm vm,
      Map<String, ByteSize> systemDisks,
      List<String> media,
      boolean imageStaged,
      Map<String, Integer> records) {
    this(vm, systemDisks, media, List.of(), false, imageStaged, records);
  }

  /**
   * The machine on the hypervisor.
   *
   * @param devices that it sees, or null if they are of neither kind altogether
   * @param installer true if it starts an installer in place of its system disk
   * @param imported true if its mark says that somebody else made it
   * @param lasting false if it runs and will be gone once it stops
   */
  public record Vm(
      boolean running,
      int cores,
      ByteSize memory,
      @Nullable Devices devices,
      List<String> disks,
      List<Card> nics,
      @Nullable String medium,
      boolean installer,
      boolean imported,
      boolean lasting) {
    /** One that we made, as most are. */
    public Vm(
        boolean running,
        int cores,
        ByteSize memory,
        List<String> disks,
        List<Card> nics,
        @Nullable String medium,
        boolean installer) {
      this(
          running, cores, memory, Devices.PARAVIRTUAL, disks, nics, medium, installer, false, true);
    }

    /** One that starts from its system disk. */
    public Vm(
        boolean running,
        int cores,
        ByteSize memory,
        List<String> disks,
        List<Card> nics,
        @Nullable String medium) {
      this(running, cores, memory, disks, nics, medium, false);
    }

    public Vm {
      disks = List.copyOf(disks);
      nics = List.copyOf(nics);
    }
  }

  public MachineFacts {
    media = List.copyOf(media);
    bootFiles = List.copyOf(bootFiles);
    fixedDisks = Set.copyOf(fixedDisks);
    halves = Set.copyOf(halves);
  }
}

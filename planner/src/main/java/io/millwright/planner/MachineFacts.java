package io.millwright.planner;

import io.millwright.model.ByteSize;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was observed of a machine. There are no facts from an observation with gaps: what is unknown
 * is not absent, so nobody may plan on it.
 *
 * @param vm null if the hypervisor has no such machine
 * @param systemDisks all its system disks that there are, with their sizes
 * @param media all its seeds that there are
 * @param imageStaged true if the image it needs is on the hypervisor
 * @param records what is published, by network, as a fingerprint; only networks that could be asked
 */
public record MachineFacts(
    @Nullable Vm vm,
    Map<String, ByteSize> systemDisks,
    List<String> media,
    boolean imageStaged,
    Map<String, Integer> records) {

  /** The machine on the hypervisor. */
  public record Vm(
      boolean running,
      int cores,
      ByteSize memory,
      List<String> disks,
      List<Card> nics,
      @Nullable String medium) {
    public Vm {
      disks = List.copyOf(disks);
      nics = List.copyOf(nics);
    }
  }

  public MachineFacts {
    media = List.copyOf(media);
  }
}

package io.millwright.planner;

import io.millwright.model.ByteSize;
import io.millwright.model.SizeSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Chooses a hypervisor for a new machine: of those that will do and answer, the one with the most
 * free memory.
 */
public final class Placement {
  private Placement() {}

  /**
   * A hypervisor to choose from.
   *
   * @param refusal why it cannot be at all (cordoned, a network is not attached), or null
   * @param memory of its host; null if it was never seen, which refuses nothing
   * @param committedMib what was promised to machines there
   * @param answers false if it did not when it was last asked; it is taken only if no other will do
   */
  public record Candidate(
      UUID uid,
      String name,
      @Nullable String refusal,
      @Nullable Integer cores,
      @Nullable ByteSize memory,
      @Nullable ByteSize diskFree,
      long committedMib,
      boolean answers) {

    /** The same, refused for this reason, or for none. */
    public Candidate refusedFor(@Nullable String reason) {
      return new Candidate(uid, name, reason, cores, memory, diskFree, committedMib, answers);
    }

    /**
     * Free memory in MiB; of a host never seen, nothing, so that one that was seen is preferred.
     */
    long freeMib() {
      return memory == null ? 0 : memory.mib() - committedMib;
    }

    /** Why this one does not do, or null. */
    public @Nullable String objection(SizeSpec wanted) {
      if (refusal != null) {
        return refusal;
      }
      if (cores != null && wanted.cores() > cores) {
        return cores + " cores of " + wanted.cores() + " asked";
      }
      String tight = objection(wanted.memory());
      if (tight != null) {
        return tight;
      }
      // Disks grow as they are written to, so that all together may be promised more than there is.
      if (diskFree != null && wanted.disk().compareTo(diskFree) > 0) {
        return diskFree + " of disk free of " + wanted.disk() + " asked";
      }
      return null;
    }

    /**
     * Why so much more memory cannot be promised here, or null: to a new machine, or to those that
     * are here already. Machines that are off count as the others do, for they may be started.
     */
    public @Nullable String objection(ByteSize more) {
      return memory != null && freeMib() < more.mib()
          ? ByteSize.ofMib(Math.max(0, freeMib())) + " free of " + more + " asked"
          : null;
    }
  }

  /**
   * What was chosen.
   *
   * @param chosen null if none will do
   * @param objections one line for each that will not, such as "not on hv2: 1GiB free of 2GiB
   *     asked"
   */
  public record Decision(@Nullable Candidate chosen, List<String> objections) {}

  /**
   * A hypervisor to spread members of a group over.
   *
   * @param members how many are there already
   */
  public record Spot(Candidate candidate, int members) {}

  /**
   * Chooses for one more member of a group: of those that answer where the fewest are, and of these
   * the one with the most free memory.
   *
   * @param hard true to take no other than where the fewest are
   */
  public static Decision spread(List<Spot> spots, SizeSpec size, boolean hard) {
    int fewest = spots.stream().mapToInt(Spot::members).min().orElse(0);
    List<String> objections = new ArrayList<>();
    List<Spot> fit = new ArrayList<>();
    for (Spot spot : spots) {
      String objection = spot.candidate().objection(size);
      if (objection == null && hard && spot.members() > fewest) {
        objection = "it has " + spot.members() + " members, and another one only " + fewest;
      }
      if (objection == null) {
        fit.add(spot);
      } else {
        objections.add("not on " + spot.candidate().name() + ": " + objection);
      }
    }
    Candidate best =
        fit.stream()
            .min(
                Comparator.comparing((Spot s) -> !s.candidate().answers())
                    .thenComparingInt(Spot::members)
                    .thenComparing(s -> -s.candidate().freeMib())
                    .thenComparing(s -> s.candidate().name()))
            .map(Spot::candidate)
            .orElse(null);
    return new Decision(best, objections);
  }

  /** Chooses; the same input always gives the same choice. */
  public static Decision choose(List<Candidate> candidates, SizeSpec size) {
    List<Candidate> fit = new ArrayList<>();
    List<String> objections = new ArrayList<>();
    for (Candidate candidate : candidates) {
      String objection = candidate.objection(size);
      if (objection == null) {
        fit.add(candidate);
      } else {
        objections.add("not on " + candidate.name() + ": " + objection);
      }
    }
    Candidate best =
        fit.stream()
            .max(
                Comparator.comparing(Candidate::answers)
                    .thenComparingLong(Candidate::freeMib)
                    .thenComparing(Candidate::name, Comparator.reverseOrder()))
            .orElse(null);
    return new Decision(best, objections);
  }
}

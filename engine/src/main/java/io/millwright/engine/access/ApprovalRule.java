package io.millwright.engine.access;

import io.millwright.model.ByteSize;
import io.millwright.model.Default;
import io.millwright.model.Violations;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * When other people have to approve what somebody asks for. A rule holds for what meets all that it
 * says; of several sizes, one that is exceeded is enough.
 *
 * @param coresAbove machines with more cores
 * @param memoryAbove machines with more memory
 * @param diskAbove machines with a larger system disk, and larger volumes
 * @param machinesAbove requests that make more machines than that at once
 * @param networks machines on one of these
 * @param roles only what is asked for by somebody who has one of these roles in the project; if
 *     there are none, by anybody
 * @param people how many have to approve it, 1 or 2; 1 if not given
 */
public record ApprovalRule(
    @Nullable Integer coresAbove,
    @Nullable ByteSize memoryAbove,
    @Nullable ByteSize diskAbove,
    @Nullable Integer machinesAbove,
    @Default List<String> networks,
    @Default List<Role> roles,
    @Default("1") Integer people) {
  /** So many rules are enough for a project. */
  public static final int MOST = 20;

  public ApprovalRule {
    networks = networks == null ? List.of() : List.copyOf(networks);
    roles = roles == null ? List.of() : List.copyOf(roles);
    people = people == null ? Integer.valueOf(1) : people;
  }

  /**
   * What is wanted for one machine or volume, or for each machine of a group or pool.
   *
   * @param what for people, such as {@code Machine big}
   * @param makes true if it is a machine that is not there yet
   * @param networks on which it is; of a volume none
   */
  public record Demand(
      String what, boolean makes, int cores, ByteSize memory, ByteSize disk, Set<String> networks) {
    public Demand {
      networks = Set.copyOf(networks);
    }
  }

  /**
   * What has to be had before something is done.
   *
   * @param people how many have to approve it; 0 if nobody has to
   * @param because why, in words
   */
  public record Need(int people, List<String> because) {
    public static final Need NONE = new Need(0, List.of());

    /** What meets both. */
    public Need and(Need other) {
      return new Need(
          Math.max(people, other.people),
          Stream.concat(because.stream(), other.because.stream()).distinct().toList());
    }
  }

  /** Tells what is wrong with it. */
  public void check(Violations at) {
    at.field("people").require(people == 1 || people == 2, "must be 1 or 2");
    at.field("coresAbove").require(coresAbove == null || coresAbove >= 0, "cannot be negative");
    at.field("machinesAbove")
        .require(machinesAbove == null || machinesAbove >= 0, "cannot be negative");
  }

  /**
   * Decides, and does nothing else.
   *
   * @param role of who asks, in the project that it is about; null for none
   * @param demands all that one request wants there
   */
  public static Need need(List<ApprovalRule> rules, @Nullable Role role, List<Demand> demands) {
    int people = 0;
    List<String> because = new ArrayList<>();
    for (ApprovalRule rule : rules) {
      String why = rule.why(role, demands);
      if (why != null) {
        people = Math.max(people, rule.people());
        if (!because.contains(why)) {
          because.add(why);
        }
      }
    }
    return people == 0 ? Need.NONE : new Need(people, List.copyOf(because));
  }

  private @Nullable String why(@Nullable Role role, List<Demand> demands) {
    if (!roles.isEmpty() && (role == null || !roles.contains(role))) {
      return null;
    }
    List<Demand> met = demands.stream().filter(d -> large(d) && near(d)).toList();
    if (met.isEmpty()) {
      return null;
    }
    if (machinesAbove != null) {
      long made = met.stream().filter(Demand::makes).count();
      return made > machinesAbove
          ? made + " machines are made at once, more than " + machinesAbove
          : null;
    }
    return words(met.getFirst());
  }

  private boolean large(Demand d) {
    boolean any = coresAbove == null && memoryAbove == null && diskAbove == null;
    return any
        || (coresAbove != null && d.cores() > coresAbove)
        || (memoryAbove != null && d.memory().compareTo(memoryAbove) > 0)
        || (diskAbove != null && d.disk().compareTo(diskAbove) > 0);
  }

  private boolean near(Demand d) {
    return networks.isEmpty() || networks.stream().anyMatch(d.networks()::contains);
  }

  private String words(Demand d) {
    List<String> out = new ArrayList<>();
    if (coresAbove != null && d.cores() > coresAbove) {
      out.add("has " + d.cores() + " cores, more than " + coresAbove);
    }
    if (memoryAbove != null && d.memory().compareTo(memoryAbove) > 0) {
      out.add("has " + d.memory() + " memory, more than " + memoryAbove);
    }
    if (diskAbove != null && d.disk().compareTo(diskAbove) > 0) {
      out.add("has a disk of " + d.disk() + ", more than " + diskAbove);
    }
    networks.stream()
        .filter(d.networks()::contains)
        .findFirst()
        .ifPresent(network -> out.add("is on network " + network));
    return d.what() + " " + (out.isEmpty() ? "is wanted" : String.join(" and ", out));
  }
}

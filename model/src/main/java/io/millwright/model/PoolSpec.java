package io.millwright.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Machines that are ready before anybody asks, called {@code NAME-1}, {@code NAME-2} and so on.
 * Whoever claims one has it at once, and another one is made in its place.
 *
 * @param ready how many wait to be claimed, 0 to 1000
 * @param max how many there are at most, those that were claimed and are still there included, 1 to
 *     10000; as many as the project's quota lets be if not given
 * @param ttl how long one lives from its claim, unless the claim says otherwise, at most 365d; 8h
 *     if not given
 * @param machine what each of them is; without volumes, for these would stay behind
 * @param spread how they are spread over hypervisors; evenly over all that will do if not given
 */
public record PoolSpec(
    int ready,
    @Nullable Integer max,
    @Default("8h") TimeSpan ttl,
    MachineTemplate machine,
    @Default("evenly over all that will do") GroupSpec.Spread spread)
    implements OwnerSpec {
  /** More than this nobody has asked for, and one apply declares them all. */
  public static final int MOST = 1000;

  private static final int MOST_AT_ALL = 10_000;

  public PoolSpec {
    ttl = ttl == null ? TimeSpan.parse("8h") : ttl;
    spread = spread == null ? GroupSpec.Spread.EVENLY : spread;
  }

  @Override
  public void check(Violations at) {
    at.field("ready").require(ready >= 0 && ready <= MOST, "must be 0 to " + MOST);
    if (max != null) {
      at.field("max").require(max >= 1 && max <= MOST_AT_ALL, "must be 1 to " + MOST_AT_ALL);
      at.field("max")
          .require(max >= ready, "is less than ready, so there could never be so many ready");
    }
    Expiry.checkTtl(ttl, at.field("ttl"));
    machine.check(at.field("machine"));
    at.field("machine")
        .field("volumes")
        .require(
            machine.volumes().isEmpty(),
            "would stay behind when a machine that was claimed comes to its end; leave them out");
    spread.check(at.field("spread"));
  }

  @Override
  public List<Ref> references() {
    return spread.references(machine.references("spec.machine."));
  }
}

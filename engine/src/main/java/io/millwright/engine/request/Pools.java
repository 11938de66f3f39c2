package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Lifetimes.Lifetime;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Resources.Query;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Expiry;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Draft;
import io.millwright.planner.PoolPlanner;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Machines that wait to be claimed, and the claim.
 *
 * <p>A machine that is claimed leaves its pool and is an ordinary one from then on; only a label
 * tells where it came from. It keeps its name, since that stands in the guest, in DNS and at the
 * hypervisor, and to change it there would take longer than to claim.
 */
public final class Pools {
  /** What failed is not tried again at once, for it would fail again. */
  private static final Duration AFTER_FAILURE = Duration.ofMinutes(1);

  /** So long a machine may be away by itself before another one is made in its place. */
  private static final Duration AWAY = Duration.ofMinutes(5);

  private final Apply apply;
  private final InstantSource clock;

  public Pools(Apply apply, InstantSource clock) {
    this.apply = apply;
    this.clock = clock;
  }

  // --- claiming ------------------------------------------------------------------------------

  /**
   * Gives a machine that is ready to the caller; it is nobody else's from the commit on.
   *
   * @param ttl how long it lives from now on; as the pool says if null
   * @param leash it goes as well when its caller was not heard of for so long; no leash if null
   * @throws ProblemException NOT_FOUND; INVALID; CONFLICT if the pool is being deleted; UNAVAILABLE
   *     if no machine is ready just now
   */
  public Resource<?, ?> claim(
      Tx tx,
      Caller caller,
      String project,
      String name,
      @Nullable TimeSpan ttl,
      @Nullable TimeSpan leash) {
    Resource<PoolSpec, PoolStatus> pool =
        tx.resources()
            .find(Kind.POOL, project, name, PoolSpec.class, PoolStatus.class)
            .orElseThrow(() -> Missing.of(tx, Kind.POOL, project, name));
    if (pool.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, pool.title() + " is being deleted");
    }
    TimeSpan life = ttl == null ? pool.spec().ttl() : ttl;
    Violations at = Violations.at("");
    new Expiry(life, null, leash).check(at);
    Expire.admit(tx, project, life, at.field("ttl"));
    at.raise();
    Member member =
        tx.groups()
            .vacant(pool.uid(), pool.status().revision(), image(new Lookup(tx), pool))
            .orElseThrow(() ->
                ProblemException.of(
                    Problem.Type.UNAVAILABLE,
                    "no machine of "
                        + pool.title()
                        + " is ready just now; "
                        + Condition.find(pool.status().conditions(), Condition.READY)
                            .map(Condition::message)
                            .orElse("")
                        + " Try again a little later, or wait for one"));
    Resource<MachineSpec, MachineStatus> machine =
        tx.resources().find(member.uid()).orElseThrow().as(MachineSpec.class, MachineStatus.class);
    tx.groups().release(machine.uid());
    Map<String, String> labels = new HashMap<>(machine.metadata().labels());
    labels.remove(Names.POOL);
    labels.put(Names.CLAIMED_FROM, pool.name());
    Instant now = clock.instant();
    tx.lifetimes().put(machine.uid(), Lifetime.ofClaim(now));
    Instant end = now.plus(life.duration());
    Resource<?, ?> claimed =
        apply
            .own(
                tx,
                caller,
                new Draft(
                    Kind.MACHINE,
                    machine.name(),
                    project,
                    labels,
                    machine.metadata().annotations(),
                    machine.spec().withExpiry(new Expiry(null, end, leash)),
                    pool.title()))
            .resource();
    tx.resources().own(claimed.uid(), caller.account());
    tx.journal()
        .note(
            Kind.POOL,
            project,
            pool.uid(),
            pool.name(),
            "Claimed",
            machine.name() + " was claimed by " + caller.name() + ".");
    tx.nudges().nudge(pool.uid());
    return claimed;
  }

  // --- looking -------------------------------------------------------------------------------

  /** A pool with what is known in the database of its machines. */
  public record Look(
      PoolPlanner.Goal goal,
      List<PoolPlanner.Member> members,
      Map<Integer, UUID> uids,
      List<String> troubles,
      @Nullable Duration next) {
    public int ready() {
      return (int) members.stream().filter(PoolPlanner.Member::ready).count();
    }

    public int outdated() {
      return (int) members.stream().filter(m -> !m.current() && !m.leaving()).count();
    }
  }

  /** Looks; {@code next} is when something of it will be otherwise by time alone, or null. */
  public static Look look(Tx tx, Resource<PoolSpec, PoolStatus> pool, Instant now) {
    Map<Integer, Integer> revisions = new HashMap<>();
    Set<UUID> all = new HashSet<>();
    for (Member member : tx.groups().members(pool.uid())) {
      if (!member.due()) {
        revisions.put(member.ordinal(), member.revision());
      }
      all.add(member.uid());
    }
    Set<UUID> busy = tx.operations().busy(all);
    String sha256 = image(new Lookup(tx), pool);
    List<PoolPlanner.Member> members = new ArrayList<>();
    Map<Integer, UUID> uids = new HashMap<>();
    List<String> troubles = new ArrayList<>();
    Duration next = null;
    for (var entry : Members.machines(tx, pool).entrySet()) {
      Resource<MachineSpec, MachineStatus> machine = entry.getValue();
      MachineStatus status = machine.status();
      boolean idle = !busy.contains(machine.uid()) && !machine.deleting();
      boolean well =
          Condition.holds(status.conditions(), Condition.READY)
              && !Condition.holds(status.conditions(), "Held");
      boolean spoilt = false;
      if (idle && !well) {
        Operation failed = Members.failed(tx, machine).orElse(null);
        Instant since =
            Condition.find(status.conditions(), Condition.READY).map(Condition::since).orElse(now);
        Instant until = since.plus(AWAY);
        if (failed != null) {
          Instant ended = failed.endedAt() == null ? now : failed.endedAt();
          until = ended.plus(AFTER_FAILURE);
          troubles.add(machine.name() + ": " + failed.state().message());
        }
        spoilt = !until.isAfter(now);
        Duration left = Duration.between(now, until);
        if (!spoilt && (next == null || left.compareTo(next) < 0)) {
          next = left;
        }
      }
      boolean current =
          Objects.equals(revisions.get(entry.getKey()), pool.status().revision())
              && (sha256 == null
                  || status.imageSha256() == null
                  || sha256.equals(status.imageSha256()));
      members.add(
          new PoolPlanner.Member(
              entry.getKey(), current, idle && well, spoilt, machine.deleting()));
      uids.put(entry.getKey(), machine.uid());
    }
    return new Look(
        new PoolPlanner.Goal(pool.spec().ready(), pool.spec().max(), claimed(tx, pool)),
        List.copyOf(members),
        Map.copyOf(uids),
        List.copyOf(troubles),
        next);
  }

  /** How many are to be made when it is declared. */
  static int missing(Tx tx, Resource<PoolSpec, PoolStatus> pool) {
    Look look = look(tx, pool, Instant.EPOCH);
    // Those that are outdated are replaced as time allows, and there need be no room for both now.
    List<PoolPlanner.Member> members =
        look.members().stream()
            .map(m -> new PoolPlanner.Member(m.ordinal(), true, m.ready(), false, m.leaving()))
            .toList();
    return PoolPlanner.plan(look.goal(), members).creates();
  }

  /** Checksum of the image that a new machine would have, or null if that is not made yet. */
  private static @Nullable String image(Lookup lookup, Resource<PoolSpec, PoolStatus> pool) {
    return lookup
        .find(Kind.IMAGE, pool.project(), pool.spec().machine().image())
        .map(i -> ((ImageStatus) i.status()).sha256())
        .orElse(null);
  }

  private static int claimed(Tx tx, Resource<PoolSpec, PoolStatus> pool) {
    Selector ours = Selector.parse("claimed", Names.CLAIMED_FROM + "=" + pool.name());
    return tx.resources()
        .all(new Query(Kind.MACHINE, pool.project(), ours, Map.of(), Resources.MOST, null))
        .size();
  }
}

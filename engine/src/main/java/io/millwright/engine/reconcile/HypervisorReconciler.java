package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.Mark;
import io.millwright.driver.Metrics;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Usage;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachinePlanner;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at a whole hypervisor in one listing, and nudges only the machines that differ from what
 * was declared. A round in which nothing differs writes nothing but what the machines use.
 */
public final class HypervisorReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(HypervisorReconciler.class);

  /** Between two rounds; events of the hypervisor itself come at once. */
  public static final Duration ROUND = Duration.ofSeconds(30);

  private static final Duration AWAY = Duration.ofSeconds(5);

  /** So long one that does not answer is waited for before it is forgotten with what is on it. */
  private static final Duration LEAVING = Duration.ofMinutes(10);

  private final Store store;
  private final Outside outside;
  private final QuarantineEnd quarantine;
  private final StagedImages images;
  private final DiskWatch disks;
  private final InstantSource clock;
  private final Duration round;

  public HypervisorReconciler(Store store, Outside outside, InstantSource clock, Duration round) {
    this.store = store;
    this.outside = outside;
    this.quarantine = new QuarantineEnd(store, outside, clock);
    this.images = new StagedImages(store, outside, clock);
    this.disks = new DiskWatch(store, outside, clock);
    this.clock = clock;
    this.round = round;
  }

  /** What was seen, with the facets that the driver had. */
  private record Seen(Observation observation, Set<String> facets) {}

  Optional<Duration> reconcile(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, @Nullable Run run) {
    if (hypervisor.deleting()) {
      return forget(hypervisor, run);
    }
    Seen seen;
    try {
      seen =
          outside.call(
              hypervisor, d -> new Seen(own(hypervisor, d.observe(new Scope.All())), d.facets()));
    } catch (DriverException e) {
      note(
          hypervisor,
          hypervisor.status(),
          new Condition(
              Condition.READY,
              Condition.Value.FALSE,
              MachineReconciler.reason(e.kind()),
              words(e),
              clock.instant()));
      return Optional.of(AWAY);
    } catch (Busy e) {
      return Optional.of(e.retryIn());
    }
    compare(hypervisor, seen);
    Sweep.look(store, hypervisor.uid(), seen.observation(), clock.instant());
    quarantine.empty(hypervisor);
    images.look(hypervisor, seen.observation());
    measure(hypervisor, seen);
    return Optional.of(round);
  }

  /**
   * Without what lives on another hypervisor that lists the same machines, as a second cluster of
   * one vCenter does: that one looks after it.
   */
  private Observation own(Resource<?, ?> hypervisor, Observation seen) {
    Observation.Host host = seen.host();
    return host == null
        ? seen
        : seen.without(
            store.read(tx -> tx.resources().onNeighbours(hypervisor.uid(), host.endpoint())));
  }

  /** Nothing depends on it: a round of which nothing could be told is a gap in a graph. */
  private void measure(Resource<HypervisorSpec, HypervisorStatus> hypervisor, Seen seen) {
    String installation = store.read(Tx::installation);
    Set<UUID> running =
        seen.observation().machines().stream()
            .filter(m -> m.mark() != null && m.mark().installation().equals(installation))
            .filter(m -> m.state() == Observation.State.RUNNING)
            .map(Observation.Machine::uid)
            .collect(Collectors.toSet());
    if (running.isEmpty() || !seen.facets().contains("metrics")) {
      return;
    }
    Instant at = clock.instant();
    List<Usage> usage;
    try {
      usage =
          outside.call(
              hypervisor,
              d -> {
                Optional<Metrics> metrics = d.metrics();
                return metrics.isPresent() ? metrics.get().usage(running) : List.of();
              });
    } catch (DriverException | Busy e) {
      LOG.debug("{} does not tell what its machines use", hypervisor.title(), e);
      return;
    }
    if (!usage.isEmpty()) {
      store.write(tx -> tx.measurements().add(hypervisor.uid(), at, usage));
    }
  }

  private void compare(Resource<HypervisorSpec, HypervisorStatus> hypervisor, Seen listing) {
    Observation seen = listing.observation();
    String installation = store.read(Tx::installation);
    // The listing is older than this reading: what is listed and not declared here is no machine
    // that is just being made, because a machine is declared before it is made.
    Index index = Index.of(seen);
    Declared declared = store.read(tx -> declared(tx, hypervisor, index, installation));
    List<UUID> differing = new ArrayList<>(declared.looks());
    declared.compared().stream()
        .filter(m -> differs(m, index, installation))
        .forEach(m -> differing.add(m.uid()));
    // Only a whole answer ends an absence: as long as something is hidden, nothing can be planned.
    boolean isBack =
        seen.complete() && !Condition.holds(hypervisor.status().conditions(), Condition.READY);
    List<UUID> waiting =
        isBack
            ? store.read(
                tx -> tx.resources().on(hypervisor.uid()).stream().map(Resource::uid).toList())
            : List.of();
    List<UUID> looks =
        Stream.of(differing, waiting, declared.gone()).flatMap(List::stream).distinct().toList();
    if (!looks.isEmpty()) {
      store.write(tx -> {
        declared.gone().forEach(uid -> tx.resources().turnedUp(uid, hypervisor.uid()));
        tx.nudges().nudgeAll(looks);
      });
    }
    declared.astray().forEach(uid -> takeIn(hypervisor, uid));
    disks.tell(hypervisor, declared.changed());
    Outdated.tell(store, declared.untold(), clock.instant());
    describe(hypervisor, listing, installation);
  }

  /**
   * Something of a machine that lives elsewhere, such as a late call of a server that has died has
   * made: from here on the machine looks after it as after what a move has left. It is looked at
   * once more, for since the listing a move may have ended.
   */
  private void takeIn(Resource<HypervisorSpec, HypervisorStatus> hypervisor, UUID uid) {
    Observation again;
    try {
      again = outside.call(hypervisor, d -> d.observe(new Scope.One(uid)));
    } catch (DriverException | Busy e) {
      return; // the next round sees it again
    }
    if (!again.complete()
        || Index.of(again).marks().stream().noneMatch(mark -> mark.uid().equals(uid))) {
      return;
    }
    store.write(tx -> {
      Resource<?, ?> machine = tx.resources().lock(uid).orElse(null);
      if (machine == null || !isAstray(tx, machine, hypervisor)) {
        return;
      }
      tx.resources()
          .updateStatus(
              uid,
              ((MachineStatus) machine.status()).withElsewhere(hypervisor.name()),
              "Astray",
              "Something of it turned up on "
                  + hypervisor.title()
                  + ", where it is not, and is taken away.");
      tx.nudges().nudge(uid);
    });
  }

  private static boolean isAstray(
      Tx tx, Resource<?, ?> resource, Resource<HypervisorSpec, HypervisorStatus> hypervisor) {
    return resource.spec() instanceof MachineSpec spec
        && resource.status() instanceof MachineStatus status
        && !spec.foreignMade()
        && !resource.deleting()
        && status.hypervisor() != null
        && !status.hypervisor().equals(hypervisor.name())
        && status.elsewhere() == null
        && tx.operations().active(resource.uid()).isEmpty();
  }

  /**
   * What is declared here. It is read in a transaction and compared after it: there may be ten
   * thousand.
   *
   * @param looks those that need a look whatever comes of comparing
   * @param compared machines that need one if they are not as declared
   * @param untold machines that do not say yet that they are outdated, or not any more
   * @param astray machines that live elsewhere, and of which something is here
   * @param gone those that were deleted, and of which something is here; they may have lived
   *     elsewhere
   * @param changed volumes and snapshots whose disk is not what they say of it
   */
  private record Declared(
      List<UUID> looks,
      List<ResolvedMachine> compared,
      List<UUID> untold,
      List<UUID> astray,
      List<UUID> gone,
      List<Resource<?, ?>> changed) {}

  private static Declared declared(
      Tx tx,
      Resource<HypervisorSpec, HypervisorStatus> hypervisor,
      Index index,
      String installation) {
    List<UUID> looks = new ArrayList<>();
    List<ResolvedMachine> compared = new ArrayList<>();
    List<UUID> untold = new ArrayList<>();
    List<Resource<?, ?>> changed = new ArrayList<>();
    Lookup lookup = new Lookup(tx);
    Set<UUID> declared = new HashSet<>();
    List<Resource<?, ?>> here = tx.resources().on(hypervisor.uid());
    ResolvedMachine.prepare(lookup, here);
    for (Resource<?, ?> resource : here) {
      declared.add(resource.uid());
      if (index.all().complete() && DiskWatch.isNews(resource, index, hypervisor.name())) {
        changed.add(resource);
      }
      if (resource.kind() != Kind.MACHINE || resource.deleting()) {
        continue;
      }
      Resource<MachineSpec, MachineStatus> machine =
          resource.as(MachineSpec.class, MachineStatus.class);
      if (!Outdated.told(lookup, machine)) {
        untold.add(machine.uid());
      }
      List<Condition> says = machine.status().conditions();
      boolean held = Condition.holds(says, Condition.HELD);
      if (held && machine.status().leftBehind()) {
        looks.add(machine.uid());
        continue;
      }
      if (!index.all().complete() || machine.status().readyBy() == null) {
        continue;
      }
      if (!held && !Condition.holds(says, MachineReconciler.DRIFTED)) {
        compared.add(ResolvedMachine.of(lookup, machine));
      } else if (!held || Unattended.wentDown(machine, index.of(machine.uid()))) {
        // One that has drifted may be as declared again, and then shall no longer say otherwise.
        looks.add(machine.uid());
      }
    }
    Set<UUID> others = new TreeSet<>();
    for (Mark mark : index.marks()) {
      if (mark.installation().equals(installation) && !declared.contains(mark.uid())) {
        others.add(mark.uid());
      }
    }
    List<UUID> astray = new ArrayList<>();
    List<UUID> gone = new ArrayList<>();
    for (UUID uid : others) {
      Optional<Resource<?, ?>> living = tx.resources().find(uid);
      if (living.isPresent()) {
        // If the host did not say which one it is, it may have listed its neighbour's machines.
        if (index.all().host() != null && isAstray(tx, living.get(), hypervisor)) {
          astray.add(uid);
        }
      } else if (tx.resources().tombstone(uid).isPresent()) {
        gone.add(uid);
      }
    }
    return new Declared(looks, compared, untold, astray, gone, changed);
  }

  private static boolean differs(ResolvedMachine machine, Index index, String installation) {
    MachineGoal goal = MachineGoals.goal(machine, installation);
    MachineFacts facts =
        MachineGoals.facts(machine.uid(), index.of(machine.uid()), goal.sha256(), Map.of(), false);
    // Names and leases are not the hypervisor's; each machine's own look compares them.
    return !MachinePlanner.plan(goal, facts.withRecords(goal.records())).empty();
  }

  /** A listing, found by machine. */
  record Index(Observation all, Map<UUID, Observation> byUid, Set<Mark> marks) {
    static Index of(Observation seen) {
      Map<UUID, List<Observation.Machine>> machines = new HashMap<>();
      Map<UUID, List<Observation.Disk>> disks = new HashMap<>();
      Map<UUID, List<Observation.Medium>> media = new HashMap<>();
      Set<Mark> marks = new HashSet<>();
      for (Observation.Machine m : seen.machines()) {
        machines.computeIfAbsent(m.uid(), u -> new ArrayList<>()).add(m);
        Mark mark = m.mark();
        if (mark != null) {
          marks.add(mark);
        }
      }
      for (Observation.Disk d : seen.disks()) {
        disks.computeIfAbsent(d.name().mark().uid(), u -> new ArrayList<>()).add(d);
        if (d.name().ofSystem()) {
          marks.add(d.name().mark());
        }
      }
      for (Observation.Medium m : seen.media()) {
        media.computeIfAbsent(m.name().mark().uid(), u -> new ArrayList<>()).add(m);
        marks.add(m.name().mark());
      }
      Map<UUID, Observation> byUid = new HashMap<>();
      Set<UUID> uids = new HashSet<>(machines.keySet());
      uids.addAll(disks.keySet());
      uids.addAll(media.keySet());
      for (UUID uid : uids) {
        byUid.put(
            uid,
            new Observation(
                seen.at(),
                machines.getOrDefault(uid, List.of()),
                disks.getOrDefault(uid, List.of()),
                media.getOrDefault(uid, List.of()),
                seen.images(),
                null,
                seen.gaps()));
      }
      return new Index(seen, byUid, marks);
    }

    Observation of(UUID uid) {
      return byUid.getOrDefault(
          uid,
          new Observation(
              all.at(), List.of(), List.of(), List.of(), all.images(), null, all.gaps()));
    }
  }

  private void describe(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, Seen listing, String installation) {
    Observation seen = listing.observation();
    long ours =
        seen.machines().stream()
            .filter(m -> m.mark() != null && m.mark().installation().equals(installation))
            .count();
    Observation.Host host = seen.host();
    HypervisorStatus before = hypervisor.status();
    HypervisorStatus after =
        new HypervisorStatus(
            before.conditions(),
            host == null ? before.version() : host.version(),
            host == null ? before.acceleration() : host.acceleration(),
            host == null ? before.cores() : Integer.valueOf(host.cores()),
            host == null ? before.memory() : host.memory(),
            host == null ? before.diskFree() : coarse(host.diskFree(), before.diskFree()),
            (int) ours,
            (int) (seen.machines().size() - ours),
            List.copyOf(new TreeSet<>(listing.facets())),
            host == null ? before.endpoint() : host.endpoint());
    Condition ready =
        seen.complete()
            ? new Condition(
                Condition.READY, Condition.Value.TRUE, "Answering", "It answers.", clock.instant())
            : new Condition(
                Condition.READY,
                Condition.Value.UNKNOWN,
                "Incomplete",
                MachineReconciler.sentence(
                    "It could not be seen completely: " + String.join("; ", seen.gaps())),
                clock.instant());
    note(hypervisor, after, ready);
  }

  /** Free space changes all the time; only a change by a tenth is worth a write. */
  private static ByteSize coarse(ByteSize now, @Nullable ByteSize before) {
    return before != null && Math.abs(now.mib() - before.mib()) * 10 < before.mib() ? before : now;
  }

  /**
   * With the outside system's own words: whoever is called at night has nothing else to go by. They
   * may be of any length and have line breaks.
   */
  private static String words(DriverException e) {
    String sentence = MachineReconciler.sentence(e.forUser());
    String own = e.forOperator().replaceAll("\\s+", " ").strip();
    return own.isEmpty() || own.equals(e.forUser()) || e.forUser().contains(own)
        ? sentence
        : sentence + " It says: " + (own.length() > 300 ? own.substring(0, 300) + "..." : own);
  }

  private void note(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor,
      HypervisorStatus status,
      Condition ready) {
    Optional<Condition> before = Condition.find(hypervisor.status().conditions(), Condition.READY);
    boolean told = before.isPresent() && before.get().value() == ready.value();
    HypervisorStatus next = status.withConditions(Condition.set(status.conditions(), ready));
    if (!next.equals(hypervisor.status())) {
      store.write(tx -> {
        if (tx.resources().lock(hypervisor.uid(), hypervisor.generation())) {
          tx.resources()
              .updateStatus(
                  hypervisor.uid(), next, told ? "" : ready.reason(), told ? "" : ready.message());
        } else {
          tx.nudges().nudge(hypervisor.uid()); // what was seen is of what was declared before
        }
      });
    }
  }

  /** Takes what is staged there away, and removes the declaration after that. */
  private Optional<Duration> forget(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, @Nullable Run run) {
    if (run == null) {
      return Optional.empty();
    }
    String left = "";
    try {
      // What was placed on it in the very moment in which it was deleted may need them.
      if (store.read(tx -> tx.resources().on(hypervisor.uid())).isEmpty()) {
        images.leave(hypervisor);
      }
    } catch (DriverException e) {
      // On one that never answered there can be none.
      boolean known = hypervisor.status().endpoint() != null;
      left = known ? "the images that were staged there cannot be removed: " + e.forUser() : "";
      // It may be gone for ever, and then shall not be declared for ever.
      if (known && clock.instant().isBefore(run.operation().createdAt().plus(LEAVING))) {
        run.waitFor("Unreachable", left, AWAY);
        return Optional.of(AWAY);
      }
    } catch (Busy e) {
      return Optional.of(e.retryIn());
    }
    String untold = left;
    try {
      run.finish(
          new State.Succeeded(),
          tx -> {
            if (!untold.isEmpty()) {
              tx.journal()
                  .note(
                      Kind.HYPERVISOR,
                      hypervisor.project(),
                      hypervisor.uid(),
                      hypervisor.name(),
                      "ImagesLeft",
                      MachineReconciler.sentence(untold));
            }
            tx.resources().remove(hypervisor.uid());
          });
    } catch (ProblemException e) {
      run.waitFor("InUse", e.problem().detail(), AWAY);
      return Optional.of(AWAY);
    }
    outside.forget(hypervisor.uid());
    return Optional.empty();
  }
}

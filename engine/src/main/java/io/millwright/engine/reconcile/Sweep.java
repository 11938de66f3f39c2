package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Orphans.Orphan;
import io.millwright.engine.port.Orphans.What;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Restore;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.Kind;
import io.millwright.model.Metadata;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds objects with our mark to which nothing declared belongs.
 *
 * <p>What a known resource left behind is collected by itself, by its tombstone. What is found here
 * has none: the database was put back to an older state, say, or a disk was copied by hand. So
 * nobody but a person decides about it.
 */
public final class Sweep {
  /** How long an object must have been without an owner before it can be purged. */
  static final Duration GRACE = Duration.ofMinutes(10);

  private static final int QUARANTINE_DAYS = 7;

  private final Store store;
  private final Outside outside;
  private final Disposal disposal;
  private final Restore restore;
  private final InstantSource clock;

  public Sweep(Store store, Outside outside, Restore restore, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.disposal = new Disposal(store, outside, clock);
    this.restore = restore;
    this.clock = clock;
  }

  /**
   * An orphan, and what would become of it.
   *
   * @param hypervisor name of the one where it is
   * @param objection why it cannot be purged yet, or null
   */
  public record Finding(Orphan orphan, String hypervisor, @Nullable String objection) {}

  // --- finding -----------------------------------------------------------------------------

  /** Compares a complete listing with what is declared; writes only if something is new. */
  static void look(Store store, UUID hypervisor, Observation seen, Instant now) {
    if (!seen.complete()) {
      return;
    }
    record Known(List<Orphan> before, List<Orphan> now) {}
    Known known =
        store.read(
            tx -> new Known(tx.orphans().on(hypervisor), orphans(tx, hypervisor, seen, now)));
    boolean settled =
        known.before().size() == known.now().size()
            && known.before().stream().allMatch(o -> o.listings() >= 2)
            && names(known.before()).equals(names(known.now()));
    if (!settled) {
      store.write(tx -> tx.orphans().found(hypervisor, known.now()));
    }
  }

  private static Set<String> names(List<Orphan> orphans) {
    return Set.copyOf(orphans.stream().map(Orphan::object).toList());
  }

  private static List<Orphan> orphans(Tx tx, UUID hypervisor, Observation seen, Instant now) {
    Map<String, Orphan> out = new TreeMap<>();
    String ours = tx.installation();
    Set<UUID> declared = tx.resources().declared(marks(seen).map(Mark::uid).distinct().toList());
    Map<UUID, Set<String>> volumes =
        tx.resources()
            .disks(
                seen.disks().stream()
                    .filter(d -> d.name().role().equals(ObjectName.DATA))
                    .map(d -> d.name().mark().uid())
                    .toList());
    for (Observation.Machine m : seen.machines()) {
      Mark mark = m.mark();
      if (mark != null && mark.installation().equals(ours) && unknown(tx, declared, mark.uid())) {
        out.put(
            mark.uid().toString(),
            new Orphan(hypervisor, mark.uid().toString(), What.MACHINE, mark.uid(), null, now, 1));
      }
    }
    for (Observation.Disk d : seen.disks()) {
      Mark mark = d.name().mark();
      if (!mark.installation().equals(ours)) {
        continue;
      }
      String name = d.name().toString();
      boolean data = d.name().role().equals(ObjectName.DATA);
      // A late write may leave a copy of a volume that has long been given up.
      boolean nobodys =
          data
              ? (!declared.contains(mark.uid())
                      || !volumes.getOrDefault(mark.uid(), Set.of(name)).contains(name))
                  && tx.quarantine().ofDisk(name).isEmpty()
                  && !tx.resources().hasDisk(name)
              : unknown(tx, declared, mark.uid());
      if (nobodys) {
        What what = data ? What.DATA_DISK : What.SYSTEM_DISK;
        out.put(name, new Orphan(hypervisor, name, what, mark.uid(), d.size(), now, 1));
      }
    }
    for (Observation.Medium m : seen.media()) {
      Mark mark = m.name().mark();
      if (mark.installation().equals(ours) && unknown(tx, declared, mark.uid())) {
        String name = m.name().toString();
        out.put(name, new Orphan(hypervisor, name, What.MEDIUM, mark.uid(), null, now, 1));
      }
    }
    Observation.Host host = seen.host();
    if (!out.isEmpty() && host != null) {
      out.keySet().removeAll(tx.orphans().onNeighbours(hypervisor, host.endpoint()));
    }
    return List.copyOf(out.values());
  }

  /** Neither declared nor deleted here: what was deleted here is collected by its tombstone. */
  static boolean unknown(Tx tx, Set<UUID> declared, UUID uid) {
    return !declared.contains(uid) && tx.resources().tombstone(uid).isEmpty();
  }

  /** The marks of all that was seen. */
  private static Stream<Mark> marks(Observation seen) {
    return Stream.of(
            seen.machines().stream().map(Observation.Machine::mark).filter(Objects::nonNull),
            seen.disks().stream().map(d -> d.name().mark()),
            seen.media().stream().map(m -> m.name().mark()))
        .flatMap(marks -> marks);
  }

  // --- deciding ----------------------------------------------------------------------------

  /** Why an orphan cannot be purged yet, or nothing; pure. */
  static Optional<String> objection(Orphan orphan, Instant now) {
    if (orphan.listings() < 2) {
      return Optional.of("it was in one listing only; wait for the next round");
    }
    Instant ripe = orphan.foundAt().plus(GRACE);
    return now.isBefore(ripe)
        ? Optional.of("it was found only lately; it can be purged from " + ripe + " on")
        : Optional.empty();
  }

  /** All that were found, and whether they can be purged. */
  public List<Finding> list() {
    Instant now = clock.instant();
    return store.read(tx -> {
      List<Finding> out = new ArrayList<>();
      Map<UUID, String> names = new HashMap<>();
      for (Orphan o : tx.orphans().list()) {
        String name =
            names.computeIfAbsent(
                o.hypervisor(), h -> tx.resources().find(h).map(Resource::name).orElse(""));
        out.add(new Finding(o, name, objection(o, now).orElse(null)));
      }
      return out;
    });
  }

  /**
   * Takes an orphan away for ever; a data disk is put into quarantine instead. What is published of
   * a machine is withdrawn soon after it, by {@link NetworkReconciler}.
   *
   * @throws ProblemException NOT_FOUND; CONFLICT if it cannot be purged yet or the hypervisor
   *     refuses; UNAVAILABLE if that does not answer
   */
  public void purge(Caller caller, String object) {
    record Found(Orphan orphan, Resource<HypervisorSpec, HypervisorStatus> hypervisor) {}
    Found found =
        store.read(tx -> {
          Orphan o = one(tx, object);
          if (o.what() != What.DATA_DISK
              && !unknown(tx, tx.resources().declared(List.of(o.uid())), o.uid())) {
            throw ProblemException.of(
                Problem.Type.CONFLICT,
                object + " cannot be purged: what it belongs to is declared by now");
          }
          return new Found(
              o,
              tx.resources()
                  .find(o.hypervisor())
                  .orElseThrow()
                  .as(HypervisorSpec.class, HypervisorStatus.class));
        });
    Orphan orphan = found.orphan();
    refuse(orphan);
    try {
      remove(caller, orphan, found.hypervisor());
    } catch (DriverException e) {
      throw ProblemException.of(
          e.kind() == FaultKind.UNREACHABLE ? Problem.Type.UNAVAILABLE : Problem.Type.CONFLICT,
          object + " could not be purged: " + e.forUser());
    } catch (Busy e) {
      throw ProblemException.of(
          Problem.Type.UNAVAILABLE, "too much goes on on " + found.hypervisor().title());
    }
  }

  private void refuse(Orphan orphan) {
    objection(orphan, clock.instant())
        .ifPresent(why -> {
          throw ProblemException.of(
              Problem.Type.CONFLICT, orphan.object() + " cannot be purged: " + why);
        });
  }

  private void remove(
      Caller caller, Orphan orphan, Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    if (orphan.what() == What.DATA_DISK) {
      store.write(tx -> {
        take(tx, orphan);
        tx.quarantine().put(entry(tx, orphan, "default"));
        note(tx, caller, orphan, "was put into quarantine");
      });
      return;
    }
    if (act(orphan, hypervisor) instanceof Outcome.Running) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          hypervisor.title() + " is still at it; ask for it again in a minute");
    }
    store.write(tx -> {
      var _ = tx.orphans().remove(orphan.hypervisor(), orphan.object());
      note(tx, caller, orphan, "was taken away");
      if (orphan.what() == What.MACHINE) {
        tx.nudges().nudgeAll(Invariants.all(tx, Kind.NETWORK).stream().map(Resource::uid).toList());
      }
    });
  }

  private Outcome act(Orphan orphan, Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    return switch (orphan.what()) {
      case MACHINE -> purge(orphan.uid(), hypervisor);
      case SYSTEM_DISK ->
          disposal.delete(hypervisor, ObjectName.parse(orphan.object()).orElseThrow());
      case MEDIUM ->
          outside.call(
              hypervisor,
              d ->
                  MachineActs.facet(d, HypervisorDriver::media, "cannot delete media")
                      .delete(ObjectName.parse(orphan.object()).orElseThrow()));
      case DATA_DISK -> throw new IllegalArgumentException(orphan.object() + " holds data");
    };
  }

  /**
   * Only what is gone is withdrawn, or a machine that runs on would not be found any more. Nobody
   * knows on which network it was, so each of them sees to it, and one whose services are away does
   * so when they are back.
   */
  private Outcome purge(UUID machine, Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    Mark mark = new Mark(store.read(Tx::installation), machine, 0);
    if (!outside.call(hypervisor, d -> d.observe(new Scope.One(machine))).complete()) {
      throw new DriverException(
          FaultKind.UNREACHABLE, hypervisor.title() + " does not tell all of it");
    }
    // Before the act: what a server leaves that dies after it is found to be gone, and forgotten.
    store.write(tx -> tx.orphans().purge(machine));
    return outside.call(hypervisor, d -> Collect.removeOrRelease(d, mark));
  }

  /** A data disk is decided about once: since it was looked up it may have become a Volume's. */
  private static void take(Tx tx, Orphan orphan) {
    String object = orphan.object();
    if (!tx.orphans().remove(orphan.hypervisor(), object)
        || tx.resources().hasDisk(object)
        || tx.quarantine().ofDisk(object).isPresent()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          object + " is no orphan any more: a Volume has it, or it is in quarantine");
    }
  }

  private static void note(Tx tx, Caller caller, Orphan orphan, String what) {
    tx.resources()
        .find(orphan.hypervisor())
        .ifPresent(h ->
            tx.journal()
                .note(
                    Kind.HYPERVISOR,
                    h.project(),
                    h.uid(),
                    h.name(),
                    "OrphanPurged",
                    "The orphan "
                        + orphan.object()
                        + " "
                        + what
                        + " at the request of "
                        + caller.name()
                        + "."));
  }

  /**
   * Makes a data disk that nobody has a Volume, with all that is on it.
   *
   * @param name of the Volume
   * @throws ProblemException NOT_FOUND; CONFLICT if it is no data disk, or the name is taken
   */
  public Operation adopt(Tx tx, Caller caller, String object, String project, String name) {
    Orphan orphan = one(tx, object);
    if (orphan.what() != What.DATA_DISK) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, object + " is no data disk, and only these can be adopted");
    }
    take(tx, orphan);
    Quarantine.Entry entry = entry(tx, orphan, project);
    tx.quarantine().put(entry);
    return restore.adopt(tx, caller, project, entry.uid().toString(), name);
  }

  /** As if a Volume of it had been deleted just now. */
  private Quarantine.Entry entry(Tx tx, Orphan orphan, String project) {
    Instant now = clock.instant();
    Resource<?, ?> hypervisor = tx.resources().find(orphan.hypervisor()).orElseThrow();
    // There may be the volume itself, of which this is an older copy.
    boolean taken =
        tx.resources().find(orphan.uid()).isPresent()
            || tx.quarantine().list(null).stream().anyMatch(e -> e.uid().equals(orphan.uid()));
    UUID uid = taken ? Ids.next(() -> now) : orphan.uid();
    String brief = Ids.brief(uid);
    ByteSize size = Objects.requireNonNull(orphan.size(), "a disk has a size");
    boolean seen = new Lookup(tx).find(Kind.HYPERVISOR, project, hypervisor.name()).isPresent();
    return new Quarantine.Entry(
        new Resource<>(
            Kind.VOLUME,
            new Metadata(
                "orphan-" + brief,
                seen ? project : hypervisor.project(),
                Map.of(),
                Map.of(),
                uid,
                1,
                1,
                now,
                null),
            new VolumeSpec(
                size,
                hypervisor.name(),
                VolumeSpec.Reclaim.RETAIN,
                QUARANTINE_DAYS,
                null,
                null,
                null),
            new VolumeStatus(List.of(), orphan.object(), "mw-" + brief, size, null, null)),
        orphan.hypervisor(),
        orphan.object(),
        now,
        now.plus(Duration.ofDays(QUARANTINE_DAYS)),
        false);
  }

  private static Orphan one(Tx tx, String object) {
    List<Orphan> found =
        tx.orphans().list().stream().filter(o -> o.object().equals(object)).toList();
    if (found.isEmpty()) {
      throw ProblemException.of(Problem.Type.NOT_FOUND, "no orphan is called " + object);
    }
    if (found.size() > 1) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          object
              + " is on "
              + found.size()
              + " hypervisors; remove one with the hypervisor's tools");
    }
    return found.getFirst();
  }
}

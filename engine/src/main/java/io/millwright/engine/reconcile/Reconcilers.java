package io.millwright.engine.reconcile;

import io.millwright.engine.outside.Busy;
import io.millwright.engine.port.Reconcile;
import io.millwright.engine.port.Resources.Tombstone;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.MachineReconciler.Subject;
import io.millwright.engine.request.Approving;
import io.millwright.engine.request.Expire;
import io.millwright.engine.watch.Webhooks;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.WebhookSpec;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends each nudge to the reconciler of its kind. */
public final class Reconcilers implements Reconcile {
  private static final Logger LOG = LoggerFactory.getLogger(Reconcilers.class);

  private final Store store;
  private final InstantSource clock;
  private final LongSupplier ticks;
  private final MachineReconciler machines;
  private final HypervisorReconciler hypervisors;
  private final ImageReconciler images;
  private final VolumeReconciler volumes;
  private final SnapshotReconciler snapshots;
  private final NetworkReconciler networks;
  private final GroupReconciler groups;
  private final PoolReconciler pools;
  private final SourceReconciler sources;
  private final Expire expire;
  private final Approving approving;
  private final Webhooks webhooks;
  private final Set<UUID> busy = ConcurrentHashMap.newKeySet();

  public Reconcilers(
      Store store,
      InstantSource clock,
      LongSupplier ticks,
      MachineReconciler machines,
      HypervisorReconciler hypervisors,
      ImageReconciler images,
      VolumeReconciler volumes,
      SnapshotReconciler snapshots,
      NetworkReconciler networks,
      GroupReconciler groups,
      PoolReconciler pools,
      SourceReconciler sources,
      Expire expire,
      Approving approving,
      Webhooks webhooks) {
    this.store = store;
    this.clock = clock;
    this.ticks = ticks;
    this.machines = machines;
    this.hypervisors = hypervisors;
    this.images = images;
    this.volumes = volumes;
    this.snapshots = snapshots;
    this.networks = networks;
    this.groups = groups;
    this.pools = pools;
    this.sources = sources;
    this.expire = expire;
    this.approving = approving;
    this.webhooks = webhooks;
  }

  /** What is to be done next for what was nudged. */
  private interface Work {
    Optional<Duration> go();
  }

  /**
   * Reads what was nudged and takes up its operation in one transaction, for there are many nudges.
   * The operation comes first: what was declared before that is what it works towards.
   */
  private Work look(Tx tx, UUID uid) {
    // What ends is deleted before anything else is done with it.
    Optional<Duration> ends = expire.look(tx, uid);
    Run run = Run.claim(tx, store, clock, ticks, uid).orElse(null);
    Optional<Resource<?, ?>> found = tx.resources().find(uid);
    if (found.isEmpty()) {
      approving.look(tx, uid);
      webhooks.forget(uid);
      Optional<Tombstone> gone = tx.resources().tombstone(uid);
      return () -> gone.flatMap(machines::collect);
    }
    Resource<?, ?> r = found.get();
    return switch (r.spec()) {
      case MachineSpec _ -> {
        Subject machine = Subject.read(tx, r.as(MachineSpec.class, MachineStatus.class));
        yield () -> sooner(ends, machines.reconcile(machine, run));
      }
      case HypervisorSpec _ ->
          () -> hypervisors.reconcile(r.as(HypervisorSpec.class, HypervisorStatus.class), run);
      case ImageSpec _ -> () -> images.reconcile(r.as(ImageSpec.class, ImageStatus.class), run);
      case VolumeSpec _ -> () -> volumes.reconcile(r.as(VolumeSpec.class, VolumeStatus.class), run);
      case SnapshotSpec _ ->
          () -> snapshots.reconcile(r.as(SnapshotSpec.class, SnapshotStatus.class), run);
      case NetworkSpec _ ->
          () -> networks.reconcile(r.as(NetworkSpec.class, NetworkStatus.class), run);
      case GroupSpec _ -> () -> groups.reconcile(r.as(GroupSpec.class, GroupStatus.class), run);
      case PoolSpec _ -> () -> pools.reconcile(r.as(PoolSpec.class, PoolStatus.class), run);
      case SourceSpec _ -> () -> sources.reconcile(r.as(SourceSpec.class, SourceStatus.class));
      case WebhookSpec _ -> () -> webhooks.tell(r.as(WebhookSpec.class, PlainStatus.class));
      default -> Optional::empty; // sizes, profiles and offers have no outside part
    };
  }

  private static Optional<Duration> sooner(Optional<Duration> a, Optional<Duration> b) {
    return Stream.concat(a.stream(), b.stream()).min(Comparator.naturalOrder());
  }

  /**
   * A hypervisor tells that a machine changed. What it tells of one that is being worked on here is
   * mostly the echo of that work; whatever else it is, the next round finds.
   *
   * <p>It is told on a thread of the driver's, which must not die of a database that is away.
   */
  public void heard(UUID machine) {
    if (busy.contains(machine)) {
      return;
    }
    try {
      store.write(tx -> tx.nudges().nudge(machine));
    } catch (RuntimeException e) {
      LOG.info("an event of {} was missed: {}", machine, e.toString());
    }
  }

  @Override
  public Optional<Duration> reconcile(UUID uid) {
    busy.add(uid);
    try {
      return store.inTransaction(tx -> look(tx, uid)).go();
    } catch (Lost e) {
      return Optional.empty(); // whoever took over goes on
    } catch (Busy e) {
      return Optional.of(e.retryIn());
    } catch (ProblemException e) {
      LOG.warn("{}: {}", uid, e.problem().detail());
      return Optional.of(Duration.ofSeconds(2));
    } catch (RuntimeException e) {
      LOG.error("reconciling {} failed", uid, e);
      return Optional.of(Duration.ofSeconds(10));
    } finally {
      busy.remove(uid);
    }
  }
}

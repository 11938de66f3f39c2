package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.Status;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Tells of volumes and snapshots whose disk is not as it was left: gone, or of another size.
 * Nothing is done about it, for an empty disk in the place of a lost one would hide the loss.
 */
final class DiskWatch {
  /** By less a disk may be larger than was asked for: storages round up to their extents. */
  private static final long EXTENT_MIB = 64;

  private static final String MADE = "Made";
  private static final String GONE = "DiskGone";
  private static final String CHANGED = "DiskChanged";

  private final Store store;
  private final Outside outside;
  private final InstantSource clock;

  DiskWatch(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
  }

  /** A disk whose content is declared to be kept. */
  private record Kept(ObjectName name, ByteSize size) {}

  /** What a condition Ready says, without its time. */
  private record Ready(boolean value, String reason, String message) {}

  /** True if its condition says something else than this listing, which has to be a whole one. */
  static boolean isNews(Resource<?, ?> resource, HypervisorReconciler.Index index, String place) {
    return kept(resource, place)
        .flatMap(kept -> news(resource, kept, index.of(kept.name().mark().uid()), place))
        .isPresent();
  }

  /** False if its disk was never made, or is known to be lost. */
  static boolean isThere(Resource<VolumeSpec, VolumeStatus> volume) {
    return volume.status().object() != null && !isGone(volume);
  }

  /** True if its disk is known to be lost. */
  static boolean isGone(Resource<?, ?> resource) {
    return told(resource).filter(ready -> ready.reason().equals(GONE)).isPresent();
  }

  /** What was told of its disk, as long as that is not over. */
  static Optional<Condition> told(Resource<?, ?> resource) {
    return Condition.find(resource.status().conditions(), Condition.READY).filter(DiskWatch::ours);
  }

  private static boolean ours(Condition ready) {
    return ready.reason().equals(GONE) || ready.reason().equals(CHANGED);
  }

  /** Looks once more, for since the listing one may have been made or have grown, and tells. */
  void tell(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, Collection<Resource<?, ?>> listed) {
    if (listed.isEmpty()) {
      return;
    }
    Observation seen;
    try {
      seen = outside.call(hypervisor, d -> d.observe(new Scope.All()));
    } catch (DriverException | Busy e) {
      return; // the next round sees it again
    }
    if (seen.complete()) {
      HypervisorReconciler.Index again = HypervisorReconciler.Index.of(seen);
      listed.forEach(resource -> tell(hypervisor.name(), resource, again));
    }
  }

  private void tell(String place, Resource<?, ?> listed, HypervisorReconciler.Index again) {
    Kept kept = kept(listed, place).orElseThrow();
    store.write(tx -> {
      Resource<?, ?> resource = tx.resources().lock(listed.uid()).orElse(null);
      if (resource == null || !kept(resource, place).equals(Optional.of(kept))) {
        return;
      }
      news(resource, kept, again.of(kept.name().mark().uid()), place)
          // That it is back is what work may be waiting for; all else may be that work's own doing.
          .filter(ready -> isBack(resource, ready) || !isWorkedOn(tx, resource))
          .ifPresent(ready -> write(tx, resource, ready));
    });
  }

  private static boolean isBack(Resource<?, ?> resource, Ready ready) {
    return ready.reason().equals(MADE) && told(resource).isPresent();
  }

  /** Also by the machine that has it, whose move may just be about to take the disk elsewhere. */
  private static boolean isWorkedOn(Tx tx, Resource<?, ?> resource) {
    return tx.operations().active(resource.uid()).isPresent()
        || tx.resources().referrers(resource.uid(), 10).stream()
            .anyMatch(other -> tx.operations().active(other.uid()).isPresent());
  }

  private static Optional<Kept> kept(Resource<?, ?> resource, String place) {
    if (resource.deleting()) {
      return Optional.empty();
    }
    return switch (resource.status()) {
      case VolumeStatus s when s.copy() == null -> kept(s.object(), s.size());
      case SnapshotStatus s
          when s.stage() == SnapshotStatus.Stage.TAKEN && place.equals(s.hypervisor()) ->
          kept(s.object(), s.size());
      default -> Optional.empty();
    };
  }

  private static Optional<Kept> kept(@Nullable String object, @Nullable ByteSize size) {
    return object == null || size == null
        ? Optional.empty()
        : ObjectName.parse(object).map(name -> new Kept(name, size));
  }

  private void write(Tx tx, Resource<?, ?> resource, Ready ready) {
    Condition condition =
        MachineReconciler.condition(
            Condition.READY, ready.value(), ready.reason(), ready.message(), clock.instant());
    List<Condition> next = Condition.set(resource.status().conditions(), condition);
    Status status =
        switch (resource.status()) {
          case VolumeStatus s -> s.withConditions(next);
          case SnapshotStatus s -> s.withConditions(next);
          default -> throw new IllegalStateException(resource.title() + " has no disk");
        };
    tx.resources().updateStatus(resource.uid(), status, ready.reason(), ready.message());
  }

  /** What is to be told; nothing if that was done already. */
  private static Optional<Ready> news(
      Resource<?, ?> resource, Kept kept, Observation seen, String place) {
    Condition told = Condition.find(resource.status().conditions(), Condition.READY).orElse(null);
    if (told == null) {
      return Optional.empty();
    }
    boolean ready = told.value() == Condition.Value.TRUE;
    Ready now = now(kept, seen, place);
    // A growth that failed, say, was told; it stays so unless it is the disk that failed it.
    boolean same =
        ours(told) ? now.message().equals(told.message()) : ready && now.reason().equals(MADE);
    return same ? Optional.empty() : Optional.of(now);
  }

  private static Ready now(Kept kept, Observation seen, String place) {
    Optional<Observation.Disk> disk =
        seen.disks().stream().filter(d -> d.name().equals(kept.name())).findFirst();
    if (disk.isEmpty()) {
      return new Ready(
          false,
          GONE,
          "Its disk %s is not on hypervisor %s any more. No empty one is made in its place: bring it back under this name, or delete this."
              .formatted(kept.name(), place));
    }
    ByteSize size = disk.get().size();
    long more = size.mib() - kept.size().mib();
    return 0 <= more && more < EXTENT_MIB
        ? new Ready(true, MADE, "Its disk is there.")
        : new Ready(
            more > 0, // what is on it can be whole still
            CHANGED,
            "Its disk %s on hypervisor %s has %s and had %s: somebody else has changed it."
                .formatted(kept.name(), place, size, kept.size()));
  }
}

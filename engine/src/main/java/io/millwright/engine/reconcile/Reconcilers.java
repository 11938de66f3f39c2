package io.millwright.engine.reconcile;

import io.millwright.engine.outside.Busy;
import io.millwright.engine.port.Reconcile;
import io.millwright.engine.port.Resources.Tombstone;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Operation;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends each nudge to the reconciler of its kind. */
public final class Reconcilers implements Reconcile {
  private static final Logger LOG = LoggerFactory.getLogger(Reconcilers.class);

  private final Store store;
  private final MachineReconciler machines;
  private final HypervisorReconciler hypervisors;
  private final ImageReconciler images;
  private final VolumeReconciler volumes;
  private final NetworkReconciler networks;

  public Reconcilers(
      Store store,
      MachineReconciler machines,
      HypervisorReconciler hypervisors,
      ImageReconciler images,
      VolumeReconciler volumes,
      NetworkReconciler networks) {
    this.store = store;
    this.machines = machines;
    this.hypervisors = hypervisors;
    this.images = images;
    this.volumes = volumes;
    this.networks = networks;
  }

  /** What was nudged, read in one transaction: there are many nudges. */
  private record Look(
      @Nullable Resource<?, ?> resource, @Nullable Operation active, @Nullable Tombstone gone) {

    static Look at(Tx tx, UUID uid) {
      Optional<Resource<?, ?>> found = tx.resources().find(uid);
      if (found.isEmpty()) {
        return new Look(null, null, tx.resources().tombstone(uid).orElse(null));
      }
      boolean machine = found.get().kind() == Kind.MACHINE;
      return new Look(found.get(), machine ? tx.operations().active(uid).orElse(null) : null, null);
    }
  }

  @Override
  public Optional<Duration> reconcile(UUID uid) {
    try {
      Look look = store.read(tx -> Look.at(tx, uid));
      Resource<?, ?> r = look.resource();
      if (r == null) {
        Tombstone gone = look.gone();
        return gone == null ? Optional.empty() : machines.collect(gone);
      }
      return switch (r.spec()) {
        case MachineSpec _ ->
            machines.reconcile(r.as(MachineSpec.class, MachineStatus.class), look.active());
        case HypervisorSpec _ ->
            hypervisors.reconcile(r.as(HypervisorSpec.class, HypervisorStatus.class));
        case ImageSpec _ -> images.reconcile(r.as(ImageSpec.class, ImageStatus.class));
        case VolumeSpec _ -> volumes.reconcile(r.as(VolumeSpec.class, VolumeStatus.class));
        case NetworkSpec _ -> networks.reconcile(r.as(NetworkSpec.class, NetworkStatus.class));
        default -> Optional.empty(); // sizes and profiles have no outside part
      };
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
    }
  }
}

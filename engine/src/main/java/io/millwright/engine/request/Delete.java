package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Groups;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.ImageSpec;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.OfferSpec;
import io.millwright.model.Operation;
import io.millwright.model.OwnerSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SourceSpec;
import io.millwright.model.Spec;
import io.millwright.model.VolumeSpec;
import io.millwright.model.WebhookSpec;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Asks for a resource to go. */
public final class Delete {
  private final Store store;
  private final InstantSource clock;

  public Delete(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * Deletes; what has a part in the outside world is deleted by an operation.
   *
   * @param revision that the caller saw, or null
   * @return the operation, or nothing if it is gone already
   * @throws ProblemException NOT_FOUND, PRECONDITION, or CONFLICT if another resource needs it
   */
  public Optional<Operation> delete(
      Caller caller, Kind kind, String project, String name, @Nullable Long revision) {
    return store.inTransaction(tx -> delete(tx, caller, kind, project, name, revision));
  }

  /** As the other one, as a part of a larger transaction. */
  public Optional<Operation> delete(
      Tx tx, Caller caller, Kind kind, String project, String name, @Nullable Long revision) {
    Resource<?, ?> found =
        tx.resources()
            .lockAlone(kind, project, name) // or it could come into use when it was found not to be
            .orElseThrow(() -> Missing.of(tx, kind, project, name));
    if (revision != null && found.metadata().revision() != revision) {
      throw ProblemException.of(
          Problem.Type.PRECONDITION,
          found.title() + " was changed by somebody else; read it again");
    }
    if (found.deleting()) {
      return tx.operations().active(found.uid());
    }
    Members.refuse(
        tx,
        found,
        found.metadata().labels().containsKey(Names.TRIAL)
            ? "it goes by itself; to stop the build, cancel that image's operation"
            : found.metadata().labels().containsKey(Names.POOL)
                ? "claim it first, or apply the pool with a smaller spec.ready"
                : "to have it go, annotate it with "
                    + Names.LEAVE_FIRST
                    + "=true and scale the group in");
    refuse(tx, found);
    if (!outside(found.spec())) {
      tx.resources().remove(found.uid());
      return Optional.empty();
    }
    return Optional.of(begin(tx, caller, found));
  }

  /** Deletes a machine of a group for that group, unless that goes on already. */
  public void member(Tx tx, Caller caller, UUID machine) {
    tx.resources()
        .lock(machine)
        .filter(m -> !m.deleting())
        .ifPresent(found -> begin(tx, caller, found));
  }

  private Operation begin(Tx tx, Caller caller, Resource<?, ?> found) {
    Resource<?, ?> going = going(found, clock.instant());
    tx.resources().update(going);
    if (found.kind() == Kind.MACHINE) {
      // They are nothing without it, and it goes only when they are gone.
      Snapshots.of(tx, found.uid()).stream()
          .filter(s -> !s.deleting())
          .forEach(s -> begin(tx, caller, s));
    }
    return Begin.operation(tx, going, Operation.Verb.DELETE, caller.name(), clock);
  }

  /** The same, from this moment on being deleted. */
  static Resource<?, ?> going(Resource<?, ?> found, Instant now) {
    return new Resource<>(
        found.kind(), found.metadata().deleted(now), found.spec(), found.status());
  }

  /** True if something outside has to go with it. */
  private static boolean outside(Spec spec) {
    return switch (spec) {
      // What a source declared stays: it belongs to nobody then.
      case SizeSpec _, ProfileSpec _, SourceSpec _, WebhookSpec _, OfferSpec _ -> false;
      // A machine that has just left it may have something published there still.
      case NetworkSpec network -> network.services() != null;
      case HypervisorSpec _,
          ImageSpec _,
          VolumeSpec _,
          MachineSpec _,
          SnapshotSpec _,
          OwnerSpec _ ->
          true;
    };
  }

  private static void refuse(Tx tx, Resource<?, ?> found) {
    List<UUID> own =
        found.kind() == Kind.IMAGE
            ? tx.groups().members(found.uid()).stream().map(Groups.Member::uid).toList()
            : List.of();
    List<Resource<?, ?>> users =
        tx.resources().referrers(found.uid(), 6 + own.size()).stream()
            .filter(user -> !own.contains(user.uid()) && user.kind() != Kind.SNAPSHOT)
            .toList();
    if (!users.isEmpty()) {
      String some = users.stream().limit(5).map(Resource::title).collect(Collectors.joining(", "));
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.title()
              + " is in use by "
              + some
              + (users.size() > 5 ? " and others" : "")
              + "; delete these first");
    }
    List<Resource<?, ?>> placed =
        found.kind() == Kind.HYPERVISOR ? tx.resources().on(found.uid()) : List.of();
    if (!placed.isEmpty()) {
      // Most machines do not name the hypervisor that was chosen for them.
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.title()
              + " has "
              + placed.getFirst().title()
              + (placed.size() > 1 ? " and " + (placed.size() - 1) + " others" : "")
              + " on it; delete these first");
    }
    if (found.kind() == Kind.HYPERVISOR && tx.resources().elsewhere(found.name())) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.title()
              + " still has something of a machine that was moved from it; wait until that is"
              + " removed");
    }
    List<Quarantine.Entry> kept =
        found.kind() == Kind.HYPERVISOR ? tx.quarantine().on(found.uid()) : List.of();
    if (!kept.isEmpty()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.title()
              + " has "
              + kept.size()
              + " disks of deleted volumes in quarantine on it, the last one until "
              + kept.stream().map(Quarantine.Entry::until).max(Instant::compareTo).orElseThrow()
              + "; restore them or wait. If its host is gone for good, point it at an empty one, on"
              + " which what was there counts as gone");
    }
    if (found.spec() instanceof SnapshotSpec) {
      Snapshots.keptFor(tx, found.as(SnapshotSpec.class, SnapshotStatus.class))
          .ifPresent(reason -> {
            throw ProblemException.of(Problem.Type.CONFLICT, reason);
          });
    }
    if (found.spec() instanceof VolumeSpec v && v.reclaim() == VolumeSpec.Reclaim.RETAIN) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.title()
              + " is kept by its reclaim policy; to delete it, apply it with spec.reclaim: delete"
              + " first");
    }
  }
}

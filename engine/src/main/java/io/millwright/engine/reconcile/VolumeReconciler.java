package io.millwright.engine.reconcile;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Makes volumes and lets them grow.
 *
 * <p>Nothing in here deletes a disk: that of a volume which is deleted goes into quarantine.
 */
public final class VolumeReconciler {
  /** How often is looked whether what is to go is still in use. */
  static final Duration IN_USE = Duration.ofSeconds(5);

  private final Store store;
  private final Outside outside;
  private final InstantSource clock;

  public VolumeReconciler(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
  }

  Optional<Duration> reconcile(Resource<VolumeSpec, VolumeStatus> volume, @Nullable Run run) {
    return run == null ? Optional.empty() : work(run, volume);
  }

  private Optional<Duration> work(Run run, Resource<VolumeSpec, VolumeStatus> volume) {
    ObjectName name = disk(volume);
    if (volume.deleting()) {
      return quarantine(run, volume, name);
    }
    if (run.operation().cancelRequested()) {
      run.finish(new State.Cancelled(), tx -> {});
      return Optional.empty();
    }
    Resource<HypervisorSpec, HypervisorStatus> host = store.read(tx -> host(tx, volume));
    boolean exists = volume.status().object() != null;
    run.plan(steps(run.operation().verb(), volume, name.toString()));
    try {
      if (run.next().isPresent()) {
        run.begin(new State.Running());
        Outcome outcome =
            outside.call(
                host,
                d -> {
                  Disks disks = MachineActs.facet(d, HypervisorDriver::disks, "cannot make disks");
                  // Growing to the size that it has makes sure that it is there.
                  return exists
                      ? disks.grow(name, volume.spec().size())
                      : disks.create(name, volume.spec().size(), null);
                });
        if (outcome instanceof Outcome.Running going) {
          run.going(new State.Running(), null, going.token());
          return Optional.of(going.pollAfter());
        }
        run.done(null);
      }
    } catch (DriverException e) {
      return fault(run, volume, e);
    }
    run.finish(
        new State.Succeeded(),
        tx -> {
          VolumeStatus now = now(tx, volume);
          VolumeStatus status =
              new VolumeStatus(
                  Condition.set(
                      now.conditions(),
                      MachineReconciler.condition(
                          Condition.READY, true, "Made", "Its disk is there.", clock.instant())),
                  now.object() == null ? name.toString() : now.object(),
                  // virtio-blk cuts serials at 20 characters; these eight of the uid tell it apart.
                  now.serial() == null ? "mw-" + Ids.brief(volume.uid()) : now.serial(),
                  volume.spec().size(),
                  now.filesystemSince(),
                  now.copy());
          tx.resources().updateStatus(volume.uid(), status, "Made", "Its disk is there.");
          tx.nudges()
              .nudgeAll(
                  tx.resources().referrers(volume.uid(), 10).stream().map(Resource::uid).toList());
        });
    return Optional.empty();
  }

  private Optional<Duration> quarantine(
      Run run, Resource<VolumeSpec, VolumeStatus> volume, ObjectName name) {
    Optional<String> use = store.read(tx -> use(tx, volume));
    if (use.isPresent()) {
      run.waitFor("InUse", use.get(), IN_USE);
      return Optional.of(IN_USE);
    }
    run.plan(List.of(new Step.QuarantineVolume(name.toString())));
    run.begin(new State.Running());
    Instant now = clock.instant();
    Instant until = now.plus(Duration.ofDays(volume.spec().quarantineDays()));
    run.done("its disk " + name + " is kept until " + until);
    try {
      run.finish(
          new State.Succeeded(),
          tx -> {
            UUID hypervisor = host(tx, volume).uid();
            tx.quarantine()
                .put(new Quarantine.Entry(volume, hypervisor, name.toString(), now, until, false));
            tx.resources().remove(volume.uid());
          });
    } catch (ProblemException e) {
      run.waitFor("InUse", e.problem().detail(), IN_USE);
      return Optional.of(IN_USE);
    }
    return Optional.empty();
  }

  /**
   * What a resource that is to go is used by, in words. It was used by nothing when that was asked
   * for; but nothing of it may be taken away while it is.
   */
  static Optional<String> use(Tx tx, Resource<?, ?> going) {
    return tx.resources().referrers(going.uid(), 1).stream()
        .findFirst()
        .map(user ->
            going.title()
                + " is in use by "
                + user.title()
                + "; it goes when that is deleted or does without it");
  }

  /** The disk that it has; one that was carried here has another name than the first one. */
  private ObjectName disk(Resource<VolumeSpec, VolumeStatus> volume) {
    return Optional.ofNullable(volume.status().object())
        .flatMap(ObjectName::parse)
        .orElseGet(() ->
            new ObjectName(
                new Mark(store.read(Tx::installation), volume.uid(), 1), ObjectName.DATA));
  }

  private static List<Step> steps(
      Operation.Verb verb, Resource<VolumeSpec, VolumeStatus> volume, String disk) {
    ByteSize size = volume.spec().size();
    if (volume.status().object() == null) {
      return List.of(new Step.CreateVolume(disk, size));
    }
    if (verb == Operation.Verb.RESTORE) {
      return List.of(new Step.RestoreVolume(disk, size));
    }
    // One that was lost, or of which something failed, may be there; that is only seen by asking.
    boolean known =
        Condition.holds(volume.status().conditions(), Condition.READY)
            || DiskWatch.told(volume).isPresent() && !DiskWatch.isGone(volume);
    return size.equals(volume.status().size()) && known
        ? List.of()
        : List.of(new Step.GrowVolume(disk, size));
  }

  private static Resource<HypervisorSpec, HypervisorStatus> host(
      Tx tx, Resource<VolumeSpec, VolumeStatus> volume) {
    return Lookup.get(
        tx,
        Kind.HYPERVISOR,
        volume.project(),
        volume.spec().hypervisor(),
        HypervisorSpec.class,
        HypervisorStatus.class);
  }

  private Optional<Duration> fault(
      Run run, Resource<VolumeSpec, VolumeStatus> volume, DriverException e) {
    run.log(e.forOperator());
    Optional<Duration> delay = RetryPolicy.decide(e.kind(), run.attempts());
    if (delay.isPresent()) {
      run.wait(MachineReconciler.reason(e.kind()), e.forUser(), delay.get(), null);
      return delay;
    }
    run.fail(e);
    String message = MachineReconciler.sentence(e.forUser());
    // One that could be used can be still; of one that could not, nothing says by this that it can.
    Condition ready =
        MachineReconciler.condition(
            Condition.READY,
            volume.status().object() != null
                && Condition.holds(volume.status().conditions(), Condition.READY),
            MachineReconciler.reason(e.kind()),
            message,
            clock.instant());
    run.finish(
        new State.Failed(ready.reason(), e.forUser()),
        tx -> {
          VolumeStatus now = now(tx, volume);
          if (!DiskWatch.isGone(volume)) { // else that is what has to be told of it
            tx.resources()
                .updateStatus(
                    volume.uid(),
                    now.withConditions(Condition.set(now.conditions(), ready)),
                    ready.reason(),
                    message);
          }
        });
    return Optional.empty();
  }

  /** As it is by now: while this one is worked on, its machine's move may write here as well. */
  private static VolumeStatus now(Tx tx, Resource<VolumeSpec, VolumeStatus> volume) {
    return (VolumeStatus) tx.resources().lock(volume.uid()).orElseThrow(Lost::new).status();
  }
}

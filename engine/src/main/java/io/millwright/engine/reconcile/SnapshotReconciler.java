package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.request.Snapshots;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation.State;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SnapshotStatus.Stage;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Takes snapshots, and takes them away. */
public final class SnapshotReconciler {
  private final Store store;
  private final Outside outside;
  private final Disposal disposal;
  private final InstantSource clock;

  public SnapshotReconciler(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.disposal = new Disposal(store, outside, clock);
    this.clock = clock;
  }

  Optional<Duration> reconcile(Resource<SnapshotSpec, SnapshotStatus> snapshot, @Nullable Run run) {
    if (run == null) {
      return Optional.empty();
    }
    if (snapshot.deleting()) {
      return remove(run, snapshot);
    }
    if (snapshot.status().stage() == Stage.TAKEN) {
      run.finish(new State.Succeeded(), tx -> {}); // only words were changed
      return Optional.empty();
    }
    if (run.operation().cancelRequested()) {
      return fail(run, snapshot, "Cancelled", "it was cancelled", new State.Cancelled());
    }
    return snapshot.status().stage() == Stage.FAILED
        ? takeAgain(run, snapshot)
        : take(run, snapshot);
  }

  private Optional<Duration> takeAgain(Run run, Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    Optional<String> objection =
        store.inTransaction(tx -> {
          try {
            SnapshotStatus next = Snapshots.again(tx, snapshot);
            tx.resources().updateStatus(snapshot.uid(), next, "Taking", "It is tried again.");
            return Optional.empty();
          } catch (Snapshots.Objection e) {
            return Optional.of(e.getMessage());
          }
        });
    if (objection.isPresent()) {
      run.finish(new State.Failed("Refused", objection.get()), tx -> {});
      return Optional.empty();
    }
    return Optional.of(Duration.ZERO);
  }

  private Optional<Duration> take(Run run, Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    SnapshotStatus s = snapshot.status();
    MachineStatus.Former system = Objects.requireNonNull(s.system());
    ObjectName to = disk(snapshot);
    run.plan(
        List.of(new Step.CopyDisk(to.toString(), system.disk(), Objects.requireNonNull(s.size()))));
    try {
      if (run.next().isPresent()) {
        run.begin(new State.Running());
        Outcome outcome = MachineActs.copy(outside, host(snapshot), system.disk(), to, s.size());
        if (outcome instanceof Outcome.Running going) {
          run.going(new State.Running(), null, going.token());
          return Optional.of(going.pollAfter());
        }
        run.done(null);
      }
    } catch (DriverException e) {
      run.log(e.forOperator());
      Optional<Duration> delay = RetryPolicy.decide(e.kind(), run.attempts());
      if (delay.isPresent()) {
        run.wait(MachineReconciler.reason(e.kind()), e.forUser(), delay.get(), null);
        return delay;
      }
      run.fail(e);
      String reason = MachineReconciler.reason(e.kind());
      return fail(run, snapshot, reason, e.forUser(), new State.Failed(reason, e.forUser()));
    }
    String message = "It is what the system disk of " + snapshot.spec().machine() + " was.";
    end(run, snapshot, s.taken(clock.instant()), true, "Taken", message, new State.Succeeded());
    return Optional.empty();
  }

  private Optional<Duration> fail(
      Run run,
      Resource<SnapshotSpec, SnapshotStatus> snapshot,
      String reason,
      String message,
      State end) {
    String sentence = MachineReconciler.sentence(message);
    end(run, snapshot, snapshot.status().failed(), false, reason, sentence, end);
    return Optional.empty();
  }

  private void end(
      Run run,
      Resource<SnapshotSpec, SnapshotStatus> snapshot,
      SnapshotStatus next,
      boolean ready,
      String reason,
      String message,
      State end) {
    Condition condition =
        MachineReconciler.condition(Condition.READY, ready, reason, message, clock.instant());
    run.finish(
        end,
        tx -> {
          tx.resources()
              .updateStatus(
                  snapshot.uid(),
                  next.withConditions(Condition.set(next.conditions(), condition)),
                  reason,
                  message);
          // Its machine may have waited for this.
          tx.resources()
              .find(Kind.MACHINE, snapshot.project(), snapshot.spec().machine())
              .ifPresent(m -> tx.nudges().nudge(m.uid()));
        });
  }

  private Optional<Duration> remove(Run run, Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    ObjectName disk = disk(snapshot);
    run.plan(List.of(new Step.DeleteDisk(disk.toString())));
    try {
      if (run.next().isPresent()) {
        run.begin(new State.Running());
        Outcome outcome = disposal.delete(host(snapshot), disk);
        if (outcome instanceof Outcome.Running going) {
          run.going(new State.Running(), null, going.token());
          return Optional.of(going.pollAfter());
        }
        run.done(null);
      }
    } catch (DriverException e) {
      run.log(e.forOperator());
      Duration delay = RetryPolicy.untilDone(run.attempts());
      run.wait(MachineReconciler.reason(e.kind()), e.forUser(), delay, null);
      return Optional.of(delay);
    }
    run.finish(
        new State.Succeeded(),
        tx -> {
          tx.resources()
              .find(Kind.MACHINE, snapshot.project(), snapshot.spec().machine())
              .ifPresent(m -> tx.nudges().nudge(m.uid()));
          tx.resources().remove(snapshot.uid());
        });
    return Optional.empty();
  }

  private static ObjectName disk(Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    return ObjectName.parse(Objects.requireNonNull(snapshot.status().object())).orElseThrow();
  }

  private Resource<HypervisorSpec, HypervisorStatus> host(
      Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    return store.read(tx ->
        Lookup.get(
            tx,
            Kind.HYPERVISOR,
            snapshot.project(),
            String.valueOf(snapshot.status().hypervisor()),
            HypervisorSpec.class,
            HypervisorStatus.class));
  }
}

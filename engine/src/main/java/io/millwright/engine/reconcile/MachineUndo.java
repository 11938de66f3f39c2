package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Page;
import io.millwright.engine.port.Store;
import io.millwright.engine.reconcile.MachineReconciler.Subject;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Snapshots;
import io.millwright.model.Condition;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachinePlanner;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Ends work on a machine that failed or was cancelled: what never came up is taken away again, and
 * what has a system from before goes back to it.
 */
final class MachineUndo {
  /** As what counts, for how long to wait, a look that fails as the one before did. */
  private static final int AGAIN = 4;

  private final Store store;
  private final MachineSight sight;
  private final MachineActs acts;
  private final InstantSource clock;

  MachineUndo(Store store, MachineSight sight, MachineActs acts, InstantSource clock) {
    this.store = store;
    this.sight = sight;
    this.acts = acts;
    this.clock = clock;
  }

  /**
   * Ends without success; a machine that never came up is taken away again. Of one that was never
   * begun there is nothing to take away, so its hypervisor, which may refuse or not answer, need
   * not be asked.
   */
  Optional<Duration> giveUp(
      Run run, Subject subject, String reason, String message, boolean cancelled) {
    if (run.operation().verb() == Verb.RESET) {
      // Nothing was declared by it, so nothing that is declared has failed.
      run.finish(cancelled ? new State.Cancelled() : new State.Failed(reason, message), tx -> {});
      return Optional.empty();
    }
    if (subject.machine().status().readyBy() == null
        && subject.resolved().isPresent()
        && !neverBegun(subject.machine())) {
      State.Undoing undoing = new State.Undoing(reason, message, cancelled);
      run.write(undoing);
      return undo(run, subject, undoing);
    }
    return end(run, subject, reason, message, cancelled);
  }

  /**
   * True if no step of it was ever begun, so that nothing of it can be anywhere, and its hypervisor
   * need not be asked, which may never have answered. Steps are written down before the first of
   * them is begun, and all its operations but this one have ended: what they say is the last word.
   * They must reach back to its creation, for old operations are dropped in time.
   */
  boolean neverBegun(Resource<MachineSpec, MachineStatus> machine) {
    MachineStatus s = machine.status();
    if (machine.spec().foreignMade()
        || s.readyBy() != null
        || s.imageSha256() != null
        || s.former() != null
        || s.elsewhere() != null) {
      return false;
    }
    Page<Operation> all =
        store.read(tx ->
            tx.operations()
                .list(new Operations.Query(null, null, null, null, machine.uid(), 1000, null)));
    return all.next() == null
        && all.items().stream().anyMatch(o -> o.verb() == Verb.CREATE)
        && all.items().stream().allMatch(o -> o.steps().isEmpty());
  }

  /** Another whole system disk; one that was only begun is nothing to go back to. */
  private static boolean isAnother(String found, @Nullable String disk) {
    return !found.equals(disk)
        && ObjectName.parse(found).filter(n -> n.role().equals(ObjectName.PART)).isEmpty();
  }

  Optional<Duration> undo(Run run, Subject begun, State.Undoing before) {
    State.Undoing why = before.withTrouble(null);
    Subject subject = begun;
    ResolvedMachine machine = subject.resolved().orElseThrow();
    try {
      MachineFacts facts = sight.observe(machine, subject.installation());
      MachineStatus.Former former = machine.machine().status().former();
      boolean moving = machine.machine().status().moving();
      if (former != null
          && (moving ? sight.observeThere(machine) : facts)
              .systemDisks()
              .containsKey(former.disk())) {
        machine = turnBack(run, machine, why);
        subject = subject.with(machine);
        if (moving) {
          facts = sight.observe(machine, subject.installation());
        }
      }
      if (machine.machine().status().readyBy() != null) {
        return goBack(run, subject, why, facts);
      }
      String disk = machine.machine().status().disk();
      if (facts.systemDisks().keySet().stream().anyMatch(d -> isAnother(d, disk))) {
        // A rebuild: the disk from before is still there, and nothing may take that away.
        return end(run, subject, why.reason(), why.message(), why.cancelled());
      }
      run.plan(MachinePlanner.undo(facts, machine.machine().spec().foreignMade()).steps());
      Optional<Duration> later = takeBack(run, subject, why);
      if (later.isPresent()) {
        return later;
      }
    } catch (DriverException e) {
      boolean again = e.forUser().equals(before.trouble());
      if (!again) {
        run.log(e.forOperator());
      }
      // What was not even looked at has no step yet that counts how often.
      Duration delay = RetryPolicy.untilDone(Math.max(again ? AGAIN : 1, run.attempts()));
      run.wait(
          MachineReconciler.reason(e.kind()), e.forUser(), delay, why.withTrouble(e.forUser()));
      return Optional.of(delay);
    }
    // Nothing is left of it, so the next try begins with the image as it is then.
    return end(
        run,
        subject.with(machine.with(unpinned(machine))),
        why.reason(),
        why.message(),
        why.cancelled());
  }

  /** Does the steps of an undoing; when to go on if one takes its time. */
  private Optional<Duration> takeBack(Run run, Subject subject, State.Undoing why)
      throws DriverException {
    while (run.next().isPresent()) {
      run.begin(why);
      Outcome outcome =
          acts.act(run, run.next().get(), subject.resolved().orElseThrow(), subject.installation());
      if (outcome instanceof Outcome.Running going) {
        run.going(why, null, going.token());
        return Optional.of(going.pollAfter());
      }
      run.done(null);
    }
    return Optional.empty();
  }

  /**
   * From this commit on the machine's system is the one from before its rebuild. The machine is
   * held by the same commit, so that no crash can make it try again by itself.
   */
  private ResolvedMachine turnBack(Run run, ResolvedMachine r, State.Undoing why) {
    Instant now = clock.instant();
    MachineStatus s = r.machine().status().wentBack();
    if (r.machine().status().moving()) {
      String back =
          "Its move failed, and it goes back to "
              + s.hypervisor()
              + ": "
              + MachineReconciler.sentence(why.message());
      return turnBack(
          run,
          r,
          s.withConditions(
              Condition.set(
                  s.conditions(),
                  MachineReconciler.condition(Move.MOVED, false, why.reason(), back, now))),
          why,
          "GoesBack");
    }
    if (r.machine().status().source() != null) {
      // What is declared has not failed, so nothing is held.
      String back =
          "Its revert failed, and it goes back to its system from before: "
              + MachineReconciler.sentence(why.message());
      MachineStatus kept =
          s.withConditions(
              Condition.set(
                  s.conditions(),
                  MachineReconciler.condition(Snapshots.REVERTED, false, why.reason(), back, now)));
      run.guarded(why, tx -> tx.resources().updateStatus(r.uid(), kept, "GoesBack", back));
      return r.with(kept);
    }
    List<Condition> conditions =
        Condition.set(
            Condition.set(
                s.conditions(),
                MachineReconciler.condition(
                    Condition.HELD, true, why.reason(), held(why.message()), now)),
            MachineReconciler.condition(
                Rebuild.REBUILT,
                false,
                why.reason(),
                "Its rebuild failed, and it goes back to its system from before: "
                    + MachineReconciler.sentence(why.message()),
                now));
    MachineStatus back = s.withConditions(conditions);
    run.guarded(
        why,
        tx ->
            tx.resources()
                .updateStatus(
                    r.uid(),
                    back,
                    "GoesBack",
                    "Its rebuild failed, and it goes back to its system from before."));
    return r.with(back);
  }

  /** As the other one, of a machine that is where it was from this commit on. */
  ResolvedMachine turnBack(
      Run run, ResolvedMachine r, MachineStatus back, State state, String reason) {
    acts.forget(r);
    run.guarded(
        state,
        tx -> {
          Move.turnedBack(tx, r, clock.instant());
          tx.resources()
              .updateStatus(r.uid(), back, reason, "It is on " + back.hypervisor() + " as before.");
        });
    return MachineReconciler.again(store, r);
  }

  /**
   * Brings the system from before a rebuild up again, and takes the new disk away. What it cannot
   * have it does not get, though it is declared: a volume that was not made, for which it goes back
   * perhaps, or that another machine has still, and a card for which there is no network.
   */
  private Optional<Duration> goBack(Run run, Subject begun, State.Undoing why, MachineFacts facts)
      throws DriverException {
    ResolvedMachine made = begun.resolved().orElseThrow().withVolumes(DiskWatch::isThere);
    Set<Resource<VolumeSpec, VolumeStatus>> held = sight.heldElsewhere(made, facts).keySet();
    Subject subject =
        begun.with(sight.withCardsThatCanBe(made.withVolumes(v -> !held.contains(v))));
    ResolvedMachine machine = subject.resolved().orElseThrow();
    run.plan(sight.plan(machine, subject.installation(), facts).steps());
    Optional<Duration> later = takeBack(run, subject, why);
    if (later.isPresent()) {
      return later;
    }
    MachineStatus s = machine.machine().status();
    Power power = machine.machine().spec().power();
    Condition up =
        Condition.find(Settled.settled(s, power, clock.instant()), Condition.READY).orElseThrow();
    MachineStatus next =
        Settled.gathered(s.withPower(power).withConditions(Condition.set(s.conditions(), up)));
    run.finish(
        why.cancelled()
            ? new State.Cancelled()
            : new State.Failed(
                why.reason(), why.message() + "; the machine is back on its system from before"),
        tx -> {
          if (s.elsewhere() != null) {
            Move.gathered(tx, machine);
          }
          Settled.tell(tx, machine.uid(), next);
        });
    return Optional.empty();
  }

  private static MachineStatus unpinned(ResolvedMachine machine) {
    return machine.machine().status().unbooted().withPower(null).withImage(null);
  }

  /** Whoever is told that it is held has not seen what failed. */
  private static String held(String why) {
    return MachineReconciler.sentence(why) + " Apply it again to try again.";
  }

  private Optional<Duration> end(
      Run run, Subject subject, String reason, String message, boolean cancelled) {
    Instant now = clock.instant();
    // What was stopped for a change that then failed is down, however well it was before.
    MachineStatus s =
        run.halted() ? subject.machine().status().withPower(Power.OFF) : subject.machine().status();
    List<Condition> conditions =
        Condition.set(
            Condition.set(
                s.conditions(),
                MachineReconciler.condition(Condition.HELD, true, reason, held(message), now)),
            s.readyBy() == null || run.halted()
                ? MachineReconciler.condition(
                    Condition.READY, false, reason, MachineReconciler.sentence(message), now)
                : Condition.find(s.conditions(), Condition.READY)
                    .orElseGet(() ->
                        MachineReconciler.condition(
                            Condition.READY,
                            false,
                            reason,
                            MachineReconciler.sentence(message),
                            now)));
    run.finish(
        cancelled ? new State.Cancelled() : new State.Failed(reason, message),
        tx ->
            tx.resources()
                .updateStatus(
                    subject.machine().uid(),
                    s.withConditions(conditions),
                    reason,
                    MachineReconciler.sentence(message)));
    return Optional.empty();
  }
}

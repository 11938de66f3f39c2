package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Resources.Tombstone;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.MachineReconciler.Subject;
import io.millwright.engine.reconcile.ReadyCheck.Ready;
import io.millwright.engine.request.Begin;
import io.millwright.engine.request.Members;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Rebuild;
import io.millwright.model.Condition;
import io.millwright.model.DriftPolicy;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.planner.GroupPlanner;
import io.millwright.planner.MachineDrift;
import io.millwright.planner.MachineDrift.Difference;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachinePlanner;
import io.millwright.planner.MovePlanner;
import io.millwright.planner.Plan;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Looks at machines with which nothing is to be done, and at what is left of those that are gone.
 */
final class Unattended {
  /** Who asks for what is done about drift, in its operation. */
  private static final Caller DRIFT = new Caller("drift");

  private static final String WAITS =
      "it is put right once its group can do without it, of which no other member may be"
          + " unavailable now";

  /** So many events back something counts as told. */
  private static final int LATELY = 3;

  private final Store store;
  private final Outside outside;
  private final MachineSight sight;
  private final MachineActs acts;
  private final ReadyCheck readyCheck;
  private final Disposal disposal;
  private final Rebuild rebuild;
  private final InstantSource clock;

  Unattended(
      Store store,
      Outside outside,
      MachineSight sight,
      MachineActs acts,
      ReadyCheck readyCheck,
      Disposal disposal,
      Rebuild rebuild,
      InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.sight = sight;
    this.acts = acts;
    this.readyCheck = readyCheck;
    this.disposal = disposal;
    this.rebuild = rebuild;
    this.clock = clock;
  }

  /** Looks at a machine on which there is no work. */
  Optional<Duration> look(Subject subject) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
    if (machine.status().hypervisor() == null) {
      return Optional.empty();
    }
    if (Condition.holds(machine.status().conditions(), Condition.HELD)) {
      return lookAtHeld(subject);
    }
    ResolvedMachine resolved = subject.resolved().orElseThrow();
    hearLateReport(resolved);
    Plan plan;
    List<Difference> differences;
    boolean runs;
    try {
      MachineGoal goal = MachineGoals.goal(resolved, subject.installation());
      if (goal.sha256() == null) {
        return Optional.empty();
      }
      MachineFacts facts = sight.observe(resolved, subject.installation());
      plan = sight.plan(resolved, subject.installation(), facts);
      differences = plan.empty() ? List.of() : differences(resolved, goal, facts);
      runs = facts.vm() != null && facts.vm().running();
    } catch (DriverException e) {
      return Optional.empty(); // the hypervisor's own round says so, and looks again
    }
    if (plan.empty()
        && Condition.find(machine.status().conditions(), MachineReconciler.DRIFTED).isEmpty()) {
      return Optional.empty();
    }
    boolean stops = runs && plan.steps().stream().anyMatch(s -> s instanceof Step.Stop);
    try {
      atRest(
          machine,
          (tx, locked, spared) -> {
            // It is its group's to say when a member is stopped for what was declared of it.
            if (!runs || tx.groups().find(machine.uid()).filter(Member::due).isEmpty()) {
              answer(tx, locked, differences, stops && !spared, runs && !spared);
            }
          });
    } catch (ProblemException e) {
      // Nothing of that was written. It stays as it is, and says why, until one of the two changes.
      String why = e.problem().detail();
      atRest(
          machine,
          (tx, locked, _) ->
              tellDrift(tx, locked, differences, "its rebuild by its policy is refused: " + why));
    }
    return Optional.empty();
  }

  /** What is done with a machine at rest, which is locked, as is its group. */
  private interface AtRest {
    void on(Tx tx, Resource<MachineSpec, MachineStatus> locked, boolean spared);
  }

  /** Does it, unless the machine was declared anew or is worked on by now. */
  private void atRest(Resource<MachineSpec, MachineStatus> machine, AtRest act) {
    store.write(tx -> {
      boolean spared = canBeSpared(tx, machine.uid());
      Resource<MachineSpec, MachineStatus> locked =
          tx.resources()
              .lock(machine.uid())
              .orElseThrow(Lost::new)
              .as(MachineSpec.class, MachineStatus.class);
      if (locked.generation() == machine.generation()
          && !locked.deleting()
          && tx.operations().active(machine.uid()).isEmpty()) {
        act.on(tx, locked, spared);
      }
    });
  }

  private static List<Difference> differences(
      ResolvedMachine r, MachineGoal goal, MachineFacts facts) {
    List<Difference> out = new ArrayList<>(MachineDrift.between(goal, facts));
    if (r.elsewhere() != null) {
      out.add(new Difference("elsewhere", "nothing", "something on " + r.elsewhere().name()));
    }
    return List.copyOf(out);
  }

  /** True if it says that it is ready, and does not run. */
  static boolean wentDown(Resource<MachineSpec, MachineStatus> machine, Observation seen) {
    return Condition.holds(machine.status().conditions(), Condition.READY)
        && seen.complete()
        && seen.machine(machine.uid())
            .filter(vm -> vm.state() == Observation.State.RUNNING)
            .isEmpty();
  }

  /**
   * What a move left on another hypervisor goes, whatever change has failed since: it is neither
   * what was declared nor a way back. There is no operation that would tell of it, so events do:
   * before anything is done, and when it is or cannot be.
   */
  private Optional<Duration> takeLeavings(Subject subject) {
    ResolvedMachine r = subject.resolved().orElseThrow();
    MachineStatus s = r.machine().status();
    try {
      MachineGoal goal = MachineGoals.goal(r, subject.installation());
      List<Step> steps =
          MovePlanner.takeAway(goal, MachineGoals.elsewhere(r), sight.observeThere(r));
      if (!steps.isEmpty()) {
        tellOnce(
            r,
            "Collecting",
            "What its move has left goes, though it is held: "
                + steps.stream().map(Step::title).collect(Collectors.joining("; "))
                + ".");
      }
      for (Step step : steps) {
        Outcome outcome = acts.act(step, r, subject.installation(), clock.instant(), Duration.ZERO);
        if (outcome instanceof Outcome.Running going) {
          return Optional.of(going.pollAfter());
        }
      }
    } catch (DriverException e) {
      tellOnce(
          r,
          "NotCollected",
          "What it had left on " + s.elsewhere() + " is still there: " + e.forUser());
      return Optional.empty(); // the next round of the hypervisor that it is on looks again
    }
    store.write(tx -> {
      Resource<?, ?> locked = tx.resources().lock(r.uid()).orElseThrow(Lost::new);
      if (locked.metadata().revision() == r.machine().metadata().revision()
          && tx.operations().active(r.uid()).isEmpty()) {
        Move.gathered(tx, r);
        tx.resources()
            .updateStatus(
                r.uid(),
                s.gathered(),
                "Collected",
                "What it had left on " + s.elsewhere() + " was taken away.");
      }
    });
    return Optional.empty();
  }

  /** Tells it as an event, unless that is what was told of this machine lately. */
  private void tellOnce(ResolvedMachine r, String reason, String message) {
    Resource<?, ?> m = r.machine();
    store.write(tx -> {
      if (tx.journal().told(m.project(), m.kind(), m.name(), LATELY).stream()
          .noneMatch(e -> e.uid().equals(m.uid()) && e.message().equals(message))) {
        tx.journal().note(m.kind(), m.project(), m.uid(), m.name(), reason, message);
      }
    });
  }

  /**
   * Nothing is done with what is held, but for what it has left elsewhere. It does not go on saying
   * what is not so either: its guest may have taken its time to shut down, and have done so after
   * the work that asked it to had failed.
   */
  private Optional<Duration> lookAtHeld(Subject subject) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
    if (machine.status().leftBehind()) {
      return takeLeavings(subject);
    }
    if (!Condition.holds(machine.status().conditions(), Condition.READY)) {
      return Optional.empty();
    }
    try {
      Observation seen =
          outside.call(
              subject.resolved().orElseThrow().hypervisor(),
              d -> d.observe(new Scope.One(machine.uid())));
      if (!wentDown(machine, seen)) {
        return Optional.empty();
      }
    } catch (DriverException e) {
      return Optional.empty(); // the hypervisor's own round says so, and looks again
    }
    Condition down =
        MachineReconciler.condition(
            Condition.READY, false, "Stopped", "It does not run.", clock.instant());
    store.write(tx -> {
      Resource<?, ?> locked = tx.resources().lock(machine.uid()).orElseThrow(Lost::new);
      if (locked.metadata().revision() == machine.metadata().revision()
          && tx.operations().active(machine.uid()).isEmpty()) {
        MachineStatus s = machine.status();
        tx.resources()
            .updateStatus(
                machine.uid(),
                s.withPower(Power.OFF).withConditions(Condition.set(s.conditions(), down)),
                down.reason(),
                down.message());
      }
    });
    return Optional.empty();
  }

  /**
   * True if the group of a machine that does its service can do without it. The group is locked, so
   * that its rollout takes no other member in the same moment; and before the machine, as by that.
   */
  private boolean canBeSpared(Tx tx, UUID machine) {
    Member member = tx.groups().find(machine).orElse(null);
    if (member == null || member.healthySince() == null) {
      return true;
    }
    Resource<?, ?> owner = tx.resources().lock(member.group()).orElse(null);
    if (owner == null || owner.kind() != Kind.GROUP) {
      return true;
    }
    boolean undoing =
        tx.operations()
            .active(owner.uid())
            .filter(o -> o.state() instanceof Operation.State.Undoing)
            .isPresent();
    GroupPlanner.Goal goal =
        Members.goal(owner.as(GroupSpec.class, GroupStatus.class), undoing, Set.of());
    List<Member> others =
        tx.groups().members(member.group()).stream()
            .filter(m -> m.healthySince() != null && !m.uid().equals(machine))
            .toList();
    Set<UUID> busy =
        tx.operations().busy(others.stream().map(Member::uid).collect(Collectors.toSet()));
    // As its rollout counts them, which otherwise would find fewer than it has promised.
    Instant now = clock.instant();
    long left =
        others.stream()
            .filter(m ->
                GroupPlanner.available(
                    goal, seen(m, busy.contains(m.uid()), tx.resources().find(m.uid())), now))
            .count();
    return left >= goal.promised();
  }

  /** A healthy member as the planner sees it. */
  private static GroupPlanner.Member seen(
      Member member, boolean busy, Optional<Resource<?, ?>> machine) {
    return new GroupPlanner.Member(
        member.ordinal(),
        member.due() ? -1 : member.revision(),
        busy,
        machine.isEmpty() || machine.get().deleting(),
        member.healthySince(),
        false,
        null,
        "",
        null,
        false);
  }

  /**
   * Does what is to be done about a machine that is not as declared, or is again.
   *
   * @param repairWaits true if it may not be repaired now
   * @param rebuildWaits true if it may not be rebuilt now
   */
  private void answer(
      Tx tx,
      Resource<MachineSpec, MachineStatus> machine,
      List<Difference> differences,
      boolean repairWaits,
      boolean rebuildWaits) {
    boolean up = machine.status().readyBy() != null;
    if (differences.isEmpty() && up) {
      tell(tx, machine, Optional.empty());
      return;
    }
    // What never came up has not drifted: what is missing of it was never made.
    switch (up ? Drift.policy(tx, machine) : DriftPolicy.REPAIR) {
      case REPORT ->
          tellDrift(
              tx,
              machine,
              differences,
              "nothing is done about it by its policy. To have it put right, apply it with"
                  + " spec.drift: repair");
      case REPAIR -> {
        if (repairWaits) {
          tellDrift(tx, machine, differences, WAITS);
        } else {
          tell(tx, machine, Optional.empty());
          Begin.operation(tx, machine, Verb.REPAIR, DRIFT.name(), clock);
        }
      }
      case REBUILD -> {
        boolean rebuilds = differences.stream().anyMatch(Difference::ofTheMachine);
        if (rebuilds ? rebuildWaits : repairWaits) {
          tellDrift(tx, machine, differences, WAITS);
        } else {
          tell(tx, machine, Optional.empty());
          if (rebuilds) {
            rebuild.unattended(tx, DRIFT, machine);
          } else {
            Begin.operation(tx, machine, Verb.REPAIR, DRIFT.name(), clock);
          }
        }
      }
    }
  }

  private void tellDrift(
      Tx tx,
      Resource<MachineSpec, MachineStatus> machine,
      List<Difference> differences,
      String next) {
    String what =
        differences.stream()
            .map(d -> d.field() + " is " + d.observed() + ", not " + d.declared())
            .collect(Collectors.joining("; "));
    tell(
        tx,
        machine,
        Optional.of(
            MachineReconciler.condition(
                MachineReconciler.DRIFTED,
                true,
                "Drifted",
                MachineReconciler.sentence(Settled.brief(what) + "; " + next),
                clock.instant())));
  }

  /** Sets the condition of a machine that is left as it is, or takes it away. */
  private static void tell(
      Tx tx, Resource<MachineSpec, MachineStatus> machine, Optional<Condition> drifted) {
    MachineStatus s = machine.status();
    Optional<Condition> before = Condition.find(s.conditions(), MachineReconciler.DRIFTED);
    if (drifted.map(Condition::message).equals(before.map(Condition::message))) {
      return;
    }
    tx.resources()
        .updateStatus(
            machine.uid(),
            s.withConditions(
                drifted
                    .map(c -> Condition.set(s.conditions(), c))
                    .orElseGet(() -> Condition.drop(s.conditions(), MachineReconciler.DRIFTED))),
            drifted.map(Condition::reason).orElse(""),
            drifted.map(Condition::message).orElse(""));
  }

  /** One that was found up by a weaker sign may still tell how its first boot went. */
  private void hearLateReport(ResolvedMachine r) {
    MachineStatus s = r.machine().status();
    if (s.readyBy() == null || s.readyBy().equals(Ready.PHONE_HOME) || s.disk() == null) {
      return;
    }
    readyCheck
        .reported(r.uid(), s.disk())
        .ifPresent(ready ->
            store.write(tx -> {
              Resource<?, ?> locked = tx.resources().lock(r.uid()).orElseThrow(Lost::new);
              if (locked.metadata().revision() == r.machine().metadata().revision()
                  && tx.operations().active(r.uid()).isEmpty()) {
                MachineStatus told =
                    Settled.told(r, ready, r.machine().spec().power(), clock.instant());
                // Of some volumes it may have been told since its first boot.
                Settled.tell(tx, r.uid(), told.withKnownVolumes(s.knownVolumes()));
              }
            }));
  }

  /**
   * Takes away what turned up of a machine that is gone: a late effect of a frozen or lost call.
   */
  Optional<Duration> collect(Tombstone gone) {
    UUID place = gone.hypervisor();
    if (place == null) {
      return Optional.empty();
    }
    Optional<Resource<?, ?>> host = store.read(tx -> tx.resources().find(place));
    if (host.isEmpty()) {
      return Optional.empty();
    }
    Resource<HypervisorSpec, HypervisorStatus> hypervisor =
        host.get().as(HypervisorSpec.class, HypervisorStatus.class);
    Mark mark = new Mark(store.read(Tx::installation), gone.uid(), 0);
    try {
      Observation seen = outside.call(hypervisor, d -> d.observe(new Scope.One(gone.uid())));
      MachineFacts facts = MachineGoals.facts(gone.uid(), seen, null, Map.of(), false);
      Plan left = MachinePlanner.undo(facts, false);
      for (Step step : left.steps()) {
        Outcome outcome =
            step instanceof Step.DeleteDisk disk
                ? disposal.delete(hypervisor, MachineActs.systemDisk(disk.disk(), gone.uid()))
                : outside.call(hypervisor, d -> Collect.act(step, d, mark));
        if (outcome instanceof Outcome.Running going) {
          return Optional.of(going.pollAfter());
        }
      }
      if (!left.empty()) {
        store.write(tx ->
            tx.journal()
                .note(
                    gone.kind(),
                    gone.project(),
                    gone.uid(),
                    gone.name(),
                    "Collected",
                    "What was left of it on " + hypervisor.title() + " was taken away."));
      }
      return Optional.empty();
    } catch (DriverException e) {
      return Optional.of(Duration.ofSeconds(10));
    }
  }
}

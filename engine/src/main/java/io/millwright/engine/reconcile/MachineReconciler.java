package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.engine.access.Caller;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.Objections;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Page;
import io.millwright.engine.port.Resources.Tombstone;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.ReadyCheck.Ready;
import io.millwright.engine.request.Begin;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Snapshots;
import io.millwright.images.FirstBootReport;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.DriftPolicy;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineStatus.ScriptResult;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.Violation;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Makes machines as they were declared. */
public final class MachineReconciler {
  /** Says whether all scripts of a machine's first boot ended well. */
  static final String FIRST_BOOT = Condition.FIRST_BOOT;

  /** How often a machine is looked at that should be ready any moment. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** How much of a script's output stands in a message, in characters. */
  private static final int MOST_OUTPUT = 400;

  /** How often an installer's log is read: it has minutes of work. */
  private static final Duration POLL_INSTALLER = Duration.ofSeconds(5);

  private static final String INSTALLING = new Step.AwaitInstalled(0).key();

  private final Store store;
  private final Outside outside;
  private final MachineActs acts;
  private final ReadyCheck readyCheck;
  private final Disposal disposal;
  private final InstallationWatch installations;
  private final Rebuild rebuild;
  private final InstantSource clock;

  /**
   * @param carriers what has a thread for each volume that is carried to another hypervisor
   */
  public MachineReconciler(
      Store store,
      Outside outside,
      ImageFiles files,
      FirstBootDoor door,
      Rebuild rebuild,
      Executor carriers,
      InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.disposal = new Disposal(store, outside, clock);
    this.acts =
        new MachineActs(
            outside, files, door, disposal, new Carriage(outside, files, carriers, clock));
    this.readyCheck = new ReadyCheck(store, outside, door, clock);
    this.installations = new InstallationWatch(outside, clock);
    this.rebuild = rebuild;
    this.clock = clock;
  }

  /**
   * Looks at a machine.
   *
   * @param run what is to be done with it, if anything
   */
  Optional<Duration> reconcile(Subject subject, @Nullable Run run) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
    if (run == null) {
      return unattended(subject);
    }
    if (run.operation().generation() != subject.machine().generation()) {
      run.finish(new State.Superseded(), tx -> tx.nudges().nudge(machine.uid()));
      return Optional.empty();
    }
    return run.operation().state() instanceof State.Undoing undoing
        ? undo(run, subject, undoing)
        : work(run, subject);
  }

  /** A machine and what is needed to work on it. */
  record Subject(
      Resource<MachineSpec, MachineStatus> machine,
      Optional<ResolvedMachine> resolved,
      String installation) {

    /** The same, with what was written down meanwhile. */
    Subject with(ResolvedMachine now) {
      return new Subject(now.machine(), Optional.of(now), installation);
    }

    static Subject read(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
      return new Subject(
          machine,
          machine.status().hypervisor() == null
              ? Optional.empty()
              : Optional.of(ResolvedMachine.of(new Lookup(tx), machine)),
          tx.installation());
    }
  }

  // --- with an operation -------------------------------------------------------------------

  private Optional<Duration> work(Run run, Subject subject) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
    if (subject.resolved().isEmpty()) {
      // It was never placed, so nothing of it can be anywhere.
      return machine.deleting() ? forget(run, machine) : Optional.empty();
    }
    if (run.cancelled()) {
      return giveUp(run, subject, "Cancelled", "it was cancelled", true);
    }
    if (machine.deleting() && neverBegun(machine)) {
      return forget(run, machine);
    }
    ResolvedMachine resolved = subject.resolved().get();
    if (machine.deleting() || machine.status().readyBy() != null) {
      // Of what was never up there are none.
      Optional<String> snapshot = store.read(tx -> Snapshots.hindrance(tx, machine));
      if (snapshot.isPresent()) {
        run.waitFor("Waiting", snapshot.get(), Duration.ofSeconds(2));
        return Optional.of(Duration.ofSeconds(2));
      }
    }
    boolean imported = machine.spec().foreignMade();
    if (!machine.deleting() && !imported) {
      Optional<String> lack = lacking(resolved);
      if (lack.isPresent()) {
        run.waitFor("Waiting", lack.get(), Duration.ofSeconds(2));
        return Optional.of(Duration.ofSeconds(2));
      }
      Optional<String> objection = objection(resolved);
      if (objection.isPresent()) {
        return giveUp(run, subject, "Refused", objection.get(), false);
      }
      resolved = pinImage(resolved);
    }
    try {
      if (run.operation().verb() == Verb.RESET) {
        return reset(run, resolved, subject.installation());
      }
      MachineFacts facts = observe(resolved, subject.installation());
      if (!machine.deleting()) {
        resolved = imported ? resolved : bootAgain(run, resolved, facts);
      } else if (machine.status().moving()) {
        // There is one place from which its volumes are let go, and that is the one before.
        resolved =
            turnBack(
                run,
                resolved,
                resolved.machine().status().wentBack(),
                new State.Running(),
                "Deleting");
        facts = observe(resolved, subject.installation());
      }
      Optional<String> held =
          machine.deleting() ? Optional.empty() : heldElsewhere(resolved, facts);
      if (held.isPresent()) {
        run.waitFor("Waiting", held.get(), Duration.ofSeconds(2));
        return Optional.of(Duration.ofSeconds(2));
      }
      resolved = tellKept(run, resolved, subject.installation(), facts);
      if (facts.installerDone() && run.goes(INSTALLING)) {
        // It ended between two looks: there is nothing more to wait for, but its last words.
        run.log(INSTALLING, installations.rest(resolved));
      }
      run.plan(plan(resolved, subject.installation(), facts).steps());
      if (run.tells()) {
        // The image, a profile or a network may be others than when the machine was declared.
        List<Violation> objections = acts.objections(resolved, run.operation().createdAt());
        if (!objections.isEmpty()) {
          return giveUp(run, subject, "Refused", Objections.line(objections), false);
        }
      }
      if (!machine.deleting() && !imported && machine.status().imageSha256() == null) {
        // From here on the disk is made from this very image, whatever becomes of the Image.
        MachineStatus pinned = resolved.machine().status();
        run.guarded(
            new State.Running(),
            tx -> {
              if (pinned.former() == null) {
                tx.resources().updateStatus(machine.uid(), pinned, "", "");
              } else {
                tell(tx, machine.uid(), pinned);
              }
            });
      }
    } catch (DriverException e) {
      return blind(run, subject, e);
    }
    return carryOut(run, subject.with(resolved));
  }

  /** What another resource must become before work can begin, in words. */
  private static Optional<String> lacking(ResolvedMachine r) {
    if (!Condition.holds(r.image().status().conditions(), Condition.READY)
        && r.machine().status().imageSha256() == null) {
      String why =
          Condition.find(r.image().status().conditions(), Condition.READY)
              .map(Condition::message)
              .orElse("");
      return Optional.of(r.image().title() + " is not ready: " + why);
    }
    for (Resource<VolumeSpec, VolumeStatus> volume : r.volumes()) {
      if (!Condition.holds(volume.status().conditions(), Condition.READY)) {
        return Optional.of(volume.title() + " is not ready");
      }
    }
    // By them is decided how an installer is started.
    return r.image().spec().installer() != null && r.hypervisor().status().facets().isEmpty()
        ? Optional.of(r.hypervisor().title() + " was not seen yet")
        : Optional.empty();
  }

  /**
   * Which of its volumes another machine still has on the hypervisor, in words. Declared it is this
   * one's alone already; but two machines that write to one disk destroy what is on it.
   */
  private Optional<String> heldElsewhere(ResolvedMachine r, MachineFacts facts)
      throws DriverException {
    List<String> has = facts.vm() == null ? List.of() : facts.vm().disks();
    List<Resource<VolumeSpec, VolumeStatus>> coming =
        r.volumes().stream().filter(v -> !has.contains(r.disk(v))).toList();
    if (coming.isEmpty()) {
      return Optional.empty();
    }
    Observation all = outside.call(r.hypervisor(), d -> d.observe(new Scope.All()));
    if (!all.complete()) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          r.hypervisor().title()
              + " could not be seen completely: "
              + String.join("; ", all.gaps()));
    }
    for (Resource<VolumeSpec, VolumeStatus> volume : coming) {
      for (Observation.Machine other : all.machines()) {
        if (!other.uid().equals(r.uid()) && other.disks().contains(r.disk(volume))) {
          return Optional.of(
              volume.title() + " is still attached to " + other.name() + " on the hypervisor");
        }
      }
    }
    return Optional.empty();
  }

  /** Why it can never be made as declared, now that the image is known. */
  private static Optional<String> objection(ResolvedMachine r) {
    ByteSize needed = r.image().status().virtualSize();
    return needed != null && needed.compareTo(r.size().disk()) > 0
        ? Optional.of(
            r.image().title()
                + " needs a disk of "
                + needed
                + ", but size "
                + r.machine().spec().size()
                + " has "
                + r.size().disk())
        : Optional.empty();
  }

  private ResolvedMachine pinImage(ResolvedMachine r) {
    MachineStatus s = r.machine().status();
    if (s.imageSha256() != null) {
      return r;
    }
    MachineStatus pinned =
        s.withImage(
            Objects.requireNonNull(r.image().status().sha256(), "a ready image has a checksum"));
    return r.with(
        s.former() == null
            ? pinned
            : pinned.withConditions(
                Condition.set(
                    s.conditions(),
                    condition(
                        Condition.READY,
                        false,
                        "Rebuilding",
                        "It gets a new system disk.",
                        clock.instant()))));
  }

  /**
   * A system disk that vanished takes its first boot with it: the one made in its place boots anew.
   */
  private ResolvedMachine bootAgain(Run run, ResolvedMachine r, MachineFacts facts) {
    MachineStatus s = r.machine().status();
    String disk = Objects.requireNonNull(s.disk());
    if (s.readyBy() == null || facts.systemDisks().containsKey(disk)) {
      return r;
    }
    MachineStatus anew = s.unbooted();
    run.guarded(
        new State.Running(),
        tx -> {
          tx.reports().remove(r.uid(), disk);
          tx.resources()
              .updateStatus(
                  r.uid(), anew, "SystemDiskLost", "Its system disk is gone; it gets a new one.");
        });
    return r.with(anew);
  }

  /** Says so if its system disk is smaller than declared and does not grow, and only then. */
  private ResolvedMachine tellKept(
      Run run, ResolvedMachine r, String installation, MachineFacts facts) {
    MachineStatus s = r.machine().status();
    Optional<String> kept =
        MachinePlanner.kept(MachineGoals.goal(r, installation), facts)
            .map(what -> sentence("it has " + what));
    if (kept.equals(Condition.find(s.conditions(), GROWN).map(Condition::message))) {
      return r;
    }
    List<Condition> conditions =
        kept.isPresent()
            ? Condition.set(
                s.conditions(), condition(GROWN, false, "Linked", kept.get(), clock.instant()))
            : Condition.drop(s.conditions(), GROWN);
    MachineStatus told = s.withConditions(conditions);
    run.guarded(
        new State.Running(),
        tx ->
            tx.resources()
                .updateStatus(r.uid(), told, kept.isPresent() ? "NotGrown" : "", kept.orElse("")));
    return r.with(told);
  }

  private Plan plan(ResolvedMachine r, String installation, MachineFacts facts)
      throws DriverException {
    MachineGoal goal = MachineGoals.goal(r, installation);
    if (r.elsewhere() == null) {
      return MachinePlanner.plan(goal, facts);
    }
    MachineFacts there = observeThere(r);
    MachineStatus.Former former = r.machine().status().former();
    if (r.machine().status().moving()
        && former != null
        && facts.vm() != null
        && facts.vm().disks().contains(former.disk())) {
      throw new DriverException(
          FaultKind.REFUSED,
          r.hypervisor().title()
              + " and "
              + r.elsewhere().title()
              + " are the same one, and the machine is there already");
    }
    return MovePlanner.plan(goal, facts, MachineGoals.elsewhere(r), there);
  }

  /** What there is of a machine on the other hypervisor. */
  private MachineFacts observeThere(ResolvedMachine r) throws DriverException {
    return MachineGoals.facts(
        r.uid(), look(r.there().hypervisor(), r.uid()), null, Map.of(), false);
  }

  private Observation look(Resource<HypervisorSpec, HypervisorStatus> hypervisor, UUID uid)
      throws DriverException {
    Observation seen = outside.call(hypervisor, d -> d.observe(new Scope.One(uid)));
    if (!seen.complete()) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          hypervisor.title() + " could not be seen completely: " + String.join("; ", seen.gaps()));
    }
    return seen;
  }

  private MachineFacts observe(ResolvedMachine r, String installation) throws DriverException {
    Observation seen = look(r.hypervisor(), r.uid());
    Map<String, Records> published = new LinkedHashMap<>();
    for (Map.Entry<String, Resource<NetworkSpec, NetworkStatus>> network :
        r.networks().entrySet()) {
      if (network.getValue().spec().services() != null) {
        outside
            .callServices(network.getValue(), s -> s.find(r.uid()))
            .ifPresent(records -> published.put(network.getKey(), records));
      }
    }
    Optional<Observation.Machine> vm = seen.machine(r.uid()).filter(m -> m.mark() != null);
    return MachineGoals.facts(
        r.uid(),
        seen,
        MachineGoals.goal(r, installation).sha256(),
        published,
        byKernel(r) && vm.isPresent() && installations.ended(r, vm.get()));
  }

  /** Only such an installer is followed, and ends before its system boots. */
  private static boolean byKernel(ResolvedMachine r) {
    Installers.Start start = Installers.start(r);
    return start != null && start.byKernel();
  }

  private Optional<Duration> carryOut(Run run, Subject begun) {
    Subject subject = begun;
    ResolvedMachine machine = subject.resolved().orElseThrow();
    while (run.next().isPresent()) {
      Step step = run.next().get();
      if (step instanceof Step.Forget) {
        return forget(run, subject.machine());
      }
      run.begin(new State.Running());
      if (run.cancelled()) {
        return giveUp(run, subject, "Cancelled", "it was cancelled", true);
      }
      try {
        if (step instanceof Step.AwaitReady await) {
          Duration waited = Duration.between(startedAt(run), clock.instant());
          Optional<Ready> ready = awaitReady(machine, subject.installation(), waited);
          if (ready.isEmpty()) {
            Optional<FirstBootReport.Running> at = readyCheck.running(machine);
            if (waited.toSeconds() > await.timeoutSeconds()) {
              DriverException late =
                  new DriverException(
                      FaultKind.REFUSED,
                      "the machine did not report ready within "
                          + await.timeoutSeconds()
                          + " s"
                          + at.map(MachineReconciler::unfinished).orElse(""));
              at.ifPresent(a -> run.log(a.output().lines().toList()));
              run.fail(late);
              return giveUp(run, subject, "NotReady", late.forUser(), false);
            }
            at.ifPresent(a -> run.going(new State.Running(), null, doing(a)));
            return Optional.of(POLL);
          }
          Optional<ScriptResult> bad = failedScript(ready.get().scripts());
          if (bad.isPresent()
              && machine.machine().status().source() == null
              && machine.machine().status().former() != null) {
            DriverException failed =
                new DriverException(
                    FaultKind.REFUSED,
                    "script "
                        + bad.get().name()
                        + " of the first boot ended with "
                        + bad.get().exitCode()
                        + ": "
                        + brief(bad.get().output()));
            run.fail(failed);
            return giveUp(run, subject, "FirstBootFailed", failed.forUser(), false);
          }
          machine = booted(run, machine, ready.get());
          subject = subject.with(machine);
          run.done("by " + ready.get().by());
          continue;
        }
        if (step instanceof Step.AwaitInstalled await) {
          InstallationWatch.Found found =
              installations.look(machine, Duration.ofSeconds(await.stallSeconds()));
          if (!found.news().isEmpty()) {
            run.log(found.news());
          }
          switch (found.look()) {
            case InstallationWatch.Look.Ended _ -> run.done(null);
            case InstallationWatch.Look.Goes goes -> {
              run.going(new State.Running(), null, goes.doing());
              return Optional.of(POLL_INSTALLER);
            }
            case InstallationWatch.Look.Failed failed -> {
              run.fail(new DriverException(FaultKind.REFUSED, failed.why()));
              return giveUp(run, subject, "InstallationFailed", failed.why(), false);
            }
          }
          continue;
        }
        switch (act(run, step, machine, subject.installation())) {
          case Outcome.Done _ -> {
            if (step instanceof Step.CarryVolume carried) {
              machine = whole(run, machine, carried.to());
              subject = subject.with(machine);
            }
            run.done(null);
          }
          case Outcome.Running going -> {
            run.going(new State.Running(), null, going.token());
            return Optional.of(going.pollAfter());
          }
        }
      } catch (DriverException e) {
        return fault(run, subject, e);
      }
    }
    return succeed(run, machine);
  }

  private Outcome act(Run run, Step step, ResolvedMachine machine, String installation)
      throws DriverException {
    boolean stops =
        step instanceof Step.Stop
            || (step instanceof Step.There there && there.act() instanceof Step.Stop);
    if (stops && run.redefines()) {
      acts.checkDefinition(machine, installation);
    }
    return acts.act(
        step,
        machine,
        installation,
        run.operation().createdAt(),
        Duration.between(startedAt(run), clock.instant()));
  }

  private Optional<Ready> awaitReady(ResolvedMachine machine, String installation, Duration waited)
      throws DriverException {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    return readyCheck.look(
        machine, disk, MachineGoals.mark(machine.machine(), installation), waited);
  }

  private Instant startedAt(Run run) {
    Instant started = run.record().startedAt();
    return started == null ? clock.instant() : started;
  }

  /**
   * Writes down what the first boot told, so that no crash can make the machine boot first again.
   */
  private ResolvedMachine booted(Run run, ResolvedMachine r, Ready ready) {
    // Whoever waits for it need not wait for the clearing away of its seed.
    MachineStatus next = told(r, ready, Power.ON);
    boolean moved = r.machine().status().moving();
    run.guarded(
        new State.Running(),
        tx -> {
          if (moved) {
            Move.arrived(tx, r, clock.instant());
          }
          tell(tx, r.uid(), next);
        });
    return moved ? again(r) : r.with(next);
  }

  /** Writes down that a copy is whole, so that it is not made again. */
  private ResolvedMachine whole(Run run, ResolvedMachine r, String copy) {
    run.guarded(new State.Running(), tx -> Move.whole(tx, r, copy));
    return again(r);
  }

  /** The same machine, with all that was written down of it and of its volumes. */
  private ResolvedMachine again(ResolvedMachine r) {
    return store.read(tx ->
        ResolvedMachine.of(
            new Lookup(tx),
            tx.resources()
                .find(r.uid())
                .orElseThrow(Lost::new)
                .as(MachineSpec.class, MachineStatus.class)));
  }

  private MachineStatus told(ResolvedMachine r, Ready ready, Power power) {
    MachineStatus s = r.machine().status();
    List<MachineStatus.Interface> interfaces = new ArrayList<>();
    for (MachineStatus.Interface face : s.interfaces()) {
      Set<Ip> all = new LinkedHashSet<>(face.addresses());
      all.addAll(ready.addresses(face));
      interfaces.add(
          new MachineStatus.Interface(face.name(), face.mac(), face.network(), List.copyOf(all)));
    }
    MachineStatus up =
        s.booted(interfaces, ready.by(), ready.hostKeys(), ready.scripts(), r.devices());
    return up.withConditions(settled(up, power));
  }

  private Optional<Duration> reset(Run run, ResolvedMachine machine, String installation)
      throws DriverException {
    run.plan(List.of(new Step.Reset()));
    run.begin(new State.Running());
    try {
      act(run, new Step.Reset(), machine, installation);
    } catch (DriverException e) {
      if (e.kind() == FaultKind.UNREACHABLE) {
        throw e;
      }
      run.fail(e);
      run.finish(new State.Failed(reason(e.kind()), e.forUser()), tx -> {});
      return Optional.empty();
    }
    run.done(null);
    run.finish(new State.Succeeded(), tx -> {});
    return Optional.empty();
  }

  // --- ends --------------------------------------------------------------------------------

  private Optional<Duration> succeed(Run run, ResolvedMachine r) {
    MachineStatus was = r.machine().status();
    MachineStatus s = r.machine().spec().foreignMade() ? was.withReadyBy(Ready.IMPORT) : was;
    Power power = r.machine().spec().power();
    List<Condition> conditions = settled(s, power);
    Optional<Condition> failedRebuild = Condition.find(s.conditions(), Rebuild.REBUILT);
    if (failedRebuild.isPresent() && Rebuild.pending(r)) {
      // Power was switched, say; what is declared is still another system.
      conditions = Condition.set(conditions, failedRebuild.get());
    }
    MachineStatus next = gathered(s.withPower(power).withConditions(conditions));
    // The operation in which it booted first tells of a script that failed; later ones do not.
    boolean first = run.operation().verb() == Verb.CREATE || run.booted();
    Optional<ScriptResult> bad = failedScript(s.scripts());
    State end =
        first && bad.isPresent()
            ? new State.Failed(
                "FirstBootFailed",
                "script "
                    + bad.get().name()
                    + " of the first boot ended with "
                    + bad.get().exitCode()
                    + "; see its output in the machine's conditions")
            : new State.Succeeded();
    run.finish(
        end,
        tx -> {
          if (run.operation().verb() != Verb.CREATE) {
            letGo(tx, r);
          }
          if (next.elsewhere() == null && s.elsewhere() != null) {
            Move.gathered(tx, r);
          }
          if (!next.equals(was)) {
            tell(tx, r.uid(), next);
          }
        });
    return Optional.empty();
  }

  /** All steps are done, so what was elsewhere is gone, but for a system to go back to. */
  private static MachineStatus gathered(MachineStatus s) {
    return s.moving() || s.elsewhere() == null ? s : s.gathered();
  }

  /**
   * Addresses that it no longer has cool down from now on: until its change was done, a card that
   * is to go was there, and answered.
   */
  private static void letGo(Tx tx, ResolvedMachine r) {
    Map<UUID, List<Ip>> keep = new HashMap<>();
    for (MachineStatus.Interface face : r.machine().status().interfaces()) {
      Resource<NetworkSpec, NetworkStatus> network = r.networks().get(face.network());
      if (network != null) {
        keep.computeIfAbsent(network.uid(), n -> new ArrayList<>()).addAll(face.addresses());
      }
    }
    release(tx, r.uid(), keep);
  }

  private static void release(Tx tx, UUID machine, Map<UUID, List<Ip>> keep) {
    Map<UUID, Integer> cooldown = new HashMap<>();
    tx.addresses()
        .leases(machine)
        .forEach(l -> cooldown.computeIfAbsent(l.network(), network -> cooldown(tx, network)));
    tx.addresses().release(machine, keep, cooldown);
  }

  private static void tell(Tx tx, UUID uid, MachineStatus next) {
    Condition ready = Condition.find(next.conditions(), Condition.READY).orElseThrow();
    tx.resources().updateStatus(uid, next, ready.reason(), ready.message());
  }

  private static Optional<ScriptResult> failedScript(List<ScriptResult> scripts) {
    return failedScripts(scripts).stream().findFirst();
  }

  private static List<ScriptResult> failedScripts(List<ScriptResult> scripts) {
    return scripts.stream().filter(script -> script.exitCode() != 0).toList();
  }

  /** What a first boot is at, with the last line that it printed. */
  private static String doing(FirstBootReport.Running at) {
    return at.title()
        + " runs"
        + at.output()
            .strip()
            .lines()
            .reduce((_, last) -> last)
            .map(l -> ": " + brief(l))
            .orElse("");
  }

  private static String unfinished(FirstBootReport.Running at) {
    String said = brief(at.output());
    return "; " + at.title() + " was still running" + (said.isEmpty() ? "" : ": " + said);
  }

  /** The end of what a script printed, which as a rule says why. */
  private static String brief(String output) {
    String stripped = output.strip();
    return stripped.length() <= MOST_OUTPUT
        ? stripped
        : "..." + stripped.substring(stripped.length() - MOST_OUTPUT);
  }

  /** Its conditions when nothing more is to be done. */
  private List<Condition> settled(MachineStatus s, Power power) {
    Instant now = clock.instant();
    List<ScriptResult> bad = failedScripts(s.scripts());
    List<Condition> conditions =
        Condition.drop(
            Condition.drop(
                Condition.drop(Condition.drop(s.conditions(), HELD), Rebuild.REBUILT), Move.MOVED),
            Snapshots.REVERTED);
    if (s.readyBy() != null && !s.readyBy().equals(Ready.IMPORT)) {
      conditions = Condition.set(conditions, firstBoot(bad, s, now));
    }
    Condition ready;
    if (power == Power.OFF) {
      ready =
          condition(Condition.READY, false, "PoweredOff", "It is powered off, as declared.", now);
    } else if (!bad.isEmpty()) {
      ready =
          condition(
              Condition.READY,
              false,
              "FirstBootFailed",
              "Script "
                  + bad.stream().map(ScriptResult::name).collect(Collectors.joining(", "))
                  + " of its first boot failed.",
              now);
    } else {
      ready =
          condition(Condition.READY, true, "Up", "It is up, as told by " + s.readyBy() + ".", now);
    }
    return Condition.set(conditions, ready);
  }

  /** How its first boot went, which only the machine itself can tell. */
  private static Condition firstBoot(List<ScriptResult> bad, MachineStatus s, Instant now) {
    if (!bad.isEmpty()) {
      return condition(
          FIRST_BOOT,
          false,
          "ScriptFailed",
          "Script "
              + bad.getFirst().name()
              + " ended with "
              + bad.getFirst().exitCode()
              + ": "
              + bad.getFirst().output().strip()
              + bad.stream()
                  .skip(1)
                  .map(
                      other -> "\nScript " + other.name() + " ended with " + other.exitCode() + ".")
                  .collect(Collectors.joining()),
          now);
    }
    if (Ready.PHONE_HOME.equals(s.readyBy()) || !s.scripts().isEmpty()) {
      return condition(
          FIRST_BOOT,
          true,
          "Done",
          s.scripts().isEmpty()
              ? "It ended."
              : "It ended, and so did " + s.scripts().size() + " scripts.",
          now);
    }
    return new Condition(
        FIRST_BOOT,
        Condition.Value.UNKNOWN,
        "NotReported",
        "It has not reported how its first boot went; it was found up by " + s.readyBy() + ".",
        now);
  }

  /**
   * True if no step of it was ever begun, so that nothing of it can be anywhere, and its hypervisor
   * need not be asked, which may never have answered. Steps are written down before the first of
   * them is begun, and all its operations but this one have ended: what they say is the last word.
   * They must reach back to its creation, for old operations are dropped in time.
   */
  private boolean neverBegun(Resource<MachineSpec, MachineStatus> machine) {
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

  private Optional<Duration> forget(Run run, Resource<MachineSpec, MachineStatus> machine) {
    if (run.next().isPresent()) {
      run.begin(new State.Running());
      run.done(null);
    }
    run.finish(
        new State.Succeeded(),
        tx -> {
          release(tx, machine.uid(), Map.of());
          tx.resources().remove(machine.uid());
        });
    return Optional.empty();
  }

  private static int cooldown(Tx tx, UUID network) {
    return tx.resources()
        .find(network)
        .map(n ->
            ((NetworkSpec) n.spec())
                .subnets().stream().mapToInt(NetworkSpec.Subnet::cooldownSeconds).max().orElse(0))
        .orElse(0);
  }

  // --- trouble -----------------------------------------------------------------------------

  /** It could not be seen how things are, so nothing can be planned. */
  private Optional<Duration> blind(Run run, Subject subject, DriverException e) {
    if (e.kind() == FaultKind.UNREACHABLE || subject.machine().deleting()) {
      Duration delay = Duration.ofSeconds(3);
      String why = e.forUser();
      run.waitFor(
          reason(e.kind()),
          subject.machine().deleting()
              ? why
                  + "; something of the machine may be there, so it stays until that was removed:"
                  + " once this is mended, the deletion goes on by itself"
              : why,
          delay);
      return Optional.of(delay);
    }
    return giveUp(run, subject, reason(e.kind()), e.forUser(), false);
  }

  private Optional<Duration> fault(Run run, Subject subject, DriverException e) {
    run.log(e.forOperator());
    int attempts = run.attempts();
    Optional<Duration> delay =
        subject.machine().deleting()
            ? Optional.of(RetryPolicy.untilDone(attempts))
            : RetryPolicy.decide(e.kind(), attempts);
    if (delay.isPresent()) {
      run.wait(reason(e.kind()), e.forUser(), delay.get(), null);
      return delay;
    }
    run.fail(e);
    return giveUp(run, subject, reason(e.kind()), e.forUser(), false);
  }

  /** Ends without success; a machine that never came up is taken away again. */
  private Optional<Duration> giveUp(
      Run run, Subject subject, String reason, String message, boolean cancelled) {
    if (run.operation().verb() == Verb.RESET) {
      // Nothing was declared by it, so nothing that is declared has failed.
      run.finish(cancelled ? new State.Cancelled() : new State.Failed(reason, message), tx -> {});
      return Optional.empty();
    }
    if (subject.machine().status().readyBy() == null && subject.resolved().isPresent()) {
      State.Undoing undoing = new State.Undoing(reason, message, cancelled);
      run.write(undoing);
      return undo(run, subject, undoing);
    }
    return end(run, subject, reason, message, cancelled);
  }

  /** Another whole system disk; one that was only begun is nothing to go back to. */
  private static boolean isAnother(String found, @Nullable String disk) {
    return !found.equals(disk)
        && ObjectName.parse(found).filter(n -> n.role().equals(ObjectName.PART)).isEmpty();
  }

  private Optional<Duration> undo(Run run, Subject begun, State.Undoing why) {
    Subject subject = begun;
    ResolvedMachine machine = subject.resolved().orElseThrow();
    try {
      MachineFacts facts = observe(machine, subject.installation());
      MachineStatus.Former former = machine.machine().status().former();
      boolean moving = machine.machine().status().moving();
      if (former != null
          && (moving ? observeThere(machine) : facts).systemDisks().containsKey(former.disk())) {
        machine = turnBack(run, machine, why);
        subject = subject.with(machine);
        if (moving) {
          facts = observe(machine, subject.installation());
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
      run.log(e.forOperator());
      Duration delay = RetryPolicy.untilDone(Math.max(1, run.attempts()));
      run.wait(reason(e.kind()), e.forUser(), delay, why);
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
          act(run, run.next().get(), subject.resolved().orElseThrow(), subject.installation());
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
          "Its move failed, and it goes back to " + s.hypervisor() + ": " + sentence(why.message());
      return turnBack(
          run,
          r,
          s.withConditions(
              Condition.set(s.conditions(), condition(Move.MOVED, false, why.reason(), back, now))),
          why,
          "GoesBack");
    }
    if (r.machine().status().source() != null) {
      // What is declared has not failed, so nothing is held.
      String back =
          "Its revert failed, and it goes back to its system from before: "
              + sentence(why.message());
      MachineStatus kept =
          s.withConditions(
              Condition.set(
                  s.conditions(), condition(Snapshots.REVERTED, false, why.reason(), back, now)));
      run.guarded(why, tx -> tx.resources().updateStatus(r.uid(), kept, "GoesBack", back));
      return r.with(kept);
    }
    List<Condition> conditions =
        Condition.set(
            Condition.set(
                s.conditions(),
                condition(HELD, true, why.reason(), "Apply it again to try again.", now)),
            condition(
                Rebuild.REBUILT,
                false,
                why.reason(),
                "Its rebuild failed, and it goes back to its system from before: "
                    + sentence(why.message()),
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
  private ResolvedMachine turnBack(
      Run run, ResolvedMachine r, MachineStatus back, State state, String reason) {
    acts.forget(r);
    run.guarded(
        state,
        tx -> {
          Move.turnedBack(tx, r, clock.instant());
          tx.resources()
              .updateStatus(r.uid(), back, reason, "It is on " + back.hypervisor() + " as before.");
        });
    return again(r);
  }

  /** Brings the system from before a rebuild up again, and takes the new disk away. */
  private Optional<Duration> goBack(Run run, Subject subject, State.Undoing why, MachineFacts facts)
      throws DriverException {
    ResolvedMachine machine = subject.resolved().orElseThrow();
    run.plan(plan(machine, subject.installation(), facts).steps());
    Optional<Duration> later = takeBack(run, subject, why);
    if (later.isPresent()) {
      return later;
    }
    MachineStatus s = machine.machine().status();
    Power power = machine.machine().spec().power();
    Condition up = Condition.find(settled(s, power), Condition.READY).orElseThrow();
    MachineStatus next =
        gathered(s.withPower(power).withConditions(Condition.set(s.conditions(), up)));
    run.finish(
        why.cancelled()
            ? new State.Cancelled()
            : new State.Failed(
                why.reason(), why.message() + "; the machine is back on its system from before"),
        tx -> {
          if (s.elsewhere() != null) {
            Move.gathered(tx, machine);
          }
          tell(tx, machine.uid(), next);
        });
    return Optional.empty();
  }

  private static MachineStatus unpinned(ResolvedMachine machine) {
    return machine.machine().status().unbooted().withPower(null).withImage(null);
  }

  /** Condition of a machine whose system disk stays smaller than declared until it is rebuilt. */
  static final String GROWN = "Grown";

  /** Marks machines on which nothing is done any more before they are declared anew. */
  static final String HELD = "Held";

  private Optional<Duration> end(
      Run run, Subject subject, String reason, String message, boolean cancelled) {
    Instant now = clock.instant();
    // What was stopped for a change that then failed is down, however well it was before.
    MachineStatus s =
        run.halted() ? subject.machine().status().withPower(Power.OFF) : subject.machine().status();
    List<Condition> conditions =
        Condition.set(
            Condition.set(
                s.conditions(), condition(HELD, true, reason, "Apply it again to try again.", now)),
            s.readyBy() == null || run.halted()
                ? condition(Condition.READY, false, reason, sentence(message), now)
                : Condition.find(s.conditions(), Condition.READY)
                    .orElseGet(
                        () -> condition(Condition.READY, false, reason, sentence(message), now)));
    run.finish(
        cancelled ? new State.Cancelled() : new State.Failed(reason, message),
        tx ->
            tx.resources()
                .updateStatus(
                    subject.machine().uid(),
                    s.withConditions(conditions),
                    reason,
                    sentence(message)));
    return Optional.empty();
  }

  /** Marks machines that are not as declared, and are left so by their policy. */
  static final String DRIFTED = "Drifted";

  /** Who asks for what is done about drift, in its operation. */
  private static final Caller DRIFT = new Caller("drift");

  // --- without an operation ----------------------------------------------------------------

  private Optional<Duration> unattended(Subject subject) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
    if (machine.status().hypervisor() == null) {
      return Optional.empty();
    }
    if (Condition.holds(machine.status().conditions(), HELD)) {
      return lookAtHeld(subject);
    }
    ResolvedMachine resolved = subject.resolved().orElseThrow();
    hearLateReport(resolved);
    Plan plan;
    List<Difference> differences;
    try {
      MachineGoal goal = MachineGoals.goal(resolved, subject.installation());
      if (goal.sha256() == null) {
        return Optional.empty();
      }
      MachineFacts facts = observe(resolved, subject.installation());
      plan = plan(resolved, subject.installation(), facts);
      differences = plan.empty() ? List.of() : differences(resolved, goal, facts);
    } catch (DriverException e) {
      return Optional.empty(); // the hypervisor's own round says so, and looks again
    }
    if (plan.empty() && Condition.find(machine.status().conditions(), DRIFTED).isEmpty()) {
      return Optional.empty();
    }
    store.write(tx -> {
      Resource<MachineSpec, MachineStatus> locked =
          tx.resources()
              .lock(machine.uid())
              .orElseThrow(Lost::new)
              .as(MachineSpec.class, MachineStatus.class);
      if (locked.generation() == machine.generation()
          && !locked.deleting()
          && tx.operations().active(machine.uid()).isEmpty()) {
        answer(tx, locked, differences);
      }
    });
    return Optional.empty();
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
   * Nothing is done with what is held, but it does not go on saying what is not so: its guest may
   * have taken its time to shut down, and have done so after the work that asked it to had failed.
   */
  private Optional<Duration> lookAtHeld(Subject subject) {
    Resource<MachineSpec, MachineStatus> machine = subject.machine();
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
        condition(Condition.READY, false, "Stopped", "It does not run.", clock.instant());
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

  /** Does what is to be done about a machine that is not as declared, or is again. */
  private void answer(
      Tx tx, Resource<MachineSpec, MachineStatus> machine, List<Difference> differences) {
    boolean up = machine.status().readyBy() != null;
    if (differences.isEmpty() && up) {
      tell(tx, machine, Optional.empty());
      return;
    }
    // What never came up has not drifted: what is missing of it was never made.
    switch (up ? Drift.policy(tx, machine) : DriftPolicy.REPAIR) {
      case REPORT -> {
        String what =
            differences.stream()
                .map(d -> d.field() + " is " + d.observed() + ", not " + d.declared())
                .collect(Collectors.joining("; "));
        tell(
            tx,
            machine,
            Optional.of(
                condition(
                    DRIFTED,
                    true,
                    "Drifted",
                    sentence(
                        brief(what)
                            + "; nothing is done about it by its policy. To have it put right,"
                            + " apply it with spec.drift: repair"),
                    clock.instant())));
      }
      case REPAIR -> {
        tell(tx, machine, Optional.empty());
        Begin.operation(tx, machine, Verb.REPAIR, DRIFT.name(), clock);
      }
      case REBUILD -> {
        tell(tx, machine, Optional.empty());
        if (differences.stream().anyMatch(Difference::ofTheMachine)) {
          rebuild.rebuild(tx, DRIFT, machine.project(), machine.name(), null);
        } else {
          Begin.operation(tx, machine, Verb.REPAIR, DRIFT.name(), clock);
        }
      }
    }
  }

  /** Sets the condition of a machine that is left as it is, or takes it away. */
  private static void tell(
      Tx tx, Resource<MachineSpec, MachineStatus> machine, Optional<Condition> drifted) {
    MachineStatus s = machine.status();
    Optional<Condition> before = Condition.find(s.conditions(), DRIFTED);
    if (drifted.map(Condition::message).equals(before.map(Condition::message))) {
      return;
    }
    tx.resources()
        .updateStatus(
            machine.uid(),
            s.withConditions(
                drifted
                    .map(c -> Condition.set(s.conditions(), c))
                    .orElseGet(() -> Condition.drop(s.conditions(), DRIFTED))),
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
                tell(tx, r.uid(), told(r, ready, r.machine().spec().power()));
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
        if (step instanceof Step.DeleteDisk disk) {
          disposal.delete(hypervisor, MachineActs.systemDisk(disk.disk(), gone.uid()));
        } else {
          outside.call(hypervisor, d -> Collect.act(step, d, mark));
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

  // --- words -------------------------------------------------------------------------------

  static Condition condition(
      String type, boolean holds, String reason, String message, Instant now) {
    return new Condition(type, Condition.Value.of(holds), reason, message, now);
  }

  static String sentence(String message) {
    if (message.isEmpty()) {
      return "";
    }
    // A URL stays as it is.
    String first =
        message.matches("[a-z]+://.*")
            ? message.substring(0, 1)
            : message.substring(0, 1).toUpperCase(java.util.Locale.ROOT);
    return first + message.substring(1) + (message.endsWith(".") ? "" : ".");
  }

  /** One word in CamelCase for a fault. */
  static String reason(FaultKind kind) {
    return switch (kind) {
      case REFUSED -> "Refused";
      case CONFLICT -> "Conflict";
      case CAPACITY -> "NoCapacity";
      case UNREACHABLE -> "Unreachable";
      case UNSUPPORTED -> "Unsupported";
      case BUG -> "DriverFailed";
    };
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.Objections;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Resources.Tombstone;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.ReadyCheck.Ready;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Snapshots;
import io.millwright.images.FirstBootReport;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
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
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachinePlanner;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Makes machines as they were declared. */
public final class MachineReconciler {
  /** Says whether all scripts of a machine's first boot ended well. */
  static final String FIRST_BOOT = Condition.FIRST_BOOT;

  /** Condition of a machine whose system disk stays smaller than declared until it is rebuilt. */
  static final String GROWN = "Grown";

  /** Marks machines that are not as declared, and are left so by their policy. */
  static final String DRIFTED = "Drifted";

  /** How often a machine is looked at that should be ready any moment. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** How often an installer's log is read: it has minutes of work. */
  private static final Duration POLL_INSTALLER = Duration.ofSeconds(5);

  /**
   * How long an installer may be at it, whatever it prints; the slowest that was seen took a
   * quarter of it.
   */
  private static final Duration LONGEST_INSTALLATION = Duration.ofHours(6);

  private static final String INSTALLING = new Step.AwaitInstalled(0).key();

  private final Store store;
  private final Outside outside;
  private final MachineActs acts;
  private final ReadyCheck readyCheck;
  private final VolumeMounts mounts;
  private final InstallationWatch installations;
  private final MachineSight sight;
  private final MachineUndo undo;
  private final Unattended unattended;
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
      SecretBox secrets,
      Rebuild rebuild,
      Executor carriers,
      InstantSource clock) {
    this.store = store;
    this.outside = outside;
    Disposal disposal = new Disposal(store, outside, clock);
    this.acts =
        new MachineActs(
            outside,
            files,
            door,
            secrets,
            disposal,
            new Carriage(outside, files, carriers, clock),
            clock);
    this.readyCheck = new ReadyCheck(store, outside, door, clock);
    this.mounts = new VolumeMounts(outside);
    this.installations = new InstallationWatch(outside, clock);
    this.sight = new MachineSight(store, outside, installations);
    this.undo = new MachineUndo(store, sight, acts, clock);
    this.unattended =
        new Unattended(store, outside, sight, acts, readyCheck, disposal, rebuild, clock);
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
      return unattended.look(subject);
    }
    if (run.operation().generation() != subject.machine().generation()) {
      run.finish(new State.Superseded(), tx -> tx.nudges().nudge(machine.uid()));
      return Optional.empty();
    }
    return run.operation().state() instanceof State.Undoing undoing
        ? undo.undo(run, subject, undoing)
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
    // A machine that was never up has no snapshots.
    boolean rebuilt = machine.status().former() != null;
    Optional<String> snapshot =
        machine.deleting() || rebuilt || machine.status().readyBy() != null
            ? store.read(tx -> Snapshots.hindrance(tx, machine))
            : Optional.empty();
    // Giving a rebuild up starts the former system, whose disk is just being copied.
    if (run.cancelled() && !(rebuilt && snapshot.isPresent())) {
      return undo.giveUp(run, subject, "Cancelled", "it was cancelled", true);
    }
    if (machine.deleting() && undo.neverBegun(machine)) {
      return forget(run, machine);
    }
    ResolvedMachine resolved = subject.resolved().get();
    if (snapshot.isPresent()) {
      run.waitFor("Waiting", snapshot.get(), Duration.ofSeconds(2));
      return Optional.of(Duration.ofSeconds(2));
    }
    boolean imported = machine.spec().foreignMade();
    if (!machine.deleting() && !imported) {
      Optional<String> unmade = unmade(resolved);
      if (unmade.isPresent()) {
        return undo.giveUp(run, subject, "VolumeFailed", unmade.get(), false);
      }
      try {
        Optional<String> lost =
            run.operation().verb() == Verb.REPAIR ? Optional.empty() : lost(resolved);
        if (lost.isPresent()) {
          return undo.giveUp(run, subject, "VolumeLost", lost.get(), false);
        }
      } catch (DriverException e) {
        return blind(run, subject, e);
      }
      Optional<String> lack = lacking(resolved);
      if (lack.isPresent()) {
        run.waitFor("Waiting", lack.get(), Duration.ofSeconds(2));
        return Optional.of(Duration.ofSeconds(2));
      }
      Optional<String> objection = objection(resolved);
      if (objection.isPresent()) {
        return undo.giveUp(run, subject, "Refused", objection.get(), false);
      }
      resolved = pinImage(resolved);
    }
    try {
      if (run.operation().verb() == Verb.RESET) {
        return reset(run, resolved, subject.installation());
      }
      MachineFacts facts = sight.observe(resolved, subject.installation());
      if (!machine.deleting()) {
        resolved = imported ? resolved : bootAgain(run, resolved, facts);
      } else if (machine.status().moving()) {
        // Its volumes are let go from one place only: from where the machine was before it moved.
        resolved =
            undo.turnBack(
                run,
                resolved,
                resolved.machine().status().wentBack(),
                new State.Running(),
                "Deleting");
        facts = sight.observe(resolved, subject.installation());
      }
      boolean boots = true;
      if (!machine.deleting()) {
        Map<Resource<VolumeSpec, VolumeStatus>, Observation.Machine> held =
            sight.heldElsewhere(resolved, facts);
        ResolvedMachine without = resolved.withVolumes(v -> !held.containsKey(v));
        boolean up = resolved.machine().status().readyBy() != null;
        if (!held.isEmpty()) {
          // Whoever has what this one waits for may be waiting for what this one is to let go. A
          // first boot waits for all that it is told of; what comes before it does not.
          boolean lets =
              (up || resolved.elsewhere() == null)
                  && sight.letsGo(without, facts)
                  && !sight.plan(without, subject.installation(), facts).empty();
          if (!lets) {
            run.waitFor("Waiting", held(held), Duration.ofSeconds(2));
            return Optional.of(Duration.ofSeconds(2));
          }
        }
        boots = up || held.isEmpty();
        resolved = without;
      }
      resolved = tellKept(run, resolved, subject.installation(), facts);
      if (facts.installerDone() && run.goes(INSTALLING)) {
        // It ended between two looks: there is nothing more to wait for, but its last words.
        run.log(INSTALLING, installations.rest(resolved));
      }
      List<Step> steps = sight.plan(resolved, subject.installation(), facts).steps();
      run.plan(boots ? steps : beforeItBoots(steps));
      if (run.tells()) {
        // The image, a profile or a network may be others than when the machine was declared.
        List<Violation> objections = acts.objections(resolved, run.operation().createdAt());
        if (!objections.isEmpty()) {
          return undo.giveUp(run, subject, "Refused", Objections.line(objections), false);
        }
      }
      if (!machine.deleting()
          && !imported
          && machine.status().imageSha256() == null
          && !pin(run, resolved)) {
        return Optional.of(Duration.ZERO);
      }
    } catch (DriverException e) {
      return blind(run, subject, e);
    }
    return carryOut(run, subject.with(resolved));
  }

  /** What of a plan there is before the machine, or its installer, is started. */
  private static List<Step> beforeItBoots(List<Step> steps) {
    return steps.stream()
        .takeWhile(step ->
            !(step instanceof Step.Start
                || step instanceof Step.StartInstaller
                || step instanceof Step.AwaitInstalled
                || step instanceof Step.AwaitReady))
        .toList();
  }

  /**
   * Which of its volumes could not be made, in words. Nothing tries that again by itself, so a
   * machine that waited for it, and the group that it belongs to, would wait for ever.
   */
  private Optional<String> unmade(ResolvedMachine r) {
    return r.volumes().stream()
        .filter(v -> v.status().object() == null)
        .flatMap(v ->
            store.read(tx -> tx.operations().latest(v.uid())).stream()
                .map(Operation::state)
                .filter(s -> s instanceof State.Failed || s instanceof State.Cancelled)
                .map(s ->
                    v.title()
                        + " was not made"
                        + (s.message().isEmpty() ? "" : ": " + s.message())))
        .findFirst();
  }

  /**
   * Which of its volumes has lost its disk, in words. What somebody asked for would wait for ever,
   * and so would its group; what drift asks for waits until the disk is back.
   */
  private Optional<String> lost(ResolvedMachine r) throws DriverException {
    for (Resource<VolumeSpec, VolumeStatus> volume : r.volumes()) {
      Optional<Condition> told = DiskWatch.told(volume);
      if (told.isEmpty() || told.get().value() == Condition.Value.TRUE) {
        continue;
      }
      if (!sight.hasWhole(r, volume)) {
        return Optional.of(volume.title() + ": " + told.get().message());
      }
      store.write(tx -> tx.nudges().nudge(r.hypervisor().uid())); // for it is back
    }
    return Optional.empty();
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
        return Optional.of(
            volume.title()
                + " is not ready"
                + DiskWatch.told(volume).map(told -> ": " + told.message()).orElse(""));
      }
    }
    // By them is decided how an installer is started.
    return r.image().spec().installer() != null && r.hypervisor().status().facets().isEmpty()
        ? Optional.of(r.hypervisor().title() + " was not seen yet")
        : Optional.empty();
  }

  /** Which of its volumes another machine still has on the hypervisor, in words. */
  private String held(Map<Resource<VolumeSpec, VolumeStatus>, Observation.Machine> held) {
    Map.Entry<Resource<VolumeSpec, VolumeStatus>, Observation.Machine> one =
        held.entrySet().iterator().next();
    return one.getKey().title()
        + " is still attached to "
        + one.getValue().name()
        + " on the hypervisor"
        + stuck(one.getValue().uid());
  }

  /** What to do about a machine that does not let go because nothing is done on it any more. */
  private String stuck(UUID uid) {
    return store
        .read(tx -> tx.resources().find(uid))
        .filter(m ->
            m.kind() == Kind.MACHINE && Condition.holds(m.status().conditions(), Condition.HELD))
        .map(m ->
            ", for what was to change there was given up; apply " + m.title() + " again for that")
        .orElse("");
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
   * From here on the disk is made from this very image, whatever becomes of the Image.
   *
   * @return false if the Image has another build by now, which may have had this one's file removed
   */
  private static boolean pin(Run run, ResolvedMachine r) {
    MachineStatus pinned = r.machine().status();
    AtomicBoolean stands = new AtomicBoolean();
    run.guarded(
        new State.Running(),
        tx -> {
          stands.set(
              tx.resources()
                  .hold(r.image().uid())
                  .map(image -> ((ImageStatus) image.status()).sha256())
                  .filter(now -> now.equals(pinned.imageSha256()))
                  .isPresent());
          if (!stands.get()) {
            return;
          }
          if (pinned.former() == null) {
            tx.resources().updateStatus(r.uid(), pinned, "", "");
          } else {
            Settled.tell(tx, r.uid(), pinned);
          }
        });
    return stands.get();
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
        return undo.giveUp(run, subject, "Cancelled", "it was cancelled", true);
      }
      try {
        if (step instanceof Step.AwaitReady await) {
          Duration waited = run.begunFor();
          Optional<Ready> ready = awaitReady(machine, subject.installation(), waited);
          if (ready.isEmpty()) {
            Optional<FirstBootReport.Running> at = readyCheck.running(machine);
            Duration timeout = Duration.ofSeconds(await.timeoutSeconds());
            if (waited.toSeconds() > timeout.toSeconds() && readyCheck.listened(timeout)) {
              DriverException late =
                  new DriverException(
                      FaultKind.REFUSED,
                      "the machine did not report ready within "
                          + await.timeoutSeconds()
                          + " s"
                          + at.map(MachineReconciler::unfinished).orElse(""));
              at.ifPresent(a -> run.log(a.output().lines().toList()));
              run.fail(late);
              return undo.giveUp(run, subject, "NotReady", late.forUser(), false);
            }
            at.ifPresent(a -> run.going(new State.Running(), null, doing(a)));
            return Optional.of(POLL);
          }
          Optional<ScriptResult> bad = Settled.failedScript(ready.get().scripts());
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
                        + Settled.brief(bad.get().output()));
            run.fail(failed);
            return undo.giveUp(run, subject, "FirstBootFailed", failed.forUser(), false);
          }
          boolean alone = MachineGoals.goal(machine, subject.installation()).alone();
          machine = booted(run, machine, ready.get());
          subject = subject.with(machine);
          run.done("by " + ready.get().by());
          if (alone && !machine.volumes().isEmpty()) {
            return Optional.of(Duration.ZERO); // from here on it may have these, by another plan
          }
          continue;
        }
        if (step instanceof Step.AwaitInstalled await) {
          InstallationWatch.Found found =
              installations.look(
                  machine,
                  Duration.ofSeconds(await.stallSeconds()),
                  run.begunFor(),
                  LONGEST_INSTALLATION);
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
              return undo.giveUp(run, subject, "InstallationFailed", failed.why(), false);
            }
          }
          continue;
        }
        if (step instanceof Step.MountVolume mount) {
          Mark mark = MachineGoals.mark(machine.machine(), subject.installation());
          switch (mounts.tell(machine, mark, mount.disk(), run.begunFor())) {
            case VolumeMounts.Told.Goes goes -> {
              run.going(new State.Running(), null, goes.doing());
              return Optional.of(goes.again());
            }
            case VolumeMounts.Told.Over over -> {
              machine = told(run, machine, mount.disk(), over);
              subject = subject.with(machine);
              run.done(over.why());
            }
          }
          continue;
        }
        switch (acts.act(run, step, machine, subject.installation())) {
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
    if (machine.volumes().size() < machine.machine().spec().volumes().size()) {
      return Optional.of(
          Duration.ZERO); // what it was to let go it has; now it waits for the others
    }
    return succeed(run, machine);
  }

  private Optional<Ready> awaitReady(ResolvedMachine machine, String installation, Duration waited)
      throws DriverException {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    return readyCheck.look(
        machine, disk, MachineGoals.mark(machine.machine(), installation), waited);
  }

  /**
   * Writes down what the first boot told, so that no crash can make the machine boot first again.
   */
  private ResolvedMachine booted(Run run, ResolvedMachine r, Ready ready) {
    // Whoever waits for it need not wait for the clearing away of its seed.
    MachineStatus next = Settled.told(r, ready, Power.ON, clock.instant());
    boolean moved = r.machine().status().moving();
    run.guarded(
        new State.Running(),
        tx -> {
          if (moved) {
            Move.arrived(tx, r, clock.instant());
          }
          VolumeMounts.found(tx, r, ready.volumes(), clock.instant());
          Settled.tell(tx, r.uid(), next);
        });
    return moved ? again(store, r) : r.with(next);
  }

  /** The same machine, with all that was written down of it and of its volumes. */
  static ResolvedMachine again(Store store, ResolvedMachine r) {
    return store.read(tx ->
        ResolvedMachine.of(
            new Lookup(tx),
            tx.resources()
                .find(r.uid())
                .orElseThrow(Lost::new)
                .as(MachineSpec.class, MachineStatus.class)));
  }

  /** Writes down that a copy is whole, so that it is not made again. */
  private ResolvedMachine whole(Run run, ResolvedMachine r, String copy) {
    run.guarded(new State.Running(), tx -> Move.whole(tx, r, copy));
    return again(store, r);
  }

  /**
   * Writes down that its system was told of a volume. Of one that cannot be told, too: the machine
   * is as declared but for that, and to try for ever would help nobody.
   */
  private ResolvedMachine told(
      Run run, ResolvedMachine r, String disk, VolumeMounts.Told.Over over) {
    Resource<VolumeSpec, VolumeStatus> volume =
        r.volumes().stream().filter(v -> disk.equals(r.disk(v))).findFirst().orElseThrow();
    MachineStatus s = r.machine().status();
    List<String> known = new ArrayList<>(Objects.requireNonNullElse(s.knownVolumes(), List.of()));
    known.add(Objects.requireNonNull(volume.status().serial()));
    MachineStatus next = s.withKnownVolumes(known);
    String why = over.why();
    run.guarded(
        new State.Running(),
        tx -> {
          if (over.found() != null) {
            VolumeMounts.found(tx, r, List.of(over.found()), clock.instant());
          }
          tx.resources()
              .updateStatus(
                  r.uid(),
                  next,
                  why == null ? "" : "VolumeNotMounted",
                  why == null
                      ? ""
                      : sentence(
                          volume.title() + " is attached but not mounted by Millwright: " + why));
        });
    return r.with(next);
  }

  private Optional<Duration> reset(Run run, ResolvedMachine machine, String installation)
      throws DriverException {
    run.plan(List.of(new Step.Reset()));
    run.begin(new State.Running());
    try {
      acts.act(run, new Step.Reset(), machine, installation);
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
    List<Condition> conditions = Settled.settled(s, power, clock.instant());
    Optional<Condition> failedRebuild = Condition.find(s.conditions(), Rebuild.REBUILT);
    if (failedRebuild.isPresent() && rebuild.pending(r)) {
      // Power was switched, say; what is declared is still another system.
      conditions = Condition.set(conditions, failedRebuild.get());
    }
    MachineStatus next =
        Settled.gathered(forgotten(s, r).withPower(power).withConditions(conditions));
    // The operation in which it booted first tells of a script that failed; later ones do not.
    boolean first = run.operation().verb() == Verb.CREATE || run.booted();
    Optional<ScriptResult> bad = Settled.failedScript(s.scripts());
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
            Settled.tell(tx, r.uid(), next);
          }
        });
    return Optional.empty();
  }

  /** Of a volume that it has no more it is told again when it gets it back. */
  private static MachineStatus forgotten(MachineStatus s, ResolvedMachine r) {
    List<String> known = s.knownVolumes();
    return known == null
        ? s
        : s.withKnownVolumes(
            known.stream()
                .filter(serial ->
                    r.volumes().stream().anyMatch(v -> serial.equals(v.status().serial())))
                .toList());
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

  /** What a first boot is at, with the last line that it printed. */
  private static String doing(FirstBootReport.Running at) {
    return at.title()
        + " runs"
        + at.output()
            .strip()
            .lines()
            .reduce((_, last) -> last)
            .map(l -> ": " + Settled.brief(l))
            .orElse("");
  }

  private static String unfinished(FirstBootReport.Running at) {
    String said = Settled.brief(at.output());
    return "; " + at.title() + " was still running" + (said.isEmpty() ? "" : ": " + said);
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
    return undo.giveUp(run, subject, reason(e.kind()), e.forUser(), false);
  }

  private Optional<Duration> fault(Run run, Subject subject, DriverException e) {
    run.log(e.forOperator());
    int attempts = run.attempts();
    // A guest that still uses a volume is waited for: it is not ours to stop.
    boolean inUse =
        e.kind() == FaultKind.CONFLICT && run.next().orElse(null) instanceof Step.DetachDisk;
    Optional<Duration> delay =
        subject.machine().deleting() || inUse
            ? Optional.of(RetryPolicy.untilDone(attempts))
            : RetryPolicy.decide(e.kind(), attempts);
    if (delay.isPresent()) {
      run.wait(reason(e.kind()), e.forUser(), delay.get(), null);
      return delay;
    }
    run.fail(e);
    return undo.giveUp(run, subject, reason(e.kind()), e.forUser(), false);
  }

  /**
   * Takes away what turned up of a machine that is gone: a late effect of a frozen or lost call.
   */
  Optional<Duration> collect(Tombstone gone) {
    return unattended.collect(gone);
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

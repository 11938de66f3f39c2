package io.millwright.engine.reconcile;

import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Resources.Name;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Begin;
import io.millwright.engine.request.Delete;
import io.millwright.engine.request.Members;
import io.millwright.engine.request.Rebuild;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.planner.GroupPlanner;
import io.millwright.planner.GroupPlanner.Act;
import io.millwright.planner.GroupPlanner.Goal;
import io.millwright.planner.GroupPlanner.Next;
import io.millwright.planner.GroupPlanner.Outlook;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Brings groups to what is declared of them, by ordinary operations on their machines.
 *
 * <p>Everything that it does is a transaction of the database: what it begins on a member, and that
 * the member was given it, is one commit. So it may die at any moment and be looked at again.
 */
public final class GroupReconciler implements AutoCloseable {
  /** Between two looks at a rollout, for what nobody tells: health, and time. */
  private static final Duration SOON = Duration.ofSeconds(1);

  /** Until what could not be declared is tried again. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final Store store;
  private final Apply apply;
  private final Delete delete;
  private final Rebuild rebuild;
  private final InstantSource clock;
  private final Duration round;
  private final HealthProbe probe;

  /**
   * @param reached where the addresses of members are reached from here
   */
  public GroupReconciler(
      Store store,
      Outside outside,
      Apply apply,
      Delete delete,
      Rebuild rebuild,
      InstantSource clock,
      Duration round,
      UnaryOperator<Ip> reached) {
    this.store = store;
    this.apply = apply;
    this.delete = delete;
    this.rebuild = rebuild;
    this.clock = clock;
    this.round = round;
    this.probe = new HealthProbe(outside, reached);
  }

  @Override
  public void close() {
    probe.close();
  }

  /**
   * A machine of the group, as the database knows it.
   *
   * @param repaired true if it was well and is being repaired: it may serve all the while
   * @param unknown why nobody can tell how it is, if so
   * @param outdated true if its image has a newer build, and the group follows that now
   */
  private record Look(
      Member member,
      Resource<MachineSpec, MachineStatus> machine,
      boolean busy,
      boolean repaired,
      Optional<String> unknown,
      Optional<Operation> failed,
      boolean outdated) {

    boolean working() {
      return busy || machine.deleting();
    }
  }

  /** The group, as the database knows it. */
  private record Seen(
      Map<Integer, Look> looks,
      List<HealthProbe.Patient> patients,
      List<Member> leftVolumes,
      Set<Integer> taken) {}

  /** A member has changed since it was looked at. */
  private static final class Stale extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  Optional<Duration> reconcile(Resource<GroupSpec, GroupStatus> group, @Nullable Run run) {
    if (group.deleting()) {
      return run == null ? Optional.empty() : dissolve(run, group);
    }
    if (run != null && run.operation().generation() != group.generation()) {
      return Optional.of(SOON); // whoever declared it anew has superseded this
    }
    boolean follows = group.spec().follow() != null && group.spec().follow().image(clock.instant());
    Seen seen = store.read(tx -> see(tx, group, follows));
    forgetDeleted(seen);
    Map<UUID, String> trouble = probe.ask(group.spec().rollout().healthGate(), seen.patients());
    Instant now = clock.instant();
    Map<Integer, Member> health = new TreeMap<>();
    seen.looks().forEach((ordinal, look) -> health.put(ordinal, health(look, trouble, now)));
    try {
      return run == null
          ? observe(group, seen, health, now)
          : new Work(run, group, seen, health, now).go();
    } catch (Stale e) {
      return Optional.of(Duration.ofMillis(100));
    }
  }

  private void forgetDeleted(Seen seen) {
    for (Look look : seen.looks().values()) {
      if (look.machine().deleting()) {
        probe.forget(look.machine().uid());
      }
    }
  }

  // --- seeing --------------------------------------------------------------------------------

  private static Seen see(Tx tx, Resource<GroupSpec, GroupStatus> group, boolean follows) {
    List<Member> all = tx.groups().members(group.uid());
    Map<UUID, Member> members = new HashMap<>();
    List<Name> names = new ArrayList<>();
    for (Member member : all) {
      if (member.volume() == null) {
        members.put(member.uid(), member);
        names.add(name(group, member.ordinal()));
      }
    }
    Set<UUID> busy = tx.operations().busy(members.keySet());
    Map<Integer, Look> looks = new TreeMap<>();
    List<HealthProbe.Patient> patients = new ArrayList<>();
    Lookup lookup = new Lookup(tx);
    GroupSpec.HealthGate gate = group.spec().rollout().healthGate();
    for (Resource<?, ?> found : tx.resources().find(names)) {
      Member member = members.get(found.uid());
      if (member == null) {
        continue;
      }
      Resource<MachineSpec, MachineStatus> machine =
          found.as(MachineSpec.class, MachineStatus.class);
      boolean works = busy.contains(machine.uid());
      boolean well =
          Condition.holds(machine.status().conditions(), Condition.READY)
              && !Condition.holds(machine.status().conditions(), Condition.HELD);
      HealthProbe.Patient patient = HealthProbe.patient(tx, lookup, gate, machine);
      Optional<String> unknown = patient.unknown(gate);
      looks.put(
          member.ordinal(),
          new Look(
              member,
              machine,
              works,
              works && well && isRepaired(tx, machine.uid()),
              unknown,
              works || well ? Optional.empty() : Members.failed(tx, machine),
              follows && Outdated.newer(lookup, machine).isPresent()));
      if (!works && !machine.deleting() && unknown.isEmpty()) {
        patients.add(patient);
      }
    }
    List<Member> left =
        all.stream().filter(m -> m.volume() != null && !looks.containsKey(m.ordinal())).toList();
    return new Seen(looks, patients, left, taken(tx, group, looks));
  }

  private static boolean isRepaired(Tx tx, UUID machine) {
    // One that waits (for a volume that is lost, say) may do so for ever.
    return tx.operations()
        .active(machine)
        .filter(o -> o.verb() == Operation.Verb.REPAIR && !(o.state() instanceof State.Waiting))
        .isPresent();
  }

  private static Name name(Resource<GroupSpec, GroupStatus> group, int ordinal) {
    return new Name(Kind.MACHINE, group.project(), Members.machineName(group.name(), ordinal));
  }

  /** Ordinals for a surge whose names belong to others. */
  private static Set<Integer> taken(
      Tx tx, Resource<GroupSpec, GroupStatus> group, Map<Integer, Look> looks) {
    int surge = group.spec().rollout().surge();
    if (surge == 0) {
      return Set.of();
    }
    int from = looks.keySet().stream().mapToInt(o -> o + 1).max().orElse(0);
    Map<String, Integer> names = new HashMap<>();
    for (int i = Math.max(from, group.spec().count()); names.size() < 4 * surge + 16; i++) {
      names.put(Members.machineName(group.name(), i), i);
    }
    List<Name> wanted = names.values().stream().map(i -> name(group, i)).toList();
    return tx.resources().find(wanted).stream()
        .map(r -> names.get(r.name()))
        .filter(Objects::nonNull)
        .collect(Collectors.toSet());
  }

  /** The member with what was seen of it just now. */
  private static Member health(Look look, Map<UUID, String> trouble, Instant now) {
    Member m = look.member();
    if (look.unknown().isPresent() && !look.working()) {
      // It is no trouble of its own, and no time is counted for it.
      String said = MachineReconciler.sentence(look.unknown().get());
      return new Member(
          m.uid(), m.group(), m.ordinal(), null, m.revision(), null, null, said, m.due());
    }
    String why = trouble.get(m.uid());
    String found = look.working() ? null : why; // what is worked on was not asked
    boolean well = found != null && found.isEmpty();
    boolean ill = found != null && !found.isEmpty();
    return new Member(
        m.uid(),
        m.group(),
        m.ordinal(),
        null,
        m.revision(),
        well ? (m.healthySince() == null ? now : m.healthySince()) : null,
        ill ? (m.troubleSince() == null ? now : m.troubleSince()) : null,
        found != null && ill ? MachineReconciler.sentence(found) : "",
        m.due());
  }

  private static List<Member> changed(Seen seen, Map<Integer, Member> health) {
    return health.values().stream()
        .filter(m -> !Objects.requireNonNull(seen.looks().get(m.ordinal())).member().equals(m))
        .toList();
  }

  /**
   * As the planner sees them.
   *
   * @param begun when the present operation was asked for; what failed before that is tried again
   */
  private static List<GroupPlanner.Member> members(
      Seen seen, Map<Integer, Member> health, @Nullable Instant begun) {
    List<GroupPlanner.Member> out = new ArrayList<>();
    seen.looks()
        .forEach((ordinal, look) -> {
          Member m = Objects.requireNonNull(health.get(ordinal));
          Instant troubleSince = m.troubleSince();
          Operation failed = look.failed().orElse(null);
          boolean before =
              failed != null
                  && begun != null
                  && failed.endedAt() != null
                  && failed.endedAt().isBefore(begun);
          out.add(
              new GroupPlanner.Member(
                  ordinal,
                  // What has failed by now is not tried again, though it has the former build
                  // still.
                  before || m.due() || (look.outdated() && failed == null) ? -1 : m.revision(),
                  // To take one that is being repaired is not for nothing, though it does not
                  // count.
                  look.busy() && !look.repaired(),
                  look.machine().deleting(),
                  m.healthySince(),
                  look.repaired() || look.unknown().isPresent(),
                  troubleSince != null && begun != null && troubleSince.isBefore(begun)
                      ? begun
                      : troubleSince,
                  m.trouble(),
                  failed == null || before ? null : why(failed),
                  Members.leavesFirst(look.machine())));
        });
    return out;
  }

  private static String why(Operation failed) {
    String said = failed.state().message();
    return failed.title() + (said.isEmpty() ? " was " + failed.state().word() : " failed: " + said);
  }

  // --- without an operation --------------------------------------------------------------------

  /** Says how its members are; nothing is done. */
  private Optional<Duration> observe(
      Resource<GroupSpec, GroupStatus> group, Seen seen, Map<Integer, Member> health, Instant now) {
    if (follow(group, seen) || takeOver(group, seen)) {
      return Optional.empty();
    }
    Goal goal = Members.goal(group, false, Set.of());
    Next next = GroupPlanner.plan(goal, members(seen, health, null), now);
    GroupStatus counted =
        group.status().counted(seen.looks().size(), next.healthy(), next.updated());
    // Why a rollout failed stays to be read.
    boolean failed = group.status().failed() != null;
    GroupStatus status =
        failed ? counted : ready(counted, healthCondition(group, health, next.healthy(), now));
    List<Member> changed = changed(seen, health);
    if (!changed.isEmpty() || !status.equals(group.status())) {
      store.write(tx -> {
        requireAsSeen(tx, group, seen, changed.stream().map(Member::ordinal).toList());
        if (tx.operations().active(group.uid()).isPresent()) {
          throw new Stale();
        }
        changed.forEach(tx.groups()::put);
        tell(tx, group, status);
      });
    }
    return Optional.of(round);
  }

  /**
   * Begins to give the members a newer build of their image, if one of them has a former one. A
   * build that failed at a member is not tried again by itself, nor is what was declared and
   * failed.
   */
  private boolean follow(Resource<GroupSpec, GroupStatus> group, Seen seen) {
    if (seen.looks().values().stream().noneMatch(Look::outdated)) {
      return false;
    }
    return store.inTransaction(tx -> {
      Resource<?, ?> image =
          new Lookup(tx)
              .find(Kind.IMAGE, group.project(), group.spec().machine().image())
              .orElse(null);
      String build = image == null ? null : ((ImageStatus) image.status()).sha256();
      GroupStatus status = group.status();
      boolean declared =
          seen.looks().values().stream().allMatch(l -> l.member().revision() == status.revision());
      if (image == null
          || build == null
          || (status.failed() != null && (build.equals(status.followed()) || !declared))
          || tx.resources()
              .lock(group.uid())
              .filter(r -> r.metadata().revision() == group.metadata().revision())
              .isEmpty()
          || tx.operations().active(group.uid()).isPresent()) {
        return false;
      }
      tx.resources().updateStatus(group.uid(), status.following(build), "", "");
      Begin.operation(tx, group, Operation.Verb.UPDATE, "image " + image.name(), clock);
      return true;
    });
  }

  /**
   * Begins to give members what they are due, should whoever made them so have left that to an
   * operation that has ended without it. What failed or was cancelled is not tried again by itself.
   */
  private boolean takeOver(Resource<GroupSpec, GroupStatus> group, Seen seen) {
    if (group.status().failed() != null
        || seen.looks().values().stream()
            .noneMatch(l -> l.member().due() && !l.machine().deleting())) {
      return false;
    }
    return store.inTransaction(tx -> {
      if (tx.resources()
              .lock(group.uid())
              .filter(r -> r.metadata().revision() == group.metadata().revision())
              .isEmpty()
          || tx.operations()
              .latest(group.uid())
              .filter(o -> !o.state().terminal() || o.state() instanceof State.Cancelled)
              .isPresent()) {
        return false;
      }
      Begin.operation(tx, group, Operation.Verb.UPDATE, "network", clock);
      return true;
    });
  }

  private static Condition healthCondition(
      Resource<GroupSpec, GroupStatus> group,
      Map<Integer, Member> health,
      int healthy,
      Instant now) {
    int count = group.spec().count();
    String ill =
        health.values().stream()
            .filter(m -> m.healthySince() == null)
            .limit(3)
            .map(m ->
                Members.machineName(group.name(), m.ordinal())
                    + (m.trouble().isEmpty() ? " is being worked on." : ": " + m.trouble()))
            .collect(Collectors.joining(" "));
    return MachineReconciler.condition(
        Condition.READY,
        healthy >= count,
        healthy >= count ? "Healthy" : "Unhealthy",
        healthy + " of " + count + " members are healthy." + (ill.isEmpty() ? "" : " " + ill),
        now);
  }

  private static GroupStatus ready(GroupStatus status, Condition ready) {
    return status.withConditions(Condition.set(status.conditions(), ready));
  }

  /** Writes a status down, and into the journal if its word has changed. */
  private static void tell(Tx tx, Resource<GroupSpec, GroupStatus> group, GroupStatus status) {
    Optional<Condition> before = Condition.find(group.status().conditions(), Condition.READY);
    Optional<Condition> after = Condition.find(status.conditions(), Condition.READY);
    boolean news =
        after.isPresent() && !before.map(Condition::reason).equals(after.map(Condition::reason));
    tx.resources()
        .updateStatus(
            group.uid(),
            status,
            news ? after.get().reason() : "",
            news ? after.get().message() : "");
  }

  /**
   * Nothing is written of what has changed since it was looked at, which may have taken a while:
   * neither over a pause that somebody has asked for, nor as if a member were at rest that is being
   * repaired, or had all that it is due.
   */
  private static void requireAsSeen(
      Tx tx, Resource<GroupSpec, GroupStatus> group, Seen seen, List<Integer> ordinals) {
    if (tx.resources()
        .lock(group.uid())
        .filter(r -> r.metadata().revision() == group.metadata().revision())
        .isEmpty()) {
      throw new Stale();
    }
    // Whoever makes a member due has locked the group, and changed nothing else of it.
    for (Member member : tx.groups().members(group.uid())) {
      Look look = seen.looks().get(member.ordinal());
      if (member.volume() == null && member.due() && look != null && !look.member().due()) {
        throw new Stale();
      }
    }
    Set<UUID> members = new HashSet<>();
    Set<UUID> busy = new HashSet<>();
    for (int ordinal : ordinals) {
      Look look = seen.looks().get(ordinal);
      if (look != null) {
        members.add(look.machine().uid());
        if (look.busy()) {
          busy.add(look.machine().uid());
        }
      }
    }
    if (!busy.containsAll(tx.operations().busy(members))) {
      throw new Stale();
    }
    for (int ordinal : ordinals) {
      Look look = seen.looks().get(ordinal);
      if (look != null
          && tx.resources()
              .find(look.machine().uid())
              .filter(r -> r.metadata().revision() == look.machine().metadata().revision())
              .isEmpty()) {
        throw new Stale();
      }
    }
  }

  // --- with an operation -----------------------------------------------------------------------

  /** One look at a group that is being worked on. */
  private final class Work {
    private final Run run;
    private final Resource<GroupSpec, GroupStatus> group;
    private final Seen seen;
    private final Map<Integer, Member> health;
    private final Instant now;
    private final State.@Nullable Undoing undoing;
    private final Goal goal;
    private final Next next;

    Work(
        Run run,
        Resource<GroupSpec, GroupStatus> group,
        Seen seen,
        Map<Integer, Member> health,
        Instant now) {
      this.run = run;
      this.group = group;
      this.seen = seen;
      this.health = health;
      this.now = now;
      this.undoing =
          run.operation().state() instanceof State.Undoing u ? u.withTrouble(null) : null;
      this.goal = Members.goal(group, undoing != null, seen.taken());
      this.next = GroupPlanner.plan(goal, members(seen, health, run.operation().createdAt()), now);
    }

    Optional<Duration> go() {
      track();
      if (run.cancelled()) {
        end(
            new State.Cancelled(),
            group.status(),
            condition(false, "Cancelled", "The rollout was cancelled; " + progress()));
        return Optional.of(round);
      }
      return switch (next.outlook()) {
        case Outlook.Failed failed -> failed(failed);
        case Outlook.Done _ -> done();
        case Outlook.Paused paused -> {
          String why = paused.why() + "; to go on, continue the rollout";
          begin(
              new State.Waiting("Paused", why, now.plus(round)),
              condition(false, "Paused", MachineReconciler.sentence(why)));
          yield Optional.of(round.compareTo(SOON) < 0 ? round : SOON.multipliedBy(5));
        }
        case Outlook.Going going -> {
          State state =
              undoing != null
                  ? undoing
                  : going.why().isEmpty()
                      ? new State.Running()
                      : new State.Waiting("Promise", going.why(), now.plus(SOON));
          yield begin(
              state,
              condition(
                  false, undoing == null ? "RollingOut" : "RollingBack", "So far " + progress()));
        }
      };
    }

    /** What is left to do, and what of it goes on. */
    private void track() {
      Map<String, Step> steps = new LinkedHashMap<>();
      Map<String, String> begun = new HashMap<>();
      Set<Integer> removed = new HashSet<>();
      for (Act act : next.acts()) {
        if (act instanceof Act.Remove) {
          removed.add(act.ordinal());
        }
      }
      Set<Integer> set = new HashSet<>(next.waiting());
      next.acts().stream()
          .filter(a -> !(a instanceof Act.Remove))
          .map(Act::ordinal)
          .forEach(set::add);
      set.removeAll(removed);
      Set<Integer> all = new HashSet<>(seen.looks().keySet());
      all.addAll(set);
      Set<Integer> leave = new HashSet<>(removed);
      leave.addAll(GroupPlanner.leaving(goal, members(seen, health, run.operation().createdAt())));
      for (int ordinal : all.stream().sorted().toList()) {
        Look look = seen.looks().get(ordinal);
        String name = Members.machineName(group.name(), ordinal);
        boolean goes = look != null && (look.machine().deleting() || leave.contains(ordinal));
        boolean ahead = next.ahead().contains(ordinal);
        if (!goes && !set.contains(ordinal) && !ahead) {
          continue;
        }
        Step step = goes ? new Step.RemoveMember(name) : new Step.SetMember(name, goal.revision());
        steps.put(step.key(), step);
        boolean working = goes ? !ahead : set.contains(ordinal);
        if (working) {
          Member m = health.get(ordinal);
          begun.put(step.key(), m == null ? "" : m.trouble());
        }
      }
      List<Step> order = new ArrayList<>();
      steps.values().stream().filter(s -> begun.containsKey(s.key())).forEach(order::add);
      steps.values().stream().filter(s -> !begun.containsKey(s.key())).forEach(order::add);
      run.track(order, begun);
    }

    private String progress() {
      return next.updated()
          + " of "
          + goal.count()
          + " members have revision "
          + goal.revision()
          + ", and "
          + next.healthy()
          + " are healthy.";
    }

    private Condition condition(boolean holds, String reason, String message) {
      return MachineReconciler.condition(Condition.READY, holds, reason, message, now);
    }

    private GroupStatus counted(GroupStatus status) {
      int updated =
          (int) health.values().stream().filter(m -> m.revision() == status.revision()).count();
      return status.counted(seen.looks().size(), next.healthy(), updated);
    }

    /** Begins what is to be begun, in one commit with the record of it. */
    private Optional<Duration> begin(State state, Condition ready) {
      GroupStatus status = ready(counted(group.status()), ready);
      List<Member> changed = changed(seen, health);
      if (!run.changed()
          && next.acts().isEmpty()
          && changed.isEmpty()
          && status.equals(group.status())
          && sameState(state)) {
        return Optional.of(SOON);
      }
      try {
        run.guarded(
            state,
            tx -> {
              requireAsSeen(tx, group, seen, List.copyOf(seen.looks().keySet()));
              if (!write(tx, changed, status)) {
                act(tx); // else what is made next may need the name of what is dropped
              }
            });
        return Optional.of(SOON);
      } catch (ProblemException e) {
        // There is no place for one more, say, or an image is gone that an old revision names.
        String why = e.problem().first();
        State told =
            undoing == null
                ? new State.Waiting("Refused", why, now.plus(AGAIN))
                : undoing.withTrouble(why);
        if (!sameState(told)) {
          run.log("nothing more can be begun now: " + why);
          run.write(told);
        }
        return Optional.of(AGAIN);
      }
    }

    private boolean sameState(State state) {
      State was = run.operation().state();
      return was.word().equals(state.word()) && was.told().equals(state.told());
    }

    /** True if volumes were dropped. */
    private boolean write(Tx tx, List<Member> changed, GroupStatus status) {
      changed.forEach(tx.groups()::put);
      tell(tx, group, status);
      return dropVolumes(tx, group, seen.leftVolumes());
    }

    private void act(Tx tx) {
      Caller caller = caller(tx, group);
      List<Act.Create> creates = new ArrayList<>();
      List<Integer> changes = new ArrayList<>();
      for (Act act : next.acts()) {
        switch (act) {
          case Act.Create c -> creates.add(c);
          case Act.Change c -> {
            Look look = Objects.requireNonNull(seen.looks().get(c.ordinal()));
            tx.groups().due(look.machine().uid(), false);
            if (look.outdated() && look.member().revision() == goal.revision()) {
              rebuild.unattended(tx, caller, look.machine());
              tx.groups()
                  .put(
                      Member.fresh(
                          look.machine().uid(), group.uid(), c.ordinal(), null, goal.revision()));
            } else {
              if (look.member().due()) {
                // Nothing of its own need be declared otherwise for that.
                Begin.operation(
                    tx,
                    tx.resources().find(look.machine().uid()).orElseThrow(),
                    Operation.Verb.UPDATE,
                    caller.name(),
                    clock);
                tx.groups()
                    .put(
                        Member.fresh(
                            look.machine().uid(),
                            group.uid(),
                            c.ordinal(),
                            null,
                            look.member().revision()));
              }
              changes.add(c.ordinal());
            }
          }
          case Act.Remove r ->
              delete.member(
                  tx,
                  caller,
                  Objects.requireNonNull(seen.looks().get(r.ordinal())).machine().uid());
        }
      }
      apply.change(tx, caller, group, changes, goal.revision());
      apply.create(tx, caller, group, creates);
    }

    private void end(State state, GroupStatus status, Condition ready) {
      List<Member> changed = changed(seen, health);
      run.finish(
          state,
          tx -> {
            requireAsSeen(tx, group, seen, List.copyOf(seen.looks().keySet()));
            write(tx, changed, ready(counted(status), ready));
          });
    }

    private Optional<Duration> done() {
      if (undoing != null) {
        String message = undoing.message() + "; the group is back on revision " + goal.revision();
        end(
            new State.Failed(undoing.reason(), message),
            group.status().withFailed(group.status().revision()),
            condition(false, "RolledBack", MachineReconciler.sentence(message)));
        return Optional.of(round);
      }
      Condition ready =
          goal.frozen()
              ? Condition.find(group.status().conditions(), Condition.READY)
                  .filter(c -> c.reason().startsWith("Roll"))
                  .orElseGet(() ->
                      condition(
                          false,
                          "RolloutFailed",
                          "The rollout of revision " + goal.revision() + " has failed."))
              : healthCondition(group, health, next.healthy(), now);
      end(
          new State.Succeeded(),
          goal.frozen() ? group.status() : group.status().rolledOut(goal.revision()),
          ready);
      return Optional.of(round);
    }

    private Optional<Duration> failed(Outlook.Failed failed) {
      String machine = Members.machineName(group.name(), failed.ordinal());
      String why = "revision " + goal.revision() + " failed at " + machine + ": " + failed.why();
      run.failStep(new Step.SetMember(machine, goal.revision()).key(), failed.why());
      Integer stable = group.status().stable();
      boolean back =
          undoing == null
              && group.spec().rollout().onFailure() == GroupSpec.OnFailure.ROLLBACK
              && stable != null
              && stable != goal.revision();
      if (back) {
        State.Undoing next = new State.Undoing("MemberFailed", why, false);
        List<Member> changed = changed(seen, health);
        GroupStatus status =
            ready(
                counted(group.status()),
                condition(false, "RollingBack", MachineReconciler.sentence(why)));
        run.guarded(
            next,
            tx -> {
              requireAsSeen(tx, group, seen, List.copyOf(seen.looks().keySet()));
              write(tx, changed, status);
            });
        return Optional.of(Duration.ofMillis(50));
      }
      String message = undoing == null ? why : undoing.message() + "; and on the way back, " + why;
      end(
          new State.Failed(undoing == null ? "MemberFailed" : undoing.reason(), message),
          group.status().withFailed(group.status().revision()),
          condition(
              false,
              "RolloutFailed",
              MachineReconciler.sentence(message) + " So far " + progress()));
      return Optional.of(round);
    }
  }

  /** The group; and the commit, if it is that which the group works for. */
  private static Caller caller(Tx tx, Resource<GroupSpec, GroupStatus> group) {
    return new Caller(
        "group "
            + group.name()
            + tx.operations()
                .latest(group.uid())
                .map(Operation::requestedBy)
                .filter(by -> by.startsWith(SourceReconciler.CALLER))
                .map(by -> " for " + by)
                .orElse(""));
  }

  /**
   * Volumes of members that are gone: they stay, or go into quarantine if that is declared. True if
   * one does.
   */
  private boolean dropVolumes(Tx tx, Resource<GroupSpec, GroupStatus> group, List<Member> volumes) {
    boolean dropped = false;
    for (Member member : volumes) {
      Resource<?, ?> volume = tx.resources().lock(member.uid()).orElse(null);
      if (volume == null || !Members.dropped(tx, volume)) {
        continue;
      }
      tx.groups().release(member.uid());
      delete.delete(tx, caller(tx, group), Kind.VOLUME, volume.project(), volume.name(), null);
      dropped = true;
    }
    return dropped;
  }

  // --- the end of a group ------------------------------------------------------------------------

  private Optional<Duration> dissolve(Run run, Resource<GroupSpec, GroupStatus> group) {
    Seen seen = store.read(tx -> see(tx, group, false));
    forgetDeleted(seen);
    List<Step> steps = new ArrayList<>();
    Map<String, String> begun = new HashMap<>();
    boolean more = false;
    for (Look look : seen.looks().values()) {
      Step step = new Step.RemoveMember(look.machine().name());
      steps.add(step);
      begun.put(step.key(), "");
      more |= !look.machine().deleting();
    }
    steps.add(new Step.Forget());
    run.track(steps, begun);
    if (!seen.looks().isEmpty()) {
      if (more || run.changed()) {
        run.guarded(
            new State.Running(),
            tx -> {
              Caller caller = caller(tx, group);
              seen.looks().values().forEach(l -> delete.member(tx, caller, l.machine().uid()));
            });
      }
      return Optional.of(SOON);
    }
    run.track(steps, Map.of(new Step.Forget().key(), ""));
    run.done(null);
    run.finish(
        new State.Succeeded(),
        tx -> {
          dropVolumes(tx, group, seen.leftVolumes());
          tx.groups().forget(group.uid());
          tx.resources().remove(group.uid());
        });
    return Optional.empty();
  }
}

package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.GroupSpec.Pause;
import io.millwright.planner.GroupPlanner.Act;
import io.millwright.planner.GroupPlanner.Goal;
import io.millwright.planner.GroupPlanner.Member;
import io.millwright.planner.GroupPlanner.Next;
import io.millwright.planner.GroupPlanner.Outlook;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;

/** A group in a world where everything takes its time and happens in any order. */
class GroupPlannerPropertyTest {
  private static final Duration TIMEOUT = Duration.ofMinutes(10);

  /** A machine as it really is. */
  private static final class Vm {
    final int ordinal;
    int revision;
    boolean leaving;

    /** Steps until what works on it has ended; 0 if nothing does. */
    int busy;

    @Nullable Instant healthySince;
    @Nullable Instant troubleSince;
    @Nullable String failure;
    boolean marked;

    /** Its hypervisor does not tell how it is. */
    boolean hidden;

    Vm(int ordinal, int revision) {
      this.ordinal = ordinal;
      this.revision = revision;
    }

    Member seen() {
      return seen(hidden);
    }

    Member inTruth() {
      return seen(false);
    }

    private Member seen(boolean unknown) {
      return new Member(
          ordinal,
          revision,
          busy > 0,
          leaving,
          busy > 0 || unknown ? null : healthySince,
          unknown,
          busy > 0 || unknown ? null : troubleSince,
          "it is ill",
          busy > 0 ? null : failure,
          marked);
    }
  }

  /** The world, its clock and its whims. */
  private static final class World {
    final Random random;
    final List<Vm> vms = new ArrayList<>();
    Instant now = Instant.EPOCH;

    /** Of this revision nothing becomes healthy. */
    int bad = -1;

    World(long seed) {
      random = new Random(seed);
    }

    Vm vm(int ordinal) {
      return vms.stream().filter(v -> v.ordinal == ordinal).findFirst().orElseThrow();
    }

    long healthy(Goal goal) {
      return vms.stream().filter(v -> GroupPlanner.available(goal, v.seen(), now)).count();
    }

    /** As many are healthy, whether that is known or not. */
    long inService(Goal goal) {
      return vms.stream().filter(v -> GroupPlanner.available(goal, v.inTruth(), now)).count();
    }

    /** Begins what was planned; a crash may cut it short, for each act is one commit. */
    void begin(Goal goal, List<Act> acts, boolean crash) {
      int most = crash ? random.nextInt(acts.size() + 1) : acts.size();
      for (Act act : acts.subList(0, most)) {
        switch (act) {
          case Act.Create c -> {
            assertThat(vms).noneMatch(v -> v.ordinal == c.ordinal());
            Vm vm = new Vm(c.ordinal(), c.revision());
            vm.busy = 1 + random.nextInt(5);
            vms.add(vm);
          }
          case Act.Change c -> {
            Vm vm = vm(c.ordinal());
            assertThat(vm.revision).isNotEqualTo(goal.revision());
            assertThat(vm.leaving).isFalse();
            vm.revision = goal.revision();
            vm.busy = 1 + random.nextInt(5);
            vm.healthySince = null;
            vm.troubleSince = null;
            vm.failure = null;
          }
          case Act.Remove r -> {
            Vm vm = vm(r.ordinal());
            vm.leaving = true;
            vm.busy = 1 + random.nextInt(3);
          }
        }
      }
    }

    void pass() {
      now = now.plusSeconds(1 + random.nextInt(3));
      for (Vm vm : List.copyOf(vms)) {
        if (vm.busy > 0 && --vm.busy == 0) {
          if (vm.leaving) {
            vms.remove(vm);
          } else if (vm.revision == bad) {
            vm.troubleSince = now;
            vm.failure = random.nextBoolean() ? "it did not come up" : null;
          } else {
            vm.healthySince = now;
            vm.troubleSince = null;
            vm.failure = null;
          }
        }
      }
    }

    /** Something falls ill or recovers by itself, or is not seen for a while. */
    void whim() {
      for (Vm vm : vms) {
        vm.hidden = random.nextInt(vm.hidden ? 4 : 15) == 0 != vm.hidden;
        if (vm.busy == 0 && vm.revision != bad && random.nextInt(12) == 0) {
          boolean ill = vm.healthySince != null;
          vm.healthySince = ill ? null : now;
          vm.troubleSince = ill ? now : null;
        }
      }
    }

    void heal() {
      for (Vm vm : vms) {
        vm.hidden = false;
        if (vm.busy == 0 && vm.revision != bad && vm.healthySince == null) {
          vm.healthySince = now;
          vm.troubleSince = null;
        }
      }
    }
  }

  @Provide
  Arbitrary<Goal> goals() {
    Arbitrary<Integer> few = Arbitraries.integers().between(0, 3);
    return Combinators.combine(
            Arbitraries.integers().between(0, 9),
            few,
            few,
            few,
            few,
            Arbitraries.of(Pause.class),
            Arbitraries.integers().between(0, 5))
        .as((count, unavailable, surge, canary, part, pause, healthy) ->
            new Goal(
                count,
                2,
                1,
                unavailable == 0 && surge == 0 ? 1 : unavailable,
                surge,
                canary,
                part,
                pause == Pause.BATCH && part == 0 ? Pause.NEVER : pause,
                Duration.ofSeconds(healthy),
                TIMEOUT,
                false,
                false,
                false,
                0,
                Set.of()));
  }

  private static Goal confirmed(Goal g, int at) {
    return new Goal(
        g.count(),
        g.revision(),
        g.stable(),
        g.maxUnavailable(),
        g.surge(),
        g.canary(),
        g.part(),
        g.pause(),
        g.minHealthy(),
        g.timeout(),
        g.frozen(),
        g.undoing(),
        g.paused(),
        at,
        g.taken());
  }

  private static Goal back(Goal g) {
    return new Goal(
        g.count(),
        1,
        1,
        g.maxUnavailable(),
        g.surge(),
        0,
        0,
        Pause.NEVER,
        g.minHealthy(),
        g.timeout(),
        false,
        true,
        false,
        0,
        g.taken());
  }

  private static Goal paused(Goal g, boolean now) {
    return new Goal(
        g.count(),
        g.revision(),
        g.stable(),
        g.maxUnavailable(),
        g.surge(),
        g.canary(),
        g.part(),
        g.pause(),
        g.minHealthy(),
        g.timeout(),
        g.frozen(),
        g.undoing(),
        now,
        g.confirmed(),
        g.taken());
  }

  /** A world in which so many members of revision 1 have been healthy for long. */
  private static World with(long seed, int members) {
    World world = new World(seed);
    for (int i = 0; i < members; i++) {
      Vm vm = new Vm(i, 1);
      vm.healthySince = world.now;
      vm.marked = world.random.nextInt(4) == 0;
      world.vms.add(vm);
    }
    world.now = world.now.plusSeconds(1000);
    return world;
  }

  /** What must hold of every plan, whatever happened before. */
  private static void check(World world, Goal goal, Next next) {
    long before = world.inService(goal);
    long taken =
        next.acts().stream()
            .filter(a -> !(a instanceof Act.Create))
            .filter(a -> GroupPlanner.available(goal, world.vm(a.ordinal()).inTruth(), world.now))
            .count();
    if (taken > 0) {
      assertThat(before - taken)
          .as("healthy after %s", next)
          .isGreaterThanOrEqualTo(goal.promised());
    }
    long creates = next.acts().stream().filter(a -> a instanceof Act.Create).count();
    if (creates > 0) {
      assertThat(world.vms.size() + creates).isLessThanOrEqualTo(goal.count() + goal.surge());
    }
    long updated =
        world.vms.stream().filter(v -> !v.leaving && v.revision == goal.revision()).count();
    long passed =
        world.vms.stream()
            .filter(v -> v.revision == goal.revision())
            .filter(v -> GroupPlanner.available(goal, v.seen(), world.now))
            .count();
    long more =
        next.acts().stream()
            .filter(a ->
                a instanceof Act.Change
                    || (a instanceof Act.Create c
                        && c.revision() == goal.revision()
                        && c.ordinal() >= goal.count()))
            .count();
    boolean old = world.vms.stream().anyMatch(v -> !v.leaving && v.revision != goal.revision());
    if (more > 0 && old && passed < goal.canary()) {
      assertThat(updated + more).as("canaries").isLessThanOrEqualTo(goal.canary());
    }
    if (more > 0 && old && goal.part() > 0 && passed >= goal.canary()) {
      long stage = goal.canary() + ((passed - goal.canary()) / goal.part() + 1) * goal.part();
      assertThat(updated + more).as("a batch").isLessThanOrEqualTo(stage);
    }
    if (goal.paused()) {
      assertThat(next.acts()).noneMatch(a -> a instanceof Act.Change);
    }
  }

  @Property(tries = 500)
  void aRolloutKeepsItsPromisesAndEnds(
      @ForAll("goals") Goal declared,
      @ForAll long seed,
      @ForAll boolean crashes,
      @ForAll boolean whims) {
    World world = with(seed, Math.max(0, declared.count() + world0(seed)));
    Goal goal = declared;
    int most = 3000;
    for (int step = 0; ; step++) {
      assertThat(step).as("it ends").isLessThan(most);
      // Whims end after a while, or nothing could be said of an end.
      if (whims && step < 60) {
        world.whim();
      } else if (step >= 60) {
        world.heal();
      }
      Next next = GroupPlanner.plan(goal, world.vms.stream().map(Vm::seen).toList(), world.now);
      check(world, goal, next);
      long healthy = world.healthy(goal);
      world.begin(goal, next.acts(), crashes && world.random.nextInt(3) == 0);
      if (healthy >= goal.promised()) {
        assertThat(world.healthy(goal)).isGreaterThanOrEqualTo(goal.promised());
      }
      if (next.outlook() instanceof Outlook.Done) {
        break;
      }
      if (next.outlook() instanceof Outlook.Paused) {
        assertThat(goal.pause()).isNotEqualTo(Pause.NEVER);
        assertThat(next.acts()).isEmpty();
        int updated = next.updated();
        assertThat(updated).isGreaterThan(goal.confirmed());
        goal = confirmed(goal, updated);
      }
      assertThat(next.outlook()).isNotInstanceOf(Outlook.Failed.class);
      world.pass();
    }
    assertThat(world.vms).hasSize(goal.count()).allMatch(v -> v.revision == 2 && !v.leaving);
    assertThat(world.healthy(goal)).isEqualTo(goal.count());
  }

  /** Some begin with fewer or more members than declared. */
  private static int world0(long seed) {
    return new Random(seed).nextInt(7) - 3;
  }

  @Property(tries = 300)
  void oneThatNeverBecomesHealthyEndsTheRolloutAndTheWayBackEndsToo(
      @ForAll("goals") Goal goal, @ForAll long seed) {
    if (goal.count() == 0) {
      return;
    }
    World world = with(seed, goal.count());
    world.bad = 2;
    Outlook end = null;
    for (int step = 0; end == null; step++) {
      assertThat(step).as("it ends").isLessThan(3000);
      Next next = GroupPlanner.plan(goal, world.vms.stream().map(Vm::seen).toList(), world.now);
      check(world, goal, next);
      world.begin(goal, next.acts(), false);
      assertThat(world.healthy(goal)).isGreaterThanOrEqualTo(goal.promised());
      end = next.outlook() instanceof Outlook.Going ? null : next.outlook();
      world.pass();
    }
    assertThat(end).isInstanceOf(Outlook.Failed.class);
    Goal back = back(goal);
    for (int step = 0; ; step++) {
      assertThat(step).as("it ends").isLessThan(3000);
      Next next = GroupPlanner.plan(back, world.vms.stream().map(Vm::seen).toList(), world.now);
      check(world, back, next);
      long healthy = world.healthy(back);
      world.begin(back, next.acts(), false);
      if (healthy >= back.promised()) {
        assertThat(world.healthy(back)).isGreaterThanOrEqualTo(back.promised());
      }
      assertThat(next.outlook()).isNotInstanceOf(Outlook.Failed.class);
      if (next.outlook() instanceof Outlook.Done) {
        break;
      }
      world.pass();
    }
    assertThat(world.vms).hasSize(goal.count()).allMatch(v -> v.revision == 1);
  }

  @Property(tries = 100)
  void whatIsPausedChangesNobodyAndStillScalesIn(@ForAll("goals") Goal goal, @ForAll long seed) {
    World world = with(seed, goal.count() + 2);
    Goal waiting = paused(goal, true);
    for (int step = 0; step < 60; step++) {
      Next next = GroupPlanner.plan(waiting, world.vms.stream().map(Vm::seen).toList(), world.now);
      check(world, waiting, next);
      world.begin(waiting, next.acts(), false);
      world.pass();
    }
    assertThat(world.vms).allMatch(v -> v.revision == 1);
    assertThat(world.vms.size()).isLessThanOrEqualTo(goal.count() + goal.surge());
  }
}

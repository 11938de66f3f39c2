package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Mac;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;

/** From any facts, whatever was declared: plans lead there, and take nothing that must stay. */
class MachinePlannerTest {
  private static final String SHA256 = "a".repeat(64);
  private static final List<String> DISKS = List.of("disk-g1", "disk-g2", "disk-g3");
  private static final List<String> SEEDS = List.of("seed-g1", "seed-g2");
  private static final List<Mac> MACS = List.of(Mac.ofQemu(1), Mac.ofQemu(2));

  /** The outside world, changed by steps as the drivers' contract says. */
  private static final class Outside {
    private final MachineGoal goal;
    private @Nullable Vm vm;
    private final TreeMap<String, ByteSize> disks;
    private final TreeSet<String> media;
    private boolean staged;
    private final TreeMap<String, Integer> records;
    private boolean booted;

    Outside(MachineGoal goal, MachineFacts facts) {
      this.goal = goal;
      this.vm = facts.vm();
      this.disks = new TreeMap<>(facts.systemDisks());
      this.media = new TreeSet<>(facts.media());
      this.staged = facts.imageStaged();
      this.records = new TreeMap<>(facts.records());
      this.booted = goal.booted() && disks.containsKey(goal.disk());
    }

    MachineFacts facts() {
      return new MachineFacts(
          vm, Map.copyOf(disks), List.copyOf(media), staged, Map.copyOf(records));
    }

    MachineGoal goal() {
      return withBooted(goal, booted);
    }

    void apply(Step step) {
      switch (step) {
        case Step.StageImage _ -> staged = true;
        case Step.CreateDisk s -> {
          assertThat(staged).as("a disk is made of a staged image").isTrue();
          disks.put(s.disk(), s.size());
        }
        case Step.GrowDisk s -> disks.put(s.disk(), s.size());
        case Step.Publish s ->
            records.put(s.network(), goal.records().getOrDefault(s.network(), 0));
        case Step.Withdraw s -> records.remove(s.network());
        case Step.PutSeed s -> media.add(s.medium());
        case Step.Define s -> {
          assertThat(disks)
              .as("a machine is made of disks that are there")
              .containsKey(goal.disk());
          if (s.medium() != null) {
            assertThat(media).contains(s.medium());
          }
          vm = defined(false, s.medium());
        }
        case Step.Start _ -> vm = running(true);
        case Step.Stop _ -> vm = running(false);
        case Step.AwaitReady _ -> {
          Vm now = java.util.Objects.requireNonNull(vm);
          assertThat(now.running()).as("only a running machine reports").isTrue();
          booted = true;
        }
        case Step.Eject _ -> {
          Vm now = java.util.Objects.requireNonNull(vm);
          vm = new Vm(now.running(), now.cores(), now.memory(), now.disks(), now.nics(), null);
        }
        case Step.DeleteSeed s -> {
          assertThat(vm == null || !s.medium().equals(vm.medium()))
              .as("a seed in a drive is not deleted")
              .isTrue();
          media.remove(s.medium());
        }
        case Step.Remove _ -> vm = null;
        case Step.DeleteDisk s -> {
          assertThat(vm == null || !vm.disks().contains(s.disk()))
              .as("a disk in use is not deleted")
              .isTrue();
          disks.remove(s.disk());
        }
        case Step.Forget _ -> records.clear();
        default -> throw new AssertionError(step + " is no step of a machine");
      }
    }

    private Vm defined(boolean on, @Nullable String medium) {
      List<String> all = new ArrayList<>();
      all.add(goal.disk());
      all.addAll(goal.volumes());
      return new Vm(on, goal.cores(), goal.memory(), all, goal.nics(), medium);
    }

    private Vm running(boolean on) {
      Vm now = java.util.Objects.requireNonNull(vm);
      return new Vm(on, now.cores(), now.memory(), now.disks(), now.nics(), now.medium());
    }
  }

  @Property
  void plansConverge(@ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts) {
    MachineGoal present =
        withBooted(goal, goal.booted() && facts.systemDisks().containsKey(goal.disk()));
    Outside outside = new Outside(present, facts);
    MachinePlanner.plan(present, facts).steps().forEach(outside::apply);
    assertThat(MachinePlanner.plan(outside.goal(), outside.facts()).steps()).isEmpty();
  }

  /** A crash after any step: the plan made then leads to the same end. */
  @Property
  void plansConvergeFromTheMiddle(
      @ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts, @ForAll int where) {
    MachineGoal present =
        withBooted(goal, goal.booted() && facts.systemDisks().containsKey(goal.disk()));
    Outside outside = new Outside(present, facts);
    List<Step> steps = MachinePlanner.plan(present, facts).steps();
    int crash = steps.isEmpty() ? 0 : Math.floorMod(where, steps.size());
    steps.subList(0, crash).forEach(outside::apply);
    MachinePlanner.plan(outside.goal(), outside.facts()).steps().forEach(outside::apply);
    assertThat(MachinePlanner.plan(outside.goal(), outside.facts()).steps()).isEmpty();
  }

  @Property
  void theDiskThatIsDeclaredAndDataVolumesAreNeverDeleted(
      @ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts) {
    List<String> deleted =
        MachinePlanner.plan(goal, facts).steps().stream()
            .filter(s -> s instanceof Step.DeleteDisk)
            .map(s -> ((Step.DeleteDisk) s).disk())
            .toList();
    assertThat(deleted).doesNotContain(goal.disk(), "data");
  }

  @Property
  void theDiskFromBeforeGoesOnlyWhenTheNewOneIsUp(
      @ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts) {
    MachineGoal fresh = withBooted(goal, false);
    List<Step> steps = MachinePlanner.plan(fresh, facts).steps();
    int ready = steps.stream().map(Step::key).toList().indexOf("await-ready");
    for (int i = 0; i < steps.size(); i++) {
      if (steps.get(i) instanceof Step.DeleteDisk) {
        assertThat(ready).as("it is waited for").isNotNegative().isLessThan(i);
      }
    }
  }

  @Property
  void whatIsUndoneLeavesNothing(
      @ForAll("worlds") MachineFacts facts, @ForAll("goals") MachineGoal goal) {
    Outside outside = new Outside(goal, facts);
    MachinePlanner.undo(facts).steps().forEach(outside::apply);
    MachineFacts after = outside.facts();
    assertThat(after.vm()).isNull();
    assertThat(after.systemDisks()).isEmpty();
    assertThat(after.media()).isEmpty();
    assertThat(after.records()).isEmpty();
  }

  @Property
  void theSameGivesTheSame(
      @ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts) {
    assertThat(MachinePlanner.plan(goal, facts)).isEqualTo(MachinePlanner.plan(goal, facts));
  }

  @Property
  void everyStepHasItsOwnKey(
      @ForAll("goals") MachineGoal goal, @ForAll("worlds") MachineFacts facts) {
    List<String> keys = MachinePlanner.plan(goal, facts).steps().stream().map(Step::key).toList();
    assertThat(Set.copyOf(keys)).hasSameSizeAs(keys);
  }

  // --- what there may be -------------------------------------------------------------------

  private static MachineGoal withBooted(MachineGoal g, boolean booted) {
    return new MachineGoal(
        g.present(),
        g.power(),
        g.cores(),
        g.memory(),
        g.diskSize(),
        g.image(),
        g.sha256(),
        g.disk(),
        booted,
        g.seed(),
        g.volumes(),
        g.nics(),
        g.records(),
        g.readyTimeoutSeconds());
  }

  @Provide
  Arbitrary<MachineGoal> goals() {
    return Combinators.combine(
            Arbitraries.of(Power.values()),
            Arbitraries.of(1, 2),
            Arbitraries.of(1L, 2L),
            Arbitraries.of(DISKS),
            Arbitraries.of(true, false),
            Arbitraries.of(SEEDS).injectNull(0.2),
            Arbitraries.of(List.<String>of(), List.of("data")),
            records())
        .as((power, cores, gib, disk, booted, seed, volumes, records) ->
            new MachineGoal(
                true,
                power,
                cores,
                ByteSize.ofMib(gib << 10),
                ByteSize.ofMib(gib << 10),
                "img",
                SHA256,
                disk,
                booted,
                seed,
                volumes,
                MACS,
                records,
                60));
  }

  @Provide
  Arbitrary<MachineFacts> worlds() {
    Arbitrary<Map<String, ByteSize>> disks =
        Arbitraries.of(DISKS)
            .set()
            .map(names -> {
              Map<String, ByteSize> out = new HashMap<>();
              names.forEach(n -> out.put(n, ByteSize.ofMib(1024)));
              return out;
            });
    Arbitrary<List<String>> media = Arbitraries.of(SEEDS).set().map(List::copyOf);
    return Combinators.combine(
            disks,
            media,
            Arbitraries.of(true, false),
            records(),
            Arbitraries.integers(),
            Arbitraries.of(1, 2))
        .as((have, seeds, staged, records, pick, cores) ->
            new MachineFacts(vm(have, seeds, pick, cores), have, seeds, staged, records));
  }

  /** A machine that could be there: on one of the disks, with one of the seeds, or none. */
  private static @Nullable Vm vm(
      Map<String, ByteSize> disks, List<String> seeds, int pick, int cores) {
    if (disks.isEmpty() || pick % 3 == 0) {
      return null;
    }
    String disk = disks.keySet().stream().sorted().toList().get(Math.floorMod(pick, disks.size()));
    String medium = seeds.isEmpty() || pick % 2 == 0 ? null : seeds.getFirst();
    return new Vm(pick % 5 < 3, cores, ByteSize.ofMib(1024), List.of(disk), MACS, medium);
  }

  private static Arbitrary<Map<String, Integer>> records() {
    return Arbitraries.maps(Arbitraries.of("net", "dmz"), Arbitraries.of(1, 2));
  }
}

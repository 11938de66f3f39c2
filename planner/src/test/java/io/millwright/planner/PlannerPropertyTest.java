package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Mac;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import io.millwright.planner.MachineGoal.Installer.Kernel;
import io.millwright.planner.MachineGoal.Installer.OwnMedium;
import io.millwright.planner.MachineGoal.Installer.SeedBeside;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

/** What is true of every plan, from whatever was observed to whatever was declared. */
class PlannerPropertyTest {
  private static final List<String> DISKS = List.of("g1-system", "g2-system", "g3-system");
  private static final List<String> SEEDS = List.of("g1-seed", "g2-seed", "g3-seed");
  private static final List<String> FILES = List.of("g1-kernel", "g1-initrd", "g2-initrd");
  private static final List<String> VOLUMES = List.of("a-data", "b-data");
  private static final List<String> NETWORKS = List.of("blue", "green", "red");
  private static final String SHA256 = "5".repeat(64);

  /** A goal, and facts from which to get there. */
  record Case(MachineGoal goal, MachineFacts facts) {}

  // --- a world that does what it is told -----------------------------------------------------

  /** Does steps as an outside system would, and objects to what such a system would not do. */
  private static final class Outside {
    final MachineGoal goal;
    Vm vm;
    final Map<String, ByteSize> disks;
    final TreeSet<String> media;
    final Map<String, Integer> records;
    final TreeSet<String> bootFiles;
    final TreeSet<String> halves;
    boolean staged;
    boolean installerDone;
    boolean booted;
    boolean forgotten;

    Outside(Case given) {
      goal = given.goal();
      vm = given.facts().vm();
      disks = new TreeMap<>(given.facts().systemDisks());
      media = new TreeSet<>(given.facts().media());
      records = new TreeMap<>(given.facts().records());
      bootFiles = new TreeSet<>(given.facts().bootFiles());
      halves = new TreeSet<>(given.facts().halves());
      installerDone = given.facts().installerDone();
      staged = given.facts().imageStaged();
      booted = goal.booted();
    }

    MachineFacts facts() {
      return new MachineFacts(
          vm,
          Map.copyOf(disks),
          List.copyOf(media),
          List.copyOf(bootFiles),
          installerDone,
          staged,
          Map.copyOf(records),
          Set.of(),
          halves);
    }

    /** A medium, or files, as they are sent. */
    private void put(TreeSet<String> where, Collection<String> names) {
      where.addAll(names);
      halves.removeAll(names);
    }

    MachineGoal goal() {
      return with(goal, booted, goal.records());
    }

    void act(Step step) {
      switch (step) {
        case Step.StageImage s -> {
          assertThat(s.sha256()).isEqualTo(goal.sha256());
          staged = true;
        }
        case Step.CreateDisk s -> {
          assertThat(goal.source()).as("what is reverted is copied").isNull();
          assertThat(staged || goal.installer() instanceof OwnMedium)
              .as("the image is there before a disk is made from it")
              .isTrue();
          assertThat(s.sha256() == null).isEqualTo(goal.installer() != null);
          disks.putIfAbsent(s.disk(), s.size());
        }
        case Step.CopyDisk s -> {
          assertThat(s.from()).isEqualTo(goal.source());
          disks.putIfAbsent(s.disk(), s.size());
        }
        case Step.GrowDisk s -> {
          assertThat(disks.get(s.disk())).isNotNull().isLessThanOrEqualTo(s.size());
          disks.put(s.disk(), s.size());
        }
        case Step.Publish s -> records.put(s.network(), goal.records().get(s.network()));
        case Step.Withdraw s -> records.remove(s.network());
        case Step.PutSeed s -> {
          assertThat(vm != null && vm.running() && s.medium().equals(vm.medium()))
              .as("nobody changes a seed under a running guest")
              .isFalse();
          put(media, List.of(s.medium()));
        }
        case Step.PutMedium s -> {
          assertThat(goal.installer()).isEqualTo(new OwnMedium(s.medium(), s.why()));
          assertThat(vm != null && vm.running() && s.medium().equals(vm.medium()))
              .as("nobody changes a medium under a running installer")
              .isFalse();
          put(media, List.of(s.medium()));
        }
        case Step.PutInstaller s -> {
          assertThat(vm == null || !vm.running()).as("nobody is just booting them").isTrue();
          assertThat(s.files().isEmpty()).isEqualTo(goal.installer() instanceof SeedBeside);
          put(bootFiles, s.files());
          if (s.seed() != null) {
            put(media, List.of(s.seed()));
          }
        }
        case Step.DefineInstaller s -> {
          assertThat(vm == null || !vm.running()).as("it stands still to be defined").isTrue();
          assertThat(disks).containsKey(goal.disk());
          if (goal.installer() instanceof Kernel kernel) {
            assertThat(bootFiles).containsAll(kernel.files());
          }
          assertThat(s.seed() == null || media.contains(s.seed())).isTrue();
          assertThat(staged).as("the installer finds its medium").isTrue();
          vm =
              new Vm(
                  false,
                  goal.cores(),
                  goal.memory(),
                  goal.devices(),
                  List.of(goal.disk()),
                  goal.nics(),
                  s.seed(),
                  true,
                  false,
                  true);
          installerDone = false;
        }
        case Step.StartInstaller _ -> vm = running(vm, true);
        case Step.AwaitInstalled _ -> {
          assertThat(vm.running() && vm.installer()).isTrue();
          assertThat(vm.disks()).as("no data is there").containsExactly(goal.disk());
          vm = running(vm, false);
          installerDone = true;
        }
        case Step.DeleteBootFile s -> {
          assertThat(vm == null || !vm.installer()).as("the installer is done").isTrue();
          bootFiles.remove(s.file());
          halves.remove(s.file());
        }
        case Step.Define s -> {
          assertThat(!(goal.installer() instanceof Kernel) || booted || vm != null && isInstalled())
              .as("what is defined so has a system")
              .isTrue();
          installerDone = false;
          assertThat(vm == null || !vm.running() || !vm.lasting())
              .as("it stands still to be defined, or has no definition")
              .isTrue();
          assertThat(disks).containsKey(goal.disk());
          assertThat(s.medium() == null || media.contains(s.medium())).isTrue();
          assertThat(
                  s.medium() == null || vm != null && vm.running() || !halves.contains(s.medium()))
              .as("what stands still finds all of it when it starts")
              .isTrue();
          vm = defined(vm != null && vm.running(), s.medium());
        }
        case Step.Eject _ -> {
          assertThat(vm).isNotNull();
          vm = defined(vm.running(), null);
        }
        case Step.Start _ -> {
          assertThat(vm).isNotNull();
          assertThat(disks.keySet()).contains(vm.disks().getFirst());
          assertThat(vm.installer())
              .as("it finds the vendor's medium")
              .isEqualTo(!booted && goal.installer() instanceof SeedBeside);
          if (!booted && goal.installer() instanceof SeedBeside beside) {
            assertThat(vm.medium()).as("it finds its answers").isEqualTo(beside.seed());
          }
          if (!booted && goal.seed() != null) {
            assertThat(vm.medium()).as("its first boot finds its seed").isEqualTo(goal.seed());
          }
          if (!booted && goal.installer() instanceof OwnMedium own) {
            assertThat(vm.medium()).as("it finds its installer").isEqualTo(own.medium());
          }
          assertNoDataBesideAnInstaller();
          vm = running(vm, true);
        }
        case Step.AttachDisk s -> {
          assertThat(goal.hotPlug() && vm.running() && (booted || !vm.installer())).isTrue();
          assertThat(goal.volumes()).as("only data is attached so").contains(s.disk());
          List<String> all = new ArrayList<>(vm.disks());
          all.add(s.disk());
          vm =
              new Vm(
                  true,
                  vm.cores(),
                  vm.memory(),
                  vm.devices(),
                  all,
                  vm.nics(),
                  vm.medium(),
                  vm.installer(),
                  false,
                  vm.lasting());
          assertNoDataBesideAnInstaller();
        }
        case Step.MountVolume s -> {
          assertThat(vm.running() && booted).as("somebody hears it").isTrue();
          assertThat(vm.disks()).as("the guest sees it").contains(s.disk());
        }
        case Step.DetachDisk s -> {
          assertThat(goal.hotPlug() && vm.running() && vm.lasting() && booted).isTrue();
          assertThat(goal.leaving()).as("its guest does not use it").contains(s.disk());
          assertThat(goal.volumes()).as("what it is to have stays").doesNotContain(s.disk());
          assertThat(DISKS).as("its system disk stays").doesNotContain(s.disk());
          vm =
              new Vm(
                  true,
                  vm.cores(),
                  vm.memory(),
                  vm.devices(),
                  vm.disks().stream().filter(d -> !d.equals(s.disk())).toList(),
                  vm.nics(),
                  vm.medium(),
                  vm.installer(),
                  false,
                  true);
        }
        case Step.Stop _ -> {
          assertThat(vm).isNotNull();
          vm = vm.lasting() ? running(vm, false) : null;
        }
        case Step.AwaitReady _ -> {
          assertThat(vm.running()).isTrue();
          assertThat(vm.disks()).contains(goal.disk());
          assertNoDataBesideAnInstaller();
          assertThat(vm.installer()).isEqualTo(!booted && goal.installer() instanceof SeedBeside);
          booted = true;
        }
        case Step.DeleteSeed s -> {
          assertThat(vm == null || !s.medium().equals(vm.medium()))
              .as("no seed is deleted in its drive")
              .isTrue();
          media.remove(s.medium());
          halves.remove(s.medium());
        }
        case Step.DeleteDisk s -> {
          assertThat(vm == null || !vm.disks().contains(s.disk()))
              .as("no disk is deleted that is attached")
              .isTrue();
          disks.remove(s.disk());
        }
        case Step.Remove _ -> vm = null;
        case Step.Forget _ -> forgotten = true;
        case Step.There _,
            Step.CarryVolume _,
            Step.DeleteCopy _,
            Step.Reset _,
            Step.CreateVolume _,
            Step.GrowVolume _,
            Step.QuarantineVolume _,
            Step.RestoreVolume _,
            Step.FetchImage _,
            Step.BuildImage _,
            Step.InstallImage _,
            Step.ReadImage _,
            Step.CheckImage _,
            Step.RemoveTrial _,
            Step.SetMember _,
            Step.RemoveMember _,
            Step.TakeOver _,
            Step.Release _ ->
            throw new AssertionError(step + " is in no machine's plan");
      }
    }

    /** It may take any disk for the one that it is to overwrite. */
    private void assertNoDataBesideAnInstaller() {
      if (!booted && goal.installer() != null && !(goal.installer() instanceof Kernel)) {
        assertThat(vm.disks()).as("no data is there").containsExactly(goal.disk());
      }
    }

    /** Carries out a plan; and the next one, if this one has only led to a system that is up. */
    void carryOut() {
      boolean was = booted;
      MachinePlanner.plan(goal(), facts()).steps().forEach(this::act);
      if (goal.present() && booted && !was && !goal.volumes().isEmpty()) {
        MachinePlanner.plan(goal(), facts()).steps().forEach(this::act);
      }
    }

    /** It has a system, or gets one as a copy. */
    boolean isReady() {
      return !(goal.installer() instanceof Kernel) || booted || isInstalled();
    }

    private boolean isInstalled() {
      return vm.disks().contains(goal.disk())
          && (!vm.installer() || !vm.running() && installerDone);
    }

    private Vm defined(boolean running, String medium) {
      List<String> all = new ArrayList<>();
      all.add(goal.disk());
      if (booted || goal.installer() == null || goal.installer() instanceof Kernel) {
        all.addAll(goal.volumes());
      }
      return new Vm(
          running,
          goal.cores(),
          goal.memory(),
          goal.devices(),
          all,
          goal.nics(),
          medium,
          false,
          false,
          true);
    }

    private static Vm running(Vm vm, boolean yes) {
      return new Vm(
          yes,
          vm.cores(),
          vm.memory(),
          vm.devices(),
          vm.disks(),
          vm.nics(),
          vm.medium(),
          vm.installer(),
          false,
          vm.lasting());
    }
  }

  // --- what holds ----------------------------------------------------------------------------

  @Property
  void aPlanThatWasCarriedOutLeavesNothingToDo(@ForAll("cases") Case given) {
    Outside world = new Outside(given);
    world.carryOut();
    if (given.goal().present()) {
      assertThat(MachinePlanner.plan(world.goal(), world.facts()).steps()).isEmpty();
    } else {
      assertThat(world.forgotten).isTrue();
      assertNothingLeft(world);
    }
  }

  @Property
  void aPlanThatWasBrokenOffIsTakenUp(
      @ForAll("cases") Case given, @ForAll @IntRange(max = 12) int done) {
    Outside world = new Outside(given);
    MachinePlanner.plan(given.goal(), given.facts()).steps().stream()
        .limit(done)
        .forEach(world::act);
    if (world.forgotten) {
      return;
    }
    world.carryOut();
    if (given.goal().present()) {
      assertThat(MachinePlanner.plan(world.goal(), world.facts()).steps()).isEmpty();
    } else {
      assertNothingLeft(world);
    }
  }

  @Property
  void noPlanTakesAwayTheDiskThatIsWanted(@ForAll("cases") Case given) {
    List<Step> steps = MachinePlanner.plan(given.goal(), given.facts()).steps();
    if (given.goal().present()) {
      assertThat(steps)
          .noneMatch(s -> s instanceof Step.DeleteDisk d && d.disk().equals(given.goal().disk()))
          .noneMatch(s -> s instanceof Step.Remove || s instanceof Step.Forget);
    }
  }

  @Property
  void noPlanTouchesTheDiskOfAVolume(@ForAll("cases") Case given) {
    for (Plan plan :
        List.of(
            MachinePlanner.plan(given.goal(), given.facts()),
            MachinePlanner.undo(given.facts(), false))) {
      for (Step step : plan.steps()) {
        switch (step) {
          case Step.DeleteDisk s -> assertThat(VOLUMES).doesNotContain(s.disk());
          case Step.CreateDisk s -> assertThat(VOLUMES).doesNotContain(s.disk());
          case Step.GrowDisk s -> assertThat(VOLUMES).doesNotContain(s.disk());
          case Step.CopyDisk s -> assertThat(VOLUMES).doesNotContain(s.disk());
          case Step.CreateVolume _,
              Step.GrowVolume _,
              Step.QuarantineVolume _,
              Step.RestoreVolume _ ->
              throw new AssertionError(step + " is not a machine's");
          default -> {}
        }
      }
    }
  }

  /** Whatever else is to be done: the more is promised, the less is stopped, and never the more. */
  @Property
  void aPromiseSparesAStopAndChangesNothingElse(@ForAll("cases") Case given) {
    List<Step> bold = MachinePlanner.plan(given.goal(), given.facts()).steps();
    List<Step> careful =
        MachinePlanner.plan(given.goal().withLeaving(Set.of()), given.facts()).steps();
    assertThat(careful).noneMatch(s -> s instanceof Step.DetachDisk);
    if (bold.stream().anyMatch(s -> s instanceof Step.DetachDisk)) {
      assertThat(careful).contains(new Step.Stop());
      assertThat(bold)
          .noneMatch(s -> s instanceof Step.Stop || s instanceof Step.Start)
          .filteredOn(s -> !(s instanceof Step.DetachDisk || s instanceof Step.AttachDisk))
          .isSubsetOf(careful);
    } else {
      assertThat(bold).isEqualTo(careful);
    }
  }

  @Property
  void aDiskThatCannotGrowStaysAndAllElseIsDone(@ForAll("cases") Case given) {
    MachineFacts facts = given.facts();
    MachineFacts fixed =
        new MachineFacts(
            facts.vm(),
            facts.systemDisks(),
            facts.media(),
            facts.bootFiles(),
            facts.installerDone(),
            facts.imageStaged(),
            facts.records(),
            facts.systemDisks().keySet(),
            facts.halves());
    Plan plan = MachinePlanner.plan(given.goal(), fixed);
    Plan usual = MachinePlanner.plan(given.goal(), facts);
    assertThat(plan.steps())
        .as("all but that the disk grows")
        .isEqualTo(usual.steps().stream().filter(s -> !(s instanceof Step.GrowDisk)).toList());
    boolean grows = !plan.equals(usual);
    assertThat(MachinePlanner.kept(given.goal(), facts)).isEmpty();
    assertThat(MachinePlanner.kept(given.goal(), fixed).isPresent()).isEqualTo(grows);
    if (grows) {
      assertThat(MachinePlanner.kept(given.goal(), fixed).orElseThrow())
          .contains(
              given.goal().diskSize().toString(),
              String.valueOf(facts.systemDisks().get(given.goal().disk())));
    }
  }

  @Property
  void whatWasImportedIsNeitherDefinedNorRemovedNorAreItsDisksTouched(@ForAll("cases") Case given) {
    MachineGoal goal = imported(given.goal());
    MachineFacts facts = given.facts();
    Plan plan = MachinePlanner.plan(goal, facts);
    for (Plan each : List.of(plan, MachinePlanner.undo(facts, true))) {
      assertThat(each.steps())
          .allMatch(s ->
              s instanceof Step.TakeOver
                  || s instanceof Step.Release
                  || s instanceof Step.Start
                  || s instanceof Step.Stop
                  || s instanceof Step.Publish
                  || s instanceof Step.Withdraw
                  || s instanceof Step.Forget);
    }
    assertThat(plan.steps().contains(new Step.TakeOver()))
        .isEqualTo(goal.present() && facts.vm() == null);
    assertThat(plan.steps().contains(new Step.Release()))
        .isEqualTo(!goal.present() && facts.vm() != null);
    if (goal.present() && !plan.empty()) {
      assertThat(MachineDrift.between(goal, facts)).isNotEmpty();
    }
  }

  private static MachineGoal imported(MachineGoal g) {
    return g.with(b -> b.imported(true));
  }

  @Property
  void anOldSystemDiskStaysUntilTheNewSystemIsUp(@ForAll("cases") Case given) {
    if (!given.goal().present() || given.goal().booted()) {
      return;
    }
    List<Step> steps = MachinePlanner.plan(given.goal(), given.facts()).steps();
    boolean up = false;
    for (Step step : steps) {
      up |= step instanceof Step.AwaitReady;
      if (step.destroys() && !up) {
        // What it never was up with is nothing to go back to; it need not wait for the next start.
        assertThat(step)
            .isInstanceOfSatisfying(
                Step.DeleteDisk.class,
                delete ->
                    assertThat(delete.disk())
                        .isNotEqualTo(given.goal().former())
                        .isNotEqualTo(given.goal().disk()));
        assertThat(given.goal().power()).as("%s in %s", step, steps).isEqualTo(Power.OFF);
      }
    }
  }

  @Property
  void noSystemDiskStaysThatItCannotGoBackTo(@ForAll("cases") Case given) {
    MachineGoal goal = given.goal();
    if (!goal.present()) {
      return;
    }
    Outside world = new Outside(given);
    world.carryOut();
    assertThat(world.disks.keySet())
        .allMatch(
            disk -> disk.equals(goal.disk()) || (!world.booted && disk.equals(goal.former())));
  }

  @Property
  void whatIsUndoneLeavesNothing(@ForAll("cases") Case given) {
    Outside world = new Outside(given);
    MachinePlanner.undo(given.facts(), false).steps().forEach(world::act);
    assertThat(world.forgotten).isFalse();
    assertNothingLeft(world);
    assertThat(MachinePlanner.undo(world.facts(), false).empty()).isTrue();
  }

  @Property
  void aMachineIsDefinedAnewWhenACardIsAttachedElsewhere(
      @ForAll("cases") Case given, @ForAll("attachments") String attachment) {
    MachineGoal goal = given.goal();
    Outside world = new Outside(given);
    world.carryOut();
    // What is off and has no system yet is not defined at all.
    if (!goal.present() || goal.nics().isEmpty() || world.vm == null || !world.isReady()) {
      return;
    }
    List<Card> moved = new ArrayList<>(goal.nics());
    Card first = moved.getFirst();
    moved.set(0, new Card(first.mac(), attachment));
    List<Step> steps = MachinePlanner.plan(with(world.goal(), moved), world.facts()).steps();
    if (attachment == null || attachment.equals(first.attachment())) {
      assertThat(steps).isEmpty();
    } else {
      List<Class<?>> kinds = steps.stream().<Class<?>>map(Step::getClass).toList();
      assertThat(kinds)
          .isEqualTo(
              goal.power() == Power.ON
                  ? List.of(Step.Stop.class, Step.Define.class, Step.Start.class)
                  : List.of(
                      !world.booted && goal.installer() instanceof SeedBeside
                          ? Step.DefineInstaller.class
                          : Step.Define.class));
    }
  }

  @Provide
  Arbitrary<String> attachments() {
    return Arbitraries.of("bridge br0", "bridge br1", "bridge br0, MTU 9000").injectNull(0.2);
  }

  @Property
  void theSameIsPlannedInTheSameWay(@ForAll("cases") Case given) {
    MachineGoal goal = given.goal();
    MachineFacts facts = given.facts();
    // Nobody says in what order an observation or a map comes.
    MachineFacts shuffled =
        new MachineFacts(
            facts.vm(),
            reversed(facts.systemDisks()),
            facts.media().reversed(),
            facts.bootFiles().reversed(),
            facts.installerDone(),
            facts.imageStaged(),
            reversed(facts.records()),
            facts.fixedDisks(),
            facts.halves());
    assertThat(MachinePlanner.plan(with(goal, goal.booted(), reversed(goal.records())), shuffled))
        .isEqualTo(MachinePlanner.plan(goal, facts));
    assertThat(MachinePlanner.undo(shuffled, false)).isEqualTo(MachinePlanner.undo(facts, false));
  }

  @Property
  void everyStepOfAPlanHasAKeyOfItsOwn(@ForAll("cases") Case given) {
    assertThat(MachinePlanner.plan(given.goal(), given.facts()).steps())
        .extracting(Step::key)
        .doesNotHaveDuplicates();
  }

  @Property
  void driftIsToldExactlyWhenThereIsSomethingToDo(@ForAll("cases") Case given) {
    MachineGoal goal = given.goal();
    if (goal.present() && goal.booted()) {
      assertThat(MachineDrift.between(goal, given.facts()).isEmpty())
          .isEqualTo(MachinePlanner.plan(goal, given.facts()).empty());
    }
  }

  private static void assertNothingLeft(Outside world) {
    assertThat(world.vm).isNull();
    assertThat(world.disks).isEmpty();
    assertThat(world.media).isEmpty();
    assertThat(world.bootFiles).isEmpty();
    assertThat(world.records).isEmpty();
  }

  private static <V> Map<String, V> reversed(Map<String, V> map) {
    List<String> keys = new ArrayList<>(new TreeSet<>(map.keySet()));
    Collections.reverse(keys);
    Map<String, V> out = new LinkedHashMap<>();
    keys.forEach(k -> out.put(k, map.get(k)));
    return out;
  }

  private static MachineGoal with(MachineGoal g, List<Card> nics) {
    return g.with(b -> b.nics(nics));
  }

  private static MachineGoal with(MachineGoal g, boolean booted, Map<String, Integer> records) {
    return g.with(b -> b.booted(booted).records(records));
  }

  // --- whatever there may be -----------------------------------------------------------------

  @Provide
  Arbitrary<Case> cases() {
    return Combinators.combine(goals(), facts())
        .as((goal, facts) ->
            // What booted has its disk: where that was lost, the first boot is forgotten with it.
            goal.booted() && !facts.systemDisks().containsKey(goal.disk())
                ? new Case(with(goal, false, goal.records()), facts)
                : new Case(goal, facts));
  }

  private static Arbitrary<MachineGoal> goals() {
    Arbitrary<Integer> generation = Arbitraries.integers().between(0, DISKS.size() - 1);
    Arbitrary<Boolean> yes = Arbitraries.of(true, false);
    return Combinators.combine(
            Arbitraries.frequency(
                net.jqwik.api.Tuple.of(6, true), net.jqwik.api.Tuple.of(1, false)),
            Arbitraries.of(Power.values()),
            Combinators.combine(cores(), memory(), sizes(), Arbitraries.of(Devices.values()))
                .as(Shape::new),
            generation,
            yes,
            yes,
            volumes(),
            nics())
        .as((present, power, shape, g, booted, seeded, volumes, nics) ->
            MachineGoalBuilder.builder()
                .present(present)
                .power(power)
                .cores(shape.cores())
                .memory(shape.memory())
                .devices(shape.devices())
                .diskSize(shape.disk())
                .image("image")
                .sha256(SHA256)
                .disk(DISKS.get(g))
                .booted(booted)
                .seed(seeded ? SEEDS.get(g) : null)
                .volumes(volumes)
                .nics(nics)
                .records(Map.of())
                .readyTimeoutSeconds(600)
                .build())
        .flatMap(goal -> yes.map(installs -> installs ? installing(goal, false) : goal))
        .flatMap(
            goal -> yes.map(own -> own && goal.installer() != null ? installing(goal, true) : goal))
        .flatMap(goal ->
            yes.map(
                beside -> beside && goal.installer() instanceof OwnMedium ? beside(goal) : goal))
        .flatMap(goal -> yes.map(hot -> hot ? hotPlugging(goal) : goal))
        .flatMap(goal -> volumes().map(leaving -> goal.withLeaving(Set.copyOf(leaving))))
        .flatMap(goal ->
            Arbitraries.of(DISKS)
                .filter(disk -> !disk.equals(goal.disk()))
                .injectNull(0.5)
                .map(disk -> goingBackTo(goal, disk)))
        .flatMap(goal -> records().map(records -> with(goal, goal.booted(), records)))
        .flatMap(goal ->
            Arbitraries.of(true, false)
                .map(reverts ->
                    reverts && !goal.booted() && goal.installer() == null
                        ? reverting(goal)
                        : goal));
  }

  /** One whose system disk is what it was in a snapshot: it has had its first boot. */
  private static MachineGoal reverting(MachineGoal g) {
    return g.with(b -> b.installer(null).seed(null).source("mw-snapshot"));
  }

  private static MachineGoal beside(MachineGoal g) {
    return installed(g, new SeedBeside(g.disk().replace("system", "seed"), "it looks there"));
  }

  private static MachineGoal installing(MachineGoal g, boolean own) {
    boolean seed = g.seed() != null || g.volumes().isEmpty();
    return installed(
        g,
        own
            ? new OwnMedium(g.disk().replace("system", "installer"), "it has to")
            : new Kernel(
                List.of(g.disk().replace("system", "kernel"), g.disk().replace("system", "initrd")),
                seed ? g.disk().replace("system", "seed") : null,
                900,
                "it can"));
  }

  private static MachineGoal installed(MachineGoal g, MachineGoal.Installer by) {
    return g.with(b -> b.installer(by).seed(null));
  }

  private static MachineGoal hotPlugging(MachineGoal g) {
    return g.with(b -> b.hotPlug(true));
  }

  private static MachineGoal goingBackTo(MachineGoal g, @Nullable String former) {
    return g.with(b -> b.former(former));
  }

  private record Shape(int cores, ByteSize memory, ByteSize disk, Devices devices) {}

  private static Arbitrary<MachineFacts> facts() {
    Arbitrary<Map<String, ByteSize>> disks =
        Arbitraries.maps(Arbitraries.of(DISKS), sizes()).ofMaxSize(3);
    Arbitrary<List<String>> media = Arbitraries.of(SEEDS).list().uniqueElements().ofMaxSize(3);
    Arbitrary<List<String>> files = Arbitraries.of(FILES).list().uniqueElements().ofMaxSize(3);
    Arbitrary<Boolean> yes = Arbitraries.of(true, false);
    Arbitrary<Set<String>> halves =
        Arbitraries.of(Stream.concat(SEEDS.stream(), FILES.stream()).toList()).set().ofMaxSize(2);
    return Combinators.combine(disks, media, files, yes, yes, records(), halves)
        .flatAs((there, seeds, bootFiles, staged, done, records, broken) ->
            vms(there, seeds)
                .map(vm ->
                    new MachineFacts(
                        vm,
                        new HashMap<>(there),
                        seeds,
                        bootFiles,
                        done && vm != null && vm.installer() && !vm.running(),
                        staged,
                        records,
                        Set.of(),
                        broken.stream()
                            .filter(name -> seeds.contains(name) || bootFiles.contains(name))
                            .collect(Collectors.toSet()))));
  }

  /** A machine whose disks and medium are there, or none. */
  private static Arbitrary<Vm> vms(Map<String, ByteSize> disks, List<String> seeds) {
    if (disks.isEmpty()) {
      return Arbitraries.just(null);
    }
    Arbitrary<Vm> some =
        Combinators.combine(
                Arbitraries.of(true, false),
                cores(),
                memory(),
                Arbitraries.of(new TreeSet<>(disks.keySet())),
                volumes(),
                nics(),
                seeds.isEmpty()
                    ? Arbitraries.just((String) null)
                    : Arbitraries.of(seeds).injectNull(0.5))
            .as((running, cores, memory, system, volumes, nics, medium) -> {
              List<String> all = new ArrayList<>();
              all.add(system);
              all.addAll(volumes);
              return new Vm(running, cores, memory, all, nics, medium);
            });
    Arbitrary<Vm> installing =
        Combinators.combine(
                Arbitraries.of(true, false),
                cores(),
                memory(),
                Arbitraries.of(new TreeSet<>(disks.keySet())),
                nics())
            .as((running, cores, memory, system, nics) ->
                new Vm(running, cores, memory, List.of(system), nics, null, true));
    return Combinators.combine(
            Arbitraries.oneOf(some, installing),
            Arbitraries.of(Devices.values()).injectNull(0.2), // somebody has changed one of them
            Arbitraries.of(true, true, false)) // or removed its definition
        .as((vm, devices, lasting) ->
            new Vm(
                vm.running(),
                vm.cores(),
                vm.memory(),
                devices,
                vm.disks(),
                vm.nics(),
                vm.medium(),
                vm.installer(),
                false,
                lasting || !vm.running() || vm.installer()))
        .injectNull(0.2);
  }

  private static Arbitrary<Integer> cores() {
    return Arbitraries.of(1, 2);
  }

  private static Arbitrary<ByteSize> memory() {
    return Arbitraries.of(256, 512).map(ByteSize::ofMib);
  }

  private static Arbitrary<ByteSize> sizes() {
    return Arbitraries.of(1024, 2048, 4096).map(ByteSize::ofMib);
  }

  private static Arbitrary<List<String>> volumes() {
    return Arbitraries.of(VOLUMES).list().uniqueElements().ofMaxSize(2);
  }

  private static Arbitrary<List<Card>> nics() {
    return Combinators.combine(
            Arbitraries.of("02:00:00:00:00:01", "02:00:00:00:00:02").map(Mac::parse),
            Arbitraries.of("bridge br0", "bridge br0, VLAN 7", "network trunk"))
        .as(Card::new)
        .list()
        .uniqueElements(Card::mac)
        .ofMaxSize(2);
  }

  private static Arbitrary<Map<String, Integer>> records() {
    return Arbitraries.maps(Arbitraries.of(NETWORKS), Arbitraries.of(1, 2)).ofMaxSize(2);
  }
}

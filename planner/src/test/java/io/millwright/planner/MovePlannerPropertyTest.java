package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import io.millwright.planner.MovePlanner.Elsewhere;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** A machine between two hypervisors, whatever is found on either and wherever it is broken off. */
class MovePlannerPropertyTest {
  private static final ByteSize GIB = ByteSize.ofMib(1024);
  private static final String OLD = "mw-system-1";
  private static final String NEW = "mw-system-2";

  /** Two hypervisors; the machine is being moved from {@code there} to {@code here}. */
  private static final class World {
    final int volumes;
    final Set<Integer> whole = new HashSet<>();
    Vm here;
    Vm there;
    final Set<String> disksHere = new HashSet<>();
    final Set<String> disksThere = new HashSet<>();
    boolean staged;
    boolean booted;

    World(int volumes) {
      this.volumes = volumes;
      there = vm(true, OLD, "data-");
      disksThere.add(OLD);
    }

    Vm vm(boolean running, String system, String data) {
      List<String> disks = new ArrayList<>(List.of(system));
      for (int i = 0; i < volumes; i++) {
        disks.add(data + i);
      }
      return new Vm(running, 1, GIB, disks, List.of(), null);
    }

    Plan plan() {
      MachineGoal goal =
          MachineGoalBuilder.builder()
              .present(true)
              .power(Power.ON)
              .cores(1)
              .memory(GIB)
              .devices(Devices.PARAVIRTUAL)
              .diskSize(GIB)
              .image("image")
              .sha256("0".repeat(64))
              .disk(NEW)
              .booted(booted)
              .volumes(vm(false, NEW, "copy-").disks().subList(1, volumes + 1))
              .nics(List.of())
              .records(Map.of())
              .readyTimeoutSeconds(600)
              .build();
      List<Step.CarryVolume> carries = new ArrayList<>();
      for (int i = 0; i < volumes && !booted; i++) {
        if (!whole.contains(i)) {
          carries.add(new Step.CarryVolume("v" + i, "data-" + i, "copy-" + i, GIB, "here"));
        }
      }
      return MovePlanner.plan(
          goal,
          facts(here, disksHere, staged),
          new Elsewhere("there", !booted, carries, List.of()),
          facts(there, disksThere, true));
    }

    private static MachineFacts facts(Vm vm, Set<String> disks, boolean staged) {
      Map<String, ByteSize> sizes = new HashMap<>();
      disks.forEach(d -> sizes.put(d, GIB));
      return new MachineFacts(vm, sizes, List.of(), staged, Map.of());
    }

    void act(Step step) {
      switch (step) {
        case Step.StageImage _ -> staged = true;
        case Step.CreateDisk s -> disksHere.add(s.disk());
        case Step.CarryVolume s -> {
          assertThat(there.running()).as("nobody writes to what is carried").isFalse();
          whole.add(Integer.parseInt(s.to().substring(5)));
        }
        case Step.Define _ -> {
          assertThat(whole).as("it gets no volume that is not whole").hasSize(volumes);
          here = vm(false, NEW, "copy-");
        }
        case Step.Start _ -> {
          assertThat(there == null || !there.running()).as("never both run").isTrue();
          here = vm(true, NEW, "copy-");
        }
        case Step.AwaitReady _ -> {
          assertThat(here.running()).isTrue();
          booted = true;
        }
        case Step.There(String hypervisor, Step.Stop _) -> {
          assertThat(hypervisor).isEqualTo("there");
          there = vm(false, OLD, "data-");
        }
        case Step.There(String _, Step.Remove _) -> {
          assertThat(booted).as("what it could go back to stays until it is up").isTrue();
          there = null;
        }
        case Step.There(String _, Step.DeleteDisk d) -> {
          assertThat(booted && there == null).isTrue();
          disksThere.remove(d.disk());
        }
        default -> throw new AssertionError(step + " has nothing to do with it");
      }
    }
  }

  @Property
  void aMoveEndsInItsNewPlaceHoweverOftenItIsBrokenOff(
      @ForAll @IntRange(max = 3) int volumes, @ForAll List<@IntRange(max = 6) Integer> breaks) {
    World world = new World(volumes);
    for (int many : breaks) {
      world.plan().steps().stream().limit(many).forEach(world::act);
    }
    world.plan().steps().forEach(world::act);
    assertThat(world.plan().steps()).isEmpty();
    assertThat(world.here).isEqualTo(world.vm(true, NEW, "copy-"));
    assertThat(world.there).isNull();
    assertThat(world.disksThere).isEmpty();
  }

  @Property
  void aFormerSystemThatSomebodyStartsIsStoppedBeforeTheNewOneIs(
      @ForAll @IntRange(max = 12) int done) {
    World world = new World(1);
    world.plan().steps().stream().limit(done).forEach(world::act);
    if (!world.booted) {
      world.there = world.vm(true, OLD, "data-");
      world.plan().steps().forEach(world::act);
      assertThat(world.here.running()).isTrue();
      assertThat(world.there).isNull();
    }
  }

  @Property
  void onTheWayBackTheNewSystemIsDownBeforeTheOldOneStarts(@ForAll boolean halted) {
    World world = new World(1);
    Vm abandoned = world.vm(true, NEW, "copy-");
    MachineGoal goal =
        MachineGoalBuilder.builder()
            .present(true)
            .power(Power.ON)
            .cores(1)
            .memory(GIB)
            .devices(Devices.PARAVIRTUAL)
            .diskSize(GIB)
            .image("image")
            .sha256("0".repeat(64))
            .disk(OLD)
            .booted(true)
            .volumes(List.of("data-0"))
            .nics(List.of())
            .records(Map.of())
            .readyTimeoutSeconds(600)
            .build();
    List<Step> steps =
        MovePlanner.plan(
                goal,
                World.facts(world.vm(!halted, OLD, "data-"), Set.of(OLD), true),
                new Elsewhere("new", false, List.of(), List.of("copy-0")),
                World.facts(abandoned, Set.of(NEW), true))
            .steps();
    assertThat(steps)
        .containsSubsequence(
            new Step.There("new", new Step.Stop()),
            new Step.There("new", new Step.Remove()),
            new Step.There("new", new Step.DeleteDisk(NEW)),
            new Step.There("new", new Step.DeleteCopy("copy-0")));
    if (halted) {
      assertThat(steps)
          .containsSubsequence(new Step.There("new", new Step.Stop()), new Step.Start());
    }
  }

  @Property
  void theSameHypervisorUnderAnotherNameLosesNothing(@ForAll boolean running) {
    World world = new World(1);
    Vm vm = world.vm(running, OLD, "data-");
    MachineGoal goal =
        MachineGoalBuilder.builder()
            .present(true)
            .power(running ? Power.ON : Power.OFF)
            .cores(1)
            .memory(GIB)
            .devices(Devices.PARAVIRTUAL)
            .diskSize(GIB)
            .image("image")
            .sha256("0".repeat(64))
            .disk(OLD)
            .booted(true)
            .volumes(List.of("data-0"))
            .nics(List.of())
            .records(Map.of())
            .readyTimeoutSeconds(600)
            .build();
    MachineFacts facts = World.facts(vm, Set.of(OLD), true);
    assertThat(
            MovePlanner.plan(
                    goal, facts, new Elsewhere("alias", false, List.of(), List.of()), facts)
                .steps())
        .isEmpty();
  }
}

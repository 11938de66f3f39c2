package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** How a volume leaves a machine that runs. */
class DetachTest {
  private static final ByteSize SIZE = ByteSize.ofMib(1024);

  private static MachineGoal goal(String... volumes) {
    return MachineGoalBuilder.builder()
        .present(true)
        .power(Power.ON)
        .cores(1)
        .memory(SIZE)
        .devices(Devices.PARAVIRTUAL)
        .diskSize(SIZE)
        .image("image")
        .sha256("5".repeat(64))
        .disk("system")
        .booted(true)
        .volumes(List.of(volumes))
        .nics(List.of())
        .records(Map.of())
        .readyTimeoutSeconds(600)
        .hotPlug(true)
        .leaving(Set.of("a"))
        .build();
  }

  private static MachineFacts running(String... disks) {
    return new MachineFacts(
        new Vm(true, 1, SIZE, List.of(disks), List.of(), null),
        Map.of("system", SIZE),
        List.of(),
        true,
        Map.of());
  }

  private static List<Step> steps(MachineGoal goal, MachineFacts facts) {
    return MachinePlanner.plan(goal, facts).steps();
  }

  /** Another machine may wait for it. */
  @Test
  void oneThatIsInstalledWhenItShallRunLetsItsVolumeGoBefore() {
    MachineGoal goal =
        goal("b")
            .with(g ->
                g.power(Power.OFF)
                    .booted(false)
                    .former("former")
                    .installer(
                        new MachineGoal.Installer.Kernel(
                            List.of("kernel"), null, 900, "it is so")));
    MachineFacts facts =
        new MachineFacts(
            new Vm(false, 1, SIZE, List.of("former", "a"), List.of(), null),
            Map.of("system", SIZE, "former", SIZE),
            List.of(),
            true,
            Map.of());
    assertThat(steps(goal, facts))
        .containsExactly(
            new Step.PutInstaller(List.of("kernel"), null, "it is so"),
            new Step.DefineInstaller(null));
    MachineFacts without =
        new MachineFacts(
            new Vm(false, 1, SIZE, List.of("former", "b"), List.of(), null),
            Map.of("system", SIZE, "former", SIZE),
            List.of(),
            true,
            Map.of());
    assertThat(steps(goal, without)).isEmpty();
  }

  @Test
  void whatWasPromisedLeavesInPlaceAndAnotherComes() {
    MachineFacts facts = running("system", "a", "b");
    Plan plan = MachinePlanner.plan(goal("b", "c"), facts);
    assertThat(plan.steps()).containsExactly(new Step.DetachDisk("a"), new Step.AttachDisk("c"));
    assertThat(MachinePlanner.impact(goal("b", "c"), facts.vm(), plan)).isEqualTo("in place");
  }

  @Test
  void itsSystemIsToldOfWhatCameAfterItsFirstBoot() {
    MachineGoal goal = goal("b", "c").withUntold(Set.of("c"));
    assertThat(steps(goal, running("system", "b")))
        .containsExactly(new Step.AttachDisk("c"), new Step.MountVolume("c"));
    // Also when the server died after it was attached, or it was attached while the machine was
    // off.
    assertThat(steps(goal, running("system", "b", "c"))).containsExactly(new Step.MountVolume("c"));
    assertThat(steps(goal.withHotPlug(false), running("system", "b")))
        .containsExactly(
            new Step.Stop(), new Step.Define(null), new Step.Start(), new Step.MountVolume("c"));
    // One that is off hears nothing, and of one that boots first the seed tells it.
    for (MachineGoal silent : List.of(goal.withPower(Power.OFF), goal.withBooted(false))) {
      assertThat(steps(silent, running("system", "b", "c")))
          .noneMatch(s -> s instanceof Step.MountVolume);
    }
  }

  @Test
  void whatWasNotPromisedStopsIt() {
    assertThat(steps(goal("a"), running("system", "a", "b")))
        .contains(new Step.Stop())
        .noneMatch(s -> s instanceof Step.DetachDisk);
    // One of two: the stop is for the other one, and this one leaves with it.
    assertThat(steps(goal(), running("system", "a", "b")))
        .contains(new Step.Stop())
        .noneMatch(s -> s instanceof Step.DetachDisk);
  }

  @Test
  void soDoesAHypervisorThatCannotAndAFirstBoot() {
    for (MachineGoal goal : List.of(goal().withHotPlug(false), goal().withBooted(false))) {
      assertThat(steps(goal, running("system", "a")))
          .contains(new Step.Stop())
          .noneMatch(s -> s instanceof Step.DetachDisk);
    }
  }
}

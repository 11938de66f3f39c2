package io.millwright.planner;

import java.util.ArrayList;
import java.util.List;

/** Plans for one machine of which there is something on another hypervisor as well. */
public final class MovePlanner {
  private MovePlanner() {}

  /**
   * What the other hypervisor is to it.
   *
   * @param hypervisor its name
   * @param former true if its former system is there, to which it may still go back
   * @param carries data volumes that are there and still to be carried to where the machine is
   * @param dropped copies of data volumes there that nobody uses
   */
  public record Elsewhere(
      String hypervisor, boolean former, List<Step.CarryVolume> carries, List<String> dropped) {
    public Elsewhere {
      carries = List.copyOf(carries);
      dropped = List.copyOf(dropped);
    }
  }

  /**
   * The steps from the facts to the goal.
   *
   * <p>What can be prepared is prepared while the former system runs. It is down before anything of
   * its volumes is read and before the new one starts, since both have the same addresses; and it
   * is taken away only once the new one is ready. On the way back it is the same the other way
   * round, with nothing to carry.
   *
   * @param here what was observed where the machine is
   * @param there what was observed on the other hypervisor
   */
  public static Plan plan(
      MachineGoal goal, MachineFacts here, Elsewhere elsewhere, MachineFacts there) {
    List<Step> steps = new ArrayList<>(MachinePlanner.plan(goal, here).steps());
    List<Step> away = takeAway(goal, elsewhere, there);
    if (!goal.present()) {
      steps.addAll(0, away);
      return new Plan(steps);
    }
    List<Step> before = new ArrayList<>();
    if (there.vm() != null && there.vm().running() && !same(goal, there)) {
      before.add(new Step.There(elsewhere.hypervisor(), new Step.Stop()));
    }
    before.addAll(elsewhere.carries());
    steps.addAll(firstOfTheNew(steps), before);
    if (elsewhere.former()) {
      if (steps.stream().noneMatch(s -> s instanceof Step.AwaitReady)) {
        return new Plan(steps); // it is still what the machine would go back to
      }
    }
    steps.addAll(away);
    return new Plan(steps);
  }

  /** Where the machine begins to be anything in its new place. */
  private static int firstOfTheNew(List<Step> steps) {
    for (int i = 0; i < steps.size(); i++) {
      switch (steps.get(i)) {
        case Step.PutSeed _, // also because each look at what is carried would write it anew
            Step.PutInstaller _,
            Step.DefineInstaller _,
            Step.StartInstaller _,
            Step.AwaitInstalled _,
            Step.Define _,
            Step.Start _,
            Step.AttachDisk _,
            Step.DetachDisk _,
            Step.MountVolume _,
            Step.AwaitReady _ -> {
          return i;
        }
        default -> {}
      }
    }
    return steps.size();
  }

  /** True if the other hypervisor turns out to be the one that the machine is on. */
  private static boolean same(MachineGoal goal, MachineFacts there) {
    return there.vm() != null && there.vm().disks().contains(goal.disk());
  }

  /** What removes all that the other hypervisor has of the machine, and no data of it. */
  public static List<Step> takeAway(MachineGoal goal, Elsewhere elsewhere, MachineFacts there) {
    List<Step> acts = new ArrayList<>();
    if (there.vm() != null && !same(goal, there)) {
      acts.add(new Step.Remove());
    }
    there.systemDisks().keySet().stream()
        .filter(d -> !d.equals(goal.disk()))
        .sorted()
        .forEach(d -> acts.add(new Step.DeleteDisk(d)));
    there.media().stream().sorted().forEach(m -> acts.add(new Step.DeleteSeed(m)));
    there.bootFiles().stream().sorted().forEach(f -> acts.add(new Step.DeleteBootFile(f)));
    elsewhere.dropped().stream().sorted().forEach(d -> acts.add(new Step.DeleteCopy(d)));
    return acts.stream().<Step>map(a -> new Step.There(elsewhere.hypervisor(), a)).toList();
  }
}

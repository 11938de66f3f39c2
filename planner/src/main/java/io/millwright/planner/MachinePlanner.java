package io.millwright.planner;

import io.millwright.model.ByteSize;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import io.millwright.planner.MachineGoal.Installer.Kernel;
import io.millwright.planner.MachineGoal.Installer.OwnMedium;
import io.millwright.planner.MachineGoal.Installer.SeedBeside;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Plans for one machine. */
public final class MachinePlanner {
  private MachinePlanner() {}

  /** The steps from the facts to the goal; none if they agree. */
  public static Plan plan(MachineGoal goal, MachineFacts facts) {
    return new Plan(
        !goal.present()
            ? remove(facts, goal.imported())
            : goal.imported() ? imported(goal, facts) : keep(goal, facts));
  }

  /**
   * Undoes a machine that could not be made: nothing of it stays but its declaration.
   *
   * @param imported true if it is declared as one that somebody else made
   */
  public static Plan undo(MachineFacts facts, boolean imported) {
    List<Step> steps = remove(facts, imported);
    steps.removeLast();
    return new Plan(steps);
  }

  private static List<Step> keep(MachineGoal goal, MachineFacts facts) {
    List<Step> steps = new ArrayList<>();
    Kernel kernel = goal.installer() instanceof Kernel k && !installed(goal, facts) ? k : null;
    OwnMedium own = goal.installer() instanceof OwnMedium m && !goal.booted() ? m : null;
    SeedBeside beside = goal.installer() instanceof SeedBeside s && !goal.booted() ? s : null;
    prepareDisk(goal, kernel != null || beside != null, own != null, facts, steps);
    publish(goal, facts, steps);

    if (kernel != null) {
      install(goal, kernel, facts, steps);
      return steps;
    }
    Vm vm = facts.vm();
    String medium =
        goal.booted()
            ? null
            : own != null ? own.medium() : beside != null ? beside.seed() : goal.seed();
    boolean on = goal.power() == Power.ON;
    boolean running = vm != null && vm.running();
    List<String> toDetach = running && on ? detachable(goal, vm) : List.of();
    List<String> staying =
        vm == null
            ? List.of()
            : vm.disks().stream().filter(disk -> !toDetach.contains(disk)).toList();
    List<String> toAttach = running && on ? attachable(goal, vm, staying) : List.of();
    boolean matches =
        vm != null
            && asDefined(
                goal,
                vm,
                Stream.concat(staying.stream(), toAttach.stream()).toList(),
                beside != null);
    boolean goesOn = running && matches && on;
    // It would be gone once it stops, and nothing would tell any more that it was installed; so it
    // is defined before.
    boolean lost =
        vm != null
            && vm.running()
            && !vm.lasting()
            && !goal.booted()
            && goal.installer() instanceof Kernel;
    if (running && !goesOn && !lost) {
      steps.add(new Step.Stop());
    }
    // A guest that boots already reads the seed that it has; a new one would only confuse it.
    if (medium != null && !goesOn && (on || !facts.has(medium))) {
      steps.add(
          own != null
              ? new Step.PutMedium(medium, own.why())
              : beside != null
                  ? new Step.PutInstaller(List.of(), medium, beside.why())
                  : new Step.PutSeed(medium));
    }
    // One that runs on without a definition gets it again, and need not stop for that.
    if (goesOn
        ? goal.booted() && vm != null && !vm.lasting()
        : vm == null || !vm.lasting() || !matches || !Objects.equals(medium, vm.medium())) {
      steps.add(beside != null ? new Step.DefineInstaller(medium) : new Step.Define(medium));
    }
    if (lost && !goesOn) {
      steps.add(new Step.Stop());
    }
    if (on && !goesOn) {
      steps.add(new Step.Start());
    }
    if (goesOn) {
      toDetach.forEach(disk -> steps.add(new Step.DetachDisk(disk)));
      toAttach.forEach(disk -> steps.add(new Step.AttachDisk(disk)));
    }
    if (on && !goal.booted()) {
      steps.add(new Step.AwaitReady(goal.readyTimeoutSeconds()));
      if (goal.alone() && !goal.volumes().isEmpty()) {
        return steps; // how it gets these is planned when it is up
      }
    } else if (on) {
      goal.volumes().stream()
          .filter(goal.untold()::contains)
          .forEach(disk -> steps.add(new Step.MountVolume(disk)));
    }
    if (on || goal.booted()) {
      cleanUp(goal, facts, on ? medium : null, steps);
    } else {
      facts.media().stream()
          .filter(m -> !m.equals(medium))
          .sorted()
          .forEach(m -> steps.add(new Step.DeleteSeed(m)));
      uselessDisks(goal, facts).forEach(disk -> steps.add(new Step.DeleteDisk(disk)));
    }
    return steps;
  }

  /**
   * One that somebody else made is made ours by its mark, and its power is as declared; nothing of
   * a plan for it defines or removes it, or makes, changes or deletes a disk.
   */
  private static List<Step> imported(MachineGoal goal, MachineFacts facts) {
    List<Step> steps = new ArrayList<>();
    Vm vm = facts.vm();
    if (vm == null) {
      steps.add(new Step.TakeOver());
    } else if (vm.running() && goal.power() == Power.OFF) {
      steps.add(new Step.Stop());
    } else if (!vm.running() && goal.power() == Power.ON) {
      steps.add(new Step.Start());
    }
    publish(goal, facts, steps);
    return steps;
  }

  private static void publish(MachineGoal goal, MachineFacts facts, List<Step> steps) {
    goal.records().entrySet().stream()
        .filter(record -> !record.getValue().equals(facts.records().get(record.getKey())))
        .map(Map.Entry::getKey)
        .sorted()
        .forEach(network -> steps.add(new Step.Publish(network)));
    facts.records().keySet().stream()
        .filter(network -> !goal.records().containsKey(network))
        .sorted()
        .forEach(network -> steps.add(new Step.Withdraw(network)));
  }

  /**
   * True if its system disk has a system. A machine is defined with its disk, and without an
   * installer, only once it was installed; so how it is defined tells.
   */
  private static boolean installed(MachineGoal goal, MachineFacts facts) {
    Vm vm = facts.vm();
    return goal.booted()
        || (vm != null
            && facts.systemDisks().containsKey(goal.disk())
            && hasDisk(vm, goal.disk())
            && (!vm.installer() || (!vm.running() && facts.installerDone())));
  }

  /** Installs it, its data disks being away, and boots it for the first time. */
  private static void install(
      MachineGoal goal, Kernel installer, MachineFacts facts, List<Step> steps) {
    Vm vm = facts.vm();
    boolean running = vm != null && vm.running();
    boolean goesOn =
        vm != null && running && vm.installer() && vm.disks().equals(List.of(goal.disk()));
    if (goal.power() == Power.OFF) {
      // It is installed when it shall run.
      if (running) {
        steps.add(new Step.Stop());
      }
      if (vm != null && !mayKeep(goal, vm.disks())) {
        defineInstaller(installer, steps);
      }
      uselessDisks(goal, facts).forEach(disk -> steps.add(new Step.DeleteDisk(disk)));
      return;
    }
    if (running && !goesOn) {
      steps.add(new Step.Stop());
    }
    if (!goesOn) {
      defineInstaller(installer, steps);
      steps.add(new Step.StartInstaller());
    }
    steps.add(new Step.AwaitInstalled(installer.stallSeconds()));
    steps.add(new Step.Define(null));
    steps.add(new Step.Start());
    steps.add(new Step.AwaitReady(goal.readyTimeoutSeconds()));
    cleanUp(goal, facts, null, steps);
  }

  /** False if it has a disk that is to be deleted, or a volume for which another one may wait. */
  private static boolean mayKeep(MachineGoal goal, List<String> disks) {
    return disks.stream()
        .allMatch(disk ->
            disk.equals(goal.disk())
                || disk.equals(goal.former())
                || goal.volumes().contains(disk));
  }

  private static void defineInstaller(Kernel installer, List<Step> steps) {
    steps.add(new Step.PutInstaller(installer.files(), installer.seed(), installer.why()));
    steps.add(new Step.DefineInstaller(installer.seed()));
  }

  /**
   * @param vendors true if the vendor's medium has to be there
   * @param own true if what is on the vendor's medium comes on one of the machine's own
   */
  private static void prepareDisk(
      MachineGoal goal, boolean vendors, boolean own, MachineFacts facts, List<Step> steps) {
    ByteSize present = facts.systemDisks().get(goal.disk());
    String sha256 = goal.sha256();
    if (present == null && goal.source() != null) {
      steps.add(new Step.CopyDisk(goal.disk(), goal.source(), goal.diskSize()));
      return;
    }
    if ((present == null || vendors) && sha256 == null) {
      throw new IllegalArgumentException("a disk cannot be planned before its image is known");
    }
    if ((vendors || (present == null && !own)) && sha256 != null && !facts.imageStaged()) {
      steps.add(new Step.StageImage(goal.image(), sha256));
    }
    if (present == null) {
      steps.add(new Step.CreateDisk(goal.disk(), goal.diskSize(), vendors || own ? null : sha256));
    } else if (present.compareTo(goal.diskSize()) < 0 && !smaller(goal, facts)) {
      steps.add(new Step.GrowDisk(goal.disk(), goal.diskSize()));
    }
  }

  /**
   * What is of no use once the machine is up: its medium, and system disks that it had before.
   *
   * @param medium that it has by then, or null
   */
  private static void cleanUp(
      MachineGoal goal, MachineFacts facts, @Nullable String medium, List<Step> steps) {
    Vm vm = facts.vm();
    if (medium != null || (vm != null && (vm.medium() != null || hasVendors(goal, vm)))) {
      steps.add(new Step.Eject());
    }
    TreeSet<String> bootFiles = new TreeSet<>(facts.bootFiles());
    TreeSet<String> media = new TreeSet<>(facts.media());
    if (goal.installer() instanceof Kernel kernel && !goal.booted()) {
      bootFiles.addAll(kernel.files());
      if (kernel.seed() != null) {
        media.add(kernel.seed());
      }
    }
    bootFiles.forEach(f -> steps.add(new Step.DeleteBootFile(f)));
    if (medium != null) {
      media.add(medium);
    }
    media.forEach(m -> steps.add(new Step.DeleteSeed(m)));
    formerDisks(goal, facts).forEach(disk -> steps.add(new Step.DeleteDisk(disk)));
  }

  private static Stream<String> formerDisks(MachineGoal goal, MachineFacts facts) {
    return facts.systemDisks().keySet().stream().filter(d -> !d.equals(goal.disk())).sorted();
  }

  /**
   * Of those the ones that it cannot go back to, either. Whether it keeps the one that it can go
   * back to is not decided before it is powered on and boots.
   */
  private static List<String> uselessDisks(MachineGoal goal, MachineFacts facts) {
    return formerDisks(goal, facts).filter(disk -> !disk.equals(goal.former())).toList();
  }

  private static List<Step> remove(MachineFacts facts, boolean imported) {
    List<Step> steps = new ArrayList<>();
    Vm vm = facts.vm();
    if (imported || (vm != null && vm.imported())) {
      if (vm != null) {
        steps.add(new Step.Release());
      }
      withdraw(facts, steps);
      return steps;
    }
    if (vm != null) {
      steps.add(new Step.Remove());
    }
    facts.systemDisks().keySet().stream().sorted().forEach(d -> steps.add(new Step.DeleteDisk(d)));
    facts.media().stream().sorted().forEach(m -> steps.add(new Step.DeleteSeed(m)));
    facts.bootFiles().stream().sorted().forEach(f -> steps.add(new Step.DeleteBootFile(f)));
    withdraw(facts, steps);
    return steps;
  }

  private static void withdraw(MachineFacts facts, List<Step> steps) {
    facts.records().keySet().stream().sorted().forEach(n -> steps.add(new Step.Withdraw(n)));
    steps.add(new Step.Forget());
  }

  private static boolean hasDisk(Vm vm, String disk) {
    return vm.disks().contains(disk);
  }

  /**
   * Disks that can be taken from a running machine: only those of which was promised that its guest
   * does not use them, for a guest that may be writing lets go for certain only when it stops. None
   * while it boots first, when it may be making a file system there.
   */
  private static List<String> detachable(MachineGoal goal, @Nullable Vm vm) {
    return vm != null && vm.lasting() && goal.hotPlug() && goal.booted()
        ? vm.disks().stream()
            .filter(disk -> goal.leaving().contains(disk) && !goal.disks().contains(disk))
            .toList()
        : List.of();
  }

  /**
   * Disks that a running machine can be given besides those that it has.
   *
   * @param has those that it keeps
   */
  private static List<String> attachable(MachineGoal goal, @Nullable Vm vm, List<String> has) {
    List<String> wanted = goal.disks();
    return vm != null
            && vm.lasting()
            && goal.hotPlug()
            && !has.isEmpty()
            && has.size() < wanted.size()
            && wanted.subList(0, has.size()).equals(has)
        ? wanted.subList(has.size(), wanted.size())
        : List.of();
  }

  /** True if it is up and still has the vendor's medium, which it need not stop to be rid of. */
  private static boolean hasVendors(MachineGoal goal, Vm vm) {
    return goal.booted() && vm.installer() && !(goal.installer() instanceof Kernel);
  }

  /**
   * True if it is as it was declared once it has these disks.
   *
   * @param installer whether it shall have one
   */
  private static boolean asDefined(MachineGoal goal, Vm vm, List<String> disks, boolean installer) {
    return (vm.installer() == installer || vm.running() && hasVendors(goal, vm))
        && vm.cores() == goal.cores()
        && vm.memory().equals(goal.memory())
        && vm.devices() == goal.devices()
        && disks.equals(goal.disks())
        && attached(goal.nics(), vm.nics());
  }

  static boolean attached(List<Card> goal, List<Card> observed) {
    return goal.size() == observed.size()
        && IntStream.range(0, goal.size()).allMatch(i -> goal.get(i).is(observed.get(i)));
  }

  /** What of its system disk stays as it is, because only a rebuild leads to the goal. */
  public static Optional<String> kept(MachineGoal goal, MachineFacts facts) {
    return smaller(goal, facts)
        ? Optional.of(
            "the system disk of "
                + facts.systemDisks().get(goal.disk())
                + " in place of "
                + goal.diskSize()
                + ", because it is linked to its image and cannot grow, until the machine is"
                + " rebuilt")
        : Optional.empty();
  }

  /** True if its system disk is there, is smaller than declared, and will never be larger. */
  static boolean smaller(MachineGoal goal, MachineFacts facts) {
    ByteSize present = facts.systemDisks().get(goal.disk());
    return goal.present()
        && present != null
        && present.compareTo(goal.diskSize()) < 0
        && facts.fixedDisks().contains(goal.disk());
  }

  /** How a change of the goal reaches a machine, for the person who reads the plan. */
  public static String impact(MachineGoal goal, @Nullable Vm vm, Plan plan) {
    if (vm == null || !goal.present()) {
      return goal.imported()
          ? goal.present() ? "import" : "let go"
          : goal.present() ? "create" : "destroy";
    }
    if (!goal.imported() && !hasDisk(vm, goal.disk())) {
      return "rebuild";
    }
    return plan.steps().stream().anyMatch(s -> s instanceof Step.Stop) ? "restart" : "in place";
  }
}

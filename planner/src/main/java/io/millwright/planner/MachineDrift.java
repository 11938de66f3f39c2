package io.millwright.planner;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Power;
import io.millwright.planner.MachineFacts.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Says in words how a machine that was up differs from what is declared of it. It tells of a
 * difference if and only if the planner has something to do about it; of one that was imported also
 * if its cores, memory or cards are others, about which nothing is done. Disks of others are told
 * apart from that.
 */
public final class MachineDrift {
  private static final String MISSING = "missing";
  private static final String NONE = "none";
  private static final String PRESENT = "present";

  private MachineDrift() {}

  private static final String DEFINITION = "definition";
  private static final String RECORDS = "records on network ";

  /**
   * One difference.
   *
   * @param field such as {@code cores}
   * @param declared what should be
   * @param observed what is
   */
  public record Difference(String field, String declared, String observed) {
    /** False if only a switch was pressed, or something beside the machine is not as declared. */
    public boolean ofTheMachine() {
      return !field.equals("power")
          && !field.equals(DEFINITION)
          && !field.equals("seed")
          && !field.equals("installer file")
          && !field.equals("elsewhere")
          && !field.startsWith(RECORDS);
    }
  }

  /** All differences, in a fixed order; of a machine whose first boot has ended. */
  public static List<Difference> between(MachineGoal goal, MachineFacts facts) {
    List<Difference> out = new ArrayList<>();
    Vm vm = facts.vm();
    if (vm == null) {
      out.add(new Difference("machine", PRESENT, MISSING));
    } else {
      machine(goal, vm, out);
    }
    if (!goal.imported()) {
      systemDisks(goal, facts, out);
    }
    new TreeSet<>(facts.media()).forEach(m -> out.add(new Difference("seed", NONE, m)));
    new TreeSet<>(facts.bootFiles())
        .forEach(f -> out.add(new Difference("installer file", NONE, f)));
    TreeSet<String> networks = new TreeSet<>(goal.records().keySet());
    networks.addAll(facts.records().keySet());
    for (String network : networks) {
      Integer wanted = goal.records().get(network);
      Integer there = facts.records().get(network);
      if (wanted == null || !wanted.equals(there)) {
        out.add(
            new Difference(
                RECORDS + network,
                wanted == null ? NONE : "published",
                there == null ? MISSING : "others"));
      }
    }
    return List.copyOf(out);
  }

  /**
   * Of disks that are not ours and that somebody has plugged in. Nothing is ever done about them,
   * so they are no difference that leads to anything.
   */
  public static List<Difference> foreignDisks(List<String> disks) {
    return disks.stream().map(disk -> new Difference("foreign disk", NONE, disk)).toList();
  }

  private static void machine(MachineGoal goal, Vm vm, List<Difference> out) {
    differ("power", goal.power() == Power.ON ? "on" : "off", vm.running() ? "on" : "off", out);
    differ("cores", String.valueOf(goal.cores()), String.valueOf(vm.cores()), out);
    differ("memory", goal.memory().toString(), vm.memory().toString(), out);
    if (goal.imported()) {
      goal.nics().stream()
          .filter(card -> vm.nics().stream().noneMatch(card::is))
          .forEach(card -> out.add(new Difference("nics", card.toString(), vm.nics().toString())));
      return;
    }
    differ(DEFINITION, PRESENT, vm.lasting() ? PRESENT : MISSING, out);
    differ("devices", words(goal.devices()), words(vm.devices()), out);
    differ("disks", goal.disks().toString(), vm.disks().toString(), out);
    if (!MachinePlanner.attached(goal.nics(), vm.nics())) {
      out.add(new Difference("nics", goal.nics().toString(), vm.nics().toString()));
    }
    differ("starts", "its system disk", vm.installer() ? "an installer" : "its system disk", out);
    differ("medium", NONE, vm.medium() == null ? NONE : vm.medium(), out);
  }

  private static void systemDisks(MachineGoal goal, MachineFacts facts, List<Difference> out) {
    ByteSize size = facts.systemDisks().get(goal.disk());
    if (size == null) {
      out.add(new Difference("system disk", goal.disk(), MISSING));
    } else if (size.compareTo(goal.diskSize()) < 0 && !MachinePlanner.smaller(goal, facts)) {
      out.add(new Difference("system disk", goal.diskSize().toString(), size.toString()));
    }
    for (String disk : new TreeSet<>(facts.systemDisks().keySet())) {
      if (!disk.equals(goal.disk()) && (goal.booted() || !disk.equals(goal.former()))) {
        out.add(new Difference("former system disk", NONE, disk));
      }
    }
  }

  private static String words(@Nullable Devices devices) {
    return devices == null ? "others" : devices.name().toLowerCase(Locale.ROOT);
  }

  private static void differ(String field, String declared, String seen, List<Difference> out) {
    if (!declared.equals(seen)) {
      out.add(new Difference(field, declared, seen));
    }
  }
}

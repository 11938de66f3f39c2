package io.millwright.engine.reconcile;

import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.ReadyCheck.Ready;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Snapshots;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineStatus.ScriptResult;
import io.millwright.model.Power;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/** What is written of a machine that is up, or at rest. */
final class Settled {
  /** How much of a script's output stands in a message, in characters. */
  private static final int MOST_OUTPUT = 400;

  private Settled() {}

  static MachineStatus told(ResolvedMachine r, Ready ready, Power power, Instant now) {
    MachineStatus s = r.machine().status();
    List<MachineStatus.Interface> interfaces = new ArrayList<>();
    for (MachineStatus.Interface face : s.interfaces()) {
      Set<Ip> all = new LinkedHashSet<>(face.addresses());
      all.addAll(ready.addresses(face));
      interfaces.add(
          new MachineStatus.Interface(face.name(), face.mac(), face.network(), List.copyOf(all)));
    }
    MachineStatus up =
        s.booted(
            interfaces,
            ready.by(),
            ready.hostKeys(),
            ready.scripts(),
            r.devices(),
            MachineGoals.toldAtFirstBoot(r));
    return up.withConditions(settled(up, power, now));
  }

  /** All steps are done, so what was elsewhere is gone, but for a system to go back to. */
  static MachineStatus gathered(MachineStatus s) {
    return s.leftBehind() ? s.gathered() : s;
  }

  static void tell(Tx tx, UUID uid, MachineStatus next) {
    Condition ready = Condition.find(next.conditions(), Condition.READY).orElseThrow();
    tx.resources().updateStatus(uid, next, ready.reason(), ready.message());
  }

  static Optional<ScriptResult> failedScript(List<ScriptResult> scripts) {
    return failedScripts(scripts).stream().findFirst();
  }

  private static List<ScriptResult> failedScripts(List<ScriptResult> scripts) {
    return scripts.stream().filter(script -> script.exitCode() != 0).toList();
  }

  /** The end of what a script printed, which as a rule says why. */
  static String brief(String output) {
    String stripped = output.strip();
    return stripped.length() <= MOST_OUTPUT
        ? stripped
        : "..." + stripped.substring(stripped.length() - MOST_OUTPUT);
  }

  /** Its conditions when nothing more is to be done. */
  static List<Condition> settled(MachineStatus s, Power power, Instant now) {
    List<ScriptResult> bad = failedScripts(s.scripts());
    List<Condition> conditions =
        Condition.drop(
            Condition.drop(
                Condition.drop(Condition.drop(s.conditions(), Condition.HELD), Rebuild.REBUILT),
                Move.MOVED),
            Snapshots.REVERTED);
    if (s.readyBy() != null && !s.readyBy().equals(Ready.IMPORT)) {
      conditions = Condition.set(conditions, firstBoot(bad, s, now));
    }
    Condition ready;
    if (power == Power.OFF) {
      ready =
          MachineReconciler.condition(
              Condition.READY, false, "PoweredOff", "It is powered off, as declared.", now);
    } else if (!bad.isEmpty()) {
      ready =
          MachineReconciler.condition(
              Condition.READY,
              false,
              "FirstBootFailed",
              "Script "
                  + bad.stream().map(ScriptResult::name).collect(Collectors.joining(", "))
                  + " of its first boot failed.",
              now);
    } else {
      ready =
          MachineReconciler.condition(
              Condition.READY, true, "Up", "It is up, as told by " + s.readyBy() + ".", now);
    }
    return Condition.set(conditions, ready);
  }

  /** How its first boot went, which only the machine itself can tell. */
  private static Condition firstBoot(List<ScriptResult> bad, MachineStatus s, Instant now) {
    if (!bad.isEmpty()) {
      return MachineReconciler.condition(
          MachineReconciler.FIRST_BOOT,
          false,
          "ScriptFailed",
          "Script "
              + bad.getFirst().name()
              + " ended with "
              + bad.getFirst().exitCode()
              + ": "
              + bad.getFirst().output().strip()
              + bad.stream()
                  .skip(1)
                  .map(
                      other -> "\nScript " + other.name() + " ended with " + other.exitCode() + ".")
                  .collect(Collectors.joining()),
          now);
    }
    if (Ready.PHONE_HOME.equals(s.readyBy()) || !s.scripts().isEmpty()) {
      return MachineReconciler.condition(
          MachineReconciler.FIRST_BOOT,
          true,
          "Done",
          s.scripts().isEmpty()
              ? "It ended."
              : "It ended, and so did " + s.scripts().size() + " scripts.",
          now);
    }
    return new Condition(
        MachineReconciler.FIRST_BOOT,
        Condition.Value.UNKNOWN,
        "NotReported",
        "It has not reported how its first boot went; it was found up by " + s.readyBy() + ".",
        now);
  }
}

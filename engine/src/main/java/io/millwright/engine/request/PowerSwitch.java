package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.InstantSource;
import java.util.Optional;

/** Switches a machine on and off, and resets it. */
public final class PowerSwitch {
  private final Store store;
  private final InstantSource clock;

  public PowerSwitch(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * Declares that the machine shall run or not.
   *
   * @return the operation, or nothing if that was declared already
   * @throws ProblemException CONFLICT if that was declared already, and is not done because the
   *     machine is held
   */
  public Optional<Operation> set(Caller caller, String project, String name, Power power) {
    return store.inTransaction(tx -> set(tx, caller, project, name, power));
  }

  /** As the other one, as a part of a larger transaction. */
  public Optional<Operation> set(Tx tx, Caller caller, String project, String name, Power power) {
    Resource<MachineSpec, MachineStatus> machine = machine(tx, project, name);
    if (machine.spec().power() == power) {
      Optional<Operation> active = tx.operations().active(machine.uid());
      if (active.isEmpty() && machine.status().power() != power) {
        Condition.find(machine.status().conditions(), Condition.HELD)
            .filter(held -> held.value() == Condition.Value.TRUE)
            .ifPresent(held -> {
              throw ProblemException.of(
                  Problem.Type.CONFLICT, machine.title() + " is held: " + held.message());
            });
      }
      return active;
    }
    if (power == Power.OFF && machine.status().moving()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, machine.title() + " " + MachineAdmission.NOT_OFF);
    }
    Resource<?, ?> next =
        new Resource<>(
            Kind.MACHINE,
            machine.metadata().raised(),
            machine.spec().withPower(power),
            machine.status());
    tx.resources().update(next);
    return Optional.of(Begin.operation(tx, next, Operation.Verb.UPDATE, caller.name(), clock));
  }

  /**
   * Presses the reset button.
   *
   * @throws ProblemException CONFLICT if it shall be off, or other work on it goes on
   */
  public Operation reset(Caller caller, String project, String name) {
    return store.inTransaction(tx -> reset(tx, caller, project, name));
  }

  /** As the other one, as a part of a larger transaction. */
  public Operation reset(Tx tx, Caller caller, String project, String name) {
    Resource<MachineSpec, MachineStatus> machine = machine(tx, project, name);
    if (machine.spec().power() == Power.OFF) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, machine.title() + " is off; power it on instead");
    }
    tx.operations()
        .active(machine.uid())
        .ifPresent(busy -> {
          throw ProblemException.of(
              Problem.Type.CONFLICT,
              "operation "
                  + busy.uid()
                  + " is at work on "
                  + machine.title()
                  + "; wait for it, or cancel it");
        });
    return Begin.operation(tx, machine, Operation.Verb.RESET, caller.name(), clock);
  }

  private static Resource<MachineSpec, MachineStatus> machine(Tx tx, String project, String name) {
    Resource<MachineSpec, MachineStatus> machine =
        tx.resources()
            .lock(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name))
            .as(MachineSpec.class, MachineStatus.class);
    if (machine.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, machine.title() + " is being deleted");
    }
    return machine;
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.planner.Step;

/** Removes single leftovers of a machine whose declaration is gone. */
final class Collect {
  private Collect() {}

  /** Takes a machine of ours away; one that somebody else made is let go and stays. */
  static Outcome removeOrRelease(HypervisorDriver driver, Mark mark) throws DriverException {
    boolean imported =
        driver
            .observe(new Scope.One(mark.uid()))
            .machine(mark.uid())
            .map(Observation.Machine::mark)
            .filter(Mark::imported)
            .isPresent();
    return imported
        ? MachineActs.facet(driver, HypervisorDriver::imports, "cannot let machines go")
            .release(mark)
        : MachineActs.facet(driver, HypervisorDriver::compute, "cannot remove machines")
            .remove(mark);
  }

  static Outcome act(Step step, HypervisorDriver driver, Mark mark) throws DriverException {
    return switch (step) {
      case Step.Remove _, Step.Release _ -> removeOrRelease(driver, mark);
      case Step.DeleteSeed s ->
          MachineActs.facet(driver, HypervisorDriver::media, "cannot delete media")
              .delete(ObjectName.parse(s.medium()).orElseThrow());
      case Step.DeleteBootFile s ->
          MachineActs.facet(driver, HypervisorDriver::directBoot, "cannot delete files to boot")
              .delete(ObjectName.parse(s.file()).orElseThrow());
      default -> throw new DriverException(FaultKind.BUG, step.key() + " collects nothing");
    };
  }
}

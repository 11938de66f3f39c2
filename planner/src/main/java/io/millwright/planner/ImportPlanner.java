package io.millwright.planner;

import io.millwright.model.Power;
import java.util.ArrayList;
import java.util.List;

/**
 * Plans for a machine that somebody else made. No plan of it defines or removes the machine, or
 * makes, changes or deletes a disk.
 */
public final class ImportPlanner {
  private ImportPlanner() {}

  /**
   * What is there.
   *
   * @param ours true if it bears our mark
   */
  public record Seen(boolean ours, boolean running) {}

  /** The steps by which it becomes ours and is powered as declared; none if that is so. */
  public static Plan keep(Power power, Seen seen) {
    List<Step> steps = new ArrayList<>();
    if (!seen.ours()) {
      steps.add(new Step.TakeOver());
    }
    if (seen.running() && power == Power.OFF) {
      steps.add(new Step.Stop());
    }
    if (!seen.running() && power == Power.ON) {
      steps.add(new Step.Start());
    }
    return new Plan(steps);
  }

  /** The steps by which it is let go: it stays as it is, and goes on running if it does. */
  public static Plan release(boolean ours) {
    return new Plan(
        ours ? List.of(new Step.Release(), new Step.Forget()) : List.of(new Step.Forget()));
  }
}

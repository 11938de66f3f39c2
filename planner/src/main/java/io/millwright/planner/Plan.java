package io.millwright.planner;

import java.util.List;

/**
 * The ordered work that takes the observed to the declared.
 *
 * @param steps none if it is there already
 */
public record Plan(List<Step> steps) {
  public Plan {
    steps = List.copyOf(steps);
  }

  public boolean empty() {
    return steps.isEmpty();
  }
}

package io.millwright.engine.request;

import io.millwright.model.Operation;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Diff.Change;
import io.millwright.planner.Step;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an apply did to one resource, or would do.
 *
 * @param resource as it is afterwards
 * @param changes of its declaration
 * @param operation that carries it out, or null if there is nothing to carry out
 * @param impact on a machine: create, in place, restart, rebuild; empty for others
 * @param steps that a dry run planned; the operation has its own
 * @param keeps what a rebuild leaves as it is, in words
 * @param note what the plan of a dry run could not be made from, in one sentence; null if all was
 *     seen
 */
public record Applied(
    Resource<?, ?> resource,
    Action action,
    List<Change> changes,
    @Nullable Operation operation,
    String impact,
    List<Step> steps,
    List<String> keeps,
    @Nullable String note) {

  public Applied(
      Resource<?, ?> resource,
      Action action,
      List<Change> changes,
      @Nullable Operation operation,
      String impact,
      List<Step> steps) {
    this(resource, action, changes, operation, impact, steps, List.of(), null);
  }

  /** What became of the declaration. */
  public enum Action {
    CREATED,
    CHANGED,
    /** A member leaves its group; a dry run alone tells it. */
    DELETED,
    UNCHANGED
  }
}

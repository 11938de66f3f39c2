package io.millwright.engine.request;

import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.time.Instant;
import java.util.List;
import java.util.Objects;

/**
 * What becomes of {@code Ready} when something is declared anew on which no operation works: it was
 * true of what was there before, and is unknown until the next look has ended. What is not ready
 * stays so: a hypervisor that does not answer gets no machines for being declared once more.
 */
final class Renewal {
  private Renewal() {}

  /** Whether this change may make something not ready; a mere cordon, say, cannot. */
  static boolean concerns(Spec before, Spec after) {
    return switch (after) {
      case HypervisorSpec now ->
          before instanceof HypervisorSpec old
              && !(old.driver().equals(now.driver()) && old.settings().equals(now.settings()));
      case PoolSpec now ->
          before instanceof PoolSpec old
              && !(old.ready() == now.ready()
                  && Objects.equals(old.max(), now.max())
                  && old.machine().equals(now.machine()));
      case SourceSpec now ->
          before instanceof SourceSpec old
              && !(old.driver().equals(now.driver())
                  && old.url().equals(now.url())
                  && old.branch().equals(now.branch())
                  && old.path().equals(now.path())
                  && old.apply() == now.apply()
                  && old.prune().equals(now.prune())
                  && old.settings().equals(now.settings()));
      default -> false;
    };
  }

  /** The status with {@code Ready} unknown, if it was true. */
  static Status of(Status status, Instant now) {
    if (!Condition.holds(status.conditions(), Condition.READY)) {
      return status;
    }
    List<Condition> conditions =
        Condition.set(
            status.conditions(),
            new Condition(
                Condition.READY,
                Condition.Value.UNKNOWN,
                Condition.PENDING,
                "It was declared anew, and not looked at since.",
                now));
    return switch (status) {
      case HypervisorStatus s -> s.withConditions(conditions);
      case PoolStatus s -> s.withConditions(conditions);
      case SourceStatus s -> s.withConditions(conditions);
      default -> status;
    };
  }
}

package io.millwright.engine.request;

import io.millwright.engine.port.Tx;
import io.millwright.model.Ids;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.Target;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Resource;
import java.time.InstantSource;
import java.util.List;

/** Records that work on a resource shall be done, and wakes its reconciler. */
public final class Begin {
  private Begin() {}

  /** The operation, pending; one of the same target that goes on is superseded by it. */
  public static Operation operation(
      Tx tx, Resource<?, ?> target, Verb verb, String requestedBy, InstantSource clock) {
    Operation operation =
        tx.operations()
            .insert(
                new Operation(
                    Ids.next(clock),
                    target.project(),
                    verb,
                    new Target(target.kind(), target.uid(), target.name()),
                    target.generation(),
                    new State.Pending(),
                    requestedBy,
                    clock.instant(),
                    null,
                    null,
                    false,
                    0,
                    List.of()));
    tx.nudges().nudge(target.uid());
    return operation;
  }
}

package io.millwright.engine.request;

import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.util.UUID;

/** Asks an operation to stop; what it had begun is undone. */
public final class Cancel {
  private final Store store;

  public Cancel(Store store) {
    this.store = store;
  }

  /**
   * Cancels.
   *
   * @throws ProblemException NOT_FOUND, or CONFLICT if it has ended already or cannot be stopped
   */
  public Operation cancel(UUID uid) {
    return store.inTransaction(tx -> cancel(tx, uid));
  }

  /** As the other one, as a part of a larger transaction. */
  public Operation cancel(Tx tx, UUID uid) {
    Operation operation =
        tx.operations()
            .find(uid)
            .orElseThrow(
                () -> ProblemException.of(Problem.Type.NOT_FOUND, "there is no operation " + uid));
    if (operation.verb() == Operation.Verb.DELETE) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, "a deletion cannot be cancelled once it has begun");
    }
    if (!tx.operations().requestCancel(uid)) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "operation " + uid + " has ended already: " + operation.state().word());
    }
    tx.nudges().nudge(operation.target().uid());
    return tx.operations().find(uid).orElseThrow();
  }
}

package io.millwright.engine.access;

import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import java.util.function.Function;

/**
 * A database that writes down who does what, in the very transaction that does it: if there is a
 * row it was done, and if it was done there is a row.
 *
 * <p>The row is written last, so that the chain is held only for the commit.
 */
public record Audited(Store store) implements Store {
  @Override
  public <T> T inTransaction(Function<Tx, T> work) {
    Acts act = Acts.unrecorded();
    if (act == null) {
      return store.inTransaction(work);
    }
    T result =
        store.inTransaction(tx -> {
          T made = work.apply(tx);
          tx.audit().append(act.done());
          return made;
        });
    act.recorded();
    return result;
  }

  @Override
  public <T> T read(Function<Tx, T> work) {
    return store.read(work);
  }

  @Override
  public <T> T dryRun(Function<Tx, T> work) {
    return store.dryRun(work);
  }
}

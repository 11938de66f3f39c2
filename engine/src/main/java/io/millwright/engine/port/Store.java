package io.millwright.engine.port;

import java.util.function.Consumer;
import java.util.function.Function;

/** The database. */
public interface Store {
  /**
   * Runs {@code work} in one transaction (read committed) and commits it; anything thrown rolls it
   * back. Work that lost a deadlock or a serialization conflict is run again, so it must have no
   * effect outside.
   *
   * @throws io.millwright.model.ProblemException UNAVAILABLE if the database cannot be reached
   */
  <T> T inTransaction(Function<Tx, T> work);

  /** Runs {@code work} in one read-only transaction with one snapshot (repeatable read). */
  <T> T read(Function<Tx, T> work);

  /** Runs {@code work} and rolls everything back: what would happen, without its happening. */
  <T> T dryRun(Function<Tx, T> work);

  /** As {@link #inTransaction(Function)}, for work without a result. */
  default void write(Consumer<Tx> work) {
    inTransaction(tx -> {
      work.accept(tx);
      return Boolean.TRUE;
    });
  }
}

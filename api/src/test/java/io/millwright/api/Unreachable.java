package io.millwright.api;

import io.millwright.engine.Engine;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.lang.reflect.Proxy;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A database that has gone away since the server began, and a backend on it. */
final class Unreachable implements Store {
  /** What was asked when the server began is known. */
  private static final Tx BEGINNING =
      (Tx)
          Proxy.newProxyInstance(
              Tx.class.getClassLoader(),
              new Class<?>[] {Tx.class},
              (_, method, _) -> {
                if (method.getName().equals("installation")) {
                  return "00000000";
                }
                throw ProblemException.of(
                    Problem.Type.UNAVAILABLE, "the database cannot be reached just now");
              });

  @Override
  public <T> T inTransaction(Function<Tx, T> work) {
    return work.apply(BEGINNING);
  }

  @Override
  public <T> T read(Function<Tx, T> work) {
    return inTransaction(work);
  }

  @Override
  public <T> T dryRun(Function<Tx, T> work) {
    return inTransaction(work);
  }

  @SuppressWarnings("NullAway") // without a database nobody comes to the images
  static Backend backend() {
    Store store = new Unreachable();
    Engine engine =
        new Engine(
            store,
            new Drivers(Map.of(), Map.of(), Map.of(), Map.of()),
            new SecretBox(new byte[32]),
            null,
            InstantSource.system(),
            Engine.Settings.of(List.of(), SourcePlaces.ELSEWHERE));
    return new Backend("test", store, engine, engine.access());
  }
}

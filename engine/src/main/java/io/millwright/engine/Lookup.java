package io.millwright.engine;

import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.util.Optional;

/** How a name that one resource mentions is found: in its own project, then in the shared one. */
public final class Lookup {
  /** The project whose resources all others may name. */
  public static final String SHARED = "shared";

  private Lookup() {}

  public static Optional<Resource<?, ?>> find(Tx tx, Kind kind, String project, String name) {
    Optional<Resource<?, ?>> own = tx.resources().find(kind, project, name);
    return own.isPresent() || project.equals(SHARED)
        ? own
        : tx.resources().find(kind, SHARED, name);
  }

  /**
   * As {@link #find}, for a name that was checked when it was declared.
   *
   * @throws IllegalStateException if it is not there; references keep that from happening
   */
  public static <S extends Spec, T extends Status> Resource<S, T> get(
      Tx tx, Kind kind, String project, String name, Class<S> spec, Class<T> status) {
    return find(tx, kind, project, name)
        .orElseThrow(() -> new IllegalStateException(kind + " " + name + " is gone"))
        .as(spec, status);
  }
}

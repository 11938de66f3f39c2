package io.millwright.engine;

import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * How a name that one resource mentions is found: in its own project, then in the shared one.
 *
 * <p>Remembers what it found, so that looking at ten thousand machines of three sizes reads three
 * sizes; so one lookup serves one transaction, in which none of these are changed.
 */
public final class Lookup {
  /** The project whose resources all others may name. */
  public static final String SHARED = "shared";

  private final Tx tx;
  private final Map<Key, Optional<Resource<?, ?>>> found = new HashMap<>();

  public Lookup(Tx tx) {
    this.tx = tx;
  }

  private record Key(Kind kind, String project, String name) {}

  public Optional<Resource<?, ?>> find(Kind kind, String project, String name) {
    return found.computeIfAbsent(
        new Key(kind, project, name), k -> find(tx, kind, project, name));
  }

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
  public <S extends Spec, T extends Status> Resource<S, T> get(
      Kind kind, String project, String name, Class<S> spec, Class<T> status) {
    return find(kind, project, name)
        .orElseThrow(() -> new IllegalStateException(kind + " " + name + " is gone"))
        .as(spec, status);
  }

  /** As {@link #get(Kind, String, String, Class, Class)}, for one look. */
  public static <S extends Spec, T extends Status> Resource<S, T> get(
      Tx tx, Kind kind, String project, String name, Class<S> spec, Class<T> status) {
    return new Lookup(tx).get(kind, project, name, spec, status);
  }
}

package io.millwright.engine.machine;

import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Resources.Name;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How a name that one resource mentions is found: in its own project, then in the shared one.
 *
 * <p>Remembers what it found, so that looking at ten thousand machines of three sizes reads three
 * sizes; so one lookup serves one transaction, in which none of these are changed.
 */
public final class Lookup {
  private static final int MOST = 1000;

  private final Tx tx;
  private final Map<Name, Optional<Resource<?, ?>>> found = new HashMap<>();
  private final Map<Kind, Listed> listed = new HashMap<>();

  public Lookup(Tx tx) {
    this.tx = tx;
  }

  private record Listed(Set<String> places, List<Resource<?, ?>> all) {}

  /** Where names that are mentioned in a project are looked for, in this order. */
  public static Set<String> places(String project) {
    Set<String> out = new LinkedHashSet<>();
    out.add(project);
    out.add(Projects.SHARED);
    return out;
  }

  public Optional<Resource<?, ?>> find(Kind kind, String project, String name) {
    Optional<Resource<?, ?>> own = in(new Name(kind, project, name));
    return own.isPresent() || project.equals(Projects.SHARED)
        ? own
        : in(new Name(kind, Projects.SHARED, name));
  }

  private Optional<Resource<?, ?>> in(Name name) {
    return known(name)
        ? found.getOrDefault(name, Optional.empty())
        : found.computeIfAbsent(name, n -> tx.resources().find(n.kind(), n.project(), n.name()));
  }

  private boolean known(Name name) {
    Listed list = listed.get(name.kind());
    // Of a list that is full there may be more.
    return found.containsKey(name)
        || (list != null && list.all.size() < MOST && list.places.contains(name.project()));
  }

  /**
   * Reads what a resource of this project mentions all together, so that {@link #find} need not.
   */
  public void prepare(String project, Collection<Ref> refs) {
    prepare(Map.of(project, refs));
  }

  /** As the other one, for resources of several projects. */
  public void prepare(Map<String, ? extends Collection<Ref>> refs) {
    Set<Name> wanted = new LinkedHashSet<>();
    refs.forEach((project, all) -> {
      for (Ref ref : all) {
        wanted.add(new Name(ref.kind(), project, ref.name()));
        wanted.add(new Name(ref.kind(), Projects.SHARED, ref.name()));
      }
    });
    wanted.removeIf(this::known);
    if (wanted.size() < 2) {
      return;
    }
    List<Resource<?, ?>> there = tx.resources().find(wanted);
    wanted.forEach(name -> found.put(name, Optional.empty()));
    there.forEach(r -> found.put(new Name(r.kind(), r.project(), r.name()), Optional.of(r)));
  }

  /**
   * Those that a project may mention, of its own and shared, at most a thousand; each of them is
   * found from now on.
   */
  public List<Resource<?, ?>> all(Kind kind, String project) {
    Set<String> places = places(project);
    Listed known = listed.get(kind);
    if (known == null || !known.places.equals(places)) {
      known =
          new Listed(
              places,
              tx.resources()
                  .list(new Resources.Query(kind, null, Selector.ALL, Map.of(), MOST, null, places))
                  .items());
      known.all.forEach(r -> found.put(new Name(kind, r.project(), r.name()), Optional.of(r)));
      listed.put(kind, known);
    }
    return known.all;
  }

  /** As {@link #find(Kind, String, String)}, for one look. */
  public static Optional<Resource<?, ?>> find(Tx tx, Kind kind, String project, String name) {
    return new Lookup(tx).find(kind, project, name);
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

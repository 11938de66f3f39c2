package io.millwright.engine.access;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * To what a token is narrowed.
 *
 * @param role that it is at most, or null
 * @param projects in which it is good for anything; empty for all
 * @param verbs for which it is good; empty for all
 */
public record Scope(@Nullable Role role, Set<String> projects, Set<Verb> verbs) {
  /** Narrows nothing. */
  public static final Scope ALL = new Scope(null, Set.of(), Set.of());

  public Scope {
    projects = Set.copyOf(projects);
    verbs = Set.copyOf(verbs);
  }

  public Scope(@Nullable Role role, List<String> projects, List<Verb> verbs) {
    this(role, Set.copyOf(projects), Set.copyOf(verbs));
  }

  boolean covers(@Nullable String project) {
    return projects.isEmpty() || (project != null && projects.contains(project));
  }

  boolean allows(Verb verb) {
    return verbs.isEmpty() || verbs.contains(verb);
  }
}

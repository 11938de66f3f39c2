package io.millwright.engine.access;

import io.millwright.engine.port.Projects;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What somebody is.
 *
 * @param global role in all projects, or null
 * @param projects roles in some
 * @param scope to what the token narrows that
 */
public record Rights(@Nullable Role global, Map<String, Role> projects, Scope scope) {
  public static final Rights NONE = new Rights(null, Map.of(), Scope.ALL);
  public static final Rights ADMIN = new Rights(Role.ADMIN, Map.of(), Scope.ALL);

  public Rights {
    projects = Map.copyOf(projects);
  }

  /**
   * The role in a project; null is none.
   *
   * @param project null for what belongs to none
   */
  public @Nullable Role in(@Nullable String project) {
    Role given = project == null ? global : Role.max(global, projects.get(project));
    boolean shared = Projects.SHARED.equals(project);
    if (shared && given == null && !projects.isEmpty()) {
      given = Role.VIEWER; // what all may name, all may see
    }
    if (!scope.covers(project)) {
      given = shared ? Role.min(given, Role.VIEWER) : null;
    }
    Role most = scope.role();
    return most == null ? given : Role.min(given, most);
  }

  /** The same without a token, or by one that takes nothing. */
  public Rights whole() {
    return new Rights(global, projects, Scope.ALL);
  }

  /** The projects of which this one may see what is in them, or null for all. */
  public @Nullable Set<String> visible() {
    if (!scope.allows(Verb.VIEW)) {
      return Set.of();
    }
    if (global != null && scope.projects().isEmpty()) {
      return null;
    }
    Set<String> out = new TreeSet<>(global == null ? projects.keySet() : scope.projects());
    out.add(Projects.SHARED);
    out.removeIf(p -> in(p) == null);
    return out;
  }
}

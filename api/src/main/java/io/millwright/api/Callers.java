package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Decision;
import io.millwright.engine.access.Policy;
import io.millwright.engine.access.Verb;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/** Who asks just now, and what they may. */
final class Callers {
  private Callers() {}

  /** Who makes the present request; somebody who may do nothing, where nobody has to say. */
  static Caller now() {
    Authentication who = SecurityContextHolder.getContext().getAuthentication();
    return who instanceof BearerFilter.Bearer bearer ? bearer.caller() : new Caller("anonymous");
  }

  static Decision allowed(Verb verb, @Nullable Kind kind, @Nullable String project) {
    return Policy.allowed(now(), verb, kind, project);
  }

  /**
   * Refuses what is not allowed.
   *
   * @param missing what is said to who may not even know of it: the same as if it were not there
   */
  static void require(
      Verb verb,
      @Nullable Kind kind,
      @Nullable String project,
      Supplier<ProblemException> missing) {
    Decision decision = allowed(verb, kind, project);
    if (decision.allowed()) {
      return;
    }
    if (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes request) {
      request.getRequest().setAttribute(Trail.REFUSED, Boolean.TRUE);
    }
    if (project != null && !allowed(Verb.VIEW, kind, project).allowed()) {
      throw missing.get();
    }
    throw ProblemException.of(Problem.Type.FORBIDDEN, decision.reason());
  }

  /** Refuses a narrowed token what is its owner's, such as other tokens and sessions. */
  static void requireOwner() {
    require(
        Verb.SIGN_IN,
        null,
        null,
        () -> ProblemException.of(Problem.Type.NOT_FOUND, "there is nothing at this path"));
  }

  static ProblemException noProject(String project) {
    return ProblemException.of(Problem.Type.NOT_FOUND, "there is no project " + project);
  }

  /** The projects of which the caller may see what is in them, or null for all. */
  static @Nullable Set<String> visible() {
    return now().rights().visible();
  }

  static boolean sees(String project) {
    Set<String> visible = visible();
    return visible == null || visible.contains(project);
  }
}

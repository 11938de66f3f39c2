package io.millwright.api;

import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Audit;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.HandlerMapping;

/** Says for the audit what each request does, and what became of those that did not do it. */
final class Trail implements HandlerInterceptor {
  /** Attribute of a request that was answered with this problem. */
  static final String PROBLEM = "millwright.problem";

  /** Attribute of a request that the policy has refused. */
  static final String REFUSED = "millwright.refused";

  private static final String DRY_RUN = "dryRun";

  private final LateRows late;

  Trail(LateRows late) {
    this.late = late;
  }

  @Override
  public boolean preHandle(
      HttpServletRequest request, HttpServletResponse response, Object handler) {
    if (handler instanceof HandlerMethod method) {
      Needs needs = method.getMethodAnnotation(Needs.class);
      if (needs != null && acts(request, needs)) {
        begin(request, method, needs);
      }
    }
    return true;
  }

  /** Reading is no act, but for sitting at a console; nor is saying that one is still there. */
  private static boolean acts(HttpServletRequest request, Needs needs) {
    boolean reads = request.getMethod().equals("GET") || request.getMethod().equals("HEAD");
    return !reads && !needs.routine() || needs.acts() || needs.value() == Verb.CONSOLE;
  }

  private static void begin(HttpServletRequest request, HandlerMethod method, Needs needs) {
    Kind kind = Permits.kind(method, needs);
    Acts.begin(
        Callers.now(),
        request.getRemoteAddr(),
        needs.value(),
        request.getMethod()
            + " "
            + request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE),
        kind == null ? "" : kind.title(),
        text(Permits.variable(request, "project")),
        text(
            Permits.variable(request, "name") == null
                ? Permits.variable(request, "uid")
                : Permits.variable(request, "name")));
  }

  /** Whether the handler, which has done its work, was told to do nothing. */
  private static boolean rehearses(HttpServletRequest request, Object handler) {
    return handler instanceof HandlerMethod method
        && Arrays.stream(method.getMethodParameters())
            .anyMatch(p -> p.getParameter().getName().equals(DRY_RUN))
        && Inputs.yes(request.getParameter(DRY_RUN));
  }

  private static String text(@Nullable String given) {
    return given == null ? "" : given;
  }

  @Override
  public void afterCompletion(
      HttpServletRequest request,
      HttpServletResponse response,
      Object handler,
      @Nullable Exception e) {
    Needs needs =
        handler instanceof HandlerMethod method ? method.getMethodAnnotation(Needs.class) : null;
    if (needs == null) {
      return;
    }
    boolean acts = acts(request, needs);
    Problem problem = (Problem) request.getAttribute(PROBLEM);
    boolean refused = request.getAttribute(REFUSED) != null;
    if (!acts && refused) {
      begin(request, (HandlerMethod) handler, needs);
    }
    // Of a problem only the kind: its words may repeat what was sent, and that may be a secret.
    String result =
        problem == null
            ? acts && response.getStatus() < 400 && !rehearses(request, handler) ? "done" : null
            : refused ? "refused" : problem.type().slug();
    String detail =
        problem != null && problem.type() == Problem.Type.FORBIDDEN ? problem.detail() : "";
    Audit.Act row = Acts.end(acts || refused ? result : null, detail);
    if (row != null) {
      late.write(row, problem != null && problem.type() == Problem.Type.UNAVAILABLE);
    }
  }
}

package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.HandlerMapping;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/** Lets a request through to its handler if the policy allows what the handler {@link Needs}. */
final class Permits implements HandlerInterceptor {

  /** Refuses to start a server with a handler of which nobody said who may call it. */
  record Complete(RequestMappingHandlerMapping mapping) implements SmartInitializingSingleton {
    @Override
    public void afterSingletonsInstantiated() {
      List<String> without = new ArrayList<>();
      mapping
          .getHandlerMethods()
          .forEach((where, method) -> {
            if (method.getBeanType().getPackage() == Needs.class.getPackage()
                && !method.hasMethodAnnotation(Needs.class)) {
              without.add(method.getShortLogMessage() + " at " + where);
            }
          });
      if (!without.isEmpty()) {
        throw new IllegalStateException(
            "nobody said who may call "
                + String.join(", ", without)
                + "; put @Needs(Verb....) on each, see Needs and the engine's Policy");
      }
    }
  }

  @Override
  public boolean preHandle(
      HttpServletRequest request, HttpServletResponse response, Object handler) {
    if (!(handler instanceof HandlerMethod method)) {
      return true; // what is not there is answered as such
    }
    Needs needs = method.getMethodAnnotation(Needs.class);
    if (needs == null) {
      // Of a library, such as what writes the description in tests.
      return method.getBeanType().getPackage() != Needs.class.getPackage();
    }
    Kind kind = kind(method, needs);
    String project = variable(request, "project");
    boolean all = needs.where() == Needs.Where.PROJECTS && Inputs.ALL_PROJECTS.equals(project);
    if (project != null && !all) {
      Inputs.project(project);
    }
    switch (needs.where()) {
      case ANYBODY, HANDLER -> {}
      case HOUSE -> {
        if (project != null) {
          // Who may not even see the project learns no more of it than that it is not there.
          Callers.require(Verb.VIEW, kind, project, () -> hidden(kind, request));
        }
        Callers.require(needs.value(), kind, null, () -> hidden(kind, request));
      }
      case PROJECT, PROJECTS -> {
        if (project == null) {
          throw new IllegalStateException(method + " has no {project} in its path");
        }
        if (!all) {
          Callers.require(needs.value(), kind, project, () -> hidden(kind, request));
        }
      }
    }
    return true;
  }

  static @Nullable Kind kind(HandlerMethod method, Needs needs) {
    return needs.of().length > 0
        ? needs.of()[0]
        : method.getBean() instanceof Collection collection ? collection.kind() : null;
  }

  /** What is said of what is not there; what one may not see is not there. */
  private static ProblemException hidden(@Nullable Kind kind, HttpServletRequest request) {
    String project = variable(request, "project");
    String name = variable(request, "name");
    if (project == null) {
      return ProblemException.of(Problem.Type.NOT_FOUND, "there is nothing at this path");
    }
    return kind == null || name == null
        ? Callers.noProject(project)
        : ProblemException.of(
            Problem.Type.NOT_FOUND, "there is no " + kind + " " + name + " in project " + project);
  }

  static @Nullable String variable(HttpServletRequest request, String name) {
    return request.getAttribute(HandlerMapping.URI_TEMPLATE_VARIABLES_ATTRIBUTE)
                instanceof Map<?, ?> all
            && all.get(name) instanceof String text
        ? text
        : null;
  }
}

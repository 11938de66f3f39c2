package io.millwright.api;

import io.millwright.model.Names;
import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.core.MethodParameter;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;

/** Refuses query parameters that mean nothing, which are misspelt ones as a rule. */
final class KnownParameters implements HandlerInterceptor {
  private final Map<Method, List<String>> known = new ConcurrentHashMap<>();

  @Override
  public boolean preHandle(
      HttpServletRequest request, HttpServletResponse response, Object handler) {
    if (handler instanceof HandlerMethod method
        && request.getQueryString() != null
        && !takesAny(method)) {
      List<String> names = known.computeIfAbsent(method.getMethod(), _ -> names(method));
      request
          .getParameterMap()
          .forEach((name, values) -> {
            if (!names.contains(name)) {
              throw ProblemException.invalid(
                  Names.isWord(name) ? name : Names.quote(name),
                  "there is no such parameter here"
                      + Names.hint(name, names)
                      + (names.isEmpty() ? "" : "; there are: " + String.join(", ", names)));
            }
            if (values.length > 1) {
              throw ProblemException.invalid(name, "stands here " + values.length + " times");
            }
          });
    }
    return true;
  }

  /** Where others say what there is: a provider of identities may add what it likes. */
  private static boolean takesAny(HandlerMethod method) {
    return Arrays.stream(method.getMethodParameters())
        .anyMatch(
            p -> p.hasParameterAnnotation(RequestParam.class) && p.getParameterType() == Map.class);
  }

  private static List<String> names(HandlerMethod method) {
    List<String> out = new ArrayList<>();
    for (MethodParameter parameter : method.getMethodParameters()) {
      if (parameter.hasParameterAnnotation(RequestParam.class)) {
        out.add(parameter.getParameter().getName());
      }
    }
    return out;
  }
}

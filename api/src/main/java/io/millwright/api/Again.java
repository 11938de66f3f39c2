package io.millwright.api;

import static java.lang.annotation.ElementType.METHOD;
import static java.lang.annotation.RetentionPolicy.RUNTIME;

import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.annotation.Retention;
import java.lang.annotation.Target;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;

/**
 * What comes of a POST that is sent again, where it is not answered by {@link Once}. Each handler
 * of a POST takes a {@link Once} or has this: a key that is accepted and dropped would be believed.
 */
@Retention(RUNTIME)
@Target(METHOD)
@interface Again {
  /** Why an Idempotency-Key is refused, as an end of a sentence. */
  String refused() default "";

  /** Why none is needed, as an end of a sentence; one that is sent does no harm. */
  String harmless() default "";

  /** Refuses what could not be kept. */
  final class Keys implements HandlerInterceptor {
    @Override
    public boolean preHandle(
        HttpServletRequest request, HttpServletResponse response, Object handler) {
      if (request.getHeader(Once.KEY) != null && handler instanceof HandlerMethod method) {
        Again again = method.getMethodAnnotation(Again.class);
        if (again != null && !again.refused().isEmpty()) {
          throw ProblemException.invalid(Once.KEY, "is not taken here, because " + again.refused());
        }
      }
      return true;
    }
  }
}

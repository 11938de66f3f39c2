package io.millwright.api;

import io.millwright.model.Problem;
import java.io.IOException;
import java.util.List;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.jspecify.annotations.Nullable;

/** Answers what the web server itself refuses, before any of our code sees it, in our form. */
public final class ProblemValve extends ErrorReportValve {
  @Override
  protected void report(Request request, Response response, @Nullable Throwable thrown) {
    int status = response.getStatus();
    if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
      return;
    }
    Problem problem = new Problem(type(status), "the request cannot be understood", List.of());
    try {
      if (problem.type() == Problem.Type.INTERNAL) {
        problem = Problems.problem(new IllegalStateException("the web server failed", thrown));
      }
      Problems.write(problem, request, response);
    } catch (IOException e) {
      // Nobody is there to read it any more.
      container.getLogger().debug("no answer written", e);
    }
  }

  private static Problem.Type type(int status) {
    return switch (status) {
      case 404 -> Problem.Type.NOT_FOUND;
      case 405, 501 -> Problem.Type.METHOD_NOT_ALLOWED;
      case 413, 414, 431 -> Problem.Type.TOO_LARGE;
      case 503 -> Problem.Type.UNAVAILABLE;
      default -> status < 500 ? Problem.Type.INVALID : Problem.Type.INTERNAL;
    };
  }
}

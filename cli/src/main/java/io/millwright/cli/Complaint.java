package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.Problem;
import io.millwright.client.UnreachableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Turns what went wrong into an exit code and one line that says what to do. */
record Complaint(int code, String line) {

  static Complaint of(Throwable thrown) {
    return switch (thrown) {
      case Failure f -> new Complaint(f.code(), f.line());
      case ApiException e -> of(e.problem());
      case UnreachableException e ->
          new Complaint(
              Failure.FAILED,
              e.getMessage()
                  + "; start the server, or name another one with --server or MILLWRIGHT_SERVER");
      case OutOfMemoryError _ ->
          new Complaint(Failure.FAILED, "there is too much of it for the memory of this program");
      default ->
          new Complaint(
              Failure.FAILED,
              "this is an error in millwright itself: " + thrown + "; --debug shows where");
    };
  }

  static Complaint of(Problem problem) {
    return of(problem, Map.of());
  }

  /**
   * @param options by which the user has said what is wrong, by the names of the fields
   */
  static Complaint of(Problem problem, Map<String, String> options) {
    int code =
        switch (problem.status()) {
          case 400, 413, 415, 422 -> Failure.USAGE;
          default -> Failure.FAILED;
        };
    return new Complaint(code, line(problem, options));
  }

  private static String line(Problem problem, Map<String, String> options) {
    List<String> fields = new ArrayList<>();
    for (Problem.Field each : problem.errors()) {
      String field = options.getOrDefault(each.field(), each.field());
      fields.add(field.isEmpty() ? each.message() : field + ": " + each.message());
    }
    if (!fields.isEmpty()) {
      return String.join("; ", fields);
    }
    String said = problem.detail().isEmpty() ? problem.title() : problem.detail();
    if (problem.status() == 401) {
      return "the server does not accept the token; name a file with a valid one by --token-file or"
          + " MILLWRIGHT_TOKEN_FILE";
    }
    if (said.isEmpty()) {
      return "the server answered "
          + problem.status()
          + " and no reason; is this really the address of a Millwright server?";
    }
    return said;
  }
}

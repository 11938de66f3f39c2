package io.millwright.api;

import io.millwright.model.Default;
import io.millwright.model.Problem;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong, as RFC 9457 writes it.
 *
 * @param type a URI that names the kind of problem
 * @param title the kind of problem in words
 * @param status the HTTP status
 * @param detail what is wrong here and what to do next
 * @param instance the path of the request
 * @param errors the fields concerned
 */
record ProblemView(
    String type,
    String title,
    int status,
    String detail,
    @Nullable String instance,
    @Default List<FieldView> errors) {
  private static final String TYPES = "https://millwright.io/problems/";

  /**
   * A field that is wrong.
   *
   * @param field its path, such as {@code Machine hello: spec.nics[0].ipv4}; empty for the whole
   * @param message what is wrong with it
   */
  record FieldView(String field, String message) {}

  static ProblemView of(Problem problem, String path) {
    Problem.Type type = problem.type();
    return new ProblemView(
        TYPES + type.slug(),
        type.title(),
        type.status(),
        problem.detail(),
        path,
        problem.errors().stream().map(e -> new FieldView(e.field(), e.message())).toList());
  }
}

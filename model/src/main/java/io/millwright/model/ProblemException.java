package io.millwright.model;

import java.util.List;

/** Carries a {@link Problem} to whoever answers the user. */
public final class ProblemException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Problem problem;

  public ProblemException(Problem problem) {
    super(problem.detail());
    this.problem = problem;
  }

  public Problem problem() {
    return problem;
  }

  /** The input is wrong in these places; the first one becomes the detail. */
  public static ProblemException invalid(List<Violation> errors) {
    Violation first = errors.getFirst();
    String detail =
        (first.field().isEmpty() ? "" : first.field() + ": ")
            + first.message()
            + (errors.size() > 1 ? " (and " + (errors.size() - 1) + " more)" : "");
    return new ProblemException(new Problem(Problem.Type.INVALID, detail, errors));
  }

  public static ProblemException invalid(String field, String message) {
    return invalid(List.of(new Violation(field, message)));
  }

  public static ProblemException of(Problem.Type type, String detail) {
    return new ProblemException(new Problem(type, detail, List.of()));
  }
}

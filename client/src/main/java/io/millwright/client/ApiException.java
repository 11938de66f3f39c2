package io.millwright.client;

/** The server refused, or failed. */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient Problem problem;

  ApiException(Problem problem) {
    super(problem.status() + " " + problem.type() + " " + problem.detail());
    this.problem = problem;
  }

  public Problem problem() {
    return problem;
  }

  public int status() {
    return problem.status();
  }

  /** True if it is a proxy that says so, because it got no answer from the server. */
  public boolean ofProxy() {
    return status() == 502 || status() == 504;
  }
}

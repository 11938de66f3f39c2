package io.millwright.cli;

/** A command cannot be done; its message is the one line that the user reads. */
final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** It was tried and did not work. */
  static final int FAILED = 1;

  /** It was asked for in a wrong way; trying again cannot help. */
  static final int USAGE = 2;

  private final int code;

  Failure(int code, String message) {
    super(message);
    this.code = code;
  }

  static Failure failed(String message) {
    return new Failure(FAILED, message);
  }

  static Failure usage(String message) {
    return new Failure(USAGE, message);
  }

  /** Exit code of the process. */
  int code() {
    return code;
  }

  String line() {
    return String.valueOf(getMessage());
  }
}

package io.millwright.client;

/** No answer came: the server does not run, cannot be reached, or was cut off. */
public final class UnreachableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  UnreachableException(String message, Throwable cause) {
    super(message, cause);
  }
}

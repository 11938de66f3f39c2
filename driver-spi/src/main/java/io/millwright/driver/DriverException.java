package io.millwright.driver;

import org.jspecify.annotations.Nullable;

/** An act on an outside system failed. */
public final class DriverException extends Exception {
  private static final long serialVersionUID = 1L;

  private final FaultKind kind;
  private final String forOperator;

  /**
   * @param forUser one sentence without names of hosts or paths a user need not know: what is wrong
   *     and what to do next
   * @param forOperator the outside system's own words
   */
  public DriverException(
      FaultKind kind, String forUser, String forOperator, @Nullable Throwable cause) {
    super(forUser, cause);
    this.kind = kind;
    this.forOperator = forOperator;
  }

  public DriverException(FaultKind kind, String forUser) {
    this(kind, forUser, forUser, null);
  }

  /** Of who waited for an outside system and was told to stop; the thread stays interrupted. */
  public static DriverException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new DriverException(
        FaultKind.UNREACHABLE, "The hypervisor did not answer in time.", "interrupted", e);
  }

  /** Of a driver that was closed meanwhile. */
  public static DriverException closed() {
    return new DriverException(FaultKind.UNREACHABLE, "The connection to it is closed.");
  }

  public FaultKind kind() {
    return kind;
  }

  public String forUser() {
    return String.valueOf(getMessage());
  }

  public String forOperator() {
    return forOperator;
  }
}

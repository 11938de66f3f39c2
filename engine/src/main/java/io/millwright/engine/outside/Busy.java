package io.millwright.engine.outside;

import java.time.Duration;

/** The gate to an outside system has no place just now; nothing was tried. */
public final class Busy extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Duration retryIn;

  Busy(Duration retryIn) {
    super("busy", null, false, false);
    this.retryIn = retryIn;
  }

  public Duration retryIn() {
    return retryIn;
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.Optional;

/** How often and after how long a failed step is tried again; the one place that decides it. */
final class RetryPolicy {
  private RetryPolicy() {}

  /** A step that takes something away, or undoes: it is tried until it is done. */
  static Duration untilDone(int attempts) {
    return backoff(attempts, 30);
  }

  /**
   * Any other step.
   *
   * @param attempts that were made so far, at least 1
   * @return when to try again, or nothing to give up
   */
  static Optional<Duration> decide(FaultKind kind, int attempts) {
    return switch (kind) {
      // It will answer again some day, and the person who waits sees why they wait.
      case UNREACHABLE -> Optional.of(backoff(attempts, 15));
      // Room may be made by what is being deleted at the moment.
      case CAPACITY -> attempts < 5 ? Optional.of(backoff(attempts, 20)) : Optional.empty();
      // Most conflicts are of our own making and pass, such as a disk still attached.
      case CONFLICT, BUG -> attempts < 3 ? Optional.of(backoff(attempts, 5)) : Optional.empty();
      case REFUSED, UNSUPPORTED -> Optional.empty();
    };
  }

  private static Duration backoff(int attempts, long mostSeconds) {
    long millis = 500L << Math.min(10, Math.max(0, attempts - 1));
    return Duration.ofMillis(Math.min(millis, mostSeconds * 1000));
  }
}

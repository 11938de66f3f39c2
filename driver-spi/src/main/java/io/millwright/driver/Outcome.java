package io.millwright.driver;

import java.time.Duration;

/** How an act went that did not fail. */
public sealed interface Outcome {
  /** It is as was asked. */
  record Done() implements Outcome {}

  /**
   * It goes on over there; ask again with the same arguments after a while.
   *
   * @param token what the outside system calls the work, for people
   */
  record Running(String token, Duration pollAfter) implements Outcome {}

  Outcome DONE = new Done();
}

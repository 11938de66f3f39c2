package io.millwright.engine.request;

import io.millwright.engine.access.ApprovalRule.Need;
import io.millwright.engine.access.Caller;
import io.millwright.model.Kind;

/**
 * Something may be done only when others have approved it, and they have not: its transaction is
 * rolled back with this, so that nothing of it is done or reserved.
 */
public final class Held extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Asked asked;

  /**
   * What was asked for.
   *
   * @param project whose rules hold it
   * @param kind of what it is mainly about
   * @param name of what it is mainly about
   * @param fingerprint of what would change, and of what that rests on
   */
  record Asked(
      Caller caller,
      String project,
      Kind kind,
      String name,
      Need need,
      String fingerprint,
      Wish wish) {}

  Held(Asked asked) {
    super("approval is needed");
    this.asked = asked;
  }

  Asked asked() {
    return asked;
  }
}

package io.millwright.api;

import io.millwright.engine.access.Decision;
import io.millwright.engine.access.Verb;
import io.millwright.model.Resource;

/**
 * Something that can be done with a resource.
 *
 * @param action such as {@code rebuild}; of most the last part of the path of its call
 * @param allowed true if the caller may, and it makes sense just now
 * @param reason why not; empty if allowed
 */
record ActionView(String action, boolean allowed, String reason) {

  /**
   * Asks the policy.
   *
   * @param against what is against it whoever asks, or empty
   */
  static ActionView of(String action, Verb verb, Resource<?, ?> of, String against) {
    Decision decision = Callers.allowed(verb, of.kind(), of.project());
    String reason = decision.allowed() ? against : decision.reason();
    return new ActionView(action, reason.isEmpty(), reason);
  }
}

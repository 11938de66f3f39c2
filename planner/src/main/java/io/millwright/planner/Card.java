package io.millwright.planner;

import io.millwright.model.Mac;
import org.jspecify.annotations.Nullable;

/**
 * A network card of a machine.
 *
 * @param attachment all that the hypervisor is told of what it is attached to, as one text to
 *     compare; null in a goal if nothing is declared, and then it stays as it is
 */
public record Card(Mac mac, @Nullable String attachment) {

  /** True if the card that was observed is as this one is declared. */
  boolean is(Card observed) {
    return mac.equals(observed.mac())
        && (attachment == null || attachment.equals(observed.attachment()));
  }
}

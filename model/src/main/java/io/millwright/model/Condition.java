package io.millwright.model;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One named fact about a resource.
 *
 * @param type what it speaks of, for example {@code Ready}
 * @param value true, false or unknown
 * @param reason one word in CamelCase, for programs
 * @param message one sentence, for people
 * @param since when {@code value} last changed
 */
public record Condition(String type, Value value, String reason, String message, Instant since) {

  /** Whether a condition holds. */
  public enum Value {
    TRUE,
    FALSE,
    UNKNOWN;

    public static Value of(boolean b) {
      return b ? TRUE : FALSE;
    }
  }

  public static final String READY = "Ready";

  /** Of a machine: its last work failed or was cancelled, and none begins before it is applied. */
  public static final String HELD = "Held";

  /** The reason of what nobody has looked at yet. */
  public static final String PENDING = "Pending";

  /** Whether a machine has told that its first boot went well. */
  public static final String FIRST_BOOT = "FirstBoot";

  /** Whether what is published on a network is served. */
  public static final String SERVING = "Serving";

  /** The condition of this type, if it stands in the list. */
  public static Optional<Condition> find(List<Condition> all, String type) {
    return all.stream().filter(c -> c.type().equals(type)).findFirst();
  }

  public static boolean holds(List<Condition> all, String type) {
    return find(all, type).map(c -> c.value() == Value.TRUE).orElse(false);
  }

  /**
   * True if it was ready as it was declared before, and nobody has looked at it since it was
   * declared anew: no trouble yet.
   */
  public static boolean renewed(List<Condition> all) {
    return find(all, READY)
        .map(c -> c.value() == Value.UNKNOWN && c.reason().equals(PENDING))
        .orElse(false);
  }

  /** The list with this condition set; {@code since} is kept where the value did not change. */
  public static List<Condition> set(List<Condition> all, Condition next) {
    List<Condition> out = new ArrayList<>();
    boolean placed = false;
    for (Condition c : all) {
      if (!c.type().equals(next.type())) {
        out.add(c);
      } else {
        out.add(
            c.value() == next.value()
                ? new Condition(next.type(), next.value(), next.reason(), next.message(), c.since())
                : next);
        placed = true;
      }
    }
    if (!placed) {
      out.add(next);
    }
    return List.copyOf(out);
  }

  /** The list without the condition of this type. */
  public static List<Condition> drop(List<Condition> all, String type) {
    return all.stream().filter(c -> !c.type().equals(type)).toList();
  }
}

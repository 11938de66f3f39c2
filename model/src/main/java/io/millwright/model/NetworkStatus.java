package io.millwright.model;

import java.util.List;

/** What is known of a network. */
public record NetworkStatus(@Default List<Condition> conditions) implements Status {
  public NetworkStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }
}

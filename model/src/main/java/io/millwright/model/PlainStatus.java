package io.millwright.model;

import java.util.List;

/** Of resources of which nothing is known but that they are declared. */
public record PlainStatus(@Default List<Condition> conditions) implements Status {
  public PlainStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }
}

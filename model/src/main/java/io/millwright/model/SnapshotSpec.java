package io.millwright.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a machine's system disk was at one moment; its volumes are not in it.
 *
 * @param machine whose system disk it is; it cannot be another one later
 * @param description what it was made for, at most 500 characters; none if not given
 */
public record SnapshotSpec(String machine, @Nullable String description) implements Spec {
  private static final int LONGEST_DESCRIPTION = 500;

  @Override
  public void check(Violations at) {
    if (description != null) {
      Violations here = at.field("description");
      here.require(
          description.length() <= LONGEST_DESCRIPTION,
          "must not be longer than " + LONGEST_DESCRIPTION + " characters");
      here.require(
          description.chars().noneMatch(Character::isISOControl),
          "must be one line, without control characters");
    }
  }

  @Override
  public List<Ref> references() {
    return List.of(new Ref(Kind.MACHINE, machine, "spec.machine"));
  }
}

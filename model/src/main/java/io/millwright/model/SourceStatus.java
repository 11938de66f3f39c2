package io.millwright.model;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a source.
 *
 * @param seen newest commit of the branch, when it was last looked at
 * @param approved commit that somebody approved
 * @param applied commit that was applied last
 * @param appliedAt when that was
 */
public record SourceStatus(
    @Default List<Condition> conditions,
    @Nullable String seen,
    @Nullable String approved,
    @Nullable String applied,
    @Nullable Instant appliedAt)
    implements Status {
  public static final SourceStatus EMPTY = new SourceStatus(List.of(), null, null, null, null);

  public SourceStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public SourceStatus withConditions(List<Condition> next) {
    return new SourceStatus(next, seen, approved, applied, appliedAt);
  }

  public SourceStatus saw(String commit) {
    return new SourceStatus(conditions, commit, approved, applied, appliedAt);
  }

  public SourceStatus approve(String commit) {
    return new SourceStatus(conditions, seen, commit, applied, appliedAt);
  }

  public SourceStatus apply(String commit, Instant now) {
    return new SourceStatus(conditions, seen, approved, commit, now);
  }
}

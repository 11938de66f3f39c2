package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a source.
 *
 * @param seen newest commit of the branch, when it was last looked at
 * @param approved commit that somebody approved and that was not applied yet
 * @param applied commit that was applied last
 * @param appliedAt when that was
 * @param plan what applying {@code seen} would do; null if that is nothing, or cannot be said
 */
@RecordBuilder
public record SourceStatus(
    @Default List<Condition> conditions,
    @Nullable String seen,
    @Nullable String approved,
    @Nullable String applied,
    @Nullable Instant appliedAt,
    @Nullable Plan plan)
    implements Status, SourceStatusBuilder.With {
  public static final SourceStatus EMPTY =
      new SourceStatus(List.of(), null, null, null, null, null);

  /** More than these nobody reads here; a dry run of the same manifests shows all. */
  private static final int MOST = 200;

  /**
   * What would be done.
   *
   * @param commit whose manifests they are
   * @param items the first of them
   * @param more how many follow
   */
  public record Plan(String commit, @Default List<Item> items, int more) {
    public Plan {
      items = items == null ? List.of() : List.copyOf(items);
    }

    /** Of all of these. */
    public static Plan of(String commit, List<Item> all) {
      return new Plan(commit, all.stream().limit(MOST).toList(), Math.max(0, all.size() - MOST));
    }
  }

  /**
   * What would become of one resource.
   *
   * @param action created, changed, deleted, released if it stays and is not the source's any more,
   *     or unchanged if only work would be done on it
   * @param impact on a machine: create, in place, restart, rebuild; empty if none, or unknown
   * @param destroys true if something is gone afterwards that cannot be made again
   * @param changes which fields
   */
  public record Item(
      Kind kind,
      String name,
      String action,
      String impact,
      boolean destroys,
      @Default List<String> changes) {
    public Item {
      changes = changes == null ? List.of() : List.copyOf(changes);
    }
  }

  public SourceStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  /** This is the newest commit, and applying it would do this. */
  public SourceStatus saw(@Nullable String commit, @Nullable Plan would) {
    return with(s -> s.seen(commit).plan(would));
  }

  /** All of this commit is the declaration now. */
  public SourceStatus apply(String commit, Instant now) {
    return new SourceStatus(
        conditions, commit, null, commit, commit.equals(applied) ? appliedAt : now, null);
  }
}

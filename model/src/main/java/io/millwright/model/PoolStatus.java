package io.millwright.model;

import java.util.List;

/**
 * What is known of a pool.
 *
 * @param members how many machines it has that nobody has claimed, those that leave included
 * @param ready how many of them can be claimed at once
 * @param outdated how many of them were made from an earlier declaration or an earlier image; they
 *     are replaced one after another
 * @param claimed how many machines of it were claimed and are still there
 * @param revision number of what is declared of its machines
 * @param last ordinal that a machine of it was given last; none is given twice
 */
public record PoolStatus(
    @Default List<Condition> conditions,
    int members,
    int ready,
    int outdated,
    int claimed,
    int revision,
    int last)
    implements Status {
  public static final PoolStatus EMPTY = new PoolStatus(List.of(), 0, 0, 0, 0, 0, 0);

  public PoolStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public PoolStatus withConditions(List<Condition> next) {
    return new PoolStatus(next, members, ready, outdated, claimed, revision, last);
  }

  public PoolStatus counted(int nowMembers, int nowReady, int nowOutdated, int nowClaimed) {
    return new PoolStatus(
        conditions, nowMembers, nowReady, nowOutdated, nowClaimed, revision, last);
  }

  /** From here on this revision is the declared one. */
  public PoolStatus declared(int next) {
    return new PoolStatus(conditions, members, ready, outdated, claimed, next, last);
  }

  /** Ordinals up to this one have been given. */
  public PoolStatus given(int ordinal) {
    return new PoolStatus(conditions, members, ready, outdated, claimed, revision, ordinal);
  }
}

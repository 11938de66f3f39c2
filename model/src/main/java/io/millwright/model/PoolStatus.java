package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
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
@RecordBuilder
public record PoolStatus(
    @Default List<Condition> conditions,
    int members,
    int ready,
    int outdated,
    int claimed,
    int revision,
    int last)
    implements Status, PoolStatusBuilder.With {
  public static final PoolStatus EMPTY = new PoolStatus(List.of(), 0, 0, 0, 0, 0, 0);

  public PoolStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public PoolStatus counted(int nowMembers, int nowReady, int nowOutdated, int nowClaimed) {
    return with(
        s -> s.members(nowMembers).ready(nowReady).outdated(nowOutdated).claimed(nowClaimed));
  }
}

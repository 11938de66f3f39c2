package io.millwright.planner;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is to be done next for a pool, from what is declared of it and what is known of those of its
 * machines that nobody has claimed.
 *
 * <p>It promises: there are never more than {@code max} machines; and machines that are outdated
 * are replaced so that at most a quarter of the pool is being made for that.
 */
public final class PoolPlanner {
  private PoolPlanner() {}

  /**
   * What is wanted.
   *
   * @param ready how many shall wait to be claimed
   * @param max how many there may be, with those that were claimed; null for any number
   * @param claimed how many were, and are still there
   */
  public record Goal(int ready, @Nullable Integer max, int claimed) {
    /** How many shall wait, now that so many were claimed. */
    public int wanted() {
      return max == null ? ready : Math.max(0, Math.min(ready, max - claimed));
    }
  }

  /**
   * A machine that nobody has claimed.
   *
   * @param current true if it is what a new one would be
   * @param ready true if it can be claimed
   * @param spoilt true if nothing will come of it any more
   * @param leaving true while it is being deleted
   */
  public record Member(
      int ordinal, boolean current, boolean ready, boolean spoilt, boolean leaving) {}

  /**
   * What to do now.
   *
   * @param removes ordinals of those that go
   * @param creates how many new ones are made
   */
  public record Next(List<Integer> removes, int creates) {
    public boolean isNothing() {
      return removes.isEmpty() && creates == 0;
    }
  }

  /** What to do now. */
  public static Next plan(Goal goal, List<Member> members) {
    List<Member> stay =
        new ArrayList<>(members.stream().filter(m -> !m.leaving() && !m.spoilt()).toList());
    List<Integer> removes =
        new ArrayList<>(
            members.stream().filter(m -> m.spoilt() && !m.leaving()).map(Member::ordinal).toList());
    // Those go first that are worth the least: outdated, then not ready, then the youngest.
    stay.sort(
        Comparator.comparing(Member::current)
            .thenComparing(Member::ready)
            .thenComparing(Member::ordinal, Comparator.reverseOrder()));
    while (stay.size() > goal.wanted()) {
      removes.add(stay.removeFirst().ordinal());
    }
    long coming = stay.stream().filter(m -> m.current() && !m.ready()).count();
    long missing = goal.wanted() - stay.size();
    long part = Math.max(1, goal.wanted() / 4) - coming - missing;
    while (!stay.isEmpty() && !stay.getFirst().current()) {
      Member first = stay.getFirst();
      // One that nobody could claim is missed by nobody.
      if (first.ready() && part-- <= 0) {
        break;
      }
      removes.add(stay.removeFirst().ordinal());
    }
    int creates = goal.wanted() - stay.size();
    if (goal.max() != null) {
      // What goes is still there.
      creates = Math.min(creates, goal.max() - goal.claimed() - members.size());
    }
    return new Next(removes.stream().sorted().toList(), Math.max(0, creates));
  }
}

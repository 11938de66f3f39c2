package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.planner.PoolPlanner.Goal;
import io.millwright.planner.PoolPlanner.Member;
import io.millwright.planner.PoolPlanner.Next;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** A pool in a world where everything takes its time and happens in any order. */
class PoolPlannerPropertyTest {
  private static Member member(int ordinal, boolean current, boolean ready) {
    return new Member(ordinal, current, ready, false, false);
  }

  @Property(tries = 500)
  void itIsFullInTheEndAndNeverTooLarge(
      @ForAll long seed,
      @ForAll @IntRange(max = 12) int ready,
      @ForAll @IntRange(max = 6) int more) {
    Random random = new Random(seed);
    Integer max = random.nextBoolean() ? null : Integer.valueOf(Math.max(1, ready + more));
    List<Member> members = new ArrayList<>();
    int claimed = 0;
    int last = 0;
    for (int step = 0; step < 400; step++) {
      Next next = PoolPlanner.plan(new Goal(ready, max, claimed), members);
      for (int i = 0; i < members.size(); i++) {
        Member m = members.get(i);
        if (next.removes().contains(m.ordinal())) {
          members.set(i, new Member(m.ordinal(), m.current(), false, m.spoilt(), true));
        }
      }
      // What goes and what comes are two commits.
      for (int i = 0; i < (next.removes().isEmpty() ? next.creates() : 0); i++) {
        members.add(member(++last, true, false));
      }
      if (max != null) {
        assertThat(members.size() + claimed).isLessThanOrEqualTo(max);
      }
      // Something happens: trouble only in the first half, so that it can come to rest.
      boolean trouble = step < 200;
      members.removeIf(m -> m.leaving() && random.nextInt(3) == 0);
      for (int i = 0; i < members.size(); i++) {
        Member m = members.get(i);
        if (!m.leaving() && !m.ready() && !m.spoilt() && random.nextInt(3) == 0) {
          members.set(i, new Member(m.ordinal(), m.current(), true, false, false));
        }
        if (trouble && random.nextInt(20) == 0) {
          members.set(i, new Member(m.ordinal(), m.current(), false, !m.leaving(), m.leaving()));
        }
      }
      if (trouble && random.nextInt(4) == 0 && members.stream().anyMatch(Member::ready)) {
        members.remove(members.stream().filter(Member::ready).findFirst().orElseThrow());
        claimed++;
      }
      if (claimed > 0 && (!trouble || random.nextInt(4) == 0)) {
        claimed--;
      }
      if (trouble && random.nextInt(50) == 0) {
        members.replaceAll(m -> new Member(m.ordinal(), false, m.ready(), m.spoilt(), m.leaving()));
      }
    }
    assertThat(members).hasSize(ready).allMatch(m -> m.current() && m.ready());
    assertThat(PoolPlanner.plan(new Goal(ready, max, claimed), members).isNothing()).isTrue();
  }

  @Test
  void threeQuartersCanBeClaimedWhileOutdatedOnesAreReplaced() {
    List<Member> members = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      members.add(member(i, false, true));
    }
    Goal goal = new Goal(8, null, 0);
    int last = 8;
    for (Next next = PoolPlanner.plan(goal, members);
        !next.isNothing() || members.stream().anyMatch(m -> !m.ready());
        next = PoolPlanner.plan(goal, members)) {
      List<Integer> removes = next.removes();
      members.removeIf(m -> removes.contains(m.ordinal()));
      if (removes.isEmpty() && next.creates() == 0) {
        members.replaceAll(m -> member(m.ordinal(), m.current(), true));
      }
      for (int i = 0; removes.isEmpty() && i < next.creates(); i++) {
        members.add(member(++last, true, false));
      }
      assertThat(members.stream().filter(Member::ready).count()).isGreaterThanOrEqualTo(6);
    }
    assertThat(members).hasSize(8).allMatch(Member::current);
  }

  @Test
  void outdatedOnesAreReplacedAQuarterAtATime() {
    List<Member> members = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      members.add(member(i, false, true));
    }
    Next next = PoolPlanner.plan(new Goal(8, null, 0), members);
    assertThat(next.removes()).containsExactly(7, 8);
    assertThat(next.creates()).isEqualTo(2);
    members.removeIf(m -> m.ordinal() > 6);
    members.add(member(9, true, false));
    members.add(member(10, true, false));
    assertThat(PoolPlanner.plan(new Goal(8, null, 0), members).isNothing()).isTrue();
    members.set(6, member(9, true, true));
    assertThat(PoolPlanner.plan(new Goal(8, null, 0), members).removes()).containsExactly(6);
  }

  @Test
  void ofTooManyTheWorstGoFirst() {
    List<Member> members =
        List.of(
            member(1, true, true),
            member(2, false, true),
            member(3, true, false),
            member(4, true, true));
    assertThat(PoolPlanner.plan(new Goal(2, null, 0), members).removes()).containsExactly(2, 3);
    assertThat(PoolPlanner.plan(new Goal(1, null, 0), members).removes()).containsExactly(2, 3, 4);
  }

  @Test
  void whatGoesStillTakesItsPlace() {
    Goal goal = new Goal(2, 3, 1);
    List<Member> members = List.of(member(1, true, true), new Member(2, true, false, true, false));
    assertThat(PoolPlanner.plan(goal, members)).isEqualTo(new Next(List.of(2), 0));
  }
}

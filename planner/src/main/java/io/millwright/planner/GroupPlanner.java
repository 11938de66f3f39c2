package io.millwright.planner;

import io.millwright.model.GroupSpec.Pause;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What is to be done next for a group, from what is declared of it and what is known of its
 * members.
 *
 * <p>It promises: as long as members do not fall ill by themselves, {@code count - maxUnavailable}
 * of them are healthy once they have been; there are never more than {@code count + surge}. It
 * looks at nothing but its arguments, so a crash between two looks costs nothing.
 */
public final class GroupPlanner {
  private GroupPlanner() {}

  /**
   * What is wanted.
   *
   * @param revision that all members shall have
   * @param stable that new members get while others still have it; null if there was none
   * @param part size of a batch; 0 for no batches
   * @param frozen true to change no member, because a rollout of this revision has failed
   * @param undoing true while members go back to an earlier revision: one that fails is no reason
   *     to leave the others
   * @param paused true if somebody has said so
   * @param confirmed up to how many changed members somebody has said to go on
   * @param taken ordinals whose names belong to others
   */
  public record Goal(
      int count,
      int revision,
      @Nullable Integer stable,
      int maxUnavailable,
      int surge,
      int canary,
      int part,
      Pause pause,
      Duration minHealthy,
      Duration timeout,
      boolean frozen,
      boolean undoing,
      boolean paused,
      int confirmed,
      Set<Integer> taken) {
    public Goal {
      taken = Set.copyOf(taken);
    }

    /** So many members are healthy whatever the rollout does. */
    public int promised() {
      return Math.max(0, count - maxUnavailable);
    }
  }

  /**
   * A machine of the group.
   *
   * @param revision that it was given last
   * @param busy true while an operation is at work on it
   * @param leaving true while it is being deleted
   * @param healthySince since when it has been healthy, or null if it is not
   * @param unknown true if nobody can tell whether it is: it does not count as healthy, and is not
   *     given up as if it were ill either
   * @param troubleSince since when it has not been, though nothing works on it; or null
   * @param trouble why it is not
   * @param failure why what was tried with it last has failed for good, or null
   * @param leavesFirst true if somebody marked it so
   */
  public record Member(
      int ordinal,
      int revision,
      boolean busy,
      boolean leaving,
      @Nullable Instant healthySince,
      boolean unknown,
      @Nullable Instant troubleSince,
      String trouble,
      @Nullable String failure,
      boolean leavesFirst) {}

  /** Something to begin now. */
  public sealed interface Act {
    int ordinal();

    /** A new member of this revision. */
    record Create(int ordinal, int revision) implements Act {}

    /** A member gets the wanted revision. */
    record Change(int ordinal) implements Act {}

    /** A member goes. */
    record Remove(int ordinal) implements Act {}
  }

  /** How it stands, with the acts begun. */
  public sealed interface Outlook {
    /** All is as wanted. */
    record Done() implements Outlook {}

    /** It goes on. */
    record Going(String why) implements Outlook {}

    /** Somebody has to say to continue. */
    record Paused(String why) implements Outlook {}

    /** A member does not become healthy. */
    record Failed(int ordinal, String why) implements Outlook {}
  }

  /**
   * The next thing to do.
   *
   * @param healthy how many members are healthy, those that leave left out
   * @param updated how many members have the wanted revision
   * @param waiting ordinals of members that are not healthy yet
   * @param ahead ordinals of members that are still to be changed or to leave, after the acts
   */
  public record Next(
      List<Act> acts,
      Outlook outlook,
      int healthy,
      int updated,
      List<Integer> waiting,
      List<Integer> ahead) {}

  /** True if it counts: it is healthy, and if it is a changed one has been for long enough. */
  public static boolean available(Goal goal, Member m, Instant now) {
    Instant since = m.healthySince();
    return !m.busy()
        && !m.leaving()
        && since != null
        && !m.unknown()
        && (m.revision() != goal.revision() || !since.plus(goal.minHealthy()).isAfter(now));
  }

  /** Those that go when there are too many, and in which order. */
  public static List<Integer> leaving(Goal goal, List<Member> members) {
    List<Member> alive = members.stream().filter(m -> !m.leaving()).toList();
    int excess = alive.size() - goal.count() - (changing(goal, alive) ? goal.surge() : 0);
    return alive.stream()
        .sorted(
            Comparator.comparing((Member m) -> !m.leavesFirst())
                .thenComparing(Member::ordinal, Comparator.reverseOrder()))
        .limit(Math.max(0, excess))
        .map(Member::ordinal)
        .toList();
  }

  private static boolean changing(Goal goal, List<Member> alive) {
    return !goal.frozen() && alive.stream().anyMatch(m -> m.revision() != goal.revision());
  }

  /** What to do now. */
  public static Next plan(Goal goal, List<Member> members, Instant now) {
    return new Look(goal, members, now).next();
  }

  /** One look at a group. */
  private static final class Look {
    private final Goal goal;
    private final List<Member> members;
    private final Instant now;
    private final List<Member> alive;
    private final List<Member> old;
    private final int updated;
    private final int passed;
    private final List<Act> acts = new ArrayList<>();

    /** How many count as healthy, less those that the acts take. */
    private int healthy;

    Look(Goal goal, List<Member> members, Instant now) {
      this.goal = goal;
      this.members = members.stream().sorted(Comparator.comparing(Member::ordinal)).toList();
      this.now = now;
      this.alive = this.members.stream().filter(m -> !m.leaving()).toList();
      this.old = alive.stream().filter(m -> m.revision() != goal.revision()).toList();
      this.updated = alive.size() - old.size();
      this.passed =
          (int) alive.stream().filter(m -> m.revision() == goal.revision() && available(m)).count();
      this.healthy = (int) alive.stream().filter(this::available).count();
    }

    private boolean available(Member m) {
      return GroupPlanner.available(goal, m, now);
    }

    Next next() {
      int before = healthy;
      Outlook.Failed failed = goal.frozen() ? null : failed();
      if (failed != null && !goal.undoing()) {
        return result(before, failed, Set.of());
      }
      Set<Integer> leave = new HashSet<>(leaving(goal, members));
      removeThose(leave);
      String pause = pause();
      int room = pause == null && !goal.frozen() ? limit() - updated : 0;
      room = createMissing(room);
      changeOld(leave, room);
      return result(before, outlook(pause, failed, leave), leave);
    }

    private Next result(int before, Outlook outlook, Set<Integer> leave) {
      Set<Integer> begun = acts.stream().map(Act::ordinal).collect(Collectors.toSet());
      List<Integer> waiting =
          alive.stream()
              .filter(m -> m.revision() == goal.revision() && !available(m))
              .map(Member::ordinal)
              .toList();
      List<Integer> ahead =
          goal.frozen()
              ? List.of()
              : alive.stream()
                  .filter(m -> m.revision() != goal.revision() || leave.contains(m.ordinal()))
                  .map(Member::ordinal)
                  .filter(o -> !begun.contains(o))
                  .toList();
      return new Next(List.copyOf(acts), outlook, before, updated, waiting, ahead);
    }

    /** A changed member that has failed, or has not become healthy in time. */
    private Outlook.@Nullable Failed failed() {
      for (Member m : alive) {
        if (m.revision() != goal.revision() || m.busy()) {
          continue;
        }
        if (m.failure() != null) {
          return new Outlook.Failed(m.ordinal(), m.failure());
        }
        Instant since = m.troubleSince();
        if (since != null && since.plus(goal.timeout()).isBefore(now)) {
          return new Outlook.Failed(
              m.ordinal(),
              "it was not healthy within " + goal.timeout().toSeconds() + " s: " + m.trouble());
        }
      }
      return null;
    }

    private void removeThose(Set<Integer> leave) {
      for (Member m : alive) {
        if (leave.contains(m.ordinal()) && take(m)) {
          acts.add(new Act.Remove(m.ordinal()));
        }
      }
    }

    /** Takes a member out of service if what was promised holds without it. */
    private boolean take(Member m) {
      if (m.unknown() && !m.busy()) {
        return healthy >= goal.promised();
      }
      if (!available(m)) {
        return true;
      }
      if (healthy - 1 < goal.promised()) {
        return false;
      }
      healthy--;
      return true;
    }

    /** Up to how many members may be changed before those that are must be healthy. */
    private int limit() {
      if (passed < goal.canary()) {
        return goal.canary();
      }
      if (goal.part() == 0) {
        return Integer.MAX_VALUE;
      }
      int batches = (passed - goal.canary()) / goal.part() + 1;
      return goal.canary() + batches * goal.part();
    }

    /** Why nothing more is changed before somebody says so, or null. */
    private @Nullable String pause() {
      if (old.isEmpty() || goal.frozen()) {
        return null;
      }
      if (goal.paused()) {
        return "it was paused";
      }
      if (goal.undoing() || goal.pause() == Pause.NEVER || passed < goal.canary()) {
        return null;
      }
      int reached =
          goal.pause() == Pause.CANARY
              ? goal.canary()
              : goal.canary() + (passed - goal.canary()) / goal.part() * goal.part();
      return reached > goal.confirmed()
          ? reached + " of " + goal.count() + " members are changed and healthy"
          : null;
    }

    /** New members for those that are missing, and those of the surge. Returns the room left. */
    private int createMissing(int room) {
      Set<Integer> used = members.stream().map(Member::ordinal).collect(Collectors.toSet());
      int total = members.size();
      int there = alive.size();
      Integer stable = goal.stable();
      int revision = stable != null && !old.isEmpty() ? stable : goal.revision();
      for (; there < goal.count() && total < goal.count(); there++, total++) {
        int ordinal = 0;
        while (used.contains(ordinal)) {
          ordinal++;
        }
        used.add(ordinal);
        acts.add(new Act.Create(ordinal, revision));
      }
      int left = room;
      int wanted = old.isEmpty() ? 0 : Math.min(goal.surge(), old.size());
      for (;
          left > 0 && there < goal.count() + wanted && total < goal.count() + goal.surge();
          there++, total++, left--) {
        int ordinal = Math.max(goal.count(), used.stream().mapToInt(o -> o).max().orElse(-1) + 1);
        while (goal.taken().contains(ordinal)) {
          ordinal++;
        }
        used.add(ordinal);
        acts.add(new Act.Create(ordinal, goal.revision()));
      }
      return left;
    }

    private void changeOld(Set<Integer> leave, int room) {
      List<Member> order =
          old.stream()
              .filter(m -> !leave.contains(m.ordinal()))
              .sorted(Comparator.comparing(this::available).thenComparing(Member::ordinal))
              .toList();
      int left = room;
      for (Member m : order) {
        if (left <= 0) {
          return;
        }
        if (take(m)) {
          acts.add(new Act.Change(m.ordinal()));
          left--;
        }
      }
    }

    private Outlook outlook(
        @Nullable String pause, Outlook.@Nullable Failed failed, Set<Integer> leave) {
      boolean settled =
          acts.isEmpty()
              && leave.isEmpty()
              && alive.size() == members.size()
              && alive.size() == goal.count()
              && alive.stream().noneMatch(Member::busy);
      if (goal.frozen()) {
        return settled ? new Outlook.Done() : new Outlook.Going("");
      }
      if (settled && old.isEmpty()) {
        if (failed != null) {
          return failed;
        }
        if (passed == goal.count()) {
          return new Outlook.Done();
        }
      }
      boolean inFlight = passed < updated || alive.size() < members.size();
      if (acts.isEmpty() && failed != null && alive.stream().noneMatch(Member::busy)) {
        return failed;
      }
      if (acts.isEmpty() && pause != null && !inFlight) {
        return new Outlook.Paused(pause);
      }
      return new Outlook.Going(
          acts.isEmpty() && !inFlight
              ? "no other member may be unavailable: "
                  + healthy
                  + " are healthy, and "
                  + goal.promised()
                  + " are promised"
              : "");
    }
  }
}

package io.millwright.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a group.
 *
 * @param members how many there are, those that leave included
 * @param healthy how many of them were healthy when they were last looked at
 * @param updated how many of them are of the declared revision
 * @param revision number of what is declared of its machines
 * @param stable number of what all of them had when a rollout last ended well, or null
 * @param previous number of what was declared before, or null
 * @param failed number of the revision whose rollout has failed, until it is tried again; or null
 * @param paused true if somebody paused its rollouts
 * @param confirmed at how many changed members somebody last said to continue
 * @param followed checksum of the image that its members were last given without anybody declaring
 *     it, or null
 */
public record GroupStatus(
    @Default List<Condition> conditions,
    int members,
    int healthy,
    int updated,
    int revision,
    @Nullable Integer stable,
    @Nullable Integer previous,
    @Nullable Integer failed,
    boolean paused,
    int confirmed,
    @Nullable String followed)
    implements Status {
  public static final GroupStatus EMPTY =
      new GroupStatus(List.of(), 0, 0, 0, 0, null, null, null, false, 0, null);

  public GroupStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public GroupStatus withConditions(List<Condition> next) {
    return new GroupStatus(
        next, members, healthy, updated, revision, stable, previous, failed, paused, confirmed,
        followed);
  }

  public GroupStatus counted(int nowMembers, int nowHealthy, int nowUpdated) {
    return new GroupStatus(
        conditions,
        nowMembers,
        nowHealthy,
        nowUpdated,
        revision,
        stable,
        previous,
        failed,
        paused,
        confirmed,
        followed);
  }

  /** From here on this revision is the declared one; what was confirmed was of another. */
  public GroupStatus declared(int next) {
    return next == revision
        ? this
        : new GroupStatus(
            conditions,
            members,
            healthy,
            0,
            next,
            stable,
            revision == 0 ? null : Integer.valueOf(revision),
            null,
            paused,
            0,
            followed);
  }

  /** All members have this revision. */
  public GroupStatus rolledOut(int now) {
    return new GroupStatus(
        conditions,
        members,
        healthy,
        updated,
        revision,
        now,
        previous,
        null,
        paused,
        confirmed,
        followed);
  }

  /** A rollout of the declared revision has failed, or with null is tried again. */
  public GroupStatus failed(@Nullable Integer now) {
    return new GroupStatus(
        conditions,
        members,
        healthy,
        updated,
        revision,
        stable,
        previous,
        now,
        paused,
        confirmed,
        followed);
  }

  public GroupStatus paused(boolean now) {
    return new GroupStatus(
        conditions,
        members,
        healthy,
        updated,
        revision,
        stable,
        previous,
        failed,
        now,
        confirmed,
        followed);
  }

  public GroupStatus confirmed(int now) {
    return new GroupStatus(
        conditions,
        members,
        healthy,
        updated,
        revision,
        stable,
        previous,
        failed,
        paused,
        now,
        followed);
  }

  /** Its members are given this build of their image from now on, whatever failed before. */
  public GroupStatus following(String sha256) {
    return new GroupStatus(
        conditions,
        members,
        healthy,
        updated,
        revision,
        stable,
        previous,
        null,
        paused,
        confirmed,
        sha256);
  }
}

package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
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
@RecordBuilder
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
    implements Status, GroupStatusBuilder.With {
  public static final GroupStatus EMPTY =
      new GroupStatus(List.of(), 0, 0, 0, 0, null, null, null, false, 0, null);

  public GroupStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public GroupStatus counted(int nowMembers, int nowHealthy, int nowUpdated) {
    return with(s -> s.members(nowMembers).healthy(nowHealthy).updated(nowUpdated));
  }

  /** From here on this revision is the declared one; what was confirmed was of another. */
  public GroupStatus declared(int next) {
    return next == revision
        ? this
        : with(s ->
            s.updated(0)
                .revision(next)
                .previous(revision == 0 ? null : Integer.valueOf(revision))
                .failed(null)
                .confirmed(0));
  }

  /** All members have this revision. */
  public GroupStatus rolledOut(int now) {
    return with(s -> s.stable(now).failed(null));
  }

  /** Its members are given something once more, whatever failed or was confirmed before. */
  public GroupStatus retried() {
    return with(s -> s.failed(null).confirmed(0));
  }

  /** Its members are given this build of their image from now on, whatever failed before. */
  public GroupStatus following(String sha256) {
    return with(s -> s.failed(null).followed(sha256));
  }
}

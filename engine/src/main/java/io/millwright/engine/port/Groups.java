package io.millwright.engine.port;

import io.millwright.model.MachineTemplate;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What groups and pools have besides what is declared of them: members, and revisions. */
public interface Groups {
  /**
   * What belongs to a group: a machine, or a volume of one.
   *
   * @param uid of the machine or volume
   * @param ordinal of the machine
   * @param volume its name in the template; null for a machine
   * @param revision that it was given last; of a volume 0
   * @param healthySince since when it has been healthy without a break, as far as it was looked at;
   *     null if it is not
   * @param troubleSince since when it has not been, though nothing works on it; null if it is
   * @param trouble why it is not healthy, or empty
   * @param due true if a network of it was changed, and it was not given that yet; see {@link #due}
   */
  record Member(
      UUID uid,
      UUID group,
      int ordinal,
      @Nullable String volume,
      int revision,
      @Nullable Instant healthySince,
      @Nullable Instant troubleSince,
      String trouble,
      boolean due) {

    /** One that was given something just now, and of which nothing is known yet. */
    public static Member fresh(
        UUID uid, UUID group, int ordinal, @Nullable String volume, int revision) {
      return new Member(uid, group, ordinal, volume, revision, null, null, "", false);
    }
  }

  /**
   * What was declared of a group's machines.
   *
   * @param number 1 for the first one of its group
   * @param by who declared it
   */
  record Revision(int number, MachineTemplate machine, Instant at, String by) {}

  /** Its machines and volumes, in the order of ordinals, a machine before its volumes. */
  List<Member> members(UUID group);

  /** To which group a machine or volume belongs, if to any. */
  Optional<Member> find(UUID uid);

  /**
   * A machine of a pool that can be given away: ready, not held, with nothing at work on it; one of
   * this revision and image first, then the oldest one. Nobody else gets it before this transaction
   * ends; those that others are about to get are passed over.
   *
   * <p>None that is due for a change: it would be stopped for that under whoever has it.
   *
   * @param sha256 of the image that a new one would have; null if it is not made yet
   */
  Optional<Member> vacant(UUID pool, int revision, @Nullable String sha256);

  /** Puts a member in place, new or not; what it is due stays. */
  void put(Member member);

  /** Says that a member is to be given what has changed around it, or that it was. */
  void due(UUID uid, boolean due);

  /** From here on it belongs to no group. */
  void release(UUID uid);

  /** Its revisions that are kept, the first one first. */
  List<Revision> revisions(UUID group);

  Optional<Revision> revision(UUID group, int number);

  /** The number of the first one that was written down just as this is. */
  Optional<Integer> same(UUID group, MachineTemplate machine);

  /** So many are kept, besides those that a member has or the status names. */
  int REVISIONS = 100;

  /** Adds one, and drops those that are not kept any more. */
  void add(UUID group, Revision revision);

  /** Forgets a group that has no machine any more; volumes that are left are their own. */
  void forget(UUID group);
}

package io.millwright.engine.port;

import io.millwright.engine.access.ApprovalRule;
import io.millwright.model.ByteSize;
import io.millwright.model.TimeSpan;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Projects that somebody made or limited, and what is used in any. */
public interface Projects {
  /** The project whose resources all others may name. */
  String SHARED = "shared";

  /**
   * What a project may have at most; null is no limit.
   *
   * @param memory of all its machines together
   * @param disk of all its machines' system disks and all its volumes together
   * @param addresses that its machines have reserved
   * @param ttl how long each of its machines may live from its creation, or from its claim out of a
   *     Pool; with it, all need an end
   */
  record Quota(
      @Nullable Integer machines,
      @Nullable Integer cores,
      @Nullable ByteSize memory,
      @Nullable ByteSize disk,
      @Nullable Integer addresses,
      @Nullable TimeSpan ttl) {
    public static final Quota NONE = new Quota(null, null, null, null, null, null);
  }

  /** What a project has; what is being deleted counts until it is gone. */
  record Usage(long machines, long cores, ByteSize memory, ByteSize disk, long addresses) {}

  /** Makes one; false if there is a row of it. */
  boolean insert(String name);

  /** Its quota, if there is a row of it. */
  Optional<Quota> find(String name);

  /**
   * As {@link #find}, and nobody else gets it before this transaction ends: so what is counted from
   * now on has all that was there before.
   */
  Optional<Quota> lock(String name);

  /** Puts the quota in place, and makes the row if there is none. */
  void limit(String name, Quota quota);

  /** When somebody has to approve what is asked for in any of these; empty for never. */
  List<ApprovalRule> approvalRules(Collection<String> names);

  /** Puts these in place, and makes the row if there is none. */
  void approvalRules(String name, List<ApprovalRule> rules);

  Usage usage(String name);

  /** Names of all that have a row, sorted. */
  List<String> names();
}

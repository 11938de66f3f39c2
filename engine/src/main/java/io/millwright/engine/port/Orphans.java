package io.millwright.engine.port;

import io.millwright.model.ByteSize;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Objects with our mark to which nothing declared belongs, as the sweep found them. */
public interface Orphans {
  /** What an object is. */
  enum What {
    MACHINE,
    SYSTEM_DISK,
    DATA_DISK,
    MEDIUM
  }

  /**
   * One object.
   *
   * @param hypervisor where it is
   * @param object its name there; of a machine its uid
   * @param uid in its mark
   * @param size of a disk, else null
   * @param foundAt when it was listed first
   * @param listings in how many complete listings it was since, counted to two
   */
  record Orphan(
      UUID hypervisor,
      String object,
      What what,
      UUID uid,
      @Nullable ByteSize size,
      Instant foundAt,
      int listings) {}

  /** Those of one hypervisor, by name. */
  List<Orphan> on(UUID hypervisor);

  /**
   * Names of those that are told of another hypervisor that lists the same machines, and comes
   * before this one: so one object is told of once, whoever looks first.
   *
   * @param endpoint as this one was found to be
   */
  Set<String> onNeighbours(UUID hypervisor, String endpoint);

  /** All, by hypervisor and name. */
  List<Orphan> list();

  /** What one complete listing showed, in place of what was known before. */
  void found(UUID hypervisor, Collection<Orphan> all);

  /**
   * Removes one; it is locked until the end of this transaction.
   *
   * @return false if it is none any more: somebody else has decided about it
   */
  boolean remove(UUID hypervisor, String object);

  /** A person has decided that this machine goes for ever, with what is published of it. */
  void purge(UUID machine);

  /** Of these machines, those that were to go for ever and are no orphans any more. */
  Set<UUID> purged(Collection<UUID> machines);

  /**
   * An image that is staged on a hypervisor and that nobody needs. No person need decide about it.
   *
   * @param foundAt when it was seen to be so first
   * @param listings in how many complete listings it was since, counted to two
   */
  record Unneeded(String sha256, Instant foundAt, int listings) {}

  /** Those of one hypervisor. */
  List<Unneeded> images(UUID hypervisor);

  /** Those of all. */
  List<Unneeded> images();

  /** What one complete listing showed, in place of what was known before. */
  void unneeded(UUID hypervisor, Collection<String> sha256, Instant now);
}

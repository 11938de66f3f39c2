package io.millwright.engine.port;

import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Disks of Volumes that were deleted: nobody's any more, and kept for a while all the same. */
public interface Quarantine {
  /**
   * One disk.
   *
   * @param volume as it was when it was deleted
   * @param hypervisor where the disk is
   * @param disk its object name
   * @param since when it was put here
   * @param until when its days are over
   * @param emptying true once the disk is being deleted, after which nothing can be restored
   */
  record Entry(
      Resource<VolumeSpec, VolumeStatus> volume,
      UUID hypervisor,
      String disk,
      Instant since,
      Instant until,
      boolean emptying) {
    public UUID uid() {
      return volume.uid();
    }
  }

  /** Puts a disk here; one that is here already gets the new time. */
  void put(Entry entry);

  Optional<Entry> find(UUID uid);

  /** The entry of the disk of this name, if it is here. */
  Optional<Entry> ofDisk(String disk);

  /** As {@link #find}, and nobody else can change it before this transaction ends. */
  Optional<Entry> lock(UUID uid);

  /**
   * All, the oldest first.
   *
   * @param project null for all
   */
  List<Entry> list(@Nullable String project);

  /** All whose disks are on this hypervisor, the oldest first. */
  List<Entry> on(UUID hypervisor);

  /** From now on the disk is being deleted. */
  void empty(UUID uid);

  /** Forgets one: it was restored, or its disk is gone. */
  void remove(UUID uid);
}

package io.millwright.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a volume.
 *
 * @param object its name on the hypervisor
 * @param serial under which the guest sees it, as in /dev/disk/by-id
 * @param size that it really has
 */
public record VolumeStatus(
    @Default List<Condition> conditions,
    @Nullable String object,
    @Nullable String serial,
    @Nullable ByteSize size)
    implements Status {
  public static final VolumeStatus EMPTY = new VolumeStatus(List.of(), null, null, null);

  public VolumeStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  public VolumeStatus withConditions(List<Condition> next) {
    return new VolumeStatus(next, object, serial, size);
  }
}

package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a hypervisor.
 *
 * @param version what it calls itself
 * @param acceleration {@code kvm}, {@code emulation} or {@code hardware}, if it is known
 * @param cores of its host
 * @param memory of its host
 * @param diskFree in the place where disks go
 * @param machines how many of ours run or stand there
 * @param foreign how many others do
 * @param facets what its driver can do there
 * @param endpoint whose machines it lists; the same for two hypervisors that are parts of one
 *     vCenter, say
 */
@RecordBuilder
public record HypervisorStatus(
    @Default List<Condition> conditions,
    @Nullable String version,
    @Nullable String acceleration,
    @Nullable Integer cores,
    @Nullable ByteSize memory,
    @Nullable ByteSize diskFree,
    @Nullable Integer machines,
    @Nullable Integer foreign,
    @Default List<String> facets,
    @Nullable String endpoint)
    implements Status, HypervisorStatusBuilder.With {
  public static final HypervisorStatus EMPTY =
      new HypervisorStatus(List.of(), null, null, null, null, null, null, null, List.of(), null);

  public HypervisorStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    facets = facets == null ? List.of() : List.copyOf(facets);
  }

  /** True if it did not answer when it was last asked. */
  public boolean away() {
    return Condition.find(conditions, Condition.READY)
        .filter(c -> c.value() == Condition.Value.FALSE)
        .isPresent();
  }
}

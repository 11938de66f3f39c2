package io.millwright.engine.request;

import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Resource;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Which networks share a wire, so that an address on one of them is one on the other. */
final class Wires {
  private Wires() {}

  /**
   * The other networks on the wires of this one, of whatever project. Of two transactions that ask
   * for the same wire the second waits for the first to end, and sees what that one did.
   */
  static List<Resource<NetworkSpec, NetworkStatus>> shared(
      Tx tx, Lookup lookup, Resource<?, ?> network, NetworkSpec spec) {
    Set<List<@Nullable Object>> wires = of(lookup, network.project(), spec);
    wires.stream()
        .map(wire -> (UUID) wire.getFirst())
        .distinct()
        .sorted()
        .forEach(tx.resources()::lock);
    return tx.resources().all(Resources.Query.of(Kind.NETWORK, null)).stream()
        .filter(other ->
            !other.uid().equals(network.uid())
                && !Collections.disjoint(
                    wires, of(lookup, other.project(), (NetworkSpec) other.spec())))
        .map(other -> other.as(NetworkSpec.class, NetworkStatus.class))
        .toList();
  }

  /** Where a network's frames go: a hypervisor, what carries it there, and its VLAN. */
  private static Set<List<@Nullable Object>> of(
      Lookup lookup, String project, NetworkSpec network) {
    Set<List<@Nullable Object>> out = new HashSet<>();
    for (NetworkSpec.Attachment a : network.attachments()) {
      lookup
          .find(Kind.HYPERVISOR, project, a.hypervisor())
          .ifPresent(h -> out.add(Arrays.asList(h.uid(), a.bridge(), a.network(), network.vlan())));
    }
    return out;
  }
}

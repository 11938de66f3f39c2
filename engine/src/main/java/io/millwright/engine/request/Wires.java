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
   * The other networks on the wires of this one, of whatever project, for who changes this one:
   * nobody binds an address of theirs by name meanwhile.
   */
  static List<Resource<NetworkSpec, NetworkStatus>> changing(
      Tx tx, Lookup lookup, Resource<?, ?> network, NetworkSpec spec) {
    return shared(tx, lookup, network, spec, true);
  }

  /**
   * The same for who binds an address of this one. Where there are any, of two transactions that
   * ask for the same wire the second waits for the first to end, and sees what that one did; where
   * there are none, which is the rule, nobody waits.
   */
  static List<Resource<NetworkSpec, NetworkStatus>> binding(
      Tx tx, Lookup lookup, Resource<NetworkSpec, NetworkStatus> network) {
    List<Resource<NetworkSpec, NetworkStatus>> others =
        shared(tx, lookup, network, network.spec(), false);
    if (!others.isEmpty()) {
      hypervisors(of(lookup, network.project(), network.spec())).forEach(tx.resources()::lock);
    }
    return others;
  }

  private static List<Resource<NetworkSpec, NetworkStatus>> shared(
      Tx tx, Lookup lookup, Resource<?, ?> network, NetworkSpec spec, boolean alone) {
    Set<List<@Nullable Object>> wires = of(lookup, network.project(), spec);
    tx.addresses().holdWires(hypervisors(wires), alone);
    return tx.resources().all(Resources.Query.of(Kind.NETWORK, null)).stream()
        .filter(other ->
            !other.uid().equals(network.uid())
                && !Collections.disjoint(
                    wires, of(lookup, other.project(), (NetworkSpec) other.spec())))
        .map(other -> other.as(NetworkSpec.class, NetworkStatus.class))
        .toList();
  }

  /** In one order for all, so that no two wait for each other. */
  private static List<UUID> hypervisors(Set<List<@Nullable Object>> wires) {
    return wires.stream().map(wire -> (UUID) wire.getFirst()).distinct().sorted().toList();
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

package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Tx;
import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.Range;
import io.millwright.model.Resource;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.math.BigInteger;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Layer-2 segments and the address ranges in them. */
@RestController
@RequestMapping("/api/v1/projects/{project}/networks")
@Tag(name = "networks", description = "Layer-2 segments and the address ranges in them.")
final class NetworksApi extends Collection {
  NetworksApi(Backend backend, LiveStreams live) {
    super(Kind.NETWORK, backend, live);
  }

  /** How an address stands. */
  enum AddressState {
    BOUND,
    /** Released a short while ago, and not given to anyone else yet. */
    COOLING
  }

  /**
   * An address that is not free.
   *
   * @param project of the machine; left out if that is gone, or in a project that one may not see
   * @param machine whose it is or was; left out if that is gone
   * @param iface name of its interface
   * @param coolingUntil when it becomes free, of one that cools down
   */
  record AddressView(
      Ip address,
      AddressState state,
      @Nullable String project,
      @Nullable String machine,
      String iface,
      @Nullable Instant coolingUntil) {}

  /**
   * The addresses of one subnet.
   *
   * @param from first address that is given without being asked for by name
   * @param to last one of these
   * @param exclude ranges between them that are left out
   * @param free how many of these nobody has
   * @param taken all that somebody has, in order
   */
  record SubnetAddressesView(
      Cidr cidr,
      @Nullable Ip gateway,
      Ip from,
      Ip to,
      List<Range> exclude,
      long free,
      List<AddressView> taken) {}

  /** Who has which address of a network. */
  record AddressesView(List<SubnetAddressesView> subnets) {}

  @Operation(
      operationId = "getAddresses",
      summary = "Shows who has which address of a network, and what is free")
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/addresses")
  AddressesView addresses(@PathVariable String project, @PathVariable String name) {
    return backend
        .store()
        .read(tx -> {
          Resource<?, ?> network = find(tx, project, name);
          List<Lease> leases = tx.addresses().leasesOf(network.uid());
          Map<UUID, Resource<?, ?>> machines = seen(tx, leases);
          return new AddressesView(
              ((NetworkSpec) network.spec())
                  .subnets().stream().map(s -> subnet(s, leases, machines)).toList());
        });
  }

  /** Whose leases these are, of those machines that whoever asks may see. */
  private static Map<UUID, Resource<?, ?>> seen(Tx tx, List<Lease> leases) {
    return tx
        .resources()
        .known(leases.stream().map(Lease::machine).collect(Collectors.toSet()))
        .stream()
        .filter(m -> Callers.sees(m.project()))
        .collect(Collectors.toMap(Resource::uid, m -> m));
  }

  private static SubnetAddressesView subnet(
      Subnet subnet, List<Lease> leases, Map<UUID, Resource<?, ?>> machines) {
    List<Lease> here = leases.stream().filter(l -> subnet.cidr().contains(l.ip())).toList();
    Range range = subnet.allocationRange();
    return new SubnetAddressesView(
        subnet.cidr(),
        subnet.gateway(),
        range.from(),
        range.to(),
        subnet.exclude(),
        free(subnet, range, here),
        here.stream()
            .map(l -> {
              Resource<?, ?> machine = machines.get(l.machine());
              return new AddressView(
                  l.ip(),
                  l.coolingUntil() == null ? AddressState.BOUND : AddressState.COOLING,
                  machine == null ? null : machine.project(),
                  machine == null ? null : machine.name(),
                  l.iface(),
                  l.coolingUntil());
            })
            .toList());
  }

  /** Of ranges that overlap an address counts once, so each excluded one is looked at. */
  private static long free(Subnet subnet, Range range, List<Lease> taken) {
    BigInteger size = range.to().value().subtract(range.from().value()).add(BigInteger.ONE);
    if (size.bitLength() > 17) {
      // Too many to look at each; what is excluded of so many does not matter.
      return size.subtract(BigInteger.valueOf(taken.size()))
          .min(BigInteger.valueOf(Long.MAX_VALUE))
          .longValueExact();
    }
    Set<Ip> held = taken.stream().map(Lease::ip).collect(Collectors.toSet());
    long free = 0;
    for (long i = 0; i < size.longValueExact(); i++) {
      Ip ip = range.from().plus(i);
      if (subnet.allocatable(ip) && !held.contains(ip)) {
        free++;
      }
    }
    return free;
  }
}

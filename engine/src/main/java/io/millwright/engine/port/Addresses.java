package io.millwright.engine.port;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.NetworkSpec.Subnet;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * IP and MAC addresses. That nobody gets one twice is a unique constraint's doing: allocation
 * inserts and sees whether it could, and never looks first.
 */
public interface Addresses {
  /**
   * An address and whose it is.
   *
   * @param iface name of the interface
   * @param coolingUntil null while it is bound
   */
  record Lease(UUID network, Ip ip, UUID machine, String iface, @Nullable Instant coolingUntil) {}

  /**
   * Binds the next free address of a subnet. One that the same interface had before and that is
   * still cooling is taken again.
   *
   * @return nothing if the subnet is exhausted
   */
  Optional<Ip> allocate(UUID network, Subnet subnet, UUID machine, String iface);

  /**
   * Binds this very address.
   *
   * @return who has it instead, or nothing if it was bound (or was this interface's already); an
   *     address that cools down may be asked for by name
   */
  Optional<Lease> claim(UUID network, Ip ip, UUID machine, String iface);

  /** Lets addresses of a machine go that are not in {@code keep}: they cool down. */
  void release(UUID machine, Map<UUID, List<Ip>> keep, Map<UUID, Integer> cooldownSeconds);

  List<Lease> leases(UUID machine);

  /** Which of these addresses others than the machine have on a network. */
  Set<Ip> others(UUID network, Collection<Ip> ips, UUID machine);

  /** Whether a machine other than this one has the address bound on one of these networks. */
  boolean bound(Collection<UUID> networks, Ip ip, UUID machine);

  /**
   * Until this transaction ends nobody else changes which networks these hypervisors carry.
   *
   * @param alone true for who changes that; false lets others hold them so, too
   */
  void holdWires(Collection<UUID> hypervisors, boolean alone);

  /** All leases of a network, in order of address. */
  List<Lease> leasesOf(UUID network);

  /** Binds a MAC that the user chose; returns the machine that has it instead, if any. */
  Optional<UUID> claimMac(Mac mac, UUID machine, String iface);

  /** The MAC of this interface, bound now if it has none yet. */
  Mac allocateMac(UUID machine, String iface);

  /** Lets MACs of interfaces go that are not in {@code keep}. */
  void releaseMacs(UUID machine, List<String> keep);

  /**
   * A name that is published.
   *
   * @param place where, so that the same name elsewhere is another one
   * @param name fully qualified, without its last dot
   */
  record DnsName(String place, String name) {}

  /**
   * Binds these names, and lets others of the machine go.
   *
   * @return those that another machine has, with that one
   */
  Map<DnsName, UUID> claimNames(UUID machine, Collection<DnsName> names);
}

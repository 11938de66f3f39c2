package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one interface has on layer 3. Neither static, DHCP nor SLAAC for a family means that the
 * interface has no address of that family, for IPv6 not even a link-local one.
 *
 * @param addresses static ones, of either family
 * @param dhcp4 true to ask for an IPv4 address
 * @param dhcp6 true to ask for an IPv6 address; the routes come by router advertisements
 * @param slaac true to make IPv6 addresses from router advertisements
 * @param gateway4 the router of the static IPv4 addresses
 * @param gateway6 the router of the static IPv6 addresses
 * @param routes more routes
 * @param mtu in bytes, or null for the system's default
 * @param dns servers to ask
 * @param search domains to search
 * @param optional true if a boot does not wait for this interface
 */
public record IpConfig(
    List<HostAddress> addresses,
    boolean dhcp4,
    boolean dhcp6,
    boolean slaac,
    @Nullable Ip gateway4,
    @Nullable Ip gateway6,
    List<MachineSpec.Route> routes,
    @Nullable Integer mtu,
    List<Ip> dns,
    List<String> search,
    boolean optional) {
  /** No address at all: a member of a bond, or what only carries VLANs. */
  public static final IpConfig NONE =
      new IpConfig(
          List.of(), false, false, false, null, null, List.of(), null, List.of(), List.of(), false);

  public IpConfig {
    addresses = List.copyOf(addresses);
    routes = List.copyOf(routes);
    dns = List.copyOf(dns);
    search = List.copyOf(search);
  }

  /** With the same, but these static addresses and routers. */
  public IpConfig withStatic(
      List<HostAddress> nowAddresses, @Nullable Ip nowGateway4, @Nullable Ip nowGateway6) {
    return new IpConfig(
        nowAddresses,
        dhcp4,
        dhcp6,
        slaac,
        nowGateway4,
        nowGateway6,
        routes,
        mtu,
        dns,
        search,
        optional);
  }

  /** With the same, but these ways to get addresses from the network. */
  public IpConfig withDynamic(boolean nowDhcp4, boolean nowDhcp6, boolean nowSlaac) {
    return new IpConfig(
        addresses, nowDhcp4, nowDhcp6, nowSlaac, gateway4, gateway6, routes, mtu, dns, search,
        optional);
  }

  /** With the same, but these name servers and search domains. */
  public IpConfig withDns(List<Ip> nowDns, List<String> nowSearch) {
    return new IpConfig(
        addresses, dhcp4, dhcp6, slaac, gateway4, gateway6, routes, mtu, nowDns, nowSearch,
        optional);
  }

  /** With the same, but these further routes. */
  public IpConfig withRoutes(List<MachineSpec.Route> nowRoutes) {
    return new IpConfig(
        addresses, dhcp4, dhcp6, slaac, gateway4, gateway6, nowRoutes, mtu, dns, search, optional);
  }

  /** With the same, but this largest packet. */
  public IpConfig withMtu(@Nullable Integer nowMtu) {
    return new IpConfig(
        addresses, dhcp4, dhcp6, slaac, gateway4, gateway6, routes, nowMtu, dns, search, optional);
  }

  /** With the same, but a boot does or does not wait for it. */
  public IpConfig withOptional(boolean nowOptional) {
    return new IpConfig(
        addresses, dhcp4, dhcp6, slaac, gateway4, gateway6, routes, mtu, dns, search, nowOptional);
  }

  /** True if it has a static address of this family. */
  public boolean isStatic(boolean v6) {
    return addresses.stream().anyMatch(a -> a.v6() == v6);
  }

  /** True if it gets an address of this family from the network. */
  public boolean isDynamic(boolean v6) {
    return v6 ? dhcp6 || slaac : dhcp4;
  }

  /** True if it has any address of this family. */
  public boolean has(boolean v6) {
    return isStatic(v6) || isDynamic(v6);
  }

  /** The router of this family, if there is a static one. */
  public @Nullable Ip gateway(boolean v6) {
    return v6 ? gateway6 : gateway4;
  }
}

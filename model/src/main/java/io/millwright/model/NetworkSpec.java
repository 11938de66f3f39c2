package io.millwright.model;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A layer-2 segment and the address ranges in it.
 *
 * @param vlan VLAN tag that the hypervisor puts on the segment's frames, 1 to 4094, if any
 * @param mtu largest packet in bytes, 576 to 9216; the guest's default if not given
 * @param domain under which its machines have their names, for example {@code lab.test}
 * @param dns servers that machines on it ask, where their interfaces name no others
 * @param search domains that machines on it search, where their interfaces name no others; its own
 *     domain if not given
 * @param subnets at most one IPv4 and one IPv6 range
 * @param attachments what carries it on each hypervisor
 * @param services who publishes its DHCP reservations and DNS names, if anybody
 * @param defaults layer of customisation of the machines on it, for example its proxy and mirror;
 *     profiles and machines win over it
 */
public record NetworkSpec(
    @Nullable Integer vlan,
    @Nullable Integer mtu,
    @Nullable String domain,
    @Default List<Ip> dns,
    @Default("the network's own domain") List<String> search,
    @Default List<Subnet> subnets,
    @Default List<Attachment> attachments,
    @Nullable Services services,
    @Nullable ProfileSpec defaults)
    implements Spec {
  /** Below it Linux takes IPv6 off an interface without a word. */
  private static final int LEAST_V6 = 1280;

  public NetworkSpec {
    dns = dns == null ? List.of() : List.copyOf(dns);
    search = search == null ? (domain == null ? List.of() : List.of(domain)) : List.copyOf(search);
    subnets = subnets == null ? List.of() : List.copyOf(subnets);
    attachments = attachments == null ? List.of() : List.copyOf(attachments);
  }

  /**
   * An address range.
   *
   * @param cidr for example {@code 10.0.0.0/24}
   * @param gateway the router, if there is one; for IPv6 also a link-local address
   * @param pool from which Millwright allocates; for IPv4 the whole range, for IPv6 addresses
   *     {@code ::1000} to {@code ::ffff} of it if not given
   * @param exclude ranges or addresses that it never allocates by itself
   * @param cooldownSeconds how long a released address rests before anyone else gets it; 300 if not
   *     given
   */
  public record Subnet(
      Cidr cidr,
      @Nullable Ip gateway,
      @Nullable Range pool,
      @Default List<Range> exclude,
      @Default("300") Integer cooldownSeconds) {
    /** RFC 4291 section 2.5.6; many a router announces only such an address. */
    private static final Cidr LINK_LOCAL = Cidr.parse("fe80::/10");

    /** Where no host of a network can have its address, and why (RFC 6890). */
    private static final Map<Cidr, String> NOT_FOR_HOSTS =
        Map.of(
            Cidr.parse("0.0.0.0/8"),
            "\"this network\"",
            Cidr.parse("127.0.0.0/8"),
            "each host itself",
            Cidr.parse("224.0.0.0/4"),
            "multicast",
            Cidr.parse("240.0.0.0/4"),
            "future use and broadcast",
            Cidr.parse("::/16"),
            "each host itself",
            Cidr.parse("ff00::/8"),
            "multicast",
            LINK_LOCAL,
            "each link, whose hosts choose by themselves");

    public Subnet {
      exclude = exclude == null ? List.of() : List.copyOf(exclude);
      cooldownSeconds = cooldownSeconds == null ? Integer.valueOf(300) : cooldownSeconds;
    }

    /** The range from which addresses are allocated. */
    public Range allocationRange() {
      if (pool != null) {
        return pool;
      }
      if (cidr.v6()) {
        if (cidr.prefix() > 126) {
          return new Range(cidr.network(), cidr.last());
        }
        Ip from = cidr.prefix() <= 112 ? cidr.network().plus(0x1000) : cidr.network().plus(1);
        Ip to = cidr.prefix() <= 112 ? cidr.network().plus(0xffff) : cidr.last();
        return new Range(from, to);
      }
      return cidr.prefix() > 30
          ? new Range(cidr.network(), cidr.last())
          : new Range(cidr.network().plus(1), cidr.last().plus(-1));
    }

    /** True if this address may be given to a machine of its own accord. */
    public boolean allocatable(Ip ip) {
      return cidr.usable(ip)
          && allocationRange().contains(ip)
          && !ip.equals(gateway)
          && exclude.stream().noneMatch(r -> r.contains(ip));
    }

    /** An address that both may give to a machine of their own accord, if there is one. */
    public Optional<Ip> sharedWith(Subnet other) {
      Range mine = allocationRange();
      Range its = other.allocationRange();
      if (!mine.overlaps(its)) {
        return Optional.empty();
      }
      Ip at = mine.from().compareTo(its.from()) < 0 ? its.from() : mine.from();
      Ip to = mine.to().compareTo(its.to()) < 0 ? mine.to() : its.to();
      while (at.compareTo(to) <= 0 && !(allocatable(at) && other.allocatable(at))) {
        Ip here = at;
        Ip last =
            Stream.concat(exclude.stream(), other.exclude.stream())
                .filter(r -> r.contains(here))
                .map(Range::to)
                .max(Comparator.naturalOrder())
                .orElse(here);
        if (last.compareTo(to) >= 0) {
          return Optional.empty(); // the address after it may not exist
        }
        at = last.plus(1);
      }
      return at.compareTo(to) <= 0 ? Optional.of(at) : Optional.empty();
    }

    void check(Violations at) {
      NOT_FOR_HOSTS.forEach((range, whose) ->
          at.field("cidr")
              .require(!range.overlaps(cidr), "overlaps " + range + ", which is for " + whose));
      Ip router = gateway;
      if (router != null) {
        at.field("gateway")
            .require(
                cidr.usable(router) || cidr.v6() && LINK_LOCAL.contains(router),
                router + " is no usable address of " + cidr);
      }
      if (pool != null) {
        checkRange(at.field("pool"), pool);
      }
      for (int i = 0; i < exclude.size(); i++) {
        checkRange(at.field("exclude").index(i), exclude.get(i));
      }
      at.field("cooldownSeconds")
          .require(cooldownSeconds >= 0 && cooldownSeconds <= 604_800, "must be 0 to 604800");
    }

    private void checkRange(Violations at, Range range) {
      at.require(
          cidr.contains(range.from()) && cidr.contains(range.to()),
          range + " is not inside " + cidr);
    }
  }

  /**
   * What carries a network on one hypervisor; exactly one of bridge and network is given.
   *
   * @param hypervisor whose it is
   * @param bridge a bridge of its host
   * @param network one of its own named networks or port groups
   */
  public record Attachment(String hypervisor, @Nullable String bridge, @Nullable String network) {
    /** As long as IFNAMSIZ lets a Linux interface's name be. */
    private static final Pattern BRIDGE = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9_.]{0,14}");

    void check(Violations at) {
      at.require((bridge == null) != (network == null), "give exactly one of bridge and network");
      if (bridge != null) {
        at.field("bridge")
            .require(
                BRIDGE.matcher(bridge).matches(), Names.quote(bridge) + " is no interface name");
      }
      if (network != null) {
        at.field("network")
            .require(
                !network.isBlank() && network.length() <= 80 && Names.isPlain(network),
                Names.quote(network) + " is no network's name");
      }
    }
  }

  /**
   * Who publishes DHCP reservations and DNS names.
   *
   * @param driver name of the driver, for example {@code dnsmasq}
   * @param settings what it needs; the driver says which
   */
  public record Services(String driver, @Default @Secret Map<String, String> settings) {
    public Services {
      settings =
          settings == null
              ? Map.of()
              : java.util.Collections.unmodifiableMap(new TreeMap<>(settings));
    }
  }

  public NetworkSpec withServices(Services next) {
    return new NetworkSpec(vlan, mtu, domain, dns, search, subnets, attachments, next, defaults);
  }

  public Optional<Subnet> subnet(boolean v6) {
    return subnets.stream().filter(s -> s.cidr().v6() == v6).findFirst();
  }

  public Optional<Attachment> attachmentOn(String hypervisor) {
    return attachments.stream().filter(a -> a.hypervisor().equals(hypervisor)).findFirst();
  }

  /** True if a card that is plugged into this network need not be plugged in anew for that one. */
  public boolean carriesAs(NetworkSpec other) {
    return Objects.equals(vlan, other.vlan)
        && Objects.equals(mtu, other.mtu)
        && other.attachments.containsAll(attachments);
  }

  @Override
  public void check(Violations at) {
    if (vlan != null) {
      at.field("vlan").require(vlan >= 1 && vlan <= 4094, "a VLAN tag is 1 to 4094");
    }
    if (mtu != null) {
      at.field("mtu").require(mtu >= 576 && mtu <= 9216, "must be 576 to 9216 bytes");
      at.field("mtu")
          .require(
              mtu >= LEAST_V6 || subnet(true).isEmpty(),
              "must be at least " + LEAST_V6 + " bytes, for IPv6 (RFC 8200 section 5)");
    }
    if (domain != null) {
      Names.checkDomain(domain, at.field("domain"));
    }
    Names.checkDomains(search, at.field("search"));
    Set<Boolean> families = new HashSet<>();
    for (int i = 0; i < subnets.size(); i++) {
      Subnet subnet = subnets.get(i);
      Violations here = at.field("subnets").index(i);
      subnet.check(here);
      here.require(
          families.add(subnet.cidr().v6()),
          "a network has at most one IPv4 and one IPv6 subnet; declare a second network");
    }
    if (defaults != null) {
      defaults.check(at.field("defaults"));
    }
    if (services != null) {
      Names.checkLabel(services.driver(), at.field("services").field("driver"));
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < attachments.size(); i++) {
      Attachment attachment = attachments.get(i);
      Violations here = at.field("attachments").index(i);
      attachment.check(here);
      here.field("hypervisor")
          .require(seen.add(attachment.hypervisor()), "attached to this hypervisor twice");
    }
  }

  @Override
  public List<Ref> references() {
    java.util.ArrayList<Ref> out = new java.util.ArrayList<>();
    for (int i = 0; i < attachments.size(); i++) {
      out.add(
          new Ref(
              Kind.HYPERVISOR,
              attachments.get(i).hypervisor(),
              "spec.attachments[" + i + "].hypervisor"));
    }
    return out;
  }
}

package io.millwright.images;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One machine's installation or first boot, in terms of no particular installer: every renderer's
 * only input.
 *
 * @param identity who the machine is
 * @param interfaces all its network interfaces, in the machine's order; cards before what is built
 *     on them
 * @param profile users, packages, files, scripts and the like, all layers merged; see {@link
 *     Profiles}
 * @param reportTo where the result of the first boot is posted: the same door under several
 *     addresses, tried in order; empty if nobody wants to know
 * @param installation how an installer does it, or null for a clone of a golden disk
 * @param dataDisks data disks that get a file system if they are blank
 */
public record InstallSpec(
    Identity identity,
    List<NetInterface> interfaces,
    ProfileSpec profile,
    List<URI> reportTo,
    @Nullable Installation installation,
    List<DataDisk> dataDisks) {
  /** IFNAMSIZ less the final NUL; no dot, which sysctl and netplan read as a path. */
  private static final Pattern INTERFACE = Pattern.compile("[a-z][a-z0-9_-]{0,14}");

  /** The names that systemd gives by place or MAC address: systemd.net-naming-scheme(7). */
  private static final Pattern PREDICTABLE = Pattern.compile("(en|wl|ib|sl)[osPpxca][a-z0-9]+");

  private static final Pattern INSTANCE = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9._]{0,127}");

  private static final Set<String> TAKEN_BY_LINUX =
      Set.of("lo", "all", "default", "bonding_masters");

  private static final Cidr LINK_LOCAL = Cidr.parse("fe80::/10");

  public InstallSpec {
    interfaces = List.copyOf(interfaces);
    String zone = profile.timezone();
    profile = zone == null ? profile : profile.withTimezone(Zones.today(zone));
    reportTo = List.copyOf(reportTo);
    dataDisks = List.copyOf(dataDisks);
  }

  /**
   * A data disk.
   *
   * @param serial under which the machine sees it
   * @param filesystem that it gets, if it is blank
   * @param mount where it is mounted, or null for nowhere
   */
  public record DataDisk(String serial, VolumeSpec.Filesystem filesystem, @Nullable String mount) {}

  /** Without data disks. */
  public InstallSpec(
      Identity identity,
      List<NetInterface> interfaces,
      ProfileSpec profile,
      List<URI> reportTo,
      @Nullable Installation installation) {
    this(identity, interfaces, profile, reportTo, installation, List.of());
  }

  /** With the same, and these data disks. */
  public InstallSpec withDataDisks(List<DataDisk> next) {
    return new InstallSpec(identity, interfaces, profile, reportTo, installation, next);
  }

  /** The first boot of a clone. */
  public InstallSpec(
      Identity identity, List<NetInterface> interfaces, ProfileSpec profile, List<URI> reportTo) {
    this(identity, interfaces, profile, reportTo, null);
  }

  /** With the same, but these interfaces. */
  InstallSpec withInterfaces(List<NetInterface> next) {
    return new InstallSpec(identity, next, profile, reportTo, installation, dataDisks);
  }

  /** With the same, but this profile. */
  public InstallSpec withProfile(ProfileSpec next) {
    return new InstallSpec(identity, interfaces, next, reportTo, installation, dataDisks);
  }

  /** The same in names that this system has. */
  public InstallSpec forSystem(String os, String version) {
    Catalogue.Family family = Catalogue.inForce().families().get(os);
    return family == null ? named(os, version, null) : forSystem(family, version);
  }

  /** The same in names that a system of this family has. */
  public InstallSpec forSystem(Catalogue.Family family, String version) {
    return named(family.family(), version, family.installerOf(version));
  }

  private InstallSpec named(String os, String version, Catalogue.@Nullable Installer installer) {
    String zone = profile.timezone();
    return zone == null
        ? this
        : withProfile(profile.withTimezone(Zones.of(zone, os, version, installer)));
  }

  /** With the same, but installed in this way. */
  public InstallSpec withInstallation(@Nullable Installation next) {
    return new InstallSpec(identity, interfaces, profile, reportTo, next, dataDisks);
  }

  /**
   * Who a machine is.
   *
   * @param instanceId another one means another first boot; made of the machine's uid
   * @param hostname without domain
   * @param domain the rest of its full name, or null if it has none
   */
  public record Identity(String instanceId, String hostname, @Nullable String domain) {
    /** Its full name, as far as it has one. */
    public String fqdn() {
      return domain == null ? hostname : hostname + "." + domain;
    }
  }

  /** The names of the interfaces that are in a bond or bridge and so carry no address. */
  public Set<String> ports() {
    Set<String> out = new HashSet<>();
    interfaces.forEach(face -> out.addAll(face.members()));
    return out;
  }

  /** The bond or bridge that this interface is in, if it is in one. */
  Optional<NetInterface> owner(NetInterface port) {
    return interfaces.stream().filter(face -> face.members().contains(port.name())).findFirst();
  }

  /**
   * The MAC address that a bond or bridge takes over from the first of its members that has one, in
   * the order in which they are declared as such: under this one its DHCP reservation is published.
   */
  Optional<Mac> firstMac(NetInterface face) {
    return face.members().stream().flatMap(member -> macOf(member).stream()).findFirst();
  }

  private Optional<Mac> macOf(String name) {
    return interfaces.stream()
        .filter(face -> face.name().equals(name))
        .findFirst()
        .flatMap(face ->
            switch (face) {
              case NetInterface.Ethernet card -> Optional.ofNullable(card.mac());
              case NetInterface.Vlan vlan -> macOf(vlan.link());
              case NetInterface.Bond bond -> firstMac(bond);
              case NetInterface.Bridge bridge -> firstMac(bridge);
            });
  }

  /** True for a card that is meant because there is no other one. */
  boolean isTheOnly(NetInterface.Ethernet card) {
    return card.mac() == null && cards().size() == 1;
  }

  /** Its network cards. */
  public List<NetInterface.Ethernet> cards() {
    return interfaces.stream()
        .filter(NetInterface.Ethernet.class::isInstance)
        .map(NetInterface.Ethernet.class::cast)
        .toList();
  }

  /**
   * The interface whose router becomes the default one of this family: the first with a static
   * router; else the first that asks the network for its address. There is only one, because two
   * default routes leave it to chance which way an answer goes.
   */
  public @Nullable NetInterface uplink(boolean v6) {
    for (NetInterface face : interfaces) {
      if (face.ip().gateway(v6) != null) {
        return face;
      }
    }
    for (NetInterface face : interfaces) {
      if (face.ip().isDynamic(v6)) {
        return face;
      }
    }
    return null;
  }

  /** Collects what is wrong with it whatever the installer. */
  public void check(Violations at) {
    Violations who = at.field("identity");
    who.field("instanceId")
        .require(
            INSTANCE.matcher(identity.instanceId()).matches(),
            "must be 1 to 128 letters, digits, '.', '_' and '-'");
    Names.checkLabel(identity.hostname(), who.field("hostname"));
    String domain = identity.domain();
    if (domain != null) {
      Names.checkDomain(domain, who.field("domain"));
      who.field("domain")
          .require(identity.fqdn().length() <= 253, "makes a name longer than 253 characters");
    }
    checkInterfaces(at.field("interfaces"));
    profile.check(at.field("profile"));
    checkText(at.field("profile"));
    if (installation != null) {
      installation.check(at.field("installation"));
    }
    for (int i = 0; i < reportTo.size(); i++) {
      URI uri = reportTo.get(i);
      at.field("reportTo")
          .index(i)
          .require(
              ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
                  && uri.getHost() != null
                  && uri.getRawUserInfo() == null
                  && uri.getRawFragment() == null,
              "must be an http or https URL with a host, without user and fragment");
    }
  }

  /** A lone surrogate has no UTF-8 form, so a file with one could only be written falsely. */
  private void checkText(Violations at) {
    for (int i = 0; i < profile.files().size(); i++) {
      at.field("files")
          .index(i)
          .field("content")
          .require(encodable(profile.files().get(i).content()), "has half a character (UTF-16)");
      at.field("files")
          .index(i)
          .field("path")
          .require(encodable(profile.files().get(i).path()), "has half a character (UTF-16)");
    }
    for (int i = 0; i < profile.scripts().size(); i++) {
      at.field("scripts")
          .index(i)
          .field("content")
          .require(encodable(profile.scripts().get(i).content()), "has half a character (UTF-16)");
    }
  }

  static boolean encodable(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }

  private void checkInterfaces(Violations at) {
    Map<String, NetInterface> byName = new HashMap<>();
    interfaces.forEach(face -> byName.putIfAbsent(face.name(), face));
    Set<String> ports = ports();
    Set<String> names = new HashSet<>();
    Set<Mac> macs = new HashSet<>();
    Set<Ip> ips = new HashSet<>();
    Set<String> tags = new HashSet<>();
    Set<String> taken = new HashSet<>();
    List<HostAddress> elsewhere = new ArrayList<>();
    boolean alone = cards().size() == 1;
    for (int i = 0; i < interfaces.size(); i++) {
      NetInterface face = interfaces.get(i);
      Violations here = at.index(i);
      here.field("name")
          .require(
              INTERFACE.matcher(face.name()).matches(),
              Names.quote(face.name()) + " is no interface name of 1 to 15 characters");
      here.field("name")
          .require(
              !TAKEN_BY_LINUX.contains(face.name()),
              Names.quote(face.name()) + " means something else to Linux");
      here.field("name")
          .require(names.add(face.name()), Names.quote(face.name()) + " stands here twice");
      checkIp(here.field("ip"), face.ip(), ips);
      checkOverlaps(here.field("ip").field("addresses"), face.ip(), elsewhere);
      here.field("ip")
          .require(
              !ports.contains(face.name()) || !(face.ip().has(false) || face.ip().has(true)),
              "is of a member of a bond or bridge, which carries the addresses itself");
      switch (face) {
        case NetInterface.Ethernet card -> {
          Mac mac = card.mac();
          if (mac == null) {
            here.field("mac")
                .require(
                    alone || PREDICTABLE.matcher(card.name()).matches(),
                    "is needed, because the machine has several cards and "
                        + Names.quote(card.name())
                        + " is no name that a kernel gives for good, such as enp1s0");
          } else {
            here.field("mac").require(macs.add(mac), mac + " stands here twice");
          }
        }
        case NetInterface.Bond bond -> {
          here.field("members")
              .require(bond.members().size() >= 2, "a bond has at least two members");
          checkMembers(
              here.field("members"),
              bond,
              taken,
              m -> byName.get(m) instanceof NetInterface.Ethernet);
        }
        case NetInterface.Bridge bridge ->
            checkMembers(
                here.field("members"),
                bridge,
                taken,
                m -> byName.containsKey(m) && !(byName.get(m) instanceof NetInterface.Bridge));
        case NetInterface.Vlan vlan -> {
          here.field("id").require(vlan.id() >= 1 && vlan.id() <= 4094, "a VLAN tag is 1 to 4094");
          NetInterface link = byName.get(vlan.link());
          boolean carries =
              (link instanceof NetInterface.Ethernet || link instanceof NetInterface.Bond)
                  && !ports.contains(vlan.link());
          here.field("link")
              .require(
                  carries, Names.quote(vlan.link()) + " is no card or bond that can carry a VLAN");
          here.require(tags.add(vlan.link() + "." + vlan.id()), "this tag is on that link already");
          if (carries && link != null) {
            here.field("ip")
                .field("mtu")
                .require(
                    mtu(vlan) <= mtu(link),
                    mtu(vlan) + " is more than " + vlan.link() + " carries, " + mtu(link));
          }
        }
      }
    }
  }

  private static void checkMembers(
      Violations at, NetInterface face, Set<String> taken, Predicate<String> fits) {
    for (int j = 0; j < face.members().size(); j++) {
      String member = face.members().get(j);
      Violations there = at.index(j);
      there.require(
          fits.test(member),
          Names.quote(member)
              + (face instanceof NetInterface.Bond
                  ? " is no card of this machine"
                  : " is no card, bond or VLAN of this machine"));
      there.require(taken.add(member), Names.quote(member) + " is in a bond or bridge already");
    }
  }

  /**
   * Two interfaces may stand in one subnet. Two subnets of which one is a part of the other are a
   * mistake: packets for the smaller one leave by an interface whose neighbours they may not be.
   */
  private static void checkOverlaps(Violations at, IpConfig ip, List<HostAddress> elsewhere) {
    for (int i = 0; i < ip.addresses().size(); i++) {
      HostAddress address = ip.addresses().get(i);
      for (HostAddress other : elsewhere) {
        at.index(i)
            .require(
                !address.subnet().overlaps(other.subnet())
                    || address.subnet().equals(other.subnet()),
                address.subnet() + " overlaps " + other.subnet() + " of another interface");
      }
    }
    elsewhere.addAll(ip.addresses());
  }

  private static int mtu(NetInterface face) {
    Integer mtu = face.ip().mtu();
    return mtu == null ? 1500 : mtu;
  }

  private static void checkIp(Violations at, IpConfig ip, Set<Ip> seen) {
    for (int i = 0; i < ip.addresses().size(); i++) {
      HostAddress address = ip.addresses().get(i);
      Violations here = at.field("addresses").index(i);
      here.require(seen.add(address.ip()), address.ip() + " stands in this machine twice");
      here.require(
          address.subnet().usable(address.ip()),
          address + " names the network itself or its broadcast address");
    }
    checkGateway(at.field("gateway4"), ip, false);
    checkGateway(at.field("gateway6"), ip, true);
    for (int i = 0; i < ip.routes().size(); i++) {
      MachineSpec.Route route = ip.routes().get(i);
      Violations here = at.field("routes").index(i);
      here.field("via")
          .require(
              route.via().v6() == route.to().v6(), "is of another family than its destination");
      here.field("via")
          .require(
              ip.isDynamic(route.via().v6()) || isReached(route.via(), ip),
              route.via() + " is in none of the subnets of this interface's addresses");
      here.require(
          ip.has(route.to().v6()),
          "goes through an interface that has no address of the route's family");
      Integer metric = route.metric();
      if (metric != null) {
        here.field("metric").require(metric >= 0, "must not be negative");
      }
    }
    Integer mtu = ip.mtu();
    if (mtu != null) {
      at.field("mtu").require(mtu >= 576 && mtu <= 9216, "must be 576 to 9216 bytes");
      // RFC 8200 section 5; Linux takes IPv6 off an interface below it.
      at.field("mtu").require(!ip.has(true) || mtu >= 1280, "IPv6 needs at least 1280 bytes");
    }
    Names.checkDomains(ip.search(), at.field("search"));
  }

  /** True if it may be on every link, so that an address alone does not tell which is meant. */
  static boolean isLinkLocal(Ip ip) {
    return LINK_LOCAL.contains(ip);
  }

  /** True if it is on the link, as far as the static addresses tell. */
  private static boolean isReached(Ip router, IpConfig ip) {
    return isLinkLocal(router)
        || ip.addresses().stream().anyMatch(a -> a.subnet().contains(router));
  }

  private static void checkGateway(Violations at, IpConfig ip, boolean v6) {
    Ip gateway = ip.gateway(v6);
    if (gateway == null) {
      return;
    }
    at.require(gateway.v6() == v6, gateway + " is no " + (v6 ? "IPv6" : "IPv4") + " address");
    at.require(
        isReached(gateway, ip),
        gateway + " is in none of the subnets of this interface's addresses");
    at.require(
        ip.addresses().stream().noneMatch(a -> a.ip().equals(gateway)),
        gateway + " is the machine's own address");
  }
}

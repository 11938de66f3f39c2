package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A machine that somebody asks for.
 *
 * @param hypervisor where it runs; Millwright places it if not given
 * @param image what it runs
 * @param size its shape
 * @param profiles layers of customisation; a later one wins over an earlier one
 * @param firmware what starts it; BIOS if not given
 * @param power whether it runs; on if not given
 * @param hostname that it gives itself; its name if not given
 * @param nics network cards, in the guest's order
 * @param bonds interfaces made of several cards
 * @param vlans tagged interfaces on a card or a bond
 * @param bridges switches within the machine, for guests and containers of its own
 * @param overrides its own layer of customisation, which wins over all others
 * @param volumes data disks, by name
 * @param readyTimeoutSeconds how long its first boot may take, 10 to 86400; 1800 if not given
 * @param expiry when it is deleted by itself; never if not given
 * @param drift what is done when it is not as declared; its project's policy if not given, which is
 *     repair unless somebody set another
 * @param imported true if somebody else made it, and Millwright took it over as it was; set by an
 *     import only. Its image is {@code none}
 */
@RecordBuilder
public record MachineSpec(
    @Nullable String hypervisor,
    String image,
    String size,
    @Default List<String> profiles,
    @Default("bios") Firmware firmware,
    @Default("on") Power power,
    @Nullable String hostname,
    @Default List<Nic> nics,
    @Default List<Bond> bonds,
    @Default List<Vlan> vlans,
    @Default List<Bridge> bridges,
    @Nullable ProfileSpec overrides,
    @Default List<String> volumes,
    @Default("1800") Integer readyTimeoutSeconds,
    @Nullable Expiry expiry,
    @Nullable DriftPolicy drift,
    @Nullable Boolean imported)
    implements Spec, MachineSpecBuilder.With {
  /** What stands for the image of a machine that was imported: it was made from none of ours. */
  public static final String NO_IMAGE = "none";

  /** A Linux interface name is at most 15 characters (IFNAMSIZ). */
  private static final Pattern INTERFACE = Pattern.compile("[a-z][a-z0-9]{0,11}");

  /** The kernel's own: the loopback interface, and two directories beside those of interfaces. */
  private static final Set<String> RESERVED = Set.of("lo", "all", "default");

  public MachineSpec {
    profiles = profiles == null ? List.of() : List.copyOf(profiles);
    firmware = firmware == null ? Firmware.BIOS : firmware;
    power = power == null ? Power.ON : power;
    nics = nics == null ? List.of() : List.copyOf(nics);
    bonds = bonds == null ? List.of() : List.copyOf(bonds);
    vlans = vlans == null ? List.of() : List.copyOf(vlans);
    bridges = bridges == null ? List.of() : List.copyOf(bridges);
    overrides = ProfileSpec.NONE.equals(overrides) ? null : overrides;
    volumes = volumes == null ? List.of() : List.copyOf(volumes);
    readyTimeoutSeconds = readyTimeoutSeconds == null ? Integer.valueOf(1800) : readyTimeoutSeconds;
    imported = Boolean.TRUE.equals(imported) ? imported : null;
  }

  /** True if somebody else made it: then its disks are never Millwright's to delete. */
  public boolean foreignMade() {
    return imported != null;
  }

  /** What a card, a bond, a VLAN and a bridge have in common. */
  public sealed interface Interface {
    /** Its name in the manifest, and for all but cards in the guest. */
    String name();

    /** Whose subnets, DNS servers and domain it uses; may be left out by cards of a bond. */
    @Nullable String network();

    @Nullable Addressing ipv4();

    @Nullable Addressing ipv6();

    List<Route> routes();

    /** Servers to ask; those of its network if null. */
    @Nullable List<Ip> dns();

    /** Domains to search; those of its network if null. */
    @Nullable List<String> search();
  }

  /**
   * A network card.
   *
   * @param name by which bonds and VLANs of this machine mean it; {@code nic0}, {@code nic1}, ...
   *     if not given
   * @param network into which it is plugged
   * @param mac allocated if not given
   * @param ipv4 auto if the network has an IPv4 subnet, else none, if not given
   * @param ipv6 auto if the network has an IPv6 subnet, else none, if not given
   * @param routes more routes through it
   * @param dns servers to ask, instead of the network's; an empty list for none
   * @param search domains to search, instead of the network's; an empty list for none
   */
  public record Nic(
      @JsonInclude(JsonInclude.Include.NON_EMPTY) @Default("nic0, nic1, ...") String name,
      String network,
      @Nullable Mac mac,
      @Nullable Addressing ipv4,
      @Nullable Addressing ipv6,
      @Default List<Route> routes,
      @Default("the network's") @Nullable List<Ip> dns,
      @Default("the network's") @Nullable List<String> search)
      implements Interface {
    public Nic {
      name = name == null ? "" : name;
      routes = routes == null ? List.of() : List.copyOf(routes);
      dns = dns == null ? null : List.copyOf(dns);
      search = search == null ? null : List.copyOf(search);
    }

    Nic named(int index) {
      return name.isEmpty()
          ? new Nic("nic" + index, network, mac, ipv4, ipv6, routes, dns, search)
          : this;
    }
  }

  /**
   * Several cards as one interface.
   *
   * @param name that it has in the guest: 1 to 12 lower-case letters and digits
   * @param mode how the cards share the work, nearly as the Linux bonding driver calls it;
   *     active-backup if not given
   * @param members names of its cards, at least two, which carry no address themselves
   * @param network whose subnets it uses
   * @param ipv4 auto if the network has an IPv4 subnet, else none, if not given
   * @param ipv6 auto if the network has an IPv6 subnet, else none, if not given
   * @param routes more routes through it
   * @param dns servers to ask, instead of the network's; an empty list for none
   * @param search domains to search, instead of the network's; an empty list for none
   */
  public record Bond(
      String name,
      @Default("active-backup") BondMode mode,
      List<String> members,
      String network,
      @Nullable Addressing ipv4,
      @Nullable Addressing ipv6,
      @Default List<Route> routes,
      @Default("the network's") @Nullable List<Ip> dns,
      @Default("the network's") @Nullable List<String> search)
      implements Interface {
    public Bond {
      mode = mode == null ? BondMode.ACTIVE_BACKUP : mode;
      members = List.copyOf(members);
      routes = routes == null ? List.of() : List.copyOf(routes);
      dns = dns == null ? null : List.copyOf(dns);
      search = search == null ? null : List.copyOf(search);
    }
  }

  /** As the Linux bonding driver has them. */
  public enum BondMode {
    BALANCE_RR,
    ACTIVE_BACKUP,
    BALANCE_XOR,
    BROADCAST,
    LACP,
    BALANCE_TLB,
    BALANCE_ALB
  }

  /**
   * A tagged interface.
   *
   * @param name that it has in the guest: 1 to 12 lower-case letters and digits
   * @param link name of the card or bond below it
   * @param id VLAN tag, 1 to 4094
   * @param network whose subnets it uses
   * @param ipv4 auto if the network has an IPv4 subnet, else none, if not given
   * @param ipv6 auto if the network has an IPv6 subnet, else none, if not given
   * @param routes more routes through it
   * @param dns servers to ask, instead of the network's; an empty list for none
   * @param search domains to search, instead of the network's; an empty list for none
   */
  public record Vlan(
      String name,
      String link,
      int id,
      String network,
      @Nullable Addressing ipv4,
      @Nullable Addressing ipv6,
      @Default List<Route> routes,
      @Default("the network's") @Nullable List<Ip> dns,
      @Default("the network's") @Nullable List<String> search)
      implements Interface {
    public Vlan {
      routes = routes == null ? List.of() : List.copyOf(routes);
      dns = dns == null ? null : List.copyOf(dns);
      search = search == null ? null : List.copyOf(search);
    }
  }

  /**
   * A switch within the machine.
   *
   * @param name that it has in the guest: 1 to 12 lower-case letters and digits
   * @param members names of the cards, bonds and VLANs that are plugged into it, at least one,
   *     which carry no address themselves
   * @param network whose subnets it uses
   * @param ipv4 auto if the network has an IPv4 subnet, else none, if not given
   * @param ipv6 auto if the network has an IPv6 subnet, else none, if not given
   * @param routes more routes through it
   * @param dns servers to ask, instead of the network's; an empty list for none
   * @param search domains to search, instead of the network's; an empty list for none
   */
  public record Bridge(
      String name,
      List<String> members,
      String network,
      @Nullable Addressing ipv4,
      @Nullable Addressing ipv6,
      @Default List<Route> routes,
      @Default("the network's") @Nullable List<Ip> dns,
      @Default("the network's") @Nullable List<String> search)
      implements Interface {
    public Bridge {
      members = List.copyOf(members);
      routes = routes == null ? List.of() : List.copyOf(routes);
      dns = dns == null ? null : List.copyOf(dns);
      search = search == null ? null : List.copyOf(search);
    }
  }

  /**
   * A route.
   *
   * @param to where the packets go
   * @param via the router that takes them there, of the same family
   * @param metric the lower one wins among routes to the same place; the guest's default if not
   *     given
   */
  public record Route(Cidr to, Ip via, @Nullable Integer metric) {}

  /** The cards, each with its name. */
  public List<Nic> namedNics() {
    List<Nic> out = new ArrayList<>();
    for (int i = 0; i < nics.size(); i++) {
      out.add(nics.get(i).named(i));
    }
    return out;
  }

  /** All interfaces: cards, then bonds, then VLANs, then bridges. */
  public List<Interface> interfaces() {
    List<Interface> out = new ArrayList<>(namedNics());
    out.addAll(bonds);
    out.addAll(vlans);
    out.addAll(bridges);
    return out;
  }

  /** The interfaces that carry addresses: all but those that belong to a bond or a bridge. */
  public List<Interface> addressed() {
    Set<String> ports = ports();
    return interfaces().stream().filter(f -> !ports.contains(f.name())).toList();
  }

  /** Names of the interfaces that belong to a bond or a bridge and so carry no address. */
  private Set<String> ports() {
    Set<String> out = new HashSet<>();
    bonds.forEach(b -> out.addAll(b.members()));
    bridges.forEach(b -> out.addAll(b.members()));
    return out;
  }

  @Override
  public void check(Violations at) {
    if (expiry != null) {
      expiry.check(at.field("expiry"));
    }
    if (hostname != null) {
      Names.checkLabel(hostname, at.field("hostname"));
    }
    at.field("readyTimeoutSeconds")
        .require(readyTimeoutSeconds >= 10 && readyTimeoutSeconds <= 86_400, "must be 10 to 86400");
    if (foreignMade()) {
      checkImported(at);
    }
    Set<String> names = new HashSet<>();
    Set<Mac> macs = new HashSet<>();
    Set<Ip> ips = new HashSet<>();
    List<Nic> cards = namedNics();
    for (int i = 0; i < cards.size(); i++) {
      Nic nic = cards.get(i);
      Violations here = at.field("nics").index(i);
      checkInterface(here, nic, names, ips);
      if (nic.mac() != null) {
        here.field("mac").require(macs.add(nic.mac()), nic.mac() + " stands here twice");
      }
    }
    Set<String> cardNames = new HashSet<>(cards.stream().map(Nic::name).toList());
    Set<String> taken = new HashSet<>();
    for (int i = 0; i < bonds.size(); i++) {
      Bond bond = bonds.get(i);
      Violations here = at.field("bonds").index(i);
      checkInterface(here, bond, names, ips);
      here.field("members").require(bond.members().size() >= 2, "a bond has at least two members");
      for (int j = 0; j < bond.members().size(); j++) {
        String member = bond.members().get(j);
        Violations there = here.field("members").index(j);
        if (!cardNames.contains(member) && !there.full()) {
          there.add(
              Names.quote(member) + " is no card of this machine" + Names.hint(member, cardNames));
        }
        there.require(taken.add(member), Names.quote(member) + " is in a bond already");
      }
    }
    Set<String> bonded = Set.copyOf(taken);
    Set<String> links = new HashSet<>(cardNames);
    bonds.forEach(b -> links.add(b.name()));
    Set<String> tags = new HashSet<>();
    for (int i = 0; i < vlans.size(); i++) {
      Vlan vlan = vlans.get(i);
      Violations here = at.field("vlans").index(i);
      checkInterface(here, vlan, names, ips);
      here.field("id").require(vlan.id() >= 1 && vlan.id() <= 4094, "a VLAN tag is 1 to 4094");
      if (!links.contains(vlan.link()) && !here.full()) {
        here.field("link")
            .add(
                Names.quote(vlan.link())
                    + " is no card or bond of this machine"
                    + Names.hint(vlan.link(), links));
      }
      here.require(tags.add(vlan.link() + "." + vlan.id()), "this tag is on that link already");
    }
    links.addAll(vlans.stream().map(Vlan::name).toList());
    for (int i = 0; i < bridges.size(); i++) {
      Bridge bridge = bridges.get(i);
      Violations here = at.field("bridges").index(i);
      checkInterface(here, bridge, names, ips);
      here.field("members")
          .require(!bridge.members().isEmpty(), "a bridge has at least one member");
      for (int j = 0; j < bridge.members().size(); j++) {
        String member = bridge.members().get(j);
        Violations there = here.field("members").index(j);
        if (!links.contains(member) && !there.full()) {
          there.add(
              Names.quote(member)
                  + " is no card, bond or VLAN of this machine"
                  + Names.hint(member, links));
        }
        there.require(
            taken.add(member), Names.quote(member) + " is in a bond or another bridge already");
      }
    }
    for (Interface face : interfaces()) {
      if (taken.contains(face.name())) {
        String owner = bonded.contains(face.name()) ? "bond" : "bridge";
        Violations here = at.field(path(face));
        here.require(
            plain(face.ipv4()) && plain(face.ipv6()),
            "is a member of a " + owner + "; the " + owner + " carries the addresses");
        String theirs = "is of a member of a " + owner + "; give it to the " + owner;
        here.field("dns").require(face.dns() == null, theirs);
        here.field("search").require(face.search() == null, theirs);
      }
    }
    for (int i = 0; i < vlans.size(); i++) {
      at.field("vlans")
          .index(i)
          .field("link")
          .require(
              !taken.contains(vlans.get(i).link()),
              Names.quote(vlans.get(i).link()) + " is in a bond or bridge, and carries no VLAN");
    }
    if (overrides != null) {
      overrides.check(at.field("overrides"));
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < volumes.size(); i++) {
      at.field("volumes").index(i).require(seen.add(volumes.get(i)), "is attached twice");
    }
    seen.clear();
    for (int i = 0; i < profiles.size(); i++) {
      at.field("profiles").index(i).require(seen.add(profiles.get(i)), "stands here twice");
    }
  }

  /** Where an interface of this machine stands in its spec, for example {@code bonds[0]}. */
  public String path(Interface face) {
    return switch (face) {
      case Nic nic ->
          "nics[" + namedNics().stream().map(Nic::name).toList().indexOf(nic.name()) + "]";
      case Bond bond -> "bonds[" + bonds.indexOf(bond) + "]";
      case Vlan vlan -> "vlans[" + vlans.indexOf(vlan) + "]";
      case Bridge bridge -> "bridges[" + bridges.indexOf(bridge) + "]";
    };
  }

  /** What only a first boot could bring, or a definition of ours, it cannot have. */
  private void checkImported(Violations at) {
    at.field("image")
        .require(
            image.equals(NO_IMAGE),
            "must be " + NO_IMAGE + ": the machine was imported, and made from no image");
    at.field("hypervisor").require(hypervisor != null, "is missing; it is where the machine is");
    at.field("profiles").require(profiles.isEmpty(), NOT_IMPORTED);
    at.field("bonds").require(bonds.isEmpty(), NOT_IMPORTED);
    at.field("vlans").require(vlans.isEmpty(), NOT_IMPORTED);
    at.field("bridges").require(bridges.isEmpty(), NOT_IMPORTED);
    at.field("overrides").require(overrides == null, NOT_IMPORTED);
    at.field("volumes").require(volumes.isEmpty(), NOT_IMPORTED);
    at.field("expiry").require(expiry == null, NOT_IMPORTED);
    at.field("drift")
        .require(
            drift != DriftPolicy.REBUILD,
            "must be report or repair: the machine was imported, and cannot be rebuilt");
    for (int i = 0; i < nics.size(); i++) {
      Violations here = at.field("nics").index(i);
      here.field("mac").require(nics.get(i).mac() != null, "is missing; it is the card's own");
      checkImported(nics.get(i).ipv4(), here.field("ipv4"));
      checkImported(nics.get(i).ipv6(), here.field("ipv6"));
      here.field("dns").require(nics.get(i).dns() == null, NOT_IMPORTED);
      here.field("search").require(nics.get(i).search() == null, NOT_IMPORTED);
    }
  }

  private static void checkImported(@Nullable Addressing given, Violations at) {
    at.require(
        given instanceof Addressing.None || given instanceof Addressing.Fixed,
        "must be none, or the address that the machine has: its guest is not told another");
  }

  private static final String NOT_IMPORTED =
      "cannot be given to a machine that was imported: it stays as it was made";

  private static boolean plain(@Nullable Addressing a) {
    return a == null || a instanceof Addressing.None;
  }

  private static void checkInterface(
      Violations at, Interface face, Set<String> names, Set<Ip> ips) {
    at.field("name")
        .require(
            INTERFACE.matcher(face.name()).matches(),
            Names.quote(face.name())
                + " is no interface name: use 1 to 12 lower-case letters and digits, a letter"
                + " first");
    at.field("name")
        .require(
            !RESERVED.contains(face.name()),
            Names.quote(face.name()) + " is the kernel's own name");
    at.field("name")
        .require(names.add(face.name()), Names.quote(face.name()) + " stands here twice");
    checkAddressing(at.field("ipv4"), face.ipv4(), false, ips);
    checkAddressing(at.field("ipv6"), face.ipv6(), true, ips);
    for (int i = 0; i < face.routes().size(); i++) {
      Route route = face.routes().get(i);
      Violations here = at.field("routes").index(i);
      here.field("via")
          .require(
              route.via().v6() == route.to().v6(), "is of another family than its destination");
      if (route.metric() != null) {
        here.field("metric").require(route.metric() >= 0, "must not be negative");
      }
    }
    Names.checkDomains(Objects.requireNonNullElse(face.search(), List.of()), at.field("search"));
  }

  private static void checkAddressing(
      Violations at, @Nullable Addressing addressing, boolean v6, Set<Ip> ips) {
    if (addressing instanceof Addressing.Fixed fixed) {
      at.require(
          fixed.ip().v6() == v6, fixed.ip() + " is no " + (v6 ? "IPv6" : "IPv4") + " address");
      at.require(ips.add(fixed.ip()), fixed.ip() + " stands in this machine twice");
    }
    if (addressing instanceof Addressing.Slaac) {
      at.require(v6, "slaac is IPv6's; write dhcp, auto, none or an address");
    }
  }

  @Override
  public List<Ref> references() {
    List<Ref> out = new ArrayList<>();
    if (hypervisor != null) {
      out.add(new Ref(Kind.HYPERVISOR, hypervisor, "spec.hypervisor"));
    }
    if (!foreignMade()) {
      out.add(new Ref(Kind.IMAGE, image, "spec.image"));
    }
    out.add(new Ref(Kind.SIZE, size, "spec.size"));
    for (int i = 0; i < profiles.size(); i++) {
      out.add(new Ref(Kind.PROFILE, profiles.get(i), "spec.profiles[" + i + "]"));
    }
    for (int i = 0; i < nics.size(); i++) {
      out.add(new Ref(Kind.NETWORK, nics.get(i).network(), "spec.nics[" + i + "].network"));
    }
    for (int i = 0; i < bonds.size(); i++) {
      out.add(new Ref(Kind.NETWORK, bonds.get(i).network(), "spec.bonds[" + i + "].network"));
    }
    for (int i = 0; i < vlans.size(); i++) {
      out.add(new Ref(Kind.NETWORK, vlans.get(i).network(), "spec.vlans[" + i + "].network"));
    }
    for (int i = 0; i < bridges.size(); i++) {
      out.add(new Ref(Kind.NETWORK, bridges.get(i).network(), "spec.bridges[" + i + "].network"));
    }
    for (int i = 0; i < volumes.size(); i++) {
      out.add(new Ref(Kind.VOLUME, volumes.get(i), "spec.volumes[" + i + "]"));
    }
    return out;
  }
}

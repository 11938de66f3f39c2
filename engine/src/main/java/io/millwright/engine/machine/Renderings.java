package io.millwright.engine.machine;

import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.NetInterface;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.SizeSpec;
import io.millwright.model.Spec;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.manifest.Draft;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What would have to be done for a machine that is only described: nothing is stored, reserved or
 * placed, so no hypervisor is needed. What it would be given is proposed, or has to stand in its
 * description; pure.
 */
final class Renderings {
  /** What may stand beside the machine; all else would be left out without a word. */
  private static final Set<Kind> TAKEN =
      EnumSet.of(Kind.MACHINE, Kind.PROFILE, Kind.NETWORK, Kind.SIZE, Kind.VOLUME);

  /** Finds what is declared already. */
  interface Declared {
    Optional<Spec> find(Kind kind, String name);

    /** The disk's serial of a volume that is made already. */
    default Optional<String> serial(String volume) {
      return Optional.empty();
    }

    /** What a machine of this name has already. */
    default Optional<MachineStatus.Interface> face(String name) {
      return Optional.empty();
    }
  }

  private Renderings() {}

  /**
   * The only machine among the drafts.
   *
   * @throws ProblemException if there is none, another one, or something that is not taken
   */
  static Draft machine(List<Draft> drafts) {
    for (Draft draft : drafts) {
      if (!TAKEN.contains(draft.kind())) {
        throw ProblemException.invalid(
            draft.title(),
            "is not taken here; give one Machine, and what it names of Profile, Network, Size and"
                + " Volume");
      }
    }
    List<Draft> machines = drafts.stream().filter(d -> d.kind() == Kind.MACHINE).toList();
    if (machines.size() != 1) {
      throw ProblemException.invalid(
          "Machine", "there are " + machines.size() + " in the input; give exactly one");
    }
    return machines.getFirst();
  }

  /**
   * Describes the installation.
   *
   * @param declared asked for what is not among the drafts
   * @param disk that is overwritten
   * @param proposals from where it has what nobody has given it, or null if all has to be given
   * @throws ProblemException with everything that is wrong
   */
  static InstallSpec describe(
      List<Draft> drafts,
      Declared declared,
      Storage.Disk disk,
      Source source,
      @Nullable Proposals proposals) {
    Draft draft = machine(drafts);
    MachineSpec machine = (MachineSpec) draft.spec();
    Violations at = Violations.at(draft.title() + ": spec");
    at.field("volumes")
        .require(
            proposals != null || machine.volumes().isEmpty(),
            "cannot be on a medium that no machine belongs to; leave them out");
    Map<String, VolumeSpec> volumes = new LinkedHashMap<>();
    if (proposals != null) {
      for (String name : machine.volumes()) {
        find(drafts, declared, Kind.VOLUME, name, at.field("volumes"))
            .ifPresent(v -> volumes.put(name, (VolumeSpec) v));
      }
    }
    Map<String, NetworkSpec> networks = new LinkedHashMap<>();
    for (Interface face : machine.interfaces()) {
      String name = face.network();
      if (name != null && !networks.containsKey(name)) {
        find(drafts, declared, Kind.NETWORK, name, at.field(machine.path(face)).field("network"))
            .ifPresent(n -> networks.put(name, (NetworkSpec) n));
      }
    }
    Map<String, ProfileSpec> profiles = new LinkedHashMap<>();
    for (String name : machine.profiles()) {
      find(drafts, declared, Kind.PROFILE, name, at.field("profiles"))
          .ifPresent(p -> profiles.put("Profile " + name, (ProfileSpec) p));
    }
    at.raise();
    @Nullable ByteSize capacity =
        Stream.concat(
                drafts.stream()
                    .filter(d -> d.kind() == Kind.SIZE && d.name().equals(machine.size()))
                    .map(Draft::spec),
                declared.find(Kind.SIZE, machine.size()).stream())
            .findFirst()
            .map(s -> ((SizeSpec) s).disk())
            .orElse(null);
    checkAddresses(machine, networks, proposals, at);
    at.raise();
    List<NetInterface> interfaces =
        InstallSpecs.interfaces(
            machine,
            face -> Objects.requireNonNull(networks.get(face.network())),
            nic -> mac(nic, declared, proposals),
            (face, v6) -> {
              NetworkSpec network = Objects.requireNonNull(networks.get(face.network()));
              Optional<Ip> given =
                  fixed(v6 ? face.ipv6() : face.ipv4())
                      .or(() -> had(face, network, v6, declared, proposals));
              if (given.isPresent() || proposals == null) {
                return given;
              }
              Optional<Ip> free = proposals.address(face, network.subnet(v6).orElseThrow());
              at.field(machine.path(face))
                  .field(v6 ? "ipv6" : "ipv4")
                  .require(
                      free.isPresent(),
                      "all addresses of Network " + face.network() + " are taken");
              return free;
            });
    at.raise();
    String hostname = machine.hostname() == null ? draft.name() : machine.hostname();
    @Nullable String domain =
        networks.values().stream()
            .map(NetworkSpec::domain)
            .filter(Objects::nonNull)
            .findFirst()
            .orElse(null);
    ProfileSpec profile =
        InstallSpecs.layers(
                machine,
                draft.labels(),
                face -> Objects.requireNonNull(networks.get(face.network())),
                profiles)
            .profile();
    return new InstallSpec(
            new InstallSpec.Identity(draft.name(), hostname, domain),
            interfaces,
            profile,
            List.of())
        .withInstallation(
            Installation.on(disk)
                .withStorage(Storage.on(disk).withCapacity(capacity))
                .withFirmware(machine.firmware())
                .withSource(source)
                .with(profile))
        .withDataDisks(dataDisks(volumes, declared, proposals));
  }

  private static List<InstallSpec.DataDisk> dataDisks(
      Map<String, VolumeSpec> volumes, Declared declared, @Nullable Proposals proposals) {
    List<InstallSpec.DataDisk> out = new ArrayList<>();
    volumes.forEach((name, volume) -> {
      VolumeSpec.Filesystem filesystem = volume.filesystem();
      if (filesystem != null && proposals != null) {
        String serial = declared.serial(name).orElseGet(() -> proposals.serial(name));
        out.add(new InstallSpec.DataDisk(serial, filesystem, volume.mount()));
      }
    });
    return out;
  }

  private static @Nullable Mac mac(
      MachineSpec.Nic nic, Declared declared, @Nullable Proposals proposals) {
    if (nic.mac() != null || proposals == null || !proposals.cards()) {
      return nic.mac();
    }
    return declared
        .face(nic.name())
        .map(MachineStatus.Interface::mac)
        .orElseGet(() -> proposals.mac(nic.name()));
  }

  /** What a machine that is there already keeps of its address. */
  private static Optional<Ip> had(
      Interface face,
      NetworkSpec network,
      boolean v6,
      Declared declared,
      @Nullable Proposals proposals) {
    return proposals == null
        ? Optional.empty()
        : declared
            .face(face.name())
            .filter(f -> f.network().equals(face.network()))
            .flatMap(f ->
                f.addresses().stream()
                    .filter(ip -> ip.v6() == v6)
                    .filter(ip -> network.subnet(v6).orElseThrow().cidr().usable(ip))
                    .findFirst());
  }

  private static void checkAddresses(
      MachineSpec machine,
      Map<String, NetworkSpec> networks,
      @Nullable Proposals proposals,
      Violations at) {
    for (Interface face : machine.addressed()) {
      NetworkSpec network = Objects.requireNonNull(networks.get(face.network()));
      for (boolean v6 : new boolean[] {false, true}) {
        Violations here = at.field(machine.path(face)).field(v6 ? "ipv6" : "ipv4");
        Addressing how = ResolvedMachine.addressing(face, network, v6);
        if (how instanceof Addressing.Auto && proposals != null) {
          here.require(
              network.subnet(v6).isPresent(),
              "Network "
                  + face.network()
                  + " has no "
                  + (v6 ? "IPv6" : "IPv4")
                  + " subnet to allocate from");
          continue;
        }
        here.require(
            !(how instanceof Addressing.Auto),
            "must be given, because no address is reserved for a medium: an address, "
                + (v6 ? "dhcp, slaac" : "dhcp")
                + " or none");
        if (how instanceof Addressing.Fixed(Ip ip)) {
          Optional<NetworkSpec.Subnet> subnet = network.subnet(v6);
          here.require(
              subnet.isPresent() && subnet.get().cidr().contains(ip),
              ip
                  + " is outside of "
                  + subnet
                      .map(s -> "the network's subnet " + s.cidr())
                      .orElse("the network, which has no subnet of its kind"));
          here.require(
              subnet.isEmpty() || !ip.equals(subnet.get().gateway()), ip + " is the gateway's");
          if (proposals != null && face.network() != null) {
            proposals.keep(face.network(), ip);
          }
        }
      }
    }
  }

  private static Optional<Ip> fixed(@Nullable Addressing how) {
    return how instanceof Addressing.Fixed(Ip ip) ? Optional.of(ip) : Optional.empty();
  }

  private static Optional<Spec> find(
      List<Draft> drafts, Declared declared, Kind kind, String name, Violations at) {
    Optional<Spec> found =
        drafts.stream()
            .filter(d -> d.kind() == kind && d.name().equals(name))
            .map(Draft::spec)
            .findFirst()
            .or(() -> declared.find(kind, name));
    at.require(
        found.isPresent(),
        "there is no " + kind.title() + " " + name + ", neither here nor declared");
    return found;
  }

  /** With every password's hash put out of sight; it stays a hash by its form. */
  static InstallSpec masked(InstallSpec spec) {
    ProfileSpec p = spec.profile();
    List<ProfileSpec.User> users =
        p.users().stream()
            .map(u ->
                u.passwordHash() == null
                    ? u
                    : new ProfileSpec.User(
                        u.name(), u.keys(), MASKED, u.sudo(), u.shell(), u.groups()))
            .toList();
    return spec.withProfile(p.withUsers(users));
  }

  /** Fits no password. */
  static final String MASKED = "$6$masked$" + "x".repeat(86);
}

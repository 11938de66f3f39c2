package io.millwright.engine.request;

import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.Blueprint;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.Objections;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Addresses.DnsName;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Tx;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineSpec.Nic;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Placement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Places a machine and reserves its MACs and addresses. */
final class MachineAdmission {
  /** Off, it would stay half in either place: its volumes change theirs when it is up. */
  static final String NOT_OFF =
      "cannot be switched off while it is being moved, for a move ends with a machine that is up;"
          + " wait for that, or cancel it";

  private final SecretBox secrets;
  private final Function<NetworkSpec, List<String>> publishedAt;

  /**
   * @param publishedAt where what is published on a network is kept
   */
  MachineAdmission(SecretBox secrets, Function<NetworkSpec, List<String>> publishedAt) {
    this.secrets = secrets;
    this.publishedAt = publishedAt;
  }

  /**
   * Checks a machine and reserves what it needs.
   *
   * @param anew true to give it a new system disk though nothing asks for one
   */
  MachineStatus admit(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      @Nullable MachineSpec before,
      boolean anew,
      Violations at) {
    MachineSpec spec = machine.spec();
    if (spec.foreignMade()) {
      return imported(tx, lookup, machine, before, at);
    }
    at.field("imported")
        .require(
            before == null || !before.foreignMade(),
            "cannot be taken away: the machine was imported, and its disks are not ours; to let it"
                + " go as it is, delete it");
    if (!at.list().isEmpty()) {
      return machine.status();
    }
    String project = machine.project();
    SizeSpec size =
        lookup.get(Kind.SIZE, project, spec.size(), SizeSpec.class, PlainStatus.class).spec();
    Resource<ImageSpec, ImageStatus> image =
        lookup.get(Kind.IMAGE, project, spec.image(), ImageSpec.class, ImageStatus.class);
    checkImage(spec, size, image, before, lookup, project, at);
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks = networks(lookup, spec, project);
    MachineStatus status =
        place(tx, lookup, machine, former(lookup, project, spec, before, size), size, networks, at);
    if (!at.list().isEmpty()) {
      return status;
    }
    checkVolumes(tx, lookup, machine, before, status, at);
    at.field("power").require(spec.power() == Power.ON || !status.moving(), NOT_OFF);
    List<MachineStatus.Interface> interfaces = reserve(tx, lookup, machine, networks, at);
    claimNames(tx, machine, before, networks, at);
    String hostname = hostname(machine);
    String blueprint = Blueprint.of(spec, hostname, secrets);
    status = status.withInterfaces(interfaces);
    boolean another = anew || !blueprint.equals(status.blueprint());
    checkInstaller(lookup, machine, image.spec(), status, another, at);
    if (at.list().isEmpty() && (another || status.readyBy() == null)) {
      Objections.to(ResolvedMachine.of(lookup, machine.withStatus(status)), List.of(), secrets)
          .forEach(v -> at.field(v.field()).add(v.message()));
    }
    if (!anew && blueprint.equals(status.blueprint())) {
      return status;
    }
    MachineStatus.Former former = status.former();
    if (!anew && former != null && !status.moving() && blueprint.equals(former.blueprint())) {
      return status.wentBack(); // the very system from before its rebuild is asked for again
    }
    String disk =
        new ObjectName(
                new Mark(tx.installation(), machine.uid(), machine.generation()), ObjectName.SYSTEM)
            .toString();
    return status.rebuilt(disk, blueprint, spec.firmware());
  }

  /** Of a machine that somebody else made nothing is reserved but what it has. */
  private MachineStatus imported(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      @Nullable MachineSpec before,
      Violations at) {
    MachineSpec spec = machine.spec();
    Resource<?, ?> host =
        lookup
            .find(Kind.HYPERVISOR, machine.project(), String.valueOf(spec.hypervisor()))
            .orElseThrow();
    if (before == null) {
      tx.resources().place(machine.uid(), host.uid());
    } else {
      at.field("imported")
          .require(
              before.foreignMade(),
              "cannot be set: Millwright made the machine; it is set by an import only");
      same(before.hypervisor(), spec.hypervisor(), at.field("hypervisor"));
      same(before.size(), spec.size(), at.field("size"));
      same(before.firmware(), spec.firmware(), at.field("firmware"));
      same(cards(before), cards(spec), at.field("nics"));
    }
    if (!at.list().isEmpty()) {
      return machine.status();
    }
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks =
        networks(lookup, spec, machine.project());
    List<MachineStatus.Interface> interfaces = reserve(tx, lookup, machine, networks, at);
    claimNames(tx, machine, before, networks, at);
    return machine.status().withHypervisor(host.name()).withInterfaces(interfaces);
  }

  /** The cards, but for their addresses. */
  private static List<Nic> cards(MachineSpec spec) {
    return spec.namedNics().stream()
        .map(n -> new Nic(n.name(), n.network(), n.mac(), null, null, List.of(), null, null))
        .toList();
  }

  private static void same(@Nullable Object before, @Nullable Object now, Violations at) {
    at.require(
        java.util.Objects.equals(before, now),
        "cannot change: the machine was imported, and stays as it was made; what was changed on"
            + " the hypervisor is declared by deleting it here, which lets it go as it is, and"
            + " importing it again");
  }

  /**
   * Checks whether a machine can be on another hypervisor, and says what it is from then on.
   *
   * @param at of the hypervisor's name
   */
  MachineStatus move(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<HypervisorSpec, HypervisorStatus> to,
      Violations at) {
    MachineSpec spec = machine.spec();
    String project = machine.project();
    SizeSpec size =
        lookup.get(Kind.SIZE, project, spec.size(), SizeSpec.class, PlainStatus.class).spec();
    Resource<ImageSpec, ImageStatus> image =
        lookup.get(Kind.IMAGE, project, spec.image(), ImageSpec.class, ImageStatus.class);
    checkImage(spec, size, image, null, lookup, project, at);
    // Its volumes are not there yet, and that is what is to be changed.
    String objection =
        candidate(
                lookup,
                to,
                project,
                spec.withVolumes(List.of()),
                networks(lookup, spec, project),
                tx.resources().committed())
            .objection(size);
    at.require(objection == null, to.title() + " cannot take it: " + objection);
    String hostname = hostname(machine);
    String disk =
        new ObjectName(
                new Mark(tx.installation(), machine.uid(), machine.generation()), ObjectName.SYSTEM)
            .toString();
    MachineStatus moved =
        machine
            .status()
            .moved(to.name(), disk, Blueprint.of(spec, hostname, secrets), spec.firmware());
    if (at.list().isEmpty()) {
      Objections.to(ResolvedMachine.of(lookup, machine.withStatus(moved)), List.of(), secrets)
          .forEach(v -> at.add("its " + v.field() + " there: " + v.message()));
    }
    return moved;
  }

  private static void checkImage(
      MachineSpec spec,
      SizeSpec size,
      Resource<ImageSpec, ImageStatus> image,
      @Nullable MachineSpec before,
      Lookup lookup,
      String project,
      Violations at) {
    at.field("firmware")
        .require(
            image.spec().firmware().contains(spec.firmware()),
            image.title()
                + " does not boot with "
                + word(spec.firmware())
                + ", only with "
                + image.spec().firmware().stream()
                    .map(MachineAdmission::word)
                    .collect(Collectors.joining(", ")));
    ByteSize needed = image.status().virtualSize();
    if (needed != null) {
      at.field("size")
          .require(
              size.disk().compareTo(needed) >= 0,
              "has a disk of " + size.disk() + ", but " + image.title() + " needs " + needed);
    }
    SizeSpec old = former(lookup, project, spec, before, size);
    at.field("size")
        .require(
            size.disk().compareTo(old.disk()) >= 0,
            "a system disk cannot shrink; it has " + old.disk());
  }

  /** The size that it had, or the one that it has if that is the same. */
  private static SizeSpec former(
      Lookup lookup,
      String project,
      MachineSpec spec,
      @Nullable MachineSpec before,
      SizeSpec size) {
    return before == null || before.size().equals(spec.size())
        ? size
        : lookup
            .find(Kind.SIZE, project, before.size())
            .map(r -> r.as(SizeSpec.class, PlainStatus.class).spec())
            .orElse(size);
  }

  /**
   * Where an installer cannot be followed, nobody sees that it is done before the installed system
   * reports. So that system cannot have its volumes at its first boot, and whoever declares some is
   * told. A machine whose disk was lost and is installed anew gets its volumes again when it is up,
   * by its plan.
   */
  private static void checkInstaller(
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      ImageSpec image,
      MachineStatus status,
      boolean anew,
      Violations at) {
    String place = status.hypervisor();
    if (image.installer() == null
        || place == null
        || machine.spec().volumes().isEmpty()
        || (!anew && status.readyBy() != null)) {
      return;
    }
    List<String> facets =
        lookup
            .find(Kind.HYPERVISOR, machine.project(), place)
            .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class).status().facets())
            .orElse(List.of());
    Installers.Start start = Installers.start(image, facets);
    at.field("volumes")
        .require(
            start == null || start.byKernel(),
            "cannot be there while the machine is installed by a medium that it boots; attach them"
                + " once it is ready");
  }

  private static Map<String, Resource<NetworkSpec, NetworkStatus>> networks(
      Lookup lookup, MachineSpec spec, String project) {
    Map<String, Resource<NetworkSpec, NetworkStatus>> out = new LinkedHashMap<>();
    for (Interface face : spec.interfaces()) {
      String name = face.network();
      if (name != null) {
        out.computeIfAbsent(
            name,
            n -> lookup.get(Kind.NETWORK, project, n, NetworkSpec.class, NetworkStatus.class));
      }
    }
    return out;
  }

  // --- where -------------------------------------------------------------------------------

  private static MachineStatus place(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      SizeSpec old,
      SizeSpec size,
      Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
      Violations at) {
    MachineStatus status = machine.status();
    String asked = machine.spec().hypervisor();
    String present = status.hypervisor();
    if (present != null) {
      at.field("hypervisor")
          .require(
              asked == null || asked.equals(present) || status.moving(),
              "the machine is on "
                  + present
                  + "; to have it elsewhere: millwright machine move "
                  + machine.name()
                  + " --to "
                  + asked);
      lookup
          .find(Kind.HYPERVISOR, machine.project(), present)
          .map(h ->
              h.<HypervisorSpec, HypervisorStatus>as(HypervisorSpec.class, HypervisorStatus.class))
          .ifPresent(h -> {
            checkFits(h, size, at.field("size"));
            checkGrowth(tx, h, old, size, 1, at.field("size"));
            checkCards(lookup, machine, h, networks, at.field("nics"));
          });
      return status;
    }
    List<Resource<HypervisorSpec, HypervisorStatus>> all = new ArrayList<>();
    if (asked != null) {
      all.add(
          lookup.get(
              Kind.HYPERVISOR,
              machine.project(),
              asked,
              HypervisorSpec.class,
              HypervisorStatus.class));
    } else {
      lookup
          .all(Kind.HYPERVISOR, machine.project())
          .forEach(h -> all.add(h.as(HypervisorSpec.class, HypervisorStatus.class)));
    }
    Map<UUID, long[]> committed = tx.resources().committed();
    List<Placement.Candidate> candidates =
        all.stream()
            .map(h -> candidate(lookup, h, machine.project(), machine.spec(), networks, committed))
            .sorted(Comparator.comparing(Placement.Candidate::name))
            .toList();
    Placement.Decision decision = Placement.choose(candidates, size);
    Placement.Candidate chosen = decision.chosen();
    if (chosen == null) {
      at.field(asked == null ? "hypervisor" : "size")
          .add(
              candidates.isEmpty()
                  ? "there is no Hypervisor to place it on; declare one first"
                  : "there is no place for it: " + String.join("; ", decision.objections()));
      return status;
    }
    tx.resources().place(machine.uid(), chosen.uid());
    return MachineStatus.EMPTY.with(s ->
        s.conditions(status.conditions()).hypervisor(chosen.name()).expiresAt(status.expiresAt()));
  }

  /** A machine that is somewhere already can only be plugged into what there is. */
  private static void checkCards(
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<HypervisorSpec, HypervisorStatus> host,
      Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
      Violations at) {
    List<Nic> nics = machine.spec().nics();
    for (int i = 0; i < nics.size(); i++) {
      var network = java.util.Objects.requireNonNull(networks.get(nics.get(i).network()));
      at.index(i)
          .field("network")
          .require(
              attached(lookup, network, host),
              network.title() + " is not attached to " + host.title() + ", where the machine is");
    }
  }

  static void checkFits(
      Resource<HypervisorSpec, HypervisorStatus> host, SizeSpec size, Violations at) {
    ByteSize memory = host.status().memory();
    Integer cores = host.status().cores();
    at.require(
        (memory == null || size.memory().compareTo(memory) <= 0)
            && (cores == null || size.cores() <= cores),
        "is larger than " + host.title() + ", which has " + cores + " cores and " + memory);
  }

  /**
   * Machines that are on a host already may take no more than what a new one could have there, or
   * they are shut down to grow and cannot be started again.
   *
   * @param machines how many of them there have this size, which is in the database already
   */
  static void checkGrowth(
      Tx tx,
      Resource<HypervisorSpec, HypervisorStatus> host,
      SizeSpec old,
      SizeSpec size,
      long machines,
      Violations at) {
    long each = size.memory().mib() - old.memory().mib();
    ByteSize memory = host.status().memory();
    if (each <= 0 || (memory != null && size.memory().compareTo(memory) > 0)) {
      return; // and what is larger than its host is told already
    }
    long more = machines * each;
    long promised = tx.resources().committed().getOrDefault(host.uid(), new long[] {0, 0})[1];
    String objection = candidate(host, null, promised - more).objection(ByteSize.ofMib(more));
    at.require(
        objection == null,
        "takes "
            + ByteSize.ofMib(more)
            + " more of memory on "
            + host.title()
            + (machines == 1 ? "" : ", for " + machines + " machines")
            + ": "
            + objection);
  }

  /** A hypervisor with what speaks against a machine of this spec there. */
  static Placement.Candidate candidate(
      Lookup lookup,
      Resource<HypervisorSpec, HypervisorStatus> host,
      String project,
      MachineSpec spec,
      Map<UUID, long[]> committed) {
    return candidate(lookup, host, project, spec, networks(lookup, spec, project), committed);
  }

  private static Placement.Candidate candidate(
      Lookup lookup,
      Resource<HypervisorSpec, HypervisorStatus> host,
      String project,
      MachineSpec spec,
      Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
      Map<UUID, long[]> committed) {
    String refusal = null;
    if (host.deleting()) {
      refusal = "it is being deleted";
    } else if (host.spec().cordoned()) {
      refusal = "it is cordoned";
    }
    Set<String> plugged = spec.nics().stream().map(Nic::network).collect(Collectors.toSet());
    for (Map.Entry<String, Resource<NetworkSpec, NetworkStatus>> network : networks.entrySet()) {
      // Only cards are plugged in; bonds and VLANs ride on them.
      if (plugged.contains(network.getKey()) && !attached(lookup, network.getValue(), host)) {
        refusal = "network " + network.getKey() + " is not attached there";
      }
    }
    for (String name : spec.volumes()) {
      boolean here =
          lookup
              .find(Kind.VOLUME, project, name)
              .map(v -> ((VolumeSpec) v.spec()).hypervisor().equals(host.name()))
              .orElse(false);
      if (!here) {
        refusal = "volume " + name + " is elsewhere";
      }
    }
    return candidate(host, refusal, committed.getOrDefault(host.uid(), new long[] {0, 0})[1]);
  }

  private static Placement.Candidate candidate(
      Resource<HypervisorSpec, HypervisorStatus> host,
      @Nullable String refusal,
      long committedMib) {
    return new Placement.Candidate(
        host.uid(),
        host.name(),
        refusal,
        host.status().cores(),
        host.status().memory(),
        host.status().diskFree(),
        committedMib,
        !host.status().away());
  }

  /** True if the name in one of the network's attachments is this very hypervisor. */
  private static boolean attached(
      Lookup lookup,
      Resource<NetworkSpec, NetworkStatus> network,
      Resource<HypervisorSpec, HypervisorStatus> host) {
    return network
        .spec()
        .attachmentOn(host.name())
        .flatMap(a -> lookup.find(Kind.HYPERVISOR, network.project(), a.hypervisor()))
        .filter(h -> h.uid().equals(host.uid()))
        .isPresent();
  }

  private static void checkVolumes(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      @Nullable MachineSpec before,
      MachineStatus status,
      Violations at) {
    Map<String, String> mounts = new HashMap<>();
    if (status.moving()) {
      at.field("volumes")
          .require(
              before == null || before.volumes().equals(machine.spec().volumes()),
              "cannot change while the machine is being moved; wait for that, or cancel it");
      return;
    }
    // Who takes what is left of it away looks at the volumes that the machine has.
    if (before != null && status.leftBehind()) {
      before.volumes().stream()
          .filter(name -> !machine.spec().volumes().contains(name))
          .flatMap(name -> lookup.find(Kind.VOLUME, machine.project(), name).stream())
          .filter(v -> ((VolumeStatus) v.status()).copy() != null)
          .forEach(v ->
              at.field("volumes")
                  .add(
                      v.name()
                          + " cannot leave before the copy is removed that a move has left on "
                          + status.elsewhere()
                          + "; wait for that"));
    }
    for (int i = 0; i < machine.spec().volumes().size(); i++) {
      String name = machine.spec().volumes().get(i);
      Violations here = at.field("volumes").index(i);
      Resource<?, ?> volume = lookup.find(Kind.VOLUME, machine.project(), name).orElseThrow();
      String mount = ((VolumeSpec) volume.spec()).mount();
      if (mount != null) {
        String other = mounts.put(mount, volume.title());
        here.require(
            other == null, volume.title() + " is mounted at " + mount + ", and so is " + other);
      }
      here.require(
          ((VolumeSpec) volume.spec()).hypervisor().equals(status.hypervisor()),
          volume.title() + " is not on " + status.hypervisor());
      // Locked, so that two machines cannot take the same volume in two transactions.
      here.require(
          tx.resources().lock(volume.uid()).filter(v -> !v.deleting()).isPresent(),
          volume.title() + " is being deleted");
      tx.resources().referrers(volume.uid(), 10).stream()
          .filter(r -> r.kind() == Kind.MACHINE && !r.uid().equals(machine.uid()))
          .findFirst()
          .ifPresent(other ->
              here.add(
                  volume.title()
                      + " is attached to "
                      + other.title()
                      + "; take it out of that one's spec.volumes first"));
    }
  }

  private static String word(Firmware firmware) {
    return firmware.name().toLowerCase(Locale.ROOT);
  }

  // --- names and numbers -------------------------------------------------------------------

  private static List<MachineStatus.Interface> reserve(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
      Violations at) {
    MachineSpec spec = machine.spec();
    UUID uid = machine.uid();
    Map<String, Mac> macs = reserveMacs(tx, machine, at);
    Map<UUID, List<Ip>> keep = new HashMap<>();
    Map<UUID, Integer> cooldown = new HashMap<>();
    // What never had a card has nothing to keep or to let go.
    boolean fresh = machine.status().interfaces().isEmpty();
    List<Lease> had = fresh ? List.of() : tx.addresses().leases(uid);
    // Fixed ones first: an automatic one must not take what the same manifest asks for by number.
    Map<String, List<Ip>> given = new LinkedHashMap<>();
    List<Interface> faces = spec.addressed();
    for (boolean fixed : new boolean[] {true, false}) {
      for (Interface face : faces) {
        Resource<NetworkSpec, NetworkStatus> network = networks.get(face.network());
        if (network == null) {
          continue;
        }
        network
            .spec()
            .subnets()
            .forEach(s -> cooldown.merge(network.uid(), s.cooldownSeconds(), Math::max));
        for (boolean v6 : new boolean[] {false, true}) {
          Addressing way = ResolvedMachine.addressing(face, network.spec(), v6);
          if (way instanceof Addressing.Fixed != fixed) {
            continue;
          }
          Violations here = path(at, spec, face).field(v6 ? "ipv6" : "ipv4");
          one(tx, lookup, uid, face, network, way, v6, had, here)
              .ifPresent(ip -> {
                keep.computeIfAbsent(network.uid(), n -> new ArrayList<>()).add(ip);
                given.computeIfAbsent(face.name(), n -> new ArrayList<>()).add(ip);
              });
        }
      }
    }
    for (Lease lease : had) {
      cooldown.putIfAbsent(lease.network(), 300);
    }
    if (!fresh && machine.status().readyBy() == null) {
      tx.addresses().release(uid, keep, cooldown);
    } // otherwise the guest has them still, and the end of the change lets them go
    return spec.interfaces().stream()
        .map(f ->
            new MachineStatus.Interface(
                f.name(),
                macs.get(f.name()),
                f.network() == null ? "" : f.network(),
                given.getOrDefault(f.name(), List.of())))
        .toList();
  }

  private static String hostname(Resource<MachineSpec, MachineStatus> machine) {
    String given = machine.spec().hostname();
    return given == null ? machine.name() : given;
  }

  /**
   * What is published leads to one machine only, also if others are in other projects. Refused is
   * whoever comes second: not what was there before names were claimed and is changed otherwise,
   * nor what Millwright itself has named, for then a project's group would be in the way of
   * another's.
   */
  private void claimNames(
      Tx tx,
      Resource<MachineSpec, MachineStatus> machine,
      @Nullable MachineSpec before,
      Map<String, Resource<NetworkSpec, NetworkStatus>> networks,
      Violations at) {
    List<DnsName> names = new ArrayList<>();
    for (Resource<NetworkSpec, NetworkStatus> network : networks.values()) {
      String domain = network.spec().domain();
      if (domain != null && network.spec().services() != null) {
        names.add(
            new DnsName(
                String.join(" ", publishedAt.apply(network.spec())),
                hostname(machine) + "." + domain));
      }
    }
    Map<DnsName, UUID> others = tx.addresses().claimNames(machine.uid(), names);
    boolean asked =
        Collections.disjoint(machine.metadata().labels().keySet(), Names.MEMBERSHIPS)
            && (before == null
                || !Objects.equals(before.hostname(), machine.spec().hostname())
                || !networks(before).containsAll(networks(machine.spec())));
    if (!asked) {
      return;
    }
    others.forEach((name, other) ->
        at.field("hostname")
            .add(
                name.name()
                    + " is published for another machine already; declare another hostname, or"
                    + " a network with another domain"));
  }

  /** Its names are others, because one of its networks is. */
  void nameAgain(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<NetworkSpec, NetworkStatus> changed) {
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks =
        networks(lookup, machine.spec(), machine.project());
    networks.replaceAll((_, network) -> network.uid().equals(changed.uid()) ? changed : network);
    claimNames(tx, machine, machine.spec(), networks, Violations.at(""));
  }

  private static Set<String> networks(MachineSpec spec) {
    return spec.interfaces().stream()
        .map(Interface::network)
        .filter(Objects::nonNull)
        .collect(Collectors.toSet());
  }

  /**
   * What a changed network newly asks for one of its machines; nothing if that is nothing. A system
   * that has come up asks by DHCP at any time, but sets no more addresses than it was given.
   */
  static Optional<MachineStatus> reserveAnew(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<NetworkSpec, NetworkStatus> changed,
      Violations at) {
    MachineSpec spec = machine.spec();
    boolean cameUp = spec.foreignMade() || machine.status().readyBy() != null;
    Map<String, Resource<NetworkSpec, NetworkStatus>> networks =
        networks(lookup, spec, machine.project());
    List<Lease> had = tx.addresses().leases(machine.uid());
    Map<String, List<Ip>> reserved = new HashMap<>();
    for (Interface face : spec.addressed()) {
      Resource<NetworkSpec, NetworkStatus> network = networks.get(face.network());
      if (network == null || !network.uid().equals(changed.uid())) {
        continue;
      }
      for (boolean v6 : new boolean[] {false, true}) {
        Addressing way = ResolvedMachine.addressing(face, changed.spec(), v6);
        if (!ResolvedMachine.reserves(face, changed.spec(), v6)
            || (cameUp && !(way instanceof Addressing.Dhcp))
            || had.stream().anyMatch(l -> has(l, changed, face, v6))) {
          continue;
        }
        Violations here = path(at, spec, face).field(v6 ? "ipv6" : "ipv4");
        one(tx, lookup, machine.uid(), face, changed, way, v6, had, here)
            .ifPresent(ip -> reserved.computeIfAbsent(face.name(), n -> new ArrayList<>()).add(ip));
      }
    }
    return reserved.isEmpty()
        ? Optional.empty()
        : Optional.of(
            machine
                .status()
                .withInterfaces(
                    machine.status().interfaces().stream()
                        .map(i -> with(i, reserved.getOrDefault(i.name(), List.of())))
                        .toList()));
  }

  /** In place of what its guest has told of the same families. */
  private static MachineStatus.Interface with(MachineStatus.Interface face, List<Ip> reserved) {
    List<Ip> all = new ArrayList<>(reserved);
    face.addresses().stream()
        .filter(ip -> reserved.stream().noneMatch(r -> r.v6() == ip.v6()))
        .forEach(all::add);
    all.sort(Comparator.comparing(Ip::v6));
    return new MachineStatus.Interface(face.name(), face.mac(), face.network(), all);
  }

  private static Map<String, Mac> reserveMacs(
      Tx tx, Resource<MachineSpec, MachineStatus> machine, Violations at) {
    Map<String, Mac> macs = new HashMap<>();
    List<Nic> nics = machine.spec().namedNics();
    if (!machine.status().interfaces().isEmpty()) {
      tx.addresses().releaseMacs(machine.uid(), nics.stream().map(Nic::name).toList());
    }
    for (int i = 0; i < nics.size(); i++) {
      Nic nic = nics.get(i);
      Mac asked = nic.mac();
      if (asked == null) {
        macs.put(nic.name(), tx.addresses().allocateMac(machine.uid(), nic.name()));
      } else {
        Violations here = at.field("nics").index(i).field("mac");
        tx.addresses()
            .claimMac(asked, machine.uid(), nic.name())
            .ifPresent(other -> here.add(asked + " belongs to " + title(tx, other, machine.uid())));
        macs.put(nic.name(), asked);
      }
    }
    return macs;
  }

  private static Optional<Ip> one(
      Tx tx,
      Lookup lookup,
      UUID uid,
      Interface face,
      Resource<NetworkSpec, NetworkStatus> network,
      Addressing way,
      boolean v6,
      List<Lease> had,
      Violations at) {
    Optional<Subnet> subnet = network.spec().subnet(v6);
    String family = v6 ? "IPv6" : "IPv4";
    boolean wanted =
        way instanceof Addressing.Auto
            // DHCP gets a reservation wherever somebody is there to publish it.
            || (way instanceof Addressing.Dhcp && ResolvedMachine.reservesDhcp(network.spec(), v6));
    if (way instanceof Addressing.Fixed fixed) {
      at.require(subnet.isPresent(), network.title() + " has no " + family + " subnet");
      subnet.ifPresent(s -> checkFixed(fixed.ip(), s, at));
      if (had.stream().noneMatch(l -> has(l, network, face, v6) && l.ip().equals(fixed.ip()))) {
        checkWires(tx, lookup, uid, network, fixed.ip(), at);
      }
      if (at.list().stream().noneMatch(v -> v.field().equals(at.path()))) {
        tx.addresses()
            .claim(network.uid(), fixed.ip(), uid, face.name())
            .ifPresent(
                lease -> at.add(fixed.ip() + " is taken by " + title(tx, lease.machine(), uid)));
      }
      return Optional.of(fixed.ip());
    }
    if (!wanted) {
      return Optional.empty();
    }
    if (subnet.isEmpty()) {
      at.add(network.title() + " has no " + family + " subnet to allocate from");
      return Optional.empty();
    }
    Optional<Ip> kept =
        had.stream()
            .filter(l -> has(l, network, face, v6) && subnet.get().cidr().usable(l.ip()))
            .map(Lease::ip)
            .findFirst();
    if (kept.isPresent()) {
      return kept;
    }
    Optional<Ip> fresh = tx.addresses().allocate(network.uid(), subnet.get(), uid, face.name());
    at.require(
        fresh.isPresent(),
        "all addresses of "
            + network.title()
            + " in "
            + subnet.get().allocationRange()
            + " are taken; delete a machine or widen the pool");
    return fresh;
  }

  private static boolean has(
      Lease lease, Resource<NetworkSpec, NetworkStatus> network, Interface face, boolean v6) {
    return lease.coolingUntil() == null
        && lease.network().equals(network.uid())
        && lease.iface().equals(face.name())
        && lease.ip().v6() == v6;
  }

  /** Whose the other network is, who asks need not know. */
  private static void checkWires(
      Tx tx,
      Lookup lookup,
      UUID uid,
      Resource<NetworkSpec, NetworkStatus> network,
      Ip ip,
      Violations at) {
    List<Resource<NetworkSpec, NetworkStatus>> others = Wires.binding(tx, lookup, network);
    if (others.isEmpty()) {
      return;
    }
    if (others.stream()
        .flatMap(other -> other.spec().subnets().stream())
        .anyMatch(subnet -> subnet.allocatable(ip))) {
      at.add(
          ip
              + " is given out by another network on the same wire; take one that is in no other"
              + " network's pool");
    } else {
      at.require(
          !tx.addresses().bound(others.stream().map(Resource::uid).toList(), ip, uid),
          ip + " is taken by a machine on another network on the same wire; take another one");
    }
  }

  private static void checkFixed(Ip ip, Subnet subnet, Violations at) {
    if (!subnet.cidr().contains(ip)) {
      at.add(ip + " is outside the subnet " + subnet.cidr());
    } else if (!subnet.cidr().usable(ip)) {
      at.add(
          ip
              + (ip.equals(subnet.cidr().network())
                  ? " is the network address of "
                  : " is the broadcast address of ")
              + subnet.cidr());
    } else if (ip.equals(subnet.gateway())) {
      at.add(ip + " is the gateway of " + subnet.cidr());
    }
  }

  /** What another project has must not be learned from the address that one cannot get. */
  private static String title(Tx tx, UUID uid, UUID asker) {
    Optional<String> project = tx.resources().find(asker).map(Resource::project);
    return tx.resources()
        .find(uid)
        .map(r ->
            project.filter(r.project()::equals).isPresent()
                ? r.title()
                : "a machine of another project")
        .orElse("a machine that is being deleted");
  }

  private static Violations path(Violations at, MachineSpec spec, Interface face) {
    return at.field(spec.path(face));
  }
}

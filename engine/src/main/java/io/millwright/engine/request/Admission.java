package io.millwright.engine.request;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SecretFields;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.Resource;
import io.millwright.model.Secret;
import io.millwright.model.Selector;
import io.millwright.model.SizeSpec;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SourceSpec;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.WebhookSpec;
import io.millwright.model.manifest.Json;
import io.millwright.planner.Placement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a declaration must meet beyond being well-formed, and what is reserved for it. */
public final class Admission {
  private final Drivers drivers;
  private final SecretBox secrets;
  private final SourcePlaces places;
  private final MachineAdmission machines;

  /**
   * @param places from where sources may be read; webhooks lead as far as its reach does
   */
  public Admission(Drivers drivers, SecretBox secrets, SourcePlaces places) {
    this.drivers = drivers;
    this.secrets = secrets;
    this.places = places;
    this.machines = new MachineAdmission(secrets, this::place);
  }

  /** Checks the parts that drivers understand, and seals what is secret. */
  Spec normalise(Spec spec, @Nullable Spec before, Violations at) {
    return checked(spec, before, at) instanceof Record record
        ? (Spec) SecretFields.each(record, (Record) before, at.field("spec"), this::kept)
        : spec;
  }

  /** A secret of a draft as it is kept; what Millwright itself declares has it sealed already. */
  private String kept(String value, @Nullable String old, Violations at) {
    return SecretBox.isSealed(value) ? value : sealed(value, old, at);
  }

  private Spec checked(Spec spec, @Nullable Spec before, Violations at) {
    return switch (spec) {
      case HypervisorSpec h ->
          Drivers.find(drivers.hypervisors(), h.driver(), at.field("spec").field("driver"))
              .<Spec>map(provider ->
                  h.withSettings(
                      settings(
                          provider.describe(),
                          provider::check,
                          h.settings(),
                          before instanceof HypervisorSpec old ? old.settings() : Map.of(),
                          at.field("spec").field("settings"))))
              .orElse(h);
      case NetworkSpec n -> {
        NetworkSpec.Services services = n.services();
        if (services == null) {
          yield n;
        }
        Violations here = at.field("spec").field("services");
        Map<String, String> old =
            before instanceof NetworkSpec b && b.services() != null
                ? b.services().settings()
                : Map.of();
        yield Drivers.find(drivers.networkServices(), services.driver(), here.field("driver"))
            .<Spec>map(provider ->
                n.withServices(
                    new NetworkSpec.Services(
                        services.driver(),
                        settings(
                            provider.describe(),
                            provider::check,
                            services.settings(),
                            old,
                            here.field("settings")))))
            .orElse(n);
      }
      case ImageSpec i -> {
        if (i.installer() != null) {
          Installers.checkFamily(i.os(), at.field("spec").field("os"));
        }
        if (i.build() != null && i.build().builder() != null) {
          Drivers.find(
              drivers.builders(),
              i.build().builder(),
              at.field("spec").field("build").field("builder"));
        }
        yield i;
      }
      case SourceSpec s -> {
        Violations here = at.field("spec");
        places.refusal(s.url()).ifPresent(here.field("url")::add);
        // A secret is shown to whom it was given for, and not to whoever the address names next.
        Map<String, String> old =
            before instanceof SourceSpec b && b.origin().equals(s.origin())
                ? b.settings()
                : Map.of();
        yield Drivers.find(drivers.sources(), s.driver(), here.field("driver"))
            .<Spec>map(driver ->
                s.withSettings(
                    settings(
                        driver.describe(),
                        driver.describe()::check,
                        s.settings(),
                        old,
                        here.field("settings"))))
            .orElse(s);
      }
      case WebhookSpec w -> {
        places.reach().refusalOfHost(w.url()).ifPresent(at.field("spec").field("url")::add);
        Violations here = at.field("spec").field("secret");
        if (!w.secret().equals(Secret.MASK)) {
          here.require(
              w.secret().length() >= 16 && w.secret().length() <= 200,
              "must have 16 to 200 characters");
          here.require(!SecretBox.isSealed(w.secret()), "must not look as if it were sealed");
        }
        yield w;
      }
      default -> spec;
    };
  }

  /** Reports secrets that stand in a draft in clear. */
  public void refuseClear(Spec spec, Violations at) {
    switch (spec) {
      case HypervisorSpec h ->
          refuseClear(
              Optional.ofNullable(drivers.hypervisors().get(h.driver())).map(d -> d.describe()),
              h.settings(),
              at.field("spec").field("settings"));
      case NetworkSpec n -> {
        NetworkSpec.Services services = n.services();
        if (services != null) {
          refuseClear(
              Optional.ofNullable(drivers.networkServices().get(services.driver()))
                  .map(d -> d.describe()),
              services.settings(),
              at.field("spec").field("services").field("settings"));
        }
      }
      case SourceSpec s ->
          refuseClear(
              Optional.ofNullable(drivers.sources().get(s.driver())).map(d -> d.describe()),
              s.settings(),
              at.field("spec").field("settings"));
      default -> {}
    }
    SecretFields.each(
        (Record) spec,
        null,
        at.field("spec"),
        (value, before, here) -> {
          if (!value.equals(Secret.MASK)) {
            inClear(here);
          }
          return value;
        });
  }

  private static void refuseClear(
      Optional<DriverDescription> driver, Map<String, String> settings, Violations at) {
    driver.stream()
        .flatMap(d -> d.settings().stream())
        .filter(DriverDescription.Setting::secret)
        .filter(s -> !Secret.MASK.equals(settings.getOrDefault(s.name(), Secret.MASK)))
        .forEach(s -> inClear(at.field(s.name())));
  }

  private static void inClear(Violations at) {
    at.add(
        "is a secret in clear, and everybody who reads the repository has it: change it, declare it"
            + " to the server, and write "
            + Secret.MASK
            + " here");
  }

  private Map<String, String> settings(
      DriverDescription driver,
      BiConsumer<Map<String, String>, Violations> check,
      Map<String, String> given,
      Map<String, String> old,
      Violations at) {
    check.accept(given, at);
    Map<String, String> out = new TreeMap<>(given);
    for (DriverDescription.Setting setting : driver.settings()) {
      String value = given.get(setting.name());
      if (!setting.secret() || value == null) {
        continue;
      }
      out.put(setting.name(), sealed(value, old.get(setting.name()), at.field(setting.name())));
    }
    return out;
  }

  /**
   * Tells the secrets of what was declared from others, and nothing else of them; empty if there
   * are none.
   */
  String seal(List<Applied> applied) {
    List<String> open =
        applied.stream()
            .filter(a -> a.action() != Applied.Action.UNCHANGED)
            .flatMap(a -> Masking.sealed(Apply.declaration(a.resource())).stream())
            .map(this::openOrSealed)
            .toList();
    return open.isEmpty() ? "" : secrets.sign("approval " + Json.write(open));
  }

  /** What another key has sealed is told from others as it is: it was not given anew. */
  private String openOrSealed(String sealed) {
    try {
      return secrets.open(sealed);
    } catch (IllegalStateException e) {
      return sealed;
    }
  }

  /**
   * A secret as it is kept.
   *
   * @param old as it was kept before, or null
   */
  private String sealed(String value, @Nullable String old, Violations at) {
    if (value.equals(Secret.MASK)) {
      at.require(old != null, SecretFields.NONE_YET);
      return old == null ? "" : old;
    }
    return old != null && secrets.holds(old, value) ? old : secrets.seal(value);
  }

  /**
   * Checks a declaration against everything else that is declared, and reserves what it needs. The
   * resource is in the database already, and everything it names exists.
   *
   * @param lookup finds what it names
   * @return the status to begin with
   */
  Status admit(
      Tx tx, Lookup lookup, Resource<?, ?> resource, @Nullable Spec before, Violations at) {
    switch (resource.spec()) {
      case NetworkSpec network -> {
        admitNetwork(tx, resource, network, at.field("spec"));
        if (before instanceof NetworkSpec old
            ? !old.subnets().equals(network.subnets())
                || !old.attachments().equals(network.attachments())
                || !Objects.equals(old.vlan(), network.vlan())
            : true) {
          admitRanges(tx, lookup, resource, network, at.field("spec").field("subnets"));
        }
        if (before instanceof NetworkSpec old) {
          keepMachines(tx, resource, network, old, at.field("spec"));
          if (!Objects.equals(old.domain(), network.domain())
              || !Objects.equals(old.services(), network.services())) {
            tx.resources().referrers(resource.uid(), Integer.MAX_VALUE).stream()
                .filter(r -> r.kind() == Kind.MACHINE)
                .map(r -> r.as(MachineSpec.class, MachineStatus.class))
                .forEach(m ->
                    machines.nameAgain(
                        tx, lookup, m, resource.as(NetworkSpec.class, NetworkStatus.class)));
          }
        }
      }
      case SizeSpec size -> admitSize(tx, lookup, resource, size, before, at.field("spec"));
      case ImageSpec image -> {
        if (image.build() != null && image.build().installer() != null) {
          ImageSpec.ByInstaller by = image.build().installer();
          Installers.checkGolden(
              image,
              lookup.get(
                  Kind.IMAGE, resource.project(), by.image(), ImageSpec.class, ImageStatus.class),
              lookup.get(
                  Kind.HYPERVISOR,
                  resource.project(),
                  by.hypervisor(),
                  HypervisorSpec.class,
                  HypervisorStatus.class),
              at.field("spec").field("build").field("installer"));
        }
      }
      case VolumeSpec volume -> admitVolume(tx, lookup, resource, volume, before, at.field("spec"));
      case MachineSpec _ -> {
        return machines.admit(
            tx,
            lookup,
            resource.as(MachineSpec.class, MachineStatus.class),
            before instanceof MachineSpec m ? m : null,
            false,
            at.field("spec"));
      }
      case SnapshotSpec _ -> {
        return Snapshots.admit(
            tx,
            lookup,
            resource.as(SnapshotSpec.class, SnapshotStatus.class),
            before instanceof SnapshotSpec s ? s : null,
            at.field("spec"));
      }
      case GroupSpec _ ->
          Members.check(
              tx,
              lookup,
              resource.as(GroupSpec.class, GroupStatus.class),
              before instanceof GroupSpec g ? g : null,
              at);
      case WebhookSpec _ -> {
        if (before == null) {
          // From here on; what was before nobody wanted to know.
          tx.deliveries().advance(resource.uid(), null, tx.journal().head());
        }
      }
      case PoolSpec _ -> Members.checkPool(tx, resource.as(PoolSpec.class, PoolStatus.class), at);
      default -> {}
    }
    return resource.status();
  }

  /** As {@link #admit}, of a machine that gets a new system disk whatever has changed. */
  MachineStatus rebuild(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      MachineSpec before,
      Violations at) {
    return machines.admit(tx, lookup, machine, before, true, at.field("spec"));
  }

  /** What a changed network newly asks for one of its machines; nothing if that is nothing. */
  Optional<MachineStatus> reserveAnew(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<NetworkSpec, NetworkStatus> changed,
      Violations at) {
    return MachineAdmission.reserveAnew(tx, lookup, machine, changed, at);
  }

  /** What a machine is from the moment on in which it is to be on another hypervisor. */
  MachineStatus move(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<HypervisorSpec, HypervisorStatus> to,
      Violations at) {
    return machines.move(tx, lookup, machine, to, at);
  }

  /** A hypervisor with what speaks against a machine of this spec there. */
  Placement.Candidate candidate(
      Lookup lookup,
      Resource<HypervisorSpec, HypervisorStatus> host,
      String project,
      MachineSpec spec,
      Map<UUID, long[]> committed) {
    return MachineAdmission.candidate(lookup, host, project, spec, committed);
  }

  private static void admitNetwork(
      Tx tx, Resource<?, ?> resource, NetworkSpec network, Violations at) {
    for (Lease lease : tx.addresses().leasesOf(resource.uid())) {
      if (lease.coolingUntil() == null
          && network.subnets().stream().noneMatch(s -> s.cidr().usable(lease.ip()))) {
        at.field("subnets")
            .add(
                lease.ip()
                    + " is in use and would be outside; delete the machine that has it first");
        return;
      }
      if (lease.coolingUntil() == null
          && network.subnets().stream().anyMatch(s -> lease.ip().equals(s.gateway()))) {
        at.field("subnets")
            .add(
                lease.ip()
                    + " cannot be the gateway: a machine has it; give that one another address"
                    + " first");
        return;
      }
    }
  }

  /**
   * Of two networks on the same wire none gives out what the other one gives out, too, or what a
   * machine on that one has.
   */
  private static void admitRanges(
      Tx tx, Lookup lookup, Resource<?, ?> resource, NetworkSpec network, Violations at) {
    List<Resource<NetworkSpec, NetworkStatus>> others =
        Wires.changing(tx, lookup, resource, network);
    Set<Ip> had = others.isEmpty() ? Set.of() : bound(tx, resource.uid());
    for (Resource<NetworkSpec, NetworkStatus> other : others) {
      List<NetworkSpec.Subnet> its = other.spec().subnets();
      Set<Ip> taken = bound(tx, other.uid());
      for (int i = 0; i < network.subnets().size(); i++) {
        NetworkSpec.Subnet mine = network.subnets().get(i);
        Optional<Ip> both = its.stream().flatMap(s -> mine.sharedWith(s).stream()).findFirst();
        if (both.isPresent()) {
          at.index(i)
              .add(
                  "gives out "
                      + both.get()
                      + ", as another network on the same wire does; give each a pool of its"
                      + " own");
          continue;
        }
        Optional<Ip> theirs = taken.stream().filter(mine::allocatable).findFirst();
        if (theirs.isPresent()) {
          at.index(i)
              .add(
                  "gives out "
                      + theirs.get()
                      + ", which a machine on another network on the same wire has; exclude it, or"
                      + " give this one a pool beside it");
        }
      }
      had.stream()
          .filter(ip -> taken.contains(ip) || its.stream().anyMatch(s -> s.allocatable(ip)))
          .findFirst()
          .ifPresent(ip ->
              at.add(
                  ip
                      + " is in use, and another network on the same wire has it or gives it out;"
                      + " give the machine that has it another address first"));
    }
  }

  /** What machines on a network have, in order. */
  private static Set<Ip> bound(Tx tx, UUID network) {
    return tx.addresses().leasesOf(network).stream()
        .filter(lease -> lease.coolingUntil() == null)
        .map(Lease::ip)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** What machines on a network need of it stays as long as they are there. */
  private void keepMachines(
      Tx tx, Resource<?, ?> resource, NetworkSpec network, NetworkSpec before, Violations at) {
    List<Resource<MachineSpec, MachineStatus>> machines =
        tx.resources().referrers(resource.uid(), Integer.MAX_VALUE).stream()
            .filter(r -> r.kind() == Kind.MACHINE)
            .map(r -> r.as(MachineSpec.class, MachineStatus.class))
            .toList();
    if (machines.isEmpty()) {
      return;
    }
    at.field("services")
        .require(
            before.services() == null || place(before).equals(place(network)),
            "cannot lead elsewhere as long as "
                + machines.getFirst().title()
                + " is on the network: what is published of it would stay behind; delete its"
                + " machines first, or declare another network and put them there");
    for (Resource<MachineSpec, MachineStatus> machine : machines) {
      String place = machine.status().hypervisor();
      boolean hasCard =
          machine.spec().nics().stream().anyMatch(n -> n.network().equals(resource.name()));
      if (place != null
          && hasCard
          && before.attachmentOn(place).isPresent()
          && network.attachmentOn(place).isEmpty()) {
        at.field("attachments")
            .add(
                "lacks hypervisor "
                    + place
                    + ", where "
                    + machine.title()
                    + " has a card on the network; delete that machine or its card first");
        return;
      }
    }
  }

  /** Where what is published on a network is kept; the driver knows. */
  private List<String> place(NetworkSpec network) {
    NetworkSpec.Services services = network.services();
    if (services == null) {
      return List.of();
    }
    NetworkServicesProvider provider = drivers.networkServices().get(services.driver());
    return provider == null
        ? List.of(services.driver())
        : List.of(services.driver(), provider.place(secrets.unsealed(services.settings())));
  }

  /** Machines feel a change of their size; so it must do for them as if they were declared anew. */
  private static void admitSize(
      Tx tx,
      Lookup lookup,
      Resource<?, ?> resource,
      SizeSpec size,
      @Nullable Spec before,
      Violations at) {
    List<Resource<MachineSpec, MachineStatus>> machines =
        tx.resources().referrers(resource.uid(), Integer.MAX_VALUE).stream()
            .filter(r -> r.kind() == Kind.MACHINE && !r.deleting())
            .map(r -> r.as(MachineSpec.class, MachineStatus.class))
            .toList();
    if (machines.isEmpty()) {
      return;
    }
    machines.stream()
        .flatMap(m -> tx.groups().find(m.uid()).stream())
        .findFirst()
        .flatMap(m -> tx.resources().find(m.group()))
        .ifPresent(group ->
            at.add(
                "is the size of the members of "
                    + group.title()
                    + ", which would all restart at once; declare another Size, and change the"
                    + " group to it"));
    machines.stream()
        .filter(m -> m.spec().foreignMade())
        .findFirst()
        .ifPresent(m ->
            at.add(
                "is the size of "
                    + m.title()
                    + ", which was imported and stays as it was made; declare another Size, and"
                    + " change other machines to it"));
    if (before instanceof SizeSpec old) {
      at.field("disk")
          .require(
              size.disk().compareTo(old.disk()) >= 0,
              "a system disk cannot shrink; " + machines.getFirst().title() + " has " + old.disk());
    }
    Map<Resource<HypervisorSpec, HypervisorStatus>, Long> hosts =
        machines.stream()
            .flatMap(m ->
                lookup
                    .find(Kind.HYPERVISOR, m.project(), String.valueOf(m.status().hypervisor()))
                    .stream())
            .map(h ->
                h.<HypervisorSpec, HypervisorStatus>as(
                    HypervisorSpec.class, HypervisorStatus.class))
            .collect(Collectors.groupingBy(h -> h, LinkedHashMap::new, Collectors.counting()));
    hosts.keySet().forEach(h -> MachineAdmission.checkFits(h, size, at));
    if (before instanceof SizeSpec old) {
      hosts.forEach(
          (h, on) -> MachineAdmission.checkGrowth(tx, h, old, size, on, at.field("memory")));
    }
  }

  private static void admitVolume(
      Tx tx,
      Lookup lookup,
      Resource<?, ?> resource,
      VolumeSpec volume,
      @Nullable Spec before,
      Violations at) {
    if (before instanceof VolumeSpec old) {
      at.field("size")
          .require(
              volume.size().compareTo(old.size()) >= 0,
              "a volume cannot shrink; it has " + old.size());
      at.field("hypervisor")
          .require(
              volume.hypervisor().equals(old.hypervisor()),
              "a volume is on "
                  + old.hypervisor()
                  + " and moves only with its machine: millwright machine move");
      boolean carried = ((VolumeStatus) resource.status()).copy() != null;
      at.field("size")
          .require(
              !carried || volume.size().equals(old.size()),
              "cannot change while the volume is being moved with its machine");
      at.field("filesystem")
          .require(
              old.filesystem() == null || old.filesystem() == volume.filesystem(),
              "a volume is formatted once, and this one is declared with another filesystem; make"
                  + " a new volume for the new one");
    }
    lookup
        .find(Kind.HYPERVISOR, resource.project(), volume.hypervisor())
        .map(h ->
            h.<HypervisorSpec, HypervisorStatus>as(HypervisorSpec.class, HypervisorStatus.class))
        .ifPresent(host -> {
          // A disk takes room as it is written to, so that all together may be larger; but one that
          // is larger than all that is free is a slip of the pen, and could never shrink again.
          ByteSize free = host.status().diskFree();
          long more =
              volume.size().bytes() - (before instanceof VolumeSpec old ? old.size().bytes() : 0);
          at.field("size")
              .require(
                  free == null || more <= free.bytes(),
                  host.title() + " has " + free + " of disk free of " + volume.size() + " asked");
          tx.resources().place(resource.uid(), host.uid());
        });
  }

  /** Names that a resource of this project could mention, at most twenty. */
  List<String> namesOf(Tx tx, Kind kind, String project) {
    List<String> out = new ArrayList<>();
    Stream.of(project, Projects.SHARED)
        .distinct()
        .forEach(p ->
            tx.resources()
                .list(new Resources.Query(kind, p, Selector.ALL, Map.of(), 20, null))
                .items()
                .forEach(r -> out.add(r.name())));
    return out.stream().distinct().limit(20).toList();
  }
}

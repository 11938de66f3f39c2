package io.millwright.engine.request;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Nic;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Draft;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Declares machines that somebody else made as they are. See ADR 0042 for what their mark is, and
 * ADR 0044 for what can be done with them.
 */
public final class MachineImport {
  private final Store store;
  private final Outside outside;
  private final Apply apply;

  public MachineImport(Store store, Outside outside, Apply apply) {
    this.store = store;
    this.outside = outside;
    this.apply = apply;
  }

  /**
   * What is asked for.
   *
   * @param name that the machine gets
   * @param object name or UUID by which the hypervisor knows it
   */
  public record Wanted(String project, String name, String hypervisor, String object) {}

  /**
   * A machine of somebody else's as it was found.
   *
   * @param disk size of its first disk, or the least that a Size can have if that is not told
   */
  public record Found(
      Wanted wanted,
      Resource<HypervisorSpec, HypervisorStatus> hypervisor,
      Observation.Machine machine,
      Import.Found more,
      ByteSize disk) {}

  /**
   * What was declared.
   *
   * @param drafts what a user would have to write to declare the same
   * @param notes what of the machine could not be declared
   */
  public record Imported(List<Applied> applied, List<Draft> drafts, List<String> notes) {}

  /**
   * Looks for it on its hypervisor.
   *
   * @throws ProblemException INVALID if there is none; UNAVAILABLE if that cannot be seen
   */
  public Found look(Wanted wanted) {
    Violations at = Violations.at("");
    Names.checkLabel(wanted.name(), at.field("name"));
    at.raise();
    Resource<HypervisorSpec, HypervisorStatus> hypervisor =
        store.read(tx -> hypervisor(tx, wanted));
    try {
      Observation seen = outside.call(hypervisor, d -> d.observe(new Scope.All()));
      UUID uid = one(seen, wanted, hypervisor).uid();
      // What a machine of others has need not stand in a listing of all.
      Observation.Machine machine =
          outside
              .call(hypervisor, d -> d.observe(new Scope.One(uid)))
              .machine(uid)
              .orElseThrow(() -> unavailable(hypervisor, "the machine has gone meanwhile"));
      Import.Found more =
          outside.call(
              hypervisor, d -> d.imports().orElseThrow(() -> lacking(hypervisor)).look(uid));
      ByteSize disk =
          more.disks().stream()
              .flatMap(d -> Stream.ofNullable(d.size()))
              .findFirst()
              .orElse(SizeSpec.LEAST);
      return new Found(wanted, hypervisor, machine, more, disk);
    } catch (DriverException e) {
      throw unavailable(hypervisor, e.forUser());
    } catch (Busy e) {
      throw unavailable(hypervisor, "too much goes on there");
    }
  }

  private static Resource<HypervisorSpec, HypervisorStatus> hypervisor(Tx tx, Wanted wanted) {
    Resource<HypervisorSpec, HypervisorStatus> found =
        new Lookup(tx)
            .find(Kind.HYPERVISOR, wanted.project(), wanted.hypervisor())
            .orElseThrow(() ->
                ProblemException.invalid(
                    "hypervisor",
                    "there is no Hypervisor "
                        + Names.quote(wanted.hypervisor())
                        + " in project "
                        + wanted.project()))
            .as(HypervisorSpec.class, HypervisorStatus.class);
    List<String> facets = found.status().facets();
    if (!facets.isEmpty() && !facets.contains(HypervisorDriver.IMPORT)) {
      throw lacking(found);
    }
    return found;
  }

  private static ProblemException lacking(Resource<?, ?> hypervisor) {
    return ProblemException.invalid("hypervisor", lack(hypervisor));
  }

  static String lack(Resource<?, ?> hypervisor) {
    return "the driver of "
        + hypervisor.title()
        + " lacks the facet "
        + HypervisorDriver.IMPORT
        + ": it cannot take machines over";
  }

  private static Observation.Machine one(
      Observation seen, Wanted wanted, Resource<?, ?> hypervisor) {
    List<Observation.Machine> found =
        seen.machines().stream()
            .filter(
                m -> m.name().equals(wanted.object()) || m.uid().toString().equals(wanted.object()))
            .toList();
    if (found.size() == 1) {
      return found.getFirst();
    }
    if (found.isEmpty() && !seen.complete()) {
      throw unavailable(hypervisor, String.join("; ", seen.gaps()));
    }
    List<String> foreign =
        seen.machines().stream()
            .filter(m -> m.mark() == null)
            .map(Observation.Machine::name)
            .sorted()
            .limit(20)
            .toList();
    throw ProblemException.invalid(
        "object",
        found.size() > 1
            ? "there are several machines of this name; give the UUID of one"
            : "there is no machine "
                + Names.quote(wanted.object())
                + " on "
                + hypervisor.title()
                + (foreign.isEmpty()
                    ? ", and none that could be imported"
                    : Names.hint(wanted.object(), foreign)
                        + "; there are: "
                        + String.join(", ", foreign)));
  }

  private static void refuse(Tx tx, Observation.Machine machine, @Nullable Mark mark) {
    objection(tx.installation(), tx.resources().find(machine.uid()), machine, mark)
        .ifPresent(why -> {
          throw ProblemException.invalid("object", why);
        });
  }

  /**
   * Why a machine cannot be imported.
   *
   * @param there what is declared under its uid
   * @param mark that it bears, whosever it is, or null
   */
  static Optional<String> objection(
      String installation,
      Optional<Resource<?, ?>> there,
      Observation.Machine machine,
      @Nullable Mark mark) {
    String why = null;
    if (there.isPresent()) {
      why = "is " + there.get().title() + " of project " + there.get().project() + " already";
    } else if (mark != null && !mark.installation().equals(installation)) {
      why =
          "belongs to another installation of Millwright, "
              + mark.installation()
              + "; have it let go there first";
    } else if (mark != null && mark.uid().equals(machine.uid()) && !mark.imported()) {
      why = "was made by Millwright itself, and nothing declares it; see: millwright orphan list";
    } else if (machine.state() == Observation.State.PAUSED) {
      why = "is paused; have it run on, or stop it, so that it is plain what it shall do";
    } else if (!machine.disks().isEmpty()) {
      why = "has disks of Millwright's own, which would get a second owner: " + machine.disks();
    }
    return Optional.ofNullable(why);
  }

  static ProblemException unavailable(Resource<?, ?> hypervisor, String why) {
    return ProblemException.of(
        Problem.Type.UNAVAILABLE, hypervisor.title() + " could not be seen: " + why);
  }

  /**
   * Declares it, as a part of a larger transaction; whoever looked at it did so before.
   *
   * @throws ProblemException INVALID or CONFLICT if it cannot be imported
   */
  public Imported declare(Tx tx, Caller caller, Found found) {
    // Two imports of one machine come one after the other.
    tx.resources().lock(found.hypervisor().uid());
    refuse(tx, found.machine(), found.more().mark());
    List<Draft> drafts = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    String size = size(tx, found, drafts);
    drafts.add(draft(found, Kind.MACHINE, found.wanted().name(), spec(tx, found, size, notes)));
    Violations at = Violations.at("");
    drafts.forEach(d -> d.spec().check(at.field("object")));
    at.raise();
    return new Imported(
        apply.imported(tx, caller, drafts, found.machine().uid()), List.copyOf(drafts), notes);
  }

  /** What {@link #declare} would do; nothing is changed. */
  public Imported plan(Caller caller, Found found) {
    return store.dryRun(tx -> declare(tx, caller, found));
  }

  private static Draft draft(Found found, Kind kind, String name, io.millwright.model.Spec spec) {
    return new Draft(kind, name, found.wanted().project(), Map.of(), Map.of(), spec, "the import");
  }

  /**
   * Name of a Size of this very shape, which is declared if there is none. One that a source
   * declares is left to that: with an imported machine on it, no commit could change it.
   */
  private static String size(Tx tx, Found found, List<Draft> drafts) {
    SizeSpec shape = new SizeSpec(found.machine().cores(), found.machine().memory(), found.disk());
    List<Resource<?, ?>> all = visible(tx, Kind.SIZE, found.wanted().project());
    Set<UUID> sourced = tx.sourced().sources(all.stream().map(Resource::uid).toList()).keySet();
    Optional<String> same =
        all.stream()
            .filter(s -> s.spec().equals(shape) && !s.deleting() && !sourced.contains(s.uid()))
            .map(Resource::name)
            .findFirst();
    if (same.isPresent()) {
      return same.get();
    }
    String plain =
        "imported-%dc-%dm-%dm".formatted(shape.cores(), shape.memory().mib(), shape.disk().mib());
    String name = plain;
    for (int i = 2; named(all, name); i++) {
      name = plain + "-" + i;
    }
    drafts.add(draft(found, Kind.SIZE, name, shape));
    return name;
  }

  private static boolean named(List<Resource<?, ?>> all, String name) {
    return all.stream().anyMatch(r -> r.name().equals(name));
  }

  /** What a project may name, its own first; what is hidden by its own is not among it. */
  private static List<Resource<?, ?>> visible(Tx tx, Kind kind, String project) {
    List<Resource<?, ?>> out = new ArrayList<>();
    for (String place : Lookup.places(project)) {
      tx.resources().all(Resources.Query.of(kind, place)).stream()
          .filter(r -> !named(out, r.name()))
          .forEach(out::add);
    }
    return out;
  }

  private static MachineSpec spec(Tx tx, Found found, String size, List<String> notes) {
    Observation.Machine machine = found.machine();
    List<Resource<?, ?>> networks = visible(tx, Kind.NETWORK, found.wanted().project());
    List<Nic> nics = new ArrayList<>();
    for (MachineDefinition.Nic card : machine.nics()) {
      Optional<Resource<NetworkSpec, NetworkStatus>> network =
          networks.stream()
              .filter(n -> !n.deleting())
              .map(n -> n.as(NetworkSpec.class, NetworkStatus.class))
              .filter(n -> carries(n.spec(), found.hypervisor().name(), card))
              .findFirst();
      if (network.isEmpty()) {
        notes.add(
            "the card "
                + card.mac()
                + " is on no declared Network, and is left out: nothing reserves its addresses");
        continue;
      }
      NetworkSpec on = network.get().spec();
      List<Ip> has = found.more().addresses().getOrDefault(card.mac(), List.of());
      nics.add(
          new Nic(
              "",
              network.get().name(),
              card.mac(),
              addressing(on, has, false),
              addressing(on, has, true),
              List.of(),
              null,
              null));
      has.stream()
          .filter(ip -> !reserved(nics.getLast(), ip))
          .forEach(ip ->
              notes.add(
                  "the address "
                      + ip
                      + " of the card "
                      + card.mac()
                      + " is not reserved: one of each family is, if it lies in a subnet of "
                      + network.get().title()));
      if (has.isEmpty()) {
        notes.add(
            "what addresses the card "
                + card.mac()
                + " has is not known; write them into its ipv4 and ipv6 to have them reserved");
      }
    }
    return new MachineSpec(
        found.hypervisor().name(),
        MachineSpec.NO_IMAGE,
        size,
        List.of(),
        found.more().firmware(),
        machine.state() == Observation.State.RUNNING ? Power.ON : Power.OFF,
        null,
        nics,
        List.of(),
        List.of(),
        List.of(),
        null,
        List.of(),
        1800,
        null,
        null,
        true);
  }

  /** True if a card of this network would be attached there as this one is. */
  private static boolean carries(NetworkSpec network, String hypervisor, MachineDefinition.Nic it) {
    return Objects.equals(network.vlan(), it.vlan())
        && network
            .attachmentOn(hypervisor)
            .filter(to -> Objects.equals(to.bridge(), it.bridge()))
            .filter(to -> Objects.equals(to.network(), it.network()))
            .isPresent();
  }

  private static Addressing addressing(NetworkSpec network, List<Ip> has, boolean v6) {
    return has.stream()
        .filter(ip -> ip.v6() == v6)
        .filter(ip -> network.subnet(v6).filter(s -> s.cidr().usable(ip)).isPresent())
        .findFirst()
        .<Addressing>map(Addressing.Fixed::new)
        .orElseGet(Addressing.None::new);
  }

  private static boolean reserved(Nic nic, Ip ip) {
    return (ip.v6() ? nic.ipv6() : nic.ipv4()) instanceof Addressing.Fixed fixed
        && fixed.ip().equals(ip);
  }
}

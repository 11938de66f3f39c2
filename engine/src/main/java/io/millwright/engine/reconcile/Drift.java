package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestAgent.Facts;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.machine.Leaving;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.DriftPolicy;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.MachineDrift;
import io.millwright.planner.MachineDrift.Difference;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachinePlanner;
import io.millwright.planner.Plan;
import io.millwright.planner.Step;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Compares what is there with what is declared, for people to see; nothing is changed. It costs one
 * listing for each hypervisor and one for each network with services.
 */
public final class Drift {
  private final Store store;
  private final Outside outside;

  public Drift(Store store, Outside outside) {
    this.store = store;
    this.outside = outside;
  }

  /** What is done when this machine is not as declared; the only place that decides it. */
  public static DriftPolicy policy(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
    return policy(machine, tx.driftPolicies()::of);
  }

  private static DriftPolicy policy(
      Resource<MachineSpec, MachineStatus> machine, Function<String, DriftPolicy> ofProject) {
    DriftPolicy own = machine.spec().drift();
    DriftPolicy policy = own != null ? own : ofProject.apply(machine.project());
    // There is nothing of which one that was imported could be made anew.
    return policy == DriftPolicy.REBUILD && machine.spec().foreignMade()
        ? DriftPolicy.REPAIR
        : policy;
  }

  /**
   * One machine.
   *
   * @param policy what is done about it
   * @param repair what Millwright would do about it
   * @param note why it could not be compared, or why nothing is done about it; or null
   */
  public record Finding(
      Resource<MachineSpec, MachineStatus> machine,
      DriftPolicy policy,
      List<Difference> differences,
      List<Step> repair,
      @Nullable String note) {
    /** True if it was compared and is not as declared. */
    public boolean differs() {
      return !differences.isEmpty() || !repair.isEmpty();
    }
  }

  /**
   * What was found.
   *
   * @param comparedIn how many machines were compared of each project that has any
   * @param findings those of them that differ, and those that could not be compared
   */
  public record Report(Map<String, Integer> comparedIn, List<Finding> findings) {
    public int compared() {
      return comparedIn.values().stream().mapToInt(n -> n).sum();
    }

    /**
     * What of it is about a project, or about all for null.
     *
     * @param among the projects of which the asker may know, or null for all
     */
    public Report of(@Nullable String project, @Nullable Set<String> among) {
      Predicate<String> asked =
          p -> (project == null || p.equals(project)) && (among == null || among.contains(p));
      Map<String, Integer> compared = new HashMap<>(comparedIn);
      compared.keySet().removeIf(asked.negate());
      return new Report(
          Map.copyOf(compared),
          findings.stream().filter(f -> asked.test(f.machine().project())).toList());
    }
  }

  /** One that shall be compared, with the title of what is at work on it. */
  private record Subject(ResolvedMachine machine, DriftPolicy policy, @Nullable String work) {}

  private record Place(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, List<Subject> machines) {}

  /** Looks at all machines of a project, or of all projects for null. */
  public Report look(@Nullable String project) {
    return look(project, null, null);
  }

  /**
   * As {@link #look(String)}.
   *
   * @param name of the only machine that is looked at, or null for all; a guest is asked for its
   *     addresses only then, for that costs a call for each
   * @param among the projects of which the asker may know, or null for all
   */
  public Report look(@Nullable String project, @Nullable String name, @Nullable Set<String> among) {
    String installation = store.read(Tx::installation);
    List<Place> places = store.read(tx -> places(tx, project, name, among));
    Map<UUID, Optional<Map<UUID, Records>>> published = new HashMap<>();
    List<Finding> out = new ArrayList<>();
    Map<String, Integer> compared = new HashMap<>();
    for (Place place : places) {
      HypervisorReconciler.Index index;
      try {
        Observation seen = outside.call(place.hypervisor(), d -> d.observe(new Scope.All()));
        if (!seen.complete()) {
          unknown(place, String.join("; ", seen.gaps()), out);
          continue;
        }
        index = HypervisorReconciler.Index.of(seen);
      } catch (DriverException e) {
        unknown(place, e.forUser(), out);
        continue;
      } catch (Busy e) {
        unknown(place, "too much goes on there", out);
        continue;
      }
      for (Subject subject : place.machines()) {
        compared.merge(subject.machine().machine().project(), 1, Integer::sum);
        Finding finding = compare(subject, index, installation, published);
        if (name != null && subject.work() == null) {
          finding = withAddresses(finding, subject.machine(), installation);
        }
        if (!finding.differences().isEmpty() || finding.note() != null) {
          out.add(finding);
        }
      }
    }
    return new Report(Map.copyOf(compared), List.copyOf(out));
  }

  private static List<Place> places(
      Tx tx, @Nullable String project, @Nullable String name, @Nullable Set<String> among) {
    List<Place> out = new ArrayList<>();
    Lookup lookup = new Lookup(tx);
    Map<String, DriftPolicy> policies = new HashMap<>();
    List<Resource<?, ?>> hypervisors =
        tx.resources().all(Resources.Query.of(Kind.HYPERVISOR, null));
    for (Resource<?, ?> hypervisor : hypervisors) {
      List<Resource<?, ?>> asked =
          tx.resources().on(hypervisor.uid()).stream()
              .filter(r -> r.kind() == Kind.MACHINE)
              .filter(r -> project == null || r.project().equals(project))
              .filter(r -> name == null || r.name().equals(name))
              .filter(r -> among == null || among.contains(r.project()))
              .toList();
      Set<UUID> busy = tx.operations().busy(asked.stream().map(Resource::uid).toList());
      List<Subject> machines = new ArrayList<>();
      ResolvedMachine.prepare(lookup, asked);
      for (Resource<?, ?> r : asked) {
        Resource<MachineSpec, MachineStatus> machine = r.as(MachineSpec.class, MachineStatus.class);
        machines.add(
            new Subject(
                ResolvedMachine.of(lookup, machine),
                policy(machine, p -> policies.computeIfAbsent(p, tx.driftPolicies()::of)),
                busy.contains(r.uid())
                    ? tx.operations().active(r.uid()).map(o -> o.title()).orElse(null)
                    : null));
      }
      machines.sort(
          Comparator.comparing((Subject s) -> s.machine().machine().project())
              .thenComparing(s -> s.machine().machine().name()));
      if (!machines.isEmpty()) {
        out.add(new Place(hypervisor.as(HypervisorSpec.class, HypervisorStatus.class), machines));
      }
    }
    return out;
  }

  private static void unknown(Place place, String why, List<Finding> out) {
    String note = place.hypervisor().title() + " could not be seen: " + why;
    place
        .machines()
        .forEach(s ->
            out.add(new Finding(s.machine().machine(), s.policy(), List.of(), List.of(), note)));
  }

  private Finding compare(
      Subject subject,
      HypervisorReconciler.Index index,
      String installation,
      Map<UUID, Optional<Map<UUID, Records>>> published) {
    ResolvedMachine r = subject.machine();
    Resource<MachineSpec, MachineStatus> machine = r.machine();
    if (subject.work() != null) {
      return new Finding(
          machine, subject.policy(), List.of(), List.of(), subject.work() + " goes on");
    }
    boolean held = Condition.holds(machine.status().conditions(), Condition.HELD);
    // One that is declared off, since it was made or since its system was reverted, is at rest.
    if (machine.status().readyBy() == null && (held || machine.spec().power() == Power.ON)) {
      return new Finding(machine, subject.policy(), List.of(), List.of(), "it never came up");
    }
    MachineGoal goal = MachineGoals.goal(r, installation);
    Map<String, Records> records = new LinkedHashMap<>();
    String note = held ? "it is held: nothing is done about it before it is applied again" : null;
    Map<String, Integer> wanted = new HashMap<>(goal.records());
    for (Map.Entry<String, Resource<NetworkSpec, NetworkStatus>> network :
        r.networks().entrySet()) {
      if (network.getValue().spec().services() == null) {
        continue;
      }
      Optional<Map<UUID, Records>> all =
          published.computeIfAbsent(network.getValue().uid(), _ -> published(network.getValue()));
      if (all.isEmpty()) {
        // What could not be seen is not missing.
        wanted.remove(network.getKey());
        note = "the records on network " + network.getKey() + " could not be seen";
        continue;
      }
      Records there = all.get().get(r.uid());
      if (there != null) {
        records.put(network.getKey(), there);
      }
    }
    MachineFacts facts =
        MachineGoals.facts(machine.uid(), index.of(machine.uid()), goal.sha256(), records, false);
    MachineGoal compared = goal.withRecords(wanted);
    if (goal.sha256() == null && !facts.systemDisks().containsKey(goal.disk())) {
      return new Finding(
          machine, subject.policy(), MachineDrift.between(compared, facts), List.of(), note);
    }
    List<Difference> foreign =
        MachineDrift.foreignDisks(
            index
                .of(machine.uid())
                .machine(machine.uid())
                .map(Observation.Machine::foreignDisks)
                .orElse(List.of()));
    if (!foreign.isEmpty() && note == null) {
      note = "a disk that is not Millwright's is left as it is";
    }
    for (Resource<VolumeSpec, VolumeStatus> volume : r.volumes()) {
      Optional<Condition> told = DiskWatch.told(volume);
      if (note == null && told.isPresent()) {
        note = volume.title() + ": " + told.get().message();
      }
    }
    Plan repair = MachinePlanner.plan(Leaving.promised(store, Map.of(), compared, facts), facts);
    return new Finding(
        machine,
        subject.policy(),
        // The seed of one that was never started has to be where it is, say.
        Stream.concat(
                repair.empty() ? Stream.of() : MachineDrift.between(compared, facts).stream(),
                foreign.stream())
            .toList(),
        repair.steps(),
        note);
  }

  /**
   * With what its guest's agent says of the addresses that it was given, if there is one that tells
   * any. Nothing is done about them: they are set inside the guest.
   */
  private Finding withAddresses(Finding finding, ResolvedMachine machine, String installation) {
    Mark mark = new Mark(installation, machine.uid(), machine.machine().generation());
    Set<Ip> told;
    try {
      told =
          outside
              .call(
                  machine.hypervisor(),
                  d -> {
                    Optional<GuestAgent> agent = d.guestAgent();
                    return agent.isPresent() ? agent.get().ask(mark) : Optional.<Facts>empty();
                  })
              .stream()
              .flatMap(facts -> facts.addresses().values().stream().flatMap(List::stream))
              .collect(Collectors.toCollection(TreeSet::new));
    } catch (DriverException | Busy e) {
      return finding; // one that is off, say, has no agent
    }
    Set<Ip> missing =
        store.read(tx -> tx.addresses().leases(machine.uid())).stream()
            .filter(lease -> lease.coolingUntil() == null)
            .map(Lease::ip)
            .collect(Collectors.toCollection(TreeSet::new));
    missing.removeAll(told);
    if (told.isEmpty() || missing.isEmpty()) {
      return finding;
    }
    List<Difference> differences = new ArrayList<>(finding.differences());
    differences.add(new Difference("addresses", missing.toString(), told.toString()));
    return new Finding(
        finding.machine(),
        finding.policy(),
        List.copyOf(differences),
        finding.repair(),
        finding.note() != null
            ? finding.note()
            : "its guest has other addresses than it was given; a rebuild gives it those again");
  }

  /** What is published on a network; nothing if it could not be seen. */
  private Optional<Map<UUID, Records>> published(Resource<NetworkSpec, NetworkStatus> network) {
    try {
      return Optional.of(outside.callServices(network, services -> services.observe()));
    } catch (DriverException | Busy e) {
      return Optional.empty();
    }
  }
}

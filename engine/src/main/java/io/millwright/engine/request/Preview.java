package io.millwright.engine.request;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.machine.ImageSteps;
import io.millwright.engine.machine.Leaving;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.OwnerSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import io.millwright.planner.MachinePlanner;
import io.millwright.planner.MovePlanner;
import io.millwright.planner.Plan;
import io.millwright.planner.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Plans what an apply would cause, by the same planner and the same observation as the real one.
 */
public final class Preview {
  /** Stands for the checksum of an image that is not made yet. */
  private static final String UNKNOWN_IMAGE = "0".repeat(64);

  /** How long a plan for new machines waits for a hypervisor; it can do without. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** Longer than any hypervisor's deadline. */
  private static final Duration ALL_THE_TIME = Duration.ofDays(1);

  private static final String TOO_MUCH = "too much goes on there";

  private final Store store;
  private final Outside outside;
  private final String installation;

  public Preview(Store store, Outside outside, String installation) {
    this.store = store;
    this.outside = outside;
    this.installation = installation;
  }

  /** What a request would do, by the very plan that would run; nothing is changed. */
  List<Applied> of(Function<Tx, List<Applied>> request) {
    record Found(List<Applied> applied, Map<UUID, ResolvedMachine> machines) {}
    Found found =
        store.dryRun(tx -> {
          List<Applied> applied = request.apply(tx);
          Lookup lookup = new Lookup(tx);
          Map<UUID, ResolvedMachine> machines = new LinkedHashMap<>();
          for (Applied each : applied) {
            if (each.resource().kind() == Kind.MACHINE) {
              machines.put(
                  each.resource().uid(),
                  ResolvedMachine.of(
                      lookup, each.resource().as(MachineSpec.class, MachineStatus.class)));
            }
          }
          return new Found(applied, machines);
        });
    try (Outside.Glance glance = outside.glance(declared(found.applied()))) {
      return plan(found.applied(), found.machines(), glance);
    }
  }

  /**
   * What there is already of the hypervisors and networks of a request: its machines are looked for
   * where they are, and not where what was rolled back would have them.
   */
  private Map<UUID, Resource<?, ?>> declared(List<Applied> applied) {
    Map<UUID, Resource<?, ?>> out = new HashMap<>();
    List<UUID> uids =
        applied.stream()
            .map(Applied::resource)
            .filter(r -> r.kind() == Kind.HYPERVISOR || r.kind() == Kind.NETWORK)
            .map(Resource::uid)
            .toList();
    if (!uids.isEmpty()) {
      store.read(tx -> {
        uids.forEach(uid -> tx.resources().find(uid).ifPresent(r -> out.put(uid, r)));
        return out;
      });
    }
    return out;
  }

  /** The same with impact and steps put in; machines that nothing would happen to stay bare. */
  private List<Applied> plan(
      List<Applied> applied, Map<UUID, ResolvedMachine> machines, Outside.Glance glance) {
    List<Applied> out = new ArrayList<>();
    Set<UUID> otherMtu = new HashSet<>();
    Map<UUID, VolumeSpec> volumes = new HashMap<>();
    for (Applied each : applied) {
      if (each.changes().stream().anyMatch(c -> c.path().equals("spec.mtu"))) {
        otherMtu.add(each.resource().uid());
      }
      if (each.resource().spec() instanceof VolumeSpec volume) {
        volumes.put(each.resource().uid(), volume);
      }
    }
    Map<UUID, String> away = new HashMap<>();
    for (Applied each : applied) {
      if (each.operation() == null) {
        out.add(each);
        continue;
      }
      ResolvedMachine machine = machines.get(each.resource().uid());
      out.add(
          machine == null ? simple(each) : machine(each, machine, otherMtu, volumes, away, glance));
    }
    return out;
  }

  private Applied machine(
      Applied applied,
      ResolvedMachine machine,
      Set<UUID> otherMtu,
      Map<UUID, VolumeSpec> volumes,
      Map<UUID, String> away,
      Outside.Glance glance) {
    boolean fresh = applied.action() == Applied.Action.CREATED;
    MachineGoal goal = MachineGoals.goal(machine, installation);
    if (goal.sha256() == null) {
      goal = goal.withSha256(UNKNOWN_IMAGE);
    }
    Seen seen =
        fresh
            ? observeNew(machine, goal, away, glance)
            : new Seen(observe(machine, goal, glance), null);
    MachineFacts facts = seen.facts();
    boolean moves = machine.machine().status().moving();
    Plan plan =
        machine.elsewhere() == null
            ? MachinePlanner.plan(Leaving.promised(store, volumes, goal, facts), facts)
            : MovePlanner.plan(
                goal,
                facts,
                MachineGoals.elsewhere(machine),
                observe(machine.there(), goal, glance));
    String impact = moves ? "move" : MachinePlanner.impact(goal, facts.vm(), plan);
    return new Applied(
        applied.resource(),
        applied.action(),
        applied.changes(),
        applied.operation(),
        impact,
        plan.steps(),
        switch (impact) {
          case "rebuild", "move" -> keeps(machine);
          case "restart" -> keeps(keepsMtu(machine, otherMtu), goal, facts);
          default -> keeps(applied.keeps(), goal, facts);
        },
        seen.note());
  }

  private static List<String> keeps(List<String> more, MachineGoal goal, MachineFacts facts) {
    return Stream.concat(more.stream(), MachinePlanner.kept(goal, facts).stream()).toList();
  }

  /** A guest's own configuration is written at its first boot. */
  private static List<String> keepsMtu(ResolvedMachine machine, Set<UUID> otherMtu) {
    return machine.networks().entrySet().stream()
        .filter(network -> otherMtu.contains(network.getValue().uid()))
        .map(n -> "the MTU inside the guest on network " + n.getKey() + ", until it is rebuilt")
        .toList();
  }

  /** What outlives a rebuild, as people ask for it. */
  private static List<String> keeps(ResolvedMachine machine) {
    List<String> out = new ArrayList<>();
    out.add("name " + machine.machine().name() + " and UUID " + machine.uid());
    machine.nics().forEach(nic -> out.add("MAC " + nic.mac()));
    machine.machine().status().addresses().forEach(ip -> out.add("address " + ip));
    machine.volumes().forEach(v -> out.add("volume " + v.name() + " with its data"));
    return out;
  }

  /**
   * What there is of a machine.
   *
   * @param note why that is not seen but taken for granted, or null
   */
  private record Seen(MachineFacts facts, @Nullable String note) {}

  /**
   * Of a machine that cannot be anywhere yet; a hypervisor that is away is no hindrance. One that
   * is known to be away is not waited for.
   *
   * @param away what was found to be away in this plan, and why
   */
  private static Seen observeNew(
      ResolvedMachine machine, MachineGoal goal, Map<UUID, String> away, Outside.Glance glance) {
    UUID hypervisor = machine.hypervisor().uid();
    Condition.find(machine.hypervisor().status().conditions(), Condition.READY)
        .filter(c -> c.value() == Condition.Value.FALSE && c.reason().equals("Unreachable"))
        .ifPresent(c -> away.put(hypervisor, c.message()));
    if (!away.containsKey(hypervisor)) {
      try {
        return new Seen(look(machine, goal, PATIENCE, glance), null);
      } catch (DriverException e) {
        away.put(hypervisor, e.forUser());
      } catch (Busy e) {
        away.put(hypervisor, TOO_MUCH);
      }
    }
    return new Seen(
        MachineGoals.nothing(),
        "It could not be seen, so this is planned as if nothing of the machine were there: "
            + away.get(hypervisor));
  }

  private static MachineFacts observe(
      ResolvedMachine machine, MachineGoal goal, Outside.Glance glance) {
    try {
      return look(machine, goal, ALL_THE_TIME, glance);
    } catch (DriverException e) {
      throw unavailable(machine, e.forUser());
    } catch (Busy e) {
      throw unavailable(machine, TOO_MUCH);
    }
  }

  private static MachineFacts look(
      ResolvedMachine machine, MachineGoal goal, Duration patience, Outside.Glance glance)
      throws DriverException {
    Observation seen =
        glance.callWithin(
            patience, machine.hypervisor(), d -> d.observe(new Scope.One(machine.uid())));
    Map<String, Records> published = new LinkedHashMap<>();
    for (var network : machine.networks().entrySet()) {
      if (network.getValue().spec().services() != null) {
        Records records =
            glance.callServices(network.getValue(), s -> s.observe()).get(machine.uid());
        if (records != null) {
          published.put(network.getKey(), records);
        }
      }
    }
    if (!seen.complete()) {
      throw new DriverException(FaultKind.UNREACHABLE, String.join("; ", seen.gaps()));
    }
    return MachineGoals.facts(machine.uid(), seen, goal.sha256(), published, false);
  }

  private static ProblemException unavailable(ResolvedMachine machine, String why) {
    return ProblemException.of(
        Problem.Type.UNAVAILABLE,
        machine.machine().title()
            + " cannot be planned, because its present state is unknown: "
            + why);
  }

  private static Applied simple(Applied applied) {
    Resource<?, ?> resource = applied.resource();
    List<Step> steps =
        switch (resource.spec()) {
          case ImageSpec _ -> ImageSteps.of(resource.as(ImageSpec.class, ImageStatus.class));
          case VolumeSpec volume ->
              applied.action() == Applied.Action.CREATED
                  ? List.<Step>of(new Step.CreateVolume(resource.name(), volume.size()))
                  : grow(resource, volume);
          case SnapshotSpec _ -> taking(applied.action(), (SnapshotStatus) resource.status());
          case OwnerSpec _ -> applied.steps();
          default -> List.of();
        };
    return new Applied(
        resource, applied.action(), applied.changes(), applied.operation(), "", steps);
  }

  private static List<Step> taking(Applied.Action action, SnapshotStatus s) {
    return action != Applied.Action.CREATED
            || s.object() == null
            || s.system() == null
            || s.size() == null
        ? List.of()
        : List.of(new Step.CopyDisk(s.object(), s.system().disk(), s.size()));
  }

  private static List<Step> grow(Resource<?, ?> resource, VolumeSpec volume) {
    VolumeStatus status = (VolumeStatus) resource.status();
    return status.size() == null || Objects.equals(status.size(), volume.size())
        ? List.of()
        : List.of(new Step.GrowVolume(resource.name(), volume.size()));
  }
}

package io.millwright.engine.request;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What somebody else made on a hypervisor: it is looked at, and never touched. */
public final class ForeignMachines {
  /** Somebody waits for the answer, and each machine is a call to the hypervisor. */
  private static final Duration LOOKING = Duration.ofSeconds(20);

  private final Store store;
  private final Outside outside;
  private final InstantSource clock;

  public ForeignMachines(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
  }

  /**
   * One of them.
   *
   * @param name by which its hypervisor knows it
   * @param state what it is doing: running, stopped, paused or crashed
   * @param addresses that its guest's agent tells; null if it was not asked
   * @param objection why it cannot be imported, or null
   */
  public record Foreign(
      String name,
      UUID uid,
      String state,
      int cores,
      ByteSize memory,
      @Nullable List<Ip> addresses,
      @Nullable String objection) {}

  /**
   * All of them, by name.
   *
   * @param gaps what could not be seen, one line each
   */
  public record Listing(List<Foreign> machines, List<String> gaps) {}

  private record Looked(List<Ip> addresses, @Nullable Mark mark, @Nullable String trouble) {}

  /**
   * Lists them.
   *
   * @param hypervisor as an import into this project would name it
   * @param closely true to look at each by itself as well, which tells its addresses, and whether
   *     it is another installation's
   * @throws ProblemException NOT_FOUND if there is no such hypervisor; UNAVAILABLE if it cannot be
   *     seen
   */
  public Listing list(String project, String hypervisor, boolean closely) {
    Resource<HypervisorSpec, HypervisorStatus> on =
        store.read(tx ->
            Lookup.find(tx, Kind.HYPERVISOR, project, hypervisor)
                .orElseThrow(() -> Missing.of(tx, Kind.HYPERVISOR, project, hypervisor))
                .as(HypervisorSpec.class, HypervisorStatus.class));
    try {
      boolean able = outside.call(on, HypervisorDriver::imports).isPresent();
      Observation seen = outside.call(on, d -> d.observe(new Scope.All()));
      List<Observation.Machine> foreign =
          seen.machines().stream()
              .filter(m -> m.mark() == null)
              .sorted(
                  Comparator.comparing(Observation.Machine::name)
                      .thenComparing(Observation.Machine::uid))
              .toList();
      List<String> gaps = new ArrayList<>(seen.gaps());
      Map<UUID, Looked> looked = closely && able ? look(on, foreign, gaps) : Map.of();
      String lacking = able ? null : MachineImport.lack(on);
      return new Listing(
          store.read(tx -> {
            Set<UUID> declared =
                tx.resources().declared(foreign.stream().map(Observation.Machine::uid).toList());
            return foreign.stream()
                .map(m -> one(tx, m, looked.get(m.uid()), declared, lacking))
                .toList();
          }),
          List.copyOf(gaps));
    } catch (DriverException e) {
      throw MachineImport.unavailable(on, e.forUser());
    } catch (Busy e) {
      throw MachineImport.unavailable(on, "too much goes on there");
    }
  }

  private Map<UUID, Looked> look(
      Resource<HypervisorSpec, HypervisorStatus> on,
      List<Observation.Machine> machines,
      List<String> gaps) {
    Instant end = clock.instant().plus(LOOKING);
    Map<UUID, Looked> out = new HashMap<>();
    for (Observation.Machine machine : machines) {
      if (clock.instant().isAfter(end)) {
        gaps.add(
            "%d of %d machines were not looked at by themselves: that took too long"
                .formatted(machines.size() - out.size(), machines.size()));
        break;
      }
      out.put(machine.uid(), look(on, machine.uid()));
    }
    return out;
  }

  private Looked look(Resource<HypervisorSpec, HypervisorStatus> on, UUID uid) {
    try {
      Optional<Import.Found> found =
          outside.call(
              on,
              d -> {
                Optional<Import> imports = d.imports();
                return imports.isPresent()
                    ? Optional.of(imports.get().look(uid))
                    : Optional.empty();
              });
      return found
          .map(f ->
              new Looked(
                  f.addresses().values().stream()
                      .flatMap(Collection::stream)
                      .distinct()
                      .sorted(Comparator.comparing(Ip::v6).thenComparing(Ip::toString))
                      .toList(),
                  f.mark(),
                  null))
          .orElseGet(() -> new Looked(List.of(), null, null));
    } catch (DriverException e) {
      return new Looked(List.of(), null, "could not be looked at: " + e.forUser());
    } catch (Busy e) {
      return new Looked(List.of(), null, "could not be looked at: too much goes on there");
    }
  }

  private static Foreign one(
      Tx tx,
      Observation.Machine machine,
      @Nullable Looked looked,
      Set<UUID> declared,
      @Nullable String lacking) {
    String why = lacking;
    if (why == null && looked != null) {
      why = looked.trouble();
    }
    if (why == null) {
      why =
          MachineImport.objection(
                  tx.installation(),
                  declared.contains(machine.uid())
                      ? tx.resources().find(machine.uid())
                      : Optional.empty(),
                  machine,
                  looked == null ? null : looked.mark())
              .orElse(null);
    }
    return new Foreign(
        machine.name(),
        machine.uid(),
        machine.state().name().toLowerCase(Locale.ROOT),
        machine.cores(),
        machine.memory(),
        looked == null || looked.trouble() != null ? null : looked.addresses(),
        why);
  }
}

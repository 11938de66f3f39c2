package io.millwright.engine.reconcile;

import static java.util.stream.Collectors.partitioningBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at all that is published on a network in one listing: nudges the machines whose records
 * differ, and withdraws what no machine on it accounts for, such as what a frozen node published
 * late or what a machine had that has moved to another network.
 */
public final class NetworkReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(NetworkReconciler.class);

  /** Between two tries to take leave of services that do not answer. */
  private static final Duration AWAY = Duration.ofSeconds(5);

  private final Store store;
  private final Outside outside;
  private final InstantSource clock;
  private final Duration round;

  public NetworkReconciler(Store store, Outside outside, InstantSource clock, Duration round) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
    this.round = round;
  }

  Optional<Duration> reconcile(Resource<NetworkSpec, NetworkStatus> network, @Nullable Run run) {
    if (network.deleting()) {
      return forget(network, run);
    }
    if (network.spec().services() == null) {
      tell(network, null);
      return Optional.empty();
    }
    try {
      Map<UUID, Records> published = outside.callServices(network, s -> s.observe());
      Users users = store.read(tx -> users(tx, network, published));
      List<UUID> differing =
          users.up().stream()
              .filter(m -> differs(m, network, published))
              .map(ResolvedMachine::uid)
              .toList();
      if (!differing.isEmpty()) {
        store.write(tx -> tx.nudges().nudgeAll(differing));
      }
      outside.callServices(
          network,
          s -> {
            s.check();
            return true;
          });
      tell(network, new Serving(true, "Serving", "What is published on it is served."));
      try {
        withdraw(network, users.strange());
      } catch (DriverException e) {
        LOG.info("{}: {}", network.title(), e.forOperator()); // it is served all the same
      }
      return Optional.of(round);
    } catch (DriverException e) {
      LOG.info("{}: {}", network.title(), e.forOperator());
      tell(network, new Serving(false, "NotServing", e.forUser()));
      return Optional.of(round);
    } catch (Busy e) {
      return Optional.of(e.retryIn());
    }
  }

  private record Serving(boolean value, String reason, String message) {
    /** Whatever the words are: a fault that is told now so and now so is no news. */
    boolean told(List<Condition> conditions) {
      return Condition.find(conditions, Condition.SERVING)
          .filter(c -> c.value() == Condition.Value.of(value) && c.reason().equals(reason))
          .isPresent();
    }
  }

  /**
   * Says whether it is served, if that is news.
   *
   * @param serving null if it is to be served by nobody
   */
  private void tell(Resource<NetworkSpec, NetworkStatus> network, @Nullable Serving serving) {
    if (told(network, serving)) {
      return;
    }
    store.write(tx ->
        tx.resources()
            .lock(network.uid())
            .map(r -> r.as(NetworkSpec.class, NetworkStatus.class))
            .filter(n -> n.generation() == network.generation() && !told(n, serving))
            .ifPresent(n -> {
              List<Condition> had = n.status().conditions();
              List<Condition> next =
                  serving == null
                      ? Condition.drop(had, Condition.SERVING)
                      : Condition.set(
                          had,
                          MachineReconciler.condition(
                              Condition.SERVING,
                              serving.value(),
                              serving.reason(),
                              serving.message(),
                              clock.instant()));
              tx.resources()
                  .updateStatus(
                      n.uid(),
                      new NetworkStatus(next),
                      serving == null ? "" : serving.reason(),
                      serving == null ? "" : serving.message());
            }));
  }

  private static boolean told(
      Resource<NetworkSpec, NetworkStatus> network, @Nullable Serving serving) {
    List<Condition> conditions = network.status().conditions();
    return serving == null
        ? Condition.find(conditions, Condition.SERVING).isEmpty()
        : serving.told(conditions);
  }

  private void withdraw(Resource<NetworkSpec, NetworkStatus> network, List<UUID> strange)
      throws DriverException {
    for (UUID uid : strange) {
      LOG.info("{}: what is published of {} is nobody's and is withdrawn", network.title(), uid);
      outside.callServices(network, s -> s.withdraw(uid));
    }
  }

  /** Withdraws what is left of its machines, and removes the declaration after that. */
  private Optional<Duration> forget(
      Resource<NetworkSpec, NetworkStatus> network, @Nullable Run run) {
    if (run == null) {
      return Optional.empty();
    }
    try {
      Map<UUID, Records> published = outside.callServices(network, s -> s.observe());
      Users users = store.read(tx -> users(tx, network, published));
      withdraw(network, users.strange());
      withdraw(network, users.unknown()); // who asked for that has decided about them
      run.finish(new State.Succeeded(), tx -> tx.resources().remove(network.uid()));
    } catch (DriverException e) {
      run.waitFor("Unreachable", "what it has published cannot be withdrawn: " + e.forUser(), AWAY);
      return Optional.of(AWAY);
    } catch (ProblemException e) {
      // A machine was put on it in the very moment in which it was deleted.
      run.waitFor("InUse", e.problem().detail(), AWAY);
      return Optional.of(AWAY);
    }
    outside.forgetServices(network.uid());
    return Optional.empty();
  }

  /**
   * Who shall have something on a network. It is read in a transaction and compared after it: there
   * may be ten thousand.
   *
   * @param up machines that shall have it now
   * @param strange uids of which something is published and nothing shall be
   * @param unknown uids of which something is published and that are neither declared nor deleted.
   *     They may be of machines that run and that an older database does not know, be it on a
   *     hypervisor that is away or that it does not know either: so it stays until somebody purges
   *     the machine and that is gone; see {@link Sweep#purge}
   */
  private record Users(List<ResolvedMachine> up, List<UUID> strange, List<UUID> unknown) {}

  private static Users users(
      Tx tx, Resource<NetworkSpec, NetworkStatus> network, Map<UUID, Records> published) {
    List<ResolvedMachine> up = new ArrayList<>();
    Set<UUID> accounted = new HashSet<>();
    Lookup lookup = new Lookup(tx);
    List<Resource<?, ?>> referrers = tx.resources().referrers(network.uid(), Integer.MAX_VALUE);
    ResolvedMachine.prepare(lookup, referrers);
    for (Resource<?, ?> user : referrers) {
      if (user.kind() != Kind.MACHINE) {
        continue;
      }
      accounted.add(user.uid());
      Resource<MachineSpec, MachineStatus> machine =
          user.as(MachineSpec.class, MachineStatus.class);
      // One that was not up yet, or is held, is looked at by its operation or by nobody.
      if (!machine.deleting()
          && machine.status().readyBy() != null
          && !Condition.holds(machine.status().conditions(), Condition.HELD)) {
        up.add(ResolvedMachine.of(lookup, machine));
      }
    }
    Set<UUID> left = new HashSet<>(published.keySet());
    left.removeAll(accounted);
    NetworkSpec.Services services = network.spec().services();
    if (services != null && !left.isEmpty()) {
      // Where many networks share a server, each sees there what is of all of them.
      left.removeAll(tx.resources().served(services, left));
    }
    List<UUID> strange =
        left.stream().filter(uid -> !sharesServices(tx, lookup, uid, network)).toList();
    Set<UUID> declared = strange.isEmpty() ? Set.of() : tx.resources().declared(strange);
    Set<UUID> purged = strange.isEmpty() ? Set.of() : tx.orphans().purged(strange);
    Map<Boolean, List<UUID>> known =
        strange.stream()
            .collect(
                partitioningBy(uid -> purged.contains(uid) || !Sweep.unknown(tx, declared, uid)));
    return new Users(
        up, Objects.requireNonNull(known.get(true)), Objects.requireNonNull(known.get(false)));
  }

  private static boolean differs(
      ResolvedMachine machine,
      Resource<NetworkSpec, NetworkStatus> network,
      Map<UUID, Records> published) {
    Map<String, Records> wanted = MachineGoals.records(machine);
    return machine.networks().entrySet().stream()
        .filter(n -> n.getValue().uid().equals(network.uid()))
        .anyMatch(n -> !Objects.equals(wanted.get(n.getKey()), published.get(machine.uid())));
  }

  /** True if the machine is on another network that is served by the very same servers. */
  private static boolean sharesServices(
      Tx tx, Lookup lookup, UUID uid, Resource<NetworkSpec, NetworkStatus> network) {
    return tx.resources()
        .find(uid)
        .filter(r -> r.kind() == Kind.MACHINE)
        .map(r -> r.as(MachineSpec.class, MachineStatus.class))
        .filter(m -> m.status().hypervisor() != null)
        .map(m ->
            ResolvedMachine.of(lookup, m).networks().values().stream()
                .anyMatch(n -> Objects.equals(n.spec().services(), network.spec().services())))
        .orElse(false);
  }
}

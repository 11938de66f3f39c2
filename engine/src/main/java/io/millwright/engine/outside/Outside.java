package io.millwright.engine.outside;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.SourceDriver;
import io.millwright.engine.access.SecretBox;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Resource;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The drivers in use, opened when first needed and opened anew when their settings change, and only
 * then: whatever is being done through one ends with it.
 */
public final class Outside implements AutoCloseable {
  /** Files and a signal: what takes longer than this hangs. */
  private static final Duration SERVICES_DEADLINE = Duration.ofSeconds(15);

  private static final int SERVICES_CONCURRENCY = 4;

  /** A clone of some size over a slow line; the driver has limits of its own. */
  private static final Duration SOURCE_DEADLINE = Duration.ofSeconds(150);

  /** Each may bring many megabytes along. */
  private static final int SOURCES_AT_ONCE = 2;

  private final Drivers drivers;
  private final SecretBox secrets;
  private final SourcePlaces places;
  private final String installation;
  private final InstantSource clock;
  private final Consumer<UUID> nudge;
  private final Map<UUID, Open<HypervisorDriver>> hypervisors = new ConcurrentHashMap<>();
  private final Map<UUID, Open<NetworkServices>> services = new ConcurrentHashMap<>();
  private final Map<UUID, Object> locks = new ConcurrentHashMap<>();
  private final Map<UUID, Gate> sources = new ConcurrentHashMap<>();
  private final Semaphore reading = new Semaphore(SOURCES_AT_ONCE);

  /**
   * @param places from where sources may be read
   * @param nudge hears the uid of each machine of which a hypervisor says that it changed
   */
  public Outside(
      Drivers drivers,
      SecretBox secrets,
      SourcePlaces places,
      String installation,
      InstantSource clock,
      Consumer<UUID> nudge) {
    this.drivers = drivers;
    this.secrets = secrets;
    this.places = places;
    this.installation = installation;
    this.clock = clock;
    this.nudge = nudge;
  }

  /** What of a declaration a driver is opened with. */
  private record Key(String driver, Map<String, String> settings) {
    static Key of(HypervisorSpec spec) {
      return new Key(spec.driver(), spec.settings());
    }

    static Key of(NetworkSpec.Services spec) {
      return new Key(spec.driver(), spec.settings());
    }
  }

  /**
   * A driver in use.
   *
   * @param generation the latest of its resource that was seen here; whoever still holds an earlier
   *     one takes what there is, or two of them would close each other's driver in turns
   */
  private record Open<D extends AutoCloseable>(Key key, long generation, D driver, Gate gate) {
    /** True if this will do for what is declared by that generation. */
    boolean serves(Key wanted, long asked) {
      return generation >= asked || key.equals(wanted);
    }

    Open<D> seen(long later) {
      return new Open<>(key, later, driver, gate);
    }
  }

  /** An act on a driver. */
  public interface Act<D, T> {
    T on(D driver) throws DriverException;
  }

  /**
   * Does something on a hypervisor.
   *
   * @throws Busy if too much goes on there already
   * @throws DriverException what the driver threw, or UNREACHABLE if it did not answer in time
   */
  public <T> T call(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, Act<HypervisorDriver, T> act)
      throws DriverException {
    Open<HypervisorDriver> open = open(hypervisor);
    return open.gate().pass(() -> act.on(open.driver()));
  }

  /**
   * As {@link #call}, for what may last hours: it takes no place from what is quick, and nobody
   * ends it but who interrupts it.
   */
  public <T> T callUnhurried(
      Resource<HypervisorSpec, HypervisorStatus> hypervisor, Act<HypervisorDriver, T> act)
      throws DriverException {
    return act.on(open(hypervisor).driver());
  }

  /** Does something on the network services of a network that has some. */
  public <T> T callServices(
      Resource<NetworkSpec, NetworkStatus> network, Act<NetworkServices, T> act)
      throws DriverException {
    Open<NetworkServices> open = openServices(network);
    return open.gate().pass(() -> act.on(open.driver()));
  }

  /**
   * Reads a source, if it may be read from where it is.
   *
   * @throws Busy if too many are being read
   * @throws DriverException what the driver threw, REFUSED if it may not, or UNREACHABLE if it did
   *     not answer in time
   */
  public SourceDriver.Snapshot read(Resource<SourceSpec, SourceStatus> source)
      throws DriverException {
    SourceSpec spec = source.spec();
    SourceDriver driver = known(drivers.sources().get(spec.driver()), spec.driver());
    Gate gate =
        sources.computeIfAbsent(
            source.uid(), _ -> new Gate(source.title(), 1, SOURCE_DEADLINE, clock));
    if (!reading.tryAcquire()) {
      throw new Busy(Duration.ofSeconds(1));
    }
    try {
      return gate.pass(() -> {
        Optional<String> refusal = places.refusalNow(spec.url());
        if (refusal.isPresent()) {
          throw new DriverException(FaultKind.REFUSED, refusal.get());
        }
        return driver.read(
            new SourceDriver.Place(
                spec.url(), spec.branch(), spec.path(), secrets.unsealed(spec.settings())));
      });
    } finally {
      reading.release();
    }
  }

  private Open<HypervisorDriver> open(Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    long generation = hypervisor.generation();
    Open<HypervisorDriver> present = hypervisors.get(hypervisor.uid());
    if (present != null && present.generation() >= generation) {
      return present;
    }
    synchronized (lock(hypervisor.uid())) {
      HypervisorSpec spec = hypervisor.spec();
      present = hypervisors.get(hypervisor.uid());
      if (present == null || !present.serves(Key.of(spec), generation)) {
        Open<HypervisorDriver> fresh = fresh(hypervisor);
        fresh.driver().lifecycleEvents().ifPresent(events -> events.subscribe(nudge));
        hypervisors.put(hypervisor.uid(), fresh);
        close(present);
        return fresh;
      }
      if (present.generation() < generation) {
        present.gate().limit(spec.concurrency(), deadline(spec));
        hypervisors.put(hypervisor.uid(), present.seen(generation));
      }
      return present;
    }
  }

  /** Each is opened once; one that does not answer keeps no other from being opened. */
  private Object lock(UUID uid) {
    return locks.computeIfAbsent(uid, _ -> new Object());
  }

  private Open<HypervisorDriver> fresh(Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    HypervisorSpec spec = hypervisor.spec();
    return new Open<>(
        Key.of(spec),
        hypervisor.generation(),
        known(drivers.hypervisors().get(spec.driver()), spec.driver())
            .open(secrets.unsealed(spec.settings()), installation),
        new Gate("hypervisor " + hypervisor.name(), spec.concurrency(), deadline(spec), clock));
  }

  private static Duration deadline(HypervisorSpec spec) {
    return Duration.ofSeconds(spec.deadlineSeconds());
  }

  private Open<NetworkServices> openServices(Resource<NetworkSpec, NetworkStatus> network)
      throws DriverException {
    long generation = network.generation();
    Open<NetworkServices> present = services.get(network.uid());
    if (present != null && present.generation() >= generation) {
      return present;
    }
    synchronized (lock(network.uid())) {
      present = services.get(network.uid());
      if (present == null || !present.serves(Key.of(services(network)), generation)) {
        Open<NetworkServices> fresh = freshServices(network);
        services.put(network.uid(), fresh);
        close(present);
        return fresh;
      }
      if (present.generation() < generation) {
        services.put(network.uid(), present.seen(generation));
      }
      return present;
    }
  }

  private Open<NetworkServices> freshServices(Resource<NetworkSpec, NetworkStatus> network)
      throws DriverException {
    NetworkSpec.Services spec = services(network);
    return new Open<>(
        Key.of(spec),
        network.generation(),
        known(drivers.networkServices().get(spec.driver()), spec.driver())
            .open(secrets.unsealed(spec.settings()), installation),
        new Gate(
            "DHCP and DNS of network " + network.name(),
            SERVICES_CONCURRENCY,
            SERVICES_DEADLINE,
            clock));
  }

  private static NetworkSpec.Services services(Resource<NetworkSpec, NetworkStatus> network) {
    return Objects.requireNonNull(network.spec().services(), "the network has no services");
  }

  /**
   * A look by which nothing changes, for what is not declared yet and may never be.
   *
   * @param declared hypervisors and networks as they are, in place of what they would become
   */
  public Glance glance(Map<UUID, Resource<?, ?>> declared) {
    return new Glance(declared);
  }

  /**
   * Looks through the driver in use if there is one for what is declared. Else it looks through one
   * of its own, which hears no events and is closed with it. It is for one thread.
   */
  public final class Glance implements AutoCloseable {
    private final Map<UUID, Resource<?, ?>> declared;
    private final Map<UUID, Open<HypervisorDriver>> ownHypervisors = new HashMap<>();
    private final Map<UUID, Open<NetworkServices>> ownServices = new HashMap<>();

    private Glance(Map<UUID, Resource<?, ?>> declared) {
      this.declared = Map.copyOf(declared);
    }

    /**
     * As {@link Outside#call}, for somebody who waits for the answer and can do without it.
     *
     * @param patience for how long at most
     */
    public <T> T callWithin(
        Duration patience,
        Resource<HypervisorSpec, HypervisorStatus> hypervisor,
        Act<HypervisorDriver, T> act)
        throws DriverException {
      UUID uid = hypervisor.uid();
      Resource<HypervisorSpec, HypervisorStatus> as =
          declared.getOrDefault(uid, hypervisor).as(HypervisorSpec.class, HypervisorStatus.class);
      Open<HypervisorDriver> open = hypervisors.get(uid);
      if (open == null || !open.serves(Key.of(as.spec()), as.generation())) {
        open = ownHypervisors.get(uid);
      }
      if (open == null) {
        open = fresh(as);
        ownHypervisors.put(uid, open);
      }
      Open<HypervisorDriver> through = open;
      return through.gate().pass(() -> act.on(through.driver()), patience);
    }

    /** As {@link Outside#callServices}. */
    public <T> T callServices(
        Resource<NetworkSpec, NetworkStatus> network, Act<NetworkServices, T> act)
        throws DriverException {
      UUID uid = network.uid();
      Resource<NetworkSpec, NetworkStatus> as =
          declared.getOrDefault(uid, network).as(NetworkSpec.class, NetworkStatus.class);
      if (as.spec().services() == null) {
        as = network; // it is to get some
      }
      Open<NetworkServices> open = services.get(uid);
      if (open == null || !open.serves(Key.of(services(as)), as.generation())) {
        open = ownServices.get(uid);
      }
      if (open == null) {
        open = freshServices(as);
        ownServices.put(uid, open);
      }
      Open<NetworkServices> through = open;
      return through.gate().pass(() -> act.on(through.driver()));
    }

    @Override
    public void close() {
      ownHypervisors.values().forEach(Outside::close);
      ownServices.values().forEach(Outside::close);
    }
  }

  /** A driver may be missing although it was there when the resource was declared. */
  private static <P> P known(@Nullable P provider, String name) throws DriverException {
    if (provider == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED, "this installation has no driver " + name + " any more");
    }
    return provider;
  }

  /** Closes the connection to a hypervisor that is gone. */
  public void forget(UUID hypervisor) {
    close(hypervisors.remove(hypervisor));
  }

  /** Closes the connection to the services of a network that is gone. */
  public void forgetServices(UUID network) {
    close(services.remove(network));
  }

  private static void close(@Nullable Open<?> open) {
    if (open != null) {
      switch (open.driver()) {
        case HypervisorDriver h -> h.close();
        case NetworkServices n -> n.close();
        default -> throw new IllegalStateException("no driver");
      }
    }
  }

  @Override
  public void close() {
    locks.forEach((uid, lock) -> {
      synchronized (lock) { // what is being opened is closed as well
        forget(uid);
        forgetServices(uid);
      }
    });
  }
}

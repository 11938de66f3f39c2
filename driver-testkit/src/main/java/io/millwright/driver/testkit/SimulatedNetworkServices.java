package io.millwright.driver.testkit;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.Outcome;
import io.millwright.model.Names;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** DHCP and DNS servers in memory: one outside world, which outlives the drivers to it. */
public final class SimulatedNetworkServices {
  private static final Map<String, SimulatedNetworkServices> WORLDS = new ConcurrentHashMap<>();

  private record Key(String installation, UUID uid) {}

  private final Map<Key, NetworkServices.Records> published = new ConcurrentHashMap<>();
  private final Set<NetworkServices> attached = ConcurrentHashMap.newKeySet();
  private final Faults faults = new Faults();
  private volatile boolean serving = true;

  public SimulatedNetworkServices() {}

  /** The world of this name, made when it is first asked for. */
  public static SimulatedNetworkServices world(String name) {
    return WORLDS.computeIfAbsent(name, n -> new SimulatedNetworkServices());
  }

  /** Forgets the world of this name; drivers that are attached to it keep it. */
  public static void forgetWorld(String name) {
    WORLDS.remove(name);
  }

  /** The script of what goes wrong. */
  public Faults faults() {
    return faults;
  }

  /** Whether the servers run; what is published can be changed all the same. */
  public void serving(boolean now) {
    serving = now;
  }

  /** A new driver to this world. */
  public NetworkServices attach(String installation) {
    Driver driver = new Driver(installation);
    attached.add(driver);
    return driver;
  }

  /** The drivers to this world that were not closed yet. */
  public Set<NetworkServices> attached() {
    return Set.copyOf(attached);
  }

  private final class Driver implements NetworkServices {
    private final String installation;
    private volatile boolean closed;

    Driver(String installation) {
      this.installation = installation;
    }

    private void open() throws DriverException {
      if (closed) {
        throw new DriverException(FaultKind.UNREACHABLE, "The driver was closed.");
      }
    }

    @Override
    public Map<UUID, Records> observe() throws DriverException {
      open();
      return faults.run(
          new Call(Verb.OBSERVE, null, "records"),
          Map.of(),
          () -> {
            Map<UUID, Records> out = new HashMap<>();
            published.forEach((key, records) -> {
              if (key.installation().equals(installation)) {
                out.put(key.uid(), records);
              }
            });
            return out;
          });
    }

    @Override
    public Optional<Records> find(UUID uid) throws DriverException {
      open();
      return faults.run(
          new Call(Verb.OBSERVE, uid, uid.toString()),
          Optional.empty(),
          () -> Optional.ofNullable(published.get(new Key(installation, uid))));
    }

    @Override
    public void check() throws DriverException {
      open();
      if (!serving) {
        throw new DriverException(
            FaultKind.UNREACHABLE, "The simulated DHCP and DNS do not run; start them.");
      }
    }

    @Override
    public Outcome publish(Records records) throws DriverException {
      open();
      if (!Names.isLabel(records.hostname())
          || !(records.domain().isEmpty() || Names.isDomain(records.domain()))) {
        throw new DriverException(
            FaultKind.REFUSED, Names.quote(records.hostname()) + " is no host name.");
      }
      return faults.run(
          new Call(Verb.PUBLISH, records.uid(), records.hostname()),
          Outcome.DONE,
          () -> {
            published.put(new Key(installation, records.uid()), records);
            return Outcome.DONE;
          });
    }

    @Override
    public Outcome withdraw(UUID uid) throws DriverException {
      open();
      return faults.run(
          new Call(Verb.WITHDRAW, uid, uid.toString()),
          Outcome.DONE,
          () -> {
            published.remove(new Key(installation, uid));
            return Outcome.DONE;
          });
    }

    @Override
    public void close() {
      closed = true;
      attached.remove(this);
    }
  }
}

package io.millwright.bench;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Drift;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/**
 * One round over many machines that are as declared: the scheduled look at each hypervisor, and
 * what {@code drift} shows of all of them.
 *
 * <p>The floor is the same listings, walked by a bare loop, and the SQL that reads what is declared
 * of the machines, in turns with both. Last of all one machine of a hundred is powered off behind
 * Millwright's back, and a round must find exactly these.
 */
public final class DriftRound {
  private static final int WARM_UP = 5;
  private static final int ROUNDS = 7;

  private DriftRound() {}

  /** {@code DIRECTORY N HYPERVISORS}. */
  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[1]);
    int hypervisors = Integer.parseInt(arguments[2]);
    try (World world = new World(Path.of(arguments[0]), hypervisors)) {
      world.base();
      world.stream(count, world::declare, tenth -> {});
      world.settle();
      world.rest();
      List<UUID> places = places(world);
      String installation = world.store.read(Tx::installation);

      List<Cost> rounds = new ArrayList<>();
      List<Cost> shown = new ArrayList<>();
      List<Cost> floors = new ArrayList<>();
      for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        rounds.add(cost(world, () -> places.forEach(world.engine.reconcilers()::reconcile)));
        shown.add(cost(world, () -> require(look(world), count, 0)));
        floors.add(cost(world, () -> floor(world, installation, hypervisors, count)));
      }
      Cost floor = median(floors);
      System.out.printf("%d machines on %d simulated hypervisors%n", count, hypervisors);
      print("the scheduled look at all hypervisors", rounds, floor);
      print("what drift shows of all machines", shown, floor);
      System.out.printf(
          Locale.ROOT,
          "floor: %.2f s of CPU (Java %.2f, PostgreSQL %.2f), %.2f s%n",
          floor.cpu().sum(),
          floor.cpu().java(),
          floor.cpu().postgres(),
          floor.seconds());

      int off = 0;
      for (int i = 0; i < hypervisors; i++) {
        off += powerOff(hypervisor(i), installation);
      }
      require(look(world), count, off);
      world.execute("DELETE FROM scheduled_tasks");
      places.forEach(world.engine.reconcilers()::reconcile);
      long nudged = world.number("SELECT count(*) FROM scheduled_tasks");
      if (nudged != off) {
        throw new IllegalStateException(off + " differ, and " + nudged + " are looked at");
      }
      System.out.printf("%d powered off behind its back: both find these and no other%n", off);
    }
  }

  /** What one of them cost. */
  private record Cost(Cpu cpu, double seconds, Wire.Count wire) {}

  private interface Round {
    void go() throws SQLException;
  }

  private static Cost cost(World world, Round round) throws SQLException {
    Cpu cpu = world.cpu();
    Wire.Count wire = Wire.count();
    long begun = System.nanoTime();
    round.go();
    double seconds = (System.nanoTime() - begun) / 1e9;
    return new Cost(world.cpu().since(cpu), seconds, Wire.count().since(wire));
  }

  private static Cost median(List<Cost> all) {
    // Java compiles while it runs; what that costs is in the first one, which is told apart.
    List<Cost> warm = new ArrayList<>(all.subList(WARM_UP, all.size()));
    warm.sort(Comparator.comparingDouble(c -> c.cpu().sum()));
    return warm.get(warm.size() / 2);
  }

  private static void print(String what, List<Cost> all, Cost floor) {
    Cost cost = median(all);
    System.out.printf(
        Locale.ROOT,
        "%s: %.2f s of CPU (Java %.2f, PostgreSQL %.2f; the very first %.2f), %.2f s, %d"
            + " statements; ratio %.1f%n",
        what,
        cost.cpu().sum(),
        cost.cpu().java(),
        cost.cpu().postgres(),
        all.getFirst().cpu().sum(),
        cost.seconds(),
        cost.wire().statements(),
        cost.cpu().sum() / floor.cpu().sum());
  }

  private static List<UUID> places(World world) {
    return world.store.read(tx ->
        tx
            .resources()
            .list(new Resources.Query(Kind.HYPERVISOR, null, Selector.ALL, Map.of(), 1000, null))
            .items()
            .stream()
            .map(Resource::uid)
            .toList());
  }

  private static Drift.Report look(World world) {
    return world.engine.drift().look(null);
  }

  private static void require(Drift.Report seen, int count, int differing) {
    if (seen.compared() != count || seen.findings().size() != differing) {
      throw new IllegalStateException(
          "%d of %d were compared, and %d of %d differ: %s"
              .formatted(
                  seen.compared(),
                  count,
                  seen.findings().size(),
                  differing,
                  seen.findings().stream().limit(1).toList()));
    }
  }

  private static SimulatedHypervisor hypervisor(int number) {
    return SimulatedHypervisor.world("bench-" + number);
  }

  private static Observation listing(SimulatedHypervisor hypervisor, String installation) {
    try (HypervisorDriver driver = hypervisor.attach(installation)) {
      return driver.observe(new Scope.All());
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void floor(World world, String installation, int hypervisors, int count)
      throws SQLException {
    int running = 0;
    for (int i = 0; i < hypervisors; i++) {
      for (Observation.Machine machine : listing(hypervisor(i), installation).machines()) {
        running += machine.state() == Observation.State.RUNNING ? 1 : 0;
      }
    }
    long read = 0;
    try (Connection own = world.connect();
        Statement statement = own.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT uid, name, spec, status FROM resource WHERE kind = 'MACHINE'")) {
      while (rows.next()) {
        read += rows.getString("spec").isEmpty() || rows.getString("status").isEmpty() ? 0 : 1;
      }
    }
    if (running != count || read != count) {
      throw new IllegalStateException(running + " run, and " + read + " are declared");
    }
  }

  /** One of a hundred, and nobody is told. */
  private static int powerOff(SimulatedHypervisor hypervisor, String installation) {
    hypervisor.tellsEvents(false);
    List<Observation.Machine> all = listing(hypervisor, installation).machines();
    int off = 0;
    for (int i = 0; i < all.size(); i += 100) {
      hypervisor.powerOff(all.get(i).uid());
      off++;
    }
    return off;
  }
}

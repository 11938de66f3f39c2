package io.millwright.store;

import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Nic;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.NetworkStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.Range;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A test with a database of its own, the same for all its methods. */
@NullUnmarked
@Tag("database")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(60)
abstract class DatabaseTest {
  private static final InstantSource CLOCK = InstantSource.system();

  Database.Settings settings;
  Database database;
  SqlStore store;

  /** For looking behind the ports. */
  JdbcClient jdbc;

  TestServer server() {
    return TestServer.usual();
  }

  @BeforeAll
  void open() {
    settings = server().create(20);
    database = Database.open(settings);
    store = database.store();
    jdbc = JdbcClient.create(database.pool());
  }

  @AfterAll
  void close() {
    database.close();
  }

  <T> T tx(Function<Tx, T> work) {
    return store.inTransaction(work);
  }

  /** The resource, after it was added. */
  <S extends Spec, T extends Status> Resource<S, T> add(Resource<S, T> resource) {
    store.write(tx -> tx.resources().insert(resource));
    return resource;
  }

  static UUID uid() {
    return Ids.next(CLOCK);
  }

  /** As exact as the database keeps it. */
  static Instant now() {
    return CLOCK.instant().truncatedTo(ChronoUnit.MICROS);
  }

  static <S extends Spec, T extends Status> Resource<S, T> resource(
      Kind kind, String project, String name, Map<String, String> labels, S spec, T status) {
    return new Resource<>(
        kind,
        new Metadata(name, project, labels, Map.of(), uid(), 1, 1, now(), null),
        spec,
        status);
  }

  static Resource<MachineSpec, MachineStatus> machine(String project, String name) {
    return machine(project, name, Map.of());
  }

  static Resource<MachineSpec, MachineStatus> machine(
      String project, String name, Map<String, String> labels) {
    MachineSpec spec =
        new MachineSpec(
            null,
            "debian-12",
            "small",
            List.of(),
            null,
            null,
            null,
            List.of(new Nic(null, "lan", null, null, null, null, null, null)),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);
    return resource(Kind.MACHINE, project, name, labels, spec, MachineStatus.EMPTY);
  }

  static Resource<SizeSpec, PlainStatus> size(String project, String name, int cores, long gib) {
    return resource(
        Kind.SIZE,
        project,
        name,
        Map.of(),
        new SizeSpec(cores, ByteSize.ofMib(gib * 1024), ByteSize.ofMib(10_240)),
        new PlainStatus(List.of()));
  }

  static Resource<HypervisorSpec, HypervisorStatus> hypervisor(String project, String name) {
    return resource(
        Kind.HYPERVISOR,
        project,
        name,
        Map.of(),
        new HypervisorSpec("simulated", Map.of("seed", "7"), null, null, null),
        HypervisorStatus.EMPTY);
  }

  static Resource<NetworkSpec, NetworkStatus> network(
      String project, String name, Subnet... subnets) {
    return resource(
        Kind.NETWORK,
        project,
        name,
        Map.of(),
        new NetworkSpec(null, null, null, null, null, List.of(subnets), null, null, null),
        new NetworkStatus(List.of()));
  }

  static Subnet subnet(String cidr, String pool, String... exclude) {
    return new Subnet(
        Cidr.parse(cidr),
        null,
        pool == null ? null : Range.parse(pool),
        List.of(exclude).stream().map(Range::parse).toList(),
        null);
  }

  /** Does it so often on so many threads that start together; what they returned, in no order. */
  static <T> List<T> together(int threads, int times, Callable<T> work) throws Exception {
    CountDownLatch start = new CountDownLatch(1);
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<T>> all = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        all.add(
            pool.submit(() -> {
              start.await();
              return work.call();
            }));
      }
      start.countDown();
      List<T> out = new ArrayList<>();
      for (Future<T> each : all) {
        try {
          out.add(each.get());
        } catch (ExecutionException e) {
          pool.shutdownNow();
          throw e;
        }
      }
      return out;
    }
  }

  /** Waits until it holds, and fails after a while. */
  static void eventually(Duration limit, Callable<Boolean> holds) {
    Awaitility.await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(5))
        .atMost(limit)
        .until(holds);
  }
}

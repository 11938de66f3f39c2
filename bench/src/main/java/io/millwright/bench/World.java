package io.millwright.bench;

import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.engine.Engine;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.request.Apply;
import io.millwright.model.Kind;
import io.millwright.model.manifest.Manifests;
import io.millwright.store.Database;
import io.millwright.store.SqlStore;
import io.millwright.store.WorkLoop;
import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;

/**
 * All of the server but its doors, on an embedded PostgreSQL, with simulated hypervisors; put
 * together as the server's Main does.
 */
final class World implements AutoCloseable {
  static final Caller CALLER = new Caller("bench");

  /** How many machines are worked on at a time: as many as keep the server busy all the time. */
  private static final int WINDOW = 200;

  private static final int CALLERS = 4;

  private final Path dir;
  private final int hypervisors;
  private final EmbeddedPostgres postgres;
  private final Database database;
  private final WorkLoop loop;
  final SqlStore store;
  final Engine engine;
  private final Connection own;
  private boolean resting;

  /**
   * @param dir everything of it is below this one
   */
  World(Path dir, int hypervisors) throws IOException, SQLException {
    this.dir = Files.createDirectories(dir);
    this.hypervisors = hypervisors;
    postgres = EmbeddedPostgres.start(dir.resolve("postgres"), Progress.silent());
    database =
        Database.open(
            new Database.Settings(
                postgres.jdbcUrl() + Wire.PARAMETERS,
                postgres.user(),
                postgres.password(),
                Database.Settings.DEFAULT_CONNECTIONS));
    store = database.store();
    engine =
        new Engine(
            store,
            Drivers.load(),
            SecretBox.open(dir.resolve("key")),
            new ImageFiles(dir.resolve("images")),
            InstantSource.system(),
            Engine.Settings.of(List.of(), SourcePlaces.ELSEWHERE));
    loop = new WorkLoop(database, engine.reconcilers(), WorkLoop.Settings.of("bench"));
    store.afterNudge(loop::wake);
    own = connect();
    loop.start();
  }

  /** A connection of one's own, which is not counted. */
  Connection connect() throws SQLException {
    return DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password());
  }

  /** The same as a line for pgbench's environment. */
  EmbeddedPostgres postgres() {
    return postgres;
  }

  Cpu cpu() {
    return Cpu.now(postgres.dir());
  }

  /** Declares what machines name, and waits until the image is built. */
  void base() throws InterruptedException, SQLException {
    StringBuilder text = new StringBuilder();
    StringBuilder attachments = new StringBuilder();
    for (int i = 0; i < hypervisors; i++) {
      text.append(
          """
          apiVersion: millwright/v1
          kind: Hypervisor
          metadata: {name: sim-%d, project: shared}
          spec: {driver: simulated, settings: {world: bench-%d}, concurrency: 8}
          ---
          """
              .formatted(i, i));
      attachments
          .append(i == 0 ? "" : ", ")
          .append("{hypervisor: sim-%d, bridge: br0}".formatted(i));
    }
    text.append(
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: net}
        spec:
          domain: lab.test
          subnets:
            - {cidr: 10.0.0.0/15, gateway: 10.0.0.1}
            - {cidr: "fd00:1::/64", gateway: "fd00:1::1"}
          attachments: [%s]
          services: {driver: simulated, settings: {world: bench}}
        ---
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: img}
        spec: {os: debian, version: "12", build: {builder: simulated, suite: bookworm}}
        ---
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 1, memory: 256MiB, disk: 2GiB}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: me}
        spec: {users: [{name: admin}]}
        """
            .formatted(attachments));
    apply(text.toString());
    settle();
    if (number("SELECT count(*) FROM operation WHERE word = 'succeeded' AND kind = 'IMAGE'") != 1) {
      throw new IllegalStateException("the image was not built");
    }
  }

  void apply(String manifest) {
    engine
        .apply()
        .apply(
            CALLER,
            Manifests.parse(manifest.getBytes(StandardCharsets.UTF_8), "bench"),
            Apply.Expectation.NONE);
  }

  /** Declares a machine with two cards, static and DHCP, as the quickstart's. */
  void declare(int number) {
    apply(
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: m%05d, labels: {app: bench, tier: t%d}}
        spec:
          image: img
          size: small
          profiles: [me]
          nics: [{network: net}, {network: net, ipv4: dhcp, ipv6: none}]
        """
            .formatted(number, number % 100));
  }

  void delete(int number) {
    engine.delete().delete(CALLER, Kind.MACHINE, "default", "m%05d".formatted(number), null);
  }

  /**
   * Does something with each of {@code count} machines, so that a window of them is being worked
   * on, until the last one is done.
   *
   * @param tenth hears of each tenth that is done, from 1 to 10
   */
  void stream(int count, IntConsumer each, IntConsumer tenth)
      throws InterruptedException, SQLException {
    Semaphore window = new Semaphore(WINDOW);
    AtomicInteger next = new AtomicInteger();
    AtomicInteger asked = new AtomicInteger();
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      callers.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  for (int n = next.getAndIncrement(); n < count; n = next.getAndIncrement()) {
                    window.acquireUninterruptibly();
                    each.accept(n);
                    asked.incrementAndGet();
                  }
                } catch (RuntimeException e) {
                  failure.set(e);
                }
              }));
    }
    int done = 0;
    int told = 0;
    while (done < count) {
      Thread.sleep(10);
      if (failure.get() != null) {
        throw failure.get();
      }
      // Read in this order, what was asked for in between only makes fewer seem done.
      int before = asked.get();
      int now = before - (int) number("SELECT count(*) FROM operation WHERE ended_at IS NULL");
      if (now > done) {
        window.release(now - done);
        done = now;
      }
      while (told < 10 && done >= (long) count * (told + 1) / 10) {
        tenth.accept(++told);
      }
    }
  }

  /** Waits until no operation goes on. */
  void settle() throws InterruptedException, SQLException {
    while (number("SELECT count(*) FROM operation WHERE ended_at IS NULL") > 0) {
      Thread.sleep(10);
    }
  }

  /** From now on nothing is done that the benchmark does not do itself. */
  void rest() {
    resting = true;
    loop.close();
  }

  long number(String sql) throws SQLException {
    try (Statement statement = own.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  void execute(String sql) throws SQLException {
    try (Statement statement = own.createStatement()) {
      statement.execute(sql);
    }
  }

  @Override
  public void close() {
    if (!resting) {
      loop.close();
    }
    engine.close();
    database.close();
    try {
      own.close();
    } catch (SQLException e) {
      // it ends with the server
    }
    postgres.close();
    for (int i = 0; i < hypervisors; i++) {
      SimulatedHypervisor.forgetWorld("bench-" + i);
    }
  }
}

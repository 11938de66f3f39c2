package io.millwright.server;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.SimulatedNetworkServices;
import io.millwright.engine.Engine;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Manifests;
import io.millwright.planner.Step;
import io.millwright.store.Database;
import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** A whole Millwright on a real PostgreSQL, with simulated hypervisors and network services. */
final class World implements AutoCloseable {
  static final Caller ANNA = new Caller("anna");

  /** Cards, addresses and names of a machine that does everything that the quickstart's does. */
  static final String BASE =
      """
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: sim, project: shared}
      spec: {driver: simulated, settings: {world: WORLD}, concurrency: 32}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: net}
      spec:
        domain: lab.test
        subnets:
          - {cidr: 10.0.0.0/16, gateway: 10.0.0.1}
          - {cidr: "fd00:1::/64", gateway: "fd00:1::1"}
        attachments: [{hypervisor: sim, bridge: br0}]
        services: {driver: simulated, settings: {world: WORLD}}
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
      """;

  /** A second hypervisor beside that of {@link #BASE}, and a network that both carry. */
  static final String SECOND =
      """
      ---
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: sim2}
      spec: {driver: simulated, settings: {world: WORLD-2}, concurrency: 32}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: both}
      spec:
        domain: lab.test
        subnets: [{cidr: 10.1.0.0/16, gateway: 10.1.0.1}]
        attachments: [{hypervisor: sim, bridge: br1}, {hypervisor: sim2, bridge: br1}]
        services: {driver: simulated, settings: {world: WORLD}}
      """;

  private static final AtomicInteger COUNT = new AtomicInteger();
  private static EmbeddedPostgres postgres;

  final String name = "world" + COUNT.incrementAndGet();
  final SimulatedHypervisor hypervisor = SimulatedHypervisor.world(name);

  /** Where {@link #SECOND} is. */
  final SimulatedHypervisor second = SimulatedHypervisor.world(name + "-2");

  final SimulatedNetworkServices services = SimulatedNetworkServices.world(name);
  final Path images;

  final SecretBox secrets = new SecretBox(new byte[32]);
  private final List<URI> doors;
  private Pace pace;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Thread> burials = new ArrayList<>();
  private int started;
  private volatile Duration passed = Duration.ZERO;
  private volatile String scripts = "[]";
  private volatile String running = "";
  private final Map<String, String> found = new ConcurrentHashMap<>();

  /** The first node, and its parts. */
  Node node;

  Engine engine;

  /** The database as the test sees it, past all nodes. */
  final Store store;

  private final Database observer;

  /**
   * How fast its nodes live.
   *
   * @param heartbeat without four of which a node counts as dead
   * @param poll how often a node looks for what others nudged
   * @param round between two looks at a whole hypervisor
   * @param connections of each node to the database
   */
  record Pace(Duration heartbeat, Duration poll, Duration round, int connections) {
    /** As in earnest. */
    static final Pace USUAL =
        new Pace(
            Duration.ofSeconds(1),
            Duration.ofMillis(500),
            Duration.ofSeconds(30),
            Database.Settings.DEFAULT_CONNECTIONS);

    /** As in earnest, but quick to hear of what another node left. */
    static final Pace EAGER =
        new Pace(Duration.ofSeconds(1), Duration.ofMillis(50), Duration.ofSeconds(30), 2);

    /** For tests that wait for heartbeats or rounds. */
    static final Pace FAST =
        new Pace(Duration.ofMillis(200), Duration.ofMillis(50), Duration.ofMillis(500), 8);

    Pace withRound(Duration other) {
      return new Pace(heartbeat, poll, other, connections);
    }
  }

  World() {
    this(Pace.USUAL);
  }

  World(Pace pace) {
    this(pace, directory("images"));
  }

  /**
   * @param images directory of its disk images
   */
  World(Pace pace, Path images) {
    this(pace, images, true, List.of());
  }

  /** With a door at which machines report, as they do here when their system starts. */
  static World reporting(Pace pace) {
    World world =
        new World(pace, directory("images"), true, List.of(URI.create("http://192.0.2.1:7071")));
    for (SimulatedHypervisor each : List.of(world.hypervisor, world.second)) {
      each.guests(GuestBehaviour.installing(world.reportingGuests()));
    }
    return world;
  }

  /** From now on they report these results of their scripts. */
  void reports(String results) {
    scripts = results;
  }

  /**
   * What the system on this disk found on its data disks, and reports.
   *
   * @param volumes as JSON, by commas
   */
  void found(String disk, String volumes) {
    found.put(disk, volumes);
  }

  /** From now on their first boots go on for ever with this script, which has printed this. */
  void stuckAt(String script, String output) {
    running = ", \"running\": {\"name\": \"%s\", \"output\": \"%s\"}".formatted(script, output);
  }

  /** From now on their first boots come to their end again. */
  void notStuck() {
    running = "";
  }

  /** The machines' door, as every node of this world has it. */
  FirstBootDoor door() {
    return new FirstBootDoor(store, secrets, this::now, doors);
  }

  /** What a machine's first boot reports now. */
  int report(String disk) {
    FirstBootDoor door = door();
    return door.post(
            door.links(disk, now()).getFirst().getPath(),
            "{\"hostKeys\": [], \"interfaces\": [], \"scripts\": %s, \"volumes\": [%s]%s}"
                .formatted(scripts, found.getOrDefault(disk, ""), running)
                .getBytes(StandardCharsets.UTF_8))
        .status();
  }

  /** They come to the door past all nodes, and so whatever becomes of these meanwhile. */
  private GuestBehaviour reportingGuests() {
    return guest -> {
      report(guest.definition().disks().getFirst().name());
      return GuestBehaviour.wellBehaved().start(guest);
    };
  }

  private World(Pace pace, Path images, boolean served, List<URI> doors) {
    this.pace = pace;
    this.doors = doors;
    this.images = images;
    createDatabase(name);
    // As with real hypervisors, events come on threads of their own, and so keep no call waiting.
    for (SimulatedHypervisor each : List.of(hypervisor, second)) {
      each.events(Thread::startVirtualThread);
      each.guests(GuestBehaviour.installing(GuestBehaviour.wellBehaved()));
    }
    observer = Database.open(settings(name, port(), 4));
    store = observer.store();
    if (served) {
      start();
    }
  }

  /** Without any server; whoever asked for it has its own. */
  static World bare() {
    return new World(Pace.USUAL, directory("images"), false, List.of());
  }

  /** How its database is reached. */
  Database.Settings settings(int connections) {
    return settings(name, port(), connections);
  }

  /**
   * A server comes up, as after a crash: nothing but the database and the outside world is left.
   */
  void start() {
    node = join();
    engine = node.engine;
  }

  /** A server comes up that lives at another pace. */
  void start(Pace another) {
    pace = another;
    start();
  }

  /** One more server on the same database. */
  Node join() {
    Wire wire = new Wire("127.0.0.1", port());
    Node joined =
        new Node(
            name + "-" + ++started,
            wire,
            settings(name, wire.port(), pace.connections()),
            secrets,
            images,
            pace,
            doors,
            this::now);
    nodes.add(joined);
    return joined;
  }

  /** The time in this world: that of the real one, and what was let pass. */
  Instant now() {
    return Instant.now().plus(passed);
  }

  /** Lets time pass for whatever asks the clock; what was nudged for later stays for later. */
  void pass(Duration time) {
    passed = passed.plus(time);
  }

  /** Once it waits for the first boot of this machine, so much time passes. */
  void passInFirstBoot(UUID machine, Duration time) {
    await(
        "its first boot is waited for",
        () ->
            latest(machine).steps().stream()
                .anyMatch(s ->
                    s.key().endsWith(new Step.AwaitReady(0).key())
                        && s.state() == Operation.StepState.RUNNING));
    pass(time);
  }

  /** A server stops in good order. */
  void leave(Node leaving) {
    nodes.remove(leaving);
    leaving.close();
  }

  /** Ends what is left of a node that was killed; nobody need wait for that. */
  void bury(Node dead) {
    nodes.remove(dead);
    burials.add(Thread.startVirtualThread(dead::bury));
  }

  /** So much time passes that a dead node's heartbeats are missed. */
  void passTime(Node dead) {
    sql(
        "UPDATE scheduled_tasks SET last_heartbeat = last_heartbeat - interval '1 hour' WHERE"
            + " picked AND picked_by = '"
            + dead.name
            + "'");
  }

  void stop() {
    List.copyOf(nodes).forEach(Node::close);
    nodes.clear();
    try {
      for (Thread burial : burials) {
        burial.join();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  List<Applied> apply(String manifest) {
    return apply(node, manifest);
  }

  List<Applied> apply(Node node, String manifest) {
    return apply(node.engine, manifest);
  }

  List<Applied> apply(Engine by, String manifest) {
    return by.apply().apply(ANNA, Manifests.parse(text(manifest), "test"), Apply.Expectation.NONE);
  }

  List<Applied> plan(String manifest) {
    return engine.apply().plan(ANNA, Manifests.parse(text(manifest), "test"));
  }

  private byte[] text(String manifest) {
    return manifest.replace("WORLD", name).getBytes(StandardCharsets.UTF_8);
  }

  static String machine(String name, String more) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: %s}
    spec:
      image: img
      size: small
      profiles: [me]
      nics: [{network: net}, {network: net, ipv4: dhcp, ipv6: none}]
    %s
    """
        .formatted(name, more.indent(2).stripTrailing());
  }

  /** What there is outside, on both hypervisors, seen past the engine. */
  Observation outside() {
    Observation first = outside(hypervisor);
    Observation other = outside(second);
    return new Observation(
        first.at(),
        Stream.concat(first.machines().stream(), other.machines().stream()).toList(),
        Stream.concat(first.disks().stream(), other.disks().stream()).toList(),
        Stream.concat(first.media().stream(), other.media().stream()).toList(),
        first.images(),
        first.host(),
        List.of());
  }

  /** What there is on one hypervisor, seen past the engine. */
  Observation outside(SimulatedHypervisor where) {
    try (HypervisorDriver driver = where.attach(store.read(Tx::installation))) {
      return driver.observe(new Scope.All());
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    }
  }

  Map<UUID, NetworkServices.Records> published() {
    try (NetworkServices driver = services.attach(store.read(Tx::installation))) {
      return driver.observe();
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    }
  }

  Resource<MachineSpec, MachineStatus> machine(String machine) {
    return find(machine).orElseThrow();
  }

  Optional<Resource<MachineSpec, MachineStatus>> find(String machine) {
    return store.read(tx ->
        tx.resources()
            .find(Kind.MACHINE, "default", machine, MachineSpec.class, MachineStatus.class));
  }

  boolean ready(String machine) {
    return find(machine)
        .map(m -> Condition.holds(m.status().conditions(), Condition.READY))
        .orElse(false);
  }

  void awaitReady(String machine) {
    await("machine " + machine + " is ready", () -> ready(machine));
  }

  void awaitGone(String machine) {
    await("machine " + machine + " is gone", () -> find(machine).isEmpty());
  }

  Operation latest(UUID target) {
    return store.read(tx -> tx.operations().latest(target)).orElseThrow();
  }

  /** Waits until the latest operation of the target has ended. */
  Operation awaitEnd(UUID target) {
    AtomicReference<Operation> ended = new AtomicReference<>();
    await(
        "its operation ends",
        () -> {
          ended.set(latest(target)); // the very one, for another may have begun by then
          return ended.get().state().terminal();
        });
    return ended.get();
  }

  void await(String what, java.util.concurrent.Callable<Boolean> condition) {
    await(what, 1, condition);
  }

  /**
   * As the other one, with so many times its patience; what takes long is not asked for as often.
   */
  void await(String what, int patience, java.util.concurrent.Callable<Boolean> condition) {
    Awaitility.await(what)
        .atMost(Duration.ofSeconds(30).multipliedBy(patience))
        .pollInterval(Duration.ofMillis(20).multipliedBy(patience))
        .until(condition);
  }

  @Override
  public void close() {
    stop();
    observer.close();
    SimulatedHypervisor.forgetWorld(name);
    SimulatedHypervisor.forgetWorld(name + "-2");
    SimulatedNetworkServices.forgetWorld(name);
  }

  // --- the database ------------------------------------------------------------------------

  private static synchronized EmbeddedPostgres postgres() {
    if (postgres == null) {
      Path at = directory("postgres", World::stopPostgres);
      // Each world has pools of its own; and these databases need not outlive a power cut.
      configure(at, "max_connections = 400", "fsync = off", "synchronous_commit = off");
      postgres = EmbeddedPostgres.start(at, Progress.silent());
    }
    return postgres;
  }

  private static void stopPostgres() {
    EmbeddedPostgres running = postgres;
    if (running != null) {
      running.close();
    }
  }

  private static void configure(Path postgres, String... lines) {
    try {
      Path data = Files.createDirectory(postgres.resolve("data"));
      Files.setPosixFilePermissions(data, Files.getPosixFilePermissions(postgres));
      Path conf = Files.write(data.resolve("local.conf"), List.of(lines));
      Files.setPosixFilePermissions(conf, PosixFilePermissions.fromString("rw-r--r--"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Database.Settings settings(String database, int port, int connections) {
    EmbeddedPostgres server = postgres();
    return new Database.Settings(
        url(database).replaceFirst(":[0-9]+/", ":" + port + "/"),
        server.user(),
        server.password(),
        connections);
  }

  private static int port() {
    return URI.create(postgres().jdbcUrl().substring(5)).getPort();
  }

  private static String url(String database) {
    return postgres().jdbcUrl().replaceFirst("/[a-z]+(\\?|$)", "/" + database + "$1");
  }

  /** Does something to the database past all nodes. */
  void sql(String... statements) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      for (String each : statements) {
        statement.execute(each);
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Asks the database past all nodes for one number. */
  long number(String query) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Asks the same way for numbers with a name each. */
  Map<String, Long> numbers(String query) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      Map<String, Long> out = new TreeMap<>();
      while (row.next()) {
        out.put(row.getString(1), row.getLong(2));
      }
      return out;
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Names of the nodes that work on something just now. */
  List<String> pickers() {
    return strings("SELECT DISTINCT picked_by FROM scheduled_tasks WHERE picked");
  }

  /** Name of the node that works on this resource just now. */
  String picker(UUID uid) {
    return strings(
            "SELECT picked_by FROM scheduled_tasks WHERE picked AND task_instance = '" + uid + "'")
        .getFirst();
  }

  /** Asks the database past all nodes for one column. */
  List<String> strings(String query) {
    List<String> out = new ArrayList<>();
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        out.add(row.getString(1));
      }
      return out;
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** From a pool, for to open one takes longer than most of what is asked. */
  private Connection connect() throws SQLException {
    return observer.dataSource().getConnection();
  }

  private static void execute(String url, String what) {
    EmbeddedPostgres server = postgres();
    try (Connection connection =
            DriverManager.getConnection(url, server.user(), server.password());
        Statement statement = connection.createStatement()) {
      statement.execute(what);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Brought up to date once, for all that are made of it. */
  private static final String TEMPLATE = "template_of_worlds";

  private static boolean templateMade;

  private static synchronized void createDatabase(String name) {
    if (!templateMade) {
      execute(postgres().jdbcUrl(), "CREATE DATABASE " + TEMPLATE);
      Database.open(settings(TEMPLATE, port(), 2)).close();
      templateMade = true;
    }
    execute(postgres().jdbcUrl(), "CREATE DATABASE " + name + " TEMPLATE " + TEMPLATE);
    execute(
        url(name),
        "UPDATE installation SET id = left(replace(gen_random_uuid()::text, '-', ''), 8)");
  }

  /** Below a directory that PostgreSQL's own user can pass through. */
  static Path directory(String what) {
    return directory(what, () -> {});
  }

  /**
   * @param end what has to end before it is deleted, or it would go on writing there
   */
  private static Path directory(String what, Runnable end) {
    try {
      Path dir = Files.createTempDirectory("millwright-test-" + what);
      Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx--x--x"));
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(() -> {
                end.run();
                deleteTree(dir);
              }));
      return dir;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void deleteTree(Path dir) {
    try (var walk = Files.walk(dir)) {
      walk.sorted(java.util.Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

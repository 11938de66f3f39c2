package io.millwright.server;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Call;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.Faults;
import io.millwright.driver.testkit.SimulatedBuilder;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.SimulatedSource;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.Engine;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Groups;
import io.millwright.engine.port.Orphans.Orphan;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.MachineImport;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Firmware;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Draft;
import io.millwright.store.Database;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Two servers on one database and two hypervisors, of which one seed decides everything that is
 * otherwise left to chance: who looks at what and when, what people ask for, what time it is, which
 * call to the outside fails and how, which transaction is lost or is not heard of, who dies and who
 * freezes. Nothing runs beside it, so the same seed does the same again.
 *
 * <p>Whatever was nudged may be looked at at any moment, whenever it was due; so it goes through
 * more orders than there can be in earnest.
 */
final class Simulation implements AutoCloseable {
  /** Looks that are given to it to come to rest once nothing goes wrong any more. */
  private static final int MOST_ROUNDS = 80;

  /** After which nothing may be orphaned any more. */
  private static final int MOST_PASSES = 3;

  private static final int MACHINES = 4;
  private static final int VOLUMES = 3;

  /** Members that a group may have, and machines that may wait in a pool. */
  private static final int MEMBERS = 3;

  /** Machines that a repository may declare. */
  private static final int SOURCED = 3;

  /** How much of a life is told when it fails, in lines. */
  private static final int TOLD = Integer.getInteger("told", 120);

  /** Machines that somebody else made. */
  private static final int FOREIGN = 2;

  private static final int SNAPSHOTS = 3;

  /** Told to nobody, and so looked for in all that is written down. */
  private static final String SECRET = "se'cret \\ of the life";

  private static final String HASH = "$6$ofthelife$" + "0123456789".repeat(8) + "abcdef";

  private static final Set<Verb> LOOKS = EnumSet.of(Verb.OBSERVE, Verb.ASK_AGENT, Verb.READ_LOG);

  /** What happened how often, for the report. */
  static final class Figures {
    final Map<String, Long> counts = new TreeMap<>();

    void count(String what) {
      add(what, 1);
    }

    synchronized void add(String what, long n) {
      counts.merge(what, n, Long::sum);
    }

    synchronized void most(String what, long n) {
      counts.merge(what, n, Math::max);
    }
  }

  /** A node that is dead does nothing any more, not even in a transaction that it has begun. */
  private static final class Dead extends Error {
    private static final long serialVersionUID = 1L;

    Dead() {
      super("the node is dead", null, false, false);
    }
  }

  private final long seed;
  private final Random chance;
  private final Figures figures;
  private final World world;
  private final Invariants invariants;
  private final Database database;
  private final ImageFiles images;
  private final Deque<Runnable> events = new ArrayDeque<>();
  private final List<String> story = new ArrayList<>();
  private final List<Server> servers = new ArrayList<>();

  /** As the clock of a database, which has microseconds: what it would round does not come back. */
  private volatile Instant now = Instant.now().truncatedTo(ChronoUnit.MICROS);

  private long ticks;

  /** Files of images that have the life's time. */
  private final Set<String> dated = new HashSet<>();

  /** Faults that the seed chose are for the servers' calls, and not for the checker's. */
  private boolean checking;

  /** Nothing goes wrong any more. */
  private boolean calm;

  /** How much had happened by then. */
  private int calmAt = Integer.MAX_VALUE - 1000;

  /** Members of the group that did their service when it was last looked. */
  private Set<UUID> inService = new HashSet<>();

  /** Members that are being repaired, and how many others were promised when that was asked for. */
  private Map<UUID, Integer> givenUp = new HashMap<>();

  /** Machines that stopped by somebody's hand and have not run since. */
  private final Set<UUID> struck = new HashSet<>();

  /**
   * What guests wrote last to each disk, and what snapshots have of that: numbers that only grow.
   */
  private final Map<String, Integer> written = new HashMap<>();

  private int lastWritten;

  /** The disk that each volume had when it was last looked. */
  private final Map<UUID, String> disks = new HashMap<>();

  /** Machines that somebody else made, as they are to stay, whoever declares them. */
  private final Map<UUID, MachineDefinition> foreign = new LinkedHashMap<>();

  /** What somebody saw of one of them, and may import a good while later. */
  private MachineImport.@Nullable Found looked;

  /** What each import printed, to be applied again. */
  private final Map<String, List<Draft>> printed = new HashMap<>();

  /** What the repository has: titles, each with the memory of a size or the size of a machine. */
  private SortedMap<String, String> committed = new TreeMap<>();

  private @Nullable Frozen frozen;

  /** A look that does not come back for a while. */
  private record Frozen(Server server, Thread look, Fault.Hang hang, List<Throwable> thrown) {}

  Simulation(long seed, Figures figures) {
    this.seed = seed;
    this.chance = new Random(seed);
    this.figures = figures;
    this.world = World.bare();
    this.invariants = new Invariants(world);
    this.database = Database.open(world.settings(8));
    hypervisors()
        .forEach(h -> {
          h.clock(() -> now).events(events::add);
          invariants.format(h, disk -> format(h, disk));
        });
    try {
      this.images = new ImageFiles(world.images);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    servers.add(new Server("one"));
    servers.add(new Server("two"));
  }

  private List<SimulatedHypervisor> hypervisors() {
    return List.of(world.hypervisor, world.second);
  }

  /** One server: its engine, and a store that the seed disturbs. */
  private final class Server {
    final String name;
    private Disturbed store;
    private Engine engine;

    Server(String name) {
      this.name = name;
      begin();
    }

    private void begin() {
      store = new Disturbed(database.store());
      engine =
          new Engine(
              store,
              Drivers.load(),
              world.secrets,
              images,
              () -> now,
              new Engine.Settings(
                  List.of(),
                  Duration.ofSeconds(30),
                  new SourcePlaces(List.of("file:///"), Reach.OUTSIDE),
                  Runnable::run,
                  UnaryOperator.identity(),
                  Simulation.this::ticks));
      store.counts = true;
    }

    void die() {
      store.dead = true;
    }

    /** As after the supervisor started it anew. */
    void liveAgain() {
      if (store.dead) {
        engine.close();
        begin();
      }
    }
  }

  private final class Disturbed implements Store {
    private final Store real;
    volatile boolean dead;
    boolean counts;

    Disturbed(Store real) {
      this.real = real;
    }

    private <T> T run(boolean writes, Function<Function<Tx, T>, T> how, Function<Tx, T> work) {
      if (dead) {
        throw new Dead();
      }
      boolean mine = counts && !calm && writes;
      if (mine && chance.nextInt(150) == 0) {
        figures.count("transactions lost");
        throw new IllegalStateException("the database went away");
      }
      T out = how.apply(work);
      if (mine && chance.nextInt(150) == 0) {
        figures.count("commits not heard of");
        throw new IllegalStateException("the database went away after the commit");
      }
      return out;
    }

    @Override
    public <T> T inTransaction(Function<Tx, T> work) {
      return run(true, real::inTransaction, work);
    }

    @Override
    public <T> T read(Function<Tx, T> work) {
      return run(false, real::read, work);
    }

    @Override
    public <T> T dryRun(Function<Tx, T> work) {
      return run(false, real::dryRun, work);
    }
  }

  /** Runs it; fails with the seed and the story when something does not hold. */
  void run(int steps) {
    try {
      calm = true;
      ask(() ->
          world.apply(
              servers.getFirst().engine,
              withSecrets(World.BASE + World.SECOND) + gold(1) + INSTALLED));
      commit();
      ask(() -> world.apply(servers.getFirst().engine, source()));
      ask(() -> world.apply(servers.getFirst().engine, group(2, "bios", "", "")));
      ask(() -> world.apply(servers.getFirst().engine, pool(1, "bios")));
      rest();
      // Not before both hypervisors were seen, so that they can be where their volumes are.
      ask(() ->
          world.apply(
              servers.getFirst().engine,
              String.join(
                  "---\n",
                  volume("v0", "sim", "retain", "live"),
                  volume("v1", "sim2", "delete", "stopped"),
                  machine("m0", "img", "bios", "{network: both}", "v0"),
                  machine("m1", "gold", "bios", "{network: both}", "v1"))));
      foreigners();
      rest();
      calm = false;
      for (int i = 0; i < steps; i++) {
        step();
        check();
      }
      calm = true;
      calmAt = story.size();
      clear();
      thaw();
      ask(this::resume);
      figures.most("rounds until all was at rest, at most", rest());
      world
          .strings(
              "SELECT step->>'key' FROM operation, jsonb_array_elements(steps) step"
                  + " WHERE step->>'key' LIKE 'detach-disk/%' AND upper(step->>'state') = 'DONE'")
          .forEach(step -> figures.count("volumes taken from machines that run"));
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          "seed "
              + seed
              + ": "
              + e.getMessage()
              + "\n  play it again: ./millwright test --seeds 1 --from "
              + seed
              + "\n  "
              + String.join("\n  ", lately()),
          e);
    }
  }

  /** Who does not come to rest does the same over and over, so it is told what was before that. */
  private List<String> lately() {
    int last = Math.min(story.size(), calmAt + 60);
    return story.subList(Math.max(0, last - TOLD), last);
  }

  /** What happened, with what differs from life to life (identities, times) left out. */
  List<String> story() {
    return story.stream()
        .map(line ->
            line.replaceAll("[0-9a-f]{8}(-[0-9a-f]{4,12}){2,5}|[0-9a-f]{64}", "ID")
                .replaceAll("[0-9-]{10}T[0-9:.]+Z", "TIME")
                .replaceAll("\\$\\$Lambda/[^,\\]]*", ""))
        .toList();
  }

  private void step() {
    int dice = chance.nextInt(100);
    if (dice < 21) {
      ask(this::person);
    } else if (dice < 22) {
      hand();
    } else if (dice < 32) {
      misfortune();
    } else if (dice < 40) {
      now = now.plusSeconds(1 + chance.nextInt(90));
    } else if (dice < 44) {
      thaw();
    } else if (dice < 50) {
      tell();
    } else if (dice < 54) {
      write();
    } else {
      look();
    }
  }

  /** Between two steps of an operation time goes by or not, as the seed decides. */
  private long ticks() {
    if (chance.nextInt(6) == 0) {
      ticks += Duration.ofMillis(300).toNanos();
    }
    return ticks;
  }

  private void say(String what) {
    story.add(what);
  }

  private <T> T pick(List<T> of) {
    return of.get(chance.nextInt(of.size()));
  }

  private Server server() {
    Frozen stuck = frozen;
    Server out = pick(servers);
    if (stuck != null && out == stuck.server()) {
      out = servers.get(1 - servers.indexOf(out));
    }
    out.liveAgain();
    return out;
  }

  // --- people ------------------------------------------------------------------------------

  /** Drivers with a password, and people with one. */
  private static String withSecrets(String base) {
    return base.replaceAll(
            "(driver: simulated, settings: \\{world: WORLD[-2]*)(}, concurrency)",
            "$1, password: SECRET$2")
        .replace("SECRET", '"' + SECRET.replace("\\", "\\\\") + '"')
        .replace("{name: admin}", "{name: admin, passwordHash: \"" + HASH + "\"}");
  }

  /** Who gets no answer, or a refusal, leaves it at that. */
  private void ask(Runnable request) {
    try {
      request.run();
    } catch (ProblemException e) {
      figures.count("requests refused");
      say("  refused: " + e.getMessage());
    } catch (IllegalStateException | Dead e) {
      say("  no answer: " + e.getMessage());
    }
  }

  private void person() {
    looking = server();
    Engine engine = looking.engine;
    String machine = "m" + chance.nextInt(MACHINES);
    String volume = "v" + chance.nextInt(VOLUMES);
    figures.count("requests");
    switch (chance.nextInt(37)) {
      case 0, 1, 2, 3 -> {
        String wanted = machine(machine);
        say("apply " + wanted.replaceAll("\\s+", " "));
        world.apply(engine, wanted);
      }
      case 4 -> {
        String wanted =
            volume(
                volume,
                pick(List.of("sim", "sim2")),
                pick(List.of("retain", "delete")),
                pick(List.of("stopped", "live")));
        say("apply " + wanted.replaceAll("\\s+", " "));
        world.apply(engine, wanted);
      }
      case 5 -> {
        say("delete " + machine);
        engine.delete().delete(World.ANNA, Kind.MACHINE, "default", machine, null);
      }
      case 6 -> {
        say("delete " + volume);
        engine.delete().delete(World.ANNA, Kind.VOLUME, "default", volume, null);
      }
      case 7 -> {
        Power power = chance.nextBoolean() ? Power.ON : Power.OFF;
        say("power " + power + " " + machine);
        engine.power().set(World.ANNA, "default", machine, power);
      }
      case 8 -> {
        say("rebuild " + machine);
        database
            .store()
            .write(tx -> engine.rebuild().rebuild(tx, World.ANNA, "default", machine, null));
      }
      case 9 -> commit();
      case 10, 11 -> group(engine);
      case 12, 13 -> pool(engine);
      case 14, 15, 16 -> {
        // Most machines are not up or have no card that could be elsewhere, so it is one of those.
        List<String> up =
            world.strings(
                """
                SELECT name FROM resource WHERE kind = 'MACHINE' AND name ~ '^m[0-9]$'
                AND spec->'nics'->0->>'network' = 'both' AND status->>'readyBy' IS NOT NULL
                ORDER BY name
                """);
        if (up.isEmpty()) {
          return;
        }
        String name = pick(up);
        String to = world.machine(name).status().hypervisor().equals("sim") ? "sim2" : "sim";
        say("move " + name + " to " + to);
        database.store().write(tx -> engine.move().move(tx, World.ANNA, "default", name, to));
        figures.count("moves begun");
      }
      case 18, 19, 20 -> image(engine);
      case 21, 22 -> orphan(engine);
      case 23, 24, 25, 26 -> imports(engine);
      case 27, 28, 29, 30 -> snapshot(engine);
      case 31, 32, 33 -> plug(engine);
      case 34, 35 -> {
        String wanted = network();
        say("apply " + wanted.replaceAll("\\s+", " "));
        world.apply(engine, wanted);
        figures.count("networks changed under their members");
      }
      case 17 -> {
        say("restore volume " + volume);
        database
            .store()
            .write(tx -> engine.restore().restore(tx, World.ANNA, "default", volume, null));
        figures.count("volumes restored");
      }
      default -> {
        say("cancel what is done on " + machine);
        cancel(engine, Kind.MACHINE, machine);
      }
    }
  }

  // --- groups and pools ---------------------------------------------------------------------

  private static String group(int count, String firmware, String volumes, String rollout) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: g}
    spec:
      count: %d
      machine:
        {image: img, size: small, firmware: %s, nics: [{network: net}], volumes: [%s]}
      rollout: {%s}
    """
        .formatted(count, firmware, volumes, rollout);
  }

  private static String pool(int ready, String firmware) {
    return """
    apiVersion: millwright/v1
    kind: Pool
    metadata: {name: p}
    spec:
      ready: %d
      machine: {image: img, size: small, firmware: %s, nics: [{network: net}]}
    """
        .formatted(ready, firmware);
  }

  /** That of the members, carried otherwise as a rule. */
  private String network() {
    return withSecrets(World.BASE)
        .split("---\n")[1]
        .replace(
            "spec:\n",
            "spec:\n  vlan: "
                + (1 + chance.nextInt(3))
                + "\n  mtu: "
                + pick(List.of("1500", "9000"))
                + "\n");
  }

  private void group(Engine engine) {
    switch (chance.nextInt(8)) {
      case 0 -> {
        say("delete group g");
        engine.delete().delete(World.ANNA, Kind.GROUP, "default", "g", null);
      }
      case 1 -> {
        say("pause group g");
        database.store().write(tx -> engine.rollouts().pause(tx, "default", "g"));
      }
      case 2 -> {
        say("continue group g");
        resume();
      }
      case 3 -> {
        int count = chance.nextInt(MEMBERS + 1);
        say("scale group g to " + count);
        database
            .store()
            .write(tx -> engine.rollouts().scale(tx, World.ANNA, "default", "g", count));
      }
      default -> {
        String volumes =
            pick(
                List.of(
                    "",
                    "{name: data, size: 1GiB, filesystem: ext4}",
                    "{name: data, size: 1GiB}, {name: tmp, size: 1GiB, reclaim: delete}"));
        String wanted =
            group(
                chance.nextInt(MEMBERS + 1),
                pick(List.of("bios", "uefi")),
                volumes,
                pick(
                        volumes.isEmpty()
                            ? List.of("surge: 1", "maxUnavailable: 1", "maxUnavailable: 2")
                            : List.of("maxUnavailable: 1", "maxUnavailable: 2"))
                    + ", canary: "
                    + chance.nextInt(2)
                    + ", onFailure: "
                    + pick(List.of("stop", "rollback")));
        say("apply " + wanted.replaceAll("\\s+", " "));
        world.apply(engine, wanted);
        figures.count("groups applied");
      }
    }
  }

  /** Who paused a rollout must say that it shall go on, or it never ends. */
  private void resume() {
    Engine engine = server().engine;
    database.store().write(tx -> engine.rollouts().resume(tx, World.ANNA, "default", "g"));
  }

  private void pool(Engine engine) {
    switch (chance.nextInt(6)) {
      case 0 -> {
        say("delete pool p");
        engine.delete().delete(World.ANNA, Kind.POOL, "default", "p", null);
      }
      case 1, 2 -> {
        String mine =
            database
                .store()
                .inTransaction(
                    tx -> engine.pools().claim(tx, World.ANNA, "default", "p", null, null))
                .name();
        figures.count("machines claimed");
        say("claim " + mine);
      }
      case 3 -> {
        List<String> claimed =
            world.strings(
                "SELECT name FROM resource WHERE kind = 'MACHINE' AND labels ? '"
                    + Names.CLAIMED_FROM
                    + "' ORDER BY name");
        if (!claimed.isEmpty()) {
          String mine = pick(claimed);
          say("give " + mine + " back");
          engine.delete().delete(World.ANNA, Kind.MACHINE, "default", mine, null);
        }
      }
      default -> {
        String wanted = pool(chance.nextInt(MEMBERS), pick(List.of("bios", "uefi")));
        say("apply " + wanted.replaceAll("\\s+", " "));
        world.apply(engine, wanted);
      }
    }
  }

  /** Groups and pools that have not as many machines as they shall, in words. */
  private List<String> unfilled() {
    return world.strings(
        """
        SELECT kind || ' ' || name || ' has ' || there || ' of ' || wanted FROM (
          SELECT r.kind, r.name,
                 coalesce(r.spec->>'count', r.spec->>'ready')::int AS wanted,
                 (SELECT count(*) FROM member m
                  WHERE m."group" = r.uid AND m.volume IS NULL) AS there
          FROM resource r
          WHERE r.kind IN ('GROUP', 'POOL') AND NOT EXISTS (
            SELECT FROM operation o
            WHERE o.target = r.uid AND o.word <> 'succeeded' AND NOT EXISTS (
              SELECT FROM operation n WHERE n.target = r.uid AND n.seq > o.seq))
        ) AS owners WHERE there <> wanted
        """);
  }

  // --- a repository --------------------------------------------------------------------------

  private String source() {
    return """
    apiVersion: millwright/v1
    kind: Source
    metadata: {name: git}
    spec:
      driver: simulated
      url: "file:///%s"
      apply: auto
      prune: true
      settings: {webhookSecret: "%s"}
    """
        .formatted(world.name, SECRET.replace("\\", "\\\\"));
  }

  /** Machines and their size in any number, of which some came from there before and some not. */
  private void commit() {
    figures.count("commits");
    committed = new TreeMap<>();
    committed.put("Size git", chance.nextBoolean() ? "256MiB" : "512MiB");
    Map<String, String> files = new TreeMap<>();
    files.put(
        "size.yaml",
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: git}
        spec: {cores: 1, memory: %s, disk: 2GiB}
        """
            .formatted(committed.get("Size git")));
    for (int i = 0; i < SOURCED; i++) {
      if (chance.nextBoolean()) {
        String size = chance.nextBoolean() ? "git" : "small";
        committed.put("Machine git" + i, size);
        files.put(
            "m" + i + ".yaml",
            """
            apiVersion: millwright/v1
            kind: Machine
            metadata: {name: git%d}
            spec: {image: img, size: %s, nics: [{network: net}]}
            """
                .formatted(i, size));
      }
    }
    String name = SimulatedSource.commit(world.name, files);
    say("commit " + name + " " + committed);
    world.store.write(tx ->
        tx.resources()
            .find(Kind.SOURCE, "default", "git")
            .ifPresent(s -> tx.nudges().nudge(s.uid())));
  }

  /** What is in the repository and not here, or the other way round; in words. */
  private List<String> unsynced() {
    SortedMap<String, String> declared = new TreeMap<>();
    world
        .strings(
            """
            SELECT initcap(kind) || ' ' || name || '=' ||
                   CASE kind WHEN 'SIZE' THEN spec->>'memory' ELSE spec->>'size' END
            FROM resource WHERE kind IN ('SIZE', 'MACHINE') AND name LIKE 'git%'
            """)
        .forEach(line -> declared.put(line.replaceFirst("=.*", ""), line.replaceFirst(".*=", "")));
    return declared.equals(committed)
        ? List.of()
        : List.of("committed is " + committed + ", and declared " + declared);
  }

  // --- orphans ------------------------------------------------------------------------------

  /** Something of ours turns up that nobody declared, or somebody decides about such a thing. */
  private void orphan(Engine engine) {
    List<Sweep.Finding> found =
        engine.sweep().list().stream()
            .sorted(Comparator.comparing(f -> f.orphan().object()))
            .toList();
    if (found.isEmpty() || chance.nextInt(3) == 0) {
      leave(pick(hypervisors()), new UUID(chance.nextLong(), chance.nextLong()));
      return;
    }
    Orphan orphan = pick(found).orphan();
    if (chance.nextBoolean()) {
      String name = "v" + chance.nextInt(VOLUMES);
      say("adopt " + orphan.what() + " as " + name);
      database
          .store()
          .write(tx -> engine.sweep().adopt(tx, World.ANNA, orphan.object(), "default", name));
      figures.count("orphans adopted");
    } else {
      purge(engine, orphan);
    }
  }

  private void purge(Engine engine, Orphan orphan) {
    say("purge " + orphan.what());
    engine.sweep().purge(World.ANNA, orphan.object());
    figures.count("orphans purged");
  }

  /** As if the database had been put back to a time when it was not there yet. */
  private void leave(SimulatedHypervisor where, UUID uid) {
    checking = true;
    try (HypervisorDriver driver = where.attach(world.store.read(Tx::installation))) {
      Mark mark = new Mark(world.store.read(Tx::installation), uid, 1);
      boolean data = chance.nextBoolean();
      ObjectName disk = new ObjectName(mark, data ? ObjectName.DATA : ObjectName.SYSTEM);
      say("there is " + disk.role() + " disk of nobody");
      figures.count("orphans");
      driver.disks().orElseThrow().create(disk, ByteSize.ofMib(1024), null);
      if (data) {
        where.fill(disk.toString(), bytes(++lastWritten));
        written.put(disk.toString(), lastWritten);
      } else {
        driver
            .compute()
            .orElseThrow()
            .define(
                new MachineDefinition(
                    mark,
                    "left-" + mark.uid(),
                    1,
                    ByteSize.ofMib(64),
                    Firmware.BIOS,
                    List.of(new MachineDefinition.Disk(disk.toString(), "system")),
                    List.of(),
                    null));
      }
    } catch (DriverException e) {
      throw new IllegalStateException(e);
    } finally {
      checking = false;
    }
  }

  /** Whoever looks after the house purges what nobody needs, once that can be; true if so. */
  private boolean tidy() {
    Engine engine = server().engine;
    List<Sweep.Finding> found = engine.sweep().list();
    if (found.isEmpty()) {
      return false;
    }
    List<Orphan> purged =
        found.stream()
            .filter(f -> f.objection() == null)
            .map(Sweep.Finding::orphan)
            .sorted(Comparator.comparing(Orphan::what)) // machines before their disks
            .toList();
    purged.forEach(o -> ask(() -> purge(engine, o)));
    now = now.plus(Duration.ofMinutes(10));
    return !purged.isEmpty();
  }

  // --- what is done past Millwright ---------------------------------------------------------

  /** Somebody, or a host that fails, does something to a machine of ours that was up. */
  private void hand() {
    List<String> up =
        world.strings(
            """
            SELECT name FROM resource WHERE kind = 'MACHINE' AND name ~ '^(m|g-)[0-9]$'
            AND status->>'readyBy' IS NOT NULL ORDER BY name
            """);
    if (up.isEmpty()) {
      return;
    }
    String name = pick(up);
    Resource<MachineSpec, MachineStatus> machine = world.machine(name);
    UUID uid = machine.uid();
    int dice = chance.nextInt(4);
    SimulatedHypervisor where =
        hypervisors().stream().filter(h -> runs(h, uid)).findFirst().orElse(null);
    if (where == null) {
      return;
    }
    String what =
        switch (dice) {
          case 0 -> {
            where.undefine(uid);
            yield "loses its definition";
          }
          case 1 -> {
            where.removeMachine(uid);
            yield "is removed";
          }
          case 2 -> {
            where.removeMachine(uid);
            where.deleteDisk(machine.status().disk());
            yield "is removed with its system disk";
          }
          default -> {
            where.powerOff(uid);
            yield "is switched off";
          }
        };
    say("by hand " + name + " " + what);
    figures.count("done by hand: a machine " + what);
    if (dice > 0) {
      // Nobody else took it out of service, and until somebody has looked it counts for there.
      struck.add(uid);
      inService.remove(uid);
    }
  }

  // --- machines that somebody else made -----------------------------------------------------

  private void foreigners() {
    for (int i = 0; i < FOREIGN; i++) {
      UUID uid = new UUID(chance.nextLong(), chance.nextLong());
      Mac mac = Mac.parse("52:54:00:aa:00:0" + i);
      world.hypervisor.addForeignMachine(
          uid,
          "theirs" + i,
          Observation.State.RUNNING,
          1 + i,
          ByteSize.ofMib(256),
          List.of(new MachineDefinition.Nic(mac, "br1", null, null, null)),
          Map.of("/their/" + i + ".qcow2", ByteSize.ofMib(2048)));
      world.hypervisor.addAddress(mac, Ip.parse("10.1.0." + (200 + i)));
      foreign.put(uid, world.hypervisor.definition(uid).orElseThrow());
    }
  }

  private void imports(Engine engine) {
    String name = "i" + chance.nextInt(FOREIGN);
    switch (chance.nextInt(10)) {
      case 0, 1 -> {
        say("delete " + name);
        engine.delete().delete(World.ANNA, Kind.MACHINE, "default", name, null);
        figures.count("imported machines let go");
      }
      case 2 -> {
        Power power = chance.nextBoolean() ? Power.ON : Power.OFF;
        say("power " + power + " " + name);
        engine.power().set(World.ANNA, "default", name, power);
      }
      case 3 -> {
        say("cancel what is done on " + name);
        cancel(engine, Kind.MACHINE, name);
      }
      case 4 -> {
        UUID uid = pick(List.copyOf(foreign.keySet()));
        say("somebody switches " + foreign.get(uid).name() + " off by hand");
        world.hypervisor.powerOff(uid);
      }
      case 5 -> {
        List<Draft> drafts = printed.get(name);
        if (drafts != null) {
          say("apply what the import of " + name + " printed");
          engine.apply().apply(World.ANNA, drafts, Apply.Expectation.NONE);
        }
      }
      default -> {
        MachineImport.Found found = looked;
        looked = null;
        if (found == null) {
          String theirs = "theirs" + chance.nextInt(FOREIGN);
          say("look at " + theirs + " for " + name);
          found =
              engine.machineImport().look(new MachineImport.Wanted("default", name, "sim", theirs));
          if (chance.nextInt(3) == 0) {
            looked = found;
            return;
          }
        }
        String as = found.wanted().name();
        say("import " + found.machine().name() + " as " + as);
        MachineImport.Found seen = found;
        printed.put(
            as,
            database
                .store()
                .inTransaction(tx -> engine.machineImport().declare(tx, World.ANNA, seen))
                .drafts());
        figures.count("machines imported");
      }
    }
  }

  /** Whoever declares them, nothing of them changes but whether they run. */
  private void checkForeign() {
    foreign.forEach((uid, was) -> {
      if (!Optional.of(was).equals(world.hypervisor.definition(uid))
          || was.disks().stream().anyMatch(d -> !world.hypervisor.hasDisk(d.name()))) {
        throw new AssertionError(was.name() + " is not as whoever made it left it");
      }
    });
  }

  /** Those that are declared bear our mark, and the others none; in words. */
  private List<String> mismarked() {
    List<String> out = new ArrayList<>();
    foreign.forEach((uid, was) -> {
      boolean declared = world.store.read(tx -> tx.resources().find(uid)).isPresent();
      Optional<Mark> mark = world.hypervisor.mark(uid);
      if (!declared && mark.isPresent()) {
        out.add(was.name() + " bears " + mark.get() + ", and nothing declares it");
      }
    });
    return out;
  }

  // --- snapshots ----------------------------------------------------------------------------

  private void snapshot(Engine engine) {
    String name = "s" + chance.nextInt(SNAPSHOTS);
    switch (chance.nextInt(8)) {
      case 0 -> {
        say("delete snapshot " + name);
        engine.delete().delete(World.ANNA, Kind.SNAPSHOT, "default", name, null);
      }
      case 1 -> {
        say("cancel what is done on snapshot " + name);
        cancel(engine, Kind.SNAPSHOT, name);
      }
      case 2, 3, 4 -> {
        List<String> taken =
            world.strings(
                """
                SELECT name || ' ' || (spec->>'machine') FROM resource
                WHERE kind = 'SNAPSHOT' ORDER BY name
                """);
        if (!taken.isEmpty()) {
          String[] of = pick(taken).split(" ");
          say("revert " + of[1] + " to " + of[0]);
          database
              .store()
              .write(tx -> engine.snapshots().revert(tx, World.ANNA, "default", of[1], of[0]));
          figures.count("machines reverted");
        }
      }
      default -> {
        // Of what is off and was up; somebody switches one off for it if there is none.
        List<String> off =
            world.strings(
                """
                SELECT name FROM resource WHERE kind = 'MACHINE' AND name ~ '^m[0-9]$'
                AND spec->>'power' = 'off' AND status->>'readyBy' IS NOT NULL ORDER BY name
                """);
        if (off.isEmpty()) {
          String machine = "m" + chance.nextInt(MACHINES);
          say("power off " + machine + " for a snapshot");
          engine.power().set(World.ANNA, "default", machine, Power.OFF);
          return;
        }
        String machine = pick(off);
        say("take snapshot " + name + " of " + machine);
        world.apply(
            engine,
            """
            apiVersion: millwright/v1
            kind: Snapshot
            metadata: {name: %s}
            spec: {machine: %s}
            """
                .formatted(name, machine));
        figures.count("snapshots begun");
      }
    }
  }

  /** What a snapshot has, and a system that is made of it, is what was on the disk. */
  private void follow() {
    written.keySet().removeIf(disk -> !isData(disk) && content(disk).isEmpty());
    world
        .strings(
            """
            SELECT concat_ws(' ', status->>'object', status->'system'->>'disk') FROM resource
            WHERE kind = 'SNAPSHOT' AND lower(status->>'stage') = 'taken'
            """)
        .forEach(this::copied);
    world
        .strings(
            """
            SELECT concat_ws(' ', status->>'disk', status->'source'->>'disk') FROM resource
            WHERE kind = 'MACHINE' AND status->'source'->>'disk' IS NOT NULL
            """)
        .forEach(this::copied);
  }

  private void copied(String line) {
    String[] disks = line.split(" ");
    written.putIfAbsent(disks[0], written.getOrDefault(disks[1], 0));
  }

  // --- images -------------------------------------------------------------------------------

  /** A system that an installer makes on each machine. */
  private static final String INSTALLED =
      """
      ---
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: installed}
      spec: {os: ubuntu, version: "24.04", installer: {path: %s, offline: true}}
      ---
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: large}
      spec: {cores: 1, memory: 256MiB, disk: 40GiB}
      """
          .formatted(TestImages.installationMedium());

  /** An image of which there are new builds, each checked by a machine made from it. */
  private String gold(int keep) {
    return """
    ---
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: gold}
    spec:
      os: debian
      version: "%s"
      build:
        builder: simulated
        suite: bookworm
        keep: %d
        check: {size: small, nics: [{network: %s}], readyTimeoutSeconds: 600}
    """
        .formatted(version(), keep, keep == 0 ? "both" : "net");
  }

  /** Which the builder, that all worlds share, gives to no other one. */
  private String version() {
    return world.name.replaceFirst("world", "12.");
  }

  private void image(Engine engine) {
    switch (chance.nextInt(6)) {
      case 0 -> {
        int keep = chance.nextInt(2);
        say("keep " + keep + " builds of image gold");
        world.apply(engine, gold(keep));
      }
      case 1 -> {
        say("cancel what is done on image gold");
        cancel(engine, Kind.IMAGE, "gold");
      }
      default -> {
        boolean news = chance.nextInt(4) > 0;
        if (news) {
          SimulatedBuilder.renew(version());
        }
        say("build image gold" + (news ? ", which is new" : ""));
        database.store().write(tx -> engine.builds().build(tx, World.ANNA, "default", "gold"));
        figures.count("builds of an image begun");
      }
    }
  }

  private void cancel(Engine engine, Kind kind, String name) {
    database
        .store()
        .read(tx ->
            tx.resources()
                .find(kind, "default", name)
                .flatMap(r -> tx.operations().active(r.uid())))
        .ifPresent(o -> engine.cancel().cancel(o.uid()));
  }

  /** Files of images that nothing names, and names of files that are not there; in words. */
  private List<String> misfiled() {
    Set<String> named =
        new TreeSet<>(
            world.strings(
                """
                SELECT DISTINCT b->>'sha256' || '.img'
                FROM resource r, jsonb_array_elements(r.status->'builds') b
                WHERE r.kind = 'IMAGE' AND b->>'sha256' IS NOT NULL
                UNION SELECT status->>'imageSha256' || '.img' FROM resource
                WHERE kind = 'MACHINE' AND status->>'imageSha256' IS NOT NULL
                """));
    Set<String> there = files();
    return named.equals(there)
        ? List.of()
        : List.of("images are " + there + ", and named are " + named);
  }

  /** Files are as old as the life, and not as the machine that it is played on, has it. */
  private void date() {
    for (String name : files()) {
      if (dated.add(name)) {
        try {
          Files.setLastModifiedTime(world.images.resolve(name), FileTime.from(now));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private Set<String> files() {
    try (Stream<Path> files = Files.list(world.images)) {
      return files
          .map(f -> f.getFileName().toString())
          .filter(f -> !f.equals("installation"))
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Builds that are kept though nobody needs them, and machines that check none; in words. */
  private List<String> unpruned() {
    return world.strings(
        """
        SELECT 'image ' || r.name || ' keeps ' || (b->>'state') || ' build ' || (b->>'number')
        FROM resource r, jsonb_array_elements(r.status->'builds') b
        WHERE r.kind = 'IMAGE' AND r.name = 'gold' AND b->>'sha256' IS NOT NULL
          AND b->>'state' <> 'current'
          AND NOT EXISTS (SELECT FROM resource m WHERE m.kind = 'MACHINE' AND
                (m.status->>'imageSha256' = b->>'sha256'
                 OR m.status->'former'->>'imageSha256' = b->>'sha256'))
          AND (b->>'state' <> 'former' OR (r.spec->'build'->>'keep')::int = 0)
        UNION ALL
        SELECT 'machine ' || m.name || ' still checks image ' || r.name
        FROM member JOIN resource r ON r.uid = member."group" AND r.kind = 'IMAGE'
        JOIN resource m ON m.uid = member.uid
        """);
  }

  private static String volume(String name, String hypervisor, String reclaim, String detach) {
    return """
    apiVersion: millwright/v1
    kind: Volume
    metadata: {name: %s}
    spec: {size: 1GiB, hypervisor: %s, reclaim: %s, filesystem: ext4, detach: %s}
    """
        .formatted(name, hypervisor, reclaim, detach);
  }

  /**
   * Who sees that a volume could not be made applies it again, as it says; of a group's own the
   * group does so.
   */
  private void applyAgain() {
    world
        .strings(
            """
            SELECT concat_ws(' ', name, spec->>'hypervisor', coalesce(spec->>'reclaim', 'retain'),
              coalesce(spec->>'detach', 'stopped'))
            FROM resource r
            WHERE kind = 'VOLUME' AND name ~ '^v[0-9]$' AND status->>'object' IS NULL AND NOT EXISTS (
              SELECT FROM operation o WHERE o.target = r.uid AND o.ended_at IS NULL)
            ORDER BY name
            """)
        .forEach(line -> {
          String[] of = line.split(" ");
          ask(() -> world.apply(server().engine, volume(of[0], of[1], of[2], of[3])));
        });
    // Somebody waits for a volume that a machine keeps of which a change failed or was cancelled;
    // or
    // a move failed, and the system that it would go back to had been destroyed by hand.
    world
        .strings(
            """
            SELECT '{apiVersion: millwright/v1, kind: Machine, metadata: {name: ' || name || '}, spec: '
              || spec || '}'
            FROM resource m WHERE kind = 'MACHINE' AND (EXISTS (
              SELECT FROM operation o WHERE o.ended_at IS NULL
              AND o.state->>'message' LIKE '%; apply Machine ' || m.name || ' again for that')
              OR status->'former'->>'hypervisor' IS NOT NULL AND NOT EXISTS (
              SELECT FROM operation o WHERE o.target = m.uid AND o.ended_at IS NULL))
            ORDER BY name
            """)
        .forEach(manifest -> ask(() -> world.apply(server().engine, manifest)));
  }

  /** Of a machine that is up nothing changes but its volumes: they leave it live, or one comes. */
  private void plug(Engine engine) {
    List<String> up =
        world.strings(
            """
            SELECT concat_ws('|', name, spec->>'image', coalesce(spec->>'firmware', 'bios'),
              trim(both '[]' from spec->>'nics'), status->>'hypervisor')
            FROM resource WHERE kind = 'MACHINE' AND name ~ '^m[0-9]$'
            AND status->>'readyBy' IS NOT NULL AND deleted_at IS NULL ORDER BY name
            """);
    if (up.isEmpty()) {
      return;
    }
    String[] of = pick(up).split("\\|");
    List<String> has =
        world.strings(
            """
            SELECT concat_ws(' ', v.name, v.spec->>'hypervisor', coalesce(v.spec->>'reclaim', 'retain'))
            FROM resource m, jsonb_array_elements_text(coalesce(m.spec->'volumes', '[]')) its(volume),
              resource v
            WHERE m.kind = 'MACHINE' AND m.name = '%s' AND v.kind = 'VOLUME' AND v.name = its.volume
            AND v.deleted_at IS NULL ORDER BY v.name
            """
                .formatted(of[0]));
    StringBuilder wanted = new StringBuilder();
    String volumes = "";
    if (has.isEmpty()) {
      volumes =
          world
              .strings(
                  """
                  SELECT name FROM resource v WHERE kind = 'VOLUME' AND name ~ '^v[0-9]$'
                  AND spec->>'hypervisor' = '%s' AND deleted_at IS NULL AND NOT EXISTS (
                    SELECT FROM reference r WHERE r.to_uid = v.uid)
                  ORDER BY name LIMIT 1
                  """
                      .formatted(of[4]))
              .stream()
              .findFirst()
              .orElse("");
    }
    for (String line : has) {
      String[] volume = line.split(" ");
      wanted.append(volume(volume[0], volume[1], volume[2], "live")).append("---\n");
    }
    say("only the volumes of " + of[0] + ": " + (has.isEmpty() ? "+ " + volumes : "- " + has));
    figures.count("machines that were up given or spared volumes");
    world.apply(engine, wanted + machine(of[0], of[1], of[2], of[3], volumes));
  }

  private String machine(String name) {
    List<String> volumes = new ArrayList<>();
    for (int i = 0; i < VOLUMES; i++) {
      if (chance.nextInt(4) == 0) {
        volumes.add("v" + i);
      }
    }
    // What has a card in "both" can be on either hypervisor.
    String cards =
        pick(
            List.of(
                "{network: both}",
                "{network: both}, {network: both}",
                "{network: net}, {network: net, ipv6: none}"));
    return machine(
        name,
        pick(List.of("img", "img", "gold", "installed")),
        chance.nextInt(4) == 0 ? "uefi" : "bios",
        cards,
        String.join(", ", volumes));
  }

  private static String machine(
      String name, String image, String firmware, String cards, String volumes) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: %s}
    spec:
      image: %s
      size: %s
      firmware: %s
      nics: [%s]
      volumes: [%s]
    """
        .formatted(
            name, image, image.equals("installed") ? "large" : "small", firmware, cards, volumes);
  }

  // --- guests ------------------------------------------------------------------------------

  /** A guest writes something new to all its disks, if it runs. */
  private void write() {
    String machine =
        pick(
            world.strings(
                """
                SELECT name FROM resource WHERE kind = 'MACHINE'
                AND (name ~ '^m[0-9]$' OR name ~ '^g-') UNION SELECT 'm0' ORDER BY name
                """));
    int content = ++lastWritten;
    world
        .find(machine)
        .ifPresent(m ->
            hypervisors().stream()
                .filter(h -> runs(h, m.uid()))
                .forEach(h ->
                    h.definition(m.uid()).orElseThrow().disks().stream()
                        .map(MachineDefinition.Disk::name)
                        .forEach(disk -> {
                          say(machine + " writes " + content + " to " + disk);
                          h.fill(disk, bytes(content));
                          written.put(disk, content);
                          figures.count("disks written to by guests");
                          if (isData(disk)) {
                            mount(h, disk);
                          }
                        })));
  }

  /** It has it mounted from now on, or has it no more; nobody can take it away meanwhile. */
  private void mount(SimulatedHypervisor where, String disk) {
    if (chance.nextInt(3) == 0) {
      say("  and has it mounted");
      where.mount(disk, "/srv");
    } else {
      where.unmount(disk);
    }
  }

  private void format(SimulatedHypervisor there, String disk) {
    int content = ++lastWritten;
    there.fill(disk, bytes(content));
    written.put(disk, content);
    say("  " + disk + " is formatted, " + content);
    figures.count("volumes formatted");
  }

  private static boolean isData(String disk) {
    return ObjectName.parse(disk).orElseThrow().role().equals(ObjectName.DATA);
  }

  private static byte[] bytes(int content) {
    return Integer.toString(content).getBytes(StandardCharsets.US_ASCII);
  }

  /** What is on a disk; 0 if no guest ever wrote to it, empty if it is not there. */
  private Optional<Integer> content(String disk) {
    return hypervisors().stream()
        .flatMap(h -> h.content(disk).stream())
        .map(c -> c.length == 0 ? 0 : Integer.parseInt(new String(c, StandardCharsets.US_ASCII)))
        .findFirst();
  }

  /**
   * On every disk is what a guest wrote there last; and what a volume goes on with in another place
   * is no older than what it had.
   */
  private void checkContents() {
    follow();
    written.forEach((disk, wanted) ->
        content(disk)
            .filter(there -> !there.equals(wanted))
            .ifPresent(there -> {
              throw new AssertionError(disk + " has " + there + ", and written was " + wanted);
            }));
    world
        .strings(
            """
            SELECT uid || ' ' || (status->>'object') FROM resource
            WHERE kind = 'VOLUME' AND status->>'object' IS NOT NULL
            """)
        .forEach(line -> {
          UUID volume = UUID.fromString(line.replaceFirst(" .*", ""));
          String disk = line.replaceFirst(".* ", "");
          String before = disks.put(volume, disk);
          if (before != null && !before.equals(disk)) {
            figures.count("volumes carried");
            int had = written.getOrDefault(before, 0);
            int has = content(disk).orElse(0);
            if (has < had) {
              throw new AssertionError("a volume had " + had + " and goes on with " + has);
            }
          }
        });
  }

  // --- what goes wrong ---------------------------------------------------------------------

  private boolean disturbs(Call call) {
    return !checking && !calm && (!LOOKS.contains(call.verb()) || chance.nextInt(3) == 0);
  }

  private void misfortune() {
    Faults faults =
        pick(
            List.of(
                SimulatedBuilder.faults(version()),
                world.services.faults(),
                world.hypervisor.faults(),
                world.hypervisor.faults(),
                world.second.faults()));
    int dice = chance.nextInt(13);
    boolean partial = dice == 12;
    boolean hides = chance.nextBoolean();
    Fault fault =
        switch (dice) {
          case 0, 1 -> Fault.beforeEffect(FaultKind.UNREACHABLE);
          case 2, 3 -> Fault.afterEffect(FaultKind.UNREACHABLE);
          case 4 -> Fault.beforeEffect(FaultKind.CAPACITY);
          case 5 -> Fault.beforeEffect(FaultKind.REFUSED);
          case 6 -> Fault.beforeEffect(FaultKind.CONFLICT);
          case 7, 8 -> Fault.runBefore(this::killWhoCalls);
          case 12 -> Fault.partial(uid -> hides);
          default -> Fault.runAfter(this::killWhoCalls);
        };
    String what =
        partial
            ? "a listing is not whole"
            : dice < 7
                ? "a call fails"
                : dice < 9 ? "dies before the effect" : "dies after the effect";
    figures.count("faults set: " + what);
    say("next: " + what + (partial ? hides ? ", nothing in it" : ", all in it" : " " + fault));
    faults.when(
        call -> partial ? !checking && !calm && call.verb() == Verb.OBSERVE : disturbs(call),
        1,
        fault);
  }

  private @Nullable Server looking;

  private void killWhoCalls() {
    Server victim = looking;
    if (victim != null) {
      figures.count("servers killed");
      say("  " + victim.name + " dies");
      victim.die();
      throw new Dead();
    }
  }

  private void clear() {
    hypervisors()
        .forEach(h -> {
          h.faults().clear();
          h.unmountAll();
        });
    world.services.faults().clear();
    SimulatedBuilder.faults(version()).clear();
  }

  // --- work --------------------------------------------------------------------------------

  private void tell() {
    Runnable event = events.poll();
    if (event != null) {
      try {
        event.run();
      } catch (IllegalStateException | Dead e) {
        // Who died does not hear it, and who gets no answer looks again by itself.
      }
    }
  }

  /** What was nudged, in an order that does not hang on uids. */
  private List<UUID> agenda() {
    return world
        .strings(
            """
            SELECT t.task_instance FROM scheduled_tasks t
            LEFT JOIN resource r ON r.uid::text = t.task_instance
            LEFT JOIN tombstone d ON d.uid::text = t.task_instance
            ORDER BY coalesce(r.kind, d.kind), coalesce(r.name, d.name), d.deleted_at
            """)
        .stream()
        .map(UUID::fromString)
        .toList();
  }

  private void look() {
    List<UUID> due = agenda();
    if (!due.isEmpty()) {
      look(server(), pick(due));
    }
  }

  private void look(Server server, UUID uid) {
    figures.count("looks");
    // As if it were picked: what is nudged meanwhile is a new row, and none is lost.
    world.sql("DELETE FROM scheduled_tasks WHERE task_instance = '" + uid + "'");
    boolean freezes = !calm && frozen == null && chance.nextInt(12) == 0;
    boolean late = chance.nextBoolean();
    Fault.Hang hang = late ? Fault.hang() : Fault.hangAfterEffect();
    AtomicReference<Verb> at = new AtomicReference<>();
    if (freezes) {
      pick(hypervisors())
          .faults()
          .when(
              call -> {
                at.set(call.verb());
                return !checking && !LOOKS.contains(call.verb());
              },
              1,
              hang);
    }
    looking = server;
    List<Throwable> thrown = new ArrayList<>();
    List<Boolean> again = new ArrayList<>();
    CountDownLatch stands = new CountDownLatch(1);
    Thread look =
        Thread.ofVirtual()
            .start(() -> {
              try {
                Optional<Duration> next = server.engine.reconcilers().reconcile(uid);
                again.add(next.isPresent());
              } catch (Throwable e) {
                thrown.add(e);
                again.add(true);
              } finally {
                stands.countDown();
              }
            });
    if (freezes) {
      Thread.ofVirtual()
          .start(() -> {
            try {
              hang.awaitEntered();
              stands.countDown();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          });
    }
    try {
      stands.await();
      if (look.isAlive() && again.isEmpty()) {
        figures.count("servers frozen");
        figures.count("servers frozen " + (late ? "before " : "after ") + at);
        say(server.name + " freezes over " + title(uid));
        frozen = new Frozen(server, look, hang, thrown);
        world.store.write(tx -> tx.nudges().nudge(uid)); // its heartbeats are missed
        return;
      }
      look.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (freezes) {
      hang.release();
    }
    say(server.name + " looks at " + title(uid) + (thrown.isEmpty() ? "" : ": " + thrown));
    if (again.getFirst()) {
      world.store.write(tx -> tx.nudges().nudge(uid));
    }
  }

  private String title(UUID uid) {
    return world.store.read(
        tx -> tx.resources().find(uid).map(r -> r.title()).orElse("what is gone"));
  }

  /** The frozen one goes on with what it was at, whatever became of that meanwhile. */
  private void thaw() {
    Frozen stuck = frozen;
    if (stuck == null) {
      return;
    }
    frozen = null;
    looking = stuck.server();
    say(stuck.server().name + " thaws");
    stuck.hang().release();
    try {
      stuck.look().join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    hypervisors().forEach(h -> h.faults().clear());
  }

  // --- what must hold ----------------------------------------------------------------------

  private void check() {
    figures.count("steps");
    date();
    checking = true;
    try {
      List<String> broken = invariants.unsafe();
      if (!broken.isEmpty()) {
        throw new AssertionError("not safe: " + String.join("; ", broken));
      }
      checkPromise();
      checkContents();
      checkForeign();
    } finally {
      checking = false;
    }
  }

  private static boolean runs(SimulatedHypervisor there, UUID machine) {
    return there.state(machine).equals(Optional.of(Observation.State.RUNNING));
  }

  /**
   * Whenever work has begun on a member that was healthy, or it has gone, as many as were promised
   * are left: healthy by what is written of them, with nothing at work on them, and running in
   * truth but for what somebody's hand has stopped. One that is repaired is out of service when it
   * is stopped for that, and was given up when the repair was asked for: what was promised only
   * since then it does not break.
   */
  private void checkPromise() {
    Set<UUID> before = inService;
    inService = new HashSet<>();
    world.store.read(tx -> {
      var group =
          tx.resources().find(Kind.GROUP, "default", "g", GroupSpec.class, GroupStatus.class);
      if (group.isEmpty() || group.get().deleting()) {
        return null;
      }
      List<UUID> members =
          tx.groups().members(group.get().uid()).stream()
              .filter(m -> m.volume() == null)
              .map(Groups.Member::uid)
              .toList();
      Set<UUID> busy = tx.operations().busy(members);
      GroupSpec spec = group.get().spec();
      int promised = spec.count() - spec.rollout().maxUnavailable();
      Map<UUID, Integer> given = givenUp;
      givenUp = new HashMap<>();
      Set<UUID> there = new HashSet<>();
      for (UUID uid : members) {
        Resource<?, ?> member = tx.resources().find(uid).orElse(null);
        if (busy.contains(uid) && isRepaired(tx, uid)) {
          givenUp.put(uid, Math.min(given.getOrDefault(uid, promised), promised));
        }
        boolean runs = hypervisors().stream().anyMatch(h -> runs(h, uid));
        if (runs) {
          struck.remove(uid);
        }
        if (member == null
            || member.deleting()
            || (busy.contains(uid) && !(runs && isRepaired(tx, uid)))) {
          continue;
        }
        there.add(uid);
        if (Condition.holds(((MachineStatus) member.status()).conditions(), Condition.READY)
            && (runs || struck.contains(uid))) {
          inService.add(uid);
        }
      }
      List<UUID> taken =
          before.stream().filter(uid -> !there.contains(uid) && !struck.contains(uid)).toList();
      if (!taken.isEmpty()) {
        figures.add("healthy members taken out of service", taken.size());
        int kept = taken.stream().mapToInt(u -> givenUp.getOrDefault(u, promised)).max().orElse(0);
        if (inService.size() < kept) {
          throw new AssertionError(
              "a healthy member was taken out of service, and "
                  + inService.size()
                  + " are left of "
                  + kept
                  + " promised: "
                  + world.strings(
                      "SELECT concat_ws(' ', verb, name, word, state->>'message', steps) FROM"
                          + " operation WHERE ended_at IS NULL AND name ~ '^g'"));
        }
      }
      return null;
    });
  }

  private static boolean isRepaired(Tx tx, UUID machine) {
    return tx.operations()
        .active(machine)
        .filter(o -> o.verb() == Operation.Verb.REPAIR)
        .isPresent();
  }

  /** Nothing goes wrong any more, so everything must come to its end; after how many rounds. */
  private int rest() {
    List<String> open = List.of();
    int passes = 0;
    for (int round = 1; round <= MOST_ROUNDS; round++) {
      while (!events.isEmpty()) {
        tell();
      }
      for (UUID uid : agenda()) {
        look(server(), uid);
        check();
      }
      applyAgain();
      passes += tidy() ? 1 : 0;
      now = now.plusSeconds(15);
      checking = true;
      open = new ArrayList<>(invariants.broken());
      checking = false;
      world
          .strings(
              "SELECT verb || ' ' || name || ' ' || word || coalesce(': ' || (state->>'message'),"
                  + " '') FROM operation WHERE ended_at IS NULL")
          .forEach(open::add);
      open.addAll(unsynced());
      open.addAll(unfilled());
      open.addAll(unpruned());
      open.addAll(misfiled());
      open.addAll(mismarked());
      world
          .strings(
              "SELECT 'machine ' || name || ' is still on ' || (status->>'elsewhere') FROM resource"
                  + " WHERE kind = 'MACHINE' AND status->>'elsewhere' IS NOT NULL")
          .forEach(open::add);
      if (open.isEmpty()) {
        figures.most("passes of the sweep until nothing was orphaned, at most", passes);
        if (passes > MOST_PASSES) {
          throw new AssertionError("it took " + passes + " passes of the sweep to leave nothing");
        }
        return round;
      }
    }
    throw new AssertionError("it does not come to rest: " + String.join("; ", open));
  }

  @Override
  public void close() {
    calm = true;
    clear();
    thaw();
    servers.forEach(s -> s.engine.close());
    database.close();
    SimulatedSource.forget(world.name);
    world.close();
  }
}

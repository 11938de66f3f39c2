package io.millwright.driver.testkit;

import io.millwright.driver.Compute;
import io.millwright.driver.Content;
import io.millwright.driver.DirectBoot;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HotPlug;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.LifecycleEvents;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.Metrics;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.Screen;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.SerialLog;
import io.millwright.driver.Vnc;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A hypervisor in memory: one outside world, which outlives the drivers that {@link #attach} to it,
 * so a server that starts again finds what the former one left.
 *
 * <p>Its own methods are what an operator or fate does there. Every call of a driver goes through
 * {@link #faults}. Thread-safe, and cheap enough for thousands of machines: but for full
 * observations the cost of a call does not grow with their number.
 */
public final class SimulatedHypervisor {
  private static final Map<String, SimulatedHypervisor> WORLDS = new ConcurrentHashMap<>();

  /** The world of this name, made when it is first asked for. */
  public static SimulatedHypervisor world(String name) {
    return WORLDS.computeIfAbsent(name, n -> new SimulatedHypervisor());
  }

  /** Forgets the world of this name; drivers that are attached to it keep it. */
  public static void forgetWorld(String name) {
    WORLDS.remove(name);
  }

  private static final class Machine {
    final UUID uid;
    @Nullable Mark mark;
    MachineDefinition definition;
    Observation.State state = Observation.State.STOPPED;
    boolean lasting = true;
    final List<String> foreignDisks = new ArrayList<>();
    Instant startedAt = Instant.EPOCH;
    @Nullable Instant stopsAt;
    GuestBehaviour.@Nullable Conduct conduct;
    SimulatedConsole console = new SimulatedConsole();
    final List<SimulatedConsole> screens = new ArrayList<>();
    final Map<Long, StringBuilder> logs = new HashMap<>();

    Machine(UUID uid, @Nullable Mark mark, MachineDefinition definition) {
      this.uid = uid;
      this.mark = mark;
      this.definition = definition;
    }

    /** What an installer prints is kept, by the generation that it was defined for. */
    void print(String text) {
      console.print(text);
      if (startsKernel()) {
        logs.computeIfAbsent(definition.mark().generation(), g -> new StringBuilder()).append(text);
      }
    }

    boolean startsKernel() {
      return definition.installer() != null && definition.installer().kernel() != null;
    }

    boolean on() {
      return state == Observation.State.RUNNING || state == Observation.State.PAUSED;
    }
  }

  /** A command in a guest, until it has ended or its machine starts anew. */
  private record Begun(UUID machine, Instant startedAt, List<String> command) {}

  private record StoredDisk(ObjectName name, ByteSize size, @Nullable String base) {}

  private record StoredMedium(ObjectName name, byte[] content, boolean whole) {}

  private record ImageKey(String installation, String sha256) {}

  private final Object lock = new Object();
  private final Map<UUID, Machine> machines = new LinkedHashMap<>();
  private final Map<String, UUID> names = new HashMap<>();
  private final Map<String, StoredDisk> disks = new LinkedHashMap<>();
  private final Map<String, ByteSize> foreignDisks = new HashMap<>();
  private final Map<Mac, List<Ip>> agentAddresses = new HashMap<>();
  private final Map<String, byte[]> contents = new HashMap<>();
  private final Map<String, String> mounted = new HashMap<>();
  private final Map<String, StoredMedium> media = new LinkedHashMap<>();
  private final Map<UUID, Set<String>> diskNames = new HashMap<>();
  private final Map<UUID, Set<String>> mediumNames = new HashMap<>();
  private final Map<String, Integer> attachments = new HashMap<>();
  private final Map<ImageKey, ByteSize> images = new LinkedHashMap<>();
  private final Set<ImageKey> halfImages = new LinkedHashSet<>();
  private final Map<ImageKey, Integer> imageUsers = new HashMap<>();
  private long diskUsed;
  private long memoryUsed;
  private final List<Consumer<UUID>> listeners = new CopyOnWriteArrayList<>();
  private final Set<HypervisorDriver> attached = ConcurrentHashMap.newKeySet();
  private final Faults faults = new Faults();
  private volatile InstantSource clock = Clock.systemUTC();
  private volatile GuestBehaviour behaviour = GuestBehaviour.wellBehaved();
  private volatile @Nullable BiFunction<UUID, List<String>, Optional<GuestCommands.Ended>>
      commands = (_, _) -> Optional.of(new GuestCommands.Ended(0, ""));
  private final Map<Long, Begun> begun = new HashMap<>();
  private long lastBegun;
  private volatile Executor events = Runnable::run;
  private volatile boolean tellsEvents = true;
  private volatile boolean startsKernels = true;
  private volatile boolean showsSerials = true;
  private volatile boolean sharesMedia = true;
  private volatile boolean copiesDisks = true;
  private volatile boolean growsDisksOfImages = true;
  private volatile Observation.Host host =
      new Observation.Host(
          "simulated 1",
          "emulation",
          1 << 16,
          ByteSize.ofMib(1L << 40),
          ByteSize.ofMib(1L << 40),
          "simulated " + UUID.randomUUID());

  public SimulatedHypervisor() {}

  /** The script of what goes wrong. */
  public Faults faults() {
    return faults;
  }

  /** Tells the time from now on. */
  public SimulatedHypervisor clock(InstantSource source) {
    clock = source;
    return this;
  }

  /** What runs in machines that start from now on. */
  public SimulatedHypervisor guests(GuestBehaviour next) {
    behaviour = next;
    return this;
  }

  /** How many commands were begun in guests so far. */
  public long commandsBegun() {
    synchronized (lock) {
      return lastBegun;
    }
  }

  /**
   * How commands in guests end, asked anew each time somebody wants to know.
   *
   * @param next of a machine and a command; nothing as long as it runs. Null for a hypervisor that
   *     runs no commands in guests
   */
  public SimulatedHypervisor commands(
      @Nullable BiFunction<UUID, List<String>, Optional<GuestCommands.Ended>> next) {
    commands = next;
    return this;
  }

  /** What runs in machines that start now. */
  public GuestBehaviour guests() {
    return behaviour;
  }

  /** On which thread events are told; on that of the call which caused them, if not set. */
  public SimulatedHypervisor events(Executor on) {
    events = on;
    return this;
  }

  /** False: events are lost. */
  public SimulatedHypervisor tellsEvents(boolean yes) {
    tellsEvents = yes;
    return this;
  }

  /** False: it starts no kernels and keeps no logs, as most hypervisors do. */
  public SimulatedHypervisor startsKernels(boolean yes) {
    startsKernels = yes;
    return this;
  }

  /** False: its disks that start as an image are linked to it and do not grow. */
  public SimulatedHypervisor growsDisksOfImages(boolean yes) {
    growsDisksOfImages = yes;
    return this;
  }

  /** Whether it can copy disks; it can unless told otherwise. */
  public SimulatedHypervisor copiesDisks(boolean yes) {
    copiesDisks = yes;
    return this;
  }

  /** False: no staged medium can be in a machine's drive, unless a kernel starts with it. */
  public SimulatedHypervisor sharesMedia(boolean yes) {
    sharesMedia = yes;
    return this;
  }

  /** False: its guests do not see their disks' serials. */
  public SimulatedHypervisor showsSerials(boolean yes) {
    showsSerials = yes;
    return this;
  }

  /** How large the host is; a start past its memory and a disk past its space are CAPACITY. */
  public SimulatedHypervisor capacity(int cores, ByteSize memory, ByteSize diskSpace) {
    host =
        new Observation.Host(
            host.version(), host.acceleration(), cores, memory, diskSpace, host.endpoint());
    return this;
  }

  /** A new driver to this world. */
  public HypervisorDriver attach(String installation) {
    Driver driver = new Driver(installation);
    attached.add(driver);
    return driver;
  }

  /** The drivers to this world that were not closed yet. */
  public Set<HypervisorDriver> attached() {
    return Set.copyOf(attached);
  }

  // ------------------------------------------------------------------ what an operator does there

  /** Adds a machine that is not Millwright's. */
  public void addForeignMachine(UUID uid, String name, Observation.State state) {
    synchronized (lock) {
      Machine machine =
          new Machine(
              uid,
              null,
              new MachineDefinition(
                  new Mark("00000000", uid, 0),
                  name,
                  1,
                  ByteSize.ofMib(64),
                  io.millwright.model.Firmware.BIOS,
                  List.of(),
                  List.of(),
                  null));
      machine.state = state;
      memoryUsed += machine.on() ? ByteSize.ofMib(64).bytes() : 0;
      machines.put(uid, machine);
      names.put(name, uid);
    }
    tell(uid);
  }

  /** As the other one, a machine with cards and with disks of that name and size. */
  public void addForeignMachine(
      UUID uid,
      String name,
      Observation.State state,
      int cores,
      ByteSize memory,
      List<MachineDefinition.Nic> nics,
      Map<String, ByteSize> itsDisks) {
    synchronized (lock) {
      addForeignMachine(uid, name, Observation.State.STOPPED);
      Machine machine = java.util.Objects.requireNonNull(machines.get(uid));
      MachineDefinition d = machine.definition;
      machine.definition =
          new MachineDefinition(
              d.mark(),
              name,
              cores,
              memory,
              d.firmware(),
              itsDisks.keySet().stream().map(disk -> new MachineDefinition.Disk(disk, "")).toList(),
              nics,
              null);
      countDisks(machine.definition, 1);
      foreignDisks.putAll(itsDisks);
      machine.state = state;
      memoryUsed += machine.on() ? memory.bytes() : 0;
    }
    tell(uid);
  }

  /** Plugs a disk that is not Millwright's into a machine that is. */
  public void plugIn(UUID uid, String disk) {
    synchronized (lock) {
      java.util.Objects.requireNonNull(machines.get(uid)).foreignDisks.add(disk);
    }
    tell(uid);
  }

  /** The disks of others that are plugged into a machine. */
  public List<String> pluggedIn(UUID uid) {
    synchronized (lock) {
      return List.copyOf(java.util.Objects.requireNonNull(machines.get(uid)).foreignDisks);
    }
  }

  /** What the agent in a guest says of one of its cards to whoever imports it. */
  public void addAddress(Mac mac, Ip ip) {
    synchronized (lock) {
      agentAddresses.merge(
          mac, List.of(ip), (a, b) -> Stream.concat(a.stream(), b.stream()).toList());
    }
  }

  /** The mark that a machine bears, whosever it is. */
  public Optional<Mark> mark(UUID uid) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      return machine == null ? Optional.empty() : Optional.ofNullable(machine.mark);
    }
  }

  /** Whether a disk is there, whosever it is. */
  public boolean hasDisk(String name) {
    synchronized (lock) {
      return disks.containsKey(name) || foreignDisks.containsKey(name);
    }
  }

  /** Makes an image staged without copying anything. */
  public void addImage(String installation, String sha256, ByteSize virtualSize) {
    synchronized (lock) {
      images.put(new ImageKey(installation, sha256), virtualSize);
    }
  }

  /** Pauses a machine that runs. */
  public void pause(UUID uid) {
    force(uid, Observation.State.PAUSED);
  }

  /** Crashes a machine that runs. */
  public void crash(UUID uid) {
    force(uid, Observation.State.CRASHED);
  }

  /** The guest of a machine that runs prints something more. */
  public void print(UUID uid, String text) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine == null || !machine.on()) {
        throw new IllegalStateException("no machine runs as " + uid);
      }
      machine.print(text);
    }
  }

  /** The guest of a machine restarts itself. */
  public void restart(UUID uid) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine == null || !machine.on()) {
        throw new IllegalStateException("no machine runs as " + uid);
      }
      if (machine.startsKernel()) {
        change(machine, Observation.State.STOPPED);
      } else {
        machine.startedAt = clock.instant();
      }
    }
    tell(uid);
  }

  /** Cuts the power of a machine. */
  public void powerOff(UUID uid) {
    force(uid, Observation.State.STOPPED);
  }

  /** Removes a machine, whoever's it is; its disks stay. */
  public void removeMachine(UUID uid) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine != null) {
        drop(machine);
      }
    }
    tell(uid);
  }

  /** Removes the definition of a machine that runs: it goes on, and is gone once it stops. */
  public void undefine(UUID uid) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine == null || !machine.on()) {
        throw new IllegalStateException("no machine runs as " + uid);
      }
      machine.lasting = false;
    }
    tell(uid);
  }

  /** Deletes a disk, whoever's it is and whatever uses it. */
  public void deleteDisk(String name) {
    synchronized (lock) {
      StoredDisk disk = disks.get(name);
      if (disk != null) {
        drop(disk);
      }
    }
  }

  /** Puts something at the beginning of a disk, as a machine that has it would. */
  public void fill(String disk, byte[] content) {
    synchronized (lock) {
      if (!disks.containsKey(disk)) {
        throw new IllegalStateException("there is no disk " + disk);
      }
      contents.put(disk, content.clone());
    }
  }

  /** Whichever guest has this disk mounts it, and says so; until {@link #unmount}. */
  public void mount(String disk, String where) {
    synchronized (lock) {
      mounted.put(disk, where);
    }
  }

  public void unmountAll() {
    synchronized (lock) {
      mounted.clear();
    }
  }

  public void unmount(String disk) {
    synchronized (lock) {
      mounted.remove(disk);
    }
  }

  /** What is at the beginning of a disk; behind it are zeros. */
  public Optional<byte[]> content(String disk) {
    synchronized (lock) {
      return disks.containsKey(disk)
          ? Optional.of(contents.getOrDefault(disk, new byte[0]).clone())
          : Optional.empty();
    }
  }

  /** How many machines there are. */
  public int size() {
    synchronized (lock) {
      return machines.size();
    }
  }

  /** What a machine is defined as, whosever it is. */
  public Optional<MachineDefinition> definition(UUID uid) {
    synchronized (lock) {
      return Optional.ofNullable(machines.get(uid)).map(machine -> machine.definition);
    }
  }

  /** What a machine is doing. */
  public Optional<Observation.State> state(UUID uid) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine == null) {
        return Optional.empty();
      }
      settle(machine);
      return Optional.of(machine.state);
    }
  }

  /** Content of a medium that is there as a whole. */
  public Optional<byte[]> medium(String name) {
    synchronized (lock) {
      StoredMedium medium = media.get(name);
      return medium == null || !medium.whole()
          ? Optional.empty()
          : Optional.of(medium.content().clone());
    }
  }

  /** Leaves a part of an image, as of a copying that was broken off; a whole one stays whole. */
  public void leaveHalf(String installation, String sha256) {
    synchronized (lock) {
      ImageKey key = new ImageKey(installation, sha256);
      if (!images.containsKey(key)) {
        halfImages.add(key);
      }
    }
  }

  /** Leaves a part of a medium. */
  public void leaveHalf(ObjectName name) {
    synchronized (lock) {
      media.put(name.toString(), new StoredMedium(name, new byte[1], false));
      index(mediumNames, name);
    }
  }

  private void force(UUID uid, Observation.State state) {
    synchronized (lock) {
      Machine machine = machines.get(uid);
      if (machine == null || !machine.on()) {
        throw new IllegalStateException("no machine runs as " + uid);
      }
      change(machine, state);
    }
    tell(uid);
  }

  // ------------------------------------------------------------------------ the world's own rules

  private void tell(UUID uid) {
    if (tellsEvents) {
      for (Consumer<UUID> listener : listeners) {
        events.execute(() -> listener.accept(uid));
      }
    }
  }

  /** Lets happen what was due by the clock. */
  private void settle(Machine machine) {
    GuestBehaviour.Conduct conduct = machine.conduct;
    if (machine.state != Observation.State.RUNNING || conduct == null) {
      return;
    }
    Instant now = clock.instant();
    Duration crash = conduct.crashesAfter();
    Duration end = conduct.endsAfter();
    if (machine.stopsAt != null && !now.isBefore(machine.stopsAt)
        || end != null && !now.isBefore(machine.startedAt.plus(end))) {
      change(machine, Observation.State.STOPPED);
    } else if (crash != null && !now.isBefore(machine.startedAt.plus(crash))) {
      change(machine, Observation.State.CRASHED);
    }
  }

  private void change(Machine machine, Observation.State to) {
    boolean was = machine.on();
    machine.state = to;
    if (was && !machine.on()) {
      memoryUsed -= machine.definition.memory().bytes();
      machine.conduct = null;
      machine.stopsAt = null;
      machine.console.end();
      machine.screens.forEach(SimulatedConsole::end);
      machine.screens.clear();
    }
    if (!machine.on() && !machine.lasting) {
      drop(machine);
    }
  }

  private void drop(Machine machine) {
    machine.lasting = true;
    change(machine, Observation.State.STOPPED);
    countDisks(machine.definition, -1);
    machines.remove(machine.uid);
    names.remove(machine.definition.name());
  }

  private void countDisks(MachineDefinition definition, int by) {
    for (MachineDefinition.Disk disk : definition.disks()) {
      attachments.merge(disk.name(), by, SimulatedHypervisor::sumOrGone);
    }
  }

  private static @Nullable Integer sumOrGone(Integer a, Integer b) {
    return a + b == 0 ? null : Integer.valueOf(a + b);
  }

  private void drop(StoredDisk disk) {
    String name = disk.name().toString();
    disks.remove(name);
    contents.remove(name);
    unindex(diskNames, disk.name());
    diskUsed -= disk.size().bytes();
    if (disk.base() != null) {
      imageUsers.merge(
          new ImageKey(disk.name().mark().installation(), disk.base()),
          -1,
          SimulatedHypervisor::sumOrGone);
    }
  }

  private boolean isWhole(String medium) {
    StoredMedium there = media.get(medium);
    return there != null && there.whole();
  }

  private static void index(Map<UUID, Set<String>> by, ObjectName name) {
    by.computeIfAbsent(name.mark().uid(), u -> new HashSet<>()).add(name.toString());
  }

  private static void unindex(Map<UUID, Set<String>> by, ObjectName name) {
    Set<String> there = by.get(name.mark().uid());
    if (there != null) {
      there.remove(name.toString());
      if (there.isEmpty()) {
        by.remove(name.mark().uid());
      }
    }
  }

  // --------------------------------------------------------------------------------- the driver

  private final class Driver
      implements HypervisorDriver,
          Compute,
          Disks,
          HotPlug,
          SerialConsole,
          GuestAgent,
          GuestCommands,
          LifecycleEvents,
          Metrics {
    private final String installation;
    private final Set<Consumer<UUID>> mine = ConcurrentHashMap.newKeySet();
    private final Set<SerialConsole.Session> sessions = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    Driver(String installation) {
      this.installation = installation;
    }

    private <T> T run(
        Verb verb, @Nullable UUID uid, String subject, T lied, Faults.Effect<T> effect)
        throws DriverException {
      if (closed) {
        throw new DriverException(FaultKind.UNREACHABLE, "The driver was closed.");
      }
      return faults.run(new Call(verb, uid, subject), lied, effect);
    }

    private Outcome act(Verb verb, Mark mark, Faults.Effect<Outcome> effect)
        throws DriverException {
      return run(verb, mark.uid(), mark.uid().toString(), Outcome.DONE, effect);
    }

    /** To an object of ours, while nothing else is done. */
    private Outcome act(Verb verb, ObjectName name, Faults.Effect<Outcome> effect)
        throws DriverException {
      return run(
          verb,
          name.mark().uid(),
          name.toString(),
          Outcome.DONE,
          () -> {
            synchronized (lock) {
              ours(name.mark());
              return effect.run();
            }
          });
    }

    private void ours(Mark mark) throws DriverException {
      if (!mark.installation().equals(installation)) {
        throw conflict("It belongs to another installation.");
      }
    }

    private static DriverException conflict(String why) {
      return new DriverException(FaultKind.CONFLICT, why);
    }

    /** The machine, if it is there; a foreign one is a conflict. */
    private @Nullable Machine find(Mark mark) throws DriverException {
      ours(mark);
      Machine machine = machines.get(mark.uid());
      if (machine != null) {
        if (machine.mark == null || !machine.mark.sameOwner(mark)) {
          throw conflict("The machine there is not ours.");
        }
        settle(machine);
      }
      return machine;
    }

    private Machine need(Mark mark) throws DriverException {
      Machine machine = find(mark);
      if (machine == null) {
        throw conflict("There is no such machine.");
      }
      return machine;
    }

    // ------------------------------------------------------------------------------- observing

    @Override
    public Observation observe(Scope scope) throws DriverException {
      Instant at = clock.instant();
      Observation nothing =
          new Observation(at, List.of(), List.of(), List.of(), List.of(), null, List.of());
      return run(
          Verb.OBSERVE,
          scope instanceof Scope.One one ? one.uid() : null,
          scope.toString(),
          nothing,
          new Faults.Effect<>() {
            @Override
            public Observation run() {
              return listing(at, scope);
            }

            @Override
            public Observation partly(Fault.Partial lost) {
              return without(listing(at, scope), lost);
            }
          });
    }

    private Observation listing(Instant at, Scope scope) {
      synchronized (lock) {
        return switch (scope) {
          case Scope.All _ ->
              new Observation(
                  at,
                  List.copyOf(machines.values()).stream()
                      .map(this::seen)
                      .filter(m -> machines.containsKey(m.uid()))
                      .toList(),
                  disksOf(disks.keySet()),
                  mediaOf(media.keySet()),
                  stagedImages(images.keySet()),
                  stagedImages(halfImages),
                  new Observation.Host(
                      host.version(),
                      host.acceleration(),
                      host.cores(),
                      host.memory(),
                      new ByteSize(Math.max(0, host.diskFree().bytes() - diskUsed)),
                      host.endpoint()),
                  List.of());
          case Scope.One(UUID uid) -> {
            Machine machine = machines.get(uid);
            Observation.Machine seen = machine == null ? null : seen(machine);
            yield new Observation(
                at,
                seen != null && machines.containsKey(uid) ? List.of(seen) : List.of(),
                disksOf(diskNames.getOrDefault(uid, Set.of())),
                mediaOf(mediumNames.getOrDefault(uid, Set.of())),
                stagedImages(images.keySet()),
                stagedImages(halfImages),
                null,
                List.of());
          }
        };
      }
    }

    private Observation without(Observation all, Fault.Partial lost) {
      return new Observation(
          all.at(),
          all.machines().stream().filter(m -> !lost.hidden().test(m.uid())).toList(),
          all.disks().stream().filter(d -> !lost.hidden().test(d.name().mark().uid())).toList(),
          all.media().stream().filter(d -> !lost.hidden().test(d.name().mark().uid())).toList(),
          all.images(),
          all.halfImages(),
          all.host(),
          List.of(lost.gap()));
    }

    private Observation.Machine seen(Machine machine) {
      settle(machine);
      MachineDefinition d = machine.definition;
      Mark mark = machine.mark;
      Mark ours = mark != null && mark.installation().equals(installation) ? mark : null;
      return new Observation.Machine(
          machine.uid,
          d.name(),
          ours,
          machine.state,
          d.cores(),
          d.memory(),
          d.devices(),
          d.disks().stream().map(MachineDefinition.Disk::name).filter(this::isOurs).toList(),
          d.nics(),
          d.medium() != null && isOurs(d.medium()) ? d.medium() : null,
          d.installer() != null,
          machine.lasting,
          ours != null && !ours.imported() ? List.copyOf(machine.foreignDisks) : List.of());
    }

    private boolean isOurs(String name) {
      return name.startsWith("mw-" + installation + "-");
    }

    private List<Observation.Disk> disksOf(Collection<String> which) {
      List<Observation.Disk> out = new ArrayList<>();
      for (String name : which) {
        StoredDisk disk = disks.get(name);
        if (disk != null && isOurs(name)) {
          out.add(new Observation.Disk(disk.name(), disk.size(), grows(disk)));
        }
      }
      return out;
    }

    private List<Observation.Medium> mediaOf(Collection<String> which) {
      List<Observation.Medium> out = new ArrayList<>();
      for (String name : which) {
        StoredMedium medium = media.get(name);
        if (medium != null && isOurs(name)) {
          out.add(new Observation.Medium(medium.name(), medium.whole()));
        }
      }
      return out;
    }

    private List<String> stagedImages(Collection<ImageKey> which) {
      return which.stream()
          .filter(k -> k.installation().equals(installation))
          .map(ImageKey::sha256)
          .toList();
    }

    // --------------------------------------------------------------------------------- compute

    @Override
    public Outcome define(MachineDefinition definition) throws DriverException {
      Outcome done =
          act(
              Verb.DEFINE,
              definition.mark(),
              () -> {
                synchronized (lock) {
                  Machine there = find(definition.mark());
                  requireMade(there);
                  UUID holder = names.get(definition.name());
                  if (holder != null && !holder.equals(definition.mark().uid())) {
                    throw conflict("The name " + definition.name() + " is taken there.");
                  }
                  for (MachineDefinition.Disk disk : definition.disks()) {
                    if (!disks.containsKey(disk.name())) {
                      throw conflict("There is no disk " + disk.name() + ".");
                    }
                  }
                  if (definition.medium() != null && !isWhole(definition.medium())) {
                    throw conflict("There is no medium " + definition.medium() + ".");
                  }
                  requireInstaller(definition.installer());
                  countDisks(definition, 1);
                  if (there == null) {
                    there = new Machine(definition.mark().uid(), definition.mark(), definition);
                    machines.put(there.uid, there);
                  } else {
                    countDisks(there.definition, -1);
                    names.remove(there.definition.name());
                    if (there.on()) {
                      memoryUsed += definition.memory().bytes() - there.definition.memory().bytes();
                    }
                    there.mark = definition.mark();
                    there.definition = definition;
                    there.lasting = true;
                  }
                  names.put(definition.name(), there.uid);
                  return Outcome.DONE;
                }
              });
      tell(definition.mark().uid());
      return done;
    }

    @Override
    public Outcome attach(Mark mark, MachineDefinition.Disk disk) throws DriverException {
      return act(
          Verb.ATTACH_DISK,
          mark,
          () -> {
            synchronized (lock) {
              Machine machine = need(mark);
              if (!machine.on()) {
                throw conflict("The machine does not run.");
              }
              if (!disks.containsKey(disk.name())) {
                throw conflict("There is no disk " + disk.name() + ".");
              }
              if (machine.definition.devices() == Devices.EMULATED) {
                throw new DriverException(
                    FaultKind.UNSUPPORTED, "Its SATA ports take no disk while it runs.");
              }
              if (!machine.definition.disks().contains(disk)) {
                countDisks(machine.definition, -1);
                machine.definition =
                    machine.definition.withDisks(
                        Stream.concat(machine.definition.disks().stream(), Stream.of(disk))
                            .toList());
                countDisks(machine.definition, 1);
              }
              return Outcome.DONE;
            }
          });
    }

    @Override
    public Outcome detach(Mark mark, String disk) throws DriverException {
      return act(
          Verb.DETACH_DISK,
          mark,
          () -> {
            synchronized (lock) {
              Machine machine = need(mark);
              if (!machine.on()) {
                throw conflict("The machine does not run.");
              }
              if (machine.definition.devices() == Devices.EMULATED) {
                throw new DriverException(
                    FaultKind.UNSUPPORTED, "Its SATA ports let no disk go while it runs.");
              }
              String where = mounted.get(disk);
              if (where != null) {
                throw HotPlug.mounted(where, disk);
              }
              countDisks(machine.definition, -1);
              machine.definition =
                  machine.definition.withDisks(
                      machine.definition.disks().stream()
                          .filter(d -> !d.name().equals(disk))
                          .toList());
              countDisks(machine.definition, 1);
              return Outcome.DONE;
            }
          });
    }

    private static void requireMade(@Nullable Machine machine) throws DriverException {
      if (machine != null && machine.mark != null && machine.mark.imported()) {
        throw conflict("Somebody else made the machine.");
      }
    }

    private void requireInstaller(MachineDefinition.@Nullable Installer installer)
        throws DriverException {
      if (installer == null) {
        return;
      }
      String medium = installer.medium();
      if (medium != null && !images.containsKey(new ImageKey(installation, medium))) {
        throw conflict("The installation medium is not staged.");
      }
      MachineDefinition.Kernel kernel = installer.kernel();
      if (kernel != null && !(isWhole(kernel.file()) && isWhole(kernel.initrd()))) {
        throw conflict("There is no file " + kernel.file() + " or " + kernel.initrd() + ".");
      }
    }

    @Override
    public Outcome start(Mark mark) throws DriverException {
      Outcome done = act(Verb.START, mark, () -> boot(mark, false));
      tell(mark.uid());
      return done;
    }

    @Override
    public Outcome reset(Mark mark) throws DriverException {
      return act(Verb.RESET, mark, () -> boot(mark, true));
    }

    private Outcome boot(Mark mark, boolean again) throws DriverException {
      GuestBehaviour.Guest guest;
      synchronized (lock) {
        Machine machine = need(mark);
        if (again && !machine.on()) {
          throw conflict("The machine does not run.");
        }
        if (!again && machine.on()) {
          machine.state = Observation.State.RUNNING;
          return Outcome.DONE;
        }
        MachineDefinition d = machine.definition;
        if (!again) {
          for (MachineDefinition.Disk disk : d.disks()) {
            if (!hasDisk(disk.name())) {
              throw conflict("The disk " + disk.name() + " is gone.");
            }
          }
          if (memoryUsed + d.memory().bytes() > host.memory().bytes()) {
            throw new DriverException(FaultKind.CAPACITY, "The host has not enough memory.");
          }
          memoryUsed += d.memory().bytes();
        }
        machine.state = Observation.State.RUNNING;
        machine.startedAt = clock.instant();
        machine.stopsAt = null;
        StoredMedium medium = d.medium() == null ? null : media.get(d.medium());
        StoredDisk first = d.disks().isEmpty() ? null : disks.get(d.disks().getFirst().name());
        guest =
            new GuestBehaviour.Guest(
                machine.uid,
                d,
                medium == null ? null : medium.content().clone(),
                first == null ? null : first.base(),
                machine.startedAt);
      }
      // Outside of the lock: a guest may call home, and what it calls may look here again.
      GuestBehaviour.Conduct conduct = behaviour.start(guest);
      synchronized (lock) {
        Machine machine = machines.get(mark.uid());
        if (machine != null && machine.on() && machine.startedAt.equals(guest.startedAt())) {
          machine.conduct = conduct;
          machine.print(conduct.console());
        }
      }
      return Outcome.DONE;
    }

    @Override
    public Outcome stop(Mark mark, boolean force) throws DriverException {
      Outcome done =
          act(
              Verb.STOP,
              mark,
              () -> {
                synchronized (lock) {
                  Machine machine = find(mark);
                  if (machine == null || !machine.on()) {
                    if (machine != null) {
                      machine.state = Observation.State.STOPPED;
                    }
                    return Outcome.DONE;
                  }
                  if (force) {
                    change(machine, Observation.State.STOPPED);
                    return Outcome.DONE;
                  }
                  machine.state = Observation.State.RUNNING;
                  Duration after = machine.conduct == null ? null : machine.conduct.stopsAfter();
                  if (machine.stopsAt == null && after != null) {
                    machine.stopsAt = clock.instant().plus(after);
                  }
                  return new Outcome.Running("shutdown of " + mark.uid(), Duration.ofSeconds(1));
                }
              });
      tell(mark.uid());
      return done;
    }

    @Override
    public Outcome remove(Mark mark) throws DriverException {
      Outcome done =
          act(
              Verb.REMOVE,
              mark,
              () -> {
                synchronized (lock) {
                  Machine machine = find(mark);
                  requireMade(machine);
                  if (machine != null) {
                    drop(machine);
                  }
                  return Outcome.DONE;
                }
              });
      tell(mark.uid());
      return done;
    }

    // ----------------------------------------------------------------------------------- disks

    @Override
    public Outcome stage(Disks.Image image) throws DriverException {
      return run(
          Verb.STAGE,
          null,
          image.sha256(),
          Outcome.DONE,
          new Faults.Effect<>() {
            @Override
            public Outcome run() {
              synchronized (lock) {
                halfImages.remove(new ImageKey(installation, image.sha256()));
                images.put(new ImageKey(installation, image.sha256()), image.virtualSize());
                return Outcome.DONE;
              }
            }

            @Override
            public void half() {
              leaveHalf(installation, image.sha256());
            }
          });
    }

    @Override
    public Outcome unstage(String sha256) throws DriverException {
      return run(
          Verb.UNSTAGE,
          null,
          sha256,
          Outcome.DONE,
          () -> {
            synchronized (lock) {
              ImageKey key = new ImageKey(installation, sha256);
              if (imageUsers.containsKey(key)) {
                throw conflict("A disk is backed by this image.");
              }
              if (machines.values().stream().anyMatch(m -> inDrive(m, sha256))) {
                throw conflict("A machine has this image in its drive.");
              }
              images.remove(key);
              halfImages.remove(key);
              return Outcome.DONE;
            }
          });
    }

    @Override
    public Outcome create(ObjectName name, ByteSize size, @Nullable String base)
        throws DriverException {
      return act(
          Verb.CREATE_DISK,
          name,
          () -> {
            StoredDisk there = disks.get(name.toString());
            if (there != null) {
              if (there.size().compareTo(size) < 0) {
                resize(there, size);
              }
              return Outcome.DONE;
            }
            if (base != null) {
              ByteSize least = images.get(new ImageKey(installation, base));
              if (least == null) {
                throw new DriverException(FaultKind.REFUSED, "The image is not staged there.");
              }
              if (least.compareTo(size) > 0) {
                throw new DriverException(
                    FaultKind.REFUSED, "The image needs a disk of at least " + least + ".");
              }
            }
            room(size.bytes());
            diskUsed += size.bytes();
            disks.put(name.toString(), new StoredDisk(name, size, base));
            index(diskNames, name);
            if (base != null) {
              imageUsers.merge(new ImageKey(installation, base), 1, Integer::sum);
            }
            return Outcome.DONE;
          });
    }

    private Outcome copy(ObjectName from, ObjectName to, ByteSize size) throws DriverException {
      return run(
          Verb.COPY_DISK,
          to.mark().uid(),
          to.toString(),
          Outcome.DONE,
          () -> {
            synchronized (lock) {
              ours(from.mark());
              ours(to.mark());
              StoredDisk there = disks.get(to.toString());
              if (there != null) {
                if (there.size().compareTo(size) < 0) {
                  resize(there, size);
                }
                return Outcome.DONE;
              }
              StoredDisk source = disks.get(from.toString());
              if (source == null) {
                throw conflict("There is no disk to copy.");
              }
              if (machines.values().stream().anyMatch(m -> m.on() && has(m, from))) {
                throw conflict("A machine runs with the disk.");
              }
              if (source.size().compareTo(size) > 0) {
                throw new DriverException(
                    FaultKind.REFUSED, "The copy needs a disk of at least " + source.size() + ".");
              }
              room(size.bytes());
              diskUsed += size.bytes();
              disks.put(to.toString(), new StoredDisk(to, size, null));
              index(diskNames, to);
              byte[] content = contents.get(from.toString());
              if (content != null) {
                contents.put(to.toString(), content);
              }
              return Outcome.DONE;
            }
          });
    }

    private static boolean has(Machine machine, ObjectName disk) {
      return machine.definition.disks().stream().anyMatch(d -> d.name().equals(disk.toString()));
    }

    private void room(long more) throws DriverException {
      if (diskUsed + more > host.diskFree().bytes()) {
        throw new DriverException(FaultKind.CAPACITY, "There is no room for the disk.");
      }
    }

    private boolean grows(StoredDisk disk) {
      return growsDisksOfImages || disk.base() == null;
    }

    private void resize(StoredDisk disk, ByteSize size) throws DriverException {
      if (!grows(disk) && disk.size().compareTo(size) < 0) {
        throw new DriverException(FaultKind.REFUSED, "The disk is linked to its image.");
      }
      long more = size.bytes() - disk.size().bytes();
      room(more);
      diskUsed += more;
      disks.put(disk.name().toString(), new StoredDisk(disk.name(), size, disk.base()));
    }

    @Override
    public Outcome grow(ObjectName name, ByteSize size) throws DriverException {
      return act(
          Verb.GROW_DISK,
          name,
          () -> {
            StoredDisk disk = disks.get(name.toString());
            if (disk == null) {
              throw conflict("There is no such disk.");
            }
            if (disk.size().compareTo(size) > 0) {
              throw new DriverException(
                  FaultKind.REFUSED, "The disk is larger than that already; disks never shrink.");
            }
            resize(disk, size);
            return Outcome.DONE;
          });
    }

    @Override
    public Outcome delete(ObjectName name) throws DriverException {
      return act(
          Verb.DELETE_DISK,
          name,
          () -> {
            StoredDisk disk = disks.get(name.toString());
            if (disk != null) {
              if (attachments.containsKey(name.toString())) {
                throw conflict("A machine has the disk attached.");
              }
              drop(disk);
            }
            return Outcome.DONE;
          });
    }

    // -------------------------------------------------------------------------------- transfer

    /** A facet of its own, for reading and writing are not acts on the disks themselves. */
    private final class Transfer implements DiskTransfer {
      @Override
      public void read(ObjectName disk, Path into) throws DriverException {
        byte[] found =
            run(
                Verb.READ_DISK,
                disk.mark().uid(),
                disk.toString(),
                new byte[0],
                () -> {
                  synchronized (lock) {
                    ours(disk.mark());
                    if (!disks.containsKey(disk.toString())) {
                      throw conflict("There is no such disk.");
                    }
                    if (machines.values().stream().anyMatch(m -> m.on() && has(m, disk))) {
                      throw conflict("A machine runs with the disk.");
                    }
                    return contents.getOrDefault(disk.toString(), new byte[0]);
                  }
                });
        try {
          Files.write(into, found);
        } catch (IOException e) {
          throw new DriverException(FaultKind.CAPACITY, "The server has no room.", e.toString(), e);
        }
      }

      @Override
      public void write(ObjectName disk, ByteSize size, Path content, Proceed proceed)
          throws DriverException {
        byte[] bytes;
        try {
          bytes = Files.readAllBytes(content);
        } catch (IOException e) {
          throw new DriverException(
              FaultKind.REFUSED, "The server's file cannot be read.", e.toString(), e);
        }
        act(
            Verb.WRITE_DISK,
            disk,
            () -> {
              if (attachments.containsKey(disk.toString())) {
                throw conflict("A machine has the disk attached.");
              }
              proceed.ask();
              StoredDisk there = disks.get(disk.toString());
              if (there != null) {
                drop(there);
              }
              room(size.bytes());
              diskUsed += size.bytes();
              disks.put(disk.toString(), new StoredDisk(disk, size, null));
              index(diskNames, disk);
              contents.put(disk.toString(), bytes);
              return Outcome.DONE;
            });
      }
    }

    // ----------------------------------------------------------------------------------- media

    private static byte[] read(Content file) throws DriverException {
      byte[] content;
      try (InputStream in = file.open()) {
        content = in.readAllBytes();
      } catch (IOException e) {
        throw e.getCause() instanceof DriverException givenUp
            ? givenUp
            : new DriverException(
                FaultKind.REFUSED, "A file to boot cannot be read.", e.toString(), e);
      }
      if (content.length != file.length()) {
        throw new DriverException(FaultKind.REFUSED, "A file to boot has another length.");
      }
      return content;
    }

    private Outcome keep(Verb verb, ObjectName name, Content file) throws DriverException {
      return run(
          verb,
          name.mark().uid(),
          name.toString(),
          Outcome.DONE,
          new Faults.Effect<>() {
            @Override
            public Outcome run() throws DriverException {
              send(true);
              return Outcome.DONE;
            }

            @Override
            public void half() throws DriverException {
              send(false);
            }

            private void send(boolean whole) throws DriverException {
              byte[] content = read(file);
              synchronized (lock) {
                ours(name.mark());
                media.put(name.toString(), new StoredMedium(name, content, whole));
                index(mediumNames, name);
              }
            }
          });
    }

    private Outcome forget(Verb verb, ObjectName name) throws DriverException {
      return act(
          verb,
          name,
          () -> {
            media.remove(name.toString());
            unindex(mediumNames, name);
            return Outcome.DONE;
          });
    }

    /** A facet of its own, for its delete is not that of disks. */
    private final class Drives implements Media {
      @Override
      public Outcome put(ObjectName name, Content iso) throws DriverException {
        return keep(Verb.PUT_MEDIUM, name, iso);
      }

      @Override
      public Outcome delete(ObjectName name) throws DriverException {
        return forget(Verb.DELETE_MEDIUM, name);
      }
    }

    private boolean inDrive(Machine machine, String sha256) {
      MachineDefinition.Installer installer = machine.definition.installer();
      return machine.mark != null
          && machine.mark.installation().equals(installation)
          && installer != null
          && sha256.equals(installer.medium());
    }

    /** The mark alone is written. */
    private final class Imports implements Import {
      @Override
      public Found look(UUID uid) throws DriverException {
        return run(
            Verb.LOOK_AT,
            uid,
            uid.toString(),
            new Found(io.millwright.model.Firmware.BIOS, null, List.of(), Map.of()),
            () -> {
              synchronized (lock) {
                Machine machine = machines.get(uid);
                if (machine == null) {
                  throw conflict("There is no such machine.");
                }
                return new Found(
                    machine.definition.firmware(),
                    machine.mark,
                    machine.definition.disks().stream()
                        .map(d -> new Disk(d.name(), sizeOf(d.name())))
                        .toList(),
                    machine.on() ? agentAddresses(machine) : Map.of());
              }
            });
      }

      private Map<Mac, List<Ip>> agentAddresses(Machine machine) {
        Map<Mac, List<Ip>> out = new HashMap<>();
        for (MachineDefinition.Nic nic : machine.definition.nics()) {
          List<Ip> has = agentAddresses.get(nic.mac());
          if (has != null) {
            out.put(nic.mac(), has);
          }
        }
        return out;
      }

      private @Nullable ByteSize sizeOf(String disk) {
        StoredDisk stored = disks.get(disk);
        return stored == null ? foreignDisks.get(disk) : stored.size();
      }

      @Override
      public Outcome take(Mark mark) throws DriverException {
        Outcome done =
            act(
                Verb.TAKE,
                mark,
                () -> {
                  synchronized (lock) {
                    ours(mark);
                    Machine machine = machines.get(mark.uid());
                    if (machine == null) {
                      throw conflict("There is no such machine.");
                    }
                    if (machine.mark != null && !machine.mark.equals(mark)) {
                      throw conflict(
                          machine.mark.installation().equals(installation)
                              ? "We have made the machine ourselves."
                              : "The machine belongs to another installation.");
                    }
                    machine.mark = mark;
                    return Outcome.DONE;
                  }
                });
        tell(mark.uid());
        return done;
      }

      @Override
      public Outcome release(Mark mark) throws DriverException {
        Outcome done =
            act(
                Verb.RELEASE,
                mark,
                () -> {
                  synchronized (lock) {
                    ours(mark);
                    Machine machine = machines.get(mark.uid());
                    if (machine != null
                        && machine.mark != null
                        && machine.mark.installation().equals(installation)) {
                      if (!machine.mark.imported()) {
                        throw conflict("We have made the machine ourselves.");
                      }
                      machine.mark = null;
                    }
                    return Outcome.DONE;
                  }
                });
        tell(mark.uid());
        return done;
      }
    }

    /** Kept among the media, and told apart by their roles. */
    private final class BootFiles implements DirectBoot {
      @Override
      public Outcome put(ObjectName name, Content file) throws DriverException {
        return keep(Verb.PUT_BOOT_FILE, name, file);
      }

      @Override
      public Outcome delete(ObjectName name) throws DriverException {
        return forget(Verb.DELETE_BOOT_FILE, name);
      }
    }

    private SerialLog.Piece readLog(Mark mark, long from) throws DriverException {
      return run(
          Verb.READ_LOG,
          mark.uid(),
          mark.uid().toString(),
          new SerialLog.Piece(new byte[0], 0),
          () -> {
            synchronized (lock) {
              Machine machine = find(mark);
              StringBuilder log = machine == null ? null : machine.logs.get(mark.generation());
              if (log == null) {
                return new SerialLog.Piece(new byte[0], 0);
              }
              int at = from > log.length() ? 0 : (int) from;
              String piece = log.substring(at, Math.min(log.length(), at + SerialLog.PIECE));
              return new SerialLog.Piece(
                  piece.getBytes(StandardCharsets.ISO_8859_1), at + piece.length());
            }
          });
    }

    // ----------------------------------------------------------------- console, agent, events

    @Override
    public Session open(Mark mark) throws DriverException {
      Session session =
          run(
              Verb.OPEN_CONSOLE,
              mark.uid(),
              mark.uid().toString(),
              new SimulatedConsole().open(),
              () -> {
                synchronized (lock) {
                  Machine machine = need(mark);
                  if (!machine.on()) {
                    throw conflict("The machine does not run.");
                  }
                  return machine.console.open(() -> powerOff(mark.uid()));
                }
              });
      sessions.add(session);
      return session;
    }

    private Screen.Ticket ticket(Mark mark) throws DriverException {
      Screen.Ticket made =
          new Screen.Ticket(
              URI.create("wss://screens.example/ticket/" + UUID.randomUUID()), "simulated", null);
      return run(
          Verb.OPEN_SCREEN,
          mark.uid(),
          mark.uid().toString(),
          made,
          () -> {
            synchronized (lock) {
              if (!need(mark).on()) {
                throw conflict("The machine does not run.");
              }
              return made;
            }
          });
    }

    /**
     * A tenth of one core and a quarter of its memory; its disks and cards move a fixed amount a
     * second, so that whoever reads them can be checked.
     */
    @Override
    public List<Usage> usage(Set<UUID> wanted) throws DriverException {
      return run(
          Verb.MEASURE,
          null,
          "",
          List.of(),
          () -> {
            synchronized (lock) {
              List<Usage> out = new ArrayList<>();
              for (UUID uid : wanted) {
                Machine machine = machines.get(uid);
                if (machine != null) {
                  settle(machine);
                }
                if (machine != null && machine.on()) {
                  long millis = Duration.between(machine.startedAt, clock.instant()).toMillis();
                  out.add(
                      new Usage(
                          uid,
                          new Flow.Counted(millis * 100_000),
                          ByteSize.ofMib(Math.max(1, machine.definition.memory().mib() / 4)),
                          new Flow.Counted(millis * 4),
                          new Flow.Counted(millis * 2),
                          new Flow.Counted(millis),
                          new Flow.Measured(500)));
                }
              }
              return List.copyOf(out);
            }
          });
    }

    /** Begins as every screen does; then it is an echo. */
    private Session show(Mark mark) throws DriverException {
      SimulatedConsole screen = new SimulatedConsole();
      Session session =
          run(
              Verb.OPEN_SCREEN,
              mark.uid(),
              mark.uid().toString(),
              screen.open(),
              () -> {
                synchronized (lock) {
                  Machine machine = need(mark);
                  if (!machine.on()) {
                    throw conflict("The machine does not run.");
                  }
                  machine.screens.add(screen);
                  return screen.open();
                }
              });
      screen.print("RFB 003.008\n");
      sessions.add(session);
      return session;
    }

    @Override
    public Optional<Facts> ask(Mark mark) throws DriverException {
      return run(
          Verb.ASK_AGENT,
          mark.uid(),
          mark.uid().toString(),
          Optional.empty(),
          () -> {
            synchronized (lock) {
              Machine machine = find(mark);
              GuestBehaviour.Conduct conduct = machine == null ? null : machine.conduct;
              if (machine == null
                  || conduct == null
                  || machine.state != Observation.State.RUNNING) {
                return Optional.empty();
              }
              Duration after = conduct.agentAfter();
              return after == null || clock.instant().isBefore(machine.startedAt.plus(after))
                  ? Optional.empty()
                  : Optional.of(conduct.facts());
            }
          });
    }

    /** The machine, if its agent answers. */
    private Machine talking(Mark mark) throws DriverException {
      Machine machine = need(mark);
      GuestBehaviour.Conduct conduct = machine.conduct;
      Duration after = conduct == null ? null : conduct.agentAfter();
      if (machine.state != Observation.State.RUNNING
          || after == null
          || clock.instant().isBefore(machine.startedAt.plus(after))) {
        throw conflict("No agent answers in the machine.");
      }
      return machine;
    }

    @Override
    public long begin(Mark mark, List<String> command) throws DriverException {
      return run(
          Verb.RUN_COMMAND,
          mark.uid(),
          mark.uid().toString(),
          0L,
          () -> {
            synchronized (lock) {
              Machine machine = talking(mark);
              if (!command.getFirst().startsWith("/")) {
                throw new DriverException(
                    FaultKind.REFUSED, "The agent does not run it: there is no such program.");
              }
              begun.put(++lastBegun, new Begun(mark.uid(), machine.startedAt, command));
              return lastBegun;
            }
          });
    }

    @Override
    public Optional<Ended> ended(Mark mark, long number) throws DriverException {
      return run(
          Verb.RUN_COMMAND,
          mark.uid(),
          mark.uid().toString(),
          Optional.empty(),
          () -> {
            synchronized (lock) {
              Machine machine = talking(mark);
              Begun one = begun.get(number);
              if (one == null
                  || !one.machine().equals(mark.uid())
                  || !one.startedAt().equals(machine.startedAt)) {
                begun.remove(number);
                throw conflict("The agent knows of no such command.");
              }
              var how = commands;
              Optional<Ended> end =
                  how == null ? Optional.empty() : how.apply(mark.uid(), one.command());
              end.ifPresent(_ -> begun.remove(number));
              return end;
            }
          });
    }

    @Override
    public void subscribe(Consumer<UUID> listener) {
      if (!closed) {
        mine.add(listener);
        listeners.add(listener);
      }
    }

    @Override
    public Optional<Compute> compute() {
      return Optional.of(this);
    }

    @Override
    public Optional<Disks> disks() {
      return Optional.of(this);
    }

    @Override
    public Optional<DiskCopy> diskCopy() {
      return copiesDisks ? Optional.of(this::copy) : Optional.empty();
    }

    @Override
    public Optional<DiskTransfer> diskTransfer() {
      return Optional.of(new Transfer());
    }

    @Override
    public Optional<Media> media() {
      return Optional.of(new Drives());
    }

    @Override
    public Optional<Metrics> metrics() {
      return Optional.of(this);
    }

    @Override
    public Optional<HotPlug> hotPlug() {
      return Optional.of(this);
    }

    @Override
    public Optional<Import> imports() {
      return Optional.of(new Imports());
    }

    @Override
    public Optional<DirectBoot> directBoot() {
      return startsKernels ? Optional.of(new BootFiles()) : Optional.empty();
    }

    @Override
    public Optional<SerialLog> serialLog() {
      return startsKernels ? Optional.of(this::readLog) : Optional.empty();
    }

    @Override
    public boolean showsSerials() {
      return showsSerials;
    }

    @Override
    public boolean sharesMedia() {
      return sharesMedia;
    }

    @Override
    public Optional<SerialConsole> serialConsole() {
      return Optional.of(this);
    }

    @Override
    public Optional<Screen> screen() {
      return Optional.of(this::ticket);
    }

    @Override
    public Optional<Vnc> vnc() {
      return Optional.of(this::show);
    }

    @Override
    public Optional<GuestAgent> guestAgent() {
      return Optional.of(this);
    }

    @Override
    public Optional<GuestCommands> guestCommands() {
      return commands == null ? Optional.empty() : Optional.of(this);
    }

    @Override
    public Optional<LifecycleEvents> lifecycleEvents() {
      return Optional.of(this);
    }

    @Override
    public void close() {
      closed = true;
      attached.remove(this);
      listeners.removeAll(mine);
      for (Session session : sessions) {
        try {
          session.close();
        } catch (java.io.IOException e) {
          throw new java.io.UncheckedIOException(e);
        }
      }
      sessions.clear();
    }
  }
}

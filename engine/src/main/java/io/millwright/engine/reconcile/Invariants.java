package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.manifest.Json;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What must hold, whatever happened before: the tests, the simulation and {@code millwright doctor}
 * ask this one class.
 *
 * <p>It compares the database with the outside world by itself and asks neither the planner nor any
 * reconciler, so that a mistake of theirs cannot hide here. What could not be seen is unknown and
 * breaks nothing.
 */
public final class Invariants {
  /** So long an operation may wait until somebody takes it up. */
  private static final Duration TAKEN_UP = Duration.ofMinutes(5);

  /** So long an image that nobody needs may be staged. */
  private static final Duration UNSTAGED = Sweep.GRACE.multipliedBy(3);

  private static final int PAGE = 1000;

  /** Characters without which a secret is not looked for. */
  private static final int SHORTEST = 8;

  private static final Pattern WORD = Pattern.compile("[A-Za-z]{1,15}|-----.*");

  /** What is asked. */
  public enum Rule {
    /** What is there is what was declared. */
    AS_DECLARED,
    /** No name, MAC or address is there twice, and no two machines write to one disk. */
    UNIQUE,
    /** Nothing is ours out there that was not declared. */
    OWNED,
    /** Every volume has its disk. */
    KEPT,
    /** Every operation has ended, or goes on, or says why it does not. */
    ACCOUNTED,
    /** No secret that is declared stands in a log, an event or anything else that is told. */
    SEALED
  }

  /**
   * Something that does not hold.
   *
   * @param what one sentence without its full stop
   */
  public record Broken(Rule rule, String what) {}

  /**
   * The outside world.
   *
   * @param places what was seen completely: each hypervisor, and as one those that list the same
   *     machines
   * @param published what is published on each network, by the network's uid
   * @param unseen hypervisors that were not
   */
  public record Seen(
      List<Observation> places, Map<UUID, Map<UUID, Records>> published, Set<UUID> unseen) {
    public Seen {
      places = List.copyOf(places);
      published = Map.copyOf(published);
      unseen = Set.copyOf(unseen);
    }
  }

  /**
   * What was found.
   *
   * @param machines how many are declared
   * @param unseen what could not be looked at, and why
   */
  public record Report(long machines, List<Broken> broken, List<String> unseen) {}

  private final Store store;
  private final Outside outside;
  private final SecretBox secrets;
  private final InstantSource clock;

  public Invariants(Store store, Outside outside, SecretBox secrets, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.secrets = secrets;
    this.clock = clock;
  }

  /**
   * Looks at everything, while work goes on: what is worked on is left out, and what does not hold
   * is looked at once more, so that a change in between is taken for nothing.
   */
  public Report look() {
    List<String> unseen = new ArrayList<>();
    Seen seen = observe(unseen);
    List<Broken> broken = store.read(tx -> now(tx, seen, clock.instant()));
    if (!broken.isEmpty()) {
      unseen.clear();
      Seen again = observe(unseen);
      Set<Broken> still = Set.copyOf(store.read(tx -> now(tx, again, clock.instant())));
      broken = broken.stream().filter(still::contains).toList();
    }
    broken = new ArrayList<>(broken);
    broken.addAll(store.read(tx -> told(tx, secrets)));
    long machines = store.read(tx -> tx.resources().count().getOrDefault(Kind.MACHINE, 0L));
    return new Report(machines, List.copyOf(broken), List.copyOf(unseen));
  }

  private Seen observe(List<String> unseen) {
    Map<String, Observation> places = new LinkedHashMap<>();
    Map<UUID, Map<UUID, Records>> published = new HashMap<>();
    Set<UUID> dark = new HashSet<>();
    for (Resource<?, ?> r : store.read(tx -> all(tx, Kind.HYPERVISOR))) {
      Resource<HypervisorSpec, HypervisorStatus> hypervisor =
          r.as(HypervisorSpec.class, HypervisorStatus.class);
      String why;
      try {
        Observation all = outside.call(hypervisor, d -> d.observe(new Scope.All()));
        if (all.complete()) {
          places.merge(
              all.host() == null ? r.uid().toString() : all.host().endpoint(),
              all,
              Observation::and);
          continue;
        }
        why = String.join("; ", all.gaps());
      } catch (DriverException e) {
        why = e.forUser();
      } catch (Busy e) {
        why = "too much goes on there";
      }
      dark.add(r.uid());
      unseen.add(r.title() + ": " + why);
    }
    for (Resource<?, ?> r : store.read(tx -> all(tx, Kind.NETWORK))) {
      Resource<NetworkSpec, NetworkStatus> network = r.as(NetworkSpec.class, NetworkStatus.class);
      if (network.spec().services() == null) {
        continue;
      }
      try {
        published.put(r.uid(), outside.callServices(network, services -> services.observe()));
      } catch (DriverException e) {
        unseen.add("services of " + r.title() + ": " + e.forUser());
      } catch (Busy e) {
        unseen.add("services of " + r.title() + ": too much goes on there");
      }
    }
    return new Seen(List.copyOf(places.values()), published, dark);
  }

  /** What does not hold when nothing is left to do. */
  public static List<Broken> atRest(Tx tx, Seen seen) {
    return new Look(tx, seen, null).all();
  }

  /** What does not hold of what nobody works on now. */
  public static List<Broken> now(Tx tx, Seen seen, Instant now) {
    return new Look(tx, seen, now).all();
  }

  /** What may not be at any moment, also in the midst of work. */
  public static List<Broken> ever(Tx tx, Seen seen) {
    return new Look(tx, seen, null).unsafe();
  }

  /**
   * Secrets that stand in what was written down, where anybody who may read that would see them.
   * They are looked for here and not by the database, whose own log may have what it was asked.
   */
  public static List<Broken> told(Tx tx, SecretBox secrets) {
    Set<String> needles = new HashSet<>();
    for (String sealed : tx.written().declared(SecretBox.prefix())) {
      try {
        needles.addAll(needles(secrets.open(sealed)));
      } catch (IllegalStateException e) {
        // Of another key file; whoever starts the server with that one is told so.
      }
    }
    Set<String> places = new TreeSet<>();
    if (!needles.isEmpty()) {
      Many any = new Many(needles);
      tx.written()
          .each((place, text) -> {
            if (any.standIn(text)) {
              places.add(place);
            }
          });
    }
    return places.stream()
        .map(place -> new Broken(Rule.SEALED, place + " has a secret in clear"))
        .toList();
  }

  /**
   * What a secret is found by: each of its lines, as it is and as in JSON. What is short or a mere
   * word is in any text by chance, and so are the first and the last line of keys.
   */
  private static Set<String> needles(String secret) {
    Set<String> out = new HashSet<>();
    secret
        .lines()
        .map(String::strip)
        .filter(line -> line.length() >= SHORTEST && !WORD.matcher(line).matches())
        .forEach(line -> {
          out.add(line);
          String json = Json.write(line);
          out.add(json.substring(1, json.length() - 1));
        });
    return out;
  }

  /** Finds any of many texts in one pass, for each machine may have a secret: by how they begin. */
  private static final class Many {
    private static final int HEAD = 4;

    private final Map<Long, List<String>> byHead = new HashMap<>();

    /** Of as many characters as fit into a number, or more. */
    Many(Set<String> texts) {
      for (String text : texts) {
        long head = 0;
        for (int i = 0; i < HEAD; i++) {
          head = head << Character.SIZE | text.charAt(i);
        }
        byHead.computeIfAbsent(head, _ -> new ArrayList<>()).add(text);
      }
    }

    boolean standIn(String text) {
      long head = 0;
      for (int i = 0; i < text.length(); i++) {
        head = head << Character.SIZE | text.charAt(i);
        int begin = i - HEAD + 1;
        List<String> some = byHead.get(head);
        if (begin >= 0
            && some != null
            && some.stream().anyMatch(each -> text.startsWith(each, begin))) {
          return true;
        }
      }
      return false;
    }
  }

  /** Names of all data disks that are there. */
  public static Set<String> dataDisks(Seen seen) {
    Set<String> out = new HashSet<>();
    for (Observation place : seen.places()) {
      for (Observation.Disk disk : place.disks()) {
        if (disk.name().role().equals(ObjectName.DATA)) {
          out.add(disk.name().toString());
        }
      }
    }
    return out;
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }

  static List<Resource<?, ?>> all(Tx tx, Kind kind) {
    return tx.resources().all(Resources.Query.of(kind, null));
  }

  /** One look at everything. */
  private static final class Look {
    private final Tx tx;
    private final Seen seen;

    /** When it is, or null if nothing is left to do. */
    private final @Nullable Instant now;

    private final Lookup lookup;
    private final List<Broken> broken = new ArrayList<>();
    private final Map<UUID, Observation.Machine> vms = new HashMap<>();
    private final Map<String, Observation.Disk> disks = new HashMap<>();
    private final Map<UUID, Resource<MachineSpec, MachineStatus>> machines = new HashMap<>();
    private final Map<UUID, Resource<?, ?>> volumes = new HashMap<>();
    private final Map<UUID, Resource<?, ?>> snapshots = new HashMap<>();
    private final Set<String> declaredDisks = new HashSet<>();
    private Set<UUID> busy = Set.of();

    Look(Tx tx, Seen seen, @Nullable Instant now) {
      this.tx = tx;
      this.seen = seen;
      this.now = now;
      this.lookup = new Lookup(tx);
      for (Observation place : seen.places()) {
        place.machines().forEach(vm -> vms.put(vm.uid(), vm));
        place.disks().stream()
            .filter(d -> ours(d.name()))
            .forEach(d -> disks.put(d.name().toString(), d));
      }
    }

    private boolean ours(ObjectName name) {
      return name.mark().installation().equals(tx.installation());
    }

    List<Broken> all() {
      Set<UUID> targets = new HashSet<>();
      for (Resource<?, ?> r : Invariants.all(tx, Kind.MACHINE)) {
        machines.put(r.uid(), r.as(MachineSpec.class, MachineStatus.class));
        targets.add(r.uid());
      }
      for (Resource<?, ?> r : Invariants.all(tx, Kind.VOLUME)) {
        volumes.put(r.uid(), r);
        targets.add(r.uid());
      }
      for (Resource<?, ?> r : Invariants.all(tx, Kind.SNAPSHOT)) {
        snapshots.put(r.uid(), r);
        targets.add(r.uid());
      }
      if (now != null) {
        busy = tx.operations().busy(targets);
      }
      operations();
      machines.values().forEach(this::machine);
      volumes();
      snapshots();
      twice();
      publishedTwice();
      owned();
      addresses();
      return broken;
    }

    List<Broken> unsafe() {
      for (Resource<?, ?> r : Invariants.all(tx, Kind.MACHINE)) {
        machines.put(r.uid(), r.as(MachineSpec.class, MachineStatus.class));
      }
      twice();
      Set<String> bound = new HashSet<>();
      for (Resource<MachineSpec, MachineStatus> m : machines.values()) {
        for (MachineStatus.Interface face : m.status().interfaces()) {
          for (Ip ip : face.addresses()) {
            require(Rule.UNIQUE, bound.add(face.network() + ip), ip + " belongs to two");
          }
        }
      }
      return broken;
    }

    private void require(Rule rule, boolean holds, String otherwise) {
      if (!holds) {
        broken.add(new Broken(rule, otherwise));
      }
    }

    /** True if something is being done about it, so that nothing can be said of it. */
    private boolean moving(UUID uid) {
      Resource<?, ?> r =
          machines.containsKey(uid)
              ? machines.get(uid)
              : volumes.containsKey(uid) ? volumes.get(uid) : snapshots.get(uid);
      return now != null && (busy.contains(uid) || (r != null && r.deleting()));
    }

    private boolean dark(Resource<?, ?> of, @Nullable String hypervisor) {
      return hypervisor != null
          && lookup
              .find(Kind.HYPERVISOR, of.project(), hypervisor)
              .filter(h -> seen.unseen().contains(h.uid()))
              .isPresent();
    }

    private List<Operation> all(String state) {
      List<Operation> out = new ArrayList<>();
      String cursor = null;
      do {
        var page =
            tx.operations().list(new Operations.Query(null, null, null, state, null, PAGE, cursor));
        out.addAll(page.items());
        cursor = page.next();
      } while (cursor != null);
      return out;
    }

    /**
     * Every operation has ended, or says what it waits for; and somebody will look at it again, for
     * otherwise it goes on for ever in words only.
     */
    private void operations() {
      List<Operation> unfinished = new ArrayList<>();
      for (String word : List.of("pending", "running", "waiting", "undoing")) {
        for (Operation o : all(word)) {
          unfinished.add(o);
          Instant begun = o.createdAt();
          switch (o.state()) {
            case State.Waiting w ->
                require(
                    Rule.ACCOUNTED,
                    !w.message().isBlank(),
                    o.title() + " waits and does not say for what");
            case State.Pending p ->
                require(
                    Rule.ACCOUNTED,
                    now != null && begun.plus(TAKEN_UP).isAfter(now),
                    o.title()
                        + " is "
                        + p
                        + (now == null ? " at " + o.steps() : " since " + begun));
            case State.Undoing _, State.Running _ ->
                require(
                    Rule.ACCOUNTED,
                    now != null,
                    o.title() + " is " + o.state() + " at " + o.steps());
            default -> {}
          }
        }
      }
      if (now != null) {
        Set<UUID> looked =
            tx.nudges().pending(unfinished.stream().map(o -> o.target().uid()).distinct().toList());
        for (Operation o : unfinished) {
          require(
              Rule.ACCOUNTED,
              looked.contains(o.target().uid()),
              o.title() + " has not ended, and nobody will look at it again");
        }
      }
    }

    private void machine(Resource<MachineSpec, MachineStatus> m) {
      MachineStatus status = m.status();
      declaredDisks.add(String.valueOf(status.disk()));
      MachineStatus.Former former = status.former();
      if (former != null) {
        declaredDisks.add(former.disk());
      }
      boolean reported = Condition.holds(status.conditions(), MachineReconciler.DRIFTED);
      if (moving(m.uid()) || dark(m, status.hypervisor()) || (now != null && reported)) {
        return;
      }
      require(Rule.AS_DECLARED, !m.deleting(), m.title() + " is being deleted and still there");
      boolean held = Condition.holds(status.conditions(), Condition.HELD);
      boolean succeeded =
          tx.operations()
              .latest(m.uid())
              .map(o -> o.state() instanceof State.Succeeded)
              .orElse(now != null); // records of work are kept for 90 days
      Observation.Machine vm = vms.get(m.uid());
      if (held || !succeeded) {
        require(
            Rule.AS_DECLARED,
            !Condition.holds(status.conditions(), Condition.READY)
                || (vm != null && vm.state() == Observation.State.RUNNING),
            m.title() + " is ready and does not run");
        return;
      }
      ResolvedMachine resolved = ResolvedMachine.of(lookup, m);
      if (waitsForInstaller(resolved)) {
        require(
            Rule.AS_DECLARED,
            vm == null || vm.state() != Observation.State.RUNNING,
            m.title() + " runs");
        return;
      }
      if (vm == null) {
        broken.add(new Broken(Rule.AS_DECLARED, m.title() + " is not there"));
        return;
      }
      compare(m, vm, resolved);
    }

    /**
     * What an installer makes is made when it shall run, and until then there may be none of it.
     */
    private static boolean waitsForInstaller(ResolvedMachine r) {
      return r.machine().spec().power() == Power.OFF
          && r.machine().status().readyBy() == null
          && !r.machine().spec().foreignMade()
          && r.image().spec().installer() != null;
    }

    private void compare(
        Resource<MachineSpec, MachineStatus> m, Observation.Machine vm, ResolvedMachine resolved) {
      MachineStatus status = m.status();
      String title = m.title();
      boolean on = m.spec().power() == Power.ON;
      Rule rule = Rule.AS_DECLARED;
      require(rule, (vm.state() == Observation.State.RUNNING) == on, title + " is " + vm.state());
      require(
          rule,
          Condition.holds(status.conditions(), Condition.READY) == on,
          title + " says " + status.conditions());
      if (m.spec().foreignMade()) {
        return; // the rest is as whoever made it wants it
      }
      List<String> wanted = new ArrayList<>();
      wanted.add(status.disk());
      resolved.volumes().forEach(v -> wanted.add(v.status().object()));
      require(rule, vm.cores() == resolved.size().cores(), title + " has " + vm.cores() + " cores");
      require(rule, vm.memory().equals(resolved.size().memory()), title + " has " + vm.memory());
      require(rule, vm.disks().equals(wanted), title + " has " + vm.disks() + ", not " + wanted);
      List<Mac> macs =
          status.interfaces().stream()
              .map(MachineStatus.Interface::mac)
              .filter(Objects::nonNull)
              .toList();
      require(
          rule,
          vm.nics().equals(resolved.nics()),
          title + " has " + vm.nics() + ", not " + resolved.nics());
      require(
          rule,
          vm.nics().stream().map(MachineDefinition.Nic::mac).toList().equals(macs),
          title + " has " + vm.nics() + " and says " + macs);
      Observation.Disk system = disks.get(String.valueOf(status.disk()));
      require(
          rule,
          system != null
              && (system.size().compareTo(resolved.size().disk()) >= 0 || !system.grows()),
          title + " has the system disk " + system);
      if (status.readyBy() != null) {
        require(rule, vm.medium() == null, title + " still has its seed");
        require(
            Rule.OWNED,
            seen.places().stream()
                .flatMap(p -> p.media().stream())
                .noneMatch(s -> s.name().mark().uid().equals(m.uid())),
            title + " has left its seed behind");
      }
      MachineGoals.records(resolved)
          .forEach((name, records) -> {
            var network = resolved.networks().get(name);
            Map<UUID, Records> there = network == null ? null : seen.published().get(network.uid());
            require(
                rule,
                there == null || records.equals(there.get(m.uid())),
                title + " has published " + (there == null ? null : there.get(m.uid())));
          });
    }

    /** Every volume that was made has its disk, and every data disk is somebody's. */
    private void volumes() {
      Set<String> kept = new HashSet<>();
      for (Resource<?, ?> volume : volumes.values()) {
        VolumeStatus status = (VolumeStatus) volume.status();
        // Until it was heard that it is there, its name is the one that it was to be made under.
        kept.add(
            status.object() == null
                ? new ObjectName(new Mark(tx.installation(), volume.uid(), 1), ObjectName.DATA)
                    .toString()
                : status.object());
        if (status.copy() != null && now != null) {
          kept.add(status.copy().object());
        }
      }
      tx.quarantine().list(null).forEach(e -> kept.add(e.disk()));
      disks.forEach((name, disk) -> {
        if (disk.name().role().equals(ObjectName.DATA) && !moving(disk.name().mark().uid())) {
          require(Rule.OWNED, kept.contains(name), "the data disk " + name + " is nobody's");
        }
      });
      for (Resource<?, ?> volume : volumes.values()) {
        VolumeStatus status = (VolumeStatus) volume.status();
        if (moving(volume.uid()) || dark(volume, ((VolumeSpec) volume.spec()).hypervisor())) {
          continue;
        }
        require(
            Rule.AS_DECLARED,
            !volume.deleting(),
            volume.title() + " is being deleted and still there");
        if (status.object() != null) {
          Observation.Disk disk = disks.get(status.object());
          require(
              Rule.KEPT,
              disk != null && disk.size().equals(status.size()),
              volume.title() + " has " + disk + " and says " + status.size());
        }
        Condition.find(status.conditions(), VolumeMounts.INTACT)
            .ifPresent(c -> require(Rule.KEPT, false, volume.title() + ": " + c.message()));
      }
    }

    /** Every snapshot that was taken has its disk, and every such disk is a snapshot's. */
    private void snapshots() {
      Set<String> kept = new HashSet<>();
      for (Resource<?, ?> snapshot : snapshots.values()) {
        SnapshotStatus status = (SnapshotStatus) snapshot.status();
        kept.add(String.valueOf(status.object()));
        if (moving(snapshot.uid()) || dark(snapshot, status.hypervisor())) {
          continue;
        }
        require(
            Rule.AS_DECLARED,
            !snapshot.deleting(),
            snapshot.title() + " is being deleted and still there");
        if (status.stage() == SnapshotStatus.Stage.TAKEN) {
          Observation.Disk disk = disks.get(status.object());
          require(
              Rule.KEPT,
              disk != null && disk.size().equals(status.size()),
              snapshot.title() + " has " + disk + " and says " + status.size());
        }
      }
      disks.forEach((name, disk) -> {
        if (disk.name().role().equals(ObjectName.SNAPSHOT) && !moving(disk.name().mark().uid())) {
          require(Rule.OWNED, kept.contains(name), "the snapshot " + name + " is nobody's");
        }
      });
    }

    /**
     * No name and no MAC is there twice, nor the same machine; and nobody writes where another
     * does.
     */
    private void twice() {
      String ours = tx.installation();
      Set<Mac> macs = new HashSet<>();
      Set<UUID> uids = new HashSet<>();
      Map<String, String> writers = new HashMap<>();
      for (Observation place : seen.places()) {
        Set<String> names = new HashSet<>();
        for (Observation.Machine vm : place.machines()) {
          boolean own = vm.mark() != null && vm.mark().installation().equals(ours);
          boolean down = vm.state() != Observation.State.RUNNING;
          if (own && down && isElsewhere(vm.uid())) {
            continue; // it is on its way, and there may be the same machine in the other place
          }
          require(Rule.UNIQUE, names.add(vm.name()), "two machines are called " + vm.name());
          vm.nics()
              .forEach(
                  nic -> require(Rule.UNIQUE, macs.add(nic.mac()), "two cards have " + nic.mac()));
          require(Rule.UNIQUE, !own || uids.add(vm.uid()), vm.name() + " is on two hypervisors");
          if (!down) {
            for (String disk : vm.disks()) {
              String other = writers.put(disk, vm.name());
              require(
                  Rule.UNIQUE, other == null, vm.name() + " and " + other + " write to " + disk);
            }
          }
        }
      }
    }

    /** Nor is anything published of two: a name or an address would lead to either of them. */
    private void publishedTwice() {
      seen.published()
          .values()
          .forEach(all -> {
            Map<String, UUID> names = new HashMap<>();
            Map<Ip, UUID> addresses = new HashMap<>();
            all.forEach((uid, records) -> {
              if (moving(uid)) {
                return;
              }
              String name = records.hostname() + "." + records.domain();
              UUID other = names.put(name, uid);
              require(Rule.UNIQUE, other == null, "two machines are published as " + name);
              for (Ip ip : records.addresses()) {
                UUID holder = addresses.put(ip, uid);
                require(Rule.UNIQUE, holder == null, "two machines are published with " + ip);
              }
            });
          });
    }

    private boolean isElsewhere(UUID machine) {
      Resource<MachineSpec, MachineStatus> m = machines.get(machine);
      return m != null && m.status().elsewhere() != null;
    }

    /** Nothing is ours out there that was not declared. */
    private void owned() {
      String ours = tx.installation();
      for (Observation.Machine vm : vms.values()) {
        if (vm.mark() != null && vm.mark().installation().equals(ours)) {
          require(
              Rule.OWNED,
              machines.containsKey(vm.uid()),
              "the machine " + vm.name() + " is nobody's");
        }
      }
      for (Observation.Disk disk : disks.values()) {
        UUID uid = disk.name().mark().uid();
        String role = disk.name().role();
        if (moving(uid)) {
          continue;
        }
        Resource<MachineSpec, MachineStatus> owner = machines.get(uid);
        boolean held =
            owner != null && Condition.holds(owner.status().conditions(), Condition.HELD);
        if (role.equals(ObjectName.PART)) {
          require(Rule.OWNED, held, "the half-made disk " + disk.name() + " is nobody's");
        }
        if (role.equals(ObjectName.SYSTEM)) {
          require(
              Rule.OWNED,
              owner != null && (held || declaredDisks.contains(disk.name().toString())),
              "the system disk " + disk.name() + " is nobody's");
        }
      }
      for (Observation place : seen.places()) {
        for (Observation.Medium seed : place.media()) {
          require(
              Rule.OWNED,
              !ours(seed.name()) || machines.containsKey(seed.name().mark().uid()),
              "the seed " + seed.name() + " is nobody's");
        }
      }
      images();
      seen.published()
          .values()
          .forEach(all ->
              all.forEach((uid, records) ->
                  require(
                      Rule.OWNED,
                      machines.containsKey(uid),
                      "records of " + records + " are nobody's")));
    }

    /** A staged image is needed, or its hypervisor's rounds have noted that it goes. */
    private void images() {
      List<String> staged =
          seen.places().stream().flatMap(place -> place.images().stream()).distinct().toList();
      Set<String> unneeded = new TreeSet<>(staged);
      unneeded.removeAll(StagedImages.needed(tx, staged, null));
      if (unneeded.isEmpty()) {
        return;
      }
      Map<String, Instant> noted = new HashMap<>();
      tx.orphans().images().forEach(u -> noted.merge(u.sha256(), u.foundAt(), Invariants::earlier));
      for (String sha256 : unneeded) {
        Instant since = noted.get(sha256);
        // In the midst of work the next round may be still to come.
        boolean goes =
            now == null ? since != null : since == null || since.plus(UNSTAGED).isAfter(now);
        require(Rule.OWNED, goes, "the image " + sha256 + " is staged, and nobody needs it");
      }
    }

    private boolean reserves(
        Resource<MachineSpec, MachineStatus> m, MachineStatus.Interface face, boolean v6) {
      return m.spec().interfaces().stream()
          .filter(declared -> declared.name().equals(face.name()))
          .findFirst()
          .flatMap(declared ->
              lookup
                  .find(Kind.NETWORK, m.project(), face.network())
                  .map(network ->
                      ResolvedMachine.reserves(declared, (NetworkSpec) network.spec(), v6)))
          .orElse(true);
    }

    /** Whatever an interface was given is bound to it and to nobody else, and nothing else is. */
    private void addresses() {
      Map<String, String> holders = new HashMap<>();
      for (Resource<MachineSpec, MachineStatus> m : machines.values()) {
        List<Ip> leased =
            tx.addresses().leases(m.uid()).stream()
                .filter(l -> l.coolingUntil() == null)
                .map(Lease::ip)
                .toList();
        for (Ip ip : leased) {
          // A change that failed keeps what it was to let go: the guest may still have it.
          require(
              Rule.AS_DECLARED,
              moving(m.uid())
                  || Condition.holds(m.status().conditions(), Condition.HELD)
                  || m.status().addresses().contains(ip),
              ip + " is bound to " + m.title() + " in vain");
        }
        for (MachineStatus.Interface face : m.status().interfaces()) {
          Set<Boolean> families = new HashSet<>();
          for (Ip ip : face.addresses()) {
            // The reserved one stands first; more is what the guest told of itself.
            boolean told = !families.add(ip.v6()) || !reserves(m, face, ip.v6());
            require(
                Rule.UNIQUE,
                moving(m.uid()) || told || leased.contains(ip),
                m.title() + " has " + ip + ", which is not bound to it");
            if (leased.contains(ip)) {
              holds(holders, face.network() + " " + ip, m.title());
            }
          }
          if (face.mac() != null) {
            holds(holders, face.mac().toString(), m.title());
          }
        }
      }
      for (Resource<?, ?> network : Invariants.all(tx, Kind.NETWORK)) {
        for (Lease lease : tx.addresses().leasesOf(network.uid())) {
          require(
              Rule.OWNED,
              lease.coolingUntil() != null || machines.containsKey(lease.machine()),
              lease.ip() + " is bound to a machine that is gone");
        }
      }
    }

    private void holds(Map<String, String> holders, String what, String who) {
      String before = holders.put(what, who);
      require(Rule.UNIQUE, before == null, what + " belongs to " + before + " and to " + who);
    }
  }
}

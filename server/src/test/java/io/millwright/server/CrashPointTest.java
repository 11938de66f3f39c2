package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Call;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.Faults;
import io.millwright.driver.testkit.SimulatedBuilder;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Operations;
import io.millwright.engine.request.MachineImport;
import io.millwright.engine.request.Rollouts;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.ImageBuild;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Step;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Kills the server at every call that it makes to the outside world: before the call takes effect,
 * and after it did but before that could be written down. The next server must bring every
 * operation to its end as if nothing had happened; also when the call of the first one, which was
 * lost on its way, then takes effect after all.
 *
 * <p>Which calls there are is not listed here: each flow is run once undisturbed and watched, and
 * every kind of {@link Step} must have come up in one of them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("slow")
class CrashPointTest {
  /** Worlds at work side by side: most of the time each waits. */
  private static final int LANES = 4;

  /** Calls that change nothing. */
  private static final Set<Verb> LOOKS =
      EnumSet.of(Verb.OBSERVE, Verb.ASK_AGENT, Verb.READ_LOG, Verb.MEASURE);

  /** Calls that send something, of which a half may be there. */
  private static final Set<Verb> SENDS =
      EnumSet.of(Verb.STAGE, Verb.PUT_MEDIUM, Verb.PUT_BOOT_FILE);

  /** Calls of which there may be fewer or more from one run to the next. */
  private static final Set<Verb> REPEATED =
      EnumSet.of(Verb.OBSERVE, Verb.ASK_AGENT, Verb.READ_LOG, Verb.MEASURE, Verb.STOP);

  /** While one works on a flow: {@code -Dcrash.flow=WORDS} runs those whose name has these. */
  private static final String ONLY = java.lang.System.getProperty("crash.flow", "");

  /** All that {@link #theServerMayDieAtALook} and groups leave out of a build. */
  private static final boolean ALL = Boolean.getBoolean("crash.looks");

  private static final byte[] CONTENT = {1, 2, 3, 0, 4};

  private static final Path WINDOWS = TestImages.windowsMedium("CCCOMA_X64FRE_EN-US_DV9");

  private static final Path MEDIUM = TestImages.installationMedium();

  private static final AtomicInteger SCENES = new AtomicInteger();

  /** What a person does, and what must have come of it. */
  private record Flow(String name, Part prepare, Act act, State end, Part check) {
    Flow(String name, Part prepare, Act act, Part check) {
      this(name, prepare, act, new State.Succeeded(), check);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private interface Part {
    void run(Scene scene) throws Exception;
  }

  private interface Act {
    /** Whose operation to wait for. */
    UUID run(Scene scene) throws Exception;
  }

  /** Who is called. */
  private enum System {
    HYPERVISOR,
    SECOND,
    SERVICES,
    BUILDER,
    WEB
  }

  /** When, of a call, its server dies. */
  private enum Moment {
    BEFORE,

    /** When a half of what is sent is there. */
    HALF,
    AFTER,

    /** Before; and once another server has ended the work, the call takes effect after all. */
    LATE
  }

  /** A moment at which the server dies. */
  private record Point(Flow flow, System system, Verb verb, int ordinal, Moment moment) {
    @Override
    public String toString() {
      return flow + ": " + moment + " " + verb + " #" + ordinal + " of " + system;
    }
  }

  /** The server is no more; nothing may catch this and go on. */
  private static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  // --- a flow on its stage -------------------------------------------------------------------

  /** One run of a flow: names of its own in a world that it shares with those before it. */
  private final class Scene {
    final World world;
    final int number = SCENES.incrementAndGet();
    final String machine = "m" + number;
    final String image = "i" + number;
    final String size = "s" + number;
    final String volume = "v" + number;
    final String group = "g" + number;
    final String kept = "k" + number;

    /** When there were fewer members up than promised. */
    final Queue<String> broken = new ConcurrentLinkedQueue<>();

    final Fault.Hang hang = Fault.hang();

    /** A machine that somebody else made, and as what it was found. */
    UUID foreign;

    MachineImport.Found found;

    /** A machine that is being installed by the vendor's medium. */
    UUID beside;

    private Node victim;

    /** A disk of the volume from before it was carried elsewhere. */
    String carried;

    /** What a move has left cannot be removed. */
    final AtomicBoolean stays = new AtomicBoolean();

    /** An operation that is not the one which the flow is about. */
    UUID before;

    /** What was to be deleted, by its name: whoever gets no answer asks again. */
    private final Map<String, UUID> asked = new HashMap<>();

    /** What the flow itself has refused once; nobody dies at that call. */
    Verb refused;

    private final CountDownLatch crashed = new CountDownLatch(1);

    /** What a dead server had asked for takes effect. */
    private final CountDownLatch late = new CountDownLatch(1);

    private final CountDownLatch landed = new CountDownLatch(1);

    /** Nobody dies any more. */
    private boolean over;

    Scene(World world) {
      this.world = world;
    }

    void apply(String manifest) {
      world.apply(manifest);
    }

    String machine(String more) {
      return World.machine(machine, more).replace("size: small", "size: " + size);
    }

    String size(int cores, String disk) {
      return """
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: %s}
      spec: {cores: %d, memory: 256MiB, disk: %s}
      ---
      """
          .formatted(size, cores, disk);
    }

    String builtImage() {
      return """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: %s}
      spec: {os: debian, version: "12.%d", build: {builder: simulated, suite: bookworm}}
      ---
      """
          .formatted(image, number);
    }

    /** As {@link #builtImage}, and a machine has to become ready from each build. */
    String checkedImage() {
      return builtImage()
          .replace(
              "suite: bookworm",
              "suite: bookworm, keep: 0, check: {size: " + size + ", nics: [{network: net}]}");
    }

    UUID build() {
      UUID uid = uid(Kind.IMAGE, image);
      world.store.inTransaction(
          tx -> world.engine.builds().build(tx, World.ANNA, "default", image));
      return uid;
    }

    String installerImage() {
      return """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: %s}
      spec: {os: ubuntu, version: "24.04", installer: {path: %s, offline: true}}
      ---
      """
          .formatted(image, MEDIUM);
    }

    /** One that no kernel starts, so that it boots a medium of its own. */
    String mediumImage() {
      return installerImage()
          .replace("os: ubuntu, version: \"24.04\"", "os: freebsd, version: \"14\"");
    }

    /** What is made of that. */
    String byMedium(String drift) {
      return machine("drift: " + drift).replace("image: img", "image: " + image);
    }

    /** One that finds its answers beside the vendor's medium, where no kernel is started. */
    String besideImage() {
      return installerImage()
          .replace("os: ubuntu, version: \"24.04\"", "os: rocky, version: \"9\"");
    }

    /** Windows, which is installed so wherever it is, with devices of its own. */
    String windowsMachine() {
      return besideMachine()
          .replace("os: rocky, version: \"9\"", "os: windows, version: \"11\"")
          .replace(MEDIUM.toString(), WINDOWS.toString())
          .replace("disk: 40GiB", "disk: 64GiB");
    }

    /** What boots the vendor's medium, on the hypervisor that starts no kernels. */
    String besideMachine() {
      return besideImage()
          + size(1, "40GiB")
          + machine("hypervisor: sim2")
              .replace("image: img", "image: " + image)
              .replace("network: net", "network: both");
    }

    /** One that is made by the installer of a medium, which is called {@link #kept}. */
    String goldenImage() {
      return """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: %s}
      spec:
        os: ubuntu
        version: "24.04"
        build: {installer: {image: %s, hypervisor: sim, size: %s, nics: [{network: net}]}}
      """
          .formatted(image, kept, size);
    }

    String fetchedImage() {
      return """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: %s}
      spec:
        os: debian
        version: "12"
        source: {url: "%s/%d", sha256: "%s"}
      ---
      """
          .formatted(image, web.url(), number, web.sha256());
    }

    String volume(String bytes) {
      return """
      apiVersion: millwright/v1
      kind: Volume
      metadata: {name: %s}
      spec: {size: %s, hypervisor: sim, reclaim: delete, filesystem: ext4}
      ---
      """
          .formatted(volume, bytes);
    }

    String group(int count, String firmware) {
      return """
      apiVersion: millwright/v1
      kind: Group
      metadata: {name: %s}
      spec:
        count: %d
        machine:
          image: img
          size: %s
          profiles: [me]
          firmware: %s
          nics: [{network: net}]
      """
          .formatted(group, count, size, firmware);
    }

    /** A network of its own, which other scenes do not feel. */
    String network(int vlan) {
      return """
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: %s}
      spec:
        vlan: %d
        subnets: [{cidr: 172.%d.%d.0/24}]
        attachments: [{hypervisor: sim, bridge: br0}]
      ---
      """
          .formatted(kept, vlan, 16 + number / 256, number % 256);
    }

    String groupOnIt() {
      return group(2, "bios").replace("network: net", "network: " + kept);
    }

    String pool(int ready) {
      return """
      apiVersion: millwright/v1
      kind: Pool
      metadata: {name: %s}
      spec: {ready: %d, machine: {image: img, size: %s, profiles: [me], nics: [{network: net}]}}
      """
          .formatted(group, ready, size);
    }

    Resource<?, ?> claim() {
      return world.store.inTransaction(
          tx -> world.engine.pools().claim(tx, World.ANNA, "default", group, null, null));
    }

    List<Resource<MachineSpec, MachineStatus>> members() {
      return world.engine.rollouts().members("default", group).stream()
          .map(Rollouts.MemberFacts::machine)
          .toList();
    }

    /** At each call that stops or removes a member, so many of the others must be up. */
    void watchPromise(int promised) {
      Map<UUID, String> uids = new HashMap<>();
      members().forEach(m -> uids.put(m.uid(), m.name()));
      world
          .hypervisor
          .faults()
          .when(
              call -> {
                if (call.verb() == Verb.STOP && uids.containsKey(call.uid())) {
                  long up =
                      uids.keySet().stream()
                          .filter(u -> !u.equals(call.uid()))
                          .filter(u ->
                              world
                                  .hypervisor
                                  .state(u)
                                  .filter(s -> s == Observation.State.RUNNING)
                                  .isPresent())
                          .count();
                  if (up < promised) {
                    broken.add(uids.get(call.uid()) + " is stopped while " + up + " are up");
                  }
                }
                return false;
              },
              1,
              Fault.runBefore(() -> {}));
    }

    /** With something on its volume, and ready to go to the second hypervisor. */
    void movable() {
      apply(volume("64MiB"));
      apply(
          size(1, "2GiB")
              + machine("hypervisor: sim\nvolumes: [" + volume + "]")
                  .replace("network: net", "network: both"));
      world.awaitReady(machine);
      before = world.awaitEnd(uid()).uid();
      world.hypervisor.fill(disk(), CONTENT);
    }

    String snapshot() {
      return """
      apiVersion: millwright/v1
      kind: Snapshot
      metadata: {name: %s}
      spec: {machine: %s}
      """
          .formatted(kept, machine);
    }

    /** With something on its system disk. */
    void off() {
      world.hypervisor.fill(world.machine(machine).status().disk(), CONTENT);
      world.engine.power().set(World.ANNA, "default", machine, Power.OFF);
      before = world.awaitEnd(uid()).uid();
    }

    void snapshotted() {
      apply(volume("1GiB"));
      ready("volumes: [" + volume + "]");
      off();
      apply(snapshot());
      world.awaitEnd(uid(Kind.SNAPSHOT, kept));
    }

    String keptDisk() {
      return ((SnapshotStatus)
              world
                  .store
                  .read(tx -> tx.resources().find(Kind.SNAPSHOT, "default", kept))
                  .orElseThrow()
                  .status())
          .object();
    }

    UUID move() {
      world.store.write(tx -> world.engine.move().move(tx, World.ANNA, "default", machine, "sim2"));
      return uid();
    }

    /** It was moved, then a change of it failed for good, and what it had is still there. */
    void leftBehind() {
      movable();
      carried = disk();
      UUID uid = uid();
      world
          .hypervisor
          .faults()
          .always(
              c -> c.verb() == Verb.REMOVE && uid.equals(c.uid()) && stays.get(),
              Fault.beforeEffect(FaultKind.UNREACHABLE));
      stays.set(true);
      long removals = world.hypervisor.faults().calls(Verb.REMOVE);
      move();
      world.await(
          "it is up there, and the rest is tried in vain",
          () -> hasLeft() && world.hypervisor.faults().calls(Verb.REMOVE) > removals);
      world
          .second
          .faults()
          .when(
              c -> c.verb() == Verb.DEFINE && uid.equals(c.uid()),
              1,
              Fault.beforeEffect(FaultKind.REFUSED));
      apply(size(2, "2GiB"));
      world.await("the change has failed", () -> world.latest(uid).state() instanceof State.Failed);
    }

    boolean hasLeft() {
      return world.machine(machine).status().leftBehind();
    }

    /** At all of the hypervisor, as each of its rounds does. */
    void look() {
      world.store.write(tx ->
          tx.nudges()
              .nudge(tx.resources().find(Kind.HYPERVISOR, "shared", "sim").orElseThrow().uid()));
    }

    /** True if nothing is left of a volume, neither its disk nor that it was in quarantine. */
    boolean emptied(UUID volume) {
      return world.outside().disks().stream().noneMatch(d -> d.name().mark().uid().equals(volume))
          && world.store.read(tx -> tx.quarantine().find(volume)).isEmpty();
    }

    boolean died() {
      return crashed.getCount() == 0;
    }

    private String disk() {
      return ((VolumeStatus)
              world
                  .store
                  .read(tx -> tx.resources().find(Kind.VOLUME, "default", volume))
                  .orElseThrow()
                  .status())
          .object();
    }

    byte[] onVolume(SimulatedHypervisor where) {
      return where.content(disk()).orElseThrow();
    }

    void ready(String more) {
      apply(size(1, "2GiB") + machine(more));
      world.awaitReady(machine);
      world.awaitEnd(uid());
    }

    UUID uid() {
      return world.machine(machine).uid();
    }

    /** What it was installed by is gone from the hypervisor as well. */
    void nothingInItsDrives() {
      UUID uid = uid();
      assertThat(world.hypervisor.definition(uid).orElseThrow().medium()).isNull();
      assertThat(world.outside().media()).noneMatch(m -> m.name().mark().uid().equals(uid));
    }

    /** Begins an installation by a medium of its own that stays in this call. */
    void installByMedium(Verb until) throws InterruptedException {
      world.hypervisor.faults().next(until, hang);
      apply(
          mediumImage() + size(1, "40GiB") + machine("").replace("image: img", "image: " + image));
      hang.awaitEntered();
    }

    /** The vendor's medium is the hypervisor's and stays there; of the machine nothing does. */
    void nothingBeside() {
      UUID uid = uid();
      MachineDefinition now = world.second.definition(uid).orElseThrow();
      assertThat(now.medium()).isNull();
      assertThat(now.installer()).isNull();
      assertThat(world.outside().media()).noneMatch(m -> m.name().mark().uid().equals(uid));
    }

    /** No scene leaves a medium by which something was installed. */
    void noInstaller() {
      assertThat(world.outside().media())
          .noneMatch(m -> m.name().role().equals(ObjectName.INSTALLER));
    }

    UUID uid(Kind kind, String name) {
      return world.store.read(tx -> tx.resources().find(kind, "default", name)).orElseThrow().uid();
    }

    /** Somebody else's machine is there. */
    void foreign() {
      foreign = UUID.randomUUID();
      world.hypervisor.addForeignMachine(
          foreign,
          machine,
          Observation.State.RUNNING,
          1,
          ByteSize.ofMib(64),
          List.of(),
          Map.of("/their/" + machine, ByteSize.ofMib(64)));
      found =
          world
              .engine
              .machineImport()
              .look(new MachineImport.Wanted("default", machine, "sim", machine));
    }

    void importIt() {
      if (world.find(machine).isEmpty()) { // or else the answer alone was lost
        world.store.inTransaction(
            tx -> world.engine.machineImport().declare(tx, World.ANNA, found));
      }
    }

    void foreignAsItWas() {
      assertThat(world.hypervisor.state(foreign)).contains(Observation.State.RUNNING);
      assertThat(world.hypervisor.hasDisk("/their/" + machine)).isTrue();
    }

    UUID delete(Kind kind, String name) {
      UUID known = asked.get(name);
      UUID uid = known != null ? known : uid(kind, name);
      asked.put(name, uid);
      try {
        world.engine.delete().delete(World.ANNA, kind, "default", name, null);
      } catch (ProblemException e) {
        // Or else the answer alone was lost, and it is gone since.
        if (known == null || e.problem().type() != Problem.Type.NOT_FOUND) {
          throw e;
        }
      }
      return uid;
    }

    /** How large the volume's disk is. */
    ByteSize dataDisk() {
      UUID uid = uid(Kind.VOLUME, volume);
      return world.outside().disks().stream()
          .filter(d -> d.name().mark().uid().equals(uid))
          .findFirst()
          .orElseThrow()
          .size();
    }

    /** The calls of this scene, and not of the rounds that go on beside it. */
    boolean concerns(System system, Call call) {
      return switch (system) {
        case HYPERVISOR, SECOND, SERVICES -> call.verb() != Verb.OBSERVE || call.uid() != null;
        case BUILDER -> call.subject().endsWith("12." + number);
        case WEB -> true;
      };
    }

    boolean refuses(Call call) {
      boolean refuses = call.verb() == refused;
      refused = refuses ? null : refused;
      return refuses;
    }

    void arm(Point point) {
      victim = world.node;
      Runnable kill =
          () -> {
            if (kill()) {
              throw new Crash();
            }
          };
      if (point.system() == System.WEB) {
        web.disturb(number, point.moment() == Moment.AFTER, kill);
        return;
      }
      AtomicInteger count = new AtomicInteger();
      faults(world, point.system())
          .when(
              call ->
                  mayDie()
                      && call.verb() == point.verb()
                      && concerns(point.system(), call)
                      && count.incrementAndGet() == point.ordinal(),
              1,
              switch (point.moment()) {
                case BEFORE -> Fault.runBefore(kill);
                case HALF -> Fault.half(kill);
                case AFTER -> Fault.runAfter(kill);
                case LATE -> Fault.run(this::killAndWait, landed::countDown);
              });
    }

    private void killAndWait() {
      if (!kill()) {
        return;
      }
      boolean interrupted = false;
      while (true) {
        try {
          late.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true; // the call has left its server, and nobody can call it back
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    private synchronized boolean mayDie() {
      return !over;
    }

    private synchronized boolean kill() {
      if (over) {
        return false;
      }
      victim.kill();
      crashed.countDown();
      return true;
    }

    /**
     * What has ended may be looked at once more, and meet the fault only then. Only its own fault
     * is taken back, for the builder's and the web's are those of every world.
     */
    private synchronized boolean survived() {
      over = true;
      return crashed.getCount() > 0;
    }

    /** Runs the flow; true if the server died in it. */
    boolean play(Flow flow, Optional<Point> point) throws Exception {
      flow.prepare().run(this);
      point.ifPresent(this::arm);
      UUID target;
      try {
        target = flow.act().run(this);
      } catch (RuntimeException e) {
        // Its connections break a moment before it counts as dead.
        if (!crashed.await(10, TimeUnit.SECONDS)) {
          throw e;
        }
        // Whoever gets no answer asks again.
        revive();
        target = flow.act().run(this);
      }
      UUID whose = target;
      if (point.isPresent()) {
        world.await("it dies or ends", () -> crashed.getCount() == 0 || ended(whose));
        if (!survived()) {
          revive();
        }
      }
      world.await("operation of " + flow + " ends", () -> ended(whose));
      assertThat(world.latest(whose).state()).isEqualTo(flow.end());
      flow.check().run(this);
      boolean died = crashed.getCount() == 0;
      if (died && point.isPresent() && point.get().moment() == Moment.LATE) {
        late.countDown();
        assertThat(landed.await(10, TimeUnit.SECONDS)).isTrue();
      }
      return died;
    }

    /** Starts another server, unless that was done already. */
    private void revive() {
      Node dead = world.node;
      if (dead == victim) {
        world.passTime(dead);
        world.start();
        world.bury(dead);
      }
    }

    private boolean ended(UUID target) {
      Operation latest = world.latest(target);
      return !latest.uid().equals(before) && latest.state().terminal();
    }
  }

  private static Faults faults(World world, System system) {
    return switch (system) {
      case HYPERVISOR -> world.hypervisor.faults();
      case SECOND -> world.second.faults();
      case SERVICES -> world.services.faults();
      case BUILDER, WEB -> SimulatedBuilder.faults();
    };
  }

  // --- the flows -----------------------------------------------------------------------------

  private static final Part NOTHING = scene -> {};

  private static final List<Flow> FLOWS =
      List.of(
          new Flow(
              "provision",
              NOTHING,
              s -> {
                s.apply(
                    s.builtImage()
                        + s.size(1, "2GiB")
                        + s.machine("").replace("image: img", "image: " + s.image));
                return s.uid();
              },
              s -> assertThat(s.world.ready(s.machine)).isTrue()),
          new Flow(
              "installation",
              NOTHING,
              s -> {
                s.apply(
                    s.installerImage()
                        + s.size(1, "40GiB")
                        + s.machine("").replace("image: img", "image: " + s.image));
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().installer())
                    .isNull();
                s.nothingInItsDrives();
              }),
          new Flow(
              "installation by a medium of its own",
              NOTHING,
              s -> {
                s.apply(
                    s.mediumImage()
                        + s.size(1, "40GiB")
                        + s.machine("").replace("image: img", "image: " + s.image));
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                s.nothingInItsDrives();
              }),
          new Flow(
              "installation anew of one that has lost its system disk",
              s -> {
                s.apply(
                    s.volume("1GiB") + s.mediumImage() + s.size(1, "40GiB") + s.byMedium("report"));
                s.world.awaitReady(s.machine);
                s.world.awaitEnd(s.uid());
                s.apply(s.byMedium("report\nvolumes: [" + s.volume + "]"));
                s.before = s.world.awaitEnd(s.uid()).uid();
                String disk = s.world.machine(s.machine).status().disk();
                s.world.hypervisor.removeMachine(s.uid());
                s.world.hypervisor.deleteDisk(disk);
              },
              s -> {
                s.apply(s.byMedium("repair\nvolumes: [" + s.volume + "]"));
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks()).hasSize(2);
                s.nothingInItsDrives();
              }),
          new Flow(
              "installation by a seed beside",
              NOTHING,
              s -> {
                s.apply(s.besideMachine());
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                s.nothingBeside();
              }),
          new Flow(
              "installation of Windows",
              NOTHING,
              s -> {
                s.apply(s.windowsMachine());
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                s.nothingBeside();
                assertThat(s.world.second.definition(s.uid()).orElseThrow().devices())
                    .isEqualTo(Devices.EMULATED);
              }),
          new Flow(
              "deletion with a seed beside",
              s -> {
                s.world.second.faults().next(Verb.START, s.hang);
                s.apply(s.besideMachine());
                s.hang.awaitEntered();
                s.beside = s.uid();
              },
              s -> {
                UUID uid = s.delete(Kind.MACHINE, s.machine);
                s.hang.release();
                return uid;
              },
              s -> {
                assertThat(s.world.find(s.machine)).isEmpty();
                assertThat(s.world.second.state(s.beside)).isEmpty();
                assertThat(s.world.outside(s.world.second).media())
                    .noneMatch(m -> m.name().mark().uid().equals(s.beside));
              }),
          new Flow(
              "cancellation with a seed beside",
              s -> {
                s.world.second.faults().next(Verb.START, s.hang);
                s.apply(s.besideMachine());
                s.hang.awaitEntered();
              },
              s -> {
                s.world.engine.cancel().cancel(s.world.latest(s.uid()).uid());
                s.hang.release();
                return s.uid();
              },
              new State.Cancelled(),
              s -> {
                UUID uid = s.uid();
                assertThat(s.world.second.state(uid)).isEmpty();
                assertThat(s.world.outside().media())
                    .noneMatch(m -> m.name().mark().uid().equals(uid));
              }),
          new Flow(
              "cancellation while its medium is in the drive",
              s -> s.installByMedium(Verb.START),
              s -> {
                s.world.engine.cancel().cancel(s.world.latest(s.uid()).uid());
                s.hang.release();
                return s.uid();
              },
              new State.Cancelled(),
              s -> {
                assertThat(s.world.hypervisor.state(s.uid())).isEmpty();
                s.noInstaller();
              }),
          new Flow(
              "deletion while its medium is sent",
              s -> s.installByMedium(Verb.PUT_MEDIUM),
              s -> {
                UUID uid = s.delete(Kind.MACHINE, s.machine);
                s.hang.release();
                return uid;
              },
              s -> {
                assertThat(s.world.find(s.machine)).isEmpty();
                s.noInstaller();
              }),
          new Flow(
              "delete",
              s -> s.ready(""),
              s -> s.delete(Kind.MACHINE, s.machine),
              s -> assertThat(s.world.find(s.machine)).isEmpty()),
          new Flow(
              "import",
              Scene::foreign,
              s -> {
                s.importIt();
                return s.foreign;
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.world.hypervisor.mark(s.foreign).orElseThrow().imported()).isTrue();
                s.foreignAsItWas();
              }),
          new Flow(
              "deletion of what was imported",
              s -> {
                s.foreign();
                s.importIt();
                s.before = s.world.awaitEnd(s.foreign).uid();
              },
              s -> s.delete(Kind.MACHINE, s.machine),
              s -> {
                assertThat(s.world.find(s.machine)).isEmpty();
                assertThat(s.world.hypervisor.mark(s.foreign)).isEmpty();
                s.foreignAsItWas();
              }),
          new Flow(
              "expiry",
              s -> s.ready("expiry: {leash: 1h}"),
              s -> {
                UUID uid = s.uid();
                s.world.sql("UPDATE lifetime SET expires_at = now() WHERE machine = '" + uid + "'");
                s.world.store.write(tx -> tx.nudges().nudge(uid));
                s.world.await(
                    "it is being deleted",
                    () -> s.world.find(s.machine).map(m -> m.deleting()).orElse(true));
                return uid;
              },
              s -> assertThat(s.world.find(s.machine)).isEmpty()),
          new Flow(
              "drift that is answered by a rebuild",
              s -> {
                s.apply(s.volume("1GiB"));
                s.ready("volumes: [" + s.volume + "]\ndrift: rebuild");
                s.before = s.world.latest(s.uid()).uid();
              },
              s -> {
                UUID uid = s.uid();
                s.world.hypervisor.removeMachine(uid);
                s.world.store.write(tx -> tx.nudges().nudge(uid));
                return uid;
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks()).hasSize(2);
                assertThat(s.world.machine(s.machine).status().disk()).contains("-g2-");
              }),
          new Flow(
              "rebuild",
              s -> s.ready(""),
              s -> {
                s.apply(s.machine("firmware: uefi"));
                return s.uid();
              },
              s -> assertThat(s.world.ready(s.machine)).isTrue()),
          new Flow(
              "rebuild that fails",
              s -> {
                s.apply(s.volume("1GiB"));
                s.ready("volumes: [" + s.volume + "]");
                UUID uid = s.uid();
                s.before = s.world.latest(uid).uid();
                s.refused = Verb.START;
                s.world
                    .hypervisor
                    .faults()
                    .when(
                        c -> c.verb() == Verb.START && uid.equals(c.uid()),
                        1,
                        Fault.beforeEffect(FaultKind.REFUSED));
              },
              s -> {
                s.world.store.write(tx ->
                    s.world.engine.rebuild().rebuild(tx, World.ANNA, "default", s.machine, null));
                return s.uid();
              },
              new State.Failed(
                  "Refused",
                  "The simulated system failed with REFUSED.; the machine is back on its system"
                      + " from before"),
              s -> {
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks()).hasSize(2);
                assertThat(s.world.machine(s.machine).status().disk()).contains("-g1-");
                assertThat(s.world.ready(s.machine)).isTrue();
              }),
          new Flow(
              "snapshot",
              s -> {
                s.apply(s.volume("1GiB"));
                s.ready("volumes: [" + s.volume + "]");
                s.off();
              },
              s -> {
                s.apply(s.snapshot());
                return s.uid(Kind.SNAPSHOT, s.kept);
              },
              s -> assertThat(s.world.hypervisor.content(s.keptDisk())).contains(CONTENT)),
          new Flow(
              "revert",
              s -> {
                s.snapshotted();
                s.world.engine.power().set(World.ANNA, "default", s.machine, Power.ON);
                s.before = s.world.awaitEnd(s.uid()).uid();
                s.world.hypervisor.fill(s.world.machine(s.machine).status().disk(), new byte[] {9});
              },
              s -> {
                s.world.store.inTransaction(tx ->
                    s.world
                        .engine
                        .snapshots()
                        .revert(tx, World.ANNA, "default", s.machine, s.kept));
                return s.uid();
              },
              s -> {
                assertThat(s.world.ready(s.machine)).isTrue();
                String disk = s.world.machine(s.machine).status().disk();
                assertThat(s.world.hypervisor.content(disk)).contains(CONTENT);
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks()).hasSize(2);
                assertThat(s.world.hypervisor.content(s.keptDisk())).contains(CONTENT);
              }),
          new Flow(
              "deletion of a machine with a snapshot",
              Scene::snapshotted,
              s -> s.delete(Kind.MACHINE, s.machine),
              s -> {
                assertThat(s.world.find(s.machine)).isEmpty();
                Optional<Resource<?, ?>> kept =
                    s.world.store.read(tx -> tx.resources().find(Kind.SNAPSHOT, "default", s.kept));
                assertThat(kept).isEmpty();
              }),
          new Flow(
              "group",
              s -> s.apply(s.size(1, "2GiB")),
              s -> {
                s.apply(s.group(2, "bios"));
                return s.uid(Kind.GROUP, s.group);
              },
              s -> assertThat(s.members()).hasSize(2)),
          new Flow(
              "group rollout",
              s -> {
                s.apply(s.size(1, "2GiB") + s.group(2, "bios"));
                s.before = s.world.awaitEnd(s.uid(Kind.GROUP, s.group)).uid();
                s.watchPromise(1);
              },
              s -> {
                s.apply(s.group(2, "uefi"));
                return s.uid(Kind.GROUP, s.group);
              },
              s -> {
                assertThat(s.members())
                    .hasSize(2)
                    .allMatch(m -> m.spec().firmware() == Firmware.UEFI)
                    .allMatch(m -> m.status().readyBy() != null);
                assertThat(s.broken).as("promises that were broken").isEmpty();
              }),
          new Flow(
              "group scale-in",
              s -> {
                s.apply(s.size(1, "2GiB") + s.group(2, "bios"));
                s.before = s.world.awaitEnd(s.uid(Kind.GROUP, s.group)).uid();
                s.watchPromise(0);
              },
              s -> {
                s.apply(s.group(1, "bios"));
                return s.uid(Kind.GROUP, s.group);
              },
              s -> {
                assertThat(s.members()).hasSize(1);
                assertThat(s.world.find(s.group + "-1")).isEmpty();
                assertThat(s.broken).as("promises that were broken").isEmpty();
              }),
          new Flow(
              "group on a network that changes",
              s -> {
                s.apply(s.network(6) + s.size(1, "2GiB") + s.groupOnIt());
                s.before = s.world.awaitEnd(s.uid(Kind.GROUP, s.group)).uid();
                s.watchPromise(1);
              },
              s -> {
                s.apply(s.network(7));
                return s.uid(Kind.GROUP, s.group);
              },
              s -> {
                assertThat(s.members())
                    .hasSize(2)
                    .allSatisfy(m ->
                        assertThat(s.world.hypervisor.definition(m.uid()).orElseThrow().nics())
                            .extracting(MachineDefinition.Nic::vlan)
                            .containsExactly(7));
                assertThat(s.broken).as("promises that were broken").isEmpty();
              }),
          new Flow(
              "group deletion",
              s -> {
                s.apply(s.size(1, "2GiB") + s.group(2, "bios"));
                s.before = s.world.awaitEnd(s.uid(Kind.GROUP, s.group)).uid();
              },
              s -> s.delete(Kind.GROUP, s.group),
              s -> assertThat(s.world.find(s.group + "-0")).isEmpty()),
          new Flow(
              "pool refill after a claim",
              s -> {
                s.apply(s.size(1, "2GiB") + s.pool(1));
                s.world.awaitReady(s.group + "-1");
                s.world.awaitEnd(s.world.machine(s.group + "-1").uid());
              },
              s -> {
                UUID mine = s.world.machine(s.group + "-1").uid();
                // Whoever asks again, having got no answer, may have it already.
                if (!s.world
                    .machine(s.group + "-1")
                    .metadata()
                    .labels()
                    .containsKey(Names.CLAIMED_FROM)) {
                  s.claim();
                }
                s.world.await("another is made", () -> s.world.find(s.group + "-2").isPresent());
                s.before = s.world.latest(mine).uid();
                return s.world.machine(s.group + "-2").uid();
              },
              s -> {
                assertThat(s.world.ready(s.group + "-1")).isTrue();
                assertThat(s.world.ready(s.group + "-2")).isTrue();
                assertThat(s.world.find(s.group + "-3")).isEmpty();
              }),
          new Flow(
              "pool deletion",
              s -> {
                s.apply(s.size(1, "2GiB") + s.pool(2));
                s.world.awaitReady(s.group + "-1");
                s.world.awaitReady(s.group + "-2");
                s.world.awaitEnd(s.world.machine(s.group + "-1").uid());
                s.world.awaitEnd(s.world.machine(s.group + "-2").uid());
                s.claim();
              },
              s -> s.delete(Kind.POOL, s.group),
              s -> {
                assertThat(s.world.ready(s.group + "-1")).isTrue();
                assertThat(s.world.find(s.group + "-2")).isEmpty();
              }),
          new Flow(
              "power off",
              s -> s.ready(""),
              s -> {
                s.world.engine.power().set(World.ANNA, "default", s.machine, Power.OFF);
                return s.uid();
              },
              NOTHING),
          new Flow(
              "power on",
              s -> {
                s.ready("");
                s.world.engine.power().set(World.ANNA, "default", s.machine, Power.OFF);
                s.world.awaitEnd(s.uid());
              },
              s -> {
                s.world.engine.power().set(World.ANNA, "default", s.machine, Power.ON);
                return s.uid();
              },
              NOTHING),
          new Flow(
              "reset",
              s -> s.ready(""),
              s -> {
                s.world.engine.power().reset(World.ANNA, "default", s.machine);
                return s.uid();
              },
              NOTHING),
          new Flow(
              "size",
              s -> s.ready(""),
              s -> {
                s.apply(s.size(2, "3GiB"));
                return s.uid();
              },
              s ->
                  assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().cores())
                      .isEqualTo(2)),
          new Flow(
              "volume",
              NOTHING,
              s -> {
                s.apply(s.volume("1GiB"));
                return s.uid(Kind.VOLUME, s.volume);
              },
              s -> assertThat(s.dataDisk()).isEqualTo(ByteSize.ofMib(1024))),
          new Flow(
              "volume growth",
              s -> {
                s.apply(s.volume("1GiB"));
                s.world.awaitEnd(s.uid(Kind.VOLUME, s.volume));
              },
              s -> {
                s.apply(s.volume("2GiB"));
                return s.uid(Kind.VOLUME, s.volume);
              },
              s -> assertThat(s.dataDisk()).isEqualTo(ByteSize.ofMib(2048))),
          new Flow(
              "attachment",
              s -> {
                s.apply(s.volume("1GiB"));
                s.ready("");
              },
              s -> {
                s.apply(s.machine("volumes: [" + s.volume + "]"));
                return s.uid();
              },
              s ->
                  assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks())
                      .hasSize(2)),
          new Flow(
              "detachment",
              s -> {
                s.apply(
                    s.volume("1GiB").replace("reclaim: delete", "reclaim: delete, detach: live"));
                s.ready("volumes: [" + s.volume + "]");
              },
              s -> {
                s.apply(s.machine(""));
                return s.uid();
              },
              s -> {
                assertThat(s.world.hypervisor.definition(s.uid()).orElseThrow().disks()).hasSize(1);
                assertThat(s.dataDisk()).isEqualTo(ByteSize.ofMib(1024));
              }),
          new Flow(
              "move",
              s -> s.movable(),
              s -> s.move(),
              s -> {
                MachineStatus web = s.world.machine(s.machine).status();
                assertThat(web.hypervisor()).isEqualTo("sim2");
                assertThat(web.elsewhere()).isNull();
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.onVolume(s.world.second)).isEqualTo(CONTENT);
              }),
          new Flow(
              "move that fails",
              s -> {
                s.movable();
                s.refused = Verb.WRITE_DISK;
                UUID volume = s.uid(Kind.VOLUME, s.volume);
                s.world
                    .second
                    .faults()
                    .when(
                        c -> c.verb() == Verb.WRITE_DISK && volume.equals(c.uid()),
                        // Nobody waits for it, so a server may die before it hears of the refusal.
                        9,
                        Fault.beforeEffect(FaultKind.REFUSED));
              },
              s -> s.move(),
              new State.Failed(
                  "Refused",
                  "The simulated system failed with REFUSED.; the machine is back on its system"
                      + " from before"),
              s -> {
                MachineStatus web = s.world.machine(s.machine).status();
                assertThat(web.hypervisor()).isEqualTo("sim");
                assertThat(web.elsewhere()).isNull();
                assertThat(s.world.ready(s.machine)).isTrue();
                assertThat(s.onVolume(s.world.hypervisor)).isEqualTo(CONTENT);
              }),
          new Flow(
              "leavings of a move, of a machine that is held",
              s -> s.leftBehind(),
              s -> {
                s.stays.set(false);
                UUID uid = s.uid();
                s.world.store.write(tx -> tx.nudges().nudge(uid));
                s.world.await("they are gone", () -> s.died() || !s.hasLeft());
                return uid;
              },
              new State.Failed("Refused", "The simulated system failed with REFUSED."),
              s -> {
                s.world.await("they are gone", () -> !s.hasLeft());
                UUID uid = s.uid();
                assertThat(s.world.hypervisor.state(uid)).isEmpty();
                assertThat(s.world.outside(s.world.hypervisor).disks())
                    .noneMatch(d -> d.name().ofSystem() && d.name().mark().uid().equals(uid));
                assertThat(s.world.hypervisor.content(s.carried)).contains(CONTENT);
                assertThat(s.world.second.state(uid)).isPresent();
              }),
          new Flow(
              "volume deletion",
              s -> {
                s.apply(s.volume("1GiB"));
                s.world.awaitEnd(s.uid(Kind.VOLUME, s.volume));
              },
              s -> s.delete(Kind.VOLUME, s.volume),
              NOTHING),
          new Flow(
              "end of a quarantine",
              s -> {
                s.apply(
                    s.volume("1GiB")
                        .replace("reclaim: delete", "reclaim: delete, quarantineDays: 0"));
                s.world.awaitEnd(s.uid(Kind.VOLUME, s.volume));
              },
              s -> {
                UUID uid = s.delete(Kind.VOLUME, s.volume);
                s.world.await("it is deleted", () -> s.died() || s.ended(uid));
                s.look();
                s.world.await("its disk is gone", () -> s.died() || s.emptied(uid));
                return uid;
              },
              s -> {
                UUID uid = s.asked.get(s.volume);
                s.look();
                s.world.await("its disk is gone", () -> s.emptied(uid));
              }),
          new Flow(
              "volume restoration",
              s -> {
                s.apply(s.volume("1GiB"));
                UUID uid = s.uid(Kind.VOLUME, s.volume);
                s.world.awaitEnd(uid);
                s.delete(Kind.VOLUME, s.volume);
                s.world.awaitEnd(uid);
                s.before = s.world.latest(uid).uid();
              },
              s -> {
                s.world.store.write(tx ->
                    s.world.engine.restore().restore(tx, World.ANNA, "default", s.volume, null));
                return s.uid(Kind.VOLUME, s.volume);
              },
              s -> assertThat(s.dataDisk()).isEqualTo(ByteSize.ofMib(1024))),
          new Flow(
              "image download",
              NOTHING,
              s -> {
                s.apply(s.fetchedImage());
                return s.uid(Kind.IMAGE, s.image);
              },
              NOTHING),
          new Flow(
              "image that is built anew and checked",
              s -> {
                s.apply(s.size(1, "2GiB") + s.checkedImage());
                s.before = s.world.awaitEnd(s.uid(Kind.IMAGE, s.image)).uid();
                SimulatedBuilder.renew("12." + s.number);
              },
              s -> s.build(),
              s -> {
                UUID uid = s.uid(Kind.IMAGE, s.image);
                ImageStatus status =
                    (ImageStatus)
                        s.world.store.read(tx -> tx.resources().find(uid)).orElseThrow().status();
                assertThat(status.builds()).isNotEmpty();
                assertThat(status.builds().getLast().state()).isEqualTo(ImageBuild.State.CURRENT);
                assertThat(s.world.find(s.image + "-build-" + status.builds().getLast().number()))
                    .isEmpty();
                s.world.await(
                    "the former one is gone",
                    () ->
                        ((ImageStatus)
                                    s.world
                                        .store
                                        .read(tx -> tx.resources().find(uid))
                                        .orElseThrow()
                                        .status())
                                .builds()
                                .size()
                            == 1);
              }),
          new Flow(
              "image that is made by an installer",
              s -> {
                s.apply(
                    s.size(1, "40GiB")
                        + s.installerImage().replace("name: " + s.image, "name: " + s.kept));
                s.world.awaitEnd(s.uid(Kind.IMAGE, s.kept));
              },
              s -> {
                s.apply(s.goldenImage());
                return s.uid(Kind.IMAGE, s.image);
              },
              s -> {
                UUID uid = s.uid(Kind.IMAGE, s.image);
                ImageStatus status =
                    (ImageStatus)
                        s.world.store.read(tx -> tx.resources().find(uid)).orElseThrow().status();
                assertThat(status.builds())
                    .extracting(ImageBuild::state)
                    .containsExactly(ImageBuild.State.CURRENT);
                assertThat(s.world.find(s.image + "-build-1")).isEmpty();
                s.noInstaller();
              }),
          new Flow(
              "image deletion",
              s -> {
                s.apply(s.builtImage());
                s.world.awaitEnd(s.uid(Kind.IMAGE, s.image));
              },
              s -> s.delete(Kind.IMAGE, s.image),
              NOTHING),
          new Flow(
              "cancellation",
              s -> {
                s.world.hypervisor.faults().next(Verb.START, s.hang);
                s.apply(s.size(1, "2GiB") + s.machine(""));
                s.hang.awaitEntered();
              },
              s -> {
                s.world.engine.cancel().cancel(s.world.latest(s.uid()).uid());
                s.hang.release();
                return s.uid();
              },
              new State.Cancelled(),
              s -> assertThat(s.world.hypervisor.state(s.uid())).isEmpty()),
          new Flow(
              "repair",
              s -> s.ready(""),
              s -> {
                UUID uid = s.uid();
                s.before = s.world.latest(uid).uid();
                // Its own event tells of it.
                s.world.hypervisor.removeMachine(uid);
                return uid;
              },
              NOTHING));

  // --- the tests -----------------------------------------------------------------------------

  private final List<Point> points = new ArrayList<>();
  private final Set<String> stepsMet = new HashSet<>();
  private Web web;

  /** Runs every flow once and watches which calls it makes and which steps it takes. */
  @BeforeAll
  void watch() throws Exception {
    web = new Web();
    try (World world = stage()) {
      Invariants invariants = invariants(world);
      for (Flow flow : FLOWS) {
        if (!flow.name().contains(ONLY)) {
          continue;
        }
        Scene scene = new Scene(world);
        Map<System, List<Verb>> calls = new HashMap<>();
        for (System system :
            List.of(System.HYPERVISOR, System.SECOND, System.SERVICES, System.BUILDER)) {
          List<Verb> verbs = java.util.Collections.synchronizedList(new ArrayList<>());
          calls.put(system, verbs);
          faults(world, system)
              .witness(call -> {
                if (scene.concerns(system, call) && !scene.refuses(call)) {
                  verbs.add(call.verb());
                }
              });
        }
        Flow watched =
            new Flow(
                flow.name(),
                s -> {
                  flow.prepare().run(s);
                  calls.values().forEach(List::clear);
                },
                flow.act(),
                flow.end(),
                flow.check());
        scene.play(watched, Optional.empty());
        invariants.await();
        calls.forEach((system, verbs) -> enumerate(flow, system, List.copyOf(verbs)));
        if (flow.name().equals("image download")) {
          points.add(new Point(flow, System.WEB, null, 1, Moment.BEFORE));
          points.add(new Point(flow, System.WEB, null, 1, Moment.AFTER));
        }
      }
      SimulatedBuilder.faults().witness(call -> {});
      world
          .store
          .read(tx ->
              tx.operations().list(new Operations.Query(null, null, null, null, null, 1000, null)))
          .items()
          .forEach(o ->
              o.steps()
                  .forEach(s -> {
                    stepsMet.add(kind(s.key()));
                    stepsMet.add(kind(s.key().replaceFirst("^there/", "")));
                  }));
    }
  }

  @AfterAll
  void end() {
    web.close();
  }

  private void enumerate(Flow flow, System system, List<Verb> verbs) {
    Map<Verb, Integer> counts = new HashMap<>();
    for (Verb verb : verbs) {
      int ordinal = counts.merge(verb, 1, Integer::sum);
      if (LOOKS.contains(verb)) {
        points.add(new Point(flow, system, verb, ordinal, Moment.BEFORE));
      } else {
        // A builder is a part of its server, and dies with it.
        Moment before = system == System.BUILDER ? Moment.BEFORE : Moment.LATE;
        points.add(new Point(flow, system, verb, ordinal, before));
        points.add(new Point(flow, system, verb, ordinal, Moment.AFTER));
        if (SENDS.contains(verb) && ordinal == 1) {
          points.add(new Point(flow, system, verb, ordinal, Moment.HALF));
        }
      }
    }
  }

  @Test
  void everyKindOfStepComesUpInAFlow() throws Exception {
    Set<String> all = new HashSet<>();
    for (Class<?> step : Step.class.getPermittedSubclasses()) {
      all.add(kind(example(step).key()));
    }
    assertThat(all).hasSameSizeAs(Step.class.getPermittedSubclasses());
    assertThat(stepsMet).containsAll(all);
  }

  /**
   * The members of a group are alike, and so are the calls for them. So a build takes the first
   * call of each sort in a flow of a group, and each stop, for with that a rollout comes to its
   * next member; {@code ./millwright test --many} takes them all.
   */
  @Test
  void theServerMayDieAtEveryCallThatHasAnEffect() throws Exception {
    dieAt(
        points.stream()
            .filter(p -> !LOOKS.contains(p.verb()))
            .filter(p ->
                ALL
                    || p.ordinal() == 1
                    || p.verb() == Verb.STOP
                    || !p.flow().name().startsWith("group"))
            .toList());
  }

  /**
   * Dying at a look is like dying after what was done before it. So a build takes the first look of
   * each sort in each flow, and {@code ./millwright test --many} takes them all.
   */
  @Test
  void theServerMayDieAtALook() throws Exception {
    dieAt(
        points.stream()
            .filter(p -> LOOKS.contains(p.verb()) && (ALL || p.ordinal() == 1))
            .toList());
  }

  private void dieAt(List<Point> chosen) throws Exception {
    assertThat(chosen).hasSizeGreaterThan(ONLY.isEmpty() ? 20 : 0);
    java.lang.System.out.printf(
        "it dies at %d points of %d flows%n",
        chosen.size(), chosen.stream().map(Point::flow).distinct().count());
    Queue<Point> left = new ConcurrentLinkedQueue<>(chosen);
    Queue<Throwable> wrong = new ConcurrentLinkedQueue<>();
    Queue<Point> unmet = new ConcurrentLinkedQueue<>();
    List<Thread> lanes = new ArrayList<>();
    for (int i = 0; i < LANES; i++) {
      lanes.add(Thread.ofPlatform().start(() -> lane(left, unmet, wrong)));
    }
    for (Thread lane : lanes) {
      lane.join();
    }
    // What a world has once it does not get again, such as an image; so these get one of their own.
    Queue<Point> never = new ConcurrentLinkedQueue<>();
    for (Point point : unmet) {
      if (!REPEATED.contains(point.verb())) {
        lane(new ConcurrentLinkedQueue<>(List.of(point)), never, wrong);
      }
    }
    if (!wrong.isEmpty()) {
      AssertionError all =
          new AssertionError(wrong.size() + " of " + chosen.size() + " went wrong");
      wrong.forEach(all::addSuppressed);
      throw all;
    }
    assertThat(never).isEmpty();
  }

  private void lane(Queue<Point> left, Queue<Point> unmet, Queue<Throwable> wrong) {
    while (true) {
      try (World world = stage()) {
        Invariants invariants = invariants(world);
        for (Point point = left.poll(); point != null; point = left.poll()) {
          try {
            if (!new Scene(world).play(point.flow(), Optional.of(point))) {
              unmet.add(point);
            }
            invariants.await();
          } catch (Throwable e) { // the next point begins in a new world
            wrong.add(new AssertionError(point.toString(), e));
            break;
          }
        }
        if (left.isEmpty()) {
          return;
        }
      }
    }
  }

  /** They see also what guests format; what a file system is made of is all the same. */
  private static Invariants invariants(World world) {
    Invariants out = new Invariants(world);
    for (SimulatedHypervisor each : List.of(world.hypervisor, world.second)) {
      out.format(each, disk -> each.fill(disk, CONTENT));
    }
    return out;
  }

  private static World stage() {
    World world = World.reporting(World.Pace.EAGER);
    world.second.startsKernels(false);
    world.apply(World.BASE + World.SECOND);
    world.await(
        "the second hypervisor was seen",
        () ->
            world
                .store
                .read(tx -> tx.resources().find(Kind.HYPERVISOR, "default", "sim2"))
                .filter(h -> Condition.holds(h.status().conditions(), Condition.READY))
                .isPresent());
    world.await(
        "the image is made",
        () ->
            world
                .latest(
                    world
                        .store
                        .read(tx -> tx.resources().find(Kind.IMAGE, "default", "img"))
                        .orElseThrow()
                        .uid())
                .state()
                .terminal());
    return world;
  }

  // --- steps ---------------------------------------------------------------------------------

  private static String kind(String key) {
    return key.replaceFirst("/.*", "");
  }

  /** A step of this kind with whatever arguments. */
  private static Step example(Class<?> step) throws ReflectiveOperationException {
    RecordComponent[] parts = step.getRecordComponents();
    Constructor<?> make =
        step.getDeclaredConstructor(
            Arrays.stream(parts).map(RecordComponent::getType).toArray(Class<?>[]::new));
    return (Step)
        make.newInstance(
            Arrays.stream(parts)
                .map(part ->
                    part.getType() == int.class
                        ? (Object) 1
                        : part.getType() == List.class
                            ? List.of("x")
                            : part.getType() == ByteSize.class
                                ? ByteSize.ofMib(1)
                                : part.getType() == Step.class ? new Step.Remove() : "x")
                .toArray());
  }

  // --- a web server --------------------------------------------------------------------------

  /** Serves one image to everybody, and lets somebody die while it does. */
  private static final class Web implements AutoCloseable {
    private final HttpServer server;
    private final byte[] image = TestImages.qcow2();
    private final Map<Integer, Boolean> after = new java.util.concurrent.ConcurrentHashMap<>();
    private final Map<Integer, Runnable> kills = new java.util.concurrent.ConcurrentHashMap<>();

    Web() throws IOException {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.createContext(
          "/",
          exchange -> {
            int scene = Integer.parseInt(exchange.getRequestURI().getPath().substring(1));
            Runnable kill = kills.remove(scene);
            int first = kill == null ? image.length : after.remove(scene) ? image.length / 2 : 0;
            exchange.sendResponseHeaders(200, image.length);
            try (OutputStream out = exchange.getResponseBody()) {
              out.write(image, 0, first);
              out.flush();
              if (kill != null) {
                try {
                  kill.run();
                } catch (Crash e) {
                  // it was the other side that died
                }
                out.write(image, first, image.length - first);
              }
            }
          });
      server.start();
    }

    void disturb(int scene, boolean midway, Runnable kill) {
      after.put(scene, midway);
      kills.put(scene, kill);
    }

    String url() {
      return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    String sha256() {
      return TestImages.sha256(image);
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }
}

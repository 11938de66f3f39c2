package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A machine that goes to another hypervisor, with what is on its volume; and the way back. */
@Tag("database")
class MoveTest {
  private static final String VOLUME =
      """
      apiVersion: millwright/v1
      kind: Volume
      metadata: {name: data}
      spec: {size: 64MiB, hypervisor: sim}
      ---
      """;

  private static final byte[] CONTENT = "what is on it".getBytes(StandardCharsets.UTF_8);

  private World world;
  private SimulatedHypervisor second;
  private UUID uid;
  private MachineStatus before;
  private String data;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    second = world.second;
    world.apply(World.BASE + World.SECOND);
    world.apply(VOLUME + web(""));
    world.awaitReady("web");
    uid = world.machine("web").uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    before = world.machine("web").status();
    data = volume().status().object();
    world.hypervisor.fill(data, CONTENT);
    world.await("sim2 was seen", () -> ready("sim2"));
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String web(String more) {
    return World.machine(
            "web", "hypervisor: sim\nvolumes: [data]\nreadyTimeoutSeconds: 10\n" + more)
        .replaceFirst("nics: .*", "nics: [{network: both, ipv4: none}]");
  }

  private boolean ready(String hypervisor) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.HYPERVISOR, "default", hypervisor))
        .filter(h -> Condition.holds(h.status().conditions(), Condition.READY))
        .isPresent();
  }

  private Resource<VolumeSpec, VolumeStatus> volume() {
    return volume("data");
  }

  private Resource<VolumeSpec, VolumeStatus> volume(String name) {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.VOLUME, "default", name, VolumeSpec.class, VolumeStatus.class))
        .orElseThrow();
  }

  private Operation move(String to) {
    return world.store.inTransaction(
        tx -> world.engine.move().move(tx, World.ANNA, "default", "web", to));
  }

  private static List<String> disks(Observation seen) {
    return seen.disks().stream().map(d -> d.name().toString()).sorted().toList();
  }

  private List<Quarantine.Entry> quarantined() {
    return world.store.read(tx -> tx.quarantine().list("default"));
  }

  private void nothingComesUpThere() {
    second.guests(guest ->
        new GuestBehaviour.Conduct(
            null, new GuestAgent.Facts(Map.of(), List.of()), Duration.ZERO, null, ""));
  }

  private Condition condition(String type) {
    return Condition.find(world.machine("web").status().conditions(), type).orElseThrow();
  }

  /** It is on the second hypervisor, whole, and its old volume is kept on the first one. */
  private void assertMoved() {
    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    assertThat(web.status().hypervisor()).isEqualTo("sim2");
    assertThat(web.spec().hypervisor()).isEqualTo("sim2");
    assertThat(web.status().interfaces()).isEqualTo(before.interfaces());
    assertThat(web.status().former()).isNull();
    assertThat(web.status().elsewhere()).isNull();
    assertThat(world.ready("web")).isTrue();
    VolumeStatus volume = volume().status();
    assertThat(volume().spec().hypervisor()).isEqualTo("sim2");
    assertThat(volume.copy()).isNull();
    assertThat(volume.object()).isNotEqualTo(data);
    assertThat(second.content(volume.object()).orElseThrow()).isEqualTo(CONTENT);
    assertThat(second.state(uid)).contains(Observation.State.RUNNING);
    assertThat(second.definition(uid).orElseThrow().disks())
        .extracting(MachineDefinition.Disk::name)
        .containsExactly(web.status().disk(), volume.object());
    assertThat(disks(world.outside(second)))
        .containsExactlyInAnyOrder(web.status().disk(), volume.object());
    Observation first = world.outside(world.hypervisor);
    assertThat(first.machines()).isEmpty();
    assertThat(first.media()).isEmpty();
    assertThat(disks(first)).containsExactly(data);
    assertThat(quarantined()).extracting(Quarantine.Entry::disk).containsExactly(data);
  }

  private void assertBack(Operation ended) {
    assertThat(ended.state().terminal()).isTrue();
    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    assertThat(web.status().hypervisor()).isEqualTo("sim");
    assertThat(web.spec().hypervisor()).isEqualTo("sim");
    assertThat(web.status().disk()).isEqualTo(before.disk());
    assertThat(web.status().elsewhere()).isNull();
    assertThat(world.ready("web")).isTrue();
    assertThat(volume().spec().hypervisor()).isEqualTo("sim");
    assertThat(volume().status().object()).isEqualTo(data);
    assertThat(volume().status().copy()).isNull();
    assertThat(world.hypervisor.content(data).orElseThrow()).isEqualTo(CONTENT);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.outside(second).machines()).isEmpty();
    assertThat(world.outside(second).media()).isEmpty();
  }

  @Test
  void itGoesWithItsVolumeAndIsTheSameMachineThere() {
    Operation begun = move("sim2");
    assertThat(begun.verb()).isEqualTo(Operation.Verb.MOVE);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertMoved();
    assertThat(world.published().get(uid)).isNotNull();
    // What is kept of it can be had as a volume of its own, beside the one that moved.
    world.store.write(
        tx -> world.engine.restore().restore(tx, World.ANNA, "default", "data", "before"));
    UUID restored =
        world
            .store
            .read(tx -> tx.resources().find(Kind.VOLUME, "default", "before"))
            .orElseThrow()
            .uid();
    assertThat(world.awaitEnd(restored).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.content(data).orElseThrow()).isEqualTo(CONTENT);
    assertThat(quarantined()).isEmpty();
  }

  /** Nothing of it is what it would be by itself. */
  @Test
  void itIsDefinedThereAsItWasHere() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: odd}
        spec: {cores: 3, memory: 384MiB, disk: 3GiB}
        ---
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: old}
        spec:
          os: debian
          version: "12"
          devices: emulated
          build: {builder: simulated, suite: bookworm}
        ---
        """
            + VOLUME.replace("name: data", "name: more")
            + web("firmware: uefi\n")
                .replace("name: web", "name: odd")
                .replace("volumes: [data]", "volumes: [more]")
                .replace("image: img", "image: old")
                .replace("size: small", "size: odd"));
    world.awaitReady("odd");
    UUID odd = world.machine("odd").uid();
    assertThat(world.awaitEnd(odd).state()).isEqualTo(new State.Succeeded());
    MachineDefinition here = world.hypervisor.definition(odd).orElseThrow();
    assertThat(here.cores()).isEqualTo(3);
    assertThat(here.memory()).isEqualTo(ByteSize.ofMib(384));
    assertThat(here.firmware()).isEqualTo(Firmware.UEFI);
    assertThat(here.devices()).isEqualTo(Devices.EMULATED);
    assertThat(here.nics()).hasSize(1);
    ByteSize system = size(world.hypervisor, here);

    world.store.inTransaction(
        tx -> world.engine.move().move(tx, World.ANNA, "default", "odd", "sim2"));
    assertThat(world.awaitEnd(odd).state()).isEqualTo(new State.Succeeded());
    MachineDefinition there = second.definition(odd).orElseThrow();
    // All but which of its lives it is, and what its disks are called.
    assertThat(there).isEqualTo(here.withMark(there.mark()).withDisks(there.disks()));
    assertThat(there.mark().sameOwner(here.mark())).isTrue();
    assertThat(there.disks())
        .extracting(MachineDefinition.Disk::serial)
        .isEqualTo(here.disks().stream().map(MachineDefinition.Disk::serial).toList())
        .hasSize(2);
    assertThat(size(second, there)).isEqualTo(system).isEqualTo(ByteSize.ofMib(3 << 10));
  }

  /** Of its system disk. */
  private ByteSize size(SimulatedHypervisor of, MachineDefinition machine) {
    return world.outside(of).disks().stream()
        .filter(disk -> disk.name().toString().equals(machine.disks().getFirst().name()))
        .map(Observation.Disk::size)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void itGoesBackByTheSameWayAndWhatItLeavesGoesWhenItsDaysAreOver() {
    move("sim2");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    String there = volume().status().object();
    second.fill(there, "written there".getBytes(StandardCharsets.UTF_8));
    move("sim");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("web").status().hypervisor()).isEqualTo("sim");
    assertThat(world.hypervisor.content(volume().status().object()).orElseThrow())
        .isEqualTo("written there".getBytes(StandardCharsets.UTF_8));
    assertThat(quarantined())
        .extracting(Quarantine.Entry::disk)
        .containsExactlyInAnyOrder(data, there);
    world.pass(Duration.ofDays(8));
    world.await(
        "they are deleted",
        () -> world.hypervisor.content(data).isEmpty() && second.content(there).isEmpty());
    assertThat(world.hypervisor.content(volume().status().object()))
        .hasValue("written there".getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void thePlanTellsWhatWouldBeDoneAndChangesNothing() {
    Applied planned = world.engine.move().plan(World.ANNA, "default", "web", "sim2").getFirst();
    assertThat(planned.impact()).isEqualTo("move");
    assertThat(planned.steps())
        .extracting(Step::title)
        .containsSubsequence(
            "create the system disk of 2GiB",
            "shut it down, on sim",
            "carry volume data of 64MiB to sim2",
            "define the machine",
            "power it on",
            "wait until it reports ready",
            "remove the machine, on sim",
            "destroy the system disk " + before.disk() + ", on sim");
    assertThat(planned.steps().stream().filter(Step::destroys)).hasSize(1);
    assertThat(planned.keeps()).contains("volume data with its data");
    assertThat(world.machine("web").status()).isEqualTo(before);
    assertThat(volume().status().copy()).isNull();
    assertThat(disks(world.outside(second))).isEmpty();
  }

  @Test
  void aSystemThatDoesNotComeUpThereLeadsBack() {
    nothingComesUpThere();
    move("sim2");
    world.passInFirstBoot(uid, Duration.ofSeconds(11));
    Operation failed = world.awaitEnd(uid);
    assertThat(failed.state().message()).contains("did not report ready within 10 s");
    assertBack(failed);
    assertThat(condition("Moved").value()).isEqualTo(Condition.Value.FALSE);
    // It may have written to the copy, so that is kept a while; it is no system disk.
    assertThat(quarantined())
        .extracting(Quarantine.Entry::disk)
        .isEqualTo(disks(world.outside(second)));
    assertThat(quarantined()).hasSize(1);
    // And it can be tried again.
    second.guests(GuestBehaviour.wellBehaved());
    move("sim2");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("web").status().hypervisor()).isEqualTo("sim2");
    assertThat(Condition.find(world.machine("web").status().conditions(), "Moved")).isEmpty();
  }

  @Test
  void aCopyThatCannotBeWrittenLeadsBackAndIsSwept() {
    second.faults().next(Verb.WRITE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    move("sim2");
    assertBack(world.awaitEnd(uid));
    assertThat(disks(world.outside(second))).isEmpty();
    assertThat(quarantined()).isEmpty();
  }

  /** Or nobody would remove that any more. */
  @Test
  void aVolumeStaysUntilTheCopyIsGoneThatAMoveHasLeft() {
    second.faults().next(Verb.WRITE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    second
        .faults()
        .always(call -> call.verb() == Verb.DELETE_DISK, Fault.beforeEffect(FaultKind.UNREACHABLE));
    move("sim2");
    world.await(
        "it is back, and the copy cannot be removed",
        () ->
            world.machine("web").status().leftBehind()
                && second.faults().calls(Verb.DELETE_DISK) > 0);
    String without = web("").replace("[data]", "[]");
    assertThatThrownBy(() -> world.apply(without))
        .hasMessageContaining(
            "spec.volumes: data cannot leave before the copy is removed that a move has left on"
                + " sim2");
    second.faults().clear();
    assertBack(world.awaitEnd(uid));
    world.apply(without);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(disks(world.outside(second))).isEmpty();
  }

  @Test
  void aCopyThatIsNotWhatWasReadIsNeverUsed() {
    // What the first hypervisor hands out is changed on the way, each time.
    second
        .faults()
        .when(
            call -> call.verb() == Verb.READ_DISK,
            3,
            Fault.runBefore(() -> {
              for (String disk : disks(world.outside(second))) {
                if (disk.endsWith("-data")) {
                  second.fill(disk, new byte[] {1});
                }
              }
            }));
    move("sim2");
    Operation failed = world.awaitEnd(uid);
    assertThat(failed.state().message()).contains("is not what was read of it");
    assertBack(failed);
    assertThat(second.faults().calls(Verb.DEFINE)).isZero();
    assertThat(disks(world.outside(second))).isEmpty();
  }

  private Path left(UUID volume) {
    try {
      return Files.createDirectory(world.images.resolve("work-" + volume + "-left"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aCancelledMoveGoesBack() {
    nothingComesUpThere();
    move("sim2");
    world.await("it is there", () -> second.state(uid).isPresent());
    assertThatThrownBy(() -> world.engine.power().set(World.ANNA, "default", "web", Power.OFF))
        .hasMessageContaining("cannot be switched off while it is being moved");
    assertThatThrownBy(() -> world.apply(web("power: off\n")))
        .hasMessageContaining("spec.power: cannot be switched off while it is being moved");
    Path left = left(volume().uid()); // by a server that died while it carried the volume
    // In two places at the same time, as it has to be; doctor takes that for nothing wrong.
    assertThat(new Invariants(world).unsafe()).isEmpty();
    assertThat(world.engine.invariants().look().broken()).isEmpty();
    world.engine.cancel().cancel(world.latest(uid).uid());
    Operation ended = world.awaitEnd(uid);
    assertThat(ended.state()).isEqualTo(new State.Cancelled());
    assertBack(ended);
    assertThat(left).doesNotExist();
  }

  /** Declared for the place to which it was to go, it cannot be so where it was. */
  @Test
  void oneThatWasPluggedIntoWhatThereIsOnlyThereGoesBackAsItWas() {
    List<MachineDefinition.Nic> cards = world.hypervisor.definition(uid).orElseThrow().nics();
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: there}
        spec:
          subnets: [{cidr: 10.2.0.0/16}]
          attachments: [{hypervisor: sim2, bridge: br2}]
        """);
    nothingComesUpThere();
    move("sim2");
    world.await("it is there", () -> second.state(uid).isPresent());
    world.apply(
        web("")
            .replace("hypervisor: sim\n", "hypervisor: sim2\n")
            .replace("nics: [", "nics: [{network: there, ipv4: none}, "));
    world.engine.cancel().cancel(world.latest(uid).uid());
    world.await(
        "it is back, and nothing is tried any more",
        () ->
            "sim".equals(world.machine("web").status().hypervisor())
                && world.store.read(tx -> tx.operations().active(uid)).isEmpty());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.hypervisor.definition(uid).orElseThrow().nics()).isEqualTo(cards);
    assertThat(world.outside(second).machines()).isEmpty();
  }

  /** Whatever it is just doing, and on whichever of the two. */
  @ParameterizedTest
  @CsvSource({
    "second, STAGE",
    "second, CREATE_DISK",
    "first, STOP",
    "first, READ_DISK",
    "second, WRITE_DISK",
    "second, READ_DISK",
    "second, DEFINE",
    "second, START"
  })
  void aMoveThatIsCancelledInThisPhaseGoesBack(String where, Verb verb) throws Exception {
    Fault.Hang hang = Fault.hang();
    (where.equals("first") ? world.hypervisor : second)
        .faults()
        .when(call -> call.verb() == verb, 1, hang);
    move("sim2");
    hang.awaitEntered();
    world.engine.cancel().cancel(world.latest(uid).uid());
    hang.release();
    Operation ended = world.awaitEnd(uid);
    assertThat(ended.state()).isEqualTo(new State.Cancelled());
    assertBack(ended);
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }

  @Test
  void aSourceThatIsAwayForAWhileIsWaitedFor() {
    world
        .hypervisor
        .faults()
        .when(call -> call.verb() == Verb.READ_DISK, 3, Fault.beforeEffect(FaultKind.UNREACHABLE));
    move("sim2");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertMoved();
  }

  @Test
  void severalVolumesGoInTheirOrderWithWhatIsOnEach() {
    world.apply(
        VOLUME.replace("name: data", "name: more")
            + web("").replace("volumes: [data]", "volumes: [more, data]"));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    byte[] other = {3, 1, 4};
    world.hypervisor.fill(volume("more").status().object(), other);
    move("sim2");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    String more = volume("more").status().object();
    assertThat(second.definition(uid).orElseThrow().disks())
        .extracting(MachineDefinition.Disk::name)
        .containsExactly(world.machine("web").status().disk(), more, volume().status().object());
    assertThat(second.content(more).orElseThrow()).isEqualTo(other);
    assertThat(second.content(volume().status().object()).orElseThrow()).isEqualTo(CONTENT);
    assertThat(quarantined()).hasSize(2);
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }

  @Test
  void aMachineThatIsDeletedOnTheWayIsGoneFromBothAndItsVolumeStays() {
    nothingComesUpThere();
    move("sim2");
    world.await("it runs there", () -> second.state(uid).isPresent());
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.outside(second).machines()).isEmpty();
    assertThat(world.outside(world.hypervisor).machines()).isEmpty();
    assertThat(disks(world.outside(world.hypervisor))).containsExactly(data);
    assertThat(volume().spec().hypervisor()).isEqualTo("sim");
    assertThat(volume().status().copy()).isNull();
    assertThat(world.hypervisor.content(data).orElseThrow()).isEqualTo(CONTENT);
  }

  /** It is held then, for what is declared failed; but what it has left is no part of that. */
  @Test
  void aChangeThatFailsForGoodBeforeTheFormerSystemIsGoneDoesNotKeepThat() {
    world
        .hypervisor
        .faults()
        .always(call -> call.verb() == Verb.REMOVE, Fault.beforeEffect(FaultKind.UNREACHABLE));
    move("sim2");
    world.await(
        "it is up there, and the rest is tried in vain",
        () ->
            world.machine("web").status().leftBehind()
                && world.hypervisor.faults().calls(Verb.REMOVE) > 0);
    second.faults().next(Verb.DEFINE, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(web("").replace("hypervisor: sim", "hypervisor: sim2").replace("[data]", "[]"));
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    assertThat(world.machine("web").status().leftBehind()).isTrue();
    world.await("it is told that it cannot go", () -> told().contains("NotCollected"));
    world.hypervisor.faults().clear();
    world.await("nothing is left behind", () -> !world.machine("web").status().leftBehind());
    assertThat(told())
        .as("each once, however often it was tried")
        .containsOnlyOnce("Collecting", "NotCollected", "Collected")
        .endsWith("Collected");
    Observation first = world.outside(world.hypervisor);
    assertThat(first.machines()).isEmpty();
    assertThat(first.media()).isEmpty();
    assertThat(disks(first)).containsExactly(data);
    assertThat(world.hypervisor.content(data).orElseThrow()).isEqualTo(CONTENT);
    assertThat(condition("Held").value()).isEqualTo(Condition.Value.TRUE);
    assertThat(second.state(uid)).isPresent();
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }

  /** As by a server that stood still over a move, which was then cancelled. */
  @Test
  void whatALateCallMakesOfADeletedMachineWhereItNeverLivedIsCollected() throws Exception {
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.await("it is gone", () -> world.find("web").isEmpty());
    String installation = world.store.read(Tx::installation);
    ObjectName late = new ObjectName(new Mark(installation, uid, 9), ObjectName.SYSTEM);
    try (HypervisorDriver driver = second.attach(installation)) {
      driver.disks().orElseThrow().create(late, ByteSize.ofMib(64), null);
    }
    world.await(
        "it is taken away",
        () -> world.outside(second).disks().stream().noneMatch(d -> d.name().equals(late)));
    world.await("that is told", () -> told().contains("Collected"));
  }

  /** Reasons of the events of web. */
  private List<String> told() {
    return world.store.read(tx -> tx.journal().told("default", Kind.MACHINE, "web", 100)).stream()
        .map(Journal.Entry::reason)
        .toList();
  }

  @Test
  void whatCannotBeIsRefusedBeforeAnythingHappens() {
    refused("nowhere", "there is no Hypervisor \"nowhere\"");
    refused("sim", "is on sim already");
    world.apply(World.SECOND.replace("concurrency: 32", "cordoned: true"));
    refused("sim2", "it is cordoned");
    world.apply(World.SECOND);
    second.capacity(1, ByteSize.ofMib(128), ByteSize.ofMib(1 << 20));
    world.await(
        "its size was seen",
        () ->
            ((HypervisorStatus)
                    world
                        .store
                        .read(tx -> tx.resources().find(Kind.HYPERVISOR, "default", "sim2"))
                        .orElseThrow()
                        .status())
                .memory()
                .equals(ByteSize.ofMib(128)));
    refused("sim2", "128MiB free of 256MiB asked");
    assertThat(world.machine("web").status()).isEqualTo(before);
    assertThat(volume().status().copy()).isNull();

    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    world.awaitEnd(uid);
    refused("sim2", "switch it on first");
    world
        .hypervisor
        .faults()
        .when(call -> call.verb() == Verb.REMOVE, 100, Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    refused("sim2", "is being deleted");
  }

  @Test
  void aPlaceWithoutItsNetworkIsRefusedAndNothingIsChanged() {
    String attached = ", {hypervisor: sim2, bridge: br1}";
    assertThat(World.SECOND).contains(attached);
    world.apply(World.SECOND.replace(attached, ""));
    refused("sim2", "network both is not attached there");
    assertThat(world.machine("web").status()).isEqualTo(before);
    assertThat(volume().status().copy()).isNull();
    assertThat(second.faults().calls(Verb.STAGE)).isZero();
    world.apply(World.SECOND);
    move("sim2");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
  }

  @Test
  void aMemberStaysWhereItsGroupHasPutIt() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Group
        metadata: {name: pair}
        spec:
          count: 1
          machine: {image: img, size: small, profiles: [me], nics: [{network: both}]}
        """);
    world.awaitReady("pair-0");
    MachineStatus member = world.machine("pair-0").status();
    String other = "sim".equals(member.hypervisor()) ? "sim2" : "sim";
    assertThatThrownBy(() ->
            world.store.inTransaction(
                tx -> world.engine.move().move(tx, World.ANNA, "default", "pair-0", other)))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("members stay where the group has put them");
    assertThat(world.machine("pair-0").status().hypervisor()).isEqualTo(member.hypervisor());
    assertThat(world.machine("pair-0").status().elsewhere()).isNull();
  }

  @Test
  void anImageThatCannotBeBroughtThereLeadsBackAndIsTold() {
    second.faults().next(Verb.STAGE, Fault.beforeEffect(FaultKind.REFUSED));
    move("sim2");
    Operation failed = world.awaitEnd(uid);
    assertBack(failed);
    assertThat(condition("Moved").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(second.faults().calls(Verb.DEFINE)).isZero();
    assertThat(disks(world.outside(second))).isEmpty();
    assertThat(quarantined()).isEmpty();
  }

  private void refused(String to, String why) {
    assertThatThrownBy(() -> move(to))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().detail() + " " + e.problem().errors()).contains(why));
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.Disks;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.manifest.Manifests;
import io.millwright.planner.Step;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of a volume, and above all of its data. */
@Tag("database")
class VolumeTest {
  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static final String OTHER_IMAGE =
      """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: other}
      spec: {os: debian, version: "13", build: {builder: simulated, suite: trixie}}
      """;

  private static String volume(String name, String more) {
    return """
    apiVersion: millwright/v1
    kind: Volume
    metadata: {name: %s, labels: {app: shop}}
    spec: {size: 1GiB, hypervisor: sim, reclaim: delete%s}
    """
        .formatted(name, more);
  }

  private Optional<Resource<VolumeSpec, VolumeStatus>> find(String name) {
    return world.store.read(tx ->
        tx.resources().find(Kind.VOLUME, "default", name, VolumeSpec.class, VolumeStatus.class));
  }

  private UUID made(String name, String more) {
    world.apply(volume(name, more));
    UUID uid = find(name).orElseThrow().uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    return uid;
  }

  private void delete(String name) {
    UUID uid = find(name).orElseThrow().uid();
    world.engine.delete().delete(World.ANNA, Kind.VOLUME, "default", name, null);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
  }

  private void restore(String which, String as) {
    world.store.write(tx -> world.engine.restore().restore(tx, World.ANNA, "default", which, as));
  }

  private List<Quarantine.Entry> quarantined() {
    return world.engine.restore().list("default");
  }

  private boolean diskOf(UUID uid) {
    return world.outside().disks().stream().anyMatch(d -> d.name().mark().uid().equals(uid));
  }

  private void anHourBeforeItsEnd() {
    world.sql("UPDATE quarantine SET until = now() + interval '1 hour'");
  }

  private void anHourAfterItsEnd() {
    world.sql("UPDATE quarantine SET until = now() - interval '1 hour'");
  }

  private void round() {
    long before = world.hypervisor.faults().calls(Verb.OBSERVE);
    world.await("two rounds", () -> world.hypervisor.faults().calls(Verb.OBSERVE) > before + 1);
  }

  @Test
  void aDeletedVolumeIsKeptAndRestoredAsItWas() {
    UUID uid = made("data", "");
    VolumeStatus before = find("data").orElseThrow().status();
    delete("data");
    assertThat(find("data")).isEmpty();
    assertThat(quarantined())
        .singleElement()
        .satisfies(e -> {
          assertThat(e.volume().name()).isEqualTo("data");
          assertThat(e.until()).isEqualTo(e.since().plusSeconds(7 * 24 * 3600));
        });
    anHourBeforeItsEnd();
    round();
    assertThat(diskOf(uid)).isTrue();

    restore("data", null);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    Resource<VolumeSpec, VolumeStatus> after = find("data").orElseThrow();
    assertThat(after.uid()).isEqualTo(uid);
    assertThat(after.metadata().labels()).containsEntry("app", "shop");
    assertThat(after.status().serial()).isEqualTo(before.serial());
    assertThat(after.status().object()).isEqualTo(before.object());
    assertThat(Condition.holds(after.status().conditions(), Condition.READY)).isTrue();
    assertThat(quarantined()).isEmpty();

    delete("data"); // and once more, though it left a tombstone before
    assertThat(quarantined()).hasSize(1);
  }

  @Test
  void atTheEndOfItsDaysTheDiskGoes() {
    UUID uid = made("data", "");
    delete("data");
    anHourAfterItsEnd();
    world.await("its disk is gone", () -> !diskOf(uid));
    world.await("it is forgotten", () -> quarantined().isEmpty());
    assertThatThrownBy(() -> restore("data", null))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("no volume \"data\" is in quarantine");
  }

  @Test
  void withoutDaysItGoesInTheNextRound() {
    UUID uid = made("data", ", quarantineDays: 0");
    delete("data");
    world.await("its disk is gone", () -> !diskOf(uid));
  }

  @Test
  void whatIsBeingDeletedCannotBeRestored() {
    UUID uid = made("data", "");
    delete("data");
    world
        .hypervisor
        .faults()
        .always(c -> c.verb() == Verb.DELETE_DISK, Fault.beforeEffect(FaultKind.UNREACHABLE));
    anHourAfterItsEnd();
    world.await("it is being deleted", () -> quarantined().getFirst().emptying());
    assertThatThrownBy(() -> restore("data", null))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("is being deleted");
    world.hypervisor.faults().clear();
    world.await("its disk is gone", () -> !diskOf(uid));
  }

  /** One round works off a list, and each disk of it may take a minute. */
  @Test
  void whatIsDeletedAnewWhileARoundGoesOnHasItsDaysAgain() throws Exception {
    UUID first = made("first", "");
    UUID data = made("data", "");
    delete("first");
    delete("data");
    Fault.Hang hang = Fault.hang();
    world
        .hypervisor
        .faults()
        .when(c -> c.verb() == Verb.DELETE_DISK && first.equals(c.uid()), 1, hang);
    anHourAfterItsEnd();
    hang.awaitEntered();
    restore("data", null);
    assertThat(world.awaitEnd(data).state()).isEqualTo(new State.Succeeded());
    delete("data");
    hang.release();
    world.await("the other one is gone", () -> quarantined().size() == 1);
    round();
    assertThat(quarantined())
        .singleElement()
        .satisfies(e -> {
          assertThat(e.uid()).isEqualTo(data);
          assertThat(e.emptying()).isFalse();
        });
    restore("data", null);
    assertThat(world.awaitEnd(data).state()).isEqualTo(new State.Succeeded());
  }

  @Test
  void aDiskWhoseDeletionGoesOnIsForgottenWhenItIsGone() {
    UUID uid = made("data", "");
    delete("data");
    world.hypervisor.faults().always(c -> c.verb() == Verb.DELETE_DISK, Fault.goesOn());
    anHourAfterItsEnd();
    world.await(
        "its deletion was asked for", () -> world.hypervisor.faults().calls(Verb.DELETE_DISK) > 0);
    round();
    assertThat(quarantined()).hasSize(1);
    world.hypervisor.faults().clear();
    world.await("its disk is gone", () -> !diskOf(uid));
    world.await("and that is seen", () -> quarantined().isEmpty());
  }

  @Test
  void ofSeveralOfOneNameOneIsChosenByItsUid() {
    UUID first = made("data", "");
    delete("data");
    UUID second = made("data", "");
    delete("data");
    assertThatThrownBy(() -> restore("data", null))
        .hasMessageContaining(first.toString())
        .hasMessageContaining(second.toString());
    restore(first.toString(), null);
    assertThatThrownBy(() -> restore(second.toString(), null))
        .hasMessageContaining("under another name");
    restore(second.toString(), "data-2");
    world.awaitEnd(second);
    assertThat(find("data").orElseThrow().uid()).isEqualTo(first);
    assertThat(find("data-2").orElseThrow().uid()).isEqualTo(second);
  }

  @Test
  void aRestoredVolumeWhoseDiskIsGoneSaysSo() {
    UUID uid = made("data", "");
    String disk = find("data").orElseThrow().status().object();
    delete("data");
    world.hypervisor.deleteDisk(disk);
    // Whoever compares it with a whole listing shall not be the first to say so.
    world
        .hypervisor
        .faults()
        .always(call -> call.verb() == Verb.OBSERVE, Fault.partial(_ -> false));
    restore("data", null);
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    assertThat(diskOf(uid)).as("no empty disk in place of the lost one").isFalse();
    assertThat(ready("data")).startsWith("FALSE");
    world.hypervisor.faults().clear();
    world.await(
        "its loss is told", () -> ready("data").startsWith("FALSE Its disk " + disk + " is not"));
  }

  private String ready(String name) {
    return Condition.find(find(name).orElseThrow().status().conditions(), Condition.READY)
        .map(c -> c.value() + " " + c.message())
        .orElse("");
  }

  @Test
  void aDiskThatIsGoneOrOfAnotherSizeIsToldAndNotMadeAnew() throws Exception {
    UUID uid = made("data", "");
    String disk = find("data").orElseThrow().status().object();
    ObjectName name = ObjectName.parse(disk).orElseThrow();
    try (HypervisorDriver driver = world.hypervisor.attach(world.store.read(Tx::installation))) {
      Disks disks = driver.disks().orElseThrow();
      // As much as a storage may have rounded up.
      var _ = disks.grow(name, ByteSize.ofMib(1024 + 4));
      round();
      assertThat(ready("data")).isEqualTo("TRUE Its disk is there.");
      var _ = disks.grow(name, ByteSize.parse("2GiB"));
      world.await("its growth is told", () -> ready("data").contains("has 2GiB and had 1GiB"));
      assertThat(ready("data")).as("it can be used").startsWith("TRUE");
      world.hypervisor.deleteDisk(disk);
      world.await(
          "its loss is told", () -> ready("data").startsWith("FALSE Its disk " + disk + " is not"));
      long told = find("data").orElseThrow().metadata().revision();
      round();
      assertThat(diskOf(uid)).as("no empty disk in place of the lost one").isFalse();
      assertThat(find("data").orElseThrow().metadata().revision())
          .as("it is told once")
          .isEqualTo(told);
      var _ = disks.create(name, ByteSize.parse("1GiB"), null);
      world.await("its return is told", () -> ready("data").equals("TRUE Its disk is there."));
    }
  }

  @Test
  void aMachineWhoseVolumeIsLostIsNotChanged() throws Exception {
    made("data", "");
    String disk = find("data").orElseThrow().status().object();
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    world.awaitEnd(web);
    world.hypervisor.deleteDisk(disk);
    world.await("its loss is told", () -> ready("data").startsWith("FALSE"));

    // What is declared of the volume besides does not bring its disk back.
    world.apply(volume("data", ", quarantineDays: 3"));
    UUID uid = find("data").orElseThrow().uid();
    world.await("it was tried", () -> world.latest(uid).state() instanceof State.Failed);
    world.await("it is still told", () -> ready("data").contains("is not on hypervisor"));

    world.store.write(tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "web", null));
    assertThat(world.awaitEnd(web).state())
        .isInstanceOfSatisfying(
            State.Failed.class, failed -> assertThat(failed.message()).contains(disk));
    assertThat(world.hypervisor.state(web)).contains(Observation.State.RUNNING);

    try (HypervisorDriver driver = world.hypervisor.attach(world.store.read(Tx::installation))) {
      var _ =
          driver
              .disks()
              .orElseThrow()
              .create(ObjectName.parse(disk).orElseThrow(), ByteSize.parse("1GiB"), null);
    }
    world.await("its return is told", () -> ready("data").startsWith("TRUE"));
  }

  @Test
  void aListingWithGapsTellsNothingOfDisks() {
    made("data", "");
    String disk = find("data").orElseThrow().status().object();
    world
        .hypervisor
        .faults()
        .always(call -> call.verb() == Verb.OBSERVE, Fault.partial(uid -> false));
    round();
    world.hypervisor.deleteDisk(disk);
    round();
    assertThat(ready("data")).startsWith("TRUE");
  }

  @Test
  void aHypervisorStaysWhileOneOfItsDisksIsInQuarantine() {
    made("data", "");
    delete("data");
    world.sql("DELETE FROM reference WHERE to_uid IN (SELECT uid FROM resource WHERE name='sim')");
    assertThatThrownBy(
            () -> world.engine.delete().delete(World.ANNA, Kind.HYPERVISOR, "shared", "sim", null))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("in quarantine");
  }

  @Test
  void aVolumeMovesOnlyWhenTheOtherMachineHasLetItGo() {
    made("data", "");
    world.apply(World.machine("old", "volumes: [data]"));
    world.apply(World.machine("new", ""));
    world.awaitReady("old");
    world.awaitReady("new");
    UUID old = world.machine("old").uid();
    UUID next = world.machine("new").uid();
    world.awaitEnd(old);
    world.awaitEnd(next);
    world
        .hypervisor
        .faults()
        .always(
            c -> c.verb() == Verb.STOP && old.equals(c.uid()),
            Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.apply(World.machine("old", ""));
    world.apply(World.machine("new", "volumes: [data]"));
    world.await(
        "the other one waits",
        () ->
            world.latest(next).state() instanceof State.Waiting w
                && w.message().contains("Volume data is still attached to old-"));
    assertThat(world.hypervisor.definition(next).orElseThrow().disks()).hasSize(1);
    world.hypervisor.faults().clear();
    assertThat(world.awaitEnd(old).state()).isEqualTo(new State.Succeeded());
    assertThat(world.awaitEnd(next).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.definition(old).orElseThrow().disks()).hasSize(1);
    assertThat(world.hypervisor.definition(next).orElseThrow().disks()).hasSize(2);
  }

  @Test
  void twoMachinesThatChangeVolumesDoNotWaitForEachOther() {
    UUID v0 = made("v0", "");
    UUID v1 = made("v1", "");
    world.apply(World.machine("a", "volumes: [v0]"));
    world.apply(World.machine("b", "volumes: [v1]"));
    world.awaitReady("a");
    world.awaitReady("b");
    UUID a = world.machine("a").uid();
    UUID b = world.machine("b").uid();
    world.awaitEnd(a);
    world.awaitEnd(b);
    // Neither has let go of anything when both want what the other one has.
    world.hypervisor.faults().reachable(false);
    world.apply(World.machine("a", "volumes: []"));
    world.apply(World.machine("b", "volumes: [v0]"));
    world.apply(World.machine("a", "volumes: [v1]"));
    world.hypervisor.faults().reachable(true);
    assertThat(world.awaitEnd(a).state()).isEqualTo(new State.Succeeded());
    assertThat(world.awaitEnd(b).state()).isEqualTo(new State.Succeeded());
    assertThat(has(a)).contains(v1).doesNotContain(v0);
    assertThat(has(b)).contains(v0).doesNotContain(v1);
  }

  /** Two systems that are to be made anew have the old ones' disks until then. */
  @Test
  void twoMachinesThatAreRebuiltAndChangeVolumesDoNotWaitForEachOther() {
    exchangedByRebuilds(true, "");
    assertThat(world.ready("a") && world.ready("b")).isTrue();
  }

  @Test
  void whoIsRebuiltAndWhoIsNotChangeVolumes() {
    exchangedByRebuilds(false, "");
    assertThat(world.ready("a") && world.ready("b")).isTrue();
  }

  @Test
  void twoMachinesThatAreOffAndToBeRebuiltChangeVolumes() {
    exchangedByRebuilds(true, "power: off\n");
    for (String each : List.of("a", "b")) {
      UUID uid = world.machine(each).uid();
      assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
      world.apply(
          World.machine(each, "volumes: [" + (each.equals("a") ? "v1" : "v0") + "]")
              .replace("image: img", "image: other"));
      world.awaitReady(each);
    }
  }

  private void exchangedByRebuilds(boolean both, String power) {
    world.apply(OTHER_IMAGE);
    UUID v0 = made("v0", "");
    UUID v1 = made("v1", "");
    world.apply(World.machine("a", "volumes: [v0]"));
    world.apply(World.machine("b", "volumes: [v1]"));
    world.awaitReady("a");
    world.awaitReady("b");
    UUID a = world.machine("a").uid();
    UUID b = world.machine("b").uid();
    world.awaitEnd(a);
    world.awaitEnd(b);
    world.hypervisor.faults().reachable(false);
    world.apply(World.machine("a", power + "volumes: []"));
    world.apply(
        World.machine("b", power + "volumes: [v0]")
            .replace("image: img", both ? "image: other" : "image: img"));
    world.apply(World.machine("a", power + "volumes: [v1]").replace("image: img", "image: other"));
    world.hypervisor.faults().reachable(true);
    assertThat(world.awaitEnd(a).state()).isEqualTo(new State.Succeeded());
    assertThat(world.awaitEnd(b).state()).isEqualTo(new State.Succeeded());
    assertThat(has(a)).contains(v1).doesNotContain(v0);
    assertThat(has(b)).contains(v0).doesNotContain(v1);
  }

  /** Whoever is cancelled meanwhile goes back without what the other one has. */
  @Test
  void whoeverGivesUpAnExchangeByRebuildsHasItsFormerSystemAgain() {
    world.apply(OTHER_IMAGE);
    made("v0", "");
    made("v1", "");
    world.apply(World.machine("a", "volumes: [v0]"));
    world.apply(World.machine("b", "volumes: [v1]"));
    world.awaitReady("a");
    world.awaitReady("b");
    UUID a = world.machine("a").uid();
    UUID b = world.machine("b").uid();
    world.awaitEnd(a);
    world.awaitEnd(b);
    // The other one cannot let go, so this one waits when it has.
    world
        .hypervisor
        .faults()
        .always(
            c -> c.verb() == Verb.STOP && b.equals(c.uid()),
            Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.hypervisor.faults().reachable(false);
    world.apply(World.machine("a", "volumes: []"));
    world.apply(World.machine("b", "volumes: [v0]"));
    world.apply(World.machine("a", "volumes: [v1]").replace("image: img", "image: other"));
    world.hypervisor.faults().reachable(true);
    world.await(
        "it has let go and waits",
        () -> has(a).size() == 1 && world.latest(a).state() instanceof State.Waiting);
    world.engine.cancel().cancel(world.latest(a).uid());
    assertThat(world.awaitEnd(a).state()).isEqualTo(new State.Cancelled());
    world.awaitReady("a");
    assertThat(has(a)).containsExactly(a);
    world.hypervisor.faults().clear();
    assertThat(world.awaitEnd(b).state()).isEqualTo(new State.Succeeded());
  }

  private List<UUID> has(UUID machine) {
    return world.hypervisor.definition(machine).orElseThrow().disks().stream()
        .map(disk -> ObjectName.parse(disk.name()).orElseThrow().mark().uid())
        .toList();
  }

  @Test
  void whoWaitsForAMachineThatIsHeldIsToldWhatToDo() {
    made("data", "");
    world.apply(World.machine("old", "volumes: [data]"));
    world.awaitReady("old");
    UUID old = world.machine("old").uid();
    world.awaitEnd(old);
    world
        .hypervisor
        .faults()
        .always(
            c -> c.verb() == Verb.STOP && old.equals(c.uid()),
            Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.apply(World.machine("old", ""));
    world.apply(World.machine("new", "volumes: [data]"));
    world.engine.cancel().cancel(world.latest(old).uid());
    assertThat(world.awaitEnd(old).state()).isEqualTo(new State.Cancelled());
    UUID next = world.machine("new").uid();
    world.await(
        "the other one says so",
        () -> world.latest(next).state().message().endsWith("; apply Machine old again for that"));
    world.hypervisor.faults().clear();
    world.apply(World.machine("old", ""));
    assertThat(world.awaitEnd(old).state()).isEqualTo(new State.Succeeded());
    assertThat(world.awaitEnd(next).state()).isEqualTo(new State.Succeeded());
  }

  @Test
  void whoNeedsAVolumeThatCannotBeMadeFailsAsItDoesAndAppliedAgainBothAreMade() {
    world.hypervisor.faults().next(Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    String both = volume("data", "") + "---\n" + World.machine("m", "volumes: [data]");
    world.apply(both);
    UUID machine = world.machine("m").uid();
    assertThat(world.awaitEnd(machine).state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            s -> {
              assertThat(s.reason()).isEqualTo("VolumeFailed");
              assertThat(s.message()).startsWith("Volume data was not made: The simulated system");
            });
    assertThat(world.hypervisor.definition(machine)).isEmpty();
    world.apply(both);
    assertThat(world.awaitEnd(machine).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.definition(machine).orElseThrow().disks()).hasSize(2);
  }

  private static final String WITH_FILESYSTEM = ", filesystem: ext4, mount: /srv/data";

  /** A machine that is up, given a volume with a file system. */
  private UUID given(String volume) {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    world.awaitEnd(web);
    made(volume, WITH_FILESYSTEM);
    world.apply(World.machine("web", "volumes: [" + volume + "]"));
    return web;
  }

  @Test
  void aSystemThatIsUpMountsWhatItIsGiven() {
    List<List<String>> told = new CopyOnWriteArrayList<>();
    AtomicBoolean ended = new AtomicBoolean();
    world.hypervisor.commands((_, command) -> {
      told.add(command);
      String serial = command.get(4);
      return ended.get()
          ? Optional.of(
              new GuestCommands.Ended(0, "mke2fs\nmillwright: volume " + serial + ": formatted\n"))
          : Optional.empty();
    });
    UUID web = given("data");
    world.await("its system is told", () -> !told.isEmpty());
    assertThat(find("data").orElseThrow().status().filesystemSince()).isNull();
    ended.set(true);
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    VolumeStatus data = find("data").orElseThrow().status();
    assertThat(told.getLast().subList(3, told.getLast().size()))
        .containsExactly("data-disks", data.serial(), "ext4", "/srv/data");
    assertThat(data.filesystemSince()).isNotNull();
    long begun = world.hypervisor.commandsBegun();
    assertThat(begun).isEqualTo(1);

    // Once, and again only when it has it again.
    assertThat(world.plan(World.machine("web", "volumes: [data]")).getFirst().steps()).isEmpty();
    world.apply(World.machine("web", ""));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    world.apply(World.machine("web", "volumes: [data]"));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.commandsBegun()).isEqualTo(2);
  }

  /** What the former one was told and did not come to the end of is nothing to this one. */
  @Test
  void aSystemIsToldOfAVolumeThatAnotherOneWasBeingToldOf() {
    List<UUID> told = new CopyOnWriteArrayList<>();
    AtomicReference<UUID> slow = new AtomicReference<>();
    world.hypervisor.commands((machine, command) -> {
      told.add(machine);
      return machine.equals(slow.get())
          ? Optional.empty()
          : Optional.of(
              new GuestCommands.Ended(0, "millwright: volume " + command.get(4) + ": kept\n"));
    });
    world.apply(World.machine("next", ""));
    world.awaitReady("next");
    UUID next = world.machine("next").uid();
    world.awaitEnd(next);
    world.apply(World.machine("web", ""));
    slow.set(world.machine("web").uid());
    UUID web = given("data");
    world.await("its system is told", () -> !told.isEmpty());
    world.apply(World.machine("web", ""));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    AtomicInteger calls = new AtomicInteger();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.RUN_COMMAND) {
            calls.incrementAndGet();
          }
        });

    world.apply(World.machine("next", "volumes: [data]"));
    Operation end = world.awaitEnd(next);
    assertThat(end.state()).isEqualTo(new State.Succeeded());
    assertThat(end.steps().getLast().message()).isNull();
    assertThat(told).contains(next);
    assertThat(calls).as("it is told, and asked for that, and for nothing else").hasValue(2);
  }

  @Test
  void whereItCannotBeToldTheMachineHasTheVolumeAllTheSameAndSaysSo() {
    world.hypervisor.commands(
        (_, _) -> Optional.of(new GuestCommands.Ended(1, "millwright: volume x: cannot be read")));
    UUID web = given("data");
    Operation end = world.awaitEnd(web);
    assertThat(end.state()).isEqualTo(new State.Succeeded());
    assertThat(end.steps().getLast().message()).contains("cannot be read");
    assertThat(world.hypervisor.definition(web).orElseThrow().disks()).hasSize(2);
    assertThat(find("data").orElseThrow().status().filesystemSince()).isNull();
    assertThat(world.plan(World.machine("web", "volumes: [data]")).getFirst().steps()).isEmpty();
    List<Journal.Entry> told =
        world.store.read(tx -> tx.journal().told("default", Kind.MACHINE, "web", 100));
    assertThat(told)
        .extracting(Journal.Entry::message)
        .anyMatch(m -> m.contains("Volume data is attached but not mounted by Millwright"));
  }

  @Test
  void aDiskThatHeldSomethingAndIsFoundBlankIsTold() {
    AtomicReference<String> found = new AtomicReference<>("formatted");
    world.hypervisor.commands((_, command) ->
        Optional.of(
            new GuestCommands.Ended(
                0, "millwright: volume " + command.get(4) + ": " + found.get())));
    UUID web = given("data");
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    again(web);
    VolumeStatus again = find("data").orElseThrow().status();
    assertThat(Condition.find(again.conditions(), "Intact").orElseThrow().message())
        .contains("web found it blank")
        .contains("what was there is gone");
    assertThat(new Invariants(world).broken())
        .singleElement()
        .asString()
        .contains("Volume data: web found it blank");

    found.set("kept");
    again(web);
    assertThat(find("data").orElseThrow().status().conditions())
        .noneMatch(c -> c.type().equals("Intact"));
  }

  /** Takes the volume from the machine and gives it back. */
  private void again(UUID web) {
    world.apply(World.machine("web", ""));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    world.apply(World.machine("web", "volumes: [data]"));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
  }

  /** How often a machine was stopped. */
  private AtomicInteger stops(UUID machine) {
    AtomicInteger stops = new AtomicInteger();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.STOP && machine.equals(call.uid())) {
            stops.incrementAndGet();
          }
        });
    return stops;
  }

  private String disk(String volume) {
    return find(volume).orElseThrow().status().object();
  }

  @Test
  void aVolumeOfWhichThatIsPromisedLeavesAMachineThatRuns() {
    made("data", ", detach: live");
    made("more", "");
    world.apply(World.machine("old", "volumes: [data, more]"));
    world.apply(World.machine("new", ""));
    world.awaitReady("old");
    world.awaitReady("new");
    UUID old = world.machine("old").uid();
    UUID next = world.machine("new").uid();
    world.awaitEnd(old);
    world.awaitEnd(next);
    AtomicInteger stops = stops(old);
    world.hypervisor.mount(disk("data"), "/srv/data");

    Applied plan = world.plan(World.machine("old", "volumes: [more]")).getFirst();
    assertThat(plan.impact()).isEqualTo("in place");
    assertThat(plan.steps()).containsExactly(new Step.DetachDisk(disk("data")));

    world.apply(World.machine("old", "volumes: [more]"));
    world.apply(World.machine("new", "volumes: [data]"));
    world.await(
        "it says what it waits for, however often it has tried",
        () ->
            world.latest(old).state() instanceof State.Waiting w
                && w.message().contains("still mounted at /srv/data in the guest: unmount it")
                && world.latest(old).steps().getLast().attempts() > 4);
    world.await(
        "so does the one that shall have it",
        () ->
            world.latest(next).state() instanceof State.Waiting w
                && w.message().contains("Volume data is still attached to old-"));
    assertThat(world.hypervisor.definition(old).orElseThrow().disks()).hasSize(3);

    world.hypervisor.unmount(disk("data"));
    assertThat(world.awaitEnd(old).state()).isEqualTo(new State.Succeeded());
    assertThat(world.awaitEnd(next).state()).isEqualTo(new State.Succeeded());
    assertThat(stops.get()).isZero();
    assertThat(world.hypervisor.definition(old).orElseThrow().disks()).hasSize(2);
    assertThat(world.hypervisor.definition(next).orElseThrow().disks()).hasSize(2);

    // Of the other one nothing was promised.
    world.apply(World.machine("old", ""));
    assertThat(world.awaitEnd(old).state()).isEqualTo(new State.Succeeded());
    assertThat(stops.get()).isPositive();
  }

  @Test
  void whoTakesThePromiseBackHasTheMachineStopped() {
    made("data", ", detach: live");
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    world.awaitEnd(web);
    AtomicInteger stops = stops(web);
    world.hypervisor.mount(disk("data"), "/srv/data");
    world.apply(World.machine("web", ""));
    world.await("it waits", () -> world.latest(web).state() instanceof State.Waiting);
    world.apply(volume("data", ", detach: stopped"));
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    assertThat(stops.get()).isPositive();
    assertThat(world.hypervisor.definition(web).orElseThrow().disks()).hasSize(1);
    assertThat(world.ready("web")).isTrue();
  }

  /** What was promised holds for one that is deleted before it has left. */
  @Test
  void aVolumeThatIsDeletedMeanwhileLeavesAsWasPromised() {
    made("data", ", detach: live");
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    UUID data = find("data").orElseThrow().uid();
    world.awaitEnd(web);
    AtomicInteger stops = stops(web);
    String disk = disk("data");
    world.hypervisor.mount(disk, "/srv/data");
    world.apply(World.machine("web", ""));
    world.await("it waits", () -> world.latest(web).state() instanceof State.Waiting);
    world.engine.delete().delete(World.ANNA, Kind.VOLUME, "default", "data", null);
    world.await("it is in quarantine", () -> find("data").isEmpty());
    world.hypervisor.unmount(disk);
    assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
    assertThat(stops.get()).isZero();
    assertThat(world.hypervisor.definition(web).orElseThrow().disks()).hasSize(1);
    assertThat(world.hypervisor.hasDisk(disk)).isTrue();
    assertThat(world.store.<Optional<Quarantine.Entry>>read(tx -> tx.quarantine().find(data)))
        .isPresent();
  }

  private UUID ended(String machine) {
    UUID uid = world.machine(machine).uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    world.awaitReady(machine);
    return uid;
  }

  /** One manifest is one change, whatever its machines are called. */
  @ParameterizedTest
  @CsvSource({"app, db", "web, db"})
  void aVolumeMovesFromOneMachineToAnotherInOneApply(String from, String to) {
    UUID data = made("data", "");
    world.apply(World.machine(from, "volumes: [data]") + "---\n" + World.machine(to, ""));
    UUID giver = ended(from);
    UUID taker = ended(to);
    String both = World.machine(from, "") + "---\n" + World.machine(to, "volumes: [data]");
    assertThat(world.plan(both)).hasSize(2);
    assertThat(has(giver)).contains(data);
    world.apply(both);
    ended(from);
    ended(to);
    assertThat(has(giver)).doesNotContain(data);
    assertThat(has(taker)).contains(data);
  }

  @Test
  void twoMachinesChangeVolumesInOneApply() {
    UUID v0 = made("v0", "");
    UUID v1 = made("v1", "");
    world.apply(
        World.machine("a", "volumes: [v0]") + "---\n" + World.machine("b", "volumes: [v1]"));
    UUID a = ended("a");
    UUID b = ended("b");
    world.apply(
        World.machine("a", "volumes: [v1]") + "---\n" + World.machine("b", "volumes: [v0]"));
    ended("a");
    ended("b");
    assertThat(has(a)).contains(v1).doesNotContain(v0);
    assertThat(has(b)).contains(v0).doesNotContain(v1);
  }

  /** What is let go by a part of an apply that is refused stays with whom it was. */
  @Test
  void aVolumeStaysWhereItIsIfTheApplyIsRefused() {
    made("data", "");
    world.apply(World.machine("web", "volumes: [data]") + "---\n" + World.machine("db", ""));
    ended("web");
    ended("db");
    assertThatThrownBy(() ->
            world.apply(
                World.machine("web", "")
                    + "---\n"
                    + World.machine("db", "volumes: [data]").replace("size: small", "size: none")))
        .hasMessageContaining("there is no Size \"none\"");
    assertThatThrownBy(() -> world.apply(World.machine("db", "volumes: [data]")))
        .hasMessageContaining("Volume data is attached to Machine web; take it out of");
  }

  private static final String USER =
      World.machine("web", "volumes: [data]").replace("image: img", "image: other");

  /** Does one thing in a transaction, and another beside it before that is committed. */
  private Future<?> beside(Consumer<Tx> first, Consumer<Tx> second) {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      return world.store.inTransaction(tx -> {
        first.accept(tx);
        Future<?> other = thread.submit(() -> world.store.write(second));
        world.await(
            "it is done, or held up by the first one",
            () ->
                other.isDone()
                    || world.number(
                            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT"
                                + " pid FROM pg_stat_activity WHERE datname = current_database())")
                        > 0);
        return other;
      });
    } finally {
      thread.shutdown();
    }
  }

  private void use(Tx tx) {
    var _ =
        world
            .engine
            .apply()
            .apply(
                tx,
                World.ANNA,
                Manifests.parse(USER.getBytes(StandardCharsets.UTF_8), "test"),
                Apply.Expectation.NONE);
  }

  private void deletes(Tx tx, Kind kind, String name) {
    var _ = world.engine.delete().delete(tx, World.ANNA, kind, "default", name, null);
  }

  @ParameterizedTest
  @CsvSource({"IMAGE, other", "VOLUME, data"})
  void whatIsTakenIntoUseInTheSameMomentIsNotDeleted(Kind kind, String name) {
    made("data", "");
    world.apply(OTHER_IMAGE);
    Future<?> deleted = beside(this::use, tx -> deletes(tx, kind, name));
    assertThatThrownBy(deleted::get).hasMessageContaining("is in use by Machine web");
    world.awaitReady("web");
  }

  @ParameterizedTest
  @CsvSource({"IMAGE, other", "VOLUME, data"})
  void whatIsDeletedInTheSameMomentIsNotTakenIntoUse(Kind kind, String name) {
    made("data", "");
    world.apply(OTHER_IMAGE);
    Future<?> used = beside(tx -> deletes(tx, kind, name), this::use);
    assertThatThrownBy(used::get).hasMessageContaining(name + " is being deleted");
    assertThat(world.find("web")).isEmpty();
    world.await(
        "it goes",
        () -> world.store.read(tx -> tx.resources().find(kind, "default", name)).isEmpty());
  }

  /** As it was left by a version that let both happen. */
  @ParameterizedTest
  @CsvSource({"IMAGE, other", "VOLUME, data"})
  void whatIsInUseAfterAllWaitsToGoAndIsWholeUntilThen(Kind kind, String name) {
    UUID data = made("data", "");
    world.apply(OTHER_IMAGE);
    world.apply(USER);
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    world.awaitEnd(web);
    String sha256 = world.machine("web").status().imageSha256();
    UUID uid =
        world.store.read(tx -> tx.resources().find(kind, "default", name)).orElseThrow().uid();
    // Which would hold up what follows until all of it is committed.
    world.sql(
        "ALTER TABLE reference DROP CONSTRAINT reference_to",
        "DELETE FROM reference WHERE to_uid = '" + uid + "'");
    world.store.write(tx -> {
      deletes(tx, kind, name);
      world.sql("INSERT INTO reference VALUES ('" + web + "', '" + uid + "')");
    });
    world.await(
        "it says so",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.reason().equals("InUse")
                && w.message().contains(name + " is in use by Machine web"));
    assertThat(world.outside().images()).contains(sha256);
    assertThat(diskOf(data)).isTrue();
    assertThat(quarantined()).isEmpty();
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
  }

  @Test
  void whatCannotBeIsRefused() {
    made("data", ", filesystem: ext4, mount: /srv/data");
    made("more", ", filesystem: xfs, mount: /srv/data");
    assertThatThrownBy(() -> world.apply(volume("data", "").replace("1GiB", "512MiB")))
        .hasMessageContaining("cannot shrink");
    assertThatThrownBy(() -> world.apply(volume("data", ", filesystem: xfs")))
        .hasMessageContaining("formatted once");
    assertThatThrownBy(() -> world.apply(World.machine("m", "volumes: [data, data]")))
        .hasMessageContaining("attached twice");
    world.apply(World.machine("has", "power: off\nvolumes: [data]"));
    assertThatThrownBy(() -> world.apply(World.machine("m", "volumes: [data]")))
        .hasMessageContaining(
            "Machine m: spec.volumes[0]: Volume data is attached to Machine has; take it out of");
    world.apply(World.machine("has", "power: off"));
    assertThatThrownBy(() -> world.apply(World.machine("m", "volumes: [data, more]")))
        .hasMessageContaining("mounted at /srv/data, and so is Volume data");
    assertThatThrownBy(() -> world.apply(volume("x", ", detach: hot")))
        .hasMessageContaining("detach")
        .hasMessageContaining("stopped")
        .hasMessageContaining("live");
    assertThatThrownBy(() -> world.apply(volume("x", ", mount: /srv/x")))
        .hasMessageContaining("needs a filesystem");
    assertThatThrownBy(() -> world.apply(volume("x", ", filesystem: ext4, mount: /etc")))
        .hasMessageContaining("the system's own");
    assertThatThrownBy(() -> world.apply(volume("x", ", filesystem: ext4, mount: \"/a b\"")))
        .hasMessageContaining("no path to mount at");
  }

  /** As is every volume of which nothing else is said. */
  @Test
  void aVolumeThatIsKeptIsNotDeletedAloneOrWithOthers() {
    String kept = volume("kept", "").replace(", reclaim: delete", "");
    world.apply(kept);
    UUID uid = find("kept").orElseThrow().uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    made("other", "");
    String why = "Volume kept is kept by its reclaim policy; to delete it, apply it with";
    assertThatThrownBy(
            () -> world.engine.delete().delete(World.ANNA, Kind.VOLUME, "default", "kept", null))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining(why);
    assertThatThrownBy(() ->
            world.store.write(tx -> {
              for (String each : List.of("other", "kept")) {
                world.engine.delete().delete(tx, World.ANNA, Kind.VOLUME, "default", each, null);
              }
            }))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining(why);
    for (String each : List.of("other", "kept")) {
      assertThat(find(each)).hasValueSatisfying(v -> assertThat(v.deleting()).isFalse());
    }
    assertThat(world.latest(uid).verb()).isNotEqualTo(Operation.Verb.DELETE);
    assertThat(quarantined()).isEmpty();
    assertThat(diskOf(uid)).isTrue();
    assertThat(world.plan(kept)).allSatisfy(a -> assertThat(a.steps()).isEmpty());
  }

  @Test
  void theFirstBootIsToldOfFileSystems() {
    made("data", ", filesystem: ext4, mount: /srv/data");
    AtomicReference<byte[]> seed = new AtomicReference<>();
    GuestBehaviour usual = GuestBehaviour.wellBehaved();
    world.hypervisor.guests(guest -> {
      seed.set(guest.seed());
      return usual.start(guest);
    });
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitReady("web");
    String serial = find("data").orElseThrow().status().serial();
    assertThat(new String(seed.get(), java.nio.charset.StandardCharsets.UTF_8))
        .contains("\"data-disks\"")
        .contains(serial)
        .contains("/srv/data");
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Snapshots;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SnapshotStatus.Stage;
import io.millwright.planner.Step;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a machine's system disk was is kept, and the machine goes back to it. */
@Tag("database")
class SnapshotTest {
  private static final byte[] GOOD = {1, 2, 3};
  private static final byte[] BAD = {6, 6, 6};
  private static final byte[] DATA = {7};

  private World world;
  private UUID uid;
  private MachineStatus before;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        ---
        """
            + web(""));
    world.awaitReady("web");
    uid = world.machine("web").uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    before = world.machine("web").status();
    world.hypervisor.fill(before.disk(), GOOD);
    world.hypervisor.fill(disks().get(1), DATA);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String web(String more) {
    // Only by addresses that nobody answers, so that no SSH port of anybody's counts.
    return World.machine("web", "volumes: [data]\nreadyTimeoutSeconds: 10\n" + more)
        .replaceFirst("nics: .*", "nics: [{network: net, ipv4: none}]");
  }

  private static String snapshot(String name, String machine) {
    return """
    apiVersion: millwright/v1
    kind: Snapshot
    metadata: {name: %s}
    spec: {machine: %s, description: before the upgrade}
    """
        .formatted(name, machine);
  }

  private void power(Power power) {
    world.engine.power().set(World.ANNA, "default", "web", power);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
  }

  private Resource<SnapshotSpec, SnapshotStatus> found(String name) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.SNAPSHOT, "default", name))
        .orElseThrow()
        .as(SnapshotSpec.class, SnapshotStatus.class);
  }

  private boolean gone(String name) {
    return world.store.read(tx -> tx.resources().find(Kind.SNAPSHOT, "default", name)).isEmpty();
  }

  /** Of the machine, which is off from then on. */
  private Resource<SnapshotSpec, SnapshotStatus> taken(String name) {
    power(Power.OFF);
    world.apply(snapshot(name, "web"));
    assertThat(world.awaitEnd(found(name).uid()).state()).isEqualTo(new State.Succeeded());
    return found(name);
  }

  private Operation revert(String snapshot) {
    return world.store.inTransaction(
        tx -> world.engine.snapshots().revert(tx, World.ANNA, "default", "web", snapshot));
  }

  private List<String> disks() {
    return world.hypervisor.definition(uid).orElseThrow().disks().stream()
        .map(MachineDefinition.Disk::name)
        .toList();
  }

  private List<String> systemDisks() {
    return world.outside().disks().stream()
        .map(d -> d.name().toString())
        .filter(d -> d.endsWith("-system"))
        .toList();
  }

  private static void refused(String why, ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().detail() + " " + e.problem().errors()).contains(why));
  }

  @Test
  void aMachineGoesBackToWhatItWasAndKeepsTheRest() {
    Resource<SnapshotSpec, SnapshotStatus> good = taken("good");
    assertThat(good.status().stage()).isEqualTo(Stage.TAKEN);
    assertThat(good.status().size()).isEqualTo(ByteSize.parse("2GiB"));
    assertThat(Condition.holds(good.status().conditions(), Condition.READY)).isTrue();
    String kept = good.status().object();
    power(Power.ON);
    world.hypervisor.fill(before.disk(), BAD);
    world.hypervisor.fill(disks().get(1), BAD);

    Applied planned =
        world.engine.snapshots().plan(World.ANNA, "default", "web", "good").getFirst();
    assertThat(planned.steps().stream().filter(Step::destroys))
        .containsExactly(new Step.DeleteDisk(before.disk()));
    assertThat(planned.steps().getFirst()).isInstanceOf(Step.CopyDisk.class);
    assertThat(planned.keeps()).contains("volume data with its data");
    assertThat(world.machine("web").status().disk()).isEqualTo(before.disk());

    revert("good");
    Operation done = world.awaitEnd(uid);
    assertThat(done.verb()).isEqualTo(Operation.Verb.REVERT);
    assertThat(done.state()).isEqualTo(new State.Succeeded());
    MachineStatus after = world.machine("web").status();
    assertThat(after.disk()).isNotEqualTo(before.disk());
    assertThat(after.source()).isNull();
    assertThat(after.former()).isNull();
    assertThat(after.interfaces()).isEqualTo(before.interfaces());
    assertThat(after.hostKeys()).isEqualTo(before.hostKeys());
    assertThat(after.imageSha256()).isEqualTo(before.imageSha256());
    assertThat(world.hypervisor.content(after.disk())).contains(GOOD);
    assertThat(world.hypervisor.content(disks().get(1))).as("volumes stay").contains(BAD);
    assertThat(systemDisks()).containsExactly(after.disk());
    assertThat(world.hypervisor.content(kept)).as("the snapshot stays").contains(GOOD);
    assertThat(world.ready("web")).isTrue();
    assertThat(world.outside().media()).as("it has no first boot").isEmpty();
    assertThat(world.apply(web("")).getFirst().operation()).as("it is as declared").isNull();

    world.engine.delete().delete(World.ANNA, Kind.SNAPSHOT, "default", "good", null);
    world.await("it is gone", () -> gone("good"));
    assertThat(world.hypervisor.content(kept)).isEmpty();
    assertThat(world.hypervisor.content(after.disk())).contains(GOOD);
  }

  @Test
  void aSystemThatDoesNotComeUpIsTakenBack() {
    taken("good");
    power(Power.ON);
    world.hypervisor.guests(guest ->
        new GuestBehaviour.Conduct(
            null, new GuestAgent.Facts(Map.of(), List.of()), Duration.ZERO, null, ""));
    revert("good");
    world.passInFirstBoot(uid, Duration.ofSeconds(11));
    Operation failed = world.awaitEnd(uid);
    assertThat(failed.state().message())
        .contains("did not report ready within 10 s")
        .contains("is back on its system from before");
    MachineStatus after = world.machine("web").status();
    assertThat(after.disk()).isEqualTo(before.disk());
    assertThat(after.source()).isNull();
    assertThat(systemDisks()).containsExactly(before.disk());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(Condition.find(after.conditions(), Snapshots.REVERTED).orElseThrow().message())
        .contains("goes back to its system from before");
    assertThat(Condition.find(after.conditions(), "Held")).isEmpty();
    // What is declared has not failed, so that applying it does not rebuild the machine.
    world.hypervisor.guests(GuestBehaviour.wellBehaved());
    world.apply(web(""));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("web").status().disk()).isEqualTo(before.disk());
    revert("good");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(Condition.find(world.machine("web").status().conditions(), Snapshots.REVERTED))
        .isEmpty();
  }

  @Test
  void theMachineStaysOffWhileItIsTaken() {
    power(Power.OFF);
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.COPY_DISK, hang);
    world.apply(snapshot("slow", "web"));
    world.await("it is copied", () -> world.hypervisor.faults().calls(Verb.COPY_DISK) > 0);
    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    world.await(
        "it waits",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.message().contains("Snapshot slow is being taken"));
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
    hang.release();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(found("slow").status().stage()).isEqualTo(Stage.TAKEN);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
  }

  /** What it goes back to is just what is copied. */
  @Test
  void aRebuildThatIsCancelledMeanwhileStartsItsFormerSystemAfterThat() {
    power(Power.OFF);
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.COPY_DISK, hang);
    world.apply(snapshot("slow", "web"));
    world.await("it is copied", () -> world.hypervisor.faults().calls(Verb.COPY_DISK) > 0);
    world.apply(web("firmware: uefi"));
    world.await(
        "it waits",
        () -> world.latest(uid).state().message().contains("Snapshot slow is being taken"));
    UUID rebuild = world.latest(uid).uid();
    world.engine.cancel().cancel(rebuild);
    long looks = world.hypervisor.faults().calls(Verb.OBSERVE);
    world.await(
        "it was looked at again", () -> world.hypervisor.faults().calls(Verb.OBSERVE) > looks + 3);
    assertThat(world.latest(uid).state().terminal()).isFalse();
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
    hang.release();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
    assertThat(found("slow").status().stage()).isEqualTo(Stage.TAKEN);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.machine("web").status().disk()).isEqualTo(before.disk());
  }

  @Test
  void whatCannotBeTakenLeavesNothingAndIsTriedAgain() {
    power(Power.OFF);
    world.hypervisor.faults().next(Verb.COPY_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(snapshot("bad", "web"));
    assertThat(world.awaitEnd(found("bad").uid()).state()).isInstanceOf(State.Failed.class);
    assertThat(found("bad").status().stage()).isEqualTo(Stage.FAILED);
    refused("could not be taken", () -> revert("bad"));
    power(Power.ON); // nothing keeps it off any more
    world.apply(snapshot("bad", "web"));
    assertThat(world.awaitEnd(found("bad").uid()).state().message()).contains("is on");
    power(Power.OFF);
    world.apply(snapshot("bad", "web"));
    assertThat(world.awaitEnd(found("bad").uid()).state()).isEqualTo(new State.Succeeded());
    assertThat(found("bad").status().stage()).isEqualTo(Stage.TAKEN);
  }

  @Test
  void whatIsWrongIsRefusedAndChangesNothing() {
    refused("millwright power off web", () -> world.apply(snapshot("s", "web")));
    refused("there is no Machine", () -> world.apply(snapshot("s", "wbe")));
    assertThat(gone("s")).isTrue();
    taken("good");
    world.apply(
        World.machine("db", "power: 'off'")
            .replaceFirst("nics: .*", "nics: [{network: net, ipv4: none}]"));
    world.awaitEnd(world.machine("db").uid());
    refused("was never up", () -> world.apply(snapshot("s", "db")));
    refused("cannot change", () -> world.apply(snapshot("good", "db")));
    refused("there is no Snapshot", () -> revert("goood"));
    refused(
        "is of machine web",
        () ->
            world.store.inTransaction(
                tx -> world.engine.snapshots().revert(tx, World.ANNA, "default", "db", "good")));
    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    world.awaitEnd(uid);
    // While something goes on with it there is neither the one nor the other.
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.CREATE_DISK, hang);
    world.store.write(tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "web", null));
    refused("is being worked on by operation", () -> world.apply(snapshot("s", "web")));
    refused("is being worked on by operation", () -> revert("good"));
    hang.release();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    // Nor can it leave what it could go back to.
    refused(
        "which cannot go with it",
        () ->
            world.store.inTransaction(
                tx -> world.engine.move().move(tx, World.ANNA, "default", "web", "sim2")));
    // Without the facet.
    power(Power.OFF);
    world.hypervisor.copiesDisks(false);
    world.await(
        "it is seen that disks cannot be copied",
        () ->
            world.number(
                    "SELECT count(*) FROM resource WHERE kind = 'HYPERVISOR' AND name = 'sim'"
                        + " AND NOT status -> 'facets' ? 'disk-copy'")
                == 1);
    refused("lacks the facet disk-copy", () -> world.apply(snapshot("s", "web")));
    assertThat(gone("s")).isTrue();
  }

  @Test
  void itsDiskCountsAgainstTheQuota() {
    long disk = world.store.read(tx -> tx.projects().usage("default")).disk().mib();
    taken("good");
    assertThat(world.store.read(tx -> tx.projects().usage("default")).disk().mib())
        .isEqualTo(disk + 2048);
  }

  @Test
  void itGoesWithItsMachineAndTheVolumeStays() {
    String kept = taken("good").status().object();
    String data = disks().get(1);
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(gone("good")).isTrue();
    assertThat(world.hypervisor.content(kept)).isEmpty();
    assertThat(systemDisks()).isEmpty();
    assertThat(world.hypervisor.content(data)).contains(DATA);
  }

  @Test
  void whatAMachineGoesBackToIsNotDeleted() {
    taken("good");
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.COPY_DISK, hang);
    revert("good");
    refused(
        "can be deleted once the machine is up",
        () -> world.engine.delete().delete(World.ANNA, Kind.SNAPSHOT, "default", "good", null));
    hang.release();
    world.awaitEnd(uid);
    power(Power.ON);
    assertThat(world.hypervisor.content(world.machine("web").status().disk())).contains(GOOD);
    world.engine.delete().delete(World.ANNA, Kind.SNAPSHOT, "default", "good", null);
    world.await("it is gone", () -> gone("good"));
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.access.ApprovalRule;
import io.millwright.engine.reconcile.Drift;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Devices;
import io.millwright.model.DriftPolicy;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.planner.MachineDrift.Difference;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is told of machines that are not as declared. */
@Tag("database")
class DriftTest {
  private World world;
  private UUID uid;

  @BeforeEach
  void begin() {
    world = new World();
    world.apply(World.BASE);
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    uid = world.machine("web").uid();
    world.awaitEnd(uid);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private Drift.Report look() {
    return world.engine.drift().look("default");
  }

  @Test
  void whatIsAsDeclaredIsNoFinding() {
    assertThat(look().compared()).isEqualTo(1);
    assertThat(look().findings()).isEmpty();
    assertThat(world.engine.drift().look("elsewhere").compared()).isZero();
  }

  @Test
  void whatDiffersIsToldWithWhatWouldBeDoneAboutIt() {
    world.hypervisor.tellsEvents(false); // or else it would be repaired at once
    world.hypervisor.powerOff(uid);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences()).containsExactly(new Difference("power", "on", "off"));
          assertThat(f.repair()).extracting(s -> s.title()).containsExactly("power it on");
        });
    world.hypervisor.removeMachine(uid);
    assertThat(look().findings().getFirst().differences())
        .containsExactly(new Difference("machine", "present", "missing"));
  }

  @Test
  void aGuestThatHasOtherAddressesIsToldToWhoAsksForIt() {
    List<Ip> given = world.machine("web").status().addresses();
    startsAnewWith(given);
    assertThat(look("web").findings()).isEmpty();

    startsAnewWith(List.of(given.getFirst(), Ip.parse("10.9.9.9")));
    assertThat(look("web").findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences())
              .containsExactly(
                  new Difference("addresses", "[10.0.0.3, fd00:1::1000]", "[10.0.0.2, 10.9.9.9]"));
          assertThat(f.repair()).isEmpty();
          assertThat(f.note()).contains("a rebuild");
        });
    assertThat(look().findings()).as("it costs a call for each machine").isEmpty();
  }

  private Drift.Report look(String machine) {
    return world.engine.drift().look("default", machine, null);
  }

  private void startsAnewWith(List<Ip> addresses) {
    world.hypervisor.guests(GuestBehaviour.answering(Duration.ZERO, mac -> addresses));
    UUID last = world.latest(uid).uid();
    world.hypervisor.powerOff(uid);
    world.await("it is put right", () -> !world.latest(uid).uid().equals(last));
    world.awaitEnd(uid);
  }

  /** The next look at the hypervisor is an hour away. */
  @Test
  void whatAHypervisorTellsIsPutRightAtOnce() {
    try (World other = new World(World.Pace.USUAL.withRound(Duration.ofHours(1)))) {
      other.apply(World.BASE);
      other.apply(World.machine("web", ""));
      other.awaitReady("web");
      UUID web = other.machine("web").uid();
      other.awaitEnd(web);
      other.hypervisor.powerOff(web);
      other.await(
          "it runs again",
          () -> other.hypervisor.state(web).equals(Optional.of(Observation.State.RUNNING)));
    }
  }

  /** With the hypervisor's own tools, to which it is as any other definition. */
  private void givenDevices(Devices devices) throws Exception {
    try (HypervisorDriver there =
        world.hypervisor.attach(world.store.read(tx -> tx.installation()))) {
      MachineDefinition now = world.hypervisor.definition(uid).orElseThrow();
      var _ = there.compute().orElseThrow().define(now.withDevices(devices));
    }
  }

  @Test
  void otherDevicesAreToldAndPutRight() throws Exception {
    policy(DriftPolicy.REPORT);
    givenDevices(Devices.EMULATED);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f ->
            assertThat(f.differences())
                .containsExactly(new Difference("devices", "paravirtual", "emulated")));
    policy(DriftPolicy.REPAIR);
    look(uid);
    world.await(
        "it is repaired",
        () ->
            world.hypervisor.definition(uid).orElseThrow().devices() == Devices.PARAVIRTUAL
                && look().findings().isEmpty());
  }

  /** It was declared so, and nobody asks for it. */
  @Test
  void aRebuildByPolicyWaitsForNobodysApproval() {
    world.store.write(tx ->
        tx.projects()
            .approvalRules(
                "default",
                List.of(new ApprovalRule(0, null, null, null, List.of(), List.of(), 1))));
    String disk = world.machine("web").status().disk();
    policy(DriftPolicy.REBUILD);
    world.hypervisor.removeMachine(uid);
    look(uid);
    world.await(
        "it is there again",
        () -> world.hypervisor.state(uid).equals(Optional.of(Observation.State.RUNNING)));
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REBUILD);
    assertThat(world.machine("web").status().disk()).isNotEqualTo(disk);
  }

  /** Whoever plugged it in may need it, and what is on it is not ours. */
  @Test
  void aDiskOfSomebodyElseIsToldAndLeftAsItIs() throws Exception {
    policy(DriftPolicy.REBUILD);
    world.hypervisor.plugIn(uid, "theirs.qcow2");
    Difference foreign = new Difference("foreign disk", "none", "theirs.qcow2");
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences()).containsExactly(foreign);
          assertThat(f.repair()).isEmpty();
          assertThat(f.note()).contains("left as it is");
          assertThat(f.differs()).isTrue();
        });
    UUID last = world.latest(uid).uid();
    look(uid);
    world.await(
        "it was looked at",
        () ->
            world
                .strings(
                    "SELECT task_name FROM scheduled_tasks WHERE task_instance = '" + uid + "'")
                .isEmpty());
    assertThat(world.latest(uid).uid()).as("nothing was begun").isEqualTo(last);
    assertThat(Condition.find(world.machine("web").status().conditions(), "Drifted")).isEmpty();

    policy(DriftPolicy.REPORT);
    givenDevices(Devices.EMULATED);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f ->
            assertThat(f.differences())
                .containsExactly(new Difference("devices", "paravirtual", "emulated"), foreign));
    policy(DriftPolicy.REPAIR);
    look(uid);
    world.await(
        "it is repaired, but for that",
        () ->
            look().findings().getFirst().differences().equals(List.of(foreign))
                && world.hypervisor.definition(uid).orElseThrow().devices() == Devices.PARAVIRTUAL);
    assertThat(world.hypervisor.pluggedIn(uid)).containsExactly("theirs.qcow2");
  }

  @Test
  void oneThatRunsWithoutADefinitionIsToldAndGivenItAgainWithoutAStop() {
    policy(DriftPolicy.REPORT);
    world.hypervisor.undefine(uid);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences())
              .containsExactly(new Difference("definition", "present", "missing"));
          assertThat(f.repair()).extracting(s -> s.title()).containsExactly("define the machine");
        });
    // Also where a machine that is not as declared gets a new system: of this nothing is lost.
    policy(DriftPolicy.REBUILD);
    String disk = world.machine("web").status().disk();
    look(uid);
    world.await("it is repaired", () -> look().findings().isEmpty());
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REPAIR);
    assertThat(world.machine("web").status().disk()).isEqualTo(disk);
    assertThat(world.hypervisor.faults().calls(Verb.STOP)).isZero();
    world.hypervisor.tellsEvents(false);
    world.hypervisor.powerOff(uid);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
  }

  @Test
  void oneThatStopsWithoutADefinitionComesBackLasting() {
    world.stop();
    world.start(World.Pace.FAST); // that it is gone is found by a round
    world.hypervisor.tellsEvents(false);
    world.hypervisor.undefine(uid);
    world.hypervisor.powerOff(uid);
    assertThat(world.hypervisor.state(uid)).isEmpty();
    look(uid);
    world.await(
        "it is back",
        () -> world.outside().machine(uid).filter(Observation.Machine::lasting).isPresent());
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REPAIR);
  }

  @Test
  void whatCannotBeSeenIsNotTakenForMissing() {
    world.hypervisor.faults().reachable(false);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences()).isEmpty();
          assertThat(f.note()).contains("Hypervisor sim could not be seen");
        });
    world.hypervisor.faults().reachable(true);
    world.services.faults().reachable(false);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.differences()).isEmpty();
          assertThat(f.note()).contains("records on network net could not be seen");
        });
  }

  @Test
  void aMachineThatIsOffAsDeclaredIsNoFinding() {
    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    world.awaitEnd(uid);
    assertThat(look().findings()).isEmpty();
  }

  @Test
  void aMachineThatWasMadeToBeOffIsNoFindingEither() {
    world.apply(World.machine("resting", "power: off"));
    world.awaitEnd(world.machine("resting").uid());
    assertThat(look().compared()).isEqualTo(2);
    assertThat(look().findings()).isEmpty();
  }

  private void policy(DriftPolicy policy) {
    world.store.write(tx -> tx.driftPolicies().set("default", policy));
  }

  private void look(UUID machine) {
    world.store.write(tx -> tx.nudges().nudge(machine));
  }

  private boolean drifted() {
    return Condition.holds(world.machine("web").status().conditions(), "Drifted");
  }

  @Test
  void whereDriftIsReportedNothingIsDoneUntilItIsDeclaredOtherwise() {
    policy(DriftPolicy.REPORT);
    UUID before = world.latest(uid).uid();
    world.hypervisor.powerOff(uid);
    look(uid);
    world.await("it says so", this::drifted);
    assertThat(world.latest(uid).uid()).isEqualTo(before);
    assertThat(look().findings())
        .singleElement()
        .satisfies(f -> assertThat(f.policy()).isEqualTo(DriftPolicy.REPORT));
    // A machine's own policy is above that of its project.
    world.apply(World.machine("web", "drift: repair"));
    world.awaitEnd(uid);
    assertThat(look().findings()).isEmpty();
    look(uid);
    world.await("it no longer says so", () -> !drifted());
  }

  @Test
  void whatIsAsDeclaredAgainNoLongerSaysThatItDrifted() {
    policy(DriftPolicy.REPORT);
    world.hypervisor.removeMachine(uid);
    look(uid);
    world.await("it says so", this::drifted);
    policy(DriftPolicy.REPAIR);
    look(uid);
    world.await("it is repaired", () -> !drifted() && world.outside().machine(uid).isPresent());
    assertThat(world.latest(uid).verb()).isEqualTo(Operation.Verb.REPAIR);
  }

  @Test
  void whereDriftMeansRebuildTheMachineGetsANewSystemAndKeepsItsVolume() {
    policy(DriftPolicy.REBUILD);
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        """);
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitEnd(uid);
    String disk = world.machine("web").status().disk();
    UUID before = world.latest(uid).uid();
    // A switch that was pressed is no reason for a new system.
    world.hypervisor.powerOff(uid);
    look(uid);
    world.await("it is repaired", () -> !world.latest(uid).uid().equals(before));
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REPAIR);
    assertThat(world.machine("web").status().disk()).isEqualTo(disk);
    UUID repaired = world.latest(uid).uid();
    world.hypervisor.removeMachine(uid);
    look(uid);
    world.await("it is rebuilt", () -> !world.latest(uid).uid().equals(repaired));
    Operation rebuild = world.awaitEnd(uid);
    assertThat(rebuild.verb()).isEqualTo(Operation.Verb.REBUILD);
    assertThat(rebuild.requestedBy()).isEqualTo("drift");
    assertThat(rebuild.state()).isEqualTo(new Operation.State.Succeeded());
    assertThat(world.machine("web").status().disk()).isNotEqualTo(disk);
    assertThat(world.hypervisor.definition(uid).orElseThrow().disks()).hasSize(2);
  }

  /** What is refused would be refused every two seconds, and nobody would hear of it. */
  @Test
  void aRebuildByPolicyThatIsRefusedIsToldWithItsReason() throws Exception {
    policy(DriftPolicy.REBUILD);
    imageNeeds(ByteSize.ofMib(3072));
    UUID before = world.latest(uid).uid();
    try (HypervisorDriver there =
        world.hypervisor.attach(world.store.read(tx -> tx.installation()))) {
      MachineDefinition now = world.hypervisor.definition(uid).orElseThrow();
      var _ = there.compute().orElseThrow().define(now.withCores(3));
    }
    look(uid);
    world.await("it says so", this::drifted);
    assertThat(Condition.find(world.machine("web").status().conditions(), "Drifted"))
        .hasValueSatisfying(c ->
            assertThat(c.message())
                .contains("Cores is 3, not 1", "is refused", "Image img needs 3GiB"));
    assertThat(world.latest(uid).uid()).isEqualTo(before);
    assertThat(events(uid, "Drifted")).isEqualTo(1);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    long revision = world.machine("web").metadata().revision();
    // It is looked at again in the ordinary rounds, and writes nothing more of the same.
    assertThat(world.engine.reconcilers().reconcile(uid)).isEmpty();
    assertThat(world.machine("web").metadata().revision()).isEqualTo(revision);

    imageNeeds(ByteSize.ofMib(1024));
    look(uid);
    world.await("it is rebuilt", () -> !world.latest(uid).uid().equals(before));
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REBUILD);
    assertThat(drifted()).isFalse();
  }

  private void imageNeeds(ByteSize size) {
    world.store.write(tx -> {
      var image =
          tx.resources()
              .find(Kind.IMAGE, "default", "img", ImageSpec.class, ImageStatus.class)
              .orElseThrow();
      tx.resources()
          .updateStatus(image.uid(), image.status().with(s -> s.virtualSize(size)), "", "");
    });
  }

  private long events(UUID machine, String reason) {
    return world.store.read(tx -> tx.journal().told("default", Kind.MACHINE, "web", 100)).stream()
        .filter(e -> e.uid().equals(machine) && e.reason().equals(reason))
        .count();
  }

  @Test
  void aMachineThatWasDeletedByHandComesBackWithItsDataVolume() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        """);
    world.apply(World.machine("web", "volumes: [data]"));
    world.awaitEnd(uid);
    var disks = world.hypervisor.definition(uid).orElseThrow().disks();
    world.hypervisor.removeMachine(uid);
    look(uid);
    world.await(
        "it is back",
        () ->
            world
                .outside()
                .machine(uid)
                .filter(m -> m.state() == Observation.State.RUNNING)
                .isPresent());
    world.awaitEnd(uid);
    assertThat(world.hypervisor.definition(uid).orElseThrow().disks()).isEqualTo(disks);
  }
}

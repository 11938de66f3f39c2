package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.millwright.driver.FaultKind;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.Faults;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.request.Applied;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.planner.Step;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a machine from its declaration to its end, whatever happens meanwhile. */
@Tag("database")
@Execution(ExecutionMode.CONCURRENT)
class MachineLifeTest {
  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
  }

  @AfterEach
  void end() {
    world.close();
  }

  @Test
  void aDeclaredMachineComesUpAndASecondApplyChangesNothing() {
    Applied applied = world.apply(World.machine("web", "")).getFirst();
    assertThat(applied.action()).isEqualTo(Applied.Action.CREATED);
    world.awaitReady("web");

    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    assertThat(world.hypervisor.state(web.uid())).contains(Observation.State.RUNNING);
    assertThat(web.status().readyBy()).isEqualTo("guest-agent");
    assertThat(web.status().interfaces()).hasSize(2);
    assertThat(web.status().interfaces().getFirst().addresses()).hasSize(2);
    Operation operation = world.awaitEnd(web.uid());
    assertThat(operation.state()).isEqualTo(new State.Succeeded());
    assertThat(operation.steps())
        .allSatisfy(s -> assertThat(s.state()).isEqualTo(Operation.StepState.DONE));

    Applied again = world.apply(World.machine("web", "")).getFirst();
    assertThat(again.action()).isEqualTo(Applied.Action.UNCHANGED);
    assertThat(again.operation()).isNull();
    assertThat(world.plan(World.machine("web", "")).getFirst().steps()).isEmpty();
  }

  @Test
  void whatFoundItsMachineUpAlreadyIsHeardAllTheSame() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(world.machine("web").uid());
    MachineStatus before = world.machine("web").status();
    assertThat(before.readyBy()).isEqualTo("guest-agent");
    assertThat(Condition.find(before.conditions(), "FirstBoot").orElseThrow().value())
        .isEqualTo(Condition.Value.UNKNOWN);
    String report =
        """
        {"hostKeys": [], "interfaces": [],
         "scripts": [{"name": "setup", "exitCode": 3, "output": "no disk"},
                     {"name": "fine", "exitCode": 0, "output": ""},
                     {"name": "other", "exitCode": 127, "output": "no such file"}]}
        """;
    UUID uid = world.machine("web").uid();
    world.store.write(tx -> {
      tx.reports().add(uid, before.disk(), report);
      tx.nudges().nudge(uid);
    });
    world.await("its failed script is known", () -> !world.ready("web"));
    MachineStatus after = world.machine("web").status();
    assertThat(after.readyBy()).isEqualTo("phone-home");
    assertThat(Condition.find(after.conditions(), "FirstBoot").orElseThrow().message())
        .contains("setup ended with 3: no disk")
        .contains("other ended with 127")
        .doesNotContain("fine");
    assertThat(Condition.find(after.conditions(), "Ready").orElseThrow().message())
        .isEqualTo("Script setup, other of its first boot failed.");
    assertThat(after.interfaces()).isEqualTo(before.interfaces());
  }

  @Test
  void whatAnAgentTellsByMacIsOfTheInterfaceThatHasIt() {
    Ip router = Ip.parse("fd00:1::5054:ff:fe00:1");
    world.hypervisor.guests(guest -> {
      // As Linux has it: the members of a bond, the bond and a VLAN on it all wear one MAC.
      Mac first = guest.definition().nics().getFirst().mac();
      List<Ip> all = List.of(router, Ip.parse("10.0.0.77"), Ip.parse("10.0.0.78"));
      return GuestBehaviour.answering(Duration.ZERO, mac -> mac.equals(first) ? all : List.of())
          .start(guest);
    });
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: web}
        spec:
          image: img
          size: small
          nics: [{network: net, ipv4: none, ipv6: none}, {network: net, ipv4: none, ipv6: none}]
          bonds: [{name: bond, members: [nic0, nic1], network: net, ipv4: 10.0.0.77, ipv6: slaac}]
          vlans: [{name: tagged, link: bond, id: 7, network: net, ipv4: 10.0.0.78, ipv6: none}]
        """);
    world.awaitReady("web");
    assertThat(world.machine("web").status().interfaces())
        .extracting(MachineStatus.Interface::name, MachineStatus.Interface::addresses)
        .containsExactly(
            tuple("nic0", List.of()),
            tuple("nic1", List.of()),
            tuple("bond", List.of(Ip.parse("10.0.0.77"), router)),
            tuple("tagged", List.of(Ip.parse("10.0.0.78"))));
    new Invariants(world).await();
  }

  @Test
  void aDeletedMachineLeavesNothing() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertNothingLeft();
  }

  @Test
  void powerFollowsWhatIsDeclared() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();

    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);

    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
  }

  @Test
  void aMachineRemovedByHandComesBack() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    world.awaitEnd(uid);

    world.hypervisor.removeMachine(uid);
    world.store.write(tx -> tx.nudges().nudge(uid));
    world.await("it runs again", () -> world.hypervisor.state(uid).isPresent());
    assertThat(world.awaitEnd(uid).verb()).isEqualTo(Operation.Verb.REPAIR);
  }

  @Test
  void aRefusedStepUndoesWhatWasBegun() {
    world.hypervisor.faults().next(Verb.START, Fault.beforeEffect(FaultKind.REFUSED));
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    Operation operation = world.awaitEnd(uid);
    assertThat(operation.state()).isInstanceOf(State.Failed.class);
    assertNothingLeft();

    // Applied again, it is tried again.
    assertThat(world.apply(World.machine("web", "")).getFirst().operation()).isNotNull();
    world.awaitReady("web");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void anUndoingThatFailsIsTriedAgain(int times) {
    world.hypervisor.faults().next(Verb.START, Fault.beforeEffect(FaultKind.REFUSED));
    world.hypervisor.faults().next(Verb.DELETE_DISK, times, Fault.beforeEffect(FaultKind.REFUSED));
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    assertThat(world.hypervisor.faults().calls(Verb.DELETE_DISK)).isEqualTo(times + 1);
    assertNothingLeft();
  }

  /** As long as it cannot be undone it says why, and keeps nobody else waiting. */
  @ParameterizedTest
  @EnumSource(names = {"DELETE_DISK", "OBSERVE"})
  void anUndoingThatFailsForEverSaysSo(Verb verb) {
    AtomicReference<UUID> ill = new AtomicReference<>();
    world
        .hypervisor
        .faults()
        .when(
            c -> c.verb() == Verb.START && ill.compareAndSet(null, c.uid()),
            1,
            Fault.beforeEffect(FaultKind.REFUSED))
        .always(
            c -> c.verb() == verb && c.uid() != null && c.uid().equals(ill.get()),
            Fault.beforeEffect(FaultKind.REFUSED));
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    world.await(
        "it says why it cannot be undone",
        () -> {
          Operation now = world.latest(uid);
          return now.state() instanceof State.Undoing
              && now.state()
                  .told()
                  .endsWith(
                      "cannot be taken back for now: The simulated system failed with REFUSED.");
        });
    world.apply(World.machine("other", ""));
    world.awaitReady("other");
    assertThat(world.latest(uid).state()).isInstanceOf(State.Undoing.class);
    assertThat(world.engine.invariants().look().broken()).isEmpty();

    world.hypervisor.faults().clear();
    Operation end = world.awaitEnd(uid);
    assertThat(end.state())
        .isEqualTo(new State.Failed("Refused", "The simulated system failed with REFUSED."));
    assertThat(world.hypervisor.state(uid)).isEmpty();
    assertThat(world.outside().disks()).noneMatch(d -> d.name().mark().uid().equals(uid));
  }

  @Test
  void aLostReplyIsNoReasonToDoItTwice() {
    world.hypervisor.faults().next(Verb.DEFINE, Fault.afterEffect(FaultKind.UNREACHABLE));
    world.hypervisor.faults().next(Verb.CREATE_DISK, Fault.afterEffect(FaultKind.UNREACHABLE));
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    assertThat(world.hypervisor.size()).isEqualTo(1);
  }

  /** It is not the answer that counts, but what is seen. */
  @ParameterizedTest
  @EnumSource(names = {"CREATE_DISK", "PUT_MEDIUM", "DEFINE", "START", "DELETE_MEDIUM"})
  void whatSaysThatItIsDoneAndDidNothingIsFoundOutAndDone(Verb verb) {
    world.stop();
    world.start(World.Pace.FAST); // what is left is found by a round
    world.hypervisor.faults().next(verb, Fault.lie());
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    world.awaitReady("web");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.faults().unmet()).as("it was met").isZero();
    new Invariants(world).await();
  }

  @Test
  void aDeletionThatSaysItIsDoneAndDidNothingIsFoundOut() {
    world.stop();
    world.start(World.Pace.FAST); // what is left is found by a round
    for (Verb verb : List.of(Verb.REMOVE, Verb.DELETE_DISK)) {
      world.apply(World.machine("web", ""));
      world.awaitReady("web");
      world.awaitEnd(world.machine("web").uid());
      world.hypervisor.faults().next(verb, Fault.lie());
      world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
      world.awaitGone("web");
      assertThat(world.hypervisor.faults().unmet()).as("%s was met", verb).isZero();
      world.await(
          "nothing is left after " + verb,
          () -> world.hypervisor.size() == 0 && world.outside().disks().isEmpty());
    }
  }

  /** What a listing has lost is not missing. */
  @Test
  void aMachineThatAPartialListingLacksIsNeitherMadeAgainNorRepaired() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    Operation made = world.awaitEnd(uid);
    Faults faults = world.hypervisor.faults();
    long acts = acts(faults);
    faults.always(call -> call.verb() == Verb.OBSERVE, Fault.partial(uid::equals));
    UUID hypervisor =
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "sim"))
            .orElseThrow()
            .uid();
    for (int i = 0; i < 3; i++) {
      long looks = faults.calls(Verb.OBSERVE);
      world.store.write(tx -> tx.nudges().nudgeAll(List.of(uid, hypervisor)));
      world.await("both are looked at", () -> faults.calls(Verb.OBSERVE) >= looks + 2);
    }
    assertThat(acts(faults)).isEqualTo(acts);
    assertThat(world.latest(uid)).isEqualTo(made);
    assertThat(world.ready("web")).isTrue();

    // Nor is a change made on half of what there is.
    world.apply(World.machine("web", "firmware: uefi"));
    world.await(
        "it waits until all can be seen",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.message().contains("a part of the listing was lost"));
    assertThat(acts(faults)).isEqualTo(acts);
    faults.clear();
    world.await("it is changed", () -> world.latest(uid).state() instanceof State.Succeeded);
    assertThat(world.hypervisor.size()).isEqualTo(1);
    new Invariants(world).await();
  }

  private static long acts(Faults faults) {
    return Stream.of(
            Verb.CREATE_DISK, Verb.DELETE_DISK, Verb.DEFINE, Verb.START, Verb.STOP, Verb.REMOVE)
        .mapToLong(faults::calls)
        .sum();
  }

  /** One planner for both: the steps that were shown are those that were gone. */
  @Test
  void whatAPlanShowsIsWhatIsDone() {
    world.awaitEnd(
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "img"))
            .orElseThrow()
            .uid());
    for (String manifest :
        List.of(
            World.machine("web", ""),
            World.machine("web", "firmware: uefi"),
            World.machine("web", "firmware: uefi\npower: off"),
            World.machine("web", "firmware: uefi"))) {
      List<String> shown =
          world.plan(manifest).getFirst().steps().stream().map(Step::title).toList();
      UUID uid = world.apply(manifest).getFirst().resource().uid();
      Operation done = world.awaitEnd(uid);
      assertThat(done.state()).isEqualTo(new State.Succeeded());
      assertThat(shown).isNotEmpty();
      assertThat(done.steps()).extracting(Operation.StepRecord::title).isEqualTo(shown);
    }
  }

  @Test
  void aCancelledCreationLeavesNothing() throws Exception {
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.START, hang);
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    hang.awaitEntered();
    world.engine.cancel().cancel(world.latest(uid).uid());
    hang.release();
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Cancelled.class);
    assertNothingLeft();
  }

  @Test
  void aSizeThatGrowsRestartsItsMachines() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    String bigger =
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 2, memory: 512MiB, disk: 3GiB}
        """;
    assertThat(world.plan(bigger)).anySatisfy(a -> assertThat(a.impact()).isEqualTo("restart"));
    world.apply(bigger);
    UUID uid = world.machine("web").uid();
    world.awaitEnd(uid);
    assertThat(world.hypervisor.definition(uid).orElseThrow().cores()).isEqualTo(2);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
  }

  private static String size(int cores, int disk) {
    return """
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: small}
    spec: {cores: %d, memory: 256MiB, disk: %dGiB}
    """
        .formatted(cores, disk);
  }

  private Applied planned(String manifest) {
    return world.plan(manifest).stream()
        .filter(a -> a.resource().kind() == Kind.MACHINE)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aLargerDiskIsGivenToAMachineThatRuns() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    assertThat(planned(size(1, 3)).impact()).isEqualTo("in place");
    long stopped = world.hypervisor.faults().calls(Verb.STOP);
    world.apply(size(1, 3));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.outside().disks())
        .extracting(d -> d.size())
        .containsExactly(ByteSize.parse("3GiB"));
    assertThat(world.hypervisor.faults().calls(Verb.STOP)).isEqualTo(stopped);
    assertThat(
            world.plan(
                World.machine("web", "").replace("{name: web}", "{name: web, labels: {a: b}}")))
        .as("a label is nothing of its hypervisor's")
        .allSatisfy(a -> assertThat(a.steps()).isEmpty());
  }

  @Test
  void aMachineThatIsOffGetsItsCoresWithoutBeingStarted() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    long started = world.hypervisor.faults().calls(Verb.START);
    assertThat(planned(size(2, 2)).impact()).isEqualTo("in place");
    world.apply(size(2, 2));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.definition(uid).orElseThrow().cores()).isEqualTo(2);
    assertThat(world.hypervisor.faults().calls(Verb.START)).isEqualTo(started);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
  }

  @Test
  void anotherImageRebuildsOnANewDiskUnderTheSameNameAndAddresses() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    Resource<MachineSpec, MachineStatus> before = world.machine("web");
    String rebuilt = World.machine("web", "firmware: uefi");
    assertThat(world.plan(rebuilt).getFirst().impact()).isEqualTo("rebuild");
    world.apply(rebuilt);
    world.awaitEnd(before.uid());
    world.awaitReady("web");
    Resource<MachineSpec, MachineStatus> after = world.machine("web");
    assertThat(after.status().disk()).isNotEqualTo(before.status().disk());
    assertThat(after.status().interfaces()).isEqualTo(before.status().interfaces());
    assertThat(world.hypervisor.definition(before.uid()).orElseThrow().disks()).hasSize(1);
  }

  @Test
  void aRebuildThatIsRefusedLeavesTheMachineAsItWas() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    Resource<MachineSpec, MachineStatus> before = world.machine("web");
    world.awaitEnd(before.uid());
    world.hypervisor.faults().next(Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(World.machine("web", "firmware: uefi"));
    assertThat(world.awaitEnd(before.uid()).state()).isInstanceOf(State.Failed.class);
    assertThat(world.hypervisor.state(before.uid())).contains(Observation.State.RUNNING);
    assertThat(world.outside().disks())
        .anySatisfy(d -> assertThat(d.name().toString()).isEqualTo(before.status().disk()));
  }

  @Test
  void aMachineWhoseSystemDiskIsLostBootsAnew() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    Resource<MachineSpec, MachineStatus> before = world.machine("web");
    world.awaitEnd(before.uid());
    world.hypervisor.removeMachine(before.uid());
    world.hypervisor.deleteDisk(before.status().disk());
    world.store.write(tx -> tx.nudges().nudge(before.uid()));
    world.await("it is repaired", () -> world.latest(before.uid()).verb() == Operation.Verb.REPAIR);
    Operation repair = world.awaitEnd(before.uid());
    assertThat(repair.steps()).anySatisfy(s -> assertThat(s.key()).isEqualTo("await-ready"));
    world.awaitReady("web");
  }

  @Test
  void aVolumeOutlivesItsMachine() {
    String volume =
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        ---
        """;
    world.apply(volume + World.machine("web", "volumes: [data]"));
    world.awaitReady("web");
    assertThat(world.hypervisor.definition(world.machine("web").uid()).orElseThrow().disks())
        .hasSize(2);
    assertThatThrownBy(() -> world.apply(World.machine("db", "volumes: [data]")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("attached to Machine web");
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.outside().disks())
        .singleElement()
        .satisfies(d -> assertThat(d.name().role()).isEqualTo("data"));
    world.apply(World.machine("db", "volumes: [data]"));
    world.awaitReady("db");
  }

  @Test
  void addressesAreNeverGivenTwice() {
    world.apply(World.machine("a", ""));
    world.awaitReady("a");
    Ip taken = world.machine("a").status().interfaces().getFirst().addresses().getFirst();
    String wants =
        World.machine("b", "").replace("[{network: net},", "[{network: net, ipv4: " + taken + "},");
    assertThatThrownBy(() -> world.apply(wants))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining(taken + " is taken by Machine a");
    assertThat(world.find("b")).isEmpty();
  }

  private void assertNothingLeft() {
    assertThat(world.hypervisor.size()).isZero();
    assertThat(world.outside().disks()).isEmpty();
    assertThat(world.outside().media()).isEmpty();
    assertThat(world.published()).isEmpty();
  }
}

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
import io.millwright.engine.port.Operations;
import io.millwright.engine.request.Applied;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Firmware;
import io.millwright.model.Kind;
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
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A new system disk for a machine that keeps everything else, and the way back. */
@Tag("database")
class RebuildTest {
  private static final String VOLUME =
      """
      apiVersion: millwright/v1
      kind: Volume
      metadata: {name: data}
      spec: {size: 1GiB, hypervisor: sim}
      ---
      """;

  /** Too long for a first boot of {@link #web}. */
  private static final Duration LATE = Duration.ofSeconds(11);

  private World world;
  private UUID uid;
  private MachineStatus before;
  private List<String> disks;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
    world.apply(VOLUME + web(""));
    world.awaitReady("web");
    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    uid = web.uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    before = world.machine("web").status();
    disks = disks();
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

  private List<String> disks() {
    return world.hypervisor.definition(uid).orElseThrow().disks().stream()
        .map(MachineDefinition.Disk::name)
        .toList();
  }

  private void rebuild(String image) {
    world.store.write(
        tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "web", image));
  }

  /** What starts from now on never tells that it is up. */
  private void nothingComesUp() {
    world.hypervisor.guests(guest ->
        new GuestBehaviour.Conduct(
            null, new GuestAgent.Facts(Map.of(), List.of()), Duration.ZERO, null, ""));
  }

  private List<String> systemDisks() {
    return world.outside().disks().stream()
        .map(d -> d.name().toString())
        .filter(d -> d.endsWith("-system"))
        .toList();
  }

  private Condition condition(String type) {
    return Condition.find(world.machine("web").status().conditions(), type).orElseThrow();
  }

  private void assertBack(Operation ended, String why) {
    assertThat(ended.state().message()).contains(why).contains("is back on its system from before");
    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    assertThat(web.status().disk()).isEqualTo(before.disk());
    assertThat(web.status().readyBy()).isEqualTo(before.readyBy());
    assertThat(web.status().hostKeys()).isEqualTo(before.hostKeys());
    assertThat(web.status().interfaces()).isEqualTo(before.interfaces());
    assertThat(web.status().former()).isNull();
    assertThat(disks()).isEqualTo(disks);
    assertThat(systemDisks()).containsExactly(before.disk());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(condition("Held").value()).isEqualTo(Condition.Value.TRUE);
    assertThat(condition("Held").message())
        .containsIgnoringCase(why)
        .endsWith(". Apply it again to try again.");
    assertThat(condition("Rebuilt").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(condition("Rebuilt").message()).containsIgnoringCase(why);
    assertThat(condition("Ready").value()).isEqualTo(Condition.Value.TRUE);
  }

  private long operations() {
    return world
        .store
        .read(tx ->
            tx.operations().list(new Operations.Query(null, null, null, null, uid, 1000, null)))
        .items()
        .size();
  }

  @Test
  void oneThatGetsAVolumeWhichCannotBeMadeGoesBackWithoutIt() {
    // The rebuild waits for the volume, so the next disk that is made is that one.
    world.hypervisor.faults().next(Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: more}
        spec: {size: 1GiB, hypervisor: sim}
        ---
        """
            + web("firmware: uefi").replace("[data]", "[data, more]"));
    assertBack(world.awaitEnd(uid), "Volume more was not made");
  }

  @Test
  void oneThatGetsAVolumeWhichAnotherMachineHasStillGoesBackWithoutIt() {
    world.apply(
        VOLUME.replace("name: data", "name: more") + World.machine("other", "volumes: [more]"));
    world.awaitReady("other");
    UUID other = world.machine("other").uid();
    assertThat(world.awaitEnd(other).state()).isEqualTo(new State.Succeeded());
    world
        .hypervisor
        .faults()
        .always(
            c -> c.verb() == Verb.STOP && other.equals(c.uid()),
            Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.apply(World.machine("other", ""));
    world.apply(web("firmware: uefi").replace("[data]", "[data, more]"));
    world.await(
        "it waits for the volume",
        () -> world.latest(uid).state().message().contains("is still attached to other-"));
    world.engine.cancel().cancel(world.latest(uid).uid());
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
    assertThat(disks()).isEqualTo(disks);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.hypervisor.definition(other).orElseThrow().disks()).hasSize(2);
  }

  @Test
  void theVerbGivesANewSystemDiskAndKeepsTheRest() {
    rebuild(null);
    Operation done = world.awaitEnd(uid);
    assertThat(done.verb()).isEqualTo(Operation.Verb.REBUILD);
    assertThat(done.state()).isEqualTo(new State.Succeeded());
    MachineStatus after = world.machine("web").status();
    assertThat(after.disk()).isNotEqualTo(before.disk());
    assertThat(after.interfaces()).isEqualTo(before.interfaces());
    assertThat(after.former()).isNull();
    assertThat(disks()).containsExactly(after.disk(), disks.get(1));
    assertThat(systemDisks()).containsExactly(after.disk());
    assertThat(world.ready("web")).isTrue();
  }

  @Test
  void anotherImageByTheVerbIsTheDeclaredOneFromThenOn() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: next}
        spec: {os: debian, version: "13", build: {builder: simulated, suite: trixie}}
        """);
    UUID next =
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "next"))
            .orElseThrow()
            .uid();
    assertThat(world.awaitEnd(next).state()).isEqualTo(new State.Succeeded());
    rebuild("next");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    Resource<MachineSpec, MachineStatus> after = world.machine("web");
    assertThat(after.spec().image()).isEqualTo("next");
    assertThat(after.status().imageSha256()).isNotEqualTo(before.imageSha256());
    assertThat(disks()).containsExactly(after.status().disk(), disks.get(1));
    assertThat(world.plan(web("").replace("image: img", "image: next")))
        .allSatisfy(a -> assertThat(a.steps()).isEmpty());
  }

  /** Its image could go when it was on the system of it only for want of a better one. */
  @Test
  void theImageOfASystemThatItWentBackToGoesFromTheHypervisorWithThatSystem() {
    String old = String.valueOf(before.imageSha256());
    UUID gone = image("img");
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: next}
        spec: {os: debian, version: "13", build: {builder: simulated, suite: trixie}}
        """);
    assertThat(world.awaitEnd(image("next")).state()).isEqualTo(new State.Succeeded());
    nothingComesUp();
    rebuild("next");
    world.passInFirstBoot(uid, LATE);
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    world.engine.delete().delete(World.ANNA, Kind.IMAGE, "default", "img", null);
    assertThat(world.awaitEnd(gone).state()).isEqualTo(new State.Succeeded());
    assertThat(world.outside().images()).as("the machine's disk is backed by it").contains(old);

    world.hypervisor.guests(GuestBehaviour.wellBehaved());
    rebuild("next");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    String now = String.valueOf(world.machine("web").status().imageSha256());
    assertThat(now).isNotEqualTo(old);
    world.await(
        "two rounds have found it",
        () ->
            world
                .strings("SELECT sha256 FROM unneeded_image WHERE listings = 2")
                .equals(List.of(old)));
    assertThat(world.outside().images()).as("it may be needed again").contains(old, now);
    assertThat(new Invariants(world).broken()).isEmpty();
    world.sql("UPDATE unneeded_image SET found_at = found_at - interval '1 hour'");
    world.await("it is gone", () -> world.outside().images().equals(List.of(now)));
    world.await(
        "that is noted", () -> world.strings("SELECT sha256 FROM unneeded_image").isEmpty());
  }

  private UUID image(String name) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.IMAGE, "default", name))
        .orElseThrow()
        .uid();
  }

  @Test
  void thePlanTellsWhatIsDestroyedAndWhatIsKeptAndChangesNothing() {
    Applied planned = world.engine.rebuild().plan(World.ANNA, "default", "web", null).getFirst();
    assertThat(planned.impact()).isEqualTo("rebuild");
    assertThat(planned.steps().stream().filter(Step::destroys))
        .containsExactly(new Step.DeleteDisk(before.disk()));
    assertThat(planned.keeps())
        .contains("volume data with its data")
        .contains("MAC " + before.interfaces().getFirst().mac())
        .contains("address " + before.addresses().getFirst());
    assertThat(world.machine("web").status()).isEqualTo(before);
    assertThat(operations()).isEqualTo(1);
  }

  @Test
  void aDiskThatIsLinkedToItsImageGetsLargerByARebuildAndAllElseInPlace() {
    world.hypervisor.growsDisksOfImages(false);
    String size =
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: large}
        spec: {cores: 2, memory: 512MiB, disk: 4GiB}
        ---
        """;
    String larger = size + web("").replace("size: small", "size: large");
    assertThat(world.plan(larger))
        .filteredOn(a -> a.resource().kind() == Kind.MACHINE)
        .singleElement()
        .satisfies(a -> {
          assertThat(a.impact()).isEqualTo("restart");
          assertThat(a.steps()).noneMatch(step -> step instanceof Step.GrowDisk);
          assertThat(a.keeps())
              .singleElement()
              .asString()
              .contains("system disk of 2GiB in place of 4GiB", "linked to its image", "rebuilt");
        });

    // What can be done is done: it has the cores and the memory, and its disk as it was.
    world.apply(larger);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.definition(uid).orElseThrow().cores()).isEqualTo(2);
    assertThat(world.hypervisor.faults().calls(Verb.GROW_DISK)).isZero();
    assertThat(disks()).isEqualTo(disks);
    assertThat(condition("Grown").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(condition("Grown").message()).contains("2GiB", "4GiB", "linked", "rebuilt");
    assertThat(world.engine.invariants().look().broken()).isEmpty();

    // And so it is with all that comes after.
    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.ready("web")).isTrue();
    assertThat(world.plan(larger)).allSatisfy(a -> assertThat(a.operation()).isNull());

    rebuild(null);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    MachineStatus after = world.machine("web").status();
    assertThat(world.outside().disks())
        .filteredOn(d -> d.name().toString().endsWith("-system"))
        .singleElement()
        .satisfies(d -> {
          assertThat(d.name().toString()).isEqualTo(after.disk());
          assertThat(d.size()).isEqualTo(ByteSize.parse("4GiB"));
        });
    assertThat(world.ready("web")).isTrue();
    assertThat(Condition.find(after.conditions(), "Grown")).isEmpty();
  }

  @Test
  void aSystemThatDoesNotComeUpIsTakenBackAndNotTriedAgain() {
    nothingComesUp();
    world.apply(web("firmware: uefi"));
    world.passInFirstBoot(uid, LATE);
    Operation failed = world.awaitEnd(uid);
    assertBack(failed, "did not report ready within 10 s");
    assertThat(world.hypervisor.definition(uid).orElseThrow().firmware())
        .as("the old disk is started as it was")
        .isEqualTo(Firmware.BIOS);
    long observed = world.hypervisor.faults().calls(Verb.OBSERVE);
    world.await("rounds", () -> world.hypervisor.faults().calls(Verb.OBSERVE) > observed + 3);
    assertThat(world.latest(uid).uid()).isEqualTo(failed.uid());

    // Switching it off and on does not make the failure forgotten.
    world.engine.power().set(World.ANNA, "default", "web", Power.OFF);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(condition("Rebuilt").value()).isEqualTo(Condition.Value.FALSE);

    world.hypervisor.guests(GuestBehaviour.wellBehaved());
    Applied again = world.apply(web("firmware: uefi")).getFirst();
    assertThat(again.operation()).as("applied again, it is tried again").isNotNull();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    Resource<MachineSpec, MachineStatus> web = world.machine("web");
    assertThat(web.status().disk()).isNotEqualTo(before.disk());
    assertThat(Condition.find(web.status().conditions(), "Rebuilt")).isEmpty();
    assertThat(Condition.find(web.status().conditions(), "Held")).isEmpty();
    assertThat(world.hypervisor.definition(uid).orElseThrow().firmware()).isEqualTo(Firmware.UEFI);
    assertThat(systemDisks()).containsExactly(web.status().disk());
  }

  @Test
  void aStartThatIsRefusedLeadsBackAsWell() {
    world.hypervisor.faults().next(Verb.START, Fault.beforeEffect(FaultKind.REFUSED));
    rebuild(null);
    assertBack(world.awaitEnd(uid), "The simulated system failed with REFUSED");
  }

  @Test
  void theWayBackIsTriedUntilItIsDone() {
    world.hypervisor.faults().next(Verb.START, Fault.beforeEffect(FaultKind.REFUSED));
    world.hypervisor.faults().next(Verb.DELETE_DISK, 2, Fault.beforeEffect(FaultKind.UNREACHABLE));
    rebuild(null);
    assertBack(world.awaitEnd(uid), "REFUSED");
  }

  @Test
  void aFailedScriptInTheNewSystemLeadsBack() {
    nothingComesUp();
    rebuild(null);
    world.await("it has its new disk", () -> disks().size() == 2 && !disks().equals(disks));
    String body =
        """
        {"hostKeys": [], "interfaces": [],
         "scripts": [{"name": "join", "exitCode": 3, "output": "no such cluster"}]}
        """;
    String disk = world.machine("web").status().disk();
    world.store.write(tx -> {
      tx.reports().add(uid, disk, body);
      tx.nudges().nudge(uid);
    });
    assertBack(world.awaitEnd(uid), "script join of the first boot ended with 3: no such cluster");
  }

  @Test
  void aCancelledRebuildGoesBack() {
    nothingComesUp();
    rebuild(null);
    world.await(
        "it waits",
        () ->
            world.latest(uid).steps().stream()
                .anyMatch(s ->
                    s.key().equals("await-ready") && s.state() == Operation.StepState.RUNNING));
    world.engine.cancel().cancel(world.latest(uid).uid());
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
    assertThat(disks()).isEqualTo(disks);
    assertThat(systemDisks()).containsExactly(before.disk());
    assertThat(world.machine("web").status().disk()).isEqualTo(before.disk());
  }

  @Test
  void theFormerManifestAppliedMeanwhileIsTheWayBack() {
    nothingComesUp();
    world.apply(web("firmware: uefi"));
    world.await("it has its new disk", () -> !disks().equals(disks));
    world.hypervisor.guests(GuestBehaviour.wellBehaved());
    world.apply(web(""));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("web").status().disk()).isEqualTo(before.disk());
    assertThat(disks()).isEqualTo(disks);
    assertThat(systemDisks()).containsExactly(before.disk());
  }

  @Test
  void anImageThatDoesNotFitIsRefusedBeforeAnythingHappens() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: uefi-only}
        spec: {os: debian, version: "13", firmware: [uefi], build: {builder: simulated, suite: trixie}}
        ---
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: large}
        spec: {os: debian, version: "13.1", build: {builder: simulated, suite: trixie}}
        """);
    UUID large =
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "large"))
            .orElseThrow()
            .uid();
    world.awaitEnd(large);
    world.sql(
        "UPDATE resource SET status = jsonb_set(status, '{virtualSize}', '\"100GiB\"') WHERE uid ="
            + " '"
            + large
            + "'");
    assertThatThrownBy(() -> rebuild("uefi-only"))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining(
            "spec.firmware: Image uefi-only does not boot with bios, only with uefi");
    assertThatThrownBy(() -> rebuild("large"))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("needs 100GiB");
    assertThatThrownBy(() -> rebuild("debain"))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("there is no Image");
    assertThat(world.machine("web").status()).isEqualTo(before);
    assertThat(operations()).isEqualTo(1);
  }
}

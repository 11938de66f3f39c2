package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.SimulatedSource;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.ForeignMachines;
import io.millwright.engine.request.MachineImport;
import io.millwright.engine.request.MachineImport.Found;
import io.millwright.engine.request.MachineImport.Imported;
import io.millwright.engine.request.MachineImport.Wanted;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.SizeSpec;
import io.millwright.planner.MachineDrift.Difference;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Machines that somebody else made become declared ones, and stay as they were. */
@Tag("database")
class ImportTest {
  private static final Mac MAC = Mac.parse("52:54:00:aa:00:01");
  private static final String DISK = "/their/disk.qcow2";

  private World world;
  private MachineImport imports;
  private final UUID uid = UUID.randomUUID();

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
    world.hypervisor.addForeignMachine(
        uid,
        "Their_VM",
        Observation.State.RUNNING,
        2,
        ByteSize.ofMib(512),
        List.of(
            new MachineDefinition.Nic(MAC, "br0", null, null, null),
            new MachineDefinition.Nic(Mac.parse("52:54:00:aa:00:02"), "br7", null, null, null)),
        Map.of(DISK, ByteSize.ofMib(2048)));
    world.hypervisor.addAddress(MAC, Ip.parse("10.0.0.77"));
    imports = world.engine.machineImport();
    world.await("the hypervisor was seen", () -> !world.outside().machines().isEmpty());
  }

  @AfterEach
  void end() {
    world.close();
  }

  private Found look(String object, String name) {
    return imports.look(new Wanted("default", name, "sim", object));
  }

  private Imported take(String object, String name) {
    Found found = look(object, name);
    return world.store.inTransaction(tx -> imports.declare(tx, World.ANNA, found));
  }

  private void imported() {
    take("Their_VM", "theirs");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
  }

  private void assertUntouched() {
    assertThat(world.hypervisor.hasDisk(DISK)).isTrue();
    assertThat(world.hypervisor.definition(uid).orElseThrow())
        .satisfies(d -> {
          assertThat(d.cores()).isEqualTo(2);
          assertThat(d.memory()).isEqualTo(ByteSize.ofMib(512));
          assertThat(d.disks()).extracting(MachineDefinition.Disk::name).containsExactly(DISK);
          assertThat(d.nics()).hasSize(2);
        });
  }

  @Test
  void itIsDeclaredAsItIsUnderItsOwnUuidAndNothingButItsMarkIsWritten() {
    Found found = look("Their_VM", "theirs");
    Imported would = imports.plan(World.ANNA, found);
    assertThat(world.find("theirs")).isEmpty();
    assertThat(would.notes()).singleElement().asString().contains("52:54:00:aa:00:02");

    Imported did = take("Their_VM", "theirs");
    assertThat(did.drafts()).isEqualTo(would.drafts());
    assertThat(did.drafts()).extracting(d -> d.kind()).containsExactly(Kind.SIZE, Kind.MACHINE);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.ready("theirs")).isTrue();
    MachineSpec spec = world.machine("theirs").spec();
    assertThat(world.machine("theirs").uid()).isEqualTo(uid);
    assertThat(spec.size()).isEqualTo("imported-2c-512m-2048m");
    assertThat(spec.power()).isEqualTo(Power.ON);
    assertThat(spec.nics())
        .singleElement()
        .satisfies(nic -> {
          assertThat(nic.network()).isEqualTo("net");
          assertThat(nic.mac()).isEqualTo(MAC);
          assertThat(nic.ipv4()).isEqualTo(new Addressing.Fixed(Ip.parse("10.0.0.77")));
          assertThat(nic.ipv6()).isEqualTo(new Addressing.None());
        });
    assertThat(world.machine("theirs").status().addresses()).containsExactly(Ip.parse("10.0.0.77"));
    assertThat(world.hypervisor.mark(uid).orElseThrow().imported()).isTrue();
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertUntouched();
    // What is printed applies back, and changes nothing.
    assertThat(world.engine.apply().apply(World.ANNA, did.drafts(), Apply.Expectation.NONE))
        .extracting(Applied::action)
        .containsOnly(Applied.Action.UNCHANGED);
    assertThat(world.engine.drift().look("default").findings()).isEmpty();
  }

  @Test
  void thousandsOfOthersAreListedWholeAndNoneIsTouched() {
    world.apply(World.machine("mine", ""));
    world.awaitReady("mine");
    UUID ours = world.machine("mine").uid();
    for (int i = 1; i < 2000; i++) {
      world.hypervisor.addForeignMachine(
          UUID.randomUUID(), "vm%04d".formatted(i), Observation.State.STOPPED);
    }
    UUID paused = UUID.randomUUID();
    world.hypervisor.addForeignMachine(paused, "still", Observation.State.PAUSED);
    UUID another = theirsOfAnotherInstallation();
    Set<Verb> asked = Collections.synchronizedSet(EnumSet.noneOf(Verb.class));
    world.hypervisor.faults().witness(call -> asked.add(call.verb()));

    ForeignMachines.Listing all = world.engine.foreignMachines().list("default", "sim", false);
    assertThat(asked).isSubsetOf(Verb.OBSERVE, Verb.MEASURE);
    assertThat(all.gaps()).isEmpty();
    assertThat(all.machines())
        .hasSize(2002)
        .isSortedAccordingTo(Comparator.comparing(ForeignMachines.Foreign::name))
        .noneMatch(f -> f.uid().equals(ours))
        .allMatch(f -> f.addresses() == null);
    assertThat(of(all, paused).objection()).contains("is paused");
    assertThat(of(all, uid).objection()).isNull();
    assertThat(of(all, uid).cores()).isEqualTo(2);
    assertThat(of(all, uid).memory()).isEqualTo(ByteSize.ofMib(512));
    assertThat(of(all, uid).state()).isEqualTo("running");

    ForeignMachines.Listing closely = world.engine.foreignMachines().list("default", "sim", true);
    assertThat(asked).contains(Verb.LOOK_AT).isSubsetOf(Verb.OBSERVE, Verb.MEASURE, Verb.LOOK_AT);
    assertThat(closely.machines()).hasSize(2002);
    assertThat(of(closely, uid).addresses()).containsExactly(Ip.parse("10.0.0.77"));
    assertThat(of(closely, another).objection()).contains("another installation", "another1");
    assertUntouched();
    assertThat(world.hypervisor.mark(uid)).isEmpty();
    // What the listing says is what an import does.
    assertThatThrownBy(() -> take("still", "still")).hasMessageContaining("is paused");
  }

  private UUID theirsOfAnotherInstallation() {
    UUID other = UUID.randomUUID();
    world.hypervisor.addForeignMachine(other, "theirs", Observation.State.STOPPED);
    try (HypervisorDriver another = world.hypervisor.attach("another1")) {
      another.imports().orElseThrow().take(Mark.imported("another1", other));
    } catch (DriverException e) {
      throw new AssertionError(e);
    }
    return other;
  }

  private static ForeignMachines.Foreign of(ForeignMachines.Listing all, UUID uid) {
    return all.machines().stream().filter(f -> f.uid().equals(uid)).findFirst().orElseThrow();
  }

  @Test
  void whatIsNotSeenOfOthersIsSaid() {
    world.hypervisor.faults().next(Verb.OBSERVE, 100, new Fault.Partial(uid::equals, "a pool"));
    ForeignMachines.Listing all = world.engine.foreignMachines().list("default", "sim", false);
    assertThat(all.gaps()).containsExactly("a pool");
    assertThat(all.machines()).isEmpty();
    world.hypervisor.faults().clear();
    world.hypervisor.faults().next(Verb.LOOK_AT, new Fault.Before(FaultKind.REFUSED));
    all = world.engine.foreignMachines().list("default", "sim", true);
    assertThat(all.machines())
        .singleElement()
        .satisfies(f -> {
          assertThat(f.objection()).startsWith("could not be looked at");
          assertThat(f.addresses()).isNull();
        });
    assertThatThrownBy(() -> world.engine.foreignMachines().list("default", "simm", false))
        .hasMessageContaining("there is no Hypervisor simm in project default");
    imported();
    // Ours by now, and so none of the others.
    assertThat(world.engine.foreignMachines().list("default", "sim", false).machines()).isEmpty();
  }

  @Test
  void itHasTheSizeOfItsShapeThatThereIs() {
    world.apply(size("same", 2));
    assertThat(take("Their_VM", "theirs").drafts())
        .extracting(d -> d.kind())
        .containsExactly(Kind.MACHINE);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("theirs").spec().size()).isEqualTo("same");
  }

  @Test
  void aSizeThatASourceDeclaresIsNotTiedToIt() {
    String repository = world.name + "-sizes";
    SimulatedSource.commit(repository, Map.of("size.yaml", size("same", 2)));
    try {
      world.apply(
          """
          apiVersion: millwright/v1
          kind: Source
          metadata: {name: git}
          spec: {driver: simulated, url: "file:///%s", apply: auto}
          """
              .formatted(repository));
      world.await("the source declared it", () -> cores("same") == 2);
      imported();
      assertThat(world.machine("theirs").spec().size()).isEqualTo("imported-2c-512m-2048m");
      SimulatedSource.commit(repository, Map.of("size.yaml", size("same", 3)));
      world.store.inTransaction(tx -> world.engine.sources().sync(tx, "default", "git"));
      world.await("the source changed it", () -> cores("same") == 3);
    } finally {
      SimulatedSource.forget(repository);
    }
  }

  private static String size(String name, int cores) {
    return """
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: %s}
    spec: {cores: %d, memory: 512MiB, disk: 2GiB}
    """
        .formatted(name, cores);
  }

  private int cores(String size) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.SIZE, "default", size))
        .map(r -> ((SizeSpec) r.spec()).cores())
        .orElse(0);
  }

  @Test
  void whatItHasIsReservedForIt() {
    imported();
    String other = World.machine("other", "").replace("{network: net}, ", "{network: net, %s}, ");
    assertThatThrownBy(() -> world.apply(other.formatted("ipv4: 10.0.0.77")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("10.0.0.77");
    assertThatThrownBy(() -> world.apply(other.formatted("mac: \"" + MAC + "\"")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("belongs to");
  }

  @Test
  void itIsSwitchedOnAndOffAndItsPowerIsPutRight() {
    world.hypervisor.powerOff(uid);
    imported();
    assertThat(world.machine("theirs").spec().power()).isEqualTo(Power.OFF);
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
    world.engine.power().set(World.ANNA, "default", "theirs", Power.ON);
    world.awaitReady("theirs");
    world.engine.power().set(World.ANNA, "default", "theirs", Power.OFF);
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.STOPPED);
    world.engine.power().set(World.ANNA, "default", "theirs", Power.ON);
    world.awaitReady("theirs");
    world.hypervisor.tellsEvents(false);
    world.hypervisor.powerOff(uid);
    world.await(
        "it is powered on again",
        2,
        () -> world.hypervisor.state(uid).equals(java.util.Optional.of(Observation.State.RUNNING)));
    assertUntouched();
  }

  @Test
  void whenItIsRemovedByHandItIsNotMadeAnewAndSaysSo() {
    imported();
    world.hypervisor.tellsEvents(false);
    world.hypervisor.removeMachine(uid);
    assertThat(world.engine.drift().look("default").findings().getFirst().differences())
        .containsExactly(new Difference("machine", "present", "missing"));
    world.await("it says that it does not run", 2, () -> !world.ready("theirs"));
    assertThat(world.hypervisor.state(uid)).isEmpty();
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "theirs", null);
    world.awaitGone("theirs");
  }

  @Test
  void deletedItIsLetGoAsItIsAndCanBeImportedAgain() {
    imported();
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "theirs", null);
    world.awaitGone("theirs");
    assertThat(world.hypervisor.mark(uid)).isEmpty();
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.hypervisor.hasDisk(DISK)).isTrue();

    assertThat(take(uid.toString(), "again").drafts()).hasSize(1); // the Size is there
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.hypervisor.mark(uid)).contains(Mark.imported(installation(), uid));
  }

  private String installation() {
    return world.store.read(Tx::installation);
  }

  @Test
  void whatCannotHoldForItIsRefusedAndNothingIsChanged() {
    imported();
    refused(
        "spec.size",
        () -> world.apply(manifest("size: small", "mac: \"" + MAC + "\", ipv4: none, ipv6: none")));
    refused(
        "spec.nics",
        () ->
            world.apply(
                manifest(
                    "size: imported-2c-512m-2048m",
                    "mac: \"52:54:00:aa:00:09\", ipv4: none, ipv6: none")));
    refused(
        "was imported",
        () ->
            world.store.inTransaction(
                tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "theirs", "img")));
    refused(
        "was imported",
        () ->
            world.store.inTransaction(
                tx -> world.engine.move().move(tx, World.ANNA, "default", "theirs", "sim")));
    refused(
        "imported",
        () ->
            world.apply(
                """
                apiVersion: millwright/v1
                kind: Size
                metadata: {name: imported-2c-512m-2048m}
                spec: {cores: 4, memory: 512MiB, disk: 2GiB}
                """));
    refused("spec.imported", () -> world.apply(World.machine("theirs", "")));
    refused(
        "set by an import only",
        () ->
            world.apply(
                manifest("size: small", "mac: \"52:54:00:aa:00:08\", ipv4: none, ipv6: none")
                    .replace("name: theirs", "name: fresh")));
    assertThat(world.ready("theirs")).isTrue();
    assertUntouched();
  }

  private static String manifest(String size, String nic) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: theirs}
    spec: {hypervisor: sim, image: none, %s, imported: true, nics: [{network: net, %s}]}
    """
        .formatted(size, nic);
  }

  private static void refused(String with, Runnable act) {
    assertThatThrownBy(act::run)
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem() + " " + e.getMessage()).contains(with));
  }

  @Test
  void whatBelongsToAnotherMachineOrInstallationOrIsNotThereIsRefused() throws Exception {
    imported();
    refused("is Machine theirs of project default already", () -> take("Their_VM", "twice"));
    refused("is Machine theirs of project default already", () -> take(uid.toString(), "twice"));
    refused("there is no machine", () -> take("nobody", "nobody"));
    refused("there is no Hypervisor", () -> imports.look(new Wanted("default", "x", "no", "x")));
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    refused(
        "is Machine web of project default already",
        () -> take(world.machine("web").uid().toString(), "second"));
    UUID others = UUID.randomUUID();
    world.hypervisor.addForeignMachine(others, "others", Observation.State.STOPPED);
    try (HypervisorDriver driver = world.hypervisor.attach("deadbeef")) {
      driver.imports().orElseThrow().take(Mark.imported("deadbeef", others));
    }
    refused("another installation of Millwright, deadbeef", () -> take("others", "others"));
    assertThat(world.find("others")).isEmpty();
    assertThat(world.hypervisor.mark(others)).contains(Mark.imported("deadbeef", others));
  }

  @Test
  void anImportThatFailsIsTakenBackAndTheMachineStaysFree() {
    Found found = look("Their_VM", "theirs");
    world.hypervisor.removeMachine(uid);
    world.store.inTransaction(tx -> imports.declare(tx, World.ANNA, found));
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    assertThat(Condition.holds(world.machine("theirs").status().conditions(), "Held")).isTrue();
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "theirs", null);
    world.awaitGone("theirs");
  }
}

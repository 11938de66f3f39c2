package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Orphans.What;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Firmware;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What of ours is outside and belongs to nothing that is declared. */
@Tag("database")
class SweepTest {
  private World world;
  private String ours;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
    ours = world.store.read(Tx::installation);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static ObjectName name(String installation, UUID uid, String role) {
    return new ObjectName(new Mark(installation, uid, 1), role);
  }

  /** A machine with its disks that a database knew which is no more. */
  private void leave(String installation, UUID uid, UUID volume) throws DriverException {
    try (HypervisorDriver driver = world.hypervisor.attach(installation)) {
      ObjectName system = name(installation, uid, ObjectName.SYSTEM);
      ObjectName data = name(installation, volume, ObjectName.DATA);
      driver.disks().orElseThrow().create(system, ByteSize.ofMib(64), null);
      driver.disks().orElseThrow().create(data, ByteSize.ofMib(32), null);
      driver.media().orElseThrow().put(name(installation, uid, ObjectName.SEED), new byte[] {1});
      driver
          .compute()
          .orElseThrow()
          .define(
              new MachineDefinition(
                  system.mark(),
                  "left-" + installation,
                  1,
                  ByteSize.ofMib(64),
                  Firmware.BIOS,
                  List.of(new MachineDefinition.Disk(system.toString(), "system")),
                  List.of(),
                  null));
    }
  }

  private List<Sweep.Finding> findings() {
    return world.engine.sweep().list();
  }

  private void purge(String object) {
    world.engine.sweep().purge(World.ANNA, object);
  }

  private void anHourPasses() {
    world.sql("UPDATE orphan SET found_at = found_at - interval '1 hour'");
  }

  private void awaitSettled(int many) {
    world.await(
        "they are found twice",
        () ->
            findings().size() == many
                && findings().stream().allMatch(f -> f.orphan().listings() == 2));
  }

  @Test
  void aMachineThatSomebodyElseMadeIsLetGoAndNotRemoved() throws Exception {
    UUID uid = UUID.randomUUID();
    world.hypervisor.addForeignMachine(
        uid,
        "theirs",
        Observation.State.RUNNING,
        2,
        ByteSize.ofMib(512),
        List.of(),
        Map.of("/their/disk.qcow2", ByteSize.ofMib(2048)));
    try (HypervisorDriver driver = world.hypervisor.attach(ours)) {
      driver.imports().orElseThrow().take(Mark.imported(ours, uid));
    }
    awaitSettled(1);
    anHourPasses();
    purge(uid.toString());
    assertThat(world.hypervisor.mark(uid)).isEmpty();
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(world.hypervisor.hasDisk("/their/disk.qcow2")).isTrue();
  }

  @Test
  void whatIsNobodysIsFoundAndPurgedAndItsDataAreKept() throws Exception {
    UUID uid = UUID.randomUUID();
    UUID volume = UUID.randomUUID();
    String system = name(ours, uid, ObjectName.SYSTEM).toString();
    String data = name(ours, volume, ObjectName.DATA).toString();
    leave(ours, uid, volume);
    leave("ffffffff", UUID.randomUUID(), UUID.randomUUID()); // another installation's
    world.apply(World.machine("web", "")); // and one that is declared
    world.awaitReady("web");
    awaitSettled(4);
    assertThat(findings())
        .extracting(f -> f.orphan().what())
        .containsExactlyInAnyOrder(What.MACHINE, What.SYSTEM_DISK, What.DATA_DISK, What.MEDIUM);
    assertThat(findings()).allSatisfy(f -> assertThat(f.objection()).contains("only lately"));
    assertThatThrownBy(() -> purge(system))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("only lately");
    assertThatThrownBy(() -> purge("mw-what"))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("no orphan is called mw-what");

    anHourPasses();
    assertThat(findings()).allSatisfy(f -> assertThat(f.objection()).isNull());
    assertThatThrownBy(() -> purge(system))
        .as("first the machine that has it")
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("attached");
    purge(uid.toString());
    purge(system);
    purge(name(ours, uid, ObjectName.SEED).toString());
    purge(data);
    world.await("nothing is left to find", () -> findings().isEmpty());
    assertThat(world.hypervisor.state(uid)).isEmpty();
    assertThat(world.outside().disks())
        .noneMatch(d -> d.name().toString().equals(system))
        .anyMatch(d -> d.name().toString().equals(data));
    assertThat(world.engine.restore().list("default"))
        .singleElement()
        .satisfies(e -> assertThat(e.disk()).isEqualTo(data));
    assertThat(world.ready("web")).isTrue();
    assertThat(world.hypervisor.size()).as("web, and the other installation's").isEqualTo(2);

    world.sql("UPDATE quarantine SET until = now() - interval '1 hour'");
    world.await(
        "its days are over",
        () -> world.outside().disks().stream().noneMatch(d -> d.name().toString().equals(data)));
  }

  @Test
  void whatIsStillBeingPurgedStaysAnOrphan() throws Exception {
    String system = name(ours, UUID.randomUUID(), ObjectName.SYSTEM).toString();
    try (HypervisorDriver driver = world.hypervisor.attach(ours)) {
      var _ =
          driver
              .disks()
              .orElseThrow()
              .create(ObjectName.parse(system).orElseThrow(), ByteSize.ofMib(64), null);
    }
    awaitSettled(1);
    anHourPasses();
    world.hypervisor.faults().next(Verb.DELETE_DISK, Fault.goesOn());
    assertThatThrownBy(() -> purge(system))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("is still at it; ask for it again");
    assertThat(findings()).hasSize(1);
    assertThat(world.strings("SELECT message FROM journal WHERE reason = 'OrphanPurged'"))
        .isEmpty();
    purge(system);
    assertThat(world.hypervisor.hasDisk(system)).isFalse();
    world.await("nothing is left to find", () -> findings().isEmpty());
  }

  @Test
  void aDataDiskIsAdoptedWithWhatIsOnIt() throws Exception {
    UUID uid = UUID.randomUUID();
    UUID volume = UUID.randomUUID();
    String data = name(ours, volume, ObjectName.DATA).toString();
    leave(ours, uid, volume);
    awaitSettled(4);
    assertThatThrownBy(() ->
            world.store.write(
                tx -> world.engine.sweep().adopt(tx, World.ANNA, uid.toString(), "default", "x")))
        .hasMessageContaining("no data disk");
    world.store.write(tx -> world.engine.sweep().adopt(tx, World.ANNA, data, "default", "found"));
    assertThat(world.awaitEnd(volume).state()).isEqualTo(new State.Succeeded());
    VolumeStatus status =
        (VolumeStatus)
            world
                .store
                .read(tx -> tx.resources().find(Kind.VOLUME, "default", "found"))
                .orElseThrow()
                .status();
    assertThat(status.object()).isEqualTo(data);
    assertThat(status.size()).isEqualTo(ByteSize.ofMib(32));
    awaitSettled(3);
  }

  /** Of it nothing is known any more, as after the database was put back to an older state. */
  private UUID forgotten() {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    world.awaitEnd(uid);
    assertThat(world.published()).containsKey(uid);
    world.store.write(tx -> tx.resources().remove(uid));
    world.sql("DELETE FROM tombstone WHERE uid = '" + uid + "'");
    return uid;
  }

  private void theNetworkIsLookedAt() {
    Resource<?, ?> net =
        world.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "net")).orElseThrow();
    assertThat(world.engine.reconcilers().reconcile(net.uid())).isPresent();
  }

  /** It runs, and is found by its name. */
  @Test
  void whatIsPublishedOfAMachineThatNobodyKnowsStaysUntilThatIsPurged() {
    UUID uid = forgotten();
    awaitSettled(2); // the machine, and its disk
    theNetworkIsLookedAt();
    world.pass(Duration.ofHours(1));
    theNetworkIsLookedAt();
    assertThat(world.published()).containsKey(uid);
    anHourPasses();
    world.hypervisor.faults().next(Verb.REMOVE, Fault.beforeEffect(FaultKind.REFUSED));
    assertThatThrownBy(() -> purge(uid.toString()))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("could not be purged");
    theNetworkIsLookedAt();
    assertThat(world.published()).as("it runs on").containsKey(uid);
    purge(uid.toString());
    assertThat(world.hypervisor.state(uid)).isEmpty();
    world.await("nobody finds it by its name", () -> world.published().isEmpty());
  }

  @Test
  void aHypervisorThatIsAwayPurgesNothing() {
    UUID uid = forgotten();
    awaitSettled(2);
    anHourPasses();
    world.hypervisor.faults().reachable(false);
    assertThatThrownBy(() -> purge(uid.toString()))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("could not be purged");
    theNetworkIsLookedAt();
    assertThat(world.published()).containsKey(uid);
  }

  @Test
  void servicesThatAreAwayHoldUpNoPurgeAndWithdrawWhenTheyAreBack() {
    UUID uid = forgotten();
    awaitSettled(2);
    anHourPasses();
    world.services.faults().reachable(false);
    purge(uid.toString());
    assertThat(world.hypervisor.state(uid)).isEmpty();
    world.await("it is found no more", () -> findings().size() == 1);
    world.services.faults().reachable(true);
    world.await("nobody finds it by its name", () -> world.published().isEmpty());
  }

  /** Its hypervisor does not list it any more, and nobody was told that this was meant. */
  @Test
  void aPurgeWhoseAnswerWasLostWithdrawsToo() {
    UUID uid = forgotten();
    awaitSettled(2);
    anHourPasses();
    world.hypervisor.faults().next(Verb.REMOVE, Fault.afterEffect(FaultKind.UNREACHABLE));
    assertThatThrownBy(() -> purge(uid.toString())).isInstanceOf(ProblemException.class);
    world.await("nobody finds it by its name", () -> world.published().isEmpty());
  }

  /** Nobody can say that it does not run. */
  @Test
  void whatIsPublishedOfOneOnAHypervisorThatIsAwayStays() {
    UUID uid = forgotten();
    world.hypervisor.faults().reachable(false);
    world.sql("DELETE FROM orphan");
    theNetworkIsLookedAt();
    world.pass(Duration.ofHours(1));
    theNetworkIsLookedAt();
    assertThat(world.published()).containsKey(uid);
  }

  /** In quarantine it would be deleted under its new Volume when the days are over. */
  @Test
  void aDiskThatIsAdoptedWhileItIsPurgedIsTheVolumes() throws Exception {
    UUID volume = UUID.randomUUID();
    String data = name(ours, volume, ObjectName.DATA).toString();
    leave(ours, UUID.randomUUID(), volume);
    awaitSettled(4);
    anHourPasses();
    AtomicReference<Throwable> refused = new AtomicReference<>();
    Thread purges =
        Thread.ofPlatform()
            .unstarted(() -> {
              try {
                purge(data);
              } catch (RuntimeException e) {
                refused.set(e);
              }
            });
    world.store.write(tx -> {
      world.engine.sweep().adopt(tx, World.ANNA, data, "default", "found");
      purges.start();
      world.await(
          "it has read, and waits to write",
          () ->
              world.number(
                      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
                          + " datname = current_database()")
                  > 0);
    });
    purges.join();
    assertThat(refused.get())
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("is no orphan any more");
    assertThat(world.engine.restore().list("default")).isEmpty();
    assertThat(world.awaitEnd(volume).state()).isEqualTo(new State.Succeeded());
  }

  @Test
  void aDiskThatAVolumeHasIsNotPurgedWhateverWasFound() throws Exception {
    UUID volume = UUID.randomUUID();
    String data = name(ours, volume, ObjectName.DATA).toString();
    leave(ours, UUID.randomUUID(), volume);
    awaitSettled(4);
    String known = "SELECT * FROM orphan WHERE object = '" + data + "'";
    world.sql("CREATE TABLE remembered AS " + known);
    world.store.write(tx -> world.engine.sweep().adopt(tx, World.ANNA, data, "default", "found"));
    world.await("it is the volume's", () -> findings().size() == 3);
    world.sql("INSERT INTO orphan SELECT * FROM remembered");
    anHourPasses();
    assertThatThrownBy(() -> purge(data)).isInstanceOf(ProblemException.class);
    assertThat(world.engine.restore().list("default")).isEmpty();
  }

  @Test
  void aDiskThatIsNotThatOfItsVolumeIsNobodys() throws Exception {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 64MiB, hypervisor: sim}
        """);
    UUID volume =
        world
            .store
            .read(tx -> tx.resources().find(Kind.VOLUME, "default", "data"))
            .orElseThrow()
            .uid();
    assertThat(world.awaitEnd(volume).state()).isEqualTo(new State.Succeeded());
    List<String> late =
        java.util.stream.Stream.of(7, 8)
            .map(g -> new ObjectName(new Mark(ours, volume, g), ObjectName.DATA).toString())
            .toList();
    try (HypervisorDriver driver = world.hypervisor.attach(ours)) {
      for (String each : late) {
        driver
            .disks()
            .orElseThrow()
            .create(ObjectName.parse(each).orElseThrow(), ByteSize.ofMib(32), null);
      }
    }
    awaitSettled(2);
    assertThat(findings()).extracting(f -> f.orphan().object()).isEqualTo(late);
    world.store.write(
        tx -> world.engine.sweep().adopt(tx, World.ANNA, late.getFirst(), "default", "older"));
    UUID older =
        world
            .store
            .read(tx -> tx.resources().find(Kind.VOLUME, "default", "older"))
            .orElseThrow()
            .uid();
    assertThat(world.awaitEnd(older).state()).isEqualTo(new State.Succeeded());
    anHourPasses();
    purge(late.getLast());
    world.await("nothing is left to find", () -> findings().isEmpty());
    assertThat(new Invariants(world).broken()).isEmpty();
  }

  @Test
  void whatIsBackIsNoOrphanAnyMore() throws Exception {
    leave(ours, UUID.randomUUID(), UUID.randomUUID());
    awaitSettled(4);
    world.hypervisor.faults().reachable(false);
    world.hypervisor.faults().reachable(true);
    for (Sweep.Finding f : findings()) {
      if (f.orphan().what() == What.SYSTEM_DISK || f.orphan().what() == What.DATA_DISK) {
        world.hypervisor.deleteDisk(f.orphan().object());
      }
    }
    awaitSettled(2);
  }

  /** A hypervisor on which a machine was, of which only the image is left. */
  private UUID used() {
    world.apply(World.SECOND.replaceFirst("---\n", "").split("---")[0]);
    world.await("it answers", () -> Condition.holds(second().status().conditions(), "Ready"));
    world.apply(World.machine("web", "hypervisor: sim2").replaceFirst("nics: .*", "nics: []"));
    world.awaitReady("web");
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.outside(world.second).images()).as("it is kept for the next one").hasSize(1);
    return second().uid();
  }

  private Resource<HypervisorSpec, HypervisorStatus> second() {
    return world
        .store
        .read(tx ->
            tx.resources()
                .find(
                    Kind.HYPERVISOR,
                    "default",
                    "sim2",
                    HypervisorSpec.class,
                    HypervisorStatus.class))
        .orElseThrow();
  }

  private void forget() {
    world.engine.delete().delete(World.ANNA, Kind.HYPERVISOR, "default", "sim2", null);
  }

  @Test
  void imagesGoFromAHypervisorThatIsForgotten() {
    UUID uid = used();
    world.second.leaveHalf(ours, "3".repeat(64));
    world.second.faults().reachable(false);
    forget();
    world.await(
        "it says what it waits for",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.message().contains("the images that were staged there cannot be removed"));
    world.second.faults().reachable(true);
    // Or else it would be tried again only later and later.
    world.store.write(tx -> tx.nudges().nudge(uid));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.outside(world.second).images()).isEmpty();
    assertThat(world.outside(world.second).halfImages()).isEmpty();
  }

  @Test
  void aHypervisorThatIsGoneForEverIsForgottenAllTheSame() {
    UUID uid = used();
    world.second.faults().reachable(false);
    forget();
    world.await("it waits", () -> world.latest(uid).state() instanceof State.Waiting);
    world.pass(Duration.ofMinutes(11));
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.strings("SELECT message FROM journal WHERE reason = 'ImagesLeft'"))
        .singleElement()
        .asString()
        .startsWith("The images that were staged there cannot be removed: ");
  }

  /**
   * What it had was on a host that is no more, and so is gone where an empty one is in its place.
   */
  @Test
  void aHypervisorWhoseHostHasDiedIsForgottenByWayOfAnEmptyOne() {
    String there = World.SECOND.replaceFirst("---\n", "").split("---")[0];
    String volume =
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: NAME}
        spec: {size: 1GiB, hypervisor: sim2, reclaim: delete, quarantineDays: DAYS}
        """;
    String data = volume.replace("NAME", "data");
    world.apply(there);
    world.await("it answers", () -> Condition.holds(second().status().conditions(), "Ready"));
    world.apply(
        data.replace("DAYS", "7") + "---\n" + volume.replace("NAME", "old").replace("DAYS", "7"));
    world.apply(
        World.machine("web", "hypervisor: sim2\nvolumes: [data]")
            .replaceFirst("nics: .*", "nics: []"));
    world.awaitReady("web");
    UUID web = world.machine("web").uid();
    world.awaitEnd(web);
    world.awaitEnd(volume("old").uid());
    delete(Kind.VOLUME, "old");
    world.await("it is in quarantine", () -> world.engine.restore().list("default").size() == 1);
    world.second.faults().reachable(false);
    delete(Kind.MACHINE, "web");
    world.await("it waits", () -> world.latest(web).state() instanceof State.Waiting);

    SimulatedHypervisor empty = SimulatedHypervisor.world(world.name + "-3");
    try {
      world.apply(there.replace("WORLD-2", "WORLD-3"));
      assertThat(world.awaitEnd(web).state()).isEqualTo(new State.Succeeded());
      world.await(
          "its loss is told",
          () ->
              Condition.find(volume("data").status().conditions(), "Ready")
                  .orElseThrow()
                  .message()
                  .contains("is not on hypervisor sim2 any more"));
      // As what is there still and what was there before come to their end.
      world.store.write(
          tx -> world.engine.restore().restore(tx, World.ANNA, "default", "old", null));
      world.awaitEnd(volume("old").uid());
      for (String name : List.of("data", "old")) {
        world.apply(volume.replace("NAME", name).replace("DAYS", "0"));
        UUID uid = volume(name).uid();
        world.awaitEnd(uid);
        delete(Kind.VOLUME, name);
        assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
      }
      world.await("nothing is kept", () -> world.engine.restore().list("default").isEmpty());
      assertThat(world.outside(empty).disks()).as("no empty ones in their place").isEmpty();
      UUID uid = second().uid();
      forget();
      assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    } finally {
      SimulatedHypervisor.forgetWorld(world.name + "-3");
    }
  }

  private Resource<VolumeSpec, VolumeStatus> volume(String name) {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.VOLUME, "default", name, VolumeSpec.class, VolumeStatus.class))
        .orElseThrow();
  }

  private void delete(Kind kind, String name) {
    var _ = world.engine.delete().delete(World.ANNA, kind, "default", name, null);
  }

  @Test
  void aSecondImageThatNobodyKnowsGoesAndOneThatADiskHasStays() throws Exception {
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    String needed = String.valueOf(world.machine("web").status().imageSha256());
    String backing = "1".repeat(64);
    String free = "2".repeat(64);
    world.hypervisor.addImage(ours, backing, ByteSize.ofMib(64));
    world.hypervisor.addImage(ours, free, ByteSize.ofMib(64));
    world.hypervisor.addImage("ffffffff", free, ByteSize.ofMib(64));
    String half = "3".repeat(64);
    world.hypervisor.leaveHalf(ours, half);
    try (HypervisorDriver driver = world.hypervisor.attach(ours)) {
      driver
          .disks()
          .orElseThrow()
          .create(name(ours, UUID.randomUUID(), ObjectName.SYSTEM), ByteSize.ofMib(64), backing);
    }
    world.await(
        "all are found",
        () ->
            world
                .strings("SELECT sha256 FROM unneeded_image WHERE listings = 2 ORDER BY sha256")
                .equals(List.of(backing, free, half)));
    world.sql("UPDATE unneeded_image SET found_at = found_at - interval '1 hour'");
    world.await("one goes", () -> !world.outside(world.hypervisor).images().contains(free));
    world.await("so does the half", () -> world.outside(world.hypervisor).halfImages().isEmpty());
    assertThat(world.outside(world.hypervisor).images()).containsExactlyInAnyOrder(needed, backing);
    assertThat(world.engine.invariants().look().broken())
        .as("it was found long ago")
        .anySatisfy(b -> assertThat(b.what()).contains("the image " + backing + " is staged"));
    try (HypervisorDriver others = world.hypervisor.attach("ffffffff")) {
      assertThat(others.observe(new Scope.All()).images()).containsExactly(free);
    }
  }
}

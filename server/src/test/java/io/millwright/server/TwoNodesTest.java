package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.Verb;
import io.millwright.model.Kind;
import io.millwright.model.Operation.State;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two servers on one database, and what happens when one of them is killed or frozen. */
@Tag("slow")
class TwoNodesTest {
  /** More machines than one node takes up at once. */
  private static final int MANY = 120;

  private World world;
  private Invariants invariants;
  private Node other;

  @AfterEach
  void end() {
    world.close();
  }

  private void begin(World.Pace pace) {
    world = new World(pace);
    world.apply(World.BASE);
    invariants = new Invariants(world);
    awaitImage();
    other = world.join();
  }

  private void awaitImage() {
    UUID image =
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "img"))
            .orElseThrow()
            .uid();
    world.awaitEnd(image);
  }

  @Test
  void theWorkIsShared() {
    begin(World.Pace.FAST);
    Set<String> workers = ConcurrentHashMap.newKeySet();
    world
        .hypervisor
        .faults()
        .latency(Duration.ofMillis(10))
        .witness(call -> {
          if (call.verb() == Verb.OBSERVE && call.uid() != null) {
            workers.addAll(world.pickers());
          }
        });
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < MANY; i++) {
      all.append(World.machine("m" + i, "")).append("---\n");
    }
    world.apply(all.toString());
    // Many on a busy machine: what each of them takes is not the question here.
    world.await(
        "all machines are ready",
        5,
        () -> IntStream.range(0, MANY).allMatch(i -> world.ready("m" + i)));
    assertThat(workers).contains(world.node.name, other.name);
    invariants.await();
  }

  @Test
  void aFrozenNodeIsReplacedWithinFifteenSecondsAndDoesNoHarmThawed() throws Exception {
    begin(World.Pace.EAGER); // heartbeats as in earnest
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.DEFINE, hang);
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    hang.awaitEntered();
    Node frozen = freezeWhoeverWorksOn(uid);
    Instant since = Instant.now();
    world.awaitReady("web");
    assertThat(Duration.between(since, Instant.now())).isLessThan(Duration.ofSeconds(15));

    // Its late effect meets a machine that is there already.
    hang.release();
    frozen.wire.thaw();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    // Late, it put the seed into the drive once more: that is noticed, and is undone.
    world.await(
        "the late definition is replaced",
        () ->
            world.hypervisor.definition(uid).orElseThrow().medium() == null
                && world.latest(uid).state().terminal());
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    invariants.await();
  }

  @Test
  void whatAThawedNodeMakesOfADeletedMachineIsCollected() throws Exception {
    begin(World.Pace.FAST);
    // No events, so that only the round can notice it.
    world.hypervisor.tellsEvents(false);
    Fault.Hang define = Fault.hang();
    world.hypervisor.faults().next(Verb.CREATE_DISK, define);
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    define.awaitEntered();
    Node frozen = freezeWhoeverWorksOn(uid);
    world.awaitReady("web");
    Node awake = frozen == other ? world.node : other;
    awake.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.outside().disks()).isEmpty();

    define.release();
    world.await("the late disk is there or was collected", () -> collected(uid) || late(uid));
    frozen.wire.thaw();
    world.await("the late disk is collected", () -> collected(uid));
    invariants.await();
  }

  @Test
  void recordsThatAThawedNodePublishesLateAreWithdrawn() throws Exception {
    begin(World.Pace.FAST);
    Fault.Hang publish = Fault.hang();
    world.services.faults().next(Verb.PUBLISH, publish);
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    publish.awaitEntered();
    Node frozen = freezeWhoeverWorksOn(uid);
    world.awaitReady("web");
    Node awake = frozen == other ? world.node : other;
    awake.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.published()).isEmpty();
    long withdrawals = world.services.faults().calls(Verb.WITHDRAW);

    publish.release();
    frozen.wire.thaw();
    world.await(
        "the late records are withdrawn",
        () ->
            world.services.faults().calls(Verb.WITHDRAW) > withdrawals
                && world.published().isEmpty());
    invariants.await();
  }

  @Test
  void aKilledNodesWorkIsTakenOver() throws Exception {
    begin(World.Pace.FAST);
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.START, hang);
    UUID uid = world.apply(World.machine("web", "")).getFirst().resource().uid();
    hang.awaitEntered();
    Node dead = workerOn(uid);
    dead.kill();
    world.bury(dead);
    world.awaitReady("web");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    invariants.await();
  }

  private boolean late(UUID uid) {
    return world.outside().disks().stream().anyMatch(d -> d.name().mark().uid().equals(uid));
  }

  private boolean collected(UUID uid) {
    return world.number(
                "SELECT count(*) FROM journal WHERE reason = 'Collected' AND uid = '" + uid + "'")
            > 0
        && !late(uid);
  }

  private Node workerOn(UUID uid) {
    String name = world.picker(uid);
    return name.equals(other.name) ? other : world.node;
  }

  private Node freezeWhoeverWorksOn(UUID uid) {
    Node frozen = workerOn(uid);
    frozen.wire.freeze();
    return frozen;
  }
}

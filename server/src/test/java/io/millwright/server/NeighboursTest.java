package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.ProblemException;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two Hypervisors that are parts of one and the same, as two clusters of one vCenter are. */
@Tag("database")
class NeighboursTest {
  private static final String EAST =
      """
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: east}
      spec: {driver: simulated, settings: {world: WORLD}}
      """;

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(
        World.BASE.replace(
                "attachments: [{hypervisor: sim, bridge: br0}]",
                "attachments: [{hypervisor: sim, bridge: br0}, {hypervisor: east, bridge: br0}]")
            + "---\n"
            + EAST);
    world.await("both were seen", () -> status("sim").endpoint() != null && east() != null);
    world.hypervisor.addForeignMachine(UUID.randomUUID(), "theirs", Observation.State.RUNNING);
    world.apply(
        World.machine("web", "hypervisor: sim")
            + "---\n"
            + World.machine("db", "hypervisor: east"));
    world.awaitReady("web");
    world.awaitReady("db");
  }

  @AfterEach
  void end() {
    world.close();
  }

  private String east() {
    return status("east").endpoint();
  }

  private HypervisorStatus status(String name) {
    String project = name.equals("sim") ? "shared" : "default";
    return (HypervisorStatus)
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, project, name))
            .orElseThrow()
            .status();
  }

  @Test
  void eachLooksAfterItsOwn() {
    assertThat(east()).isEqualTo(status("sim").endpoint());
    for (String name : new String[] {"sim", "east"}) {
      world.await(
          name + " tells of one machine of ours and one of others",
          () ->
              Integer.valueOf(1).equals(status(name).machines())
                  && Integer.valueOf(1).equals(status(name).foreign()));
    }
    assertThat(world.engine.invariants().look().broken()).isEmpty();
    assertThat(world.engine.sweep().list()).isEmpty();
  }

  @Test
  void whatIsNobodysIsToldOnceAndPurged() throws Exception {
    UUID uid = UUID.randomUUID();
    String ours = world.store.read(Tx::installation);
    ObjectName disk = new ObjectName(new Mark(ours, uid, 1), ObjectName.SYSTEM);
    try (HypervisorDriver driver = world.hypervisor.attach(ours)) {
      driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), null);
    }
    assertThat(world.engine.invariants().look().broken()).hasSize(1);
    world.await(
        "both have looked again, and it is told of one of them",
        () ->
            world.engine.sweep().list().size() == 1
                && world.engine.sweep().list().getFirst().orphan().listings() == 2);
    world.sql("UPDATE orphan SET found_at = found_at - interval '1 hour'");
    world.await(
        "it can be purged", () -> world.engine.sweep().list().getFirst().objection() == null);
    world.engine.sweep().purge(World.ANNA, disk.toString());
    assertThat(world.hypervisor.hasDisk(disk.toString())).isFalse();
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }

  /** They may have one storage, and then the other one goes on needing what is there. */
  @Test
  void whatTheOtherOneListsStaysWhenOneIsForgotten() {
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "db", null);
    world.awaitGone("db");
    world.apply(World.BASE);
    // No disk is backed by it, and still it stays.
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.outside(world.hypervisor).images()).hasSize(1);
    world.engine.delete().delete(World.ANNA, Kind.HYPERVISOR, "default", "east", null);
    world.await(
        "it is forgotten",
        () ->
            world
                .store
                .read(tx -> tx.resources().find(Kind.HYPERVISOR, "default", "east"))
                .isEmpty());
    assertThat(world.outside(world.hypervisor).images()).hasSize(1);
  }

  @Test
  void aMachineIsNotMovedFromOnePartToAnother() {
    assertThatThrownBy(() ->
            world.store.write(
                tx -> world.engine.move().move(tx, World.ANNA, "default", "web", "east")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("are parts of one and the same (simulated ")
        .hasMessageContaining("in which a machine can be only once");
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }

  @Test
  void whatIsDeletedOnOneStaysOnTheOther() {
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "db", null);
    world.awaitGone("db");
    world.await(
        "it is not counted any more, and the other one's is",
        () ->
            Integer.valueOf(0).equals(status("east").machines())
                && Integer.valueOf(1).equals(status("sim").machines()));
    assertThat(world.engine.invariants().look().broken()).isEmpty();
  }
}

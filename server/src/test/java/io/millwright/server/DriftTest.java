package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.reconcile.Drift;
import io.millwright.model.Power;
import io.millwright.planner.MachineDrift.Difference;
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
}

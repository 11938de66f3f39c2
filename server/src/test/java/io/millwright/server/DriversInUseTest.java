package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.testkit.Verb;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What is done through a driver ends when that is closed; so it stays as long as it can. */
@Tag("database")
@Execution(ExecutionMode.CONCURRENT)
class DriversInUseTest {
  private World world;
  private Set<HypervisorDriver> drivers;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    drivers = world.hypervisor.attached();
    assertThat(drivers).hasSize(1);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String hypervisor(String settings, String more) {
    return """
    apiVersion: millwright/v1
    kind: Hypervisor
    metadata: {name: sim, project: shared}
    spec: {driver: simulated, settings: {world: WORLD%s}%s}
    """
        .formatted(settings, more);
  }

  @Test
  void aHypervisorIsCordonedAndLimitedThroughTheDriverThatThereIs() {
    long looks = world.hypervisor.faults().calls(Verb.OBSERVE);
    world.apply(hypervisor("", ", cordoned: true, concurrency: 2, deadlineSeconds: 30"));
    world.await("it was looked at", () -> world.hypervisor.faults().calls(Verb.OBSERVE) > looks);
    assertThat(world.hypervisor.attached()).isEqualTo(drivers);
    world.apply(hypervisor(", password: other", ", cordoned: true"));
    world.await(
        "another one is in its place",
        () ->
            world.hypervisor.attached().size() == 1
                && !world.hypervisor.attached().equals(drivers));
  }
}

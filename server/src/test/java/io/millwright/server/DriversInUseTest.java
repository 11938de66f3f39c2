package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.SimulatedNetworkServices;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.request.Applied;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
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
  private Set<NetworkServices> services;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    drivers = world.hypervisor.attached();
    services = world.services.attached();
    assertThat(drivers).hasSize(1);
    assertThat(services).hasSize(1);
  }

  @AfterEach
  void end() {
    world.close();
    SimulatedNetworkServices.forgetWorld(world.name + "-2");
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
  void aPlanLeavesThemAndClosesWhatItOpenedForItself() {
    String changed =
        World.BASE
            .replace("{world: WORLD}, concurrency", "{world: WORLD, password: other}, concurrency")
            .replace("{world: WORLD}}", "{world: WORLD, key: other}}");
    SimulatedNetworkServices elsewhere = SimulatedNetworkServices.world(world.name + "-2");
    List<Applied> planned =
        world.plan(
            changed.replace("256MiB", "512MiB")
                + World.SECOND.replace(
                    "services: {driver: simulated, settings: {world: WORLD}}",
                    "services: {driver: simulated, settings: {world: WORLD-2}}")
                + "---\n"
                + World.machine("new", "hypervisor: sim2")
                    .replaceFirst("nics: .*", "nics: [{network: both}]"));
    assertThat(planned)
        .filteredOn(a -> a.resource().name().equals("new"))
        .singleElement()
        .satisfies(a -> {
          assertThat(a.note()).as("it was seen that nothing of it is there").isNull();
          assertThat(a.steps()).isNotEmpty();
        });
    assertThat(planned)
        .filteredOn(a -> a.resource().name().equals("web"))
        .singleElement()
        .satisfies(a -> assertThat(a.impact()).isEqualTo("restart"));
    assertThat(world.second.faults().calls(Verb.OBSERVE)).isPositive();
    assertThat(elsewhere.faults().calls(Verb.OBSERVE)).isPositive();
    assertThat(world.second.attached()).isEmpty();
    assertThat(elsewhere.attached()).isEmpty();
    assertThat(world.hypervisor.attached()).isEqualTo(drivers);
    assertThat(world.services.attached()).isEqualTo(services);
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

  private Condition ready() {
    return ready(
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "sim"))
            .orElseThrow());
  }

  private static Condition ready(Resource<?, ?> of) {
    return Condition.find(of.status().conditions(), Condition.READY).orElseThrow();
  }

  @Test
  void aHypervisorIsReadyAsItIsDeclaredAndNotAsItWasBefore() {
    world.await("it answers", () -> ready().value() == Condition.Value.TRUE);
    Resource<?, ?> cordoned =
        world.apply(hypervisor("", ", cordoned: true, concurrency: 2")).getFirst().resource();
    assertThat(ready(cordoned).value()).isEqualTo(Condition.Value.TRUE);
    // A look that began before is of what was declared before, whatever news it has.
    world.hypervisor.addForeignMachine(UUID.randomUUID(), "other", Observation.State.STOPPED);
    AtomicReference<Condition> declared = new AtomicReference<>();
    AtomicReference<Condition> next = new AtomicReference<>();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.OBSERVE && declared.get() != null) {
            next.compareAndSet(null, ready());
          }
        })
        .when(
            call -> call.verb() == Verb.OBSERVE && call.uid() == null,
            1,
            new Fault.Run(
                () -> {},
                () -> {
                  world.hypervisor.faults().reachable(false);
                  declared.set(
                      ready(
                          world.apply(hypervisor(", password: wrong", "")).getFirst().resource()));
                }));
    world.await("it does not answer", () -> ready().value() == Condition.Value.FALSE);
    assertThat(declared.get().value()).isEqualTo(Condition.Value.UNKNOWN);
    assertThat(declared.get().reason()).isEqualTo("Pending");
    assertThat(next.get()).isEqualTo(declared.get());
    // What does not answer is not taken for one that may.
    Resource<?, ?> again = world.apply(hypervisor(", password: another", "")).getFirst().resource();
    assertThat(ready(again).value()).isEqualTo(Condition.Value.FALSE);
    world.hypervisor.faults().reachable(true);
    world.await("it answers again", () -> ready().value() == Condition.Value.TRUE);
  }
}

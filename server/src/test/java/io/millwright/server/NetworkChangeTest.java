package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.NetworkServices;
import io.millwright.driver.testkit.Verb;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What a network gets when there are machines on it already. */
@Tag("database")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NetworkChangeTest {
  private static final String NETWORK =
      """
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: %s}
      spec:
        domain: %s.test
        subnets: [{cidr: 10.%d.0.0/24, gateway: 10.%d.0.1}%s]
        attachments: [{hypervisor: sim, bridge: br%d}]
        %s
      """;

  private World world;

  @BeforeAll
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
  }

  @AfterAll
  void end() {
    world.close();
  }

  private static String network(String name, int number, String subnet, String services) {
    return NETWORK.formatted(name, name, number, number, subnet, number, services);
  }

  private static String on(String network, String name, String ipv4, String more) {
    return World.machine(name, more)
        .replaceFirst("nics: .*", "nics: [{network: " + network + ipv4 + "}]");
  }

  private List<Ip> addresses(String machine) {
    return world.machine(machine).status().interfaces().getFirst().addresses();
  }

  @Test
  void aMachineThatNeverCameUpIsMadeWithASubnetThatItsNetworkGotMeanwhile() {
    world.apply(network("six", 61, "", ""));
    world.apply(on("six", "waits", "", "power: off"));
    assertThat(world.awaitEnd(world.machine("waits").uid()).state())
        .isInstanceOf(Operation.State.Succeeded.class);
    world.apply(on("six", "runs", "", ""));
    world.awaitReady("runs");
    world.apply(network("six", 61, ", {cidr: \"fd00:61::/64\", gateway: \"fd00:61::1\"}", ""));
    assertThat(addresses("waits")).hasSize(2).anyMatch(ip -> ip.toString().startsWith("fd00:61::"));
    assertThat(world.awaitEnd(world.machine("waits").uid()).state())
        .isInstanceOf(Operation.State.Succeeded.class);
    world.engine.power().set(World.ANNA, "default", "waits", Power.ON);
    world.awaitReady("waits");
    // What came up without one has none, and nobody is led to it by one.
    world.awaitEnd(world.machine("runs").uid());
    assertThat(addresses("runs")).hasSize(1);
    world.engine.power().set(World.ANNA, "default", "runs", Power.OFF);
    assertThat(world.awaitEnd(world.machine("runs").uid()).state())
        .isInstanceOf(Operation.State.Succeeded.class);
  }

  @Test
  void aSubnetThatHasNotEnoughForThemIsRefused() {
    world.apply(network("small", 62, "", ""));
    world.apply(on("small", "one", "", "power: off"));
    world.apply(on("small", "two", "", "power: off"));
    assertThatThrownBy(() ->
            world.apply(
                network(
                    "small",
                    62,
                    ", {cidr: \"fd00:62::/64\", pool: \"fd00:62::9-fd00:62::9\"}",
                    "")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("all addresses of Network small")
        .hasMessageContaining("are taken");
    assertThat(addresses("one")).hasSize(1);
    assertThat(
            world
                .store
                .read(tx -> tx.resources().find(Kind.NETWORK, "default", "small"))
                .orElseThrow()
                .generation())
        .isEqualTo(1);
  }

  @Test
  void whatAsksByDhcpIsKeptAnAddressFromWhenItsNetworkIsServed() {
    world.apply(network("served", 63, "", ""));
    world.apply(on("served", "asks", ", ipv4: dhcp", ""));
    world.awaitReady("asks");
    var uid = world.machine("asks").uid();
    world.apply(
        network("served", 63, "", "services: {driver: simulated, settings: {world: WORLD}}"));
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(Operation.State.Succeeded.class);
    assertThat(addresses("asks")).anyMatch(ip -> ip.toString().startsWith("10.63.0."));
    NetworkServices.Records published = world.published().get(uid);
    assertThat(published).isNotNull();
    assertThat(published.hostname() + "." + published.domain()).isEqualTo("asks.served.test");
    assertThat(published.reservations())
        .singleElement()
        .satisfies(r -> assertThat(r.ip().toString()).startsWith("10.63.0."));
  }

  @Test
  void whatIsPublishedAndServedToNobodyIsToldOnce() {
    try (World served = new World(World.Pace.FAST)) {
      served.apply(World.BASE);
      served.await("it is served", () -> serving(served).value() == Condition.Value.TRUE);
      served.services.serving(false);
      served.await("it is not", () -> serving(served).value() == Condition.Value.FALSE);
      assertThat(serving(served).message())
          .isEqualTo("The simulated DHCP and DNS do not run; start them.");
      long told = network(served).metadata().revision();
      long seen = served.services.faults().calls(Verb.OBSERVE);
      served.await("more rounds", () -> served.services.faults().calls(Verb.OBSERVE) > seen + 3);
      assertThat(network(served).metadata().revision()).isEqualTo(told);
      served.services.serving(true);
      served.await("it is again", () -> serving(served).value() == Condition.Value.TRUE);
      // Nor does anybody answer for what nobody serves.
      served.services.serving(false);
      served.await("it is not", () -> serving(served).value() == Condition.Value.FALSE);
      served.apply(World.BASE.replaceFirst(" *services: .*\n", ""));
      served.await("it is no matter", () -> serving(served).value() == Condition.Value.UNKNOWN);
    }
  }

  private static Resource<?, ?> network(World of) {
    return of.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "net")).orElseThrow();
  }

  /** What is told of it; unknown if nothing is. */
  private static Condition serving(World of) {
    return Condition.find(network(of).status().conditions(), Condition.SERVING)
        .orElse(new Condition(Condition.SERVING, Condition.Value.UNKNOWN, "", "", Instant.EPOCH));
  }
}

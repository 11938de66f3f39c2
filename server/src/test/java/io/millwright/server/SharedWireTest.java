package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Of two networks on one wire no two machines get the same address. */
@Tag("database")
class SharedWireTest {
  private static final String LOW = network("low", "", "10.20.0.10-10.20.0.99", "");
  private static final String HIGH = network("high", "", "10.20.0.100-10.20.0.199", "");

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE + "---\n" + LOW + "---\n" + HIGH);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String network(String name, String vlan, String pool, String more) {
    return """
    apiVersion: millwright/v1
    kind: Network
    metadata: {name: %s}
    spec:
      %ssubnets: [{cidr: 10.20.0.0/24, pool: %s%s}]
      attachments: [{hypervisor: sim, bridge: br20}]
    """
        .formatted(name, vlan, pool, more);
  }

  private static String on(String network, String machine, String ipv4) {
    return World.machine(machine, "power: off")
        .replaceFirst("nics: .*", "nics: [{network: " + network + ", ipv4: " + ipv4 + "}]");
  }

  private Problem refused(String manifest) {
    ProblemException refusal =
        catchThrowableOfType(ProblemException.class, () -> world.apply(manifest));
    assertThat(refusal).as(manifest).isNotNull();
    return refusal.problem();
  }

  @Test
  void whatOneNetworkGaveOutNoMachineOnAnotherGets() {
    world.apply(on("high", "first", "auto"));
    Problem given = refused(on("low", "second", "10.20.0.100"));
    assertThat(given.errors().getFirst().field()).isEqualTo("Machine second: spec.nics[0].ipv4");
    assertThat(given.detail())
        .contains("10.20.0.100 is given out by another network on the same wire")
        .doesNotContain("high");
    assertThat(refused(on("low", "second", "10.20.0.150")).detail())
        .contains("10.20.0.150 is given out by another network on the same wire");
    world.apply(on("low", "second", "10.20.0.200"));
    assertThat(refused(on("high", "third", "10.20.0.200")).detail())
        .contains("10.20.0.200 is taken by a machine on another network on the same wire");
    world.apply(on("low", "second", "10.20.0.200").replace("power: off", "power: on"));
  }

  @Test
  void norDoesAnotherNetworkGiveOutLaterWhatAMachineOnThisOneHas() {
    world.apply(on("low", "first", "10.20.0.200"));
    assertThat(refused(network("high", "", "10.20.0.100-10.20.0.210", "")).detail())
        .contains("gives out 10.20.0.200, which a machine on another network on the same wire has");
    world.apply(network("high", "", "10.20.0.100-10.20.0.210", ", exclude: [10.20.0.200]"));
    // On a wire of its own nobody else has it.
    world.apply(network("beside", "vlan: 20\n  ", "10.20.0.200-10.20.0.210", ""));
    world.apply(on("beside", "second", "10.20.0.200"));
    assertThat(refused(network("beside", "", "10.20.0.220-10.20.0.230", "")).detail())
        .contains("10.20.0.200 is in use, and another network on the same wire has it");
  }

  @Test
  void ofTwoThatAskForOneAddressAtOnceOneGetsIt() throws Exception {
    for (int i = 1; i < 10; i++) {
      String ip = "10.20.0." + i;
      assertThat(refusedOf(on("low", "low" + i, ip), on("high", "high" + i, ip)))
          .singleElement()
          .asString()
          .contains(ip + " is taken by a machine on another network on the same wire");
    }
  }

  @Test
  void aNetworkIsWidenedOrAMachineGetsTheAddressButNotBoth() throws Exception {
    for (int i = 200; i < 210; i++) {
      String ip = "10.20.0." + i;
      String widened = network("high", "", ip + "-10.20.0.219", "");
      assertThat(refusedOf(on("low", "low" + i, ip), widened))
          .singleElement()
          .asString()
          .containsAnyOf(
              ip + " is given out by another network on the same wire",
              "gives out " + ip + ", which a machine on another network on the same wire has");
      world.apply(network("high", "", "10.20.0.100-10.20.0.199", ""));
      world.apply(on("low", "low" + i, "auto"));
    }
  }

  /** Applies both at once; what was refused of them. */
  private List<String> refusedOf(String one, String other) throws InterruptedException {
    CyclicBarrier both = new CyclicBarrier(2);
    Queue<String> refusals = new ConcurrentLinkedQueue<>();
    List<Thread> askers = new ArrayList<>();
    for (String manifest : List.of(one, other)) {
      askers.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  both.await();
                  world.apply(manifest);
                } catch (ProblemException e) {
                  refusals.add(e.problem().detail());
                } catch (InterruptedException | BrokenBarrierException e) {
                  refusals.add(e.toString());
                }
              }));
    }
    for (Thread asker : askers) {
      asker.join();
    }
    return List.copyOf(refusals);
  }
}

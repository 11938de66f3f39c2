package io.millwright.engine.outside;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.SimulatedProvider;
import io.millwright.engine.access.SecretBox;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Metadata;
import io.millwright.model.Resource;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which driver a hypervisor is reached through. */
class OutsideTest {
  private static final UUID UID = UUID.randomUUID();

  private final String world = UID + "-outside";
  private final Outside outside =
      new Outside(
          new Drivers(
              Map.of(SimulatedProvider.NAME, new SimulatedProvider()),
              Map.of(),
              Map.of(),
              Map.of()),
          new SecretBox(new byte[32]),
          SourcePlaces.ELSEWHERE,
          "0a0b0c0d",
          Clock.systemUTC(),
          _ -> {});

  @AfterEach
  void end() {
    outside.close();
    assertThat(SimulatedHypervisor.world(world).attached()).isEmpty();
    SimulatedHypervisor.forgetWorld(world);
  }

  private Resource<HypervisorSpec, HypervisorStatus> hypervisor(
      long generation, String password, int concurrency, boolean cordoned) {
    return new Resource<>(
        Kind.HYPERVISOR,
        new Metadata("lab", "shared", Map.of(), Map.of(), UID, generation, 1, Instant.EPOCH, null),
        new HypervisorSpec(
            SimulatedProvider.NAME,
            Map.of("world", world, "password", password),
            concurrency,
            60,
            cordoned),
        HypervisorStatus.EMPTY);
  }

  private HypervisorDriver through(Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws Exception {
    return outside.call(hypervisor, driver -> driver);
  }

  @Test
  void onlyOtherSettingsOpenAnotherDriver() throws Exception {
    HypervisorDriver first = through(hypervisor(1, "one", 4, false));
    assertThat(through(hypervisor(2, "one", 1, true))).isSameAs(first);
    HypervisorDriver second = through(hypervisor(3, "two", 1, true));
    assertThat(second).isNotSameAs(first);
    assertThat(SimulatedHypervisor.world(world).attached()).containsExactly(second);
  }

  /** Of two who read the declaration before and after its change, neither closes the other's. */
  @Test
  void whoReadAnEarlierDeclarationDoesNotBringItsDriverBack() throws Exception {
    var early = hypervisor(1, "one", 4, false);
    HypervisorDriver first = through(early);
    HypervisorDriver second = through(hypervisor(2, "two", 4, false));
    assertThat(through(early)).isSameAs(second).isNotSameAs(first);
    assertThat(through(hypervisor(2, "two", 4, false))).isSameAs(second);
  }
}

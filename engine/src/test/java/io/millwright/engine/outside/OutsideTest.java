package io.millwright.engine.outside;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
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
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

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

  /** One that takes its time to open. */
  private record Slow(CountDownLatch begun, CountDownLatch end) implements HypervisorProvider {
    @Override
    public DriverDescription describe() {
      return new DriverDescription("slow", List.of());
    }

    @Override
    public HypervisorDriver open(Map<String, String> settings, String installation)
        throws DriverException {
      begun.countDown();
      try {
        end.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      throw new DriverException(FaultKind.UNREACHABLE, "it is slow");
    }
  }

  @Test
  @Timeout(20)
  void oneThatIsSlowToOpenKeepsNoOtherFromIt() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    SimulatedProvider simulated = new SimulatedProvider();
    try (Outside both =
            new Outside(
                new Drivers(
                    Map.of(SimulatedProvider.NAME, simulated, "slow", new Slow(begun, end)),
                    Map.of(),
                    Map.of(),
                    Map.of()),
                new SecretBox(new byte[32]),
                SourcePlaces.ELSEWHERE,
                "0a0b0c0d",
                Clock.systemUTC(),
                _ -> {});
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var slow =
          new Resource<>(
              Kind.HYPERVISOR,
              new Metadata(
                  "slow",
                  "shared",
                  Map.of(),
                  Map.of(),
                  UUID.randomUUID(),
                  1,
                  1,
                  Instant.EPOCH,
                  null),
              new HypervisorSpec("slow", Map.of(), 4, 60, false),
              HypervisorStatus.EMPTY);
      Future<?> opening = threads.submit(() -> both.call(slow, driver -> driver));
      begun.await();
      try {
        assertThat(
                threads
                    .submit(() -> both.call(hypervisor(1, "one", 4, false), driver -> driver))
                    .get(10, TimeUnit.SECONDS))
            .isNotNull();
      } finally {
        end.countDown();
      }
      assertThatThrownBy(opening::get).hasMessageContaining("it is slow");
    }
  }
}

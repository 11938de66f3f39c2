package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.Compute;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.driver.ImageBuilder;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.ImageSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SimulationTest {
  private final SimulatedHypervisor world = new SimulatedHypervisor();
  private final HypervisorDriver driver = world.attach("0a0b0c0d");
  private final Compute compute = driver.compute().orElseThrow();
  private final Mark mark = new Mark("0a0b0c0d", UUID.randomUUID(), 1);

  private static MachineDefinition machine(Mark mark) {
    return new MachineDefinition(
        mark, "m-" + mark.uid(), 1, ByteSize.ofMib(512), Firmware.BIOS, List.of(), List.of(), null);
  }

  private static void fails(FaultKind kind, ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOfSatisfying(DriverException.class, e -> assertThat(e.kind()).isEqualTo(kind));
  }

  @Test
  void failsBeforeTheEffect() throws DriverException {
    world.faults().next(Verb.DEFINE, Fault.beforeEffect(FaultKind.REFUSED));
    fails(FaultKind.REFUSED, () -> compute.define(machine(mark)));
    assertThat(world.size()).isZero();
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
  }

  @Test
  void losesTheReplyAfterTheEffect() {
    world.faults().next(Verb.DEFINE, Fault.afterEffect(FaultKind.UNREACHABLE));
    fails(FaultKind.UNREACHABLE, () -> compute.define(machine(mark)));
    assertThat(world.definition(mark.uid())).contains(machine(mark));
  }

  @Test
  void lies() throws DriverException {
    world.faults().next(Verb.DEFINE, 2, Fault.lie());
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
    assertThat(world.size()).isZero();
    assertThat(world.faults().unmet()).isEqualTo(1);
  }

  @Test
  void hangsUntilReleasedOrInterrupted() throws Exception {
    Fault.Hang first = Fault.hang();
    world.faults().next(Verb.DEFINE, first);
    CompletableFuture<Outcome> released = new CompletableFuture<>();
    Thread.startVirtualThread(() -> {
      try {
        released.complete(compute.define(machine(mark)));
      } catch (DriverException e) {
        released.completeExceptionally(e);
      }
    });
    first.awaitEntered();
    assertThat(world.size()).isZero();
    first.release();
    assertThat(released.get(10, TimeUnit.SECONDS)).isEqualTo(Outcome.DONE);

    Fault.Hang second = Fault.hangAfterEffect();
    world.faults().next(Verb.START, second);
    CompletableFuture<FaultKind> given = new CompletableFuture<>();
    Thread thread =
        Thread.startVirtualThread(() -> {
          try {
            var _ = compute.start(mark);
          } catch (DriverException e) {
            given.complete(e.kind());
          }
        });
    second.awaitEntered();
    assertThat(world.state(mark.uid())).contains(Observation.State.RUNNING);
    thread.interrupt();
    assertThat(given.get(10, TimeUnit.SECONDS)).isEqualTo(FaultKind.UNREACHABLE);
  }

  @Test
  void admitsTheGapsOfAPartialListing() throws DriverException {
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
    world.faults().next(Verb.OBSERVE, Fault.partial(mark.uid()::equals));
    Observation partial = driver.observe(new Scope.All());
    assertThat(partial.machines()).isEmpty();
    assertThat(partial.complete()).isFalse();
    assertThat(driver.observe(new Scope.All()).machines()).hasSize(1);
  }

  @Test
  void randomFaultsAreTheSameForTheSameSeed() {
    assertThat(randomOutcomes()).isEqualTo(randomOutcomes()).contains(true).contains(false);
  }

  private static List<Boolean> randomOutcomes() {
    SimulatedHypervisor fresh = new SimulatedHypervisor();
    fresh.faults().random(7, 0.5);
    HypervisorDriver driver = fresh.attach("0a0b0c0d");
    List<Boolean> out = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      try {
        var _ = driver.observe(new Scope.All());
        out.add(true);
      } catch (DriverException e) {
        out.add(false);
      }
    }
    return out;
  }

  @Test
  void theWorldOutlivesItsDriversAndMayBeDown() throws DriverException {
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
    driver.close();
    HypervisorDriver again = world.attach("0a0b0c0d");
    world.faults().reachable(false);
    fails(FaultKind.UNREACHABLE, () -> again.observe(new Scope.All()));
    world.faults().reachable(true);
    assertThat(again.observe(new Scope.All()).machines()).hasSize(1);
    assertThat(world.faults().calls(Verb.OBSERVE)).isEqualTo(2);
  }

  @Test
  void guestsLiveByTheClock() throws DriverException {
    AtomicReference<Instant> now = new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
    world.clock(now::get);
    world.guests(guest ->
        GuestBehaviour.answering(Duration.ofSeconds(5), mac -> List.of())
            .start(guest)
            .withStopsAfter(Duration.ofSeconds(3))
            .withCrashesAfter(Duration.ofMinutes(1)));
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
    assertThat(compute.start(mark)).isEqualTo(Outcome.DONE);
    var agent = driver.guestAgent().orElseThrow();
    assertThat(agent.ask(mark)).isEmpty();
    now.updateAndGet(t -> t.plusSeconds(5));
    assertThat(agent.ask(mark)).isPresent();
    assertThat(compute.stop(mark, false)).isInstanceOf(Outcome.Running.class);
    now.updateAndGet(t -> t.plusSeconds(3));
    assertThat(world.state(mark.uid())).contains(Observation.State.STOPPED);
    assertThat(compute.start(mark)).isEqualTo(Outcome.DONE);
    now.updateAndGet(t -> t.plusSeconds(60));
    assertThat(world.state(mark.uid())).contains(Observation.State.CRASHED);
  }

  @Test
  void hasNoMoreThanItsCapacity() throws DriverException {
    world.capacity(2, ByteSize.ofMib(600), ByteSize.ofMib(100));
    assertThat(compute.define(machine(mark))).isEqualTo(Outcome.DONE);
    assertThat(compute.start(mark)).isEqualTo(Outcome.DONE);
    Mark second = new Mark("0a0b0c0d", UUID.randomUUID(), 1);
    assertThat(compute.define(machine(second))).isEqualTo(Outcome.DONE);
    fails(FaultKind.CAPACITY, () -> compute.start(second));
    assertThat(compute.stop(mark, true)).isEqualTo(Outcome.DONE);
    assertThat(compute.start(second)).isEqualTo(Outcome.DONE);
  }

  @Test
  void holdsThousandsOfMachines() throws DriverException {
    for (int i = 0; i < 5000; i++) {
      Mark each = new Mark("0a0b0c0d", UUID.randomUUID(), 1);
      assertThat(compute.define(machine(each))).isEqualTo(Outcome.DONE);
      assertThat(compute.start(each)).isEqualTo(Outcome.DONE);
    }
    assertThat(driver.observe(new Scope.All()).machines()).hasSize(5000);
  }

  @Test
  void isFoundOnTheClasspath() throws DriverException {
    HypervisorProvider provider = ServiceLoader.load(HypervisorProvider.class).iterator().next();
    assertThat(provider.describe().name()).isEqualTo("simulated");
    SimulatedHypervisor.world("found")
        .addForeignMachine(mark.uid(), "found", Observation.State.STOPPED);
    try (HypervisorDriver found = provider.open(Map.of("world", "found"), "0a0b0c0d")) {
      assertThat(found.observe(new Scope.All()).machine(mark.uid())).isPresent();
    }
    SimulatedHypervisor.forgetWorld("found");
    fails(FaultKind.REFUSED, () -> provider.open(Map.of("wrold", "x"), "0a0b0c0d"));
    assertThat(ServiceLoader.load(NetworkServicesProvider.class)).hasSize(1);
    assertThat(ServiceLoader.load(ImageBuilder.class)).hasSize(1);
  }

  @Test
  void networkServicesPublishByInstallation() throws DriverException {
    SimulatedNetworkServices servers = new SimulatedNetworkServices();
    NetworkServices mine = servers.attach("0a0b0c0d");
    var records = new NetworkServices.Records(mark.uid(), "web", "", List.of(), List.of());
    servers.faults().next(Verb.PUBLISH, Fault.afterEffect(FaultKind.UNREACHABLE));
    fails(FaultKind.UNREACHABLE, () -> mine.publish(records));
    assertThat(mine.publish(records)).isEqualTo(Outcome.DONE);
    assertThat(mine.observe()).containsExactly(Map.entry(mark.uid(), records));
    assertThat(servers.attach("11111111").observe()).isEmpty();
    assertThat(mine.withdraw(mark.uid())).isEqualTo(Outcome.DONE);
    assertThat(mine.withdraw(mark.uid())).isEqualTo(Outcome.DONE);
    assertThat(mine.observe()).isEmpty();
  }

  @Test
  void theBuilderWritesAnImageAndLeavesNothingOfAFailedOne(@TempDir Path dir) throws Exception {
    ImageBuilder builder = new SimulatedBuilder();
    ImageBuilder.Progress progress =
        new ImageBuilder.Progress() {
          @Override
          public void at(int percent, String what) {}

          @Override
          public void log(String line) {}
        };
    ImageSpec debian =
        new ImageSpec(
            "debian",
            "12",
            "x86_64",
            List.of(Firmware.BIOS),
            null,
            new ImageSpec.Build("simulated", "x", List.of()),
            ImageSpec.FirstBoot.NONE,
            null,
            null);
    Path out = dir.resolve("image.qcow2");
    SimulatedBuilder.faults().next(Verb.BUILD, Fault.afterEffect(FaultKind.CAPACITY));
    fails(FaultKind.CAPACITY, () -> builder.build(debian, out, dir, progress));
    assertThat(out).doesNotExist();
    builder.build(debian, out, dir, progress);
    byte[] image = Files.readAllBytes(out);
    assertThat(image).hasSize(256 << 10).startsWith('Q', 'F', 'I', 0xfb, 0, 0, 0, 3);
    Files.delete(out);
    builder.build(debian, out, dir, progress);
    assertThat(Files.readAllBytes(out)).isEqualTo(image);
  }

  @Test
  void saysWhatIsWrongWithItsSettings() {
    fails(
        FaultKind.REFUSED,
        () -> new SimulatedProvider().open(Map.of("installSeconds", "soon"), "0a0b0c0d"));
  }
}

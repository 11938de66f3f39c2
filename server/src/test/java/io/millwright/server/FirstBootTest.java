package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Operations.LogLine;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** First boots that take long, or never end. */
@Tag("database")
class FirstBootTest {
  private World world;

  @BeforeEach
  void open() {
    world = World.reporting(World.Pace.FAST);
    world.apply(World.BASE);
  }

  @AfterEach
  void close() {
    world.close();
  }

  private static String machine(int seconds) {
    return World.machine("web", "readyTimeoutSeconds: " + seconds);
  }

  private void awaitStep(String message) {
    world.await(
        "the step says: " + message,
        () ->
            world.latest(world.machine("web").uid()).steps().stream()
                .anyMatch(s -> message.equals(s.message())));
  }

  @Test
  void whenTimeIsUpItIsToldWhichScriptRanAndWhatItPrinted() {
    world.stuckAt("setup", "begun\\nasking mirror.lab.test\\n");
    UUID uid = world.apply(machine(60)).getFirst().resource().uid();
    awaitStep("script setup runs: asking mirror.lab.test");
    // A server that takes over knows it as well.
    Node dead = world.node;
    dead.kill();
    world.passTime(dead);
    world.start();
    world.bury(dead);
    world.pass(Duration.ofSeconds(61));

    Operation failed = world.awaitEnd(uid);
    assertThat(failed.state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            end ->
                assertThat(end.message())
                    .contains(
                        "did not report ready within 60 s; script setup was still running: begun\n"
                            + "asking mirror.lab.test"));
    List<LogLine> log = world.store.read(tx -> tx.operations().logs(failed.uid(), 0, 1000));
    assertThat(log).extracting(LogLine::line).contains("begun", "asking mirror.lab.test");
    assertThat(world.hypervisor.size()).isZero();

    // What was told of the former attempt is not taken for the next one's.
    world.notStuck();
    world.apply(machine(60));
    world.awaitReady("web");
    assertThat(world.machine("web").status().readyBy()).isEqualTo("phone-home");
  }

  @Test
  void whoTellsThatItGoesOnIsNotTakenForSilent() {
    world.stuckAt("setup", "begun");
    UUID uid = world.apply(machine(1800)).getFirst().resource().uid();
    awaitStep("script setup runs: begun");
    String disk = world.machine("web").status().disk();
    world.pass(Duration.ofMinutes(4));
    world.stuckAt("setup", "further");
    assertThat(world.report(disk)).isEqualTo(204);
    world.pass(Duration.ofMinutes(4));
    world.stuckAt("setup", "nearly");
    assertThat(world.report(disk)).isEqualTo(204);
    awaitStep("script setup runs: nearly");
    // Its agent answers all the while, and counts only once nothing more is heard.
    assertThat(world.latest(uid).state().terminal()).isFalse();
    world.pass(Duration.ofMinutes(6));
    world.awaitReady("web");
    assertThat(world.machine("web").status().readyBy()).isEqualTo("guest-agent");
  }

  @Test
  void whatIsToldAfterTheEndIsNotTaken() {
    world.apply(machine(60));
    world.awaitReady("web");
    world.stuckAt("setup", "late");
    assertThat(world.report(world.machine("web").status().disk())).isEqualTo(429);
    world.notStuck();
    assertThat(world.report(world.machine("web").status().disk())).isEqualTo(410);
  }
}

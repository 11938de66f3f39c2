package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.port.Operations.LogLine;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
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

  // --- what a link is good for ---------------------------------------------------------------

  private static final byte[] ENDED =
      "{\"hostKeys\": [], \"interfaces\": [], \"scripts\": []}".getBytes(StandardCharsets.UTF_8);

  /** The way to report on this disk, as it was given at this moment. */
  private String link(String disk, Instant since) {
    return world.door().links(disk, since).getFirst().getPath();
  }

  private int post(String link) {
    return world.door().post(link, ENDED).status();
  }

  private String disk(String machine) {
    return Objects.requireNonNull(world.machine(machine).status().disk());
  }

  /** Two machines whose first boots go on, so that nobody has used their links up. */
  private void twoOnTheirWay() {
    world.stuckAt("setup", "begun");
    world.apply(machine(1800) + "---\n" + machine(1800).replace("name: web", "name: db"));
    awaitStep("script setup runs: begun");
    world.await("the other one is there", () -> world.hypervisor.size() == 2);
  }

  @Test
  void aLinkIsGoodForItsOwnMachineAndOnlyAsItWasSigned() {
    twoOnTheirWay();
    String link = link(disk("web"), world.now());
    String[] part = link.split("/"); // "", first-boot, disk, expiry, signature
    String generation = part[2].replaceFirst("-g1-", "-g2-");
    assertThat(generation).isNotEqualTo(part[2]);
    char last = part[4].charAt(part[4].length() - 1);
    String forged = part[4].substring(0, part[4].length() - 1) + (last == 'A' ? 'B' : 'A');
    SecretBox another =
        new SecretBox("another installation's own key..".getBytes(StandardCharsets.UTF_8));
    FirstBootDoor elsewhere =
        new FirstBootDoor(
            world.store, another, world::now, List.of(URI.create("http://192.0.2.1:7071")));
    for (String wrong :
        List.of(
            link.replace(part[2], disk("db")),
            link.replace(part[2], generation),
            link.replace(part[3], String.valueOf(Long.parseLong(part[3]) + 1)),
            link.replace(part[4], forged),
            link.replace("/" + part[4], ""),
            link + "/",
            link + "?x",
            elsewhere.links(disk("web"), world.now()).getFirst().getPath())) {
      assertThat(post(wrong)).as(wrong).isEqualTo(404);
    }
    assertThat(world.machine("web").status().readyBy()).isNull();

    assertThat(post(link)).isEqualTo(204);
    assertThat(post(link)).as("once").isEqualTo(410);
    world.awaitReady("web");
    assertThat(world.machine("web").status().readyBy()).isEqualTo("phone-home");
    assertThat(world.machine("db").status().readyBy()).isNull();
  }

  @Test
  void aLinkExpires() {
    twoOnTheirWay();
    Instant given = world.now().minus(Duration.ofDays(2));
    assertThat(post(link(disk("web"), given.minusSeconds(2)))).isEqualTo(410);
    assertThat(world.machine("web").status().readyBy()).isNull();
    assertThat(post(link(disk("web"), given.plusSeconds(60)))).isEqualTo(204);
  }

  @Test
  void aLinkEndsWithItsSystemAndItsMachine() {
    twoOnTheirWay();
    String former = disk("db");
    world.apply(World.machine("db", "firmware: uefi"));
    world.await(
        "it gets another system", () -> !former.equals(world.machine("db").status().disk()));
    assertThat(post(link(former, world.now()))).isEqualTo(410);
    String link = link(disk("db"), world.now());
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "db", null);
    assertThat(post(link)).as("it is being deleted").isEqualTo(410);
    world.awaitGone("db");
    assertThat(post(link)).isEqualTo(410);
    assertThat(world.machine("web").status().readyBy()).isNull();
  }
}

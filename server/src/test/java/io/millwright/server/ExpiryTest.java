package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.engine.port.Journal;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.ProblemException;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violation;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machines that are deleted by themselves: when their time is over, or their caller is silent. */
@Tag("database")
class ExpiryTest {
  private static final String DATA =
      """
      apiVersion: millwright/v1
      kind: Volume
      metadata: {name: data}
      spec: {size: 1GiB, hypervisor: sim, reclaim: delete}
      ---
      """;

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private UUID ready(String more) {
    world.apply(World.machine("web", more));
    world.awaitReady("web");
    UUID uid = world.machine("web").uid();
    world.awaitEnd(uid);
    return uid;
  }

  /** Has it looked at, and waits until that was done. */
  private void look(UUID uid) {
    world.store.write(tx -> tx.nudges().nudge(uid));
    world.await(
        "it was looked at",
        () ->
            world.number(
                    "SELECT count(*) FROM scheduled_tasks WHERE task_instance = '"
                        + uid
                        + "' AND (picked OR execution_time <= now() + interval '1 second')")
                == 0);
  }

  private List<String> told(String reason) {
    return world.store
        .read(tx -> tx.journal().told("default", Kind.MACHINE, "web", 100))
        .stream()
        .filter(e -> e.reason().equals(reason))
        .map(Journal.Entry::message)
        .toList();
  }

  private void crash() {
    Node dead = world.node;
    dead.kill();
    world.passTime(dead);
    world.start();
    world.bury(dead);
  }

  private Instant expiresAt() {
    return world.machine("web").status().expiresAt();
  }

  @Test
  void itIsWarnedOfThreeTimesAndThenDeletedWhateverCrashesBetween() {
    world.apply(DATA);
    UUID uid = ready("expiry: {ttl: 3d}\nvolumes: [data]");
    assertThat(expiresAt())
        .isEqualTo(
            world.machine("web").metadata().createdAt().plus(3, ChronoUnit.DAYS));
    look(uid);
    assertThat(told("Expires")).isEmpty();
    world.pass(Duration.ofHours(49));
    look(uid);
    look(uid);
    assertThat(told("Expires")).hasSize(1).first().asString().contains("22 h 59 min");
    crash();
    look(uid);
    assertThat(told("Expires")).hasSize(1);
    world.pass(Duration.ofHours(22));
    look(uid);
    assertThat(told("Expires")).hasSize(2);
    world.pass(Duration.ofMinutes(51));
    look(uid);
    assertThat(told("Expires")).hasSize(3).last().asString().contains("extend web --ttl 1h");
    crash();
    world.pass(Duration.ofMinutes(10));
    world.store.write(tx -> tx.nudges().nudge(uid));
    world.awaitGone("web");
    assertThat(told("Expires")).hasSize(3);
    assertThat(told("Expired")).hasSize(1);
    Operation last = world.latest(uid);
    assertThat(last.verb()).isEqualTo(Operation.Verb.DELETE);
    assertThat(last.requestedBy()).isEqualTo("expiry");
    assertThat(
            world.store.read(tx -> tx.resources().find(Kind.VOLUME, "default", "data")).orElseThrow()
                .deleting())
        .isFalse();
    assertThat(world.outside().disks()).hasSize(1);
  }

  @Test
  void aServerThatWasAwayForTheWarningsGivesOnlyTheLast() {
    UUID uid = ready("expiry: {ttl: 3d}");
    world.pass(Duration.ofDays(3).minus(Duration.ofMinutes(5)));
    look(uid);
    assertThat(told("Expires")).hasSize(1);
  }

  @Test
  void whoSetsAnEndThatIsNearIsNotWarnedOfThat() {
    UUID uid = ready("expiry: {ttl: 8h}");
    look(uid);
    assertThat(told("Expires")).isEmpty();
    world.pass(Duration.ofHours(7).plusMinutes(1));
    look(uid);
    assertThat(told("Expires")).hasSize(1);
  }

  @Test
  void itsEndCanBeMovedButNotNearer() {
    UUID uid = ready("expiry: {ttl: 2h}");
    world.pass(Duration.ofMinutes(90));
    look(uid);
    assertThat(told("Expires")).hasSize(1);
    extend("4h");
    assertThat(Duration.between(world.now(), expiresAt())).isCloseTo(
        Duration.ofHours(4), Duration.ofMinutes(1));
    // What is declared is as it was, so the same manifest again changes nothing.
    assertThat(world.plan(World.machine("web", "expiry: {ttl: 2h}")).getFirst().changes())
        .isEmpty();
    world.apply(World.machine("web", "expiry: {ttl: 2h}"));
    assertThat(Duration.between(world.now(), expiresAt())).isGreaterThan(Duration.ofHours(3));
    world.pass(Duration.ofHours(3).plusMinutes(1));
    look(uid);
    assertThat(told("Expires")).hasSize(2);
    extend("2h");
    assertThatThrownBy(() -> extend("1h"))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("lives until");
    for (String wrong : List.of("0s", "366d")) {
      assertThatThrownBy(() -> extend(wrong)).hasMessageContaining("1s to 365d");
    }
    world.apply(World.machine("web", ""));
    assertThat(expiresAt()).isNull();
    assertThatThrownBy(() -> extend("4h")).hasMessageContaining("has no end");
  }

  private void extend(String ttl) {
    world.store.write(tx ->
        world.engine.expire().extend(tx, "default", "web", TimeSpan.parse(ttl)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {ttl: 0s}                                   | spec.expiry.ttl
          {ttl: -1h}                                  | spec.expiry.ttl
          {ttl: 8}                                    | spec.expiry.ttl
          {ttl: 366d}                                 | spec.expiry.ttl
          {at: 2020-01-01T00:00:00Z}                  | spec.expiry.at
          {at: 2999-01-01T00:00:00Z}                  | spec.expiry.at
          {at: tomorrow}                              | spec.expiry.at
          {leash: 5s}                                 | spec.expiry.leash
          {leash: 2h}                                 | spec.expiry.leash
          {ttl: 1h, at: 2999-01-01T00:00:00Z}         | spec.expiry
          {until: 1h}                                 | spec.expiry.until
          """)
  void whatIsNoEndIsRefusedByItsField(String expiry, String field) {
    assertThatThrownBy(() -> world.apply(World.machine("web", "expiry: " + expiry)))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .extracting(Violation::field)
                    .anySatisfy(f -> assertThat(f).endsWith(field)));
    assertThat(world.find("web")).isEmpty();
  }

  @Test
  void anEndThatWouldBePastIsRefusedAndTheOldOneStays() {
    ready("expiry: {ttl: 8h}");
    Instant before = expiresAt();
    world.pass(Duration.ofHours(2));
    assertThatThrownBy(() -> world.apply(World.machine("web", "expiry: {ttl: 1h}")))
        .isInstanceOf(ProblemException.class);
    assertThat(expiresAt()).isEqualTo(before);
  }

  @Test
  void oneThatNeverComesUpEndsAllTheSame() {
    world.hypervisor.guests(GuestBehaviour.silent());
    world.apply(World.machine("web", "expiry: {ttl: 1h}"));
    UUID uid = world.machine("web").uid();
    world.await("it runs", () -> !world.outside().machines().isEmpty());
    world.pass(Duration.ofHours(1));
    world.store.write(tx -> tx.nudges().nudge(uid));
    world.awaitGone("web");
    assertThat(world.outside().machines()).isEmpty();
    assertThat(world.outside().disks()).isEmpty();
  }

  @Test
  void aLeashBreaksWhenNobodyIsHeard() {
    UUID uid = ready("expiry: {leash: 60s}");
    look(uid);
    for (int i = 0; i < 10; i++) {
      world.pass(Duration.ofSeconds(20));
      beat();
      look(uid);
    }
    assertThat(world.machine("web").deleting()).isFalse();
    for (int i = 0; i < 3; i++) {
      world.pass(Duration.ofSeconds(16));
      look(uid);
      assertThat(world.machine("web").deleting()).isFalse();
    }
    world.pass(Duration.ofSeconds(16));
    look(uid);
    world.pass(Duration.ofSeconds(16));
    world.store.write(tx -> tx.nudges().nudge(uid));
    world.awaitGone("web");
    assertThat(told("LeashBroke")).hasSize(1);
  }

  private void beat() {
    world.store.write(tx -> world.engine.expire().beat(tx, "default", "web"));
  }

  @Test
  void timeInWhichNoServerCouldListenIsNoSilence() {
    UUID uid = ready("expiry: {leash: 60s}");
    look(uid);
    world.pass(Duration.ofSeconds(16));
    crash();
    world.pass(Duration.ofDays(2));
    look(uid);
    assertThat(world.machine("web").deleting()).isFalse();
    beat();
    world.pass(Duration.ofSeconds(16));
    look(uid);
    assertThat(world.machine("web").deleting()).isFalse();
  }

  @Test
  void oneOnNoLeashIsNotHeard() {
    ready("");
    assertThatThrownBy(this::beat).hasMessageContaining("on no leash");
    assertThatThrownBy(() ->
            world.store.write(tx -> world.engine.expire().beat(tx, "default", "nobody")))
        .hasMessageContaining("there is no Machine nobody");
  }
}

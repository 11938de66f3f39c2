package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.SimulatedBuilder;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Operations.LogLine;
import io.millwright.engine.port.Projects;
import io.millwright.model.Condition;
import io.millwright.model.ImageBuild;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.StepState;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Images that are built again and again, on a simulated hypervisor. */
@Tag("database")
@Timeout(240)
class ImageBuildTest {
  /** That no other test builds. */
  private static final String VERSION = "12.kept";

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String image(String more) {
    return """
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: gold}
    spec:
      os: debian
      version: "%s"
      build:
        builder: simulated
        suite: bookworm
    %s
    """
        .formatted(VERSION, more.indent(4).stripTrailing());
  }

  private static final String CHECKED =
      "check: {size: small, nics: [{network: net}], readyTimeoutSeconds: 10}\n";

  private static String machine(String name) {
    return World.machine(name, "").replace("image: img", "image: gold");
  }

  private Resource<ImageSpec, ImageStatus> image() {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.IMAGE, "default", "gold", ImageSpec.class, ImageStatus.class))
        .orElseThrow();
  }

  private List<ImageBuild.State> states() {
    return image().status().builds().stream().map(ImageBuild::state).toList();
  }

  private Operation applied(String more) {
    world.apply(image(more));
    return world.awaitEnd(image().uid());
  }

  private Operation build() {
    SimulatedBuilder.renew(VERSION);
    Operation begun =
        world.store.inTransaction(
            tx -> world.engine.builds().build(tx, World.ANNA, "default", "gold"));
    world.await(
        "the build ends",
        () ->
            world
                .store
                .read(tx -> tx.operations().find(begun.uid()))
                .orElseThrow()
                .state()
                .terminal());
    return world.store.read(tx -> tx.operations().find(begun.uid())).orElseThrow();
  }

  private boolean stored(String sha256) {
    return Files.exists(world.images.resolve(sha256 + ".img"));
  }

  /** The next machine that would be started is not. */
  private void refuseStart() {
    world
        .hypervisor
        .faults()
        .when(c -> c.verb() == Verb.START, 1, Fault.beforeEffect(FaultKind.REFUSED));
  }

  private Condition condition(String type) {
    return Condition.find(image().status().conditions(), type).orElseThrow();
  }

  private void nudge() {
    UUID uid = image().uid();
    world.store.write(tx -> tx.nudges().nudge(uid));
  }

  @Test
  void aBuildIsUsedWhenAMachineMadeFromItWasReady() {
    Operation first = applied(CHECKED);
    assertThat(first.state()).isInstanceOf(State.Succeeded.class);
    assertThat(first.steps().stream().map(Operation.StepRecord::key))
        .containsExactly(
            "build-image/simulated", "check-image/gold-build-1", "remove-trial/gold-build-1");
    assertThat(world.find("gold-build-1")).as("the machine is thrown away").isEmpty();
    String before = image().status().sha256();

    Operation second = build();
    assertThat(second.state()).isInstanceOf(State.Succeeded.class);
    assertThat(second.title()).isEqualTo("build Image gold");
    assertThat(image().status().sha256()).isNotNull().isNotEqualTo(before);
    assertThat(states()).containsExactly(ImageBuild.State.FORMER, ImageBuild.State.CURRENT);
    assertThat(condition("Built").reason()).isEqualTo("InUse");
    assertThat(world.outside().machines()).isEmpty();
  }

  @Test
  void aMachineThatIsBegunWhileABuildIsPromotedIsMadeFromThatOne() throws Exception {
    applied("keep: 0\n");
    String before = image().status().sha256();
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().when(c -> c.verb() == Verb.OBSERVE && c.uid() != null, 1, hang);
    world.apply(machine("web"));
    hang.awaitEntered();
    assertThat(build().state()).isEqualTo(new State.Succeeded());
    nudge();
    world.await("the former one is gone", () -> !stored(before));
    hang.release();
    assertThat(world.awaitEnd(world.machine("web").uid()).state()).isEqualTo(new State.Succeeded());
    assertThat(world.machine("web").status().imageSha256())
        .isEqualTo(image().status().sha256())
        .isNotEqualTo(before);
  }

  @Test
  void aBuildIsCheckedAlsoWhereMachinesMustEnd() {
    Projects.Quota most = new Projects.Quota(null, null, null, null, null, TimeSpan.parse("1h"));
    world.store.write(tx -> tx.projects().limit("default", most));
    assertThat(applied(CHECKED).state()).isInstanceOf(State.Succeeded.class);
    assertThat(world.find("gold-build-1")).as("the machine is thrown away").isEmpty();
  }

  @Test
  void aBuildThatDoesNotPassLeavesTheFormerOneInUse() {
    applied(CHECKED);
    String good = image().status().sha256();
    refuseStart();

    Operation failed = build();
    assertThat(failed.state()).as(failed.steps().toString()).isInstanceOf(State.Failed.class);
    assertThat(failed.state().message())
        .contains("build 2 did not pass its check")
        .contains("failed with REFUSED");
    assertThat(image().status().sha256()).isEqualTo(good);
    assertThat(condition(Condition.READY).value()).isEqualTo(Condition.Value.TRUE);
    assertThat(condition("Built").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(condition("Built").reason()).isEqualTo("CheckFailed");
    assertThat(world.find("gold-build-2")).isEmpty();
    world.await(
        "nothing is left of its file", () -> image().status().builds().getLast().sha256() == null);
    assertThat(image().status().builds().getLast().message()).contains("did not pass");
    assertThat(stored(good)).isTrue();

    assertThat(build().state()).isInstanceOf(State.Succeeded.class);
    assertThat(condition("Built").value()).isEqualTo(Condition.Value.TRUE);
  }

  @Test
  void aBuildWhoseScriptFailsLeavesTheFormerOneInUseAndSaysWhatItPrinted() {
    // Only by addresses that nobody answers, so that no SSH port of anybody's counts.
    applied(
        CHECKED
            .replace("Seconds: 10", "Seconds: 600")
            .replace("network: net", "network: net, ipv4: none"));
    String good = image().status().sha256();
    world.hypervisor.guests(guest ->
        new GuestBehaviour.Conduct(
            null, new GuestAgent.Facts(Map.of(), List.of()), Duration.ZERO, null, ""));
    SimulatedBuilder.renew(VERSION);
    world.store.inTransaction(tx -> world.engine.builds().build(tx, World.ANNA, "default", "gold"));
    world.await(
        "its first boot is waited for",
        () ->
            world
                .find("gold-build-2")
                .filter(m ->
                    world.latest(m.uid()).steps().stream()
                        .anyMatch(
                            s -> s.key().equals("await-ready") && s.state() == StepState.RUNNING))
                .isPresent());
    Resource<MachineSpec, MachineStatus> trial = world.machine("gold-build-2");
    String body =
        """
        {"hostKeys": [], "interfaces": [],
         "scripts": [{"name": "smoke", "exitCode": 3, "output": "no route to the mirror"}]}
        """;
    world.store.write(tx -> {
      tx.reports().add(trial.uid(), trial.status().disk(), body);
      tx.nudges().nudge(trial.uid());
    });

    Operation failed = world.awaitEnd(image().uid());
    assertThat(failed.state()).isInstanceOf(State.Failed.class);
    assertThat(failed.state().message())
        .contains("build 2 did not pass its check")
        .contains("smoke")
        .contains("ended with 3: no route to the mirror");
    assertThat(image().status().sha256()).isEqualTo(good);
    assertThat(states().getFirst()).isEqualTo(ImageBuild.State.CURRENT);
    assertThat(condition("Built").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(condition("Built").reason()).isEqualTo("CheckFailed");
    assertThat(condition("Built").message()).contains("no route to the mirror");
    assertThat(condition(Condition.READY).value()).isEqualTo(Condition.Value.TRUE);
    assertThat(stored(String.valueOf(good))).isTrue();
    assertThat(world.find("gold-build-2")).isEmpty();
    assertThat(world.outside().machines()).isEmpty();
  }

  @Test
  void whatABuilderSaysIsInTheLogOfItsStep() {
    Operation built = applied("");
    Operation again = build();
    for (Operation each : List.of(built, again)) {
      List<LogLine> log = world.store.read(tx -> tx.operations().logs(each.uid(), 0, 100));
      assertThat(log)
          .filteredOn(l -> l.step().equals("build-image/simulated"))
          .extracting(LogLine::line)
          .contains("simulated build of debian " + VERSION);
    }
  }

  @Test
  void aBuildThatFailsLeavesTheFormerOneInUse() {
    applied(CHECKED);
    String good = image().status().sha256();
    SimulatedBuilder.faults()
        .when(c -> c.subject().endsWith(VERSION), 1, Fault.beforeEffect(FaultKind.REFUSED));
    assertThat(build().state()).isInstanceOf(State.Failed.class);
    assertThat(image().status().sha256()).isEqualTo(good);
    assertThat(condition("Built").value()).isEqualTo(Condition.Value.FALSE);
    assertThat(condition(Condition.READY).value()).isEqualTo(Condition.Value.TRUE);
    assertThat(states()).containsExactly(ImageBuild.State.CURRENT, ImageBuild.State.FAILED);
  }

  @Test
  void whatAServerLeftThatDiedInABuildGoes() throws IOException {
    applied("");
    Path left =
        Files.createDirectory(world.images.resolve("work-" + image().uid() + "-0-0000000001"));
    Files.write(left.resolve("image"), new byte[1]);
    nudge();
    world.await("it is gone", () -> Files.notExists(left));
  }

  /** A server died between the last byte of an image and the record of it. */
  @Test
  void anImageThatNobodyNamesGoesWhenItIsNotNewAnyMore() throws IOException {
    applied("");
    Path old = world.images.resolve("0".repeat(64) + ".img");
    Path lately = world.images.resolve("1".repeat(64) + ".img");
    for (Path each : List.of(old, lately)) {
      Files.write(each, new byte[1]);
    }
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofMinutes(11))));
    Path mine = world.images.resolve(image().status().sha256() + ".img");
    Files.setLastModifiedTime(mine, FileTime.from(Instant.now().minus(Duration.ofDays(1))));
    nudge();
    world.await("it is gone", () -> Files.notExists(old));
    assertThat(lately).exists();
    assertThat(mine).exists();
  }

  @Test
  void aCheckThatIsCancelledIsNoBuildInUse() {
    applied(CHECKED.replace("Seconds: 10", "Seconds: 600"));
    String good = image().status().sha256();
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.START, hang);
    SimulatedBuilder.renew(VERSION);
    Operation begun =
        world.store.inTransaction(
            tx -> world.engine.builds().build(tx, World.ANNA, "default", "gold"));
    world.await("it is checked", () -> world.find("gold-build-2").isPresent());
    Operation again =
        world.store.inTransaction(
            tx -> world.engine.builds().build(tx, World.ANNA, "default", "gold"));
    assertThat(again.uid()).as("what is being built is not begun twice").isEqualTo(begun.uid());
    assertThatThrownBy(() ->
            world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "gold-build-2", null))
        .hasMessageContaining("cancel that image's operation");
    assertThatThrownBy(() ->
            world.store.write(tx ->
                world.engine.rebuild().rebuild(tx, World.ANNA, "default", "gold-build-2", null)))
        .isInstanceOf(ProblemException.class);
    world.engine.cancel().cancel(begun.uid());
    hang.release();
    assertThat(world.awaitEnd(image().uid()).state()).isInstanceOf(State.Cancelled.class);
    assertThat(image().status().sha256()).isEqualTo(good);
    assertThat(world.find("gold-build-2")).isEmpty();
  }

  @Test
  void itIsBuiltBySchedule() {
    applied(CHECKED + "schedule: 7d\n");
    int builds = states().size();
    SimulatedBuilder.renew(VERSION);
    world.pass(Duration.ofDays(6));
    nudge();
    world.pass(Duration.ofDays(1));
    nudge();
    world.await("it was built again", () -> states().size() == builds + 1);
    Operation operation = world.awaitEnd(image().uid());
    assertThat(operation.requestedBy()).isEqualTo("schedule");
    assertThat(operation.state()).isInstanceOf(State.Succeeded.class);
    assertThat(states()).containsExactly(ImageBuild.State.FORMER, ImageBuild.State.CURRENT);
  }

  @Test
  void machinesOfAFormerBuildSaySoAndKeepIt() {
    applied("keep: 0\n");
    String first = image().status().sha256();
    world.apply(machine("web"));
    world.awaitReady("web");
    world.awaitEnd(world.machine("web").uid());
    build();
    world.await(
        "it says that it is outdated",
        () -> Condition.holds(world.machine("web").status().conditions(), "Outdated"));
    String second = image().status().sha256();
    nudge();
    build();
    world.await("the one between is gone", () -> !stored(String.valueOf(second)));
    assertThat(stored(String.valueOf(first))).as("a disk is backed by it").isTrue();

    world.store.write(tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "web", null));
    world.awaitEnd(world.machine("web").uid());
    assertThat(world.machine("web").status().imageSha256()).isEqualTo(image().status().sha256());
    world.await(
        "it does not say so any more",
        () -> !Condition.holds(world.machine("web").status().conditions(), "Outdated"));
    nudge();
    world.await(
        "nobody needs the first one", () -> states().equals(List.of(ImageBuild.State.CURRENT)));
    assertThat(stored(String.valueOf(first))).isFalse();
    assertThat(world.outside().images()).doesNotContain(first);
  }

  @Test
  void aBuildIsKeptAsLongAsADiskIsBackedByIt() {
    applied("keep: 0\n");
    String first = String.valueOf(image().status().sha256());
    world.apply(machine("web"));
    world.awaitReady("web");
    world.awaitEnd(world.machine("web").uid());
    build();
    // As after a database was put back: nobody declared has it, but a disk on the hypervisor does.
    world.sql(
        "UPDATE resource SET status = jsonb_set(status, '{imageSha256}', '\""
            + "0".repeat(64)
            + "\"') WHERE name = 'web'");
    nudge();
    build();
    nudge();
    world.await("it was looked at", () -> states().contains(ImageBuild.State.CURRENT));
    assertThat(stored(first)).isTrue();
    assertThat(world.outside().images()).contains(first);
  }

  private static String group(String follow) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: web}
    spec:
      count: 2
      machine: {image: gold, size: small, nics: [{network: net}], readyTimeoutSeconds: 10}
      follow: %s
    """
        .formatted(follow);
  }

  private void settled() {
    world.await(
        "the group is settled",
        () -> {
          Resource<?, ?> group = group();
          return world.store.read(tx -> tx.operations().active(group.uid())).isEmpty();
        });
  }

  private Resource<?, ?> group() {
    return world.store.read(tx -> tx.resources().find(Kind.GROUP, "default", "web")).orElseThrow();
  }

  private List<String> systems() {
    return List.of("web-0", "web-1").stream()
        .map(m -> String.valueOf(world.machine(m).status().imageSha256()))
        .toList();
  }

  @Test
  void aGroupFollowsItsImageInItsWindowAndNotBefore() {
    applied("");
    String first = String.valueOf(image().status().sha256());
    // Tomorrow at this hour.
    int hour = world.now().atZone(ZoneOffset.UTC).getHour();
    int later = (hour + 12) % 24;
    world.apply(group("{image: true, window: {opens: \"0 " + later + " * * *\", lasts: 1h}}"));
    world.awaitEnd(group().uid());
    build();
    world.await(
        "members say that they are outdated",
        () -> Condition.holds(world.machine("web-1").status().conditions(), "Outdated"));
    settled();
    assertThat(systems()).containsExactly(first, first);

    world.pass(
        Duration.between(
            world.now(),
            world
                .now()
                .atZone(ZoneOffset.UTC)
                .truncatedTo(ChronoUnit.HOURS)
                .withHour(later)
                .plusDays(later < hour ? 1 : 0)
                .plusMinutes(1)
                .toInstant()));
    String second = String.valueOf(image().status().sha256());
    world.await("both have the newer one", () -> systems().equals(List.of(second, second)));
    Operation followed = world.awaitEnd(group().uid());
    assertThat(followed.state()).isInstanceOf(State.Succeeded.class);
    assertThat(followed.requestedBy()).isEqualTo("image gold");
    assertThat(world.ready("web-0") && world.ready("web-1")).isTrue();
  }

  @Test
  void aGroupThatFollowsABadBuildStopsAtTheFirstMemberAndTakesTheNextOne() {
    applied("");
    String first = String.valueOf(image().status().sha256());
    world.apply(group("{image: true}"));
    world.awaitEnd(group().uid());
    refuseStart();
    build();
    world.await("it has failed", () -> world.latest(group().uid()).state() instanceof State.Failed);
    assertThat(world.latest(group().uid()).requestedBy()).isEqualTo("image gold");
    world.awaitReady("web-0");
    world.awaitReady("web-1");
    assertThat(systems()).as("both are on the system from before").containsExactly(first, first);
    UUID failed = world.latest(group().uid()).uid();
    nudgeGroup();
    settled();
    assertThat(world.latest(group().uid()).uid()).as("it is not tried again").isEqualTo(failed);

    build();
    String third = String.valueOf(image().status().sha256());
    world.await("both have the newest one", () -> systems().equals(List.of(third, third)));
    assertThat(world.awaitEnd(group().uid()).state()).isInstanceOf(State.Succeeded.class);
  }

  private void nudgeGroup() {
    UUID uid = group().uid();
    world.store.write(tx -> tx.nudges().nudge(uid));
  }

  @Test
  void whatCannotBeIsRefusedWithItsReason() {
    assertThatThrownBy(() -> world.apply(image("schedule: 7d\n")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors().toString())
                    .contains("spec.build")
                    .contains("has a schedule and no check"));
    assertThatThrownBy(() -> world.apply(image(CHECKED + "keep: 101\n")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().errors().toString()).contains("must be 0 to 100"));
    assertThatThrownBy(() -> world.apply(image("check: {size: smal, nics: [{network: net}]}\n")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors().toString())
                    .contains("spec.build.check.size")
                    .contains("did you mean \"small\""));
    assertThatThrownBy(
            () -> world.apply(image("") + "---\n" + group("{window: {opens: 7d, lasts: 1h}}")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors().toString())
                    .contains("spec.follow.window.opens")
                    .contains("five fields of a crontab"));
    world.apply(image("").replaceAll("(?s)  build:.*", "  source: {path: /nowhere.qcow2}\n"));
    assertThatThrownBy(this::build).hasMessageContaining("is not built here");
  }
}

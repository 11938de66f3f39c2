package io.millwright.server;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SecretFields;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Masking;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Secret;
import io.millwright.model.Violation;
import io.millwright.model.manifest.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Outside systems that refuse, hang, are full or send rubbish. */
@Tag("database")
class TroubleTest {
  private World world;
  private HttpServer web;
  private final CountDownLatch over = new CountDownLatch(1);

  @BeforeEach
  void begin() throws IOException {
    world = new World(World.Pace.EAGER);
    world.apply(World.BASE);
    web = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    web.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    web.start();
  }

  @AfterEach
  void end() {
    over.countDown();
    web.stop(0);
    world.close();
  }

  // --- settings ------------------------------------------------------------------------------

  /** Each by its own driver's check, and before anything is kept. */
  @Test
  void settingsThatMakeNoSenseAreRefusedAtOnce() {
    String manifest =
        """
        apiVersion: millwright/v1
        kind: Hypervisor
        metadata: {name: wrong, project: shared}
        spec: {driver: %s, settings: {%s}}
        """;
    List.of(
            List.of("libvirt", "uri: \"foo://bar\"", "uri"),
            List.of("libvirt", "uri: \"\"", "uri"),
            List.of("libvirt", "uri: \"qemu:///sys tem\"", "uri"),
            List.of("vsphere", "url: \"http://vc\", user: u, password: p", "url"),
            List.of("proxmox", "url: \"https://pve:8006\", token: t, secret: s", "token"))
        .forEach(each ->
            assertThatThrownBy(() -> world.apply(manifest.formatted(each.getFirst(), each.get(1))))
                .isInstanceOfSatisfying(
                    ProblemException.class,
                    e ->
                        assertThat(e.problem().errors())
                            .extracting(Violation::field)
                            .containsExactly("Hypervisor wrong: spec.settings." + each.get(2))));
    assertThatThrownBy(() ->
            world.apply(
                """
                apiVersion: millwright/v1
                kind: Network
                metadata: {name: wrong}
                spec:
                  services:
                    driver: dnsmasq
                    settings: {directory: here, pidFile: /run/a, dnsPidFile: /run/b}
                """))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .extracting(Violation::field)
                    .containsExactly("Network wrong: spec.services.settings.directory"));
    boolean kept =
        world.store.read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "wrong").isPresent());
    assertThat(kept).isFalse();
  }

  // --- images --------------------------------------------------------------------------------

  private String fetched(String path, String sha256) {
    return """
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: bad}
    spec:
      os: debian
      version: "12"
      source: {url: "http://127.0.0.1:%d%s", sha256: "%s"}
    """
        .formatted(web.getAddress().getPort(), path, sha256);
  }

  private UUID apply(String manifest) {
    return world.apply(manifest).getFirst().resource().uid();
  }

  private void serve(String path, byte[] body) {
    web.createContext(
        path,
        exchange -> {
          exchange.sendResponseHeaders(200, body.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
          }
        });
  }

  /** Whatever was begun is gone, and nothing half-made has a name under which it would be used. */
  private void assertNoImageLeft() throws IOException {
    UUID base =
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "img"))
            .orElseThrow()
            .uid();
    world.await(
        "nobody makes the one of BASE any more", () -> world.latest(base).state().terminal());
    try (Stream<Path> files = Files.list(world.images)) {
      assertThat(files.map(p -> p.getFileName().toString()))
          .allSatisfy(name -> assertThat(name).endsWith(".img"))
          .hasSizeLessThanOrEqualTo(1); // the one of BASE
    }
  }

  @Test
  void anImageWithAnotherChecksumIsRefused() throws Exception {
    byte[] image = TestImages.qcow2();
    serve("/image", image);
    Operation operation = world.awaitEnd(apply(fetched("/image", "0".repeat(64))));
    assertThat(operation.state().message())
        .contains(TestImages.sha256(image))
        .contains("0".repeat(64));
    assertNoImageLeft();
  }

  @Test
  void anImageThatPointsElsewhereIsRefused() throws Exception {
    byte[] backed = TestImages.qcow2WithBackingFile("/etc/shadow");
    serve("/backed", backed);
    assertThat(
            world.awaitEnd(apply(fetched("/backed", TestImages.sha256(backed)))).state().message())
        .contains("backing file");
    byte[] external = TestImages.qcow2WithExternalData();
    serve("/external", external);
    assertThat(
            world
                .awaitEnd(apply(fetched("/external", TestImages.sha256(external))))
                .state()
                .message())
        .contains("another file");
    byte[] text = "this is no image".getBytes();
    serve("/text", text);
    assertThat(world.awaitEnd(apply(fetched("/text", TestImages.sha256(text)))).state().message())
        .contains("neither a qcow2 image nor a raw disk");
    assertNoImageLeft();
  }

  @Test
  void aDownloadThatBreaksOffIsTriedAgainAndSaysSo() throws Exception {
    byte[] image = TestImages.qcow2();
    CountDownLatch holds = new CountDownLatch(1);
    web.createContext(
        "/image",
        exchange -> {
          exchange.sendResponseHeaders(200, image.length);
          // Closing early, the server breaks the connection off.
          int length = holds.getCount() > 0 ? image.length / 2 : image.length;
          OutputStream out = exchange.getResponseBody();
          out.write(image, 0, length);
          out.flush();
          exchange.close();
        });
    UUID uid = apply(fetched("/image", TestImages.sha256(image)));
    world.await(
        "it says that it broke off",
        () -> world.latest(uid).state().message().contains("broke off"));
    world.await(
        "the image says so too, and when it is tried again",
        () -> {
          Condition ready = condition(Kind.IMAGE, "default", "bad");
          return ready.reason().equals("Unreachable")
              && ready.message().contains("broke off")
              && ready.message().contains("; it was tried ")
              && ready.message().matches(".*again in \\d+ s\\.");
        });
    holds.countDown();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(condition(Kind.IMAGE, "default", "bad").value()).isEqualTo(Condition.Value.TRUE);
  }

  @Test
  void aDownloadThatStallsCanBeCancelled() throws Exception {
    byte[] image = TestImages.qcow2();
    CountDownLatch stalled = new CountDownLatch(1);
    web.createContext(
        "/image",
        exchange -> {
          exchange.sendResponseHeaders(200, image.length);
          exchange.getResponseBody().write(image, 0, 1000);
          exchange.getResponseBody().flush();
          stalled.countDown();
          try {
            over.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    UUID uid = apply(fetched("/image", TestImages.sha256(image)));
    stalled.await();
    world.engine.cancel().cancel(world.latest(uid).uid());
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Cancelled.class);
    assertNoImageLeft();
  }

  @Test
  @Tag("netns")
  void aFullDiskLeavesNoPartOfAnImage() throws Exception {
    Path small = World.directory("full");
    run("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small.toString());
    try (World full = new World(World.Pace.EAGER, small)) {
      byte[] image = TestImages.qcow2();
      serve("/image", image);
      UUID uid =
          full.apply(fetched("/image", TestImages.sha256(image))).getFirst().resource().uid();
      full.await(
          "it says that the disk is full",
          () -> full.latest(uid).state().message().contains("image directory is full"));
      assertThat(full.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
      try (Stream<Path> files = Files.list(small)) {
        assertThat(files).isEmpty();
      }
    } finally {
      run("umount", small.toString());
    }
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  // --- hypervisors ---------------------------------------------------------------------------

  private String secondHypervisor() {
    return """
    apiVersion: millwright/v1
    kind: Hypervisor
    metadata: {name: sick, project: shared}
    spec: {driver: simulated, settings: {world: WORLD-sick}, deadlineSeconds: 2}
    ---
    """;
  }

  private SimulatedHypervisor sick() {
    return SimulatedHypervisor.world(world.name + "-sick");
  }

  /** A machine without cards, on a hypervisor of its choice. */
  private static String plain(String name, String hypervisor) {
    return World.machine(name, "hypervisor: " + hypervisor)
            .replaceFirst("nics: .*\\n", "nics: []\n")
        + "---\n";
  }

  @Test
  void aHypervisorThatHangsDelaysNobodyElse() {
    twentyHang();
    Instant since = Instant.now();
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    assertThat(Duration.between(since, Instant.now())).isLessThan(Duration.ofSeconds(10));
    // Each that waits says for what.
    for (int i = 0; i < 20; i++) {
      UUID uid = world.machine("w" + i).uid();
      world.await(
          "it says what it waits for",
          () ->
              world.latest(uid).state() instanceof State.Waiting w && w.message().contains("sick"));
    }
  }

  @Test
  @Tag("slow")
  void whoeverWaitedForAHypervisorGoesOnWhenItAnswers() {
    Fault.Hang hang = twentyHang();
    sick().faults().clear();
    hang.release();
    for (int i = 0; i < 20; i++) {
      world.await("w" + i + " is ready", 2, ready("w" + i));
    }
  }

  /** Twenty machines on a hypervisor that accepts calls and answers none. */
  private Fault.Hang twentyHang() {
    Fault.Hang hang = Fault.hang();
    sick().faults().always(call -> true, hang);
    StringBuilder waiting = new StringBuilder(secondHypervisor());
    for (int i = 0; i < 20; i++) {
      waiting.append(plain("w" + i, "sick"));
    }
    world.apply(waiting.toString());
    world.await("it hangs", () -> sick().faults().calls() >= 4);
    return hang;
  }

  private java.util.concurrent.Callable<Boolean> ready(String name) {
    return () -> world.ready(name);
  }

  @Test
  void aHypervisorThatIsAwayIsSaidSoAndWaitedFor() {
    world.apply(secondHypervisor());
    sick().faults().reachable(false);
    UUID uid = apply(plain("web", "sick"));
    world.await(
        "it waits",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.reason().equals("Unreachable"));
    world.await(
        "the hypervisor says so",
        () -> condition(Kind.HYPERVISOR, "shared", "sick").reason().equals("Unreachable"));
    assertThat(condition(Kind.HYPERVISOR, "shared", "sick").message())
        .as("what it says itself is told whoever has to mend it")
        .containsPattern("It says: .*the simulated system is down");
    sick().faults().reachable(true);
    world.awaitReady("web");
    world.await(
        "the hypervisor answers",
        () -> condition(Kind.HYPERVISOR, "shared", "sick").value() == Condition.Value.TRUE);
  }

  /** Where nobody may look nothing is begun, and whoever declared a machine is told why. */
  @Test
  void aHypervisorThatRefusesTheLoginIsSaidSoAndNothingIsMadeThere() {
    sick().faults().always(call -> true, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(secondHypervisor().replace("WORLD-sick", "WORLD-sick, password: wr0ng"));
    world.await(
        "the hypervisor says so",
        () -> condition(Kind.HYPERVISOR, "shared", "sick").reason().equals("Refused"));
    Condition refused = condition(Kind.HYPERVISOR, "shared", "sick");
    assertThat(refused.value()).isEqualTo(Condition.Value.FALSE);
    assertThat(refused.message()).isNotBlank().doesNotContain("wr0ng");
    UUID uid = apply(plain("web", "sick"));
    assertThat(world.awaitEnd(uid).state())
        .as("its own words are for whoever has to mend it")
        .isEqualTo(new State.Failed("Refused", refused.message().replaceFirst(" It says: .*", "")));
    assertThat(condition(Kind.MACHINE, "default", "web").reason()).isEqualTo("Refused");
    assertThat(sick().size()).isZero();
    for (Verb act : List.of(Verb.STAGE, Verb.CREATE_DISK, Verb.PUT_MEDIUM, Verb.DEFINE)) {
      assertThat(sick().faults().calls(act)).as("%s", act).isZero();
    }

    // With the right one it is made when it is declared again.
    sick().faults().clear();
    world.apply(secondHypervisor().replace("WORLD-sick", "WORLD-sick, password: right"));
    world.await(
        "the hypervisor answers",
        () -> condition(Kind.HYPERVISOR, "shared", "sick").value() == Condition.Value.TRUE);
    world.apply(plain("web", "sick"));
    world.awaitReady("web");
  }

  /** Nothing of it can be there, so nobody need be asked before it ends. */
  @Test
  void aMachineThatWasNeverBegunIsCancelledWithoutItsHypervisor() {
    sick().faults().reachable(false);
    world.apply(secondHypervisor());
    UUID uid = apply(plain("web", "sick"));
    world.await("it waits", () -> world.latest(uid).state() instanceof State.Waiting);
    world.engine.cancel().cancel(world.latest(uid).uid());
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
    sick().faults().reachable(true);
    assertThat(world.apply(plain("web", "sick")).getFirst().operation()).isNotNull();
    world.awaitReady("web");
  }

  /** No more calls at one time than it was declared to bear, whatever there is to do. */
  @Test
  void aHypervisorIsAskedByNoMoreAtOnceThanItBears() {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    Fault.Hang hang = Fault.hang();
    sick()
        .faults()
        .witness(call -> most.accumulateAndGet(inside.incrementAndGet(), Math::max))
        .always(call -> true, hang);
    StringBuilder all =
        new StringBuilder(
            secondHypervisor()
                .replace("deadlineSeconds: 2", "deadlineSeconds: 60, concurrency: 3"));
    for (int i = 0; i < 20; i++) {
      all.append(plain("w" + i, "sick"));
    }
    world.apply(all.toString());
    world.await("as many as may are inside", () -> inside.get() == 3);
    // Twenty want in and are told to come again meanwhile; somebody elsewhere is not held up.
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    assertThat(most).hasValue(3);
    hang.release();
    sick().faults().clear();
    world.await(
        "all of them are ready",
        3,
        () -> IntStream.range(0, 20).allMatch(i -> world.ready("w" + i)));
  }

  /** Nothing of it can be anywhere, so it holds neither its hypervisor nor its network. */
  @Test
  void aMachineOfAHypervisorThatNeverAnsweredIsDeletedWithoutIt() {
    sick().faults().reachable(false);
    world.apply(
        secondHypervisor()
            + network("bridge: br0", "")
                .replace("name: net", "name: far")
                .replace("sim,", "sick,")
                .replaceAll("10\\.0\\.", "10.9.")
                .replace("fd00:1:", "fd00:9:")
            + "---\n"
            + plain("web", "sick").replace("nics: []", "nics: [{network: far}]"));
    UUID uid = world.machine("web").uid();
    world.await("it waits", () -> world.latest(uid).state() instanceof State.Waiting);
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    assertThat(world.latest(uid).state()).isEqualTo(new State.Succeeded());
    world.engine.delete().delete(World.ANNA, Kind.NETWORK, "default", "far", null);
    world.await(
        "its network is gone",
        () ->
            world.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "far")).isEmpty());
    world.engine.delete().delete(World.ANNA, Kind.HYPERVISOR, "shared", "sick", null);
  }

  /** The first step failed without an answer: something of it may be there. */
  @Test
  void aMachineThatMayBeOnAHypervisorStaysUntilThatAnswers() throws Exception {
    world.apply(secondHypervisor());
    sick()
        .faults()
        .always(call -> call.verb() == Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.UNREACHABLE));
    UUID uid = apply(plain("web", "sick"));
    world.await("it was begun", () -> sick().faults().calls(Verb.CREATE_DISK) > 0);
    sick().faults().reachable(false);
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.await(
        "it says what it waits for",
        () ->
            world.latest(uid).state() instanceof State.Waiting w
                && w.message().contains("something of the machine may be there"));
    assertThat(world.machine("web").deleting()).isTrue();
    sick().faults().clear();
    sick().faults().reachable(true);
    world.awaitGone("web");
  }

  /** A hypervisor that is known to hang is not waited for, and the plan says on what it rests. */
  @Test
  void aPlanForAHypervisorThatIsAwaySaysThatItSawNothing() {
    String hypervisor = secondHypervisor().replace("deadlineSeconds: 2", "deadlineSeconds: 300");
    world.apply(hypervisor);
    sick().faults().reachable(false);
    assertThat(world.plan(plain("web", "sick")).getFirst().note())
        .contains("as if nothing of the machine were there");
    UUID uid = apply(plain("other", "sick"));
    world.await("it waits", () -> world.latest(uid).state() instanceof State.Waiting);
    world.await(
        "the hypervisor says so",
        () -> condition(Kind.HYPERVISOR, "shared", "sick").reason().equals("Unreachable"));
    // Whoever asked it now would wait for minutes.
    Fault.Hang hang = Fault.hang();
    sick().faults().always(call -> true, hang);
    sick().faults().reachable(true);
    Applied planned =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60), () -> world.plan(plain("web", "sick")).getFirst());
    assertThat(planned.note()).contains("as if nothing of the machine were there");
    assertThat(planned.steps()).isNotEmpty();
    sick().faults().clear();
    hang.release();
    assertThat(world.plan(World.machine("seen", "")).getFirst().note()).isNull();
  }

  /** Nobody knows of it yet, and one deadline is waited for once, not once for each machine. */
  @Test
  void aPlanForAHypervisorThatHasJustBegunToHangIsMadeSoon() {
    world.apply(secondHypervisor().replace("deadlineSeconds: 2", "deadlineSeconds: 300"));
    Fault.Hang hang = Fault.hang();
    sick().faults().always(call -> true, hang);
    List<Applied> planned =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60),
            () ->
                world.plan(
                    IntStream.range(0, 20)
                        .mapToObj(i -> plain("web" + i, "sick"))
                        .collect(joining())));
    assertThat(planned)
        .hasSize(20)
        .allSatisfy(
            p -> assertThat(p.note()).contains("as if nothing", "sick did not answer within 5 s"));
    sick().faults().clear();
    hang.release();
  }

  @Test
  void aHypervisorThatRefusesEndsTheOperation() {
    world.hypervisor.faults().next(Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.REFUSED));
    UUID uid = apply(World.machine("web", ""));
    assertThat(world.awaitEnd(uid).state())
        .isInstanceOfSatisfying(
            State.Failed.class, f -> assertThat(f.reason()).isEqualTo("Refused"));
    assertThat(condition(Kind.MACHINE, "default", "web").reason()).isEqualTo("Refused");
  }

  private Condition condition(Kind kind, String project, String name) {
    return world
        .store
        .read(tx -> tx.resources().find(kind, project, name))
        .flatMap(r -> Condition.find(r.status().conditions(), Condition.READY))
        .orElseThrow();
  }

  @Test
  void aMachineThatAFailedChangeStoppedIsNotReady() {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(uid);
    world.hypervisor.faults().next(Verb.START, Fault.beforeEffect(FaultKind.REFUSED));
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 2, memory: 256MiB, disk: 2GiB}
        """);
    world.await("the change fails", () -> world.latest(uid).state() instanceof State.Failed);
    assertThat(world.ready("web")).isFalse();
    // Applied again, it is tried again.
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
  }

  @Test
  void aCardThatMovesToAnotherNetworkTakesItsRecordsAlong() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: next}
        spec:
          domain: next.test
          subnets: [{cidr: 10.2.0.0/24}]
          attachments: [{hypervisor: sim, bridge: br1}]
        """);
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    assertThat(world.published()).containsKey(uid);
    world.apply(World.machine("web", "").replaceFirst("nics: .*", "nics: [{network: next}]"));
    world.awaitEnd(uid);
    world.awaitReady("web");
    Resource<?, ?> net =
        world.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "net")).orElseThrow();
    world.store.write(tx -> tx.nudges().nudge(net.uid()));
    world.await("its old records are withdrawn", () -> world.published().isEmpty());
  }

  @Test
  void anotherBridgeVlanOrMtuReachesMachinesThatAreThere() {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(uid);
    assertThat(world.plan(network("bridge: br7", "vlan: 7\n  mtu: 1400")))
        .anySatisfy(a -> {
          assertThat(a.resource().uid()).isEqualTo(uid);
          assertThat(a.impact()).isEqualTo("restart");
          assertThat(a.keeps())
              .containsExactly("the MTU inside the guest on network net, until it is rebuilt");
        });
    world.apply(network("bridge: br7", "vlan: 7\n  mtu: 1400"));
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Succeeded.class);
    assertThat(world.hypervisor.definition(uid).orElseThrow().nics())
        .allSatisfy(nic -> {
          assertThat(nic.bridge()).isEqualTo("br7");
          assertThat(nic.vlan()).isEqualTo(7);
          assertThat(nic.mtu()).isEqualTo(1400);
        });
    assertThat(world.hypervisor.state(uid)).contains(Observation.State.RUNNING);
  }

  @Test
  void aCancelledResetLeavesTheMachineAsItIs() throws Exception {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(uid);
    world
        .hypervisor
        .faults()
        .always(call -> call.verb() == Verb.RESET, Fault.beforeEffect(FaultKind.UNREACHABLE));
    Operation reset = world.engine.power().reset(World.ANNA, "default", "web");
    world.await("the reset waits", () -> world.latest(uid).state() instanceof State.Waiting);
    world.engine.cancel().cancel(reset.uid());
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Cancelled.class);
    assertThat(world.machine("web").status().conditions())
        .noneMatch(c -> c.type().equals("Held"))
        .anyMatch(c -> c.type().equals("Ready") && c.value() == Condition.Value.TRUE);
    world.hypervisor.faults().clear();
    world.engine.power().reset(World.ANNA, "default", "web");
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Succeeded.class);
  }

  /** The guest answers at its address as long as it has the card, whatever is declared by now. */
  @Test
  void theAddressOfACardThatGoesCoolsFromTheEndOfTheChange() throws Exception {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(uid);
    world
        .hypervisor
        .faults()
        .always(call -> call.verb() == Verb.STOP, Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.apply(World.machine("web", "").replaceFirst("(?s)\n  nics:.*", "\n"));
    world.await("it cannot stop", () -> world.latest(uid).state() instanceof State.Waiting);
    String bound = "SELECT count(*) FROM address WHERE cooling_until IS NULL";
    assertThat(world.number(bound)).isPositive();
    world.hypervisor.faults().clear();
    assertThat(world.awaitEnd(uid).state()).isInstanceOf(State.Succeeded.class);
    assertThat(world.number(bound)).isZero();
    assertThat(world.number("SELECT count(*) FROM address WHERE cooling_until > now()"))
        .isPositive();
  }

  @Test
  void whatMachinesNeedOfTheirNetworkCannotBeTakenAway() {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    String net = network("bridge: br0", "mtu: 1500");
    for (String elsewhere :
        List.of(
            net.replaceFirst("services: .*", ""),
            net.replace("{world: WORLD}", "{world: elsewhere}"))) {
      assertThatThrownBy(() -> world.apply(elsewhere))
          .hasMessageContaining("spec.services")
          .hasMessageContaining("Machine web is on the network");
    }
    assertThatThrownBy(() -> world.apply(net.replaceFirst("attachments: .*", "")))
        .hasMessageContaining("spec.attachments")
        .hasMessageContaining("lacks hypervisor sim, where Machine web has a card");
    assertThat(world.published()).containsKey(uid);

    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web", null);
    world.awaitGone("web");
    world.apply(net.replace("{world: WORLD}", "{world: elsewhere}"));
  }

  @Test
  void aDeletedNetworkLeavesNoRecords() throws Exception {
    UUID late = UUID.randomUUID();
    try (var driver = world.services.attach(world.store.read(tx -> tx.installation()))) {
      driver.publish(
          new NetworkServices.Records(
              late, "late", "lab.test", List.of(), List.of(Ip.parse("10.0.0.77"))));
    }
    assertThat(world.published()).containsKey(late);
    world.services.faults().next(Verb.OBSERVE, Fault.beforeEffect(FaultKind.UNREACHABLE));
    world.engine.delete().delete(World.ANNA, Kind.NETWORK, "default", "net", null);
    world.await(
        "it is gone",
        () ->
            world.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "net")).isEmpty());
    assertThat(world.published()).isEmpty();
  }

  private static String network(String to, String more) {
    return """
    apiVersion: millwright/v1
    kind: Network
    metadata: {name: net}
    spec:
      domain: lab.test
      subnets:
        - {cidr: 10.0.0.0/16, gateway: 10.0.0.1}
        - {cidr: "fd00:1::/64", gateway: "fd00:1::1"}
      attachments: [{hypervisor: sim, %s}]
      services: {driver: simulated, settings: {world: WORLD}}
      %s
    """
        .formatted(to, more);
  }

  @Test
  void recordsThatWereLostArePublishedAgain() throws Exception {
    UUID uid = apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(uid);
    try (var driver = world.services.attach(world.store.read(tx -> tx.installation()))) {
      driver.withdraw(uid);
    }
    Resource<?, ?> net =
        world.store.read(tx -> tx.resources().find(Kind.NETWORK, "default", "net")).orElseThrow();
    world.store.write(tx -> tx.nudges().nudge(net.uid()));
    world.await("they are there again", () -> world.published().containsKey(uid));
  }

  @Test
  void aVolumeDeletedBetweenTwoLooksIsDeleted() {
    // The driver is slow enough for the deletion to come while the creation is at work.
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.CREATE_DISK, hang);
    apply(
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim, reclaim: delete}
        """);
    world.await("it is being made", () -> world.hypervisor.faults().calls(Verb.CREATE_DISK) == 1);
    world.engine.delete().delete(World.ANNA, Kind.VOLUME, "default", "data", null);
    hang.release();
    world.await(
        "it is gone",
        () ->
            world.store.read(tx -> tx.resources().find(Kind.VOLUME, "default", "data")).isEmpty());
  }

  // --- secrets -------------------------------------------------------------------------------

  @Test
  void aSecretIsSealedAndNeverShown() {
    String secret = "correct horse battery staple";
    String manifest =
        """
        apiVersion: millwright/v1
        kind: Hypervisor
        metadata: {name: vault, project: shared}
        spec: {driver: simulated, settings: {world: WORLD-vault, password: "%s"}}
        """;
    assertThat(world.plan(manifest.formatted(secret)).toString()).doesNotContain(secret);
    Applied applied = world.apply(manifest.formatted(secret)).getFirst();
    assertThat(applied.changes().toString()).doesNotContain(secret);
    assertThat(Masking.mask(applied.resource().spec()).toString())
        .contains(Secret.MASK)
        .doesNotContain(secret);
    String stored = sealed();
    assertThat(SecretBox.isSealed(stored)).isTrue();
    for (String table : List.of("resource", "operation", "operation_log", "journal")) {
      assertThat(world.strings("SELECT t::text FROM " + table + " t"))
          .allSatisfy(row -> assertThat(row).doesNotContain(secret));
    }

    // The same secret, and the mask in its place, change nothing.
    for (String given : List.of(secret, Secret.MASK)) {
      assertThat(world.apply(manifest.formatted(given)).getFirst().action())
          .isEqualTo(Applied.Action.UNCHANGED);
      assertThat(sealed()).isEqualTo(stored);
    }
    Applied changed = world.apply(manifest.formatted("another one")).getFirst();
    assertThat(changed.action()).isEqualTo(Applied.Action.CHANGED);
    assertThat(changed.changes().toString()).doesNotContain("another one");
    assertThat(sealed()).isNotEqualTo(stored);

    // The key file was lost: what another one has sealed is given anew, as it was.
    byte[] lost = new byte[32];
    lost[0] = 1;
    world.sql(
        "UPDATE resource SET spec = jsonb_set(spec, '{settings,password}', to_jsonb('%s'::text)) WHERE name = 'vault'"
            .formatted(new SecretBox(lost).seal(secret)));
    String kept = sealed();
    String labelled = manifest.replace("project: shared", "project: shared, labels: {key: lost}");
    assertThat(world.apply(labelled.formatted(Secret.MASK)).getFirst().action())
        .as("what is left masked is changed otherwise all the same")
        .isEqualTo(Applied.Action.CHANGED);
    assertThat(sealed()).isEqualTo(kept);
    world.apply(manifest.formatted(secret));
    assertThat(world.secrets.open(sealed())).isEqualTo(secret);
  }

  @Test
  void aSecretThatStandsInWhatIsWrittenIsFound() {
    String secret = "it's \\ \"this\" 1";
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Hypervisor
        metadata: {name: vault, project: shared}
        spec: {driver: simulated, settings: {world: WORLD-vault, password: 'it''s \\ "this" 1'}}
        """);
    assertThat(world.secrets.open(sealed())).isEqualTo(secret);
    apply(plain("web", "sim"));
    world.awaitReady("web");
    assertThat(told()).isEmpty();
    String quoted = secret.replace("'", "''");
    String json = Json.write("so " + secret + " it is").replace("'", "''");
    world.sql(
        "INSERT INTO operation_log (operation, seq, step, line) SELECT uid, 9999, 'start', 'with "
            + quoted
            + "' FROM operation WHERE name = 'web'");
    world.sql(
        "INSERT INTO journal (kind, project, uid, name, change, message) SELECT 'MACHINE', project,"
            + " target, name, 'NOTE', 'with "
            + quoted
            + "' FROM operation WHERE name = 'web'");
    world.sql(
        "UPDATE operation SET state = jsonb_set(state, '{message}', '"
            + json
            + "') WHERE name = 'web'");
    UUID operation = world.latest(world.machine("web").uid()).uid();
    assertThat(told())
        .containsExactly(
            "an event of web in project default has a secret in clear",
            "operation " + operation + " has a secret in clear",
            "the log of operation " + operation + " has a secret in clear");
  }

  /** Whatever its state says, nothing comes of it any more. */
  @Test
  void anOperationThatNobodyWillLookAtIsTold() throws Exception {
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().next(Verb.START, hang);
    world.apply(World.machine("web", ""));
    UUID uid = world.machine("web").uid();
    hang.awaitEntered();
    String why = world.latest(uid).title() + " has not ended, and nobody will look at it again";
    assertThat(broken()).as("it is being looked at").doesNotContain(why);
    world.sql("DELETE FROM scheduled_tasks WHERE task_instance = '" + uid + "'");
    assertThat(world.latest(uid).state()).isInstanceOf(State.Running.class);
    assertThat(broken()).contains(why);

    world.store.write(tx -> tx.nudges().nudge(uid));
    assertThat(broken()).doesNotContain(why);
    hang.release();
    world.awaitReady("web");
  }

  private List<String> broken() {
    return world.engine.invariants().look().broken().stream()
        .map(io.millwright.engine.reconcile.Invariants.Broken::what)
        .toList();
  }

  private List<String> told() {
    return world.engine.invariants().look().broken().stream()
        .filter(b -> b.rule() == io.millwright.engine.reconcile.Invariants.Rule.SEALED)
        .map(io.millwright.engine.reconcile.Invariants.Broken::what)
        .toList();
  }

  private static final String HASH = "$6$abcdefgh$" + "0123456789".repeat(8) + "abcdef";

  private static String eva(String hash) {
    return World.machine(
        "vault", "overrides: {users: [{name: eva, passwordHash: \"" + hash + "\"}]}");
  }

  /** The rows of what is declared, in which the hash would stand. */
  private List<String> specs() {
    return world.strings(
        "SELECT spec::text FROM resource WHERE name = 'vault' UNION ALL SELECT machine::text FROM"
            + " revision");
  }

  @Test
  void aPasswordsHashIsSealedAndItsMachineGetsItInClear() {
    StringBuffer seeds = new StringBuffer();
    GuestBehaviour usual = GuestBehaviour.wellBehaved();
    world.hypervisor.guests(guest -> {
      seeds.append(new String(guest.seed(), StandardCharsets.UTF_8));
      return usual.start(guest);
    });
    Applied applied = world.apply(eva(HASH)).getFirst();
    assertThat(applied.changes().toString()).doesNotContain(HASH);
    assertThat(Masking.mask(applied.resource().spec()).toString())
        .contains(Secret.MASK)
        .doesNotContain(HASH);
    world.awaitReady("vault");
    assertThat(seeds.toString()).contains(HASH);
    assertThat(specs()).hasSize(1).allSatisfy(row -> assertThat(row).contains("sealed:1:"));
    List<String> stored = specs();

    // The same hash, and the mask in its place, change nothing; whose it is, the name says.
    for (String given : List.of(eva(HASH), eva(Secret.MASK))) {
      assertThat(world.apply(given).getFirst().action()).isEqualTo(Applied.Action.UNCHANGED);
    }
    assertThat(specs()).isEqualTo(stored);
    assertThatThrownBy(() -> world.apply(eva(Secret.MASK).replace("eva", "ida")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("spec.overrides.users[0].passwordHash: " + SecretFields.NONE_YET);
    assertThatThrownBy(
            () -> world.apply(eva(stored.getFirst().replaceAll(".*(sealed:1:[^\"]*).*", "$1"))))
        .hasMessageContaining("is no crypt(3) hash");
    assertThat(world.plan(eva(HASH.replace("abcdef", "fedcba"))).toString())
        .contains("passwordHash")
        .doesNotContain("fedcba");
  }

  private String sealed() {
    Resource<?, ?> vault =
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "vault"))
            .orElseThrow();
    return ((HypervisorSpec) vault.spec()).settings().get("password");
  }
}

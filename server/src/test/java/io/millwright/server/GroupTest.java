package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.port.Projects;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Rollouts;
import io.millwright.engine.request.Rollouts.MemberFacts;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.Devices;
import io.millwright.model.DriftPolicy;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violation;
import io.millwright.model.VolumeSpec;
import io.millwright.model.manifest.Manifests;
import io.millwright.planner.Step;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Groups of machines over two simulated hypervisors, and members that answer over real HTTP. */
@Tag("database")
@Timeout(240)
class GroupTest {
  /** Members have addresses at which something answers in their stead: see {@link Node}. */
  private static final String BASE =
      """
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: hv1, project: shared}
      spec: {driver: simulated, settings: {world: WORLD}, concurrency: 32}
      ---
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: hv2, project: shared}
      spec: {driver: simulated, settings: {world: WORLD-b}, concurrency: 32}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: net}
      spec:
        subnets: [{cidr: 10.77.0.0/16, gateway: 10.77.0.1}]
        attachments: [{hypervisor: hv1, bridge: br0}, {hypervisor: hv2, bridge: br0}]
      ---
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: img}
      spec: {os: debian, version: "12", build: {builder: simulated, suite: bookworm}}
      ---
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: img2}
      spec: {os: debian, version: "13", build: {builder: simulated, suite: trixie}}
      ---
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: small}
      spec: {cores: 1, memory: 256MiB, disk: 2GiB}
      """;

  private World world;
  private SimulatedHypervisor second;
  private HttpServer members;
  private int port;

  /** Addresses at which nothing good is answered. */
  private final Set<String> ill = ConcurrentHashMap.newKeySet();

  private final AtomicInteger asked = new AtomicInteger();

  /** Until it is opened nobody's health is answered. */
  private volatile CountDownLatch answers = new CountDownLatch(0);

  private void awaitAnswer() {
    try {
      answers.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @BeforeEach
  void begin() throws IOException {
    members = HttpServer.create(new InetSocketAddress(InetAddress.getByName("0.0.0.0"), 0), 100);
    members.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    members.createContext(
        "/health",
        exchange -> {
          asked.incrementAndGet();
          awaitAnswer();
          String at = exchange.getLocalAddress().getAddress().getHostAddress();
          at = at.replaceFirst("127", "10");
          exchange.sendResponseHeaders(ill.contains(at) || ill.contains("*") ? 503 : 200, -1);
          exchange.close();
        });
    members.createContext(
        "/elsewhere",
        exchange -> {
          exchange.getResponseHeaders().add("Location", "/health");
          exchange.sendResponseHeaders(302, -1);
          exchange.close();
        });
    members.start();
    port = members.getAddress().getPort();
    world = new World(World.Pace.FAST);
    second = SimulatedHypervisor.world(world.name + "-b");
    second.events(Thread::startVirtualThread);
    world.apply(BASE);
    world.await("both hypervisors are seen", () -> seen("hv1") && seen("hv2"));
  }

  @AfterEach
  void end() {
    world.close();
    SimulatedHypervisor.forgetWorld(world.name + "-b");
    members.stop(0);
  }

  private boolean seen(String hypervisor) {
    return Condition.holds(
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", hypervisor))
            .orElseThrow()
            .status()
            .conditions(),
        Condition.READY);
  }

  private String web(int count, String image, String rollout) {
    return web(count, image, rollout, "", "{}");
  }

  private String web(int count, String image, String rollout, String machine, String spread) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: web}
    spec:
      count: %d
      machine:
        labels: {tier: web}
        image: %s
        size: small
        nics: [{network: net}]
        %s
      spread: %s
      rollout: {%s}
    """
        .formatted(count, image, machine, spread, rollout.replace("PORT", "" + port));
  }

  private static final String GATE =
      "healthGate: {http: {port: PORT, path: /health}, timeoutSeconds: 3}";

  private Resource<GroupSpec, GroupStatus> group() {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.GROUP, "default", "web", GroupSpec.class, GroupStatus.class))
        .orElseThrow();
  }

  private Operation ended() {
    UUID uid = group().uid();
    world.await("the group's operation ends", 3, () -> world.latest(uid).state().terminal());
    return world.latest(uid);
  }

  private void succeeds() {
    Operation end = ended();
    assertThat(end.state()).as("%s", end.steps()).isEqualTo(new State.Succeeded());
  }

  private Condition ready() {
    return Condition.find(group().status().conditions(), Condition.READY).orElseThrow();
  }

  /** As the database has it, past all servers: one of them may just be dying. */
  private List<MemberFacts> facts() {
    return new Rollouts(world.store, world.engine.apply(), InstantSource.system())
        .members("default", "web");
  }

  private List<String> names() {
    return facts().stream().map(f -> f.machine().name()).toList();
  }

  private List<Integer> revisions() {
    return facts().stream().map(f -> f.member().revision()).toList();
  }

  private List<String> images() {
    return facts().stream().map(f -> f.machine().spec().image()).toList();
  }

  private List<String> places() {
    return facts().stream().map(f -> f.machine().status().hypervisor()).toList();
  }

  /** How many of the group run just now, as the hypervisors say. */
  private int running() {
    int n = 0;
    for (Resource<MachineSpec, MachineStatus> m :
        facts().stream().map(MemberFacts::machine).toList()) {
      boolean up =
          world.hypervisor.state(m.uid()).filter(s -> s == Observation.State.RUNNING).isPresent()
              || second.state(m.uid()).filter(s -> s == Observation.State.RUNNING).isPresent();
      n += up && m.status().readyBy() != null ? 1 : 0;
    }
    return n;
  }

  /** Watches that there are never fewer than so many that run, nor more than so many at all. */
  private Watching watching(int fewest, int most) {
    return new Watching(fewest, most);
  }

  private final class Watching implements AutoCloseable {
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicInteger least = new AtomicInteger(Integer.MAX_VALUE);
    private final AtomicInteger greatest = new AtomicInteger();
    private final AtomicInteger looks = new AtomicInteger();
    private final int fewest;
    private final int most;
    private final Thread thread;

    Watching(int fewest, int most) {
      this.fewest = fewest;
      this.most = most;
      thread =
          Thread.ofPlatform()
              .start(() -> {
                while (!over.get()) {
                  int up = running();
                  int all = facts().size();
                  least.accumulateAndGet(up, Math::min);
                  greatest.accumulateAndGet(all, Math::max);
                  looks.incrementAndGet();
                }
              });
    }

    @Override
    public void close() {
      over.set(true);
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      assertThat(looks.get()).isGreaterThan(5);
      assertThat(least.get()).as("fewest that ran").isGreaterThanOrEqualTo(fewest);
      assertThat(greatest.get()).as("most there were").isLessThanOrEqualTo(most);
    }
  }

  // --- making and spreading --------------------------------------------------------------------

  @Test
  void membersAreMachinesSpreadEvenlyAndShownAsSuch() {
    List<Applied> planned = world.plan(web(4, "img", GATE));
    assertThat(planned)
        .extracting(a -> a.resource().name())
        .containsExactlyInAnyOrder("web", "web-0", "web-1", "web-2", "web-3");
    assertThat(planned.getLast().resource().kind()).isEqualTo(Kind.MACHINE);
    assertThat(planned)
        .filteredOn(a -> a.resource().kind() == Kind.GROUP)
        .flatExtracting(Applied::steps)
        .contains(new Step.SetMember("web-0", 1));
    world.apply(web(4, "img", GATE));
    succeeds();
    assertThat(names()).containsExactly("web-0", "web-1", "web-2", "web-3");
    assertThat(places()).filteredOn("hv1"::equals).hasSize(2);
    assertThat(places()).filteredOn("hv2"::equals).hasSize(2);
    assertThat(ready().value()).isEqualTo(Condition.Value.TRUE);
    assertThat(group().status().healthy()).isEqualTo(4);
    assertThat(group().status().stable()).isEqualTo(1);
    Resource<MachineSpec, MachineStatus> one = world.machine("web-1");
    assertThat(one.metadata().labels())
        .containsEntry("millwright.io/group", "web")
        .containsEntry("tier", "web");
    assertThat(world.apply(web(4, "img", GATE)))
        .allMatch(a -> a.action() == Applied.Action.UNCHANGED && a.operation() == null);
  }

  @Test
  void whatTheGroupDeclaresIsNotChangedByHand() {
    world.apply(web(2, "img", GATE));
    succeeds();
    String own =
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: web-1, labels: {tier: web, millwright.io/group: web}}
        spec: {hypervisor: HV, image: IMG, size: small, nics: [{network: net}]}
        """
            .replace("HV", places().get(1));
    assertThatThrownBy(() -> world.apply(own.replace("IMG", "img2")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("is declared by Group web");
    assertThatThrownBy(() -> world.apply(own.replace("IMG", "img").replace("tier: web", "tier: x")))
        .hasMessageContaining("is declared by Group web");
    world.apply(own.replace("IMG", "img").replace("{tier", "{mine: yes, tier"));
    assertThat(world.machine("web-1").metadata().labels()).containsEntry("mine", "yes");
    assertThatThrownBy(
            () -> world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "web-1", null))
        .hasMessageContaining("belongs to Group web");
    assertThatThrownBy(() ->
            world.store.write(
                tx -> world.engine.rebuild().rebuild(tx, World.ANNA, "default", "web-1", "img2")))
        .hasMessageContaining("belongs to Group web");
    assertThatThrownBy(() ->
            world.apply(
                World.BASE
                    .replaceAll("(?s).*kind: Size", "apiVersion: millwright/v1\nkind: Size")
                    .replaceAll("(?s)---.*", "")
                    .replace("cores: 1", "cores: 2")))
        .hasMessageContaining("members of Group web");
    // Power is nobody's but the operator's.
    world.engine.power().set(World.ANNA, "default", "web-1", Power.OFF);
    world.await("the group sees it", () -> ready().reason().equals("Unhealthy"));
    assertThat(ready().message()).contains("1 of 2 members are healthy").contains("web-1");
    world.engine.power().set(World.ANNA, "default", "web-1", Power.ON);
    world.await("and sees it again", () -> ready().reason().equals("Healthy"));
  }

  @Test
  void whereThereIsNoPlaceItSaysWhy() {
    world.hypervisor.capacity(8, ByteSize.ofMib(4096), ByteSize.ofMib(1 << 20));
    second.capacity(8, ByteSize.ofMib(300), ByteSize.ofMib(1 << 20));
    world.await("it is seen", () -> memory("hv1") == 4096 && memory("hv2") == 300);
    assertThatThrownBy(() -> world.apply(web(40, "img", GATE)))
        .hasMessageContaining("there is no place for web-")
        .hasMessageContaining("not on hv2: 44MiB free of 256MiB asked")
        .hasMessageContaining("not on hv1: ");
    assertThatThrownBy(() -> world.apply(web(4, "img", GATE, "", "{rule: hard}")))
        .hasMessageContaining("not on hv2: 44MiB free of 256MiB asked")
        .hasMessageContaining("not on hv1: it has 2 members, and another one only 1");
    assertThat(count(Kind.GROUP)).isZero();
    assertThat(world.find("web-0")).isEmpty();
    world.apply(web(4, "img", GATE));
    succeeds();
    assertThat(places()).filteredOn("hv2"::equals).hasSize(1);
  }

  private long count(Kind kind) {
    return world.store.<Long>read(tx -> tx.resources().count().getOrDefault(kind, 0L));
  }

  private long memory(String hypervisor) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", hypervisor))
        .map(h -> ((io.millwright.model.HypervisorStatus) h.status()).memory())
        .map(ByteSize::mib)
        .orElse(0L);
  }

  @Test
  void whatCanNeverWorkIsRefusedBeforeAnything() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: web-1}
        spec: {image: img, size: small, power: off, nics: [{network: net}]}
        """);
    assertRefused(web(2, "img", GATE), "Machine web-1 is there already and does not belong");
    assertRefused(web(1001, "img", GATE), "must be 0 to 1000");
    assertRefused(
        web(1, "img", GATE).replace("[{network: net}]", "[{network: net, ipv4: none}]"),
        "can never be passed: no card of a member has an address");
    assertRefused(
        web(1, "img", "healthGate: {command: [systemctl, is-active, web]}"),
        "must be the absolute path of a program in the guest");
    assertRefused(web(1, "img", "healthGate: {command: []}"), "must have 1 to 64 words");
    assertRefused(
        web(1, "img", "healthGate: {command: [/bin/true], tcp: {port: 80}}"),
        "give only one of tcp, http, command and condition");
    assertRefused(web(1, "img", "maxUnavailable: 0"), "maxUnavailable and surge are both 0");
    assertRefused(
        web(1, "img", "healthGate: {tcp: {port: 1}, timeoutSeconds: 5, minHealthySeconds: 5}"),
        "can never be passed: minHealthySeconds is not less than timeoutSeconds");
    assertRefused(
        web(1, "img", "healthGate: {condition: Held}"), "is no condition that a healthy machine");
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: bare}
        spec:
          {os: debian, version: "12", build: {builder: simulated, suite: bookworm}, firstBoot: none}
        """);
    assertRefused(
        web(1, "bare", "healthGate: {condition: FirstBoot}"),
        "healthGate.condition: can never be passed: Image bare has no first boot");
    assertRefused(
        web(1, "img", "surge: 1", "volumes: [{name: data, size: 1GiB}]", "{}"),
        "members have volumes of their own");
    assertRefused(
        web(1, "img", GATE).replace("name: web}", "name: " + "w".repeat(63) + "}"), "is too long");
    assertRefused(web(1, "img", GATE, "", "{hypervisors: [hv9]}"), "there is no Hypervisor");
    assertThat(count(Kind.GROUP)).isZero();
    assertThat(count(Kind.MACHINE)).isEqualTo(1);
  }

  @Test
  void whereMachinesMustEndNoGroupGrowsAndTheOneThatIsThereGoesOn() {
    TimeSpan most = TimeSpan.parse("8h");
    world.store.write(tx -> tx.projects().limit("default", limit(most)));
    assertRefused(
        web(2, "img", GATE),
        "Group web: spec.count: asks for members that stay until it is declared otherwise, but"
            + " machines of project default live 8h at most");
    assertThat(count(Kind.GROUP)).isZero();
    world.store.write(tx -> tx.projects().limit("default", limit(null)));
    world.apply(web(2, "img", "surge: 1", "", "{}"));
    succeeds();
    world.store.write(tx -> tx.projects().limit("default", limit(most)));
    assertRefused(web(3, "img", "surge: 1", "", "{}"), "spec.count: asks for members that stay");
    world.apply(web(2, "img2", "surge: 1", "", "{}"));
    succeeds();
    assertThat(count(Kind.MACHINE)).isEqualTo(2);
  }

  private static Projects.Quota limit(@Nullable TimeSpan most) {
    return new Projects.Quota(null, null, null, null, null, most);
  }

  private void assertRefused(String manifest, String why) {
    assertThatThrownBy(() -> world.apply(manifest))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining(why);
  }

  @Test
  void aRedirectIsNoHealthAndLeadsNowhere() {
    world.apply(web(1, "img", GATE.replace("/health", "/elsewhere")));
    Operation end = ended();
    assertThat(end.state().message()).contains("is answered with 302, not 200");
    assertThat(asked.get()).isZero();
  }

  @Test
  void aPortThatTakesConnectionsIsHealth() {
    String gate = "healthGate: {tcp: {port: PORT}, timeoutSeconds: 3}";
    world.apply(web(1, "img", gate));
    succeeds();
    world.apply(web(1, "img2", gate.replace("PORT", "1")));
    Operation end = ended();
    assertThat(end.state()).isInstanceOf(State.Failed.class);
    assertThat(end.state().message()).contains("Port 1 of 10.", "takes no connections");
  }

  @Test
  void aConditionOfTheMachineIsHealth() {
    world.apply(web(1, "img", "healthGate: {condition: Ready, timeoutSeconds: 3}"));
    succeeds();
    // These guests' agents answer, and their first boots report nothing.
    world.apply(web(1, "img2", "healthGate: {condition: FirstBoot, timeoutSeconds: 3}"));
    Operation end = ended();
    assertThat(end.state()).isInstanceOf(State.Failed.class);
    assertThat(end.state().message()).contains("Its condition FirstBoot is not true");
  }

  // --- commands in guests ------------------------------------------------------------------------

  private static final String COMMAND =
      "healthGate: {command: [/usr/bin/check, the queue], timeoutSeconds: 3}";

  private void commands(
      @Nullable BiFunction<UUID, List<String>, Optional<GuestCommands.Ended>> how) {
    world.hypervisor.commands(how);
    second.commands(how);
  }

  @Test
  void aCommandInTheGuestIsTheGateAndWhatItPrintedIsTheReason() {
    AtomicInteger code = new AtomicInteger();
    Set<List<String>> run = ConcurrentHashMap.newKeySet();
    commands((_, command) -> {
      run.add(command);
      return Optional.of(
          new GuestCommands.Ended(
              code.get(), code.get() == 0 ? "" : "the queue\n\u001b[2Jis full"));
    });
    world.apply(web(2, "img", COMMAND));
    succeeds();
    assertThat(run).containsExactly(List.of("/usr/bin/check", "the queue"));

    code.set(3);
    world.apply(web(2, "img2", COMMAND));
    Operation end = ended();
    String why = "command /usr/bin/check ended with 3: the queue [2Jis full";
    assertThat(end.state().message()).contains(why);
    assertThat(end.steps()).anySatisfy(step -> assertThat(step.toString()).contains(why));
    assertThat(facts()).anySatisfy(f -> assertThat(f.member().trouble()).containsIgnoringCase(why));
  }

  @Test
  void aCommandThatHangsIsNotBegunAgain() {
    AtomicBoolean hangs = new AtomicBoolean(true);
    commands(
        (_, _) -> hangs.get() ? Optional.empty() : Optional.of(new GuestCommands.Ended(0, "late")));
    world.apply(web(1, "img", COMMAND.replace("timeoutSeconds: 3", "timeoutSeconds: 200")));
    world.await(
        "it is asked for again",
        () ->
            facts().stream()
                .anyMatch(f -> f.member().trouble().contains("is not begun again before it has")));
    assertThat(world.hypervisor.commandsBegun() + second.commandsBegun()).isEqualTo(1);
    hangs.set(false);
    succeeds();
    assertThat(world.hypervisor.commandsBegun() + second.commandsBegun())
        .as("what has ended too late counts for nothing")
        .isGreaterThanOrEqualTo(2);
  }

  @Test
  void aCommandIsAskedForOnlyWhereCommandsRun() {
    second.commands(null);
    world.await("it is known of one", () -> !runsCommands("hv2"));
    assertRefused(
        web(1, "img", COMMAND, "", "{hypervisors: [hv2]}"),
        "can never be passed: Hypervisor hv2 runs no commands in guests; use tcp or http");
    world.apply(web(2, "img", COMMAND));
    succeeds();
    assertThat(facts()).allMatch(f -> "hv1".equals(f.machine().status().hypervisor()));

    world.apply(web(4, "img", "maxUnavailable: 1"));
    succeeds();
    assertRefused(web(4, "img", COMMAND), "it is on hv2, which runs no commands in guests");
    world.hypervisor.commands(null);
    world.await("it is known of both", () -> !runsCommands("hv1"));
    assertRefused(
        web(4, "img", COMMAND), "Hypervisor hv1, Hypervisor hv2 run no commands in guests");
  }

  private boolean runsCommands(String hypervisor) {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", hypervisor))
        .map(h -> ((HypervisorStatus) h.status()).facets())
        .orElseThrow()
        .contains(HypervisorDriver.GUEST_COMMANDS);
  }

  // --- rolling out -------------------------------------------------------------------------------

  @Test
  void aChangeReachesOneAfterAnotherAndNeverFewerRunThanPromised() {
    world.apply(web(4, "img", GATE));
    succeeds();
    try (Watching watching = watching(3, 4)) {
      world.apply(web(4, "img2", GATE));
      succeeds();
    }
    assertThat(images()).containsOnly("img2");
    assertThat(revisions()).containsOnly(2);
    assertThat(group().status().stable()).isEqualTo(2);
    assertThat(world.engine.rollouts().diff("default", "web", 1, 2))
        .extracting(c -> c.path() + " " + c.before() + " " + c.after())
        .containsExactly("image \"img\" \"img2\"");
  }

  @Test
  void aSurgeLeavesAllOfThemRunning() {
    world.apply(web(3, "img", "surge: 2, " + GATE));
    succeeds();
    try (Watching watching = watching(3, 5)) {
      world.apply(web(3, "img2", "surge: 2, " + GATE));
      succeeds();
    }
    world.await("the extra ones are gone", () -> facts().size() == 3);
    assertThat(names()).containsExactly("web-0", "web-1", "web-2");
    assertThat(images()).containsOnly("img2");
  }

  @Test
  void aCanaryPausesUntilSomebodySaysToContinue() {
    String rollout = "canary: 1, batchSize: 2, pause: canary, " + GATE;
    world.apply(web(4, "img", rollout));
    succeeds();
    world.apply(web(4, "img2", rollout));
    UUID uid = group().uid();
    world.await("it pauses", 2, () -> ready().reason().equals("Paused"));
    assertThat(world.latest(uid).state()).isInstanceOf(State.Waiting.class);
    assertThat(images()).filteredOn("img2"::equals).hasSize(1);
    world.store.write(tx -> world.engine.rollouts().resume(tx, World.ANNA, "default", "web"));
    succeeds();
    assertThat(images()).containsOnly("img2");

    world.store.write(tx -> world.engine.rollouts().pause(tx, "default", "web"));
    world.apply(web(4, "img", rollout));
    world.await("it waits", () -> ready().reason().equals("Paused"));
    assertThat(images()).containsOnly("img2");
    world.store.write(
        tx -> world.engine.rollouts().rollBack(tx, World.ANNA, "default", "web", null));
    succeeds();
    assertThat(images()).containsOnly("img2");
    assertThat(group().spec().machine().image()).isEqualTo("img2");
    assertThat(group().status().revision()).isEqualTo(2);
    world.apply(web(4, "img2", rollout.replace("canary: 1", "canary: 2")));
    assertThatThrownBy(() ->
            world.store.write(
                tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 1)))
        .hasMessageContaining("spec.rollout.canary: 2 is more than the count of 1");
    assertThat(group().spec().count()).isEqualTo(4);
  }

  /** While members are asked how they are, which takes its time. */
  @Test
  void aPauseThatIsAskedForDuringALookHolds() {
    world.apply(web(3, "img", GATE));
    succeeds();
    answers = new CountDownLatch(1);
    world.apply(web(3, "img2", GATE));
    int before = asked.get();
    world.await("a member is asked", () -> asked.get() > before);
    world.store.write(tx -> world.engine.rollouts().pause(tx, "default", "web"));
    answers.countDown();
    world.await("it pauses", 2, () -> ready().reason().equals("Paused"));
    assertThat(group().status().paused()).isTrue();
    assertThat(images()).contains("img");
    world.store.write(tx -> world.engine.rollouts().resume(tx, World.ANNA, "default", "web"));
    succeeds();
    assertThat(images()).containsOnly("img2");
  }

  /** They may do their service or not, and so neither count nor are given up. */
  @Test
  void ofMembersOnAHypervisorThatDoesNotAnswerNothingIsKnown() {
    world.apply(web(4, "img", "maxUnavailable: 1"));
    succeeds();
    second.faults().reachable(false);
    world.await("its members count no more", () -> ready().message().startsWith("2 of 4 members"));
    assertThat(ready().message()).contains("Hypervisor hv2 does not answer");
    AtomicInteger stopped = new AtomicInteger();
    world
        .hypervisor
        .faults()
        .witness(call -> {
          if (call.verb() == Verb.STOP) {
            stopped.incrementAndGet();
          }
        });
    world.apply(web(4, "img2", "maxUnavailable: 1"));
    UUID uid = group().uid();
    world.await(
        "the rollout waits",
        () ->
            world
                .latest(uid)
                .state()
                .message()
                .contains("no other member may be unavailable: 2 are healthy, and 3 are promised"));
    assertThat(images()).containsOnly("img");
    assertThat(stopped).hasValue(0);
    second.faults().reachable(true);
    succeeds();
    assertThat(images()).containsOnly("img2");
  }

  @Test
  void whoComesNowGoesWhereThereIsAnAnswer() {
    second.faults().reachable(false);
    world.await("it is away", () -> !seen("hv2"));
    world.apply(web(2, "img", "maxUnavailable: 1"));
    succeeds();
    assertThat(facts()).extracting(f -> f.machine().status().hypervisor()).containsOnly("hv1");
  }

  @Test
  void aMemberThatHasDriftedIsNotStoppedWhileAnotherOneIsChanged() throws Exception {
    world.apply(web(2, "img", "maxUnavailable: 1"));
    succeeds();
    Fault.Hang hang = Fault.hang();
    world.hypervisor.faults().when(call -> call.verb() == Verb.STOP, 1, hang);
    world.apply(web(2, "img2", "maxUnavailable: 1"));
    hang.awaitEntered();
    UUID other = world.machine("web-1").uid();
    assertThat(second.state(other)).contains(Observation.State.RUNNING);
    try (HypervisorDriver there = second.attach(world.store.read(tx -> tx.installation()))) {
      MachineDefinition now = second.definition(other).orElseThrow();
      var _ = there.compute().orElseThrow().define(now.withDevices(Devices.EMULATED));
    }
    world.await(
        "it is told why not",
        () ->
            Condition.find(world.machine("web-1").status().conditions(), "Drifted")
                .filter(c -> c.message().contains("once its group can do without it"))
                .isPresent());
    assertThat(second.state(other)).contains(Observation.State.RUNNING);
    hang.release();
    succeeds();
    assertThat(images()).containsOnly("img2");
    world.await(
        "it is as declared",
        () -> second.definition(other).orElseThrow().devices() == Devices.PARAVIRTUAL);
  }

  /** Until the changed one has been healthy for long enough, it does not count. */
  @Test
  void aMemberThatHasDriftedIsNotStoppedBeforeAChangedOneCounts() throws Exception {
    String late = "maxUnavailable: 1, healthGate: {minHealthySeconds: 3600, timeoutSeconds: 7200}";
    world.apply(web(2, "img", "maxUnavailable: 1"));
    succeeds();
    world.apply(web(2, "img2", late));
    UUID uid = group().uid();
    int revision = group().status().revision();
    world.await(
        "one was changed and is healthy",
        () ->
            world.latest(world.machine("web-0").uid()).state().terminal()
                && world.store.read(tx -> tx.groups().members(uid)).stream()
                    .anyMatch(m -> m.revision() == revision && m.healthySince() != null));
    UUID other = world.machine("web-1").uid();
    long stops = second.faults().calls(Verb.STOP);
    try (HypervisorDriver there = second.attach(world.store.read(tx -> tx.installation()))) {
      MachineDefinition now = second.definition(other).orElseThrow();
      var _ = there.compute().orElseThrow().define(now.withDevices(Devices.EMULATED));
    }
    world.await(
        "it is told why not",
        () ->
            Condition.find(world.machine("web-1").status().conditions(), "Drifted")
                .filter(c -> c.message().contains("once its group can do without it"))
                .isPresent());
    assertThat(second.state(other)).contains(Observation.State.RUNNING);
    assertThat(second.faults().calls(Verb.STOP)).isEqualTo(stops);
    world.pass(Duration.ofMinutes(61));
    world.await("the rest is changed", 2, () -> !images().contains("img"));
    world.await(
        "it is as declared",
        () -> second.definition(other).orElseThrow().devices() == Devices.PARAVIRTUAL);
  }

  /** The network, its cards elsewhere plugged in. */
  private static String network(int vlan) {
    return BASE.split("---\n")[2].replace("spec:\n", "spec:\n  vlan: " + vlan + "\n");
  }

  private List<Integer> vlans() {
    return facts().stream()
        .map(f -> f.machine().uid())
        .map(uid ->
            world
                .hypervisor
                .definition(uid)
                .or(() -> second.definition(uid))
                .orElseThrow()
                .nics()
                .getFirst()
                .vlan())
        .toList();
  }

  @Test
  void aChangeOfTheNetworkReachesOneAfterAnotherToo() {
    world.apply(web(3, "img", GATE));
    succeeds();
    // It was declared, and is no drift.
    world.store.write(tx -> tx.driftPolicies().set("default", DriftPolicy.REBUILD));
    List<String> disks = facts().stream().map(f -> f.machine().status().disk()).toList();
    assertThat(world.plan(network(7)))
        .filteredOn(a -> a.resource().kind() == Kind.MACHINE)
        .hasSize(3)
        .allSatisfy(a -> assertThat(a.impact()).isEqualTo("restart"));
    try (Watching watching = watching(2, 3)) {
      List<Applied> applied = world.apply(network(7));
      assertThat(applied)
          .extracting(a -> a.resource().title())
          .containsExactly("Network net", "Group web");
      succeeds();
    }
    assertThat(vlans()).containsOnly(7);
    assertThat(facts().stream().map(f -> f.machine().status().disk()).toList()).isEqualTo(disks);
    assertThat(revisions()).containsOnly(1);
    for (MemberFacts each : facts()) {
      Operation last = world.latest(each.machine().uid());
      assertThat(last.verb()).isEqualTo(Operation.Verb.UPDATE);
      assertThat(last.requestedBy()).isEqualTo("group web");
    }
    assertThat(world.number("SELECT count(*) FROM member WHERE due")).isZero();
  }

  @Test
  void aNetworkInWhichAMemberIsNotHealthyReachesNoOther() {
    world.apply(web(3, "img", GATE));
    succeeds();
    ill.add(world.machine("web-0").status().addresses().getFirst().toString());
    world.apply(network(7));
    assertThat(ended().state().message()).contains("failed at web-0: it was not healthy within");
    assertThat(vlans()).containsExactly(7, null, null);
    // With the next change it goes on.
    ill.clear();
    world.apply(network(8));
    succeeds();
    assertThat(vlans()).containsOnly(8);
  }

  /** The group has looked at its members, and is about to say that all is done. */
  @Test
  void aChangeOfTheNetworkInTheVeryMomentInWhichARolloutEndsIsTakenUpByIt() throws Exception {
    world.apply(web(1, "img", "maxUnavailable: 1"));
    succeeds();
    Fault.Hang hang = Fault.hang();
    // The first of the two has it all, and the other one is being made.
    List.of(world.hypervisor, second).forEach(h -> h.faults().next(Verb.START, hang));
    world.apply(web(2, "img", "maxUnavailable: 1"));
    hang.awaitEntered();
    UUID uid = group().uid();
    UUID rollout = world.latest(uid).uid();
    UUID made = world.machine("web-1").uid();
    world.await("it is told", () -> group().status().members() == 2);
    world.store.write(tx -> {
      // Nothing can be written of the group, and so nothing ended.
      var _ = tx.resources().lock(uid);
      hang.release();
      world.await("the other one is there", () -> world.latest(made).state().terminal());
      world.await(
          "the group has seen that, and waits to write",
          () ->
              world.number(
                      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
                          + " datname = current_database()")
                  > 0);
      world
          .engine
          .apply()
          .apply(
              tx,
              World.ANNA,
              Manifests.parse(network(7).getBytes(StandardCharsets.UTF_8), "test"),
              Apply.Expectation.NONE);
    });
    succeeds();
    assertThat(vlans()).containsOnly(7);
    assertThat(world.number("SELECT count(*) FROM member WHERE due")).isZero();
    assertThat(world.latest(uid).uid()).as("it was just ending").isEqualTo(rollout);
  }

  @Test
  void whatMembersAreDueIsBegunWhoeverForgotIt() {
    world.apply(web(2, "img", GATE));
    succeeds();
    UUID before = world.latest(group().uid()).uid();
    // As if its operation had ended without them.
    world.sql("UPDATE member SET due = true WHERE volume IS NULL");
    world.await("it is begun", () -> !world.latest(group().uid()).uid().equals(before));
    succeeds();
    assertThat(world.number("SELECT count(*) FROM member WHERE due")).isZero();
  }

  @Test
  void whatMembersAreDueIsNotBegunAgainOnceItWasCancelled() {
    world.apply(web(2, "img", GATE));
    succeeds();
    world.store.write(tx -> world.engine.rollouts().pause(tx, "default", "web"));
    world.apply(network(7));
    UUID rollout = world.latest(group().uid()).uid();
    world.engine.cancel().cancel(rollout);
    assertThat(ended().state()).isEqualTo(new State.Cancelled());
    assertThat(world.number("SELECT count(*) FROM member WHERE due")).isEqualTo(2);
    int before = asked.get();
    world.await("it was looked at often", () -> asked.get() > before + 8);
    assertThat(world.latest(group().uid()).uid()).isEqualTo(rollout);
  }

  @Test
  void whatStopsNobodyReachesAllAtOnce() {
    world.apply(web(3, "img", GATE));
    succeeds();
    UUID before = world.latest(group().uid()).uid();
    assertThat(world.apply(BASE.split("---\n")[2].replace("spec:\n", "spec:\n  dns: [9.9.9.9]\n")))
        .extracting(a -> a.resource().title())
        .contains("Machine web-0", "Machine web-1", "Machine web-2");
    assertThat(world.latest(group().uid()).uid()).isEqualTo(before);
  }

  @Test
  void oneThatIsNotHealthyStopsIt() {
    world.apply(web(3, "img", GATE));
    succeeds();
    String first = world.machine("web-0").status().addresses().getFirst().toString();
    world.apply(web(3, "img2", GATE).replace("name: web}", "name: web, annotations: {a: b}}"));
    ill.add(first);
    Operation end = ended();
    assertThat(end.state()).isInstanceOf(State.Failed.class);
    assertThat(end.state().message())
        .contains("revision 2 failed at web-0: it was not healthy within 3 s")
        .contains("is answered with 503, not 200");
    assertThat(images()).containsExactly("img2", "img", "img");
    assertThat(ready().reason()).isEqualTo("RolloutFailed");
    assertThat(end.steps())
        .anyMatch(
            s -> s.key().startsWith("set-member/web-0") && s.state() == Operation.StepState.FAILED);
    // Scaling does not try it again.
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 4));
    succeeds();
    assertThat(images()).containsExactly("img2", "img", "img", "img");
    ill.clear();
    world.store.write(tx -> world.engine.rollouts().resume(tx, World.ANNA, "default", "web"));
    succeeds();
    assertThat(images()).containsOnly("img2");
  }

  @Test
  void oneThatIsNotHealthyTakesAllOfItBack() {
    String rollout = "onFailure: rollback, maxUnavailable: 2, " + GATE;
    world.apply(web(4, "img", rollout));
    succeeds();
    ill.add(world.machine("web-1").status().addresses().getFirst().toString());
    // What is ill is changed first, and stays ill.
    world.apply(web(4, "img2", rollout));
    UUID uid = group().uid();
    world.await("it goes back", 2, () -> world.latest(uid).state() instanceof State.Undoing);
    ill.clear();
    Operation end = ended();
    assertThat(end.state().message())
        .contains("failed at web-1")
        .contains("the group is back on revision 1");
    assertThat(images()).containsOnly("img");
    assertThat(ready().reason()).isEqualTo("RolledBack");
    assertThat(group().spec().machine().image()).isEqualTo("img2");
    // Applied again it is tried again.
    world.apply(web(4, "img2", rollout));
    succeeds();
    assertThat(images()).containsOnly("img2");
  }

  @Test
  void whatKeepsItFromGoingBackIsToldUntilItIsGone() {
    String rollout = "onFailure: rollback, maxUnavailable: 1, " + GATE;
    String size =
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: %s}
        spec: {cores: 1, memory: 256MiB, disk: 2GiB}
        ---
        """;
    world.apply(
        size.formatted("former") + web(1, "img", rollout).replace("size: small", "size: former"));
    succeeds();
    ill.add("*");
    world.apply(web(1, "img2", rollout));
    UUID uid = group().uid();
    world.await("it is changed", () -> world.machine("web-0").spec().size().equals("small"));
    world.engine.delete().delete(World.ANNA, Kind.SIZE, "default", "former", null);
    world.await(
        "it tells why it cannot go back",
        2,
        () ->
            world.latest(uid).state() instanceof State.Undoing u
                && u.told().contains("there is no Size \"former\""));
    ill.clear();
    world.apply(size.formatted("former"));
    Operation end = ended();
    assertThat(end.state().message())
        .contains("failed at web-0")
        .contains("the group is back on revision 1")
        .doesNotContain("former");
    assertThat(images()).containsOnly("img");
  }

  @Test
  void oneWhoseVolumeCannotBeMadeEndsTheRolloutAndAppliedAgainItIsMade() {
    world.apply(web(2, "img", "maxUnavailable: 1"));
    succeeds();
    List.of(world.hypervisor, second)
        .forEach(h ->
            h.faults()
                .always(c -> c.verb() == Verb.CREATE_DISK, Fault.beforeEffect(FaultKind.CAPACITY)));
    String disks = "volumes: [{name: data, size: 1GiB}]";
    world.apply(web(2, "img", "maxUnavailable: 1", disks, "{}"));
    Operation end = ended();
    assertThat(end.state()).isInstanceOf(State.Failed.class);
    assertThat(end.state().message())
        .contains("failed at web-0")
        .contains("Volume web-0-data was not made: The simulated system failed");
    List.of(world.hypervisor, second).forEach(h -> h.faults().clear());
    world.apply(web(2, "img", "maxUnavailable: 1", disks, "{}"));
    succeeds();
    assertThat(world.machine("web-1").spec().volumes()).containsExactly("web-1-data");
  }

  @Test
  void whatTheVolumesOfMembersCannotBecomeIsRefused() {
    world.apply(web(1, "img", "maxUnavailable: 1", disk("2GiB, filesystem: ext4"), "{}"));
    succeeds();
    // Its member has none any more, but there it is.
    world.apply(web(1, "img", "maxUnavailable: 1"));
    succeeds();
    assertThatThrownBy(() -> world.apply(web(1, "img", "maxUnavailable: 1", disk("1GiB"), "{}")))
        .hasMessageContaining(
            "spec.machine.volumes[0].size: a volume cannot shrink; web-0-data has 2GiB")
        .satisfies(e ->
            assertThat(((ProblemException) e).problem().errors())
                .extracting(Violation::message)
                .anyMatch(m ->
                    m.contains(
                        "a volume is formatted once, and web-0-data is declared with ext4")));
    assertThat(group().spec().machine().volumes()).isEmpty();
    world.apply(web(1, "img", "maxUnavailable: 1", disk("3GiB, filesystem: ext4"), "{}"));
    succeeds();
    assertThat(((VolumeSpec) volume("web-0-data").spec()).size()).isEqualTo(ByteSize.ofMib(3072));
  }

  @Test
  void aVolumeThatHasGrownStaysSoWhenItsGroupGoesBack() {
    String rollout = "onFailure: rollback, maxUnavailable: 2, " + GATE;
    world.apply(web(1, "img", rollout, disk("1GiB"), "{}"));
    succeeds();
    ill.add("*");
    world.apply(web(1, "img2", rollout, disk("2GiB, filesystem: ext4"), "{}"));
    UUID uid = group().uid();
    world.await("it goes back", 2, () -> world.latest(uid).state() instanceof State.Undoing);
    ill.clear();
    assertThat(ended().state().message()).contains("the group is back on revision 1");
    assertThat(images()).containsOnly("img");
    VolumeSpec volume = (VolumeSpec) volume("web-0-data").spec();
    assertThat(volume.size()).isEqualTo(ByteSize.ofMib(2048));
    assertThat(volume.filesystem()).isEqualTo(VolumeSpec.Filesystem.EXT4);
  }

  private static String disk(String size) {
    return "volumes: [{name: data, size: " + size + "}]";
  }

  // --- scaling -----------------------------------------------------------------------------------

  @Test
  void oneThatIsWantedAgainWhileItGoesBeginsWithAVolumeOfItsOwn() {
    String disks = "volumes: [{name: tmp, size: 1GiB, reclaim: delete}]";
    world.apply(web(1, "img", "maxUnavailable: 1", disks, "{}"));
    succeeds();
    UUID former = volume("web-0-tmp").uid();
    UUID machine = world.machine("web-0").uid();
    // It cannot be gone before it is wanted again.
    world.hypervisor.faults().reachable(false);
    second.faults().reachable(false);
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 0));
    world.await("it goes", () -> world.machine("web-0").deleting());
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 1));
    world.hypervisor.faults().reachable(true);
    second.faults().reachable(true);
    succeeds();
    assertThat(names()).containsExactly("web-0");
    assertThat(world.machine("web-0").uid()).isNotEqualTo(machine);
    assertThat(volume("web-0-tmp").uid()).isNotEqualTo(former);
    assertThat(world.engine.restore().list("default"))
        .extracting(e -> e.volume().uid())
        .containsExactly(former);
  }

  /** Between the two commits its volume is still there, and is no volume for the next one. */
  @Test
  void oneThatIsWantedAgainOnceItIsGoneDoesNotGetTheVolumeThatGoes() {
    String disks = "volumes: [{name: tmp, size: 1GiB, reclaim: delete}]";
    world.apply(web(1, "img", "maxUnavailable: 1", disks, "{}"));
    succeeds();
    UUID former = volume("web-0-tmp").uid();
    world.hypervisor.faults().reachable(false);
    second.faults().reachable(false);
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 0));
    world.await("it goes", () -> world.machine("web-0").deleting());
    UUID group = group().uid();
    world.store.write(tx -> {
      // Nothing can be written of the group, and so no volume dropped.
      var _ = tx.resources().lock(group);
      world.hypervisor.faults().reachable(true);
      second.faults().reachable(true);
      // It waits on a thread, and so in a transaction, of its own.
      world.await("it is gone", () -> world.find("web-0").isEmpty());
      assertThat(tx.resources().find(former))
          .isPresent()
          .hasValueSatisfying(v -> assertThat(v.deleting()).isFalse());
      world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 1);
    });
    succeeds();
    assertThat(names()).containsExactly("web-0");
    assertThat(volume("web-0-tmp").uid()).isNotEqualTo(former);
    assertThat(world.engine.restore().list("default"))
        .extracting(e -> e.volume().uid())
        .containsExactly(former);
  }

  @Test
  void scalingInTakesTheMarkedOnesAndKeepsTheirVolumes() {
    String disks = "volumes: [{name: data, size: 1GiB}, {name: tmp, size: 1GiB, reclaim: delete}]";
    world.apply(web(4, "img", GATE, disks, "{}"));
    succeeds();
    Resource<MachineSpec, MachineStatus> marked = world.machine("web-1");
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata:
          name: web-1
          labels: {tier: web, millwright.io/group: web}
          annotations: {millwright.io/leave-first: "true"}
        spec:
          hypervisor: HV
          image: img
          size: small
          nics: [{network: net}]
          volumes: [web-1-data, web-1-tmp]
        """
            .replace("HV", String.valueOf(marked.status().hypervisor())));
    List<Applied> planned = world.engine.rollouts().planScale(World.ANNA, "default", "web", 2);
    assertThat(planned)
        .filteredOn(a -> a.action() == Applied.Action.DELETED)
        .extracting(a -> a.resource().name())
        .containsExactly("web-1", "web-3");
    Applied gone =
        planned.stream().filter(a -> a.resource().name().equals("web-1")).findFirst().orElseThrow();
    assertThat(gone.impact()).isEqualTo("destroy");
    assertThat(gone.steps()).anyMatch(s -> s instanceof Step.DeleteDisk);
    assertThat(gone.keeps())
        .containsExactly(
            "volume web-1-data with its data",
            "volume web-1-tmp with its data, in quarantine for 7 days");
    assertThat(facts()).hasSize(4);
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 2));
    succeeds();
    assertThat(names()).containsExactly("web-0", "web-2");
    world.await(
        "both tmp are in quarantine",
        () -> volume("web-1-tmp") == null && volume("web-3-tmp") == null);
    assertThat(volume("web-1-data")).isNotNull();
    assertThat(world.engine.restore().list("default"))
        .extracting(e -> e.volume().name())
        .containsExactlyInAnyOrder("web-1-tmp", "web-3-tmp");
    // It comes back to where its data is.
    String uid = String.valueOf(volume("web-1-data").uid());
    world.store.write(tx -> world.engine.rollouts().scale(tx, World.ANNA, "default", "web", 3));
    succeeds();
    assertThat(names()).containsExactly("web-0", "web-1", "web-2");
    assertThat(String.valueOf(volume("web-1-data").uid())).isEqualTo(uid);
    assertThat(world.machine("web-1").status().hypervisor())
        .isEqualTo(marked.status().hypervisor());

    world.engine.delete().delete(World.ANNA, Kind.GROUP, "default", "web", null);
    world.await(
        "the group is gone",
        2,
        () -> world.store.read(tx -> tx.resources().find(Kind.GROUP, "default", "web")).isEmpty());
    assertThat(world.find("web-0")).isEmpty();
    assertThat(volume("web-0-data")).isNotNull();
    world.await("its scratch is in quarantine", () -> volume("web-0-tmp") == null);
  }

  private Resource<?, ?> volume(String name) {
    return world.store.read(tx -> tx.resources().find(Kind.VOLUME, "default", name)).orElse(null);
  }

  @Test
  @Tag("slow")
  void twoHundredMembersScaleInReasonableTime() {
    world.hypervisor.capacity(1000, ByteSize.ofMib(1 << 20), ByteSize.ofMib(1 << 24));
    second.capacity(1000, ByteSize.ofMib(1 << 20), ByteSize.ofMib(1 << 24));
    world.await("it is seen", () -> memory("hv1") == 1 << 20 && memory("hv2") == 1 << 20);
    long begun = System.nanoTime();
    world.apply(web(200, "img", "maxUnavailable: 50, " + GATE));
    long declared = System.nanoTime();
    world.await("all are healthy", 6, () -> ended().state().terminal());
    succeeds();
    long made = System.nanoTime();
    world.apply(web(20, "img", "maxUnavailable: 50, " + GATE));
    succeeds();
    long gone = System.nanoTime();
    assertThat(facts()).hasSize(20);
    System.out.printf(
        "200 members: declared in %d ms, healthy in %d ms, 180 gone in %d ms%n",
        (declared - begun) / 1_000_000, (made - declared) / 1_000_000, (gone - made) / 1_000_000);
    assertThat(Duration.ofNanos(gone - begun)).isLessThan(Duration.ofMinutes(3));
  }

  // --- crashes
  // -------------------------------------------------------------------------------------

  @Test
  void aServerThatDiesInTheMiddleChangesNothingOfThePromise() {
    String there = "{hypervisors: [hv1]}";
    world.apply(web(3, "img", GATE, "", there));
    succeeds();
    try (Watching watching = watching(2, 3)) {
      world.apply(web(3, "img2", GATE, "", there));
      for (int i = 1; i <= 2; i++) {
        int changed = i;
        world.await(
            "so many are changed",
            2,
            () -> images().stream().filter("img2"::equals).count() >= changed);
        Node dead = world.node;
        dead.kill();
        world.passTime(dead);
        world.start();
        world.bury(dead);
      }
      succeeds();
    }
    assertThat(new TreeSet<>(images())).containsExactly("img2");
    new Invariants(world).await();
  }
}

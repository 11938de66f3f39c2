package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Projects;
import io.millwright.engine.request.Apply;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import io.millwright.model.manifest.Draft;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pools of machines that wait to be claimed, on a simulated hypervisor. */
@Tag("database")
@Timeout(240)
class PoolTest {
  private static final String BASE =
      """
      apiVersion: millwright/v1
      kind: Hypervisor
      metadata: {name: hv1, project: shared}
      spec: {driver: simulated, settings: {world: WORLD}, concurrency: 32}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: net}
      spec:
        subnets: [{cidr: 10.77.0.0/16, gateway: 10.77.0.1}]
        attachments: [{hypervisor: hv1, bridge: br0}]
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

  @BeforeEach
  void begin() {
    world = new World(World.Pace.FAST);
    world.apply(BASE);
    world.await("the hypervisor is seen", () -> seen());
  }

  @AfterEach
  void end() {
    world.close();
  }

  private boolean seen() {
    return Condition.holds(
        world
            .store
            .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "hv1"))
            .orElseThrow()
            .status()
            .conditions(),
        Condition.READY);
  }

  private static String pool(int ready, String image, String more) {
    return """
    apiVersion: millwright/v1
    kind: Pool
    metadata: {name: ci}
    spec:
      ready: %d
      %s
      machine:
        labels: {tier: ci}
        image: %s
        size: small
        nics: [{network: net}]
    """
        .formatted(ready, more, image);
  }

  private Resource<PoolSpec, PoolStatus> pool() {
    return world
        .store
        .read(
            tx -> tx.resources().find(Kind.POOL, "default", "ci", PoolSpec.class, PoolStatus.class))
        .orElseThrow();
  }

  private List<Resource<MachineSpec, MachineStatus>> members() {
    return world.store.read(tx -> {
      List<Resource<MachineSpec, MachineStatus>> out = new ArrayList<>();
      tx.resources()
          .find(Kind.POOL, "default", "ci")
          .ifPresent(p ->
              tx.groups().members(p.uid()).stream()
                  .map(Member::uid)
                  .forEach(uid ->
                      tx.resources()
                          .find(uid)
                          .ifPresent(r -> out.add(r.as(MachineSpec.class, MachineStatus.class)))));
      return out;
    });
  }

  private List<String> names() {
    return members().stream().map(Resource::name).toList();
  }

  private Condition ready() {
    return Condition.find(pool().status().conditions(), Condition.READY).orElseThrow();
  }

  private void awaitFull() {
    // What it says of itself may be of a moment ago.
    world.await(
        "the pool is full",
        3,
        () ->
            ready().reason().equals("Full")
                && members().size() == pool().spec().ready()
                && members().stream()
                    .allMatch(m -> Condition.holds(m.status().conditions(), Condition.READY)));
  }

  @Test
  void aPoolIsReadyAsItIsDeclaredAndNotAsItWasBefore() {
    world.apply(pool(1, "img", ""));
    awaitFull();
    assertThat(declared(pool(1, "img", "ttl: 3h")).reason()).isEqualTo("Full");
    Condition more = declared(pool(2, "img", "ttl: 3h"));
    assertThat(more.value()).isEqualTo(Condition.Value.UNKNOWN);
    assertThat(more.reason()).isEqualTo("Pending");
    awaitFull();
  }

  private Condition declared(String manifest) {
    return Condition.find(
            world.apply(manifest).getFirst().resource().status().conditions(), Condition.READY)
        .orElseThrow();
  }

  private Resource<MachineSpec, MachineStatus> claim(@Nullable String ttl, @Nullable String leash) {
    return world
        .store
        .inTransaction(tx ->
            world
                .engine
                .pools()
                .claim(
                    tx,
                    World.ANNA,
                    "default",
                    "ci",
                    ttl == null ? null : TimeSpan.parse(ttl),
                    leash == null ? null : TimeSpan.parse(leash)))
        .as(MachineSpec.class, MachineStatus.class);
  }

  // --- claiming --------------------------------------------------------------------------------

  @Test
  void aClaimedMachineIsTheClaimersAndAnotherOneIsMade() {
    world.apply(pool(3, "img", "ttl: 3h"));
    awaitFull();
    assertThat(names()).containsExactly("ci-1", "ci-2", "ci-3");
    assertThat(members())
        .allMatch(m -> "ci".equals(m.metadata().labels().get(Names.POOL)))
        .allMatch(m -> m.spec().expiry() == null);
    Instant before = Instant.now();
    Resource<MachineSpec, MachineStatus> mine = claim(null, null);
    assertThat(mine.name()).isEqualTo("ci-1");
    assertThat(mine.metadata().labels())
        .containsEntry(Names.CLAIMED_FROM, "ci")
        .containsEntry("tier", "ci")
        .doesNotContainKey(Names.POOL);
    assertThat(Condition.holds(mine.status().conditions(), Condition.READY)).isTrue();
    assertThat(mine.status().readyBy()).isNotNull();
    assertThat(world.machine("ci-1").status().expiresAt())
        .isBetween(before.plus(Duration.ofMinutes(179)), before.plus(Duration.ofMinutes(181)));
    awaitFull();
    world.await("the fourth is there", () -> names().equals(List.of("ci-2", "ci-3", "ci-4")));
    awaitFull();
    assertThat(pool().status().claimed()).isOne();
    // It is an ordinary machine now, and goes like one; its name is not given again.
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "ci-1", null);
    world.awaitGone("ci-1");
    world.await("nothing is claimed", () -> pool().status().claimed() == 0);
    assertThat(names()).containsExactly("ci-2", "ci-3", "ci-4");
    assertThat(world.outside().machines()).hasSize(3);
  }

  @Test
  void twoHundredClaimsOnAPoolOfTwentyGiveTwenty() throws Exception {
    // So long none is made in place of what was claimed.
    world.apply(pool(20, "img", "max: 20"));
    awaitFull();
    Map<UUID, Integer> claimed = new HashMap<>();
    List<String> refused = new ArrayList<>();
    List<Duration> took = new ArrayList<>();
    try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Object>> all = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        all.add(
            many.submit(() -> {
              Instant begun = Instant.now();
              try {
                UUID uid = claim("1h", null).uid();
                synchronized (took) {
                  took.add(Duration.between(begun, Instant.now()));
                }
                return uid;
              } catch (ProblemException e) {
                return e;
              }
            }));
      }
      for (Future<Object> each : all) {
        switch (each.get()) {
          case UUID uid -> claimed.merge(uid, 1, Integer::sum);
          case ProblemException e -> {
            assertThat(e.problem().type()).isEqualTo(Problem.Type.UNAVAILABLE);
            refused.add(e.problem().detail());
          }
          case Object o -> throw new AssertionError(o);
        }
      }
    }
    assertThat(claimed).hasSize(20).allSatisfy((uid, times) -> assertThat(times).isOne());
    assertThat(refused)
        .hasSize(180)
        .allMatch(s -> s.startsWith("no machine of Pool ci is ready just now; "));
    assertThat(took).allMatch(d -> d.compareTo(Duration.ofSeconds(20)) < 0);
    world.await(
        "it is told that no more may be",
        () ->
            ready().reason().equals("Limited")
                && ready()
                    .message()
                    .equals(
                        "0 of 20 machines are ready. 20 are claimed, and there are 20 at most."));
    assertThat(world.outside().machines()).hasSize(20);
  }

  @Test
  void whoIsOnALeashGoesWithItsCaller() {
    world.apply(pool(1, "img", ""));
    awaitFull();
    Resource<MachineSpec, MachineStatus> mine = claim("2h", "10s");
    assertThat(mine.spec().expiry()).isNotNull();
    assertThat(mine.spec().expiry().leash()).isEqualTo(TimeSpan.parse("10s"));
    world.store.write(tx -> world.engine.expire().beat(tx, "default", mine.name()));
    assertThatThrownBy(() -> claim("0s", null))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().errors().getFirst().field()).isEqualTo("ttl"));
  }

  /** It may be as dead as its hypervisor. */
  @Test
  void whatIsOnAHypervisorThatDoesNotAnswerIsGivenToNobody() {
    world.apply(pool(1, "img", ""));
    awaitFull();
    world.hypervisor.faults().reachable(false);
    world.await("it is away", () -> !seen());
    assertThatThrownBy(() -> claim(null, null)).hasMessageContaining("Pool ci");
    world.hypervisor.faults().reachable(true);
    world.await("it is back", this::seen);
    assertThat(claim(null, null).name()).isEqualTo("ci-1");
  }

  // --- keeping it full ---------------------------------------------------------------------------

  @Test
  void outdatedMachinesAreReplacedAndTheFreshOnesAreGivenFirst() {
    world.apply(pool(4, "img", ""));
    awaitFull();
    world.apply(pool(4, "img2", ""));
    // One that is just being written is passed over by a claim; so there are two.
    world.await(
        "some are new",
        () ->
            members().stream()
                    .filter(m ->
                        m.spec().image().equals("img2")
                            && Condition.holds(m.status().conditions(), Condition.READY))
                    .count()
                >= 2);
    assertThat(claim(null, null).spec().image()).isEqualTo("img2");
    awaitFull();
    assertThat(members()).hasSize(4).allMatch(m -> m.spec().image().equals("img2"));
    world.await("the old ones are gone", () -> world.outside().machines().size() == 5);
  }

  @Test
  void machinesOfAChangedNetworkAreReplacedAndNoneIsStopped() {
    world.apply(pool(4, "img", ""));
    awaitFull();
    Set<UUID> before =
        members().stream().map(Resource::uid).collect(java.util.stream.Collectors.toSet());
    String network =
        java.util.Arrays.stream(BASE.split("---\n"))
            .filter(m -> m.contains("kind: Network"))
            .findFirst()
            .orElseThrow();
    world.apply(network.replace("spec:\n", "spec:\n  vlan: 7\n"));
    world.await(
        "they are others",
        3,
        () -> members().stream().map(Resource::uid).noneMatch(before::contains));
    awaitFull();
    assertThat(members())
        .allSatisfy(m ->
            assertThat(world.hypervisor.definition(m.uid()).orElseThrow().nics().getFirst().vlan())
                .isEqualTo(7));
    for (UUID old : before) {
      assertThat(operations(old, "DELETE")).isOne();
      assertThat(operations(old, "UPDATE")).isZero();
    }
  }

  private long operations(UUID target, String verb) {
    return world.number(
        "SELECT count(*) FROM operation WHERE target = '%s' AND verb = '%s'"
            .formatted(target, verb));
  }

  @Test
  void itShrinksAndGrows() {
    world.apply(pool(3, "img", ""));
    awaitFull();
    world.apply(pool(1, "img", ""));
    world.await("two are gone", () -> names().equals(List.of("ci-1")));
    awaitFull();
    world.apply(pool(2, "img", ""));
    awaitFull();
    assertThat(names()).containsExactly("ci-1", "ci-4");
  }

  @Test
  void itsEndTakesOnlyWhatNobodyClaimed() {
    world.apply(pool(2, "img", ""));
    awaitFull();
    UUID uid = pool().uid();
    Resource<MachineSpec, MachineStatus> mine = claim(null, null);
    world.engine.delete().delete(World.ANNA, Kind.POOL, "default", "ci", null);
    assertThatThrownBy(() -> claim(null, null))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().type()).isEqualTo(Problem.Type.CONFLICT));
    world.await("it is gone", () -> world.store.read(tx -> tx.resources().find(uid)).isEmpty());
    assertThat(world.ready(mine.name())).isTrue();
    assertThat(world.outside().machines()).hasSize(1);
  }

  // --- what is refused
  // -----------------------------------------------------------------------------

  @Test
  void moreThanTheQuotaIsRefusedAsAWhole() {
    world.store.write(
        tx -> tx.projects().limit("default", new Projects.Quota(3, null, null, null, null, null)));
    assertThatThrownBy(() -> world.apply(pool(4, "img", "")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> {
              assertThat(e.problem().type()).isEqualTo(Problem.Type.QUOTA);
              assertThat(e.problem().detail()).contains("4 machines, and may have 3");
            });
    boolean there =
        world.store.read(tx -> tx.resources().find(Kind.POOL, "default", "ci").isPresent());
    assertThat(there).isFalse();
    world.apply(pool(3, "img", ""));
    awaitFull();
    claim(null, null);
    // There is no room for another one, and it says so, and goes on when there is.
    world.await("it says so", () -> ready().reason().equals("Refused"));
    assertThat(ready().message()).contains("2 of 3 machines are ready", "may have 3");
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "ci-1", null);
    awaitFull();
  }

  @Test
  void whatBelongsToItCannotBeChangedByHand() {
    world.apply(pool(1, "img", ""));
    awaitFull();
    assertThatThrownBy(
            () -> world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "ci-1", null))
        .hasMessageContaining("Machine ci-1 belongs to Pool ci; claim it first");
    assertThatThrownBy(() -> relabelled(Map.of())).hasMessageContaining("is declared by Pool ci");
    claim(null, null);
    assertThatThrownBy(() -> relabelled(Map.of(Names.CLAIMED_FROM, "other")))
        .hasMessageContaining("is put on machines by Millwright; leave it out");
    relabelled(Map.of(Names.CLAIMED_FROM, "ci", "mine", "yes"));
    relabelled(Map.of("mine", "no")); // as an export has it
    assertThat(world.machine("ci-1").metadata().labels())
        .containsEntry("mine", "no")
        .containsEntry(Names.CLAIMED_FROM, "ci");
  }

  private void relabelled(Map<String, String> labels) {
    Resource<MachineSpec, MachineStatus> m = world.machine("ci-1");
    world
        .engine
        .apply()
        .apply(
            World.ANNA,
            List.of(
                new Draft(
                    Kind.MACHINE, "ci-1", "default", labels, Map.of(), m.spec(), "Machine ci-1")),
            Apply.Expectation.NONE);
  }

  @Test
  void nonsenseIsRefusedByItsField() {
    assertThatThrownBy(() -> world.apply(pool(2, "img", "max: 1")))
        .hasMessageContaining("spec.max");
    assertThatThrownBy(() -> world.apply(pool(2, "img", "ttl: 400d")))
        .hasMessageContaining("spec.ttl");
    assertThatThrownBy(() ->
            world.apply(
                pool(2, "img", "").stripTrailing() + "\n    volumes: [{name: data, size: 1GiB}]\n"))
        .hasMessageContaining("spec.machine.volumes");
  }

  @Test
  void whereMachinesMustEndTheirLifeIsCountedFromTheClaim() {
    TimeSpan most = TimeSpan.parse("4h");
    world.store.write(tx ->
        tx.projects().limit("default", new Projects.Quota(null, null, null, null, null, most)));
    assertThatThrownBy(() -> world.apply(pool(1, "img", "")))
        .hasMessageContaining(
            "Pool ci: spec.ttl: 8h is too long; machines of project default live 4h at most");
    assertThat(world.find("ci-1")).isEmpty();
    world.apply(pool(1, "img", "ttl: 2h"));
    awaitFull();
    assertThat(members()).allMatch(m -> m.spec().expiry() == null);

    world.pass(Duration.ofDays(3));
    assertThatThrownBy(() -> claim("5h", null))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().errors().getFirst().field()).isEqualTo("ttl"))
        .hasMessageContaining("5h is too long; machines of project default live 4h at most");
    assertThat(names()).containsExactly("ci-1");
    String mine = claim(null, null).name();
    Instant claimed = world.now();
    assertThat(world.machine(mine).status().expiresAt())
        .isBetween(claimed.plus(Duration.ofMinutes(119)), claimed.plus(Duration.ofHours(2)));

    world.pass(Duration.ofHours(1));
    world.store.write(tx -> world.engine.expire().extend(tx, "default", mine, time("150m")));
    assertThatThrownBy(() ->
            world.store.write(
                tx -> world.engine.expire().extend(tx, "default", mine, time("190m"))))
        .hasMessageContaining("cannot be extended: machines of project default live 4h at most");
    assertThat(world.machine(mine).status().expiresAt())
        .isAfter(claimed.plus(Duration.ofMinutes(205)));
  }

  private static TimeSpan time(String text) {
    return TimeSpan.parse(text);
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.engine.request.Apply;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is wrong is refused with a message that helps, and nothing at all is changed by it. */
@Tag("database")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadInputTest {
  /** {@code ./millwright test --many N} says how many. */
  private static final int MANY = Integer.getInteger("many", 800);

  private World world;

  @BeforeAll
  void begin() {
    world = new World(World.Pace.EAGER);
    world.hypervisor.capacity(8, ByteSize.ofMib(1L << 22), ByteSize.ofMib(1L << 25));
    world.apply(World.BASE);
    world.apply(World.machine("web", ""));
    world.awaitReady("web");
    world.awaitEnd(world.machine("web").uid());
    world.await(
        "the hypervisor is known",
        () ->
            world
                .store
                .read(tx -> tx.resources().find(Kind.HYPERVISOR, "shared", "sim"))
                .map(h -> ((HypervisorStatus) h.status()).memory() != null)
                .orElse(false));
  }

  @AfterAll
  void end() {
    world.close();
  }

  @Test
  void whatIsNotThereIsToldWithTheNameThatIsLikeIt() {
    assertThatThrownBy(
            () -> world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "wbe", null))
        .isInstanceOf(ProblemException.class)
        .hasMessage("there is no Machine wbe in project default (did you mean \"web\"?)");
    assertThatThrownBy(() -> world.engine.power().set(World.ANNA, "default", "database", Power.OFF))
        .hasMessage("there is no Machine database in project default");
  }

  /** Everything that an apply could leave behind, and work that goes on meanwhile cannot. */
  private String everything() {
    StringBuilder query =
        new StringBuilder("SELECT concat_ws(' ', (SELECT sum(generation) FROM resource)");
    for (String table :
        List.of("resource", "reference", "placement", "address", "mac", "operation")) {
      query
          .append(", '")
          .append(table)
          .append("', (SELECT count(*) FROM ")
          .append(table)
          .append(")");
    }
    return world.strings(query.append(")").toString()).getFirst();
  }

  private Problem refused(ThrowingCallable act) {
    String before = everything();
    ProblemException refusal = catchThrowableOfType(ProblemException.class, act);
    assertThat(refusal).isNotNull();
    assertThat(everything()).isEqualTo(before);
    return refusal.problem();
  }

  private Problem refused(String manifest) {
    return refused(() -> world.apply(manifest));
  }

  @Test
  void aMachineIsPluggedOnlyIntoWhatIsAttachedWhereItIs() {
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: nowhere}
        spec: {subnets: [{cidr: 10.9.0.0/24}], attachments: []}
        """);
    Problem problem =
        refused(World.machine("web", "").replace("{network: net, ipv4", "{network: nowhere, ipv4"));
    assertThat(problem.errors())
        .singleElement()
        .satisfies(e -> {
          assertThat(e.field()).endsWith("spec.nics[1].network");
          assertThat(e.message())
              .isEqualTo("Network nowhere is not attached to Hypervisor sim, where the machine is");
        });
  }

  /** Who names what was not taken has done nothing wrong, but what is wrong with it is told. */
  @Test
  void oneMistakeIsOneError() {
    String network =
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: lab}
        spec: {subnets: [{cidr: 10.9.0.0/24}], attachments: [{hypervisor: simm, bridge: br0}]}
        ---
        """;
    String machine = World.machine("new", "").replace("{network: net, ipv4", "{network: lab, ipv4");
    assertThat(refused(network + machine).errors())
        .singleElement()
        .satisfies(e -> assertThat(e.message()).contains("Hypervisor", "did you mean \"sim\"?"));
    assertThat(refused(network + machine.replace("[me]", "[mee]")).errors())
        .extracting(Violation::message)
        .satisfiesExactly(
            first -> assertThat(first).contains("there is no Hypervisor \"simm\""),
            second -> assertThat(second).contains("there is no Profile \"mee\""));
    assertThat(refused(machine).errors())
        .singleElement()
        .satisfies(e -> assertThat(e.message()).contains("there is no Network \"lab\""));
  }

  private static String nic(String nic) {
    return World.machine("new", "").replaceFirst("nics: .*", "nics: [{network: net, " + nic + "}]");
  }

  // --- what it says --------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          kind: Machine    | kind: Machin      | did you mean "Machine"?
          size: small      | sise: small       | did you mean "size"?
          size: small      | size: smal        | did you mean "small"?
          image: img       | image: imgg       | did you mean "img"?
          profiles: [me]   | profiles: [mee]   | did you mean "me"?
          {network: net}   | {network: nett}   | did you mean "net"?
          profiles: [me]   | volumes: [none]   | there is no Volume "none"
          profiles: [me]   | hypervisor: simm  | did you mean "sim"?
          profiles: [me]   | firmware: eufi    | did you mean "uefi"?
          profiles: [me]   | power: onn        | did you mean "on"?
          """)
  void aNameThatIsNotThereIsAnsweredWithTheNearestOne(String right, String wrong, String answer) {
    Problem problem = refused(World.machine("new", "").replaceFirst(quoted(right), wrong));
    assertThat(problem.type()).isEqualTo(Problem.Type.INVALID);
    assertThat(problem.detail()).contains(answer);
  }

  private static String quoted(String text) {
    return java.util.regex.Pattern.quote(text);
  }

  @Test
  void aDriverThatIsNotThereIsAnsweredWithTheNearestOne() {
    assertThat(
            refused(
                    """
                    apiVersion: millwright/v1
                    kind: Hypervisor
                    metadata: {name: other}
                    spec: {driver: simulatd}
                    """)
                .detail())
        .contains("did you mean \"simulated\"?");
  }

  @Test
  void twoResourcesOfOneNameAreNoManifest() {
    Problem problem =
        refused(World.machine("new", "") + "---\n" + World.machine("new", "firmware: uefi"));
    assertThat(problem.detail()).contains("new").containsIgnoringCase("twice");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ipv4: 10.1.0.1          | outside the subnet
          ipv4: 10.0.0.0          | network address
          ipv4: 10.0.255.255      | broadcast address
          ipv4: 10.0.0.1          | gateway
          ipv6: "fd00:2::1"       | outside the subnet
          ipv6: "fd00:1::1"       | gateway
          ipv4: 10.0.0.300        | 10.0.0.300
          mac: "01:00:5e:00:00:01"| mac
          """)
  void anAddressThatCannotBeIsRefused(String asked, String answer) {
    Problem problem = refused(nic(asked));
    assertThat(problem.type()).isEqualTo(Problem.Type.INVALID);
    assertThat(problem.detail()).containsIgnoringCase(answer);
    assertThat(problem.errors().getFirst().field()).contains("spec.nics[0]");
  }

  @Test
  void aGatewayThatAMachineHasIsRefused() {
    world.apply(World.machine("web", ""));
    String taken =
        world.machine("web").status().interfaces().getFirst().addresses().stream()
            .filter(ip -> !ip.v6())
            .findFirst()
            .orElseThrow()
            .toString();
    Problem problem = refused(World.BASE.replace("gateway: 10.0.0.1}", "gateway: " + taken + "}"));
    assertThat(problem.detail()).contains(taken + " cannot be the gateway: a machine has it");
  }

  @Test
  void twoNetworksOnOneWireDoNotGiveOutTheSame() {
    String another =
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: another, project: p2}
        spec:
          %ssubnets: [{cidr: 10.0.0.0/16%s}]
          attachments: [{hypervisor: sim, bridge: %s}]
        """;
    Problem problem = refused(another.formatted("", "", "br0"));
    assertThat(problem.errors().getFirst().field()).contains("spec.subnets[0]");
    assertThat(problem.detail())
        .contains("gives out 10.0.0.2, as another network on the same wire does");
    assertThat(refused(World.BASE + "---\n" + another.formatted("", "", "br0")).type())
        .isEqualTo(Problem.Type.INVALID);
    world.apply(another.formatted("", ", exclude: [10.0.0.0-10.0.255.254]", "br0"));
    world.apply(another.formatted("vlan: 7\n  ", "", "br0"));
    world.apply(another.formatted("", "", "br9"));
  }

  @Test
  void oneNameLeadsToOneMachine() {
    world.apply(World.machine("web", ""));
    Problem problem = refused(World.machine("other", "hostname: web"));
    assertThat(problem.errors().getFirst().field()).isEqualTo("Machine other: spec.hostname");
    assertThat(problem.detail()).contains("web.lab.test is published for another machine");
    world.apply(World.machine("other", "hostname: www"));
    assertThat(refused(World.machine("third", "hostname: www")).detail()).contains("www.lab.test");
    world.apply(World.machine("other", "hostname: ftp")); // and www is free again
    world.apply(World.machine("third", "hostname: www"));
    world.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", "other", null);
    world.await("it is gone", () -> world.find("other").isEmpty());
    world.apply(World.machine("fourth", "hostname: ftp"));
  }

  @Test
  void subnetsThatOverlapInOneMachineAreRefused() {
    String wider =
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: wider}
        spec:
          subnets: [{cidr: 10.0.0.0/8, gateway: 10.255.0.1}]
          attachments: [{hypervisor: sim, bridge: br2}]
        ---
        """;
    Problem problem =
        refused(
            wider
                + World.machine("new", "")
                    .replaceFirst("nics: .*", "nics: [{network: net}, {network: wider}]"));
    assertThat(problem.type()).isEqualTo(Problem.Type.INVALID);
    assertThat(problem.errors().getFirst().field()).isEqualTo("Machine new: spec.nics[1]");
    assertThat(problem.detail()).contains("10.0.0.0/8 overlaps 10.0.0.0/16");
  }

  @Test
  void anAddressThatIsTakenIsRefusedWithTheNameOfItsHolder() {
    String taken =
        world.machine("web").status().interfaces().getFirst().addresses().getFirst().toString();
    assertThat(refused(nic("ipv4: " + taken)).detail()).contains("taken by Machine web");
    String mac = world.machine("web").status().interfaces().getFirst().mac().toString();
    assertThat(refused(nic("mac: \"" + mac + "\"")).detail()).contains("belongs to Machine web");
  }

  @Test
  void anAddressThatTwoMachinesOfOneManifestAskForIsRefused() {
    Problem problem =
        refused(
            nic("ipv4: 10.0.7.7")
                + "---\n"
                + nic("ipv4: 10.0.7.7").replace("name: new", "name: newer"));
    assertThat(problem.detail()).contains("10.0.7.7 is taken by Machine new");
    assertThat(
            refused(
                    World.machine("new", "")
                        .replaceFirst(
                            "nics: .*",
                            "nics: [{network: net, ipv4: 10.0.7.8}, {network: net, ipv4:"
                                + " 10.0.7.8}]"))
                .detail())
        .contains("10.0.7.8");
  }

  @Test
  void anExhaustedPoolIsSaidAndNothingIsTaken() {
    world.apply(tiny("tiny", "10.9.0.0/29", "10.9.0.2-10.9.0.3"));
    String two = onNetwork("t1", "tiny") + "---\n" + onNetwork("t2", "tiny");
    Problem problem = refused(two + "---\n" + onNetwork("t3", "tiny"));
    assertThat(problem.type()).isEqualTo(Problem.Type.INVALID);
    assertThat(problem.detail()).contains("all addresses of Network tiny").contains("are taken");
    // Neither of the two that there is room for was left behind.
    world.apply(two);
    assertThat(refused(onNetwork("t3", "tiny")).detail()).contains("are taken");
  }

  @Test
  void aSizeLargerThanTheHypervisorIsRefused() {
    String huge =
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: huge}
        spec: {cores: %d, memory: %s, disk: %s}
        ---
        """;
    for (String size :
        List.of(
            huge.formatted(64, "1GiB", "2GiB"),
            huge.formatted(1, "8192GiB", "2GiB"),
            huge.formatted(1, "1GiB", "60TiB"))) {
      Problem problem =
          refused(size + World.machine("new", "").replace("size: small", "size: huge"));
      assertThat(problem.detail()).contains("there is no place for it").contains("not on sim");
    }
  }

  @Test
  void aVolumeLargerThanWhatIsFreeIsRefused() {
    String volume =
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: wide}
        spec: {size: %s, hypervisor: sim, reclaim: delete}
        """;
    for (int i = 0; i < 2; i++) { // first a new one, then one that is to grow
      assertThat(refused(volume.formatted("60TiB")).detail())
          .contains("spec.size: Hypervisor sim has")
          .endsWith("of disk free of 60TiB asked");
      world.apply(volume.formatted("1GiB"));
    }
  }

  @Test
  void aSizeThatMachinesHaveCannotOutgrowTheirHypervisorNorShrinkTheirDisks() {
    String small =
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 1, memory: %s, disk: %s}
        """;
    assertThat(refused(small.formatted("8192GiB", "2GiB")).detail())
        .contains("is larger than Hypervisor sim");
    assertThat(refused(small.formatted("256MiB", "1GiB")).detail()).contains("cannot shrink");
  }

  @Test
  void whatIsInUseIsNotDeleted() {
    for (Kind kind : List.of(Kind.IMAGE, Kind.SIZE, Kind.PROFILE, Kind.NETWORK)) {
      String name =
          switch (kind) {
            case IMAGE -> "img";
            case SIZE -> "small";
            case PROFILE -> "me";
            default -> "net";
          };
      Problem problem =
          refused(() -> world.engine.delete().delete(World.ANNA, kind, "default", name, null));
      assertThat(problem.type()).isEqualTo(Problem.Type.CONFLICT);
      assertThat(problem.detail()).contains("is in use by Machine web");
    }
    assertThat(
            refused(() ->
                    world
                        .engine
                        .delete()
                        .delete(World.ANNA, Kind.HYPERVISOR, "shared", "sim", null))
                .detail())
        .contains("in use by");
  }

  @Test
  void aHypervisorOnWhichMachinesWerePlacedIsNotDeleted() {
    // Nothing names this one: the machine was placed there by choice.
    world.apply(
        """
        apiVersion: millwright/v1
        kind: Hypervisor
        metadata: {name: spare, project: lone}
        spec: {driver: simulated, settings: {world: WORLD-spare}}
        ---
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: plain, project: lone}
        spec: {image: img, size: small, hypervisor: spare}
        ---
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: img, project: lone}
        spec: {os: debian, version: "12", build: {builder: simulated, suite: bookworm}}
        ---
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small, project: lone}
        spec: {cores: 1, memory: 256MiB, disk: 2GiB}
        """
            .replace(", hypervisor: spare", ""));
    ProblemException refusal =
        catchThrowableOfType(
            ProblemException.class,
            () ->
                world
                    .engine
                    .delete()
                    .delete(
                        World.ANNA,
                        Kind.HYPERVISOR,
                        placedOn().equals("spare") ? "lone" : "shared",
                        placedOn(),
                        null));
    assertThat(refusal.problem().type()).isEqualTo(Problem.Type.CONFLICT);
  }

  private String placedOn() {
    return world
        .store
        .read(tx -> tx.resources().find(Kind.MACHINE, "lone", "plain"))
        .map(m -> ((io.millwright.model.MachineStatus) m.status()).hypervisor())
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hostname: \"a\\nb\"",
        "hostname: \"a; reboot\"",
        "hostname: \"$(reboot)\"",
        "hostname: -a",
        "hostname: \"a: {b}\"",
      })
  void aHostnameThatWouldBreakOutIsRefused(String hostname) {
    assertThat(refused(World.machine("new", hostname)).errors().getFirst().field())
        .contains("spec.hostname");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{name: \"root\\nruncmd:\"}",
        "{name: \"a b\"}",
        "{name: \"../../etc\"}",
        "{name: a, keys: [\"ssh-ed25519 AAAA\\nssh-rsa BBBB\"]}",
        "{name: a, keys: [\"command=\\\"reboot\\\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\"]}",
        "{name: a, passwordHash: secret}",
        "{name: a, shell: \"/bin/sh\\nx\"}",
      })
  void aUserThatWouldBreakOutIsRefused(String user) {
    Problem problem =
        refused(
            """
            apiVersion: millwright/v1
            kind: Profile
            metadata: {name: bad}
            spec: {users: [%s]}
            """
                .formatted(user));
    assertThat(problem.errors().getFirst().field()).contains("spec.users[0]");
  }

  @Test
  void aChangeOfWhatSomebodyElseChangedIsRefused() {
    long revision = world.machine("web").metadata().revision();
    Problem problem =
        refused(() ->
            world
                .engine
                .apply()
                .apply(
                    World.ANNA,
                    io.millwright.model.manifest.Manifests.parse(
                        World.machine("web", "firmware: uefi").getBytes(), "test"),
                    new Apply.Expectation(false, revision - 1)));
    assertThat(problem.type()).isEqualTo(Problem.Type.PRECONDITION);
    assertThat(
            refused(() ->
                    world
                        .engine
                        .delete()
                        .delete(World.ANNA, Kind.MACHINE, "default", "web", revision - 1))
                .type())
        .isEqualTo(Problem.Type.PRECONDITION);
  }

  // --- many at once --------------------------------------------------------------------------

  /** As many machines as addresses, declared at once on two nodes; one more is one too many. */
  @Test
  @Tag("slow")
  void everyAddressOfALargePoolIsGivenOnce() throws Exception {
    String network = "most";
    String cidr = "10.64.0.0/16";
    int last = MANY + 1;
    world.apply(tiny(network, cidr, "10.64.0.2-10.64." + last / 256 + "." + last % 256));
    // Off, because this is about what is declared and not about what is made of it.
    String off = "power: off";
    Node other = world.join();
    try {
      Queue<Throwable> wrong = new ConcurrentLinkedQueue<>();
      AtomicInteger again = new AtomicInteger();
      CountDownLatch go = new CountDownLatch(1);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        Node node = i % 2 == 0 ? world.node : other;
        String machine = onNetwork(network + i, network) + "  " + off + "\n";
        threads.add(
            Thread.startVirtualThread(() -> {
              try {
                go.await();
                while (!declared(node, machine)) {
                  // So many cannot all be served at once: who is told so asks again.
                  assertThat(again.incrementAndGet()).isLessThan(20 * MANY);
                }
              } catch (Throwable e) {
                wrong.add(e);
              }
            }));
      }
      go.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(wrong).isEmpty();
      assertThat(
              world.number(
                  "SELECT count(DISTINCT ip) FROM address WHERE cooling_until IS NULL AND ip <<"
                      + " inet '"
                      + cidr
                      + "'"))
          .isEqualTo(MANY);
      ProblemException refusal =
          catchThrowableOfType(
              ProblemException.class, () -> world.apply(other, onNetwork("onemore", network)));
      assertThat(refusal.problem().detail()).contains("are taken");
      assertThat(world.find("onemore")).isEmpty();
    } finally {
      world.leave(other);
    }
  }

  /** False if the server has too much to do now, and nothing of it was done. */
  private boolean declared(Node node, String manifest) {
    try {
      world.apply(node, manifest);
      return true;
    } catch (ProblemException e) {
      if (e.problem().type() == Problem.Type.UNAVAILABLE) {
        return false;
      }
      throw e;
    }
  }

  private static String tiny(String name, String cidr, String pool) {
    return """
    apiVersion: millwright/v1
    kind: Network
    metadata: {name: %s}
    spec:
      subnets: [{cidr: %s, pool: %s}]
      attachments: [{hypervisor: sim, bridge: br1}]
    """
        .formatted(name, cidr, pool);
  }

  private static String onNetwork(String name, String network) {
    return World.machine(name, "")
            .replaceFirst("nics: .*", "nics: [{network: " + network + "}]")
            .stripTrailing()
        + "\n";
  }

  /** A condition that tells of trouble, for messages. */
  static String ready(World world, Kind kind, String name) {
    return world
        .store
        .read(tx -> tx.resources().find(kind, "default", name))
        .flatMap(r -> Condition.find(r.status().conditions(), Condition.READY))
        .map(c -> c.value() + " " + c.reason() + " " + c.message())
        .orElse("");
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.driver.testkit.SimulatedSource;
import io.millwright.engine.Engine;
import io.millwright.engine.access.ApprovalRule;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Rights;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Approvals.Request;
import io.millwright.engine.port.Approvals.State;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Held;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import io.millwright.model.SourceStatus.Item;
import io.millwright.model.manifest.Manifests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.eclipse.jgit.api.Git;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A project bound to a real Git repository, over simulated hypervisors. */
@Tag("database")
@Timeout(120)
class SourceTest {
  private static World world;
  private static int count;

  @TempDir Path dir = Path.of("");

  private Git repository;
  private String name = "";

  @BeforeAll
  static void open() {
    world = new World(World.Pace.FAST);
    world.apply(World.BASE);
    world.await("the image is there", () -> isReady(Kind.IMAGE, "img"));
  }

  @AfterAll
  static void close() {
    world.close();
  }

  @BeforeEach
  void begin() throws GitAPIException {
    name = "src" + ++count;
    repository = Git.init().setDirectory(dir.toFile()).setInitialBranch("main").call();
  }

  @AfterEach
  void end() {
    repository.close();
    if (find(Kind.SOURCE, name).isPresent()) {
      world.engine.delete().delete(World.ANNA, Kind.SOURCE, "default", name, null);
    }
  }

  private static boolean isReady(Kind kind, String name) {
    return find(kind, name)
        .filter(r -> Condition.holds(r.status().conditions(), Condition.READY))
        .isPresent();
  }

  private static Optional<Resource<?, ?>> find(Kind kind, String name) {
    return world.store.read(tx -> tx.resources().find(kind, "default", name));
  }

  private void write(String file, String text) throws IOException {
    Path path = dir.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private String commit() throws GitAPIException {
    repository.add().addFilepattern(".").call();
    repository.add().setUpdate(true).addFilepattern(".").call();
    return repository
        .commit()
        .setSign(false)
        .setMessage("m")
        .setAuthor("a", "a@example.org")
        .setCommitter("a", "a@example.org")
        .call()
        .name();
  }

  private String manifest(String more) {
    return """
    apiVersion: millwright/v1
    kind: Source
    metadata: {name: %s}
    spec: {url: "file://%s", intervalSeconds: 3600, %s}
    """
        .formatted(name, dir, more);
  }

  private void declare(String more) {
    world.apply(manifest(more));
  }

  private SourceStatus status() {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.SOURCE, "default", name, SourceSpec.class, SourceStatus.class))
        .orElseThrow()
        .status();
  }

  private SourceStatus.Plan plan() {
    return Objects.requireNonNull(status().plan());
  }

  private Condition ready() {
    return Condition.find(status().conditions(), Condition.READY).orElseThrow();
  }

  private void sync() {
    world.store.write(tx -> world.engine.sources().sync(tx, "default", name));
  }

  /** Has it read, until it stands like this for this commit. */
  private Condition stands(String reason, String commit) {
    sync();
    world.await(
        name + " is " + reason + " at " + commit + ", not " + ready(),
        () -> {
          Condition now = ready(); // once: between two readings it may become another
          return now.reason().equals(reason) && now.message().contains(commit);
        });
    return ready();
  }

  private String size(String size, int cores) {
    return """
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: %s}
    spec: {cores: %d, memory: 256MiB, disk: 2GiB}
    """
        .formatted(size, cores);
  }

  private static int cores(String size) {
    return ((io.millwright.model.SizeSpec) find(Kind.SIZE, size).orElseThrow().spec()).cores();
  }

  @Test
  void whatACommitSaysIsAndWhatItSaysNoMoreGoes() throws Exception {
    String a = name + "a";
    String b = name + "b";
    String hand = name + "hand";
    world.apply(World.machine(hand, ""));
    write("size.yaml", size(name, 1));
    write("m/a.yaml", World.machine(a, "").replace("size: small", "size: " + name));
    write("m/b.yaml", World.machine(b, ""));
    String first = commit();
    declare("apply: auto, prune: true");
    stands("Synced", first);
    world.awaitReady(a);
    world.awaitReady(b);
    Operation made = world.latest(find(Kind.MACHINE, a).orElseThrow().uid());
    assertThat(made.requestedBy()).isEqualTo("source " + name + " at " + first);
    UUID uid = find(Kind.MACHINE, a).orElseThrow().uid();

    // Changed there is changed here.
    write("size.yaml", size(name, 2));
    String second = commit();
    stands("Synced", second);
    assertThat(cores(name)).isEqualTo(2);
    world.await("the machine follows", () -> world.latest(uid).state().terminal());

    // Changed here is put back.
    world.apply(size(name, 4));
    assertThat(cores(name)).isEqualTo(4);
    sync();
    world.await("it is put back", () -> cores(name) == 2);

    // Gone there goes here, users before what they use; what is made by hand stays.
    world.await("nothing works on it", () -> world.latest(uid).state().terminal());
    Files.delete(dir.resolve("m/a.yaml"));
    Files.delete(dir.resolve("size.yaml"));
    String third = commit();
    stands("Synced", third);
    assertThat(find(Kind.MACHINE, a)).isEmpty();
    assertThat(find(Kind.SIZE, name)).isEmpty();
    assertThat(find(Kind.MACHINE, b)).isPresent();
    assertThat(find(Kind.MACHINE, hand)).isPresent();
    assertThat(find(Kind.SIZE, "small")).isPresent();
    Operation deletion = world.latest(uid);
    assertThat(deletion.verb()).isEqualTo(Operation.Verb.DELETE);
    assertThat(deletion.requestedBy()).isEqualTo("source " + name + " at " + third);
  }

  @Test
  void aCommitWaitsForItsApprovalAndAnotherOneForAnother() throws Exception {
    write("size.yaml", size(name, 1));
    String first = commit();
    declare("prune: true");
    stands("AwaitingApproval", first);
    assertThat(find(Kind.SIZE, name)).isEmpty();
    assertThat(plan().commit()).isEqualTo(first);
    assertThat(plan().items())
        .containsExactly(new Item(Kind.SIZE, name, "created", "", false, List.of()));

    // Approved is a commit whose plan was seen, and no other.
    write("size.yaml", size(name, 2));
    String second = commit();
    assertThatThrownBy(() -> approve(second))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().type()).isEqualTo(Problem.Type.CONFLICT));
    stands("AwaitingApproval", second);
    assertThatThrownBy(() -> approve(first)).hasMessageContaining(second);
    approve(second.substring(0, 7));
    stands("Synced", second);
    assertThat(cores(name)).isEqualTo(2);
    assertThat(status().approved()).isNull();

    // What was approved once is not approved for ever: a change by hand stays, and is shown.
    world.apply(size(name, 8));
    stands("Drifted", second);
    assertThat(cores(name)).isEqualTo(8);
    assertThat(plan().items())
        .containsExactly(new Item(Kind.SIZE, name, "changed", "", false, List.of("spec.cores")));

    // What would go is in the plan, and stays until then.
    Files.delete(dir.resolve("size.yaml"));
    write("other.yaml", size(name + "o", 1));
    String third = commit();
    stands("AwaitingApproval", third);
    assertThat(plan().items())
        .containsExactly(
            new Item(Kind.SIZE, name + "o", "created", "", false, List.of()),
            new Item(Kind.SIZE, name, "deleted", "", true, List.of()));
    approve(third);
    stands("Synced", third);
    assertThat(find(Kind.SIZE, name)).isEmpty();
  }

  /** Also where the source itself applies by itself: the rules of its project are above that. */
  @Test
  void whatARuleHoldsIsAppliedWhenAPersonHasApprovedItInTime() throws Exception {
    String a = name + "a";
    String b = name + "b";
    rules(new ApprovalRule(0, null, null, null, List.of(), List.of(), 1));
    // Whoever approves is there, and may, when it is carried out.
    world.store.write(tx -> {
      tx.people().insert(account(OSKAR));
      tx.people().grant(new Membership(false, OSKAR.name(), null, Role.ADMIN));
    });
    try {
      write("a.yaml", World.machine(a, ""));
      String first = commit();
      declare("apply: auto");
      assertThat(stands("AwaitingApproval", first).message()).contains("more than 0");
      assertThat(find(Kind.MACHINE, a)).isEmpty();
      assertThatThrownBy(() -> world.engine.approving().approve(OSKAR, "shop", held().uid(), ""))
          .as("of another project")
          .hasMessageContaining("there is no request");
      world.engine.approving().approve(OSKAR, "default", held().uid(), "");
      world.await("it is applied", () -> ready().reason().equals("Synced"));
      world.awaitReady(a);
      assertThat(request(first).state()).isEqualTo(State.DONE);

      write("b.yaml", World.machine(b, ""));
      String second = commit();
      stands("AwaitingApproval", second);
      UUID late = held().uid();
      world.pass(Duration.ofDays(7));
      assertThatThrownBy(() -> world.engine.approving().approve(OSKAR, "default", late, ""))
          .isInstanceOfSatisfying(
              ProblemException.class,
              e -> assertThat(e.problem().type()).isEqualTo(Problem.Type.CONFLICT));
      world.store.write(tx -> tx.nudges().nudge(late));
      world.await(
          "it has expired",
          () -> world.engine.approving().find("default", late).state() == State.EXPIRED);
      assertThat(find(Kind.MACHINE, b)).isEmpty();
      // Whoever still wants it asks anew, and that can be approved.
      sync();
      world.await("it is asked for anew", () -> !waiting().isEmpty());
      assertThat(held().uid()).isNotEqualTo(late);
      world.engine.approving().approve(OSKAR, "default", held().uid(), "");
      world.awaitReady(b);
    } finally {
      rules();
    }
  }

  /** Whoever has a source apply something does not get round the eyes of a second person by it. */
  @Test
  void whoHadItAppliedDoesNotApproveIt() throws Exception {
    rules(new ApprovalRule(0, null, null, null, List.of(), List.of(), 1));
    Caller paula = new Caller("paula", "account:paula", new UUID(4, 3), false, Rights.ADMIN);
    world.store.write(tx -> {
      for (Caller each : List.of(OTTO, paula)) {
        tx.people().insert(account(each));
        tx.people().grant(new Membership(false, each.name(), null, Role.ADMIN));
      }
    });
    try {
      write("a.yaml", World.machine(name + "a", ""));
      String first = commit();
      declare(OTTO, "apply: auto");
      stands("AwaitingApproval", first);
      assertThatThrownBy(() -> world.engine.approving().approve(OTTO, "default", held().uid(), ""))
          .as("whoever declared the source")
          .hasMessageContaining("you had it applied");
      world.engine.approving().approve(paula, "default", held().uid(), "");
      world.awaitReady(name + "a");

      declare(OTTO, "apply: approved");
      write("b.yaml", World.machine(name + "b", ""));
      String second = commit();
      stands("AwaitingApproval", second);
      approve(paula, second);
      world.await("the rules hold it", () -> !waiting().isEmpty());
      assertThatThrownBy(() -> world.engine.approving().approve(paula, "default", held().uid(), ""))
          .as("whoever approved the commit")
          .hasMessageContaining("you had it applied");
      world.engine.approving().approve(OTTO, "default", held().uid(), "");
      world.awaitReady(name + "b");
    } finally {
      rules();
    }
  }

  @Test
  void whatIsApprovedWhileTheSourceIsLookedAtStaysApproved() {
    rules(new ApprovalRule(0, null, null, null, List.of(), List.of(), 1));
    Caller ruth = new Caller("ruth", "account:ruth", new UUID(4, 5), false, Rights.ADMIN);
    world.store.write(tx -> {
      tx.people().insert(account(ruth));
      tx.people().grant(new Membership(false, ruth.name(), null, Role.ADMIN));
    });
    try {
      // Of a source that nobody looks at any more, so that nothing carries it out meanwhile.
      Caller source =
          new Caller(
              "source " + name + " at a commit",
              "source:" + UUID.randomUUID(),
              null,
              false,
              new Rights(null, Map.of("default", Role.OPERATOR), Scope.ALL));
      Held asked =
          catchThrowableOfType(
              Held.class,
              () ->
                  world
                      .engine
                      .apply()
                      .apply(
                          source,
                          Manifests.parse(
                              World.machine(name, "").getBytes(StandardCharsets.UTF_8), "test"),
                          Apply.Expectation.NONE));
      UUID request = world.engine.approving().hold(asked).uid();
      world.engine.approving().approve(ruth, "default", request, "");
      Request now = world.engine.approving().hold(asked);
      assertThat(now.uid()).isEqualTo(request);
      assertThat(now.state()).isEqualTo(State.APPROVED);
    } finally {
      rules();
    }
  }

  @Test
  void aRuleForARoleHoldsASourceAsWell() throws Exception {
    rules(new ApprovalRule(0, null, null, null, List.of(), List.of(Role.USER), 1));
    try {
      write("a.yaml", World.machine(name, ""));
      String commit = commit();
      declare("apply: auto");
      stands("AwaitingApproval", commit);
      assertThat(find(Kind.MACHINE, name)).isEmpty();
    } finally {
      rules();
    }
  }

  private void declare(Caller by, String more) {
    world
        .engine
        .apply()
        .apply(
            by,
            Manifests.parse(manifest(more).getBytes(StandardCharsets.UTF_8), "test"),
            Apply.Expectation.NONE);
  }

  private static final Caller OTTO =
      new Caller("otto", "account:otto", new UUID(4, 4), false, Rights.ADMIN);

  private static final Caller OSKAR =
      new Caller("oskar", "account:oskar", new UUID(4, 2), false, Rights.ADMIN);

  private static Account account(Caller caller) {
    return new Account(
        Objects.requireNonNull(caller.account()),
        caller.name(),
        caller.name(),
        null,
        false,
        false,
        null,
        null,
        List.of(),
        world.now());
  }

  private static void rules(ApprovalRule... rules) {
    world.store.write(tx -> tx.projects().approvalRules("default", List.of(rules)));
  }

  private static List<Request> requests() {
    return world.store.read(tx -> tx.approvals().list("default", null, null, List.of(), null, 100));
  }

  private List<Request> waiting() {
    return requests().stream()
        .filter(r -> r.state() == State.WAITING)
        .filter(r -> r.requester().startsWith("source " + name + " "))
        .toList();
  }

  private Request held() {
    assertThat(waiting()).hasSize(1);
    return waiting().getFirst();
  }

  private static Request request(String commit) {
    return requests().stream()
        .filter(r -> r.requester().contains(commit))
        .findFirst()
        .orElseThrow();
  }

  private void approve(String commit) {
    approve(World.ANNA, commit);
  }

  private void approve(Caller by, String commit) {
    world.store.write(tx -> world.engine.sources().approve(tx, by, "default", name, commit));
  }

  @Test
  void whatCannotBeReadOrAppliedChangesNothingAndSaysWhere() throws Exception {
    write("a.yaml", size(name, 1));
    write("b.yaml", World.machine(name, ""));
    String good = commit();
    declare("apply: auto, prune: true");
    stands("Synced", good);

    write("a.yaml", size(name, 2));
    write("b.yaml", "apiVersion: millwright/v1\nkind: Machine\nmetadata: {name: x\n");
    String broken = commit();
    assertThat(stands("Invalid", broken).message()).containsPattern("b\\.yaml line \\d+");

    write("b.yaml", World.machine(name, "nosuch: 1"));
    String unknown = commit();
    assertThat(stands("Invalid", unknown).message())
        .contains("Machine " + name + ": spec.nosuch: is unknown")
        .containsPattern("\\(b\\.yaml line 9");

    write("b.yaml", World.machine(name, "").replace("image: img", "image: none"));
    String missing = commit();
    assertThat(stands("Rejected", missing).message())
        .contains("Machine " + name + ": spec.image: there is no Image \"none\"")
        .contains("(b.yaml (line 1))");

    write("b.yaml", World.machine(name, "").replace("name: " + name, "name: x, project: other"));
    String elsewhere = commit();
    assertThat(stands("Invalid", elsewhere).message())
        .contains("metadata.project: must be default")
        .contains("b.yaml line 3");

    write(
        "b.yaml",
        "apiVersion: millwright/v1\nkind: Network\nmetadata: {name: n}\nspec:\n"
            + "  subnets: []\n  attachments: [{hypervisor: sim, bridge: b}]\n"
            + "  services: {driver: simulated, settings: {world: w}}\n");
    String house = commit();
    assertThat(stands("Rejected", house).message())
        .contains("Network n: kind: cannot be created by a source, which acts as operator of its")
        .contains("(b.yaml (line 1))");
    assertThat(find(Kind.NETWORK, "n")).isEmpty();

    write(
        "b.yaml", "# one\n# two\nkey: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  b3BlbnNzaC1r\n");
    String secret = commit();
    assertThat(stands("Invalid", secret).message())
        .contains("b.yaml line 4: is a private key in clear")
        .doesNotContain("b3BlbnNzaC1r");

    Files.delete(dir.resolve("a.yaml"));
    Files.delete(dir.resolve("b.yaml"));
    write("README", "nothing");
    commit();
    sync();
    world.await("an empty tree is refused", () -> ready().reason().equals("Refused"));

    assertThat(status().applied()).isEqualTo(good);
    assertThat(cores(name)).isEqualTo(1);
    assertThat(find(Kind.MACHINE, name)).isPresent();
    assertThat(find(Kind.MACHINE, "x")).isEmpty();
  }

  @Test
  void aSecretInClearIsRefusedWithItsLineAndASealedOneIsNot() throws Exception {
    String source =
        """
        apiVersion: millwright/v1
        kind: Source
        metadata: {name: inner}
        spec:
          url: https://git.example.org/x
          settings:
            token: %s
        """;
    write("s.yaml", source.formatted("a-token-in-clear"));
    String clear = commit();
    declare("apply: auto");
    assertThat(stands("Invalid", clear).message())
        .contains("spec.settings.token: is a secret in clear")
        .contains("s.yaml line 7")
        .doesNotContain("a-token-in-clear");
    write(
        "s.yaml",
        """
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: people}
        spec:
          users:
            - {name: eva, passwordHash: "$6$abcdefgh$01234567890123456789"}
        """);
    String hash = commit();
    assertThat(stands("Invalid", hash).message())
        .contains("spec.users[0].passwordHash: is a secret in clear")
        .contains("s.yaml line 6")
        .doesNotContain("01234567890123456789");
    write("s.yaml", source.formatted("(sealed)"));
    String sealed = commit();
    // There is no such secret that it could stand for.
    assertThat(stands("Rejected", sealed).message())
        .doesNotContain("in clear")
        .contains("spec.settings.token: (sealed) stands for a secret that is there already");
  }

  /** An export has all of a project, and what is committed of it changes nothing. */
  @Test
  void whatMayNotComeFromASourceMayStandThereAsItIs() throws Exception {
    String base = World.BASE.replace("WORLD", world.name);
    write("base.yaml", base.substring(base.indexOf("---") + 4) + "---\n" + size(name, 1));
    write("source.yaml", manifest("apply: auto, prune: true"));
    String first = commit();
    declare("apply: auto, prune: true");
    stands("Synced", first);
    assertThat(cores(name)).isEqualTo(1);
    write("base.yaml", Files.readString(dir.resolve("base.yaml")).replace("lab.test", "x.test"));
    String second = commit();
    assertThat(stands("Rejected", second).message())
        .contains("Network net: kind: cannot be changed by a source");
    // Nor does it go because it stands there no more.
    Files.delete(dir.resolve("base.yaml"));
    write("size.yaml", size(name, 1) + "---\n" + size("small", 1) + "---\n" + PROFILE);
    String third = commit();
    stands("Synced", third);
    assertThat(find(Kind.NETWORK, "net")).isPresent();
    assertThat(find(Kind.IMAGE, "img")).isPresent();
  }

  private static final String PROFILE =
      """
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: me}
      spec: {users: [{name: admin}]}
      """;

  @Test
  void oneResourceHasOneSource() throws Exception {
    write("a.yaml", size(name, 1));
    String first = commit();
    declare("apply: auto");
    stands("Synced", first);
    String mine = name;
    name = mine + "too";
    declare("apply: auto");
    assertThat(stands("Rejected", first).message())
        .contains("Size " + mine + ": metadata.name: is declared by Source " + mine + " already");
    world.engine.delete().delete(World.ANNA, Kind.SOURCE, "default", mine, null);
    // What a source declared stays when it goes, and may come from another one.
    assertThat(find(Kind.SIZE, mine)).isPresent();
    stands("Synced", first);
  }

  @Test
  void aSourceIsReadyAsItIsDeclaredAndNotAsItWasBefore() throws Exception {
    write("a.yaml", size(name, 1));
    String first = commit();
    declare("apply: auto");
    stands("Synced", first);
    Resource<?, ?> elsewhere =
        world.apply(manifest("apply: auto, branch: none")).getFirst().resource();
    Condition ready =
        Condition.find(elsewhere.status().conditions(), Condition.READY).orElseThrow();
    assertThat(ready.value()).isEqualTo(Condition.Value.UNKNOWN);
    assertThat(ready.reason()).isEqualTo("Pending");
    world.await("it is refused", () -> ready().reason().equals("Refused"));
  }

  @Test
  void whatIsNotToBePrunedIsKept() throws Exception {
    write("a.yaml", size(name, 1));
    write("b.yaml", size(name + "b", 1));
    commit();
    declare("apply: auto");
    stands("Synced", "");
    Files.delete(dir.resolve("b.yaml"));
    String second = commit();
    stands("Synced", second);
    assertThat(find(Kind.SIZE, name + "b")).isPresent();
    // It came from here all the same.
    declare("apply: auto, prune: true");
    stands("Synced", second);
    world.await("it goes", () -> find(Kind.SIZE, name + "b").isEmpty());
  }

  @Test
  void aVolumeThatIsRetainedIsLetGo() throws Exception {
    String kept = volume(name + "a", "retain");
    write("a.yaml", kept);
    write("b.yaml", volume(name + "b", "delete"));
    write("c.yaml", size(name, 1));
    commit();
    declare("apply: auto, prune: true");
    stands("Synced", "");
    UUID uid = find(Kind.VOLUME, name + "a").orElseThrow().uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new Operation.State.Succeeded());
    world.awaitEnd(find(Kind.VOLUME, name + "b").orElseThrow().uid());

    declare("apply: approved, prune: true");
    Files.delete(dir.resolve("a.yaml"));
    Files.delete(dir.resolve("b.yaml"));
    String second = commit();
    assertThat(stands("AwaitingApproval", second).message()).contains("1 deleted, 1 released");
    assertThat(plan().items())
        .extracting(i -> i.name() + " " + i.action() + " " + i.destroys())
        .containsExactly(name + "a released false", name + "b deleted true");

    declare("apply: auto, prune: true");
    stands("Synced", second);
    assertThat(find(Kind.VOLUME, name + "a").orElseThrow().deleting()).isFalse();
    world.await("the other one goes", () -> find(Kind.VOLUME, name + "b").isEmpty());
    // It is nobody's now, so another source may have it; and this one again.
    assertThat(world.number("SELECT count(*) FROM sourced WHERE uid = '" + uid + "'")).isZero();
    write("a.yaml", kept);
    stands("Synced", commit());
    assertThat(world.number("SELECT count(*) FROM sourced WHERE uid = '" + uid + "'")).isOne();
  }

  private static String volume(String volume, String reclaim) {
    return """
    apiVersion: millwright/v1
    kind: Volume
    metadata: {name: %s}
    spec: {size: 64MiB, hypervisor: sim, reclaim: %s}
    """
        .formatted(volume, reclaim);
  }

  @Test
  void onlyWhoKnowsTheSecretIsHeard() throws Exception {
    write("a.yaml", size(name, 1));
    String first = commit();
    declare("apply: auto, settings: {webhookSecret: s3cret}");
    stands("Synced", first);
    assertThat(
            world.strings("SELECT spec::text FROM resource WHERE name = '" + name + "'").getFirst())
        .doesNotContain("s3cret");
    write("a.yaml", size(name, 2));
    commit();
    byte[] body = "{\"ref\": \"refs/heads/main\"}".getBytes(StandardCharsets.UTF_8);
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec("s3cret".getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
    String signature = "sha256=" + HexFormat.of().formatHex(mac.doFinal(body));
    var sources = world.engine.sources();
    assertThat(sources.heard("default", name, new byte[] {1}, signature, null)).isFalse();
    assertThat(sources.heard("default", name, body, null, "another")).isFalse();
    assertThat(sources.heard("default", name, body, null, null)).isFalse();
    assertThat(sources.heard("default", "none", body, signature, "")).isFalse();
    assertThat(sources.heard("default", name, body, signature, null)).isTrue();
    world.await("it was read", () -> cores(name) == 2);
    write("a.yaml", size(name, 3));
    commit();
    assertThat(sources.heard("default", name, body, null, "s3cret")).isTrue();
    world.await("it was read", () -> cores(name) == 3);
  }

  @Test
  void aSecretIsNotCarriedToAnotherHost() {
    declare("settings: {token: t}");
    assertThatThrownBy(() ->
            world.apply(
                manifest("settings: {token: (sealed)}")
                    .replace("file://", "https://elsewhere.example.org")))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .anySatisfy(v ->
                        assertThat(v.field() + ": " + v.message())
                            .contains("spec.settings.token: ")
                            .contains("give the secret")));
    assertThat(world.apply(manifest("settings: {token: (sealed)}")).getFirst().changes()).isEmpty();
  }

  @Test
  void aRefusedQuotaChangesNothing() throws Exception {
    world.store.write(tx ->
        tx.projects()
            .limit(
                "default",
                new Projects.Quota(
                    (int) tx.projects().usage("default").machines(),
                    null,
                    null,
                    null,
                    null,
                    null)));
    try {
      write("a.yaml", size(name, 1));
      write("b.yaml", World.machine(name, ""));
      String commit = commit();
      declare("apply: auto");
      assertThat(stands("Rejected", commit).message()).contains("machines, and may have");
      assertThat(find(Kind.SIZE, name)).isEmpty();
    } finally {
      world.store.write(
          tx -> tx.projects().limit("default", io.millwright.engine.port.Projects.Quota.NONE));
    }
  }

  @Test
  void atRestNothingIsWritten() throws Exception {
    write("a.yaml", size(name, 1));
    String commit = commit();
    declare("apply: auto, prune: true");
    stands("Synced", commit);
    long revision = revision();
    String query = "SELECT count(*) FROM journal WHERE name = '" + name + "' AND message <> ''";
    long told = world.number(query);
    for (int i = 0; i < 3; i++) {
      sync();
      world.await(
          "it was looked at",
          () ->
              world.number(
                      "SELECT count(*) FROM scheduled_tasks WHERE NOT picked AND again IS NULL AND"
                          + " execution_time > now() + interval '1 minute' AND task_instance = '"
                          + find(Kind.SOURCE, name).orElseThrow().uid()
                          + "'")
                  == 1);
    }
    assertThat(revision()).isEqualTo(revision);
    assertThat(world.number(query)).isEqualTo(told);
  }

  private long revision() {
    return find(Kind.SOURCE, name).orElseThrow().metadata().revision();
  }

  /** A group's machines are the commit's work as well. */
  @Test
  void theCommitIsOnWhatAGroupDoesForIt() throws Exception {
    write(
        "g.yaml",
        """
        apiVersion: millwright/v1
        kind: Group
        metadata: {name: %s}
        spec:
          count: 1
          machine: {image: img, size: small, profiles: [me], nics: [{network: net}]}
        """
            .formatted(name));
    String first = commit();
    declare("apply: auto, prune: true");
    stands("Synced", first);
    world.awaitReady(name + "-0");
    UUID member = find(Kind.MACHINE, name + "-0").orElseThrow().uid();
    assertThat(world.latest(member).requestedBy()).contains(first);
    Files.delete(dir.resolve("g.yaml"));
    write("size.yaml", size(name, 1));
    String second = commit();
    stands("Synced", second);
    assertThat(find(Kind.MACHINE, name + "-0")).isEmpty();
    assertThat(world.latest(member).requestedBy())
        .isEqualTo("group " + name + " for source " + name + " at " + second);
  }

  /** And what a pool does: what it makes in the place of another one, and what it removes. */
  @Test
  void theCommitIsOnWhatAPoolDoesForIt() throws Exception {
    String pool =
        """
        apiVersion: millwright/v1
        kind: Pool
        metadata: {name: %s}
        spec:
          ready: 1
          machine: {image: img, size: small, profiles: [me], nics: [{network: net}]}
        """
            .formatted(name);
    write("p.yaml", pool);
    String first = commit();
    declare("apply: auto, prune: true");
    stands("Synced", first);
    world.awaitReady(name + "-1");
    UUID old = find(Kind.MACHINE, name + "-1").orElseThrow().uid();
    assertThat(world.latest(old).requestedBy()).contains(first);
    write("p.yaml", pool.replace("profiles: [me]", "profiles: []"));
    String second = commit();
    stands("Synced", second);
    world.awaitReady(name + "-2");
    String pools = "pool " + name + " for source " + name + " at ";
    assertThat(world.latest(old).requestedBy()).isEqualTo(pools + second);
    UUID fresh = find(Kind.MACHINE, name + "-2").orElseThrow().uid();
    assertThat(world.latest(fresh).requestedBy()).isEqualTo(pools + second);
    Files.delete(dir.resolve("p.yaml"));
    write("size.yaml", size(name, 1));
    String third = commit();
    stands("Synced", third);
    assertThat(world.latest(fresh).requestedBy()).isEqualTo(pools + third);
  }

  // --- a server that dies ----------------------------------------------------------------------

  /** The server is no more; nothing may catch this and go on. */
  private static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  /** A database whose server dies at one of its transactions. */
  private static final class Mortal implements Store {
    private final Store real;
    private final boolean after;
    private int left;
    private boolean died;

    Mortal(Store real, int left, boolean after) {
      this.real = real;
      this.left = left;
      this.after = after;
    }

    @Override
    public <T> T inTransaction(Function<Tx, T> work) {
      boolean last = --left == 0;
      if (died || (last && !after)) {
        died = true;
        throw new Crash();
      }
      T out = real.inTransaction(work);
      if (last) {
        died = true;
        throw new Crash();
      }
      return out;
    }

    @Override
    public <T> T read(Function<Tx, T> work) {
      return real.read(work);
    }

    @Override
    public <T> T dryRun(Function<Tx, T> work) {
      return real.dryRun(work);
    }
  }

  /**
   * There is no effect outside, so what lies between two transactions is all there is: at each of
   * them the server dies, once before it and once after it.
   */
  @Test
  void aServerThatDiesAtAnyTransactionHasDoneAllOfACommitOrNothing() throws Exception {
    int deaths = 0;
    try (World bare = World.bare();
        Engine healthy = engine(bare, bare.store)) {
      for (boolean after : new boolean[] {false, true}) {
        boolean died = true;
        for (int n = 1; died; n++) {
          died = diesAt(bare, healthy, n, after);
          deaths += died ? 1 : 0;
        }
      }
    }
    assertThat(deaths).as("there are several transactions, each with two sides").isGreaterThan(8);
  }

  private boolean diesAt(World bare, Engine healthy, int n, boolean after) throws IOException {
    String it = "git" + n + after;
    SimulatedSource.commit(it, Map.of("a.yaml", size(it + "a", 1), "b.yaml", size(it + "b", 1)));
    bare.apply(healthy, source(it));
    UUID uid =
        bare.store.read(tx -> tx.resources().find(Kind.SOURCE, "default", it)).orElseThrow().uid();
    healthy.reconcilers().reconcile(uid);
    assertThat(sizes(bare, it)).containsExactly(it + "a 1", it + "b 1");
    String commit =
        SimulatedSource.commit(
            it, Map.of("b.yaml", size(it + "b", 2), "c.yaml", size(it + "c", 3)));
    Mortal mortal = new Mortal(bare.store, n, after);
    try (Engine dying = engine(bare, mortal)) {
      for (int look = 0; look < 3; look++) {
        dying.reconcilers().reconcile(uid);
      }
    } catch (Crash e) {
      assertThat(mortal.died).isTrue();
    }
    assertThat(sizes(bare, it))
        .isIn(
            List.of(it + "a 1", it + "b 1"),
            List.of(it + "a 1", it + "b 2", it + "c 3"),
            List.of(it + "b 2", it + "c 3"));
    healthy.reconcilers().reconcile(uid);
    healthy.reconcilers().reconcile(uid);
    assertThat(sizes(bare, it)).containsExactly(it + "b 2", it + "c 3");
    SourceStatus status =
        (SourceStatus) bare.store.read(tx -> tx.resources().find(uid)).orElseThrow().status();
    assertThat(status.applied()).isEqualTo(commit);
    assertThat(Condition.holds(status.conditions(), Condition.READY)).isTrue();
    SimulatedSource.forget(it);
    return mortal.died;
  }

  /** A database before one of whose transactions its server stands still for a while. */
  private record Halting(Store real, AtomicInteger left, Runnable meanwhile) implements Store {
    @Override
    public <T> T inTransaction(Function<Tx, T> work) {
      if (left.decrementAndGet() == 0) {
        meanwhile.run();
      }
      return real.inTransaction(work);
    }

    @Override
    public <T> T read(Function<Tx, T> work) {
      return real.read(work);
    }

    @Override
    public <T> T dryRun(Function<Tx, T> work) {
      return real.dryRun(work);
    }
  }

  @Test
  void aServerThatStoodStillTakesBackNothingOfANewerCommit() throws Exception {
    int halts = 0;
    try (World bare = World.bare();
        Engine healthy = engine(bare, bare.store)) {
      while (standsStillAt(bare, healthy, halts + 1)) {
        halts++;
      }
    }
    assertThat(halts).as("there are several transactions").isGreaterThan(3);
  }

  private boolean standsStillAt(World bare, Engine healthy, int n) throws IOException {
    String it = "still" + n;
    SimulatedSource.commit(it, Map.of("a.yaml", size(it + "a", 1), "b.yaml", size(it + "b", 1)));
    bare.apply(healthy, source(it));
    UUID uid =
        bare.store.read(tx -> tx.resources().find(Kind.SOURCE, "default", it)).orElseThrow().uid();
    healthy.reconcilers().reconcile(uid);
    SimulatedSource.commit(it, Map.of("b.yaml", size(it + "b", 2)));
    Runnable meanwhile =
        () -> {
          SimulatedSource.commit(
              it, Map.of("a.yaml", size(it + "a", 3), "c.yaml", size(it + "c", 3)));
          healthy.reconcilers().reconcile(uid);
          healthy.reconcilers().reconcile(uid);
          assertThat(sizes(bare, it)).containsExactly(it + "a 3", it + "c 3");
        };
    AtomicInteger left = new AtomicInteger(n);
    try (Engine slow = engine(bare, new Halting(bare.store, left, meanwhile))) {
      slow.reconcilers().reconcile(uid);
    }
    boolean halted = left.get() <= 0;
    assertThat(sizes(bare, it))
        .as("transaction %d", n)
        .isEqualTo(halted ? List.of(it + "a 3", it + "c 3") : List.of(it + "b 2"));
    SimulatedSource.forget(it);
    return halted;
  }

  private static String source(String name) {
    return """
    apiVersion: millwright/v1
    kind: Source
    metadata: {name: %s}
    spec: {driver: simulated, url: "file:///%s", apply: auto, prune: true}
    """
        .formatted(name, name);
  }

  private static Engine engine(World bare, Store store) throws IOException {
    return new Engine(
        store,
        Drivers.load(),
        bare.secrets,
        new ImageFiles(bare.images),
        InstantSource.system(),
        Engine.Settings.of(List.of(), new SourcePlaces(List.of("file:///"), Reach.OUTSIDE)));
  }

  private static List<String> sizes(World bare, String begin) {
    return bare.strings(
        "SELECT name || ' ' || (spec->>'cores') FROM resource WHERE kind = 'SIZE' AND name LIKE '"
            + begin
            + "%' ORDER BY name");
  }
}

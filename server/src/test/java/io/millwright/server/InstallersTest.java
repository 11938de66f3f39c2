package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.Verb;
import io.millwright.engine.machine.Installers.Start;
import io.millwright.model.Condition;
import io.millwright.model.Devices;
import io.millwright.model.GuestFamily;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.planner.Step;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Machines by every installer of the catalogue, each in the way that its hypervisor can take. */
@Tag("database")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InstallersTest {
  /** What each family is told, beside what the machine is. */
  private static final Map<String, Start> STARTS =
      Map.ofEntries(
          Map.entry("debian-13", Start.KERNEL),
          Map.entry("rhel-9", Start.KERNEL),
          Map.entry("almalinux-9", Start.KERNEL),
          Map.entry("rocky-9", Start.KERNEL),
          Map.entry("centos-stream-10", Start.KERNEL),
          Map.entry("fedora-42", Start.KERNEL),
          Map.entry("sles-15", Start.KERNEL),
          Map.entry("opensuse-leap-15.6", Start.KERNEL),
          Map.entry("fedora-coreos-42", Start.KERNEL),
          Map.entry("flatcar-4230", Start.KERNEL),
          Map.entry("ubuntu-24.04", Start.KERNEL_AND_SEED),
          Map.entry("sles-16", Start.KERNEL_AND_SEED),
          Map.entry("opensuse-leap-16", Start.KERNEL_AND_SEED),
          Map.entry("alpine-3.22", Start.KERNEL_AND_SEED),
          Map.entry("freebsd-14", Start.OWN_MEDIUM),
          Map.entry("esxi-8", Start.OWN_MEDIUM),
          Map.entry("proxmox-ve-9", Start.OWN_MEDIUM),
          Map.entry("windows-server-2022", Start.SEED_BESIDE),
          Map.entry("windows-server-2025", Start.SEED_BESIDE),
          Map.entry("windows-11", Start.SEED_BESIDE));

  private static final Path WINDOWS_SERVER = TestImages.windowsMedium("SSS_X64FREE_EN-US_DV9");
  private static final Path WINDOWS = TestImages.windowsMedium("CCCOMA_X64FRE_EN-US_DV9");

  /** Whose installer finds its answers beside a medium that starts by itself. */
  private static final List<String> LOOK_BESIDE =
      List.of(
          "rhel-9",
          "almalinux-9",
          "rocky-9",
          "centos-stream-10",
          "fedora-42",
          "alpine-3.22",
          "windows-server-2022",
          "windows-server-2025",
          "windows-11");

  /** Whose installers have no drivers of virtual hardware. */
  private static boolean needsHardware(String release) {
    return release.startsWith("windows") || release.startsWith("esxi");
  }

  /** The same in all worlds: one starts kernels, one shares media, and one has each its own. */
  private World kernels;

  private World vendors;
  private World media;

  /** What was started of each machine, in order. */
  private final Map<String, List<GuestBehaviour.Guest>> starts =
      new java.util.concurrent.ConcurrentHashMap<>();

  @BeforeAll
  void open() {
    Path medium = TestImages.mediumOfAllFamilies();
    kernels = world(medium, true, true);
    vendors = world(medium, false, true);
    media = world(medium, false, false);
    // As on vSphere. What a hypervisor can do it tells when it is seen, and before it makes
    // anything.
    media.hypervisor.showsSerials(false);
    media.await(
        "it is seen that no serials are shown", () -> !facets(media).contains("disk-serials"));
  }

  private static List<String> facets(World world) {
    return world
        .store
        .read(tx ->
            tx.resources()
                .find(
                    Kind.HYPERVISOR, "shared", "sim", HypervisorSpec.class, HypervisorStatus.class))
        .orElseThrow()
        .status()
        .facets();
  }

  private World world(Path medium, boolean startsKernels, boolean sharesMedia) {
    World world = World.reporting(World.Pace.USUAL);
    world.hypervisor.startsKernels(startsKernels).sharesMedia(sharesMedia);
    GuestBehaviour usual = world.hypervisor.guests();
    world.hypervisor.guests(guest -> {
      starts
          .computeIfAbsent(guest.definition().name(), n -> new CopyOnWriteArrayList<>())
          .add(guest);
      return usual.start(guest);
    });
    StringBuilder all = new StringBuilder(World.BASE);
    all.append(
        """
        ---
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: large}
        spec: {cores: 2, memory: 8GiB, disk: 64GiB}
        ---
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        ---
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: made}
        spec: {size: 1GiB, hypervisor: sim, filesystem: ext4}
        ---
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: tiny}
        spec: {cores: 1, memory: 1GiB, disk: 5GiB}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: packed}
        spec: {packages: [curl]}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: filed}
        spec: {files: [{path: /etc/motd, content: hello}]}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: admin}
        spec: {users: [{name: anna, sudo: true, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz a"]}]}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: root}
        spec: {users: [{name: root, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz a"]}]}
        """);
    for (String each : STARTS.keySet()) {
      all.append(
          image(
              each,
              each.startsWith("windows-server")
                  ? WINDOWS_SERVER
                  : each.startsWith("windows") ? WINDOWS : medium));
    }
    world.apply(all.toString());
    return world;
  }

  private static String image(String release, Path medium) {
    int dash = release.lastIndexOf('-');
    return """
    ---
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: "%s"}
    spec: {os: %s, version: "%s", installer: {path: %s}}
    """
        .formatted(name(release), release.substring(0, dash), release.substring(dash + 1), medium);
  }

  private static String name(String release) {
    return release.replace('.', '-');
  }

  @AfterAll
  void close() {
    kernels.close();
    vendors.close();
    media.close();
  }

  private static String machine(String name, String release, String more) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: %s}
    spec:
      image: %s
      size: large
      profiles: [%s]
      nics: [{network: net, ipv6: none}]
    %s
    """
        .formatted(
            name,
            name(release),
            release.startsWith("windows") ? "admin" : "root",
            // Windows takes no longer name.
            (release.startsWith("windows") && !more.contains("hostname:")
                    ? "hostname: w" + release.replaceAll("[^0-9]", "") + "\n" + more
                    : more)
                .indent(2)
                .stripTrailing());
  }

  static List<String> releases() {
    return STARTS.keySet().stream().sorted().toList();
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.MethodSource("releases")
  void isInstalledInTheCheapestWay(String release) {
    install(kernels, release, STARTS.get(release));
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.MethodSource("releases")
  void isInstalledByAMediumOfItsOwnWhereNoKernelIsStarted(String release) {
    if (release.startsWith("proxmox-ve")) {
      // Its installer goes by the serial, which is not shown there: it would wait for ever.
      assertRefused(media, machine("m-blind", release, ""), "image", "serial");
    } else if (release.startsWith("windows")) {
      assertRefused(media, machine("m-alone", release, ""), "image", "shared-media");
    } else {
      install(media, release, Start.OWN_MEDIUM);
    }
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.MethodSource("releases")
  void findsItsAnswersBesideTheVendorsMediumWhereItLooksThere(String release) {
    install(vendors, release, LOOK_BESIDE.contains(release) ? Start.SEED_BESIDE : Start.OWN_MEDIUM);
  }

  private static void assertRefused(World world, String manifest, String field, String why) {
    Observation before = world.outside();
    for (ThrowingCallable asked :
        List.<ThrowingCallable>of(() -> world.plan(manifest), () -> world.apply(manifest))) {
      assertThatThrownBy(asked)
          .isInstanceOfSatisfying(
              ProblemException.class,
              e -> {
                assertThat(e.problem().type()).isEqualTo(Problem.Type.INVALID);
                assertThat(e.problem().errors())
                    .anySatisfy(v -> {
                      assertThat(v.field()).endsWith(": spec." + field);
                      assertThat(v.message()).contains(why);
                    });
              });
    }
    assertThat(world.outside().disks()).isEqualTo(before.disks());
    assertThat(world.outside().media()).isEqualTo(before.media());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          proxmox-ve-9 | profiles: [root]      | profiles: [root, packed] | profiles | packages: Proxmox VE installs
          esxi-8       | profiles: [root]      | profiles: [root, filed]  | profiles | files: ESXi keeps no files
          rocky-9      | size: large           | size: tiny               | size     | needs a disk of at least
          flatcar-4230 | profiles: [root]      | volumes: [made]          | volumes  | is not formatted
          alpine-3.22  | ipv6: none}           | ipv6: slaac}             | nics     | Alpine takes no name servers
          debian-13    | nics: [{network: net, ipv6: none}] | nics: [{network: net, ipv4: none, ipv6: none}, {network: net, ipv4: none, ipv6: none}], bonds: [{name: bond0, network: net, members: [nic0, nic1]}] | nics | the installer needs a card
          """)
  void whatAnInstallerCannotDoIsRefusedBeforeAnythingIsMade(
      String release, String of, String becomes, String field, String why) {
    String wanted =
        machine("refused", release, "").replace(of, becomes.replace("], bonds", "]\n  bonds"));
    assertRefused(kernels, wanted, field, why);
  }

  /**
   * A network's proxy is for all machines on it: this one's system asks it, its installer cannot.
   */
  @Test
  void aProxyIsNotInTheWayOfAnInstallerWithoutNetwork() {
    kernels.apply(
        image("debian-13", TestImages.mediumOfAllFamilies())
                .replace("name: \"debian-13\"", "name: closed")
                .replace("}}", ", offline: true}}")
            + """
            ---
            apiVersion: millwright/v1
            kind: Network
            metadata: {name: proxied}
            spec:
              subnets: [{cidr: 10.9.0.0/24, gateway: 10.9.0.1}]
              attachments: [{hypervisor: sim, bridge: br9}]
              defaults: {packageSource: {proxy: "http://10.9.0.2:3128"}}
            """);
    kernels.apply(
        machine("closed", "closed-0", "")
            .replace("image: closed-0", "image: closed")
            .replace("network: net", "network: proxied"));
    assertThat(kernels.awaitEnd(kernels.machine("closed").uid()).state())
        .isEqualTo(new State.Succeeded());
  }

  @Test
  void aGroupOfWhatCannotBeInstalledIsRefusedAsItsMembersAre() {
    String group =
        """
        apiVersion: millwright/v1
        kind: Group
        metadata: {name: refused}
        spec:
          count: 2
          machine: {image: proxmox-ve-9, size: large, profiles: [packed], nics: [{network: net}]}
        """;
    assertThatThrownBy(() -> kernels.apply(group))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("Machine refused-0: spec.profiles: packages: Proxmox VE installs");
    assertThat(kernels.find("refused-0")).isEmpty();
  }

  @Test
  void whatTheWorldHasMadeImpossibleMeanwhileIsRefusedBeforeAnyEffect() {
    String later =
        image("debian-13", Path.of("/nowhere/yet.iso"))
            .replace("name: \"debian-13\"", "name: promoted");
    kernels.apply(
        later
            + "---\n"
            + machine("surprised", "promoted", "")
                .replace("profiles: [root]", "profiles: [root, packed]"));
    UUID uid = kernels.machine("surprised").uid();
    kernels.await(
        "it waits for its image", () -> kernels.latest(uid).state() instanceof State.Waiting);
    kernels.apply(
        image("proxmox-ve-9", TestImages.mediumOfAllFamilies())
            .replace("name: \"proxmox-ve-9\"", "name: promoted"));
    Operation operation = kernels.awaitEnd(uid);
    assertThat(operation.state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo("Refused");
              assertThat(failed.message()).contains("spec.profiles: packages: Proxmox VE installs");
            });
    assertThat(operation.steps()).allMatch(s -> s.startedAt() == null);
    assertThat(kernels.hypervisor.state(uid)).isEmpty();
    assertThat(kernels.outside().disks()).noneMatch(d -> d.name().mark().uid().equals(uid));
    assertThat(kernels.outside().media()).noneMatch(m -> m.name().mark().uid().equals(uid));
    assertThat(Condition.find(kernels.machine("surprised").status().conditions(), Condition.READY))
        .hasValueSatisfying(c -> assertThat(c.reason()).isEqualTo("Refused"));
  }

  private void install(World world, String release, Start start) {
    String name = "m-" + name(release);
    List<String> told =
        world.plan(machine(name, release, "")).getFirst().steps().stream()
            .map(Step::title)
            .filter(s ->
                s.contains("installation medium, for")
                    || s.contains("kernel with its")
                    || s.contains("seed beside the vendor's medium, for"))
            .toList();
    assertThat(told)
        .singleElement()
        .asString()
        .endsWith(
            start.byKernel()
                ? "Hypervisor sim starts it itself, and the vendor's medium is shared untouched"
                : STARTS.get(release) == Start.OWN_MEDIUM
                    ? "is started by its own boot loader only"
                    : STARTS.get(release) == Start.SEED_BESIDE
                        ? "is started by its own boot loader only, and looks there by itself"
                        : "Hypervisor sim does not start kernels (it lacks direct-boot and"
                            + " serial-log)"
                            + (start == Start.SEED_BESIDE
                                ? ", and the installer looks there by itself"
                                : ""));
    world.apply(machine(name, release, ""));
    UUID uid = world.machine(name).uid();
    Operation operation = world.awaitEnd(uid);
    assertThat(operation.state()).as(release).isEqualTo(new State.Succeeded());
    assertThat(world.machine(name).status().readyBy()).isEqualTo("phone-home");

    String onHost = world.hypervisor.definition(uid).orElseThrow().name();
    List<GuestBehaviour.Guest> started = starts.get(onHost);
    MachineDefinition first = started.getFirst().definition();
    assertThat(first.disks()).hasSize(1);
    Devices devices = needsHardware(release) ? Devices.EMULATED : Devices.PARAVIRTUAL;
    assertThat(started).allMatch(g -> g.definition().devices() == devices);
    assertThat(first.guest())
        .isEqualTo(release.startsWith("windows") ? GuestFamily.WINDOWS : GuestFamily.LINUX);
    assertThat(world.hypervisor.definition(uid).orElseThrow().devices()).isEqualTo(devices);
    assertThat(world.machine(name).status().devices()).isEqualTo(devices);
    byte[] drive = started.getFirst().seed();
    if (start == Start.OWN_MEDIUM) {
      assertThat(started).hasSize(1);
      assertThat(first.installer()).isNull();
      assertThat(ObjectName.parse(first.medium()).orElseThrow().role())
          .isEqualTo(ObjectName.INSTALLER);
      assertThat(new String(drive, 32769, 5, StandardCharsets.US_ASCII)).isEqualTo("CD001");
      assertThat(operation.steps()).anyMatch(s -> s.key().startsWith("put-medium/"));
    } else if (start == Start.SEED_BESIDE) {
      assertThat(started).hasSize(1);
      assertThat(first.installer().medium()).isEqualTo(world.machine(name).status().imageSha256());
      assertThat(first.installer().kernel()).isNull();
      assertThat(ObjectName.parse(first.medium()).orElseThrow().role()).isEqualTo(ObjectName.SEED);
      assertThat(new String(drive, 32769, 5, StandardCharsets.US_ASCII)).isEqualTo("CD001");
      assertThat(new String(drive, StandardCharsets.ISO_8859_1))
          .contains(
              release.startsWith("alpine") || release.startsWith("windows")
                  ? "MILLWRIGHT"
                  : "OEMDRV");
      if (release.startsWith("windows")) {
        assertThat(new String(drive, StandardCharsets.ISO_8859_1))
            .contains(
                String.join("\0", "Autounattend.xml".split("")), // Joliet's name, by which it looks
                "<ComputerName>w" + release.replaceAll("[^0-9]", ""));
        assertThat(new String(drive, StandardCharsets.ISO_8859_1).contains("BypassTPMCheck"))
            .isEqualTo(release.equals("windows-11"));
      }
      assertThat(drive.length).isLessThan(1 << 20);
      assertThat(operation.steps()).noneMatch(s -> s.key().startsWith("put-medium/"));
      assertThat(world.outside().images()).contains(first.installer().medium());
    } else {
      assertThat(started).hasSize(2);
      assertThat(first.installer().medium()).isEqualTo(world.machine(name).status().imageSha256());
      assertThat(first.installer().kernel().arguments()).contains("console=ttyS0,115200n8");
      assertThat(drive != null).isEqualTo(start == Start.KERNEL_AND_SEED);
    }
    // What it was installed by is gone from its drives and from the hypervisor.
    MachineDefinition now = world.hypervisor.definition(uid).orElseThrow();
    assertThat(now.installer()).isNull();
    assertThat(now.medium()).isNull();
    assertThat(world.outside().media()).noneMatch(m -> m.name().mark().uid().equals(uid));
  }

  @ParameterizedTest
  @ValueSource(strings = {"debian-13", "freebsd-14"})
  void oneThatNeverReportsIsTakenAwayWithItsMedium(String release) {
    neverReports(media, release);
  }

  @Test
  void oneThatNeverReportsIsTakenAwayAndTheVendorsMediumStays() {
    neverReports(vendors, "rocky-9");
    assertThat(vendors.outside().images()).contains(imageSha256(vendors, "rocky-9"));
  }

  private static String imageSha256(World world, String image) {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.IMAGE, "default", image, ImageSpec.class, ImageStatus.class))
        .orElseThrow()
        .status()
        .sha256();
  }

  private static void neverReports(World media, String release) {
    String name = "hangs-" + name(release);
    GuestBehaviour usual = media.hypervisor.guests();
    media.hypervisor.guests(guest ->
        guest.definition().name().startsWith(name)
            ? GuestBehaviour.silent().start(guest)
            : usual.start(guest));
    media.apply(machine(name, release, ""));
    UUID uid = media.machine(name).uid();
    media.await(
        "it is waited for",
        () ->
            media.latest(uid).steps().stream()
                .anyMatch(s ->
                    s.key().equals("await-ready") && s.state() == Operation.StepState.RUNNING));
    media.pass(Duration.ofHours(1));
    assertThat(media.awaitEnd(uid).state())
        .isInstanceOfSatisfying(
            State.Failed.class, failed -> assertThat(failed.reason()).isEqualTo("NotReady"));
    assertThat(media.hypervisor.state(uid)).isEmpty();
    assertThat(media.outside().media()).noneMatch(m -> m.name().mark().uid().equals(uid));
    assertThat(media.outside().disks()).noneMatch(d -> d.name().mark().uid().equals(uid));
  }

  private static String hypervisor(World world, String more) {
    return """
    apiVersion: millwright/v1
    kind: Hypervisor
    metadata: {name: sim, project: shared}
    spec: {driver: simulated, settings: {world: WORLD}, concurrency: 32MORE}
    """
        .replace("WORLD", world.name)
        .replace("MORE", more);
  }

  /** It is as large as the vendor's, and what is quick has a minute. */
  @Test
  void aMediumThatTakesLongerThanACallMayIsSentOnce() throws Exception {
    media.apply(hypervisor(media, ", deadlineSeconds: 1"));
    Fault.Hang hang = Fault.hang();
    media.hypervisor.faults().next(Verb.PUT_MEDIUM, hang);
    long before = media.hypervisor.faults().calls(Verb.PUT_MEDIUM);
    media.apply(machine("slow", "freebsd-14", ""));
    hang.awaitEntered();
    long begun = System.nanoTime();
    UUID uid = media.machine("slow").uid();
    media.await(
        "it takes longer than a call may",
        () ->
            Duration.ofNanos(System.nanoTime() - begun).compareTo(Duration.ofSeconds(2)) > 0
                && media.latest(uid).steps().stream()
                    .anyMatch(s ->
                        s.key().startsWith("put-medium/")
                            && s.state() == Operation.StepState.RUNNING
                            && String.valueOf(s.message()).contains("sends it to")));
    hang.release();
    media.awaitReady("slow");
    media.apply(hypervisor(media, ""));
    assertThat(media.latest(uid).steps())
        .filteredOn(s -> s.key().startsWith("put-medium/"))
        .singleElement()
        .satisfies(s -> assertThat(s.state()).isEqualTo(Operation.StepState.DONE));
    assertThat(media.hypervisor.faults().calls(Verb.PUT_MEDIUM) - before).isEqualTo(1);
  }

  /** What ends the sending of a medium that is read while it is sent. */
  private enum Meanwhile {
    CANCEL,
    DELETE,
    APPLY
  }

  @ParameterizedTest
  @EnumSource(Meanwhile.class)
  void aMediumThatIsNotWantedAnyMoreIsSentNoFurther(Meanwhile meanwhile) throws Exception {
    String name = "unwanted-" + meanwhile.ordinal();
    Fault.Hang hang = Fault.hang();
    media.hypervisor.faults().next(Verb.PUT_MEDIUM, hang);
    long before = media.hypervisor.faults().calls(Verb.PUT_MEDIUM);
    media.apply(machine(name, "freebsd-14", ""));
    hang.awaitEntered();
    UUID uid = media.machine(name).uid();
    Operation first = media.latest(uid);
    switch (meanwhile) {
      case CANCEL -> media.engine.cancel().cancel(first.uid());
      case DELETE -> media.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", name, null);
      case APPLY -> media.apply(machine(name, "freebsd-14", "hostname: other"));
    }
    media.pass(Duration.ofSeconds(3));
    hang.release();
    switch (meanwhile) {
      case CANCEL -> assertThat(media.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
      case DELETE -> media.awaitGone(name);
      case APPLY -> media.awaitReady(name);
    }
    // What had come to its end would have to be deleted, and another one would be sent after it.
    if (meanwhile != Meanwhile.APPLY) {
      assertThat(media.latest(uid).steps()).noneMatch(s -> s.key().startsWith("delete-seed/"));
    }
    assertThat(media.hypervisor.faults().calls(Verb.PUT_MEDIUM) - before)
        .isEqualTo(meanwhile == Meanwhile.APPLY ? 2 : 1);
    assertThat(media.store.read(tx -> tx.operations().find(first.uid())).orElseThrow().steps())
        .filteredOn(s -> s.key().startsWith("put-medium/"))
        .noneMatch(s -> s.state() == Operation.StepState.FAILED);
    assertThat(hasMedium(media, uid)).as("a medium is left").isFalse();
  }

  @Test
  @Timeout(120)
  void aServerThatStopsEndsTheSendingAndTheNextOneSendsItAnew() throws Exception {
    Fault.Hang hang = Fault.hang();
    media.hypervisor.faults().next(Verb.PUT_MEDIUM, hang);
    long before = media.hypervisor.faults().calls(Verb.PUT_MEDIUM);
    media.apply(machine("stopped", "freebsd-14", ""));
    hang.awaitEntered();
    media.stop();
    media.start();
    media.awaitReady("stopped");
    assertThat(media.hypervisor.faults().calls(Verb.PUT_MEDIUM) - before).isEqualTo(2);
  }

  /** Each of them keeps a worker, and together they are no faster. */
  @Test
  void fourAreSentToAHypervisorAtOnceAndTheOthersWait() throws Exception {
    List<Fault.Hang> hangs = Stream.generate(Fault::hang).limit(4).toList();
    hangs.forEach(hang -> media.hypervisor.faults().next(Verb.PUT_MEDIUM, hang));
    for (int i = 0; i < 5; i++) {
      media.apply(machine("many-" + i, "freebsd-14", ""));
    }
    for (Fault.Hang hang : hangs) {
      hang.awaitEntered();
    }
    media.await(
        "the fifth waits",
        () ->
            IntStream.range(0, 5)
                .mapToObj(i -> media.latest(media.machine("many-" + i).uid()))
                .flatMap(o -> o.steps().stream())
                .anyMatch(s -> "waits for others that are being sent".equals(s.message())));
    hangs.forEach(Fault.Hang::release);
    for (int i = 0; i < 5; i++) {
      media.awaitReady("many-" + i);
    }
  }

  /** When somebody changes his mind. */
  private enum Moment {
    IT_IS_SENT,
    IT_IS_IN_THE_DRIVE
  }

  private enum Change {
    CANCEL,
    DELETE
  }

  private static boolean hasMedium(World world, UUID uid) {
    return world.outside().media().stream().anyMatch(m -> m.name().mark().uid().equals(uid));
  }

  /** Begins an installation by a medium of its own that goes no further than this moment. */
  private void installUntil(Moment moment, String name, String manifest)
      throws InterruptedException {
    Fault.Hang hang = Fault.hangAfterEffect();
    GuestBehaviour usual = media.hypervisor.guests();
    if (moment == Moment.IT_IS_SENT) {
      media.hypervisor.faults().next(Verb.PUT_MEDIUM, hang);
    } else {
      media.hypervisor.guests(guest ->
          guest.definition().name().startsWith(name) && guest.definition().medium() != null
              ? GuestBehaviour.silent().start(guest)
              : usual.start(guest));
    }
    media.apply(manifest);
    UUID uid = media.machine(name).uid();
    if (moment == Moment.IT_IS_SENT) {
      hang.awaitEntered();
      going = hang;
    } else {
      media.await(
          "it has the medium in its drive, and is waited for",
          () ->
              media.latest(uid).steps().stream()
                  .anyMatch(s ->
                      s.key().equals("await-ready") && s.state() == Operation.StepState.RUNNING));
      assertThat(media.hypervisor.definition(uid).orElseThrow().medium()).contains("installer");
    }
    assertThat(hasMedium(media, uid)).isTrue();
  }

  /** The call by which a medium is being sent. */
  private Fault.Hang going = Fault.hang();

  private void change(Change change, String name) {
    UUID uid = media.machine(name).uid();
    switch (change) {
      case CANCEL -> media.engine.cancel().cancel(media.latest(uid).uid());
      case DELETE -> media.engine.delete().delete(World.ANNA, Kind.MACHINE, "default", name, null);
    }
    going.release();
    media.await(
        "it ends, or an installer that does not hear is asked to stop",
        () ->
            media.find(name).isEmpty()
                || media.latest(uid).state().terminal()
                || media.latest(uid).steps().stream()
                    .anyMatch(
                        s -> s.key().equals("stop") && s.state() == Operation.StepState.RUNNING));
    media.pass(Duration.ofMinutes(2)); // then its power is cut
    switch (change) {
      case CANCEL -> assertThat(media.awaitEnd(uid).state()).isEqualTo(new State.Cancelled());
      case DELETE -> media.awaitGone(name);
    }
    assertThat(hasMedium(media, uid)).as("its medium is left").isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "IT_IS_SENT, CANCEL", "IT_IS_SENT, DELETE",
    "IT_IS_IN_THE_DRIVE, CANCEL", "IT_IS_IN_THE_DRIVE, DELETE"
  })
  void ofANewMachineNothingIsLeft(Moment moment, Change change) throws Exception {
    String name = "new-" + moment.ordinal() + change.ordinal();
    installUntil(moment, name, machine(name, "freebsd-14", ""));
    UUID uid = media.machine(name).uid();
    change(change, name);
    assertThat(media.hypervisor.state(uid)).isEmpty();
    assertThat(media.outside().disks()).noneMatch(d -> d.name().mark().uid().equals(uid));
  }

  @ParameterizedTest
  @CsvSource({
    "IT_IS_SENT, CANCEL", "IT_IS_SENT, DELETE",
    "IT_IS_IN_THE_DRIVE, CANCEL", "IT_IS_IN_THE_DRIVE, DELETE"
  })
  void oneThatIsRebuiltGoesBackOrGoesWithItsMediumTakenOut(Moment moment, Change change)
      throws Exception {
    String name = "again-" + moment.ordinal() + change.ordinal();
    media.apply(machine(name, "freebsd-14", ""));
    UUID uid = media.machine(name).uid();
    assertThat(media.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    String before = media.machine(name).status().disk();
    installUntil(moment, name, machine(name, "freebsd-14", "hostname: " + name + "-other"));
    change(change, name);
    if (change == Change.CANCEL) {
      MachineDefinition now = media.hypervisor.definition(uid).orElseThrow();
      assertThat(now.medium()).isNull();
      assertThat(now.disks()).extracting(MachineDefinition.Disk::name).containsExactly(before);
      assertThat(media.hypervisor.state(uid)).contains(Observation.State.RUNNING);
      assertThat(media.ready(name)).isTrue();
    } else {
      assertThat(media.hypervisor.state(uid)).isEmpty();
      assertThat(media.outside().disks()).noneMatch(d -> d.name().mark().uid().equals(uid));
    }
  }

  @Test
  void dataIsNotThereWhileAnInstallerCannotBeFollowed() {
    assertThatThrownBy(() ->
            kernels.apply(machine("with-data", "freebsd-14", "hypervisor: sim\nvolumes: [data]")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("attach them once it is ready");
  }

  /** Its installer would take the volume for the disk that it is to overwrite, or both. */
  @ParameterizedTest
  @CsvSource({"freebsd-14, bsd, true", "windows-server-2025, win, false"})
  void oneWhoseSystemDiskIsLostIsInstalledAnewWithoutItsVolume(
      String release, String name, boolean hotPlug) {
    String volume =
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: of-%s}
        spec: {size: 1GiB, hypervisor: sim}
        """
            .formatted(name);
    String more = "drift: report\nhostname: lost-" + name;
    vendors.apply(volume + "---\n" + machine(name, release, more));
    UUID uid = vendors.machine(name).uid();
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    // As the refusal advises.
    vendors.apply(machine(name, release, more + "\nvolumes: [of-" + name + "]"));
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    MachineDefinition with = vendors.hypervisor.definition(uid).orElseThrow();
    assertThat(with.disks()).hasSize(2);
    List<GuestBehaviour.Guest> started = starts.get(with.name());
    int before = started.size();

    vendors.hypervisor.removeMachine(uid);
    vendors.hypervisor.deleteDisk(with.disks().getFirst().name());
    GuestBehaviour usual = vendors.hypervisor.guests();
    vendors.hypervisor.guests(guest ->
        guest.definition().name().equals(with.name())
            ? GuestBehaviour.wellBehaved().start(noted(guest)) // but it does not report
            : usual.start(guest));
    vendors.apply(
        machine(name, release, more.replace("report", "repair") + "\nvolumes: [of-" + name + "]"));
    vendors.await(
        "it is installed",
        () ->
            vendors.latest(uid).steps().stream()
                .anyMatch(s ->
                    s.key().equals("await-ready") && s.state() == Operation.StepState.RUNNING));
    // It is looked at again and again, and nothing of it is touched.
    for (int i = 0; i < 3; i++) {
      var _ = vendors.engine.reconcilers().reconcile(uid);
    }
    assertThat(started).hasSize(before + 1);
    assertThat(started.getLast().definition().disks()).hasSize(1);
    assertThat(vendors.hypervisor.definition(uid).orElseThrow().disks()).hasSize(1);
    assertThat(vendors.hypervisor.state(uid)).contains(Observation.State.RUNNING);

    vendors.hypervisor.guests(usual);
    vendors.report(started.getLast().definition().disks().getFirst().name());
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    MachineDefinition now = vendors.hypervisor.definition(uid).orElseThrow();
    assertThat(now.disks()).isEqualTo(with.disks());
    assertThat(now.medium()).isNull();
    assertThat(now.installer()).isNull();
    assertThat(vendors.hypervisor.state(uid)).contains(Observation.State.RUNNING);
    assertThat(started).hasSize(before + (hotPlug ? 1 : 2));
  }

  /** Its first boot was told of none, and its system of this one since. */
  @Test
  void aLateReportDoesNotForgetTheVolumesOfWhichItsSystemWasTold() {
    String volume =
        """
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: told}
        spec: {size: 1GiB, hypervisor: sim, filesystem: ext4}
        """;
    vendors.apply(volume + "---\n" + machine("tells-late", "rocky-9", ""));
    UUID uid = vendors.machine("tells-late").uid();
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    vendors.apply(machine("tells-late", "rocky-9", "volumes: [told]"));
    Operation attached = vendors.awaitEnd(uid);
    assertThat(attached.state()).isEqualTo(new State.Succeeded());
    MachineStatus now = vendors.machine("tells-late").status();
    assertThat(now.knownVolumes()).hasSize(1);
    // As if it had been found up by that, before its report came.
    vendors.store.write(tx -> tx.resources().updateStatus(uid, now.withReadyBy("ssh"), "", ""));
    vendors.await(
        "it is heard",
        () -> {
          var _ = vendors.engine.reconcilers().reconcile(uid);
          return "phone-home".equals(vendors.machine("tells-late").status().readyBy());
        });
    assertThat(vendors.machine("tells-late").status().knownVolumes()).isEqualTo(now.knownVolumes());
    assertThat(vendors.latest(uid).uid()).isEqualTo(attached.uid());
  }

  private GuestBehaviour.Guest noted(GuestBehaviour.Guest guest) {
    starts.get(guest.definition().name()).add(guest);
    return guest;
  }

  @Test
  void whatNobodyIsThereToStartIsRefused() {
    assertRefused(
        kernels,
        machine("windows", "windows-server-2025", "firmware: uefi"),
        "firmware",
        "asks for a key before it starts by UEFI");
  }

  /** It may have no drivers of others. */
  @Test
  void aSystemKeepsTheDevicesWithWhichItCameUp() {
    String mine =
        image("windows-server-2025", WINDOWS_SERVER).replace("\"windows-server-2025\"", "mine");
    String machine =
        machine("kept", "windows-server-2025", "")
            .replace("image: windows-server-2025", "image: mine");
    vendors.apply(mine + "---\n" + machine);
    UUID uid = vendors.machine("kept").uid();
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    UUID before = vendors.latest(uid).uid();
    String slipstreamed = mine.replace("installer:", "devices: paravirtual, installer:");
    vendors.apply(slipstreamed);
    assertThat(vendors.plan(machine).getFirst().steps()).isEmpty();
    assertThat(vendors.latest(uid).uid()).isEqualTo(before);
    assertThat(vendors.hypervisor.definition(uid).orElseThrow().devices())
        .isEqualTo(Devices.EMULATED);

    vendors.apply(machine.replace("hostname: w2025", "hostname: other"));
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(vendors.hypervisor.definition(uid).orElseThrow().devices())
        .isEqualTo(Devices.PARAVIRTUAL);
    assertThat(vendors.machine("kept").status().devices()).isEqualTo(Devices.PARAVIRTUAL);
  }

  @Test
  void aRebuildThatFailsGoesBackToTheDevicesFromBefore() {
    String mine =
        image("rocky-9", TestImages.mediumOfAllFamilies()).replace("\"rocky-9\"", "turns");
    String machine =
        machine("turned", "rocky-9", "readyTimeoutSeconds: 600")
            .replace("image: rocky-9", "image: turns");
    vendors.apply(mine + "---\n" + machine);
    UUID uid = vendors.machine("turned").uid();
    assertThat(vendors.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    vendors.apply(mine.replace("installer:", "devices: emulated, installer:"));
    GuestBehaviour usual = vendors.hypervisor.guests();
    vendors.hypervisor.guests(guest ->
        guest.definition().name().startsWith("turned")
                && guest.definition().devices() == Devices.EMULATED
            ? GuestBehaviour.silent().start(guest)
            : usual.start(guest));
    vendors.apply(machine + "  hostname: turned-other\n");
    vendors.await(
        "it is waited for",
        () ->
            vendors.latest(uid).steps().stream()
                .anyMatch(s ->
                    s.key().equals("await-ready") && s.state() == Operation.StepState.RUNNING));
    assertThat(vendors.hypervisor.definition(uid).orElseThrow().devices())
        .isEqualTo(Devices.EMULATED);
    vendors.pass(Duration.ofHours(1));
    vendors.await(
        "it ends, or what does not hear is asked to stop",
        () ->
            vendors.latest(uid).state().terminal()
                || vendors.latest(uid).steps().stream()
                    .anyMatch(
                        s -> s.key().equals("stop") && s.state() == Operation.StepState.RUNNING));
    vendors.pass(Duration.ofMinutes(2)); // then its power is cut
    assertThat(vendors.awaitEnd(uid).state()).isInstanceOf(State.Failed.class);
    assertThat(vendors.hypervisor.definition(uid).orElseThrow().devices())
        .isEqualTo(Devices.PARAVIRTUAL);
    assertThat(vendors.machine("turned").status().devices()).isEqualTo(Devices.PARAVIRTUAL);
  }

  @Test
  void aServerWithoutADoorMakesNoMediumThatNobodyWouldHearOf() {
    try (World deaf = new World()) {
      deaf.apply(World.BASE + image("freebsd-14", TestImages.mediumOfAllFamilies()));
      deaf.apply(
          """
          apiVersion: millwright/v1
          kind: Size
          metadata: {name: large}
          spec: {cores: 2, memory: 8GiB, disk: 40GiB}
          ---
          """
              + machine("deaf", "freebsd-14", "").replace("profiles: [root]", "profiles: []"));
      assertThat(deaf.awaitEnd(deaf.machine("deaf").uid()).state())
          .isInstanceOfSatisfying(
              State.Failed.class,
              failed -> assertThat(failed.message()).contains("no address at which a machine"));
    }
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.engine.Installers.Start;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
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
          Map.entry("proxmox-ve-9", Start.OWN_MEDIUM));

  /** The same in both worlds: one starts kernels, and the other boots media only. */
  private World kernels;

  private World media;

  /** What was started of each machine, in order. */
  private final Map<String, List<GuestBehaviour.Guest>> starts =
      new java.util.concurrent.ConcurrentHashMap<>();

  @BeforeAll
  void open() {
    Path medium = TestImages.mediumOfAllFamilies();
    kernels = world(medium, true);
    media = world(medium, false);
  }

  private World world(Path medium, boolean startsKernels) {
    World world = World.reporting(World.Pace.USUAL);
    world.hypervisor.startsKernels(startsKernels);
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
        spec: {cores: 2, memory: 8GiB, disk: 40GiB}
        ---
        apiVersion: millwright/v1
        kind: Volume
        metadata: {name: data}
        spec: {size: 1GiB, hypervisor: sim}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: root}
        spec: {users: [{name: root, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz a"]}]}
        """);
    for (String each : STARTS.keySet()) {
      all.append(image(each, medium));
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
      profiles: [root]
      nics: [{network: net, ipv6: none}]
    %s
    """
        .formatted(name, name(release), more.indent(2).stripTrailing());
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
    install(media, release, Start.OWN_MEDIUM);
  }

  private void install(World world, String release, Start start) {
    String name = "m-" + name(release);
    world.apply(machine(name, release, ""));
    UUID uid = world.machine(name).uid();
    Operation operation = world.awaitEnd(uid);
    assertThat(operation.state()).as(release).isEqualTo(new State.Succeeded());
    assertThat(world.machine(name).status().readyBy()).isEqualTo("phone-home");

    String onHost = world.hypervisor.definition(uid).orElseThrow().name();
    List<GuestBehaviour.Guest> started = starts.get(onHost);
    MachineDefinition first = started.getFirst().definition();
    assertThat(first.disks()).hasSize(1);
    byte[] drive = started.getFirst().seed();
    if (start == Start.OWN_MEDIUM) {
      assertThat(started).hasSize(1);
      assertThat(first.installer()).isNull();
      assertThat(ObjectName.parse(first.medium()).orElseThrow().role())
          .isEqualTo(ObjectName.INSTALLER);
      assertThat(new String(drive, 32769, 5, StandardCharsets.US_ASCII)).isEqualTo("CD001");
      assertThat(operation.steps()).anyMatch(s -> s.key().startsWith("put-medium/"));
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

  @Test
  void dataIsNotThereWhileAnInstallerCannotBeFollowed() {
    assertThatThrownBy(() ->
            kernels.apply(machine("with-data", "freebsd-14", "hypervisor: sim\nvolumes: [data]")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("attach them once it is ready");
  }

  @Test
  void whoNeedsTwoMediaIsRefused(@org.junit.jupiter.api.io.TempDir Path dir) {
    assertThatThrownBy(() ->
            kernels.apply(
                image("windows-server-2025", dir.resolve("none.iso"))
                    + "---\n"
                    + machine("windows", "windows-server-2025", "")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("Windows Setup wants its answers on a second medium");
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

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.engine.port.Operations;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A machine is installed by its system's own installer, from a vendor's medium. */
@Tag("database")
class InstallationTest {
  private static Path medium;
  private World world;

  @BeforeAll
  static void makeMedium() {
    medium = TestImages.installationMedium();
  }

  @BeforeEach
  void open() {
    world = new World();
    world.apply(World.BASE);
  }

  @AfterEach
  void close() {
    world.close();
  }

  private static String image() {
    return """
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: debian-13}
    spec: {os: debian, version: "13", installer: {path: %s, offline: true}}
    ---
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: medium}
    spec: {cores: 1, memory: 1GiB, disk: 4GiB}
    ---
    apiVersion: millwright/v1
    kind: Volume
    metadata: {name: data}
    spec: {size: 1GiB, hypervisor: sim}
    ---
    """
        .formatted(medium);
  }

  private static String machine() {
    return World.machine("web", "volumes: [data]")
        .replace("image: img", "image: debian-13")
        .replace("size: small", "size: medium");
  }

  private List<String> log(UUID operation) {
    return world.store.read(tx -> tx.operations().logs(operation, 0, 1000)).stream()
        .map(Operations.LogLine::line)
        .toList();
  }

  @Test
  void itsInstallerSeesItsSystemDiskOnlyAndIsGoneInTheEnd() {
    List<GuestBehaviour.Guest> starts = new CopyOnWriteArrayList<>();
    List<String> initrds = new CopyOnWriteArrayList<>();
    GuestBehaviour usual = GuestBehaviour.installing(GuestBehaviour.wellBehaved());
    world.hypervisor.guests(guest -> {
      starts.add(guest);
      MachineDefinition.Installer installer = guest.definition().installer();
      if (installer != null) {
        initrds.add(
            new String(
                world.hypervisor.medium(installer.kernel().initrd()).orElseThrow(),
                StandardCharsets.ISO_8859_1));
      }
      return usual.start(guest);
    });

    world.apply(image() + machine());
    world.awaitReady("web");
    Operation operation = world.awaitEnd(world.machine("web").uid());

    assertThat(operation.state()).isEqualTo(new State.Succeeded());
    assertThat(starts).hasSize(2);
    MachineDefinition first = starts.getFirst().definition();
    assertThat(first.disks()).extracting(MachineDefinition.Disk::serial).containsExactly("system");
    assertThat(first.installer().medium()).isEqualTo(world.machine("web").status().imageSha256());
    assertThat(first.installer().kernel().arguments())
        .contains("vga=788", "auto=true", "console=ttyS0,115200n8");
    assertThat(initrds).singleElement().asString().contains("d-i netcfg/get_hostname string web");
    MachineDefinition second = starts.getLast().definition();
    assertThat(second.installer()).isNull();
    assertThat(second.disks()).hasSize(2);
    assertThat(world.outside().media()).isEmpty();
    assertThat(log(operation.uid())).contains("Installing the base system");
  }

  @Test
  void oneThatIsOffIsInstalledWhenItShallRunAndNothingIsMissingUntilThen() {
    world.apply(image() + machine() + "  power: 'off'\n");
    UUID uid = world.machine("web").uid();
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(world.outside().machines()).isEmpty();
    new Invariants(world).await();
    world.engine.power().set(World.ANNA, "default", "web", Power.ON);
    world.awaitReady("web");
    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    new Invariants(world).await();
  }

  @Test
  void oneThatFailsIsTakenAwayAndItsLastWordsStay() {
    world.hypervisor.guests(guest ->
        guest.definition().installer() == null
            ? GuestBehaviour.wellBehaved().start(guest)
            : GuestBehaviour.installer(
                "Partition disks\r\nNo root file system\r\nPrompt: '?' for help> "));

    world.apply(image() + machine());
    UUID uid = world.machine("web").uid();
    Operation operation = world.awaitEnd(uid);

    assertThat(operation.state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo("InstallationFailed");
              assertThat(failed.message()).contains("asks a question", "No root file system");
            });
    assertThat(log(operation.uid())).contains("Partition disks", "No root file system");
    assertThat(world.hypervisor.state(uid)).isEmpty();
    assertThat(world.outside().media()).isEmpty();
    assertThat(world.outside().disks())
        .as("the data stay")
        .extracting(d -> d.name().role())
        .containsExactly("data");
    assertThat(
            Condition.find(world.machine("web").status().conditions(), "Held")
                .orElseThrow()
                .message())
        .contains("asks a question")
        .endsWith(". Apply it again to try again.");
    // It shall be on, and is not.
    assertThatThrownBy(() -> world.engine.power().set(World.ANNA, "default", "web", Power.ON))
        .hasMessageContaining("Machine web is held: ")
        .hasMessageContaining("Apply it again");
  }

  @Test
  void oneThatShowsNoProgressForAQuarterOfAnHourIsTakenAwayAndOneThatIsSlowIsNot() {
    world.hypervisor.guests(guest ->
        guest.definition().installer() == null
            ? GuestBehaviour.wellBehaved().start(guest)
            : GuestBehaviour.installer("Partition disks\r\nInstalling the base system\r\n"));
    world.apply(image() + machine());
    UUID uid = world.machine("web").uid();
    UUID operation = world.store.read(tx -> tx.operations().active(uid)).orElseThrow().uid();
    String before = "Partition disks";
    for (String next : List.of("Unpacking linux-image", "Configuring apt")) {
      awaitLog(operation, before);
      world.pass(Duration.ofMinutes(14));
      world.hypervisor.print(uid, next + "\r\n");
      before = next.equals("Configuring apt") ? "Unpacking linux-image" : "Installing the base";
    }
    awaitLog(operation, before);
    boolean goesOn = world.store.read(tx -> tx.operations().active(uid).isPresent());
    assertThat(goesOn).isTrue();

    world.pass(Duration.ofMinutes(16));

    assertThat(world.awaitEnd(uid).state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo("InstallationFailed");
              assertThat(failed.message()).contains("no progress for 16 minutes: Configuring apt");
            });
    assertThat(log(operation)).contains("Unpacking linux-image", "Configuring apt");
    assertThat(world.hypervisor.state(uid)).isEmpty();
    assertThat(world.outside().media()).isEmpty();
    assertThat(Condition.find(world.machine("web").status().conditions(), "Held")).isPresent();
  }

  private void awaitLog(UUID operation, String line) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> log(operation).stream().anyMatch(l -> l.startsWith(line)));
  }

  @Test
  void whatAnInstallerPrintsLastIsToldThoughItEndsBetweenTwoLooks() {
    world.hypervisor.guests(guest ->
        guest.definition().installer() == null
            ? GuestBehaviour.wellBehaved().start(guest)
            : GuestBehaviour.installer("Partition disks\r\nInstalling the base system\r\n"));
    world.apply(image() + machine());
    UUID uid = world.machine("web").uid();
    UUID operation = world.store.read(tx -> tx.operations().active(uid)).orElseThrow().uid();
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> log(operation).contains("Partition disks"));

    world.hypervisor.print(uid, "Finishing\r\n[  99.000000] reboot: Power down\r\n");
    world.hypervisor.restart(uid);

    assertThat(world.awaitEnd(uid).state()).isEqualTo(new State.Succeeded());
    assertThat(log(operation))
        .containsSubsequence(
            "Partition disks",
            "Installing the base system",
            "Finishing",
            "[  99.000000] reboot: Power down")
        .doesNotHaveDuplicates();
  }

  @Test
  void aMediumThatStartsNothingIsNoImage() {
    world.apply(image().replace(medium.toString(), "/bin/ls"));
    UUID uid =
        world
            .store
            .read(tx -> tx.resources().find(Kind.IMAGE, "default", "debian-13"))
            .orElseThrow()
            .uid();
    assertThat(world.awaitEnd(uid).state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed -> assertThat(failed.message()).contains("installation medium"));
  }

  @Test
  void anInstallerThatNobodyCanAnswerIsRefused() {
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> world.apply(image().replace("os: debian", "os: plan9")))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("plan9");
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.images.Generalisation;
import io.millwright.model.Condition;
import io.millwright.model.ImageBuild;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A system's own installer makes the disk that machines start as. */
@Tag("database")
@Timeout(240)
class GoldenImageTest {
  private static Path medium;
  private final List<String> initrds = new CopyOnWriteArrayList<>();
  private World world;

  @BeforeAll
  static void makeMedium() {
    medium = TestImages.installationMedium();
  }

  @BeforeEach
  void open() {
    world = World.reporting(World.Pace.FAST);
    GuestBehaviour usual = world.hypervisor.guests();
    world.hypervisor.guests(guest -> {
      MachineDefinition.Installer installer = guest.definition().installer();
      if (installer != null) {
        initrds.add(
            new String(
                world.hypervisor.medium(installer.kernel().initrd()).orElseThrow(),
                StandardCharsets.ISO_8859_1));
      } else {
        world.hypervisor.fill(
            guest.definition().disks().getFirst().name(),
            "an installed system".getBytes(StandardCharsets.UTF_8));
      }
      return usual.start(guest);
    });
    world.apply(World.BASE + media());
  }

  @AfterEach
  void close() {
    world.close();
  }

  private static String media() {
    return """
    ---
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: zz-medium}
    spec: {os: debian, version: "13", installer: {path: %1$s, offline: true}}
    ---
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: bsd-medium}
    spec: {os: freebsd, version: "14", installer: {path: %1$s, offline: true}}
    ---
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: medium}
    spec: {cores: 1, memory: 1GiB, disk: 4GiB}
    """
        .formatted(medium);
  }

  private static final String CHECK = "check: {size: medium, nics: [{network: net}]}";

  private static String image(String more) {
    return """
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: gold}
    spec:
      os: debian
      version: "13"
      build:
        installer: {image: zz-medium, hypervisor: sim, size: medium, profiles: [me], nics: [{network: net}]}
    %s
    """
        .formatted(more.indent(4).stripTrailing());
  }

  private Resource<ImageSpec, ImageStatus> gold() {
    return world
        .store
        .read(tx ->
            tx.resources().find(Kind.IMAGE, "default", "gold", ImageSpec.class, ImageStatus.class))
        .orElseThrow();
  }

  private Operation made(String more) {
    world.apply(image(more));
    return world.awaitEnd(gold().uid());
  }

  @Test
  void theDiskThatAnInstallerHasFilledIsTheImageOnceAMachineOfItWasReady() throws Exception {
    Operation operation = made(CHECK);

    assertThat(operation.state()).as(operation.steps().toString()).isEqualTo(new State.Succeeded());
    assertThat(operation.steps().stream().map(Operation.StepRecord::key))
        .containsExactly(
            "install-image/gold-build-1",
            "read-image/gold-build-1",
            "check-image/gold-build-1",
            "remove-trial/gold-build-1");
    assertThat(initrds)
        .singleElement()
        .asString()
        .contains("d-i pkgsel/include string", "cloud-init", "netplan.io");
    ImageStatus status = gold().status();
    assertThat(status.builds())
        .extracting(ImageBuild::state)
        .containsExactly(ImageBuild.State.CURRENT);
    assertThat(status.virtualSize()).hasToString("4GiB");
    byte[] file = Files.readAllBytes(world.images.resolve(status.sha256() + ".img"));
    assertThat(new String(file, 0, 3, StandardCharsets.ISO_8859_1)).isEqualTo("QFI");
    assertThat(new String(file, StandardCharsets.ISO_8859_1)).contains("an installed system");
    assertThat(world.find("gold-build-1")).isEmpty();
    assertThat(world.outside().machines()).isEmpty();
    assertThat(world.outside().media()).isEmpty();
    assertThat(world.outside().disks()).isEmpty();

    world.apply(
        World.machine("web", "")
            .replace("image: img", "image: gold")
            .replace("size: small", "size: medium"));
    world.awaitReady("web");
    assertThat(world.machine("web").status().imageSha256()).isEqualTo(status.sha256());
  }

  @Test
  void withoutACheckItIsUsedOnceItIsRead() {
    Operation operation = made("");
    assertThat(operation.state()).isEqualTo(new State.Succeeded());
    assertThat(operation.steps().stream().map(Operation.StepRecord::key))
        .containsExactly(
            "install-image/gold-build-1", "read-image/gold-build-1", "remove-trial/gold-build-1");
    assertThat(world.find("gold-build-1")).isEmpty();
  }

  @Test
  void anInstallerThatAsksLeavesNothingBehindAndSaysWhatItAsked() {
    world.hypervisor.guests(guest ->
        GuestBehaviour.installer(
            "Partition disks\r\nNo root file system\r\nPrompt: '?' for help> "));
    Operation operation = made(CHECK);
    assertThat(operation.state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo("InstallationFailed");
              assertThat(failed.message()).contains("build 1", "No root file system");
            });
    assertThat(gold().status().builds())
        .extracting(ImageBuild::state)
        .containsExactly(ImageBuild.State.FAILED);
    assertThat(Condition.find(gold().status().conditions(), "Built").orElseThrow().value())
        .isEqualTo(Condition.Value.FALSE);
    assertThat(world.find("gold-build-1")).isEmpty();
    assertThat(world.outside().machines()).isEmpty();
    assertThat(world.outside().disks()).isEmpty();
    assertThat(world.outside().media()).isEmpty();
  }

  @Test
  void aSystemThatCouldNotBeGeneralisedIsNoImage() {
    world.reports(
        "[{\"name\": \"%s\", \"exitCode\": 1, \"output\": \"cloud-init is not in the system\"}]"
            .formatted(Generalisation.SCRIPT));
    Operation operation = made("");
    assertThat(operation.state())
        .isInstanceOfSatisfying(
            State.Failed.class,
            failed ->
                assertThat(failed.message())
                    .contains(Generalisation.SCRIPT, "cloud-init is not in the system"));
    assertThat(gold().status().sha256()).isNull();
    assertThat(world.find("gold-build-1")).isEmpty();
    assertThat(world.outside().disks()).isEmpty();
  }

  @Test
  void itCanBeCancelledWhileItIsInstalled() {
    world.hypervisor.guests(guest -> GuestBehaviour.installer("Installing the base system\r\n"));
    world.apply(image(""));
    world.await("it is installed", () -> !world.outside().machines().isEmpty());
    world.engine.cancel().cancel(world.latest(gold().uid()).uid());
    assertThat(world.awaitEnd(gold().uid()).state()).isInstanceOf(State.Cancelled.class);
    assertThat(world.find("gold-build-1")).isEmpty();
    assertThat(world.outside().machines()).isEmpty();
    assertThat(world.outside().disks()).isEmpty();
  }

  @Test
  void whatCannotBeIsRefusedByItsField() {
    refused(
        image("").replace("image: zz-medium", "image: img"),
        "installer.image",
        "no installation medium");
    refused(
        image("").replace("version: \"13\"", "version: \"12\""), "installer.image", "is debian 13");
    refused(
        image("")
            .replace("os: debian", "os: freebsd")
            .replace("\"13\"", "\"14\"")
            .replace("zz-", "bsd-"),
        "installer.image",
        "no golden image is made of freebsd");
    refused(image("suite: trixie"), "spec.build.suite", "is for a builder");
    refused(
        image("builder: simulated\nsuite: trixie"),
        "spec.build",
        "exactly one of builder and installer");
    refused(
        image("").replaceAll("(?s)build:.*", "build: {builder: simulated}\n"),
        "spec.build.suite",
        "is needed with a builder");
    refused(image("").replace("hypervisor: sim", "hypervisor: sin"), "installer.hypervisor", "sim");
    refused(
        image("").replace("os: debian", "firstBoot: none\n  os: debian"),
        "spec.build.installer",
        "cloud-init");
  }

  private void refused(String manifest, String field, String why) {
    assertThatThrownBy(() -> world.apply(manifest))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().errors().toString()).contains(field).contains(why));
  }
}

package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.io.InputStream;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** System disks that are linked to their images, and what becomes of those. */
@Tag("vsphere")
final class LinkedDisksTest {
  private static final Disks.Image IMAGE = VsphereContractTest.image(8);
  private static final ByteSize SIZE = ByteSize.ofMib(16);

  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());
  private final Vcenter vcenter = new Vcenter(VcenterLab.shared(), true);
  private final HypervisorDriver driver = open("true");
  private final DatastoreFiles files =
      new DatastoreFiles(vcenter.vim, vcenter.tasks, "millwright", installation);

  LinkedDisksTest() throws DriverException {}

  private HypervisorDriver open(String linked) throws DriverException {
    Map<String, String> settings = new HashMap<>(vcenter.settings());
    settings.put("linkedClones", linked);
    return new VsphereProvider().open(settings, installation);
  }

  @AfterEach
  void clean() throws Exception {
    Observation left = driver.observe(new Scope.All());
    for (Observation.Machine machine : left.machines()) {
      if (machine.mark() != null) {
        done(driver.compute().orElseThrow().remove(machine.mark()));
      }
    }
    for (Observation.Disk disk : left.disks()) {
      done(disks().delete(disk.name()));
    }
    done(disks().unstage(IMAGE.sha256()));
    assertThat(there("*")).isEmpty();
    driver.close();
  }

  private Disks disks() {
    return driver.disks().orElseThrow();
  }

  private static void done(Outcome outcome) {
    assertThat(outcome).isEqualTo(Outcome.DONE);
  }

  private static void backed(ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
              assertThat(e.forUser()).isEqualTo("A disk is backed by this image.");
            });
  }

  /** Names of the disks of ours that match, those of images too. */
  private Set<String> there(String pattern) throws DriverException {
    return vcenter.vim.act(() ->
        Set.copyOf(
            files
                .search(vcenter.places.get(), List.of("mw-" + installation + "-" + pattern))
                .keySet()));
  }

  private byte[] begin(String file) throws Exception {
    try (InputStream in =
        vcenter.vim.act(() -> files.download(vcenter.places.get(), file + "-flat.vmdk"))) {
      return in.readNBytes(2 << 20);
    }
  }

  private ObjectName disk() {
    return new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.SYSTEM);
  }

  private ObjectName linked() throws Exception {
    ObjectName out = disk();
    HypervisorContract.finished(() -> disks().stage(IMAGE));
    HypervisorContract.finished(() -> disks().create(out, SIZE, IMAGE.sha256()));
    return out;
  }

  private void define(ObjectName disk) throws Exception {
    done(
        driver
            .compute()
            .orElseThrow()
            .define(
                new MachineDefinition(
                    disk.mark(),
                    "vm-" + disk.mark().uid(),
                    1,
                    ByteSize.ofMib(128),
                    Firmware.BIOS,
                    List.of(new MachineDefinition.Disk(disk.toString(), "mwsystem")),
                    List.of(),
                    null)));
  }

  /** What a server leaves that died between making a disk and removing what it was made with. */
  private void leaveBearer(ObjectName disk) throws Exception {
    UUID bearer = LinkedDisks.bearer(disk);
    vcenter.add(bearer, disk + "-bearer");
    vcenter.vim.act(() ->
        vcenter.tasks.run(
            vcenter.machine(bearer),
            "ReconfigVM_Task",
            new Element("spec")
                .add(VmCompute.added(VmCompute.controllerOfDisks()))
                .add(
                    VmCompute.added(
                        new Element("device")
                            .type("VirtualDisk")
                            .add("key", -1)
                            .add(
                                new Element("backing")
                                    .type("VirtualDiskFlatVer2BackingInfo")
                                    .add(
                                        "fileName",
                                        files.path(vcenter.places.get(), disk + ".vmdk"))
                                    .add("diskMode", "persistent"))
                            .add("controllerKey", -100)
                            .add("unitNumber", 0)
                            .add("capacityInKB", 16384)))));
  }

  private boolean bearerIsThere(ObjectName disk) throws DriverException {
    return vcenter.vim.act(() -> vcenter.machines.at(LinkedDisks.bearer(disk)).isPresent());
  }

  @Test
  void disksOfOneSizeShareOneCopyOfTheImage() throws Exception {
    ObjectName first = linked();
    ObjectName second = linked();
    String parent = files.image(IMAGE.sha256()) + "-16m";
    assertThat(there("image-*-16m.vmdk")).containsExactly(parent + ".vmdk");
    assertThat(begin(first.toString())).isEqualTo(begin(parent));
    for (ObjectName disk : List.of(first, second)) {
      assertThat(bearerIsThere(disk)).isFalse();
      define(disk);
      VmFacts facts = vcenter.vim.act(() -> vcenter.machines.at(disk.mark().uid()).orElseThrow());
      // Seen under its own name, and with what it is linked to below it.
      assertThat(facts.disks().getFirst().name()).isEqualTo(disk.toString());
      assertThat(facts.disks().getFirst().files()).contains("millwright/" + parent + ".vmdk");
      assertThat(driver.observe(new Scope.One(disk.mark().uid())).machines().getFirst().disks())
          .containsExactly(disk.toString());
    }
    ObjectName larger = disk();
    HypervisorContract.finished(() -> disks().create(larger, ByteSize.ofMib(24), IMAGE.sha256()));
    assertThat(there("image-*-24m.vmdk")).hasSize(1);
  }

  @Test
  void anImageStaysWhileADiskIsLinkedToIt() throws Exception {
    ObjectName with = linked();
    define(with);
    ObjectName without = linked();
    String image = IMAGE.sha256();
    backed(() -> disks().unstage(image));
    done(driver.compute().orElseThrow().remove(with.mark()));
    done(disks().delete(with));
    // No machine has the other one; its own descriptor tells.
    backed(() -> disks().unstage(image));
    // That holds for a server whose settings were changed as well.
    try (HypervisorDriver other = open("false")) {
      backed(() -> other.disks().orElseThrow().unstage(image));
    }
    assertThat(there("image-*")).isNotEmpty();
    done(disks().delete(without));
    done(disks().unstage(image));
    assertThat(there("image-*")).isEmpty();
  }

  @Test
  void whatADiskWasMadeWithIsRemovedByWhoeverComesNext() throws Exception {
    ObjectName again = linked();
    leaveBearer(again);
    HypervisorContract.finished(() -> disks().create(again, SIZE, IMAGE.sha256()));
    assertThat(bearerIsThere(again)).isFalse();

    ObjectName defined = linked();
    leaveBearer(defined);
    define(defined);
    assertThat(bearerIsThere(defined)).isFalse();

    ObjectName deleted = linked();
    leaveBearer(deleted);
    done(disks().delete(deleted));
    assertThat(bearerIsThere(deleted)).isFalse();
    assertThat(there("*-system.vmdk"))
        .containsExactlyInAnyOrder(again + ".vmdk", defined + ".vmdk");
  }

  @Test
  void aFullCopyIsMadeOfALinkedDisk() throws Exception {
    ObjectName from = linked();
    ObjectName to = new ObjectName(disk().mark(), ObjectName.SNAPSHOT);
    HypervisorContract.finished(() -> driver.diskCopy().orElseThrow().copy(from, to, SIZE));
    done(disks().delete(from));
    done(disks().unstage(IMAGE.sha256()));
    byte[] content = new byte[2 << 20];
    new Random(1).nextBytes(content);
    assertThat(begin(to.toString())).isEqualTo(content);
  }
}

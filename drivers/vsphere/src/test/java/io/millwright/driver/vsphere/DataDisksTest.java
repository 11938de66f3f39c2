package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.fault;
import static io.millwright.driver.vsphere.FakeVcenter.property;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * How disks are plugged in: what a snapshot that somebody makes does with them, and their names.
 */
final class DataDisksTest {
  private static final String INSTALLATION = "0a0b0c0d";
  private static final Mark MARK = new Mark(INSTALLATION, UUID.randomUUID(), 1);
  private static final String TASK = "<returnval type=\"Task\">task-search</returnval>";
  private static final MachineDefinition.Disk SYSTEM =
      new MachineDefinition.Disk(new ObjectName(MARK, ObjectName.SYSTEM).toString(), "mwsystem");
  private static final MachineDefinition.Disk FIRST = data("mw-11111111");
  private static final MachineDefinition.Disk SECOND = data("mw-22222222");

  private final FakeVcenter vcenter = new FakeVcenter();

  /** What was asked that has to do with disks, in its order. */
  private final List<Element> asked = new CopyOnWriteArrayList<>();

  private VsphereHypervisor driver;

  private static MachineDefinition.Disk data(String serial) {
    Mark volume = new Mark(INSTALLATION, UUID.randomUUID(), 1);
    return new MachineDefinition.Disk(new ObjectName(volume, ObjectName.DATA).toString(), serial);
  }

  @BeforeEach
  void open() throws Exception {
    StringBuilder files = new StringBuilder();
    Stream.of(SYSTEM, FIRST, SECOND)
        .forEach(disk ->
            files
                .append("<file xsi:type=\"VmDiskFileInfo\"><path>")
                .append(disk.name())
                .append(".vmdk</path><capacityKb>65536</capacityKb></file>"));
    vcenter.searched(files);
    for (String method : List.of("SetVirtualDiskUuid", "CreateVM_Task", "ReconfigVM_Task")) {
      vcenter.answer(
          method,
          c -> {
            asked.add(c);
            return method.endsWith("_Task") ? TASK : "";
          });
    }
    driver =
        new VsphereHypervisor(
            Settings.read(vcenter.settings()),
            INSTALLATION,
            InstantSource.system(),
            Duration.ofMillis(50));
  }

  @AfterEach
  void close() {
    driver.close();
    vcenter.close();
  }

  private Outcome define() throws DriverException {
    return driver
        .compute()
        .orElseThrow()
        .define(
            new MachineDefinition(
                MARK,
                "web",
                1,
                ByteSize.ofMib(256),
                Firmware.BIOS,
                List.of(SYSTEM, FIRST, SECOND),
                List.of(),
                null));
  }

  private static String file(MachineDefinition.Disk disk) {
    return "[store] millwright/" + disk.name() + ".vmdk";
  }

  /** Of each disk that is added by this call: its place, its file and its mode. */
  private static List<String> added(Element call, String spec) {
    return call.find(spec)
        .orElseThrow()
        .all("deviceChange")
        .filter(change -> change.text("operation").equals("add"))
        .flatMap(change -> change.find("device").stream())
        .filter(device -> device.type().equals("VirtualDisk"))
        .map(disk ->
            disk.text("unitNumber")
                + " "
                + disk.text("backing", "fileName")
                + " "
                + disk.text("backing", "diskMode"))
        .toList();
  }

  private static void assertNamed(Element call, MachineDefinition.Disk disk) {
    assertThat(call.name()).isEqualTo("SetVirtualDiskUuid");
    assertThat(call.text("name")).isEqualTo(file(disk));
    assertThat(call.find("datacenter").map(Element::ref)).contains(new Ref("Datacenter", "dc-1"));
    assertThat(call.text("uuid")).isEqualTo(VmCompute.diskUuid(disk.serial()));
  }

  @Test
  void dataDisksAreLeftAloneBySnapshotsAndHaveTheirNamesBeforeTheyArePluggedIn() throws Exception {
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(asked).hasSize(3);
    // The system disk is found by its place, and gets none.
    assertNamed(asked.get(0), FIRST);
    assertNamed(asked.get(1), SECOND);
    assertThat(asked.get(0).text("uuid")).isNotEqualTo(asked.get(1).text("uuid"));
    assertThat(asked.get(2).name()).isEqualTo("CreateVM_Task");
    assertThat(added(asked.get(2), "config"))
        .containsExactly(
            "0 " + file(SYSTEM) + " persistent",
            "1 " + file(FIRST) + " independent_persistent",
            "2 " + file(SECOND) + " independent_persistent");
  }

  /** Editions of Windows for desks use two sockets and no more. */
  @Test
  void coresAreOfOneSocketWhereItCanBe() throws Exception {
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(asked.getLast().find("config").orElseThrow().children())
        .extracting(Element::name)
        .containsSubsequence("numCPUs", "numCoresPerSocket", "memoryMB");
    // Where it is there already, as soon as it is powered off and changed.
    has("poweredOff", "", plugged(0, file(SYSTEM)));
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(asked.getLast().find("spec").orElseThrow().children())
        .extracting(Element::name)
        .containsSubsequence("numCPUs", "numCoresPerSocket", "memoryMB");
    assertThat(Stream.of(1, 2, 8, 64, 96, 127, 128).map(VmCompute::coresPerSocket))
        .containsExactly(1, 2, 8, 64, 48, 1, 64);
  }

  /** A guest that does not find its disk would say that it is empty. */
  @Test
  void noMachineIsMadeOfDisksThatCouldNotBeNamed() {
    vcenter.answer("SetVirtualDiskUuid", c -> fault("FileLocked", "somebody has it", ""));
    assertThatThrownBy(this::define).isInstanceOf(DriverException.class);
    assertThat(vcenter.calls).doesNotContain("CreateVM_Task");
  }

  /** The machine is there, with what was last defined of it noted. */
  private void has(String power, String note, String devices) {
    vcenter.answer("FindByUuid", c -> "<returnval type=\"VirtualMachine\">vm-1</returnval>");
    vcenter.object(
        "VirtualMachine",
        "vm-1",
        property("name", "xsd:string", "web")
            + property("summary.config.instanceUuid", "xsd:string", MARK.uid().toString())
            + property("runtime.powerState", "VirtualMachinePowerState", power)
            + property("config.hardware.numCPU", "xsd:int", "1")
            + property("config.hardware.memoryMB", "xsd:int", "256")
            + option(VmFacts.MARK, VmFacts.note(MARK))
            + option(VmFacts.DEFINITION, note)
            + property(
                VmFacts.DEVICES,
                "ArrayOfVirtualDevice",
                "<VirtualDevice xsi:type=\"ParaVirtualSCSIController\"><key>1000</key>"
                    + "<sharedBus>noSharing</sharedBus></VirtualDevice>"
                    + "<VirtualDevice xsi:type=\"VirtualCdrom\"><key>3000</key><backing>"
                    + "</backing><connectable></connectable><controllerKey>15000</controllerKey>"
                    + "<unitNumber>0</unitNumber></VirtualDevice>"
                    + devices));
  }

  private static String option(String key, String value) {
    return property(
        Options.path(key).replace("\"", "&quot;"),
        "OptionValue",
        "<key>" + key + "</key><value xsi:type=\"xsd:string\">" + value + "</value>");
  }

  private static String plugged(int unit, String file) {
    return "<VirtualDevice xsi:type=\"VirtualDisk\"><key>"
        + (2000 + unit)
        + "</key><backing><fileName>"
        + file
        + "</fileName></backing><controllerKey>1000</controllerKey><unitNumber>"
        + unit
        + "</unitNumber></VirtualDevice>";
  }

  @Test
  void soIsOneThatIsPluggedIntoAMachineThatRuns() throws Exception {
    has("poweredOn", "", plugged(0, file(SYSTEM)));
    assertThat(driver.hotPlug().orElseThrow().attach(MARK, FIRST)).isEqualTo(Outcome.DONE);
    assertThat(asked).hasSize(2);
    assertNamed(asked.get(0), FIRST);
    assertThat(asked.get(1).name()).isEqualTo("ReconfigVM_Task");
    assertThat(added(asked.get(1), "spec"))
        .containsExactly("1 " + file(FIRST) + " independent_persistent");
  }

  @Test
  void aDiskThatSomebodyElseHasPluggedInStaysWhereItIs() throws Exception {
    String theirs = plugged(1, "[store] theirs/archive.vmdk");
    // The machine starts as it is.
    Wanted alone =
        new Wanted(1, 256, Firmware.BIOS, Devices.PARAVIRTUAL, List.of(SYSTEM), List.of());
    has("poweredOff", alone.encode(), plugged(0, file(SYSTEM)) + theirs);
    vcenter.answer("PowerOnVM_Task", c -> TASK);
    assertThat(driver.compute().orElseThrow().start(MARK)).isEqualTo(Outcome.DONE);
    assertThat(asked).isEmpty();

    // It gets others, and one while it runs.
    assertThat(define()).isEqualTo(Outcome.DONE);
    Element change = asked.getLast();
    assertThat(change.name()).isEqualTo("ReconfigVM_Task");
    assertThat(
            change
                .find("spec")
                .orElseThrow()
                .all("deviceChange")
                .filter(c -> c.text("operation").equals("remove"))
                .map(c -> c.text("device", "key")))
        .containsExactly("2000");
    assertThat(added(change, "spec"))
        .containsExactly(
            "0 " + file(SYSTEM) + " persistent",
            "2 " + file(FIRST) + " independent_persistent",
            "3 " + file(SECOND) + " independent_persistent");
    has("poweredOn", alone.encode(), plugged(0, file(SYSTEM)) + theirs);
    assertThat(driver.hotPlug().orElseThrow().attach(MARK, FIRST)).isEqualTo(Outcome.DONE);
    assertThat(added(asked.getLast(), "spec"))
        .containsExactly("2 " + file(FIRST) + " independent_persistent");
  }
}

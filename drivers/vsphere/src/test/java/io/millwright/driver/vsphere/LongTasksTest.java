package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.fault;
import static io.millwright.driver.vsphere.FakeVcenter.property;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.Compute;
import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tasks that go on for longer than a call waits: each is begun once, and its end is found. */
final class LongTasksTest {
  private static final String INSTALLATION = "0a0b0c0d";
  private static final UUID UID = UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd");
  private static final Mark MARK = new Mark(INSTALLATION, UID, 1);
  private static final String SHA256 = "ab".repeat(32);
  private static final String IMAGE = "mw-" + INSTALLATION + "-image-" + SHA256;
  private static final ObjectName DISK = new ObjectName(MARK, ObjectName.SYSTEM);
  private static final ObjectName PART = new ObjectName(MARK, ObjectName.PART);

  private final FakeVcenter vcenter = new FakeVcenter();
  private VsphereHypervisor driver;

  @BeforeEach
  void open() throws Exception {
    driver = open(vcenter.settings());
  }

  private static VsphereHypervisor open(Map<String, String> settings) throws DriverException {
    return new VsphereHypervisor(
        Settings.read(settings),
        INSTALLATION,
        InstantSource.system(),
        Duration.ZERO,
        Duration.ZERO);
  }

  /** The server dies, and another one knows nothing of what it had begun. */
  private void dies() throws Exception {
    driver.close();
    open();
  }

  @AfterEach
  void close() {
    driver.close();
    vcenter.close();
  }

  // ------------------------------------------------------------------------------------ what is

  /** Has tasks of this method called by it, and says how they are. */
  private void task(String method, String info) {
    vcenter.answer(method, c -> "<returnval type=\"Task\">of-" + method + "</returnval>");
    vcenter.object("Task", "of-" + method, property("info", "TaskInfo", info));
  }

  private void goesOn(String method) {
    task(method, "<state>running</state>");
  }

  private void succeeds(String method) {
    task(method, "<state>success</state>");
  }

  private void fails(String method, String fault) {
    task(method, "<state>error</state><error><fault xsi:type=\"" + fault + "\"></fault></error>");
  }

  private long begun(String method) {
    return Collections.frequency(vcenter.calls, method);
  }

  private static Outcome running(String method) {
    return new Outcome.Running("of-" + method, Duration.ofSeconds(5));
  }

  private static FaultKind failure(ThrowingCallable act) {
    FaultKind[] out = new FaultKind[1];
    assertThatThrownBy(act).isInstanceOfSatisfying(DriverException.class, e -> out[0] = e.kind());
    return out[0];
  }

  private void machineIs(String power) {
    vcenter.answer("FindByUuid", c -> "<returnval type=\"VirtualMachine\">vm-1</returnval>");
    vcenter.object(
        "VirtualMachine",
        "vm-1",
        property("name", "xsd:string", "web")
            + property("summary.config.instanceUuid", "xsd:string", UID.toString())
            + property("runtime.powerState", "VirtualMachinePowerState", power)
            + property(
                "config.extraConfig[\"millwright.mark\"]",
                "OptionValue",
                "<key>millwright.mark</key><value xsi:type=\"xsd:string\">"
                    + INSTALLATION
                    + " "
                    + UID
                    + " 1</value>"));
  }

  /** Has these files, each a name and its size in MiB. */
  private void found(Object... files) {
    StringBuilder list = new StringBuilder();
    for (int i = 0; i < files.length; i += 2) {
      list.append("<file xsi:type=\"VmDiskFileInfo\"><path>")
          .append(files[i])
          .append(".vmdk</path><capacityKb>")
          .append((int) files[i + 1] << 10)
          .append("</capacityKb></file>");
    }
    vcenter.searched(list);
  }

  /** That use the datastore. */
  private void noMachines() {
    Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
    vcenter.answer(
        "RetrievePropertiesEx",
        c ->
            FakeVcenter.asked(c).value().equals("ds-1")
                    && c.find("specSet", "propSet", "type")
                        .map(Element::text)
                        .orElse("")
                        .equals("VirtualMachine")
                ? "<returnval></returnval>"
                : usual.apply(c));
  }

  private Compute compute() {
    return driver.compute().orElseThrow();
  }

  private Outcome define() throws DriverException {
    return compute()
        .define(
            new MachineDefinition(
                MARK,
                "web",
                1,
                ByteSize.ofMib(256),
                Firmware.BIOS,
                List.of(),
                List.of(new MachineDefinition.Nic(Mac.ofQemu(1), null, "lan", null, null)),
                null));
  }

  private Outcome createDisk() throws DriverException {
    return driver.disks().orElseThrow().create(DISK, ByteSize.ofMib(128), SHA256);
  }

  // ----------------------------------------------------------------------------------- machines

  @Test
  void aMachineThatIsMadeForLongIsMadeOnce() throws Exception {
    goesOn("CreateVM_Task");
    assertThat(define()).isEqualTo(running("CreateVM_Task"));
    // Its name is taken meanwhile, by itself, and nobody can tell yet by whom.
    vcenter.answer("FindChild", c -> "<returnval type=\"VirtualMachine\">vm-1</returnval>");
    for (int i = 0; i < 3; i++) {
      assertThat(define()).isEqualTo(running("CreateVM_Task"));
    }
    succeeds("CreateVM_Task");
    machineIs("poweredOn");
    succeeds("ReconfigVM_Task");
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(begun("CreateVM_Task")).isEqualTo(1);
  }

  @Test
  void aChangeThatTakesLongIsMadeOnceAndNothingElseIsDoneMeanwhile() throws Exception {
    machineIs("poweredOn");
    goesOn("ReconfigVM_Task");
    assertThat(define()).isEqualTo(running("ReconfigVM_Task"));
    assertThat(compute().stop(MARK, true)).isEqualTo(running("ReconfigVM_Task"));
    assertThat(compute().remove(MARK)).isEqualTo(running("ReconfigVM_Task"));
    assertThat(define()).isEqualTo(running("ReconfigVM_Task"));
    assertThat(vcenter.calls).doesNotContain("PowerOffVM_Task", "Destroy_Task");
    succeeds("ReconfigVM_Task");
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(begun("ReconfigVM_Task")).isEqualTo(1);
    // What was followed counts once: the same again is another change.
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(begun("ReconfigVM_Task")).isEqualTo(2);
  }

  @Test
  void aGuestThatLocksItsDriveIsAnsweredThoughTheQuestionComesLate() throws Exception {
    machineIs("poweredOn");
    goesOn("ReconfigVM_Task");
    assertThat(define()).isEqualTo(running("ReconfigVM_Task"));
    vcenter.object(
        "VirtualMachine",
        "vm-1",
        property(
            "runtime.question",
            "VirtualMachineQuestionInfo",
            "<id>7</id><text>The guest has locked the CD-ROM door.</text>"));
    vcenter.answer("AnswerVM", c -> "");
    assertThat(define()).isEqualTo(running("ReconfigVM_Task"));
    assertThat(vcenter.calls).contains("AnswerVM");
  }

  @Test
  void aMachineThatStartsForLongIsStartedOnce() throws Exception {
    machineIs("poweredOff");
    goesOn("PowerOnVM_Task");
    for (int i = 0; i < 3; i++) {
      assertThat(compute().start(MARK)).isEqualTo(running("PowerOnVM_Task"));
    }
    succeeds("PowerOnVM_Task");
    machineIs("poweredOn");
    assertThat(compute().start(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("PowerOnVM_Task")).isEqualTo(1);
  }

  /** Nothing that there is would tell that it has been reset. */
  @Test
  void aMachineWhoseResetTakesLongIsResetOnce() throws Exception {
    machineIs("poweredOn");
    goesOn("ResetVM_Task");
    assertThat(compute().reset(MARK)).isEqualTo(running("ResetVM_Task"));
    succeeds("ResetVM_Task");
    assertThat(compute().reset(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("ResetVM_Task")).isEqualTo(1);
    assertThat(compute().reset(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("ResetVM_Task")).isEqualTo(2);
  }

  @Test
  void aMachineThatIsRemovedForLongIsRemovedOnce() throws Exception {
    machineIs("poweredOff");
    goesOn("Destroy_Task");
    for (int i = 0; i < 3; i++) {
      assertThat(compute().remove(MARK)).isEqualTo(running("Destroy_Task"));
    }
    succeeds("Destroy_Task");
    vcenter.answer("FindByUuid", c -> "");
    vcenter.answer(
        "RetrievePropertiesEx",
        gone(vcenter.answerTo("RetrievePropertiesEx"), new Ref("VirtualMachine", "vm-1")));
    assertThat(compute().remove(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("Destroy_Task")).isEqualTo(1);
  }

  private static Function<Element, String> gone(Function<Element, String> usual, Ref gone) {
    return c ->
        FakeVcenter.asked(c).equals(gone)
            ? fault("ManagedObjectNotFound", "has already been deleted", "")
            : usual.apply(c);
  }

  @Test
  void whatFailsAfterLongIsToldOnceToWhoeverAskedForItAndThenTriedAnew() throws Exception {
    machineIs("poweredOff");
    goesOn("PowerOnVM_Task");
    assertThat(compute().start(MARK)).isEqualTo(running("PowerOnVM_Task"));
    fails("PowerOnVM_Task", "InsufficientResourcesFault");
    assertThat(failure(() -> compute().start(MARK))).isEqualTo(FaultKind.CAPACITY);
    assertThat(begun("PowerOnVM_Task")).isEqualTo(1);
    succeeds("PowerOnVM_Task");
    assertThat(compute().start(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("PowerOnVM_Task")).isEqualTo(2);
  }

  @Test
  void whatFailsAfterLongIsNoFailureOfSomethingElse() throws Exception {
    machineIs("poweredOff");
    goesOn("PowerOnVM_Task");
    assertThat(compute().start(MARK)).isEqualTo(running("PowerOnVM_Task"));
    fails("PowerOnVM_Task", "InsufficientResourcesFault");
    succeeds("Destroy_Task");
    assertThat(compute().remove(MARK)).isEqualTo(Outcome.DONE);
    // Nor is it told later.
    succeeds("PowerOnVM_Task");
    assertThat(compute().start(MARK)).isEqualTo(Outcome.DONE);
  }

  @Test
  void whatTheVcenterForgotWhenItWasRestartedIsBegunAnew() throws Exception {
    goesOn("CreateVM_Task");
    assertThat(define()).isEqualTo(running("CreateVM_Task"));
    Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
    vcenter.answer("RetrievePropertiesEx", gone(usual, new Ref("Task", "of-CreateVM_Task")));
    assertThat(failure(this::define)).isEqualTo(FaultKind.UNREACHABLE);
    vcenter.answer("RetrievePropertiesEx", usual);
    succeeds("CreateVM_Task");
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(begun("CreateVM_Task")).isEqualTo(2);
  }

  // ------------------------------------------------------------------------- after a server died

  /** Makes machines as vSphere does: a name is taken as soon as it was asked for. */
  private Set<String> makesMachines(Runnable whenTaken, String duplicate) {
    Set<String> made = ConcurrentHashMap.newKeySet();
    goesOn("CreateVM_Task");
    Function<Element, String> first = vcenter.answerTo("CreateVM_Task");
    vcenter.answer(
        "CreateVM_Task",
        c -> {
          if (made.add(c.text("config", "name"))) {
            assertThat(c.text("config", "instanceUuid")).isEqualTo(UID.toString());
            return first.apply(c);
          }
          whenTaken.run();
          return duplicate;
        });
    return made;
  }

  @Test
  void aMachineThatADeadServerBeganIsTakenWhenItsNameIsTakenAndIsMadeOnce() throws Exception {
    takenOver(fault("DuplicateName", "The name 'web' already exists.", "<name>web</name>"));
  }

  @Test
  void thatItsNameIsTakenMayBeToldByTheTask() throws Exception {
    vcenter.object(
        "Task",
        "task-duplicate",
        property(
            "info",
            "TaskInfo",
            "<state>error</state><error><fault xsi:type=\"DuplicateName\"><name>web</name></fault>"
                + "</error>"));
    takenOver("<returnval type=\"Task\">task-duplicate</returnval>");
  }

  private void takenOver(String duplicate) throws Exception {
    Set<String> made = makesMachines(() -> machineIs("poweredOff"), duplicate);
    assertThat(define()).isEqualTo(running("CreateVM_Task"));
    dies();
    // It is there between the look for it and the attempt to make it.
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(made).containsExactly("web");
    assertThat(begun("CreateVM_Task")).isEqualTo(2);
  }

  @Test
  void aMachineThatADeadServerBeganAndThatIsNotThereYetIsAConflictThatPasses() throws Exception {
    Set<String> made =
        makesMachines(
            () -> {}, fault("DuplicateName", "The name 'web' already exists.", "<name>web</name>"));
    assertThat(define()).isEqualTo(running("CreateVM_Task"));
    dies();
    // Whoever has that name cannot be told yet: that passes, or it is somebody else's.
    assertThat(failure(this::define)).isEqualTo(FaultKind.CONFLICT);
    machineIs("poweredOn");
    succeeds("ReconfigVM_Task");
    assertThat(define()).isEqualTo(Outcome.DONE);
    assertThat(made).containsExactly("web");
    assertThat(begun("CreateVM_Task")).isEqualTo(2);
    assertThat(begun("ReconfigVM_Task")).isEqualTo(1);
  }

  /** Its machine was given up meanwhile: nobody but the sweep asks for it. */
  @Test
  void aMachineThatIsThereAfterItWasGivenUpIsOursAndRemoved() throws Exception {
    goesOn("CreateVM_Task");
    assertThat(define()).isEqualTo(running("CreateVM_Task"));
    dies();
    machineIs("poweredOff");
    assertThat(driver.observe(new Scope.One(UID)).machine(UID).orElseThrow().mark())
        .isEqualTo(MARK);
    succeeds("Destroy_Task");
    assertThat(compute().remove(MARK)).isEqualTo(Outcome.DONE);
    assertThat(begun("Destroy_Task")).isEqualTo(1);
  }

  @Test
  void aCopyWhoseExtensionADeadServerBeganIsWaitedForAndMadeAnew() throws Exception {
    found(IMAGE, 64);
    succeeds("CopyVirtualDisk_Task");
    goesOn("ExtendVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));
    dies();
    found(IMAGE, 64, PART, 128);
    fails("DeleteVirtualDisk_Task", "FileLocked");
    assertThat(createDisk()).isInstanceOf(Outcome.Running.class);
    assertThat(begun("CopyVirtualDisk_Task")).isEqualTo(1);
    for (String task :
        List.of("DeleteVirtualDisk_Task", "ExtendVirtualDisk_Task", "MoveVirtualDisk_Task")) {
      succeeds(task);
    }
    assertThat(createDisk()).isEqualTo(Outcome.DONE);
    assertThat(begun("CopyVirtualDisk_Task")).isEqualTo(2);
  }

  @Test
  void aPartThatADeadServerLeftIsSeenAsOursAndDeleted() throws Exception {
    found(PART, 64);
    noMachines();
    assertThat(driver.observe(new Scope.One(UID)).disks())
        .extracting(Observation.Disk::name)
        .containsExactly(PART);
    succeeds("DeleteVirtualDisk_Task");
    Function<Element, String> usual = vcenter.answerTo("DeleteVirtualDisk_Task");
    vcenter.answer(
        "DeleteVirtualDisk_Task",
        c -> {
          assertThat(c.text("name")).endsWith("/" + PART + ".vmdk");
          return usual.apply(c);
        });
    assertThat(driver.disks().orElseThrow().delete(PART)).isEqualTo(Outcome.DONE);
    assertThat(begun("DeleteVirtualDisk_Task")).isEqualTo(1);
  }

  // -------------------------------------------------------------------------------------- disks

  @Test
  void aCopyIsMadeOnceThoughItsExtensionAndItsMoveTakeLong() throws Exception {
    found(IMAGE, 64);
    succeeds("CopyVirtualDisk_Task");
    goesOn("ExtendVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));
    found(IMAGE, 64, PART, 64);
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));

    succeeds("ExtendVirtualDisk_Task");
    found(IMAGE, 64, PART, 128);
    goesOn("MoveVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(running("MoveVirtualDisk_Task"));
    assertThat(createDisk()).isEqualTo(running("MoveVirtualDisk_Task"));

    succeeds("MoveVirtualDisk_Task");
    found(IMAGE, 64, DISK, 128);
    assertThat(createDisk()).isEqualTo(Outcome.DONE);
    for (String once :
        List.of("CopyVirtualDisk_Task", "ExtendVirtualDisk_Task", "MoveVirtualDisk_Task")) {
      assertThat(begun(once)).as(once).isEqualTo(1);
    }
    assertThat(vcenter.calls).doesNotContain("DeleteVirtualDisk_Task");
  }

  @Test
  void aCopyWhoseExtensionFailsIsMadeAnewAndOfOneThatIsGoneNothingIsLeft() throws Exception {
    found(IMAGE, 64);
    succeeds("CopyVirtualDisk_Task");
    goesOn("ExtendVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));
    found(IMAGE, 64, PART, 64);
    fails("ExtendVirtualDisk_Task", "NoDiskSpace");
    assertThat(failure(this::createDisk)).isEqualTo(FaultKind.CAPACITY);
    assertThat(begun("ExtendVirtualDisk_Task")).isEqualTo(1);

    // A part that is as large as the disk shall be, of which nobody knows what is in it.
    found(IMAGE, 64, PART, 128);
    for (String task :
        List.of("DeleteVirtualDisk_Task", "ExtendVirtualDisk_Task", "MoveVirtualDisk_Task")) {
      succeeds(task);
    }
    assertThat(createDisk()).isEqualTo(Outcome.DONE);
    assertThat(begun("DeleteVirtualDisk_Task")).isEqualTo(1);
    assertThat(begun("CopyVirtualDisk_Task")).isEqualTo(2);
    assertThat(begun("ExtendVirtualDisk_Task")).isEqualTo(2);
  }

  @Test
  void whatDisksAreLinkedToIsCopiedOnceForAllOfThem() throws Exception {
    Map<String, String> settings = vcenter.settings();
    settings.put("linkedClones", "true");
    found(IMAGE, 64);
    succeeds("CopyVirtualDisk_Task");
    goesOn("ExtendVirtualDisk_Task");
    ObjectName other = new ObjectName(new Mark(INSTALLATION, new UUID(1, 2), 1), ObjectName.SYSTEM);
    try (VsphereHypervisor linking = open(settings)) {
      for (ObjectName disk : List.of(DISK, other, DISK, other)) {
        assertThat(linking.disks().orElseThrow().create(disk, ByteSize.ofMib(128), SHA256))
            .isEqualTo(running("ExtendVirtualDisk_Task"));
        found(IMAGE, 64, IMAGE + "-128m.part", 64);
      }
    }
    assertThat(begun("CopyVirtualDisk_Task")).isEqualTo(1);
    assertThat(begun("ExtendVirtualDisk_Task")).isEqualTo(1);
  }

  @Test
  void aPartThatSomebodyDeletedIsCopiedAnew() throws Exception {
    found(IMAGE, 64);
    succeeds("CopyVirtualDisk_Task");
    goesOn("ExtendVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(running("ExtendVirtualDisk_Task"));
    succeeds("ExtendVirtualDisk_Task");
    succeeds("MoveVirtualDisk_Task");
    assertThat(createDisk()).isEqualTo(Outcome.DONE);
    assertThat(begun("CopyVirtualDisk_Task")).isEqualTo(2);
  }

  /** Who asks for that reads no outcome, so that it is a failure until it is done. */
  @Test
  void aDiskThatIsDeletedForLongIsDeletedOnce() throws Exception {
    found(DISK, 64);
    noMachines();
    goesOn("DeleteVirtualDisk_Task");
    for (int i = 0; i < 3; i++) {
      assertThat(failure(() -> driver.disks().orElseThrow().delete(DISK)))
          .isEqualTo(FaultKind.UNREACHABLE);
    }
    succeeds("DeleteVirtualDisk_Task");
    found();
    assertThat(driver.disks().orElseThrow().delete(DISK)).isEqualTo(Outcome.DONE);
    assertThat(begun("DeleteVirtualDisk_Task")).isEqualTo(1);
  }

  @Test
  void aMediumThatIsMovedForLongIsNotTakenForTheNextOne() throws Exception {
    ObjectName seed = new ObjectName(MARK, ObjectName.SEED);
    vcenter.files(201);
    goesOn("MoveDatastoreFile_Task");
    assertThat(driver.media().orElseThrow().put(seed, new byte[2048]))
        .isEqualTo(running("MoveDatastoreFile_Task"));
    assertThat(driver.media().orElseThrow().put(seed, new byte[2048]))
        .isEqualTo(running("MoveDatastoreFile_Task"));
    assertThat(begun("MoveDatastoreFile_Task")).isEqualTo(1);
    succeeds("MoveDatastoreFile_Task");
    assertThat(driver.media().orElseThrow().put(seed, new byte[2048])).isEqualTo(Outcome.DONE);
    assertThat(begun("MoveDatastoreFile_Task")).as("of what was brought since").isEqualTo(2);
  }

  @Test
  void aLargeMediumThatIsMovedForLongIsWaitedForAndSentOnce() throws Exception {
    ObjectName medium = new ObjectName(MARK, ObjectName.SEED);
    vcenter.files(201);
    goesOn("MoveDatastoreFile_Task");
    CompletableFuture<Object> put =
        CompletableFuture.supplyAsync(() -> {
          try {
            return driver.media().orElseThrow().put(medium, Content.of(new byte[2048]));
          } catch (DriverException e) {
            return e;
          }
        });
    do {
      assertThatThrownBy(() -> put.get(1, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
    } while (begun("MoveDatastoreFile_Task") == 0);
    succeeds("MoveDatastoreFile_Task");
    assertThat(put.get(20, TimeUnit.SECONDS)).isEqualTo(Outcome.DONE);
    assertThat(begun("MoveDatastoreFile_Task")).isEqualTo(1);
  }
}

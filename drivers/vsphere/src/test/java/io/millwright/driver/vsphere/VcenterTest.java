package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Compute;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.Lab;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.GuestFamily;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What operators do in a vCenter, and what one has besides. */
@Tag("vsphere")
class VcenterTest {
  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());
  final Vcenter vcenter = vcenterUnderTest();
  private final HypervisorDriver driver =
      new VsphereProvider().open(vcenter.settings(), installation);

  VcenterTest() throws DriverException {}

  Vcenter vcenterUnderTest() throws DriverException {
    return new Vcenter(VcenterLab.shared(), true);
  }

  /** One like it, with thousands of machines of others. */
  Vcenter withManyMachines() throws DriverException {
    return new Vcenter(VcenterLab.start("--machines", "1000"), true);
  }

  /** A network of each kind that there is, by each kind of name. */
  List<String> networks() {
    return List.of("DC0_DVPG0", "VM Network", "DC0/DC0_DVPG0");
  }

  void moveByHand(Ref machine, String folder) throws DriverException {
    vcenter.vim.act(() -> {
      Ref made =
          Vim.value(
                  vcenter.vim.call(
                      vcenter.places.get().folder(),
                      "CreateFolder",
                      new Element("name").holding(folder)))
              .ref();
      return vcenter.tasks.run(made, "MoveIntoFolder_Task", machine.as("list"));
    });
  }

  @AfterEach
  void clean() throws Exception {
    Observation left = driver.observe(new Scope.All());
    for (Observation.Machine machine : left.machines()) {
      if (machine.mark() != null) {
        done(compute().remove(machine.mark()));
      }
    }
    for (Observation.Disk disk : left.disks()) {
      done(disks().delete(disk.name()));
    }
    driver.close();
  }

  private Compute compute() {
    return driver.compute().orElseThrow();
  }

  private Disks disks() {
    return driver.disks().orElseThrow();
  }

  private static void done(Outcome outcome) {
    assertThat(outcome).isEqualTo(Outcome.DONE);
  }

  private MachineDefinition defined(Mark mark, String... networks) throws Exception {
    ObjectName disk = new ObjectName(mark, ObjectName.SYSTEM);
    done(disks().create(disk, ByteSize.ofMib(16), null));
    List<MachineDefinition.Nic> nics = new java.util.ArrayList<>();
    for (String network : networks) {
      nics.add(
          new MachineDefinition.Nic(
              Mac.ofQemu(mark.uid().hashCode() + nics.size()), null, network, null, null));
    }
    MachineDefinition out =
        new MachineDefinition(
            mark,
            "vm-" + mark.uid(),
            1,
            ByteSize.ofMib(128),
            Firmware.UEFI,
            List.of(new MachineDefinition.Disk(disk.toString(), "mwsystem")),
            nics,
            null);
    done(compute().define(out));
    return out;
  }

  private Mark mark() {
    return new Mark(installation, UUID.randomUUID(), 1);
  }

  private Observation.Machine seen(Mark mark) throws Exception {
    return driver.observe(new Scope.One(mark.uid())).machine(mark.uid()).orElseThrow();
  }

  @Test
  void oneThatWasRenamedAndMovedByHandIsStillOurs() throws Exception {
    MachineDefinition machine = defined(mark(), networks().getFirst());
    Ref vm = vcenter.machine(machine.mark().uid());
    vcenter.vim.act(
        () -> vcenter.tasks.run(vm, "Rename_Task", new Element("newName").holding("somebody's")));
    moveByHand(vm, "f-" + machine.mark().uid());
    assertThat(seen(machine.mark()).name()).isEqualTo("somebody's");
    assertThat(seen(machine.mark()).mark()).isEqualTo(machine.mark());
    done(compute().start(machine.mark()));
    done(compute().define(machine));
    assertThat(seen(machine.mark()).name()).isEqualTo(machine.name());
    done(compute().remove(machine.mark()));
  }

  @Test
  void cardsOnBothKindsOfSwitchesAreSeenAsTheyWereDeclared() throws Exception {
    MachineDefinition machine = defined(mark(), networks().toArray(String[]::new));
    assertThat(seen(machine.mark()).nics()).isEqualTo(machine.nics());
  }

  /** All but the operator's own. */
  private void endSessions() throws DriverException {
    vcenter.vim.act(() -> {
      Ref sessions = vcenter.vim.content().sessions();
      Collector.Found found =
          new Collector(vcenter.vim).read(sessions, "sessionList", "currentSession");
      String own = found.get("currentSession").orElseThrow().text("key");
      for (Element session : found.get("sessionList").orElseThrow().children()) {
        if (!session.text("key").equals(own)) {
          vcenter.vim.call(
              sessions, "TerminateSession", new Element("sessionId").holding(session.text("key")));
        }
      }
      return own;
    });
  }

  @Test
  void aSessionThatAnOperatorEndsIsRenewed() throws Exception {
    assertThat(driver.observe(new Scope.All()).complete()).isTrue();
    endSessions();
    // The list of machines that the server kept has gone with the session.
    assertThat(driver.observe(new Scope.All()).complete()).isTrue();
    Mark mark = mark();
    assertThat(defined(mark).mark()).isEqualTo(mark);
  }

  @Test
  void changesAreToldAgainAfterTheSessionWasEnded() throws Exception {
    Set<UUID> told = ConcurrentHashMap.newKeySet();
    driver.lifecycleEvents().orElseThrow().subscribe(told::add);
    // What is there when listening begins is not told, and when that is nobody is told either.
    await()
        .atMost(Duration.ofMinutes(2))
        .pollInterval(Duration.ofSeconds(1))
        .until(() -> {
          defined(mark());
          return !told.isEmpty();
        });
    Mark before = mark();
    defined(before);
    awaitTold(told, before);
    endSessions();
    // Whoever waits at the server hears of it when his wait is over, and what came meanwhile.
    Mark meanwhile = mark();
    defined(meanwhile);
    awaitTold(told, meanwhile);
    told.clear();
    done(compute().remove(before));
    awaitTold(told, before);
  }

  private static void awaitTold(Set<UUID> told, Mark mark) {
    await().atMost(Duration.ofMinutes(2)).until(() -> told.contains(mark.uid()));
  }

  @Test
  void aPasswordThatIsWrongIsRefusedOnce() throws Exception {
    Map<String, String> wrong = new java.util.HashMap<>(vcenter.settings());
    wrong.put("password", "not-" + installation);
    try (VsphereHypervisor own = new VsphereHypervisor(Settings.read(wrong), installation)) {
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> own.observe(new Scope.All()))
            .isInstanceOfSatisfying(
                DriverException.class,
                e -> {
                  assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
                  assertThat(e.forUser()).contains("login", "password");
                  assertThat(e.forUser() + e.forOperator()).doesNotContain("not-" + installation);
                });
      }
      // What it is made of, and one login.
      assertThat(own.calls()).isEqualTo(2);
    }
  }

  @Test
  void whatIsNotThereIsNamedWithWhatThereIs() throws Exception {
    for (String setting : List.of("datacenter", "cluster", "datastore", "resourcePool", "folder")) {
      Map<String, String> wrong = new java.util.HashMap<>(vcenter.settings());
      wrong.put(setting, "nowhere");
      try (HypervisorDriver own = new VsphereProvider().open(wrong, installation)) {
        Mark mark = mark();
        assertThatThrownBy(() ->
                own.disks()
                    .orElseThrow()
                    .create(new ObjectName(mark, ObjectName.SYSTEM), ByteSize.ofMib(16), null))
            .isInstanceOfSatisfying(
                DriverException.class,
                e -> {
                  assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
                  assertThat(e.forUser()).contains("no " + setting + " \"nowhere\"; there are: ");
                });
      }
    }
    MachineDefinition machine = defined(mark());
    MachineDefinition lost =
        new MachineDefinition(
            machine.mark(),
            machine.name(),
            1,
            machine.memory(),
            machine.firmware(),
            machine.disks(),
            List.of(new MachineDefinition.Nic(Mac.ofQemu(1), null, "nowhere", null, null)),
            null);
    assertThatThrownBy(() -> compute().define(lost))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
              assertThat(e.forUser()).contains("no network \"nowhere\"").contains("VM Network");
            });
    assertThat(seen(machine.mark()).nics()).isEmpty();
  }

  @Test
  void theToolsTellAddresses() throws Exception {
    MachineDefinition machine = defined(mark(), networks().getFirst());
    done(compute().start(machine.mark()));
    GuestAgent agent = driver.guestAgent().orElseThrow();
    assertThat(agent.ask(machine.mark())).isEmpty();
    vcenter.lab("tools?uid=" + machine.mark().uid() + "&ip=10.9.8.7");
    assertThat(agent.ask(machine.mark()).orElseThrow())
        .isEqualTo(
            new GuestAgent.Facts(
                Map.of(machine.nics().getFirst().mac(), List.of(Ip.parse("10.9.8.7"))), List.of()));
  }

  private String option(Mark mark, String key) throws Exception {
    return vcenter.vim.act(() ->
        new Collector(vcenter.vim)
            .read(vcenter.machine(mark.uid()), Options.ALL).get(Options.ALL).stream()
                .flatMap(all -> all.children().stream())
                .filter(o -> o.text("key").equals(key))
                .reduce("", (before, o) -> o.text("value"), (a, b) -> b));
  }

  private VmFacts facts(Mark mark) throws Exception {
    return vcenter.vim.act(
        () -> VmFacts.of(new Options(vcenter.vim).read(vcenter.machine(mark.uid())), installation));
  }

  /** vSphere unplugs no drive of a machine that runs. */
  @Test
  void aDriveThatWasEmptiedWhileItRanIsGoneWithTheNextStart() throws Exception {
    MachineDefinition machine = defined(mark());
    Mark mark = machine.mark();
    Path file = Files.write(Files.createTempFile("medium", ".iso"), new byte[1 << 20]);
    Disks.Image vendors =
        new Disks.Image(Lab.sha256(file), file, Disks.Image.MEDIUM, ByteSize.ofMib(1));
    HypervisorContract.finished(() -> disks().stage(vendors));
    done(
        compute()
            .define(
                machine.withInstaller(new MachineDefinition.Installer(vendors.sha256(), null))));
    done(compute().start(mark));
    done(compute().define(machine));
    assertThat(facts(mark).vendorsDrive()).isPresent();
    assertThat(facts(mark).vendorsFile()).isEmpty();
    done(compute().stop(mark, true));
    done(compute().start(mark));
    assertThat(facts(mark).vendorsDrive()).isEmpty();
    assertThat(facts(mark).drive()).isPresent();
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    done(compute().remove(mark));
    done(disks().unstage(vendors.sha256()));
    Files.delete(file);
  }

  private String guestId(Mark mark) throws Exception {
    return vcenter.vim.act(() ->
        new Collector(vcenter.vim)
            .read(vcenter.machine(mark.uid()), "config.guestId")
            .text("config.guestId"));
  }

  @Test
  void itBootsByTheFirmwareThatItsDefinitionSays() throws Exception {
    MachineDefinition machine = defined(mark());
    for (Firmware firmware : List.of(Firmware.UEFI, Firmware.BIOS, Firmware.UEFI)) {
      done(compute().define(machine.withFirmware(firmware)));
      String there =
          vcenter.vim.act(() ->
              new Collector(vcenter.vim)
                  .read(vcenter.machine(machine.mark().uid()), "config.firmware")
                  .text("config.firmware"));
      assertThat(there).isEqualTo(firmware == Firmware.UEFI ? "efi" : "bios");
    }
    done(compute().remove(machine.mark()));
  }

  @Test
  void itIsToldWhatASystemIs() throws Exception {
    MachineDefinition machine = defined(mark());
    assertThat(guestId(machine.mark())).isEqualTo("otherLinux64Guest");
    done(compute().define(machine.withGuest(GuestFamily.WINDOWS)));
    assertThat(guestId(machine.mark())).isEqualTo("windows9Server64Guest");
    done(compute().remove(machine.mark()));
  }

  @Test
  void theSeedIsInGuestinfoUntilItIsEjectedIfThatIsWished() throws Exception {
    Map<String, String> settings = new java.util.HashMap<>(vcenter.settings());
    settings.put("guestInfo", "true");
    try (HypervisorDriver own = new VsphereProvider().open(settings, installation)) {
      Mark mark = mark();
      ObjectName seed = new ObjectName(mark, ObjectName.SEED);
      MachineDefinition without = defined(mark);
      MachineDefinition with =
          new MachineDefinition(
              mark,
              without.name(),
              without.cores(),
              without.memory(),
              without.firmware(),
              without.disks(),
              without.nics(),
              seed.toString());
      Compute compute = own.compute().orElseThrow();
      done(own.media().orElseThrow().put(seed, GuestInfoTest.SEED.iso()));

      // For who did not wish it, it is on the medium only.
      done(compute().define(with));
      assertThat(option(mark, "guestinfo.userdata")).isEmpty();

      done(compute.define(with));
      assertThat(
              GuestInfoTest.decode(
                  option(mark, "guestinfo.userdata.encoding"), option(mark, "guestinfo.userdata")))
          .isEqualTo(GuestInfoTest.SEED.userData());
      assertThat(seen(mark).medium()).isEqualTo(seed.toString());

      // It holds secrets, so it goes with the medium, from a machine that runs as well.
      done(compute.start(mark));
      done(compute.define(without));
      for (String key : GuestInfo.KEYS) {
        assertThat(option(mark, key)).isEmpty();
      }
      assertThat(seen(mark).medium()).isNull();
      done(own.media().orElseThrow().delete(seed));
    }
  }

  @Test
  void aDiskThatSomebodyPluggedInOutlivesTheMachine() throws Exception {
    MachineDefinition machine = defined(mark());
    ObjectName other = new ObjectName(mark(), ObjectName.DATA);
    done(disks().create(other, ByteSize.ofMib(8), null));
    vcenter.vim.act(() -> {
      DatastoreFiles files =
          new DatastoreFiles(vcenter.vim, vcenter.tasks, "millwright", installation);
      VmFacts there = vcenter.machines.at(machine.mark().uid()).orElseThrow();
      Element first = there.disks().getFirst().device();
      return vcenter.tasks.run(
          there.ref(),
          "ReconfigVM_Task",
          new Element("spec")
              .add(
                  new Element("deviceChange")
                      .type("VirtualDeviceConfigSpec")
                      .add("operation", "add")
                      .add(
                          new Element("device")
                              .type("VirtualDisk")
                              .add("key", -1)
                              .add(
                                  new Element("backing")
                                      .type("VirtualDiskFlatVer2BackingInfo")
                                      .add(
                                          "fileName",
                                          files.path(vcenter.places.get(), other + ".vmdk"))
                                      .add("diskMode", "persistent"))
                              .add("controllerKey", first.number("controllerKey"))
                              .add("unitNumber", 1)
                              .add("capacityInKB", 8192))));
    });
    assertThat(seen(machine.mark()).disks()).hasSize(2);
    done(compute().remove(machine.mark()));
    assertThat(driver.observe(new Scope.All()).disks())
        .extracting(Observation.Disk::name)
        .contains(other, new ObjectName(machine.mark(), ObjectName.SYSTEM));
  }

  @Test
  void anImageThatSomebodyDeletedIsMissedAndBroughtAgain() throws Exception {
    Disks.Image image = VsphereContractTest.image(8);
    ObjectName disk = new ObjectName(mark(), ObjectName.SYSTEM);
    HypervisorContract.finished(() -> disks().stage(image));
    vcenter.vim.act(() -> {
      DatastoreFiles files =
          new DatastoreFiles(vcenter.vim, vcenter.tasks, "millwright", installation);
      files.deleteDisk(vcenter.places.get(), files.image(image.sha256()));
      return files;
    });
    assertThatThrownBy(() -> disks().create(disk, ByteSize.ofMib(16), image.sha256()))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> assertThat(e.forUser()).isEqualTo("The image is not staged on the hypervisor."));
    assertThat(driver.observe(new Scope.All()).images()).isEmpty();
    assertThat(driver.observe(new Scope.All()).disks()).isEmpty();
    HypervisorContract.finished(() -> disks().stage(image));
    HypervisorContract.finished(() -> disks().create(disk, ByteSize.ofMib(16), image.sha256()));
    done(disks().unstage(image.sha256()));
  }

  @Test
  void aDiskThatWasMovedByHandIsNotTakenForOneThatIsGone() throws Exception {
    MachineDefinition machine = defined(mark());
    UUID uid = machine.mark().uid();
    String name = machine.disks().getFirst().name();
    ObjectName disk = ObjectName.parse(name).orElseThrow();
    assertThat(driver.observe(new Scope.One(uid)).complete()).isTrue();
    vcenter.vim.act(() -> {
      // As the machine's move to another datastore leaves it: called after the machine.
      DatastoreFiles files =
          new DatastoreFiles(vcenter.vim, vcenter.tasks, "millwright", installation);
      VmFacts there = vcenter.machines.at(uid).orElseThrow();
      Element device = there.disks().getFirst().device();
      vcenter.tasks.run(
          there.ref(), "ReconfigVM_Task", new Element("spec").add(VmCompute.removed(device)));
      files.moveDisk(vcenter.places.get(), name, "moved-" + uid);
      return vcenter.tasks.run(
          there.ref(),
          "ReconfigVM_Task",
          new Element("spec")
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
                                      files.path(vcenter.places.get(), "moved-" + uid + ".vmdk"))
                                  .add("diskMode", "persistent"))
                          .add("controllerKey", device.number("controllerKey"))
                          .add("unitNumber", 0)
                          .add("capacityInKB", 16384))));
    });
    Observation seen = driver.observe(new Scope.One(uid));
    assertThat(seen.complete()).isFalse();
    assertThat(seen.gaps().getFirst()).contains(name, "moved-" + uid);
    // All others are seen as ever.
    assertThat(driver.observe(new Scope.All()).complete()).isTrue();
    done(compute().remove(machine.mark()));
    // Without the machine it is a disk that is gone.
    assertThat(driver.observe(new Scope.One(uid)).complete()).isTrue();
    assertThat(driver.observe(new Scope.All()).disks())
        .extracting(Observation.Disk::name)
        .doesNotContain(disk);
    vcenter.vim.act(() -> {
      DatastoreFiles files =
          new DatastoreFiles(vcenter.vim, vcenter.tasks, "millwright", installation);
      files.deleteDisk(vcenter.places.get(), "moved-" + uid);
      return files;
    });
  }

  // -------------------------------------------------------------------------------------- imports

  private Import imports() {
    return driver.imports().orElseThrow();
  }

  private static void conflict(Work work, String words) {
    assertThatThrownBy(work::run)
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
              assertThat(e.forUser()).contains(words);
            });
  }

  private interface Work {
    void run() throws Exception;
  }

  @Test
  void aMachineThatRunsIsTakenOverAsItIsAndSwitched() throws Exception {
    // Somebody else's: made by another installation, without its mark.
    UUID uid = UUID.randomUUID();
    vcenter.add(uid, "theirs-" + uid);
    try {
      Mark mark = Mark.imported(installation, uid);
      vcenter.power(uid, "PowerOnVM_Task");
      vcenter.option(uid, "theirs.own", "kept");
      String before = vcenter.look(uid);
      Import.Found found = imports().look(uid);
      assertThat(found.firmware()).isEqualTo(Firmware.BIOS);
      assertThat(found.addresses()).isEmpty();
      done(imports().take(mark));
      assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
      done(compute().stop(mark, true));
      assertThat(seen(mark).state()).isEqualTo(Observation.State.STOPPED);
      done(compute().start(mark));
      assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
      done(imports().release(mark));
      assertThat(vcenter.look(uid)).isEqualTo(before);
    } finally {
      vcenter.power(uid, "PowerOffVM_Task");
      vcenter.remove(uid);
    }
  }

  @Test
  void aCloneOfOneOfOursIsTakenOverWithoutWhatThatOneWasDefinedAs() throws Exception {
    MachineDefinition original = defined(mark(), networks().getFirst());
    UUID uid = UUID.randomUUID();
    vcenter.add(uid, "clone-" + uid);
    try {
      // A clone in vSphere has all options of what it was made from.
      for (String key : List.of(VmFacts.MARK, VmFacts.DEFINITION)) {
        vcenter.option(uid, key, option(original.mark(), key));
      }
      Mark mark = Mark.imported(installation, uid);
      assertThat(imports().look(uid).mark()).isEqualTo(original.mark());
      done(imports().take(mark));
      // By its own definition there is nothing to put into effect: no disk of the other one's.
      done(compute().start(mark));
      assertThat(seen(mark).disks()).isEmpty();
      assertThat(seen(mark).nics()).isEmpty();
      assertThat(seen(original.mark()).mark()).isEqualTo(original.mark());
      done(imports().release(mark));
    } finally {
      vcenter.power(uid, "PowerOffVM_Task");
      vcenter.remove(uid);
    }
  }

  @Test
  void aTemplateIsNotTakenOver() throws Exception {
    UUID uid = UUID.randomUUID();
    vcenter.add(uid, "template-" + uid);
    Ref vm = vcenter.machine(uid);
    vcenter.vim.act(() -> vcenter.vim.call(vm, "MarkAsTemplate"));
    try {
      Mark mark = Mark.imported(installation, uid);
      conflict(() -> imports().look(uid), "template");
      conflict(() -> imports().take(mark), "template");
      done(imports().release(mark));
    } finally {
      vcenter.vim.act(() ->
          vcenter.vim.call(vm, "MarkAsVirtualMachine", vcenter.places.get().pool().as("pool")));
      vcenter.remove(uid);
    }
  }

  @Test
  void whatHasItsUuidTwiceIsNotTakenOver() throws Exception {
    UUID uid = UUID.randomUUID();
    vcenter.add(uid, "first-" + uid);
    vcenter.add(uid, "second-" + uid); // as hosts without a vCenter let it be
    try {
      conflict(() -> imports().look(uid), "Several machines");
      conflict(() -> imports().take(Mark.imported(installation, uid)), "Several machines");
    } finally {
      vcenter.remove(uid);
      vcenter.remove(uid);
    }
  }

  /** Whatever reads, and so may name a machine of others. */
  private static final Set<String> READING =
      Set.of("RetrievePropertiesEx", "ContinueRetrievePropertiesEx");

  @Test
  void twoThousandForeignMachinesAreListedAndNeverTouched() throws Exception {
    Vcenter many = withManyMachines();
    try (VcenterLab _ = many.lab;
        Watched watched = new Watched(many);
        VsphereHypervisor own =
            new VsphereHypervisor(Settings.read(watched.settings()), installation)) {
      Map<Ref, String> foreign = many.lookAtAll();
      Observation before = own.observe(new Scope.All());
      assertThat(before.complete()).isTrue();
      assertThat(before.machines()).hasSizeGreaterThanOrEqualTo(2000).hasSize(foreign.size());
      assertThat(before.machines()).allMatch(m -> m.mark() == null);
      long calls = own.calls();
      assertThat(own.observe(new Scope.All()).machines()).hasSameSizeAs(before.machines());
      // One listing, whatever the number of machines; the server decides how many pages it is.
      assertThat(own.calls() - calls).isLessThan(10 + before.machines().size() / Collector.PAGE);

      live(own);
      // Nor by who takes one of them for ours.
      Mark theirs = new Mark(installation, before.machines().getFirst().uid(), 1);
      Compute compute = own.compute().orElseThrow();
      conflict(() -> compute.stop(theirs, true), "not ours");
      conflict(() -> compute.start(theirs), "not ours");
      conflict(() -> compute.remove(theirs), "not ours");

      assertThat(own.observe(new Scope.All()).machines())
          .containsExactlyInAnyOrderElementsOf(before.machines());
      assertThat(watched.calls)
          .extracting(Element::name)
          .contains(
              "CreateVM_Task",
              "ReconfigVM_Task",
              "PowerOnVM_Task",
              "PowerOffVM_Task",
              "Destroy_Task",
              "DeleteVirtualDisk_Task");
      assertThat(watched.calls)
          .filteredOn(call -> !READING.contains(call.name()))
          .allSatisfy(call ->
              assertThat(Watched.refs(call))
                  .as(call.name())
                  .doesNotContainAnyElementsOf(foreign.keySet()))
          .filteredOn(call -> call.name().contains("VirtualDisk"))
          .isNotEmpty()
          .allSatisfy(call ->
              assertThat(call.text("name") + call.text("sourceName"))
                  .contains("] millwright/mw-" + installation));
      assertThat(
              watched.calls.stream()
                  .filter(call -> call.name().equals("Destroy_Task"))
                  .flatMap(Watched::refs))
          .singleElement()
          .matches(machine -> machine.type().equals("VirtualMachine"), "a machine, ours");
      Map<Ref, String> after = many.lookAtAll();
      assertThat(after.keySet()).isEqualTo(foreign.keySet());
      assertThat(foreign)
          .allSatisfy((machine, look) ->
              assertThat(look.equals(after.get(machine))).as("%s is as it was", machine).isTrue());
    }
  }

  /** From its making to its end, with all that a machine of ours may go through. */
  private void live(VsphereHypervisor own) throws Exception {
    Mark mark = mark();
    Compute compute = own.compute().orElseThrow();
    ObjectName system = new ObjectName(mark, ObjectName.SYSTEM);
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    for (ObjectName disk : List.of(system, data)) {
      done(own.disks().orElseThrow().create(disk, ByteSize.ofMib(16), null));
    }
    for (String name : List.of("ours", "renamed")) {
      done(
          compute.define(
              new MachineDefinition(
                  mark,
                  name,
                  1,
                  ByteSize.ofMib(128),
                  Firmware.BIOS,
                  List.of(new MachineDefinition.Disk(system.toString(), "mwsystem")),
                  List.of(),
                  null)));
    }
    done(compute.start(mark));
    done(
        own.hotPlug()
            .orElseThrow()
            .attach(mark, new MachineDefinition.Disk(data.toString(), "mw-12345678")));
    done(own.hotPlug().orElseThrow().detach(mark, data.toString()));
    done(compute.stop(mark, true));
    done(compute.remove(mark));
    for (ObjectName disk : List.of(system, data)) {
      done(own.disks().orElseThrow().grow(disk, ByteSize.ofMib(32)));
      done(own.disks().orElseThrow().delete(disk));
    }
  }
}

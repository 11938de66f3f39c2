package io.millwright.driver.proxmox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Compute;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.Transfers;
import io.millwright.driver.testkit.ServerKeys;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.GuestFamily;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What goes wrong at a Proxmox VE, and what the driver says and does then. */
@Tag("proxmox")
final class TroubleTest {
  private static final String INSTALLATION = "0a0b0c0d";
  private static final UUID UID = UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd");
  private static final Mark MARK = new Mark(INSTALLATION, UID, 1);
  private static final ObjectName SYSTEM = new ObjectName(MARK, ObjectName.SYSTEM);
  private static final ByteSize SIZE = ByteSize.ofMib(64);

  private final FakePve pve = new FakePve();
  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));

  @AfterEach
  void close() {
    pve.close();
  }

  private ProxmoxHypervisor open(Map<String, String> settings) throws DriverException {
    return new ProxmoxHypervisor(
        Settings.read(settings), INSTALLATION, now::get, Duration.ofMillis(50));
  }

  /** One for which what is quick as a rule has no more time than this. */
  private ProxmoxHypervisor quick(Duration quick) throws DriverException {
    return new ProxmoxHypervisor(
        Settings.read(pve.settings()),
        INSTALLATION,
        now::get,
        Duration.ofMillis(50),
        quick,
        Transfers.PATIENCE);
  }

  private ProxmoxHypervisor open() throws DriverException {
    return open(pve.settings());
  }

  private static DriverException failure(ThrowingCallable act) {
    AtomicReference<DriverException> out = new AtomicReference<>();
    assertThatThrownBy(act).isInstanceOfSatisfying(DriverException.class, out::set);
    assertThat(out.get().forUser() + out.get().forOperator()).doesNotContain(FakePve.SECRET);
    return out.get();
  }

  private static void fails(FaultKind kind, ThrowingCallable act, String... words) {
    DriverException failure = failure(act);
    assertThat(failure.kind()).as(failure.forOperator()).isEqualTo(kind);
    assertThat(failure.forUser()).contains(words).endsWith(".");
  }

  private static MachineDefinition machine(String name, String bridge, String... disks) {
    return new MachineDefinition(
        MARK,
        name,
        1,
        ByteSize.ofMib(256),
        Firmware.BIOS,
        java.util.Arrays.stream(disks).map(d -> new MachineDefinition.Disk(d, "mw-disk")).toList(),
        List.of(new MachineDefinition.Nic(Mac.ofQemu(1), bridge, null, null, null)),
        null);
  }

  private static Compute compute(ProxmoxHypervisor driver) {
    return driver.compute().orElseThrow();
  }

  private static Disks disks(ProxmoxHypervisor driver) {
    return driver.disks().orElseThrow();
  }

  private static Media media(ProxmoxHypervisor driver) {
    return driver.media().orElseThrow();
  }

  private static void done(Outcome outcome) {
    assertThat(outcome).isEqualTo(Outcome.DONE);
  }

  private void defined(ProxmoxHypervisor driver) throws DriverException {
    done(disks(driver).create(SYSTEM, SIZE, null));
    done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString())));
  }

  private int number() {
    return pve.number(UID.toString());
  }

  // --------------------------------------------------------------------------- TLS and the token

  @Test
  void theCertificateIsLookedAtInAnyCase() throws Exception {
    ServerKeys other = ServerKeys.of(List.of("-validity", "91"));
    for (Map<String, String> right :
        List.of(
            pve.settings(),
            pve.pinned(pve.keys().fingerprint("SHA-256")),
            pve.pinned(pve.keys().fingerprint("SHA-1")))) {
      try (ProxmoxHypervisor driver = open(right)) {
        assertThat(driver.observe(new Scope.All()).complete()).isTrue();
      }
    }
    pve.calls.clear();
    Map<String, String> wrongAuthority = pve.settings();
    wrongAuthority.put("ca", other.pem());
    Map<String, String> none = pve.settings();
    none.remove("ca");
    for (Map<String, String> wrong :
        List.of(wrongAuthority, none, pve.pinned(other.fingerprint("SHA-256")))) {
      try (ProxmoxHypervisor driver = open(wrong)) {
        fails(
            FaultKind.REFUSED,
            () -> driver.observe(new Scope.All()),
            "certificate",
            "ca or fingerprint");
      }
    }
    // Not a word was said to somebody who might not be the hypervisor, least of all the secret.
    assertThat(pve.calls).isEmpty();
  }

  @Test
  void anExpiredCertificateIsNotBelievedEvenIfItIsPinned() throws Exception {
    try (FakePve old = new FakePve(ServerKeys.expired())) {
      for (Map<String, String> settings :
          List.of(old.settings(), old.pinned(old.keys().fingerprint("SHA-256")))) {
        try (ProxmoxHypervisor driver = open(settings)) {
          fails(FaultKind.REFUSED, () -> driver.observe(new Scope.All()), "certificate");
        }
      }
      assertThat(old.calls).isEmpty();
    }
  }

  @Test
  void aWrongTokenIsShownOnceInTenMinutes() throws Exception {
    Map<String, String> settings = pve.settings();
    settings.put("secret", "not-the-0ne");
    try (ProxmoxHypervisor driver = open(settings)) {
      for (int i = 0; i < 5; i++) {
        DriverException failure = failure(() -> driver.observe(new Scope.All()));
        assertThat(failure.kind()).isEqualTo(FaultKind.REFUSED);
        assertThat(failure.forUser()).contains("token", "secret");
        assertThat(failure.forUser() + failure.forOperator() + driver)
            .doesNotContain("not-the-0ne");
      }
      assertThat(pve.calls).hasSize(1);
      now.set(now.get().plus(Api.PAUSE));
      failure(() -> driver.observe(new Scope.All()));
      assertThat(pve.calls).hasSize(2);
    }
  }

  @Test
  void aMissingPrivilegeIsNamedWithItsPath() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      pve.refuse(
          "POST /nodes/pve1/qemu", 403, "Permission check failed (/vms/1234567, VM.Allocate)\n");
      fails(
          FaultKind.REFUSED,
          () -> disks(driver).create(SYSTEM, SIZE, null),
          "VM.Allocate on /vms/1234567");
      pve.allow();
      pve.refuse(
          "GET /nodes/pve1/storage/local-lvm/content",
          403,
          "Permission check failed (/storage/local-lvm, Datastore.Audit)\n");
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.complete()).isFalse();
      assertThat(String.join("", seen.gaps())).contains("Datastore.Audit on /storage/local-lvm");
    }
  }

  // ----------------------------------------------------------------------------------- the place

  @Test
  void aNameThatDoesNotExistIsAnErrorWithThoseThatDo() throws Exception {
    for (String[] wrong :
        new String[][] {
          {"node", "pve9", "pve1, pve2"},
          {"storage", "fast", "local-lvm"},
          {"storage", "local", "local-lvm"},
          {"files", "local-lvm", "there is local"}
        }) {
      Map<String, String> settings = pve.settings();
      settings.put(wrong[0], wrong[1]);
      try (ProxmoxHypervisor driver = open(settings)) {
        fails(
            FaultKind.REFUSED,
            () -> disks(driver).create(SYSTEM, SIZE, null),
            "settings." + wrong[0],
            wrong[1],
            wrong[2]);
        // Machines are seen all the same, and what is missing is admitted.
        Observation seen = driver.observe(new Scope.All());
        assertThat(String.join("", seen.gaps())).contains("settings." + wrong[0]);
      }
    }
    try (ProxmoxHypervisor driver = open()) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      fails(
          FaultKind.REFUSED,
          () -> compute(driver).define(machine("web", "vmbr9", SYSTEM.toString())),
          "no bridge vmbr9",
          "vmbr0, vmbr1");
      fails(
          FaultKind.UNSUPPORTED,
          () ->
              compute(driver)
                  .define(
                      new MachineDefinition(
                          MARK,
                          "web",
                          1,
                          SIZE,
                          Firmware.BIOS,
                          List.of(),
                          List.of(new MachineDefinition.Nic(Mac.ofQemu(1), null, "n", null, null)),
                          null)),
          "bridge: NAME");
    }
  }

  @Test
  void whereThereAreSeveralOneHasToBeNamed() throws Exception {
    Map<String, String> settings = pve.settings();
    settings.remove("node");
    try (ProxmoxHypervisor driver = open(settings)) {
      fails(
          FaultKind.REFUSED,
          () -> disks(driver).create(SYSTEM, SIZE, null),
          "settings.node",
          "pve1, pve2");
    }
    pve.second = true;
    try (ProxmoxHypervisor driver = open()) {
      fails(
          FaultKind.REFUSED,
          () -> disks(driver).create(SYSTEM, SIZE, null),
          "settings.storage",
          "local-lvm, slow-lvm");
    }
    pve.contents = "vztmpl";
    try (ProxmoxHypervisor driver = open()) {
      fails(
          FaultKind.REFUSED,
          () -> media(driver).put(new ObjectName(MARK, ObjectName.SEED), new byte[1]),
          "settings.storage");
    }
  }

  // ------------------------------------------------------------------------------------ ownership

  @Test
  void proxmoxIsToldWhatASystemIs() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      assertThat(pve.config(number())).containsEntry("ostype", "l26");
      MachineDefinition windows =
          machine("web", "vmbr0", SYSTEM.toString()).withGuest(GuestFamily.WINDOWS);
      done(compute(driver).define(windows));
      assertThat(pve.config(number())).containsEntry("ostype", "win11");
    }
  }

  /** A default of ours is for new machines: nobody wants all others restarted for it. */
  @Test
  void aNewMachineGetsAProcessorAndOthersKeepTheirsUnlessOneIsDeclared() throws Exception {
    MachineDefinition machine = machine("web", "vmbr0", SYSTEM.toString());
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      assertThat(pve.config(number())).containsEntry("cpu", "x86-64-v2-AES");
      pve.set(number(), "cpu", "kvm64");
      done(compute(driver).define(machine));
      assertThat(pve.config(number())).containsEntry("cpu", "kvm64");
    }
    Map<String, String> settings = pve.settings();
    settings.put("cpu", "host");
    try (ProxmoxHypervisor driver = open(settings)) {
      done(compute(driver).define(machine));
      assertThat(pve.config(number())).containsEntry("cpu", "host");
      // Somebody has given it flags as well; it is the model that was declared.
      pve.set(number(), "cpu", "cputype=host,flags=+aes");
      pve.calls.clear();
      done(compute(driver).define(machine));
      assertThat(pve.calls).allMatch(call -> call.startsWith("GET"));
    }
    settings.put("cpu", "host,flags=+aes");
    fails(FaultKind.REFUSED, () -> open(settings), "cpu");
  }

  @Test
  void aMachineThatWasRenamedAndMigratedByHandIsOursAndACopyIsNot() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      int number = number();
      pve.set(number, "name", "renamed");
      pve.move(number, "pve2");
      pve.set(number, "tags", "prod;" + pve.config(number).get("tags"));
      int clone = pve.copy(number, false);
      int restored = pve.copy(number, true);

      Observation seen = driver.observe(new Scope.All());
      Observation.Machine ours = seen.machine(UID).orElseThrow();
      assertThat(ours.mark()).isEqualTo(MARK);
      assertThat(ours.name()).isEqualTo("renamed");
      assertThat(ours.disks()).containsExactly(SYSTEM.toString());
      assertThat(seen.machines().stream().filter(m -> m.mark() != null)).hasSize(1);

      pve.set(clone, "name", "clone");
      pve.set(restored, "name", "restored");
      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString())));
      done(compute(driver).start(MARK));
      assertThat(pve.config(number)).containsEntry("name", "web");
      assertThat(pve.config(number).get("tags")).contains("prod");
      // The copies have the disk in their configuration, and so it is not deleted.
      done(compute(driver).remove(MARK));
      fails(FaultKind.CONFLICT, () -> disks(driver).delete(SYSTEM), "attached");
      assertThat(pve.config(clone)).containsEntry("name", "clone");
      pve.remove(clone);
      pve.remove(restored);
      done(disks(driver).delete(SYSTEM));
      assertThat(pve.volumes()).isEmpty();
      assertThat(pve.machines()).isZero();
    }
  }

  @Test
  void aDiskThatSomebodyHasGivenTheMachineIsNotDeletedWithIt() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      pve.set(number(), "scsi5", "local-lvm:vm-" + number() + "-disk-7,size=1G");
      assertThat(driver.observe(new Scope.All()).machine(MARK.uid()))
          .hasValueSatisfying(m -> {
            assertThat(m.disks()).containsExactly(SYSTEM.toString());
            assertThat(m.foreignDisks()).containsExactly("local-lvm:vm-" + number() + "-disk-7");
          });
      fails(FaultKind.CONFLICT, () -> compute(driver).remove(MARK), "disks of its own", "moved");
      assertThat(number()).isPositive();
      assertThat(pve.calls).noneMatch(call -> call.startsWith("DELETE"));
    }
  }

  @Test
  void aDiskThatSomebodyElseHasPluggedInStaysWhereItIs() throws Exception {
    ObjectName data = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      done(disks(driver).create(data, SIZE, null));
      // One of another VM, and one that belongs to the machine itself.
      String theirs = "local-lvm:vm-100-disk-0,size=8G";
      String own = "local-lvm:vm-" + number() + "-disk-3,size=8G";
      pve.set(number(), "scsi1", theirs);
      pve.set(number(), "scsi2", own);
      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString(), data.toString())));
      assertThat(pve.config(number()))
          .containsEntry("scsi1", theirs)
          .containsEntry("scsi2", own)
          .containsEntry("boot", "order=scsi0")
          .hasEntrySatisfying("scsi3", value -> assertThat(value).contains("serial=mw-disk"));
      Observation.Machine seen = driver.observe(new Scope.One(UID)).machine(UID).orElseThrow();
      assertThat(seen.disks()).containsExactly(SYSTEM.toString(), data.toString());
      assertThat(seen.foreignDisks()).hasSize(2);

      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString())));
      assertThat(pve.config(number()))
          .containsEntry("scsi1", theirs)
          .containsEntry("scsi2", own)
          .doesNotContainKey("scsi3");
    }
  }

  @Test
  void aDiskIsLookedForInForeignMachinesAndOneThatCannotBeReadMayHaveIt() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      String volume = pve.volumes().getFirst();
      int foreign = pve.add(Map.of("name", "theirs", "unused0", volume));
      fails(FaultKind.CONFLICT, () -> disks(driver).delete(SYSTEM), "attached");
      pve.refuse(
          "GET /nodes/pve2/qemu/" + foreign + "/config",
          403,
          "Permission check failed (/vms/" + foreign + ", VM.Audit)\n");
      fails(FaultKind.REFUSED, () -> disks(driver).delete(SYSTEM), "VM.Audit");
      assertThat(pve.has(volume)).isTrue();
      pve.allow();
      pve.remove(foreign);
      done(disks(driver).delete(SYSTEM));
      assertThat(pve.volumes()).isEmpty();
    }
  }

  /** What waits for the next start is not what the guest has. */
  @Test
  void aDiskBelongsToTheMachineThatRunsWithItAndToSnapshotsAsWell() throws Exception {
    ObjectName data = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    Mark second = new Mark(INSTALLATION, UUID.randomUUID(), 1);
    MachineDefinition other =
        new MachineDefinition(
            second, "other", 1, ByteSize.ofMib(256), Firmware.BIOS, List.of(), List.of(), null);
    MachineDefinition takes =
        new MachineDefinition(
            second,
            "other",
            1,
            ByteSize.ofMib(256),
            Firmware.BIOS,
            List.of(new MachineDefinition.Disk(data.toString(), "mw-data")),
            List.of(),
            null);
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      done(disks(driver).create(data, SIZE, null));
      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString(), data.toString())));
      done(compute(driver).define(other));
      done(compute(driver).start(MARK));
      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString())));
      assertThat(pve.config(number())).doesNotContainKey("scsi1");
      fails(FaultKind.CONFLICT, () -> disks(driver).delete(data), "attached");
      fails(FaultKind.CONFLICT, () -> compute(driver).define(takes), "until it stops");

      done(compute(driver).stop(MARK, true));
      done(compute(driver).define(takes));
      done(compute(driver).define(other));
      int number = pve.number(second.uid().toString());
      done(compute(driver).define(takes));
      pve.snapshot(number, "before");
      done(compute(driver).define(other));
      assertThat(failure(() -> disks(driver).delete(data)).forOperator())
          .contains("snapshot before");
      pve.forgetSnapshots(number);
      done(disks(driver).delete(data));
    }
  }

  @Test
  void theHolderOfADiskIsProtectedAndNeverWritesToIt() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      Map<String, String> holder = pve.config(pve.tagged("-system."));
      assertThat(holder).containsEntry("protection", "1").containsEntry("onboot", "0");
      assertThat(holder.get("scsi0")).contains(",ro=1", ",backup=0");
      assertThat(pve.config(number()).get("scsi0"))
          .contains("serial=mw-disk")
          .doesNotContain("ro=");
      done(compute(driver).remove(MARK));
      assertThat(pve.volumes()).hasSize(1);
    }
  }

  @Test
  void twoThousandForeignMachinesAreListedAndStayAsTheyAre() throws Exception {
    for (int i = 0; i < 2000; i++) {
      pve.add(Map.of("name", "foreign-" + i, "smbios1", "uuid=" + new UUID(7, i)));
    }
    try (ProxmoxHypervisor driver = open()) {
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.complete()).isTrue();
      assertThat(seen.machines()).hasSize(2000).allMatch(m -> m.mark() == null);
      assertThat(seen.machine(new UUID(7, 1999)).orElseThrow().name()).isEqualTo("foreign-1999");
      pve.calls.clear();
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(2000);
      // Their uids are known now: one listing, what runs, three of storages, the version.
      assertThat(pve.calls).hasSize(6);
      defined(driver);
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(2001);
      assertThat(pve.calls)
          .filteredOn(call -> !call.startsWith("GET"))
          .allMatch(call -> call.equals("POST /nodes/pve1/qemu"));
    }
  }

  // ---------------------------------------------------------------------------- work that goes on

  @Test
  @Timeout(60)
  void anUploadThatDoesNotMoveAnyMoreIsGivenUpAndBegunAnew() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    pve.stuck = over;
    try (ProxmoxHypervisor driver =
        new ProxmoxHypervisor(
            Settings.read(pve.settings()),
            INSTALLATION,
            now::get,
            Duration.ofSeconds(30),
            Tasks.PATIENCE,
            Duration.ofMillis(200))) {
      for (int i = 1; i <= 2; i++) {
        fails(
            FaultKind.UNREACHABLE,
            () -> disks(driver).stage(ProxmoxContractTest.image(32)),
            "did not answer in time");
        assertThat(Collections.frequency(pve.calls, "POST /nodes/pve1/storage/local/upload"))
            .isEqualTo(i);
      }
    } finally {
      over.countDown();
    }
  }

  @Test
  void aCopyThatGoesOnIsFoundAgainByAnotherServerAndMadeOnce() throws Exception {
    Disks.Image image = ProxmoxContractTest.image(32);
    try (ProxmoxHypervisor driver = open();
        ProxmoxHypervisor other = open()) {
      Outcome staged = disks(driver).stage(image);
      while (staged instanceof Outcome.Running) {
        staged = disks(driver).stage(image);
      }
      done(staged);
      pve.held.add("qmcreate");
      assertThat(disks(driver).create(SYSTEM, SIZE, image.sha256()))
          .isInstanceOfSatisfying(
              Outcome.Running.class, r -> assertThat(r.token()).startsWith("UPID:pve1:"));
      assertThat(driver.observe(new Scope.All()).disks()).isEmpty();
      // Killed here; whoever comes next is told by which task it is being made, and so is who asks
      // again: that it takes long is no sign that nobody answers.
      for (ProxmoxHypervisor each : List.of(other, driver)) {
        assertThat(disks(each).create(SYSTEM, SIZE, image.sha256()))
            .isInstanceOfSatisfying(
                Outcome.Running.class,
                r -> assertThat(r.token()).startsWith("UPID:pve1:").contains("qmcreate"));
      }
      pve.release();
      done(disks(other).create(SYSTEM, SIZE, image.sha256()));
      assertThat(other.observe(new Scope.All()).disks())
          .containsExactly(new Observation.Disk(SYSTEM, SIZE));
      assertThat(Collections.frequency(pve.calls, "POST /nodes/pve1/qemu")).isEqualTo(1);
    }
  }

  @Test
  void anImageWhoseCopyTakesLongIsUploadedOnce() throws Exception {
    Disks.Image image = ProxmoxContractTest.image(32);
    String upload = "POST /nodes/pve1/storage/local/upload";
    pve.held.add("imgcopy");
    try (ProxmoxHypervisor driver = quick(Duration.ZERO)) {
      await()
          .until(
              () -> disks(driver).stage(image),
              _ -> pve.calls.stream().filter(c -> c.contains("/tasks/UPID")).count() > 2);
      assertThat(disks(driver).stage(image)).isInstanceOf(Outcome.Running.class);
    }
    // The server dies, and what was sent is copied on.
    long length = Files.size(image.file());
    pve.file("import", "mw-0a0b0c0d-" + image.sha256() + "-32m." + length + ".qcow2", length / 2);
    pve.calls.add("died");
    try (ProxmoxHypervisor driver = quick(Duration.ZERO)) {
      await()
          .until(
              () -> disks(driver).stage(image),
              _ ->
                  pve.calls.subList(pve.calls.indexOf("died"), pve.calls.size()).stream()
                      .anyMatch(c -> c.contains("/tasks/UPID")));
      assertThat(disks(driver).stage(image)).isInstanceOf(Outcome.Running.class);
      pve.release();
      await().until(() -> disks(driver).stage(image).equals(Outcome.DONE));
      assertThat(Collections.frequency(pve.calls, upload)).isEqualTo(1);
      assertThat(driver.observe(new Scope.All()).images()).containsExactly(image.sha256());
    }
  }

  @Test
  void aMediumIsNotSentOverACopyOfItThatGoesOn() throws Exception {
    ObjectName name = new ObjectName(SYSTEM.mark(), ObjectName.SEED);
    byte[] iso = new byte[2048];
    String upload = "POST /nodes/pve1/storage/local/upload";
    pve.held.add("imgcopy");
    try (ProxmoxHypervisor driver = open()) {
      var _ = CompletableFuture.supplyAsync(() -> put(driver, name, iso));
      await().until(() -> pve.calls.stream().anyMatch(c -> c.contains("/tasks/UPID")));
    }
    // The server died, and what was sent is copied on.
    pve.file("iso", name + "." + iso.length + ".iso", iso.length / 2);
    pve.calls.add("died");
    try (ProxmoxHypervisor driver = open()) {
      CompletableFuture<Object> put = CompletableFuture.supplyAsync(() -> put(driver, name, iso));
      await()
          .until(() ->
              pve.calls.subList(pve.calls.indexOf("died"), pve.calls.size()).stream()
                  .anyMatch(c -> c.contains("/tasks/UPID")));
      assertThat(Collections.frequency(pve.calls, upload)).isEqualTo(1);
      pve.release();
      assertThat(put.get(20, TimeUnit.SECONDS)).isEqualTo(Outcome.DONE);
      assertThat(Collections.frequency(pve.calls, upload)).isEqualTo(2);
      assertThat(driver.observe(new Scope.All()).media())
          .extracting(Observation.Medium::name)
          .containsExactly(name);
    }
  }

  private static Object put(ProxmoxHypervisor driver, ObjectName name, byte[] iso) {
    try {
      return driver.media().orElseThrow().put(name, iso);
    } catch (DriverException e) {
      return e;
    }
  }

  @Test
  void aMachineThatIsBeingMadeIsFollowedToo() throws Exception {
    try (ProxmoxHypervisor driver = open();
        ProxmoxHypervisor other = quick(Duration.ZERO)) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      pve.held.add("qmcreate");
      MachineDefinition machine = machine("web", "vmbr0", SYSTEM.toString());
      for (int i = 0; i < 2; i++) {
        assertThat(compute(other).define(machine))
            .isInstanceOfSatisfying(
                Outcome.Running.class, r -> assertThat(r.token()).contains("qmcreate"));
      }
      pve.release();
      done(compute(driver).define(machine));
      assertThat(pve.machines()).isEqualTo(2);
    }
  }

  @Test
  void whatANodeThatFellLeftHalfMadeIsNotTakenForWholeAndNotMadeTwice() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      pve.held.add("qmcreate");
      assertThat(disks(driver).create(SYSTEM, SIZE, null)).isInstanceOf(Outcome.Running.class);
    }
    pve.held.clear();
    pve.forgetTasks();
    try (ProxmoxHypervisor driver = open()) {
      assertThat(driver.observe(new Scope.All()).disks()).isEmpty();
      fails(
          FaultKind.CONFLICT,
          () -> disks(driver).create(SYSTEM, SIZE, null),
          "half-made",
          "removed");
      assertThat(pve.machines()).isEqualTo(1);
    }
  }

  /** Proxmox VE gives the new disk the next name, and both carry the number of the holder. */
  @Test
  void whatADeadCreationLeftUnderTheSameNumberIsNotTakenForTheDisk() throws Exception {
    ByteSize larger = ByteSize.ofMib(128);
    try (ProxmoxHypervisor driver = open()) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      int holder = pve.tagged("-system.");
      done(disks(driver).delete(SYSTEM));
      String left = pve.leftover(holder, 32L << 20);
      defined(driver);
      String disk = "local-lvm:vm-" + holder + "-disk-1";
      assertThat(pve.config(number()).get("scsi0")).startsWith(disk + ",");
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.disks()).containsExactly(new Observation.Disk(SYSTEM, SIZE));
      Observation.Machine machine = seen.machine(UID).orElseThrow();
      assertThat(machine.disks()).containsExactly(SYSTEM.toString());
      assertThat(machine.foreignDisks()).isEmpty();

      done(disks(driver).grow(SYSTEM, larger));
      assertThat(pve.size(disk)).isEqualTo(larger.bytes());
      assertThat(pve.size(left)).isEqualTo(32L << 20);
      done(disks(driver).create(SYSTEM, larger, null));

      // Where the holder's configuration cannot be read, it is not known which of them is the disk.
      pve.refuse("GET /nodes/pve1/qemu/" + holder + "/config", 595, "No route to host\n");
      Observation gap = driver.observe(new Scope.All());
      assertThat(gap.disks()).isEmpty();
      assertThat(gap.gaps()).anyMatch(line -> line.contains(SYSTEM.toString()));
    }
  }

  @Test
  void aGuestThatPaysNoHeedIsAskedOnceAtATimeAndCanBeCutOff() throws Exception {
    try (ProxmoxHypervisor driver = open();
        ProxmoxHypervisor other = open()) {
      defined(driver);
      done(compute(driver).start(MARK));
      pve.held.add("qmshutdown");
      assertThat(compute(driver).stop(MARK, false)).isInstanceOf(Outcome.Running.class);
      assertThat(compute(other).stop(MARK, false)).isInstanceOf(Outcome.Running.class);
      assertThat(pve.calls).filteredOn(call -> call.endsWith("status/shutdown")).hasSize(1);
      done(compute(driver).stop(MARK, true));
      done(compute(driver).stop(MARK, false));
    }
  }

  @Test
  void aTaskThatFailsIsToldInItsOwnWords() throws Exception {
    Disks.Image image = ProxmoxContractTest.image(32);
    try (ProxmoxHypervisor driver = open()) {
      Disks.Image other =
          new Disks.Image("ab".repeat(32), image.file(), image.format(), image.virtualSize());
      fails(
          FaultKind.REFUSED,
          () -> {
            Outcome staged = disks(driver).stage(other);
            while (staged instanceof Outcome.Running) {
              staged = disks(driver).stage(other);
            }
          },
          "checksum");
      assertThat(driver.observe(new Scope.All()).images()).isEmpty();
      assertThat(pve.volumes()).isEmpty();
      defined(driver);
      pve.lock(number(), "backup");
      fails(FaultKind.CONFLICT, () -> compute(driver).start(MARK), "for backup");
    }
  }

  @Test
  void aNodeThatDoesNotAnswerIsAGapAndNotAnEmptyNode() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      pve.move(number(), "pve2");
      pve.refuse("GET /nodes/pve2/.*", 595, "No route to host\n");
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.machine(UID)).isEmpty();
      assertThat(String.join("", seen.gaps())).contains("pve2");
      fails(FaultKind.UNREACHABLE, () -> compute(driver).start(MARK), "node");
      fails(FaultKind.UNREACHABLE, () -> driver.observe(new Scope.One(UID)), "node");
    }
  }

  @Test
  void aChangeMadeByHandMeanwhileIsNotWrittenOver() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      pve.refuse(
          "POST /nodes/pve1/qemu/" + number() + "/config",
          500,
          "detected modified configuration - file change by other user? Try again.\n");
      fails(
          FaultKind.CONFLICT,
          () -> compute(driver).define(machine("other", "vmbr1", SYSTEM.toString())),
          "Other work");
    }
  }

  @Test
  void theAgentTellsAddresses() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      done(compute(driver).define(machine("talks", "vmbr0", SYSTEM.toString())));
      done(compute(driver).start(MARK));
      GuestAgent.Facts facts = driver.guestAgent().orElseThrow().ask(MARK).orElseThrow();
      assertThat(facts.addresses())
          .isEqualTo(
              Map.of(
                  Mac.parse("bc:24:11:0a:0b:0c"),
                  List.of(Ip.parse("192.0.2.10"), Ip.parse("2001:db8::10"))));
    }
  }

  @Test
  void theAgentRunsCommands() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      done(disks(driver).create(SYSTEM, SIZE, null));
      done(compute(driver).define(machine("talks", "vmbr0", SYSTEM.toString())));
      done(compute(driver).start(MARK));
      GuestCommands commands = driver.guestCommands().orElseThrow();
      long begun = commands.begin(MARK, List.of("/bin/echo", "a b&c", "ä"));
      assertThat(commands.ended(MARK, begun)).as("it runs").isEmpty();
      assertThat(commands.ended(MARK, begun))
          .contains(new GuestCommands.Ended(0, "/bin/echo|a b&c|ä\n"));
      fails(FaultKind.CONFLICT, () -> commands.ended(MARK, begun), "refuses");
      fails(FaultKind.REFUSED, () -> commands.begin(MARK, List.of("/none")), "No such file");
      pve.refuse(
          "POST /nodes/pve1/qemu/" + number() + "/agent/exec",
          403,
          "Permission check failed (/vms/1, VM.GuestAgent.Unrestricted)\n");
      fails(FaultKind.REFUSED, () -> commands.begin(MARK, List.of("/bin/echo")), "VM.GuestAgent");
    }
  }

  @Test
  void whatDidNotChangeIsNotWritten() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      defined(driver);
      pve.calls.clear();
      done(compute(driver).define(machine("web", "vmbr0", SYSTEM.toString())));
      assertThat(pve.calls).allMatch(call -> call.startsWith("GET"));
    }
  }

  // ------------------------------------------------------------------------------------ imports

  private static final Mark THEIRS = Mark.imported(INSTALLATION, UID);

  private int theirs() {
    int number =
        pve.add(
            Map.of(
                "name",
                "theirs",
                "smbios1",
                "uuid=" + UID,
                "bios",
                "ovmf",
                "cores",
                "2",
                "memory",
                "2048",
                "net0",
                "virtio=BC:24:11:00:00:01,bridge=vmbr1,firewall=1,tag=7",
                "scsi0",
                "local-lvm:vm-100-disk-1,size=32G",
                "sata3",
                "local-lvm:vm-100-disk-2,size=1536M",
                "ide2",
                "none,media=cdrom",
                "tags",
                "blue;mw-0a0b0c0d-" + UUID.randomUUID() + "-g4.99999"));
    pve.state(number, "running", "running");
    return number;
  }

  @Test
  void whatAMachineOfOthersHasIsSeenWhenItAloneIsLookedAt() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      theirs();
      Observation.Machine seen = driver.observe(new Scope.One(UID)).machine(UID).orElseThrow();
      assertThat(seen.mark()).isNull();
      assertThat(seen.nics())
          .containsExactly(
              new MachineDefinition.Nic(Mac.parse("bc:24:11:00:00:01"), "vmbr1", null, 7, null));
      assertThat(seen.cores()).isEqualTo(2);
      var found = driver.imports().orElseThrow().look(UID);
      assertThat(found.firmware()).isEqualTo(Firmware.UEFI);
      assertThat(found.disks())
          .extracting(d -> d.file() + " " + d.size())
          .containsExactly("local-lvm:vm-100-disk-2 1536MiB", "local-lvm:vm-100-disk-1 32GiB");
    }
  }

  @Test
  void aMachineThatRunsIsTakenOverAndLetGoAndKeepsItsOwnTags() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      int number = theirs();
      String before = pve.look(number);
      driver.imports().orElseThrow().take(THEIRS);
      assertThat(pve.config(number).get("tags"))
          .contains("blue;mw-0a0b0c0d-")
          .contains("mw-0a0b0c0d-" + UID + "-g0." + number);
      int clone = pve.copy(number, false);
      assertThat(driver.observe(new Scope.All()).machines())
          .filteredOn(m -> m.mark() != null)
          .singleElement()
          .satisfies(m -> assertThat(m.mark()).isEqualTo(THEIRS));
      driver.compute().orElseThrow().stop(THEIRS, true);
      driver.compute().orElseThrow().start(THEIRS);
      driver.imports().orElseThrow().release(THEIRS);
      assertThat(pve.look(number)).isEqualTo(before);
      assertThat(pve.config(clone).get("tags")).contains("-g0." + number);
    }
  }

  @Test
  void whatCannotBeTakenOverSaysWhy() throws Exception {
    try (ProxmoxHypervisor driver = open()) {
      int number = theirs();
      int twin = pve.copy(number, true);
      fails(
          FaultKind.CONFLICT,
          () -> driver.imports().orElseThrow().take(THEIRS),
          "Several machines on the hypervisor have this UUID");
      pve.remove(twin);
      pve.set(number, "template", "1");
      fails(FaultKind.CONFLICT, () -> driver.imports().orElseThrow().take(THEIRS), "is a template");
      pve.set(number, "template", "0");
      String before = pve.look(number);
      pve.refuse(
          "POST .*/config",
          500,
          "detected modified configuration - file change by other user? Try again.\n");
      assertThat(failure(() -> driver.imports().orElseThrow().take(THEIRS)).kind())
          .isIn(FaultKind.CONFLICT, FaultKind.UNREACHABLE);
      assertThat(pve.look(number)).isEqualTo(before);
    }
  }
}

package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.fault;
import static io.millwright.driver.vsphere.FakeVcenter.named;
import static io.millwright.driver.vsphere.FakeVcenter.object;
import static io.millwright.driver.vsphere.FakeVcenter.property;
import static io.millwright.driver.vsphere.FakeVcenter.ref;
import static io.millwright.driver.vsphere.FakeVcenter.reference;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Compute;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HotPlug;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.Screen;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What goes wrong at a vCenter, and what the driver says and does then. */
final class TroubleTest {
  private static final String INSTALLATION = "0a0b0c0d";
  private static final UUID UID = UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd");
  private static final Mark MARK = new Mark(INSTALLATION, UID, 1);

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));

  private VsphereHypervisor open(Map<String, String> settings) throws DriverException {
    return new VsphereHypervisor(
        Settings.read(settings), INSTALLATION, now::get, Duration.ofMillis(50));
  }

  private static DriverException failure(ThrowingCallable act) {
    AtomicReference<DriverException> out = new AtomicReference<>();
    assertThatThrownBy(act).isInstanceOfSatisfying(DriverException.class, out::set);
    return out.get();
  }

  private static void refused(ThrowingCallable act, String... words) {
    DriverException failure = failure(act);
    assertThat(failure.kind()).as(failure.forOperator()).isEqualTo(FaultKind.REFUSED);
    assertThat(failure.forUser()).contains(words).endsWith(".");
  }

  private static MachineDefinition machine(String network) {
    return new MachineDefinition(
        MARK,
        "web",
        1,
        ByteSize.ofMib(256),
        Firmware.BIOS,
        List.of(),
        List.of(new MachineDefinition.Nic(Mac.ofQemu(1), null, network, null, null)),
        null);
  }

  // ---------------------------------------------------------------------------------------- TLS

  @Test
  void theCertificateIsLookedAtInAnyCase() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        FakeVcenter other = FakeVcenter.other()) {
      for (Map<String, String> right :
          List.of(
              vcenter.settings(),
              vcenter.pinned(vcenter.thumbprint("SHA-256")),
              vcenter.pinned(vcenter.thumbprint("SHA-1").toLowerCase(java.util.Locale.ROOT)))) {
        try (VsphereHypervisor driver = open(right)) {
          assertThat(driver.observe(new Scope.All()).complete()).isTrue();
        }
      }
      vcenter.calls.clear();
      Map<String, String> wrongAuthority = vcenter.settings();
      wrongAuthority.put("ca", other.pem());
      Map<String, String> none = vcenter.settings();
      none.remove("ca");
      for (Map<String, String> wrong :
          List.of(wrongAuthority, none, vcenter.pinned(other.thumbprint("SHA-256")))) {
        try (VsphereHypervisor driver = open(wrong)) {
          refused(() -> driver.observe(new Scope.All()), "certificate", "ca or thumbprint");
        }
      }
      // Not a word was said to somebody who might not be the vCenter, least of all the password.
      assertThat(vcenter.calls).isEmpty();
    }
  }

  @Test
  void aThumbprintThatIsAnotherTellsWhichOneIsThere() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.pinned("AB".repeat(32)))) {
      refused(
          () -> driver.observe(new Scope.All()), vcenter.thumbprint("SHA-256").replace(":", ""));
    }
  }

  @Test
  void anExpiredCertificateIsNotBelievedEvenIfItIsPinned() throws Exception {
    try (FakeVcenter vcenter = FakeVcenter.expired()) {
      for (Map<String, String> settings :
          List.of(vcenter.settings(), vcenter.pinned(vcenter.thumbprint("SHA-256")))) {
        try (VsphereHypervisor driver = open(settings)) {
          refused(
              () -> driver.observe(new Scope.All()),
              "certificate has expired",
              "NotAfter",
              "give the hypervisor a new one");
        }
      }
    }
  }

  // ----------------------------------------------------------------------------------- sessions

  @Test
  void aWrongPasswordIsTriedOnceAndLocksNoAccount() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer("Login", c -> fault("InvalidLogin", "Cannot complete login.", ""));
      for (int i = 0; i < 5; i++) {
        DriverException failure = failure(() -> driver.observe(new Scope.All()));
        assertThat(failure.kind()).isEqualTo(FaultKind.REFUSED);
        assertThat(failure.forUser()).contains("login", "password").doesNotContain("s3cret");
        assertThat(failure.forOperator()).doesNotContain("s3cret");
      }
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(1);

      vcenter.answer("Login", c -> "<returnval><key>1</key></returnval>");
      now.updateAndGet(t -> t.plus(Vim.LOGIN_PAUSE).plusSeconds(1));
      assertThat(driver.observe(new Scope.All()).complete()).isTrue();
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
    }
  }

  /**
   * A host alone locks an account at the fifth time, however long the four others are ago; a
   * vCenter forgets them, and its directory may only be down.
   */
  @ParameterizedTest
  @CsvSource({"VirtualCenter, 10 20 40 60 60", "HostAgent, 10 20 40 80 160 320 640 1280 1440 1440"})
  void aPasswordThatStaysWrongIsTriedLessAndLess(String type, String minutes) throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.apiType = type;
      vcenter.answer("Login", c -> fault("InvalidLogin", "Cannot complete login.", ""));
      List<Duration> pauses =
          java.util.Arrays.stream(minutes.split(" "))
              .map(Long::parseLong)
              .map(Duration::ofMinutes)
              .toList();
      for (int i = 0; i < pauses.size(); i++) {
        refused(() -> driver.observe(new Scope.All()), "refused the login");
        now.updateAndGet(t -> t.plusSeconds(1));
        Duration pause = pauses.get(i);
        now.updateAndGet(t -> t.plus(pause).minusSeconds(2));
        refused(() -> driver.observe(new Scope.All()), "refused the login");
        assertThat(Collections.frequency(vcenter.calls, "Login")).as("%s", pause).isEqualTo(i + 1);
        now.updateAndGet(t -> t.plusSeconds(1));
      }
      vcenter.apiType = "VirtualCenter";
      vcenter.answer("Login", c -> "<returnval><key>1</key></returnval>");
      assertThat(driver.observe(new Scope.All()).complete()).isTrue();
    }
  }

  @Test
  void aWrongPasswordIsTriedOnceByAllPartsOfAVcenterAndAnotherOneAtOnce() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter()) {
      vcenter.answer(
          "Login",
          c ->
              c.text("password").equals("changed")
                  ? "<returnval><key>1</key></returnval>"
                  : fault("InvalidLogin", "Cannot complete login.", ""));
      // As every change of a Hypervisor opens it anew, too.
      for (String part : List.of("east", "west", "north", "north", "north")) {
        Map<String, String> settings = vcenter.settings();
        settings.put("folder", part);
        try (VsphereHypervisor driver = open(settings)) {
          refused(() -> driver.observe(new Scope.All()), "refused the login");
        }
      }
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(1);
      Map<String, String> settings = vcenter.settings();
      settings.put("password", "changed");
      try (VsphereHypervisor driver = open(settings)) {
        assertThat(driver.observe(new Scope.All()).complete()).isTrue();
      }
    }
  }

  /** A refusal outlives the Hypervisor, and no password does. */
  @Test
  void anAccountIsForgottenWhenNobodyUsesItAndItsRefusalCountsNoMore() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter()) {
      int before = Vim.accounts();
      for (int i = 0; i < 3; i++) {
        Map<String, String> settings = vcenter.settings();
        settings.put("password", "changed-" + i);
        try (VsphereHypervisor driver = open(settings)) {
          assertThat(driver.observe(new Scope.All()).complete()).isTrue();
          assertThat(Vim.accounts()).isEqualTo(before + 1);
        }
      }
      assertThat(Vim.accounts()).isEqualTo(before);
      vcenter.answer("Login", c -> fault("InvalidLogin", "Cannot complete login.", ""));
      try (VsphereHypervisor driver = open(vcenter.settings())) {
        refused(() -> driver.observe(new Scope.All()), "refused the login");
      }
      assertThat(Vim.accounts()).isEqualTo(before + 1);
      now.updateAndGet(t -> t.plus(Vim.LONGEST_LOGIN_PAUSE).plus(Vim.LOGIN_PAUSE).plusSeconds(1));
      open(vcenter.settings()).close();
      assertThat(Vim.accounts()).isLessThanOrEqualTo(before);
    }
  }

  @Test
  void aSessionThatWasDroppedIsRenewedAndTheCallRepeated() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      assertThat(driver.observe(new Scope.All()).complete()).isTrue();
      AtomicBoolean dropped = new AtomicBoolean(true);
      vcenter.answer(
          "FindByUuid", c -> dropped.getAndSet(false) ? fault("NotAuthenticated", "gone", "") : "");
      assertThat(driver.observe(new Scope.One(UID)).machines()).isEmpty();
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
      assertThat(Collections.frequency(vcenter.calls, "FindByUuid")).isEqualTo(2);
    }
  }

  @Test
  void aSessionThatEndsBeforeAFileIsBroughtIsRenewedAndTheFileSentOnce() throws Exception {
    ObjectName seed = new ObjectName(MARK, ObjectName.SEED);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer(
          "MoveDatastoreFile_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      vcenter.files(401, 201);
      assertThat(driver.media().orElseThrow().put(seed, new byte[2048])).isEqualTo(Outcome.DONE);
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
    }
    // Whom a new session does not help is not let in.
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.files(401);
      DriverException failure =
          failure(() -> driver.media().orElseThrow().put(seed, new byte[2048]));
      assertThat(failure.kind()).isEqualTo(FaultKind.REFUSED);
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
    }
  }

  /** That is how the property collector says it, and not by a fault. */
  @Test
  void objectsWithoutPropertiesAreNoAnswerIfTheSessionWasDropped() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      runs(vcenter);
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      AtomicBoolean dropped = new AtomicBoolean();
      vcenter.answer(
          "Login",
          c -> {
            dropped.set(false);
            vcenter.untold.clear();
            return "<returnval><key>1</key></returnval>";
          });
      Ref view = new Ref("ContainerView", "view-VirtualMachine");
      vcenter.answer(
          "RetrievePropertiesEx",
          c ->
              FakeVcenter.asked(c).equals(view)
                  ? dropped.get()
                      ? "<returnval></returnval>"
                      : "<returnval>" + vms(new AtomicInteger(2)) + "</returnval>"
                  : dropped.get()
                      ? "<returnval>"
                          + object(
                              FakeVcenter.asked(c),
                              "<missingSet><path>name</path><fault><fault"
                                  + " xsi:type=\"NotAuthenticated\"></fault></fault></missingSet>")
                          + "</returnval>"
                      : usual.apply(c));
      // One object, and a list of which none is left.
      assertThat(driver.observe(new Scope.One(UID)).machine(UID).orElseThrow().mark())
          .isEqualTo(MARK);
      dropped.set(true);
      assertThat(driver.observe(new Scope.One(UID)).machine(UID).orElseThrow().mark())
          .isEqualTo(MARK);
      dropped.set(true);
      vcenter.untold.put(view, "NotAuthenticated");
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(10);
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(3);

      // Of a list that cannot be read for another reason nothing is known.
      vcenter.untold.put(view, "NoPermission");
      assertThat(failure(() -> driver.observe(new Scope.All())).kind())
          .isEqualTo(FaultKind.UNREACHABLE);
    }
  }

  @Test
  void aServerThatNeverLetsTheSessionLiveIsNotAskedForEver() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer("FindByUuid", c -> fault("NotAuthenticated", "gone", ""));
      DriverException failure = failure(() -> driver.observe(new Scope.One(UID)));
      assertThat(failure.kind()).isEqualTo(FaultKind.UNREACHABLE);
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
    }
  }

  @Test
  void whoDoesNotAnswerIsUnreachable() throws Exception {
    Map<String, String> settings;
    try (FakeVcenter vcenter = new FakeVcenter()) {
      settings = vcenter.settings();
    }
    try (VsphereHypervisor driver = open(settings)) {
      assertThat(failure(() -> driver.observe(new Scope.All())).kind())
          .isEqualTo(FaultKind.UNREACHABLE);
    }
  }

  /** As one does that is restarting: nothing of it is to be set right. */
  @Test
  void whoBreaksOffTheHandshakeIsUnreachableAndWhoRefusesItRefuses() throws Exception {
    byte[] handshakeFailure = {21, 3, 3, 0, 2, 2, 40};
    Map<String, String> settings;
    try (FakeVcenter vcenter = new FakeVcenter()) {
      settings = vcenter.settings();
    }
    for (String how : List.of("closed", "reset", "alert")) {
      try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
        Thread.ofVirtual()
            .start(() -> {
              while (!server.isClosed()) {
                try (Socket one = server.accept()) {
                  var _ = one.getInputStream().read(new byte[64]);
                  if (how.equals("alert")) {
                    one.getOutputStream().write(handshakeFailure);
                  }
                  one.setSoLinger(how.equals("reset"), 0);
                } catch (IOException e) {
                  return;
                }
              }
            });
        settings.put("url", "https://127.0.0.1:" + server.getLocalPort());
        try (VsphereHypervisor driver = open(settings)) {
          DriverException failure = failure(() -> driver.observe(new Scope.All()));
          assertThat(failure.kind())
              .as("%s: %s", how, failure.forOperator())
              .isEqualTo(how.equals("alert") ? FaultKind.REFUSED : FaultKind.UNREACHABLE);
        }
      }
    }
  }

  // ----------------------------------------------------------------------------------- refusals

  @Test
  void aMissingPrivilegeIsNamedWithItsObject() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer(
          "CreateVM_Task",
          c ->
              fault(
                  "NoPermission",
                  "Permission to perform this operation was denied.",
                  ref("object", "Datastore", "ds-1")
                      + "<privilegeId>Datastore.AllocateSpace</privilegeId>"));
      refused(
          () -> driver.compute().orElseThrow().define(machine("lan")),
          "Datastore.AllocateSpace",
          "Datastore store");
    }
  }

  @Test
  void whatIsMissingOrAmbiguousIsNamedWithWhatThereIs() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter()) {
      Ref networks = new Ref("Folder", "group-n1");
      vcenter.object("Folder", "group-n2", named("left", networks));
      vcenter.object("Folder", "group-n3", named("right", networks));
      vcenter.object("Network", "net-2", named("twice", new Ref("Folder", "group-n2")));
      vcenter.object("Network", "net-3", named("twice", new Ref("Folder", "group-n3")));
      vcenter.object("Datastore", "ds-2", named("other", new Ref("Folder", "group-s1")));

      try (VsphereHypervisor driver = open(vcenter.settings())) {
        refused(
            () -> driver.compute().orElseThrow().define(machine("lan")),
            "more than one datastore",
            "other, store");
        // The machines are seen all the same, and that the rest was not is admitted.
        Observation seen = driver.observe(new Scope.All());
        assertThat(seen.gaps()).anyMatch(gap -> gap.contains("datastore"));
      }
      Map<String, String> wrong = vcenter.settings();
      wrong.put("datastore", "stoer");
      try (VsphereHypervisor driver = open(wrong)) {
        refused(() -> driver.compute().orElseThrow().define(machine("lan")), "\"stoer\"", "other");
      }
      Map<String, String> right = vcenter.settings();
      right.put("datastore", "store");
      try (VsphereHypervisor driver = open(right)) {
        refused(
            () -> driver.compute().orElseThrow().define(machine("twice")),
            "more than one network",
            "left/twice",
            "right/twice");
        refused(
            () -> driver.compute().orElseThrow().define(machine("wan")),
            "no network \"wan\"",
            "lan");
        vcenter.answer("CreateVM_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
        assertThat(driver.compute().orElseThrow().define(machine("left/twice")))
            .isEqualTo(Outcome.DONE);
      }
    }
  }

  @Test
  void faultsOfTasksHaveTheirKindAndTheirWords() throws Exception {
    Map<String, FaultKind> kinds = new HashMap<>();
    kinds.put("DuplicateName", FaultKind.CONFLICT);
    kinds.put("InsufficientResourcesFault", FaultKind.CAPACITY);
    kinds.put("NoDiskSpace", FaultKind.CAPACITY);
    kinds.put("InvalidHostState", FaultKind.CAPACITY);
    kinds.put("InvalidState", FaultKind.CONFLICT);
    kinds.put("NotSupported", FaultKind.UNSUPPORTED);
    kinds.put("InvalidArgument", FaultKind.REFUSED);
    kinds.put("InvalidVmConfig", FaultKind.REFUSED);
    kinds.put("InvalidName", FaultKind.REFUSED);
    kinds.put("NoPermission", FaultKind.REFUSED);
    kinds.put("InvalidPowerState", FaultKind.CONFLICT);
    kinds.put("TaskInProgress", FaultKind.CONFLICT);
    kinds.put("InaccessibleDatastore", FaultKind.CONFLICT);
    kinds.put("CannotAccessFile", FaultKind.CONFLICT);
    kinds.put("WhateverALaterVersionHas", FaultKind.CONFLICT);
    kinds.put("HostNotConnected", FaultKind.CAPACITY);
    kinds.put("NoCompatibleHost", FaultKind.CAPACITY);
    kinds.put("NoCompatibleHostWithAccessToDevice", FaultKind.CAPACITY);
    kinds.put("NoActiveHostInCluster", FaultKind.CAPACITY);
    kinds.put("InvalidHostConnectionState", FaultKind.CAPACITY);
    kinds.put("RequestCanceled", FaultKind.UNREACHABLE);
    kinds.put("HostCommunication", FaultKind.UNREACHABLE);
    Map<String, String> words =
        Map.of(
            "DuplicateName", "is taken on the hypervisor",
            "NoDiskSpace", "The datastore is full",
            "InsufficientResourcesFault", "not enough memory, processors or disk",
            "InvalidHostState", "because of maintenance",
            "NoActiveHostInCluster", "because of maintenance",
            "NoCompatibleHostWithAccessToDevice", "No host of the cluster can run",
            "InvalidState", "is in another state");
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer("CreateVM_Task", c -> "<returnval type=\"Task\">task-9</returnval>");
      for (Map.Entry<String, FaultKind> each : kinds.entrySet()) {
        vcenter.object(
            "Task",
            "task-9",
            property(
                "info",
                "TaskInfo",
                "<state>error</state><error><fault xsi:type=\""
                    + each.getKey()
                    + "\"></fault><localizedMessage>In the words of vSphere</localizedMessage>"
                    + "</error>"));
        DriverException failure =
            failure(() -> driver.compute().orElseThrow().define(machine("lan")));
        assertThat(failure.kind()).as(each.getKey()).isEqualTo(each.getValue());
        assertThat(failure.forOperator()).contains(each.getKey(), "In the words of vSphere");
        assertThat(failure.forUser()).endsWith(".").contains(words.getOrDefault(each.getKey(), ""));
      }
    }
  }

  @Test
  void aDatastoreThatIsFullWhileAFileIsBroughtIsNamed() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.files(507);
      ObjectName seed = new ObjectName(MARK, ObjectName.SEED);
      DriverException failure =
          failure(() -> driver.media().orElseThrow().put(seed, new byte[2048]));
      assertThat(failure.kind()).isEqualTo(FaultKind.CAPACITY);
      assertThat(failure.forUser()).contains("The datastore is full");
      // It did not get its name.
      assertThat(vcenter.calls).doesNotContain("MoveDatastoreFile_Task");
    }
  }

  private static void free(FakeVcenter vcenter, long bytes) {
    vcenter.object(
        "Datastore",
        "ds-1",
        named("store", new Ref("Folder", "group-s1"))
            + reference("browser", new Ref("HostDatastoreBrowser", "browser-1"))
            + property("summary.freeSpace", "xsd:long", Long.toString(bytes)));
  }

  /** A host that has no room left does not say so by HTTP. */
  @Test
  void aDatastoreThatIsFullIsNamedWhateverTheHostAnswers() throws Exception {
    ObjectName seed = new ObjectName(MARK, ObjectName.SEED);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.files(500, 500, 201);
      vcenter.answer(
          "MoveDatastoreFile_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      Media media = driver.media().orElseThrow();
      assertThat(failure(() -> media.put(seed, new byte[2048])).kind())
          .as("there is room")
          .isEqualTo(FaultKind.UNREACHABLE);
      free(vcenter, 4096);
      DriverException failure = failure(() -> media.put(seed, new byte[2048]));
      assertThat(failure.kind()).isEqualTo(FaultKind.CAPACITY);
      assertThat(failure.forUser()).contains("The datastore is full");
      assertThat(failure.forOperator()).contains("HTTP status 500");

      // What cannot fit is not sent at all, unless it takes the place of another.
      DriverException before = failure(() -> media.put(seed, new byte[8192]));
      assertThat(before.kind()).isEqualTo(FaultKind.CAPACITY);
      assertThat(before.forOperator()).isEqualTo("4096 bytes are free, 8192 are needed");
      vcenter.answer(
          "DeleteDatastoreFile_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      assertThat(failure(() -> media.put(seed, new byte[8192])).kind())
          .as("what it replaces was too small")
          .isEqualTo(FaultKind.CAPACITY);
      vcenter.answer(
          "DeleteDatastoreFile_Task",
          c -> {
            free(vcenter, 16384);
            return "<returnval type=\"Task\">task-search</returnval>";
          });
      assertThat(media.put(seed, new byte[8192])).isEqualTo(Outcome.DONE);
    }
  }

  /** What is told of its room is of the last time at which somebody looked. */
  @Test
  void aDatastoreInWhichRoomWasMadeIsNotTakenForFull() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.files(201);
      vcenter.answer(
          "MoveDatastoreFile_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      free(vcenter, 1024);
      vcenter.answer(
          "RefreshDatastore",
          c -> {
            free(vcenter, 4096);
            return "";
          });
      Media media = driver.media().orElseThrow();
      assertThat(media.put(new ObjectName(MARK, ObjectName.SEED), new byte[2048]))
          .isEqualTo(Outcome.DONE);
      assertThat(vcenter.calls).doesNotContain("DeleteDatastoreFile_Task");
    }
  }

  /** What forbids it is in the state of the host, and not in that of the machine. */
  @Test
  void aHostInMaintenanceIsTheReasonOfAnInvalidState() throws Exception {
    for (boolean maintained : List.of(true, false)) {
      try (FakeVcenter vcenter = new FakeVcenter();
          VsphereHypervisor driver = open(vcenter.settings())) {
        for (String method : List.of("PowerOnVM_Task", "ResetVM_Task", "CreateVM_Task")) {
          vcenter.answer(method, c -> "<returnval type=\"Task\">task-9</returnval>");
        }
        vcenter.object(
            "Task",
            "task-9",
            property(
                "info",
                "TaskInfo",
                "<state>error</state><error><fault xsi:type=\"InvalidState\"></fault></error>"));
        for (String host : List.of("host-1", "host-2")) {
          vcenter.object(
              "HostSystem",
              host,
              property(
                  "runtime.inMaintenanceMode",
                  "xsd:boolean",
                  Boolean.toString(maintained || host.equals("host-2"))));
        }
        FaultKind kind = maintained ? FaultKind.CAPACITY : FaultKind.CONFLICT;
        String words = maintained ? "because of maintenance" : "is in another state";
        Compute compute = driver.compute().orElseThrow();
        vcenter.answer("FindByUuid", c -> "");
        List<ThrowingCallable> acts =
            List.of(
                () -> compute.define(machine("lan")),
                () -> {
                  is(
                      vcenter,
                      "poweredOn",
                      reference("runtime.host", new Ref("HostSystem", "host-1")));
                  compute.reset(MARK);
                },
                () -> {
                  is(
                      vcenter,
                      "poweredOff",
                      reference("runtime.host", new Ref("HostSystem", "host-1")));
                  compute.start(MARK);
                });
        for (ThrowingCallable act : acts) {
          DriverException failure = failure(act);
          assertThat(failure.kind()).as(failure.forOperator()).isEqualTo(kind);
          assertThat(failure.forUser()).contains(words);
          assertThat(failure.forOperator()).contains("InvalidState");
        }
      }
    }
  }

  @Test
  @Timeout(60)
  void aFileThatDoesNotMoveAnyMoreIsGivenUpAndBroughtAnew(@TempDir Path directory)
      throws Exception {
    Path file = Files.write(directory.resolve("medium.iso"), new byte[4096]);
    Disks.Image medium =
        new Disks.Image(Lab.sha256(file), file, Disks.Image.MEDIUM, ByteSize.ofMib(1));
    CountDownLatch over = new CountDownLatch(1);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver =
            new VsphereHypervisor(
                Settings.read(vcenter.settings()),
                INSTALLATION,
                now::get,
                Duration.ofSeconds(30),
                Tasks.PATIENCE,
                Duration.ofMillis(200))) {
      AtomicInteger asked = vcenter.stuck(over);
      for (int i = 1; i <= 2; i++) {
        DriverException failure = failure(() -> driver.disks().orElseThrow().stage(medium));
        assertThat(failure.kind()).isEqualTo(FaultKind.UNREACHABLE);
        assertThat(failure.forUser()).contains("did not answer in time");
        assertThat(asked.get()).isEqualTo(i);
      }
    } finally {
      over.countDown();
    }
  }

  /** Locks that were shared by hash had these two wait for each other. */
  @Test
  @Timeout(60)
  void whatIsBroughtForOneMachineKeepsNoOtherOneWaiting() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      AtomicInteger asked = vcenter.stuck(over);
      Media media = driver.media().orElseThrow();
      Thread brings =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  media.put(seedOf(new UUID(0, 1)), new byte[2048]);
                } catch (DriverException e) {
                  // It is never answered.
                }
              });
      await().until(() -> asked.get() == 1);
      assertThat(media.delete(seedOf(new UUID(0, 65)))).isEqualTo(Outcome.DONE);
      assertThat(brings.isAlive()).isTrue();
    } finally {
      over.countDown();
    }
  }

  private static ObjectName seedOf(UUID uid) {
    return new ObjectName(new Mark(INSTALLATION, uid, 1), ObjectName.SEED);
  }

  // -------------------------------------------------------------------------------------- tasks

  @Test
  void aCopyThatNeverEndsIsFollowedAndNotBegunAgain() throws Exception {
    String sha256 = "ab".repeat(32);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      found(vcenter, "mw-" + INSTALLATION + "-image-" + sha256 + ".vmdk");
      AtomicInteger begun = new AtomicInteger();
      vcenter.answer(
          "CopyVirtualDisk_Task",
          c -> "<returnval type=\"Task\">task-copy-" + begun.incrementAndGet() + "</returnval>");
      vcenter.object("Task", "task-copy-1", property("info", "TaskInfo", "<state>running</state>"));
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      for (int i = 0; i < 2; i++) {
        assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256))
            .isEqualTo(new Outcome.Running("task-copy-1", Duration.ofSeconds(5)));
      }
      assertThat(begun.get()).isEqualTo(1);
      vcenter.object("Task", "task-copy-1", property("info", "TaskInfo", "<state>success</state>"));
      vcenter.answer(
          "MoveVirtualDisk_Task",
          c -> {
            assertThat(c.find("sourceName").orElseThrow().text()).endsWith("-g1-part.vmdk");
            assertThat(c.find("destName").orElseThrow().text()).endsWith("-g1-system.vmdk");
            return "<returnval type=\"Task\">task-search</returnval>";
          });
      assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256))
          .isEqualTo(Outcome.DONE);
      assertThat(vcenter.calls).contains("MoveVirtualDisk_Task");
    }
  }

  @Test
  void aCopyThatTheVcenterForgotWhenItWasRestartedIsMadeAnew() throws Exception {
    String sha256 = "ab".repeat(32);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      ObjectName part = new ObjectName(MARK, ObjectName.PART);
      String image = "mw-" + INSTALLATION + "-image-" + sha256 + ".vmdk";
      found(vcenter, image);
      AtomicInteger begun = new AtomicInteger();
      vcenter.answer(
          "CopyVirtualDisk_Task",
          c -> "<returnval type=\"Task\">task-copy-" + begun.incrementAndGet() + "</returnval>");
      vcenter.object("Task", "task-copy-1", property("info", "TaskInfo", "<state>running</state>"));
      Callable<Outcome> create =
          () -> driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256);
      create.call();

      // It is up again: its sessions and tasks are gone, and half a copy is there.
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      AtomicBoolean session = new AtomicBoolean();
      vcenter.answer(
          "Login",
          c -> {
            session.set(true);
            return "<returnval><key>2</key></returnval>";
          });
      vcenter.answer(
          "RetrievePropertiesEx",
          c ->
              !session.get()
                  ? fault("NotAuthenticated", "The session is not authenticated.", "")
                  : FakeVcenter.asked(c).value().equals("task-copy-1")
                      ? fault("ManagedObjectNotFound", "has already been deleted", "")
                      : usual.apply(c));
      found(vcenter, image, part + ".vmdk");
      assertThat(failure(create::call).kind()).isEqualTo(FaultKind.UNREACHABLE);

      vcenter.answer(
          "DeleteVirtualDisk_Task",
          c -> {
            assertThat(c.find("name").orElseThrow().text()).endsWith("-g1-part.vmdk");
            return "<returnval type=\"Task\">task-d</returnval>";
          });
      vcenter.object("Task", "task-d", property("info", "TaskInfo", "<state>success</state>"));
      vcenter.object("Task", "task-copy-2", property("info", "TaskInfo", "<state>success</state>"));
      vcenter.answer("MoveVirtualDisk_Task", c -> "<returnval type=\"Task\">task-d</returnval>");
      create.call();
      assertThat(begun.get()).isEqualTo(2);
      assertThat(vcenter.calls).contains("DeleteVirtualDisk_Task", "MoveVirtualDisk_Task");
    }
  }

  @Test
  void aCopyThatADeadServerBeganIsWaitedForWhileItIsWrittenAndThenMadeAnew() throws Exception {
    String sha256 = "ab".repeat(32);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      ObjectName part = new ObjectName(MARK, ObjectName.PART);
      found(vcenter, "mw-" + INSTALLATION + "-image-" + sha256 + ".vmdk", part + ".vmdk");
      // It is seen, so that it is collected if nobody asks for the disk any more.
      assertThat(driver.observe(new Scope.All()).disks())
          .extracting(Observation.Disk::name)
          .containsExactly(part);

      vcenter.answer("DeleteVirtualDisk_Task", c -> "<returnval type=\"Task\">task-d</returnval>");
      vcenter.object(
          "Task",
          "task-d",
          property(
              "info",
              "TaskInfo",
              "<state>error</state><error><fault xsi:type=\"FileLocked\"></fault></error>"));
      assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256))
          .isInstanceOf(Outcome.Running.class);
      assertThat(vcenter.calls).doesNotContain("CopyVirtualDisk_Task");

      vcenter.object("Task", "task-d", property("info", "TaskInfo", "<state>success</state>"));
      vcenter.answer(
          "CopyVirtualDisk_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      vcenter.answer(
          "MoveVirtualDisk_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256))
          .isEqualTo(Outcome.DONE);
    }
  }

  /** Has these files in the datastore, each of 64 MiB. */
  private static void found(FakeVcenter vcenter, String... files) {
    StringBuilder list = new StringBuilder();
    for (String file : files) {
      list.append("<file xsi:type=\"VmDiskFileInfo\"><path>")
          .append(file)
          .append("</path><capacityKb>65536</capacityKb></file>");
    }
    vcenter.searched(list);
  }

  // ----------------------------------------------------------------------------------- deletion

  /** Machines that use the datastore: what each tells of itself, by its name. */
  private static List<String> machines(FakeVcenter vcenter, Map<String, String> machines) {
    List<String> read = new CopyOnWriteArrayList<>();
    java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
    vcenter.answer(
        "RetrievePropertiesEx",
        c -> {
          boolean all =
              FakeVcenter.asked(c).value().equals("ds-1")
                  && c.find("specSet", "propSet", "type")
                      .map(Element::text)
                      .orElse("")
                      .equals("VirtualMachine");
          if (!all && !FakeVcenter.asked(c).type().equals("VirtualMachine")) {
            return usual.apply(c);
          }
          StringBuilder out = new StringBuilder("<returnval>");
          if (all) {
            machines.forEach(
                (name, told) -> out.append(object(new Ref("VirtualMachine", name), told)));
          } else {
            c.find("specSet")
                .orElseThrow()
                .all("objectSet")
                .forEach(o -> {
                  String name = o.find("obj").orElseThrow().text();
                  read.add(name);
                  out.append(
                      object(new Ref("VirtualMachine", name), machines.getOrDefault(name, "")));
                });
          }
          return out.append("</returnval>").toString();
        });
    return read;
  }

  private static String machine(String name, int version, String... disks) {
    StringBuilder devices = new StringBuilder();
    for (String disk : disks) {
      devices
          .append("<VirtualDevice xsi:type=\"VirtualDisk\"><key>2000</key>")
          .append("<backing><fileName>[store] m/delta.vmdk</fileName><parent><fileName>")
          .append("[formerly] millwright/" + disk)
          .append(".vmdk</fileName></parent></backing></VirtualDevice>");
    }
    return property("name", "xsd:string", name)
        + property("runtime.powerState", "VirtualMachinePowerState", "poweredOff")
        + property("config.changeVersion", "xsd:string", Integer.toString(version))
        + property("config.hardware.device", "ArrayOfVirtualDevice", devices.toString());
  }

  @Test
  void whoHasADiskIsLookedForInAllMachinesAndReadOnlyOfThoseThatWereChanged() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      found(vcenter, disk + ".vmdk");
      AtomicInteger deleted = new AtomicInteger();
      vcenter.answer(
          "DeleteVirtualDisk_Task",
          c -> {
            deleted.incrementAndGet();
            return "<returnval type=\"Task\">task-search</returnval>";
          });
      Map<String, String> there = new ConcurrentHashMap<>();
      there.put("vm-1", machine("foreign", 1));
      there.put("vm-2", machine("other", 1));
      List<String> read = machines(vcenter, there);
      Callable<Outcome> delete = () -> driver.disks().orElseThrow().delete(disk);

      assertThat(delete.call()).isEqualTo(Outcome.DONE);
      assertThat(read).containsExactlyInAnyOrder("vm-1", "vm-2");
      read.clear();
      assertThat(delete.call()).isEqualTo(Outcome.DONE);
      assertThat(read).isEmpty();

      // Somebody plugs it in, under a snapshot, and the datastore had another name then.
      there.put("vm-2", machine("other", 2, disk.toString()));
      for (int i = 0; i < 2; i++) {
        DriverException failure = failure(delete::call);
        assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
        assertThat(failure.forOperator()).contains("other");
      }
      assertThat(read).containsOnly("vm-2");
      assertThat(deleted.get()).isEqualTo(2);

      there.remove("vm-2");
      assertThat(delete.call()).isEqualTo(Outcome.DONE);
      assertThat(deleted.get()).isEqualTo(3);
    }
  }

  @Test
  void aDiskIsKeptWhileAMachineThatMayHaveItCannotBeRead() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      found(vcenter, disk + ".vmdk");
      vcenter.answer(
          "DeleteVirtualDisk_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      Map<String, String> there = new ConcurrentHashMap<>();
      there.put("vm-1", machine("fine", 1));
      there.put("vm-2", property("name", "xsd:string", "orphaned"));
      machines(vcenter, there);
      Callable<Outcome> delete = () -> driver.disks().orElseThrow().delete(disk);
      DriverException failure = failure(delete::call);
      assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
      assertThat(failure.forOperator()).contains("vm-2").contains("orphaned");
      assertThat(vcenter.calls).doesNotContain("DeleteVirtualDisk_Task");
      there.put("vm-2", machine("orphaned", 1));
      // Nor while it is not told which machines there are.
      vcenter.untold.put(new Ref("Datastore", "ds-1"), "NoPermission");
      failure = failure(delete::call);
      assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
      assertThat(failure.forOperator()).contains("ds-1", "NoPermission");
      assertThat(vcenter.calls).doesNotContain("DeleteVirtualDisk_Task");
      vcenter.untold.clear();
      assertThat(delete.call()).isEqualTo(Outcome.DONE);
    }
  }

  /** A machine of ours as the one of whom the datastore tells, with this disk. */
  private static void has(FakeVcenter vcenter, ObjectName disk, String top, String below) {
    String devices =
        "<VirtualDevice xsi:type=\"VirtualDisk\"><key>2000</key><backing><fileName>[store]"
            + " millwright/"
            + disk
            + top
            + ".vmdk</fileName>"
            + below
            + "</backing></VirtualDevice>";
    machines(
        vcenter,
        Map.of(
            "vm-1",
            property("name", "xsd:string", "web")
                + property("runtime.powerState", "VirtualMachinePowerState", "poweredOff")
                + property("config.changeVersion", "xsd:string", top + below)
                + property("config.hardware.device", "ArrayOfVirtualDevice", devices)));
  }

  /** Its file is as it was when the snapshot was made. */
  @Test
  void aDiskBelowASnapshotOfVspheresOwnIsNeitherCopiedNorReadNorMadeLarger(@TempDir Path directory)
      throws Exception {
    ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
    ObjectName copy =
        new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.SNAPSHOT);
    ByteSize size = ByteSize.ofMib(64);
    Path into = directory.resolve("read");
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      found(vcenter, disk + ".vmdk");
      vcenter.files(200);
      for (String method : List.of("CopyVirtualDisk_Task", "MoveVirtualDisk_Task")) {
        vcenter.answer(method, c -> "<returnval type=\"Task\">task-search</returnval>");
      }
      has(
          vcenter,
          disk,
          "-000001",
          "<parent><fileName>[store] millwright/" + disk + ".vmdk</fileName></parent>");
      List<ThrowingCallable> acts =
          List.of(
              () -> driver.diskCopy().orElseThrow().copy(disk, copy, size),
              () -> driver.diskTransfer().orElseThrow().read(disk, into),
              () -> driver.disks().orElseThrow().grow(disk, ByteSize.ofMib(128)));
      for (ThrowingCallable act : acts) {
        DriverException failure = failure(act);
        assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
        assertThat(failure.forUser()).contains("snapshots of vSphere's own", "consolidate");
        assertThat(failure.forOperator()).contains("web", disk + "-000001.vmdk");
      }
      assertThat(into).doesNotExist();
      assertThat(vcenter.calls).doesNotContain("CopyVirtualDisk_Task", "ReconfigVM_Task");

      // What it is linked to is no snapshot.
      has(
          vcenter,
          disk,
          "",
          "<parent><fileName>[store] millwright/mw-"
              + INSTALLATION
              + "-image-"
              + "ab".repeat(32)
              + "-64m.vmdk</fileName></parent>");
      assertThat(driver.diskCopy().orElseThrow().copy(disk, copy, size)).isEqualTo(Outcome.DONE);
    }
  }

  /** Behind what came there would be nothing but zeros, and its checksum would be that of all. */
  @Test
  void aDiskOfWhichNotAllCameIsNotRead(@TempDir Path directory) throws Exception {
    ObjectName disk = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    Path into = directory.resolve("read");
    for (int missing : List.of(0, 1, 4096)) {
      try (FakeVcenter vcenter = new FakeVcenter();
          VsphereHypervisor driver = open(vcenter.settings())) {
        vcenter.searched(
            "<file xsi:type=\"VmDiskFileInfo\"><path>"
                + disk
                + ".vmdk</path><capacityKb>1024</capacityKb></file>");
        machines(vcenter, Map.of());
        byte[] bytes = new byte[(1 << 20) - missing];
        bytes[7] = 7;
        vcenter.content(bytes);
        DiskTransfer transfer = driver.diskTransfer().orElseThrow();
        if (missing == 0) {
          transfer.read(disk, into);
          assertThat(java.nio.file.Files.readAllBytes(into)).startsWith(0, 0, 0, 0, 0, 0, 0, 7);
        } else {
          DriverException failure = failure(() -> transfer.read(disk, into));
          assertThat(failure.kind()).isEqualTo(FaultKind.UNREACHABLE);
          assertThat(failure.forUser()).contains("could not be read to its end");
        }
      }
    }
  }

  /** A vSAN, for one, has none. */
  @Test
  void aDiskWithoutAFileOfItsBytesIsSaidToHaveNone(@TempDir Path directory) throws Exception {
    ObjectName disk = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      found(vcenter, disk + ".vmdk");
      machines(vcenter, Map.of());
      vcenter.files(404);
      DriverException failure =
          failure(() -> driver.diskTransfer().orElseThrow().read(disk, directory.resolve("read")));
      assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
      assertThat(failure.forUser()).isEqualTo("The datastore has no such file.");
      assertThat(failure.forOperator()).contains(disk + "-flat.vmdk");
    }
  }

  /** What vSphere says, or does with what was unplugged all the same, is not tried out. */
  @Test
  void aMachineWithSnapshotsOfVspheresOwnIsNotStoppedForAnythingThatTheyForbid() throws Exception {
    ObjectName system = new ObjectName(MARK, ObjectName.SYSTEM);
    ObjectName next = new ObjectName(new Mark(INSTALLATION, UID, 2), ObjectName.SYSTEM);
    ObjectName data = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    String devices =
        property(
            "config.hardware.device",
            "ArrayOfVirtualDevice",
            "<VirtualDevice xsi:type=\"ParaVirtualSCSIController\"><key>1000</key>"
                + "<sharedBus>noSharing</sharedBus></VirtualDevice>"
                + disk(2000, 0, system.toString())
                + disk(2001, 1, data.toString()));
    String snapshots =
        property(
            "snapshot",
            "VirtualMachineSnapshotInfo",
            "<rootSnapshotList><name>before the upgrade</name>"
                + "<childSnapshotList><name>VEEAM BACKUP</name></childSnapshotList>"
                + "</rootSnapshotList>");
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      for (String method :
          List.of("PowerOffVM_Task", "ReconfigVM_Task", "Destroy_Task", "ShutdownGuest")) {
        vcenter.answer(method, c -> "<returnval type=\"Task\">task-search</returnval>");
      }
      runs(vcenter, devices + snapshots);
      List<ThrowingCallable> acts =
          List.of(
              () -> driver.compute().orElseThrow().remove(MARK),
              () -> driver.compute().orElseThrow().check(with(next, data)),
              () -> driver.compute().orElseThrow().check(with(system)),
              () -> driver.hotPlug().orElseThrow().detach(MARK, data.toString()));
      for (ThrowingCallable act : acts) {
        DriverException failure = failure(act);
        assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
        assertThat(failure.forUser())
            .contains("\"before the upgrade\", \"VEEAM BACKUP\"", "delete them in vSphere");
      }
      // What unplugs nothing is none of its business.
      driver.compute().orElseThrow().check(with(system, data));
      assertThat(vcenter.calls)
          .doesNotContain("PowerOffVM_Task", "ReconfigVM_Task", "Destroy_Task", "ShutdownGuest");

      // Without a snapshot, but not consolidated, it is the same.
      runs(
          vcenter,
          devices.replace(
              data + ".vmdk</fileName>",
              data
                  + "-000002.vmdk</fileName><parent><fileName>[store] millwright/"
                  + data
                  + ".vmdk</fileName></parent>"));
      DriverException failure = failure(() -> driver.compute().orElseThrow().remove(MARK));
      assertThat(failure.forUser()).contains("consolidate");
      assertThat(failure.forOperator()).contains(data + "-000002.vmdk");
      assertThat(vcenter.calls).doesNotContain("PowerOffVM_Task");

      runs(vcenter, devices);
      driver.compute().orElseThrow().check(with(next, data));
      assertThat(driver.hotPlug().orElseThrow().detach(MARK, data.toString()))
          .isEqualTo(Outcome.DONE);
    }
  }

  private static String disk(int key, int unit, String name) {
    return "<VirtualDevice xsi:type=\"VirtualDisk\"><key>"
        + key
        + "</key><backing><fileName>[store] millwright/"
        + name
        + ".vmdk</fileName></backing><controllerKey>1000</controllerKey><unitNumber>"
        + unit
        + "</unitNumber></VirtualDevice>";
  }

  private static MachineDefinition with(ObjectName... disks) {
    return new MachineDefinition(
        MARK,
        "web",
        1,
        ByteSize.ofMib(256),
        Firmware.BIOS,
        java.util.Arrays.stream(disks)
            .map(disk -> new MachineDefinition.Disk(disk.toString(), "mw-serial"))
            .toList(),
        List.of(),
        null);
  }

  @Test
  void theDirectoryIsMadeOnce() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      vcenter.answer(
          "CreateVirtualDisk_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
      for (int i = 0; i < 3; i++) {
        ObjectName disk =
            new ObjectName(new Mark(INSTALLATION, new UUID(1, i), 1), ObjectName.DATA);
        driver.disks().orElseThrow().create(disk, ByteSize.ofMib(8), null);
      }
      assertThat(Collections.frequency(vcenter.calls, "CreateVirtualDisk_Task")).isEqualTo(3);
      assertThat(Collections.frequency(vcenter.calls, "MakeDirectory")).isEqualTo(1);
    }
  }

  /** No search shows bytes of which no disk was made yet, and they are as many as those of one. */
  @Test
  void whatATransferThatBrokeOffHasLeftGoesWithTheDiskOrTheImage() throws Exception {
    ObjectName disk = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    String image = "mw-" + INSTALLATION + "-image-" + "ab".repeat(32);
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      Set<String> files = ConcurrentHashMap.newKeySet();
      files.addAll(
          List.of(
              DatastoreDisks.part(disk) + "-flat.vmdk",
              image + ".part-flat.vmdk",
              image + ".part.vmdk",
              image + ".upload.iso",
              "mw-" + INSTALLATION + "-other"));
      java.util.function.Function<Element, String> none =
          vcenter.answerTo("DeleteDatastoreFile_Task");
      for (String method : List.of("DeleteDatastoreFile_Task", "DeleteVirtualDisk_Task")) {
        vcenter.answer(
            method,
            c ->
                files.remove(c.text("name").replaceFirst(".*/", ""))
                    ? "<returnval type=\"Task\">task-search</returnval>"
                    : none.apply(c));
      }
      assertThat(driver.disks().orElseThrow().delete(disk)).isEqualTo(Outcome.DONE);
      assertThat(files).hasSize(4).allMatch(file -> !file.contains("-part"));
      assertThat(driver.disks().orElseThrow().unstage("ab".repeat(32))).isEqualTo(Outcome.DONE);
      assertThat(files).containsExactly("mw-" + INSTALLATION + "-other");
    }
  }

  @Test
  void whereNoDiskCanBeLinkedItIsAFullCopy() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter()) {
      Map<String, String> settings = vcenter.settings();
      settings.put("linkedClones", "true");
      String sha256 = "ab".repeat(32);
      String image = "mw-" + INSTALLATION + "-image-" + sha256;
      ObjectName disk = new ObjectName(MARK, ObjectName.SYSTEM);
      found(vcenter, image + ".vmdk", image + "-64m.vmdk");
      for (String task : List.of("CopyVirtualDisk_Task", "MoveVirtualDisk_Task")) {
        vcenter.answer(task, c -> "<returnval type=\"Task\">task-search</returnval>");
      }
      vcenter.answer("CreateVM_Task", c -> fault("NotSupported", "no delta disks here", ""));
      try (VsphereHypervisor driver = open(settings)) {
        assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(64), sha256))
            .isEqualTo(Outcome.DONE);
      }
      assertThat(vcenter.calls)
          .containsSubsequence("CreateVM_Task", "CopyVirtualDisk_Task", "MoveVirtualDisk_Task");
    }
  }

  // ------------------------------------------------------------------------------------ imports

  @Test
  void aMachineIsTakenOverOnlyAsItWasSeen() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      Mark imported = Mark.imported(INSTALLATION, UID);
      vcenter.answer("FindAllByUuid", c -> "<returnval type=\"VirtualMachine\">vm-1</returnval>");
      vcenter.object(
          "VirtualMachine",
          "vm-1",
          property("name", "xsd:string", "theirs")
              + property("summary.config.instanceUuid", "xsd:string", UID.toString())
              + property("runtime.powerState", "VirtualMachinePowerState", "poweredOn")
              + property("config.changeVersion", "xsd:string", "as-seen"));
      AtomicReference<String> asked = new AtomicReference<>("");
      vcenter.answer(
          "ReconfigVM_Task",
          c -> {
            asked.set(c.text("spec", "changeVersion"));
            return fault("ConcurrentAccess", "changed by somebody", "");
          });
      DriverException failure = failure(() -> driver.imports().orElseThrow().take(imported));
      assertThat(asked.get()).isEqualTo("as-seen");
      assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT); // and so it is looked at again
    }
  }

  // ----------------------------------------------------------------------------------- hot plug

  /** vSphere itself would pull it out without a word to the guest. */
  @Test
  void aDiskThatIsMountedInTheGuestIsNotPulledOut() throws Exception {
    ObjectName disk = new ObjectName(new Mark(INSTALLATION, UUID.randomUUID(), 1), ObjectName.DATA);
    String devices =
        "<VirtualDevice xsi:type=\"ParaVirtualSCSIController\"><key>1000</key>"
            + "<sharedBus>noSharing</sharedBus></VirtualDevice>"
            + "<VirtualDevice xsi:type=\"VirtualDisk\"><key>2003</key><backing><fileName>[store]"
            + " millwright/"
            + disk
            + ".vmdk</fileName></backing><controllerKey>1000</controllerKey><unitNumber>3"
            + "</unitNumber></VirtualDevice>";
    String running = property("guest.toolsRunningStatus", "xsd:string", "guestToolsRunning");
    String told =
        "<GuestDiskInfo><diskPath>/</diskPath><mappings><key>2000</key></mappings></GuestDiskInfo>"
            + "<GuestDiskInfo><diskPath>/srv/orders</diskPath><mappings><key>2003</key></mappings>"
            + "</GuestDiskInfo>";
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      List<Element> asked = new CopyOnWriteArrayList<>();
      vcenter.answer(
          "ReconfigVM_Task",
          c -> {
            asked.add(c);
            return "<returnval type=\"Task\">task-search</returnval>";
          });
      HotPlug hotPlug = driver.hotPlug().orElseThrow();
      runs(
          vcenter,
          property("config.hardware.device", "ArrayOfVirtualDevice", devices)
              + running
              + property("guest.disk", "ArrayOfGuestDiskInfo", told));
      DriverException failure = failure(() -> hotPlug.detach(MARK, disk.toString()));
      assertThat(failure.kind()).isEqualTo(FaultKind.CONFLICT);
      assertThat(failure.forUser())
          .contains("still mounted at /srv/orders in the guest")
          .endsWith(".");
      assertThat(asked).isEmpty();

      // Unmounted; older tools, which tell no disks; and a guest without any.
      for (String guest :
          List.of(
              running
                  + property("guest.disk", "ArrayOfGuestDiskInfo", told.replace("2003", "2001")),
              running
                  + property(
                      "guest.disk",
                      "ArrayOfGuestDiskInfo",
                      told.replaceAll("<mappings>.*?</mappings>", "")),
              "")) {
        runs(vcenter, property("config.hardware.device", "ArrayOfVirtualDevice", devices) + guest);
        asked.clear();
        assertThat(hotPlug.detach(MARK, disk.toString())).isEqualTo(Outcome.DONE);
        Element change = asked.getLast().find("spec", "deviceChange").orElseThrow();
        assertThat(change.text("operation")).isEqualTo("remove");
        assertThat(change.text("device", "key")).isEqualTo("2003");
        assertThat(change.find("fileOperation")).as("its file stays").isEmpty();
      }
    }
  }

  /** An older one knows no newer version of the protocol; to it, tools tell no disks. */
  @Test
  void anOlderServerIsAskedInTheVersionThatItKnows() throws Exception {
    for (String version : List.of("6.5", "6.7.3", "", "7.0.0.0", "8.0.3.0", "9.0.0.0")) {
      try (FakeVcenter vcenter = new FakeVcenter();
          VsphereHypervisor driver = open(vcenter.settings())) {
        vcenter.version = version;
        assertThat(driver.observe(new Scope.All()).complete()).as(version).isTrue();
      }
      assertThat(Vim.protocol(version))
          .isEqualTo(version.matches("[789].*") ? "urn:vim25/7.0.0.0" : "urn:vim25/6.5");
    }
  }

  // ------------------------------------------------------------------------------------ screens

  private static void runs(FakeVcenter vcenter) {
    runs(vcenter, "");
  }

  private static void runs(FakeVcenter vcenter, String more) {
    is(vcenter, "poweredOn", more);
  }

  private static void is(FakeVcenter vcenter, String power, String more) {
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
                    + " 1</value>")
            + more);
  }

  @Test
  void aScreenIsOpenedByATicketOfWhicheverVersion() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      runs(vcenter);
      Screen screen = driver.screen().orElseThrow();
      Map<String, String> urls = new HashMap<>();
      String rest = "<cfgFile>x.vmx</cfgFile><sslThumbprint>AB:CD</sslThumbprint>";
      urls.put(
          "<ticket>ce55</ticket><host>esx1.example</host><port>443</port>",
          "wss://esx1.example:443/ticket/ce55");
      urls.put("<ticket>ce55</ticket>", "wss://127.0.0.1:443/ticket/ce55");
      urls.put("<ticket>ce55</ticket><host>fd00::1</host>", "wss://[fd00::1]:443/ticket/ce55");
      urls.put(
          "<ticket>ce55</ticket><host>esx1</host><url>wss://vc.example/ticket/7</url>",
          "wss://vc.example/ticket/7");
      for (Map.Entry<String, String> each : urls.entrySet()) {
        vcenter.answer(
            "AcquireTicket",
            c -> {
              assertThat(c.text("ticketType")).isEqualTo("webmks");
              return "<returnval>" + each.getKey() + rest + "</returnval>";
            });
        Screen.Ticket ticket = screen.ticket(MARK);
        assertThat(ticket.url()).hasToString(each.getValue());
        assertThat(ticket.thumbprint()).isEqualTo("AB:CD");
        assertThat(ticket.toString()).doesNotContain("ce55", "/7");
      }
      for (String none :
          List.of(rest, "<ticket>c</ticket><url>http://x/</url>", "<url>wss://::/ce55</url>")) {
        vcenter.answer("AcquireTicket", c -> "<returnval>" + none + "</returnval>");
        DriverException failure = failure(() -> screen.ticket(MARK));
        assertThat(failure.kind()).isEqualTo(FaultKind.UNSUPPORTED);
        assertThat(failure.forUser() + failure.forOperator()).doesNotContain("ce55");
      }
      vcenter.answer(
          "AcquireTicket",
          c ->
              fault(
                  "NoPermission",
                  "denied",
                  ref("object", "VirtualMachine", "vm-1")
                      + "<privilegeId>VirtualMachine.Interact.ConsoleInteract</privilegeId>"));
      refused(
          () -> screen.ticket(MARK),
          "VirtualMachine.Interact.ConsoleInteract",
          "VirtualMachine web");
    }
  }

  // ------------------------------------------------------------------------------------- pages

  @Test
  void listsPageByPageAndReadsSingleOptions() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      assertThat(driver.observe(new Scope.All()).machines()).isEmpty();
      AtomicInteger page = new AtomicInteger();
      vcenter.answer(
          "ContinueRetrievePropertiesEx", c -> "<returnval>" + vms(page) + "</returnval>");
      AtomicBoolean first = new AtomicBoolean(true);
      AtomicReference<Element> asked = new AtomicReference<>();
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      vcenter.answer(
          "RetrievePropertiesEx",
          c -> {
            if (FakeVcenter.asked(c).value().equals("view-VirtualMachine")
                && first.getAndSet(false)) {
              asked.set(c);
              return "<returnval>" + vms(page) + "</returnval>";
            }
            return usual.apply(c);
          });
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.machines()).hasSize(30);
      assertThat(seen.machine(UID).orElseThrow().mark()).isEqualTo(MARK);
      assertThat(seen.machines()).filteredOn(m -> m.mark() != null).hasSize(1);
      assertThat(Collections.frequency(vcenter.calls, "ContinueRetrievePropertiesEx")).isEqualTo(2);
      assertThat(asked.get().find("options").orElseThrow().number("maxObjects"))
          .isEqualTo(Collector.PAGE);
      assertThat(
              asked
                  .get()
                  .find("specSet", "propSet")
                  .orElseThrow()
                  .all("pathSet")
                  .map(Element::text))
          .contains("config.extraConfig[\"millwright.mark\"]")
          .doesNotContain("config.extraConfig");
    }
  }

  @Test
  void aListWhoseSessionEndsBetweenTwoPagesIsReadAnewAndHasNothingTwice() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      AtomicInteger page = new AtomicInteger();
      AtomicInteger asked = new AtomicInteger();
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      vcenter.answer(
          "RetrievePropertiesEx",
          c -> {
            if (!FakeVcenter.asked(c).value().equals("view-VirtualMachine")) {
              return usual.apply(c);
            }
            page.set(0);
            return "<returnval>" + vms(page) + "</returnval>";
          });
      vcenter.answer(
          "ContinueRetrievePropertiesEx",
          c ->
              switch (asked.incrementAndGet()) {
                case 2 -> fault("NotAuthenticated", "gone", "");
                // The next session knows nothing of that list.
                case 3 -> fault("InvalidArgument", "A specified parameter was not correct", "");
                default -> "<returnval>" + vms(page) + "</returnval>";
              });
      assertThat(driver.observe(new Scope.All()).machines())
          .extracting(Observation.Machine::name)
          .hasSize(30)
          .doesNotHaveDuplicates();
      assertThat(Collections.frequency(vcenter.calls, "Login")).isEqualTo(2);
    }
  }

  @Test
  void aListThatBreaksOffIsNoList() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      vcenter.answer(
          "RetrievePropertiesEx",
          c ->
              FakeVcenter.asked(c).value().equals("view-VirtualMachine")
                  ? "<returnval>" + vms(new AtomicInteger(2)) + FakeVcenter.BREAK
                  : usual.apply(c));
      assertThat(failure(() -> driver.observe(new Scope.All())).kind())
          .isEqualTo(FaultKind.UNREACHABLE);
    }
  }

  @Test
  void ofThousandsOfMachinesNoMoreThanAPageIsKeptAsItWasRead() throws Exception {
    int pages = 10;
    StringBuilder devices = new StringBuilder();
    for (int i = 0; i < 16; i++) {
      devices
          .append("<VirtualDevice xsi:type=\"VirtualDisk\"><key>" + (2000 + i) + "</key>")
          .append("<deviceInfo><label>Hard disk</label><summary>1 KB</summary></deviceInfo>")
          .append("<backing><fileName>[store] theirs/disk.vmdk</fileName></backing>")
          .append("<controllerKey>1000</controllerKey><unitNumber>" + i + "</unitNumber>")
          .append("<capacityInKB>1024</capacityInKB></VirtualDevice>");
    }
    Map<String, String> changed = new ConcurrentHashMap<>();
    java.util.function.BiFunction<String, String, String> told =
        (vm, more) ->
            object(
                new Ref("VirtualMachine", vm),
                property("config.changeVersion", "xsd:string", changed.getOrDefault(vm, "as-made"))
                    + more);
    AtomicInteger page = new AtomicInteger();
    java.util.function.Supplier<String> next =
        () -> {
          int n = page.getAndIncrement() % pages;
          StringBuilder out = new StringBuilder("<returnval>");
          if (n < pages - 1) {
            out.append("<token>").append(n).append("</token>");
          }
          for (int i = 0; i < Collector.PAGE; i++) {
            out.append(
                told.apply(
                    "vm-" + n + "-" + i,
                    property("name", "xsd:string", "m" + n + "-" + i)
                        + property(
                            "summary.config.instanceUuid",
                            "xsd:string",
                            new UUID(n + 1, i + 1).toString())
                        + property("runtime.powerState", "VirtualMachinePowerState", "poweredOn")));
          }
          return out.append("</returnval>").toString();
        };
    List<Integer> read = new CopyOnWriteArrayList<>();
    AtomicReference<Long> first = new AtomicReference<>(0L);
    AtomicReference<Long> last = new AtomicReference<>(0L);
    java.util.function.Function<Element, String> devicesOf =
        call -> {
          List<String> asked =
              call.find("specSet").orElseThrow().all("objectSet").map(o -> o.text("obj")).toList();
          read.add(asked.size());
          (read.size() == 1 ? first : last).set(used());
          StringBuilder out = new StringBuilder("<returnval>");
          for (String vm : asked) {
            out.append(
                told.apply(
                    vm,
                    property(
                        "config.hardware.device", "ArrayOfVirtualDevice", devices.toString())));
          }
          return out.append("</returnval>").toString();
        };
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      vcenter.answer(
          "RetrievePropertiesEx",
          c ->
              FakeVcenter.asked(c).value().equals("view-VirtualMachine")
                  ? next.get()
                  : FakeVcenter.asked(c).type().equals("VirtualMachine")
                      ? devicesOf.apply(c)
                      : usual.apply(c));
      vcenter.answer("ContinueRetrievePropertiesEx", c -> next.get());
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(pages * Collector.PAGE);
      assertThat(Collections.frequency(vcenter.calls, "ContinueRetrievePropertiesEx"))
          .isEqualTo(pages - 1);
      assertThat(read).hasSize(pages).containsOnly(Collector.PAGE);
      // As they were read, the devices of so many take 40 MB.
      assertThat(last.get() - first.get()).isLessThan(8L << 20);

      // From then on only of those that were changed.
      read.clear();
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(pages * Collector.PAGE);
      assertThat(read).isEmpty();
      changed.put("vm-7-7", "by-hand");
      assertThat(driver.observe(new Scope.All()).machines()).hasSize(pages * Collector.PAGE);
      assertThat(read).containsExactly(1);
    }
  }

  @Test
  void aMachineThatIsRemovedBetweenTheListAndItsDevicesIsNotThere() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter.settings())) {
      java.util.function.Function<Element, String> usual = vcenter.answerTo("RetrievePropertiesEx");
      vcenter.answer(
          "RetrievePropertiesEx",
          c -> {
            if (FakeVcenter.asked(c).value().equals("view-VirtualMachine")) {
              return "<returnval>" + vms(new AtomicInteger(2)) + "</returnval>";
            }
            if (!FakeVcenter.asked(c).type().equals("VirtualMachine")) {
              return usual.apply(c);
            }
            List<String> asked =
                c.find("specSet").orElseThrow().all("objectSet").map(o -> o.text("obj")).toList();
            if (asked.contains("vm-2-4")) {
              return fault("ManagedObjectNotFound", "has already been deleted", "");
            }
            // One of the others may not be read.
            return "<returnval>"
                + object(
                    new Ref("VirtualMachine", asked.getFirst()),
                    asked.getFirst().equals("vm-2-6")
                        ? "<missingSet><path>config.hardware.device</path><fault>"
                            + "<fault xsi:type=\"NoPermission\"></fault></fault></missingSet>"
                        : property("config.hardware.device", "ArrayOfVirtualDevice", ""))
                + "</returnval>";
          });
      Observation seen = driver.observe(new Scope.All());
      assertThat(seen.machines())
          .extracting(Observation.Machine::name)
          .hasSize(9)
          .doesNotContain("m24")
          .contains("m26");
      assertThat(seen.gaps())
          .containsExactly(
              "Of 1 machines not all can be read: the privilege System.Read is missing.");
    }
  }

  /** Bytes of the heap that somebody still holds. */
  private static long used() {
    System.gc();
    return java.lang.management.ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** Ten foreign machines, and one of ours among the first; a token for three pages. */
  private static String vms(AtomicInteger page) {
    int n = page.getAndIncrement();
    StringBuilder out = new StringBuilder();
    if (n < 2) {
      out.append("<token>").append(n).append("</token>");
    }
    for (int i = 0; i < 10; i++) {
      boolean ours = n == 0 && i == 3;
      out.append(
          object(
              new Ref("VirtualMachine", "vm-" + n + "-" + i),
              property("name", "xsd:string", "m" + n + i)
                  + property(
                      "summary.config.instanceUuid",
                      "xsd:string",
                      ours ? UID.toString() : new UUID(n, i + 1).toString())
                  + property("runtime.powerState", "VirtualMachinePowerState", "poweredOn")
                  + property("config.hardware.numCPU", "xsd:int", "2")
                  + property("config.hardware.memoryMB", "xsd:int", "512")
                  + property(
                      "config.extraConfig[\"millwright.mark\"]",
                      "OptionValue",
                      "<key>millwright.mark</key><value xsi:type=\"xsd:string\">"
                          + INSTALLATION
                          + " "
                          // Some are clones of ours, with its note and another uid.
                          + (i % 2 == 1 ? UID : new UUID(7, 7))
                          + " 1</value>")));
    }
    return out.toString();
  }
}

package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Compute;
import io.millwright.driver.Content;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is libvirt's own, and so not in the contract. */
@Tag("libvirt")
@Timeout(180)
final class LibvirtTest {
  private static final Lab LAB = Lab.shared();

  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());
  private final List<HypervisorDriver> opened = new ArrayList<>();

  private HypervisorDriver open(String... settings) throws DriverException {
    Map<String, String> given =
        new HashMap<>(Map.of("uri", LAB.uri(), "acceleration", "emulation"));
    for (int i = 0; i < settings.length; i += 2) {
      given.put(settings[i], settings[i + 1]);
    }
    HypervisorDriver driver = new LibvirtProvider().open(given, installation);
    opened.add(driver);
    return driver;
  }

  /** Usually it takes half a minute. */
  private HypervisorDriver soonGivingUp() throws DriverException {
    Settings settings = Settings.read(Map.of("uri", LAB.uri(), "acceleration", "emulation"));
    HypervisorDriver driver =
        new LibvirtHypervisor(
            settings, installation, new Connection.Patience(Duration.ofSeconds(4), 1, 2));
    opened.add(driver);
    return driver;
  }

  @AfterEach
  void cleanUp() throws Exception {
    HypervisorDriver driver = open();
    Observation left = driver.observe(new Scope.All());
    for (Observation.Machine machine : left.machines()) {
      if (machine.mark() != null) {
        done(driver.compute().orElseThrow().remove(machine.mark()));
      }
    }
    Disks disks = driver.disks().orElseThrow();
    for (Observation.Disk disk : left.disks()) {
      done(disks.delete(disk.name()));
    }
    for (String image : left.images()) {
      done(disks.unstage(image));
    }
    opened.forEach(HypervisorDriver::close);
  }

  private static void done(Outcome outcome) {
    assertThat(outcome).isEqualTo(Outcome.DONE);
  }

  private MachineDefinition machine(Mark mark, MachineDefinition.Nic nic) {
    String disk = new ObjectName(mark, ObjectName.SYSTEM).toString();
    return new MachineDefinition(
        mark,
        "libvirt-" + mark.uid(),
        1,
        ByteSize.ofMib(64),
        Firmware.BIOS,
        List.of(new MachineDefinition.Disk(disk, "system")),
        List.of(nic),
        null);
  }

  private MachineDefinition defined(HypervisorDriver driver) throws DriverException {
    Mark mark = new Mark(installation, UUID.randomUUID(), 1);
    done(
        driver
            .disks()
            .orElseThrow()
            .create(new ObjectName(mark, ObjectName.SYSTEM), ByteSize.ofMib(64), null));
    MachineDefinition machine =
        machine(
            mark,
            new MachineDefinition.Nic(
                Mac.ofQemu(mark.uid().hashCode()), LAB.bridge(), null, null, null));
    done(driver.compute().orElseThrow().define(machine));
    return machine;
  }

  private static FaultKind kindOf(DriverException e) {
    return e.kind();
  }

  @Test
  void aDiskThatSomebodyElseHasPluggedInStaysThroughAChange(@TempDir Path dir) throws Exception {
    HypervisorDriver driver = open();
    MachineDefinition machine = defined(driver);
    UUID uid = machine.mark().uid();
    String theirs =
        """
        <disk type='block' device='disk'>
          <driver name='qemu' type='raw' cache='none'/>
          <source dev='/dev/millwright-test-theirs'/>
          <target dev='vdb' bus='virtio'/>
          <serial>theirs-only</serial>
        </disk>
        """;
    Path device = Files.writeString(dir.resolve("theirs.xml"), theirs);
    LAB.virsh("attach-device", uid.toString(), device.toString(), "--config");

    ObjectName data = new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.DATA);
    done(driver.disks().orElseThrow().create(data, ByteSize.ofMib(8), null));
    List<MachineDefinition.Disk> disks =
        List.of(
            machine.disks().getFirst(), new MachineDefinition.Disk(data.toString(), "mw-12345678"));
    for (List<MachineDefinition.Disk> each : List.of(disks, machine.disks(), disks)) {
      done(
          driver
              .compute()
              .orElseThrow()
              .define(
                  new MachineDefinition(
                      machine.mark(),
                      machine.name(),
                      1,
                      machine.memory(),
                      Firmware.BIOS,
                      each,
                      machine.nics(),
                      null)));
      Observation.Machine seen = driver.observe(new Scope.One(uid)).machine(uid).orElseThrow();
      assertThat(seen.foreignDisks()).containsExactly("millwright-test-theirs");
      assertThat(seen.disks()).isEqualTo(each.stream().map(MachineDefinition.Disk::name).toList());
    }
    assertThat(
            DomainFacts.foreign(LAB.virsh("dumpxml", "--inactive", uid.toString()), installation))
        .singleElement()
        .satisfies(disk -> {
          assertThat(DomainFacts.target(disk)).isEqualTo("vdb");
          assertThat(disk.getTextContent()).contains("theirs-only");
        });
    done(driver.compute().orElseThrow().remove(machine.mark()));
    done(driver.disks().orElseThrow().delete(data));
  }

  // ---------------------------------------------------------------------------------- documents

  @ParameterizedTest
  @EnumSource(Samples.class)
  void theDocumentsPassLibvirtsOwnSchema(Samples sample, @TempDir Path dir) throws Exception {
    Path file = Files.writeString(dir.resolve("domain.xml"), sample.xml());
    LAB.virsh("define", "--validate", file.toString());
    LAB.virsh("undefine", "--nvram", sample.machine().mark().uid().toString());
  }

  @Test
  void aBridgeThatIsNotThereIsRefused() throws Exception {
    HypervisorDriver driver = open();
    Mark mark = defined(driver).mark();
    Compute compute = driver.compute().orElseThrow();
    done(
        compute.define(
            machine(
                mark,
                new MachineDefinition.Nic(
                    Mac.parse("52:54:00:00:00:09"), "nobridge", null, null, null))));
    assertThatThrownBy(() -> compute.start(mark))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> assertThat(e.kind()).as(e.forOperator()).isEqualTo(FaultKind.REFUSED));
  }

  /** So that a machine that runs is not stopped for a change that could not come up. */
  @Test
  void whatCardsArePluggedIntoIsTriedBefore() throws Exception {
    HypervisorDriver driver = open();
    Compute compute = driver.compute().orElseThrow();
    Mark mark = new Mark(installation, UUID.randomUUID(), 1);
    Mac mac = Mac.parse("52:54:00:00:00:09");
    compute.check(machine(mark, new MachineDefinition.Nic(mac, LAB.bridge(), null, null, 1400)));
    for (MachineDefinition.Nic wrong :
        List.of(
            new MachineDefinition.Nic(mac, "nobridge", null, null, null),
            new MachineDefinition.Nic(mac, null, "no-network", null, null))) {
      assertThatThrownBy(() -> compute.check(machine(mark, wrong)))
          .isInstanceOfSatisfying(
              DriverException.class,
              e -> assertThat(e.kind()).as(e.forOperator()).isEqualTo(FaultKind.REFUSED));
    }
    assertThat(driver.observe(new Scope.All()).machines())
        .noneMatch(m -> m.name().startsWith("mw-probe"));
    assertThat(LAB.virsh("list", "--all")).doesNotContain("mw-probe");
  }

  /**
   * One that libvirt knows by its name, over a bridge that nothing leads out of. (For a bridge that
   * libvirt makes itself it wants iptables, which a machine need not have.)
   */
  @Test
  void aMachineRunsOnANetworkOfLibvirts(@TempDir Path dir) throws Exception {
    String network = "net-" + installation;
    String bridge = "nb" + installation;
    HypervisorDriver driver = open();
    Compute compute = driver.compute().orElseThrow();
    Mark mark = defined(driver).mark();
    MachineDefinition.Nic nic =
        new MachineDefinition.Nic(Mac.parse("52:54:00:00:00:09"), null, network, null, null);
    Path file =
        Files.writeString(
            dir.resolve("network.xml"),
            "<network><name>%s</name><forward mode='bridge'/><bridge name='%s'/></network>"
                .formatted(network, bridge));
    String netns = LAB.get("LAB_NETNS");
    Lab.run(List.of("ip", "-n", netns, "link", "add", bridge, "up", "type", "bridge"));
    LAB.virsh("net-define", "--validate", file.toString());
    try {
      // There, but not active: a state that somebody can change.
      assertThatThrownBy(() -> compute.check(machine(mark, nic)))
          .isInstanceOfSatisfying(
              DriverException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
                assertThat(e.forOperator()).contains(network + "' is not active");
              });
      LAB.virsh("net-start", network);
      compute.check(machine(mark, nic));
      done(compute.define(machine(mark, nic)));
      done(compute.start(mark));
      for (Observation.Machine machine : seen(driver, mark.uid())) {
        assertThat(machine.state()).isEqualTo(Observation.State.RUNNING);
        assertThat(machine.nics()).containsExactly(nic);
      }
      // Its tap is a port of the network's bridge.
      String tap = LAB.virsh("domiflist", mark.uid().toString()).strip().split("\\s+")[0];
      assertThat(Lab.run(List.of("ip", "-n", netns, "-o", "link", "show", "master", bridge)))
          .contains(": " + tap + ":");
      done(compute.remove(mark));
      assertThat(Lab.run(List.of("ip", "-n", netns, "-o", "link"))).doesNotContain(tap + ":");
    } finally {
      if (LAB.virsh("net-list", "--name").contains(network)) {
        LAB.virsh("net-destroy", network);
      }
      LAB.virsh("net-undefine", network);
      Lab.run(List.of("ip", "-n", netns, "link", "del", bridge));
    }
  }

  /** Prints the VLAN of the first frame that comes from an address. */
  private static final String FRAME =
      """
      import socket, struct, sys
      s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
      s.bind((sys.argv[1], 0))
      s.setsockopt(263, 8, 1)  # what the kernel has taken off a frame comes beside it
      s.settimeout(120)
      while True:
          frame, beside, _, _ = s.recvmsg(65536, 256)
          if frame[6:12] == bytes.fromhex(sys.argv[2].replace(":", "")):
              print("vlan", struct.unpack("IIIHHHH", beside[0][2])[5])
              break
      """;

  /**
   * What a guest sends untagged leaves the switch with its VLAN's number. The switch forwards by
   * its own means, without the kernel's module, and only the lab's libvirt sees it.
   */
  @Test
  @Timeout(600) // a whole system boots
  void openVSwitchTagsWhatAMachineSends(@TempDir Path dir) throws Exception {
    String bridge = "vs" + installation;
    Path frame = Files.writeString(dir.resolve("frame.py"), FRAME);
    switched(
        """
        mkdir -p /run/openvswitch
        mount -t tmpfs none /run/openvswitch
        cd /run/openvswitch
        ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
        ovsdb-server conf.db --remote=punix:db.sock --pidfile --detach --no-chdir
        ovs-vsctl --no-wait init
        ovs-vswitchd unix:db.sock --pidfile --detach --no-chdir
        ip link add %1$st type veth peer name %1$sp
        ip link set %1$st up
        ip link set %1$sp up
        ovs-vsctl --timeout=20 add-br %1$s -- set bridge %1$s datapath_type=netdev -- add-port %1$s %1$st
        """
            .formatted(bridge));
    try {
      // By what the trial of KVM finds; were that wrong, no system would come up.
      HypervisorDriver driver = open("openvswitch", "true", "acceleration", "auto");
      Compute compute = driver.compute().orElseThrow();
      Mark mark = new Mark(installation, UUID.randomUUID(), 1);
      Disks disks = driver.disks().orElseThrow();
      Disks.Image image = LibvirtContractTest.MICRO;
      done(disks.stage(image));
      done(
          disks.create(
              new ObjectName(mark, ObjectName.SYSTEM), image.virtualSize(), image.sha256()));
      MachineDefinition.Nic nic =
          new MachineDefinition.Nic(Mac.parse("52:54:00:00:00:42"), bridge, null, 42, null);
      MachineDefinition machine = machine(mark, nic).with(b -> b.memory(ByteSize.ofMib(256)));
      compute.check(machine);
      done(compute.define(machine));
      done(compute.start(mark));
      for (Observation.Machine seen : seen(driver, mark.uid())) {
        assertThat(seen.state()).isEqualTo(Observation.State.RUNNING);
        assertThat(seen.nics()).containsExactly(nic);
      }
      assertThat(switched("timeout 150 python3 %s %sp %s".formatted(frame, bridge, nic.mac())))
          .contains("vlan 42");
      done(compute.remove(mark));
      assertThat(switched("ovs-vsctl list-ports " + bridge).strip()).isEqualTo(bridge + "t");
    } finally {
      switched(
          """
          cd /run/openvswitch
          for daemon in ovs-vswitchd ovsdb-server; do
            pid=$(cat $daemon.pid)
            kill "$pid"
            while [ -e "/proc/$pid" ]; do sleep 0.1; done
          done
          ip link del %st
          cd /
          umount /run/openvswitch
          """
              .formatted(bridge));
    }
  }

  /** Where the lab's libvirt is, with its network and its mounts. */
  private static String switched(String script) {
    String pid = Long.toString(LAB.libvirtd().pid());
    return Lab.run(List.of("nsenter", "-t", pid, "-n", "-m", "sh", "-euc", script));
  }

  @Test
  void oneThatRunsWithoutADefinitionIsToldAndIsGivenItWhileItRuns() throws Exception {
    HypervisorDriver driver = open();
    MachineDefinition machine = defined(driver);
    UUID uid = machine.mark().uid();
    Compute compute = driver.compute().orElseThrow();
    done(compute.start(machine.mark()));
    assertThat(seen(driver, uid)).allMatch(Observation.Machine::lasting);
    LAB.virsh("undefine", uid.toString());
    assertThat(seen(driver, uid))
        .noneMatch(Observation.Machine::lasting)
        .allMatch(m -> m.state() == Observation.State.RUNNING && m.mark() != null);
    done(compute.define(machine));
    assertThat(seen(driver, uid))
        .allMatch(m -> m.lasting() && m.state() == Observation.State.RUNNING);
    done(compute.stop(machine.mark(), true));
    assertThat(seen(driver, uid))
        .allMatch(m -> m.lasting() && m.state() == Observation.State.STOPPED);
  }

  @Test
  void theLogOfOneThatWasUndefinedByHandIsSeenAndDeleted() throws Exception {
    HypervisorDriver driver = open();
    MachineDefinition machine = defined(driver);
    Mark mark = machine.mark();
    ObjectName log = new ObjectName(mark, "log");
    List<ObjectName> boot =
        List.of(new ObjectName(mark, ObjectName.KERNEL), new ObjectName(mark, ObjectName.INITRD));
    for (ObjectName file : boot) {
      done(driver.directBoot().orElseThrow().put(file, Content.of(new byte[512])));
    }
    MachineDefinition.Kernel kernel =
        new MachineDefinition.Kernel(boot.getFirst().toString(), boot.getLast().toString(), "");
    done(
        driver
            .compute()
            .orElseThrow()
            .define(machine.with(b -> b.installer(new MachineDefinition.Installer(null, kernel)))));
    String file = log + ".log";
    assertThat(LAB.virsh("vol-list", LAB.get("LAB_POOL"))).contains(file);
    assertThat(media(driver, mark)).doesNotContain(log);
    LAB.virsh("undefine", mark.uid().toString());
    assertThat(media(driver, mark)).contains(log);
    done(driver.media().orElseThrow().delete(log));
    assertThat(LAB.virsh("vol-list", LAB.get("LAB_POOL"))).doesNotContain(file);
    for (ObjectName left : boot) {
      done(driver.directBoot().orElseThrow().delete(left));
    }
    assertThat(media(driver, mark)).isEmpty();
  }

  private static List<ObjectName> media(HypervisorDriver driver, Mark mark) throws DriverException {
    return driver.observe(new Scope.One(mark.uid())).media().stream()
        .map(Observation.Medium::name)
        .toList();
  }

  /** By each of the two ways of looking. */
  private static List<Observation.Machine> seen(HypervisorDriver driver, UUID uid)
      throws DriverException {
    return List.of(
        driver.observe(new Scope.One(uid)).machine(uid).orElseThrow(),
        driver.observe(new Scope.All()).machine(uid).orElseThrow());
  }

  // ------------------------------------------------------------------------------- acceleration

  @Test
  void kvmIsTriedOutAndTheTrialLeavesNothing() throws Exception {
    HypervisorDriver driver = open("acceleration", "auto");
    Observation.Host first = driver.observe(new Scope.All()).host();
    assertThat(first).isNotNull();
    assertThat(LAB.virsh("list", "--all", "--name")).doesNotContain("mw-probe");
    long begun = System.nanoTime();
    assertThat(driver.observe(new Scope.All()).host()).isEqualTo(first);
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(1));
  }

  /** What libvirt was told of a machine, and not what the driver says of itself. */
  @ParameterizedTest
  @ValueSource(strings = {"auto", "kvm", "emulation"})
  void machinesAreDefinedForWhatTheSettingForcesOrTheTrialFound(String acceleration)
      throws Exception {
    HypervisorDriver driver = open("acceleration", acceleration);
    Observation.Host host = Objects.requireNonNull(driver.observe(new Scope.All()).host());
    boolean kvm = host.acceleration().equals("kvm");
    if (!acceleration.equals("auto")) {
      assertThat(host.acceleration()).isEqualTo(acceleration);
    } else if (!Files.exists(Path.of("/dev/kvm"))) {
      assertThat(kvm).isFalse();
    }
    if (!kvm || Files.exists(Path.of("/dev/kvm"))) {
      String domain = LAB.virsh("dumpxml", defined(driver).mark().uid().toString());
      assertThat(domain).contains(kvm ? "type='kvm'" : "type='qemu'");
    }
  }

  // -------------------------------------------------------------------------------- connections

  @Test
  void aPoolThatIsNotThereIsAGapInWhatIsSeen() throws Exception {
    HypervisorDriver driver = open("pool", "nopool");
    Observation seen = driver.observe(new Scope.All());
    assertThat(seen.complete()).isFalse();
    assertThat(seen.gaps()).anyMatch(gap -> gap.contains("nopool"));
    assertThat(seen.host()).isNotNull();
    ObjectName disk = new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.DATA);
    assertThatThrownBy(() -> driver.disks().orElseThrow().create(disk, ByteSize.ofMib(1), null))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
  }

  @Test
  void nobodyThereIsUnreachable() throws Exception {
    HypervisorDriver driver = open("uri", "qemu+unix:///system?socket=/nonexistent/socket");
    assertThatThrownBy(() -> driver.observe(new Scope.All()))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> assertThat(e.kind()).as(e.forOperator()).isEqualTo(FaultKind.UNREACHABLE));
  }

  /** libvirt's own test driver asks for a login as a remote daemon does. */
  @Test
  void theLoginIsGivenAndARefusalTellsNoSecret(@TempDir Path dir) throws Exception {
    Path node = dir.resolve("node.xml");
    Files.writeString(
        node,
        """
        <node>
          <auth><user password="right-secret">operator</user></auth>
          <pool type="dir"><name>millwright</name><target><path>/nowhere</path></target></pool>
        </node>
        """);
    String uri = "test://" + node;
    assertThat(
            open("uri", uri, "user", "operator", "password", "right-secret")
                .observe(new Scope.All())
                .machines())
        .isEmpty();
    for (String[] login :
        new String[][] {
          {"uri", uri, "user", "operator", "password", "wrong-secret"},
          {"uri", uri, "user", "nobody", "password", "right-secret"},
          {"uri", uri}
        }) {
      HypervisorDriver driver = open(login);
      assertThatThrownBy(() -> driver.observe(new Scope.All()))
          .isInstanceOfSatisfying(
              DriverException.class,
              e -> {
                assertThat(e.kind()).as(e.forOperator()).isEqualTo(FaultKind.REFUSED);
                assertThat(e.forUser() + e.forOperator() + e).doesNotContain("secret");
              });
    }
  }

  private static void signal(String name) {
    Lab.run(List.of("kill", "-" + name, Long.toString(LAB.libvirtd().pid())));
  }

  private static CompletableFuture<FaultKind> observing(HypervisorDriver driver, Thread[] out) {
    CompletableFuture<FaultKind> result = new CompletableFuture<>();
    out[0] =
        Thread.startVirtualThread(() -> {
          try {
            var _ = driver.observe(new Scope.All());
            result.completeExceptionally(new AssertionError("it answered"));
          } catch (DriverException e) {
            result.complete(kindOf(e));
          }
        });
    return result;
  }

  @Test
  void aDaemonThatAcceptsAndNeverAnswersHoldsNobody() throws Exception {
    HypervisorDriver connected = soonGivingUp();
    assertThat(connected.observe(new Scope.All()).complete()).isTrue();
    HypervisorDriver fresh = soonGivingUp();
    signal("STOP");
    try {
      Thread[] thread = new Thread[1];
      for (HypervisorDriver driver : List.of(connected, fresh)) {
        CompletableFuture<FaultKind> given = observing(driver, thread);
        thread[0].interrupt();
        assertThat(given.get(5, TimeUnit.SECONDS)).isEqualTo(FaultKind.UNREACHABLE);
      }
      // Who is patient is told by keepalives, or because no connection comes about.
      List<CompletableFuture<FaultKind>> patient = new ArrayList<>();
      for (HypervisorDriver driver : List.of(connected, fresh)) {
        patient.add(observing(driver, thread));
      }
      for (CompletableFuture<FaultKind> each : patient) {
        assertThat(each.get(90, TimeUnit.SECONDS)).isEqualTo(FaultKind.UNREACHABLE);
      }
      fresh.close();
    } finally {
      signal("CONT");
    }
    assertThat(connected.observe(new Scope.All()).complete()).isTrue();
  }

  @Test
  void goesOnWhenTheDaemonIsStartedAgain() throws Exception {
    HypervisorDriver driver = open();
    BlockingQueue<UUID> told = new LinkedBlockingQueue<>();
    driver.lifecycleEvents().orElseThrow().subscribe(told::add);
    MachineDefinition machine = defined(driver);
    Compute compute = driver.compute().orElseThrow();
    done(compute.start(machine.mark()));

    ProcessHandle daemon = LAB.libvirtd();
    assertThat(daemon.destroy()).isTrue();
    var _ = daemon.onExit().get(30, TimeUnit.SECONDS);
    assertThatThrownBy(() -> driver.observe(new Scope.All()))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> assertThat(e.kind()).as(e.forOperator()).isEqualTo(FaultKind.UNREACHABLE));
    LAB.repair();

    Observation seen = driver.observe(new Scope.All());
    assertThat(seen.machine(machine.mark().uid()).orElseThrow().state())
        .isEqualTo(Observation.State.RUNNING);
    // Who listens hears again, by a connection that nobody but the driver has asked for.
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> {
          told.clear();
          LAB.virsh("suspend", machine.mark().uid().toString());
          LAB.virsh("resume", machine.mark().uid().toString());
          return machine.mark().uid().equals(told.poll(1, TimeUnit.SECONDS));
        });
    done(compute.stop(machine.mark(), true));
  }

  // -------------------------------------------------------------------------------------- disks

  @Test
  void aFileThatIsNotWhatItShouldBeIsNotStaged(@TempDir Path dir) throws Exception {
    HypervisorDriver driver = open();
    Path file = Files.write(dir.resolve("other"), new byte[1 << 20]);
    Disks.Image image = new Disks.Image("ab".repeat(32), file, "raw", ByteSize.ofMib(1));
    assertThatThrownBy(() -> driver.disks().orElseThrow().stage(image))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
    assertThat(LAB.virsh("vol-list", LAB.get("LAB_POOL"))).doesNotContain(installation);
    Disks.Image gone =
        new Disks.Image("ab".repeat(32), dir.resolve("gone"), "raw", ByteSize.ofMib(1));
    assertThatThrownBy(() -> driver.disks().orElseThrow().stage(gone))
        .isInstanceOf(DriverException.class);
  }

  @Test
  void aMediumThatIsGivenUpIsNotRefusedAndNobodyElseWaitsForIt() throws Exception {
    HypervisorDriver driver = open();
    Media media = driver.media().orElseThrow();
    Mark mark = new Mark(installation, UUID.randomUUID(), 1);
    Mark others = new Mark(installation, UUID.randomUUID(), 1);
    ObjectName medium = new ObjectName(mark, ObjectName.SEED);
    ObjectName another = new ObjectName(others, ObjectName.SEED);
    AtomicReference<Object> meanwhile = new AtomicReference<>();
    Content givenUp =
        new Content() {
          @Override
          public long length() {
            return 1 << 20;
          }

          @Override
          public InputStream open() {
            return new InputStream() {
              @Override
              public int read() throws IOException {
                meanwhile.set(soon(() -> media.put(another, new byte[2048])));
                throw new IOException(
                    new DriverException(FaultKind.UNREACHABLE, "It is not wanted any more."));
              }
            };
          }
        };
    assertThatThrownBy(() -> media.put(medium, givenUp))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.UNREACHABLE));
    assertThat(meanwhile.get()).isEqualTo(Outcome.DONE);
    assertThat(driver.observe(new Scope.All()).media())
        .extracting(Observation.Medium::name)
        .containsExactly(another);
    done(media.delete(another));
  }

  /** Its answer, or why there is none. */
  private static Object soon(Callable<Outcome> act) {
    try {
      return CompletableFuture.supplyAsync(
              () -> {
                try {
                  return act.call();
                } catch (Exception e) {
                  throw new CompletionException(e);
                }
              })
          .get(20, TimeUnit.SECONDS);
    } catch (Exception e) {
      return e;
    }
  }

  @Test
  void aRawImageIsABaseToo(@TempDir Path dir) throws Exception {
    HypervisorDriver driver = open();
    Path file = Files.write(dir.resolve("raw"), new byte[2 << 20]);
    Disks.Image image = new Disks.Image(Lab.sha256(file), file, "raw", ByteSize.ofMib(2));
    Disks disks = driver.disks().orElseThrow();
    done(disks.stage(image));
    ObjectName disk =
        new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.SYSTEM);
    done(disks.create(disk, ByteSize.ofMib(8), image.sha256()));
    assertThat(LAB.virsh("vol-dumpxml", "--pool", LAB.get("LAB_POOL"), disk + ".qcow2"))
        .contains("<backingStore>", "<format type='raw'/>");
  }

  @Test
  void aDiskWhoseFileSomebodyDeletedIsMadeAgain() throws Exception {
    HypervisorDriver driver = open();
    Disks disks = driver.disks().orElseThrow();
    ObjectName disk = new ObjectName(new Mark(installation, UUID.randomUUID(), 1), ObjectName.DATA);
    done(disks.create(disk, ByteSize.ofMib(8), null));
    Files.delete(Path.of(LAB.get("LAB_POOL_DIR")).resolve(disk + ".qcow2"));
    assertThat(driver.observe(new Scope.All()).disks()).isEmpty();
    done(disks.create(disk, ByteSize.ofMib(8), null));
    assertThat(driver.observe(new Scope.All()).disks())
        .containsExactly(new Observation.Disk(disk, ByteSize.ofMib(8)));
  }

  // --------------------------------------------------------------------------------------- size

  @Test
  void twoHundredMachinesAreSeenAtOnce() throws Exception {
    HypervisorDriver driver = open();
    for (int i = 0; i < 200; i++) {
      defined(driver);
    }
    Duration best = Duration.ofDays(1);
    for (int i = 0; i < 5; i++) {
      long begun = System.nanoTime();
      Observation seen = driver.observe(new Scope.All());
      Duration took = Duration.ofNanos(System.nanoTime() - begun);
      best = best.compareTo(took) < 0 ? best : took;
      assertThat(seen.machines().stream().filter(m -> m.mark() != null)).hasSize(200);
      assertThat(seen.disks()).hasSize(200);
    }
    System.out.println("observe 200 machines and disks: " + best.toMillis() + " ms");
    assertThat(best).isLessThan(Duration.ofSeconds(2));
  }
}

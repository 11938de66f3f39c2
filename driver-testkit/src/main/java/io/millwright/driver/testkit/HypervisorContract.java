package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Compute;
import io.millwright.driver.Content;
import io.millwright.driver.DirectBoot;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HotPlug;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.LifecycleEvents;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.Metrics;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.Screen;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.SerialLog;
import io.millwright.driver.Vnc;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import io.millwright.model.Usage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every hypervisor driver promises, as a test. A driver's own test inherits it, says which
 * facets it has and how to act behind its back; of a facet that it does not have, the absence is
 * checked.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
public abstract class HypervisorContract {

  /** What an operator does on the hypervisor with its own tools, behind the driver's back. */
  public interface Outside {
    /** Makes a machine, powered off, that carries no mark. */
    void addMachine(UUID uid, String name) throws Exception;

    /** Everything about a machine that an act of ours could have changed; empty if it is gone. */
    String look(UUID uid) throws Exception;

    /** Removes a machine; done if it is gone. */
    void removeMachine(UUID uid) throws Exception;

    /** Pauses a machine that runs. */
    void pause(UUID uid) throws Exception;

    /** Makes a machine that runs end by a fault. */
    void crash(UUID uid) throws Exception;

    /** Has the guest of a machine that has booted restart itself. */
    void restart(UUID uid) throws Exception;

    /** Leaves what a server leaves that was killed in the middle of staging this image. */
    void leaveHalfStaged(String installation, Disks.Image image) throws Exception;

    /** Leaves what a server leaves that was killed in the middle of sending this medium. */
    void leaveHalfSent(ObjectName medium) throws Exception;
  }

  /** The tag of what is about disks, their images and copies of both. */
  protected static final String DISKS = "disks";

  private static final Random RANDOM = new Random();

  /** Of the driver under test. */
  protected final String installation = HexFormat.of().toHexDigits(RANDOM.nextInt());

  private final String stranger = HexFormat.of().toHexDigits(RANDOM.nextInt());
  private final List<HypervisorDriver> opened = new ArrayList<>();
  private final List<UUID> uids = new ArrayList<>();
  private @Nullable HypervisorDriver connected;

  /** A new driver to the hypervisor, the same one each time. */
  protected abstract HypervisorDriver open(String installation) throws Exception;

  /** Names of the facets that it is to have, as in {@link HypervisorDriver#facets}. */
  protected abstract Set<String> facets();

  /** An image that boots and answers on the serial console and to the power button. */
  protected abstract Disks.Image image();

  /** The same system as an installation medium. */
  protected abstract Disks.Image installationMedium();

  /** A kernel and its initial file system that are the same system. */
  protected abstract BootFiles bootFiles();

  /**
   * What a machine boots directly.
   *
   * @param arguments of the kernel, without which it does not print on the serial console
   */
  public record BootFiles(Path kernel, Path initrd, String arguments) {}

  /** What the image prints on its console once it is up. */
  protected abstract String bootedText();

  /** A card that plugs into something that exists there. */
  protected abstract MachineDefinition.Nic nic(Mac mac);

  private static MachineDefinition.Nic large(MachineDefinition.Nic nic) {
    return new MachineDefinition.Nic(nic.mac(), nic.bridge(), nic.network(), nic.vlan(), 1400);
  }

  /** False if disks that start as an image are copies of it, which need it no longer. */
  protected boolean disksAreBackedByTheirImage() {
    return true;
  }

  /** False if disks that are backed by their image keep the size that they were made with. */
  protected boolean disksOfImagesGrow() {
    return true;
  }

  /** False if what the test runs against makes no tickets, so that only refusals can be asked. */
  protected boolean screensOpen() {
    return true;
  }

  protected abstract Outside outside();

  /** How long a machine may take to boot or stop. */
  protected Duration patience() {
    return Duration.ofSeconds(60);
  }

  @BeforeEach
  final void connect() throws Exception {
    connected = connectAs(installation);
  }

  @AfterEach
  final void cleanUp() throws Exception {
    for (String owner : List.of(installation, stranger)) {
      HypervisorDriver own = connectAs(owner);
      Observation left = own.observe(new Scope.All());
      for (Observation.Machine machine : left.machines()) {
        if (machine.mark() != null) {
          done(compute(own).remove(machine.mark()));
        }
      }
      for (Observation.Disk disk : left.disks()) {
        done(disks(own).delete(disk.name()));
      }
      for (Observation.Medium medium : left.media()) {
        done(media(own).delete(medium.name()));
      }
      for (String image : left.images()) {
        done(disks(own).unstage(image));
      }
    }
    for (UUID uid : uids) {
      outside().removeMachine(uid);
    }
    opened.forEach(HypervisorDriver::close);
  }

  private HypervisorDriver connectAs(String owner) throws Exception {
    HypervisorDriver next = open(owner);
    opened.add(next);
    return next;
  }

  /** The driver under test. */
  protected final HypervisorDriver driver() {
    if (connected == null) {
      throw new IllegalStateException("not connected");
    }
    return connected;
  }

  // ------------------------------------------------------------------------------- small words

  private boolean has(String facet) {
    boolean declared = facets().contains(facet);
    assertThat(driver().facets().contains(facet)).as("facet " + facet).isEqualTo(declared);
    return declared;
  }

  private static Compute compute(HypervisorDriver driver) {
    return driver.compute().orElseThrow();
  }

  private static Disks disks(HypervisorDriver driver) {
    return driver.disks().orElseThrow();
  }

  private static Media media(HypervisorDriver driver) {
    return driver.media().orElseThrow();
  }

  private Compute compute() {
    return compute(driver());
  }

  private Disks disks() {
    return disks(driver());
  }

  private Media media() {
    return media(driver());
  }

  protected static void done(Outcome outcome) {
    assertThat(outcome).isEqualTo(Outcome.DONE);
  }

  /**
   * For what may take long, and then answers that it goes on: asked again until it is done, as
   * whoever works does.
   */
  public static void finished(Callable<Outcome> act) {
    await()
        .atMost(Duration.ofSeconds(100))
        .pollInSameThread()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .until(act, Outcome.DONE::equals);
  }

  /** Twice, for every act is idempotent. */
  private static void twice(Callable<Outcome> act) {
    finished(act);
    finished(act);
  }

  protected static void fails(FaultKind kind, ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).as(e.forUser() + " / " + e.forOperator()).isEqualTo(kind);
              assertThat(e.forUser()).as("what a user reads").endsWith(".");
            });
  }

  protected final Mark mark() {
    return new Mark(installation, UUID.randomUUID(), 1);
  }

  private static Mark later(Mark mark) {
    return new Mark(mark.installation(), mark.uid(), mark.generation() + 1);
  }

  protected static ObjectName system(Mark mark) {
    return new ObjectName(mark, ObjectName.SYSTEM);
  }

  private static ObjectName seed(Mark mark) {
    return new ObjectName(mark, ObjectName.SEED);
  }

  protected static ByteSize mib(long mib) {
    return ByteSize.ofMib(mib);
  }

  private ByteSize larger() {
    return mib(image().virtualSize().mib() + 64);
  }

  /** A small machine; whoever starts it gives it disks that exist. */
  protected final MachineDefinition machine(Mark mark, ObjectName... disks) {
    List<MachineDefinition.Disk> attached = new ArrayList<>();
    for (ObjectName disk : disks) {
      attached.add(
          new MachineDefinition.Disk(
              disk.toString(), "mw" + disk.mark().uid().toString().substring(0, 8)));
    }
    return new MachineDefinition(
        mark,
        "contract-" + mark.uid(),
        1,
        mib(128),
        Firmware.BIOS,
        attached,
        List.of(nic(Mac.ofQemu(mark.uid().hashCode()))),
        null);
  }

  private static MachineDefinition with(MachineDefinition d, @Nullable ObjectName medium) {
    return d.withMedium(medium == null ? null : medium.toString());
  }

  /** A machine that boots the image, defined and not started. */
  protected final MachineDefinition bootable() throws Exception {
    Mark mark = mark();
    finished(() -> disks().stage(image()));
    finished(() -> disks().create(system(mark), image().virtualSize(), image().sha256()));
    MachineDefinition definition = machine(mark, system(mark));
    done(compute().define(definition));
    return definition;
  }

  private MachineDefinition running() throws Exception {
    MachineDefinition definition = bootable();
    done(compute().start(definition.mark()));
    return definition;
  }

  protected final Observation.Machine seen(Mark mark) throws DriverException {
    return driver().observe(new Scope.One(mark.uid())).machine(mark.uid()).orElseThrow();
  }

  private boolean exists(Mark mark) throws DriverException {
    return driver().observe(new Scope.One(mark.uid())).machine(mark.uid()).isPresent();
  }

  private Optional<ByteSize> size(ObjectName disk) throws DriverException {
    return driver().observe(new Scope.One(disk.mark().uid())).disks().stream()
        .filter(d -> d.name().equals(disk))
        .map(Observation.Disk::size)
        .findFirst();
  }

  private List<ObjectName> mediaOf(UUID uid) throws DriverException {
    return driver().observe(new Scope.One(uid)).media().stream()
        .map(Observation.Medium::name)
        .toList();
  }

  private UUID foreignMachine(String name) throws Exception {
    UUID uid = UUID.randomUUID();
    uids.add(uid);
    outside().addMachine(uid, name);
    return uid;
  }

  /** Reads a console until it has printed this. */
  protected static String readUntil(SerialConsole.Session session, String text) throws IOException {
    StringBuilder out = new StringBuilder();
    byte[] buffer = new byte[4096];
    while (out.indexOf(text) < 0) {
      int n = session.read(buffer);
      if (n < 0) {
        throw new IOException("the console ended; it printed: " + out);
      }
      out.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
    }
    return out.toString();
  }

  // ------------------------------------------------------------------------------------- facets

  @Test
  void declaresItsFacets() {
    assertThat(driver().facets()).isEqualTo(new java.util.TreeSet<>(facets()));
  }

  // ---------------------------------------------------------------------------------- observing

  @Test
  void observationIsDatedAndTellsOfTheHost() throws Exception {
    Instant before = Instant.now();
    Observation all = driver().observe(new Scope.All());
    assertThat(all.at()).isBetween(before.minusSeconds(1), Instant.now().plusSeconds(1));
    assertThat(all.complete()).isTrue();
    Observation.Host host = all.host();
    assertThat(host).isNotNull();
    if (host != null) {
      assertThat(host.version()).isNotBlank();
      assertThat(host.acceleration()).isIn("kvm", "emulation", "hardware");
      assertThat(host.cores()).isPositive();
      assertThat(host.memory().bytes()).isPositive();
      assertThat(host.diskFree().bytes()).isPositive();
      assertThat(host.endpoint()).isNotBlank();
      Observation.Host again = connectAs(stranger).observe(new Scope.All()).host();
      assertThat(again).isNotNull();
      if (again != null) {
        assertThat(again.endpoint())
            .as("the same by another connection")
            .isEqualTo(host.endpoint());
      }
    }
  }

  @Test
  void oneMachineLooksTheSameAloneAndAmongAll() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    done(media().put(seed(mark), new byte[100_000]));
    done(compute().define(with(machine(mark, system(mark)), seed(mark))));
    Mark other = mark();
    done(disks().create(system(other), mib(64), null));
    done(compute().define(machine(other, system(other))));

    Observation all = driver().observe(new Scope.All());
    Observation one = driver().observe(new Scope.One(mark.uid()));

    assertThat(one.machines()).containsExactly(all.machine(mark.uid()).orElseThrow());
    assertThat(one.disks()).containsExactly(new Observation.Disk(system(mark), mib(64)));
    assertThat(all.disks()).containsAll(one.disks()).hasSize(2);
    assertThat(one.media()).containsExactly(new Observation.Medium(seed(mark)));
    assertThat(all.media()).isEqualTo(one.media());
    assertThat(one.images()).isEqualTo(all.images());
    assertThat(one.host()).isNull();
    assertThat(one.complete()).isTrue();
  }

  @Test
  void aMachineThatIsNotThereIsNotSeen() throws Exception {
    Observation one = driver().observe(new Scope.One(UUID.randomUUID()));
    assertThat(one.machines()).isEmpty();
    assertThat(one.disks()).isEmpty();
    assertThat(one.media()).isEmpty();
    assertThat(one.complete()).isTrue();
  }

  // ------------------------------------------------------------------------------------ compute

  @Test
  @Tag(DISKS)
  void aDefinedMachineIsSeenAsItWasDefined() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = mark();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    done(disks().create(system(mark), mib(64), null));
    done(disks().create(data, mib(32), null));
    MachineDefinition definition = machine(mark, system(mark), data);

    twice(() -> compute().define(definition));

    assertThat(seen(mark))
        .isEqualTo(
            new Observation.Machine(
                mark.uid(),
                definition.name(),
                mark,
                Observation.State.STOPPED,
                1,
                mib(128),
                List.of(system(mark).toString(), data.toString()),
                definition.nics(),
                null));
  }

  @Test
  void aMachineIsGivenAnotherDefinition() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    done(compute().define(machine(mark, system(mark))));
    Mark next = later(mark);
    done(disks().create(system(next), mib(64), null));
    Mac mac = Mac.ofQemu(RANDOM.nextInt());
    MachineDefinition wanted =
        new MachineDefinition(
            next,
            "contract-renamed-" + mark.uid(),
            2,
            mib(192),
            Firmware.UEFI,
            List.of(new MachineDefinition.Disk(system(next).toString(), "mwother")),
            List.of(large(nic(mac))),
            null);

    compute().check(wanted);
    twice(() -> compute().define(wanted));

    Observation.Machine seen = seen(mark);
    assertThat(seen.name()).isEqualTo(wanted.name());
    assertThat(seen.mark()).isEqualTo(next);
    assertThat(seen.cores()).isEqualTo(2);
    assertThat(seen.memory()).isEqualTo(mib(192));
    assertThat(seen.disks()).containsExactly(system(next).toString());
    assertThat(seen.nics()).containsExactlyElementsOf(wanted.nics());
    twice(() -> disks().delete(system(mark)));
    twice(() -> compute().remove(next));
  }

  @Test
  void aMachineSeesTheDevicesThatItsDefinitionSays() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    Mark mark = mark();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    done(disks().create(system(mark), mib(64), null));
    done(disks().create(data, mib(32), null));
    done(media().put(seed(mark), new byte[65536]));
    MachineDefinition paravirtual = with(machine(mark, system(mark), data), seed(mark));
    MachineDefinition emulated = paravirtual.withDevices(Devices.EMULATED);
    for (MachineDefinition wanted : List.of(emulated, paravirtual, emulated)) {
      compute().check(wanted);
      twice(() -> compute().define(wanted));
      Observation.Machine seen = seen(mark);
      assertThat(seen.devices()).isEqualTo(wanted.devices());
      assertThat(seen.disks()).containsExactly(system(mark).toString(), data.toString());
      assertThat(seen.nics()).isEqualTo(wanted.nics());
      assertThat(seen.medium()).isEqualTo(seed(mark).toString());
    }
    twice(() -> compute().define(with(emulated, null)));
    assertThat(seen(mark).medium()).isNull();
    assertThat(seen(mark).devices()).isEqualTo(Devices.EMULATED);
    done(compute().remove(mark));
    done(disks().delete(data));
  }

  @Test
  void otherDevicesOfARunningMachineCountFromItsNextStart() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    MachineDefinition d = running();
    Mark mark = d.mark();
    MachineDefinition emulated = d.withDevices(Devices.EMULATED);
    twice(() -> compute().define(emulated));
    assertThat(seen(mark).devices()).isEqualTo(Devices.EMULATED);
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    // A medium comes into the drive that it has now.
    done(media().put(seed(mark), new byte[65536]));
    twice(() -> compute().define(with(emulated, seed(mark))));
    assertThat(seen(mark).medium()).isEqualTo(seed(mark).toString());
    done(compute().stop(mark, true));
    done(compute().start(mark));
    assertThat(seen(mark).devices()).isEqualTo(Devices.EMULATED);
    assertThat(seen(mark).disks()).containsExactly(system(mark).toString());
    assertThat(seen(mark).nics()).isEqualTo(d.nics());
    assertThat(seen(mark).medium()).isEqualTo(seed(mark).toString());
    twice(() -> compute().define(with(emulated, null)));
    assertThat(seen(mark).medium()).isNull();
  }

  @Test
  void aSystemStartsWithEmulatedDevicesByEitherFirmware() throws Exception {
    if (!has("compute") || !has("disks") || !has("serial-console")) {
      return;
    }
    MachineDefinition d = bootable();
    for (Firmware firmware : Firmware.values()) {
      MachineDefinition emulated =
          d.with(b -> b.devices(Devices.EMULATED).memory(mib(256)).firmware(firmware));
      done(compute().define(emulated));
      done(compute().start(d.mark()));
      try (SerialConsole.Session session = driver().serialConsole().orElseThrow().open(d.mark())) {
        assertThat(within(() -> readUntil(session, bootedText()))).contains(bootedText());
      }
      done(compute().stop(d.mark(), true));
    }
  }

  @Test
  @Tag(DISKS)
  void definingWithoutItsDiskOrMediumIsAConflict() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    Mark mark = mark();
    fails(FaultKind.CONFLICT, () -> compute().define(machine(mark, system(mark))));
    done(disks().create(system(mark), mib(64), null));
    fails(
        FaultKind.CONFLICT, () -> compute().define(with(machine(mark, system(mark)), seed(mark))));
    assertThat(exists(mark)).isFalse();
  }

  @Test
  void startAndForcedStopCanBeRepeated() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = bootable().mark();
    twice(() -> compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    done(compute().reset(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    twice(() -> compute().stop(mark, true));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.STOPPED);
    done(compute().stop(mark, false));
    fails(FaultKind.CONFLICT, () -> compute().reset(mark));
  }

  @Test
  void whatIsNotThereCannotBeStartedAndIsStoppedAndRemovedAlready() throws Exception {
    if (!has("compute")) {
      return;
    }
    Mark mark = mark();
    fails(FaultKind.CONFLICT, () -> compute().start(mark));
    fails(FaultKind.CONFLICT, () -> compute().reset(mark));
    done(compute().stop(mark, false));
    done(compute().stop(mark, true));
    twice(() -> compute().remove(mark));
  }

  @Test
  @Tag(DISKS)
  void aRunningMachineIsRemovedAndItsDiskStays() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = running().mark();
    twice(() -> compute().remove(mark));
    assertThat(exists(mark)).isFalse();
    assertThat(size(system(mark))).contains(image().virtualSize());
  }

  @Test
  void aMachineWithUefiIsStartedAndRemoved() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    MachineDefinition d = machine(mark, system(mark));
    MachineDefinition uefi =
        new MachineDefinition(
            mark, d.name(), 1, mib(256), Firmware.UEFI, d.disks(), d.nics(), null);
    twice(() -> compute().define(uefi));
    done(compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    done(compute().define(uefi));
    twice(() -> compute().remove(mark));
    assertThat(exists(mark)).isFalse();
  }

  @Test
  void aGuestThatIsAskedToStopStops() throws Exception {
    if (!has("compute") || !has("disks") || !has("serial-console")) {
      return;
    }
    MachineDefinition definition = bootable();
    Mark mark = definition.mark();
    done(compute().start(mark));
    try (SerialConsole.Session session = driver().serialConsole().orElseThrow().open(mark)) {
      readUntil(session, bootedText());
    }
    Outcome asked = compute().stop(mark, false);
    assertThat(asked).isInstanceOf(Outcome.Running.class);
    await()
        .atMost(patience())
        .until(() -> compute().stop(mark, false), outcome -> outcome.equals(Outcome.DONE));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.STOPPED);
    done(compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
  }

  @Test
  void aPausedMachineIsSeenAndStartedAgain() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = running().mark();
    outside().pause(mark.uid());
    assertThat(seen(mark).state()).isEqualTo(Observation.State.PAUSED);
    twice(() -> compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    outside().pause(mark.uid());
    twice(() -> compute().stop(mark, true));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.STOPPED);
  }

  @Test
  void aCrashedMachineIsSeenAndStartedAgain() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = running().mark();
    outside().crash(mark.uid());
    await().atMost(patience()).until(() -> seen(mark).state() == Observation.State.CRASHED);
    twice(() -> compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
  }

  @Test
  void anotherDefinitionOfARunningMachineCountsFromItsNextStart() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    MachineDefinition d = running();
    Mark next = later(d.mark());
    MachineDefinition wanted =
        new MachineDefinition(next, d.name(), 2, mib(192), d.firmware(), d.disks(), d.nics(), null);
    twice(() -> compute().define(wanted));
    Observation.Machine seen = seen(next);
    assertThat(seen.state()).isEqualTo(Observation.State.RUNNING);
    assertThat(seen.mark()).isEqualTo(next);
    assertThat(seen.cores()).isEqualTo(2);
    done(compute().stop(next, true));
    done(compute().start(next));
    assertThat(seen(next).memory()).isEqualTo(mib(192));
  }

  @Test
  void theMediumOfARunningMachineIsChangedAndEjectedAtOnce() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    Mark mark = mark();
    finished(() -> disks().stage(image()));
    finished(() -> disks().create(system(mark), image().virtualSize(), image().sha256()));
    done(media().put(seed(mark), new byte[65536]));
    MachineDefinition d = machine(mark, system(mark));
    done(compute().define(with(d, seed(mark))));
    done(compute().start(mark));
    assertThat(seen(mark).medium()).isEqualTo(seed(mark).toString());

    ObjectName second = seed(later(mark));
    done(media().put(second, new byte[70_000]));
    twice(() -> compute().define(with(d, second)));
    assertThat(seen(mark).medium()).isEqualTo(second.toString());
    twice(() -> media().delete(seed(mark)));

    twice(() -> compute().define(with(d, null)));
    assertThat(seen(mark).medium()).isNull();
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    twice(() -> media().delete(second));
  }

  // ---------------------------------------------------------------------------------- ownership

  @Test
  void foreignMachinesAreSeenAndNeverTouched() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    String name = "foreign-" + UUID.randomUUID();
    UUID uid = foreignMachine(name);
    String before = outside().look(uid);
    Observation.Machine seen = driver().observe(new Scope.All()).machine(uid).orElseThrow();
    assertThat(seen.mark()).isNull();
    assertThat(seen.name()).isEqualTo(name);

    Mark pretender = new Mark(installation, uid, 1);
    done(disks().create(system(pretender), mib(64), null));
    fails(FaultKind.CONFLICT, () -> compute().define(machine(pretender, system(pretender))));
    Mark rival = mark();
    done(disks().create(system(rival), mib(64), null));
    MachineDefinition d = machine(rival, system(rival));
    fails(
        FaultKind.CONFLICT,
        () ->
            compute()
                .define(
                    new MachineDefinition(
                        rival, name, 1, mib(128), Firmware.BIOS, d.disks(), d.nics(), null)));
    refusesAll(driver(), pretender);

    assertThat(outside().look(uid)).isEqualTo(before);
    assertThat(exists(rival)).isFalse();
  }

  @Test
  void aForeignMachineIsTakenOverWithNothingButItsMark() throws Exception {
    if (!has("compute") || !has(HypervisorDriver.IMPORT)) {
      return;
    }
    Import imports = driver().imports().orElseThrow();
    String name = "taken-" + UUID.randomUUID();
    UUID uid = foreignMachine(name);
    Mark mark = Mark.imported(installation, uid);
    String before = outside().look(uid);
    assertThat(imports.look(uid).mark()).isNull();
    assertThat(imports.look(uid).firmware()).isEqualTo(Firmware.BIOS);
    done(imports.release(mark)); // it is free of ours
    assertThat(outside().look(uid)).as("a look and a release of nothing").isEqualTo(before);

    twice(() -> imports.take(mark));
    Observation.Machine taken = seen(mark);
    assertThat(taken.mark()).isEqualTo(mark);
    assertThat(taken.name()).isEqualTo(name);
    assertThat(taken.state()).isEqualTo(Observation.State.STOPPED);
    assertThat(imports.look(uid).mark()).isEqualTo(mark);
    String asTaken = outside().look(uid);
    fails(FaultKind.CONFLICT, () -> compute().remove(mark));
    fails(FaultKind.CONFLICT, () -> compute().remove(new Mark(installation, uid, 7)));
    fails(
        FaultKind.CONFLICT,
        () ->
            compute()
                .define(
                    new MachineDefinition(
                        mark, name, 1, mib(128), Firmware.BIOS, List.of(), List.of(), null)));

    HypervisorDriver other = connectAs(stranger);
    Import others = other.imports().orElseThrow();
    Mark rival = Mark.imported(stranger, uid);
    assertThat(others.look(uid).mark()).isEqualTo(mark);
    fails(FaultKind.CONFLICT, () -> others.take(rival));
    fails(FaultKind.CONFLICT, () -> others.take(mark));
    fails(FaultKind.CONFLICT, () -> others.release(mark));
    done(others.release(rival));
    assertThat(outside().look(uid)).as("what was refused").isEqualTo(asTaken);

    twice(() -> imports.release(mark));
    assertThat(driver().observe(new Scope.One(uid)).machine(uid).orElseThrow().mark()).isNull();
    assertThat(outside().look(uid)).as("after it was let go").isEqualTo(before);
    done(others.take(rival)); // and anybody's to take
    done(others.release(rival));
  }

  @Test
  void onlyWhatIsThereAndWasNotMadeByUsIsTakenOver() throws Exception {
    if (!has("compute") || !has("disks") || !has(HypervisorDriver.IMPORT)) {
      return;
    }
    Import imports = driver().imports().orElseThrow();
    Mark nobody = Mark.imported(installation, UUID.randomUUID());
    fails(FaultKind.CONFLICT, () -> imports.look(nobody.uid()));
    fails(FaultKind.CONFLICT, () -> imports.take(nobody));
    twice(() -> imports.release(nobody));

    Mark made = mark();
    done(disks().create(system(made), mib(64), null));
    done(compute().define(machine(made, system(made))));
    Import.Found found = imports.look(made.uid());
    assertThat(found.mark()).isEqualTo(made);
    assertThat(found.disks()).extracting(Import.Disk::size).containsExactly(mib(64));
    String before = outside().look(made.uid());
    fails(FaultKind.CONFLICT, () -> imports.take(Mark.imported(installation, made.uid())));
    fails(FaultKind.CONFLICT, () -> imports.release(Mark.imported(installation, made.uid())));
    assertThat(outside().look(made.uid())).isEqualTo(before);
    assertThat(seen(made).mark()).isEqualTo(made);
  }

  @Test
  void aNameOfAnotherMachineOfOursIsTaken() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark first = mark();
    done(disks().create(system(first), mib(64), null));
    MachineDefinition d = machine(first, system(first));
    done(compute().define(d));
    Mark second = mark();
    fails(
        FaultKind.CONFLICT,
        () ->
            compute()
                .define(
                    new MachineDefinition(
                        second, d.name(), 1, mib(128), Firmware.BIOS, List.of(), d.nics(), null)));
    assertThat(seen(first).mark()).isEqualTo(first);
  }

  @Test
  @Tag(DISKS)
  void whatAnotherInstallationMadeIsForeign() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    MachineDefinition d = running();
    Mark mark = d.mark();
    done(media().put(seed(mark), new byte[2048]));
    String before = outside().look(mark.uid());
    HypervisorDriver other = connectAs(stranger);

    Observation seen = other.observe(new Scope.All());
    assertThat(seen.machine(mark.uid()).orElseThrow().mark()).isNull();
    assertThat(seen.disks()).isEmpty();
    assertThat(seen.media()).isEmpty();
    assertThat(seen.images()).isEmpty();
    Observation one = other.observe(new Scope.One(mark.uid()));
    assertThat(one.machines())
        .usingRecursiveFieldByFieldElementComparatorIgnoringFields("nics", "devices")
        .isEqualTo(List.of(seen.machine(mark.uid()).orElseThrow()));
    if (has(HypervisorDriver.IMPORT)) {
      assertThat(one.machines().getFirst().nics()).isEqualTo(d.nics());
    }
    assertThat(one.disks()).isEmpty();

    refusesAll(other, new Mark(stranger, mark.uid(), 1));
    refusesAll(other, mark);
    fails(FaultKind.CONFLICT, () -> compute(other).define(d));
    fails(
        FaultKind.CONFLICT,
        () -> compute(other).define(machine(new Mark(stranger, mark.uid(), 1))));
    fails(FaultKind.CONFLICT, () -> disks(other).delete(system(mark)));
    fails(FaultKind.CONFLICT, () -> disks(other).grow(system(mark), larger()));
    fails(FaultKind.CONFLICT, () -> disks(other).create(system(mark), larger(), null));
    fails(FaultKind.CONFLICT, () -> media(other).put(seed(mark), new byte[2048]));
    fails(FaultKind.CONFLICT, () -> media(other).delete(seed(mark)));
    other
        .directBoot()
        .ifPresent(facet -> {
          fails(FaultKind.CONFLICT, () -> facet.put(kernel(mark), bytes(700, 700)));
          fails(FaultKind.CONFLICT, () -> facet.delete(kernel(mark)));
        });
    other.serialLog().ifPresent(facet -> fails(FaultKind.CONFLICT, () -> facet.read(mark, 0)));
    done(disks(other).unstage(image().sha256()));

    assertThat(outside().look(mark.uid())).isEqualTo(before);
    assertThat(size(system(mark))).contains(image().virtualSize());
    assertThat(mediaOf(mark.uid())).containsExactly(seed(mark));
    assertThat(driver().observe(new Scope.All()).images()).containsExactly(image().sha256());
  }

  /** Each act on a machine that is there and not this owner's. */
  private static void refusesAll(HypervisorDriver driver, Mark mark) {
    fails(FaultKind.CONFLICT, () -> compute(driver).start(mark));
    fails(FaultKind.CONFLICT, () -> compute(driver).stop(mark, false));
    fails(FaultKind.CONFLICT, () -> compute(driver).stop(mark, true));
    fails(FaultKind.CONFLICT, () -> compute(driver).reset(mark));
    fails(FaultKind.CONFLICT, () -> compute(driver).remove(mark));
    driver.serialConsole().ifPresent(facet -> fails(FaultKind.CONFLICT, () -> facet.open(mark)));
    driver.guestAgent().ifPresent(facet -> fails(FaultKind.CONFLICT, () -> facet.ask(mark)));
    driver
        .guestCommands()
        .ifPresent(facet -> {
          fails(FaultKind.CONFLICT, () -> facet.begin(mark, List.of("/bin/true")));
          fails(FaultKind.CONFLICT, () -> facet.ended(mark, 1));
        });
  }

  // -------------------------------------------------------------------------------------- disks

  @Test
  @Tag(DISKS)
  void anImageIsStagedOnceAndUnstaged() throws Exception {
    if (!has("disks")) {
      return;
    }
    twice(() -> disks().stage(image()));
    assertThat(driver().observe(new Scope.All()).images()).containsExactly(image().sha256());
    twice(() -> disks().unstage(image().sha256()));
    assertThat(driver().observe(new Scope.All()).images()).isEmpty();
  }

  @Test
  @Tag(DISKS)
  void aHalfStagedImageIsNotTakenForAWholeOne() throws Exception {
    if (!has("disks")) {
      return;
    }
    outside().leaveHalfStaged(installation, image());
    assertThat(driver().observe(new Scope.All()).images()).isEmpty();
    assertThat(driver().observe(new Scope.All()).halfImages()).containsExactly(image().sha256());
    ObjectName disk = system(mark());
    fails(FaultKind.REFUSED, () -> disks().create(disk, image().virtualSize(), image().sha256()));
    assertThat(size(disk)).isEmpty();
    finished(() -> disks().stage(image()));
    assertThat(driver().observe(new Scope.All()).images()).containsExactly(image().sha256());
    assertThat(driver().observe(new Scope.All()).halfImages()).isEmpty();
    finished(() -> disks().create(disk, image().virtualSize(), image().sha256()));
    done(disks().delete(disk));
    twice(() -> disks().unstage(image().sha256()));
    outside().leaveHalfStaged(installation, image());
    twice(() -> disks().unstage(image().sha256()));
    assertThat(driver().observe(new Scope.All()).halfImages()).isEmpty();
  }

  @Test
  void aHalfSentMediumIsSeenAndGoesLikeAWholeOne() throws Exception {
    if (!has("media")) {
      return;
    }
    Mark mark = mark();
    ObjectName medium = seed(mark);
    outside().leaveHalfSent(medium);
    assertThat(driver().observe(new Scope.One(mark.uid())).media())
        .containsExactly(new Observation.Medium(medium, false));
    assertThat(driver().observe(new Scope.All()).media())
        .contains(new Observation.Medium(medium, false));
    finished(() -> media().put(medium, new byte[4096]));
    assertThat(driver().observe(new Scope.One(mark.uid())).media())
        .containsExactly(new Observation.Medium(medium));
    done(media().delete(medium));
    outside().leaveHalfSent(medium);
    twice(() -> media().delete(medium));
    assertThat(driver().observe(new Scope.One(mark.uid())).media()).isEmpty();
  }

  @Test
  @Tag(DISKS)
  void anImageThatADiskIsBackedByIsKept() throws Exception {
    if (!has("disks")) {
      return;
    }
    ObjectName disk = system(mark());
    finished(() -> disks().stage(image()));
    finished(() -> disks().create(disk, larger(), image().sha256()));
    if (disksAreBackedByTheirImage()) {
      fails(FaultKind.CONFLICT, () -> disks().unstage(image().sha256()));
      assertThat(driver().observe(new Scope.All()).images()).containsExactly(image().sha256());
    } else {
      twice(() -> disks().unstage(image().sha256()));
      assertThat(size(disk)).contains(larger());
    }
    done(disks().delete(disk));
    done(disks().unstage(image().sha256()));
  }

  @Test
  @Tag(DISKS)
  void aDiskIsMadeOnceAndGrows() throws Exception {
    if (!has("disks")) {
      return;
    }
    ObjectName disk = new ObjectName(mark(), ObjectName.DATA);
    twice(() -> disks().create(disk, mib(64), null));
    assertThat(size(disk)).contains(mib(64));
    twice(() -> disks().create(disk, mib(96), null));
    assertThat(size(disk)).contains(mib(96));
    done(disks().create(disk, mib(64), null));
    assertThat(size(disk)).contains(mib(96));
    twice(() -> disks().grow(disk, mib(128)));
    assertThat(size(disk)).contains(mib(128));
    fails(FaultKind.REFUSED, () -> disks().grow(disk, mib(64)));
    assertThat(size(disk)).contains(mib(128));
    twice(() -> disks().delete(disk));
    assertThat(size(disk)).isEmpty();
    fails(FaultKind.CONFLICT, () -> disks().grow(disk, mib(256)));
  }

  @Test
  @Tag(DISKS)
  void aDiskFromAnImageIsAtLeastAsLargeAsIt() throws Exception {
    if (!has("disks")) {
      return;
    }
    ObjectName disk = system(mark());
    fails(FaultKind.REFUSED, () -> disks().create(disk, larger(), image().sha256()));
    finished(() -> disks().stage(image()));
    fails(FaultKind.REFUSED, () -> disks().create(disk, mib(1), image().sha256()));
    assertThat(size(disk)).isEmpty();
    twice(() -> disks().create(disk, larger(), image().sha256()));
    assertThat(size(disk)).contains(larger());
  }

  @Test
  @Tag(DISKS)
  void aDiskOfARunningMachineGrowsAndCannotBeDeleted() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = running().mark();
    ByteSize made = size(system(mark)).orElseThrow();
    if (disksOfImagesGrow()) {
      twice(() -> disks().grow(system(mark), larger()));
    } else {
      fails(FaultKind.REFUSED, () -> disks().grow(system(mark), larger()));
    }
    // Who plans knows it before.
    assertThat(driver().observe(new Scope.One(mark.uid())).disks())
        .filteredOn(d -> d.name().equals(system(mark)))
        .extracting(Observation.Disk::grows)
        .containsExactly(disksOfImagesGrow());
    ByteSize then = disksOfImagesGrow() ? larger() : made;
    assertThat(size(system(mark))).contains(then);
    fails(FaultKind.CONFLICT, () -> disks().delete(system(mark)));
    done(compute().stop(mark, true));
    fails(FaultKind.CONFLICT, () -> disks().delete(system(mark)));
    assertThat(size(system(mark))).contains(then);
    done(compute().remove(mark));
    done(disks().delete(system(mark)));
  }

  @Test
  @Tag(DISKS)
  void aRunningMachineIsGivenADisk() throws Exception {
    if (!has(HypervisorDriver.HOT_PLUG)) {
      return;
    }
    HotPlug hotPlug = driver().hotPlug().orElseThrow();
    MachineDefinition machine = bootable();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    MachineDefinition.Disk disk = new MachineDefinition.Disk(data.toString(), "mw-later");
    done(disks().create(data, mib(64), null));
    fails(FaultKind.CONFLICT, () -> hotPlug.attach(machine.mark(), disk));
    done(compute().start(machine.mark()));
    fails(
        FaultKind.CONFLICT,
        () -> hotPlug.attach(machine.mark(), new MachineDefinition.Disk(data + "x", "mw-none")));

    twice(() -> hotPlug.attach(machine.mark(), disk));

    MachineDefinition emulated = bootable().withDevices(Devices.EMULATED);
    done(compute().define(emulated));
    done(compute().start(emulated.mark()));
    fails(FaultKind.UNSUPPORTED, () -> hotPlug.attach(emulated.mark(), disk));

    List<String> both = List.of(system(machine.mark()).toString(), data.toString());
    assertThat(seen(machine.mark()).state()).isEqualTo(Observation.State.RUNNING);
    assertThat(seen(machine.mark()).disks()).isEqualTo(both);
    fails(FaultKind.CONFLICT, () -> disks().delete(data));
    done(compute().stop(machine.mark(), true));
    done(compute().start(machine.mark()));
    assertThat(seen(machine.mark()).disks()).isEqualTo(both);
  }

  /** A guest has to boot for it. */
  @Test
  @Tag(DISKS)
  @Timeout(value = 240, unit = TimeUnit.SECONDS)
  void aRunningMachineIsRidOfADiskThatItsGuestLetsGo() throws Exception {
    if (!has(HypervisorDriver.HOT_PLUG)) {
      return;
    }
    HotPlug hotPlug = driver().hotPlug().orElseThrow();
    MachineDefinition machine = bootable();
    ObjectName first = new ObjectName(mark(), ObjectName.DATA);
    ObjectName second = new ObjectName(mark(), ObjectName.DATA);
    done(disks().create(first, mib(64), null));
    done(disks().create(second, mib(64), null));
    MachineDefinition.Disk one = new MachineDefinition.Disk(first.toString(), "mw-one");
    MachineDefinition.Disk two = new MachineDefinition.Disk(second.toString(), "mw-two");
    done(compute().define(machine.withDisks(List.of(machine.disks().getFirst(), one, two))));
    String system = system(machine.mark()).toString();
    fails(FaultKind.CONFLICT, () -> hotPlug.detach(machine.mark(), one.name()));
    done(compute().start(machine.mark()));
    done(hotPlug.detach(machine.mark(), "mw-" + installation + "-none"));

    // A guest that has not booted yet hears of nothing.
    await()
        .atMost(patience())
        .until(() -> {
          try {
            done(hotPlug.detach(machine.mark(), one.name()));
            return true;
          } catch (DriverException e) {
            assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
            assertThat(seen(machine.mark()).disks())
                .containsExactly(system, one.name(), two.name());
            fails(FaultKind.CONFLICT, () -> disks().delete(first));
            return false;
          }
        });
    done(hotPlug.detach(machine.mark(), one.name()));
    assertThat(seen(machine.mark()).state()).isEqualTo(Observation.State.RUNNING);
    assertThat(seen(machine.mark()).disks()).containsExactly(system, two.name());
    assertThat(size(first)).contains(mib(64));

    // What comes then comes behind the others, not into the gap.
    twice(() -> hotPlug.attach(machine.mark(), one));
    assertThat(seen(machine.mark()).disks()).containsExactly(system, two.name(), one.name());
    await()
        .atMost(patience())
        .ignoreException(DriverException.class)
        .until(() -> hotPlug.detach(machine.mark(), two.name()) == Outcome.DONE);
    done(disks().delete(second));
    done(compute().stop(machine.mark(), true));
    done(compute().start(machine.mark()));
    assertThat(seen(machine.mark()).disks()).containsExactly(system, one.name());

    MachineDefinition emulated = bootable().withDevices(Devices.EMULATED);
    done(compute().define(emulated));
    done(compute().start(emulated.mark()));
    fails(
        FaultKind.UNSUPPORTED,
        () -> hotPlug.detach(emulated.mark(), emulated.disks().getFirst().name()));
  }

  // -------------------------------------------------------------------------------------- media

  @Test
  void aMediumIsPutReplacedAndDeleted() throws Exception {
    if (!has("media")) {
      return;
    }
    ObjectName medium = seed(mark());
    twice(() -> media().put(medium, new byte[4096]));
    done(media().put(medium, new byte[512]));
    done(media().put(medium, new byte[1 << 20]));
    assertThat(mediaOf(medium.mark().uid())).containsExactly(medium);
    twice(() -> media().delete(medium));
    assertThat(mediaOf(medium.mark().uid())).isEmpty();
  }

  // --------------------------------------------------------------------------------- installers

  private DirectBoot directBoot() {
    return driver().directBoot().orElseThrow();
  }

  private static Content bytes(int length, int claimed) {
    return new Content() {
      @Override
      public long length() {
        return claimed;
      }

      @Override
      public InputStream open() {
        return new ByteArrayInputStream(new byte[length]);
      }
    };
  }

  private static Content file(Path path) throws IOException {
    long length = Files.size(path);
    return new Content() {
      @Override
      public long length() {
        return length;
      }

      @Override
      public InputStream open() throws IOException {
        return Files.newInputStream(path);
      }
    };
  }

  private static ObjectName kernel(Mark mark) {
    return new ObjectName(mark, ObjectName.KERNEL);
  }

  private static ObjectName initrd(Mark mark) {
    return new ObjectName(mark, ObjectName.INITRD);
  }

  private static MachineDefinition installing(
      MachineDefinition d, MachineDefinition.@Nullable Installer installer) {
    return d.with(b -> b.memory(mib(256)).medium(null).installer(installer));
  }

  private String log(Mark mark) throws DriverException {
    StringBuilder out = new StringBuilder();
    SerialLog logs = driver().serialLog().orElseThrow();
    SerialLog.Piece piece = logs.read(mark, 0);
    while (piece.bytes().length > 0) {
      out.append(new String(piece.bytes(), StandardCharsets.ISO_8859_1));
      piece = logs.read(mark, piece.next());
    }
    return out.toString();
  }

  @Test
  void aFileToBootIsPutReplacedAndDeleted() throws Exception {
    if (!has("direct-boot")) {
      return;
    }
    ObjectName kernel = kernel(mark());
    twice(() -> directBoot().put(kernel, bytes(300_000, 300_000)));
    twice(() -> directBoot().put(kernel, bytes(700, 700)));
    assertThat(mediaOf(kernel.mark().uid())).containsExactly(kernel);
    twice(() -> directBoot().delete(kernel));
    assertThat(mediaOf(kernel.mark().uid())).isEmpty();
  }

  @Test
  void aFileToBootOfAnotherLengthIsRefused() throws Exception {
    if (!has("direct-boot")) {
      return;
    }
    ObjectName kernel = kernel(mark());
    fails(FaultKind.REFUSED, () -> directBoot().put(kernel, bytes(5_000, 5_001)));
    fails(FaultKind.REFUSED, () -> directBoot().put(kernel, bytes(5_001, 5_000)));
    assertThat(mediaOf(kernel.mark().uid())).isEmpty();
  }

  @Test
  void anInstallerWithoutItsFilesIsAConflict() throws Exception {
    if (!has("compute") || !has("disks") || !has("direct-boot")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    MachineDefinition d = machine(mark, system(mark));
    MachineDefinition.Kernel kernel =
        new MachineDefinition.Kernel(kernel(mark).toString(), initrd(mark).toString(), "");
    fails(
        FaultKind.CONFLICT,
        () ->
            compute()
                .define(
                    installing(
                        d, new MachineDefinition.Installer(installationMedium().sha256(), null))));
    done(directBoot().put(kernel(mark), bytes(700, 700)));
    fails(
        FaultKind.CONFLICT,
        () -> compute().define(installing(d, new MachineDefinition.Installer(null, kernel))));
    assertThat(exists(mark)).isFalse();
  }

  @Test
  void anInstallerThatRestartsHasStoppedAndItsLogIsThere() throws Exception {
    if (!has("compute") || !has("disks") || !has("direct-boot") || !has("serial-log")) {
      return;
    }
    Mark mark = mark();
    BootFiles files = bootFiles();
    finished(() -> disks().stage(image()));
    finished(() -> disks().create(system(mark), image().virtualSize(), image().sha256()));
    finished(() -> disks().stage(installationMedium()));
    done(directBoot().put(kernel(mark), file(files.kernel())));
    done(directBoot().put(initrd(mark), file(files.initrd())));
    MachineDefinition d = machine(mark, system(mark));
    MachineDefinition.Kernel kernel =
        new MachineDefinition.Kernel(
            kernel(mark).toString(), initrd(mark).toString(), files.arguments());
    MachineDefinition installing =
        installing(d, new MachineDefinition.Installer(installationMedium().sha256(), kernel));

    twice(() -> compute().define(installing));
    assertThat(seen(mark).installer()).isTrue();
    assertThat(seen(mark).medium()).isNull();
    fails(FaultKind.CONFLICT, () -> disks().unstage(installationMedium().sha256()));
    assertThat(log(mark)).isEmpty();
    done(compute().start(mark));
    await().atMost(patience()).until(() -> log(mark).contains(bootedText()));
    outside().restart(mark.uid());
    await().atMost(patience()).until(() -> seen(mark).state() == Observation.State.STOPPED);

    MachineDefinition installed = installing(d, null);
    twice(() -> compute().define(installed));
    assertThat(seen(mark).installer()).isFalse();
    done(disks().unstage(installationMedium().sha256()));
    twice(() -> directBoot().delete(kernel(mark)));
    twice(() -> directBoot().delete(initrd(mark)));
    done(compute().start(mark));
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    assertThat(log(mark)).contains(bootedText());
    done(compute().remove(mark));
    assertThat(log(mark)).isEmpty();
  }

  private MachineDefinition beside(MachineDefinition d, ObjectName seed) {
    return d.with(b ->
        b.memory(mib(256))
            .medium(seed.toString())
            .installer(new MachineDefinition.Installer(installationMedium().sha256(), null)));
  }

  /** Once staged it is many machines', and none of them has anything to write to it. */
  @Test
  @Tag(DISKS)
  void aVendorsMediumIsSharedBesideTheSeedsOfMachinesAndGivenBack() throws Exception {
    if (!has("compute") || !has("disks") || !has("media") || !has("shared-media")) {
      return;
    }
    String vendors = installationMedium().sha256();
    List<MachineDefinition> two = new ArrayList<>();
    twice(() -> disks().stage(installationMedium()));
    assertThat(driver().observe(new Scope.All()).images()).contains(vendors);
    for (int i = 0; i < 2; i++) {
      Mark mark = mark();
      done(disks().create(system(mark), mib(64), null));
      done(media().put(seed(mark), new byte[65536]));
      MachineDefinition d = machine(mark, system(mark));
      two.add(d);
      twice(() -> compute().define(beside(d, seed(mark))));
      assertThat(seen(mark).medium()).isEqualTo(seed(mark).toString());
      assertThat(seen(mark).installer()).isTrue();
      assertThat(seen(mark).disks()).containsExactly(system(mark).toString());
      done(compute().start(mark));
    }
    fails(FaultKind.CONFLICT, () -> disks().unstage(vendors));

    MachineDefinition first = two.getFirst();
    twice(() -> compute().define(first));
    assertThat(seen(first.mark()).medium()).isNull();
    assertThat(seen(first.mark()).installer()).isFalse();
    assertThat(seen(first.mark()).state()).isEqualTo(Observation.State.RUNNING);
    twice(() -> media().delete(seed(first.mark())));
    fails(FaultKind.CONFLICT, () -> disks().unstage(vendors));

    MachineDefinition second = two.getLast();
    twice(() -> compute().remove(second.mark()));
    twice(() -> media().delete(seed(second.mark())));
    // Nor is it in the drive of the one that still runs.
    twice(() -> disks().unstage(vendors));
    assertThat(driver().observe(new Scope.All()).images()).doesNotContain(vendors);
    done(compute().stop(first.mark(), true));
    done(compute().start(first.mark()));
    assertThat(seen(first.mark()).state()).isEqualTo(Observation.State.RUNNING);
  }

  @Test
  void aVendorsMediumThatIsNotStagedIsAConflict() throws Exception {
    if (!has("compute") || !has("disks") || !has("media") || !has("shared-media")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    done(media().put(seed(mark), new byte[65536]));
    fails(
        FaultKind.CONFLICT,
        () -> compute().define(beside(machine(mark, system(mark)), seed(mark))));
    assertThat(exists(mark)).isFalse();
  }

  @Test
  void aVendorsMediumBootsWhileTheDiskDoesNot() throws Exception {
    if (!has("compute")
        || !has("disks")
        || !has("media")
        || !has("shared-media")
        || !has("serial-console")) {
      return;
    }
    Mark mark = mark();
    done(disks().create(system(mark), mib(64), null));
    finished(() -> disks().stage(installationMedium()));
    done(media().put(seed(mark), new byte[65536]));
    MachineDefinition beside = beside(machine(mark, system(mark)), seed(mark));
    for (Devices devices : Devices.values()) {
      done(compute().stop(mark, true));
      done(compute().define(beside.withDevices(devices)));
      done(compute().start(mark));
      try (SerialConsole.Session console = driver().serialConsole().orElseThrow().open(mark)) {
        assertThat(readUntil(console, bootedText())).contains(bootedText());
      }
    }
    // It may restart as often as it likes.
    outside().restart(mark.uid());
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
  }

  /** Larger than what a driver sends in one piece, and read while it is sent. */
  @Test
  @Tag(DISKS)
  void anInstallationMediumIsAttachedEjectedAndGone() throws Exception {
    if (!has("compute") || !has("disks") || !has("media")) {
      return;
    }
    Mark mark = mark();
    ObjectName own = new ObjectName(mark, ObjectName.INSTALLER);
    done(disks().create(system(mark), mib(64), null));
    twice(() -> media().put(own, bytes(9 << 20, 9 << 20)));
    assertThat(mediaOf(mark.uid())).containsExactly(own);
    MachineDefinition d = machine(mark, system(mark));
    twice(() -> compute().define(with(d, own)));
    assertThat(seen(mark).medium()).isEqualTo(own.toString());
    done(compute().start(mark));
    twice(() -> compute().define(with(d, null)));
    assertThat(seen(mark).medium()).isNull();
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
    twice(() -> media().delete(own));
    assertThat(mediaOf(mark.uid())).isEmpty();
  }

  @Test
  void aMediumOfItsOwnBootsWhileTheDiskDoesNot() throws Exception {
    if (!has("compute") || !has("disks") || !has("media") || !has("serial-console")) {
      return;
    }
    Mark mark = mark();
    ObjectName own = new ObjectName(mark, ObjectName.INSTALLER);
    done(disks().create(system(mark), mib(64), null));
    done(media().put(own, file(installationMedium().file())));
    done(compute().define(with(machine(mark, system(mark)), own)));
    done(compute().start(mark));
    assertThat(seen(mark).installer()).isFalse();
    try (SerialConsole.Session console = driver().serialConsole().orElseThrow().open(mark)) {
      assertThat(readUntil(console, bootedText())).contains(bootedText());
    }
  }

  // --------------------------------------------------------------------------------- transfer

  private static void same(Path read, byte[] content) throws IOException {
    byte[] found = Files.readAllBytes(read);
    assertThat(Arrays.copyOf(found, content.length)).isEqualTo(content);
    for (int i = content.length; i < found.length; i++) {
      if (found[i] != 0) {
        throw new AssertionError("there is something behind the content, at " + i);
      }
    }
  }

  @Test
  @Tag(DISKS)
  void aDiskIsWrittenAndReadBackAsItWas(@TempDir Path server) throws Exception {
    if (!has("disk-transfer") || !has("disks")) {
      return;
    }
    DiskTransfer transfer = driver().diskTransfer().orElseThrow();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    byte[] content = new byte[3 << 20];
    RANDOM.nextBytes(content);
    Arrays.fill(content, 1 << 20, 2 << 20, (byte) 0);
    Path file = Files.write(server.resolve("content"), content);
    Path back = server.resolve("back");
    fails(FaultKind.CONFLICT, () -> transfer.read(data, back));
    transfer.write(data, mib(16), file, () -> {});
    assertThat(size(data)).contains(mib(16));
    transfer.read(data, back);
    same(back, content);
    // In place of what is there, and shorter than that.
    byte[] other = Arrays.copyOf(content, 1 << 20);
    other[0]++;
    transfer.write(data, mib(16), Files.write(file, other), () -> {});
    transfer.read(data, back);
    same(back, other);
    done(disks().delete(data));
    assertThat(size(data)).isEmpty();
  }

  @Test
  @Tag(DISKS)
  void aDiskThatIsInUseIsNeitherReadNorWritten(@TempDir Path server) throws Exception {
    if (!has("disk-transfer") || !has("disks") || !has("compute")) {
      return;
    }
    DiskTransfer transfer = driver().diskTransfer().orElseThrow();
    Mark mark = mark();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    Path file = Files.write(server.resolve("content"), new byte[] {1, 2, 3});
    Path back = server.resolve("back");
    transfer.write(data, mib(16), file, () -> {});
    done(disks().create(system(mark), mib(64), null));
    done(compute().define(machine(mark, system(mark), data)));
    transfer.read(data, back);
    same(back, new byte[] {1, 2, 3});
    fails(FaultKind.CONFLICT, () -> transfer.write(data, mib(16), file, () -> {}));
    done(compute().start(mark));
    fails(FaultKind.CONFLICT, () -> transfer.read(data, back));
    done(compute().remove(mark));
  }

  @Test
  @Tag(DISKS)
  void aDiskOfAnotherInstallationIsNeitherReadNorWritten(@TempDir Path server) throws Exception {
    if (!has("disk-transfer")) {
      return;
    }
    DiskTransfer transfer = driver().diskTransfer().orElseThrow();
    ObjectName foreign =
        new ObjectName(new Mark("0f0f0f0f", UUID.randomUUID(), 1), ObjectName.DATA);
    Path file = Files.write(server.resolve("content"), new byte[] {1});
    fails(FaultKind.CONFLICT, () -> transfer.read(foreign, file));
    fails(FaultKind.CONFLICT, () -> transfer.write(foreign, mib(16), file, () -> {}));
  }

  @Test
  @Tag(DISKS)
  void whoMayNotProceedWritesNothing(@TempDir Path server) throws Exception {
    if (!has("disk-transfer") || !has("disks")) {
      return;
    }
    DiskTransfer transfer = driver().diskTransfer().orElseThrow();
    ObjectName data = new ObjectName(mark(), ObjectName.DATA);
    Path file = Files.write(server.resolve("content"), new byte[] {1, 2, 3});
    Path back = server.resolve("back");
    transfer.write(data, mib(16), file, () -> {});
    Path other = Files.write(server.resolve("other"), new byte[] {4, 5, 6});
    fails(
        FaultKind.UNREACHABLE,
        () ->
            transfer.write(
                data,
                mib(16),
                other,
                () -> {
                  throw new DriverException(FaultKind.UNREACHABLE, "No more.");
                }));
    transfer.read(data, back);
    same(back, new byte[] {1, 2, 3});
    done(disks().delete(data));
  }

  // --------------------------------------------------------------------------------------- copy

  private DiskCopy copies() {
    return driver().diskCopy().orElseThrow();
  }

  private void copied(ObjectName from, ObjectName to, ByteSize size) {
    finished(() -> copies().copy(from, to, size));
  }

  @Test
  @Tag(DISKS)
  void aCopyHasWhatTheDiskHadAndOutlivesIt(@TempDir Path server) throws Exception {
    if (!has("disk-copy") || !has("disk-transfer") || !has("disks")) {
      return;
    }
    DiskTransfer transfer = driver().diskTransfer().orElseThrow();
    ObjectName from = new ObjectName(mark(), ObjectName.DATA);
    ObjectName snapshot = new ObjectName(mark(), ObjectName.SNAPSHOT);
    byte[] content = new byte[3 << 20];
    RANDOM.nextBytes(content);
    Path file = Files.write(server.resolve("content"), content);
    fails(FaultKind.CONFLICT, () -> copies().copy(from, snapshot, mib(16)));
    assertThat(size(snapshot)).isEmpty();
    transfer.write(from, mib(16), file, () -> {});
    fails(FaultKind.REFUSED, () -> copies().copy(from, snapshot, mib(8)));
    copied(from, snapshot, mib(16));
    assertThat(size(snapshot)).contains(mib(16));
    // Done again, it leaves what is there, whatever has become of the original.
    transfer.write(from, mib(16), Files.write(file, new byte[] {1, 2, 3}), () -> {});
    copied(from, snapshot, mib(16));
    done(disks().delete(from));
    copied(from, snapshot, mib(16));
    Path back = server.resolve("back");
    transfer.read(snapshot, back);
    same(back, content);
    // A copy of the copy is larger if that is asked for.
    ObjectName second = system(mark());
    copied(snapshot, second, mib(32));
    assertThat(size(second)).contains(mib(32));
    done(disks().delete(snapshot));
    transfer.read(second, back);
    same(back, content);
    done(disks().delete(second));
    assertThat(size(snapshot)).isEmpty();
    assertThat(size(second)).isEmpty();
  }

  @Test
  @Tag(DISKS)
  void aDiskThatStartedAsAnImageIsCopiedAndNeedsTheImageNoMore() throws Exception {
    if (!has("disk-copy") || !has("disks")) {
      return;
    }
    finished(() -> disks().stage(image()));
    ObjectName from = system(mark());
    ObjectName snapshot = new ObjectName(mark(), ObjectName.SNAPSHOT);
    ByteSize size = larger();
    finished(() -> disks().create(from, size, image().sha256()));
    copied(from, snapshot, size);
    assertThat(size(snapshot)).contains(size);
    done(disks().delete(from));
    done(disks().unstage(image().sha256()));
    done(disks().delete(snapshot));
  }

  @Test
  @Tag(DISKS)
  void aDiskThatAMachineRunsWithIsNotCopied() throws Exception {
    if (!has("disk-copy") || !has("disks") || !has("compute")) {
      return;
    }
    Mark mark = mark();
    ObjectName snapshot = new ObjectName(mark(), ObjectName.SNAPSHOT);
    done(disks().create(system(mark), mib(64), null));
    done(compute().define(machine(mark, system(mark))));
    done(compute().start(mark));
    fails(FaultKind.CONFLICT, () -> copies().copy(system(mark), snapshot, mib(64)));
    assertThat(size(snapshot)).isEmpty();
    done(compute().stop(mark, true));
    copied(system(mark), snapshot, mib(64));
    done(compute().remove(mark));
    done(disks().delete(snapshot));
    done(disks().delete(system(mark)));
  }

  @Test
  @Tag(DISKS)
  void aDiskOfAnotherInstallationIsNotCopied() {
    if (!has("disk-copy")) {
      return;
    }
    ObjectName foreign =
        new ObjectName(new Mark("0f0f0f0f", UUID.randomUUID(), 1), ObjectName.SYSTEM);
    ObjectName own = new ObjectName(mark(), ObjectName.SNAPSHOT);
    fails(FaultKind.CONFLICT, () -> copies().copy(foreign, own, mib(16)));
    fails(FaultKind.CONFLICT, () -> copies().copy(own, foreign, mib(16)));
  }

  // --------------------------------------------------------------------- console, agent, events

  @Test
  void theConsoleIsReadAndWritten() throws Exception {
    if (!has("serial-console") || !has("compute")) {
      return;
    }
    Mark mark = bootable().mark();
    SerialConsole consoles = driver().serialConsole().orElseThrow();
    fails(FaultKind.CONFLICT, () -> consoles.open(mark));
    fails(FaultKind.CONFLICT, () -> consoles.open(mark()));
    done(compute().start(mark));
    try (SerialConsole.Session session = consoles.open(mark)) {
      assertThat(within(() -> readUntil(session, bootedText()))).contains(bootedText());
      byte[] typed = "echo typed\r".getBytes(StandardCharsets.US_ASCII);
      session.write(typed, typed.length);
      assertThat(within(() -> readUntil(session, "typed"))).contains("typed");
    }
  }

  @Test
  void aScreenIsOfAMachineThatRuns() throws Exception {
    if (!has("screen") || !has("compute") || !has("disks")) {
      return;
    }
    Screen screens = driver().screen().orElseThrow();
    Mark mark = bootable().mark();
    fails(FaultKind.CONFLICT, () -> screens.ticket(mark));
    fails(FaultKind.CONFLICT, () -> screens.ticket(mark()));
    done(compute().start(mark));
    if (screensOpen()) {
      Screen.Ticket ticket = screens.ticket(mark);
      assertThat(ticket.url().getScheme()).isEqualTo("wss");
      assertThat(screens.ticket(mark)).isNotEqualTo(ticket);
      // What opens it does not get into a log with it.
      assertThat(ticket.toString()).doesNotContain(ticket.url().getPath());
    }
    done(compute().stop(mark, true));
    fails(FaultKind.CONFLICT, () -> screens.ticket(mark));
  }

  @Test
  void aScreenIsPassedOn() throws Exception {
    if (!has("vnc") || !has("compute") || !has("disks")) {
      return;
    }
    Vnc screens = driver().vnc().orElseThrow();
    Mark mark = bootable().mark();
    fails(FaultKind.CONFLICT, () -> screens.open(mark));
    fails(FaultKind.CONFLICT, () -> screens.open(mark()));
    done(compute().start(mark));
    try (SerialConsole.Session first = screens.open(mark);
        SerialConsole.Session second = screens.open(mark)) {
      for (SerialConsole.Session session : List.of(first, second)) {
        assertThat(within(() -> readUntil(session, "RFB 003.008\n"))).isEqualTo("RFB 003.008\n");
      }
      first.close();
      byte[] buffer = new byte[64];
      assertThat(within(() -> first.read(buffer))).isEqualTo(-1);
      byte[] version = "RFB 003.008\n".getBytes(StandardCharsets.US_ASCII);
      second.write(version, version.length);
      assertThat(within(() -> second.read(buffer))).as("what can be spoken").isPositive();
      done(compute().stop(mark, true));
      assertThat(
              within(() -> {
                int n = second.read(buffer);
                while (n > 0) {
                  n = second.read(buffer);
                }
                return n;
              }))
          .as("it ends with its machine")
          .isEqualTo(-1);
    }
    fails(FaultKind.CONFLICT, () -> screens.open(mark));
  }

  @Test
  void aConsoleIsTakenOverClosedAndEndsWithItsMachine() throws Exception {
    if (!has("serial-console") || !has("compute")) {
      return;
    }
    Mark mark = running().mark();
    SerialConsole consoles = driver().serialConsole().orElseThrow();
    SerialConsole.Session first = consoles.open(mark);
    CompletableFuture<Integer> cutOff = drain(first);
    SerialConsole.Session second = consoles.open(mark);
    assertThat(cutOff.get(20, TimeUnit.SECONDS)).isEqualTo(-1);
    first.close();

    CompletableFuture<Integer> closed = drain(second);
    second.close();
    assertThat(closed.get(20, TimeUnit.SECONDS)).isEqualTo(-1);

    SerialConsole.Session third = consoles.open(mark);
    CompletableFuture<Integer> stopped = drain(third);
    done(compute().stop(mark, true));
    assertThat(stopped.get(20, TimeUnit.SECONDS)).isEqualTo(-1);
    third.close();
    third.close();
  }

  /** Reads to the end, in another thread. */
  private static CompletableFuture<Integer> drain(SerialConsole.Session session) {
    CompletableFuture<Integer> out = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            int n = 0;
            while (n >= 0) {
              n = session.read(new byte[4096]);
            }
            out.complete(n);
          } catch (IOException | RuntimeException e) {
            out.completeExceptionally(e);
          }
        });
    return out;
  }

  private <T> T within(Callable<T> work) throws Exception {
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<T> result = executor.submit(work);
      try {
        return result.get(patience().toSeconds(), TimeUnit.SECONDS);
      } finally {
        result.cancel(true);
      }
    }
  }

  @Test
  void aGuestThatDoesNotRunHasNoAgent() throws Exception {
    if (!has("guest-agent") || !has("compute")) {
      return;
    }
    GuestAgent agents = driver().guestAgent().orElseThrow();
    assertThat(agents.ask(mark())).isEmpty();
    assertThat(agents.ask(bootable().mark())).isEmpty();
  }

  @Test
  void askingTheAgentTakesSeconds() throws Exception {
    if (!has("guest-agent") || !has("compute")) {
      return;
    }
    Mark mark = running().mark();
    Instant before = Instant.now();
    var _ = driver().guestAgent().orElseThrow().ask(mark);
    assertThat(Duration.between(before, Instant.now())).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void commandsRunInGuestsWhoseAgentAnswers() throws Exception {
    if (!has("guest-commands") || !has("compute")) {
      return;
    }
    GuestCommands commands = driver().guestCommands().orElseThrow();
    Mark runs = running().mark();
    for (Mark off : List.of(mark(), bootable().mark())) {
      fails(FaultKind.CONFLICT, () -> commands.begin(off, List.of("/bin/true")));
      fails(FaultKind.CONFLICT, () -> commands.ended(off, 1));
    }
    if (driver().guestAgent().orElseThrow().ask(runs).isEmpty()) {
      fails(FaultKind.CONFLICT, () -> commands.begin(runs, List.of("/bin/true")));
      fails(FaultKind.CONFLICT, () -> commands.ended(runs, 1));
      return;
    }
    long begun = commands.begin(runs, List.of("/bin/true"));
    GuestCommands.Ended end =
        await()
            .atMost(patience())
            .until(() -> commands.ended(runs, begun).orElse(null), e -> e != null);
    assertThat(end).isEqualTo(new GuestCommands.Ended(0, ""));
    fails(FaultKind.CONFLICT, () -> commands.ended(runs, begun));
    fails(FaultKind.REFUSED, () -> commands.begin(runs, List.of("no/such/program")));
  }

  @Test
  void whatMachinesUseIsToldOfThoseThatRun() throws Exception {
    if (!has("metrics") || !has("compute")) {
      return;
    }
    Mark runs = running().mark();
    Mark off = bootable().mark();
    Metrics metrics = driver().metrics().orElseThrow();
    Set<UUID> asked = Set.of(runs.uid(), off.uid(), UUID.randomUUID());
    Usage first =
        await()
            .atMost(patience())
            .until(
                () -> metrics.usage(asked).stream().findFirst().orElse(null),
                u -> u != null && u.cpu() != null && u.memory() != null);
    assertThat(metrics.usage(asked)).extracting(Usage::machine).containsOnly(runs.uid());
    assertThat(metrics.usage(Set.of())).as("nobody else's").isEmpty();
    assertThat(first.memory()).isNotNull().isGreaterThan(mib(0));
    List<Optional<Usage.Flow>> now = flows(first);
    List<Optional<Usage.Flow>> later = flows(metrics.usage(asked).getFirst());
    for (int i = 0; i < now.size(); i++) {
      String what = FLOWS.get(i);
      switch (now.get(i).orElseThrow(() -> new AssertionError(what + " is not told"))) {
        case Usage.Flow.Measured(double perSecond) ->
            assertThat(perSecond).as(what).isNotNegative();
        case Usage.Flow.Counted(long total) ->
            assertThat(later.get(i))
                .as(what)
                .hasValueSatisfying(flow ->
                    assertThat(((Usage.Flow.Counted) flow).total()).isGreaterThanOrEqualTo(total));
      }
    }
    driver().close();
    fails(FaultKind.UNREACHABLE, () -> metrics.usage(asked));
  }

  private static final List<String> FLOWS = List.of("cpu", "read", "written", "received", "sent");

  private static List<Optional<Usage.Flow>> flows(Usage usage) {
    return List.of(
        Optional.ofNullable(usage.cpu()),
        Optional.ofNullable(usage.diskRead()),
        Optional.ofNullable(usage.diskWritten()),
        Optional.ofNullable(usage.received()),
        Optional.ofNullable(usage.sent()));
  }

  @Test
  void eventsTellOfChanges() throws Exception {
    if (!has("lifecycle-events") || !has("compute")) {
      return;
    }
    BlockingQueue<UUID> told = new LinkedBlockingQueue<>();
    LifecycleEvents events = driver().lifecycleEvents().orElseThrow();
    events.subscribe(told::add);
    assertThat(driver().observe(new Scope.All()).complete()).isTrue();
    // What is there when listening begins is not told, and when that is nobody is told either.
    await()
        .atMost(patience())
        .pollInterval(Duration.ofSeconds(1))
        .until(() -> {
          done(compute().define(machine(mark())));
          return !told.isEmpty();
        });
    MachineDefinition d = bootable();
    awaitTold(told, d.mark());
    done(compute().start(d.mark()));
    awaitTold(told, d.mark());
    done(compute().stop(d.mark(), true));
    awaitTold(told, d.mark());
    done(compute().remove(d.mark()));
    awaitTold(told, d.mark());
    UUID foreign = foreignMachine("events-" + d.mark().uid());
    awaitTold(told, new Mark(installation, foreign, 1));
  }

  private void awaitTold(BlockingQueue<UUID> told, Mark mark) {
    await().atMost(patience()).until(() -> mark.uid().equals(told.poll()));
    told.clear();
  }

  // ------------------------------------------------------------------------ threads and closing

  @Test
  @Tag(DISKS)
  void severalThreadsDoTheSame() throws Exception {
    if (!has("compute") || !has("disks")) {
      return;
    }
    Mark mark = mark();
    MachineDefinition d = machine(mark, system(mark));
    try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
      List<Callable<Void>> work = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        work.add(() -> {
          done(disks().create(system(mark), mib(64), null));
          done(compute().define(d));
          assertThat(seen(mark).mark()).isEqualTo(mark);
          return null;
        });
      }
      for (Future<Void> result : executor.invokeAll(work)) {
        var _ = result.get();
      }
    }
    assertThat(driver().observe(new Scope.All()).disks()).hasSize(1);
  }

  @Test
  void anInterruptedCallEndsSoonAndTheDriverGoesOn() throws Exception {
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          Thread.currentThread().interrupt();
          try {
            var _ = driver().observe(new Scope.All());
            interrupted.complete(true);
          } catch (DriverException e) {
            interrupted.complete(e.kind() == FaultKind.UNREACHABLE);
          } catch (RuntimeException e) {
            interrupted.completeExceptionally(e);
          }
        });
    assertThat(interrupted.get(10, TimeUnit.SECONDS)).isTrue();
    assertThat(driver().observe(new Scope.All()).complete()).isTrue();
  }

  @Test
  void closingEndsWhatIsInUse() throws Exception {
    if (!has("serial-console") || !has("compute")) {
      return;
    }
    Mark mark = running().mark();
    HypervisorDriver second = connectAs(installation);
    SerialConsole.Session session = second.serialConsole().orElseThrow().open(mark);
    CompletableFuture<Integer> read = drain(session);
    second.close();
    assertThat(read.get(20, TimeUnit.SECONDS)).isEqualTo(-1);
    fails(FaultKind.UNREACHABLE, () -> second.observe(new Scope.All()));
    fails(FaultKind.UNREACHABLE, () -> compute(second).stop(mark, true));
    second.close();
    assertThat(seen(mark).state()).isEqualTo(Observation.State.RUNNING);
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.Compute;
import io.millwright.driver.DirectBoot;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HotPlug;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.image.InstallationMedium;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.machine.InstallSpecs;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.MachineGoals;
import io.millwright.engine.machine.Objections;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.CloudInit;
import io.millwright.images.InstallSpec;
import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Resource;
import io.millwright.model.Violation;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Does the steps of a machine's plan, each by one call of one driver. */
final class MachineActs {
  /** How long a guest may take to shut down before its power is cut. */
  private static final Duration GRACE = Duration.ofSeconds(60);

  private final Outside outside;
  private final ImageFiles files;
  private final FirstBootDoor door;
  private final SecretBox secrets;
  private final Disposal disposal;
  private final Carriage carriage;
  private final MediumSending sending;

  MachineActs(
      Outside outside,
      ImageFiles files,
      FirstBootDoor door,
      SecretBox secrets,
      Disposal disposal,
      Carriage carriage,
      InstantSource clock) {
    this.sending = new MediumSending(clock);
    this.secrets = secrets;
    this.outside = outside;
    this.files = files;
    this.door = door;
    this.disposal = disposal;
    this.carriage = carriage;
  }

  /** Removes what a server that died while it carried this machine's volumes has left. */
  void forget(ResolvedMachine machine) {
    machine.volumes().forEach(v -> carriage.forget(v.uid()));
  }

  /** Does the step that a run has begun. */
  Outcome act(Run run, Step step, ResolvedMachine machine, String installation)
      throws DriverException {
    boolean stops =
        step instanceof Step.Stop
            || (step instanceof Step.There there && there.act() instanceof Step.Stop);
    if (stops && run.redefines()) {
      checkDefinition(machine, installation);
    }
    if (step instanceof Step.PutMedium put) {
      return putMedium(run, machine, put.medium());
    }
    return act(step, machine, installation, run.operation().createdAt(), run.begunFor());
  }

  /**
   * Does a step.
   *
   * @param asked when the operation was asked for; from then on its links count their days
   * @param begun how long ago it was begun first
   */
  Outcome act(
      Step step, ResolvedMachine machine, String installation, Instant asked, Duration begun)
      throws DriverException {
    Mark mark = MachineGoals.mark(machine.machine(), installation);
    return switch (step) {
      case Step.There s -> act(s.act(), machine.there(), installation, asked, begun);
      case Step.CarryVolume s -> carriage.carry(machine, s);
      case Step.DeleteCopy s -> disposal.delete(machine.hypervisor(), name(s.disk()));
      case Step.StageImage s -> stage(machine, s.sha256());
      case Step.CreateDisk s -> disks(machine, d -> d.create(name(s.disk()), s.size(), s.sha256()));
      case Step.CopyDisk s ->
          copy(outside, machine.hypervisor(), s.from(), name(s.disk()), s.size());
      case Step.GrowDisk s -> disks(machine, d -> d.grow(name(s.disk()), s.size()));
      case Step.Publish s -> publish(machine, s.network());
      case Step.Withdraw s -> withdraw(machine, s.network());
      case Step.PutSeed s -> putSeed(machine, s.medium(), asked);
      case Step.PutMedium _ ->
          throw new IllegalStateException("a medium is sent for an operation alone");
      case Step.Define s -> compute(machine, c -> c.define(definition(machine, mark, s.medium())));
      case Step.Eject _ -> compute(machine, c -> c.define(definition(machine, mark, null)));
      case Step.Start _ -> compute(machine, c -> c.start(mark));
      case Step.AttachDisk s -> attach(machine, mark, s.disk());
      case Step.DetachDisk s -> hotPlug(machine, p -> p.detach(mark, s.disk()));
      case Step.Stop _ -> compute(machine, c -> c.stop(mark, begun.compareTo(GRACE) > 0));
      case Step.Reset _ -> compute(machine, c -> c.reset(mark));
      case Step.Remove _ -> compute(machine, c -> c.remove(mark));
      case Step.DeleteSeed s -> media(machine, m -> m.delete(name(s.medium())));
      case Step.DeleteDisk s ->
          disposal.delete(machine.hypervisor(), systemDisk(s.disk(), machine.uid()));
      case Step.PutInstaller s -> putInstaller(machine, s, asked);
      case Step.DefineInstaller s ->
          compute(machine, c -> c.define(withInstaller(machine, mark, s.seed(), asked)));
      case Step.StartInstaller _ -> compute(machine, c -> c.start(mark));
      case Step.DeleteBootFile s -> directBoot(machine, b -> b.delete(name(s.file())));
      case Step.TakeOver _ -> imports(machine, i -> i.take(imported(machine, installation)));
      case Step.Release _ -> imports(machine, i -> i.release(imported(machine, installation)));
      case Step.AwaitReady _,
          Step.MountVolume _,
          Step.AwaitInstalled _,
          Step.CreateVolume _,
          Step.GrowVolume _,
          Step.QuarantineVolume _,
          Step.RestoreVolume _,
          Step.FetchImage _,
          Step.BuildImage _,
          Step.InstallImage _,
          Step.ReadImage _,
          Step.CheckImage _,
          Step.RemoveTrial _,
          Step.SetMember _,
          Step.RemoveMember _,
          Step.Forget _ ->
          throw new IllegalStateException(step.key() + " is no act on a machine");
    };
  }

  private static Mark imported(ResolvedMachine machine, String installation) {
    return Mark.imported(installation, machine.uid());
  }

  private Outcome imports(ResolvedMachine machine, Outside.Act<Import, Outcome> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(),
        d -> act.on(facet(d, HypervisorDriver::imports, "cannot take over machines")));
  }

  /** A disk that a machine's plan deletes: a system disk, and this machine's own. */
  static ObjectName systemDisk(String disk, UUID owner) throws DriverException {
    ObjectName name = name(disk);
    if (!name.ofSystem() || !name.mark().uid().equals(owner)) {
      throw new DriverException(FaultKind.BUG, disk + " is no system disk of this machine");
    }
    return name;
  }

  private static ObjectName name(String text) {
    return ObjectName.parse(text)
        .orElseThrow(() -> new IllegalStateException(text + " is no name of ours"));
  }

  private Outcome stage(ResolvedMachine machine, String sha256) throws DriverException {
    Disks.Image image = files.open(sha256, machine.image());
    return disks(machine, d -> d.stage(image));
  }

  /**
   * Refuses to stop a machine for a definition that it can never be given.
   *
   * @throws DriverException as the definition would
   */
  void checkDefinition(ResolvedMachine machine, String installation) throws DriverException {
    MachineDefinition wanted =
        definition(machine, MachineGoals.mark(machine.machine(), installation), null);
    compute(
        machine,
        c -> {
          c.check(wanted);
          return Outcome.DONE;
        });
  }

  private Outcome publish(ResolvedMachine machine, String network) throws DriverException {
    Records records =
        Objects.requireNonNull(
            MachineGoals.records(machine).get(network), "what is published was planned");
    return outside.callServices(network(machine, network), s -> s.publish(records));
  }

  private Outcome withdraw(ResolvedMachine machine, String network) throws DriverException {
    return outside.callServices(network(machine, network), s -> s.withdraw(machine.uid()));
  }

  private static Resource<NetworkSpec, NetworkStatus> network(
      ResolvedMachine machine, String name) {
    return Objects.requireNonNull(machine.networks().get(name), "a planned network is known");
  }

  /** What speaks against the system that is to be made of it; without any effect. */
  List<Violation> objections(ResolvedMachine machine, Instant asked) {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    return Objections.to(machine, door.links(disk, asked), secrets);
  }

  private Outcome putSeed(ResolvedMachine machine, String medium, Instant asked)
      throws DriverException {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    InstallSpec spec = InstallSpecs.of(machine, disk, door.links(disk, asked), secrets);
    byte[] iso = CloudInit.ofClone(machine.image().spec().os()).render(spec).iso();
    return media(machine, m -> m.put(name(medium), iso));
  }

  private Answers.Way answers(ResolvedMachine machine, Instant asked) throws DriverException {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    return Installers.answers(machine, disk, door.links(disk, asked), secrets);
  }

  private InstallationMedium medium(ResolvedMachine machine) throws DriverException {
    return InstallationMedium.open(
        files.open(mediumOf(machine), machine.image()).file(),
        family(machine),
        machine.image().spec().version());
  }

  private static Catalogue.Family family(ResolvedMachine machine) throws DriverException {
    String os = machine.image().spec().os();
    Catalogue.Family family = Catalogue.inForce().families().get(os);
    if (family == null) {
      throw new DriverException(FaultKind.REFUSED, "an installer of " + os + " is unknown");
    }
    return family;
  }

  private static String mediumOf(ResolvedMachine machine) {
    return Objects.requireNonNull(
        machine.machine().status().imageSha256(), "its medium is known before it is installed");
  }

  /** By the first boot's report alone is known that an installation by a medium has ended. */
  private void requireDoor() throws DriverException {
    if (!door.open()) {
      throw new DriverException(
          FaultKind.REFUSED,
          "this server has no address at which a machine could report that it is installed; start"
              + " it with one that guests reach");
    }
  }

  /**
   * However long it takes: it is as large as the vendor's, and a call has a minute. The look that
   * sends it lasts as long, so it is this node that has the operation, and no other one sends it.
   */
  private Outcome putMedium(Run run, ResolvedMachine machine, String medium)
      throws DriverException {
    requireDoor();
    return sending.send(
        run,
        machine.hypervisor(),
        sender -> {
          Answers.Way way = answers(machine, run.operation().createdAt());
          try (InstallationMedium vendors = medium(machine)) {
            return sender.send(
                vendors.ownFile(way),
                own ->
                    outside.callUnhurried(
                        machine.hypervisor(), d -> drives(d).put(name(medium), own)));
          }
        });
  }

  private Outcome putInstaller(ResolvedMachine machine, Step.PutInstaller step, Instant asked)
      throws DriverException {
    List<String> names = step.files();
    if (names.isEmpty()) {
      requireDoor();
    }
    Answers.Way way = answers(machine, asked);
    String medium = step.seed();
    if (medium != null && way.seed() != null) {
      byte[] seed = way.seed().iso();
      Outcome put = media(machine, m -> m.put(name(medium), seed));
      if (!(put instanceof Outcome.Done)) {
        return put;
      }
    }
    if (names.isEmpty()) {
      return Outcome.DONE;
    }
    try (InstallationMedium vendors = medium(machine)) {
      Outcome kernel = directBoot(machine, b -> b.put(name(names.getFirst()), vendors.kernel()));
      return kernel instanceof Outcome.Done
          ? directBoot(machine, b -> b.put(name(names.getLast()), vendors.initrd(way.initrd())))
          : kernel;
    }
  }

  /** With its system disk alone: an installer cannot overwrite what is not there. */
  private MachineDefinition withInstaller(
      ResolvedMachine machine, Mark mark, @Nullable String seed, Instant asked)
      throws DriverException {
    MachineDefinition d = definition(machine, mark, null);
    Installers.Start start = Installers.start(machine);
    MachineDefinition.Kernel kernel =
        start != null && start.byKernel()
            ? kernel(machine, d.disks().getFirst().name(), asked)
            : null;
    return d.with(b ->
        b.disks(List.of(d.disks().getFirst()))
            .medium(seed)
            .installer(new MachineDefinition.Installer(mediumOf(machine), kernel)));
  }

  private MachineDefinition.Kernel kernel(ResolvedMachine machine, String disk, Instant asked)
      throws DriverException {
    List<String> names = MachineGoals.bootFileNames(disk);
    try (InstallationMedium medium = medium(machine)) {
      return new MachineDefinition.Kernel(
          names.getFirst(),
          names.getLast(),
          medium.commandLine(
              Installers.kernelArguments(
                  answers(machine, asked), family(machine), machine.image().spec().version())));
    }
  }

  static MachineDefinition definition(ResolvedMachine machine, Mark mark, @Nullable String medium)
      throws DriverException {
    List<MachineDefinition.Disk> disks = new ArrayList<>();
    disks.add(
        new MachineDefinition.Disk(
            Objects.requireNonNull(machine.machine().status().disk()), Installers.SYSTEM_SERIAL));
    boolean alone = MachineGoals.goal(machine, mark.installation()).alone();
    for (var volume : machine.volumes()) {
      if (alone) {
        break;
      }
      disks.add(
          new MachineDefinition.Disk(
              Objects.requireNonNull(machine.disk(volume)),
              Objects.requireNonNull(volume.status().serial())));
    }
    List<MachineDefinition.Nic> nics = machine.nics();
    for (int i = 0; i < nics.size(); i++) {
      if (nics.get(i).bridge() == null && nics.get(i).network() == null) {
        throw new DriverException(
            FaultKind.REFUSED,
            "network "
                + machine.machine().spec().namedNics().get(i).network()
                + " is not attached to "
                + machine.hypervisor().title());
      }
    }
    return new MachineDefinition(
        mark,
        machine.machine().name() + "-" + Ids.brief(machine.uid()),
        machine.size().cores(),
        machine.size().memory(),
        Objects.requireNonNullElse(
            machine.machine().status().firmware(), machine.machine().spec().firmware()),
        machine.devices(),
        machine.guest(),
        disks,
        nics,
        medium,
        null);
  }

  /** Copies a disk on its hypervisor. */
  static Outcome copy(
      Outside outside,
      Resource<HypervisorSpec, HypervisorStatus> hypervisor,
      String from,
      ObjectName to,
      ByteSize size)
      throws DriverException {
    ObjectName source = name(from);
    return outside.call(
        hypervisor,
        d -> facet(d, HypervisorDriver::diskCopy, "cannot copy disks").copy(source, to, size));
  }

  // --- facets ------------------------------------------------------------------------------

  private Outcome attach(ResolvedMachine machine, Mark mark, String disk) throws DriverException {
    MachineDefinition.Disk wanted =
        definition(machine, mark, null).disks().stream()
            .filter(d -> d.name().equals(disk))
            .findFirst()
            .orElseThrow(() -> new IllegalStateException(disk + " was planned for this machine"));
    return hotPlug(machine, p -> p.attach(mark, wanted));
  }

  private Outcome hotPlug(ResolvedMachine machine, Outside.Act<HotPlug, Outcome> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(),
        d ->
            act.on(
                facet(
                    d,
                    HypervisorDriver::hotPlug,
                    "cannot give disks to running machines, or take them away")));
  }

  private Outcome compute(ResolvedMachine machine, Outside.Act<Compute, Outcome> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(),
        d -> act.on(facet(d, HypervisorDriver::compute, "cannot run virtual machines")));
  }

  private Outcome disks(ResolvedMachine machine, Outside.Act<Disks, Outcome> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(), d -> act.on(facet(d, HypervisorDriver::disks, "cannot make disks")));
  }

  private Outcome media(ResolvedMachine machine, Outside.Act<Media, Outcome> act)
      throws DriverException {
    return outside.call(machine.hypervisor(), d -> act.on(drives(d)));
  }

  private static Media drives(HypervisorDriver driver) throws DriverException {
    return facet(driver, HypervisorDriver::media, "cannot attach first-boot media");
  }

  private Outcome directBoot(ResolvedMachine machine, Outside.Act<DirectBoot, Outcome> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(),
        d -> act.on(facet(d, HypervisorDriver::directBoot, "cannot start an installer")));
  }

  static <F> F facet(
      HypervisorDriver driver,
      java.util.function.Function<HypervisorDriver, Optional<F>> which,
      String lack)
      throws DriverException {
    Optional<F> facet = which.apply(driver);
    if (facet.isEmpty()) {
      throw new DriverException(FaultKind.UNSUPPORTED, "this hypervisor " + lack);
    }
    return facet.get();
  }
}

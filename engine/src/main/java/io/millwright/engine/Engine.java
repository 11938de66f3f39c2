package io.millwright.engine;

import io.millwright.engine.access.Access;
import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.access.Accounts;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.machine.Isos;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Drift;
import io.millwright.engine.reconcile.GroupReconciler;
import io.millwright.engine.reconcile.HypervisorReconciler;
import io.millwright.engine.reconcile.ImageReconciler;
import io.millwright.engine.reconcile.Invariants;
import io.millwright.engine.reconcile.MachineReconciler;
import io.millwright.engine.reconcile.NetworkReconciler;
import io.millwright.engine.reconcile.PoolReconciler;
import io.millwright.engine.reconcile.Reconcilers;
import io.millwright.engine.reconcile.SnapshotReconciler;
import io.millwright.engine.reconcile.SourceReconciler;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.engine.reconcile.VolumeReconciler;
import io.millwright.engine.request.Admission;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Approving;
import io.millwright.engine.request.Builds;
import io.millwright.engine.request.Cancel;
import io.millwright.engine.request.Consoles;
import io.millwright.engine.request.Delete;
import io.millwright.engine.request.Expire;
import io.millwright.engine.request.ForeignMachines;
import io.millwright.engine.request.Imports;
import io.millwright.engine.request.MachineImport;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Pools;
import io.millwright.engine.request.PowerSwitch;
import io.millwright.engine.request.Preview;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Restore;
import io.millwright.engine.request.Rollouts;
import io.millwright.engine.request.Snapshots;
import io.millwright.engine.request.Sources;
import io.millwright.engine.watch.Watch;
import io.millwright.engine.watch.Webhooks;
import io.millwright.model.Ip;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

/** The engine's parts, put together by hand; reading the constructor tells who needs whom. */
public final class Engine implements AutoCloseable {
  /** How soon a watcher hears of what another node did. */
  private static final Duration WATCH = Duration.ofMillis(200);

  private final Outside outside;
  private final Apply apply;
  private final Delete delete;
  private final Expire expire;
  private final Restore restore;
  private final Rebuild rebuild;
  private final Move move;
  private final Snapshots snapshots;
  private final Rollouts rollouts;
  private final Approving approving;
  private final Pools pools;
  private final Builds builds;
  private final Sources sources;
  private final Sweep sweep;
  private final Drift drift;
  private final Invariants invariants;
  private final PowerSwitch power;
  private final Cancel cancel;
  private final AccessTokens tokens;
  private final Access access;
  private final Consoles consoles;
  private final Watch watch;
  private final Isos isos;
  private final Imports imports;
  private final MachineImport machineImport;
  private final ForeignMachines foreignMachines;
  private final FirstBootDoor door;
  private final GroupReconciler groups;
  private final Webhooks webhooks;
  private final Reconcilers reconcilers;

  /**
   * How one installation differs from another.
   *
   * @param doors under which guests reach this server, such as {@code http://10.0.0.1:7071}
   * @param round between two looks at a whole hypervisor or network
   * @param places from where sources may be read; webhooks lead as far as its reach does
   * @param carriers what has a thread for each volume that is carried to another hypervisor
   * @param reached where the addresses of machines are reached from here: as they are, but where
   *     something else stands in for the machines
   * @param ticks nanoseconds of a clock that nobody sets, as {@link System#nanoTime}
   */
  public record Settings(
      List<URI> doors,
      Duration round,
      SourcePlaces places,
      Executor carriers,
      UnaryOperator<Ip> reached,
      LongSupplier ticks) {
    /** Those of a server in service. */
    public static Settings of(List<URI> doors, SourcePlaces places) {
      return new Settings(
          doors,
          HypervisorReconciler.ROUND,
          places,
          Engine::carrying,
          UnaryOperator.identity(),
          System::nanoTime);
    }
  }

  public Engine(
      Store store,
      Drivers drivers,
      SecretBox secrets,
      ImageFiles images,
      InstantSource clock,
      Settings settings) {
    Duration round = settings.round();
    SourcePlaces places = settings.places();
    String installation = store.read(Tx::installation);
    Admission admission = new Admission(drivers, secrets, places);
    outside = new Outside(drivers, secrets, places, installation, clock, this::heard);
    Preview preview = new Preview(store, outside, installation);
    apply = new Apply(store, admission, preview, clock);
    rebuild = new Rebuild(admission, preview, secrets, clock);
    sources = new Sources(store, secrets);
    move = new Move(admission, preview, clock);
    snapshots = new Snapshots(preview, secrets, clock);
    restore = new Restore(store, clock);
    approving = new Approving(store, apply, rebuild, snapshots, restore, secrets, clock);
    rollouts = new Rollouts(store, apply, clock);
    pools = new Pools(apply, clock);
    builds = new Builds(clock);
    delete = new Delete(store, clock);
    expire = new Expire(delete, clock);
    sweep = new Sweep(store, outside, restore, clock);
    drift = new Drift(store, outside);
    invariants = new Invariants(store, outside, secrets, clock);
    power = new PowerSwitch(store, clock);
    cancel = new Cancel(store);
    tokens = new AccessTokens(store, clock);
    access = new Access(new Accounts(store, clock), new SignIn(store, clock));
    consoles = new Consoles(store, outside);
    watch = new Watch(store, WATCH);
    isos = new Isos(store, images, secrets);
    imports = new Imports(images);
    machineImport = new MachineImport(store, outside, apply);
    foreignMachines = new ForeignMachines(store, outside, clock);
    door = new FirstBootDoor(store, secrets, clock, settings.doors());
    webhooks = new Webhooks(store, watch, secrets, places.reach(), clock);
    groups =
        new GroupReconciler(
            store, outside, apply, delete, rebuild, clock, round, settings.reached());
    reconcilers =
        new Reconcilers(
            store,
            clock,
            settings.ticks(),
            new MachineReconciler(
                store, outside, images, door, secrets, rebuild, settings.carriers(), clock),
            new HypervisorReconciler(store, outside, clock, round),
            new ImageReconciler(store, drivers, outside, images, apply, delete, builds, clock),
            new VolumeReconciler(store, outside, clock),
            new SnapshotReconciler(store, outside, clock),
            new NetworkReconciler(store, outside, clock, round),
            groups,
            new PoolReconciler(store, apply, delete, clock, round),
            new SourceReconciler(store, outside, admission, apply, approving, delete, clock),
            expire,
            approving,
            webhooks);
  }

  /** A thread for each volume, for it may last hours. */
  private static void carrying(Runnable load) {
    Thread.ofPlatform().daemon().name("carries a volume").start(load);
  }

  /** Drivers are opened by reconcilers, so there are some before the first event. */
  private void heard(UUID machine) {
    reconcilers.heard(machine);
  }

  public Apply apply() {
    return apply;
  }

  public Delete delete() {
    return delete;
  }

  public Expire expire() {
    return expire;
  }

  public Restore restore() {
    return restore;
  }

  public Rebuild rebuild() {
    return rebuild;
  }

  public Move move() {
    return move;
  }

  public Snapshots snapshots() {
    return snapshots;
  }

  public Rollouts rollouts() {
    return rollouts;
  }

  public Approving approving() {
    return approving;
  }

  public Pools pools() {
    return pools;
  }

  public Builds builds() {
    return builds;
  }

  public Sources sources() {
    return sources;
  }

  public Drift drift() {
    return drift;
  }

  public Invariants invariants() {
    return invariants;
  }

  public Sweep sweep() {
    return sweep;
  }

  public PowerSwitch power() {
    return power;
  }

  public Cancel cancel() {
    return cancel;
  }

  public AccessTokens tokens() {
    return tokens;
  }

  public Access access() {
    return access;
  }

  public Consoles consoles() {
    return consoles;
  }

  public Watch watch() {
    return watch;
  }

  public Isos isos() {
    return isos;
  }

  public MachineImport machineImport() {
    return machineImport;
  }

  public ForeignMachines foreignMachines() {
    return foreignMachines;
  }

  public Imports imports() {
    return imports;
  }

  public FirstBootDoor door() {
    return door;
  }

  public Webhooks webhooks() {
    return webhooks;
  }

  public Reconcilers reconcilers() {
    return reconcilers;
  }

  /** Ends watching and closes the drivers; work must have ended before. */
  @Override
  public void close() {
    webhooks.close();
    watch.close();
    groups.close();
    outside.close();
  }
}

package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.VolumeStatus;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether a disk on a hypervisor may be deleted for ever, and is the only one who deletes.
 *
 * <p>It believes nobody who asks: what the disk belongs to is read from the database at the moment
 * of its deletion. Without a reason to delete, the disk stays.
 */
final class Disposal {
  private final Store store;
  private final Outside outside;
  private final InstantSource clock;

  Disposal(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
  }

  /** To whom a disk belongs, by the uid in its name. */
  sealed interface Owner {
    /** No resource, and none that was deleted, has this uid. */
    record Unknown() implements Owner {}

    /** A resource that was deleted. */
    record Gone() implements Owner {}

    /**
     * A machine that is declared.
     *
     * @param disk that it has or is about to get
     * @param up true if the system on that disk was found ready
     * @param going true if the machine's deletion was asked for
     * @param undoing true if what its operation had begun is being taken away
     */
    record Machine(@Nullable String disk, boolean up, boolean going, boolean undoing)
        implements Owner {}

    /** A machine that is declared, and that somebody else made with its disks. */
    record Imported() implements Owner {}

    /**
     * A Volume that is declared, and has another disk than this one.
     *
     * @param dropped true if this one is a copy of it that nobody shall use
     */
    record Volume(boolean dropped) implements Owner {}

    /**
     * A Snapshot that is declared.
     *
     * @param going true if its deletion was asked for
     */
    record Snapshot(boolean going) implements Owner {}

    /** Any other resource that is declared; of a Volume, the one whose disk this is. */
    record Declared() implements Owner {}
  }

  /**
   * All that the decision depends on.
   *
   * @param installation whose objects are ours
   * @param quarantinedUntil when its days in quarantine are over; null if it is not there
   * @param swept true if the sweep found it to be nobody's for long enough
   */
  record Claim(
      String installation, Owner owner, @Nullable Instant quarantinedUntil, boolean swept) {}

  /**
   * Why this disk may not be deleted, or nothing if it may; pure.
   *
   * <ul>
   *   <li>A data disk may go when it is no Volume's and its days in quarantine are over; or when it
   *       is a copy of one that was never used and was dropped.
   *   <li>A system disk of which nobody knows may go when the sweep has found it long enough.
   *   <li>A system disk may go with its machine; or when its machine is up on another one; or when
   *       its machine never came up and is being taken away again.
   *   <li>A system disk that was only begun may go unless it is being made for a machine.
   *   <li>A snapshot may go when its deletion was asked for, and then what was begun of it as well.
   *   <li>Nothing may go that belongs to a machine which was imported.
   *   <li>Everything else stays.
   * </ul>
   */
  static Optional<String> objection(ObjectName disk, Claim claim, Instant now) {
    if (!disk.mark().installation().equals(claim.installation())) {
      return Optional.of("it belongs to another installation");
    }
    return switch (disk.role()) {
      case ObjectName.DATA -> dataObjection(claim, now);
      case ObjectName.SYSTEM -> systemObjection(disk.toString(), claim);
      case ObjectName.PART -> partObjection(claim);
      case ObjectName.SNAPSHOT -> snapshotObjection(claim);
      default -> Optional.of("it is no disk of ours");
    };
  }

  private static final String IMPORTED = "its machine was imported, and its disks are not ours";

  private static Optional<String> dataObjection(Claim claim, Instant now) {
    Instant until = claim.quarantinedUntil();
    switch (claim.owner()) {
      case Owner.Imported _ -> {
        return Optional.of(IMPORTED);
      }
      case Owner.Machine _, Owner.Snapshot _, Owner.Declared _ -> {
        return Optional.of("it holds data, and its Volume is declared");
      }
      case Owner.Volume v -> {
        if (v.dropped()) {
          return Optional.empty();
        }
      }
      case Owner.Gone _, Owner.Unknown _ -> {}
    }
    if (until == null) {
      return Optional.of("it holds data and is not in quarantine");
    }
    return now.isBefore(until)
        ? Optional.of("it holds data and is in quarantine until " + until)
        : Optional.empty();
  }

  private static Optional<String> systemObjection(String disk, Claim claim) {
    return switch (claim.owner()) {
      case Owner.Unknown _ ->
          claim.swept() ? Optional.empty() : Optional.of("nothing tells whose it was");
      case Owner.Gone _ -> Optional.empty();
      case Owner.Imported _ -> Optional.of(IMPORTED);
      case Owner.Declared _, Owner.Volume _, Owner.Snapshot _ ->
          Optional.of("it is named after something that is no machine");
      case Owner.Machine m -> {
        if (m.going()) {
          yield Optional.empty();
        }
        if (disk.equals(m.disk())) {
          yield m.undoing() && !m.up()
              ? Optional.empty()
              : Optional.of("it is the system disk of a declared machine");
        }
        yield m.up() ? Optional.empty() : Optional.of("its machine is not up on another disk yet");
      }
    };
  }

  private static Optional<String> snapshotObjection(Claim claim) {
    return switch (claim.owner()) {
      case Owner.Unknown _ ->
          claim.swept() ? Optional.empty() : Optional.of("nothing tells whose it was");
      case Owner.Gone _ -> Optional.empty();
      case Owner.Snapshot s ->
          s.going() ? Optional.empty() : Optional.of("it is a snapshot that is declared");
      case Owner.Imported _ -> Optional.of(IMPORTED);
      case Owner.Declared _, Owner.Volume _, Owner.Machine _ ->
          Optional.of("it is named after something that is no snapshot");
    };
  }

  /** Nothing ever ran from it, so it may go as soon as nobody waits for it. */
  private static Optional<String> partObjection(Claim claim) {
    return switch (claim.owner()) {
      case Owner.Unknown _ ->
          claim.swept() ? Optional.empty() : Optional.of("nothing tells whose it was");
      case Owner.Gone _ -> Optional.empty();
      case Owner.Snapshot s ->
          s.going() ? Optional.empty() : Optional.of("a declared snapshot is being made of it");
      case Owner.Imported _ -> Optional.of(IMPORTED);
      case Owner.Declared _, Owner.Volume _ ->
          Optional.of("it is named after something that is no machine");
      case Owner.Machine m ->
          m.going() || m.undoing() || m.up()
              ? Optional.empty()
              : Optional.of("the system disk of a declared machine is being made of it");
    };
  }

  /**
   * Deletes a disk for ever, if it may be deleted.
   *
   * @throws DriverException REFUSED if it may not; then nothing was done
   */
  Outcome delete(Resource<HypervisorSpec, HypervisorStatus> hypervisor, ObjectName disk)
      throws DriverException {
    Claim claim = store.read(tx -> claim(tx, hypervisor.uid(), disk));
    Optional<String> objection = objection(disk, claim, clock.instant());
    if (objection.isPresent()) {
      throw new DriverException(
          FaultKind.REFUSED, "the disk " + disk + " is kept: " + objection.get());
    }
    return outside.call(
        hypervisor,
        d -> MachineActs.facet(d, HypervisorDriver::disks, "cannot delete disks").delete(disk));
  }

  private Claim claim(Tx tx, UUID hypervisor, ObjectName disk) {
    Optional<Quarantine.Entry> entry = tx.quarantine().ofDisk(disk.toString());
    Instant now = clock.instant();
    boolean swept =
        tx.orphans().on(hypervisor).stream()
            .filter(o -> o.object().equals(disk.toString()))
            .anyMatch(o -> Sweep.objection(o, now).isEmpty());
    return new Claim(
        tx.installation(), owner(tx, disk), entry.map(Quarantine.Entry::until).orElse(null), swept);
  }

  private static Owner owner(Tx tx, ObjectName disk) {
    // A disk that was put aside when its Volume got another one may be a restored Volume's now.
    if (disk.role().equals(ObjectName.DATA) && tx.resources().hasDisk(disk.toString())) {
      return new Owner.Declared();
    }
    Optional<Resource<?, ?>> found = tx.resources().find(disk.mark().uid());
    if (found.isEmpty()) {
      return tx.resources().tombstone(disk.mark().uid()).isPresent()
          ? new Owner.Gone()
          : new Owner.Unknown();
    }
    if (found.get().status() instanceof VolumeStatus volume) {
      VolumeStatus.Copy copy = volume.copy();
      if (copy != null && copy.object().equals(disk.toString())) {
        return copy.stage() == VolumeStatus.Stage.DROPPED
            ? new Owner.Volume(true)
            : new Owner.Declared();
      }
      return volume.object() == null ? new Owner.Declared() : new Owner.Volume(false);
    }
    if (found.get().status() instanceof SnapshotStatus) {
      return new Owner.Snapshot(found.get().deleting());
    }
    if (!(found.get().status() instanceof MachineStatus status)) {
      return new Owner.Declared();
    }
    if (found.get().spec() instanceof MachineSpec spec && spec.foreignMade()) {
      return new Owner.Imported();
    }
    boolean undoing =
        tx.operations()
            .active(found.get().uid())
            .filter(o -> o.state() instanceof Operation.State.Undoing)
            .isPresent();
    return new Owner.Machine(
        status.disk(), status.readyBy() != null, found.get().deleting(), undoing);
  }
}

package io.millwright.engine.request;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.Blueprint;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied.Action;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.PlainStatus;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SnapshotStatus.Stage;
import io.millwright.model.Violations;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what machines' system disks were, and gives it back to them.
 *
 * <p>A machine and a snapshot that is being taken of it exclude each other: a snapshot is declared
 * only while nothing works on the machine, under the machine's lock, and from that commit on until
 * it is taken all work on the machine waits. So nobody writes to a disk while it is copied.
 */
public final class Snapshots {
  /** Condition of a machine that is back on its system from before a revert that failed. */
  public static final String REVERTED = "Reverted";

  private final Preview preview;
  private final SecretBox secrets;
  private final InstantSource clock;

  public Snapshots(Preview preview, SecretBox secrets, InstantSource clock) {
    this.secrets = secrets;
    this.preview = preview;
    this.clock = clock;
  }

  /** All that there are of a machine. */
  public static List<Resource<SnapshotSpec, SnapshotStatus>> of(Tx tx, UUID machine) {
    return tx.resources().referrers(machine, Integer.MAX_VALUE).stream()
        .filter(r -> r.kind() == Kind.SNAPSHOT)
        .map(r -> r.<SnapshotSpec, SnapshotStatus>as(SnapshotSpec.class, SnapshotStatus.class))
        .toList();
  }

  /** For which of its snapshots work on a machine has to wait, in words. */
  public static Optional<String> hindrance(Tx tx, Resource<?, ?> machine) {
    return of(tx, machine.uid()).stream()
        .filter(s -> machine.deleting() || s.status().stage() == Stage.TAKING)
        .findFirst()
        .map(s -> s.title() + (s.deleting() ? " is being deleted" : " is being taken"));
  }

  /**
   * Begins to take a snapshot, if its machine is as it must be for that.
   *
   * @param at of its spec
   */
  static SnapshotStatus admit(
      Tx tx,
      Lookup lookup,
      Resource<SnapshotSpec, SnapshotStatus> snapshot,
      @Nullable SnapshotSpec before,
      Violations at) {
    if (before != null) {
      at.field("machine")
          .require(
              before.machine().equals(snapshot.spec().machine()),
              "cannot change: this is what the system disk of " + before.machine() + " was");
      return snapshot.status();
    }
    try {
      return begin(tx, lookup, snapshot);
    } catch (Objection e) {
      at.field("machine").add(e.getMessage());
      return snapshot.status();
    }
  }

  /**
   * Takes a snapshot up again that could not be taken.
   *
   * @throws Objection if its machine is not as it must be for that
   */
  public static SnapshotStatus again(Tx tx, Resource<SnapshotSpec, SnapshotStatus> snapshot)
      throws Objection {
    return begin(tx, new Lookup(tx), snapshot);
  }

  /** Why no snapshot can be taken of a machine. */
  public static final class Objection extends Exception {
    private static final long serialVersionUID = 1L;

    Objection(String why) {
      super(why);
    }

    @Override
    public String getMessage() {
      return String.valueOf(super.getMessage());
    }
  }

  private static SnapshotStatus begin(
      Tx tx, Lookup lookup, Resource<SnapshotSpec, SnapshotStatus> snapshot) throws Objection {
    String project = snapshot.project();
    Resource<MachineSpec, MachineStatus> machine =
        tx.resources()
            .lock(Kind.MACHINE, project, snapshot.spec().machine())
            .orElseThrow(() -> new Objection("must be a machine of project " + project))
            .as(MachineSpec.class, MachineStatus.class);
    MachineStatus s = machine.status();
    Optional<String> objection =
        unsettled(tx, machine)
            .or(() -> Optional.ofNullable(s.readyBy() == null ? "was never up" : null))
            .or(() ->
                Optional.ofNullable(
                    machine.spec().power() == Power.ON || s.power() != Power.OFF
                        ? "is on, and what is kept is its disk at rest; switch it off first:"
                            + " millwright power off "
                            + machine.name()
                        : null));
    if (objection.isPresent()) {
      throw new Objection(machine.title() + " " + objection.get());
    }
    Resource<HypervisorSpec, HypervisorStatus> host =
        lookup.get(
            Kind.HYPERVISOR,
            project,
            String.valueOf(s.hypervisor()),
            HypervisorSpec.class,
            HypervisorStatus.class);
    if (!host.status().facets().contains(HypervisorDriver.DISK_COPY)) {
      throw new Objection(
          machine.title()
              + " is on "
              + host.title()
              + ", which lacks the facet "
              + HypervisorDriver.DISK_COPY
              + " and can take no snapshots");
    }
    tx.resources().place(snapshot.uid(), host.uid());
    return snapshot
        .status()
        .taking(
            host.name(),
            new ObjectName(new Mark(tx.installation(), snapshot.uid(), 1), ObjectName.SNAPSHOT)
                .toString(),
            lookup
                .get(Kind.SIZE, project, machine.spec().size(), SizeSpec.class, PlainStatus.class)
                .spec()
                .disk(),
            new MachineStatus.Former(
                Objects.requireNonNull(s.disk()),
                s.imageSha256(),
                s.blueprint(),
                Objects.requireNonNull(s.readyBy()),
                s.hostKeys(),
                s.scripts(),
                s.firmware(),
                s.devices(),
                null));
  }

  /** Why a machine is not at rest, in words; nothing if it is. */
  private static Optional<String> unsettled(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
    MachineStatus s = machine.status();
    Optional<Operation> busy = tx.operations().active(machine.uid());
    return Optional.ofNullable(
        machine.deleting()
            ? "is being deleted"
            : machine.spec().foreignMade()
                ? "was imported, and its disks are not ours to copy"
                : machine.metadata().labels().containsKey(Names.TRIAL)
                    ? "is there for one build of an image, and goes by itself"
                    : busy.isPresent()
                        ? "is being worked on by operation "
                            + busy.get().uid()
                            + "; wait for it, or cancel it"
                        : s.elsewhere() != null
                            ? "was moved, and what it left on "
                                + s.elsewhere()
                                + " is not removed yet"
                            : null);
  }

  // --- reverting ---------------------------------------------------------------------------

  /**
   * Gives a machine a new system disk that is what the old one was at the moment of the snapshot.
   *
   * @throws ProblemException NOT_FOUND; INVALID if there is no such snapshot of this machine;
   *     CONFLICT if one of the two is not at rest
   */
  public Operation revert(Tx tx, Caller caller, String project, String name, String snapshot) {
    Applied applied = begin(tx, caller, project, name, snapshot);
    Approving.require(
        tx, caller, new Lookup(tx), List.of(applied), new Wish.Revert(project, name, snapshot));
    return Objects.requireNonNull(applied.operation(), "a revert has its operation");
  }

  /** What {@link #revert} would do, by the very plan that would run; nothing is changed. */
  public List<Applied> plan(Caller caller, String project, String name, String snapshot) {
    return preview.of(tx -> List.of(begin(tx, caller, project, name, snapshot)));
  }

  private Applied begin(Tx tx, Caller caller, String project, String name, String snapshot) {
    Resource<MachineSpec, MachineStatus> before =
        tx.resources()
            .lock(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name))
            .as(MachineSpec.class, MachineStatus.class);
    Resource<SnapshotSpec, SnapshotStatus> kept = find(tx, before, snapshot);
    Optional<String> objection = unsettled(tx, before);
    if (objection.isPresent()) {
      throw ProblemException.of(Problem.Type.CONFLICT, before.title() + " " + objection.get());
    }
    SnapshotStatus from = kept.status();
    Optional<String> why =
        kept.deleting()
            ? Optional.of("is being deleted")
            : from.stage() == Stage.TAKING
                ? Optional.of("is not taken yet")
                : from.stage() != Stage.TAKEN
                    ? Optional.of("could not be taken, and there is nothing to go back to")
                    : !Objects.equals(from.hypervisor(), before.status().hypervisor())
                        ? Optional.of(
                            "is on "
                                + from.hypervisor()
                                + ", and the machine is on "
                                + before.status().hypervisor())
                        : Optional.empty();
    if (why.isPresent()) {
      throw ProblemException.of(Problem.Type.CONFLICT, kept.title() + " " + why.get());
    }
    Resource<MachineSpec, MachineStatus> after = before.withMetadata(before.metadata().raised());
    tx.resources().update(after);
    String hostname = after.spec().hostname() == null ? name : after.spec().hostname();
    String disk =
        new ObjectName(
                new Mark(tx.installation(), after.uid(), after.generation()), ObjectName.SYSTEM)
            .toString();
    // What is on it counts as what is declared: whoever reverts wants this very system.
    MachineStatus status =
        before
            .status()
            .reverted(
                disk,
                Blueprint.of(after.spec(), hostname, secrets),
                Objects.requireNonNull(from.system())
                    .at(Objects.requireNonNull(from.object(), "a snapshot has a disk")));
    String message = "It goes back to " + kept.title() + ".";
    tx.resources()
        .updateStatus(
            after.uid(),
            status.withConditions(
                Condition.set(
                    status.conditions(),
                    new Condition(
                        Condition.READY,
                        Condition.Value.FALSE,
                        "Reverting",
                        message,
                        clock.instant()))),
            "Reverting",
            message);
    Operation operation = Begin.operation(tx, after, Operation.Verb.REVERT, caller.name(), clock);
    return new Applied(
        tx.resources().find(after.uid()).orElseThrow(),
        Action.CHANGED,
        List.of(),
        operation,
        "",
        List.of());
  }

  private static Resource<SnapshotSpec, SnapshotStatus> find(
      Tx tx, Resource<MachineSpec, MachineStatus> machine, String snapshot) {
    Optional<Resource<SnapshotSpec, SnapshotStatus>> found =
        tx.resources()
            .lock(Kind.SNAPSHOT, machine.project(), snapshot)
            .map(r -> r.as(SnapshotSpec.class, SnapshotStatus.class));
    if (found.isPresent() && found.get().spec().machine().equals(machine.name())) {
      return found.get();
    }
    String names =
        of(tx, machine.uid()).stream().map(Resource::name).collect(Collectors.joining(", "));
    throw ProblemException.invalid(
        "snapshot",
        (found.isPresent()
                ? found.get().title() + " is of machine " + found.get().spec().machine()
                : "there is no Snapshot " + Names.quote(snapshot))
            + (names.isEmpty()
                ? "; there is none of machine " + machine.name()
                : "; of machine " + machine.name() + " there are: " + names));
  }

  /** Why this one has to stay: its machine's system disk is about to be made of it. */
  public static Optional<String> keptFor(Tx tx, Resource<SnapshotSpec, SnapshotStatus> snapshot) {
    return tx.resources()
        .find(Kind.MACHINE, snapshot.project(), snapshot.spec().machine())
        .map(m -> m.as(MachineSpec.class, MachineStatus.class).status().source())
        .filter(source -> source.disk().equals(snapshot.status().object()))
        .map(_ ->
            snapshot.title()
                + " is what "
                + snapshot.spec().machine()
                + " goes back to; it can be deleted once the machine is up");
  }
}

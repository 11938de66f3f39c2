package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Metadata;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Takes volumes out of quarantine. */
public final class Restore {
  private final Store store;
  private final InstantSource clock;

  public Restore(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /** All disks in quarantine of a project, or of all for null; the oldest first. */
  public List<Quarantine.Entry> list(@Nullable String project) {
    return store.read(tx -> tx.quarantine().list(project));
  }

  /**
   * Declares a deleted volume again, as it was; it is the same one, with the same uid and disk.
   *
   * @param which its name, or its uid where several of a name were deleted
   * @param as the name that it gets, or null for the one that it had
   * @throws ProblemException NOT_FOUND, INVALID, or CONFLICT if the name is taken, if {@code which}
   *     fits several, or if the disk is being deleted already
   */
  public Operation restore(
      Tx tx, Caller caller, String project, String which, @Nullable String as) {
    Applied applied = begin(tx, caller, project, which, as);
    Approving.require(
        tx,
        caller,
        new Lookup(tx),
        List.of(applied),
        new Wish.Restore(project, applied.resource().uid().toString(), as));
    return operation(applied);
  }

  /**
   * As {@link #restore}, for who looks after the house and has just put it there; so nobody is
   * asked to approve it.
   */
  public Operation adopt(Tx tx, Caller caller, String project, String which, String as) {
    return operation(begin(tx, caller, project, which, as));
  }

  private static Operation operation(Applied applied) {
    return Objects.requireNonNull(applied.operation(), "a restoring has its operation");
  }

  /** What {@link #restore} would do; nothing is changed. */
  List<Applied> plan(Caller caller, String project, String which, @Nullable String as) {
    return store.dryRun(tx -> List.of(begin(tx, caller, project, which, as)));
  }

  private Applied begin(Tx tx, Caller caller, String project, String which, @Nullable String as) {
    Quarantine.Entry entry =
        tx.quarantine()
            .lock(one(tx, project, which).uid())
            .orElseThrow(() -> notFound(project, which));
    if (entry.emptying()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          entry.volume().title() + " cannot be restored: its disk is being deleted");
    }
    Metadata old = entry.volume().metadata();
    String name = as == null ? old.name() : as;
    Violations at = Violations.at("");
    Names.checkLabel(name, at.field("name"));
    at.raise();
    if (tx.resources().find(Kind.VOLUME, project, name).isPresent()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "there is a Volume "
              + name
              + " in project "
              + project
              + " already; restore the deleted one under another name");
    }
    VolumeSpec spec = entry.volume().spec();
    boolean there =
        new Lookup(tx)
            .find(Kind.HYPERVISOR, project, spec.hypervisor())
            .filter(h -> h.uid().equals(entry.hypervisor()))
            .isPresent();
    if (!there) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "the disk is on a Hypervisor that is not called " + spec.hypervisor() + " any more");
    }
    VolumeStatus status = entry.volume().status();
    Resource<VolumeSpec, VolumeStatus> volume =
        new Resource<>(
            Kind.VOLUME,
            new Metadata(
                name,
                project,
                old.labels(),
                old.annotations(),
                old.uid(),
                old.generation() + 1,
                1,
                old.createdAt(),
                null),
            spec,
            status.withConditions(
                Condition.set(
                    status.conditions(),
                    new Condition(
                        Condition.READY,
                        Condition.Value.FALSE,
                        "Restoring",
                        "It is being taken out of quarantine.",
                        clock.instant()))));
    tx.resources().insert(volume);
    tx.resources().refer(volume.uid(), List.of(entry.hypervisor()));
    tx.resources().place(volume.uid(), entry.hypervisor());
    tx.quarantine().remove(volume.uid());
    Limits.require(tx, new TreeSet<>(List.of(project)));
    return new Applied(
        volume,
        Applied.Action.CREATED,
        List.of(),
        Begin.operation(tx, volume, Operation.Verb.RESTORE, caller.name(), clock),
        "",
        List.of());
  }

  private static Quarantine.Entry one(Tx tx, String project, String which) {
    List<Quarantine.Entry> found =
        tx.quarantine().list(project).stream()
            .filter(e -> e.volume().name().equals(which) || e.uid().toString().equals(which))
            .toList();
    if (found.isEmpty()) {
      throw notFound(project, which);
    }
    if (found.size() > 1) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          found.size()
              + " volumes called "
              + which
              + " are in quarantine; give the uid of one: "
              + found.stream().map(e -> e.uid().toString()).collect(Collectors.joining(", ")));
    }
    return found.getFirst();
  }

  private static ProblemException notFound(String project, String which) {
    return ProblemException.of(
        Problem.Type.NOT_FOUND,
        "no volume " + Names.quote(which) + " is in quarantine in project " + project);
  }
}

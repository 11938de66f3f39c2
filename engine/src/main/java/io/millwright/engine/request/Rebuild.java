package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.machine.Blueprint;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied.Action;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Diff;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Gives a machine a new system disk, also when nothing of its declaration asks for one. */
public final class Rebuild {
  /** Condition of a machine that is back on its old system disk after a rebuild that failed. */
  public static final String REBUILT = "Rebuilt";

  private final Admission admission;
  private final Preview preview;
  private final SecretBox secrets;
  private final InstantSource clock;

  public Rebuild(Admission admission, Preview preview, SecretBox secrets, InstantSource clock) {
    this.secrets = secrets;
    this.admission = admission;
    this.preview = preview;
    this.clock = clock;
  }

  /** True if a machine's rebuild failed, and what is declared of it was not tried again since. */
  static boolean failed(Resource<?, ?> resource) {
    return resource.status() instanceof MachineStatus status
        && Condition.find(status.conditions(), REBUILT)
            .filter(c -> c.value() == Condition.Value.FALSE)
            .isPresent();
  }

  /** True if another system is declared than the one that the machine has. */
  public boolean pending(ResolvedMachine machine) {
    return !Blueprint.of(machine.machine().spec(), machine.hostname(), secrets)
        .equals(machine.machine().status().blueprint());
  }

  /**
   * Begins a rebuild.
   *
   * @param image another image, which becomes its declaration; null for the declared one
   * @throws ProblemException NOT_FOUND; CONFLICT if it is being deleted; INVALID if the image does
   *     not fit its disk or firmware
   */
  public Operation rebuild(
      Tx tx, Caller caller, String project, String name, @Nullable String image) {
    Applied applied = begin(tx, caller, project, name, image);
    Approving.require(
        tx, caller, new Lookup(tx), List.of(applied), new Wish.Renew(project, name, image));
    Operation operation = applied.operation();
    if (operation == null) {
      throw new IllegalStateException("a rebuild has its operation");
    }
    return operation;
  }

  /**
   * Has a machine rebuilt on its image because that was declared, of its group or as its policy; so
   * nobody is asked to approve it.
   */
  public void unattended(Tx tx, Caller caller, Resource<MachineSpec, MachineStatus> machine) {
    begin(tx, caller, machine.project(), machine.name(), null);
  }

  /** What {@link #rebuild} would do, by the very plan that would run; nothing is changed. */
  public List<Applied> plan(Caller caller, String project, String name, @Nullable String image) {
    return preview.of(tx -> List.of(begin(tx, caller, project, name, image)));
  }

  private Applied begin(Tx tx, Caller caller, String project, String name, @Nullable String image) {
    Resource<MachineSpec, MachineStatus> before =
        tx.resources()
            .lock(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name))
            .as(MachineSpec.class, MachineStatus.class);
    if (before.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, before.title() + " is being deleted");
    }
    if (before.spec().foreignMade()) {
      throw ProblemException.invalid(
          "image",
          before.title()
              + " was imported: it was made from no image, and its disks are not ours to replace;"
              + " declare a new machine to have one that can be rebuilt");
    }
    if (before.metadata().labels().containsKey(Names.TRIAL)) {
      Members.refuse(tx, before, "it is there to check one build, and has no other system");
    }
    if (image != null) {
      Members.refuse(tx, before, "change the image of that, so that it is rolled out");
    }
    MachineSpec spec = image == null ? before.spec() : before.spec().withImage(image);
    Resource<MachineSpec, MachineStatus> after =
        before.withMetadata(before.metadata().raised()).withSpec(spec);
    Violations at = Violations.at("");
    Lookup lookup = new Lookup(tx);
    List<UUID> references = references(tx, lookup, after, at);
    at.raise();
    tx.resources().update(after);
    tx.resources().refer(after.uid(), references);
    MachineStatus status = admission.rebuild(tx, lookup, after, before.spec(), at);
    at.raise();
    tx.resources().updateStatus(after.uid(), status, "", "");
    Operation operation = Begin.operation(tx, after, Operation.Verb.REBUILD, caller.name(), clock);
    Resource<?, ?> now = tx.resources().find(after.uid()).orElseThrow();
    return new Applied(
        now,
        Action.CHANGED,
        Diff.between(Apply.declaration(before), Apply.declaration(now)),
        operation,
        "",
        List.of());
  }

  private List<UUID> references(
      Tx tx, Lookup lookup, Resource<MachineSpec, MachineStatus> machine, Violations at) {
    List<UUID> out = new ArrayList<>();
    for (Ref ref : machine.spec().references()) {
      Optional<Resource<?, ?>> found = lookup.find(ref.kind(), machine.project(), ref.name());
      if (found.isEmpty()) {
        List<String> names = admission.namesOf(tx, ref.kind(), machine.project());
        at.field(ref.field())
            .add(
                "there is no "
                    + ref.kind()
                    + " "
                    + Names.quote(ref.name())
                    + Names.hint(ref.name(), names)
                    + "; there are: "
                    + String.join(", ", names));
      } else {
        at.field(ref.field())
            .require(!found.get().deleting(), found.get().title() + " is being deleted");
        out.add(found.get().uid());
      }
    }
    return out.stream().distinct().toList();
  }
}

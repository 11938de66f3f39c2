package io.millwright.engine.request;

import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied.Action;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.VolumeStatus.Copy;
import io.millwright.model.VolumeStatus.Stage;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Gives a machine its system on another hypervisor, and carries its data volumes there.
 *
 * <p>From the first commit on the machine's status says where it is going, and that its system from
 * before is elsewhere; a volume is the one at its old place until the machine is ready in the new
 * one, and changes its place in the very commit that writes that down.
 */
public final class Move {
  /** Condition of a machine that is back where it was after a move that failed. */
  public static final String MOVED = "Moved";

  private static final String TRANSFER = "disk-transfer";

  private final Admission admission;
  private final Preview preview;
  private final InstantSource clock;

  public Move(Admission admission, Preview preview, InstantSource clock) {
    this.admission = admission;
    this.preview = preview;
    this.clock = clock;
  }

  /**
   * Begins a move.
   *
   * @param to name of the hypervisor that it goes to
   * @throws ProblemException NOT_FOUND; CONFLICT if it is not as it must be to be moved; INVALID if
   *     it cannot be there
   */
  public Operation move(Tx tx, Caller caller, String project, String name, String to) {
    Operation operation = begin(tx, caller, project, name, to).operation();
    if (operation == null) {
      throw new IllegalStateException("a move has its operation");
    }
    return operation;
  }

  /** What {@link #move} would do, by the very plan that would run; nothing is changed. */
  public List<Applied> plan(Caller caller, String project, String name, String to) {
    return preview.of(tx -> List.of(begin(tx, caller, project, name, to)));
  }

  private Applied begin(Tx tx, Caller caller, String project, String name, String to) {
    Resource<MachineSpec, MachineStatus> before =
        tx.resources()
            .lock(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name))
            .as(MachineSpec.class, MachineStatus.class);
    Members.refuse(tx, before, "members stay where the group has put them");
    requireStill(before);
    List<Resource<SnapshotSpec, SnapshotStatus>> snapshots = Snapshots.of(tx, before.uid());
    if (!snapshots.isEmpty()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          before.title()
              + " has "
              + snapshots.getFirst().title()
              + (snapshots.size() > 1 ? " and " + (snapshots.size() - 1) + " more" : "")
              + ", which cannot go with it; delete these first");
    }
    Violations at = Violations.at("").field("to");
    Resource<MachineSpec, MachineStatus> after = before.withMetadata(before.metadata().raised());
    Lookup lookup = new Lookup(tx);
    Resource<HypervisorSpec, HypervisorStatus> target = target(tx, lookup, before, to, at);
    Resource<HypervisorSpec, HypervisorStatus> source =
        hypervisor(lookup, project, String.valueOf(before.status().hypervisor())).orElseThrow();
    require(lookup, after, source, target, at);
    MachineStatus status = admission.move(tx, lookup, after, target, at);
    at.raise();
    tx.resources().update(after);
    List<String> carried = new ArrayList<>();
    for (String volume : before.spec().volumes()) {
      carried.add(carry(tx, project, volume, source, target));
    }
    tx.resources().place(after.uid(), target.uid());
    tx.resources()
        .updateStatus(
            after.uid(),
            status,
            "Moving",
            "It moves from " + source.name() + " to " + target.name() + ".");
    Operation operation = Begin.operation(tx, after, Operation.Verb.MOVE, caller.name(), clock);
    return new Applied(
        tx.resources().find(after.uid()).orElseThrow(),
        Action.CHANGED,
        List.of(),
        operation,
        "",
        List.of(),
        carried,
        null);
  }

  /** Only what is up and at rest can be moved: then there is something to go back to. */
  private static void requireStill(Resource<MachineSpec, MachineStatus> machine) {
    MachineStatus s = machine.status();
    String why =
        machine.deleting()
            ? "is being deleted"
            : machine.spec().foreignMade()
                ? "was imported: there is no image of which its system could be made elsewhere"
                : s.former() != null
                    ? "is being rebuilt or moved; wait for that, or cancel it"
                    : s.elsewhere() != null
                        ? "was moved, and what it left on " + s.elsewhere() + " is not removed yet"
                        : s.readyBy() == null
                            ? "was never up; delete it and declare it anew, with the hypervisor"
                                + " that it shall be on"
                            : machine.spec().power() == Power.OFF
                                ? "is off, and a move ends with a machine that is up; switch it on"
                                    + " first"
                                : null;
    if (why != null) {
      throw ProblemException.of(Problem.Type.CONFLICT, machine.title() + " " + why);
    }
  }

  private Resource<HypervisorSpec, HypervisorStatus> target(
      Tx tx,
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      String to,
      Violations at) {
    Optional<Resource<HypervisorSpec, HypervisorStatus>> found =
        hypervisor(lookup, machine.project(), to);
    if (found.isEmpty()) {
      List<String> names = admission.namesOf(tx, Kind.HYPERVISOR, machine.project());
      at.add(
          "there is no Hypervisor "
              + Names.quote(to)
              + Names.hint(to, names)
              + "; there are: "
              + String.join(", ", names));
    } else {
      at.require(
          !to.equals(machine.status().hypervisor()), machine.title() + " is on " + to + " already");
    }
    at.raise();
    return found.orElseThrow();
  }

  private static Optional<Resource<HypervisorSpec, HypervisorStatus>> hypervisor(
      Lookup lookup, String project, String name) {
    return lookup
        .find(Kind.HYPERVISOR, project, name)
        .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class));
  }

  /** What both hypervisors must be able to do, and be there for. */
  private static void require(
      Lookup lookup,
      Resource<MachineSpec, MachineStatus> machine,
      Resource<HypervisorSpec, HypervisorStatus> source,
      Resource<HypervisorSpec, HypervisorStatus> target,
      Violations at) {
    for (Resource<HypervisorSpec, HypervisorStatus> each : List.of(source, target)) {
      List<Condition> says = each.status().conditions();
      at.require(
          Condition.holds(says, Condition.READY),
          each.title()
              + (Condition.find(says, Condition.READY)
                      .filter(c -> c.reason().equals("Pending"))
                      .isPresent()
                  ? " was declared just now and has not answered yet"
                  : " does not answer")
              + ", and nothing can be moved without it");
    }
    // As it was the last time that each was seen; the plan looks once more.
    String endpoint = source.status().endpoint();
    at.require(
        endpoint == null || !endpoint.equals(target.status().endpoint()),
        source.title()
            + " and "
            + target.name()
            + " are parts of one and the same ("
            + endpoint
            + "), in which a machine can be only once; delete it and declare it anew, with the"
            + " hypervisor that it shall be on");
    at.raise();
    ImageSpec image =
        lookup
            .get(
                Kind.IMAGE,
                machine.project(),
                machine.spec().image(),
                ImageSpec.class,
                ImageStatus.class)
            .spec();
    List<String> needed = new ArrayList<>(List.of("compute", "disks"));
    if (image.installer() != null) {
      Installers.Start start = Installers.start(image, target.status().facets());
      boolean byMedium = start != null && !start.byKernel();
      needed.addAll(byMedium ? List.of("media") : Installers.FOR_KERNELS);
      at.require(
          !byMedium || machine.spec().volumes().isEmpty(),
          target.title()
              + " would install it by a medium that it boots, and its volumes cannot be there"
              + " meanwhile; detach them first");
    } else if (image.firstBoot() != ImageSpec.FirstBoot.NONE) {
      needed.add("media");
    }
    boolean carries = !machine.spec().volumes().isEmpty();
    if (carries) {
      needed.add(TRANSFER);
    }
    for (String facet : needed) {
      at.require(
          target.status().facets().contains(facet),
          target.title() + " lacks the facet " + facet + ", which this machine needs there");
    }
    at.require(
        !carries || source.status().facets().contains(TRANSFER),
        source.title() + " lacks the facet " + TRANSFER + ", by which its volumes would be read");
    at.raise();
  }

  /** From here on there may be a copy of it, under a name that no other copy has had. */
  private static String carry(
      Tx tx,
      String project,
      String name,
      Resource<HypervisorSpec, HypervisorStatus> source,
      Resource<HypervisorSpec, HypervisorStatus> target) {
    Resource<VolumeSpec, VolumeStatus> volume =
        tx.resources()
            .lock(Kind.VOLUME, project, name)
            .orElseThrow(() ->
                ProblemException.of(
                    Problem.Type.CONFLICT,
                    "volume " + name + " is not in project " + project + " and cannot be moved"))
            .as(VolumeSpec.class, VolumeStatus.class);
    if (!volume.spec().hypervisor().equals(source.name())
        || volume.status().object() == null
        || volume.status().copy() != null
        || tx.operations().active(volume.uid()).isPresent()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          volume.title() + " is being worked on; wait for that, and move the machine then");
    }
    Resource<VolumeSpec, VolumeStatus> raised = volume.withMetadata(volume.metadata().raised());
    tx.resources().update(raised);
    ObjectName copy =
        new ObjectName(
            new Mark(tx.installation(), volume.uid(), raised.generation()), ObjectName.DATA);
    tx.resources()
        .updateStatus(
            volume.uid(),
            volume.status().withCopy(new Copy(target.name(), copy.toString(), Stage.BEGUN)),
            "Moving",
            "It moves from " + source.name() + " to " + target.name() + " with its machine.");
    return volume.title();
  }

  // --- ends, each a part of the commit that says so of the machine ---------------------------

  /** A copy was written, read back and found to be the same. */
  public static void whole(Tx tx, ResolvedMachine machine, String object) {
    for (Resource<VolumeSpec, VolumeStatus> volume : volumes(tx, machine)) {
      Copy copy = volume.status().copy();
      if (copy != null && copy.object().equals(object)) {
        tx.resources()
            .updateStatus(volume.uid(), volume.status().withCopy(copy.at(Stage.WHOLE)), "", "");
      }
    }
  }

  /**
   * The machine is ready in its new place: its volumes are there from now on, and what they were
   * before goes into quarantine.
   */
  public static void arrived(Tx tx, ResolvedMachine machine, Instant now) {
    UUID here = machine.hypervisor().uid();
    String place = machine.hypervisor().name();
    UUID there = machine.there().hypervisor().uid();
    Resource<MachineSpec, MachineStatus> declared = now(tx, machine);
    if (declared.spec().hypervisor() != null) {
      tx.resources().update(declared.withSpec(declared.spec().withHypervisor(place)));
      refer(tx, declared.withSpec(declared.spec().withHypervisor(place)));
    }
    for (Resource<VolumeSpec, VolumeStatus> volume : volumes(tx, machine)) {
      Copy copy = volume.status().copy();
      if (copy == null || copy.stage() != Stage.WHOLE || !copy.hypervisor().equals(place)) {
        continue;
      }
      keep(tx, volume, String.valueOf(volume.status().object()), there, now);
      VolumeSpec spec = volume.spec().on(place);
      tx.resources().update(volume.withSpec(spec));
      refer(tx, volume.withSpec(spec));
      tx.resources().place(volume.uid(), here);
      tx.resources()
          .updateStatus(
              volume.uid(),
              volume.status().withObject(copy.object()),
              "Moved",
              "It is on " + place + ".");
    }
  }

  /**
   * The machine is where it was, and so are its volumes; copies that were used are kept a while.
   */
  public static void turnedBack(Tx tx, ResolvedMachine machine, Instant now) {
    tx.resources().place(machine.uid(), machine.there().hypervisor().uid());
    for (Resource<VolumeSpec, VolumeStatus> volume : volumes(tx, machine)) {
      Copy copy = volume.status().copy();
      if (copy == null) {
        continue;
      }
      boolean used = copy.stage() == Stage.WHOLE;
      if (used) {
        keep(tx, volume, copy.object(), machine.hypervisor().uid(), now);
      }
      tx.resources()
          .updateStatus(
              volume.uid(), volume.status().withCopy(used ? null : copy.at(Stage.DROPPED)), "", "");
    }
  }

  /** Nothing of the machine is left on the other hypervisor. */
  public static void gathered(Tx tx, ResolvedMachine machine) {
    for (Resource<VolumeSpec, VolumeStatus> volume : volumes(tx, machine)) {
      Copy copy = volume.status().copy();
      if (copy != null && copy.stage() == Stage.DROPPED) {
        tx.resources().updateStatus(volume.uid(), volume.status().withCopy(null), "", "");
      }
    }
  }

  /**
   * Puts a disk aside that was a volume's, as if a volume of its own had been deleted: it can be
   * restored as one, beside the volume itself.
   */
  private static void keep(
      Tx tx, Resource<VolumeSpec, VolumeStatus> volume, String disk, UUID hypervisor, Instant now) {
    Metadata m = volume.metadata();
    UUID uid = Ids.next(() -> now);
    String place = tx.resources().find(hypervisor).orElseThrow().name();
    tx.quarantine()
        .put(
            new Quarantine.Entry(
                new Resource<>(
                    Kind.VOLUME,
                    new Metadata(
                        m.name(), m.project(), m.labels(), m.annotations(), uid, 1, 1, now, null),
                    volume.spec().on(place),
                    new VolumeStatus(
                        volume.status().conditions(),
                        disk,
                        "mw-" + Ids.brief(uid),
                        volume.status().size(),
                        volume.status().filesystemSince(),
                        null)),
                hypervisor,
                disk,
                now,
                now.plus(Duration.ofDays(volume.spec().quarantineDays())),
                false));
  }

  private static Resource<MachineSpec, MachineStatus> now(Tx tx, ResolvedMachine machine) {
    return tx.resources()
        .lock(machine.uid())
        .orElseThrow()
        .as(MachineSpec.class, MachineStatus.class);
  }

  private static List<Resource<VolumeSpec, VolumeStatus>> volumes(Tx tx, ResolvedMachine machine) {
    return machine.volumes().stream()
        .sorted(Comparator.comparing(Resource::uid))
        .map(v ->
            tx.resources()
                .lock(v.uid())
                .orElseThrow()
                .<VolumeSpec, VolumeStatus>as(VolumeSpec.class, VolumeStatus.class))
        .toList();
  }

  private static void refer(Tx tx, Resource<?, ?> resource) {
    Lookup lookup = new Lookup(tx);
    List<UUID> to = new ArrayList<>();
    for (Ref ref : resource.spec().references()) {
      lookup
          .find(ref.kind(), resource.project(), ref.name())
          .ifPresent(found -> to.add(found.uid()));
    }
    tx.resources().refer(resource.uid(), to.stream().distinct().toList());
  }
}

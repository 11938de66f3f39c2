package io.millwright.engine.request;

import io.millwright.engine.access.ApprovalRule.Need;
import io.millwright.engine.access.Caller;
import io.millwright.engine.machine.ImageSteps;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Resources.Name;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied.Action;
import io.millwright.engine.request.Members.MemberDraft;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ids;
import io.millwright.model.ImageBuild;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.OfferSpec;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.OwnerSpec;
import io.millwright.model.PlainStatus;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.WebhookSpec;
import io.millwright.model.manifest.Diff;
import io.millwright.model.manifest.Diff.Change;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import io.millwright.planner.GroupPlanner;
import io.millwright.planner.Step;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Makes a set of drafts the declaration: all of them, or none if anything is wrong with one. */
public final class Apply {
  /** The project of a draft that names none. */
  public static final String DEFAULT_PROJECT = "default";

  private final Store store;
  private final Admission admission;
  private final Preview preview;
  private final InstantSource clock;

  public Apply(Store store, Admission admission, Preview preview, InstantSource clock) {
    this.store = store;
    this.admission = admission;
    this.preview = preview;
    this.clock = clock;
  }

  /**
   * What the caller expects to find.
   *
   * @param mustBeNew true to refuse what is there already
   * @param revision of the one resource that is applied, or null
   * @param again true to try again what has failed, though nothing else is declared of it
   */
  public record Expectation(boolean mustBeNew, @Nullable Long revision, boolean again) {
    public static final Expectation NONE = new Expectation(false, null);

    /** For who declares the same over and over: what has failed is left to whoever looks at it. */
    public static final Expectation ONLY_CHANGES = new Expectation(false, null, false);

    public Expectation(boolean mustBeNew, @Nullable Long revision) {
      this(mustBeNew, revision, true);
    }
  }

  /**
   * Declares.
   *
   * @throws ProblemException INVALID with every field that is wrong, CONFLICT, or PRECONDITION
   */
  public List<Applied> apply(Caller caller, List<Draft> drafts, Expectation expected) {
    return store.inTransaction(tx -> apply(tx, caller, drafts, expected));
  }

  /** As {@link #apply(Caller, List, Expectation)}, as a part of a larger transaction. */
  public List<Applied> apply(Tx tx, Caller caller, List<Draft> drafts, Expectation expected) {
    Run run = new Run(tx, caller, expected);
    List<Applied> applied = run.all(drafts);
    Approving.require(
        tx,
        caller,
        run.lookup,
        applied,
        () -> admission.seal(applied),
        new Wish.Declare(drafts, expected.mustBeNew()));
    return applied;
  }

  /** What {@link #apply} would do, in a transaction that the caller rolls back. */
  public List<Applied> rehearse(Tx tx, Caller caller, List<Draft> drafts, Expectation expected) {
    return new Run(tx, caller, expected).all(drafts);
  }

  /** What has to be approved before {@link #apply} does this, by project. */
  public Map<String, Need> needs(Caller caller, List<Draft> drafts) {
    return store.dryRun(tx -> {
      Run run = new Run(tx, caller, Expectation.NONE);
      return Approving.needs(tx, caller, run.lookup, run.all(drafts));
    });
  }

  /**
   * New members of a group, as a part of a larger transaction.
   *
   * @throws ProblemException INVALID with the reasons if there is no place for one
   */
  public void create(
      Tx tx,
      Caller caller,
      Resource<GroupSpec, GroupStatus> group,
      List<GroupPlanner.Act.Create> creates) {
    Run run = new Run(tx, caller, Expectation.NONE);
    run.create(group, creates);
    run.raise();
  }

  /**
   * Gives members of a group a revision, as a part of a larger transaction.
   *
   * @throws ProblemException INVALID if what it names is gone
   */
  public void change(
      Tx tx,
      Caller caller,
      Resource<GroupSpec, GroupStatus> group,
      Collection<Integer> ordinals,
      int revision) {
    Run run = new Run(tx, caller, Expectation.NONE);
    run.change(group, ordinals, revision);
    run.raise();
  }

  /** New machines of a pool, as a part of a larger transaction; as {@link #create}. */
  public void refill(Tx tx, Caller caller, Resource<PoolSpec, PoolStatus> pool, int count) {
    Run run = new Run(tx, caller, Expectation.NONE);
    run.refill(pool, count);
    run.raise();
  }

  /**
   * A machine that is installed for a build, or by which one is checked, as a part of a larger
   * transaction. One that checks is made from that very build, whatever the image is.
   *
   * @throws ProblemException INVALID with the reasons if there is no place for it; CONFLICT if
   *     somebody has its name
   */
  public Resource<?, ?> trial(
      Tx tx,
      Caller caller,
      Resource<ImageSpec, ImageStatus> image,
      ImageBuild build,
      MachineSpec spec) {
    String name = ImageSteps.trial(image.name(), build.number());
    tx.resources()
        .lock(Kind.MACHINE, image.project(), name)
        .ifPresent(there -> {
          throw ProblemException.of(
              Problem.Type.CONFLICT,
              there.title() + " is there already, and the build needs one called so");
        });
    Resource<MachineSpec, MachineStatus> machine =
        own(tx, caller, trial(image, name, spec))
            .resource()
            .as(MachineSpec.class, MachineStatus.class);
    if (build.sha256() != null) {
      tx.resources()
          .updateStatus(machine.uid(), machine.status().withImage(build.sha256()), "", "");
    }
    tx.groups().put(Member.fresh(machine.uid(), image.uid(), build.number(), null, 0));
    return machine;
  }

  /** Has the machine of a build switched off, as a part of a larger transaction. */
  public void switchOff(
      Tx tx,
      Caller caller,
      Resource<ImageSpec, ImageStatus> image,
      Resource<MachineSpec, MachineStatus> machine) {
    var _ =
        own(tx, caller, trial(image, machine.name(), machine.spec().with(m -> m.power(Power.OFF))));
  }

  private static Draft trial(
      Resource<ImageSpec, ImageStatus> image, String name, MachineSpec spec) {
    return new Draft(
        Kind.MACHINE,
        name,
        image.project(),
        Map.of(Names.TRIAL, image.name()),
        Map.of(),
        spec,
        image.title());
  }

  /**
   * Declares a machine that somebody else made, with what it names, as a part of a larger
   * transaction.
   *
   * @param uid by which its hypervisor knows it
   * @throws ProblemException CONFLICT if one of these is there already
   */
  List<Applied> imported(Tx tx, Caller caller, List<Draft> drafts, UUID uid) {
    Run run = new Run(tx, caller, new Expectation(true, null));
    run.imported = uid;
    return run.all(drafts);
  }

  /** Declares what belongs to Millwright's own work, and what people may not change by hand. */
  Applied own(Tx tx, Caller caller, Draft draft) {
    Run run = new Run(tx, caller, Expectation.NONE);
    run.asOwner = true;
    return run.all(List.of(draft)).getFirst();
  }

  /** What {@link #apply} would do to the declaration; nothing outside is asked. */
  public List<Applied> rehearse(Caller caller, List<Draft> drafts, Expectation expected) {
    return store.dryRun(tx -> rehearse(tx, caller, drafts, expected));
  }

  /** What {@link #apply} would do, and the very plan that would run; nothing is changed. */
  public List<Applied> plan(Caller caller, List<Draft> drafts) {
    return plan(caller, drafts, Expectation.NONE);
  }

  /** As the other one, for who expects something. */
  public List<Applied> plan(Caller caller, List<Draft> drafts, Expectation expected) {
    return preview.of(tx -> {
      Run run = new Run(tx, caller, expected);
      run.all(drafts);
      return run.rollOut();
    });
  }

  /** One apply in its transaction. */
  private final class Run {
    private final Tx tx;
    private final Caller caller;
    private final Expectation expected;
    private final Instant now = clock.instant();
    private final List<Violation> wrong = new ArrayList<>();
    private final Map<UUID, Applied> done = new LinkedHashMap<>();
    private final SortedSet<String> grown = new TreeSet<>();

    /** What is not there only because something is wrong with its own draft. */
    private final Set<Name> failed = new HashSet<>();

    private Lookup lookup;

    /** True while it is a group or a pool that declares. */
    private boolean asOwner;

    /** The uid of the machine that is imported, or null. */
    private @Nullable UUID imported;

    Run(Tx tx, Caller caller, Expectation expected) {
      this.tx = tx;
      this.caller = caller;
      this.expected = expected;
      this.lookup = new Lookup(tx);
    }

    List<Applied> all(List<Draft> drafts) {
      // What is named comes before what names it, and everybody locks in one order.
      List<Draft> sorted =
          drafts.stream()
              .sorted(
                  Comparator.comparing(Draft::kind)
                      .thenComparing(d -> d.spec() instanceof ImageSpec i && i.build() != null)
                      .thenComparing(d -> project(d))
                      .thenComparing(Draft::name))
              .toList();
      sorted.stream().filter(d -> d.kind().compareTo(Kind.MACHINE) < 0).forEach(this::one);
      List<Draft> machines = sorted.stream().filter(d -> d.kind() == Kind.MACHINE).toList();
      if (machines.size() > 1 && machines.stream().anyMatch(d -> !volumes(d.spec()).isEmpty())) {
        machines.forEach(this::letGo);
      }
      sorted.stream().filter(d -> d.kind().compareTo(Kind.MACHINE) >= 0).forEach(this::one);
      raise();
      return List.copyOf(done.values());
    }

    /**
     * What one machine lets go another one may take, whichever of them comes first. It is refused
     * that only if the whole is, and then nothing of this was done.
     */
    private void letGo(Draft draft) {
      tx.resources()
          .lock(draft.kind(), project(draft), draft.name())
          .filter(there -> !there.deleting())
          .ifPresent(there -> {
            List<String> keeps = volumes(draft.spec());
            List<UUID> leaving =
                volumes(there.spec()).stream()
                    .filter(name -> !keeps.contains(name))
                    .flatMap(name -> lookup.find(Kind.VOLUME, there.project(), name).stream())
                    .map(Resource::uid)
                    .toList();
            if (!leaving.isEmpty()) {
              tx.resources().unrefer(there.uid(), leaving);
            }
          });
    }

    private static List<String> volumes(Spec machine) {
      return ((MachineSpec) machine).volumes();
    }

    void raise() {
      if (!wrong.isEmpty()) {
        throw ProblemException.invalid(wrong);
      }
      Limits.require(tx, grown);
    }

    private void one(Draft asked) {
      Resource<?, ?> before =
          tx.resources().lock(asked.kind(), project(asked), asked.name()).orElse(null);
      Draft draft = before == null ? asked : Members.kept(asked, before);
      if (!asOwner) {
        meetExpectation(draft, before);
      }
      Violations at = Violations.at("");
      if (before != null && before.deleting()) {
        throw ProblemException.of(
            Problem.Type.CONFLICT,
            before.title() + " is being deleted; wait for that, then apply again");
      }
      Spec spec = admission.normalise(draft.spec(), before == null ? null : before.spec(), at);
      if (!asOwner) {
        Members.refuseChange(tx, draft, before, before != null && !before.spec().equals(spec), at);
      }
      if (before == null && spec instanceof MachineSpec m && m.foreignMade()) {
        at.field("spec.imported")
            .require(
                imported != null,
                "is set by an import only: millwright import "
                    + m.hypervisor()
                    + "/OBJECT --as "
                    + draft.name());
      }
      // A rebuild that failed is tried again like anything else, on yet another disk.
      boolean retry =
          expected.again()
              && before != null
              && before.spec().equals(spec)
              && Rebuild.failed(before);
      Resource<?, ?> after =
          before == null ? fresh(draft, spec) : changed(draft, spec, before, retry);
      List<UUID> references = references(after, at);
      if (before == null && after.kind() == Kind.SIZE) {
        refuseHiding(after, at);
      }
      if (!at.list().isEmpty() || lacksFailed(after)) {
        at.list().forEach(v -> wrong.add(new Violation(draft.field(v.field()), v.message())));
        failed.add(new Name(after.kind(), after.project(), after.name()));
        return;
      }
      boolean specChanged = before == null || after.generation() > before.generation();
      if (specChanged && grows(before == null ? null : before.spec(), after)) {
        grown.add(after.project());
      }
      List<Change> changes =
          Masking.mask(
              Diff.between(
                  before == null ? Json.mapper().createObjectNode() : declaration(before),
                  declaration(after)));
      if (before != null && changes.isEmpty() && !retry) {
        Operation again = expected.again() ? again(before) : null;
        if (again == null && done.containsKey(before.uid())) {
          return; // it follows from something before it
        }
        done.put(
            before.uid(), new Applied(before, Action.UNCHANGED, List.of(), again, "", List.of()));
        return;
      }
      if (before == null) {
        tx.resources().insert(after);
        if (caller.account() != null) {
          tx.resources().own(after.uid(), caller.account());
        }
      } else {
        tx.resources().update(after);
      }
      if (after.kind().compareTo(Kind.MACHINE) < 0) {
        lookup = new Lookup(tx); // others name this one; machines and what owns them, nobody
      }
      if (specChanged) {
        tx.resources().refer(after.uid(), references);
        if (after.kind() == Kind.SOURCE) {
          tx.sourced().declaredBy(after.uid(), caller.account());
        }
        boolean mayGrow = before != null && after.kind() == Kind.MACHINE;
        long had = mayGrow ? addresses(after) : 0;
        Status status =
            admission.admit(tx, lookup, after, before == null ? null : before.spec(), at);
        if (after.spec() instanceof MachineSpec) {
          Expire.admit(
              tx,
              after.as(MachineSpec.class, MachineStatus.class),
              before == null ? null : (MachineSpec) before.spec(),
              now,
              at.field("spec").field("expiry"));
        }
        if (!at.list().isEmpty()) {
          at.list().forEach(v -> wrong.add(new Violation(draft.field(v.field()), v.message())));
          return;
        }
        if (mayGrow && addresses(after) > had) {
          grown.add(after.project());
        }
        if (status instanceof GroupStatus group) {
          status = declared(after.as(GroupSpec.class, GroupStatus.class), before, group);
        }
        if (status instanceof PoolStatus pool) {
          status =
              pool.withRevision(
                  Members.revision(
                      tx, after.as(PoolSpec.class, PoolStatus.class), caller.name(), now));
        }
        if (before != null && Renewal.concerns(before.spec(), after.spec())) {
          status = Renewal.of(status, now);
        }
        tx.resources().updateStatus(after.uid(), status, "", "");
        after = tx.resources().find(after.uid()).orElseThrow();
      }
      Operation operation = null;
      if (specChanged && needsWork(after.kind())) {
        operation = start(after, before == null ? Operation.Verb.CREATE : Operation.Verb.UPDATE);
      } else if (specChanged) {
        tx.nudges().nudge(after.uid());
      }
      done.put(
          after.uid(),
          new Applied(
              after,
              before == null
                  ? Action.CREATED
                  : changes.isEmpty() ? Action.UNCHANGED : Action.CHANGED,
              changes,
              operation,
              "",
              List.of()));
      if (before != null && specChanged) {
        followers(draft, before, after);
      }
      if (specChanged && after.kind() == Kind.GROUP) {
        Resource<GroupSpec, GroupStatus> group = after.as(GroupSpec.class, GroupStatus.class);
        create(group, Members.declared(tx, group).creates());
      }
      if (specChanged && after.kind() == Kind.POOL) {
        Resource<PoolSpec, PoolStatus> pool = after.as(PoolSpec.class, PoolStatus.class);
        refill(pool, Pools.missing(tx, pool));
      }
    }

    // --- groups ----------------------------------------------------------------------------

    /** The status of a group that was declared just now; it has a revision from here on. */
    private GroupStatus declared(
        Resource<GroupSpec, GroupStatus> group, @Nullable Resource<?, ?> before, GroupStatus was) {
      GroupStatus next = was.declared(Members.revision(tx, group, caller.name(), now));
      // Whoever only wants more or fewer of them does not want to try again what has failed.
      boolean scaled =
          before != null
              && before.spec() instanceof GroupSpec old
              && old.withCount(group.spec().count()).equals(group.spec());
      return scaled ? next : next.withFailed(null);
    }

    void refill(Resource<PoolSpec, PoolStatus> pool, int count) {
      if (count > 0) {
        List<Integer> ordinals = Members.ordinals(tx, pool, count);
        int revision = pool.status().revision();
        tx.resources().updateStatus(pool.uid(), pool.status().withLast(ordinals.getLast()), "", "");
        create(pool, ordinals.stream().map(o -> new GroupPlanner.Act.Create(o, revision)).toList());
      }
    }

    void create(Resource<? extends OwnerSpec, ?> group, List<GroupPlanner.Act.Create> creates) {
      Violations at = Violations.at("");
      List<MemberDraft> drafts = Members.create(tx, lookup, admission, group, creates, at);
      at.list()
          .forEach(v -> wrong.add(new Violation(group.title() + ": " + v.field(), v.message())));
      drafts.forEach(draft -> member(group, draft));
    }

    void change(
        Resource<GroupSpec, GroupStatus> group, Collection<Integer> ordinals, int revision) {
      Map<Integer, Resource<MachineSpec, MachineStatus>> machines = Members.machines(tx, group);
      for (int ordinal : ordinals) {
        Resource<MachineSpec, MachineStatus> machine = machines.get(ordinal);
        if (machine != null && !machine.deleting()) {
          Members.change(tx, group, machine, ordinal, revision)
              .forEach(draft -> member(group, draft));
        }
      }
    }

    private void member(Resource<? extends OwnerSpec, ?> group, MemberDraft member) {
      boolean outer = asOwner;
      asOwner = true;
      one(member.draft());
      asOwner = outer;
      if (wrong.isEmpty()) {
        tx.resources()
            .find(member.draft().kind(), group.project(), member.draft().name())
            .ifPresent(r ->
                tx.groups()
                    .put(
                        Member.fresh(
                            r.uid(),
                            group.uid(),
                            member.ordinal(),
                            member.volume(),
                            member.revision())));
      }
    }

    /** As if the rollouts that were begun went through at once, to show what they would do. */
    List<Applied> rollOut() {
      for (Applied each : List.copyOf(done.values())) {
        if (each.resource().kind() == Kind.GROUP && each.operation() != null) {
          rollOut(each, each.resource().as(GroupSpec.class, GroupStatus.class));
        }
      }
      raise();
      return List.copyOf(done.values());
    }

    private void rollOut(Applied applied, Resource<GroupSpec, GroupStatus> group) {
      Members.Declared next = Members.declared(tx, group);
      List<Step> steps = new ArrayList<>();
      for (Member member : tx.groups().members(group.uid())) {
        boolean fresh =
            member.volume() == null
                && Optional.ofNullable(done.get(member.uid()))
                    .filter(a -> a.action() == Action.CREATED)
                    .isPresent();
        if (fresh || (member.volume() == null && next.changes().contains(member.ordinal()))) {
          steps.add(
              new Step.SetMember(
                  Members.machineName(group.name(), member.ordinal()),
                  fresh ? member.revision() : group.status().revision()));
        }
      }
      Map<Integer, Resource<MachineSpec, MachineStatus>> machines = Members.machines(tx, group);
      for (Member member : tx.groups().members(group.uid())) {
        Resource<MachineSpec, MachineStatus> machine = machines.get(member.ordinal());
        if (member.due() && machine != null && next.changes().contains(member.ordinal())) {
          follows(machine);
        }
      }
      change(group, next.changes(), group.status().revision());
      for (int ordinal : next.removes()) {
        Resource<MachineSpec, MachineStatus> machine = machines.get(ordinal);
        if (machine != null) {
          steps.add(new Step.RemoveMember(machine.name()));
          Resource<?, ?> going = Delete.going(machine, now);
          tx.resources().update(going);
          done.put(
              machine.uid(),
              new Applied(
                  going,
                  Action.DELETED,
                  List.of(),
                  start(going, Operation.Verb.DELETE),
                  "",
                  List.of(),
                  Members.left(tx, machine),
                  null));
        }
      }
      done.put(
          group.uid(),
          new Applied(
              applied.resource(),
              applied.action(),
              applied.changes(),
              applied.operation(),
              "",
              steps));
    }

    private long addresses(Resource<?, ?> machine) {
      return tx.addresses().leases(machine.uid()).stream()
          .filter(lease -> lease.coolingUntil() == null)
          .count();
    }

    /**
     * Whether it takes more of its project's quota than before, but for addresses; rather once too
     * often.
     */
    private boolean grows(@Nullable Spec before, Resource<?, ?> after) {
      return switch (after.spec()) {
        case MachineSpec m ->
            !(before instanceof MachineSpec old)
                || (!old.size().equals(m.size()) && !smaller(old.size(), m.size(), after));
        case VolumeSpec v ->
            !(before instanceof VolumeSpec old) || old.size().compareTo(v.size()) < 0;
        case SnapshotSpec _ -> before == null;
        case SizeSpec s -> before instanceof SizeSpec old && !within(s, old) && onIt(after);
        case HypervisorSpec _,
            NetworkSpec _,
            ImageSpec _,
            ProfileSpec _,
            OwnerSpec _,
            SourceSpec _,
            WebhookSpec _,
            OfferSpec _ ->
            false;
      };
    }

    private boolean smaller(String before, String now, Resource<?, ?> of) {
      SizeSpec a = size(before, of);
      SizeSpec b = size(now, of);
      return a != null && b != null && within(b, a);
    }

    private static boolean within(SizeSpec size, SizeSpec other) {
      return size.cores() <= other.cores()
          && size.memory().compareTo(other.memory()) <= 0
          && size.disk().compareTo(other.disk()) <= 0;
    }

    /**
     * Whether machines of its own project have this Size; those of others the house answers for.
     */
    private boolean onIt(Resource<?, ?> size) {
      return tx.resources().referrers(size.uid(), Integer.MAX_VALUE).stream()
          .anyMatch(r -> r.kind() == Kind.MACHINE && r.project().equals(size.project()));
    }

    /**
     * A Size of a project's own goes before a shared one of the same name, so machines that are on
     * that, and groups and pools that make such, would have another one without anybody having
     * changed them.
     */
    private void refuseHiding(Resource<?, ?> size, Violations at) {
      if (size.project().equals(Projects.SHARED)) {
        return;
      }
      tx.resources().find(Kind.SIZE, Projects.SHARED, size.name()).stream()
          .flatMap(shared -> tx.resources().referrers(shared.uid(), Integer.MAX_VALUE).stream())
          .filter(r -> r.project().equals(size.project()))
          .findFirst()
          .ifPresent(named ->
              at.field("metadata.name")
                  .add(
                      "is that of a shared Size, which "
                          + named.title()
                          + " has; take another name"));
    }

    private @Nullable SizeSpec size(String name, Resource<?, ?> of) {
      return lookup
          .find(Kind.SIZE, of.project(), name)
          .map(r -> r.as(SizeSpec.class, PlainStatus.class).spec())
          .orElse(null);
    }

    /** What failed or was cancelled is tried again when it is applied again. */
    private @Nullable Operation again(Resource<?, ?> resource) {
      boolean ended =
          needsWork(resource.kind())
              && tx.operations()
                  .latest(resource.uid())
                  .filter(o -> o.generation() == resource.generation())
                  .map(Operation::state)
                  .filter(s -> s instanceof State.Failed || s instanceof State.Cancelled)
                  .isPresent();
      if (resource.status() instanceof GroupStatus group && (ended || group.failed() != null)) {
        tx.resources().updateStatus(resource.uid(), group.withFailed(null), "", "");
        return start(resource, Operation.Verb.UPDATE);
      }
      return ended ? start(resource, Operation.Verb.UPDATE) : null;
    }

    private void meetExpectation(Draft draft, @Nullable Resource<?, ?> before) {
      if (expected.mustBeNew() && before != null) {
        throw ProblemException.of(
            Problem.Type.CONFLICT,
            "there is a "
                + draft.kind()
                + " "
                + draft.name()
                + " in project "
                + project(draft)
                + " already");
      }
      Long revision = expected.revision();
      if (revision != null && (before == null || before.metadata().revision() != revision)) {
        throw ProblemException.of(
            Problem.Type.PRECONDITION,
            draft.kind()
                + " "
                + draft.name()
                + " was changed by somebody else; read it again and"
                + " repeat your change on that");
      }
    }

    private Resource<?, ?> fresh(Draft draft, Spec spec) {
      Metadata metadata =
          new Metadata(
              draft.name(),
              project(draft),
              draft.labels(),
              draft.annotations(),
              imported != null && draft.kind() == Kind.MACHINE ? imported : Ids.next(clock),
              1,
              1,
              now,
              null);
      return new Resource<>(draft.kind(), metadata, spec, emptyStatus(draft.kind()));
    }

    private Resource<?, ?> changed(Draft draft, Spec spec, Resource<?, ?> before, boolean retry) {
      Metadata old = before.metadata();
      Metadata metadata =
          new Metadata(
              old.name(),
              old.project(),
              draft.labels(),
              draft.annotations(),
              old.uid(),
              before.spec().equals(spec) && !retry ? old.generation() : old.generation() + 1,
              old.revision(),
              old.createdAt(),
              null);
      return new Resource<>(before.kind(), metadata, spec, before.status());
    }

    private Status emptyStatus(Kind kind) {
      Condition declared =
          new Condition(Condition.READY, Condition.Value.TRUE, "Declared", "It is declared.", now);
      Condition pending =
          new Condition(
              Condition.READY,
              Condition.Value.FALSE,
              "Pending",
              "It is new, and the work on it has not ended yet.",
              now);
      return switch (kind) {
        case SOURCE -> SourceStatus.EMPTY.withConditions(List.of(pending));
        case HYPERVISOR -> HypervisorStatus.EMPTY.withConditions(List.of(pending));
        case IMAGE -> ImageStatus.EMPTY.withConditions(List.of(pending));
        case VOLUME -> VolumeStatus.EMPTY.withConditions(List.of(pending));
        case MACHINE -> MachineStatus.EMPTY.withConditions(List.of(pending));
        case SNAPSHOT -> SnapshotStatus.EMPTY.withConditions(List.of(pending));
        case GROUP -> GroupStatus.EMPTY.withConditions(List.of(pending));
        case POOL -> PoolStatus.EMPTY.withConditions(List.of(pending));
        case NETWORK -> new NetworkStatus(List.of(declared));
        case SIZE, PROFILE, WEBHOOK, OFFER -> new PlainStatus(List.of(declared));
      };
    }

    private List<UUID> references(Resource<?, ?> resource, Violations at) {
      List<UUID> out = new ArrayList<>();
      lookup.prepare(resource.project(), resource.spec().references());
      for (Ref ref : resource.spec().references()) {
        lookup
            .find(ref.kind(), resource.project(), ref.name())
            .ifPresentOrElse(
                found -> {
                  at.field(ref.field())
                      .require(!found.deleting(), found.title() + " is being deleted");
                  out.add(found.uid());
                },
                () -> {
                  if (!hasFailed(ref, resource.project())) {
                    at.field(ref.field()).add(missing(ref, resource.project()));
                  }
                });
      }
      return out.stream().distinct().toList();
    }

    /** Whether something that it names failed and is not there; then nothing can be said of it. */
    private boolean lacksFailed(Resource<?, ?> resource) {
      return resource.spec().references().stream()
          .anyMatch(ref ->
              hasFailed(ref, resource.project())
                  && lookup.find(ref.kind(), resource.project(), ref.name()).isEmpty());
    }

    private boolean hasFailed(Ref ref, String project) {
      return Lookup.places(project).stream()
          .anyMatch(place -> failed.contains(new Name(ref.kind(), place, ref.name())));
    }

    private String missing(Ref ref, String project) {
      List<String> names = admission.namesOf(tx, ref.kind(), project);
      return "there is no "
          + ref.kind()
          + " "
          + Names.quote(ref.name())
          + Names.hint(ref.name(), names)
          + (names.isEmpty()
              ? "; declare it first, or in the same apply"
              : "; there are: " + String.join(", ", names));
    }

    /**
     * Machines that feel a change of what they name: their plans change with it. Members for which
     * that means a stop would all stop at once; so they are due from now on, and their group or
     * pool takes one after the other.
     */
    private void followers(Draft draft, Resource<?, ?> before, Resource<?, ?> changed) {
      if (changed.kind() != Kind.SIZE && changed.kind() != Kind.NETWORK) {
        return;
      }
      boolean stops =
          before.spec() instanceof NetworkSpec old
              && changed.spec() instanceof NetworkSpec now
              && !old.carriesAs(now);
      SortedMap<UUID, List<UUID>> members = new TreeMap<>();
      Map<UUID, Boolean> owners = new HashMap<>();
      boolean reserves =
          before.spec() instanceof NetworkSpec old
              && changed.spec() instanceof NetworkSpec now
              && !(old.subnets().equals(now.subnets())
                  && Objects.equals(old.services(), now.services()));
      for (Resource<?, ?> referrer : tx.resources().referrers(changed.uid(), Integer.MAX_VALUE)) {
        if (referrer.kind() != Kind.MACHINE || referrer.deleting()) {
          continue;
        }
        Resource<?, ?> machine = reserves ? reserved(draft, referrer, changed) : referrer;
        Optional<UUID> owner =
            stops
                ? tx.groups()
                    .find(machine.uid())
                    .map(Member::group)
                    .filter(g -> owners.computeIfAbsent(g, this::isOwner))
                : Optional.empty();
        if (owner.isPresent()) {
          members.computeIfAbsent(owner.get(), g -> new ArrayList<>()).add(machine.uid());
        } else if (!done.containsKey(machine.uid())) {
          follows(machine);
        }
      }
      members.forEach(this::due);
    }

    /** A machine with what its changed network newly asks for it, or what is wrong with that. */
    private Resource<?, ?> reserved(Draft draft, Resource<?, ?> referrer, Resource<?, ?> network) {
      Resource<MachineSpec, MachineStatus> machine =
          tx.resources()
              .lock(referrer.uid())
              .orElse(referrer)
              .as(MachineSpec.class, MachineStatus.class);
      Violations at = Violations.at("");
      Optional<MachineStatus> status =
          admission.reserveAnew(
              tx, lookup, machine, network.as(NetworkSpec.class, NetworkStatus.class), at);
      at.list()
          .forEach(v ->
              wrong.add(
                  new Violation(
                      draft.field("spec"),
                      "asks for more at "
                          + v.field()
                          + " of "
                          + machine.title()
                          + ": "
                          + v.message())));
      if (status.isEmpty() || !at.list().isEmpty()) {
        return machine;
      }
      grown.add(machine.project());
      tx.resources().updateStatus(machine.uid(), status.get(), "", "");
      return tx.resources().find(machine.uid()).orElseThrow();
    }

    /** False of an image whose build a machine checks. */
    private boolean isOwner(UUID uid) {
      return tx.resources().find(uid).filter(r -> r.spec() instanceof OwnerSpec).isPresent();
    }

    private void follows(Resource<?, ?> resource) {
      done.put(
          resource.uid(),
          new Applied(
              resource,
              Action.UNCHANGED,
              List.of(),
              start(resource, Operation.Verb.UPDATE),
              "",
              List.of()));
    }

    /** Locked in one order, and before its members, as by whoever works on it. */
    private void due(UUID uid, List<UUID> members) {
      Resource<?, ?> owner = tx.resources().lock(uid).orElseThrow();
      members.forEach(m -> tx.groups().due(m, true));
      if (owner.deleting()
          || owner.kind() != Kind.GROUP
          || tx.operations().active(uid).isPresent()) {
        tx.nudges().nudge(uid);
        return;
      }
      Resource<GroupSpec, GroupStatus> group = owner.as(GroupSpec.class, GroupStatus.class);
      int declared = group.status().revision();
      boolean rolledOut =
          tx.groups().members(uid).stream()
              .allMatch(m -> m.volume() != null || m.revision() == declared);
      // A rollout of what was declared that has failed is not tried again by this.
      if (rolledOut || group.status().failed() == null) {
        tx.resources().updateStatus(uid, group.status().retried(), "", "");
        follows(tx.resources().find(uid).orElseThrow());
      }
    }

    private Operation start(Resource<?, ?> target, Operation.Verb verb) {
      return Begin.operation(tx, target, verb, caller.name(), clock);
    }
  }

  private static boolean needsWork(Kind kind) {
    return switch (kind) {
      case MACHINE, VOLUME, SNAPSHOT, IMAGE, GROUP -> true;
      case HYPERVISOR, NETWORK, SIZE, PROFILE, POOL, SOURCE, WEBHOOK, OFFER -> false;
    };
  }

  /** What of a resource the user declared, for comparing; secrets are sealed in it. */
  static JsonNode declaration(Resource<?, ?> resource) {
    ObjectNode out = Json.mapper().createObjectNode();
    ObjectNode metadata = out.putObject("metadata");
    metadata.set("labels", Json.tree(resource.metadata().labels()));
    metadata.set("annotations", Json.tree(resource.metadata().annotations()));
    out.set("spec", Json.tree(resource.spec()));
    return out;
  }

  static String project(Draft draft) {
    String given = draft.project();
    return given == null ? DEFAULT_PROJECT : given;
  }
}

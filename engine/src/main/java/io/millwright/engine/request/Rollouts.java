package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Groups.Revision;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineTemplate;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Diff;
import io.millwright.model.manifest.Diff.Change;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What people do with groups besides declaring them. */
public final class Rollouts {
  private final Store store;
  private final Apply apply;
  private final InstantSource clock;

  public Rollouts(Store store, Apply apply, InstantSource clock) {
    this.store = store;
    this.apply = apply;
    this.clock = clock;
  }

  /**
   * A machine of a group.
   *
   * @param busy true if an operation is at work on it
   */
  public record MemberFacts(
      Member member, Resource<MachineSpec, MachineStatus> machine, boolean busy) {}

  /**
   * Declares another count, and nothing else.
   *
   * @return what that did to the group and to its members
   */
  public List<Applied> scale(Tx tx, Caller caller, String project, String name, int count) {
    Resource<GroupSpec, GroupStatus> group = lock(tx, project, name);
    return apply.apply(tx, caller, List.of(scaled(group, count)), Apply.Expectation.NONE);
  }

  /** What {@link #scale} would do; nothing is changed. */
  public List<Applied> planScale(Caller caller, String project, String name, int count) {
    return apply.plan(caller, List.of(scaled(read(project, name), count)));
  }

  private static Draft scaled(Resource<GroupSpec, GroupStatus> group, int count) {
    if (count < 0 || count > GroupSpec.MOST) {
      throw ProblemException.invalid("count", "must be 0 to " + GroupSpec.MOST);
    }
    GroupSpec spec = group.spec().withCount(count);
    Violations at = Violations.at("");
    spec.check(at.field("spec"));
    at.raise();
    return draft(group, spec);
  }

  /**
   * Declares of its machines what was declared before; how it gets to them is as declared.
   *
   * @param to number of a revision; null for what all members had last, or what was declared before
   *     that
   */
  public List<Applied> rollBack(
      Tx tx, Caller caller, String project, String name, @Nullable Integer to) {
    Resource<GroupSpec, GroupStatus> group = lock(tx, project, name);
    Draft draft = rolledBack(tx, group, to);
    if (group.status().paused()) {
      // Whoever wants to go back does not want to wait for that.
      tx.resources().updateStatus(group.uid(), group.status().withPaused(false), "", "");
    }
    return apply.apply(tx, caller, List.of(draft), Apply.Expectation.NONE);
  }

  /** What {@link #rollBack} would do; nothing is changed. */
  public List<Applied> planRollBack(
      Caller caller, String project, String name, @Nullable Integer to) {
    Draft draft = store.read(tx -> rolledBack(tx, find(tx, project, name), to));
    return apply.plan(caller, List.of(draft));
  }

  private static Draft rolledBack(
      Tx tx, Resource<GroupSpec, GroupStatus> group, @Nullable Integer to) {
    GroupStatus status = group.status();
    Integer stable = status.stable();
    Integer number = to;
    if (number == null) {
      number = stable != null && stable != status.revision() ? stable : status.previous();
    }
    if (number == null) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          group.title() + " has one revision only, so there is nothing to go back to");
    }
    return draft(group, group.spec().withMachine(revision(tx, group, number, "to").machine()));
  }

  /** Has its rollouts wait: members that are being changed are, and no others. */
  public Resource<GroupSpec, GroupStatus> pause(Tx tx, String project, String name) {
    Resource<GroupSpec, GroupStatus> group = lock(tx, project, name);
    tx.resources()
        .updateStatus(
            group.uid(), group.status().withPaused(true), "Paused", "Its rollouts were paused.");
    tx.nudges().nudge(group.uid());
    return find(tx, project, name);
  }

  /**
   * Has its rollout go on, from a pause of whatever kind; one that has failed is tried again.
   *
   * @return the operation, or nothing if there is nothing to go on with
   */
  public Optional<Operation> resume(Tx tx, Caller caller, String project, String name) {
    Resource<GroupSpec, GroupStatus> group = lock(tx, project, name);
    GroupStatus status = group.status();
    int changed =
        (int)
            tx.groups().members(group.uid()).stream()
                .filter(m -> m.volume() == null && m.revision() == status.revision())
                .count();
    tx.resources()
        .updateStatus(
            group.uid(),
            status.with(s -> s.paused(false).confirmed(changed).failed(null)),
            "Continued",
            "Its rollouts go on.");
    tx.nudges().nudge(group.uid());
    Optional<Operation> latest = tx.operations().latest(group.uid());
    return latest
        .filter(o ->
            o.state() instanceof Operation.State.Failed
                || o.state() instanceof Operation.State.Cancelled
                || (o.state().terminal() && status.failed() != null))
        .map(_ -> Begin.operation(tx, group, Operation.Verb.UPDATE, caller.name(), clock))
        .or(() -> latest.filter(o -> !o.state().terminal()));
  }

  /** Its machines, in the order of their ordinals. */
  public List<MemberFacts> members(String project, String name) {
    return store.read(tx -> {
      List<MemberFacts> out = new ArrayList<>();
      for (Member member : tx.groups().members(find(tx, project, name).uid())) {
        if (member.volume() == null) {
          tx.resources()
              .find(member.uid())
              .ifPresent(r ->
                  out.add(
                      new MemberFacts(
                          member,
                          r.as(MachineSpec.class, MachineStatus.class),
                          tx.operations().active(member.uid()).isPresent())));
        }
      }
      return out;
    });
  }

  /** A group, and what was ever declared of its machines, the first one first. */
  public record History(Resource<GroupSpec, GroupStatus> group, List<Revision> revisions) {}

  /** Its revisions. */
  public History history(String project, String name) {
    return store.read(tx -> {
      Resource<GroupSpec, GroupStatus> group = find(tx, project, name);
      return new History(group, tx.groups().revisions(group.uid()));
    });
  }

  /** What is different between two of its revisions. */
  public List<Change> diff(String project, String name, int from, int to) {
    return store.read(tx -> {
      Resource<GroupSpec, GroupStatus> group = find(tx, project, name);
      MachineTemplate one = revision(tx, group, from, "from").machine();
      MachineTemplate other = revision(tx, group, to, "to").machine();
      return Masking.mask(Diff.between(Json.tree(one), Json.tree(other)));
    });
  }

  private static Revision revision(
      Tx tx, Resource<GroupSpec, GroupStatus> group, int number, String field) {
    return tx.groups()
        .revision(group.uid(), number)
        .orElseThrow(() ->
            ProblemException.invalid(
                field,
                group.title()
                    + " has no revision "
                    + number
                    + "; there are: "
                    + tx.groups().revisions(group.uid()).stream()
                        .map(r -> String.valueOf(r.number()))
                        .collect(Collectors.joining(", "))));
  }

  private Resource<GroupSpec, GroupStatus> read(String project, String name) {
    return store.read(tx -> find(tx, project, name));
  }

  private static Resource<GroupSpec, GroupStatus> find(Tx tx, String project, String name) {
    return tx.resources()
        .find(Kind.GROUP, project, name, GroupSpec.class, GroupStatus.class)
        .orElseThrow(() -> Missing.of(tx, Kind.GROUP, project, name));
  }

  private static Resource<GroupSpec, GroupStatus> lock(Tx tx, String project, String name) {
    Resource<GroupSpec, GroupStatus> group =
        tx.resources()
            .lock(Kind.GROUP, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.GROUP, project, name))
            .as(GroupSpec.class, GroupStatus.class);
    if (group.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, group.title() + " is being deleted");
    }
    return group;
  }

  private static Draft draft(Resource<GroupSpec, GroupStatus> group, GroupSpec spec) {
    return new Draft(
        Kind.GROUP,
        group.name(),
        group.project(),
        group.metadata().labels(),
        group.metadata().annotations(),
        spec,
        group.title());
  }
}

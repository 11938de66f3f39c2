package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Groups.Revision;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Masking;
import io.millwright.engine.request.Rollouts;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineTemplate;
import io.millwright.model.Resource;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Groups of machines, and how changes of them are rolled out. */
@RestController
@RequestMapping("/api/v1/projects/{project}/groups")
@Tag(name = "groups", description = "Machines of one shape, and rollouts of changes to them.")
final class GroupsApi extends Collection {

  GroupsApi(Backend backend, LiveStreams live) {
    super(Kind.GROUP, backend, live);
  }

  /** How a member stands. */
  enum MemberState {
    HEALTHY,
    /** It does not pass its health gate. */
    UNHEALTHY,
    /** An operation is at work on it. */
    BUSY,
    /** It is being deleted. */
    LEAVING
  }

  /**
   * A machine of a group.
   *
   * @param uid of the machine
   * @param revision that it was given last
   * @param hypervisor where it is
   * @param since when it has been healthy, or unhealthy
   * @param message why it is not healthy, or empty
   */
  record GroupMemberView(
      String name,
      UUID uid,
      int ordinal,
      int revision,
      @Nullable String hypervisor,
      MemberState state,
      @Nullable Instant since,
      String message) {
    static GroupMemberView of(Rollouts.MemberFacts f) {
      MemberState state =
          f.machine().deleting()
              ? MemberState.LEAVING
              : f.busy()
                  ? MemberState.BUSY
                  : f.member().healthySince() != null ? MemberState.HEALTHY : MemberState.UNHEALTHY;
      return new GroupMemberView(
          f.machine().name(),
          f.machine().uid(),
          f.member().ordinal(),
          f.member().revision(),
          f.machine().status().hypervisor(),
          state,
          f.member().healthySince() == null ? f.member().troubleSince() : f.member().healthySince(),
          f.member().trouble());
    }
  }

  /** All of them, in the order of their ordinals. */
  record GroupMembersView(List<GroupMemberView> items) {}

  /**
   * What was declared of a group's machines.
   *
   * @param at when it was declared first
   * @param by who declared it
   * @param declared true if it is what is declared now
   * @param stable true if it is what all members had when a rollout last ended well
   */
  record GroupRevisionView(
      int number,
      Instant at,
      String by,
      boolean declared,
      boolean stable,
      MachineTemplate machine) {
    static GroupRevisionView of(Revision r, GroupStatus status) {
      return new GroupRevisionView(
          r.number(),
          r.at(),
          r.by(),
          r.number() == status.revision(),
          Objects.equals(r.number(), status.stable()),
          Masking.maskPart(r.machine()));
    }
  }

  /** All of them, the first one first. */
  record GroupRevisionsView(List<GroupRevisionView> items) {}

  /** What is different between two revisions. */
  record GroupDiffView(List<ApplyView.ChangeView> changes) {}

  @Operation(
      operationId = "listGroupMembers",
      summary = "Lists the machines of a group, with their health")
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/members")
  GroupMembersView members(@PathVariable String project, @PathVariable String name) {
    return new GroupMembersView(
        backend.engine().rollouts().members(project, name).stream()
            .map(GroupMemberView::of)
            .toList());
  }

  @Operation(
      operationId = "listGroupRevisions",
      summary = "Lists what was ever declared of a group's machines")
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/revisions")
  GroupRevisionsView revisions(@PathVariable String project, @PathVariable String name) {
    Rollouts.History history = backend.engine().rollouts().history(project, name);
    return new GroupRevisionsView(
        history.revisions().stream()
            .map(r -> GroupRevisionView.of(r, history.group().status()))
            .toList());
  }

  @Operation(
      operationId = "getGroupDiff",
      summary = "Shows what is different between two revisions of a group")
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/diff")
  GroupDiffView diff(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "number of a revision") @RequestParam int from,
      @Parameter(description = "number of another") @RequestParam int to) {
    return new GroupDiffView(
        backend.engine().rollouts().diff(project, name, from, to).stream()
            .map(ApplyView.ChangeView::of)
            .toList());
  }

  @Operation(
      operationId = "scaleGroup",
      summary = "Declares how many machines a group has",
      description =
          "Sets spec.count and nothing else. A dry run tells which members would come and go, and"
              + " what would be destroyed and kept.")
  @Needs(Verb.DECLARE)
  @PostMapping("/{name}:scale")
  ResponseEntity<byte[]> scale(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "how many") @RequestParam int count,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    return once.answerOrTell(
        dryRun,
        () -> backend.engine().rollouts().planScale(caller, project, name, count),
        tx -> ofGroup(backend.engine().rollouts().scale(tx, caller, project, name, count)));
  }

  @Operation(
      operationId = "pauseGroup",
      summary = "Pauses the rollouts of a group",
      description = "Members that are being changed are, and no others until it is continued.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:pause")
  ResponseEntity<byte[]> pause(@PathVariable String project, @PathVariable String name, Once once) {
    return once.answer(tx -> Answer.of(200, backend.engine().rollouts().pause(tx, project, name)));
  }

  @Operation(
      operationId = "continueGroup",
      summary = "Continues the rollout of a group",
      description =
          "From a pause of whatever kind. One that has failed is tried again, as by an apply.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:continue")
  ResponseEntity<byte[]> resume(
      @PathVariable String project, @PathVariable String name, Once once) {
    Caller caller = Callers.now();
    return once.answer(tx ->
        backend
            .engine()
            .rollouts()
            .resume(tx, caller, project, name)
            .map(Answer::accepted)
            .orElseGet(() -> Answer.of(200, find(tx, project, name))));
  }

  @Operation(
      operationId = "rollbackGroup",
      summary = "Declares of a group's machines what was declared before",
      description = "It is rolled out like any other change. A dry run tells what would be done.")
  @Needs(Verb.DECLARE)
  @PostMapping("/{name}:rollback")
  ResponseEntity<byte[]> rollBack(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "number of a revision; the former one if not given")
          @RequestParam(required = false)
          @Nullable Integer to,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    return once.answerOrTell(
        dryRun,
        () -> backend.engine().rollouts().planRollBack(caller, project, name, to),
        tx -> ofGroup(backend.engine().rollouts().rollBack(tx, caller, project, name, to)));
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    GroupStatus status = found.as(GroupSpec.class, GroupStatus.class).status();
    String going = found.deleting() ? "it is being deleted" : "";
    boolean stands =
        Condition.find(status.conditions(), Condition.READY)
            .filter(c -> c.reason().equals("Paused") || c.reason().equals("Cancelled"))
            .isPresent();
    List<ActionView> out = new ArrayList<>(super.actions(tx, found));
    out.add(ActionView.of("scale", Verb.DECLARE, found, going));
    out.add(
        ActionView.of(
            "pause",
            Verb.OPERATE,
            found,
            going.isEmpty() && status.paused() ? "it is paused already" : going));
    out.add(
        ActionView.of(
            "continue",
            Verb.OPERATE,
            found,
            going.isEmpty() && !status.paused() && status.failed() == null && !stands
                ? "no rollout of it waits or has failed"
                : going));
    out.add(
        ActionView.of(
            "rollback",
            Verb.DECLARE,
            found,
            going.isEmpty()
                    && status.previous() == null
                    && (status.stable() == null || status.stable() == status.revision())
                ? "it has one revision only"
                : going));
    return out;
  }

  /** The group's own operation; those of its members can be found by it. */
  private static Answer ofGroup(List<Applied> applied) {
    Applied group =
        applied.stream().filter(a -> a.resource().kind() == Kind.GROUP).findFirst().orElseThrow();
    return group.operation() != null
        ? Answer.accepted(group.operation())
        : Answer.of(200, group.resource());
  }
}

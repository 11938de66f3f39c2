package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.ApprovalRule;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Approvals.Request;
import io.millwright.engine.port.Approvals.State;
import io.millwright.model.Kind;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Json;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What waits for somebody's approval. */
@RestController
@RequestMapping("/api/v1/projects/{project}")
@Tag(name = "approvals", description = "What waits for somebody's approval.")
final class ApprovalsApi {
  /** So many a stream begins with, the newest ones. */
  private static final int MOST = 200;

  private static final List<String> STATES = Arrays.stream(State.values()).map(Json::word).toList();

  private final Backend backend;
  private final LiveStreams live;

  ApprovalsApi(Backend backend, LiveStreams live) {
    this.backend = backend;
    this.live = live;
  }

  /**
   * What somebody said to a request.
   *
   * @param yes false for a no
   * @param reason or empty
   */
  record VoteView(String who, boolean yes, String reason, Instant at) {}

  /**
   * Something that was asked for, and is not done before it is approved.
   *
   * @param requester who asked for it
   * @param kind of what it is mainly about
   * @param name of what it is mainly about
   * @param people how many have to approve it
   * @param because which rules ask for that, in words
   * @param plan what would be done, and nothing else
   * @param detail what became of it, or empty
   * @param hindrance why the caller cannot approve or reject it; empty if they can
   * @param withdrawable whether the caller can withdraw it, as who asked for it, by whatever token
   */
  record ApprovalView(
      UUID uid,
      String project,
      String requester,
      Kind kind,
      String name,
      State state,
      int people,
      List<String> because,
      List<ApplyView.ItemView> plan,
      List<VoteView> votes,
      String detail,
      Instant createdAt,
      Instant expiresAt,
      String hindrance,
      boolean withdrawable) {}

  /**
   * Requests, the newest first.
   *
   * @param next to be given as {@code before} for older ones; left out at the end
   */
  record ApprovalsView(List<ApprovalView> items, @Nullable UUID next) {}

  /** When somebody has to approve what is asked for in a project. */
  record ApprovalRulesView(List<ApprovalRule> rules) {}

  private ApprovalView view(Request r) {
    State state = r.at(Instant.now());
    return new ApprovalView(
        r.uid(),
        r.project(),
        r.requester(),
        r.kind(),
        r.name(),
        state,
        r.people(),
        r.because(),
        Arrays.asList(Json.read(r.plan(), ApplyView.ItemView[].class)),
        r.votes().stream().map(v -> new VoteView(v.who(), v.yes(), v.reason(), v.at())).toList(),
        r.detail(),
        r.createdAt(),
        r.expiresAt(),
        backend.engine().approving().hindrance(Callers.now(), r),
        state == State.WAITING
            && backend.engine().approving().asked(Callers.now(), r)
            && Callers.allowed(Verb.DECLARE, null, r.project()).allowed());
  }

  @Operation(
      operationId = "listApprovals",
      summary = "Lists what waits for approval, and what became of it",
      description =
          "The newest first. The project `-` stands for all. "
              + Watched.DESCRIPTION
              + " A watch begins with the last 200.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping("/approvals")
  ApprovalsView list(
      @PathVariable String project,
      @Parameter(description = "true for only those that nobody has decided yet")
          @RequestParam(defaultValue = "false")
          boolean waiting,
      @Parameter(
              description =
                  "waiting, approved, done, rejected, withdrawn, lapsed or expired: only those that"
                      + " are so by now")
          @RequestParam(required = false)
          @Nullable String state,
      @Parameter(description = Inputs.WORDS) @RequestParam(required = false) @Nullable String q,
      @RequestParam(defaultValue = "200") int limit,
      @Parameter(description = "uid of a request: only older ones") @RequestParam(required = false)
          @Nullable UUID before) {
    Inputs.limit(limit);
    String in = Inputs.projectOrAll(project);
    State only = state(waiting, state);
    List<String> words = Inputs.words(q);
    List<Request> found =
        backend
            .store()
            .read(tx -> tx.approvals().list(in, Callers.visible(), only, words, before, limit));
    return new ApprovalsView(
        found.stream().map(this::view).toList(),
        found.size() < limit ? null : found.getLast().uid());
  }

  private static @Nullable State state(boolean waiting, @Nullable String word) {
    if (Inputs.word("state", word, STATES) == null) {
      return waiting ? State.WAITING : null;
    }
    State state = State.values()[STATES.indexOf(word)];
    if (waiting && state != State.WAITING) {
      throw ProblemException.invalid("state", "is not the one that waiting asks for; give one");
    }
    return state;
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping(path = "/approvals", produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @PathVariable String project,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response,
        () -> list(project, false, null, null, MOST, null).items(),
        request -> request.uid().toString(),
        lastEventId);
  }

  @Operation(
      operationId = "getApproval",
      summary = "Shows a request with the plan that is to be approved")
  @Needs(Verb.VIEW)
  @GetMapping("/approvals/{uid}")
  ApprovalView get(@PathVariable String project, @PathVariable UUID uid) {
    return view(backend.engine().approving().find(project, uid));
  }

  @Operation(
      operationId = "approve",
      summary = "Approves a request",
      description =
          "Not one's own. When enough people have, it is done in the same moment, if it would still"
              + " do what its plan says; otherwise it lapses, and nothing is done.")
  @Needs(Verb.APPROVE)
  @Again(refused = "a vote counts once anyhow; look at the request for what became of it")
  @PostMapping("/approvals/{uid}:approve")
  ApprovalView approve(
      @PathVariable String project,
      @PathVariable UUID uid,
      @Parameter(description = "for whoever asked, and for the audit")
          @RequestParam(defaultValue = "")
          String reason) {
    return view(backend.engine().approving().approve(Callers.now(), project, uid, reason));
  }

  @Operation(
      operationId = "reject",
      summary = "Rejects a request",
      description = "One no is enough.")
  @Needs(Verb.APPROVE)
  @Again(refused = "a vote counts once anyhow; look at the request for what became of it")
  @PostMapping("/approvals/{uid}:reject")
  ApprovalView reject(
      @PathVariable String project,
      @PathVariable UUID uid,
      @Parameter(description = "for whoever asked, and for the audit")
          @RequestParam(defaultValue = "")
          String reason) {
    return view(backend.engine().approving().reject(Callers.now(), project, uid, reason));
  }

  @Operation(
      operationId = "withdrawApproval",
      summary = "Withdraws a request",
      description = "Only whoever asked for it can.")
  @Needs(Verb.DECLARE)
  @Again(refused = "it counts once anyhow; look at the request for what became of it")
  @PostMapping("/approvals/{uid}:withdraw")
  ApprovalView withdraw(@PathVariable String project, @PathVariable UUID uid) {
    return view(backend.engine().approving().withdraw(Callers.now(), project, uid));
  }

  @Operation(
      operationId = "getApprovalRules",
      summary = "Shows when somebody has to approve what is asked for in a project")
  @Needs(Verb.VIEW)
  @GetMapping("/approval-rules")
  ApprovalRulesView rules(@PathVariable String project) {
    return new ApprovalRulesView(
        backend.store().read(tx -> tx.projects().approvalRules(List.of(project))));
  }

  @Operation(
      operationId = "putApprovalRules",
      summary = "Says when somebody has to approve what is asked for in a project",
      description =
          "In place of what was said before. Rules of the project `shared` hold in all projects.")
  @Needs(Verb.LIMIT)
  @PutMapping("/approval-rules")
  ApprovalRulesView putRules(@PathVariable String project, @RequestBody Body body) {
    ApprovalRulesView given = Manifests.decode(body.bytes(), ApprovalRulesView.class);
    if (given.rules().size() > ApprovalRule.MOST) {
      throw ProblemException.invalid("rules", "must be " + ApprovalRule.MOST + " at most");
    }
    Violations at = Violations.at("rules");
    for (int i = 0; i < given.rules().size(); i++) {
      given.rules().get(i).check(at.index(i));
    }
    at.raise();
    backend.store().write(tx -> tx.projects().approvalRules(project, given.rules()));
    return given;
  }
}

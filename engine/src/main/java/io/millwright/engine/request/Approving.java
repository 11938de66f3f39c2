package io.millwright.engine.request;

import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.access.Accounts;
import io.millwright.engine.access.Acts;
import io.millwright.engine.access.ApprovalRule;
import io.millwright.engine.access.ApprovalRule.Demand;
import io.millwright.engine.access.ApprovalRule.Need;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Decision;
import io.millwright.engine.access.Policy;
import io.millwright.engine.access.Rights;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.Verb;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Approvals.Request;
import io.millwright.engine.port.Approvals.State;
import io.millwright.engine.port.Approvals.Vote;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Held.Asked;
import io.millwright.model.ByteSize;
import io.millwright.model.Ids;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineTemplate;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.OwnerSpec;
import io.millwright.model.PlainStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Ref;
import io.millwright.model.Resource;
import io.millwright.model.Sha256;
import io.millwright.model.SizeSpec;
import io.millwright.model.SnapshotSpec;
import io.millwright.model.SnapshotStatus;
import io.millwright.model.VolumeSpec;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What has to be approved by others before it is done.
 *
 * <p>Whoever declares is asked for approval at the end of the transaction, when it is known what
 * would change; without it, the transaction is rolled back, and what was wanted is kept with its
 * plan. The last one who approves has it done in the transaction that counts the vote, through the
 * same gate: that lets it pass if, and only if, it would change what was shown.
 */
public final class Approving {
  /** How long a request waits. */
  static final Duration PATIENCE = Duration.ofDays(7);

  private static final int LONGEST_REASON = 500;

  /** Changes of a machine that nobody has to approve. */
  private static final Set<String> FREE = Set.of("spec.power", "spec.expiry", "spec.drift");

  private final Store store;
  private final Apply apply;
  private final Rebuild rebuild;
  private final Snapshots snapshots;
  private final Restore restore;
  private final SecretBox secrets;
  private final InstantSource clock;

  public Approving(
      Store store,
      Apply apply,
      Rebuild rebuild,
      Snapshots snapshots,
      Restore restore,
      SecretBox secrets,
      InstantSource clock) {
    this.store = store;
    this.apply = apply;
    this.rebuild = rebuild;
    this.snapshots = snapshots;
    this.restore = restore;
    this.secrets = secrets;
    this.clock = clock;
  }

  // --- the gate --------------------------------------------------------------------------------

  /** What the rules of each project ask for, where they ask for anything. */
  static Map<String, Need> needs(Tx tx, Caller caller, Lookup lookup, List<Applied> applied) {
    Map<String, List<Demand>> demands = new TreeMap<>();
    Set<UUID> sizes = changedSizes(applied);
    for (Applied each : applied) {
      demand(lookup, each, sizes)
          .ifPresent(d ->
              demands.computeIfAbsent(each.resource().project(), _ -> new ArrayList<>()).add(d));
    }
    Map<String, Need> out = new TreeMap<>();
    demands.forEach((project, wanted) -> {
      List<ApprovalRule> rules = tx.projects().approvalRules(Lookup.places(project));
      Need need = need(caller, project, rules, wanted);
      if (need.people() > 0) {
        out.put(project, need);
      }
    });
    return out;
  }

  private static Need need(
      Caller caller, String project, List<ApprovalRule> rules, List<Demand> wanted) {
    if (caller.who().startsWith(SOURCE)) {
      // Nobody knows who wrote a commit, so it may have been whomever a rule is for.
      return Stream.of(Role.values())
          .map(role -> ApprovalRule.need(rules, role, wanted))
          .reduce(Need.NONE, Need::and);
    }
    Rights rights = caller.rights();
    // As what its owner is, too: nobody gets round a rule by narrowing their own token.
    return ApprovalRule.need(rules, rights.in(project), wanted)
        .and(ApprovalRule.need(rules, rights.whole().in(project), wanted));
  }

  /**
   * Lets pass what nobody has to approve, and what was approved; that is used up by it.
   *
   * @throws Held if it has to be approved first
   */
  static void require(Tx tx, Caller caller, Lookup lookup, List<Applied> applied, Wish wish) {
    require(tx, caller, lookup, applied, () -> "", wish);
  }

  /**
   * As the other one, for what may have secrets.
   *
   * @param seal by which those that were given are told from others, for the changes do not show
   *     them; only asked for if something has to be approved
   */
  static void require(
      Tx tx,
      Caller caller,
      Lookup lookup,
      List<Applied> applied,
      Supplier<String> seal,
      Wish wish) {
    Map<String, Need> needs = needs(tx, caller, lookup, applied);
    if (needs.isEmpty()) {
      return;
    }
    if (needs.size() > 1) {
      throw ProblemException.invalid(
          "",
          "this has to be approved in the projects "
              + String.join(", ", needs.keySet())
              + "; ask for it in each by itself");
    }
    String project = needs.keySet().iterator().next();
    Need need = needs.values().iterator().next();
    String fingerprint = fingerprint(lookup, applied, seal.get());
    Optional<Request> granted =
        tx.approvals()
            .open(caller.who(), project, fingerprint)
            .filter(r -> r.state() == State.APPROVED && yes(tx, r) >= need.people());
    if (granted.isEmpty()) {
      Resource<?, ?> main =
          applied.stream()
              .filter(a -> a.resource().project().equals(project))
              .filter(a -> demand(lookup, a, changedSizes(applied)).isPresent())
              .map(Applied::resource)
              .reduce((a, b) -> b.spec() instanceof OwnerSpec ? b : a)
              .orElseThrow();
      throw new Held(new Asked(caller, project, main.kind(), main.name(), need, fingerprint, wish));
    }
    tx.approvals().end(granted.get().uid(), State.DONE, "");
    note(tx, granted.get(), "ApprovalDone", "what was approved is under way");
  }

  /** With which the machines that have them change. */
  private static Set<UUID> changedSizes(List<Applied> applied) {
    return applied.stream()
        .filter(a -> a.action() == Applied.Action.CHANGED && a.resource().kind() == Kind.SIZE)
        .filter(a -> a.changes().stream().anyMatch(c -> c.path().startsWith("spec")))
        .map(a -> a.resource().uid())
        .collect(Collectors.toSet());
  }

  /** Of machines that follow a Size only those of its own project: a shared one is the house's. */
  private static boolean follows(Lookup lookup, Resource<?, ?> resource, Set<UUID> sizes) {
    return !sizes.isEmpty()
        && resource.spec() instanceof MachineSpec m
        && lookup
            .find(Kind.SIZE, resource.project(), m.size())
            .filter(s -> sizes.contains(s.uid()) && s.project().equals(resource.project()))
            .isPresent();
  }

  private static Optional<Demand> demand(Lookup lookup, Applied applied, Set<UUID> sizes) {
    Resource<?, ?> resource = applied.resource();
    boolean makes = applied.action() == Applied.Action.CREATED;
    boolean changes =
        applied.changes().stream()
            .map(c -> c.path())
            .anyMatch(
                path -> path.startsWith("spec") && FREE.stream().noneMatch(free -> in(path, free)));
    Operation operation = applied.operation();
    boolean renews =
        operation != null
            && (operation.verb() == Operation.Verb.REBUILD
                || operation.verb() == Operation.Verb.REVERT);
    if (!makes && !changes && !renews && !follows(lookup, resource, sizes)) {
      return Optional.empty();
    }
    return Optional.ofNullable(
        switch (resource.spec()) {
          case MachineSpec m -> of(lookup, resource, makes, m.size(), m.interfaces().stream());
          case OwnerSpec o -> {
            MachineTemplate t = o.machine();
            yield of(
                lookup,
                resource,
                false,
                t.size(),
                Stream.of(t.nics(), t.bonds(), t.vlans(), t.bridges()).flatMap(List::stream));
          }
          case VolumeSpec v ->
              makes || applied.changes().stream().anyMatch(c -> c.path().equals("spec.size"))
                  ? new Demand(resource.title(), false, 0, ByteSize.ofMib(0), v.size(), Set.of())
                  : null;
          case SnapshotSpec _ ->
              resource.status() instanceof SnapshotStatus s && makes && s.size() != null
                  ? new Demand(resource.title(), false, 0, ByteSize.ofMib(0), s.size(), Set.of())
                  : null;
          default -> null;
        });
  }

  private static boolean in(String path, String field) {
    return path.equals(field) || path.startsWith(field + ".");
  }

  private static Demand of(
      Lookup lookup,
      Resource<?, ?> resource,
      boolean makes,
      String size,
      Stream<? extends MachineSpec.Interface> interfaces) {
    SizeSpec shape =
        lookup
            .find(Kind.SIZE, resource.project(), size)
            .map(r -> r.as(SizeSpec.class, PlainStatus.class).spec())
            .orElseThrow();
    Set<String> networks =
        interfaces
            .map(MachineSpec.Interface::network)
            .flatMap(Stream::ofNullable)
            .collect(Collectors.toSet());
    return new Demand(
        resource.title(), makes, shape.cores(), shape.memory(), shape.disk(), networks);
  }

  /** The same if the same would change, of the same, and what it names is the same. */
  private static String fingerprint(Lookup lookup, List<Applied> applied, String seal) {
    ArrayNode all = Json.mapper().createArrayNode();
    for (Applied each : applied) {
      Operation operation = each.operation();
      if (each.action() == Applied.Action.UNCHANGED && operation == null) {
        continue;
      }
      Resource<?, ?> resource = each.resource();
      ObjectNode one = all.addObject();
      one.put("what", resource.kind() + " " + resource.project() + "/" + resource.name());
      one.put("action", each.action().name());
      one.put("verb", operation == null ? "" : operation.verb().name());
      // What is restored is made and still is the one that it was.
      boolean restored = operation != null && operation.verb() == Operation.Verb.RESTORE;
      if (each.action() != Applied.Action.CREATED || restored) {
        one.put("uid", resource.uid().toString());
        one.put("generation", resource.generation());
      }
      one.set("changes", Json.tree(each.changes()));
      ArrayNode names = one.putArray("names");
      for (Ref ref : resource.spec().references()) {
        Optional<Resource<?, ?>> found = lookup.find(ref.kind(), resource.project(), ref.name());
        // What is made by the same request has another uid each time.
        boolean own =
            found.isPresent()
                && applied.stream()
                    .anyMatch(a ->
                        a.action() == Applied.Action.CREATED
                            && a.resource().uid().equals(found.get().uid()));
        if (found.isPresent() && !own) {
          names.add(ref.kind() + " " + found.get().uid() + " " + found.get().generation());
        }
      }
    }
    if (!seal.isEmpty()) {
      all.addObject().put("secrets", seal);
    }
    return Sha256.hex(Json.write(all));
  }

  // --- asking ----------------------------------------------------------------------------------

  /** Keeps what was wanted until others have approved it; the same again is the same request. */
  public Request hold(Held held) {
    return hold(held, held.asked().caller().account());
  }

  /**
   * As the other one, for who asks on behalf of somebody.
   *
   * @param account of the person who wants it, and so cannot approve it; null if that is nobody
   */
  public Request hold(Held held, @Nullable UUID account) {
    Asked asked = held.asked();
    String plan = plan(asked);
    return store.inTransaction(tx -> {
      Acts.held();
      Request fresh =
          new Request(
              Ids.next(clock),
              asked.project(),
              asked.caller().name(),
              asked.caller().who(),
              account,
              asked.caller().token(),
              asked.kind(),
              asked.name(),
              asked.need().people(),
              asked.need().because(),
              plan,
              asked.fingerprint(),
              secrets.seal(asked.wish().text()),
              State.WAITING,
              "",
              clock.instant(),
              clock.instant().plus(PATIENCE),
              List.of());
      Optional<Request> before =
          tx.approvals().open(fresh.asker(), fresh.project(), fresh.fingerprint());
      if (before.isPresent()
          && before.get().at(clock.instant()) == State.WAITING
          && (fresh.asker().startsWith(SOURCE) || requester(tx, before.get()).isPresent())) {
        return before.get();
      }
      if (fresh.asker().startsWith(SOURCE)
          && before.isPresent()
          && before.get().at(clock.instant()) == State.APPROVED
          && yes(tx, before.get()) >= fresh.people()) {
        // Approved since this look began; the next one, which that has called for, carries it out.
        return before.get();
      }
      // Too old, by a token that is void, or for a source by fewer people than have to by now.
      before.ifPresent(r ->
          end(
              tx,
              r,
              r.at(clock.instant()) == State.EXPIRED ? State.EXPIRED : State.LAPSED,
              "it was asked for anew"));
      if (fresh.asker().startsWith(SOURCE)) {
        // A source asks for the same over and over, and does not hear a no.
        Optional<Request> last =
            tx.approvals()
                .last(fresh.asker(), fresh.project(), fresh.fingerprint())
                .filter(r -> r.state() == State.REJECTED);
        if (last.isPresent()) {
          return last.get();
        }
      }
      if (!tx.approvals().insert(fresh)) {
        return tx.approvals()
            .open(fresh.asker(), fresh.project(), fresh.fingerprint())
            .orElseThrow(); // somebody was faster, and has committed by now
      }
      tx.nudges().nudgeIn(fresh.uid(), PATIENCE);
      note(
          tx,
          fresh,
          "ApprovalWanted",
          fresh.requester()
              + " needs approval by "
              + people(fresh.people())
              + ": "
              + String.join("; ", fresh.because()));
      return fresh;
    });
  }

  /** What is said to whoever asked. */
  public static ProblemException problem(Request request) {
    if (request.state() == State.REJECTED) {
      return ProblemException.of(
          Problem.Type.APPROVAL, "request " + request.uid() + ": " + request.detail());
    }
    return ProblemException.of(
        Problem.Type.APPROVAL,
        "nothing is done yet: "
            + String.join("; ", request.because())
            + ", which "
            + people(request.people())
            + " must approve; request "
            + request.uid()
            + " in project "
            + request.project()
            + " waits for that until "
            + request.expiresAt());
  }

  private static String people(int count) {
    return count == 1 ? "one other person" : "two other people";
  }

  private String plan(Asked asked) {
    List<Applied> applied;
    try {
      applied =
          switch (asked.wish()) {
            case Wish.Declare d -> apply.plan(asked.caller(), d.drafts());
            case Wish.Revert r ->
                snapshots.plan(asked.caller(), r.project(), r.name(), r.snapshot());
            case Wish.Restore r -> restore.plan(asked.caller(), r.project(), r.volume(), r.as());
            case Wish.Renew r -> rebuild.plan(asked.caller(), r.project(), r.name(), r.image());
          };
    } catch (ProblemException e) {
      if (e.problem().type() != Problem.Type.UNAVAILABLE
          || !(asked.wish() instanceof Wish.Declare d)) {
        throw e;
      }
      // What it means for a machine that cannot be seen just now is not known; the changes are.
      applied = apply.rehearse(asked.caller(), d.drafts(), Apply.Expectation.NONE);
    }
    List<Map<String, Object>> out = new ArrayList<>();
    for (Applied a : applied) {
      Map<String, Object> item = new LinkedHashMap<>();
      item.put("kind", a.resource().kind());
      item.put("project", a.resource().project());
      item.put("name", a.resource().name());
      item.put("action", a.action());
      item.put("changes", a.changes());
      item.put("impact", a.impact());
      item.put("destroys", a.steps().stream().anyMatch(Step::destroys));
      item.put(
          "steps",
          a.steps().stream()
              .map(s -> Map.of("title", s.title(), "destroys", s.destroys()))
              .toList());
      item.put("keeps", a.keeps());
      out.add(item);
    }
    return Json.write(out);
  }

  /** Whether it is this caller, by whatever token, who has asked for it. */
  public boolean asked(Caller caller, Request request) {
    return caller.who().equals(request.asker());
  }

  // --- deciding --------------------------------------------------------------------------------

  /** Why this caller may not decide on it, or empty. */
  public String hindrance(Caller caller, Request request) {
    Decision decision = Policy.allowed(caller, Verb.APPROVE, null, request.project());
    if (!decision.allowed()) {
      return decision.reason();
    }
    UUID account = caller.account();
    State state = request.at(clock.instant());
    if (state != State.WAITING) {
      return "it is " + Json.word(state) + " already";
    }
    if (account == null) {
      return "this token is nobody's; a person has to decide";
    }
    if (account.equals(request.account())) {
      return request.asker().startsWith(SOURCE)
          ? "you had it applied, as who approved the commit or declared the source; somebody else"
              + " has to decide"
          : "you asked for it yourself; somebody else has to decide";
    }
    return request.votes().stream().anyMatch(v -> v.account().equals(account))
        ? "you have approved it already; somebody else has to as well"
        : "";
  }

  /**
   * Says yes. If that is the last one that was missing, it is done.
   *
   * @throws ProblemException FORBIDDEN, NOT_FOUND; CONFLICT if it is over, or something else would
   *     be done by now than was shown; QUOTA and others if it cannot be done
   */
  public Request approve(Caller caller, String project, UUID uid, String reason) {
    checkReason(reason);
    try {
      return store.inTransaction(tx -> {
        Request request = vote(tx, caller, project, uid, true, reason);
        if (yes(tx, request) < request.people()) {
          note(tx, request, "ApprovalGiven", caller.name() + " has approved it; one more has to");
          return request;
        }
        tx.approvals().end(uid, State.APPROVED, "");
        note(tx, request, "Approved", caller.name() + " has approved it");
        if (request.asker().startsWith(SOURCE)) {
          tx.nudges().nudge(UUID.fromString(request.asker().substring(SOURCE.length())));
        } else {
          carryOut(tx, request);
        }
        return tx.approvals().find(uid).orElseThrow();
      });
    } catch (Held e) {
      throw lapse(project, uid, "it was changed since the plan was shown");
    } catch (Outdated e) {
      throw lapse(project, uid, e.getMessage());
    }
  }

  /** How many have said yes of those who may say it now. */
  private static long yes(Tx tx, Request request) {
    return request.votes().stream()
        .filter(Vote::yes)
        .flatMap(v -> tx.people().find(v.account()).stream())
        .filter(a -> !a.disabled())
        .map(a -> Accounts.caller(tx, a))
        .filter(c -> Policy.allowed(c, Verb.APPROVE, null, request.project()).allowed())
        .count();
  }

  /** What asks for a source begins with. */
  static final String SOURCE = "source:";

  /** What was wanted is not possible any more. */
  private static final class Outdated extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Outdated(String why) {
      super(why);
    }

    @Override
    public String getMessage() {
      return String.valueOf(super.getMessage());
    }
  }

  private void carryOut(Tx tx, Request request) {
    Caller as =
        requester(tx, request)
            .orElseThrow(() ->
                new Outdated(
                    request.token() == null
                        ? request.requester() + " is not there any more"
                        : "the token by which "
                            + request.requester()
                            + " asked for it is not in force any more"));
    try {
      switch (Wish.read(secrets.open(request.wish()))) {
        case Wish.Declare d -> {
          for (Draft draft : d.drafts()) {
            may(as, Verb.DECLARE, draft.kind(), Apply.project(draft));
          }
          apply.apply(tx, as, d.drafts(), new Apply.Expectation(d.mustBeNew(), null));
        }
        case Wish.Revert r -> {
          may(as, Verb.OPERATE, Kind.MACHINE, r.project());
          snapshots.revert(tx, as, r.project(), r.name(), r.snapshot());
        }
        case Wish.Restore r -> {
          may(as, Verb.OPERATE, Kind.VOLUME, r.project());
          restore.restore(tx, as, r.project(), r.volume(), r.as());
        }
        case Wish.Renew r -> {
          may(as, Verb.OPERATE, Kind.MACHINE, r.project());
          rebuild.rebuild(tx, as, r.project(), r.name(), r.image());
        }
      }
    } catch (ProblemException e) {
      switch (e.problem().type()) {
        case CONFLICT, NOT_FOUND, INVALID -> throw new Outdated(e.problem().detail());
        default -> throw e;
      }
    }
    if (tx.approvals().find(request.uid()).orElseThrow().state() != State.DONE) {
      // The rules ask for nothing any more, or somebody has done the same meanwhile.
      tx.approvals().end(request.uid(), State.DONE, "");
    }
  }

  /**
   * With the rights of today, and of these what the token leaves by which it was asked for. Empty
   * if the person or the token is not there any more.
   */
  private static Optional<Caller> requester(Tx tx, Request request) {
    UUID token = request.token();
    UUID account = request.account();
    if (token != null) {
      return tx.tokens().find(token).flatMap(t -> AccessTokens.caller(tx, t));
    }
    return account == null
        ? Optional.empty()
        : tx.people().find(account).filter(a -> !a.disabled()).map(a -> Accounts.caller(tx, a));
  }

  private static void may(Caller as, Verb verb, Kind kind, String project) {
    Decision decision = Policy.allowed(as, verb, kind, project);
    if (!decision.allowed()) {
      throw new Outdated(as.name() + " may not do it any more");
    }
  }

  /** Says no. */
  public Request reject(Caller caller, String project, UUID uid, String reason) {
    checkReason(reason);
    return store.inTransaction(tx -> {
      Request request = vote(tx, caller, project, uid, false, reason);
      return end(tx, request, State.REJECTED, caller.name() + " has rejected it" + because(reason));
    });
  }

  /** Whoever asked does not want it any more. */
  public Request withdraw(Caller caller, String project, UUID uid) {
    return store.inTransaction(tx -> {
      Request request = lock(tx, project, uid);
      if (!asked(caller, request)) {
        throw ProblemException.of(
            Problem.Type.FORBIDDEN, "only " + request.requester() + " can withdraw it");
      }
      State state = request.at(clock.instant());
      if (state != State.WAITING) {
        throw ProblemException.of(Problem.Type.CONFLICT, "it is " + Json.word(state) + " already");
      }
      return end(tx, request, State.WITHDRAWN, request.requester() + " has withdrawn it");
    });
  }

  /** One request, as anybody in its project may see it. */
  public Request find(String project, UUID uid) {
    return store.read(tx ->
        tx.approvals()
            .find(uid)
            .filter(r -> r.project().equals(project))
            .orElseThrow(() -> missing(project, uid)));
  }

  private Request vote(Tx tx, Caller caller, String project, UUID uid, boolean yes, String reason) {
    Request request = lock(tx, project, uid);
    String hindrance = hindrance(caller, request);
    UUID account = caller.account();
    if (!hindrance.isEmpty() || account == null) {
      boolean over = request.at(clock.instant()) != State.WAITING;
      boolean again = request.votes().stream().anyMatch(v -> v.account().equals(caller.account()));
      throw ProblemException.of(
          over || again ? Problem.Type.CONFLICT : Problem.Type.FORBIDDEN, hindrance);
    }
    tx.approvals().vote(uid, new Vote(account, caller.name(), yes, reason, clock.instant()));
    return tx.approvals().find(uid).orElseThrow();
  }

  private ProblemException lapse(String project, UUID uid, String why) {
    // Whoever approved it has not done it: their row says what they are answered.
    Acts.aside(() ->
        store.inTransaction(tx -> {
          Request request = lock(tx, project, uid);
          return request.state() == State.WAITING ? end(tx, request, State.LAPSED, why) : request;
        }));
    return ProblemException.of(
        Problem.Type.CONFLICT,
        "the request has lapsed, and nothing was done: " + why + "; it has to be asked for anew");
  }

  /** What is to be done when its time has come; nothing for what is no request. */
  public void look(Tx tx, UUID uid) {
    tx.approvals()
        .lock(uid)
        .filter(r -> r.state() == State.WAITING || r.state() == State.APPROVED)
        .filter(r -> r.at(clock.instant()) == State.EXPIRED)
        .ifPresent(r -> expire(tx, r));
  }

  private static void expire(Tx tx, Request request) {
    end(tx, request, State.EXPIRED, "nobody has decided in time");
  }

  private static Request end(Tx tx, Request request, State state, String detail) {
    tx.approvals().end(request.uid(), state, detail);
    String word = Json.word(state);
    note(
        tx,
        request,
        "Approval" + Character.toUpperCase(word.charAt(0)) + word.substring(1),
        detail);
    return tx.approvals().find(request.uid()).orElseThrow();
  }

  private static Request lock(Tx tx, String project, UUID uid) {
    return tx.approvals()
        .lock(uid)
        .filter(r -> r.project().equals(project))
        .orElseThrow(() -> missing(project, uid));
  }

  private static ProblemException missing(String project, UUID uid) {
    return ProblemException.of(
        Problem.Type.NOT_FOUND, "there is no request " + uid + " in project " + project);
  }

  private static void checkReason(String reason) {
    if (reason.length() > LONGEST_REASON || !Names.isPlain(reason)) {
      throw ProblemException.invalid(
          "reason",
          "must have " + LONGEST_REASON + " characters at most, without control characters");
    }
  }

  private static String because(String reason) {
    return reason.isEmpty() ? "" : ": " + reason;
  }

  /** Told of what it is about, under the request's uid, for it may not be there yet. */
  private static void note(Tx tx, Request request, String reason, String message) {
    tx.journal()
        .note(
            request.kind(),
            request.project(),
            request.uid(),
            request.name(),
            reason,
            "request " + request.uid() + ": " + message);
  }
}

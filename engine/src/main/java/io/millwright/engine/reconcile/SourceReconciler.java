package io.millwright.engine.reconcile;

import static java.util.stream.Collectors.toSet;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver.Snapshot;
import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Decision;
import io.millwright.engine.access.Policy;
import io.millwright.engine.access.Rights;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.access.Verb;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Approvals.Request;
import io.millwright.engine.port.Approvals.State;
import io.millwright.engine.port.Sourced;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Admission;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Apply.Expectation;
import io.millwright.engine.request.Approving;
import io.millwright.engine.request.Delete;
import io.millwright.engine.request.Held;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceSpec.When;
import io.millwright.model.SourceStatus;
import io.millwright.model.SourceStatus.Item;
import io.millwright.model.SourceStatus.Plan;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeSpec.Reclaim;
import io.millwright.model.manifest.Diff;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Manifests;
import io.millwright.planner.Step;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Declares what stands in sources, by the same code that a person's apply runs through.
 *
 * <p>A commit is one transaction: all that it declares, whose it is, and what of it shall go. What
 * shall go is deleted after that, each by itself and as soon as nothing needs it. There is no
 * effect outside of the database, so it may die at any moment and look again.
 */
public final class SourceReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(SourceReconciler.class);

  /** With what the name of the caller begins: this, the source, and its commit. */
  static final String CALLER = "source ";

  /** Until what is in use is asked to go once more, while what uses it goes. */
  private static final Duration SOON = Duration.ofSeconds(2);

  /** So many errors are told at once. */
  private static final int TOLD = 5;

  private static final int MOST_ERRORS = 100;
  private static final int LONGEST_MESSAGE = 4000;

  /** What nobody writes into a manifest by accident for anything else. */
  private static final List<Secret> SECRETS =
      List.of(
          Secret.of("a private key", "-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----"),
          Secret.of("a token of Millwright", "\\bmwt_[A-Za-z0-9_-]{20,}"),
          Secret.of(
              "a token of GitHub", "\\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
          Secret.of("a token of GitLab", "\\bglpat-[A-Za-z0-9_-]{20,}"),
          Secret.of("a key of AWS", "\\bAKIA[0-9A-Z]{16}\\b"));

  private record Secret(String what, Pattern form) {
    static Secret of(String what, String form) {
      return new Secret(what, Pattern.compile(form));
    }
  }

  private final Store store;
  private final Outside outside;
  private final Admission admission;
  private final Apply apply;
  private final Approving approving;
  private final Delete delete;
  private final InstantSource clock;

  public SourceReconciler(
      Store store,
      Outside outside,
      Admission admission,
      Apply apply,
      Approving approving,
      Delete delete,
      InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.admission = admission;
    this.apply = apply;
    this.approving = approving;
    this.delete = delete;
    this.clock = clock;
  }

  Optional<Duration> reconcile(Resource<SourceSpec, SourceStatus> source) {
    Duration interval = Duration.ofSeconds(source.spec().intervalSeconds());
    try {
      return Optional.of(new Look(source, outside.read(source)).go() ? SOON : interval);
    } catch (DriverException e) {
      LOG.info("{}: {}", source.title(), e.forOperator());
      boolean unknown = e.kind() == FaultKind.UNREACHABLE;
      tell(
          source,
          unknown ? s -> s : s -> s.saw(s.seen(), null),
          unknown ? Condition.Value.UNKNOWN : Condition.Value.FALSE,
          unknown ? "Unreachable" : "Refused",
          e.forUser());
      return Optional.of(interval);
    }
  }

  /** As whom it asks for work. */
  static String named(Resource<SourceSpec, SourceStatus> source, String commit) {
    return CALLER + source.name() + " at " + commit;
  }

  /**
   * Who declares: an operator of the project, whoever declared the source. So what reaches beyond
   * the project cannot come from one, and it does not lose its rights with a person who leaves.
   */
  private static Caller caller(Resource<SourceSpec, SourceStatus> source, String commit) {
    return new Caller(
        named(source, commit),
        "source:" + source.uid(),
        null,
        false,
        new Rights(null, Map.of(source.project(), Role.OPERATOR), Scope.ALL));
  }

  /**
   * What declaring a commit does.
   *
   * @param own uids of what stands in it
   * @param leaving what does not stand in it any more, and goes
   * @param kept uids of those of them that stay, and are only let go
   * @param adopts true if something stands in it that was not this source's before
   */
  private record Declared(
      List<Applied> applied,
      Set<UUID> own,
      List<Sourced.Entry> leaving,
      Set<UUID> kept,
      boolean adopts) {
    boolean work() {
      return !leaving.isEmpty() || applied.stream().anyMatch(Declared::work);
    }

    private static boolean work(Applied a) {
      return a.action() != Applied.Action.UNCHANGED || a.operation() != null;
    }
  }

  /** One look at a source. */
  private final class Look {
    private final Resource<SourceSpec, SourceStatus> source;
    private final Snapshot snapshot;
    private final String commit;
    private final Caller caller;
    private final boolean fresh;
    private final boolean approved;

    Look(Resource<SourceSpec, SourceStatus> source, Snapshot snapshot) {
      this.source = source;
      this.snapshot = snapshot;
      this.commit = snapshot.commit();
      this.caller = caller(source, commit);
      this.fresh = !commit.equals(source.status().applied());
      this.approved = commit.equals(source.status().approved());
    }

    /** Returns true if it is worth looking again soon. */
    boolean go() {
      List<Draft> drafts = List.of();
      try {
        drafts = drafts();
        return declare(drafts);
      } catch (Held e) {
        return held(e);
      } catch (ProblemException e) {
        if (e.problem().type() == Problem.Type.UNAVAILABLE) {
          throw e; // nothing is known of it
        }
        boolean unread = drafts.isEmpty();
        tell(
            source,
            s -> s.saw(commit, null),
            Condition.Value.FALSE,
            unread ? "Invalid" : "Rejected",
            "commit "
                + commit
                + (unread ? " cannot be read: " : " cannot be applied: ")
                + words(e.problem(), drafts));
        return false;
      }
    }

    private boolean declare(List<Draft> drafts) {
      // What has failed is tried again by whoever looks at it, or says something new.
      Expectation expected = fresh || approved ? Expectation.NONE : Expectation.ONLY_CHANGES;
      Declared would = store.dryRun(tx -> declare(tx, drafts, expected, true));
      boolean may = approved || source.spec().apply() == When.AUTO;
      if (!would.work() && !fresh && !would.adopts()) {
        return prune(true);
      }
      if (may || !would.work()) {
        as(
            Verb.DECLARE,
            () ->
                store.inTransaction(tx -> {
                  Declared now = declare(tx, drafts, expected, false);
                  requireAsSeen(tx); // last, as by everybody who declares; it may be gone by now
                  tx.sourced().put(source.uid(), now.own());
                  tx.sourced()
                      .leave(source.uid(), now.leaving().stream().map(Sourced.Entry::uid).toList());
                  status(
                      tx,
                      s -> s.apply(commit, clock.instant()),
                      now.work() ? "Applied" : "",
                      now.work() ? "commit " + commit + ": " + counted(items(now)) : "");
                  return now;
                }));
        return prune(true);
      }
      List<Item> items = items(planned(drafts, would));
      tell(
          source,
          s -> s.saw(commit, Plan.of(commit, items)),
          Condition.Value.FALSE,
          fresh ? "AwaitingApproval" : "Drifted",
          (fresh
                  ? "commit " + commit + " waits for approval: "
                  : "it was changed by hand since commit "
                      + commit
                      + " was applied, approve that"
                      + " again to have it put back: ")
              + counted(items));
      return prune(false);
    }

    /** The rules of its project hold it, whatever the source itself says. */
    private boolean held(Held held) {
      Optional<UUID> person = store.read(tx -> tx.sourced().person(source.uid(), approved));
      Request request = approving.hold(held, person.orElse(null));
      tell(
          source,
          s -> s.saw(commit, null),
          Condition.Value.FALSE,
          request.state() == State.REJECTED ? "Rejected" : "AwaitingApproval",
          "commit " + commit + ": " + Approving.problem(request).problem().detail());
      return prune(false);
    }

    private Declared declare(Tx tx, List<Draft> drafts, Expectation expected, boolean rehearsal) {
      requireUnchanged(tx, drafts.stream().filter(d -> !may(d)).toList());
      List<Draft> mine = permitted(drafts);
      List<Applied> applied =
          rehearsal
              ? apply.rehearse(tx, caller, mine, expected)
              : apply.apply(tx, caller, mine, expected);
      Map<String, UUID> uids = new HashMap<>();
      applied.forEach(
          a -> uids.put(key(a.resource().kind(), a.resource().name()), a.resource().uid()));
      Map<UUID, Draft> own = new HashMap<>();
      mine.forEach(d -> own.put(Objects.requireNonNull(uids.get(key(d.kind(), d.name()))), d));
      requireNobodyElses(tx, own);
      List<Sourced.Entry> before = tx.sourced().of(source.uid());
      Set<UUID> stays =
          before.stream().filter(e -> !e.going()).map(Sourced.Entry::uid).collect(toSet());
      List<Sourced.Entry> leaving =
          source.spec().prune()
              ? before.stream().filter(e -> !e.going() && !own.containsKey(e.uid())).toList()
              : List.of();
      return new Declared(
          applied,
          own.keySet(),
          leaving,
          leaving.stream().map(Sourced.Entry::uid).filter(uid -> kept(tx, uid)).collect(toSet()),
          !stays.containsAll(own.keySet()));
    }

    private boolean may(Draft draft) {
      return Policy.allowed(caller, Verb.DECLARE, draft.kind(), source.project()).allowed();
    }

    private List<Draft> permitted(List<Draft> drafts) {
      return drafts.stream().filter(this::may).toList();
    }

    /**
     * What may not come from a source may stand there as it is declared, as an export has it; it
     * does not become the source's by that.
     */
    private void requireUnchanged(Tx tx, List<Draft> others) {
      Violations at = Violations.at("");
      for (Applied each : apply.rehearse(tx, caller, others, Expectation.ONLY_CHANGES)) {
        Decision decision =
            Policy.allowed(caller, Verb.DECLARE, each.resource().kind(), source.project());
        at.field(each.resource().title() + ": kind")
            .require(
                each.action() == Applied.Action.UNCHANGED,
                "cannot be "
                    + each.action().name().toLowerCase(Locale.ROOT)
                    + " by a source, which acts as operator of its project: "
                    + decision.reason());
      }
      at.raise();
    }

    private static String key(Kind kind, String name) {
      return kind + " " + name;
    }

    private void requireNobodyElses(Tx tx, Map<UUID, Draft> own) {
      Violations at = Violations.at("");
      tx.sourced()
          .sources(own.keySet())
          .forEach((uid, other) -> {
            Draft draft = own.get(uid);
            if (!other.equals(source.uid()) && draft != null) {
              at.field(draft.field("metadata.name"))
                  .add(
                      "is declared by "
                          + tx.resources().find(other).map(Resource::title).orElse("a source")
                          + " already; take it out of there first");
            }
          });
      at.raise();
    }

    /** With what it would mean for machines, if that can be said. */
    private Declared planned(List<Draft> drafts, Declared would) {
      try {
        return new Declared(
            apply.plan(caller, permitted(drafts)),
            would.own(),
            would.leaving(),
            would.kept(),
            would.adopts());
      } catch (ProblemException e) {
        LOG.info("{} is planned without a look at its machines: {}", source.title(), e.toString());
        return would;
      }
    }

    private static List<Item> items(Declared declared) {
      List<Item> out = new ArrayList<>();
      for (Applied a : declared.applied()) {
        if (Declared.work(a)) {
          out.add(
              new Item(
                  a.resource().kind(),
                  a.resource().name(),
                  a.action().name().toLowerCase(Locale.ROOT),
                  a.impact(),
                  a.steps().stream().anyMatch(Step::destroys),
                  a.action() == Applied.Action.CHANGED
                      ? a.changes().stream().map(Diff.Change::path).limit(TOLD).toList()
                      : List.of()));
        }
      }
      for (Sourced.Entry entry : declared.leaving()) {
        boolean kept = declared.kept().contains(entry.uid());
        out.add(
            new Item(
                entry.kind(), entry.name(), kept ? "released" : "deleted", "", !kept, List.of()));
      }
      return out;
    }

    private static String counted(List<Item> items) {
      Map<String, Long> counts =
          items.stream().collect(Collectors.groupingBy(Item::action, Collectors.counting()));
      List<String> out = new ArrayList<>();
      for (String action : List.of("created", "changed", "deleted", "released", "unchanged")) {
        if (counts.containsKey(action)) {
          out.add(counts.get(action) + (action.equals("unchanged") ? " worked on" : " " + action));
        }
      }
      return String.join(", ", out);
    }

    // --- reading -----------------------------------------------------------------------------

    private List<Draft> drafts() {
      List<Draft> out = new ArrayList<>();
      List<Violation> wrong = new ArrayList<>();
      snapshot
          .files()
          .forEach((file, bytes) -> {
            if (wrong.size() < MOST_ERRORS) {
              List<Violation> secrets = secrets(file, bytes);
              wrong.addAll(secrets);
              if (secrets.isEmpty()) {
                read(file, bytes, out, wrong);
              }
            }
          });
      if (!wrong.isEmpty()) {
        throw ProblemException.invalid(wrong);
      }
      Manifests.requireUnique(out);
      return out;
    }

    private void read(String file, byte[] bytes, List<Draft> out, List<Violation> wrong) {
      try {
        Manifests.parse(bytes, file, this::check).stream()
            .map(d -> d.orProject(source.project()))
            .forEach(out::add);
      } catch (ProblemException e) {
        wrong.addAll(e.problem().errors());
        if (e.problem().errors().isEmpty()) {
          wrong.add(new Violation(file, e.problem().detail()));
        }
      }
    }

    private void check(Draft draft, Violations at) {
      String project = draft.project();
      at.field("metadata")
          .field("project")
          .require(
              project == null || project.equals(source.project()),
              "must be " + source.project() + ", which the source belongs to, or left out");
      admission.refuseClear(draft.spec(), at);
    }

    /** They are named, and not repeated. */
    private static List<Violation> secrets(String file, byte[] bytes) {
      List<Violation> out = new ArrayList<>();
      String text = new String(bytes, StandardCharsets.UTF_8);
      for (Secret secret : SECRETS) {
        Matcher found = secret.form().matcher(text);
        if (found.find()) {
          long line = 1 + text.substring(0, found.start()).chars().filter(c -> c == '\n').count();
          out.add(
              new Violation(
                  file + " line " + line,
                  "is "
                      + secret.what()
                      + " in clear, and everybody who reads the repository has it: make it void,"
                      + " and keep the new one out of the repository"));
        }
      }
      return out;
    }

    // --- what goes -----------------------------------------------------------------------------

    /**
     * Asks what shall go to go, users before what they use.
     *
     * @param applied true to say how that stands, since there is nothing else to say
     * @return true if something is going just now
     */
    private boolean prune(boolean applied) {
      List<String> kept = new ArrayList<>();
      int going = 0;
      if (source.spec().prune()) {
        List<Sourced.Entry> leaving =
            store.read(tx -> tx.sourced().of(source.uid())).stream()
                .filter(Sourced.Entry::going)
                .sorted(Comparator.comparing(Sourced.Entry::kind).reversed())
                .toList();
        for (Sourced.Entry entry : leaving) {
          try {
            going += prune(entry) ? 1 : 0;
          } catch (ProblemException e) {
            if (e.problem().type() == Problem.Type.UNAVAILABLE) {
              throw e;
            }
            kept.add(e.problem().detail());
          }
        }
      }
      if (!applied) {
        return going > 0;
      }
      boolean gone = kept.isEmpty() && going == 0;
      tell(
          source,
          s -> s.saw(commit, null),
          Condition.Value.of(gone),
          gone ? "Synced" : "Pruning",
          gone
              ? "commit " + commit + " is applied."
              : "commit "
                  + commit
                  + " is applied; what stands there no more is not gone yet"
                  + (kept.isEmpty() ? "" : ": " + kept.getFirst())
                  + (kept.size() > 1 ? " (and " + (kept.size() - 1) + " more)" : ""));
      return going > 0;
    }

    /** What is kept by its reclaim policy would never go, and so is only let go. */
    private static boolean kept(Tx tx, UUID uid) {
      return tx.resources()
          .find(uid)
          .filter(r -> r.spec() instanceof VolumeSpec v && v.reclaim() == Reclaim.RETAIN)
          .isPresent();
    }

    /** Returns true while it is on its way. */
    private boolean prune(Sourced.Entry entry) {
      boolean released =
          store.inTransaction(tx -> {
            boolean stays = kept(tx, entry.uid());
            if (stays) {
              lockGoing(tx, entry);
              tx.sourced().release(entry.uid());
              mine(tx, source);
            }
            return stays;
          });
      if (released) {
        return false;
      }
      Optional<Resource<?, ?>> there = store.read(tx -> tx.resources().find(entry.uid()));
      if (there.isEmpty()) {
        return false;
      }
      if (there.get().deleting()) {
        return true;
      }
      as(
          Verb.DELETE,
          () ->
              store.inTransaction(tx -> {
                Optional<Operation> operation =
                    lockGoing(tx, entry)
                        .flatMap(
                            r -> delete.delete(tx, caller, r.kind(), r.project(), r.name(), null));
                mine(tx, source);
                return operation;
              }));
      return store.read(tx -> tx.resources().find(entry.uid())).isPresent();
    }

    /**
     * Another server may have applied a newer commit while this one stood still, and what it has
     * read would take that back.
     */
    private void requireAsSeen(Tx tx) {
      SourceStatus now = mine(tx, source);
      if (!Objects.equals(now.applied(), source.status().applied())
          || !Objects.equals(now.approved(), source.status().approved())) {
        throw new Lost();
      }
    }

    /** What is to go, if it is there; a newer commit may have it again, and has locked it then. */
    private Optional<Resource<?, ?>> lockGoing(Tx tx, Sourced.Entry entry) {
      Optional<Resource<?, ?>> locked = tx.resources().lock(entry.uid());
      if (locked.isPresent()
          && tx.sourced().of(source.uid()).stream()
              .noneMatch(e -> e.uid().equals(entry.uid()) && e.going())) {
        throw new Lost();
      }
      return locked;
    }

    /** Does something that belongs into the audit, as the source. */
    private <R> R as(Verb verb, Supplier<R> work) {
      Acts.begin(
          caller, "", verb, caller.name(), Kind.SOURCE.title(), source.project(), source.name());
      try {
        return work.get();
      } finally {
        Acts.end(null, "");
      }
    }

    private void status(Tx tx, UnaryOperator<SourceStatus> change, String reason, String message) {
      tx.resources().updateStatus(source.uid(), change.apply(mine(tx, source)), reason, message);
    }
  }

  /** All that is wrong, or as much as one reads, each with its place. */
  private static String words(Problem problem, List<Draft> drafts) {
    if (problem.errors().isEmpty()) {
      return problem.detail();
    }
    String out =
        problem.errors().stream()
            .limit(TOLD)
            .map(v -> v.field() + ": " + v.message() + where(v, drafts))
            .collect(Collectors.joining("; "));
    int more = problem.errors().size() - TOLD;
    return (out.length() > LONGEST_MESSAGE ? out.substring(0, LONGEST_MESSAGE) + "..." : out)
        + (more > 0 ? " (and " + more + " more)" : "");
  }

  /** What was found by reading has its place in its words; what was found by applying has not. */
  private static String where(Violation violation, List<Draft> drafts) {
    return drafts.stream()
        .filter(d -> violation.field().startsWith(d.title() + ": "))
        .findFirst()
        .map(d -> " (" + d.where() + ")")
        .orElse("");
  }

  /**
   * Its present status, which nobody else changes before this transaction ends.
   *
   * @throws Lost if it was declared anew since it was looked at, or is gone
   */
  private static SourceStatus mine(Tx tx, Resource<SourceSpec, SourceStatus> source) {
    return tx.resources()
        .lock(source.uid())
        .filter(r -> r.generation() == source.generation())
        .map(r -> (SourceStatus) r.status())
        .orElseThrow(Lost::new);
  }

  /** Writes how it stands, if that is anything new. */
  private void tell(
      Resource<SourceSpec, SourceStatus> source,
      UnaryOperator<SourceStatus> change,
      Condition.Value value,
      String reason,
      String message) {
    Condition next = new Condition(Condition.READY, value, reason, message, clock.instant());
    UnaryOperator<SourceStatus> all =
        s -> change.apply(s).withConditions(Condition.set(s.conditions(), next));
    boolean same =
        store
            .read(tx -> tx.resources().find(source.uid()))
            .map(r -> (SourceStatus) r.status())
            .filter(s -> all.apply(s).equals(s))
            .isPresent();
    if (same) {
      return;
    }
    store.write(tx -> {
      SourceStatus before = mine(tx, source);
      boolean news =
          Condition.find(before.conditions(), Condition.READY)
              .filter(c -> c.reason().equals(reason) && c.message().equals(message))
              .isEmpty();
      tx.resources().updateStatus(source.uid(), all.apply(before), reason, news ? message : "");
    });
  }
}

package io.millwright.engine.reconcile;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Delete;
import io.millwright.engine.request.Pools;
import io.millwright.engine.request.Pools.Look;
import io.millwright.model.Condition;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import io.millwright.planner.PoolPlanner;
import io.millwright.planner.PoolPlanner.Next;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Keeps pools full, by ordinary operations on their machines.
 *
 * <p>All that it does is transactions of the database, as it is with groups. A machine is removed
 * only if it is still the pool's once it is locked; so none is that was claimed meanwhile.
 */
public final class PoolReconciler {
  /** Between two looks at what nobody tells. */
  private static final Duration SOON = Duration.ofSeconds(1);

  /** Until what could not be declared is tried again. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final Store store;
  private final Apply apply;
  private final Delete delete;
  private final InstantSource clock;
  private final Duration round;

  public PoolReconciler(
      Store store, Apply apply, Delete delete, InstantSource clock, Duration round) {
    this.store = store;
    this.apply = apply;
    this.delete = delete;
    this.clock = clock;
    this.round = round;
  }

  Optional<Duration> reconcile(Resource<PoolSpec, PoolStatus> pool, @Nullable Run run) {
    if (pool.deleting()) {
      return run == null ? Optional.empty() : dissolve(run, pool);
    }
    Instant now = clock.instant();
    Look look = store.read(tx -> Pools.look(tx, pool, now));
    Next next = PoolPlanner.plan(look.goal(), look.members());
    String refusal = null;
    if (!next.isNothing()) {
      try {
        if (!act(pool, look, next)) {
          return Optional.of(Duration.ofMillis(100));
        }
        if (!next.removes().isEmpty()) {
          // What is made in their place may need the room that they had.
          return Optional.of(Duration.ZERO);
        }
      } catch (ProblemException e) {
        refusal = e.problem().first();
      }
    }
    tell(pool, refusal, now);
    if (refusal != null) {
      return Optional.of(AGAIN);
    }
    Duration left = look.next();
    return Optional.of(left == null || left.compareTo(round) > 0 ? round : left);
  }

  /** Begins what is to be begun, in one commit. Returns false if the pool was declared anew. */
  private boolean act(Resource<PoolSpec, PoolStatus> pool, Look look, Next next) {
    return store.inTransaction(tx -> {
      if (!tx.resources().lock(pool.uid(), pool.generation())) {
        return false;
      }
      for (int ordinal : next.removes()) {
        remove(tx, pool, Objects.requireNonNull(look.uids().get(ordinal)));
      }
      if (next.removes().isEmpty()) {
        // Another node may have made some since.
        Resource<PoolSpec, PoolStatus> present = read(tx, pool);
        Look again = Pools.look(tx, present, clock.instant());
        int creates = PoolPlanner.plan(again.goal(), again.members()).creates();
        apply.refill(tx, caller(tx, pool), present, Math.min(creates, next.creates()));
      }
      return true;
    });
  }

  private static Resource<PoolSpec, PoolStatus> read(Tx tx, Resource<PoolSpec, PoolStatus> pool) {
    return tx.resources().find(pool.uid()).orElseThrow().as(PoolSpec.class, PoolStatus.class);
  }

  /** Has a machine go, unless somebody has claimed it. */
  private void remove(Tx tx, Resource<PoolSpec, PoolStatus> pool, UUID machine) {
    if (tx.resources().lock(machine).isPresent()
        && tx.groups().find(machine).filter(m -> m.group().equals(pool.uid())).isPresent()) {
      delete.member(tx, caller(tx, pool), machine);
    }
  }

  /** The pool; and the commit, if it is that which says how the pool shall be, or that it goes. */
  private static Caller caller(Tx tx, Resource<PoolSpec, PoolStatus> pool) {
    Optional<String> by =
        pool.deleting()
            ? tx.operations()
                .latest(pool.uid())
                .map(Operation::requestedBy)
                .filter(said -> said.startsWith(SourceReconciler.CALLER))
            : Optional.ofNullable(tx.sourced().sources(List.of(pool.uid())).get(pool.uid()))
                .flatMap(tx.resources()::find)
                .map(r -> r.as(SourceSpec.class, SourceStatus.class))
                .flatMap(s ->
                    Optional.ofNullable(s.status().applied())
                        .map(commit -> SourceReconciler.named(s, commit)));
    return new Caller("pool " + pool.name() + by.map(said -> " for " + said).orElse(""));
  }

  /** Says how it stands now; writes nothing if that was said before. */
  private void tell(Resource<PoolSpec, PoolStatus> pool, @Nullable String refusal, Instant now) {
    record Told(Resource<PoolSpec, PoolStatus> pool, PoolStatus status) {}
    Optional<Told> told =
        store.read(tx ->
            tx.resources()
                .find(pool.uid())
                .filter(r -> !r.deleting())
                .map(r -> r.as(PoolSpec.class, PoolStatus.class))
                .map(r -> new Told(r, status(r, Pools.look(tx, r, now), refusal, now))));
    if (told.isEmpty() || told.get().status().equals(told.get().pool().status())) {
      return;
    }
    Resource<PoolSpec, PoolStatus> seen = told.get().pool();
    PoolStatus status = told.get().status();
    store.write(tx -> {
      boolean current =
          tx.resources()
              .lock(pool.uid())
              .filter(r -> r.metadata().revision() == seen.metadata().revision())
              .isPresent();
      if (!current) {
        tx.nudges().nudge(pool.uid());
        return;
      }
      Condition ready = Condition.find(status.conditions(), Condition.READY).orElseThrow();
      boolean news =
          Condition.find(seen.status().conditions(), Condition.READY)
              .filter(c -> c.reason().equals(ready.reason()))
              .isEmpty();
      tx.resources()
          .updateStatus(
              pool.uid(), status, news ? ready.reason() : "", news ? ready.message() : "");
    });
  }

  private static PoolStatus status(
      Resource<PoolSpec, PoolStatus> pool, Look look, @Nullable String refusal, Instant now) {
    int wanted = pool.spec().ready();
    int ready = look.ready();
    int claimed = look.goal().claimed();
    boolean limited = look.goal().wanted() < wanted;
    boolean full = ready >= wanted && look.outdated() == 0;
    String reason =
        full
            ? "Full"
            : refusal != null
                ? "Refused"
                : limited ? "Limited" : !look.troubles().isEmpty() ? "Failing" : "Refilling";
    String why =
        full
            ? ""
            : refusal != null
                ? " No more can be made now: " + MachineReconciler.sentence(refusal)
                : limited
                    ? " "
                        + claimed
                        + " are claimed, and there are "
                        + look.goal().max()
                        + " at most."
                    : look.troubles().isEmpty()
                        ? ""
                        : " " + MachineReconciler.sentence(look.troubles().getFirst());
    Condition condition =
        MachineReconciler.condition(
            Condition.READY,
            full,
            reason,
            ready
                + " of "
                + wanted
                + " machines are ready."
                + (look.outdated() == 0 ? "" : " " + look.outdated() + " are outdated.")
                + why,
            now);
    PoolStatus counted =
        pool.status().counted(look.members().size(), ready, look.outdated(), claimed);
    return counted.withConditions(Condition.set(counted.conditions(), condition));
  }

  // --- the end of a pool ---------------------------------------------------------------------

  private Optional<Duration> dissolve(Run run, Resource<PoolSpec, PoolStatus> pool) {
    List<Resource<?, ?>> members =
        store.read(tx -> {
          List<Resource<?, ?>> out = new ArrayList<>();
          for (Member member : tx.groups().members(pool.uid())) {
            tx.resources().find(member.uid()).ifPresent(out::add);
          }
          return out;
        });
    List<Step> steps = new ArrayList<>();
    Map<String, String> begun = new HashMap<>();
    for (Resource<?, ?> member : members) {
      Step step = new Step.RemoveMember(member.name());
      steps.add(step);
      begun.put(step.key(), "");
    }
    steps.add(new Step.Forget());
    run.track(steps, begun);
    if (!members.isEmpty()) {
      if (run.changed() || members.stream().anyMatch(m -> !m.deleting())) {
        run.guarded(new State.Running(), tx -> members.forEach(m -> remove(tx, pool, m.uid())));
      }
      return Optional.of(SOON);
    }
    run.track(steps, Map.of(new Step.Forget().key(), ""));
    run.done(null);
    run.finish(new State.Succeeded(), tx -> tx.resources().remove(pool.uid()));
    return Optional.empty();
  }
}

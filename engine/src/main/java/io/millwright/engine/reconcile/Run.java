package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.StepRecord;
import io.millwright.model.Operation.StepState;
import io.millwright.planner.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An operation that this node has taken up.
 *
 * <p>The plan is recorded before its first effect, and how far it got together with the beginning
 * of the next step that is not quick. A crash in between costs nothing: the next plan is made from
 * what is observed, and a step that it no longer needs was done.
 */
final class Run {
  /** Steps that follow one another faster than this are written down together. */
  private static final Duration TOGETHER = Duration.ofMillis(250);

  /** A step whose record is older than this may belong to a process that was frozen meanwhile. */
  private static final Duration TRUSTED = Duration.ofSeconds(2);

  /** How soon a group hears of what became of a member. */
  private static final Duration BEHIND = Duration.ofMillis(200);

  private final Store store;
  private final InstantSource clock;
  private final LongSupplier ticks;
  private final Operation operation;
  private final List<StepRecord> records;
  private Deque<Step> todo = new ArrayDeque<>();
  private int next;
  private boolean cancelled;
  private State working = new State.Running();
  private boolean halted;
  private boolean restarts;

  /** A plan is written before its first effect, whenever that is. */
  private boolean planned;

  private boolean unwritten;
  private long writtenAt;

  private Run(Store store, InstantSource clock, LongSupplier ticks, Operation operation) {
    this.store = store;
    this.clock = clock;
    this.ticks = ticks;
    this.writtenAt = ticks.getAsLong();
    this.operation = operation;
    this.records = new ArrayList<>(operation.steps());
    this.next = records.size();
    this.cancelled = operation.cancelRequested();
  }

  /** True if somebody asked to stop it, as far as the last writing told. */
  boolean cancelled() {
    return cancelled;
  }

  /**
   * Takes up what is to be done with this resource, if anything.
   *
   * @param ticks nanoseconds of a clock that nobody sets, as {@link System#nanoTime}
   */
  static Optional<Run> claim(
      Tx tx, Store store, InstantSource clock, LongSupplier ticks, UUID target) {
    return tx.operations().claim(target).map(claimed -> new Run(store, clock, ticks, claimed));
  }

  /** True if a first boot was waited for in this operation. */
  boolean booted() {
    String await = new Step.AwaitReady(0).key();
    return records.stream().anyMatch(r -> r.key().equals(await));
  }

  Operation operation() {
    return operation;
  }

  /**
   * Puts a new plan in place of what was not done yet. Steps that were begun and are not needed any
   * more took effect before their record could say so.
   */
  void plan(List<Step> plan) {
    List<StepRecord> open = new ArrayList<>();
    List<StepRecord> kept = new ArrayList<>();
    List<StepRecord> before = List.copyOf(records);
    for (StepRecord record : records) {
      if (record.state() == StepState.DONE || record.state() == StepState.SKIPPED) {
        kept.add(record);
      } else if (plan.stream().anyMatch(s -> s.key().equals(record.key()))) {
        open.add(record);
      } else if (record.state() == StepState.RUNNING) {
        kept.add(record.ended(StepState.DONE, record.message(), clock.instant()));
      } else if (record.state() == StepState.FAILED) {
        kept.add(record);
      }
    }
    records.clear();
    records.addAll(kept);
    next = records.size();
    for (Step step : plan) {
      records.add(
          open.stream()
              .filter(r -> r.key().equals(step.key()))
              .findFirst()
              .orElseGet(() -> StepRecord.planned(step.key(), step.title())));
    }
    planned |= !records.equals(before);
    todo = new ArrayDeque<>(plan);
    boolean starts = plan.stream().anyMatch(s -> s instanceof Step.Start);
    halted = starts && plan.stream().noneMatch(s -> s instanceof Step.Stop);
    restarts = starts && !halted;
  }

  /** True if the machine stands still in the middle of this plan, and was to be started by it. */
  boolean halted() {
    return halted;
  }

  /** True if a definition is still to come in this plan. */
  boolean redefines() {
    return todo.stream()
        .anyMatch(s -> s instanceof Step.Define || s instanceof Step.DefineInstaller);
  }

  /** True if what its first boot or its installer is told is still to be written in this plan. */
  boolean tells() {
    return todo.stream()
        .anyMatch(s ->
            s instanceof Step.PutSeed
                || s instanceof Step.PutMedium
                || s instanceof Step.PutInstaller);
  }

  /**
   * As {@link #plan}, for work of which several steps go on at once.
   *
   * @param begun keys of the steps that go on, each with what there is to say of it
   */
  void track(List<Step> plan, Map<String, String> begun) {
    List<StepRecord> before = List.copyOf(records);
    boolean unplanned = planned;
    plan(plan);
    for (int i = 0; i < records.size(); i++) {
      StepRecord record = records.get(i);
      String said = begun.get(record.key());
      if (said != null && i >= next) {
        StepRecord running =
            record.state() == StepState.RUNNING ? record : record.begun(clock.instant());
        records.set(i, running.at(null, said.isEmpty() ? null : said));
      }
    }
    planned = unplanned || !records.equals(before);
  }

  /** True if there is something that was not written down yet. */
  boolean changed() {
    return planned || unwritten;
  }

  /** Marks one of several steps that go on as failed; those that were not begun are dropped. */
  void failStep(String key, String why) {
    records.replaceAll(r ->
        r.key().equals(key) && r.state() == StepState.RUNNING
            ? r.ended(StepState.FAILED, why, clock.instant())
            : r);
    records.removeIf(r -> r.state() == StepState.PENDING);
    planned = true;
  }

  /** The step to do next, or nothing if all are done. */
  Optional<Step> next() {
    return Optional.ofNullable(todo.peek());
  }

  private StepRecord current() {
    return records.get(next);
  }

  /** How long ago the next step was begun first; zero if it was not. */
  Duration begunFor() {
    Instant now = clock.instant();
    Instant started = current().startedAt();
    return started == null ? Duration.ZERO : Duration.between(started, now);
  }

  /**
   * The next step begins; unless it goes on from before. Its plan was written before its first
   * step; its own record may follow with those of the next ones, if they are quick. Waiting is not,
   * and whoever cancelled the operation by then finds nothing of it left.
   *
   * <p>Between the last writing and the effect lies no time but when this process was stopped: then
   * whoever took over may have gone on, so it is asked once more whether this node may act.
   *
   * @throws Lost if this node may not act any more
   */
  void begin(State state) {
    working = state;
    StepRecord record = records.get(next);
    if (record.state() != StepState.RUNNING) {
      records.set(next, record.begun(clock.instant()));
      unwritten = true;
    }
    boolean slow =
        todo.peek() instanceof Step.AwaitReady
            || todo.peek() instanceof Step.AwaitInstalled
            || todo.peek() instanceof Step.CarryVolume
            || todo.peek() instanceof Step.PutMedium;
    if (planned || (unwritten && (slow || old(TOGETHER)))) {
      write(state);
    }
    while (old(TRUSTED)) {
      write(state);
    }
  }

  private boolean old(Duration age) {
    return ticks.getAsLong() - writtenAt > age.toNanos();
  }

  /** A step that is tried again after a fault counts as begun again. */
  void beginAgain(State state) {
    records.set(next, records.get(next).begun(clock.instant()));
    planned = true;
    begin(state);
  }

  /** The next step is done; that is recorded when the one after it begins, or at the end. */
  void done(@Nullable String message) {
    records.set(next, records.get(next).ended(StepState.DONE, message, clock.instant()));
    next++;
    switch (todo.remove()) {
      case Step.Stop _ -> halted = restarts;
      case Step.Start _ -> halted = false;
      default -> {}
    }
  }

  /** The next step goes on; says how far it is. */
  void going(State state, @Nullable Integer percent, @Nullable String message) {
    StepRecord before = records.get(next);
    StepRecord after = before.at(percent, message);
    if (unwritten || !after.equals(before)) {
      records.set(next, after);
      write(state);
    }
  }

  /**
   * Asked while a step lasts that is done in one call: may this node act on for what it took up?
   *
   * @return false if somebody asked to stop it
   * @throws Lost if another node has it, or something else was declared or asked for meanwhile
   */
  boolean mayGoOn() {
    guarded(working, _ -> {});
    return !cancelled;
  }

  /** As {@link #going(State, Integer, String)}, as what it was begun. */
  void going(String message) {
    going(working, null, message);
  }

  /** The next step could not be done for now. */
  void wait(String reason, String message, Duration delay, @Nullable State keep) {
    if (next < records.size()) {
      StepRecord before = records.get(next);
      records.set(
          next,
          new StepRecord(
              before.key(),
              before.title(),
              StepState.PENDING,
              before.attempts(),
              before.percent(),
              message,
              // A guest that could not be asked to stop has not been asked yet.
              todo.peek() instanceof Step.Stop
                      || (todo.peek() instanceof Step.There there
                          && there.act() instanceof Step.Stop)
                  ? null
                  : before.startedAt(),
              null));
    }
    write(keep == null ? new State.Waiting(reason, message, clock.instant().plus(delay)) : keep);
  }

  /** Waits for another resource, before there are steps. */
  void waitFor(String reason, String message, Duration delay) {
    if (!(operation.state() instanceof State.Waiting w && w.message().equals(message))) {
      write(new State.Waiting(reason, message, clock.instant().plus(delay)));
    }
  }

  /** How often the next step was begun. */
  int attempts() {
    return next < records.size() ? records.get(next).attempts() : 0;
  }

  /** Marks the next step as failed; what was planned behind it is dropped. */
  void fail(DriverException fault) {
    if (next < records.size()) {
      records.set(
          next, records.get(next).ended(StepState.FAILED, fault.forUser(), clock.instant()));
      while (records.size() > next + 1) {
        records.removeLast();
      }
      next = records.size();
    }
    todo.clear();
  }

  /** True if this step was begun, and what became of it is not written down. */
  boolean goes(String step) {
    return records.stream().anyMatch(r -> r.key().equals(step) && r.state() == StepState.RUNNING);
  }

  void log(String line) {
    log(List.of(line));
  }

  void log(List<String> lines) {
    log(next < records.size() ? records.get(next).key() : "", lines);
  }

  void log(String step, List<String> lines) {
    store.write(tx -> tx.operations().log(operation.uid(), step, lines));
  }

  void write(State state) {
    store.write(tx ->
        written(
            () -> tx.operations().progress(operation.uid(), operation.epoch(), state, records)));
  }

  /**
   * Ends the operation and does {@code also} in the same transaction.
   *
   * @throws Lost if this node may not act any more; then nothing of it was done
   */
  void finish(State state, Consumer<Tx> also) {
    store.write(tx -> {
      written(() -> tx.operations().progressHolding(operation, state, records));
      if (state.terminal()) {
        // A group waits for its machines; many of them may end at once.
        tx.groups()
            .find(operation.target().uid())
            .ifPresent(member -> tx.nudges().nudgeIn(member.group(), BEHIND));
      }
      also.accept(tx);
    });
  }

  /** Does something in a transaction that this node may only do while the operation is its own. */
  void guarded(State state, Consumer<Tx> act) {
    finish(state, act);
  }

  private void written(Supplier<Operations.Hold> writing) {
    // The hold was so at some moment after this one, but perhaps not any more when it is read.
    long now = ticks.getAsLong();
    Operations.Hold hold = writing.get();
    if (hold == Operations.Hold.LOST) {
      throw new Lost();
    }
    cancelled = hold == Operations.Hold.CANCEL_REQUESTED;
    writtenAt = now;
    planned = false;
    unwritten = false;
  }
}

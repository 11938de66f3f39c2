package io.millwright.api;

import io.millwright.engine.port.Operations.LogLine;
import io.millwright.engine.port.Page;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The record of one request from its start to its end.
 *
 * @param title for people, such as {@code create Machine hello}
 * @param generation of the target that it works towards
 * @param state pending, running, waiting and undoing go on; succeeded, failed, cancelled and
 *     superseded are the ends
 * @param message why it waits or failed; empty otherwise
 * @param percent how much of it is done, 0 to 100
 * @param requestedBy name of the token or of the part of Millwright that asked
 * @param steps the plan and how far it got, in order
 */
record OperationView(
    UUID uid,
    String project,
    Operation.Verb verb,
    String title,
    TargetView target,
    long generation,
    State state,
    String message,
    int percent,
    String requestedBy,
    Instant createdAt,
    @Nullable Instant startedAt,
    @Nullable Instant endedAt,
    boolean cancelRequested,
    List<StepView> steps) {

  /** The resource that an operation concerns. */
  record TargetView(Kind kind, String name, UUID uid) {}

  /** How an operation stands, in one word. */
  enum State {
    PENDING,
    RUNNING,
    WAITING,
    UNDOING,
    SUCCEEDED,
    FAILED,
    CANCELLED,
    SUPERSEDED;

    static State of(Operation.State state) {
      return switch (state) {
        case Operation.State.Pending _ -> PENDING;
        case Operation.State.Running _ -> RUNNING;
        case Operation.State.Waiting _ -> WAITING;
        case Operation.State.Undoing _ -> UNDOING;
        case Operation.State.Succeeded _ -> SUCCEEDED;
        case Operation.State.Failed _ -> FAILED;
        case Operation.State.Cancelled _ -> CANCELLED;
        case Operation.State.Superseded _ -> SUPERSEDED;
      };
    }
  }

  /**
   * A step and how it went.
   *
   * @param key names the act within its operation
   * @param title for people
   * @param attempts how often it was begun
   * @param percent of its progress, if it tells
   * @param message what it last said or why it failed
   */
  record StepView(
      String key,
      String title,
      Operation.StepState state,
      int attempts,
      @Nullable Integer percent,
      @Nullable String message,
      @Nullable Instant startedAt,
      @Nullable Instant endedAt) {
    static StepView of(Operation.StepRecord s) {
      return new StepView(
          s.key(),
          s.title(),
          s.state(),
          s.attempts(),
          s.percent(),
          s.message(),
          s.startedAt(),
          s.endedAt());
    }
  }

  /**
   * A part of the operations, newest first.
   *
   * @param next cursor of the following part; left out at the end
   */
  record ListView(List<OperationView> items, @Nullable String next) {
    static ListView of(Page<Operation> page) {
      return new ListView(page.items().stream().map(OperationView::of).toList(), page.next());
    }
  }

  /**
   * A line of a step's log.
   *
   * @param seq grows from line to line
   * @param step key of the step
   */
  record LineView(long seq, Instant at, String step, String line) {
    static LineView of(LogLine l) {
      return new LineView(l.seq(), l.at(), l.step(), l.line());
    }
  }

  /**
   * Lines of a log, oldest first.
   *
   * @param next what to give as {@code after} to read on
   */
  record LogView(List<LineView> items, long next) {}

  static OperationView of(Operation o) {
    return new OperationView(
        o.uid(),
        o.project(),
        o.verb(),
        o.title(),
        new TargetView(o.target().kind(), o.target().name(), o.target().uid()),
        o.generation(),
        State.of(o.state()),
        o.state().message(),
        o.percent(),
        o.requestedBy(),
        o.createdAt(),
        o.startedAt(),
        o.endedAt(),
        o.cancelRequested(),
        o.steps().stream().map(StepView::of).toList());
  }
}

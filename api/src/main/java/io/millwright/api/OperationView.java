package io.millwright.api;

import io.millwright.engine.port.Operations.LogLine;
import io.millwright.engine.port.Page;
import io.millwright.model.Condition;
import io.millwright.model.Condition.Value;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.manifest.Manifests;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The record of one request from its start to its end, in the form of all kinds. Nobody declares
 * it: it comes into being with what asks for work.
 */
record OperationView(
    String apiVersion,
    String kind,
    OperationView.MetadataView metadata,
    SpecView spec,
    StatusView status) {
  static final String KIND = "Operation";

  /**
   * What identifies an operation.
   *
   * @param name its uid, since it has no other name
   * @param project of its target
   */
  record MetadataView(String name, String project, UUID uid, Instant createdAt) {}

  /**
   * What was asked for.
   *
   * @param title for people, such as {@code create Machine hello}
   * @param generation of the target that it works towards
   * @param requestedBy name of the token or of the part of Millwright that asked
   * @param cancelRequested true once somebody asked to stop it
   */
  record SpecView(
      Operation.Verb verb,
      String title,
      TargetView target,
      long generation,
      String requestedBy,
      boolean cancelRequested) {}

  /**
   * How far it got.
   *
   * @param conditions {@code Succeeded}, which is unknown until it has ended; its reason and its
   *     message say why it waits or failed
   * @param state pending, running, waiting and undoing go on; succeeded, failed, cancelled and
   *     superseded are the ends
   * @param message why it waits or failed; empty otherwise
   * @param percent how much of it is done, 0 to 100
   * @param steps the plan and how far it got, in order
   */
  record StatusView(
      List<Condition> conditions,
      State state,
      String message,
      int percent,
      @Nullable Instant startedAt,
      @Nullable Instant endedAt,
      List<StepView> steps) {}

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
  record ListView(
      String apiVersion, String kind, List<OperationView> items, @Nullable String next) {
    static ListView of(Page<Operation> page) {
      return new ListView(
          Manifests.API_VERSION,
          KIND + "List",
          page.items().stream().map(OperationView::of).toList(),
          page.next());
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
        Manifests.API_VERSION,
        KIND,
        new MetadataView(o.uid().toString(), o.project(), o.uid(), o.createdAt()),
        new SpecView(
            o.verb(),
            o.title(),
            new TargetView(o.target().kind(), o.target().name(), o.target().uid()),
            o.generation(),
            o.requestedBy(),
            o.cancelRequested()),
        new StatusView(
            List.of(succeeded(o)),
            State.of(o.state()),
            o.state().told(),
            o.percent(),
            o.startedAt(),
            o.endedAt(),
            o.steps().stream().map(StepView::of).toList()));
  }

  private static Condition succeeded(Operation o) {
    return switch (o.state()) {
      case Operation.State.Pending _ ->
          condition(o, Value.UNKNOWN, "Pending", "Nobody has taken it up yet.");
      case Operation.State.Running _ ->
          condition(o, Value.UNKNOWN, "Running", "Its steps are being done.");
      case Operation.State.Waiting w -> condition(o, Value.UNKNOWN, w.reason(), w.message());
      case Operation.State.Undoing u -> condition(o, Value.UNKNOWN, u.reason(), u.told());
      case Operation.State.Succeeded _ -> condition(o, Value.TRUE, "Done", "All of it is done.");
      case Operation.State.Failed f -> condition(o, Value.FALSE, f.reason(), f.message());
      case Operation.State.Cancelled _ ->
          condition(o, Value.FALSE, "Cancelled", "It was stopped by request.");
      case Operation.State.Superseded _ ->
          condition(
              o, Value.FALSE, "Superseded", "The target was changed again; a newer one goes on.");
    };
  }

  private static Condition condition(Operation o, Value value, String reason, String message) {
    Instant ended = o.endedAt();
    return new Condition(
        "Succeeded", value, reason, message, ended == null ? o.createdAt() : ended);
  }
}

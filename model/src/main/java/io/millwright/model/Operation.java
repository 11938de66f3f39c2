package io.millwright.model;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The record of one request from its start to its end.
 *
 * @param target whom it concerns
 * @param generation of the target that it works towards
 * @param requestedBy name of the token or of the part of Millwright that asked
 * @param steps the plan and how far it got, in order
 * @param cancelRequested true once somebody asked to stop it
 * @param epoch grows each time that a node takes it up; writes of an older one are void
 */
public record Operation(
    UUID uid,
    String project,
    Verb verb,
    Target target,
    long generation,
    State state,
    String requestedBy,
    Instant createdAt,
    @Nullable Instant startedAt,
    @Nullable Instant endedAt,
    boolean cancelRequested,
    long epoch,
    List<StepRecord> steps) {

  public Operation {
    steps = List.copyOf(steps);
  }

  /** What was asked for. */
  public enum Verb {
    CREATE,
    UPDATE,
    DELETE,
    /** The outside world differed from what was declared. */
    REPAIR,
    RESET,
    /** A machine gets a new system disk. */
    REBUILD,
    /** A machine gets the system disk of one of its snapshots. */
    REVERT,
    /** A machine gets its system on another hypervisor, and its volumes with it. */
    MOVE,
    /** A volume is taken out of quarantine. */
    RESTORE,
    /** An image is built anew. */
    BUILD
  }

  /** The resource that an operation concerns. */
  public record Target(Kind kind, UUID uid, String name) {}

  /** How an operation stands. */
  public sealed interface State {
    /** Nobody has taken it up yet. */
    record Pending() implements State {}

    record Running() implements State {}

    /** A step could not be done for now, and is tried again. */
    record Waiting(String reason, String message, Instant until) implements State {}

    /**
     * It failed or was cancelled, and what it had begun is being undone.
     *
     * @param cancelled true if somebody asked for it
     * @param trouble why it cannot be undone for now, or null
     */
    record Undoing(String reason, String message, boolean cancelled, @Nullable String trouble)
        implements State {
      public Undoing(String reason, String message, boolean cancelled) {
        this(reason, message, cancelled, null);
      }

      /** The same, with or without what keeps it from being undone. */
      public Undoing withTrouble(@Nullable String now) {
        return new Undoing(reason, message, cancelled, now);
      }
    }

    record Succeeded() implements State {}

    /** It ended without success, and what it had begun was undone. */
    record Failed(String reason, String message) implements State {}

    record Cancelled() implements State {}

    /** The target was changed again before this one ended; the newer operation goes on. */
    record Superseded() implements State {}

    default boolean terminal() {
      return switch (this) {
        case Pending _, Running _, Waiting _, Undoing _ -> false;
        case Succeeded _, Failed _, Cancelled _, Superseded _ -> true;
      };
    }

    /** One word, for people and selectors. */
    default String word() {
      return switch (this) {
        case Pending _ -> "pending";
        case Running _ -> "running";
        case Waiting _ -> "waiting";
        case Undoing _ -> "undoing";
        case Succeeded _ -> "succeeded";
        case Failed _ -> "failed";
        case Cancelled _ -> "cancelled";
        case Superseded _ -> "superseded";
      };
    }

    /** What there is to say about it, or an empty text. */
    default String message() {
      return switch (this) {
        case Waiting w -> w.message();
        case Undoing u -> u.message();
        case Failed f -> f.message();
        case Pending _, Running _, Succeeded _, Cancelled _, Superseded _ -> "";
      };
    }

    /** Its message, and what keeps it from being undone, if anything does. */
    default String told() {
      return this instanceof Undoing u && u.trouble() != null
          ? u.message()
              + (u.message().endsWith(".") ? " " : ". ")
              + "What it had begun cannot be taken back for now: "
              + u.trouble()
          : message();
    }
  }

  /** How a step stands. */
  public enum StepState {
    PENDING,
    RUNNING,
    DONE,
    FAILED,
    /** It was planned, but a later plan had no need of it. */
    SKIPPED
  }

  /**
   * A step and how it went.
   *
   * @param key names the act within its operation; the same key is the same act
   * @param title for people
   * @param attempts how often it was begun
   * @param percent of its progress, if it tells
   * @param message what it last said or why it failed, or null
   */
  public record StepRecord(
      String key,
      String title,
      StepState state,
      int attempts,
      @Nullable Integer percent,
      @Nullable String message,
      @Nullable Instant startedAt,
      @Nullable Instant endedAt) {

    public static StepRecord planned(String key, String title) {
      return new StepRecord(key, title, StepState.PENDING, 0, null, null, null, null);
    }

    public StepRecord begun(Instant now) {
      return new StepRecord(
          key,
          title,
          StepState.RUNNING,
          attempts + 1,
          percent,
          message,
          startedAt == null ? now : startedAt,
          null);
    }

    public StepRecord ended(StepState how, @Nullable String said, Instant now) {
      return new StepRecord(
          key, title, how, attempts, how == StepState.DONE ? null : percent, said, startedAt, now);
    }

    public StepRecord at(@Nullable Integer nowPercent, @Nullable String said) {
      return new StepRecord(key, title, state, attempts, nowPercent, said, startedAt, endedAt);
    }
  }

  /** How much of it is done, 0 to 100. */
  public int percent() {
    if (state instanceof State.Succeeded) {
      return 100;
    }
    long counted = steps.stream().filter(s -> s.state() != StepState.SKIPPED).count();
    long done = steps.stream().filter(s -> s.state() == StepState.DONE).count();
    return counted == 0 ? 0 : (int) (100 * done / counted);
  }

  /** From its creation to its end, or to {@code now} while it goes on. */
  public Duration age(Instant now) {
    return Duration.between(createdAt, endedAt == null ? now : endedAt);
  }

  public String title() {
    String word = verb.name().toLowerCase(java.util.Locale.ROOT);
    return word + " " + target.kind().title() + " " + target.name();
  }
}

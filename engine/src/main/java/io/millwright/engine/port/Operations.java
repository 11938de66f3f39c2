package io.millwright.engine.port;

import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.StepRecord;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The records of work. Each change writes its line into the journal. */
public interface Operations {
  /** Stands for every state of an operation that has not ended. */
  String OPEN = "open";

  /** Whether a state is the one of this word, which may be {@link #OPEN}. */
  static boolean is(State state, String word) {
    return word.equals(OPEN) ? !state.terminal() : word.equals(state.word());
  }

  /**
   * Which operations to list, newest first.
   *
   * @param project null for all
   * @param state one word of {@link State#word()}, or {@link #OPEN}, or null
   * @param target null for all
   * @param among the projects of which the asker may know, or null for all
   * @param words each of which stands in what a list shows of it, in whatever case
   */
  record Query(
      @Nullable String project,
      @Nullable Kind kind,
      @Nullable String name,
      @Nullable String state,
      @Nullable UUID target,
      int limit,
      @Nullable String cursor,
      @Nullable Set<String> among,
      List<String> words) {
    public Query {
      words = List.copyOf(words);
    }

    /** Among all projects. */
    public Query(
        @Nullable String project,
        @Nullable Kind kind,
        @Nullable String name,
        @Nullable String state,
        @Nullable UUID target,
        int limit,
        @Nullable String cursor) {
      this(project, kind, name, state, target, limit, cursor, null, List.of());
    }
  }

  /** Whose an operation is. */
  enum Hold {
    MINE,
    /** Mine, and somebody asked to stop it. */
    CANCEL_REQUESTED,
    LOST
  }

  /** A line of a step's log. */
  record LogLine(long seq, Instant at, String step, String line) {}

  /**
   * Adds an operation; one of the same target that has not ended is superseded.
   *
   * @return what was added
   */
  Operation insert(Operation operation);

  Optional<Operation> find(UUID uid);

  /** The operation of this target that has not ended, if there is one; there is never more. */
  Optional<Operation> active(UUID target);

  /** Those of these targets of which an operation has not ended. */
  Set<UUID> busy(Collection<UUID> targets);

  /** The operation of this target that was created last. */
  Optional<Operation> latest(UUID target);

  Page<Operation> list(Query query);

  /**
   * Takes up the operation of this target that has not ended: raises its epoch, and sets it running
   * if it was pending.
   *
   * @return it as it is now, or nothing if there is none
   */
  Optional<Operation> claim(UUID target);

  /**
   * Writes how far it got, if nobody else has taken it up since.
   *
   * @return LOST if somebody has, or if it ended: then nothing was written and whoever asked must
   *     not act any more
   */
  Hold progress(UUID uid, long epoch, State state, List<StepRecord> steps);

  /**
   * As {@link #progress}, if its target is still of the generation that it works towards; the
   * target is locked until this transaction ends. Whoever declares the target anew locks it first,
   * so what is written of the target in this transaction cannot overwrite what belongs to a newer
   * generation.
   *
   * @return LOST also if the target is gone or of another generation
   */
  Hold progressHolding(Operation operation, State state, List<StepRecord> steps);

  /** Asks it to stop. Returns false if it had ended already. */
  boolean requestCancel(UUID uid);

  /** Adds lines to the log of a step; each is cut at 4 KiB, and their number at 10,000. */
  void log(UUID uid, String step, List<String> lines);

  /** Lines after {@code afterSeq}, oldest first. */
  List<LogLine> logs(UUID uid, long afterSeq, int limit);
}

package io.millwright.engine.port;

import io.millwright.model.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What happened, in an order in which nobody who reads along misses anything. */
public interface Journal {
  /** What a line tells of. */
  enum Change {
    ADDED,
    MODIFIED,
    DELETED,
    /** Nothing was changed, but there is something to tell. */
    NOTE
  }

  /** Name of a line that tells only that somebody did something, or tried to: nothing has it. */
  String OF_AN_ACT = "";

  /** Uid of a line for everybody, whatever they may see. */
  UUID OF_EVERYBODY = new UUID(0, 0);

  /**
   * A line.
   *
   * @param cursor to read on from behind it
   * @param kind null for operations and acts
   * @param project where; empty for acts that are in none
   * @param uid of the resource or operation; for an act that of the account whose it was, or of
   *     nothing
   * @param reason one word in CamelCase, or empty
   * @param message one sentence for people, or empty for a change not worth telling
   */
  record Entry(
      String cursor,
      Instant at,
      @Nullable Kind kind,
      String project,
      UUID uid,
      String name,
      Change change,
      String reason,
      String message) {}

  /** Adds a line about a resource. */
  void note(Kind kind, String project, UUID uid, String name, String reason, String message);

  /**
   * Lines behind a cursor, oldest first, and only such before which no line can appear any more.
   *
   * @param cursor null for from now on: no line, only {@link #head} is of use then
   * @throws io.millwright.model.ProblemException GONE if lines behind this cursor were dropped
   *     already; INVALID if it is no cursor
   */
  List<Entry> after(String cursor, int limit);

  /**
   * What was read.
   *
   * @param cursor to read on from, behind lines of others as well
   */
  record Along(List<Entry> entries, String cursor) {}

  /** As {@link #after}, but only lines of a project that have a reason. */
  Along along(String cursor, int limit, String project);

  /**
   * How old the oldest line is that nobody can read yet, for a transaction that began before it
   * still writes; nothing if all can be read.
   */
  Duration behind();

  /** Cursor of the present end. */
  String head();

  /** The last lines with a message, oldest first; all filters may be null. */
  default List<Entry> told(
      @Nullable String project, @Nullable Kind kind, @Nullable String name, int limit) {
    return told(project, kind, name, List.of(), limit, null, null);
  }

  /**
   * As the other one.
   *
   * @param words each of which stands in what a list shows of a line, in whatever case
   * @param among the projects of which the asker may know, or null for all
   * @param before cursor of the line before which they were, or null for the last ones of all
   */
  List<Entry> told(
      @Nullable String project,
      @Nullable Kind kind,
      @Nullable String name,
      List<String> words,
      int limit,
      @Nullable Set<String> among,
      @Nullable String before);

  /** Drops lines that are older, the oldest first and only some thousands; how many it dropped. */
  int prune(Duration age);
}

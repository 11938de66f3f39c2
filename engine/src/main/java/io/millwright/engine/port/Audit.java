package io.millwright.engine.port;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Who did what. It is only added to, and every row seals those before it. */
public interface Audit {
  /**
   * Something that was done, or was not.
   *
   * @param who name of the caller
   * @param caller identity of the caller, which nobody else will have
   * @param origin address from which it was asked for
   * @param verb of the policy
   * @param call method and path, with its parameters by name
   * @param kind of what it is about, or empty
   * @param project or empty
   * @param name of what it is about, or empty
   * @param result {@code done}, or the kind of the problem
   * @param detail why it was refused, or empty
   */
  record Act(
      String who,
      String caller,
      String origin,
      String verb,
      String call,
      String kind,
      String project,
      String name,
      String result,
      String detail) {}

  /** A row. */
  record Row(long seq, Instant at, Act act, String hash) {}

  /**
   * What the chain looks like.
   *
   * @param rows how many there are
   * @param seq place of the last one
   * @param head hash of the last one, to be noted elsewhere with its place
   * @param altered the first row that is not as it was written, or null
   */
  record Verdict(long rows, long seq, String head, @Nullable Long altered) {}

  /** Adds a row. Until this transaction ends nobody else adds one, so it comes last. */
  void append(Act act);

  /** The last rows, newest first; all filters may be null. */
  List<Row> list(@Nullable String project, @Nullable String who, int limit, @Nullable Long before);

  /**
   * What somebody noted of a row; who can rewrite the whole chain cannot rewrite that.
   *
   * @param hash in hex digits
   */
  record Noted(long seq, String hash) {}

  /**
   * Computes the whole chain anew.
   *
   * @param noted that has to be in it still, or null
   */
  Verdict verify(@Nullable Noted noted);
}

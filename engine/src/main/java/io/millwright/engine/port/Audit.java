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

  /**
   * Adds a row. Until this transaction ends nobody else adds one, so it comes last. The journal
   * gets a {@linkplain Journal#OF_AN_ACT line} that says only that there is one.
   */
  void append(Act act);

  /**
   * The last rows, newest first; all filters may be null.
   *
   * @param words each of which stands in what a list shows of a row, in whatever case
   */
  List<Row> list(
      @Nullable String project,
      @Nullable String who,
      @Nullable String result,
      List<String> words,
      int limit,
      @Nullable Long before);

  /**
   * What somebody noted of a row; who can rewrite the whole chain cannot rewrite that.
   *
   * @param hash in hex digits
   */
  record Noted(long seq, String hash) {}

  /**
   * What a part of the chain looks like, computed anew.
   *
   * @param rows how many are in it; fewer than were asked for if it is the last part
   * @param end of it, to go on from
   * @param altered the first row of it that is not as it was written, or null
   * @param head what the database has noted of the last row of all, or null if that is gone
   */
  record Part(long rows, Noted end, @Nullable Long altered, @Nullable Noted head) {}

  /**
   * Computes the next part of the chain.
   *
   * @param from end of the part before, or null for the beginning
   */
  Part part(@Nullable Noted from, int rows);

  /** Whether a row is there, and as it was noted. */
  boolean has(Noted noted);

  /** So many rows are computed by one statement: years of them would take longer than one may. */
  int PART = 100_000;

  /**
   * Computes the whole chain anew, each part in a reading of its own.
   *
   * @param noted that has to be in it still, or null
   */
  static Verdict verify(Store store, @Nullable Noted noted, int part) {
    long rows = 0;
    Long altered = null;
    Noted end = null;
    Part last;
    do {
      Noted from = end;
      last = store.read(tx -> tx.audit().part(from, part));
      rows += last.rows();
      altered = altered == null ? last.altered() : altered;
      end = last.end();
    } while (last.rows() == part);
    Noted head = last.head();
    if (altered == null && (head == null || head.seq() > end.seq())) {
      altered = end.seq() + 1; // cut off
    } else if (altered == null && head != null && !head.hash().equals(end.hash())) {
      altered = head.seq();
    }
    if (noted != null && !store.read(tx -> tx.audit().has(noted))) {
      altered = altered == null ? noted.seq() : Math.min(altered, noted.seq());
    }
    return new Verdict(
        rows, head == null ? 0 : head.seq(), head == null ? "" : head.hash(), altered);
  }
}

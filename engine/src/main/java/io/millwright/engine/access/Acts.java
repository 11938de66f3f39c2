package io.millwright.engine.access;

import io.millwright.engine.port.Audit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the present thread is doing for somebody.
 *
 * <p>The face says it once for each request; {@link Audited} writes it down in the transaction in
 * which it is done. So no operation has to think of the audit, and none can forget it.
 */
public final class Acts {
  private static final int LONGEST_NAME = 300;
  private static final ThreadLocal<@Nullable Acts> NOW = new ThreadLocal<>();

  private Caller caller;
  private final String origin;
  private final Verb verb;
  private final String call;
  private final String kind;
  private String project;
  private String name;
  private boolean recorded;
  private String result = "done";

  private Acts(
      Caller caller,
      String origin,
      Verb verb,
      String call,
      String kind,
      String project,
      String name) {
    this.caller = caller;
    this.origin = origin;
    this.verb = verb;
    this.call = call;
    this.kind = kind;
    this.project = project;
    this.name = name;
  }

  /** This thread begins to do this. */
  public static void begin(
      Caller caller,
      String origin,
      Verb verb,
      String call,
      String kind,
      String project,
      String name) {
    NOW.set(new Acts(caller, origin, verb, call, kind, project, name));
  }

  /** Says what it is about, where the path does not. */
  public static void about(String name) {
    Acts now = NOW.get();
    if (now != null) {
      now.name = name.substring(0, Math.min(LONGEST_NAME, name.length()));
    }
  }

  /**
   * As the other one.
   *
   * @param project where all of it is, or null if it is in several
   */
  public static void about(@Nullable String project, String name) {
    Acts now = NOW.get();
    if (now != null && project != null) {
      now.project = project;
    }
    about(name);
  }

  /** Says that it was not done, but waits for somebody's approval. */
  public static void held() {
    Acts now = NOW.get();
    if (now != null) {
      now.result = "held";
    }
  }

  /** Says who it is, where that was not known at the beginning. */
  static void by(Caller caller) {
    Acts now = NOW.get();
    if (now != null) {
      now.caller = caller;
    }
  }

  /** Does something that is no part of it, and so says nothing of what became of it. */
  public static <T> T aside(Supplier<T> work) {
    Acts now = NOW.get();
    NOW.remove();
    try {
      return work.get();
    } finally {
      if (now != null) {
        NOW.set(now);
      }
    }
  }

  /** What this thread is doing and has not written down yet. */
  static @Nullable Acts unrecorded() {
    Acts now = NOW.get();
    return now == null || now.recorded ? null : now;
  }

  void recorded() {
    recorded = true;
  }

  Audit.Act done() {
    return act(result, "");
  }

  private Audit.Act act(String result, String detail) {
    return new Audit.Act(
        caller.name(), caller.id(), origin, verb.word(), call, kind, project, name, result, detail);
  }

  /**
   * The thread has ended this.
   *
   * @param result what became of it, or null if it is not worth a row
   * @param detail why it was refused, or empty
   * @return what was not written down with a transaction and has to be now, or null
   */
  public static Audit.@Nullable Act end(@Nullable String result, String detail) {
    Acts now = unrecorded();
    NOW.remove();
    return now == null || result == null ? null : now.act(result, detail);
  }
}

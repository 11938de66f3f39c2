package io.millwright.model;

import java.util.ArrayList;
import java.util.List;

/** Collects what is wrong with an input, so that a user hears all of it at once. */
public final class Violations {
  /** Nobody reads more, and an input of some megabytes could have millions. */
  private static final int MOST = 100;

  private final String path;
  private final List<Violation> found;

  private Violations(String path, List<Violation> found) {
    this.path = path;
    this.found = found;
  }

  /** An empty collection whose paths start at {@code path}. */
  public static Violations at(String path) {
    return new Violations(path, new ArrayList<>());
  }

  /** The same collection, seen from a field of the present one. */
  public Violations field(String name) {
    return new Violations(path.isEmpty() ? name : path + "." + name, found);
  }

  /** The same collection, seen from an element of the present list. */
  public Violations index(int i) {
    return new Violations(path + "[" + i + "]", found);
  }

  /** Adds a violation; beyond a hundred no more are kept. */
  public void add(String message) {
    if (!full()) {
      found.add(new Violation(path, message));
    }
  }

  /** True once there are so many that looking for more is of no use. */
  public boolean full() {
    return found.size() >= MOST;
  }

  /** Adds {@code message} unless {@code ok}. */
  public void require(boolean ok, String message) {
    if (!ok) {
      add(message);
    }
  }

  public String path() {
    return path;
  }

  public List<Violation> list() {
    return List.copyOf(found);
  }

  /**
   * Ends the check.
   *
   * @throws ProblemException with all that was found, if anything was
   */
  public void raise() {
    if (!found.isEmpty()) {
      throw ProblemException.invalid(List.copyOf(found));
    }
  }
}

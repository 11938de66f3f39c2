package io.millwright.images;

import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.util.List;

/**
 * Turns an {@link InstallSpec} into what one way of installing reads.
 *
 * @param <T> its own form: a seed, an answer file
 */
public interface Renderer<T> {
  /** What this way of installing cannot do of what is wanted; empty if it can do all. */
  List<Refusal> check(InstallSpec spec);

  /**
   * The answer. Deterministic.
   *
   * @throws ProblemException if the spec is not right in itself, or is refused by {@link #check}
   */
  T render(InstallSpec spec);

  /**
   * Everything for which {@link #render} would not answer, by its field in the spec: what is wrong
   * in itself, else what is refused. It has no effect, and needs nobody but the caller.
   */
  default List<Violation> objections(InstallSpec spec) {
    Violations at = Violations.at("");
    spec.check(at);
    if (at.list().isEmpty()) {
      check(spec).forEach(r -> at.field(r.field()).add(r.reason()));
    }
    return at.list();
  }

  /**
   * What every {@link #render} begins with: some of the spec's words become parts of commands and
   * file names, so nothing is rendered whose words were not looked at.
   */
  default void demand(InstallSpec spec) {
    List<Violation> objections = objections(spec);
    if (!objections.isEmpty()) {
      throw ProblemException.invalid(objections);
    }
  }
}

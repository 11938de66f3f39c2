package io.millwright.engine.request;

import io.millwright.engine.port.Projects.Quota;
import io.millwright.engine.port.Projects.Usage;
import io.millwright.engine.port.Tx;
import io.millwright.model.ByteSize;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;

/** Holds projects to their quotas. */
public final class Limits {
  private Limits() {}

  /**
   * Refuses a transaction that has given a project more than it may have. It is asked at the end of
   * the work: from then until the commit nobody else gets more in that project, so that of many who
   * ask for the last place at once exactly one has it.
   *
   * @param grown projects that got more, in the order in which everybody locks them
   */
  public static void require(Tx tx, SortedSet<String> grown) {
    for (String project : grown) {
      Optional<Quota> quota = tx.projects().lock(project).filter(q -> !q.equals(Quota.NONE));
      if (quota.isPresent()) {
        List<Violation> over =
            over(quota.get(), tx.projects().usage(project)).stream()
                .map(v ->
                    new Violation(
                        v.field(),
                        "project "
                            + project
                            + " would have "
                            + v.message()
                            + "; delete something, or ask for a larger quota"))
                .toList();
        if (!over.isEmpty()) {
          throw new ProblemException(
              new Problem(
                  Problem.Type.QUOTA,
                  over.getFirst().message()
                      + (over.size() > 1 ? " (and " + (over.size() - 1) + " more)" : ""),
                  over));
        }
      }
    }
  }

  private static List<Violation> over(Quota quota, Usage used) {
    List<Violation> out = new ArrayList<>();
    count(out, "machines", quota.machines(), used.machines());
    count(out, "cores", quota.cores(), used.cores());
    size(out, "memory", quota.memory(), used.memory());
    size(out, "disk", quota.disk(), used.disk());
    count(out, "addresses", quota.addresses(), used.addresses());
    return out;
  }

  private static void count(List<Violation> out, String what, @Nullable Integer most, long used) {
    if (most != null && used > most) {
      out.add(new Violation("quota." + what, used + " " + what + ", and may have " + most));
    }
  }

  private static void size(
      List<Violation> out, String what, @Nullable ByteSize most, ByteSize used) {
    if (most != null && used.compareTo(most) > 0) {
      out.add(new Violation("quota." + what, used + " of " + what + ", and may have " + most));
    }
  }
}

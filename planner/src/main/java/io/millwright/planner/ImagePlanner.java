package io.millwright.planner;

import io.millwright.model.ImageBuild;
import io.millwright.model.ImageBuild.State;
import io.millwright.model.Schedule;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The builds of an image: which is used, which may go, and when there is to be another one.
 *
 * <p>At most one is checked and at most one is current. What is not current any more is former, and
 * what failed never was.
 */
public final class ImagePlanner {
  /** So many builds that failed can be read of. */
  public static final int FAILURES = 5;

  private ImagePlanner() {}

  /** When it is to be built anew, or nothing if never; the first time is not by schedule. */
  public static Optional<Instant> due(@Nullable Schedule schedule, List<ImageBuild> builds) {
    return schedule == null || builds.isEmpty()
        ? Optional.empty()
        : Optional.of(schedule.next(builds.getLast().begunAt()));
  }

  /** The number of the next build. */
  public static int next(List<ImageBuild> builds) {
    return builds.isEmpty() ? 1 : builds.getLast().number() + 1;
  }

  /** The build that this operation made. */
  public static Optional<ImageBuild> of(List<ImageBuild> builds, UUID operation) {
    return builds.stream().filter(b -> operation.equals(b.operation())).findFirst();
  }

  /** The build that machines are made from. */
  public static Optional<ImageBuild> current(List<ImageBuild> builds) {
    return builds.stream().filter(b -> b.state() == State.CURRENT).findFirst();
  }

  /**
   * With one more build. One whose check did not come to its end is not checked any more; and of
   * those that failed the oldest are forgotten.
   */
  public static List<ImageBuild> add(List<ImageBuild> builds, ImageBuild build) {
    List<ImageBuild> out = new ArrayList<>();
    for (ImageBuild each : builds) {
      out.add(
          each.state() == State.CHECKING || each.state() == State.INSTALLING
              ? each.failed("It was built anew before that.")
              : each);
    }
    out.add(build.state() == State.CURRENT ? build.withState(State.CHECKING) : build);
    return forget(build.state() == State.CURRENT ? promote(out, build.number()) : out);
  }

  private static List<ImageBuild> forget(List<ImageBuild> builds) {
    List<ImageBuild> failed =
        builds.stream().filter(b -> b.state() == State.FAILED && b.sha256() == null).toList();
    Set<ImageBuild> old = new HashSet<>(failed.subList(0, Math.max(0, failed.size() - FAILURES)));
    return builds.stream().filter(b -> !old.contains(b)).toList();
  }

  /** With this in the place of the build of its number. */
  public static List<ImageBuild> put(List<ImageBuild> builds, ImageBuild build) {
    return builds.stream().map(b -> b.number() == build.number() ? build : b).toList();
  }

  /** Machines are made from this one from now on. */
  public static List<ImageBuild> promote(List<ImageBuild> builds, int number) {
    ImageBuild next = builds.stream().filter(b -> b.number() == number).findFirst().orElseThrow();
    return builds.stream()
        // One file is one build, and that is the newest which came out the same.
        .filter(b -> b.number() == number || !String.valueOf(next.sha256()).equals(b.sha256()))
        .map(b ->
            b.number() == number
                ? b.withState(State.CURRENT)
                : b.state() == State.CURRENT ? b.withState(State.FORMER) : b)
        .toList();
  }

  /**
   * Builds whose file may go, if nothing needs it: those that failed, and former ones beyond the
   * newest {@code keep}.
   */
  public static List<ImageBuild> prunable(List<ImageBuild> builds, int keep) {
    List<ImageBuild> former =
        builds.stream().filter(b -> b.state() == State.FORMER && b.sha256() != null).toList();
    Set<ImageBuild> kept =
        new HashSet<>(former.subList(Math.max(0, former.size() - keep), former.size()));
    Set<String> needed = new HashSet<>();
    for (ImageBuild b : builds) {
      if (b.sha256() != null
          && (kept.contains(b) || b.state() == State.CURRENT || b.state() == State.CHECKING)) {
        needed.add(b.sha256());
      }
    }
    return builds.stream().filter(b -> b.sha256() != null && !needed.contains(b.sha256())).toList();
  }

  /** The file of this checksum is gone: what was used is forgotten, what failed can be read of. */
  public static List<ImageBuild> pruned(List<ImageBuild> builds, String sha256) {
    return forget(
        builds.stream()
            .filter(b -> !(sha256.equals(b.sha256()) && b.state() == State.FORMER))
            .map(b -> sha256.equals(b.sha256()) ? b.pruned() : b)
            .toList());
  }
}

package io.millwright.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ImageBuild;
import io.millwright.model.ImageBuild.State;
import io.millwright.model.Schedule;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** What holds of an image's builds, however they came about. */
class ImagePlannerPropertyTest {
  private static final Instant NOW = Instant.parse("2026-11-28T12:00:00Z");

  /** What happens to an image: it is built with some outcome, or a file is removed. */
  private sealed interface Event {
    record Built(int file, Outcome outcome) implements Event {}

    record Pruned(int which) implements Event {}
  }

  private enum Outcome {
    UNCHECKED,
    PASSED,
    REFUSED,
    INTERRUPTED,
    FAILED
  }

  @Provide
  Arbitrary<List<Event>> histories() {
    Arbitrary<Event> built =
        Combinators.combine(Arbitraries.integers().between(0, 5), Arbitraries.of(Outcome.class))
            .as(Event.Built::new);
    Arbitrary<Event> pruned = Arbitraries.integers().between(0, 5).map(Event.Pruned::new);
    return Arbitraries.frequencyOf(
            net.jqwik.api.Tuple.of(3, built), net.jqwik.api.Tuple.of(1, pruned))
        .list()
        .ofMaxSize(40);
  }

  private static List<ImageBuild> after(List<Event> history, int keep) {
    List<ImageBuild> builds = List.of();
    for (Event event : history) {
      switch (event) {
        case Event.Built b -> builds = built(builds, b);
        case Event.Pruned p -> {
          List<ImageBuild> may = ImagePlanner.prunable(builds, keep);
          if (!may.isEmpty()) {
            String sha256 = may.get(p.which() % may.size()).sha256();
            builds = ImagePlanner.pruned(builds, String.valueOf(sha256));
          }
        }
      }
    }
    return builds;
  }

  private static List<ImageBuild> built(List<ImageBuild> before, Event.Built event) {
    int number = ImagePlanner.next(before);
    boolean none = event.outcome() == Outcome.FAILED;
    ImageBuild build =
        new ImageBuild(
            number,
            new UUID(0, number),
            NOW,
            none
                ? State.FAILED
                : event.outcome() == Outcome.UNCHECKED ? State.CURRENT : State.CHECKING,
            none ? null : "sha" + event.file(),
            null,
            null,
            null,
            null);
    List<ImageBuild> added = ImagePlanner.add(before, build);
    return switch (event.outcome()) {
      case UNCHECKED, INTERRUPTED, FAILED -> added;
      case PASSED -> ImagePlanner.promote(added, number);
      case REFUSED -> ImagePlanner.put(added, build.failed("why"));
    };
  }

  @Property
  void atMostOneIsCurrentAndItIsTheLastThatPassed(
      @ForAll("histories") List<Event> history, @ForAll @IntRange(max = 5) int keep) {
    List<ImageBuild> builds = after(history, keep);
    assertThat(builds.stream().filter(b -> b.state() == State.CURRENT).count())
        .isLessThanOrEqualTo(1);
    assertThat(builds.stream().filter(b -> b.state() == State.CHECKING).count())
        .isLessThanOrEqualTo(1);
    List<Event.Built> passed =
        history.stream()
            .filter(e -> e instanceof Event.Built)
            .map(e -> (Event.Built) e)
            .filter(b -> b.outcome() == Outcome.PASSED || b.outcome() == Outcome.UNCHECKED)
            .toList();
    assertThat(ImagePlanner.current(builds).map(ImageBuild::sha256))
        .isEqualTo(
            passed.isEmpty()
                ? java.util.Optional.empty()
                : java.util.Optional.of("sha" + passed.getLast().file()));
  }

  @Property
  void whatIsUsedOrKeptIsNeverPruned(
      @ForAll("histories") List<Event> history, @ForAll @IntRange(max = 5) int keep) {
    List<ImageBuild> builds = after(history, keep);
    Set<String> may = new HashSet<>();
    ImagePlanner.prunable(builds, keep).forEach(b -> may.add(String.valueOf(b.sha256())));
    long left =
        builds.stream()
            .filter(b -> b.state() == State.FORMER && !may.contains(String.valueOf(b.sha256())))
            .count();
    long former = builds.stream().filter(b -> b.state() == State.FORMER).count();
    assertThat(left).isGreaterThanOrEqualTo(Math.min(keep, former));
    builds.stream()
        .filter(b -> b.state() == State.CURRENT || b.state() == State.CHECKING)
        .forEach(b -> assertThat(may).doesNotContain(String.valueOf(b.sha256())));
  }

  @Property
  void numbersGrowAndWhatFailedIsForgottenInTheEnd(
      @ForAll("histories") List<Event> history, @ForAll @IntRange(max = 5) int keep) {
    List<ImageBuild> builds = after(history, keep);
    assertThat(builds.stream().map(ImageBuild::number).toList()).isSorted().doesNotHaveDuplicates();
    assertThat(builds.stream().filter(b -> b.state() == State.FAILED && b.sha256() == null).count())
        .isLessThanOrEqualTo(ImagePlanner.FAILURES);
  }

  @Example
  void itIsDueByIntervalOrByCrontab() {
    List<ImageBuild> builds =
        built(List.of(), new Event.Built(1, Outcome.FAILED)); // a failure counts as an attempt
    assertThat(ImagePlanner.due(Schedule.parse("7d"), builds))
        .contains(NOW.plus(Duration.ofDays(7)));
    assertThat(ImagePlanner.due(Schedule.parse("30 3 * * SUN"), builds))
        .contains(Instant.parse("2026-11-29T03:30:00Z"));
    assertThat(ImagePlanner.due(null, builds)).isEmpty();
    assertThat(ImagePlanner.due(Schedule.parse("7d"), List.of())).isEmpty();
  }
}

package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * As many seeds as {@code -Dseeds} says, from {@code -Dseed} on; {@code ./millwright test --seeds
 * N} does that and writes the figures into {@code docs/reliability.md}.
 */
@Tag("slow")
class SimulationTest {
  private static final int STEPS = 250;

  @Test
  void whateverTheSeedNothingIsLostAndEverythingEnds() throws Exception {
    int seeds = Integer.getInteger("seeds", 8);
    long from = Long.getLong("seed", 1);
    Simulation.Figures figures = new Simulation.Figures();
    List<String> failed = Collections.synchronizedList(new ArrayList<>());
    long begun = System.nanoTime();
    // Each in a world of its own. One waits for the database half of its time.
    try (ExecutorService lives =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      List<Future<?>> played = new ArrayList<>();
      for (long seed = from; seed < from + seeds; seed++) {
        long life = seed;
        played.add(lives.submit(() -> play(life, figures).ifPresent(failed::add)));
      }
      for (int n = 1; n <= seeds; n++) {
        played.get(n - 1).get();
        if (n % 25 == 0) {
          System.out.println(n + " of " + seeds + " lives are played");
        }
      }
    }
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
    String report = report(seeds, from, failed.size(), seconds, figures);
    System.out.println(report);
    if (Boolean.getBoolean("docs.update")) {
      Path page = Path.of("../docs/reliability.md");
      String text = Files.readString(page);
      String start = "<!-- figures: begin -->\n";
      String end = "<!-- figures: end -->";
      Files.writeString(
          page,
          text.substring(0, text.indexOf(start) + start.length())
              + "\n"
              + report
              + "\n"
              + text.substring(text.indexOf(end)));
    }
    assertThat(failed).as(String.join("\n", failed)).isEmpty();
  }

  /** What went wrong in a life, told as soon as it is known. */
  private static Optional<String> play(long seed, Simulation.Figures figures) {
    try (Simulation simulation = new Simulation(seed, figures)) {
      simulation.run(STEPS);
      return Optional.empty();
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** By that a life that failed can be looked into. */
  @Test
  void aLifeIsTheSameWhenItIsPlayedAgain() {
    long seed = Long.getLong("seed", 1);
    assertThat(told(seed)).isEqualTo(told(seed));
  }

  private static List<String> told(long seed) {
    try (Simulation simulation = new Simulation(seed, new Simulation.Figures())) {
      simulation.run(STEPS);
      return simulation.story();
    }
  }

  private static String report(
      int seeds, long from, int failed, long seconds, Simulation.Figures figures) {
    String rows =
        figures.counts.entrySet().stream()
            .map(e -> "| " + e.getKey() + " | " + e.getValue() + " |\n")
            .collect(Collectors.joining());
    return ("Seeds %d to %d, %d of them failed, %d s at a load of %.1f on %d processors:"
                + " %.0f steps a second, with all that is checked after each.%s\n\n")
            .formatted(
                from,
                from + seeds - 1,
                failed,
                seconds,
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
                Runtime.getRuntime().availableProcessors(),
                (double) figures.counts.get("steps") / seconds,
                failed > 0
                    ? ""
                    : " No data volume was lost or formatted twice, no name, MAC or address was of"
                        + " two; in the end nothing was orphaned, and every operation had ended.")
        + "| What happened | Times |\n|---|---|\n"
        + rows;
  }
}

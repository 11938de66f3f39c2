package io.millwright.bench;

import io.millwright.driver.testkit.Fault;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.model.Kind;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A hypervisor that accepts calls and answers none, for minutes: what that costs machines of the
 * others, and how soon everything is as declared once it answers again. While it is silent, on it
 * are wanted: ten machines more, ten with another Size, and ten no longer.
 *
 * <p>The floor is the same world while all answer, in turns with it.
 */
public final class Silent {
  private static final String MACHINE =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: %s}
      spec: {image: img, size: %s, hypervisor: sim-%d, profiles: [me], nics: [{network: net}]}
      ---
      """;
  private static final String LARGE =
      """
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: large}
      spec: {cores: 2, memory: 512MiB, disk: 2GiB}
      """;
  private static final int HYPERVISORS = 20;
  private static final int SHARE = 10;
  private static final int WARM_UP = 300;

  private final World world;
  private final SimulatedHypervisor silent = SimulatedHypervisor.world("bench-0");
  private int made;

  private Silent(World world) {
    this.world = world;
  }

  /** {@code DIRECTORY SECONDS}. */
  public static void main(String[] arguments) throws Exception {
    try (World world = new World(Path.of(arguments[0]), HYPERVISORS)) {
      new Silent(world).run(Integer.parseInt(arguments[1]));
    }
  }

  private void run(int seconds) throws InterruptedException, SQLException {
    world.base();
    world.apply(LARGE);
    world.apply(several("stays", "small") + several("grows", "small") + several("goes", "small"));
    world.settle();
    for (int i = 0; i < WARM_UP; i++) {
      machine(); // Java compiles while it runs
    }
    List<Double> before = machines(seconds / 10);
    Map<Verb, Long> calls = calls();
    Fault.Hang hang = Fault.hang();
    silent.faults().always(call -> true, hang);
    world.apply(several("more", "small") + several("grows", "large"));
    for (int i = 0; i < SHARE; i++) {
      world.engine.delete().delete(World.CALLER, Kind.MACHINE, "default", "goes-" + i, null);
    }
    List<Double> during = machines(seconds);
    Map<Verb, Long> asked = calls();
    asked.replaceAll((verb, n) -> n - calls.getOrDefault(verb, 0L));
    asked.values().removeIf(n -> n == 0);
    int kept = silent.size();
    long begun = System.nanoTime();
    silent.faults().clear();
    hang.release();
    world.settle();
    double converged = (System.nanoTime() - begun) / 1e9;
    List<Double> after = machines(seconds / 10);
    before.addAll(after);
    print("a machine of another one, all answer", before);
    print("the same, one of %d silent for %d s".formatted(HYPERVISORS, seconds), during);
    System.out.printf(
        Locale.ROOT,
        "ratio of the medians %.2f; the silent one was asked for %s, had %d machines of %d at its"
            + " end, and %d of %d when all was as declared, after %.1f s%n",
        median(during) / median(before),
        asked,
        kept,
        3 * SHARE,
        silent.size(),
        3 * SHARE,
        converged);
  }

  private static String several(String name, String size) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < SHARE; i++) {
      text.append(MACHINE.formatted(name + "-" + i, size, 0));
    }
    return text.toString();
  }

  private Map<Verb, Long> calls() {
    Map<Verb, Long> out = new EnumMap<>(Verb.class);
    for (Verb verb : Verb.values()) {
      out.put(verb, silent.faults().calls(verb));
    }
    return out;
  }

  /** One after the other, for so long. */
  private List<Double> machines(int seconds) throws InterruptedException, SQLException {
    List<Double> out = new ArrayList<>();
    long until = System.nanoTime() + seconds * 1_000_000_000L;
    while (System.nanoTime() < until) {
      out.add(machine());
    }
    return out;
  }

  /** One is made and deleted; milliseconds until it was there. */
  private double machine() throws InterruptedException, SQLException {
    String name = "m" + made;
    long begun = System.nanoTime();
    world.apply(MACHINE.formatted(name, "small", 1 + made++ % (HYPERVISORS - 1)));
    ended(name);
    double took = (System.nanoTime() - begun) / 1e6;
    world.engine.delete().delete(World.CALLER, Kind.MACHINE, "default", name, null);
    ended(name);
    return took;
  }

  private void ended(String name) throws InterruptedException, SQLException {
    while (world.number(
            "SELECT count(*) FROM operation WHERE name = '" + name + "' AND ended_at IS NULL")
        > 0) {
      Thread.sleep(2);
    }
  }

  private static double median(List<Double> of) {
    return of.stream().sorted().toList().get(of.size() / 2);
  }

  private static void print(String what, List<Double> millis) {
    List<Double> sorted = millis.stream().sorted().toList();
    System.out.printf(
        Locale.ROOT,
        "%s: median %.1f ms, 99 of 100 within %.1f ms (%d)%n",
        what,
        median(sorted),
        sorted.get(sorted.size() * 99 / 100),
        sorted.size());
  }
}

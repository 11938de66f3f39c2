package io.millwright.bench;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How long a claim of a machine that waits in a pool takes, alone and among many, and how long the
 * pool takes to be full again. On simulated hypervisors; a real machine that waits is up already,
 * so that the claim is all that there is between asking and logging in.
 *
 * <p>The floor is a transaction of one SELECT with a lock and two UPDATEs by plain JDBC.
 */
public final class Claim {
  private static final String POOL =
      """
      apiVersion: millwright/v1
      kind: Pool
      metadata: {name: ci}
      spec:
        ready: %d
        machine: {image: img, size: small, profiles: [me], nics: [{network: net}]}
      """;

  private Claim() {}

  /** {@code DIRECTORY READY CLAIMS}. */
  public static void main(String[] arguments) throws Exception {
    int ready = Integer.parseInt(arguments[1]);
    int claims = Integer.parseInt(arguments[2]);
    try (World world = new World(Path.of(arguments[0]), 20)) {
      world.base();
      world.apply(POOL.formatted(ready));
      full(world, ready);
      for (int i = 0; i < 100; i++) {
        claim(world); // Java compiles while it runs
        full(world, 1);
      }
      full(world, ready);
      List<Double> alone = new ArrayList<>();
      for (int i = 0; i < claims; i++) {
        full(world, ready);
        alone.add(timed(() -> claim(world)));
      }
      print("alone, in a full pool of " + ready, alone);
      full(world, ready);
      List<Double> together = Collections.synchronizedList(new ArrayList<>());
      long begun = System.nanoTime();
      try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < ready; i++) {
          all.add(many.submit(() -> together.add(timed(() -> claim(world)))));
        }
        for (Future<Boolean> each : all) {
          each.get();
        }
      }
      print(ready + " at once", together);
      full(world, ready);
      System.out.printf(
          Locale.ROOT, "full again after %.2f s%n", (System.nanoTime() - begun) / 1e9);
      print("floor", floor(world, claims));
    }
  }

  private static String claim(World world) {
    return world
        .store
        .inTransaction(
            tx -> world.engine.pools().claim(tx, World.CALLER, "default", "ci", null, null))
        .name();
  }

  private static double timed(Callable<?> work) throws Exception {
    long begun = System.nanoTime();
    work.call();
    return (System.nanoTime() - begun) / 1e6;
  }

  /** Waits until so many can be claimed and nothing is going on. */
  private static void full(World world, int ready) throws InterruptedException, SQLException {
    while (world.number(
            "SELECT count(*) FROM member m JOIN resource r USING (uid) WHERE r.status ->"
                + " 'conditions' @> '[{\"type\": \"Ready\", \"value\": \"true\"}]'")
        < ready) {
      Thread.sleep(2);
    }
    world.settle();
  }

  private static List<Double> floor(World world, int count) throws Exception {
    world.execute("CREATE TABLE floor (id int PRIMARY KEY, taken boolean, body jsonb)");
    world.execute(
        "INSERT INTO floor SELECT i, false, '{}' FROM generate_series(1, " + count + ") i");
    List<Double> out = new ArrayList<>();
    try (Connection connection = world.connect();
        PreparedStatement take =
            connection.prepareStatement(
                "SELECT id FROM floor WHERE NOT taken ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED");
        PreparedStatement mark =
            connection.prepareStatement("UPDATE floor SET taken = true WHERE id = ?");
        PreparedStatement tell =
            connection.prepareStatement(
                "UPDATE floor SET body = '{\"to\": \"me\"}' WHERE id = ?")) {
      connection.setAutoCommit(false);
      for (int i = 0; i < count; i++) {
        out.add(
            timed(() -> {
              try (ResultSet row = take.executeQuery()) {
                row.next();
                mark.setInt(1, row.getInt(1));
                tell.setInt(1, row.getInt(1));
              }
              mark.executeUpdate();
              tell.executeUpdate();
              connection.commit();
              return null;
            }));
      }
    }
    return out;
  }

  private static void print(String what, List<Double> millis) {
    List<Double> sorted = millis.stream().sorted().toList();
    System.out.printf(
        Locale.ROOT,
        "%s: median %.2f ms, 99 of 100 within %.2f ms, longest %.2f ms (%d)%n",
        what,
        sorted.get(sorted.size() / 2),
        sorted.get(Math.min(sorted.size() - 1, sorted.size() * 99 / 100)),
        sorted.getLast(),
        sorted.size());
  }
}

package io.millwright.bench;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.IntConsumer;

/**
 * Many machines on simulated hypervisors: how many are made and deleted in a second, what they cost
 * the database, and whether the last ones cost more than the first.
 *
 * <p>The floor is what PostgreSQL alone can do on this machine in the same minute: for each machine
 * as many transactions as ours made, each with one INSERT and one UPDATE, by plain JDBC on as many
 * connections.
 */
public final class Simulated {
  private static final int CONNECTIONS = 12;

  /** Of a server that has just started, and then of one that Java has compiled by and by. */
  private static final int FIRST = 500;

  private static final int WARM_UP = 3000;

  private Simulated() {}

  /** {@code DIRECTORY N [HYPERVISORS [sql]]}; {@code sql} lists the statements, too. */
  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[1]);
    int hypervisors = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 20;
    boolean sql = arguments.length > 3 && arguments[3].equals("sql");
    try (World world = new World(Path.of(arguments[0]), hypervisors)) {
      world.base();
      // Java compiles while it runs; what that costs is told here, and is not in what follows.
      long begun = System.nanoTime();
      world.stream(FIRST, world::declare, tenth -> {});
      double created = (System.nanoTime() - begun) / 1e9;
      begun = System.nanoTime();
      world.stream(FIRST, world::delete, tenth -> {});
      System.out.printf(
          "the first %d of a server that has just started: %.0f machines/s created, %.0f deleted%n",
          FIRST, FIRST / created, FIRST / ((System.nanoTime() - begun) / 1e9));
      world.stream(WARM_UP, world::declare, tenth -> {});
      world.stream(WARM_UP, world::delete, tenth -> {});
      System.out.printf("%d machines on %d simulated hypervisors%n", count, hypervisors);
      Phase made = measure(world, "created", count, world::declare, sql);
      long ready =
          world.number(
              "SELECT count(*) FROM resource WHERE kind = 'MACHINE' AND status -> 'conditions' @>"
                  + " '[{\"type\": \"Ready\", \"value\": \"true\"}]'");
      if (ready != count) {
        throw new IllegalStateException("only " + ready + " of them are ready");
      }
      made.print(floor(world, count, made.transactions()));
      Phase gone = measure(world, "deleted", count, world::delete, sql);
      if (world.number("SELECT count(*) FROM resource WHERE kind = 'MACHINE'") != 0) {
        throw new IllegalStateException("some of them are still there");
      }
      gone.print(floor(world, count, gone.transactions()));
    }
  }

  /** What was measured of one way. */
  private record Phase(
      String what,
      int count,
      double seconds,
      Cpu cpu,
      Wire.Count wire,
      double transactions,
      double firstTenth,
      double lastTenth,
      Cpu firstCpu,
      Cpu lastCpu) {

    void print(Floor floor) {
      System.out.printf(
          "%s: %.0f machines/s; floor of %.1f transactions each: %.0f machines/s, %.2f ms of CPU in"
              + " PostgreSQL; ratio %.2f%n",
          what,
          count / seconds,
          transactions,
          count / floor.seconds(),
          1000 * floor.cpu().postgres() / count,
          seconds / floor.seconds());
      System.out.printf(
          "  each: %.1f statements, %.1f round trips, %.1f transactions; CPU %.2f ms Java + %.2f ms"
              + " PostgreSQL, so two cores can do %.0f machines/s%n",
          (double) wire.statements() / count,
          (double) wire.roundTrips() / count,
          transactions,
          1000 * cpu.java() / count,
          1000 * cpu.postgres() / count,
          2 * count / cpu.sum());
      double tenth = count / 10.0;
      System.out.printf(
          "  second tenth %.2f ms and %.2f ms of CPU each, last tenth %.2f ms and %.2f ms: growth"
              + " of CPU %.2f (Java %.2f, PostgreSQL %.2f)%n",
          1000 * firstTenth / tenth,
          1000 * firstCpu.sum() / tenth,
          1000 * lastTenth / tenth,
          1000 * lastCpu.sum() / tenth,
          lastCpu.sum() / firstCpu.sum(),
          lastCpu.java() / firstCpu.java(),
          lastCpu.postgres() / firstCpu.postgres());
    }
  }

  private static Phase measure(World world, String what, int count, IntConsumer each, boolean sql)
      throws InterruptedException, SQLException {
    List<Long> times = new ArrayList<>();
    List<Cpu> cpus = new ArrayList<>();
    Runnable mark =
        () -> {
          times.add(System.nanoTime());
          cpus.add(world.cpu());
        };
    Wire.forget();
    Wire.Count wire = Wire.count();
    long commits = commits(world);
    mark.run();
    world.stream(count, each, tenth -> mark.run());
    wire = Wire.count().since(wire);
    if (sql) {
      Wire.texts(count).stream().limit(40).forEach(System.out::println);
    }
    // The very first ones have less company than all others, so the second tenth is the first.
    return new Phase(
        what,
        count,
        (times.getLast() - times.getFirst()) / 1e9,
        cpus.getLast().since(cpus.getFirst()),
        wire,
        (double) (commits(world) - commits) / count,
        (times.get(2) - times.get(1)) / 1e9,
        (times.get(10) - times.get(9)) / 1e9,
        cpus.get(2).since(cpus.get(1)),
        cpus.get(10).since(cpus.get(9)));
  }

  /** Backends tell their numbers when they are idle for a second. */
  private static long commits(World world) throws InterruptedException, SQLException {
    Thread.sleep(1200);
    return world.number(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");
  }

  private record Floor(double seconds, Cpu cpu) {}

  private static Floor floor(World world, int count, double transactions)
      throws InterruptedException, SQLException {
    world.execute("DROP TABLE IF EXISTS floor");
    world.execute("CREATE TABLE floor (id uuid PRIMARY KEY, state text, body jsonb)");
    long total = Math.round(count * transactions);
    List<Thread> threads = new ArrayList<>();
    List<Exception> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    Cpu before = world.cpu();
    long begun = System.nanoTime();
    for (int i = 0; i < CONNECTIONS; i++) {
      long share = total / CONNECTIONS;
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  plain(world, share);
                } catch (SQLException e) {
                  failures.add(e);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    double seconds = (System.nanoTime() - begun) / 1e9;
    if (!failures.isEmpty()) {
      throw new IllegalStateException(failures.getFirst());
    }
    Thread.sleep(200); // until the last connection has ended, and its CPU is counted
    Cpu cpu = world.cpu().since(before);
    world.execute("DROP TABLE floor");
    return new Floor(seconds, cpu);
  }

  private static void plain(World world, long transactions) throws SQLException {
    String body = "{\"spec\": \"" + "x".repeat(800) + "\"}";
    try (Connection connection = world.connect();
        PreparedStatement insert =
            connection.prepareStatement(
                "INSERT INTO floor (id, state, body) VALUES (?, 'new', CAST(? AS jsonb))");
        PreparedStatement update =
            connection.prepareStatement("UPDATE floor SET state = 'done' WHERE id = ?")) {
      connection.setAutoCommit(false);
      for (long n = 0; n < transactions; n++) {
        UUID id = UUID.randomUUID();
        insert.setObject(1, id);
        insert.setString(2, body);
        insert.executeUpdate();
        update.setObject(1, id);
        update.executeUpdate();
        connection.commit();
      }
    }
  }
}

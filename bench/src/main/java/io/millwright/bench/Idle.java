package io.millwright.bench;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Locale;

/**
 * What many machines cost while nothing happens to them: CPU, and writes to the database. The floor
 * is the same process with the same hypervisors and no machine.
 *
 * <p>With {@code SECONDS} 0 it only makes the machines, for a server that is started on them.
 */
public final class Idle {
  private Idle() {}

  /** {@code DIRECTORY N SECONDS}. */
  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[1]);
    int seconds = Integer.parseInt(arguments[2]);
    try (World world = new World(Path.of(arguments[0]), 20)) {
      world.base();
      if (seconds > 0) {
        measure(world, "no machines", seconds);
      }
      world.stream(count, world::declare, tenth -> {});
      if (seconds > 0) {
        // After the last nudges, and after PostgreSQL has tidied up behind them.
        Thread.sleep(70_000);
        measure(world, count + " machines", seconds);
      }
    }
  }

  private record State(Cpu cpu, long written, long commits, long wal) {
    static State of(World world) throws InterruptedException, SQLException {
      Thread.sleep(1200); // backends tell their numbers when they are idle for a second
      return new State(
          world.cpu(),
          world.number(
              "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database"
                  + " WHERE datname = current_database()"),
          world.number(
              "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"),
          world.number("SELECT pg_current_wal_lsn() - '0/0'"));
    }
  }

  private static void measure(World world, String what, int seconds)
      throws InterruptedException, SQLException {
    State before = State.of(world);
    long begun = System.nanoTime();
    Thread.sleep(seconds * 1000L);
    State after = State.of(world);
    double minutes = (System.nanoTime() - begun) / 60e9;
    Cpu cpu = after.cpu().since(before.cpu());
    System.out.printf(
        Locale.ROOT,
        "%s: CPU %.2f s Java + %.2f s PostgreSQL a minute; %.0f rows written, %.0f transactions,"
            + " %.0f KiB of log a minute%n",
        what,
        cpu.java() / minutes,
        cpu.postgres() / minutes,
        (after.written() - before.written()) / minutes,
        (after.commits() - before.commits()) / minutes,
        (after.wal() - before.wal()) / 1024.0 / minutes);
  }
}

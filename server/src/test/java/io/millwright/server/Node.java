package io.millwright.server;

import io.millwright.engine.Engine;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.store.Database;
import io.millwright.store.SqlStore;
import io.millwright.store.WorkLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;

/**
 * One server of a {@link World}, without its doors: its engine, and its own wire to the database.
 */
final class Node implements AutoCloseable {
  private static final Cidr NETWORK = Cidr.parse("10.77.0.0/16");

  final String name;
  final Wire wire;
  final Database database;
  final Store store;
  final Engine engine;
  private final WorkLoop loop;

  Node(
      String name,
      Wire wire,
      Database.Settings settings,
      SecretBox secrets,
      Path images,
      World.Pace pace,
      List<URI> doors,
      InstantSource clock) {
    this.name = name;
    this.wire = wire;
    this.database = Database.open(settings);
    SqlStore sql = database.store();
    this.store = sql;
    try {
      this.engine =
          new Engine(
              store,
              Drivers.load(),
              secrets,
              new ImageFiles(
                  images,
                  ImageFiles.Limits.USUAL.reaching(new Reach(List.of(Cidr.parse("127.0.0.0/8"))))),
              clock,
              new Engine.Settings(
                  doors,
                  pace.round(),
                  new SourcePlaces(List.of("file:///"), Reach.OUTSIDE),
                  Thread::startVirtualThread,
                  Node::standIn,
                  System::nanoTime));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.loop =
        new WorkLoop(
            database,
            engine.reconcilers(),
            new WorkLoop.Settings(name, 50, pace.heartbeat(), pace.poll()));
    sql.afterNudge(loop::wake);
    loop.start();
  }

  /** Simulated machines have no network: of those in 10.77.0.0/16, loopback answers. */
  private static Ip standIn(Ip machine) {
    return NETWORK.contains(machine)
        ? Ip.parse(machine.toString().replaceFirst("10", "127"))
        : machine;
  }

  /** From here on nothing that this node does reaches the database, as after a {@code kill -9}. */
  void kill() {
    wire.cut();
  }

  /** Ends the threads of a node that was killed; there is nothing left that they could do. */
  void bury() {
    wire.cut();
    // First the pool, or else every thread waits for a connection that it cannot get.
    database.close();
    loop.close();
    engine.close();
  }

  /** Stops in good order. */
  @Override
  public void close() {
    loop.close();
    engine.close();
    database.close();
    wire.close();
  }
}

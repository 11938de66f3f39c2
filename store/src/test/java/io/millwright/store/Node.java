package io.millwright.store;

import io.millwright.engine.port.Operations;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/**
 * A node in a process of its own. It takes up the operation of whatever it looks at, says so, and
 * stops in the middle of a transaction that has locked the resource until it gets a line of input;
 * then it tries to go on.
 */
final class Node {
  private Node() {}

  public static void main(String[] args) throws Exception {
    Database database =
        Database.open(
            new Database.Settings(
                args[0], System.getenv("DATABASE_USER"), System.getenv("DATABASE_PASSWORD"), 4));
    CountDownLatch input = new CountDownLatch(1);
    WorkLoop loop =
        new WorkLoop(
            database,
            uid -> {
              look(database.store(), uid, input);
              return Optional.of(Duration.ofHours(1));
            },
            WorkLoop.Settings.of("node"));
    loop.start();
    String line = new String(System.in.readNBytes(1), StandardCharsets.UTF_8);
    input.countDown();
    if (System.in.read() < 0 || line.isEmpty()) {
      loop.close();
      database.close();
    }
  }

  private static void look(SqlStore store, UUID uid, CountDownLatch input) {
    Operation active = store.read(tx -> tx.operations().active(uid)).orElseThrow();
    Operation mine =
        store.inTransaction(tx -> tx.operations().claim(active.target().uid())).orElseThrow();
    try {
      store.write(tx -> {
        if (tx.resources().lock(uid).isPresent()) {
          say("locked");
        }
        try {
          input.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
        tx.resources().place(uid, null);
      });
      say("committed");
    } catch (RuntimeException e) {
      say("refused: " + e.getMessage());
    }
    boolean mineStill =
        store.inTransaction(tx ->
            tx.operations()
                    .progress(mine.uid(), mine.epoch(), new State.Failed("Node", "x"), List.of())
                != Operations.Hold.LOST);
    say(mineStill ? "wrote" : "void");
  }

  private static synchronized void say(String line) {
    try {
      System.out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      System.out.flush();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}

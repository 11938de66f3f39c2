package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.Target;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Resource;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A node that is killed or frozen at the worst moment, and the other one. */
@Tag("slow")
@NullUnmarked
class TwoNodesTest extends DatabaseTest {
  private static final Duration LIMIT = Duration.ofSeconds(15);

  @Test
  void theWorkOfAKilledNodeGoesOn() throws Exception {
    try (Other other = new Other("killed")) {
      long since = System.nanoTime();
      other.process.destroyForcibly().waitFor();
      takeOver(other, since);
    }
  }

  @Test
  void theWorkOfAFrozenNodeGoesOnAndThawedItDoesNoHarm() throws Exception {
    try (Other other = new Other("frozen")) {
      long since = System.nanoTime();
      other.signal("STOP");
      takeOver(other, since);
      other.signal("CONT");
      other.process.getOutputStream().write("go on\n".getBytes());
      other.process.getOutputStream().flush();
      assertThat(other.says())
          .isEqualTo("refused: the database is not reachable, try again in a few seconds");
      assertThat(other.says()).isEqualTo("void");
    }
    Operation done = operation("frozen");
    assertThat(done.state()).isInstanceOf(State.Succeeded.class);
  }

  private Operation operation(String name) {
    return store.read(tx -> {
      Resource<?, ?> r = tx.resources().find(Kind.MACHINE, "p", name).orElseThrow();
      return tx.operations().latest(r.uid()).orElseThrow();
    });
  }

  /** As this node does it, with the usual settings. */
  private void takeOver(Other other, long since) throws Exception {
    AtomicLong done = new AtomicLong();
    try (WorkLoop loop =
        new WorkLoop(
            database,
            uid -> {
              Operation active = store.read(tx -> tx.operations().active(uid)).orElseThrow();
              Operation mine =
                  store
                      .inTransaction(tx -> tx.operations().claim(active.target().uid()))
                      .orElseThrow();
              store.write(tx -> {
                assertThat(tx.resources().lock(uid).isPresent()).isTrue();
                tx.operations()
                    .progress(mine.uid(), mine.epoch(), new State.Succeeded(), List.of());
              });
              done.set(System.nanoTime());
              return Optional.empty();
            },
            WorkLoop.Settings.of("test"))) {
      loop.start();
      eventually(Duration.ofSeconds(30), () -> done.get() != 0);
      Duration took = Duration.ofNanos(done.get() - since);
      assertThat(took).isLessThan(LIMIT);
    }
  }

  /** The other node, in the middle of a transaction. */
  private final class Other implements AutoCloseable {
    private final String name;
    private final Process process;
    private final BufferedReader output;

    Other(String name) throws Exception {
      this.name = name;
      Resource<?, ?> r = add(machine("p", name));
      store.write(tx -> {
        tx.operations()
            .insert(
                new Operation(
                    uid(),
                    "p",
                    Verb.CREATE,
                    new Target(Kind.MACHINE, r.uid(), name),
                    1,
                    new State.Pending(),
                    "admin",
                    now(),
                    null,
                    null,
                    false,
                    0,
                    List.of()));
        tx.nudges().nudge(r.uid());
      });
      ProcessBuilder node =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty(
                      "surefire.test.class.path", System.getProperty("java.class.path")),
                  Node.class.getName(),
                  settings.url())
              .redirectError(ProcessBuilder.Redirect.DISCARD);
      if (settings.user() != null) {
        node.environment().put("DATABASE_USER", settings.user());
        node.environment().put("DATABASE_PASSWORD", settings.password());
      }
      this.process = node.start();
      this.output = process.inputReader();
      assertThat(says()).isEqualTo("locked");
    }

    String says() throws IOException {
      return output.readLine();
    }

    void signal(String name) throws Exception {
      assertThat(new ProcessBuilder("kill", "-" + name, "" + process.pid()).start().waitFor())
          .isZero();
    }

    @Override
    public void close() throws InterruptedException {
      process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
  }
}

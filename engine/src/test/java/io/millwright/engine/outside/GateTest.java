package io.millwright.engine.outside;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How many are let through to one outside system, for how long, and when nobody is. */
@Timeout(60)
class GateTest {
  private static final Duration LONG = Duration.ofSeconds(50);

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));

  private Gate gate(int concurrency, Duration deadline) {
    return new Gate("hypervisor lab", concurrency, deadline, now::get);
  }

  private static DriverException unreachable() {
    return new DriverException(FaultKind.UNREACHABLE, "nobody there");
  }

  @Test
  void noMoreThanTheLimitAreInsideAndFewWait() throws Exception {
    Gate gate = gate(2, LONG);
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicInteger busy = new AtomicInteger();
    Semaphore entered = new Semaphore(0);
    CountDownLatch go = new CountDownLatch(1);
    try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> calls = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        calls.add(
            callers.submit(() -> {
              try {
                return gate.pass(() -> {
                  most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                  entered.release();
                  await(go);
                  return inside.decrementAndGet();
                });
              } catch (Busy e) {
                return busy.incrementAndGet();
              }
            }));
      }
      entered.acquire(2);
      // Two are inside and four may wait: the other four are told so at once, and wait elsewhere.
      while (busy.get() < 4) {
        Thread.onSpinWait();
      }
      go.countDown();
      for (Future<?> call : calls) {
        call.get();
      }
    }
    assertThat(most).hasValue(2);
    assertThat(busy).hasValue(4);
  }

  @Test
  void whatOverrunsItsDeadlineKeepsItsPlaceUntilItEnds() throws Exception {
    Gate gate = gate(1, Duration.ofMillis(100));
    CountDownLatch end = new CountDownLatch(1);
    assertThatThrownBy(() ->
            gate.pass(() -> {
              awaitWhateverComes(end);
              return 1;
            }))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.UNREACHABLE);
              assertThat(e.forUser()).contains("hypervisor lab did not answer within");
            });
    assertThat(catchThrowableOfType(Busy.class, () -> gate.pass(() -> 2)).retryIn()).isPositive();
    end.countDown();
    int answer = 0;
    while (answer == 0) {
      try {
        answer = gate.pass(() -> 3);
      } catch (Busy e) {
        Thread.onSpinWait();
      }
    }
    assertThat(answer).isEqualTo(3);
  }

  @Test
  void otherLimitsHoldForWhoComesAfterThem() throws Exception {
    Gate gate = gate(3, LONG);
    Semaphore entered = new Semaphore(0);
    Semaphore go = new Semaphore(0);
    try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      Callable<Integer> call =
          () ->
              gate.pass(() -> {
                entered.release();
                go.acquireUninterruptibly();
                return 1;
              });
      List<Future<Integer>> calls = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        calls.add(callers.submit(call));
      }
      entered.acquire(3);
      gate.limit(1, Duration.ofMillis(20));
      // Whoever is inside stays; nobody comes in until there is one place again.
      go.release(2);
      while (calls.stream().filter(Future::isDone).count() < 2) {
        Thread.onSpinWait();
      }
      assertThatThrownBy(() -> gate.pass(() -> 2)).isInstanceOf(Busy.class);
      go.release();
      for (Future<Integer> each : calls) {
        each.get();
      }
      DriverException late = null;
      while (late == null) {
        try {
          gate.pass(() -> {
            await(new CountDownLatch(1));
            return 3;
          });
        } catch (Busy e) {
          Thread.onSpinWait(); // the last one has not quite left
        } catch (DriverException e) {
          late = e;
        }
      }
      assertThat(late).hasMessageContaining("did not answer");
      gate.limit(2, LONG);
      List<Future<Integer>> more = List.of(callers.submit(call), callers.submit(call));
      entered.acquire(2);
      assertThatThrownBy(() -> gate.pass(() -> 4, Duration.ofMillis(20))).isInstanceOf(Busy.class);
      go.release(2);
      for (Future<Integer> each : more) {
        each.get();
      }
    }
  }

  @Test
  void afterThreeUnansweredCallsNobodyIsLetThroughAndThenOneFirst() throws Exception {
    Gate gate = gate(4, LONG);
    AtomicInteger calls = new AtomicInteger();
    for (int i = 0; i < 5; i++) {
      assertThatThrownBy(() -> fails(gate, calls, unreachable()))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.UNREACHABLE));
    }
    assertThat(calls).as("the last two were not tried").hasValue(3);

    now.updateAndGet(t -> t.plusSeconds(21)); // more than the longest break
    CountDownLatch probing = new CountDownLatch(1);
    CountDownLatch answer = new CountDownLatch(1);
    try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> probe =
          callers.submit(() ->
              gate.pass(() -> {
                probing.countDown();
                await(answer);
                return "well again";
              }));
      probing.await();
      assertThatThrownBy(() -> gate.pass(() -> "beside it"))
          .isInstanceOf(DriverException.class)
          .hasMessageContaining("hypervisor lab does not answer");
      answer.countDown();
      assertThat(probe.get()).isEqualTo("well again");
    }
    assertThat(gate.<String>pass(() -> "after it")).isEqualTo("after it");
  }

  @Test
  void aRefusalIsAnAnswer() {
    Gate gate = gate(4, LONG);
    AtomicInteger calls = new AtomicInteger();
    for (int i = 0; i < 5; i++) {
      assertThatThrownBy(
              () -> fails(gate, calls, new DriverException(FaultKind.REFUSED, "not you")))
          .hasMessageContaining("not you");
    }
    assertThat(calls).hasValue(5);
  }

  @Test
  void whatADriverThrowsByMistakeIsItsBug() {
    Gate gate = gate(1, LONG);
    assertThatThrownBy(() ->
            gate.pass(() -> {
              throw new IllegalStateException("secret of the driver");
            }))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.BUG);
              assertThat(e.forUser()).contains("hypervisor lab").doesNotContain("secret");
              assertThat(e.forOperator()).contains("secret of the driver");
            });
  }

  private static void fails(Gate gate, AtomicInteger calls, DriverException with)
      throws DriverException {
    gate.pass(() -> {
      calls.incrementAndGet();
      throw with;
    });
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** As a call into a library that knows nothing of interrupts. */
  private static void awaitWhateverComes(CountDownLatch latch) {
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        Thread.interrupted();
      }
    }
  }
}

package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is asked for by many at once. */
class TogetherTest {
  private static final Duration GAP = Duration.ofSeconds(2);
  private static final Duration AGE = Duration.ofSeconds(30);

  /** A clock that goes on only by waiting or by hand. */
  private static final class Hand implements Together.Time {
    final AtomicLong nanos = new AtomicLong();

    @Override
    public long now() {
      return nanos.get();
    }

    @Override
    public void pause(long wait) {
      nanos.addAndGet(Math.max(0, wait));
    }

    void after(Duration time) {
      nanos.addAndGet(time.toNanos());
    }
  }

  private final Hand time = new Hand();
  private final Together<String, Integer> together = new Together<>(GAP, AGE, time);
  private final AtomicInteger times = new AtomicInteger();

  private int ask(Duration age) {
    return together.ask("all", age, times::incrementAndGet);
  }

  @Test
  void whatIsYoungEnoughIsToldAgain() {
    assertThat(ask(AGE)).isEqualTo(1);
    time.after(AGE);
    assertThat(ask(AGE)).isEqualTo(1);
    time.after(Duration.ofNanos(1));
    assertThat(ask(AGE)).isEqualTo(2);
    assertThat(together.ask("other", AGE, () -> 7)).isEqualTo(7);
  }

  @Test
  void whoAsksAfterAChangeIsToldWhatWasBegunAfterIt() {
    assertThat(ask(Duration.ZERO)).isEqualTo(1);
    time.after(Duration.ofMillis(1));
    assertThat(ask(Duration.ZERO)).isEqualTo(2);
    assertThat(Duration.ofNanos(time.now())).as("but not at once").isEqualTo(GAP);
    time.after(GAP.plusSeconds(1));
    assertThat(ask(Duration.ZERO)).isEqualTo(3);
    assertThat(Duration.ofNanos(time.now()))
        .as("and without waiting if it is long ago")
        .isEqualTo(GAP.plus(GAP).plusSeconds(1));
  }

  @Test
  void theAgeCountsFromTheEndOfWhatTakesLong() {
    Duration tooLong = AGE.multipliedBy(2);
    assertThat(
            together.ask(
                "all",
                AGE,
                () -> {
                  time.after(tooLong);
                  return 100;
                }))
        .isEqualTo(100);
    assertThat(ask(AGE)).as("it has only just come").isEqualTo(100);
    time.after(AGE.plusNanos(1));
    assertThat(ask(AGE)).isEqualTo(1);
  }

  @Test
  void whatFailedIsToldToThoseWhoWaitedAndTriedAnewByTheNext() {
    assertThatThrownBy(() ->
            together.ask(
                "all",
                AGE,
                () -> {
                  throw new IllegalStateException("no");
                }))
        .hasMessage("no");
    assertThat(ask(AGE)).isEqualTo(1);
  }

  @Test
  void thoseWhoAskWhileItIsFoundOutShareTheNext() throws Exception {
    CompletableFuture<Integer> slow = new CompletableFuture<>();
    CountDownLatch begun = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> first =
          threads.submit(() ->
              together.ask(
                  "all",
                  Duration.ZERO,
                  () -> {
                    begun.countDown();
                    return slow.join();
                  }));
      begun.await();
      time.after(Duration.ofSeconds(1));
      AtomicInteger asking = new AtomicInteger();
      List<Future<Integer>> later =
          IntStream.range(0, 20)
              .mapToObj(_ ->
                  threads.submit(() -> {
                    asking.incrementAndGet();
                    return ask(Duration.ZERO);
                  }))
              .toList();
      Awaitility.await().until(() -> asking.get() == 20);
      assertThat(times.get()).as("one at a time").isZero();
      slow.complete(100);
      assertThat(first.get()).isEqualTo(100);
      for (Future<Integer> each : later) {
        assertThat(each.get()).isEqualTo(1);
      }
    }
  }
}

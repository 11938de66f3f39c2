package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EveryTest {
  @Test
  void goesOnAfterAnError() throws InterruptedException {
    CountDownLatch done = new CountDownLatch(3);
    try (Every _ =
        new Every(
            "test",
            Duration.ofMillis(1),
            () -> {
              done.countDown();
              throw new StackOverflowError();
            })) {
      assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    }
  }
}

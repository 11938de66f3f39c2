package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.Locks;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** That one waits for those of the same key alone, and that no lock is kept. */
@Timeout(60)
final class LocksTest {
  private final Locks<Integer> locks = new Locks<>();

  @Test
  void nobodyWaitsForAnotherKeyAndAllForTheSame() throws Exception {
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    Thread waits;
    try (Locks.Held _ = locks.take(0);
        Locks.Held _ = locks.take(0)) {
      for (int key = 1; key < 1000; key++) {
        locks.take(key).close();
      }
      waits =
          Thread.ofPlatform()
              .start(() -> {
                try (Locks.Held _ = locks.take(0)) {
                  order.add("second");
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      await().until(() -> waits.getState() == Thread.State.WAITING);
      order.add("first");
    }
    waits.join();
    assertThat(order).containsExactly("first", "second");
    assertThat(locks.size()).isZero();
  }

  @Test
  void whoIsInterruptedWhileHeWaitsLeavesNothing() throws Exception {
    Thread waits;
    try (Locks.Held _ = locks.take(0)) {
      waits =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  locks.take(0).close();
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      await().until(() -> waits.getState() == Thread.State.WAITING);
      waits.interrupt();
      waits.join();
      assertThat(locks.size()).isEqualTo(1);
    }
    assertThat(locks.size()).isZero();
  }
}

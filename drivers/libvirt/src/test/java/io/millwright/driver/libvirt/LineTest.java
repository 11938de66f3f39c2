package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A daemon that cannot be had; what needs a connection is in {@link LibvirtTest}. */
@Timeout(30)
final class LineTest {
  /** As C code that waits for an answer: no interrupt ends it. */
  private static void neverAnswers(CountDownLatch end) {
    while (end.getCount() > 0) {
      try {
        end.await();
      } catch (InterruptedException e) {
        // paid no heed to
      }
    }
  }

  private record Call(Thread thread, CompletableFuture<DriverException> failed) {
    static Call on(Line line, Duration deadline) {
      CompletableFuture<DriverException> failed = new CompletableFuture<>();
      Thread thread =
          Thread.startVirtualThread(() -> {
            try {
              line.call(deadline, connection -> true);
            } catch (DriverException e) {
              failed.complete(e);
            }
          });
      return new Call(thread, failed);
    }

    DriverException failure() throws Exception {
      return failed.get(20, TimeUnit.SECONDS);
    }
  }

  @Test
  void callersGiveUpAndOneThreadStaysBehind() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    AtomicInteger opened = new AtomicInteger();
    try (Line line =
        new Line(lost -> {
          opened.incrementAndGet();
          neverAnswers(end);
          throw new LibvirtError(LibvirtError.NO_CONNECT, 0, "late");
        })) {
      Call first = Call.on(line, Line.DEADLINE);
      await().until(() -> opened.get() == 1);
      Call second = Call.on(line, Line.DEADLINE);
      first.thread().interrupt();
      assertThat(first.failure().kind()).isEqualTo(FaultKind.UNREACHABLE);
      second.thread().interrupt();
      assertThat(second.failure().kind()).isEqualTo(FaultKind.UNREACHABLE);
      Call third = Call.on(line, Duration.ofMillis(50));
      assertThat(third.failure().kind()).isEqualTo(FaultKind.UNREACHABLE);
      assertThat(opened).hasValue(1);
    } finally {
      end.countDown();
    }
  }

  @Test
  void closingFreesWhoWaits() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    Line line =
        new Line(lost -> {
          begun.countDown();
          neverAnswers(end);
          throw new LibvirtError(LibvirtError.NO_CONNECT, 0, "late");
        });
    Call call = Call.on(line, Line.DEADLINE);
    begun.await();
    line.close();
    assertThat(call.failure().kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThatThrownBy(() -> line.call(connection -> true)).isInstanceOf(DriverException.class);
    line.close();
    end.countDown();
  }

  @Test
  void triesAgainAfterAFailure() {
    AtomicInteger opened = new AtomicInteger();
    try (Line line =
        new Line(lost -> {
          opened.incrementAndGet();
          throw new LibvirtError(LibvirtError.AUTH_FAILED, 13, "authentication failed");
        })) {
      for (int i = 1; i <= 3; i++) {
        assertThatThrownBy(() -> line.call(connection -> true))
            .isInstanceOfSatisfying(
                DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
        assertThat(opened).hasValue(i);
      }
    }
  }

  @Test
  void whoListensKeepsTrying() {
    AtomicInteger opened = new AtomicInteger();
    try (Line line =
        new Line(lost -> {
          opened.incrementAndGet();
          throw new LibvirtError(LibvirtError.NO_CONNECT, 0, "not yet");
        })) {
      line.subscribe(uid -> {});
      line.subscribe(uid -> {});
      await().atMost(Duration.ofSeconds(10)).until(() -> opened.get() >= 2);
    }
  }

  @Test
  void aFaultOfTheDriverIsABug() {
    try (Line line =
        new Line(lost -> {
          throw new IllegalStateException("oops");
        })) {
      assertThatThrownBy(() -> line.call(connection -> true))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.BUG));
    }
  }
}

package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a console asks of a request by itself, whatever came before it. */
class ConsoleSocketTest {
  private static <T> T fake(Class<T> type, Map<String, Map<String, String>> answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> answer(answers.get(method.getName()), arguments)));
  }

  private static @Nullable Object answer(
      @Nullable Map<String, String> known, Object @Nullable [] arguments) {
    return known == null || arguments == null ? null : known.get(String.valueOf(arguments[0]));
  }

  @Test
  void aTicketThatNobodyHasRedeemedOpensNothing() {
    HttpServletRequest request =
        fake(
            HttpServletRequest.class,
            Map.of(
                "getHeader", Map.of("Upgrade", "websocket", "Origin", "https://evil.example"),
                "getParameter", Map.of(ConsoleTickets.PARAMETER, "wrong")));
    HttpServletResponse response = fake(HttpServletResponse.class, Map.of());
    assertThatThrownBy(() ->
            new ConsoleSocket()
                .open(
                    request,
                    response,
                    () -> {
                      throw new AssertionError("it was opened");
                    }))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("with a ticket");
  }

  @Test
  @Timeout(20)
  void aDatabaseThatIsAwayForAMomentDoesNotKeepARevokedConsoleOpen() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    CountDownLatch ended = new CountDownLatch(1);
    ConsoleSocket.guard(
        ended,
        () -> {
          int now = asked.incrementAndGet();
          if (now == 2 || now == 3) {
            throw ProblemException.of(Problem.Type.UNAVAILABLE, "the database is away");
          }
          return now < 5;
        },
        Duration.ofMillis(1),
        Duration.ofMinutes(1));
    assertThat(asked).as("it went on asking until the answer was no").hasValue(5);
  }

  @Test
  @Timeout(20)
  void aConsoleOfWhichNobodyCanSayWhetherItIsInForceEnds() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    ConsoleSocket.guard(
        new CountDownLatch(1),
        () -> {
          asked.incrementAndGet();
          throw ProblemException.of(Problem.Type.UNAVAILABLE, "the database is away");
        },
        Duration.ofMillis(1),
        Duration.ofMillis(50));
    assertThat(asked.get()).as("not at the first time").isGreaterThan(1);
  }
}

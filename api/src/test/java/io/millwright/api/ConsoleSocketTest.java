package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.reflect.Proxy;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

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
}

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** pool claim: what is asked, what is said, and waiting. */
class PoolTest extends CliTestCase {
  private static final String CLAIM = "POST /projects/default/pools/ci:claim";
  private static final String MACHINE =
      """
      {"kind":"Machine","metadata":{"name":"ci-7","project":"default"},
       "status":{"expiresAt":"2026-11-28T12:00:00Z","interfaces":[{"addresses":["10.0.0.7"]}]}}
      """;

  private static FakeServer.Reply none() {
    return FakeServer.problem(503, "unavailable", "no machine of Pool ci is ready just now");
  }

  private java.util.List<FakeServer.Seen> claims() {
    return server.seen().stream().filter(s -> s.line().contains(":claim")).toList();
  }

  @Test
  void theMachineIsNamedWithItsEndAndItsAddress() {
    server.on(CLAIM + "?ttl=2h", 200, MACHINE);
    Result result = run("pool", "claim", "pool/ci", "--ttl", "2h");
    assertThat(result.code()).isZero();
    assertThat(result.out().strip())
        .isEqualTo("machine/ci-7 is yours until 2026-11-28T12:00:00Z, at 10.0.0.7");
    assertThat(claims()).hasSize(1);
    assertThat(run("pool", "claim", "ci", "--ttl", "2h", "-o", "name").out().strip())
        .isEqualTo("machine/ci-7");
  }

  @Test
  void whereNoneIsReadyThatIsSaidAtOnce() {
    server.on(CLAIM, none());
    Result result = run("pool", "claim", "ci");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err().strip()).contains("no machine of Pool ci is ready just now");
    assertThat(result.err().lines()).hasSize(1);
  }

  @Test
  void whoWaitsAsksAgainByTheSameKey() {
    server.on(CLAIM, none(), FakeServer.json(200, MACHINE));
    Result result = run("pool", "claim", "ci", "--wait", "1m");
    assertThat(result.code()).isZero();
    assertThat(result.err()).contains("; waiting");
    assertThat(claims()).hasSize(2);
    assertThat(claims().getFirst().header("Idempotency-key"))
        .isNotEmpty()
        .isEqualTo(claims().getLast().header("Idempotency-key"));
  }
}

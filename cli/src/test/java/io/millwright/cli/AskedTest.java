package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Commands of one call: that each of its texts goes where it belongs. */
class AskedTest extends CliTestCase {
  @Test
  void aMachineIsExtendedByItsTime() {
    server.on(
        "POST /projects/shop/machines/web:extend?ttl=4h",
        200,
        """
        {"kind":"Machine","metadata":{"name":"web","project":"shop"},
         "status":{"expiresAt":"2026-11-28T12:00:00Z"}}
        """);
    Result result = run("machine", "extend", "web", "--ttl", "4h", "-p", "shop");
    assertThat(result.out())
        .as(result.err())
        .isEqualTo("machine/web lives until 2026-11-28T12:00:00Z\n");
    FakeServer.Seen seen = server.seen().getLast();
    assertThat(seen.line()).endsWith("web:extend?ttl=4h");
    assertThat(seen.header("Idempotency-key")).isNotEmpty();
  }

  @Test
  void anOrphanIsAdoptedUnderItsNameIntoItsProject() {
    server.on("POST /orphans/mw-disk:adopt?as=orders&project=shop", 202, "{\"uid\":\"0193-op\"}");
    Result result = run("orphan", "adopt", "mw-disk", "--as", "orders", "-p", "shop");
    assertThat(result.out()).as(result.err()).contains("volume/orders adopted: operation 0193-op");
    FakeServer.Seen seen = server.seen().getLast();
    assertThat(seen.line()).contains("as=orders").contains("project=shop");
    assertThat(seen.header("Idempotency-key")).isNotEmpty().isNotEqualTo("shop");
  }
}

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OrderTest extends CliTestCase {
  private static final String ITEM =
      """
      {"manifests": "kind: Machine\\n", "items": [{"kind": "Machine", "project": "shop", "name": "w",
       "action": "created", "changes": [], "impact": "create", "destroys": false, "keeps": [],
       "steps": [{"title": "power it on", "destroys": false}]%s}]}
      """;

  @Test
  void whatIsSetIsOrdered() {
    server.on(
        "POST /projects/shop/offers/web:order",
        FakeServer.json(202, ITEM.formatted(", \"operation\": \"u1\"")));
    Result result = run("order", "web", "-p", "shop", "--set", "name=w", "--set", "note=a=b, c");
    assertThat(result.code()).isZero();
    assertThat(result.out())
        .isEqualTo("machine/w created\nThe work goes on; see it with: millwright logs -f u1\n");
    assertThat(server.seen().getLast().body())
        .isEqualTo("{\"parameters\":{\"name\":\"w\",\"note\":\"a=b, c\"}}");
  }

  @Test
  void aDryRunShowsThePlan() {
    server.on("POST /projects/shop/offers/web:order", FakeServer.json(200, ITEM.formatted("")));
    Result result = run("order", "web", "-p", "shop", "--set", "name=w", "--dry-run");
    assertThat(result.out())
        .contains("+ machine/w is created", "1. power it on", "Plan: 1 to create");
    assertThat(server.seen().getLast().line()).contains("dryRun=true");
  }

  @Test
  void whatIsWrongIsOneLine() {
    server.on(
        "POST /projects/default/offers/web:order",
        FakeServer.problem(400, "invalid", "parameters.name: is missing"));
    run("order", "web").failed(2, "parameters.name: is missing");
    Result misuse = run("order", "web", "--set", "name");
    assertThat(misuse.code()).isEqualTo(2);
    assertThat(misuse.err()).contains("KEY=VALUE").hasLineCount(1);
  }
}

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.client.Trees;
import org.junit.jupiter.api.Test;

/** What import asks for, and what it prints where. */
class ImportTest extends CliTestCase {
  private static final String MACHINE =
      """
      {"apiVersion":"millwright/v1","kind":"Machine","metadata":{"name":"web"},
       "spec":{"hypervisor":"hv1","image":"none","size":"small","imported":true}}\
      """;

  private static final String IMPORTED =
      """
      {"applied":{"items":[{"kind":"Machine","project":"default","name":"web","action":"created",
        "changes":[],"impact":"","destroys":false,"steps":[],"keeps":[],"operation":"0193-o"}]},
       "manifests":[{"apiVersion":"millwright/v1","kind":"Size","metadata":{"name":"small"},
        "spec":{"cores":1,"memory":"1GiB","disk":"4GiB"}},%s],
       "notes":["the card 52:54:00:00:00:01 is on no declared Network"]}\
      """
          .formatted(MACHINE);

  @Test
  void manifestsGoToStandardOutputAndAllElseBesideThem() {
    server.on("POST /projects/default/machines/web:import", 202, IMPORTED);
    Result result = run("import", "hv1/Their_VM", "--as", "web");
    assertThat(result.code()).isZero();
    assertThat(Yaml.read(result.out())).hasSize(2).last().isEqualTo(Trees.read(MACHINE));
    assertThat(result.err())
        .isEqualTo("the card 52:54:00:00:00:01 is on no declared Network\nmachine/web created\n");
    assertThat(server.seen().getFirst().header("Idempotency-key")).isNotEmpty();
  }

  @Test
  void aDryRunSaysWhatWouldBeDeclared() {
    server.on("POST /projects/default/machines/web:import", 200, IMPORTED);
    assertThat(run("import", "hv1/web", "--dry-run").err())
        .contains("machine/web would be created");
    assertThat(server.seen().getFirst().headers()).doesNotContainKey("Idempotency-key");
  }

  @Test
  void whatIsNoNameNeedsOne() {
    run("import", "hv1/Their_VM")
        .failed(
            2,
            "Their_VM can be no name here: give it one of lower-case letters, digits and hyphens"
                + " with --as");
    run("import", "web").failed(2, "say which machine on which hypervisor, such as hv1/web");
    assertThat(server.seen()).isEmpty();
  }
}

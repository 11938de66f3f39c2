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

  private static final String FOREIGN =
      """
      {"items":[{"name":"Their_VM","uid":"4c0a1f3e-0000-4000-8000-000000000001","state":"running",
         "cores":2,"memory":"512MiB","addresses":["10.0.0.77","fd00::7"]},
        {"name":"still","uid":"4c0a1f3e-0000-4000-8000-000000000002","state":"paused",
         "cores":1,"memory":"64MiB","objection":"is paused"}],
       "gaps":["the pool nfs did not answer"]}\
      """;

  @Test
  void theMachinesOfOthersAreListedWithWhyOneCannotBeImported() {
    server.on("GET /projects/default/hypervisors/hv1/foreign-machines", 200, FOREIGN);
    Result table = run("import", "--list", "hv1", "--closely");
    assertThat(table.code()).isZero();
    assertThat(table.out().lines().map(l -> l.trim().replaceAll(" {2,}", "|")))
        .containsExactly(
            "NAME|UUID|STATE|CORES|MEMORY|ADDRESSES|IMPORT",
            "Their_VM|4c0a1f3e-0000-4000-8000-000000000001|running|2|512MiB"
                + "|10.0.0.77, fd00::7|possible",
            "still|4c0a1f3e-0000-4000-8000-000000000002|paused|1|64MiB|-|is paused");
    assertThat(table.err()).isEqualTo("not all is seen: the pool nfs did not answer\n");
    assertThat(server.seen().getFirst().line()).contains("closely=true");
    assertThat(Trees.read(run("import", "--list", "hv1", "-o", "json").out()).path("items"))
        .hasSize(2);
    // What is printed as a name is what an import takes.
    assertThat(run("import", "--list", "hv1", "-o", "name").out().lines())
        .first()
        .isEqualTo("hv1/4c0a1f3e-0000-4000-8000-000000000001");
  }

  @Test
  void aListingTakesAHypervisorAlone() {
    String why = "--list takes a hypervisor's name alone, such as: import --list hv1";
    run("import", "--list", "hv1/web").failed(2, why);
    run("import", "--list", "hv1", "--dry-run").failed(2, why);
    run("import", "hv1/web", "-o", "json").failed(2, "--closely and -o go with --list");
    assertThat(server.seen()).isEmpty();
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

package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.client.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What export writes. */
class ExportTest extends CliTestCase {
  private static final String SMALL =
      """
      {"apiVersion":"millwright/v1","kind":"Size",
       "metadata":{"name":"small","project":"default","labels":{},"annotations":{},"uid":"0193-s",
        "generation":1,"revision":1,"createdAt":"2026-11-18T12:00:00Z"},
       "spec":{"cores":1,"memory":"1GiB","disk":"4GiB"},
       "status":{"conditions":[]}}\
      """;

  private static final String GOING =
      SMALL
          .replace("\"small\"", "\"going\"")
          .replace("\"createdAt\"", "\"deletedAt\":\"2026-11-21T11:00:00Z\",\"createdAt\"");

  private static final String LAB =
      """
      {"apiVersion":"millwright/v1","kind":"Hypervisor",
       "metadata":{"name":"lab","project":"default","labels":{},"uid":"0193-h",
        "generation":1,"revision":1,"createdAt":"2026-11-18T12:00:00Z"},
       "spec":{"driver":"libvirt","settings":{"password":"(sealed)","uri":"qemu:///system"}},
       "status":{"conditions":[],"version":"9.0"}}\
      """;

  @BeforeEach
  void project() {
    for (Kind kind : Kind.values()) {
      server.on("GET /projects/default/" + kind.plural(), 200, Samples.list());
    }
    server
        .on("GET /projects/default/machines", 200, Samples.list(Samples.HELLO))
        .on("GET /projects/default/sizes", 200, Samples.list(SMALL))
        .on("GET /projects/default/hypervisors", 200, Samples.list(LAB));
  }

  @Test
  void whatIsDeclaredAndNothingElseInTheOrderOfTheKinds() {
    List<JsonNode> all = Yaml.read(run("export").done().out());
    assertThat(all)
        .containsExactly(
            Trees.read(
                """
                {"apiVersion":"millwright/v1","kind":"Hypervisor","metadata":{"name":"lab"},
                 "spec":{"driver":"libvirt",
                  "settings":{"password":"(sealed)","uri":"qemu:///system"}}}\
                """),
            Trees.read(
                """
                {"apiVersion":"millwright/v1","kind":"Size","metadata":{"name":"small"},
                 "spec":{"cores":1,"memory":"1GiB","disk":"4GiB"}}\
                """),
            Trees.read(
                """
                {"apiVersion":"millwright/v1","kind":"Machine",
                 "metadata":{"name":"hello","labels":{"app":"web","tier":"one"},
                  "annotations":{"note":"first"}},
                 "spec":{"image":"debian-12","size":"small","profiles":["admin"],"firmware":"bios",
                  "power":"on","nics":[{"name":"nic0","network":"lab","ipv4":"10.0.0.5",
                  "ipv6":"auto"}],"script":"a: b\\nc\\n","future":{"unknown":"field"}}}\
                """));
  }

  @Test
  void oneFileForEachResourceWhichApplyTakes() throws IOException {
    Path out = dir.resolve("new/project");
    assertThat(run("export", "-o", out.toString()).done().out())
        .isEqualTo("3 manifests written to " + out + "\n");
    assertThat(Files.list(out).map(f -> f.getFileName().toString()))
        .containsExactlyInAnyOrder("hypervisor-lab.yaml", "size-small.yaml", "machine-hello.yaml");
    server.on("POST /apply", 200, "{\"items\":[]}");
    run("apply", "-f", out.toString()).done();
    assertThat(Yaml.read(server.seen().getLast().body()))
        .hasSize(3)
        .containsAll(Yaml.read(Files.readString(out.resolve("machine-hello.yaml"))));
  }

  @Test
  void whatGoesIsLeftOutAndSaid() {
    server.on("GET /projects/default/sizes", 200, Samples.list(SMALL, GOING));
    Result result = run("export");
    assertThat(result.code()).isZero();
    assertThat(result.err()).isEqualTo("size/going is being deleted: left out\n");
    assertThat(Yaml.read(result.out())).hasSize(3);
  }

  private static String labelled(String kind, String name, String labels) {
    return """
    {"apiVersion":"millwright/v1","kind":"%s",
     "metadata":{"name":"%s","project":"default","labels":{%s},"annotations":{},"uid":"0193-m",
      "generation":1,"revision":1,"createdAt":"2026-11-18T12:00:00Z"},
     "spec":{"future":"field"},"status":{"conditions":[]}}\
    """
        .formatted(kind, name, labels);
  }

  /** Whoever applied them elsewhere would be refused, and a rollout makes them differ here. */
  @Test
  void whatGroupsPoolsAndImagesDeclareIsLeftOutAndSaid() {
    server
        .on(
            "GET /projects/default/machines",
            200,
            Samples.list(
                Samples.HELLO,
                labelled("Machine", "web-0", "\"app\":\"web\",\"millwright.io/group\":\"web\""),
                labelled("Machine", "ci-1", "\"millwright.io/pool\":\"ci\""),
                labelled("Machine", "gold-build-1", "\"millwright.io/trial-of\":\"gold\"")))
        .on(
            "GET /projects/default/volumes",
            200,
            Samples.list(
                labelled("Volume", "web-0-data", "\"millwright.io/group\":\"web\""),
                labelled("Volume", "mine", "\"app\":\"web\"")))
        .on("GET /projects/default/groups", 200, Samples.list(labelled("Group", "web", "")))
        .on("GET /projects/default/pools", 200, Samples.list(labelled("Pool", "ci", "")));
    Result result = run("export");
    assertThat(result.code()).isZero();
    assertThat(result.err())
        .isEqualTo(
            "1 volume and 3 machines of groups, pools or images, which declare them: left out\n");
    assertThat(Yaml.read(result.out()))
        .extracting(m -> Trees.text(m.path("metadata"), "name"))
        .containsExactly("lab", "small", "mine", "hello", "web", "ci");
  }

  @Test
  void aVolumeThatItsGroupHasLeftIsNobodysAndItsLabelStaysHere() {
    server
        .on(
            "GET /projects/default/volumes",
            200,
            Samples.list(
                labelled("Volume", "old-0-data", "\"a\":\"b\",\"millwright.io/group\":\"old\""),
                labelled("Volume", "old-1-data", "\"millwright.io/group\":\"old\"")))
        .on("GET /projects/default/groups", 200, Samples.list(labelled("Group", "web", "")));
    Result result = run("export");
    assertThat(result.err()).isEmpty();
    assertThat(Yaml.read(result.out()))
        .filteredOn(m -> Trees.text(m, "kind").equals("Volume"))
        .extracting(m -> m.path("metadata"))
        .containsExactly(
            Trees.read("{\"name\":\"old-0-data\",\"labels\":{\"a\":\"b\"}}"),
            Trees.read("{\"name\":\"old-1-data\"}"));
  }

  @Test
  void aMachineThatWasClaimedIsDeclaredAsAnyOther() {
    server.on(
        "GET /projects/default/machines",
        200,
        Samples.list(labelled("Machine", "ci-1", "\"millwright.io/claimed-from\":\"ci\"")));
    Result result = run("export");
    assertThat(result.err()).isEmpty();
    assertThat(Yaml.read(result.out()))
        .filteredOn(m -> Trees.text(m, "kind").equals("Machine"))
        .extracting(m -> m.path("metadata"))
        .containsExactly(Trees.read("{\"name\":\"ci-1\"}"));
  }

  @Test
  void manifestsThatAreThereStay() throws IOException {
    Path there = dir.resolve("there");
    Path old = file("there/size-old.yaml", "old");
    run("export", "-o", there.toString())
        .failed(
            2,
            there + " has manifests in it already; give another directory, or remove them first");
    run("export", "-o", old.toString()).failed(2, old + " is no directory");
    assertThat(old).hasContent("old");
    assertThat(there).isDirectoryContaining("glob:**/size-old.yaml");
    assertThat(there.toFile().list()).hasSize(1);
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void aListingThatFailsLeavesNothing() {
    server.on("GET /projects/default/machines", FakeServer.problem(503, "unavailable", "away"));
    Path out = dir.resolve("none");
    assertThat(run("export", "-o", out.toString()).code()).isEqualTo(1);
    assertThat(out).doesNotExist();
  }
}

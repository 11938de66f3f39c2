package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Collections, apply, operations: what the contract says of them. */
@Tag("database")
class ResourcesTest {
  private final Rig rig = Rig.shared();

  @Test
  void aKindWithoutWorkIsThereAtOnce() {
    Reply made = rig.post("projects/p1/sizes", Rig.size("big", 8, "labels: {tier: gold}"));
    assertThat(made.status()).isEqualTo(201);
    assertThat(made.header("Location")).isEqualTo("/api/v1/projects/p1/sizes/big");
    JsonNode view = made.json();
    assertThat(view.path("apiVersion").asString()).isEqualTo("millwright/v1");
    assertThat(view.path("kind").asString()).isEqualTo("Size");
    assertThat(view.at("/metadata/project").asString()).isEqualTo("p1");
    assertThat(view.at("/metadata/labels/tier").asString()).isEqualTo("gold");
    assertThat(view.at("/spec/memory").asString()).isEqualTo("1GiB");
    assertThat(view.at("/status/conditions/0/value").asString()).isEqualTo("true");

    Reply read = rig.get(made.header("Location"));
    assertThat(read.status()).isEqualTo(200);
    assertThat(read.header("ETag"))
        .isEqualTo("\"" + view.at("/metadata/revision").asLong() + "\"")
        .isEqualTo(made.header("ETag"));
    assertThat(read.json()).isEqualTo(view);

    assertThat(rig.post("projects/p1/sizes", Rig.size("big", 8, "")).status()).isEqualTo(409);
    assertThat(rig.delete("projects/p1/sizes/big").status()).isEqualTo(204);
    assertThat(rig.get("projects/p1/sizes/big").status()).isEqualTo(404);
    assertThat(rig.delete("projects/p1/sizes/big").status()).isEqualTo(404);
  }

  @Test
  void aKindWithWorkAnswersWithTheOperation() {
    Reply made = rig.post("projects/p2/machines", Rig.machine("m"));
    assertThat(made.status()).isEqualTo(202);
    JsonNode operation = made.json();
    assertThat(made.header("Location"))
        .isEqualTo("/api/v1/operations/" + operation.at("/metadata/uid").asString());
    assertThat(operation.path("apiVersion").asString()).isEqualTo("millwright/v1");
    assertThat(operation.path("kind").asString()).isEqualTo("Operation");
    assertThat(operation.at("/metadata/name")).isEqualTo(operation.at("/metadata/uid"));
    assertThat(operation.at("/metadata/project").asString()).isEqualTo("p2");
    assertThat(operation.at("/status/conditions/0/type").asString()).isEqualTo("Succeeded");
    assertThat(operation.at("/status/conditions/0/value").asString()).isEqualTo("unknown");
    assertThat(operation.at("/spec/verb").asString()).isEqualTo("create");
    assertThat(operation.at("/status/state").asString()).isEqualTo("pending");
    assertThat(operation.at("/spec/requestedBy").asString()).isEqualTo("anna");
    assertThat(operation.at("/spec/target/kind").asString()).isEqualTo("Machine");
    assertThat(rig.get(made.header("Location")).json()).isEqualTo(operation);

    assertThat(rig.post("projects/p2/machines/m:power-on").status()).isEqualTo(202);
    Reply off = rig.post("projects/p2/machines/m:power-off");
    assertThat(off.status()).isEqualTo(202);
    assertThat(off.json().at("/spec/verb").asString()).isEqualTo("update");
    assertThat(rig.get("projects/p2/machines/m").json().at("/spec/power").asString())
        .isEqualTo("off");
    assertThat(rig.post("projects/p2/machines/m:reset").status()).isEqualTo(409);
    assertThat(rig.post("projects/p2/machines/none:reset").status()).isEqualTo(404);
    assertThat(rig.post("projects/p2/machines/m:explode").status()).isEqualTo(405);

    Reply gone = rig.delete("projects/p2/machines/m");
    assertThat(gone.status()).isEqualTo(202);
    assertThat(gone.json().at("/spec/verb").asString()).isEqualTo("delete");
    JsonNode going = rig.get("projects/p2/machines/m").json();
    assertThat(going.at("/metadata/deletedAt").asString()).isNotEmpty();
  }

  @Test
  void putMakesAndChanges() {
    assertThat(rig.put("projects/p3/sizes/s", Rig.size("s", 1, "")).status()).isEqualTo(200);
    Reply same = rig.put("projects/p3/sizes/s", Rig.size("s", 1, ""));
    assertThat(same.status()).isEqualTo(200);
    Reply changed = rig.put("projects/p3/sizes/s", Rig.size("s", 2, ""));
    assertThat(changed.json().at("/metadata/generation").asLong())
        .isEqualTo(same.json().at("/metadata/generation").asLong() + 1);
    Reply volume = rig.put("projects/p3/volumes/v", Rig.volume("v", "1GiB"));
    assertThat(volume.status()).isEqualTo(202);
    assertThat(rig.put("projects/p3/volumes/v", Rig.volume("v", "1GiB")).status()).isEqualTo(200);

    assertThat(rig.put("projects/p3/sizes/other", Rig.size("s", 1, "")).status()).isEqualTo(400);
    assertThat(rig.put("projects/p3/sizes/s", Rig.size("s", 1, "project: q")).status())
        .isEqualTo(400);
    assertThat(rig.put("projects/p3/machines/s", Rig.size("s", 1, "")).status()).isEqualTo(400);
    assertThat(rig.put("projects/-/sizes/s", Rig.size("s", 1, "")).status()).isEqualTo(400);
  }

  @Test
  void whatDoesNotMatchIsNotChanged() {
    rig.put("projects/p4/sizes/s", Rig.size("s", 1, ""));
    String tag = rig.get("projects/p4/sizes/s").header("ETag");
    String path = "projects/p4/sizes/s";
    List<String> stale =
        List.of("\"999999\"", "W/" + tag, "\"1x\", W/" + tag, "\"\"", "W/\"1\" , \"999999\"");
    for (String other : stale) {
      assertThat(rig.put(path, Rig.size("s", 3, ""), "If-Match", other).status())
          .as(other)
          .isEqualTo(412);
      assertThat(rig.delete(path, "If-Match", other).status()).as(other).isEqualTo(412);
    }
    for (String garbage : List.of("17", "\"17", "*, \"17\"", "\"17\" \"18\"")) {
      assertThat(rig.put(path, Rig.size("s", 3, ""), "If-Match", garbage).status())
          .as(garbage)
          .isEqualTo(400);
    }
    assertThat(rig.get(path).header("ETag")).isEqualTo(tag);

    Reply changed = rig.put(path, Rig.size("s", 3, ""), "If-Match", "\"7777\", " + tag);
    assertThat(changed.status()).isEqualTo(200);
    Reply late = rig.put(path, Rig.size("s", 4, ""), "If-Match", tag);
    assertThat(late.status()).isEqualTo(412);
    assertThat(late.json().path("detail").asString())
        .isEqualTo(
            "Size s was changed by somebody else; read it again and repeat your change on that");
    assertThat(rig.get(path).json().at("/spec/cores").asInt()).isEqualTo(3);
    assertThat(rig.put(path, Rig.size("s", 4, ""), "If-Match", "*").status()).isEqualTo(200);
    assertThat(rig.put("projects/p4/sizes/new", Rig.size("new", 4, ""), "If-Match", "*").status())
        .isEqualTo(412);
    assertThat(rig.put(path, Rig.size("s", 5, ""), "If-None-Match", "*").status()).isEqualTo(412);
    assertThat(
            rig.put("projects/p4/sizes/new", Rig.size("new", 4, ""), "If-None-Match", "*").status())
        .isEqualTo(200);
    String now = rig.get(path).header("ETag");
    Reply unchanged = rig.get(path, "If-None-Match", "W/" + now);
    assertThat(unchanged.status()).isEqualTo(304);
    assertThat(unchanged.raw().body()).isEmpty();
    assertThat(unchanged.header("ETag")).isEqualTo(now);
    assertThat(rig.delete(path, "If-Match", now).status()).isEqualTo(204);
    assertThat(rig.delete(path, "If-Match", "*").status()).isEqualTo(412);
  }

  @Test
  void listsComeInPartsAndBySelectors() {
    for (int i = 0; i < 5; i++) {
      rig.put(
          "projects/p5/sizes/s" + i,
          Rig.size("s" + i, 1 + i, "labels: {parity: " + (i % 2 == 0 ? "even" : "odd") + "}"));
    }
    rig.put(
        "projects/p5/networks/n5",
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: n5}
        spec: {subnets: [{cidr: 10.5.0.0/24}]}
        """);
    List<String> names = new ArrayList<>();
    String cursor = "";
    int parts = 0;
    do {
      JsonNode part =
          rig.get("projects/p5/sizes?limit=2" + (cursor.isEmpty() ? "" : "&cursor=" + cursor))
              .json();
      assertThat(part.path("kind").asString()).isEqualTo("SizeList");
      part.path("items").forEach(i -> names.add(i.at("/metadata/name").asString()));
      cursor = part.path("next").asString("");
      parts++;
    } while (!cursor.isEmpty());
    assertThat(parts).isEqualTo(3);
    assertThat(names).containsExactly("s0", "s1", "s2", "s3", "s4");

    assertThat(names("projects/p5/sizes?labelSelector=parity=odd")).containsExactly("s1", "s3");
    assertThat(names("projects/p5/sizes?labelSelector=parity!=odd,parity"))
        .containsExactly("s0", "s2", "s4");
    assertThat(names("projects/p5/sizes?labelSelector=parity%20in%20(odd,x)"))
        .containsExactly("s1", "s3");
    assertThat(names("projects/p5/sizes?fieldSelector=spec.cores=3")).containsExactly("s2");
    assertThat(names("projects/p5/sizes?fieldSelector=metadata.name=s1,status.ready=true"))
        .containsExactly("s1");
    assertThat(names("projects/p5/networks?fieldSelector=spec.subnets.0.cidr=10.5.0.0/24"))
        .containsExactly("n5");
    assertThat(names("projects/p5/networks?fieldSelector=spec.subnets.1.cidr=10.5.0.0/24"))
        .isEmpty();
    assertThat(names("projects/-/sizes?labelSelector=parity=odd")).containsExactly("s1", "s3");
    assertThat(names("projects/nobody/sizes")).isEmpty();

    for (String wrong :
        List.of(
            "limit=0",
            "limit=1001",
            "limit=x",
            "cursor=abc",
            "labelSelector=a%20b",
            "fieldSelector=spec.coers=1",
            "fieldSelector=x",
            "fieldSelector=spec.cores!=1")) {
      Reply reply = rig.get("projects/p5/sizes?" + wrong);
      assertThat(reply.status()).as(wrong).isEqualTo(400);
      assertThat(reply.json().path("errors").size()).as(wrong).isPositive();
    }
    assertThat(rig.get("projects/P5/sizes").status()).isEqualTo(400);
  }

  private List<String> names(String path) {
    Reply reply = rig.get(path);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    List<String> out = new ArrayList<>();
    reply.json().path("items").forEach(i -> out.add(i.at("/metadata/name").asString()));
    return out;
  }

  @Test
  void secretsAreMasked() {
    JsonNode hypervisor = rig.get("projects/shared/hypervisors/sim").json();
    assertThat(hypervisor.at("/spec/settings/password").asString()).isEqualTo("(sealed)");
    assertThat(hypervisor.at("/spec/settings/world").asString()).isEqualTo(Rig.WORLD);
    assertThat(rig.get("projects/-/hypervisors").raw().body()).doesNotContain("secret\"");
  }

  @Test
  void applyTellsWhatItDid() {
    String both = Rig.size("a", 1, "") + "---\n" + Rig.machine("m").replace("small", "a");
    Reply first = rig.post("apply?project=p6", both);
    assertThat(first.status()).isEqualTo(202);
    JsonNode items = first.json().path("items");
    assertThat(items.size()).isEqualTo(2);
    assertThat(items.at("/0/kind").asString()).isEqualTo("Size");
    assertThat(items.at("/0/action").asString()).isEqualTo("created");
    assertThat(items.path(0).has("operation")).isFalse();
    assertThat(items.at("/1/operation").asString()).isNotEmpty();

    Reply again = rig.post("apply?project=p6", both);
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.json().at("/items/1/action").asString()).isEqualTo("unchanged");

    Reply dry =
        rig.post(
            "apply?project=p6&dryRun=true",
            Rig.volume("v", "1GiB") + "---\n" + Rig.size("a", 2, ""));
    assertThat(dry.status()).isEqualTo(200);
    // The machine of that size follows it, and stands between them.
    assertThat(dry.json().at("/items/1/kind").asString()).isEqualTo("Machine");
    JsonNode volume = dry.json().path("items").path(2);
    assertThat(volume.path("action").asString()).isEqualTo("created");
    assertThat(volume.path("steps").size()).isEqualTo(1);
    assertThat(volume.path("destroys").asBoolean()).isFalse();
    assertThat(volume.has("operation")).isFalse();
    JsonNode change = dry.json().at("/items/0/changes/0");
    assertThat(change.path("path").asString()).isEqualTo("spec.cores");
    assertThat(change.path("before").asInt()).isEqualTo(1);
    assertThat(change.path("after").asInt()).isEqualTo(2);
    assertThat(rig.get("projects/p6/volumes/v").status()).isEqualTo(404);
  }

  @Test
  void applyNamesTheSourceAndEverythingThatIsWrong() {
    Reply reply =
        rig.post(
            "apply?project=p6",
            Rig.size("x", 0, "") + "---\n" + Rig.machine("m").replace("size:", "sizze:"),
            "X-Source",
            "hello.yaml");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.header("Content-Type")).isEqualTo("application/problem+json");
    String errors = reply.json().path("errors").toString();
    assertThat(errors).contains("Size x: spec.cores", "hello.yaml line", "did you mean");
    assertThat(rig.get("projects/p6/sizes/x").status()).isEqualTo(404);

    assertThat(
            rig.post(
                    "apply?project=p6",
                    Rig.size("a", 1, "") + "---\n" + Rig.size("a", 1, "project: p6"))
                .status())
        .isEqualTo(400);
  }

  @Test
  void operationsAreListedCancelledAndHaveLogs() {
    rig.post("projects/p7/machines", Rig.machine("m1"));
    rig.post("projects/p7/machines", Rig.machine("m2"));
    JsonNode list = rig.get("operations?project=p7&kind=machine&state=pending").json();
    assertThat(list.path("items").size()).isEqualTo(2);
    assertThat(list.at("/items/0/spec/target/name").asString()).isEqualTo("m2");
    assertThat(rig.get("operations?project=p7&name=m1").json().path("items").size()).isEqualTo(1);
    JsonNode page = rig.get("operations?project=p7&limit=1").json();
    assertThat(
            rig.get("operations?project=p7&limit=1&cursor=" + page.path("next").asString())
                .json()
                .at("/items/0/spec/target/name")
                .asString())
        .isEqualTo("m1");
    assertThat(rig.get("operations?state=runing").json().path("detail").asString())
        .contains("did you mean \"running\"?");
    assertThat(rig.get("operations?kind=Machne").json().path("detail").asString())
        .contains("did you mean \"Machine\"?");

    String uid = list.at("/items/0/metadata/uid").asString();
    rig.store.write(
        tx -> tx.operations().log(java.util.UUID.fromString(uid), "step", List.of("one", "two")));
    JsonNode log = rig.get("operations/" + uid + "/logs?limit=1").json();
    assertThat(log.at("/items/0/line").asString()).isEqualTo("one");
    assertThat(
            rig.get("operations/" + uid + "/logs?after=" + log.path("next").asLong())
                .json()
                .at("/items/0/line")
                .asString())
        .isEqualTo("two");

    Reply cancelled = rig.post("operations/" + uid + ":cancel");
    assertThat(cancelled.status()).isEqualTo(202);
    assertThat(cancelled.json().at("/spec/cancelRequested").asBoolean()).isTrue();
    assertThat(rig.get("operations/nonsense").status()).isEqualTo(400);
    String nobody = "operations/00000000-0000-7000-8000-000000000000";
    assertThat(rig.get(nobody).status()).isEqualTo(404);
    assertThat(rig.get(nobody + "/logs").status()).isEqualTo(404);
    assertThat(rig.post(nobody + ":cancel").status()).isEqualTo(404);
  }

  @Test
  void projectsAndEvents() {
    rig.put("projects/p8/sizes/s", Rig.size("s", 1, ""));
    assertThat(rig.get("projects").json().path("items").toString())
        .contains("\"default\"", "\"shared\"", "\"p8\"");
    java.util.UUID uid = java.util.UUID.randomUUID();
    rig.store.write(tx ->
        tx.journal().note(io.millwright.model.Kind.SIZE, "p8", uid, "s", "Told", "It was told."));
    JsonNode events = rig.get("projects/p8/events?kind=size&name=s").json();
    assertThat(events.path("items").size()).isEqualTo(1);
    assertThat(events.at("/items/0/message").asString()).isEqualTo("It was told.");
    assertThat(events.at("/items/0/kind").asString()).isEqualTo("Size");
  }
}

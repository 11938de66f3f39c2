package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.assertj.core.api.Assertions;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Who did what, and that nobody can make it something else. */
@Tag("database")
class AuditTest {
  private final Rig rig = Rig.shared();

  private List<String> acts(String project) {
    List<String> out = new ArrayList<>();
    for (JsonNode act : rig.get("projects/" + project + "/audit").json().path("items")) {
      out.add(
          "%s %s %s %s: %s"
              .formatted(
                  act.path("who").asString(),
                  act.path("verb").asString(),
                  act.path("kind").asString(),
                  act.path("name").asString(),
                  act.path("result").asString()));
    }
    return out;
  }

  private JsonNode verified() {
    return rig.get("audit/verification").json();
  }

  @Test
  void whatIsDoneAndWhatIsNotIsWrittenDown() {
    rig.post("projects/audit1/sizes", Rig.size("s", 1, ""));
    rig.post("projects/audit1/sizes", Rig.size("s", 1, ""));
    rig.put("projects/audit1/sizes/t", Rig.size("t", 0, ""));
    rig.get("projects/audit1/sizes");
    for (String yes : List.of("true", "TRUE", "1", "on", "yes")) {
      rig.post("apply?project=audit1&dryRun=" + yes, Rig.size("u", 1, ""));
    }
    rig.post("apply?project=audit1&dryRun=no", Rig.size("v", 1, ""));
    rig.delete("projects/audit1/sizes/s");
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(acts("audit1"))
                .containsExactlyInAnyOrder(
                    "anna delete Size s: done",
                    "anna declare  audit1/Size/v: done",
                    "anna declare Size t: invalid",
                    "anna declare Size s: conflict",
                    "anna declare Size s: done"));
    assertThat(rig.get("projects/audit1/audit").raw().body())
        .contains("\"127.0.0.1\"", "DELETE /api/v1/projects/{project}/sizes/{name}");
  }

  @Test
  void denialsAndSignInsAreWrittenDown() {
    String token =
        rig.post("tokens", "{\"name\": \"audit2-view\", \"verbs\": [\"view\"]}")
            .json()
            .path("secret")
            .asString();
    Reply denied =
        rig.send(
            java.net.http.HttpRequest.newBuilder(rig.uri("projects/audit2/machines/x:power-on"))
                .header("Authorization", "Bearer " + token)
                .POST(java.net.http.HttpRequest.BodyPublishers.noBody())
                .build());
    assertThat(denied.status()).isEqualTo(403);
    // What was refused is written when it was answered.
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(acts("audit2")).containsExactly("audit2-view operate Machine x: refused"));
    rig.send(
        java.net.http.HttpRequest.newBuilder(rig.uri("session"))
            .header("Content-Type", "application/json")
            .POST(
                java.net.http.HttpRequest.BodyPublishers.ofString(
                    "{\"name\": \"audit2-nobody\", \"password\": \"audit2-secret\"}"))
            .build());
    Awaitility.await()
        .untilAsserted(() -> assertThat(rig.get("audit").raw().body()).contains("audit2-nobody"));
    assertThat(rig.get("audit").raw().body()).doesNotContain("audit2-secret").doesNotContain(token);
  }

  @Test
  void aHeartbeatIsWrittenDownOnlyWhenItIsRefused() {
    String token =
        rig.post("tokens", "{\"name\": \"audit9-view\", \"verbs\": [\"view\"]}")
            .json()
            .path("secret")
            .asString();
    assertThat(rig.post("projects/audit9/machines/m:heartbeat").status()).isEqualTo(404);
    Reply denied =
        rig.send(
            java.net.http.HttpRequest.newBuilder(rig.uri("projects/audit9/machines/m:heartbeat"))
                .header("Authorization", "Bearer " + token)
                .POST(java.net.http.HttpRequest.BodyPublishers.noBody())
                .build());
    assertThat(denied.status()).isEqualTo(403);
    // What was refused is written when it was answered.
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(acts("audit9")).containsExactly("audit9-view operate Machine m: refused"));
  }

  @Test
  void theDatabaseRefusesToChangeIt() {
    rig.post("projects/audit3/sizes", Rig.size("s", 1, ""));
    for (String sql :
        List.of("UPDATE audit SET who = 'nobody'", "DELETE FROM audit", "TRUNCATE audit")) {
      Assertions.assertThatThrownBy(() -> rig.sql(sql)).hasStackTraceContaining("only added to");
    }
  }

  @Test
  void whatWasAlteredAllTheSameIsFound() {
    rig.post("projects/audit4/sizes", Rig.size("s", 1, ""));
    long seq = rig.get("projects/audit4/audit").json().path("items").path(0).path("seq").asLong();
    rig.post("projects/audit4/sizes", Rig.size("t", 1, ""));
    assertThat(verified().has("altered")).as(verified().toString()).isFalse();
    rig.sql("ALTER TABLE audit DISABLE TRIGGER ALL");
    try {
      rig.sql("UPDATE audit SET who = 'nobody' WHERE seq = " + seq);
      assertThat(verified().path("altered").asLong()).isEqualTo(seq);
      rig.sql("UPDATE audit SET call = call || ' ' WHERE seq > " + seq);
      assertThat(verified().path("altered").asLong()).as("the first of them").isEqualTo(seq);
      rig.sql("UPDATE audit SET who = 'anna' WHERE seq = " + seq);
      assertThat(verified().path("altered").asLong()).as("the next").isEqualTo(seq + 1);
      rig.sql("UPDATE audit SET call = rtrim(call) WHERE seq > " + seq);
      assertThat(verified().has("altered")).isFalse();
      rig.sql("CREATE TABLE audit_kept AS SELECT * FROM audit WHERE seq >= " + seq);
      rig.sql("DELETE FROM audit WHERE seq = " + seq);
      assertThat(verified().path("altered").asLong()).as("taken out").isEqualTo(seq);
      rig.sql("DELETE FROM audit WHERE seq >= " + seq);
      assertThat(verified().path("altered").asLong()).as("cut off").isEqualTo(seq);
      rig.sql("INSERT INTO audit SELECT * FROM audit_kept");
      assertThat(verified().has("altered")).isFalse();
    } finally {
      rig.sql("ALTER TABLE audit ENABLE TRIGGER ALL");
      rig.sql("DROP TABLE IF EXISTS audit_kept");
    }
  }

  @Test
  void whatSomebodyDidByATokenIsTheirsAndATokenOfTheirNameIsNot() {
    var account = rig.engine.access().accounts().create("audit8", null, Role.ADMIN).account();
    rig.store.write(tx -> tx.people().update(account.withPassword("", false)));
    String own = rig.engine.tokens().create("audit8-ci", null, account.uid(), Scope.ALL).secret();
    String other = rig.engine.tokens().create("audit8", null).secret();
    String longer = rig.engine.tokens().create("audit8x", null).secret();
    for (String secret : List.of(own, other, longer)) {
      Reply made =
          rig.send(
              java.net.http.HttpRequest.newBuilder(rig.uri("projects/audit8/sizes/s"))
                  .header("Authorization", "Bearer " + secret)
                  .DELETE()
                  .build());
      assertThat(made.status()).isEqualTo(404);
    }
    Awaitility.await()
        .untilAsserted(() -> {
          List<String> found = new ArrayList<>();
          rig.get("audit?who=audit8")
              .json()
              .path("items")
              .forEach(a -> found.add(a.path("who").asString() + " " + a.path("as").asString()));
          assertThat(found).containsExactly("audit8 token", "audit8/audit8-ci token");
        });
  }

  @Test
  void rowsThatWereCutOffWithTheirEndAreFoundByWhatWasNoted() {
    rig.post("projects/audit7/sizes", Rig.size("s", 1, ""));
    rig.post("projects/audit7/sizes", Rig.size("t", 1, ""));
    JsonNode last = verified();
    String noted = last.path("seq").asString("") + ":" + last.path("head").asString();
    rig.post("projects/audit7/sizes", Rig.size("u", 1, ""));
    assertThat(verified(noted).has("altered")).isFalse();
    assertThat(
            verified(
                    noted.replaceFirst(
                        ":.", last.path("head").asString().startsWith("0") ? ":1" : ":0"))
                .path("altered")
                .asLong())
        .isEqualTo(last.path("seq").asLong());
    assertThat(rig.get("audit/verification?noted=7").raw().body()).contains("must be SEQ:HASH");
    Assertions.assertThatThrownBy(() -> rig.sql("DELETE FROM audit_head"))
        .hasStackTraceContaining("only goes on");
    Assertions.assertThatThrownBy(() -> rig.sql("UPDATE audit_head SET seq = seq - 1"))
        .hasStackTraceContaining("only goes on");

    rig.sql("CREATE TABLE audit_kept AS SELECT * FROM audit WHERE seq >= " + last.path("seq"));
    rig.sql("CREATE TABLE audit_end AS SELECT * FROM audit_head");
    rig.sql("ALTER TABLE audit DISABLE TRIGGER ALL");
    rig.sql("ALTER TABLE audit_head DISABLE TRIGGER ALL");
    try {
      rig.sql("DELETE FROM audit WHERE seq >= " + last.path("seq"));
      rig.sql(
          "UPDATE audit_head SET (seq, hash) = (SELECT seq, hash FROM audit ORDER BY seq DESC"
              + " LIMIT 1)");
      assertThat(verified().has("altered")).as("by itself it is whole").isFalse();
      assertThat(verified(noted).path("altered").asLong()).isEqualTo(last.path("seq").asLong());
      rig.sql("DELETE FROM audit_head");
      assertThat(verified().has("altered")).as("without an end").isTrue();
    } finally {
      rig.sql("DELETE FROM audit_head");
      rig.sql("INSERT INTO audit SELECT * FROM audit_kept");
      rig.sql("INSERT INTO audit_head SELECT * FROM audit_end");
      rig.sql("ALTER TABLE audit ENABLE TRIGGER ALL");
      rig.sql("ALTER TABLE audit_head ENABLE TRIGGER ALL");
      rig.sql("DROP TABLE audit_kept, audit_end");
    }
    assertThat(verified(noted).has("altered")).isFalse();
  }

  private JsonNode verified(String noted) {
    return rig.get("audit/verification?noted=" + noted).json();
  }

  @Test
  void whatCannotBeWrittenDownIsNotDone() {
    rig.apply("audit-full", Rig.size("kept", 1, ""));
    rig.put("projects/audit-full/machines/m", Rig.machine("m"));
    String machine = rig.get("projects/audit-full/machines/m").raw().body();
    String operations = operations();
    rig.sql(
        """
        CREATE FUNCTION audit_is_full() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no more room for the audit'; END $$
        """);
    try {
      rig.sql(
          """
          CREATE TRIGGER audit_is_full BEFORE INSERT ON audit FOR EACH ROW
              WHEN (NEW.project = 'audit-full' AND NEW.result = 'done')
              EXECUTE FUNCTION audit_is_full()
          """);
      String key = "audit-full-key";
      for (Reply reply :
          List.of(
              rig.post("projects/audit-full/sizes", Rig.size("s", 1, ""), "Idempotency-Key", key),
              rig.put("projects/audit-full/machines/n", Rig.machine("n")),
              rig.delete("projects/audit-full/sizes/kept"),
              rig.delete("projects/audit-full/machines/m"),
              rig.post("projects/audit-full/machines/m:power-off"))) {
        assertThat(reply.status()).as(reply.raw().body()).isGreaterThanOrEqualTo(500);
        assertThat(reply.raw().body()).doesNotContain("no more room");
      }
      assertThat(rig.get("projects/audit-full/sizes/s").status()).isEqualTo(404);
      assertThat(rig.get("projects/audit-full/machines/n").status()).isEqualTo(404);
      assertThat(rig.get("projects/audit-full/sizes/kept").status()).isEqualTo(200);
      assertThat(rig.get("projects/audit-full/machines/m").raw().body()).isEqualTo(machine);
      assertThat(operations()).isEqualTo(operations);
      rig.sql("DROP TRIGGER audit_is_full ON audit");
      // Each of them is done now that it can be written down, also by a key that was used in vain.
      assertThat(
              rig.post("projects/audit-full/sizes", Rig.size("s", 1, ""), "Idempotency-Key", key)
                  .status())
          .isEqualTo(201);
      assertThat(rig.delete("projects/audit-full/sizes/kept").status()).isEqualTo(204);
      assertThat(rig.delete("projects/audit-full/machines/m").status()).isEqualTo(202);
      assertThat(operations()).isNotEqualTo(operations);
      assertThat(verified().has("altered")).isFalse();
    } finally {
      rig.sql("DROP FUNCTION audit_is_full CASCADE");
    }
  }

  private String operations() {
    return rig.get("operations?project=audit-full&limit=1000").raw().body();
  }

  @Test
  void theChainHoldsWhateverHappensAtOnce() throws Exception {
    List<Callable<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      String name = "s" + i;
      all.add(() -> rig.post("projects/audit5/sizes", Rig.size(name, 1, "")).status());
    }
    try (var pool = Executors.newFixedThreadPool(20)) {
      for (var each : pool.invokeAll(all)) {
        assertThat(each.get()).isEqualTo(201);
      }
    }
    assertThat(acts("audit5")).hasSize(60);
    assertThat(verified().has("altered")).isFalse();
  }
}

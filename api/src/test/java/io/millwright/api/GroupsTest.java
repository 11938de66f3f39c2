package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.store.WorkLoop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What can be asked of groups and pools, over HTTP and with their machines really made. */
@Tag("database")
class GroupsTest {
  private static final String GROUP = "projects/groups/groups/web";
  private static final String POOL = "projects/groups/pools/ci";

  private final Rig rig = Rig.shared();

  private static String group(int count) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: web}
    spec: {count: %d, machine: {labels: {tier: t%d}, image: img, size: small}}
    """
        .formatted(count, count);
  }

  private static String pool(int ready) {
    return """
    apiVersion: millwright/v1
    kind: Pool
    metadata: {name: ci}
    spec: {ready: %d, max: %d, machine: {image: img, size: small}}
    """
        .formatted(ready, Math.max(1, ready));
  }

  private String uid(Reply accepted) {
    return accepted.json().path("metadata").path("uid").asString();
  }

  private void awaitEnd(Reply accepted) {
    assertThat(accepted.status()).as(accepted.raw().body()).isEqualTo(202);
    await(() ->
        rig.get("operations/" + uid(accepted))
            .json()
            .path("status")
            .path("state")
            .asString()
            .equals("succeeded"));
  }

  private static void await(java.util.concurrent.Callable<Boolean> condition) {
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(50))
        .until(condition);
  }

  @Test
  void aGroupIsScaledPausedAndRolledBack() {
    try (WorkLoop loop = rig.work()) {
      awaitEnd(rig.put(GROUP, group(2)));
      assertThat(rig.get(GROUP + "/members").json().path("items"))
          .extracting(m -> m.path("name").asString() + " " + m.path("state").asString())
          .containsExactly("web-0 healthy", "web-1 healthy");

      Reply dry = rig.post(GROUP + ":scale?count=1&dryRun=true");
      assertThat(dry.status()).isEqualTo(200);
      assertThat(dry.raw().body()).contains("web-1");
      assertThat(rig.post(GROUP + ":scale?count=-1").status()).isEqualTo(400);
      assertThat(rig.post(GROUP + ":scale?count=2").status()).isEqualTo(200);
      awaitEnd(rig.post(GROUP + ":scale?count=1"));

      assertThat(rig.post(GROUP + ":pause").json().path("status").path("paused").asBoolean())
          .isTrue();
      Reply changed = rig.put(GROUP, group(1));
      await(() -> rig.get(GROUP).raw().body().contains("\"Paused\""));
      assertThat(rig.post(GROUP + ":continue").status()).isEqualTo(202);
      awaitEnd(changed);

      assertThat(rig.get(GROUP + "/revisions").json().path("items")).hasSize(2);
      assertThat(rig.get(GROUP + "/diff?from=1&to=2").json().path("changes").path(0).toString())
          .contains("labels.tier");
      assertThat(rig.post(GROUP + ":rollback?to=7").json().path("errors").path(0).toString())
          .contains("there are: 1, 2");
      awaitEnd(rig.post(GROUP + ":rollback"));
      assertThat(rig.get("projects/groups/machines/web-0").raw().body())
          .contains("\"tier\":\"t2\"");
      Reply hand = rig.delete("projects/groups/machines/web-0");
      assertThat(hand.status()).isEqualTo(409);
      assertThat(hand.json().path("detail").asString()).contains("belongs to Group web");
      assertThat(rig.delete(GROUP).status()).isEqualTo(202);
      await(() -> rig.get(GROUP).status() == 404);
    }
  }

  @Test
  void whichLayerSetsAValueIsTold() {
    assertThat(
            rig.apply(
                    "origins",
                    """
                    apiVersion: millwright/v1
                    kind: Profile
                    metadata: {name: base}
                    spec: {timezone: Etc/UTC, locale: C.UTF-8, packages: [curl]}
                    ---
                    apiVersion: millwright/v1
                    kind: Machine
                    metadata: {name: one}
                    spec: {image: img, size: small, profiles: [base], overrides: {timezone: Europe/Vienna}}
                    ---
                    apiVersion: millwright/v1
                    kind: Group
                    metadata: {name: many}
                    spec:
                      count: 1
                      machine: {image: img, size: small, profiles: [base], overrides: {locale: de_AT.UTF-8}}
                    """)
                .status())
        .isEqualTo(202);
    assertThat(origins("one"))
        .containsExactly(
            "locale: Profile base", "packages[curl]: Profile base", "timezone: the machine");
    assertThat(origins("many-0"))
        .containsExactly(
            "locale: Group many", "packages[curl]: Profile base", "timezone: Profile base");
    assertThat(rig.get("projects/origins/machines/none/customisation").status()).isEqualTo(404);
  }

  private List<String> origins(String machine) {
    List<String> out = new ArrayList<>();
    rig.get("projects/origins/machines/" + machine + "/customisation")
        .json()
        .path("items")
        .forEach(i -> out.add(i.path("field").asString() + ": " + i.path("from").asString()));
    return out;
  }

  @Test
  void aMachineIsClaimedOnceAndTheNextIsToldToComeAgain() {
    assertThat(rig.post(POOL + ":claim").status()).isEqualTo(404);
    try (WorkLoop loop = rig.work()) {
      assertThat(rig.put(POOL, pool(1)).status()).isEqualTo(200);
      await(() -> rig.get(POOL).json().path("status").path("ready").asInt() == 1);
      Reply wrong = rig.post(POOL + ":claim?ttl=soon");
      assertThat(wrong.status()).isEqualTo(400);
      assertThat(wrong.json().path("errors").path(0).path("field").asString()).isEqualTo("ttl");
      assertThat(rig.post(POOL + ":claim?leash=1s").status()).isEqualTo(400);

      Reply mine = rig.post(POOL + ":claim?ttl=2h&leash=60s", "", "Idempotency-Key", "claim-1");
      assertThat(mine.status()).as(mine.raw().body()).isEqualTo(200);
      assertThat(mine.json().path("kind").asString()).isEqualTo("Machine");
      assertThat(mine.json().path("metadata").path("name").asString()).isEqualTo("ci-1");
      assertThat(mine.json().path("spec").path("expiry").path("leash").asString()).isEqualTo("1m");
      assertThat(mine.json().path("status").path("expiresAt").asString()).isNotEmpty();
      // An answer that was lost is had again, and no second machine.
      Reply again = rig.post(POOL + ":claim?ttl=2h&leash=60s", "", "Idempotency-Key", "claim-1");
      assertThat(again.raw().body()).isEqualTo(mine.raw().body());

      Reply none = rig.post(POOL + ":claim");
      assertThat(none.status()).isEqualTo(503);
      assertThat(none.json().path("detail").asString())
          .startsWith("no machine of Pool ci is ready just now; ");
      assertThat(rig.post("projects/groups/machines/ci-1:heartbeat").status()).isEqualTo(204);
      assertThat(rig.get("projects/groups/audit?limit=5").raw().body())
          .contains("pools")
          .doesNotContain(":heartbeat");
      assertThat(rig.delete("projects/groups/machines/ci-1").status()).isEqualTo(202);
      assertThat(rig.delete(POOL).status()).isEqualTo(202);
      await(() -> rig.get(POOL).status() == 404);
    }
  }
}

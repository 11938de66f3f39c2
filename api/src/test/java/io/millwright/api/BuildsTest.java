package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.store.WorkLoop;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Building images over HTTP. */
@Tag("database")
class BuildsTest {
  private static final String GOLD = "projects/builds/images/gold";

  private final Rig rig = Rig.shared();

  private static String image(String build) {
    return """
    apiVersion: millwright/v1
    kind: Image
    metadata: {name: gold}
    spec: {os: debian, version: "12.api", %s}
    """
        .formatted(build);
  }

  private String state(Reply accepted) {
    assertThat(accepted.status()).as(accepted.raw().body()).isEqualTo(202);
    String uid = accepted.json().path("metadata").path("uid").asString();
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(50))
        .until(() -> rig.get("operations/" + uid).json().path("status").has("endedAt"));
    return rig.get("operations/" + uid).json().path("status").path("state").asString();
  }

  @Test
  void anImageIsBuiltAnewAndTellsItsBuilds() {
    assertThat(rig.post(GOLD + ":build").status()).isEqualTo(404);
    try (WorkLoop loop = rig.work()) {
      String check = "check: {size: small}";
      assertThat(
              rig.put(GOLD, image("build: {builder: simulated, suite: x, schedule: 7d}"))
                  .json()
                  .path("errors")
                  .path(0)
                  .toString())
          .contains("has a schedule and no check");
      assertThat(
              rig.put(
                      GOLD,
                      image("build: {builder: simulated, suite: x, schedule: soon, " + check + "}"))
                  .json()
                  .path("errors")
                  .path(0)
                  .toString())
          .contains("five fields of a crontab");
      assertThat(
              state(
                  rig.put(
                      GOLD,
                      image("build: {builder: simulated, suite: x, schedule: 7d, " + check + "}"))))
          .isEqualTo("succeeded");
      Reply again = rig.post(GOLD + ":build", "", "Idempotency-Key", "build-1");
      assertThat(again.json().path("spec").path("verb").asString()).isEqualTo("build");
      assertThat(state(again)).isEqualTo("succeeded");
      assertThat(rig.post(GOLD + ":build", "", "Idempotency-Key", "build-1").raw().body())
          .isEqualTo(again.raw().body());
      assertThat(rig.get(GOLD).json().path("status").path("builds"))
          .extracting(b -> b.path("number").asInt() + " " + b.path("state").asString())
          .containsExactly("2 current");
      assertThat(rig.get(GOLD).raw().body()).contains("Build 2 is in use.");
      assertThat(rig.delete(GOLD).status()).isEqualTo(202);
    }
  }
}

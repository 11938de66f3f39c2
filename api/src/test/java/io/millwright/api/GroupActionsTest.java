package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What can be done with a group, as the page asks it. */
@Tag("database")
class GroupActionsTest {
  private final Rig rig = Rig.shared();

  private static String group(int timeout) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: web}
    spec:
      count: 0
      machine: {image: img, size: small, readyTimeoutSeconds: %d}
    """
        .formatted(timeout);
  }

  /** Why each action cannot be done; empty of those that can. */
  private Map<String, String> reasons() {
    Map<String, String> out = new TreeMap<>();
    rig.get("projects/g1/groups/web/actions")
        .json()
        .path("items")
        .forEach(a -> out.put(a.path("action").asString(), a.path("reason").asString()));
    return out;
  }

  @Test
  void itsActionsSayWhyNot() {
    assertThat(rig.put("projects/g1/groups/web", group(700)).status()).isLessThan(300);
    assertThat(reasons())
        .containsEntry("rollback", "it has one revision only")
        .containsEntry("continue", "no rollout of it waits or has failed")
        .containsEntry("pause", "")
        .containsEntry("scale", "");
    assertThat(rig.post("projects/g1/groups/web:pause").status()).isEqualTo(200);
    assertThat(reasons())
        .containsEntry("pause", "it is paused already")
        .containsEntry("continue", "");
    assertThat(rig.put("projects/g1/groups/web", group(800)).status()).isLessThan(300);
    assertThat(reasons()).containsEntry("rollback", "");
  }
}

package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.driver.testkit.Verb;
import io.millwright.store.WorkLoop;
import java.time.Duration;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** How machines differ from what is declared, as it is asked for. */
@Tag("database")
class DriftTest {
  private final Rig rig = Rig.shared();

  private JsonNode drift(String query) {
    return rig.get("projects/drift-1/drift" + query).json();
  }

  @Test
  void itIsToldOfAllOfOneOrInNumbersOnly() {
    try (WorkLoop work = rig.work()) {
      rig.put("projects/drift-1/drift-policy?policy=report", "");
      for (String name : new String[] {"a", "b"}) {
        rig.put("projects/drift-1/machines/" + name, Rig.machine(name));
      }
      Awaitility.await()
          .until(() -> {
            JsonNode told = drift("?fresh=true");
            return compared(told) == 2 && told.at("/items").isEmpty();
          });
      assertThat(drift("?fresh=true").path("differing").asInt()).isZero();

      UUID uid =
          UUID.fromString(
              rig.get("projects/drift-1/machines/a").json().at("/metadata/uid").asString());
      SimulatedHypervisor.world(Rig.WORLD).powerOff(uid);
      assertThat(drift("?limit=0&fresh=true").toString())
          .isEqualTo("{\"compared\":2,\"differing\":1,\"items\":[]}");
      assertThat(drift("?machine=a").at("/items/0/differences").toString())
          .isEqualTo("[{\"field\":\"power\",\"declared\":\"on\",\"observed\":\"off\"}]");
      assertThat(compared(drift("?machine=a"))).isEqualTo(1);
      Awaitility.await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> compared(drift("?limit=0")) == 2);
      assertThat(compared(rig.get("projects/drift-none/drift").json())).isZero();
      assertThat(drift("?machine=b").path("items").isEmpty()).isTrue();
      assertThat(compared(drift("?machine=nobody"))).isZero();
      assertThat(rig.get("projects/drift-1/drift?limit=-1").json().at("/errors/0/field").asString())
          .isEqualTo("limit");
    }
  }

  @Test
  void aProjectWaitsForNoHypervisorThatHasNoneOfItsMachines() {
    try (WorkLoop work = rig.work()) {
      rig.put("projects/drift-2/drift-policy?policy=report", "");
      rig.put("projects/drift-2/machines/c", Rig.machine("c"));
      Awaitility.await()
          .until(() -> compared(rig.get("projects/drift-2/drift?limit=0&fresh=true").json()) == 1);
    }
    long before = asked();
    assertThat(compared(rig.get("projects/drift-3/drift").json())).isZero();
    assertThat(asked()).isEqualTo(before);
    assertThat(compared(rig.get("projects/drift-2/drift?fresh=true").json())).isEqualTo(1);
    assertThat(asked()).isEqualTo(before + 1);
  }

  private static long asked() {
    return SimulatedHypervisor.world(Rig.WORLD).faults().calls(Verb.OBSERVE);
  }

  private static int compared(JsonNode told) {
    return told.path("compared").asInt();
  }
}

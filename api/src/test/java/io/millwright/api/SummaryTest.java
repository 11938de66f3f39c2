package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Standings.Alike;
import io.millwright.engine.port.Standings.Named;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** How a project stands. */
@Tag("database")
class SummaryTest {
  private final Rig rig = Rig.shared();

  @Test
  void aProjectIsToldInShort() {
    rig.put("projects/sum-1/machines/a", Rig.machine("a"));
    rig.put("projects/sum-1/machines/b", Rig.machine("b"));
    JsonNode told = rig.get("projects/sum-1/summary").json();
    assertThat(told.path("standings").valueStream())
        .filteredOn(s -> s.path("kind").asString().equals("Machine"))
        .singleElement()
        .satisfies(s -> {
          assertThat(s.path("count").asInt()).isEqualTo(2);
          assertThat(s.path("some").get(0).path("name").asString()).isEqualTo("a");
        });
    assertThat(told.path("newest").valueStream().map(m -> m.path("name").asString()))
        .containsExactlyInAnyOrder("a", "b");
    assertThat(told.path("newest").get(0).path("image").asString()).isEqualTo("img");
    assertThat(told.path("endingSoon").asInt()).isZero();
    assertThat(rig.get("projects/-/summary").json().path("newest").isEmpty()).isFalse();
    assertThat(rig.get("projects/sum-none/summary").json().path("newest").isEmpty()).isTrue();
  }

  @Test
  void thousandsThatAreWrongInTheirOwnWayAreCountedAndNotAllTold() {
    List<Alike> all =
        IntStream.range(0, 10_000)
            .mapToObj(n ->
                new Alike(
                    Kind.MACHINE,
                    false,
                    false,
                    List.of(
                        new Condition(
                            Condition.READY,
                            Condition.Value.FALSE,
                            n % 2 == 0 ? "Failed" : "Lost",
                            "It is wrong in way " + n + ".",
                            Instant.EPOCH)),
                    1,
                    List.of(new Named("p", "m" + n))))
            .toList();
    List<Alike> told = SummaryApi.bounded(all);
    assertThat(told).hasSize(202).startsWith(all.getFirst());
    assertThat(told.stream().mapToLong(Alike::count).sum()).isEqualTo(10_000);
    assertThat(SummaryApi.bounded(all.subList(0, 200))).isEqualTo(all.subList(0, 200));
    assertThat(SummaryApi.StandingView.of(all.getFirst()).next())
        .isEqualTo("Look at its last operation.");
  }
}

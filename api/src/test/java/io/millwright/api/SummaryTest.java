package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.engine.port.Standings.Alike;
import io.millwright.engine.port.Standings.Named;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
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
  void whatOneAskedForIsToldApart() {
    Account anna = rig.engine.access().accounts().create("sum-anna", null, null).account();
    Account known = anna.withPassword("", false);
    rig.store.write(tx -> tx.people().update(known));
    rig.engine.access().accounts().grant(new Membership(false, "sum-anna", "sum-2", Role.OPERATOR));
    String token = rig.engine.tokens().create("sum-ci", null, anna.uid(), Scope.ALL).secret();
    rig.put("projects/sum-2/machines/others", Rig.machine("others"));
    assertThat(as(token, "PUT", "projects/sum-2/machines/hers", Rig.machine("hers")).status())
        .isEqualTo(202);
    JsonNode told = as(token, "GET", "projects/sum-2/summary", "").json();
    assertThat(told.path("newest").size()).isEqualTo(2);
    assertThat(told.path("owned").asInt()).isOne();
    assertThat(told.path("mine").valueStream().map(m -> m.path("name").asString()))
        .containsExactly("hers");
    JsonNode listed = rig.get("projects/-/machines?fieldSelector=metadata.owner=sum-anna").json();
    assertThat(listed.path("items").valueStream())
        .extracting(m -> m.path("metadata").path("name").asString())
        .containsExactly("hers");
    // A token that is nobody's has asked for what is nobody's.
    assertThat(rig.get("projects/sum-2/summary").json().has("owned")).isFalse();
    // Who changes a machine has not asked for it.
    as(
        token,
        "PUT",
        "projects/sum-2/machines/others",
        Rig.machine("others").replace("small}", "small, power: 'off'}"));
    assertThat(as(token, "GET", "projects/sum-2/summary", "").json().path("owned").asInt()).isOne();
    // Who declares a group has asked for its members.
    String group =
        """
        apiVersion: millwright/v1
        kind: Group
        metadata: {name: g}
        spec: {count: 1, machine: {image: img, size: small}}
        """;
    assertThat(as(token, "PUT", "projects/sum-2/groups/g", group).status()).isLessThan(300);
    assertThat(as(token, "GET", "projects/sum-2/summary", "").json().path("mine").valueStream())
        .extracting(m -> m.path("name").asString())
        .hasSize(2)
        .contains("hers")
        .anyMatch(n -> n.startsWith("g-"));
    // And for those that it makes by itself later.
    UUID member = uid("projects/sum-2/machines/others");
    UUID of = uid("projects/sum-2/groups/g");
    rig.store.write(tx -> tx.groups().put(Member.fresh(member, of, 7, null, 1)));
    assertThat(as(token, "GET", "projects/sum-2/summary", "").json().path("owned").asInt())
        .isEqualTo(3);
  }

  private UUID uid(String path) {
    return UUID.fromString(rig.get(path).json().path("metadata").path("uid").asString());
  }

  private Rig.Reply as(String token, String method, String path, String body) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri(path))
            .header("Authorization", "Bearer " + token)
            .header("Content-Type", "application/yaml")
            .method(method, BodyPublishers.ofString(body))
            .build());
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

  @Test
  void whatWasDeclaredAnewIsLookedAtByItself() {
    assertThat(next(Condition.Value.UNKNOWN, "Pending")).isNull();
    assertThat(next(Condition.Value.UNKNOWN, "Unreachable"))
        .isEqualTo("Its machines cannot be changed until it answers.");
    assertThat(next(Condition.Value.FALSE, "Pending")).isNotNull();
  }

  private static @Nullable String next(Condition.Value value, String reason) {
    Condition ready = new Condition(Condition.READY, value, reason, "So it is.", Instant.EPOCH);
    return SummaryApi.StandingView.of(
            new Alike(
                Kind.HYPERVISOR,
                false,
                false,
                List.of(ready),
                1,
                List.of(new Named("shared", "kvm"))))
        .next();
  }
}

package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Condition.Value;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** ByteSize, Mac, Condition, Selector, Addressing, Metadata, Ids. */
class ValuesTest {
  private static final Instant NOW = Instant.parse("2026-11-21T10:00:00Z");

  @Property
  void sizesAreReadAsTheyArePrinted(@ForAll("sizes") ByteSize size) {
    assertThat(ByteSize.parse(size.toString())).isEqualTo(size);
  }

  @ParameterizedTest
  @CsvSource({
    "512MiB, 512MiB",
    "1024MiB, 1GiB",
    "1536MiB, 1536MiB",
    "2048GiB, 2TiB",
    "8Gi, 8GiB",
    "0GiB, 0MiB",
    "8388607TiB, 8388607TiB"
  })
  void sizes(String text, String printed) {
    assertThat(ByteSize.parse(text)).hasToString(printed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "512",
        "512MB",
        "512M",
        "1.5GiB",
        "-1GiB",
        "1 GiB",
        "GiB",
        "1gib",
        "1KiB",
        "8388608TiB",
        "9999999999999TiB",
        "99999999999999999999GiB",
        "1GiB\n",
        "１GiB"
      })
  void refusedSizes(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Property
  void macsAreReadAsTheyArePrinted(@ForAll("macs") Mac mac) {
    assertThat(Mac.parse(mac.toString())).isEqualTo(mac);
    assertThat(Mac.parse(mac.text().toUpperCase(java.util.Locale.ROOT).replace(':', '-')))
        .isEqualTo(mac);
  }

  @Property
  void qemusMacsAreAllDifferent(@ForAll int a, @ForAll int b) {
    assertThat(Mac.ofQemu(a).equals(Mac.ofQemu(b))).isEqualTo((a & 0xffffff) == (b & 0xffffff));
    assertThat(Mac.ofQemu(a).text()).startsWith("52:54:00:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "52:54:00:12:34",
        "52:54:00:12:34:56:78",
        "525400123456",
        "52:54:00:12:34:5g",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "33:33:00:00:00:01",
        "52:54:00:12:34:56 "
      })
  void refusedMacs(String text) {
    assertThatThrownBy(() -> Mac.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Property
  void addressingsAreReadAsTheyArePrinted(@ForAll("addressings") Addressing addressing) {
    assertThat(Addressing.parse(addressing.text())).isEqualTo(addressing);
  }

  @Property
  void setConditionsStandThereOnceAndKeepTheOthers(@ForAll("conditions") List<Condition> sets) {
    List<Condition> all = List.of();
    for (Condition next : sets) {
      List<Condition> before = all;
      all = Condition.set(before, next);
      assertThat(all.stream().map(Condition::type)).doesNotHaveDuplicates();
      Condition now = Condition.find(all, next.type()).orElseThrow();
      assertThat(now.message()).isEqualTo(next.message());
      assertThat(now.since())
          .isEqualTo(
              Condition.find(before, next.type())
                  .filter(c -> c.value() == next.value())
                  .map(Condition::since)
                  .orElse(next.since()));
      List<Condition> others = new ArrayList<>(before);
      others.removeIf(c -> c.type().equals(next.type()));
      assertThat(Condition.drop(all, next.type())).isEqualTo(others);
      // Nothing is written where nothing changed, so the same must be equal.
      assertThat(Condition.set(all, now)).isEqualTo(all);
    }
  }

  @Test
  void unknownDoesNotHold() {
    Condition c = new Condition("Ready", Value.UNKNOWN, "Gone", "It does not answer.", NOW);
    assertThat(Condition.holds(List.of(c), "Ready")).isFalse();
    assertThat(Condition.holds(List.of(), "Ready")).isFalse();
  }

  @Test
  void selectorsSelect() {
    Map<String, String> labels = Map.of("app", "web", "tier", "prod");
    assertThat(Selector.parse("l", "").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "app=web, tier!=test").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "app==db").matches(labels)).isFalse();
    assertThat(Selector.parse("l", "app,!old").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "owner!=anna").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "app in (db, web),tier").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "tier ,app in(db)").matches(labels)).isFalse();
    assertThat(Selector.parse("l", "app notin (db,web)").matches(labels)).isFalse();
    assertThat(Selector.parse("l", "owner notin (anna), app in (web)").matches(labels)).isTrue();
    assertThat(Selector.parse("l", "in").matches(Map.of("in", "x"))).isTrue();
    assertThat(Selector.parse("l", "a in ()").matches(Map.of("a", ""))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ",",
        "a,",
        "!a=b",
        "a=b=c",
        "a>1",
        "a in (b",
        "a in b",
        "!a in (b)",
        "a in (b) c",
        "ain (b)",
        "a in (b),",
        "=b",
        "a='b'"
      })
  void refusedSelectors(String text) {
    assertThatThrownBy(() -> Selector.parse("labels", text)).isInstanceOf(ProblemException.class);
  }

  @Test
  void labelsHaveAnOrder() {
    Map<String, String> labels = Map.of("c", "1", "a", "2", "b", "3", "d", "4");
    Metadata metadata = new Metadata("a", "p", labels, labels, new UUID(0, 0), 1, 1, NOW, null);
    assertThat(metadata.labels().keySet()).containsExactly("a", "b", "c", "d");
    assertThat(metadata.annotations().keySet()).containsExactly("a", "b", "c", "d");
  }

  @Test
  void idsGrowWithTime() {
    UUID first = Ids.next(() -> NOW);
    UUID second = Ids.next(() -> NOW.plusMillis(1));
    assertThat(first.version()).isEqualTo(7);
    assertThat(first.variant()).isEqualTo(2);
    assertThat(second.toString()).isGreaterThan(first.toString());
    assertThat(Ids.brief(first)).hasSize(8);
  }

  @Provide
  Arbitrary<ByteSize> sizes() {
    return Any.size();
  }

  @Provide
  Arbitrary<Mac> macs() {
    return Any.mac();
  }

  @Provide
  Arbitrary<Addressing> addressings() {
    return Any.addressing();
  }

  @Provide
  Arbitrary<List<Condition>> conditions() {
    return Combinators.combine(
            Arbitraries.of("Ready", "Placed", "Booted"),
            Arbitraries.of(Value.values()),
            Arbitraries.of("a", "b"),
            Any.instant())
        .as((type, value, message, since) -> new Condition(type, value, "Because", message, since))
        .list()
        .ofMaxSize(8);
  }
}

package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class DiffTest {
  private static List<String> diff(String before, String after) {
    return Diff.between(Json.read(before, JsonNode.class), Json.read(after, JsonNode.class))
        .stream()
        .map(c -> c.path() + ": " + c.before() + " -> " + c.after())
        .toList();
  }

  @Test
  void namesFields() {
    assertThat(
            diff(
                "{\"spec\": {\"nics\": [{\"ipv4\": \"auto\"}, {\"ipv4\": \"dhcp\"}]}}",
                "{\"spec\": {\"nics\": [{\"ipv4\": \"none\"}, {\"ipv4\": \"dhcp\"}]}}"))
        .containsExactly("spec.nics[0].ipv4: \"auto\" -> \"none\"");
  }

  @Test
  void tellsNewGoneAndOtherFields() {
    assertThat(diff("{\"a\": 1, \"b\": 2, \"n\": null}", "{\"b\": 3, \"c\": {\"d\": 4}}"))
        .containsExactly("a: 1 -> null", "b: 2 -> 3", "c: null -> {\"d\":4}");
  }

  @Test
  void quotesKeysThatAreNoWords() {
    assertThat(diff("{\"labels\": {\"a.b/c\": \"x\"}}", "{\"labels\": {}}"))
        .containsExactly("labels[\"a.b/c\"]: \"x\" -> null");
  }

  @Test
  void comparesByName() {
    assertThat(
            diff(
                "[{\"name\": \"a\", \"v\": 1}, {\"name\": \"b\", \"v\": 1}]",
                "[{\"name\": \"c\", \"v\": 1}, {\"name\": \"a\", \"v\": 2}, {\"name\": \"b\","
                    + " \"v\": 1}]"))
        .containsExactly("[a].v: 1 -> 2", "[c]: null -> {\"name\":\"c\",\"v\":1}");
  }

  @Test
  void tellsAnotherOrder() {
    assertThat(
            diff(
                "[{\"name\": \"a\"}, {\"name\": \"b\"}]", "[{\"name\": \"b\"}, {\"name\": \"a\"}]"))
        .containsExactly(" (order): [\"a\",\"b\"] -> [\"b\",\"a\"]");
  }

  @Test
  void aRemovalFromTheMiddleIsOneChange() {
    assertThat(diff("[\"a\", \"b\", \"c\", \"d\"]", "[\"a\", \"c\", \"d\"]"))
        .containsExactly("[1]: \"b\" -> null");
  }

  @Property
  void isEmptyExactlyIfEqual(@ForAll("trees") String before, @ForAll("trees") String after) {
    JsonNode a = Json.read(before, JsonNode.class);
    JsonNode b = Json.read(after, JsonNode.class);
    assertThat(Diff.between(a, a)).isEmpty();
    assertThat(Diff.between(a, b).isEmpty()).isEqualTo(a.equals(b));
    assertThat(Diff.between(a, b)).hasSameSizeAs(Diff.between(b, a));
  }

  @Provide
  Arbitrary<String> trees() {
    Arbitrary<String> leaf = Arbitraries.of("1", "2", "\"x\"", "true");
    return Arbitraries.recursive(
        () -> leaf,
        inner ->
            Arbitraries.oneOf(
                inner.list().ofMaxSize(3).map(l -> "[" + String.join(",", l) + "]"),
                Arbitraries.maps(Arbitraries.of("name", "a", "b"), inner)
                    .ofMaxSize(3)
                    .map(m ->
                        m.entrySet().stream()
                            .map(e -> "\"" + e.getKey() + "\":" + e.getValue())
                            .collect(java.util.stream.Collectors.joining(",", "{", "}"))),
                Arbitraries.of("a", "b", "c")
                    .list()
                    .uniqueElements()
                    .map(l ->
                        l.stream()
                            .map(n -> "{\"name\":\"" + n + "\"}")
                            .collect(java.util.stream.Collectors.joining(",", "[", "]")))),
        0,
        3);
  }
}

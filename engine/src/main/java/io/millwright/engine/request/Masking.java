package io.millwright.engine.request;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SecretFields;
import io.millwright.model.Secret;
import io.millwright.model.Spec;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Diff.Change;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Takes secrets out of what is shown: what was sealed becomes {@link Secret#MASK}. */
public final class Masking {
  private Masking() {}

  private static final SecretFields.Change HIDE =
      new SecretFields.Change() {
        @Override
        public String text(String value, @Nullable String before, Violations at) {
          return Secret.MASK;
        }

        @Override
        public Map<String, String> settings(Map<String, String> settings) {
          Map<String, String> out = new TreeMap<>(settings);
          out.replaceAll((k, v) -> SecretBox.isSealed(v) ? Secret.MASK : v);
          return out;
        }
      };

  /** The spec as it may be shown to anybody. */
  public static Spec mask(Spec spec) {
    return spec instanceof Record record ? (Spec) maskPart(record) : spec;
  }

  /** As {@link #mask(Spec)}, of a part of a spec. */
  public static <R extends Record> R maskPart(R record) {
    return SecretFields.each(record, HIDE);
  }

  /** The changes as they may be shown; of a secret that changed one sees that it did. */
  static List<Change> mask(List<Change> changes) {
    return changes.stream().map(Masking::mask).toList();
  }

  /** All sealed values in it, in their order. */
  static List<String> sealed(JsonNode node) {
    return switch (node) {
      case ObjectNode object ->
          object.properties().stream().flatMap(p -> sealed(p.getValue()).stream()).toList();
      case ArrayNode array -> array.valueStream().flatMap(each -> sealed(each).stream()).toList();
      default ->
          node.isString() && SecretBox.isSealed(node.stringValue())
              ? List.of(node.stringValue())
              : List.of();
    };
  }

  private static Change mask(Change change) {
    JsonNode before = change.before();
    JsonNode after = change.after();
    JsonNode shownBefore = before == null ? null : mask(before, Secret.MASK);
    JsonNode shownAfter = after == null ? null : mask(after, Secret.MASK);
    if (after != null && Objects.equals(shownBefore, shownAfter)) {
      shownAfter = mask(after, "(sealed anew)");
    }
    return new Change(change.path(), shownBefore, shownAfter);
  }

  private static JsonNode mask(JsonNode node, String mask) {
    return switch (node) {
      case ObjectNode object -> {
        ObjectNode out = JsonNodeFactory.instance.objectNode();
        object.properties().forEach(p -> out.set(p.getKey(), mask(p.getValue(), mask)));
        yield out;
      }
      case ArrayNode array -> {
        ArrayNode out = JsonNodeFactory.instance.arrayNode();
        array.forEach(each -> out.add(mask(each, mask)));
        yield out;
      }
      default ->
          node.isString() && SecretBox.isSealed(node.stringValue())
              ? JsonNodeFactory.instance.stringNode(mask)
              : node;
    };
  }
}

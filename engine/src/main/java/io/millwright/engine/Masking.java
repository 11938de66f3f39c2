package io.millwright.engine;

import io.millwright.model.HypervisorSpec;
import io.millwright.model.NetworkSpec;
import io.millwright.model.SourceSpec;
import io.millwright.model.Spec;
import io.millwright.model.manifest.Diff.Change;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Takes secrets out of what is shown: what was sealed becomes {@link SecretBox#MASK}. */
public final class Masking {
  private Masking() {}

  /** The spec as it may be shown to anybody. */
  public static Spec mask(Spec spec) {
    return switch (spec) {
      case HypervisorSpec h -> h.withSettings(mask(h.settings()));
      case NetworkSpec n -> {
        NetworkSpec.Services services = n.services();
        yield services == null
            ? n
            : n.withServices(
                new NetworkSpec.Services(services.driver(), mask(services.settings())));
      }
      case SourceSpec s -> s.withSettings(mask(s.settings()));
      default -> spec;
    };
  }

  /** The changes as they may be shown; of a secret that changed one sees that it did. */
  static List<Change> mask(List<Change> changes) {
    return changes.stream().map(Masking::mask).toList();
  }

  private static Change mask(Change change) {
    JsonNode before = change.before();
    JsonNode after = change.after();
    JsonNode shownBefore = before == null ? null : mask(before, SecretBox.MASK);
    JsonNode shownAfter = after == null ? null : mask(after, SecretBox.MASK);
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

  private static Map<String, String> mask(Map<String, String> settings) {
    Map<String, String> out = new TreeMap<>(settings);
    out.replaceAll((k, v) -> SecretBox.isSealed(v) ? SecretBox.MASK : v);
    return out;
  }
}

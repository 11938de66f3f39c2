package io.millwright.model.manifest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * What differs between two trees, for people to read.
 *
 * <p>There is no difference exactly if the trees are equal, apart from nulls, which count as left
 * out. Objects in a list that all have a {@code name} are compared by it, so that a card put in
 * front of others is one addition; their order is then a change of its own.
 */
public final class Diff {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][-A-Za-z0-9_]*");

  private final List<Change> out = new ArrayList<>();

  private Diff() {}

  /**
   * One difference.
   *
   * @param path for example {@code spec.nics[0].ipv4} or {@code spec.users[anna].keys[1]}
   * @param before null for what is new
   * @param after null for what is gone
   */
  public record Change(String path, @Nullable JsonNode before, @Nullable JsonNode after) {}

  public static List<Change> between(JsonNode before, JsonNode after) {
    Diff diff = new Diff();
    diff.compare("", before, after);
    return List.copyOf(diff.out);
  }

  private void compare(String path, @Nullable JsonNode before, @Nullable JsonNode after) {
    JsonNode a = before == null || before.isNull() ? null : before;
    JsonNode b = after == null || after.isNull() ? null : after;
    if (a == null || b == null) {
      if (a != b) {
        out.add(new Change(path, a, b));
      }
    } else if (a.isObject() && b.isObject()) {
      objects(path, a, b);
    } else if (a.isArray() && b.isArray()) {
      Map<String, JsonNode> left = named(a);
      Map<String, JsonNode> right = named(b);
      if (left != null && right != null) {
        byName(path, left, right);
      } else {
        byPlace(path, a, b);
      }
    } else if (!a.equals(b)) {
      out.add(new Change(path, a, b));
    }
  }

  private void objects(String path, JsonNode a, JsonNode b) {
    Set<String> keys = new LinkedHashSet<>(a.propertyNames());
    keys.addAll(b.propertyNames());
    for (String key : keys) {
      String step = PLAIN.matcher(key).matches() ? key : "[\"" + key + "\"]";
      String next = path.isEmpty() || step.startsWith("[") ? path + step : path + "." + step;
      compare(next, a.get(key), b.get(key));
    }
  }

  private void byName(String path, Map<String, JsonNode> a, Map<String, JsonNode> b) {
    Set<String> names = new LinkedHashSet<>(a.keySet());
    names.addAll(b.keySet());
    for (String name : names) {
      compare(path + "[" + name + "]", a.get(name), b.get(name));
    }
    List<String> left = new ArrayList<>(a.keySet());
    left.retainAll(b.keySet());
    List<String> right = new ArrayList<>(b.keySet());
    right.retainAll(a.keySet());
    if (!left.equals(right)) {
      out.add(new Change(path + " (order)", texts(left), texts(right)));
    }
  }

  /** Drops what both have at the start and at the end, and pairs the rest one by one. */
  private void byPlace(String path, JsonNode a, JsonNode b) {
    int start = 0;
    while (start < a.size() && start < b.size() && same(a.get(start), b.get(start))) {
      start++;
    }
    int endA = a.size();
    int endB = b.size();
    while (endA > start && endB > start && same(a.get(endA - 1), b.get(endB - 1))) {
      endA--;
      endB--;
    }
    for (int i = start; i < Math.max(endA, endB); i++) {
      compare(path + "[" + i + "]", i < endA ? a.get(i) : null, i < endB ? b.get(i) : null);
    }
  }

  private static boolean same(JsonNode a, JsonNode b) {
    return between(a, b).isEmpty();
  }

  /** The elements by their names, or null if they have none or not each its own. */
  private static @Nullable Map<String, JsonNode> named(JsonNode list) {
    Map<String, JsonNode> out = new LinkedHashMap<>();
    for (JsonNode element : list) {
      JsonNode name = element.get("name");
      if (name == null || !name.isString() || out.put(name.stringValue(), element) != null) {
        return null;
      }
    }
    return out;
  }

  private static JsonNode texts(List<String> words) {
    ArrayNode out = JsonNodeFactory.instance.arrayNode();
    words.forEach(out::add);
    return out;
  }
}

package io.millwright.engine.request;

import io.millwright.engine.access.SecretBox;
import io.millwright.model.Secret;
import io.millwright.model.Spec;
import io.millwright.model.manifest.Diff.Change;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Takes secrets out of what is shown: what was sealed becomes {@link SecretBox#MASK}. */
public final class Masking {
  private Masking() {}

  /** The spec as it may be shown to anybody. */
  public static Spec mask(Spec spec) {
    return spec instanceof Record record ? (Spec) mask(record) : spec;
  }

  /** Names of a record's components that are secret, or hold what is. */
  private static final ClassValue<Set<String>> SECRET =
      new ClassValue<>() {
        @Override
        protected Set<String> computeValue(Class<?> type) {
          return Stream.of(type.getRecordComponents())
              .filter(c ->
                  c.isAnnotationPresent(Secret.class)
                      || c.getType().isRecord() && !SECRET.get(c.getType()).isEmpty())
              .map(RecordComponent::getName)
              .collect(Collectors.toUnmodifiableSet());
        }
      };

  private static Record mask(Record record) {
    Set<String> secret = SECRET.get(record.getClass());
    if (secret.isEmpty()) {
      return record;
    }
    RecordComponent[] all = record.getClass().getRecordComponents();
    try {
      @Nullable Object[] values = new Object[all.length];
      for (int i = 0; i < all.length; i++) {
        Object value = all[i].getAccessor().invoke(record);
        values[i] = secret.contains(all[i].getName()) && value != null ? masked(value) : value;
      }
      Class<?>[] types = Stream.of(all).map(RecordComponent::getType).toArray(Class<?>[]::new);
      return record.getClass().getDeclaredConstructor(types).newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // records of the model are public
    }
  }

  private static Object masked(Object value) {
    return switch (value) {
      case String text -> mask(text);
      case Map<?, ?> settings -> {
        Map<Object, Object> out = new TreeMap<>(settings);
        out.replaceAll((k, v) -> masked(v));
        yield out;
      }
      case Record record -> mask(record);
      default -> throw new IllegalStateException("cannot mask a " + value.getClass());
    };
  }

  private static String mask(String value) {
    return SecretBox.isSealed(value) ? SecretBox.MASK : value;
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
}

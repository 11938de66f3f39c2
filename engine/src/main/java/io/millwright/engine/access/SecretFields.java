package io.millwright.engine.access;

import io.millwright.model.Secret;
import io.millwright.model.Violations;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where a record of the model has secrets: in its components that are {@link Secret}, and in those
 * that hold records with such, alone or in a list.
 */
public final class SecretFields {
  /** What is wrong with a masked secret where there was none before. */
  public static final String NONE_YET =
      Secret.MASK + " stands for a secret that is there already; give the secret";

  private SecretFields() {}

  /** What becomes of a secret. */
  public interface Change {
    /**
     * The text that stands in place of one.
     *
     * @param before what stood there in the record before, or null
     * @param at its field
     */
    String text(String value, @Nullable String before, Violations at);

    /** A driver's settings, of which only the driver knows which are secret. */
    default Map<String, String> settings(Map<String, String> settings) {
      return settings;
    }
  }

  /** Names of a record's components that are secret, or hold what is. */
  private static final ClassValue<Set<String>> NAMES =
      new ClassValue<>() {
        @Override
        protected Set<String> computeValue(Class<?> type) {
          return Stream.of(type.getRecordComponents())
              .filter(c -> c.isAnnotationPresent(Secret.class) || holds(c))
              .map(RecordComponent::getName)
              .collect(Collectors.toUnmodifiableSet());
        }

        private boolean holds(RecordComponent component) {
          Type type =
              component.getType() == List.class
                      && component.getGenericType() instanceof ParameterizedType list
                  ? list.getActualTypeArguments()[0]
                  : component.getType();
          return type instanceof Class<?> record && record.isRecord() && !get(record).isEmpty();
        }
      };

  /** The record with each of its secrets changed; the very same if it has none. */
  public static <R extends Record> R each(R record, Change change) {
    return each(record, null, Violations.at(""), change);
  }

  /**
   * As the other one, beside what was there before: of lists, what has the same name.
   *
   * @param before of the same type, or null
   * @param at the record's own field
   */
  public static <R extends Record> R each(
      R record, @Nullable Record before, Violations at, Change change) {
    Set<String> names = NAMES.get(record.getClass());
    if (names.isEmpty()) {
      return record;
    }
    RecordComponent[] all = record.getClass().getRecordComponents();
    @Nullable Object[] values = new Object[all.length];
    for (int i = 0; i < all.length; i++) {
      String name = all[i].getName();
      Object value = get(all[i], record);
      values[i] =
          names.contains(name) && value != null
              ? changed(value, before == null ? null : get(all[i], before), at.field(name), change)
              : value;
    }
    try {
      Class<?>[] types = Stream.of(all).map(RecordComponent::getType).toArray(Class<?>[]::new);
      @SuppressWarnings("unchecked") // of the record's own class
      R out = (R) record.getClass().getDeclaredConstructor(types).newInstance(values);
      return out;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // records of the model are public
    }
  }

  @SuppressWarnings("unchecked") // settings are texts by names
  private static Object changed(
      Object value, @Nullable Object before, Violations at, Change change) {
    return switch (value) {
      case String text -> change.text(text, (String) before, at);
      case Map<?, ?> settings -> change.settings((Map<String, String>) settings);
      case Record record -> each(record, (Record) before, at, change);
      case List<?> list -> {
        List<Object> out = new ArrayList<>();
        for (Object one : list) {
          Record record = (Record) one;
          out.add(each(record, sameName(record, before), at.index(out.size()), change));
        }
        yield out;
      }
      default -> throw new IllegalStateException("no secret can be in a " + value.getClass());
    };
  }

  private static @Nullable Record sameName(Record record, @Nullable Object before) {
    return before instanceof List<?> list
        ? list.stream()
            .map(Record.class::cast)
            .filter(b -> Objects.equals(name(b), name(record)))
            .findFirst()
            .orElse(null)
        : null;
  }

  private static @Nullable Object name(Record record) {
    return Stream.of(record.getClass().getRecordComponents())
        .filter(c -> c.getName().equals("name"))
        .findFirst()
        .map(c -> get(c, record))
        .orElse(null);
  }

  private static @Nullable Object get(RecordComponent component, Record record) {
    try {
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // records of the model are public
    }
  }
}

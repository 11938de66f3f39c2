package io.millwright.model.manifest;

import com.fasterxml.jackson.annotation.JsonCreator;
import io.millwright.model.Default;
import io.millwright.model.LeftOut;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Makes records of what was written, and says everything that is wrong with it.
 *
 * <p>The records themselves are the schema: a component is optional if it is {@code @Nullable} or
 * {@code @Default}, and needed otherwise; an enum is written in lower-kebab-case; a class with a
 * {@code @JsonCreator} method {@code parse(String)} is written as text.
 */
final class Decoder {
  /** How many elements a list or mapping may have; keeps checks that compare all pairs cheap. */
  static final int MAX_ELEMENTS = 1000;

  private static final int LONGEST_URL = 2048;

  private static final Instant LAST = Instant.parse("9999-01-01T00:00:00Z");

  private static final Pattern INTEGER = Pattern.compile("-?(0|[1-9][0-9]{0,30})");

  private static final ClassValue<Shape> SHAPES =
      new ClassValue<>() {
        @Override
        protected Shape computeValue(Class<?> type) {
          return Shape.of(type);
        }
      };

  private static final ClassValue<Optional<Method>> PARSERS =
      new ClassValue<>() {
        @Override
        protected Optional<Method> computeValue(Class<?> type) {
          return Arrays.stream(type.getDeclaredMethods())
              .filter(m -> Modifier.isStatic(m.getModifiers()) && m.getName().equals("parse"))
              .filter(m -> m.isAnnotationPresent(JsonCreator.class))
              .findFirst();
        }
      };

  private Decoder() {}

  /** One component of a record. */
  private record Part(String name, Type type, boolean required) {}

  /** What is to be known of a record's class. */
  private record Shape(Constructor<?> constructor, Map<String, Part> parts) {
    static Shape of(Class<?> type) {
      try {
        RecordComponent[] components = type.getRecordComponents();
        Constructor<?> constructor =
            type.getDeclaredConstructor(
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new));
        constructor.setAccessible(true);
        Map<String, Part> parts = new LinkedHashMap<>();
        for (RecordComponent c : components) {
          boolean optional =
              c.isAnnotationPresent(Default.class)
                  || c.getAnnotatedType().isAnnotationPresent(Nullable.class);
          parts.put(c.getName(), new Part(c.getName(), c.getGenericType(), !optional));
        }
        return new Shape(constructor, parts);
      } catch (NoSuchMethodException e) {
        throw new IllegalStateException(type + " is no record", e);
      }
    }
  }

  /**
   * The record that {@code node} says, or null if it says none; then {@code at} tells why.
   *
   * @param ignored fields that may stand there but mean nothing
   */
  static <R> @Nullable R record(Class<R> type, Node node, Violations at, Set<String> ignored) {
    if (!(node instanceof Node.Fields map)) {
      at.add("must be a mapping with fields, not " + node.describe());
      return null;
    }
    Shape shape = SHAPES.get(type);
    for (String name : map.fields().keySet()) {
      if (!shape.parts().containsKey(name) && !ignored.contains(name) && !at.full()) {
        at.field(Names.isWord(name) ? name : Names.quote(name)).add(unknown(type, name, shape));
      }
    }
    @Nullable Object[] values = new @Nullable Object[shape.parts().size()];
    boolean complete = true;
    int i = 0;
    for (Part part : shape.parts().values()) {
      Node.Field field = map.fields().get(part.name());
      Violations here = at.field(part.name());
      if (field == null || field.value().empty()) {
        if (part.required()) {
          here.add("is missing");
          complete = false;
        }
      } else {
        values[i] = value(part.type(), field.value(), here);
        complete &= values[i] != null;
      }
      i++;
    }
    return complete ? construct(type, shape, values, at) : null;
  }

  private static <R> @Nullable R construct(
      Class<R> type, Shape shape, @Nullable Object[] values, Violations at) {
    try {
      return type.cast(shape.constructor().newInstance(values));
    } catch (InvocationTargetException e) {
      at.add(refusal(e));
      return null;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What a constructor or a parse method said against its input. */
  private static String refusal(InvocationTargetException e) {
    if (e.getCause() instanceof IllegalArgumentException why) {
      return String.valueOf(why.getMessage());
    }
    throw new IllegalStateException(e.getCause());
  }

  private static @Nullable Object value(Type type, Node node, Violations at) {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      return generic.getRawType() == Map.class
          ? map(arguments[1], node, at)
          : list(arguments[0], node, at);
    }
    Class<?> plain = (Class<?>) type;
    Optional<Method> parse = parser(plain);
    if (plain.isRecord() && parse.isEmpty()) {
      return record(plain, node, at, Set.of());
    }
    if (plain == JsonNode.class) {
      return tree(node, at);
    }
    if (!(node instanceof Node.Scalar scalar)) {
      at.add("must be " + expected(plain) + ", not " + node.describe());
      return null;
    }
    if (plain == String.class) {
      return text(scalar, at);
    }
    if (parse.isPresent()) {
      try {
        return parse.get().invoke(null, scalar.text());
      } catch (InvocationTargetException e) {
        at.add(Names.quote(scalar.text()) + ": " + refusal(e));
        return null;
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }
    if (plain == Instant.class) {
      return instant(scalar, at);
    }
    if (plain == URI.class) {
      return url(scalar, at);
    }
    if (plain == Boolean.class || plain == boolean.class) {
      return bool(scalar, at);
    }
    if (plain.isEnum()) {
      return enumerated(plain, scalar, at);
    }
    if (plain == Integer.class || plain == int.class) {
      Long n = integer(scalar, Integer.MIN_VALUE, Integer.MAX_VALUE, at);
      return n == null ? null : Integer.valueOf(n.intValue());
    }
    if (plain == Long.class || plain == long.class) {
      return integer(scalar, Long.MIN_VALUE, Long.MAX_VALUE, at);
    }
    throw new IllegalStateException("manifests have no " + plain);
  }

  /** What was written, as it is; like this, numbers and truth values are told from text. */
  private static @Nullable JsonNode tree(Node node, Violations at) {
    return switch (node) {
      case Node.Fields map -> {
        ObjectNode out = Json.mapper().createObjectNode();
        map.fields()
            .forEach((key, field) -> {
              Violations here = at.field(Names.isWord(key) ? key : Names.quote(key));
              JsonNode value = tree(field.value(), here);
              if (value != null && storable(key, here)) {
                out.set(key, value);
              }
            });
        yield out.size() == map.fields().size() ? out : null;
      }
      case Node.Items items -> {
        ArrayNode out = Json.mapper().createArrayNode();
        for (int i = 0; i < items.items().size(); i++) {
          JsonNode value = tree(items.items().get(i), at.index(i));
          if (value != null) {
            out.add(value);
          }
        }
        yield out.size() == items.items().size() ? out : null;
      }
      case Node.Scalar s when s.empty() -> Json.mapper().nullNode();
      case Node.Scalar s
          when !s.quoted()
              && (INTEGER.matcher(s.text()).matches()
                  || s.text().equals("true")
                  || s.text().equals("false")) ->
          Json.mapper().readTree(s.text());
      case Node.Scalar s -> {
        String text = text(s, at);
        yield text == null ? null : Json.mapper().getNodeFactory().stringNode(text);
      }
    };
  }

  private static @Nullable Object list(Type element, Node node, Violations at) {
    if (!(node instanceof Node.Items list)) {
      at.add("must be a list, not " + node.describe() + "; each element starts with \"- \"");
      return null;
    }
    if (list.items().size() > MAX_ELEMENTS) {
      at.add("has more than " + MAX_ELEMENTS + " elements");
      return null;
    }
    List<Object> out = new ArrayList<>();
    for (int i = 0; i < list.items().size(); i++) {
      Object value = element(element, list.items().get(i), at.index(i));
      if (value != null) {
        out.add(value);
      }
    }
    return out.size() == list.items().size() ? out : null;
  }

  private static @Nullable Object map(Type element, Node node, Violations at) {
    if (!(node instanceof Node.Fields map)) {
      at.add("must be a mapping of names to values, not " + node.describe());
      return null;
    }
    if (map.fields().size() > MAX_ELEMENTS) {
      at.add("has more than " + MAX_ELEMENTS + " entries");
      return null;
    }
    Map<String, Object> out = new TreeMap<>();
    map.fields()
        .forEach((key, field) -> {
          Violations here = at.field(Names.isWord(key) ? key : Names.quote(key));
          Object value = element(element, field.value(), here);
          if (value != null && storable(key, here)) {
            out.put(key, value);
          }
        });
    return out.size() == map.fields().size() ? out : null;
  }

  private static @Nullable Object element(Type type, Node node, Violations at) {
    if (node.empty()) {
      at.add("is empty");
      return null;
    }
    return value(type, node, at);
  }

  private static @Nullable String text(Node.Scalar scalar, Violations at) {
    return storable(scalar.text(), at) ? scalar.text() : null;
  }

  /** False for what neither PostgreSQL nor any encoding keeps: NUL, and half of a character. */
  private static boolean storable(String text, Violations at) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == 0) {
        at.add("has a NUL character");
        return false;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        at.add("has half of a surrogate pair");
        return false;
      }
    }
    return true;
  }

  private static @Nullable Boolean bool(Node.Scalar scalar, Violations at) {
    if (!scalar.quoted() && scalar.text().equals("true")) {
      return true;
    }
    if (!scalar.quoted() && scalar.text().equals("false")) {
      return false;
    }
    at.add("must be true or false, not " + scalar.describe());
    return null;
  }

  private static @Nullable Instant instant(Node.Scalar scalar, Violations at) {
    try {
      // No database has years beyond these, and no machine lives so long.
      Instant instant = OffsetDateTime.parse(scalar.text()).toInstant();
      if (!instant.isBefore(Instant.EPOCH) && instant.isBefore(LAST)) {
        return instant;
      }
    } catch (DateTimeException e) {
      // said below
    }
    at.add("must be a moment such as 2027-01-31T18:00:00Z, not " + scalar.describe());
    return null;
  }

  private static @Nullable URI url(Node.Scalar scalar, Violations at) {
    try {
      if (scalar.text().length() <= LONGEST_URL) {
        return new URI(scalar.text());
      }
    } catch (URISyntaxException e) {
      // said below
    }
    at.add("must be a URL such as http://mirror.example.com/debian, not " + scalar.describe());
    return null;
  }

  private static @Nullable Long integer(Node.Scalar scalar, long min, long max, Violations at) {
    if (scalar.quoted()) {
      at.add(
          "must be a whole number, not "
              + scalar.describe()
              + (INTEGER.matcher(scalar.text()).matches() ? "; leave out the quotes" : ""));
      return null;
    }
    if (!INTEGER.matcher(scalar.text()).matches()) {
      at.add("must be a whole number such as 4, not " + scalar.describe());
      return null;
    }
    java.math.BigInteger value = new java.math.BigInteger(scalar.text());
    if (value.bitLength() > 63 || value.longValue() < min || value.longValue() > max) {
      at.add(scalar.text() + " is too large a number");
      return null;
    }
    return value.longValue();
  }

  private static @Nullable Object enumerated(Class<?> type, Node.Scalar scalar, Violations at) {
    List<String> words = new ArrayList<>();
    for (Object constant : type.getEnumConstants()) {
      String word = Json.word((Enum<?>) constant);
      if (word.equals(scalar.text())) {
        return constant;
      }
      words.add(word);
    }
    at.add(Names.quote(scalar.text()) + " is unknown" + alternatives(scalar.text(), words));
    return null;
  }

  private static String unknown(Class<?> type, String name, Shape shape) {
    LeftOut left = type.getAnnotation(LeftOut.class);
    return left != null && left.field().equals(name)
        ? left.why()
        : "is unknown" + alternatives(name, shape.parts().keySet());
  }

  /** The nearest right word and all right words. */
  static String alternatives(String word, java.util.Collection<String> candidates) {
    return Names.hint(word, candidates)
        + "; write "
        + (candidates.size() == 1 ? "" : "one of ")
        + String.join(", ", candidates);
  }

  private static String expected(Class<?> type) {
    if (type == Boolean.class || type == boolean.class) {
      return "true or false";
    }
    if (Number.class.isAssignableFrom(type) || type.isPrimitive()) {
      return "a whole number";
    }
    return type.isEnum() ? "a word" : "text";
  }

  /** The method that reads a value type from text. */
  static Optional<Method> parser(Class<?> type) {
    return PARSERS.get(type);
  }
}

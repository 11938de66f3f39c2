package io.millwright.store;

import com.fasterxml.jackson.annotation.JsonValue;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.ProblemException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A path to one value in a spec or status, such as {@code spec.nics.0.network}.
 *
 * @param column {@code spec} or {@code status}
 * @param keys the way from there
 */
record FieldPath(String column, List<String> keys) {
  private static final Pattern INDEX = Pattern.compile("[0-9]{1,4}");

  FieldPath {
    keys = List.copyOf(keys);
  }

  /**
   * Reads a path and checks that resources of this kind have it.
   *
   * @throws ProblemException INVALID, naming the path
   */
  static FieldPath parse(Kind kind, String path) {
    List<String> parts = List.of(path.split("\\.", -1));
    Type at =
        switch (parts.getFirst()) {
          case "spec" -> kind.specType();
          case "status" -> kind.statusType();
          default ->
              throw wrong(
                  path, "write metadata.name, metadata.owner, or a path below spec or status");
        };
    for (String part : parts.subList(1, parts.size())) {
      at = step(at, part, path);
    }
    if (container(at)) {
      throw wrong(path, "has parts itself; name one of them");
    }
    return new FieldPath(parts.getFirst(), parts.subList(1, parts.size()));
  }

  private static Type step(Type at, String part, String path) {
    if (at instanceof ParameterizedType generic && generic.getRawType() == List.class) {
      if (!INDEX.matcher(part).matches()) {
        throw wrong(path, Names.quote(part) + " must be the number of an element, from 0");
      }
      return generic.getActualTypeArguments()[0];
    }
    if (at instanceof ParameterizedType generic && generic.getRawType() == Map.class) {
      return generic.getActualTypeArguments()[1];
    }
    if (at instanceof Class<?> type && composite(type)) {
      List<String> known = new ArrayList<>();
      for (RecordComponent c : type.getRecordComponents()) {
        if (c.getName().equals(part)) {
          return c.getGenericType();
        }
        known.add(c.getName());
      }
      throw wrong(path, "there is no field " + Names.quote(part) + Names.hint(part, known));
    }
    throw wrong(path, "there is no field " + Names.quote(part));
  }

  private static boolean container(Type type) {
    return type instanceof ParameterizedType || (type instanceof Class<?> c && composite(c));
  }

  /** Values such as addresses are records too, but are written as one text. */
  private static boolean composite(Class<?> type) {
    return type.isRecord()
        && Arrays.stream(type.getDeclaredMethods())
            .noneMatch(m -> m.isAnnotationPresent(JsonValue.class));
  }

  private static ProblemException wrong(String path, String message) {
    return ProblemException.invalid(path, message);
  }
}

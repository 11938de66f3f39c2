package io.millwright.api;

import com.fasterxml.jackson.databind.JavaType;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.Default;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.Mac;
import io.millwright.model.Range;
import io.millwright.model.Schedule;
import io.millwright.model.TimeSpan;
import io.millwright.model.manifest.Json;
import io.swagger.v3.core.converter.AnnotatedType;
import io.swagger.v3.core.converter.ModelConverter;
import io.swagger.v3.core.converter.ModelConverterContext;
import io.swagger.v3.oas.models.SpecVersion;
import io.swagger.v3.oas.models.media.JsonSchema;
import io.swagger.v3.oas.models.media.Schema;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * JSON schemas of records, by the rules by which the model reads and writes them: a component is
 * optional if it is {@code @Nullable} or {@code @Default}, an enum is written in words, a value
 * type is text.
 */
final class RecordSchemas implements ModelConverter {
  private static final String REF = "#/components/schemas/";

  private record Text(String pattern, String example) {}

  private static final Map<Class<?>, Text> VALUES =
      Map.of(
          Schedule.class, new Text("^[-0-9A-Za-z*/,# ]{2,100}$", "30 3 * * SUN"),
          TimeSpan.class, new Text("^[0-9]{1,9}[smhd]$", "8h"),
          ByteSize.class, new Text("^[0-9]{1,9}(MiB|GiB|TiB|Mi|Gi|Ti)$", "8GiB"),
          Ip.class, new Text("^[0-9a-fA-F.:]+$", "10.0.0.5"),
          Cidr.class, new Text("^[0-9a-fA-F.:]+/[0-9]{1,3}$", "10.0.0.0/24"),
          Range.class, new Text("^[0-9a-fA-F.:]+( *- *[0-9a-fA-F.:]+)?$", "10.0.0.5-10.0.0.9"),
          Mac.class, new Text("^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$", "52:54:00:12:34:56"),
          Addressing.class, new Text("^(auto|dhcp|slaac|none|[0-9a-fA-F.:]+)$", "auto"));

  private final Comments comments;
  private final Map<String, Schema<?>> named = new TreeMap<>();

  RecordSchemas(Comments comments) {
    this.comments = comments;
  }

  /** The schemas that have a name, sorted by it. */
  Map<String, Schema<?>> named() {
    return named;
  }

  @Override
  public @Nullable Schema<?> resolve(
      AnnotatedType type, ModelConverterContext context, Iterator<ModelConverter> chain) {
    Type plain = type.getType() instanceof JavaType java ? java.getRawClass() : type.getType();
    return of(plain);
  }

  static JsonSchema schema(String... types) {
    JsonSchema out = new JsonSchema();
    out.setSpecVersion(SpecVersion.V31);
    if (types.length > 0) {
      out.setTypes(new java.util.LinkedHashSet<>(List.of(types)));
    }
    return out;
  }

  static Schema<?> ref(String name) {
    JsonSchema out = schema();
    out.set$ref(REF + name);
    return out;
  }

  /** The schema of a type; of a record or an enum a reference to it. */
  Schema<?> of(Type type) {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      if (generic.getRawType() == Map.class) {
        JsonSchema out = schema("object");
        out.setAdditionalProperties(of(arguments[1]));
        return out;
      }
      if (generic.getRawType() == List.class) {
        JsonSchema out = schema("array");
        out.setItems(of(arguments[0]));
        return out;
      }
      return of(arguments[0]); // ResponseEntity
    }
    Class<?> c = (Class<?>) type;
    Text text = VALUES.get(c);
    if (text != null) {
      JsonSchema out = schema("string");
      out.setPattern(text.pattern());
      out.addExample(text.example());
      return out;
    }
    if (c == String.class || c == UUID.class || c == Instant.class || c == URI.class) {
      JsonSchema out = schema("string");
      // No format for a URL: the client generator would make a type of its own of it.
      out.setFormat(c == UUID.class ? "uuid" : c == Instant.class ? "date-time" : null);
      return out;
    }
    if (c == int.class || c == Integer.class || c == long.class || c == Long.class) {
      JsonSchema out = schema("integer");
      out.setFormat(c == int.class || c == Integer.class ? "int32" : "int64");
      return out;
    }
    if (c == Double.class) {
      JsonSchema out = schema("number");
      out.setFormat("double");
      return out;
    }
    if (c == boolean.class || c == Boolean.class) {
      return schema("boolean");
    }
    if (c == ResourceView.class || c == ResourceView.ListView.class) {
      return schema(); // each kind has one of its own, see resource
    }
    if (c == JsonNode.class || c == Body.class || c == byte[].class || c == Void.class) {
      return schema();
    }
    if (c.isEnum() || c.isRecord()) {
      String name = name(c);
      if (!named.containsKey(name)) {
        named.put(name, schema()); // for what refers to itself
        named.put(name, c.isEnum() ? enumeration(c) : record(c));
      }
      return ref(name);
    }
    throw new IllegalArgumentException("the API has no " + type);
  }

  private Schema<?> enumeration(Class<?> c) {
    JsonSchema out = schema("string");
    List<Object> words = new ArrayList<>();
    Arrays.stream(c.getEnumConstants()).forEach(e -> words.add(Json.word((Enum<?>) e)));
    out.setEnum(words);
    out.setDescription(comments.of(c));
    return out;
  }

  private Schema<?> record(Class<?> c) {
    JsonSchema out = schema("object");
    out.setDescription(comments.of(c));
    List<String> required = new ArrayList<>();
    for (RecordComponent component : c.getRecordComponents()) {
      Schema<?> property = of(component.getGenericType());
      Default byDefault = component.getAnnotation(Default.class);
      String description = comments.of(c, component.getName());
      if (byDefault != null && !byDefault.value().equals("none")) {
        description =
            (description == null ? "" : description + "\n\n")
                + "Default: "
                + byDefault.value()
                + ".";
      }
      property.setDescription(description);
      out.addProperty(component.getName(), property);
      if (byDefault == null && !component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
        required.add(component.getName());
      }
    }
    out.setRequired(required.isEmpty() ? null : required);
    return out;
  }

  /** What a type is called in the document: without the parts that say which side it is on. */
  static String name(Class<?> c) {
    String own = c.getSimpleName();
    Class<?> around = c.getEnclosingClass();
    if (around == null) {
      return own.replaceFirst("View$", "");
    }
    String outer = around.getSimpleName().replaceFirst("(View|Spec)$", "");
    if (outer.endsWith("Api")) {
      return own.equals("ListView")
          ? outer.replaceFirst("sApi$", "List")
          : own.replaceFirst("View$", "");
    }
    return outer + own.replaceFirst("View$", "");
  }

  /** A resource as it is shown, as a list of it, and as it is declared. */
  void resource(Kind kind) {
    String title = kind.title();
    envelope(title, kind.specType(), MetadataView.class, kind.specType(), kind.statusType());

    JsonSchema manifest = schema("object");
    manifest.setDescription("What declares a " + title + ".");
    manifest.addProperty("apiVersion", constant("millwright/v1"));
    manifest.addProperty("kind", constant(title));
    manifest.addProperty("metadata", ref("ManifestMetadata"));
    manifest.addProperty("spec", of(kind.specType()));
    manifest.setRequired(List.of("apiVersion", "kind", "metadata", "spec"));
    named.put(title + "Manifest", manifest);
  }

  /** An operation, which has the form of a resource and is declared by nobody. */
  void operation() {
    envelope(
        OperationView.KIND,
        OperationView.class,
        OperationView.MetadataView.class,
        OperationView.SpecView.class,
        OperationView.StatusView.class);
  }

  private void envelope(
      String title, Class<?> described, Class<?> metadata, Class<?> spec, Class<?> status) {
    JsonSchema shown = schema("object");
    shown.setDescription(comments.of(described));
    shown.addProperty("apiVersion", constant("millwright/v1"));
    shown.addProperty("kind", constant(title));
    shown.addProperty("metadata", of(metadata));
    shown.addProperty("spec", of(spec));
    shown.addProperty("status", of(status));
    shown.setRequired(List.of("apiVersion", "kind", "metadata", "spec", "status"));
    named.put(title, shown);

    JsonSchema items = schema("array");
    items.setItems(ref(title));
    JsonSchema next = schema("string");
    next.setDescription("Cursor of the following part; left out at the end.");
    JsonSchema list = schema("object");
    list.addProperty("apiVersion", constant("millwright/v1"));
    list.addProperty("kind", constant(title + "List"));
    list.addProperty("items", items);
    list.addProperty("next", next);
    list.setRequired(List.of("apiVersion", "kind", "items"));
    named.put(title + "List", list);
  }

  /** What of its metadata a manifest says. */
  void manifestMetadata() {
    JsonSchema name = schema("string");
    name.setPattern("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$");
    name.addExample("hello");
    JsonSchema project = schema("string");
    project.setDescription("That of the path if not given.");
    JsonSchema metadata = schema("object");
    metadata.addProperty("name", name);
    metadata.addProperty("project", project);
    for (String map : List.of("labels", "annotations")) {
      JsonSchema pairs = schema("object");
      pairs.setAdditionalProperties(schema("string"));
      metadata.addProperty(map, pairs);
    }
    metadata.setRequired(List.of("name"));
    named.put("ManifestMetadata", metadata);
  }

  private static Schema<?> constant(String value) {
    JsonSchema out = schema("string");
    out.setEnum(new ArrayList<>(List.of(value)));
    return out;
  }
}

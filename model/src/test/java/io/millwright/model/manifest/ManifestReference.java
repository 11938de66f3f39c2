package io.millwright.model.manifest;

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
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes the reference of manifests from the records, which are the schema. */
final class ManifestReference {
  /** How values that are no plain text are written. */
  private static final Map<Class<?>, String> VALUES = new LinkedHashMap<>();

  static {
    VALUES.put(
        ByteSize.class,
        "size | `512MiB`, `8GiB`, `1TiB` | a whole number with its unit; `Mi`, `Gi` and `Ti` mean"
            + " the same");
    VALUES.put(
        Schedule.class,
        "schedule | `7d`, `30 3 * * SUN` | a span of time, or the five fields of a crontab in UTC");
    VALUES.put(TimeSpan.class, "span of time | `90s`, `10m`, `8h`, `7d` | a number and its unit");
    VALUES.put(
        Instant.class,
        "moment | `2027-01-31T18:00:00Z` | date and time with `Z` or an offset from UTC");
    VALUES.put(Ip.class, "address | `10.0.0.5`, `fd00::5` | an IPv4 or IPv6 address");
    VALUES.put(
        Cidr.class,
        "subnet | `10.0.0.0/24`, `fd00::/64` | the lowest address and the length of the prefix");
    VALUES.put(
        Range.class,
        "range | `10.0.0.5-10.0.0.9`, `10.0.0.5` | both ends included, or one address");
    VALUES.put(
        Mac.class, "MAC | `52:54:00:12:34:56` | a unicast address; `-` and capitals are taken");
    VALUES.put(
        Addressing.class,
        "addressing | `auto`, `dhcp`, `slaac`, `none`, `10.0.0.5` | chosen by Millwright and set"
            + " statically; by DHCP; by router advertisements (IPv6 only); none; this one, set"
            + " statically");
    VALUES.put(URI.class, "URL | `http://mirror.lab.test/debian` | with its scheme, http or https");
    VALUES.put(
        tools.jackson.databind.JsonNode.class,
        "manifest | `{apiVersion: ..., kind: ..., ...}` | a manifest as this page describes it");
  }

  private final SourceDocs docs;
  private final Function<Kind, String> examples;
  private final StringBuilder out = new StringBuilder();

  /** Fields of which the sources say nothing. */
  final List<String> undescribed = new ArrayList<>();

  ManifestReference(SourceDocs docs, Function<Kind, String> examples) {
    this.docs = docs;
    this.examples = examples;
  }

  String write() throws ReflectiveOperationException {
    out.append(
        """
        # Manifest reference

        <!-- Generated from the records of model/ by ManifestReferenceTest; run it with
        -Ddocs.update=true instead of editing this file. -->

        A manifest declares resources, in YAML or JSON: one document each, or several. `millwright
        apply -f` takes a file, a directory or `-`.

        ```yaml
        apiVersion: millwright/v1
        kind: Size
        metadata:
          name: small
        spec:
          cores: 2
          memory: 2GiB
          disk: 10GiB
        ```

        - A JSON array of resources, and `kind: List` with `items`, declare several as well.
        - Every field is known: one that is not is an error, with the name that was probably meant.
        - A field that is left out, empty or `null` has its default. Lists replace; they do not add.
        - Text may stand without quotes, and is then taken as it is written: `version: 3.10` is
          `3.10`, `mode: 0644` is `0644`. A number is written without quotes, and `true` and `false`
          are the only truth values.
        - What the server knows better (`status`; `uid`, `generation`, `revision`, `createdAt` and
          `deletedAt` in `metadata`) may stand there and is passed over, so that what
          `millwright get -o yaml` writes can be applied.
        - Anchors and aliases repeat a part. Merge keys (`<<`) and tags (`!!`) are not taken.
        - At most 4 MiB of UTF-8 are taken at once, nested at most 64 levels deep, with at most 1000
          elements in a list. Two resources of one kind, project and name are an error.

        ## metadata

        """);
    fields("Manifests.Declared", Class.forName("io.millwright.model.manifest.Manifests$Declared"));
    out.append("\n## Values\n\n| Type | Written | Meaning |\n|---|---|---|\n");
    VALUES.values().forEach(v -> out.append("| ").append(v).append(" |\n"));
    for (Kind kind : Kind.values()) {
      Class<?> type = kind.specType();
      out.append("\n## ").append(kind.title()).append("\n\n");
      out.append(docs.of(name(type))).append("\n\n");
      fields(name(type), type);
      Map<Class<?>, List<String>> inner = new LinkedHashMap<>();
      places("spec", type, inner);
      for (Map.Entry<Class<?>, List<String>> e : inner.entrySet()) {
        String name = name(e.getKey());
        out.append("\n### ").append(e.getKey().getSimpleName()).append("\n\n");
        out.append(docs.of(name)).append(" It stands in ");
        out.append(e.getValue().stream().map(p -> "`" + p + "`").collect(Collectors.joining(", ")));
        out.append(".\n\n");
        fields(name, e.getKey());
      }
      out.append("\n### Example\n\n```yaml\n").append(examples.apply(kind)).append("```\n");
    }
    return out.toString();
  }

  /** The records inside a kind's spec, each with the places where it stands. */
  private void places(String path, Class<?> type, Map<Class<?>, List<String>> into) {
    for (RecordComponent c : type.getRecordComponents()) {
      Class<?> inner = raw(element(c.getGenericType()));
      if (inner.isRecord() && !VALUES.containsKey(inner) && kind(inner).isEmpty()) {
        String step = path + "." + c.getName() + (c.getType() == List.class ? "[]" : "");
        into.computeIfAbsent(inner, _ -> new ArrayList<>()).add(step);
        places(step, inner, into);
      }
    }
  }

  private void fields(String name, Class<?> type) {
    out.append("| Field | Type | Default | Meaning |\n|---|---|---|---|\n");
    for (RecordComponent c : type.getRecordComponents()) {
      String text =
          docs.of(name + "#" + c.getName())
              .replace("the driver says", "[the driver says](drivers.md)");
      if (c.isAnnotationPresent(Default.class)) {
        text = text.replaceAll("; [^;]* if not given$", ""); // there is a column for it
      }
      if (text.isEmpty()) {
        undescribed.add(name + "#" + c.getName());
      }
      out.append("| `%s` | %s | %s | %s |\n".formatted(c.getName(), type(c), byDefault(c), text));
    }
    for (RecordComponent c : type.getRecordComponents()) {
      Class<?> words = raw(element(c.getGenericType()));
      if (words.isEnum()) {
        meanings(c.getName(), words);
      }
    }
  }

  /** What each word of an enum means, where the sources tell. */
  private void meanings(String field, Class<?> type) {
    List<String> lines =
        Arrays.stream(type.getEnumConstants())
            .map(Enum.class::cast)
            .filter(e -> !docs.of(name(type) + "#" + e.name()).isEmpty())
            .map(e -> "- `%s`: %s\n".formatted(Json.word(e), docs.of(name(type) + "#" + e.name())))
            .toList();
    if (!lines.isEmpty()) {
      out.append("\n`").append(field).append("`:\n\n");
      lines.forEach(out::append);
    }
  }

  private static String byDefault(RecordComponent c) {
    Default value = c.getAnnotation(Default.class);
    if (value != null) {
      return value.value().equals("none") ? "none" : value.value();
    }
    return c.getAnnotatedType().isAnnotationPresent(Nullable.class) ? "not given" : "**needed**";
  }

  private static String type(RecordComponent c) {
    Type type = c.getGenericType();
    if (c.getType() == Map.class) {
      return "mapping of text";
    }
    String word = word(raw(element(type)));
    return c.getType() == List.class ? "list of " + word : word;
  }

  private static String word(Class<?> type) {
    String value = VALUES.get(type);
    if (value != null) {
      return value.substring(0, value.indexOf(' '));
    }
    Optional<Kind> kind = kind(type);
    if (kind.isPresent()) {
      return "spec of a [%s](#%s)"
          .formatted(kind.get().title(), kind.get().title().toLowerCase(Locale.ROOT));
    }
    if (type.isEnum()) {
      return String.join(
          ", ",
          Arrays.stream(type.getEnumConstants())
              .map(e -> "`" + Json.word((Enum<?>) e) + "`")
              .toList());
    }
    if (type == Integer.class || type == int.class) {
      return "number";
    }
    if (type == Boolean.class) {
      return "`true`, `false`";
    }
    return type == String.class
        ? "text"
        : "[%s](#%s)"
            .formatted(type.getSimpleName(), type.getSimpleName().toLowerCase(Locale.ROOT));
  }

  /** The kind whose spec this is; it has a chapter of its own. */
  static Optional<Kind> kind(Class<?> type) {
    return Arrays.stream(Kind.values()).filter(k -> k.specType() == type).findFirst();
  }

  /** The element of a list, or the type itself. */
  private static Type element(Type type) {
    return type instanceof ParameterizedType generic && generic.getRawType() == List.class
        ? generic.getActualTypeArguments()[0]
        : type;
  }

  private static Class<?> raw(Type type) {
    return type instanceof ParameterizedType generic
        ? (Class<?>) generic.getRawType()
        : (Class<?>) type;
  }

  /** As the sources name it, without the package. */
  private static String name(Class<?> type) {
    String name = type.getName();
    return name.substring(name.lastIndexOf('.') + 1).replace('$', '.');
  }
}

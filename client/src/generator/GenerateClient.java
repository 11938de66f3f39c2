import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes MillwrightApi.java: one method for each operation of an OpenAPI document.
 *
 * <p>Methods are named after method and path, never after operationId, whose suffixes the server's
 * framework makes up and which change when an unrelated operation joins.
 */
final class GenerateClient {
  private static final Set<String> METHODS = Set.of("get", "put", "post", "delete");

  private final JsonNode document;
  private final Map<String, String> members = new TreeMap<>();

  private GenerateClient(JsonNode document) {
    this.document = document;
  }

  public static void main(String[] args) throws IOException {
    JsonNode document = JsonMapper.builder().build().readTree(Files.readAllBytes(Path.of(args[0])));
    Path out = Path.of(args[1], "io", "millwright", "client", "MillwrightApi.java");
    String text = new GenerateClient(document).source();
    // An untouched file spares everything that depends on it from being compiled again.
    if (!Files.exists(out) || !Files.readString(out).equals(text)) {
      Files.createDirectories(out.getParent());
      Files.writeString(out, text);
    }
  }

  private record Parameter(String name, String in, String type, boolean required) {
    String identifier() {
      return camel(name);
    }
  }

  private String source() {
    for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
      for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
        if (METHODS.contains(operation.getKey())) {
          operation(operation.getKey(), path.getKey(), path.getValue(), operation.getValue());
        }
      }
    }
    return """
    package io.millwright.client;

    import java.io.OutputStream;
    import org.jspecify.annotations.Nullable;
    /** Every operation of the server's API. Generated from openapi.json; do not edit. */
    public final class MillwrightApi {
      private final Connection connection;

      public MillwrightApi(Connection connection) {
        this.connection = connection;
      }
    """
        + String.join("", members.values())
        + "}\n";
  }

  private void operation(String method, String path, JsonNode item, JsonNode operation) {
    List<Parameter> parameters = new ArrayList<>();
    for (JsonNode list : List.of(item.path("parameters"), operation.path("parameters"))) {
      for (JsonNode each : list) {
        parameters.add(parameter(resolve(each)));
      }
    }
    // The order in which the server's code happens to name them must not matter to ours.
    parameters.sort(
        Comparator.comparingInt((Parameter p) -> place(path, p))
            .thenComparing(p -> !p.required())
            .thenComparing(Parameter::name));
    String body =
        !operation.has("requestBody")
            ? ""
            : operation.path("requestBody").path("required").asBoolean(false)
                ? "Body body"
                : "@Nullable Body body";
    Set<String> types = new LinkedHashSet<>();
    for (Map.Entry<String, JsonNode> answer : operation.path("responses").properties()) {
      if (answer.getKey().startsWith("2") || answer.getKey().equals("default")) {
        resolve(answer.getValue()).path("content").properties().forEach(c -> types.add(c.getKey()));
      }
    }
    String summary = operation.path("summary").asString("").strip();
    String about = summary.isEmpty() ? path : summary;
    boolean streams = types.remove("text/event-stream");
    String name = name(method, path);
    if (members.containsKey(name)) {
      name = operation.path("operationId").asString(""); // the session and one of the sessions
    }
    if (operation.path("responses").has("101")) {
      console("open" + name.replaceFirst("^get", ""), path, parameters, about);
      return;
    }
    if (!types.isEmpty() && types.stream().noneMatch(t -> t.contains("json"))) {
      add(name, method, path, parameters, body, about, "Download", "download");
      return;
    }
    if (!streams || !types.isEmpty()) {
      List<Parameter> plain =
          parameters.stream().filter(p -> !p.name().equalsIgnoreCase("Last-Event-ID")).toList();
      add(name, method, path, plain, body, about, "Answer", "call");
    }
    if (streams) {
      String stream = "stream" + name.replaceFirst("^(list|get)", "");
      add(stream, method, path, parameters, body, about, "EventStream", "stream");
    }
  }

  private void console(String name, String path, List<Parameter> parameters, String about) {
    List<String> signature = new ArrayList<>();
    StringBuilder code = new StringBuilder();
    for (Parameter p : parameters) {
      signature.add((p.required() ? "" : "@Nullable ") + p.type() + " " + p.identifier());
      code.append(".%s(\"%s\", %s)".formatted(p.in(), p.name(), p.identifier()));
    }
    String member =
        """

          /** %s. */
          public Console %s(%s, OutputStream screen) {
            return Console.open(connection, new Request("GET", "%s")%s, screen);
          }
        """
            .formatted(about, name, String.join(", ", signature), path, code);
    members.put(name, member);
  }

  private void add(
      String name,
      String method,
      String path,
      List<Parameter> parameters,
      String body,
      String about,
      String returns,
      String verb) {
    List<String> signature = new ArrayList<>();
    StringBuilder code = new StringBuilder();
    for (Parameter p : parameters) {
      signature.add((p.required() ? "" : "@Nullable ") + p.type() + " " + p.identifier());
      code.append("\n            .%s(\"%s\", %s)".formatted(p.in(), p.name(), p.identifier()));
    }
    if (!body.isEmpty()) {
      signature.add(body);
      code.append("\n            .body(body)");
    }
    String member =
        """

          /** %s. */
          public %s %s(%s) {
            return connection.%s(
                new Request("%s", "%s")%s);
          }
        """
            .formatted(
                about.replace("*/", "* /"),
                returns,
                name,
                String.join(", ", signature),
                verb,
                method.toUpperCase(Locale.ROOT),
                path,
                code);
    if (members.put(name, member) != null) {
      throw new IllegalStateException("two operations would be called " + name);
    }
  }

  private static int place(String path, Parameter p) {
    return p.in().equals("path") ? path.indexOf("{" + p.name() + "}") : Integer.MAX_VALUE;
  }

  private Parameter parameter(JsonNode p) {
    JsonNode schema = resolve(p.path("schema"));
    String type =
        switch (schema.path("type").isArray()
            ? schema.path("type").path(0).asString("string")
            : schema.path("type").asString("string")) {
          case "integer" -> schema.path("format").asString("").equals("int64") ? "Long" : "Integer";
          case "boolean" -> "Boolean";
          default -> "String";
        };
    String in = p.path("in").asString("");
    return new Parameter(
        p.path("name").asString(""), in, type, p.path("required").asBoolean(false));
  }

  private JsonNode resolve(JsonNode node) {
    String ref = node.path("$ref").asString("");
    return ref.isEmpty() ? node : document.at(ref.substring(1));
  }

  /** {@code GET /api/v1/projects/{project}/machines/{name}} becomes {@code getMachine}. */
  private static String name(String method, String path) {
    List<String> parts = new ArrayList<>(List.of(path.substring(1).split("/")));
    parts.removeAll(List.of("api", "v1"));
    if (parts.size() > 2 && parts.get(0).equals("projects")) {
      parts = parts.subList(2, parts.size());
    }
    String last = parts.get(parts.size() - 1);
    StringBuilder owner = new StringBuilder();
    for (String part : parts.subList(0, parts.size() - 1)) {
      if (!part.startsWith("{")) {
        owner.append(pascal(singular(part)));
      }
    }
    if (last.startsWith("{")) {
      int colon = last.indexOf(':');
      return colon < 0 ? method + owner : camel(last.substring(colon + 1)) + owner;
    }
    boolean collection = last.endsWith("s");
    return switch (method) {
      case "get" -> (collection ? "list" : "get") + owner + pascal(last);
      case "post" -> collection ? "create" + owner + pascal(singular(last)) : camel(last) + owner;
      default -> method + owner + pascal(last);
    };
  }

  private static String singular(String word) {
    return word.endsWith("s") ? word.substring(0, word.length() - 1) : word;
  }

  private static String pascal(String words) {
    StringBuilder out = new StringBuilder();
    for (String word : words.split("[^A-Za-z0-9]+")) {
      out.append(word.substring(0, 1).toUpperCase(Locale.ROOT)).append(word.substring(1));
    }
    return out.toString();
  }

  private static String camel(String words) {
    String pascal = pascal(words);
    return pascal.substring(0, 1).toLowerCase(Locale.ROOT) + pascal.substring(1);
  }
}

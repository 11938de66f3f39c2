package io.millwright.client;

import java.io.StringWriter;
import java.io.Writer;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * JSON trees from and to text, without a mapper: setting one up costs about 50 ms of the 250 ms
 * that a command may take.
 */
public final class Trees {
  private static final JsonFactory JSON = new JsonFactory();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private Trees() {}

  public static ObjectNode object() {
    return NODES.objectNode();
  }

  public static ArrayNode array() {
    return NODES.arrayNode();
  }

  /**
   * The one JSON value that {@code bytes} hold, or a missing node if they are empty.
   *
   * @throws tools.jackson.core.JacksonException if they hold anything else
   */
  public static JsonNode read(byte[] bytes) {
    try (JsonParser p = JSON.createParser(ObjectReadContext.empty(), bytes)) {
      return p.nextToken() == null ? MissingNode.getInstance() : value(p);
    }
  }

  /** The same, of text. */
  public static JsonNode read(String text) {
    try (JsonParser p = JSON.createParser(ObjectReadContext.empty(), text)) {
      return p.nextToken() == null ? MissingNode.getInstance() : value(p);
    }
  }

  /** The value whose first token is the parser's present one. */
  public static JsonNode value(JsonParser p) {
    return switch (p.currentToken()) {
      case START_OBJECT -> {
        ObjectNode out = NODES.objectNode();
        while (p.nextToken() != JsonToken.END_OBJECT) {
          String name = p.currentName();
          p.nextToken();
          out.set(name, value(p));
        }
        yield out;
      }
      case START_ARRAY -> {
        ArrayNode out = NODES.arrayNode();
        while (p.nextToken() != JsonToken.END_ARRAY) {
          out.add(value(p));
        }
        yield out;
      }
      case VALUE_NUMBER_INT -> NODES.numberNode(p.getBigIntegerValue());
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(p.getDecimalValue());
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NULL -> NODES.nullNode();
      default -> NODES.stringNode(p.getString());
    };
  }

  /** Writes a tree with any of Jackson's generators. */
  public static void write(JsonGenerator g, JsonNode node) {
    if (node.isObject()) {
      g.writeStartObject();
      for (Map.Entry<String, JsonNode> each : node.properties()) {
        g.writeName(each.getKey());
        write(g, each.getValue());
      }
      g.writeEndObject();
    } else if (node.isArray()) {
      g.writeStartArray();
      for (JsonNode each : node) {
        write(g, each);
      }
      g.writeEndArray();
    } else if (node.isIntegralNumber()) {
      g.writeNumber(node.bigIntegerValue());
    } else if (node.isNumber()) {
      g.writeNumber(node.decimalValue());
    } else if (node.isBoolean()) {
      g.writeBoolean(node.booleanValue());
    } else if (node.isString()) {
      g.writeString(node.stringValue());
    } else {
      g.writeNull();
    }
  }

  /** On one line. */
  public static String compact(JsonNode node) {
    StringWriter out = new StringWriter();
    try (JsonGenerator g = JSON.createGenerator(ObjectWriteContext.empty(), out)) {
      write(g, node);
    }
    return out.toString();
  }

  /** Indented by two, for people. */
  public static String pretty(JsonNode node) {
    StringWriter out = new StringWriter();
    try (JsonGenerator g = JSON.createGenerator(new Indented(), (Writer) out)) {
      write(g, node);
    }
    return out.toString();
  }

  private static final class Indented extends ObjectWriteContext.Base {
    private static final DefaultIndenter LINES = new DefaultIndenter("  ", "\n");

    @Override
    public PrettyPrinter getPrettyPrinter() {
      DefaultPrettyPrinter printer =
          new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                  .withObjectEmptySeparator("")
                  .withArrayEmptySeparator(""));
      printer.indentArraysWith(LINES);
      printer.indentObjectsWith(LINES);
      return printer;
    }

    @Override
    public boolean hasPrettyPrinter() {
      return true;
    }
  }

  /** The field's value as text; empty if there is none or it is null. */
  public static String text(JsonNode node, String field) {
    JsonNode value = node.path(field);
    return value.isValueNode() && !value.isNull() ? value.asString() : "";
  }
}

package io.millwright.model.manifest;

import io.millwright.model.Names;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;

/** Reads JSON values, one or several after each other. */
final class JsonReader {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(Budget.DEPTH + 2)
                  .maxNumberLength(Manifests.MAX_BYTES)
                  .maxNameLength(Manifests.MAX_BYTES)
                  .maxStringLength(Manifests.MAX_BYTES)
                  .build())
          .build();

  private final JsonParser parser;
  private final Budget budget = new Budget();

  private JsonReader(JsonParser parser) {
    this.parser = parser;
  }

  /**
   * The values of {@code text}.
   *
   * @throws JacksonException if it is no JSON
   */
  static List<Node> documents(String text) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      JsonReader reader = new JsonReader(parser);
      List<Node> out = new ArrayList<>();
      while (parser.nextToken() != null) {
        out.add(reader.value(0));
      }
      return out;
    }
  }

  static Node.Mark mark(TokenStreamLocation at) {
    return new Node.Mark(Math.max(1, at.getLineNr()), Math.max(1, at.getColumnNr()));
  }

  private Node value(int depth) {
    Node.Mark mark = mark(parser.currentTokenLocation());
    JsonToken token = parser.currentToken();
    if (token == JsonToken.START_OBJECT) {
      budget.value(mark, 0);
      budget.depth(mark, depth + 1);
      return object(mark, depth + 1);
    }
    if (token == JsonToken.START_ARRAY) {
      budget.value(mark, 0);
      budget.depth(mark, depth + 1);
      List<Node> items = new ArrayList<>();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        items.add(value(depth + 1));
      }
      return new Node.Items(mark, items);
    }
    String text = parser.getString();
    budget.value(mark, text.length());
    return new Node.Scalar(mark, text, token == JsonToken.VALUE_STRING);
  }

  private Node object(Node.Mark mark, int depth) {
    Map<String, Node.Field> fields = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      Node.Mark at = mark(parser.currentTokenLocation());
      String key = parser.currentName();
      budget.value(at, key.length());
      parser.nextToken();
      if (fields.put(key, new Node.Field(at, value(depth))) != null) {
        throw new UnreadableException(
            at, "the key " + Names.quote(key) + " stands in one object twice");
      }
    }
    return new Node.Fields(mark, fields);
  }
}

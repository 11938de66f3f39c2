package io.millwright.client;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What the server says went wrong (RFC 9457).
 *
 * @param status of HTTP
 * @param type last part of the problem's URI, such as {@code not-found}; empty if the answer was no
 *     problem document
 * @param detail one sentence for a person, or empty
 * @param errors the fields concerned
 */
public record Problem(int status, String type, String title, String detail, List<Field> errors) {

  /** One field and what is wrong with it. */
  public record Field(String field, String message) {}

  public Problem {
    errors = List.copyOf(errors);
  }

  static Problem of(int status, @Nullable JsonNode body) {
    if (body == null || !body.isObject()) {
      return new Problem(status, "", "", "", List.of());
    }
    String type = Trees.text(body, "type");
    List<Field> errors = new ArrayList<>();
    for (JsonNode each : body.path("errors")) {
      errors.add(new Field(Trees.text(each, "field"), Trees.text(each, "message")));
    }
    return new Problem(
        status,
        type.substring(type.lastIndexOf('/') + 1),
        Trees.text(body, "title"),
        Trees.text(body, "detail"),
        errors);
  }
}

package io.millwright.client;

import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** What is sent with a request. */
@SuppressWarnings("ArrayRecordComponent") // carried from a file to a socket, never compared
public record Body(String contentType, byte[] bytes) {

  public static Body json(JsonNode tree) {
    return new Body("application/json", Trees.compact(tree).getBytes(StandardCharsets.UTF_8));
  }

  public static Body yaml(byte[] bytes) {
    return new Body("application/yaml", bytes);
  }
}

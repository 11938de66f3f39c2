package io.millwright.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/**
 * What is sent with a request.
 *
 * @param length in bytes
 */
public record Body(String contentType, long length, Content content) {
  /** Opens it, for each time that it is sent. */
  public interface Content {
    InputStream open() throws IOException;
  }

  public static Body of(String contentType, byte[] bytes) {
    return new Body(contentType, bytes.length, () -> new ByteArrayInputStream(bytes));
  }

  public static Body json(JsonNode tree) {
    return of("application/json", Trees.compact(tree).getBytes(StandardCharsets.UTF_8));
  }

  public static Body yaml(byte[] bytes) {
    return of("application/yaml", bytes);
  }
}

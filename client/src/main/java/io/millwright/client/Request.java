package io.millwright.client;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request as the generated methods put it together. */
public final class Request {
  private final String method;
  private String path;
  private final StringBuilder query = new StringBuilder();
  private final Map<String, String> headers = new LinkedHashMap<>();
  private @Nullable Body body;

  /**
   * @param path with its parameters in braces
   */
  public Request(String method, String path) {
    this.method = method;
    this.path = path;
  }

  Request path(String name, Object value) {
    path = path.replace("{" + name + "}", encode(value.toString()));
    return this;
  }

  Request query(String name, @Nullable Object value) {
    if (value != null) {
      query.append(query.isEmpty() ? '?' : '&').append(name).append('=');
      query.append(encode(value.toString()));
    }
    return this;
  }

  Request header(String name, @Nullable Object value) {
    if (value != null) {
      headers.put(name, value.toString());
    }
    return this;
  }

  Request body(@Nullable Body given) {
    this.body = given;
    return this;
  }

  /** Percent-encoded so that no value can reach into another segment, {@code ..} included. */
  private static String encode(String value) {
    String encoded = URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20");
    return encoded.equals(".") || encoded.equals("..") ? encoded.replace(".", "%2E") : encoded;
  }

  String method() {
    return method;
  }

  /** Path and query. */
  String target() {
    return path + query;
  }

  Map<String, String> headers() {
    return headers;
  }

  @Nullable Body body() {
    return body;
  }

  /** True if sending it twice has the effect of sending it once. */
  boolean repeatable() {
    return !method.equals("POST") || headers.containsKey("Idempotency-Key");
  }
}

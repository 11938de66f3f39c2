package io.millwright.client;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What the server answered to a call that succeeded.
 *
 * @param status 200 to 299; 202 if the body is an operation that goes on
 * @param body a missing node if there was none
 * @param etag revision of what was read, or null
 * @param date the server's clock, or null
 * @param presumed true if the answer to a deletion was lost, and at the second try there was
 *     nothing to delete: the first one may have done it, or there never was any
 */
public record Answer(
    int status, JsonNode body, @Nullable String etag, @Nullable Instant date, boolean presumed) {

  /** True if the body is the operation that carries the request out. */
  public boolean accepted() {
    return status == 202;
  }
}

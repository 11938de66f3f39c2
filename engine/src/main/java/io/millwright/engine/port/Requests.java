package io.millwright.engine.port;

import java.util.Optional;

/** Requests that carried an Idempotency-Key, with their answers, for 24 hours. */
public interface Requests {
  /**
   * A request that was answered.
   *
   * @param bodySha256 of method, path and body, in hex
   */
  record Answered(String bodySha256, int status, String headers, String body) {}

  /** Waits for one that is under way with the same key of the same token. */
  Optional<Answered> find(String token, String key);

  void insert(String token, String key, Answered answer);
}

package io.millwright.engine.access;

import io.millwright.model.Sha256;
import java.security.SecureRandom;
import java.util.Base64;

/** Random secrets by which somebody is known; they are so long that a plain hash guards them. */
public final class Secrets {
  private static final SecureRandom RANDOM = new SecureRandom();

  private Secrets() {}

  /**
   * A new one.
   *
   * @param prefix by which one that leaked into a log or a repository can be recognised
   */
  public static String random(String prefix) {
    byte[] raw = new byte[24];
    RANDOM.nextBytes(raw);
    return prefix + Base64.getUrlEncoder().withoutPadding().encodeToString(raw);
  }

  /** What is kept of it. */
  public static byte[] hash(String secret) {
    return Sha256.of(secret);
  }
}

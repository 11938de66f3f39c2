package io.millwright.engine.watch;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.model.Sha256;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.Base64;

/**
 * Signs a delivery as <a href="https://www.standardwebhooks.com/">Standard Webhooks</a> says, for
 * which there are libraries in all languages: HMAC-SHA-256 over {@code id.timestamp.body}.
 */
final class Signature {
  private static final String ENCODED = "whsec_";

  private Signature() {}

  /** What the header {@code webhook-signature} carries. */
  static String of(String secret, String id, Instant at, byte[] body) {
    ByteArrayOutputStream signed = new ByteArrayOutputStream();
    signed.writeBytes((id + "." + at.getEpochSecond() + ".").getBytes(UTF_8));
    signed.writeBytes(body);
    byte[] signature = Sha256.hmac(key(secret), signed.toByteArray());
    return "v1," + Base64.getEncoder().encodeToString(signature);
  }

  private static byte[] key(String secret) {
    if (secret.startsWith(ENCODED)) {
      try {
        return Base64.getDecoder().decode(secret.substring(ENCODED.length()));
      } catch (IllegalArgumentException e) {
        // then it is meant as it stands
      }
    }
    return secret.getBytes(UTF_8);
  }
}

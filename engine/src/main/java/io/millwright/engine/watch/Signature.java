package io.millwright.engine.watch;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs a delivery as <a href="https://www.standardwebhooks.com/">Standard Webhooks</a> says, for
 * which there are libraries in all languages: HMAC-SHA-256 over {@code id.timestamp.body}.
 */
final class Signature {
  private static final String ENCODED = "whsec_";

  private Signature() {}

  /** What the header {@code webhook-signature} carries. */
  static String of(String secret, String id, Instant at, byte[] body) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key(secret), "HmacSHA256"));
      ByteArrayOutputStream signed = new ByteArrayOutputStream();
      signed.writeBytes((id + "." + at.getEpochSecond() + ".").getBytes(UTF_8));
      signed.writeBytes(body);
      return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(signed.toByteArray()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
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

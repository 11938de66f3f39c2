package io.millwright.engine.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.concurrent.Semaphore;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.jspecify.annotations.Nullable;

/**
 * Argon2id, with the parameters that OWASP names first; hashes in the usual form {@code
 * $argon2id$...}.
 */
final class Passwords {
  private static final int MEMORY_KIB = 19_456;
  private static final int ITERATIONS = 2;
  private static final int LANES = 1;
  private static final int LENGTH = 32;
  private static final int SALT = 16;

  /** Without letters and digits that look like others. */
  private static final String ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

  private static final SecureRandom RANDOM = new SecureRandom();

  /** Each one takes memory and a processor for a while: who guesses shall not take all of it. */
  private static final Semaphore PLACES = new Semaphore(4, true);

  /** Of nobody, so that an unknown name costs what a known one does. */
  private static final String NOBODY = hash("nobody has this password");

  private Passwords() {}

  static String hash(String password) {
    byte[] salt = new byte[SALT];
    RANDOM.nextBytes(salt);
    Base64.Encoder base64 = Base64.getEncoder().withoutPadding();
    return "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
        .formatted(
            MEMORY_KIB,
            ITERATIONS,
            LANES,
            base64.encodeToString(salt),
            base64.encodeToString(derive(password, salt, MEMORY_KIB, ITERATIONS, LANES, LENGTH)));
  }

  /** Whether this is the password; takes as long for a null hash, and says no. */
  static boolean matches(String password, @Nullable String hash) {
    String[] parts = (hash == null ? NOBODY : hash).split("\\$", -1);
    String[] costs = parts[3].split(",", -1);
    Base64.Decoder base64 = Base64.getDecoder();
    byte[] expected = base64.decode(parts[5]);
    byte[] derived =
        derive(
            password,
            base64.decode(parts[4]),
            Integer.parseInt(costs[0].substring(2)),
            Integer.parseInt(costs[1].substring(2)),
            Integer.parseInt(costs[2].substring(2)),
            expected.length);
    return MessageDigest.isEqual(expected, derived) && hash != null;
  }

  /** For whom others choose it; 80 bits. */
  static String random() {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      out.append(i > 0 && i % 5 == 0 ? "-" : "")
          .append(ALPHABET.charAt(RANDOM.nextInt(ALPHABET.length())));
    }
    return out.toString();
  }

  private static byte[] derive(
      String password, byte[] salt, int memory, int iterations, int lanes, int length) {
    Argon2BytesGenerator argon = new Argon2BytesGenerator();
    argon.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(memory)
            .withIterations(iterations)
            .withParallelism(lanes)
            .withSalt(salt)
            .build());
    byte[] out = new byte[length];
    PLACES.acquireUninterruptibly();
    try {
      argon.generateBytes(password.getBytes(StandardCharsets.UTF_8), out);
    } finally {
      PLACES.release();
    }
    return out;
  }
}

package io.millwright.engine.access;

import io.millwright.model.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Seals secrets for the database (AES-256-GCM) and signs links for machines (HMAC-SHA-256), with
 * keys drawn from one key file.
 */
public final class SecretBox {
  /** What a sealed value looks like in the database. */
  private static final String PREFIX = "sealed:1:";

  private static final int NONCE = 12;
  private final SecureRandom random = new SecureRandom();
  private final SecretKeySpec sealing;
  private final byte[] signing;
  private final String fingerprint;

  /**
   * @param key at least 32 random bytes
   */
  public SecretBox(byte[] key) {
    if (key.length < 32) {
      throw new IllegalArgumentException("the key is too short");
    }
    // Several from one, so that none tells anything of another (RFC 5869's
    // expand step with one block).
    this.sealing = new SecretKeySpec(hmac(key, "seal\1"), "AES");
    this.signing = hmac(key, "sign\1");
    this.fingerprint = HexFormat.of().formatHex(hmac(key, "fingerprint\1"), 0, 16);
  }

  /** Tells one key file from another (32 hex digits, 128 bits), and nothing else of it. */
  public String fingerprint() {
    return fingerprint;
  }

  /**
   * Reads the key file, or makes it with mode 0600.
   *
   * @throws IOException if it cannot be read, or others can read it as well
   */
  public static SecretBox open(Path file) throws IOException {
    if (!Files.exists(file)) {
      make(file);
    }
    if (!Set.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE)
        .containsAll(Files.getPosixFilePermissions(file))) {
      throw new IOException(file + " can be read by others; run: chmod 600 " + file);
    }
    byte[] key = Files.readAllBytes(file);
    if (key.length != 32) {
      throw new IOException(file + " is no key file; restore it from your backup");
    }
    return new SecretBox(key);
  }

  /** Makes it whole or not at all, for half a key is no key; one that is there stays. */
  private static void make(Path file) throws IOException {
    byte[] key = new byte[32];
    new SecureRandom().nextBytes(key);
    Path fresh = Files.createTempFile(file.toAbsolutePath().getParent(), ".key-", null); // 0600
    try {
      Files.write(fresh, key, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
      Files.createLink(file, fresh);
    } catch (FileAlreadyExistsException e) {
      // Another server was quicker, and its key is the one.
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  public String seal(String secret) {
    byte[] nonce = new byte[NONCE];
    random.nextBytes(nonce);
    try {
      Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
      cipher.init(Cipher.ENCRYPT_MODE, sealing, new GCMParameterSpec(128, nonce));
      byte[] sealed = cipher.doFinal(secret.getBytes(StandardCharsets.UTF_8));
      byte[] out = new byte[NONCE + sealed.length];
      System.arraycopy(nonce, 0, out, 0, NONCE);
      System.arraycopy(sealed, 0, out, NONCE, sealed.length);
      return PREFIX + Base64.getEncoder().encodeToString(out);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  /** With what begins all that {@link #seal} makes. */
  public static String prefix() {
    return PREFIX;
  }

  /** True for what {@link #seal} makes. */
  public static boolean isSealed(String value) {
    return value.startsWith(PREFIX);
  }

  /** True if it is sealed, and holds this secret; false as well if another key has sealed it. */
  public boolean holds(@Nullable String sealed, String secret) {
    try {
      return sealed != null && isSealed(sealed) && open(sealed).equals(secret);
    } catch (IllegalStateException e) {
      return false;
    }
  }

  /** Settings as a driver needs them, secrets in clear. */
  public Map<String, String> unsealed(Map<String, String> settings) {
    Map<String, String> out = new TreeMap<>(settings);
    out.replaceAll((k, v) -> isSealed(v) ? open(v) : v);
    return out;
  }

  /** A part of a spec with its secrets in clear, but for settings; one in clear stays as it is. */
  public <R extends Record> R opened(R record) {
    return SecretFields.each(record, (v, before, at) -> isSealed(v) ? open(v) : v);
  }

  /**
   * The secret in a sealed value.
   *
   * @throws IllegalStateException if it was sealed with another key
   */
  public String open(String sealed) {
    byte[] raw = Base64.getDecoder().decode(sealed.substring(PREFIX.length()));
    try {
      Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
      cipher.init(Cipher.DECRYPT_MODE, sealing, new GCMParameterSpec(128, raw, 0, NONCE));
      return new String(cipher.doFinal(raw, NONCE, raw.length - NONCE), StandardCharsets.UTF_8);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(
          "a secret was sealed with another key file than the present one", e);
    }
  }

  /** A signature over this text, URL-safe, 32 characters (192 bits). */
  public String sign(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(hmac(signing, text))
        .substring(0, 32);
  }

  private static byte[] hmac(byte[] key, String text) {
    return Sha256.hmac(key, text.getBytes(StandardCharsets.UTF_8));
  }
}
